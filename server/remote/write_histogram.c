/* write_histogram.c - prompb.Histogram to struct histogram.
 *
 *   1 count_int  2 count_float  3 sum  4 schema  5 zero_threshold
 *   6 zero_count_int  7 zero_count_float  8 negative_spans  9 negative_deltas
 *   10 negative_counts  11 positive_spans  12 positive_deltas  13 positive_counts
 *   14 reset_hint  15 timestamp  16 custom_values  17 start_timestamp
 *
 * Integer histograms carry deltas between neighbouring buckets, float ones counts.
 */
#include "base/limits.h"
#include "server/remote/write_priv.h"

struct spans {
    struct histogram_span *v;
    size_t n, cap;
};
struct counts {
    double *v;
    size_t n, cap;
    int64_t running; /* sum of deltas so far */
};
struct reading {
    struct arena *a;
    struct spans pos_spans, neg_spans;
    struct counts pos, neg, custom;
    bool floats;
};
struct into {
    struct arena *a;
    struct counts *c;
};

static void
take_count(void *arg, double v)
{
    struct into *t = arg;
    arena_grow(t->a, &t->c->v, &t->c->cap, t->c->n + 1, sizeof(double));
    t->c->v[t->c->n++] = v;
}

static void
take_delta(void *arg, int64_t d)
{
    struct into *t = arg;
    t->c->running = (int64_t)((uint64_t)t->c->running + (uint64_t)d);
    take_count(arg, (double)t->c->running);
}

static void
read_span(struct pb *outer, struct arena *a, struct spans *s)
{
    struct pb p = pb_of(pb_bytes(outer));
    struct histogram_span x = {0};

    while (pb_next(&p)) {
        if (p.field == 1)
            x.offset = (int32_t)pb_s64(&p);
        else if (p.field == 2)
            x.length = (uint32_t)pb_u64(&p);
    }
    outer->d.bad |= p.d.bad;
    arena_grow(a, &s->v, &s->cap, s->n + 1, sizeof *s->v);
    s->v[s->n++] = x;
}

static void
read_buckets(struct pb *p, struct reading *r)
{
    switch (p->field) {
    case 8: read_span(p, r->a, &r->neg_spans); break;
    case 9: pb_each_s64(p, take_delta, &(struct into){r->a, &r->neg}); break;
    case 10: pb_each_f64(p, take_count, &(struct into){r->a, &r->neg}); break;
    case 11: read_span(p, r->a, &r->pos_spans); break;
    case 12: pb_each_s64(p, take_delta, &(struct into){r->a, &r->pos}); break;
    case 13: pb_each_f64(p, take_count, &(struct into){r->a, &r->pos}); break;
    case 16: pb_each_f64(p, take_count, &(struct into){r->a, &r->custom}); break;
    default: break;
    }
}

/* A schema that no int8_t holds must not wrap into one that exists. */
static int8_t
narrow_schema(int64_t schema)
{
    return schema < INT8_MIN || schema > INT8_MAX ? INT8_MAX : (int8_t)schema;
}

static void
read_scalars(struct pb *p, struct reading *r, struct remote_histogram *out)
{
    struct histogram *h = out->h;

    switch (p->field) {
    case 1: h->count = (double)pb_u64(p); break;
    case 2: h->count = pb_f64(p); r->floats = true; break;
    case 3: h->sum = pb_f64(p); break;
    case 4: h->schema = narrow_schema(pb_s64(p)); break;
    case 5: h->zero_threshold = pb_f64(p); break;
    case 6: h->zero_count = (double)pb_u64(p); break;
    case 7: h->zero_count = pb_f64(p); break;
    case 14: h->reset = (uint8_t)(pb_u64(p) & 3); break;
    case 15: out->t = pb_i64(p); break;
    case 17: out->st = pb_i64(p); break;
    default: read_buckets(p, r);
    }
}

bool
remote_read_histogram(str message, struct arena *a, struct remote_histogram *out, struct err *e)
{
    struct pb p = pb_of(message);
    struct reading r = {.a = a};

    *out = (struct remote_histogram){.h = ARENA_NEW(a, struct histogram)};
    while (pb_next(&p))
        read_scalars(&p, &r, out);
    if (p.d.bad)
        return err_set(e, ERR_BAD_DATA, "malformed histogram in remote write request");
    struct histogram *h = out->h;
    h->integer = !r.floats;
    h->pos_spans = r.pos_spans.v;
    h->pos_spans_n = r.pos_spans.n;
    h->neg_spans = r.neg_spans.v;
    h->neg_spans_n = r.neg_spans.n;
    h->pos = r.pos.v;
    h->pos_n = r.pos.n;
    h->neg = r.neg.v;
    h->neg_n = r.neg.n;
    h->custom = r.custom.v;
    h->custom_n = r.custom.n;
    return true;
}
