#include "model/histogram.h"

#include <math.h>

#include "base/fmath.h"
#include "model/histogram_priv.h"
#include "model/sample.h"

static void *
array_copy(struct arena *a, const void *p, size_t n, size_t size)
{
    if (n == 0)
        return NULL;
    return memcpy(arena_array(a, n, size), p, n * size);
}

struct histogram *
histogram_copy(struct arena *a, const struct histogram *h)
{
    struct histogram *c = ARENA_NEW(a, struct histogram);

    *c = *h;
    c->pos_spans = array_copy(a, h->pos_spans, h->pos_spans_n, sizeof(h->pos_spans[0]));
    c->neg_spans = array_copy(a, h->neg_spans, h->neg_spans_n, sizeof(h->neg_spans[0]));
    c->pos = array_copy(a, h->pos, h->pos_n, sizeof(double));
    c->neg = array_copy(a, h->neg, h->neg_n, sizeof(double));
    c->custom = histogram_custom_copy(a, h);
    return c;
}

double *
histogram_custom_copy(struct arena *a, const struct histogram *h)
{
    return array_copy(a, h->custom, h->custom_n, sizeof(double));
}

bool
histogram_is_custom(const struct histogram *h)
{
    return h->schema == HISTOGRAM_CUSTOM;
}

bool
histogram_is_stale(const struct histogram *h)
{
    return value_is_stale(h->sum);
}

static bool
has_infinite(const double *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (isinf(v[i]))
            return true;
    return false;
}

bool
histogram_has_infinite(const struct histogram *h)
{
    return isinf(h->zero_count) || isinf(h->count) || isinf(h->sum) ||
           has_infinite(h->pos, h->pos_n) || has_infinite(h->neg, h->neg_n) ||
           has_infinite(h->custom, h->custom_n);
}

bool
histogram_custom_equal(const struct histogram *a, const struct histogram *b)
{
    if (a->custom_n != b->custom_n)
        return false;
    for (size_t i = 0; i < a->custom_n; i++)
        if (a->custom[i] != b->custom[i])
            return false;
    return true;
}

static bool
spans_same(const struct histogram_span *x, size_t xn, const struct histogram_span *y, size_t yn)
{
    return xn == yn && (xn == 0 || memcmp(x, y, xn * sizeof(x[0])) == 0);
}

static bool
above_zero(const struct histogram *h, const struct histogram_span *spans, size_t n)
{
    return n == 0 || histogram_bound(h->schema, spans[0].offset) > h->zero_threshold;
}

bool
histogram_same_layout(const struct histogram *a, const struct histogram *b)
{
    bool same = a->schema == b->schema && a->zero_threshold == b->zero_threshold &&
                a->pos_n == b->pos_n && a->neg_n == b->neg_n &&
                spans_same(a->pos_spans, a->pos_spans_n, b->pos_spans, b->pos_spans_n) &&
                spans_same(a->neg_spans, a->neg_spans_n, b->neg_spans, b->neg_spans_n);
    if (!same || histogram_is_custom(a))
        return same && histogram_custom_equal(a, b);
    return a->zero_threshold == 0 || (above_zero(a, a->pos_spans, a->pos_spans_n) &&
                                      above_zero(a, a->neg_spans, a->neg_spans_n));
}

/* The next span with buckets, empty ones' offsets added to it. */
static bool
next_span(const struct histogram_span **p, const struct histogram_span *end,
          struct histogram_span *out)
{
    *out = (struct histogram_span){0, 0};
    while (*p < end && out->length == 0) {
        out->offset += (*p)->offset;
        out->length = (*p)->length;
        (*p)++;
    }
    return out->length > 0;
}

static bool
spans_equal(const struct histogram_span *x, size_t xn, const struct histogram_span *y, size_t yn)
{
    const struct histogram_span *xe = x + xn, *ye = y + yn;
    struct histogram_span sx, sy;

    for (;;) {
        bool more_x = next_span(&x, xe, &sx), more_y = next_span(&y, ye, &sy);
        if (!more_x || !more_y)
            return more_x == more_y;
        if (sx.offset != sy.offset || sx.length != sy.length)
            return false;
    }
}

static bool
counts_equal(const double *x, size_t xn, const double *y, size_t yn)
{
    return xn == yn && (xn == 0 || memcmp(x, y, xn * sizeof(double)) == 0);
}

bool
histogram_equal(const struct histogram *a, const struct histogram *b)
{
    if (a->schema != b->schema || f64_bits(a->count) != f64_bits(b->count) ||
        f64_bits(a->sum) != f64_bits(b->sum))
        return false;
    if (histogram_is_custom(a) && !histogram_custom_equal(a, b))
        return false;
    if (a->zero_threshold != b->zero_threshold ||
        f64_bits(a->zero_count) != f64_bits(b->zero_count))
        return false;
    return spans_equal(a->neg_spans, a->neg_spans_n, b->neg_spans, b->neg_spans_n) &&
           counts_equal(a->neg, a->neg_n, b->neg, b->neg_n) &&
           spans_equal(a->pos_spans, a->pos_spans_n, b->pos_spans, b->pos_spans_n) &&
           counts_equal(a->pos, a->pos_n, b->pos, b->pos_n);
}

size_t
histogram_weight(const struct histogram *h)
{
    size_t head = 168; /* the fixed part as Prometheus lays it out */
    return head + 8 * (h->pos_spans_n + h->neg_spans_n + h->pos_n + h->neg_n + h->custom_n);
}

static const double fraction[256] = {
#include "model/histogram_bound.def"
};

double
histogram_bound(int schema, int32_t i)
{
    /* The bucket before the one for infinities ends at the largest double, not at the
     * power of two behind it, which is no double. */
    if (schema < 0) {
        int64_t exp = (int64_t)i << MIN(-schema, 30);
        if (exp == 1024)
            return DBL_MAX;
        return ldexp(1, (int)MAX(MIN(exp, 5000), -5000));
    }
    if (schema > HISTOGRAM_SCHEMA_MAX) /* reserved; from a foreign block at most */
        return fmath_exp2(ldexp(i, -schema));
    double frac = fraction[(uint32_t)(i & ((1 << schema) - 1)) << (8 - schema)];
    int exp = (i >> schema) + 1;
    if (frac == 0.5 && exp == 1025)
        return DBL_MAX;
    return ldexp(frac, exp);
}

double
histogram_bound_of(const struct histogram *h, int32_t i)
{
    if (!histogram_is_custom(h))
        return histogram_bound(h->schema, i);
    if (i < 0)
        return -INFINITY;
    return (size_t)i < h->custom_n ? h->custom[i] : INFINITY;
}

void
histogram_iter_init(struct histogram_iter *it, const struct histogram *h, bool positive)
{
    *it = (struct histogram_iter){
        .spans = positive ? h->pos_spans : h->neg_spans,
        .counts = positive ? h->pos : h->neg,
        .spans_n = positive ? h->pos_spans_n : h->neg_spans_n,
        .counts_n = positive ? h->pos_n : h->neg_n,
    };
    if (it->spans_n > 0)
        it->i = it->spans[0].offset - 1;
}

bool
histogram_iter_next(struct histogram_iter *it)
{
    if (it->span >= it->spans_n || it->bucket >= it->counts_n)
        return false;
    it->i++;
    while (it->in_span >= it->spans[it->span].length) {
        it->in_span = 0;
        if (++it->span >= it->spans_n)
            return false;
        it->i += it->spans[it->span].offset;
    }
    it->count = it->counts[it->bucket++];
    it->in_span++;
    return true;
}

void
histogram_iter_init_back(struct histogram_iter *it, const struct histogram *h, bool positive)
{
    histogram_iter_init(it, h, positive);
    it->i = 0;
    for (size_t s = 0; s < it->spans_n; s++)
        it->i += it->spans[s].offset + (int32_t)it->spans[s].length;
    it->span = it->spans_n;
    it->bucket = it->counts_n;
    it->in_span = 0; /* buckets left in the current span */
    if (it->spans_n > 0) {
        it->span--;
        it->in_span = it->spans[it->span].length;
    }
}

bool
histogram_iter_back(struct histogram_iter *it)
{
    if (it->bucket == 0)
        return false;
    it->i--;
    while (it->in_span == 0) {
        if (it->span == 0)
            return false;
        it->i -= it->spans[it->span].offset;
        it->in_span = it->spans[--it->span].length;
    }
    it->count = it->counts[--it->bucket];
    it->in_span--;
    return true;
}

struct histogram_bucket
histogram_bucket_at(const struct histogram *h, const struct histogram_iter *it, bool positive)
{
    struct histogram_bucket b = {.count = it->count};
    double far = histogram_bound_of(h, it->i), near = histogram_bound_of(h, it->i - 1);

    b.lower = positive ? near : -far;
    b.upper = positive ? far : -near;
    if (histogram_is_custom(h)) {
        b.lower_closed = it->i == 0;
        b.upper_closed = true;
    } else {
        b.lower_closed = b.lower < 0;
        b.upper_closed = b.upper > 0;
    }
    return b;
}

struct histogram_bucket
histogram_bucket_zero(const struct histogram *h)
{
    return (struct histogram_bucket){
        .lower = -h->zero_threshold,
        .upper = h->zero_threshold,
        .count = h->zero_count,
        .lower_closed = true,
        .upper_closed = true,
    };
}

void
histogram_walk_init(struct histogram_walk *w, const struct histogram *h, bool reverse)
{
    *w = (struct histogram_walk){.h = h, .reverse = reverse};
    histogram_iter_init_back(&w->first, h, reverse);
    histogram_iter_init(&w->second, h, !reverse);
}

/* A bucket that reaches into the zero bucket ends at the threshold. */
static void
clip_at_zero(struct histogram_bucket *b, double threshold)
{
    if (b->upper < 0 && b->upper > -threshold)
        b->upper = -threshold;
    else if (b->lower > 0 && b->lower < threshold)
        b->lower = threshold;
}

bool
histogram_walk_next(struct histogram_walk *w)
{
    if (w->state == 0) {
        if (histogram_iter_back(&w->first)) {
            w->b = histogram_bucket_at(w->h, &w->first, w->reverse);
            clip_at_zero(&w->b, w->h->zero_threshold);
            return true;
        }
        w->state = 1;
        if (w->h->zero_count > 0) {
            w->b = histogram_bucket_zero(w->h);
            return true;
        }
    }
    if (!histogram_iter_next(&w->second))
        return false;
    w->b = histogram_bucket_at(w->h, &w->second, !w->reverse);
    clip_at_zero(&w->b, w->h->zero_threshold);
    return true;
}

size_t
histogram_buckets(struct arena *a, const struct histogram *h, struct histogram_bucket **out)
{
    struct histogram_walk w;
    size_t n = 0;

    *out = ARENA_ARRAY(a, struct histogram_bucket, h->pos_n + h->neg_n + 1);
    histogram_walk_init(&w, h, false);
    while (histogram_walk_next(&w))
        if (w.b.count != 0)
            (*out)[n++] = w.b;
    return n;
}
