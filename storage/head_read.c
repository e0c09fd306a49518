#include "storage/head_read.h"

#include "base/io.h"
#include "base/metric.h"
#include "base/panic.h"
#include "storage/merge.h"

static void
snapshot_open(const struct series *s, struct arena *a, struct head_series *out)
{
    const struct chunk_xor *x = s->encoding == CHUNK_XOR2 ? &s->extra->xor2->x : &s->x;
    str data;
    switch (s->encoding) {
    case 0:
        return;
    case CHUNK_XOR:
    case CHUNK_XOR2:
        data = STR(NULL, chunk_xor_size(x));
        data.p = arena_alloc(a, data.n);
        if (s->encoding == CHUNK_XOR2)
            chunk_xor2_copy(s->extra->xor2, (uint8_t *)(uintptr_t)data.p);
        else
            chunk_xor_copy(x, (uint8_t *)(uintptr_t)data.p);
        break;
    default:
        data = arena_str(a, chunk_histogram_data(s->extra->hist));
    }
    out->open = data;
    out->encoding = s->encoding;
}

/* A copy of the deleted intervals; the head's own may change at once. */
static struct intervals
snapshot_deleted(const struct head *h, uint32_t id, struct arena *a)
{
    struct intervals iv = tombstones_get(h->tombstones, id);
    if (iv.n)
        iv.v = memcpy(ARENA_ARRAY(a, struct interval, iv.n), iv.v, iv.n * sizeof(*iv.v));
    return iv;
}

/* The newest sample, where the series record has it and nothing could hide or follow it.
 * XOR2 keeps stale markers apart from its last value, so its chunks are read. */
static bool
snapshot_newest(const struct series *s, const struct head_want *want, struct head_series *out)
{
    if (!want->newest || s->encoding != CHUNK_XOR || s->x.t > want->maxt || s->flags & SERIES_TOMBSTONED ||
        (s->extra && s->extra->ooo))
        return false;
    out->newest_only = true;
    out->newest = f64_from_bits(s->x.value);
    return true;
}

bool
head_snapshot(struct head *h, uint32_t id, const struct head_want *want, struct arena *a,
              struct head_series *out)
{
    int64_t mint = want->mint, maxt = want->maxt;
    uint32_t slot = series_slot(&h->series, id);
    const struct series *s = series_hot(&h->series, slot);
    const struct series_cold *c = series_cold(&h->series, slot);
    const struct ooo *late = s->extra ? s->extra->ooo : NULL;
    bool ordered = s->flags & SERIES_HAS_SAMPLE && (s->encoding || c->sealed) &&
                   s->x.t >= mint && c->mint <= maxt && s->x.t >= h->min_valid;
    if (late && (late->maxt < mint || late->mint > maxt))
        late = NULL;
    if (!ordered && !late)
        return false;
    *out = (struct head_series){.id = id, .labels_n = s->labels_n, .pairs = c->pairs,
                                .floor = h->min_valid, .late_floor = h->late_floor,
                                .mint = MAX(c->mint, h->min_valid), .maxt = s->x.t,
                                .open_mint = c->open_mint};
    if (ordered && snapshot_newest(s, want, out))
        return true;
    if (ordered) {
        out->sealed = mint < c->open_mint || s->encoding == 0 ? c->sealed : 0;
        if (c->open_mint <= maxt)
            snapshot_open(s, a, out);
    }
    if (late) {
        out->late_sealed = late->sealed;
        if (late->n) {
            out->late = ARENA_NEW(a, struct column);
            ooo_read(late, mint, maxt, a, out->late);
        }
    }
    if (s->flags & SERIES_TOMBSTONED)
        out->deleted = snapshot_deleted(h, id, a);
    return true;
}

bool
head_snapshot_late(struct head *h, uint32_t id, int64_t mint, int64_t maxt, uint64_t end,
                   struct arena *a, struct head_series *out)
{
    uint32_t slot = series_slot(&h->series, id);
    const struct series *s = series_hot(&h->series, slot);
    const struct ooo *late = s->extra ? s->extra->ooo : NULL;
    if (late == NULL || late->sealed == 0 || late->maxt < mint || late->mint > maxt)
        return false;
    *out = (struct head_series){.id = id, .labels_n = s->labels_n,
                                .pairs = series_cold(&h->series, slot)->pairs,
                                .late_sealed = late->sealed, .late_floor = h->late_floor,
                                .late_end = end, .mint = INT64_MAX, .maxt = INT64_MIN,
                                .open_mint = INT64_MAX};
    if (s->flags & SERIES_TOMBSTONED)
        out->deleted = snapshot_deleted(h, id, a);
    return true;
}

struct chunk_ref {
    struct head_chunk c;
    struct chunk_ref *next; /* later in time */
};

struct chunk_query {
    uint64_t ref, floor, end; /* from ref back to floor; those from `end` on are left out */
    bool ordered;             /* the list does not overlap itself */
    bool lenient;
    int64_t mint, maxt;
};

/* The sealed chunks of a list overlapping [mint, maxt], the oldest first. */
static bool
chunks_of(const struct head_map *map, const struct chunk_query *q, struct arena *a,
          struct chunk_ref **out, struct err *e)
{
    *out = NULL;
    for (uint64_t ref = q->ref; ref && ref >= q->floor;) {
        struct head_chunk c;
        enum head_map_result got = head_map_get(map, ref, &c);
        if (got == HEAD_MAP_GONE)
            break;
        if (got == HEAD_MAP_CORRUPT && q->lenient) {
            METRIC_INC(TSDB_MMAP_CHUNK_CORRUPTIONS_TOTAL);
            break;
        }
        if (got == HEAD_MAP_CORRUPT)
            return err_set(e, ERR_CORRUPT, "head chunk %llx fails its checksum",
                           (unsigned long long)ref);
        if (q->ordered && c.maxt < q->mint)
            break;
        if (c.mint <= q->maxt && c.maxt >= q->mint && ref < q->end) {
            struct chunk_ref *r = ARENA_NEW(a, struct chunk_ref);
            *r = (struct chunk_ref){.c = c, .next = *out};
            *out = r;
        }
        ref = c.prev;
    }
    return true;
}

static bool
read_ordered(const struct head_series *s, const struct head_map *map, int64_t mint, int64_t maxt,
             struct arena *a, struct column *out, struct err *e)
{
    struct chunk_ref *chunks;
    struct chunk_query q = {.ref = s->sealed, .end = UINT64_MAX, .ordered = true, .lenient = s->lenient,
                            .mint = MAX(mint, s->floor), .maxt = maxt};
    mint = q.mint;
    if (!chunks_of(map, &q, a, &chunks, e))
        return false;
    for (; chunks; chunks = chunks->next)
        if (!chunk_decode(chunks->c.encoding, chunks->c.data, mint, maxt, a, out, e))
            return false;
    return s->encoding == 0 || s->open_mint > maxt ||
           chunk_decode((enum chunk_encoding)s->encoding, s->open, mint, maxt, a, out, e);
}

/* Late chunks overlap anything: each is a column of its own, merged in the end. */
static bool
read_merged(const struct head_series *s, const struct head_map *map, int64_t mint, int64_t maxt,
            struct arena *a, struct column *out, struct err *e)
{
    struct chunk_ref *late;
    struct chunk_query q = {.ref = s->late_sealed, .floor = s->late_floor,
                            .end = s->late_end ? s->late_end : UINT64_MAX,
                            .lenient = s->lenient, .mint = mint, .maxt = maxt};
    if (!chunks_of(map, &q, a, &late, e))
        return false;
    size_t n = 2;
    for (struct chunk_ref *r = late; r; r = r->next)
        n++;
    const struct column **in = ARENA_ARRAY(a, const struct column *, n);
    struct column *ordered = ARENA_NEW(a, struct column);
    if (!read_ordered(s, map, mint, maxt, a, ordered, e))
        return false;
    n = 0;
    in[n++] = ordered;
    for (struct chunk_ref *r = late; r; r = r->next) {
        struct column *c = ARENA_NEW(a, struct column);
        if (!chunk_decode(r->c.encoding, r->c.data, mint, maxt, a, c, e))
            return false;
        in[n++] = c;
    }
    if (s->late) {
        struct column *c = ARENA_NEW(a, struct column);
        for (size_t i = 0; i < s->late->n; i++)
            if (s->late->t[i] >= mint && s->late->t[i] <= maxt)
                column_append(a, c, s->late, i, i + 1);
        in[n++] = c;
    }
    column_merge(a, in, n, out);
    return true;
}

struct read_call {
    const struct head_series *s;
    const struct head_map *map;
    int64_t mint, maxt;
    struct arena *a;
    struct column *out;
    struct err *e;
    bool ok;
};

static void
read_guarded(void *arg)
{
    struct read_call *r = arg;
    bool merge = r->s->late || r->s->late_sealed;
    r->ok = (merge ? read_merged : read_ordered)(r->s, r->map, r->mint, r->maxt, r->a, r->out, r->e);
}

static void
read_newest(const struct head_series *s, struct arena *a, struct column *out)
{
    struct column one = {.n = 1, .t = (int64_t[]){s->maxt}, .v = (double[]){s->newest}};
    column_append(a, out, &one, 0, 1);
}

bool
head_series_read(const struct head_series *s, const struct head_map *map, int64_t mint,
                 int64_t maxt, struct arena *a, struct column *out, struct err *e)
{
    struct read_call r = {.s = s, .map = map, .mint = mint, .maxt = maxt, .a = a, .out = out, .e = e};
    size_t from = out->n;
    if (s->newest_only) {
        if (s->maxt >= mint && s->maxt <= maxt)
            read_newest(s, a, out);
        return true;
    }
    if (s->sealed == 0 && s->late_sealed == 0)
        read_guarded(&r);
    else if (!io_map_guard_run(read_guarded, &r))
        return err_set(e, ERR_IO, "reading a head chunk file failed");
    if (r.ok && s->deleted.n)
        intervals_apply(s->deleted, out, from);
    return r.ok;
}

struct chunks_call {
    const struct head_series *s;
    const struct head_map *map;
    int64_t mint, maxt;
    struct arena *a;
    struct head_chunks *out;
    struct err *e;
    bool ok;
};

static void
chunks_guarded(void *arg)
{
    struct chunks_call *c = arg;
    const struct head_series *s = c->s;
    struct chunk_ref *list;
    struct chunk_query q = {.ref = s->sealed, .end = UINT64_MAX, .ordered = true, .lenient = s->lenient,
                            .mint = MAX(c->mint, s->floor), .maxt = c->maxt};
    c->ok = chunks_of(c->map, &q, c->a, &list, c->e);
    if (!c->ok)
        return;
    size_t n = 1;
    for (struct chunk_ref *r = list; r; r = r->next)
        n++;
    *c->out = (struct head_chunks){.v = ARENA_ARRAY(c->a, struct head_chunk, n)};
    for (struct chunk_ref *r = list; r; r = r->next)
        c->out->v[c->out->n++] = r->c;
    c->out->sealed_n = c->out->n;
    if (s->encoding && s->open_mint <= c->maxt)
        c->out->v[c->out->n++] = (struct head_chunk){
            .encoding = (enum chunk_encoding)s->encoding, .series = s->id, .mint = s->open_mint,
            .maxt = s->maxt, .data = s->open};
}

bool
head_series_chunks(const struct head_series *s, const struct head_map *map, int64_t mint,
                   int64_t maxt, struct arena *a, struct head_chunks *out, struct err *e)
{
    struct chunks_call c = {.s = s, .map = map, .mint = mint, .maxt = maxt, .a = a, .out = out, .e = e};
    *out = (struct head_chunks){0};
    if (!io_map_guard_run(chunks_guarded, &c))
        return err_set(e, ERR_IO, "reading a head chunk file failed");
    return c.ok;
}

struct estimate_call {
    const struct head_series *s;
    const struct head_map *map;
    int64_t mint, maxt;
    uint64_t n;
};

static void
estimate_guarded(void *arg)
{
    struct estimate_call *q = arg;
    struct head_chunk c;
    for (uint64_t ref = q->s->sealed; ref && head_map_get(q->map, ref, &c) == HEAD_MAP_OK;
         ref = c.prev) {
        if (c.maxt < q->mint)
            break;
        if (c.mint <= q->maxt)
            q->n += chunk_samples(c.encoding, c.data);
    }
    for (uint64_t ref = q->s->late_sealed;
         ref && ref >= q->s->late_floor && head_map_get(q->map, ref, &c) == HEAD_MAP_OK; ref = c.prev)
        if (c.maxt >= q->mint && c.mint <= q->maxt)
            q->n += chunk_samples(c.encoding, c.data);
}

uint64_t
head_series_estimate(const struct head_series *s, const struct head_map *map, int64_t mint,
                     int64_t maxt)
{
    struct estimate_call q = {.s = s, .map = map, .mint = mint, .maxt = maxt};
    q.n = s->late ? s->late->n : 0;
    if (s->encoding && s->open_mint <= maxt && s->maxt >= mint)
        q.n += chunk_samples((enum chunk_encoding)s->encoding, s->open);
    if (s->sealed || s->late_sealed)
        (void)io_map_guard_run(estimate_guarded, &q); /* reading will say what is wrong */
    return q.n;
}
