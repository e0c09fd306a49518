#include "storage/record.h"

#include "base/codec.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/panic.h"

enum section {
    SECTION_SERIES = 1,
    SECTION_FLOATS,
    SECTION_FLOATS_LATE,
    SECTION_HISTOGRAMS,
    SECTION_HISTOGRAMS_LATE,
    SECTION_DELETED,
    SECTION_EXEMPLARS,
    SECTION_CLOSED,
};
#define FLAG_ONE_TIME 1
#define FLAG_START_TIMES 2

void
record_init(struct record *r)
{
    *r = (struct record){0};
}

static void
floats_fini(struct record_floats *f)
{
    mem_free(f->ids);
    mem_free(f->t);
    mem_free(f->v);
    mem_free(f->st);
    *f = (struct record_floats){0};
}

static void
floats_clear(struct record_floats *f)
{
    f->n = 0;
    mem_free(f->st);
    f->st = NULL;
}

void
record_fini(struct record *r)
{
    buf_free(&r->series);
    floats_fini(&r->floats);
    floats_fini(&r->late);
    buf_free(&r->histograms);
    buf_free(&r->late_histograms);
    buf_free(&r->deleted);
    buf_free(&r->exemplars);
    buf_free(&r->closed);
}

void
record_clear(struct record *r)
{
    buf_clear(&r->series);
    floats_clear(&r->floats);
    floats_clear(&r->late);
    buf_clear(&r->histograms);
    buf_clear(&r->late_histograms);
    buf_clear(&r->deleted);
    buf_clear(&r->exemplars);
    buf_clear(&r->closed);
}

size_t
record_bytes(const struct record *r)
{
    return r->series.n + (r->floats.n + r->late.n) * 20 + r->histograms.n + r->late_histograms.n +
           r->deleted.n + r->exemplars.n + r->closed.n;
}

bool
record_is_empty(const struct record *r)
{
    return record_bytes(r) == 0;
}

static void
floats_grow(struct record_floats *f)
{
    size_t was = f->cap;
    f->cap = f->cap ? f->cap * 2 : 64;
    f->ids = mem_realloc(f->ids, f->cap * sizeof(*f->ids));
    f->t = mem_realloc(f->t, f->cap * sizeof(*f->t));
    f->v = mem_realloc(f->v, f->cap * sizeof(*f->v));
    if (f->st) {
        f->st = mem_realloc(f->st, f->cap * sizeof(*f->st));
        memset(f->st + was, 0, (f->cap - was) * sizeof(*f->st));
    }
}

void
record_put_float(struct record_floats *f, uint32_t id, int64_t st, int64_t t, double v)
{
    if (f->n == f->cap)
        floats_grow(f);
    if (st && f->st == NULL)
        f->st = MEM_ARRAY(int64_t, f->cap);
    f->ids[f->n] = id;
    f->t[f->n] = t;
    f->v[f->n] = v;
    if (f->st)
        f->st[f->n] = st;
    f->n++;
}

static void
put_labels(struct buf *b, struct labels ls)
{
    enc_uvarint(b, ls.n);
    for (size_t i = 0; i < ls.n; i++) {
        enc_uvarint_str(b, ls.v[i].name);
        enc_uvarint_str(b, ls.v[i].value);
    }
}

void
record_put_series(struct record *r, uint32_t id, struct labels ls)
{
    enc_uvarint(&r->series, id);
    put_labels(&r->series, ls);
}

void
record_put_histogram(struct buf *to, uint32_t id, int64_t st, int64_t t, const struct histogram *h)
{
    enc_uvarint(to, id);
    enc_varint(to, t);
    enc_varint(to, st);
    record_put_histogram_body(to, h);
}

void
record_put_deleted(struct record *r, uint32_t id, int64_t mint, int64_t maxt)
{
    enc_uvarint(&r->deleted, id);
    enc_varint(&r->deleted, mint);
    enc_varint(&r->deleted, maxt);
}

void
record_put_exemplar(struct record *r, uint32_t id, struct labels ls, int64_t t, double v)
{
    enc_uvarint(&r->exemplars, id);
    enc_varint(&r->exemplars, t);
    enc_f64_le(&r->exemplars, v);
    put_labels(&r->exemplars, ls);
}

void
record_put_closed(struct record *r, int64_t min_valid)
{
    enc_varint(&r->closed, min_valid);
}

/* Columns are turned into planes in blocks that stay in the first-level cache. */
#define PLANE_BLOCK 256

static void
put_planes(uint8_t *out, const uint64_t *words, size_t from, size_t count, size_t n, unsigned width)
{
    for (unsigned k = 0; k < width; k++)
        for (size_t i = 0; i < count; i++)
            out[k * n + from + i] = (uint8_t)(words[i] >> (k * 8));
}

enum column_kind { COLUMN_IDS, COLUMN_TIMES, COLUMN_VALUES, COLUMN_STARTS };

static uint64_t
column_word(const struct record_floats *f, enum column_kind kind, size_t i)
{
    switch (kind) {
    case COLUMN_IDS:
        return i ? f->ids[i] - f->ids[i - 1] : f->ids[0];
    case COLUMN_TIMES:
        return (uint64_t)f->t[i] - (i ? (uint64_t)f->t[i - 1] : 0);
    case COLUMN_VALUES:
        return f64_bits(f->v[i]);
    case COLUMN_STARTS:
        return (uint64_t)f->st[i] - (i ? (uint64_t)f->st[i - 1] : 0);
    }
    UNREACHABLE();
}

static void
put_column(struct buf *out, const struct record_floats *f, enum column_kind kind)
{
    unsigned width = kind == COLUMN_IDS ? 4 : 8;
    uint8_t *to = (uint8_t *)buf_extend(out, f->n * width);
    uint64_t words[PLANE_BLOCK];
    for (size_t from = 0; from < f->n; from += PLANE_BLOCK) {
        size_t count = MIN(f->n - from, (size_t)PLANE_BLOCK);
        for (size_t i = 0; i < count; i++)
            words[i] = column_word(f, kind, from + i);
        put_planes(to, words, from, count, f->n, width);
    }
}

static bool
floats_one_time(const struct record_floats *f)
{
    for (size_t i = 1; i < f->n; i++)
        if (f->t[i] != f->t[0])
            return false;
    return true;
}

static void
put_section(struct buf *out, enum section kind, str body)
{
    if (body.n == 0)
        return;
    enc_u8(out, (uint8_t)kind);
    enc_uvarint_str(out, body);
}

static void
put_floats(struct buf *out, enum section kind, const struct record_floats *f)
{
    if (f->n == 0)
        return;
    bool one = floats_one_time(f);
    struct buf head = {0};
    enc_uvarint(&head, f->n);
    enc_u8(&head, (uint8_t)((one ? FLAG_ONE_TIME : 0) | (f->st ? FLAG_START_TIMES : 0)));
    if (one)
        enc_varint(&head, f->t[0]);
    enc_u8(out, (uint8_t)kind);
    enc_uvarint(out, head.n + f->n * (12 + (one ? 0 : 8) + (f->st ? 8 : 0)));
    buf_put(out, buf_str(&head));
    buf_free(&head);
    put_column(out, f, COLUMN_IDS);
    if (!one)
        put_column(out, f, COLUMN_TIMES);
    put_column(out, f, COLUMN_VALUES);
    if (f->st)
        put_column(out, f, COLUMN_STARTS);
}

void
record_encode(const struct record *r, struct buf *out)
{
    put_section(out, SECTION_SERIES, buf_str(&r->series));
    put_floats(out, SECTION_FLOATS, &r->floats);
    put_section(out, SECTION_HISTOGRAMS, buf_str(&r->histograms));
    put_floats(out, SECTION_FLOATS_LATE, &r->late);
    put_section(out, SECTION_HISTOGRAMS_LATE, buf_str(&r->late_histograms));
    put_section(out, SECTION_DELETED, buf_str(&r->deleted));
    put_section(out, SECTION_EXEMPLARS, buf_str(&r->exemplars));
    put_section(out, SECTION_CLOSED, buf_str(&r->closed));
}

static struct labels
get_labels(struct dec *d, struct arena *a)
{
    uint64_t n = dec_uvarint(d);
    if (n > LIMIT_LABELS_PER_SERIES || n > dec_left(d)) {
        d->bad = true;
        return LABELS_EMPTY;
    }
    struct label *v = ARENA_ARRAY(a, struct label, n);
    for (size_t i = 0; i < n; i++) {
        v[i].name = dec_uvarint_str(d);
        v[i].value = dec_uvarint_str(d);
        if (v[i].name.n == 0 || v[i].value.n == 0 ||
            (i && str_cmp(v[i - 1].name, v[i].name) >= 0))
            d->bad = true;
    }
    return (struct labels){.v = v, .n = (size_t)n};
}

static uint32_t
get_id(struct dec *d)
{
    uint64_t id = dec_uvarint(d);
    if (id == 0 || id >= UINT32_MAX)
        d->bad = true;
    return (uint32_t)id;
}

static void
get_series(struct dec *d, const struct record_sink *sink, void *arg, struct arena *a)
{
    while (dec_left(d) && !d->bad) {
        uint32_t id = get_id(d);
        struct labels ls = get_labels(d, a);
        if (!d->bad)
            sink->series(arg, id, ls);
    }
}

/* Adds plane k of width bytes into words. */
static void
get_planes(const uint8_t *in, uint64_t *words, size_t n, unsigned width)
{
    memset(words, 0, n * sizeof(*words));
    for (size_t from = 0; from < n; from += PLANE_BLOCK) {
        size_t end = MIN(n, from + PLANE_BLOCK);
        for (unsigned k = 0; k < width; k++)
            for (size_t i = from; i < end; i++)
                words[i] |= (uint64_t)in[k * n + i] << (k * 8);
    }
}

static uint64_t *
get_column(struct dec *d, size_t n, unsigned width, bool sums, struct arena *a)
{
    str in = dec_bytes(d, n * width);
    uint64_t *words = ARENA_ARRAY(a, uint64_t, n);
    if (d->bad)
        return words;
    get_planes((const uint8_t *)in.p, words, n, width);
    for (size_t i = 1; sums && i < n; i++)
        words[i] += words[i - 1];
    return words;
}

static void
get_floats(struct dec *d, bool late, const struct record_sink *sink, void *arg, struct arena *a)
{
    uint64_t n = dec_uvarint(d);
    uint8_t flags = dec_u8(d);
    if (n == 0 || n > dec_left(d)) {
        d->bad = true;
        return;
    }
    struct record_floats f = {.n = (size_t)n, .cap = (size_t)n};
    int64_t t = flags & FLAG_ONE_TIME ? dec_varint(d) : 0;
    uint64_t *ids = get_column(d, f.n, 4, true, a);
    if (d->bad)
        return;
    f.ids = ARENA_ARRAY(a, uint32_t, f.n);
    for (size_t i = 0; i < f.n; i++) {
        f.ids[i] = (uint32_t)ids[i]; /* differences wrap in 32 bits */
        d->bad |= f.ids[i] == 0;
    }
    if (flags & FLAG_ONE_TIME) {
        f.t = ARENA_ARRAY(a, int64_t, f.n);
        for (size_t i = 0; i < f.n; i++)
            f.t[i] = t;
    } else {
        f.t = (int64_t *)get_column(d, f.n, 8, true, a);
    }
    f.v = (double *)get_column(d, f.n, 8, false, a);
    if (flags & FLAG_START_TIMES)
        f.st = (int64_t *)get_column(d, f.n, 8, true, a);
    if (!d->bad)
        sink->floats(arg, late, &f);
}

static void
get_histograms(struct dec *d, bool late, const struct record_sink *sink, void *arg, struct arena *a)
{
    while (dec_left(d) && !d->bad) {
        uint32_t id = get_id(d);
        int64_t t = dec_varint(d), st = dec_varint(d);
        struct histogram *h = record_get_histogram_body(d, a);
        if (!d->bad)
            sink->histogram(arg, late, id, st, t, h);
    }
}

static void
get_deleted(struct dec *d, const struct record_sink *sink, void *arg)
{
    while (dec_left(d) && !d->bad) {
        uint32_t id = get_id(d);
        int64_t mint = dec_varint(d), maxt = dec_varint(d);
        if (!d->bad)
            sink->deleted(arg, id, mint, maxt);
    }
}

static void
get_exemplars(struct dec *d, const struct record_sink *sink, void *arg, struct arena *a)
{
    while (dec_left(d) && !d->bad) {
        uint32_t id = get_id(d);
        int64_t t = dec_varint(d);
        double v = dec_f64_le(d);
        struct labels ls = get_labels(d, a);
        if (!d->bad)
            sink->exemplar(arg, id, ls, t, v);
    }
}

bool
record_decode(str plain, const struct record_sink *sink, void *arg, struct arena *a, struct err *e)
{
    struct dec d = dec_of(plain);
    while (dec_left(&d) && !d.bad) {
        uint8_t kind = dec_u8(&d);
        struct dec body = dec_of(dec_uvarint_str(&d));
        if (d.bad)
            break;
        switch (kind) {
        case SECTION_SERIES:
            get_series(&body, sink, arg, a);
            break;
        case SECTION_FLOATS:
        case SECTION_FLOATS_LATE:
            get_floats(&body, kind == SECTION_FLOATS_LATE, sink, arg, a);
            break;
        case SECTION_HISTOGRAMS:
        case SECTION_HISTOGRAMS_LATE:
            get_histograms(&body, kind == SECTION_HISTOGRAMS_LATE, sink, arg, a);
            break;
        case SECTION_DELETED:
            get_deleted(&body, sink, arg);
            break;
        case SECTION_EXEMPLARS:
            get_exemplars(&body, sink, arg, a);
            break;
        case SECTION_CLOSED:
            sink->closed(arg, dec_varint(&body));
            break;
        default:
            continue;
        }
        d.bad |= !dec_done(&body);
    }
    return !d.bad || err_set(e, ERR_CORRUPT, "a WAL record makes no sense");
}
