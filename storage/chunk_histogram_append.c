/* chunk_histogram_append.c - open histogram chunks: does a sample belong, and in it goes.
 *
 * A chunk has one set of buckets.  A sample with other buckets still fits if, for
 * counters, no used bucket vanished and nothing shrank: buckets only the chunk has are
 * added to the sample as zeros, buckets only the sample has are added to the chunk,
 * which is then decoded and written again.  Gauges fit in all cases of buckets.
 */
#include "storage/chunk.h"

#include "base/mem.h"
#include "base/panic.h"
#include "storage/chunk_priv.h"

struct chunk_histogram {
    unsigned magic;
#define CHUNK_HISTOGRAM_MAGIC 0x4c61d0f3
    enum chunk_encoding encoding;
    struct hist_state s;
    void *arrays; /* owned: the state's spans, bounds and values */
    struct hist_bytes b;
};

struct chunk_histogram *
chunk_histogram_new(enum chunk_encoding encoding)
{
    CHECK(chunk_is_histogram(encoding));
    struct chunk_histogram *c = MEM_NEW(struct chunk_histogram);
    c->magic = CHUNK_HISTOGRAM_MAGIC;
    c->encoding = encoding;
    c->s.integer = encoding == CHUNK_HISTOGRAM || encoding == CHUNK_HISTOGRAM_ST;
    c->s.starts = chunk_has_starts(encoding);
    return c;
}

void
chunk_histogram_free(struct chunk_histogram **cp)
{
    struct chunk_histogram *c = *cp;
    if (c == NULL)
        return;
    CHECK_MAGIC(c, CHUNK_HISTOGRAM_MAGIC);
    c->magic = 0;
    mem_free(c->arrays);
    mem_free(c->b.p);
    mem_free(c);
    *cp = NULL;
}

unsigned
chunk_histogram_samples(const struct chunk_histogram *c)
{
    CHECK_MAGIC(c, CHUNK_HISTOGRAM_MAGIC);
    return c->s.samples;
}

enum chunk_encoding
chunk_histogram_encoding(const struct chunk_histogram *c)
{
    CHECK_MAGIC(c, CHUNK_HISTOGRAM_MAGIC);
    return c->encoding;
}

str
chunk_histogram_data(const struct chunk_histogram *c)
{
    CHECK_MAGIC(c, CHUNK_HISTOGRAM_MAGIC);
    return STR(c->b.p, (c->b.bits + 7) / 8);
}

/* Takes a copy of the layout's arrays, and room for its values, in one piece. */
static void
own_layout(struct chunk_histogram *c, const struct histogram *l)
{
    size_t values = l->pos_n + l->neg_n;
    size_t spans = l->pos_spans_n + l->neg_spans_n;
    size_t bytes = values * sizeof(struct hist_value) + l->custom_n * sizeof(double) +
                   spans * sizeof(struct histogram_span);
    void *old = c->arrays;
    char *p = c->arrays = mem_zalloc(MAX(bytes, 1));
    c->s.l = *l;
    c->s.l.pos = c->s.l.neg = NULL;
    c->s.pos = (struct hist_value *)p;
    c->s.neg = c->s.pos + l->pos_n;
    c->s.l.custom = (double *)(c->s.neg + l->neg_n);
    c->s.l.pos_spans = (struct histogram_span *)(c->s.l.custom + l->custom_n);
    c->s.l.neg_spans = c->s.l.pos_spans + l->pos_spans_n;
    if (l->custom_n)
        memcpy(c->s.l.custom, l->custom, l->custom_n * sizeof(double));
    if (l->pos_spans_n)
        memcpy(c->s.l.pos_spans, l->pos_spans, l->pos_spans_n * sizeof(struct histogram_span));
    if (l->neg_spans_n)
        memcpy(c->s.l.neg_spans, l->neg_spans, l->neg_spans_n * sizeof(struct histogram_span));
    mem_free(old);
}

/* Walks the buckets of one side: index and absolute count, of a sample or of the state. */
struct walk {
    const struct histogram_span *span, *span_end;
    uint32_t in_span;
    int64_t index; /* of the current bucket, if ok */
    bool ok;
    const double *v;             /* a sample's counts, or else */
    const struct hist_value *hv; /* the state's */
    bool integer;
    size_t at;
    uint64_t sum;
    double count;
};

static void
walk_settle(struct walk *w)
{
    while (w->span < w->span_end && w->in_span >= w->span->length) {
        w->in_span = 0;
        if (++w->span < w->span_end)
            w->index += w->span->offset;
    }
    w->ok = w->span < w->span_end;
    if (!w->ok)
        return;
    if (w->v != NULL) {
        w->count = w->v[w->at];
    } else if (w->integer) {
        w->sum += w->hv[w->at].v;
        w->count = (double)(int64_t)w->sum;
    } else if (w->hv != NULL) {
        w->count = f64_from_bits(w->hv[w->at].v);
    }
}

static struct walk
walk_of(const struct histogram_span *s, size_t n, const double *v)
{
    struct walk w = {.span = s, .span_end = s + n, .v = v, .index = n ? s[0].offset : 0};
    walk_settle(&w);
    return w;
}

static struct walk
walk_state(const struct hist_state *s, bool positive)
{
    const struct histogram_span *spans = positive ? s->l.pos_spans : s->l.neg_spans;
    size_t n = positive ? s->l.pos_spans_n : s->l.neg_spans_n;
    struct walk w = {.span = spans,
                     .span_end = spans + n,
                     .index = n ? spans[0].offset : 0,
                     .hv = positive ? s->pos : s->neg,
                     .integer = s->integer};
    walk_settle(&w);
    return w;
}

static void
walk_next(struct walk *w)
{
    w->in_span++;
    w->index++;
    w->at++;
    walk_settle(w);
}

/* How a sample's buckets relate to the chunk's. */
struct relation {
    bool shrank;                  /* a counter reset */
    bool chunk_more, sample_more; /* somebody has buckets the other has not */
};

static void
relate(struct walk a, struct walk b, bool gauge, struct relation *r)
{
    while (a.ok || b.ok) {
        if (a.ok && b.ok && a.index == b.index) {
            r->shrank |= !gauge && a.count > b.count;
            walk_next(&a);
            walk_next(&b);
        } else if (a.ok && (!b.ok || a.index < b.index)) {
            r->shrank |= !gauge && a.count != 0;
            r->chunk_more = true;
            walk_next(&a);
        } else {
            r->sample_more = true;
            walk_next(&b);
        }
        if (r->shrank)
            return;
    }
}

struct verdict {
    bool fits;
    uint8_t reset; /* flags for a new chunk that starts with the sample */
    struct relation pos, neg;
};

static bool
same_bounds(const struct histogram *a, const struct histogram *b)
{
    bool same = a->custom_n == b->custom_n;
    for (size_t i = 0; same && i < a->custom_n; i++)
        same = a->custom[i] == b->custom[i];
    return same;
}

static double
state_number(const struct hist_state *s, const struct hist_value *x)
{
    return s->integer ? (double)x->v : f64_from_bits(x->v);
}

static struct verdict
judge_buckets(const struct hist_state *s, const struct histogram *h, bool gauge)
{
    struct verdict v = {.fits = true, .reset = HIST_NOT_RESET};
    relate(walk_state(s, true), walk_of(h->pos_spans, h->pos_spans_n, h->pos), gauge, &v.pos);
    relate(walk_state(s, false), walk_of(h->neg_spans, h->neg_spans_n, h->neg), gauge, &v.neg);
    if (v.pos.shrank || v.neg.shrank)
        return (struct verdict){.reset = HIST_RESET};
    return v;
}

static struct verdict
judge_counter(const struct hist_state *s, const struct histogram *h)
{
    if (s->reset == HIST_GAUGE)
        return (struct verdict){.reset = s->integer ? HIST_NOT_RESET : HIST_UNKNOWN};
    if (h->reset == RESET_YES)
        return (struct verdict){.reset = HIST_RESET};
    if (value_is_stale(h->sum))
        return (struct verdict){.fits = true, .reset = HIST_NOT_RESET};
    if (s->sum.v == STALE_NAN_BITS)
        return (struct verdict){.reset = HIST_UNKNOWN};
    if (h->count < state_number(s, &s->count))
        return (struct verdict){.reset = HIST_RESET};
    if (h->schema != s->l.schema || h->zero_threshold != s->l.zero_threshold)
        return (struct verdict){.reset = HIST_UNKNOWN};
    if (h->schema == HISTOGRAM_CUSTOM && !same_bounds(h, &s->l))
        return (struct verdict){.reset = HIST_RESET};
    if (h->zero_count < state_number(s, &s->zero))
        return (struct verdict){.reset = HIST_RESET};
    return judge_buckets(s, h, false);
}

static struct verdict
judge_gauge(const struct hist_state *s, const struct histogram *h)
{
    struct verdict no = {.reset = HIST_GAUGE};
    if (s->reset != HIST_GAUGE)
        return no;
    if (value_is_stale(h->sum))
        return (struct verdict){.fits = true};
    if (s->sum.v == STALE_NAN_BITS || h->schema != s->l.schema ||
        h->zero_threshold != s->l.zero_threshold ||
        (h->schema == HISTOGRAM_CUSTOM && !same_bounds(h, &s->l)))
        return no;
    return judge_buckets(s, h, true);
}

static void
add_index(struct histogram_span *out, size_t *n, int64_t *end, int64_t index)
{
    if (*n > 0 && index == *end) {
        out[*n - 1].length++;
    } else {
        out[(*n)++] = (struct histogram_span){.offset = (int32_t)(index - *end), .length = 1};
    }
    *end = index + 1;
}

/* The union of two sides' buckets in the fewest spans. */
static struct histogram_span *
unite(struct walk a, struct walk b, size_t buckets_max, struct arena *arena, size_t *n)
{
    struct histogram_span *out = ARENA_ARRAY(arena, struct histogram_span, buckets_max);
    int64_t end = 0;
    *n = 0;
    while (a.ok || b.ok) {
        bool from_a = a.ok && (!b.ok || a.index <= b.index);
        bool from_b = b.ok && (!a.ok || b.index <= a.index);
        add_index(out, n, &end, from_a ? a.index : b.index);
        if (from_a)
            walk_next(&a);
        if (from_b)
            walk_next(&b);
    }
    return out;
}

static size_t
count_buckets(const struct histogram_span *s, size_t n)
{
    size_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += s[i].length;
    return total;
}

/* v of buckets `from` as an array of the wider buckets `to`, zeros between. */
static double *
spread(struct walk from, struct walk to, size_t n, struct arena *a)
{
    double *out = ARENA_ARRAY(a, double, n);
    for (; to.ok; walk_next(&to)) {
        bool hit = from.ok && from.index == to.index;
        out[to.at] = hit ? from.count : 0;
        if (hit)
            walk_next(&from);
    }
    CHECK(!from.ok);
    return out;
}

static void
write_spread(struct chunk_histogram *c, struct hist_sample x, struct arena *a)
{
    const struct histogram *l = &c->s.l, *h = x.h;
    double *pos = spread(walk_of(h->pos_spans, h->pos_spans_n, h->pos),
                         walk_of(l->pos_spans, l->pos_spans_n, NULL), l->pos_n, a);
    double *neg = spread(walk_of(h->neg_spans, h->neg_spans_n, h->neg),
                         walk_of(l->neg_spans, l->neg_spans_n, NULL), l->neg_n, a);
    hist_write(&c->b, &c->s, x, pos, neg);
}

/* Decodes all samples and writes them again with the buckets of `to`. */
static void
recode(struct chunk_histogram *c, const struct histogram *to, struct arena *a)
{
    struct column col = {.n = 0};
    struct err e;
    bool good =
        chunk_decode(c->encoding, chunk_histogram_data(c), INT64_MIN, INT64_MAX, a, &col, &e);
    CHECK(good && col.n == c->s.samples);
    own_layout(c, to);
    c->s.samples = 0;
    for (size_t i = 0; i < col.n; i++)
        write_spread(c, (struct hist_sample){col.st ? col.st[i] : 0, col.t[i], col.h[i]}, a);
}

/* The layout that holds both chunk and sample.  Where the sample covers all, its spans
 * are taken as they are; else spans are united. */
static struct histogram
wider_layout(const struct hist_state *s, const struct histogram *h, const struct verdict *v,
             struct arena *a)
{
    struct histogram l = s->l;
    bool gauge = s->reset == HIST_GAUGE;
    bool mixed = v->pos.chunk_more || v->neg.chunk_more;
    l.pos_spans = h->pos_spans;
    l.pos_spans_n = h->pos_spans_n;
    l.neg_spans = h->neg_spans;
    l.neg_spans_n = h->neg_spans_n;
    if (v->pos.chunk_more || (gauge && mixed))
        l.pos_spans = unite(walk_state(s, true), walk_of(h->pos_spans, h->pos_spans_n, h->pos),
                            s->l.pos_n + h->pos_n, a, &l.pos_spans_n);
    if (v->neg.chunk_more || (gauge && mixed))
        l.neg_spans = unite(walk_state(s, false), walk_of(h->neg_spans, h->neg_spans_n, h->neg),
                            s->l.neg_n + h->neg_n, a, &l.neg_spans_n);
    l.pos_n = count_buckets(l.pos_spans, l.pos_spans_n);
    l.neg_n = count_buckets(l.neg_spans, l.neg_spans_n);
    return l;
}

static void
start(struct chunk_histogram *c, const struct chunk_histogram *prev, struct hist_sample x)
{
    const struct histogram *h = x.h;
    struct histogram stale = {.integer = h->integer, .sum = h->sum};
    const struct histogram *first = value_is_stale(h->sum) ? &stale : h;
    if (h->reset == RESET_GAUGE)
        c->s.reset = HIST_GAUGE;
    else if (h->reset == RESET_YES)
        c->s.reset = HIST_RESET;
    else if (prev != NULL && prev->encoding == c->encoding && prev->s.samples > 0)
        c->s.reset = judge_counter(&prev->s, h).reset;
    else
        c->s.reset = HIST_UNKNOWN;
    own_layout(c, first);
    x.h = first;
    hist_write(&c->b, &c->s, x, first->pos, first->neg);
}

bool
chunk_histogram_append_st(struct chunk_histogram *c, const struct chunk_histogram *prev, int64_t st,
                          int64_t t, const struct histogram *h)
{
    struct hist_sample x = {.st = st, .t = t, .h = h};
    CHECK_MAGIC(c, CHUNK_HISTOGRAM_MAGIC);
    CHECK(h->integer == c->s.integer);
    if (c->s.samples == 0) {
        start(c, prev, x);
        return true;
    }
    if (c->s.starts && c->s.samples == HIST_ST_SAMPLES_MAX)
        return false;
    CHECK(c->s.samples < UINT16_MAX);
    struct verdict v = h->reset == RESET_GAUGE ? judge_gauge(&c->s, h) : judge_counter(&c->s, h);
    if (!v.fits)
        return false;
    bool sample_more = v.pos.sample_more || v.neg.sample_more;
    if (value_is_stale(h->sum)) {
        struct histogram stale = {.integer = h->integer, .sum = h->sum};
        x.h = &stale;
        hist_write(&c->b, &c->s, x, NULL, NULL);
    } else if (!sample_more && !v.pos.chunk_more && !v.neg.chunk_more) {
        hist_write(&c->b, &c->s, x, h->pos, h->neg);
    } else {
        struct arena *a = arena_new();
        if (sample_more) {
            struct histogram l = wider_layout(&c->s, h, &v, a);
            recode(c, &l, a);
        }
        write_spread(c, x, a);
        arena_free(&a);
    }
    return true;
}

static void
adopt(struct chunk_histogram *c, const struct hist_state *from, str data, size_t bits)
{
    c->s = *from;
    own_layout(c, &from->l);
    memcpy(c->s.pos, from->pos, from->l.pos_n * sizeof *from->pos);
    memcpy(c->s.neg, from->neg, from->l.neg_n * sizeof *from->neg);
    c->b.cap = data.n + 64;
    c->b.p = memcpy(mem_alloc(c->b.cap), data.p, data.n);
    c->b.bits = bits;
}

struct chunk_histogram *
chunk_histogram_resume(enum chunk_encoding encoding, str data, struct err *e)
{
    unsigned count = chunk_samples(encoding, data);
    struct chunk_histogram *c = chunk_histogram_new(encoding);
    struct arena *a = arena_new();
    struct hist_state s = {0};
    bool good = count > 0 && data.n >= HIST_HEADER_BYTES;
    if (good)
        s = hist_open(encoding, data, &count);
    struct bits in = bits_of(data, HIST_HEADER_BYTES);
    good = good && hist_read_first(&in, &s, a);
    while (good && s.samples < count) {
        int64_t before = s.t;
        good = hist_read_next(&in, &s) && s.t > before;
    }
    good = good && (in.at + 7) / 8 == data.n;
    if (good) {
        adopt(c, &s, data, in.at);
    } else {
        chunk_histogram_free(&c);
        err_set(e, ERR_CORRUPT, "open histogram chunk of %zu bytes does not hold its %u samples",
                data.n, count);
    }
    arena_free(&a);
    return c;
}
