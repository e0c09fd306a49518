/* Quantiles, fractions and variance: what PromQL reads out of one histogram. */
#include "model/histogram.h"

#include <math.h>

#include "base/fmath.h"
#include "model/histogram_priv.h"

/* A histogram with buckets on one side only has its zero bucket end at 0. */
static void
trim_zero_bucket(struct histogram_bucket *b, const struct histogram *h)
{
    if (h->neg_n == 0 && h->pos_n > 0)
        b->lower = 0;
    else if (h->pos_n == 0 && h->neg_n > 0)
        b->upper = 0;
}

/* How far v lies in bucket b, 0 to 1; on a logarithmic scale unless linear. */
double
histogram_bucket_fraction(const struct histogram_bucket *b, double v, bool linear)
{
    if (linear)
        return (v - b->lower) / (b->upper - b->lower);
    double lower = fmath_log2(fabs(b->lower)), upper = fmath_log2(fabs(b->upper));
    double x = fmath_log2(fabs(v));
    if (v > 0)
        return (x - lower) / (upper - lower);
    return 1 - ((x - upper) / (lower - upper));
}

static double
interpolate(const struct histogram_bucket *b, double fraction, bool custom)
{
    if (custom || (b->lower <= 0 && b->upper >= 0))
        return b->lower + (b->upper - b->lower) * fraction;
    double lower = fmath_log2(fabs(b->lower)), upper = fmath_log2(fabs(b->upper));
    if (b->lower > 0)
        return fmath_exp2(lower + (upper - lower) * fraction);
    return -fmath_exp2(upper + (lower - upper) * (1 - fraction));
}

/* Quantiles that the outermost custom buckets answer without interpolation. */
static bool
custom_edge(struct histogram_bucket *b, double *result)
{
    if (b->lower == -INFINITY) {
        *result = b->upper;
        if (b->upper <= 0)
            return true;
        b->lower = 0;
        return false;
    }
    *result = b->lower;
    return b->upper == INFINITY;
}

double
histogram_quantile(double q, const struct histogram *h, struct histogram_quantile_info *info)
{
    *info = (struct histogram_quantile_info){false, false};
    if (q < 0)
        return -INFINITY;
    if (q > 1)
        return INFINITY;
    if (h->count == 0 || isnan(q))
        return NAN;

    /* From the nearer end, for precision; but NaN observations count above all buckets,
     * so with them from below. */
    bool nan = isnan(h->sum), up = nan || q < 0.5, custom = histogram_is_custom(h);
    double rank = up ? q * h->count : (1 - q) * h->count, count = 0, edge;
    struct histogram_bucket b = {0};
    struct histogram_walk w;
    histogram_walk_init(&w, h, !up);
    while (histogram_walk_next(&w)) {
        b = w.b;
        if (b.count == 0)
            continue;
        count += b.count;
        if (count >= rank)
            break;
    }
    if (custom && custom_edge(&b, &edge))
        return edge;
    if (!custom && b.lower < 0 && b.upper > 0)
        trim_zero_bucket(&b, h);
    if (count > h->count)
        count = h->count;
    if (count < rank) {
        info->nan_result = nan;
        return nan ? NAN : b.upper;
    }
    rank = up ? rank - (count - b.count) : count - rank;
    if (nan) {
        /* The bucket left here is the last one looked at, as it is in Prometheus. */
        while (histogram_walk_next(&w)) {
            b = w.b;
            count += b.count;
        }
        info->nan_skew = count < h->count;
    }
    return interpolate(&b, rank / b.count, custom);
}

/* One end of a fraction: its rank once it is known. */
struct end {
    double at;
    bool set;
    double rank;
};

static void
end_at_lower(struct end *e, const struct histogram_bucket *b, double rank)
{
    if (!e->set && b->lower >= e->at) {
        e->rank = rank;
        e->set = true;
    }
}

static void
end_inside(struct end *e, const struct histogram_bucket *b, double rank, bool linear)
{
    if (e->set || !(b->lower < e->at && b->upper > e->at))
        return;
    e->set = true;
    if (linear && b->lower == -INFINITY) /* of unknown width: all of it */
        e->rank = b->count;
    else
        e->rank = rank + b->count * histogram_bucket_fraction(b, e->at, linear);
}

double
histogram_fraction(double lo, double hi, const struct histogram *h, bool *nans)
{
    struct end lower = {.at = lo}, upper = {.at = hi};
    double rank = 0, count = 0;
    struct histogram_walk w;

    *nans = false;
    if (h->count == 0 || isnan(lo) || isnan(hi))
        return NAN;
    if (lo >= hi)
        return 0;
    histogram_walk_init(&w, h, false);
    while (histogram_walk_next(&w)) {
        struct histogram_bucket b = w.b;
        bool zero = b.lower <= 0 && b.upper >= 0;
        count += b.count;
        if (zero)
            trim_zero_bucket(&b, h);
        end_at_lower(&lower, &b, rank);
        end_at_lower(&upper, &b, rank);
        if (lower.set && upper.set)
            break;
        end_inside(&lower, &b, rank, zero || histogram_is_custom(h));
        end_inside(&upper, &b, rank, zero || histogram_is_custom(h));
        if (lower.set && upper.set)
            break;
        rank += b.count;
    }
    if (isnan(h->sum)) {
        while (histogram_walk_next(&w))
            count += w.b.count;
        *nans = count < h->count;
    } else {
        count = h->count;
    }
    if (!lower.set || lower.rank > count)
        lower.rank = count;
    if (!upper.set || upper.rank > count)
        upper.rank = count;
    return (upper.rank - lower.rank) / h->count;
}

/* The value that stands for a bucket's observations. */
static double
representative(const struct histogram_bucket *b, bool custom)
{
    if (custom)
        return (b->upper + b->lower) / 2.0;
    if (b->lower <= 0 && b->upper >= 0)
        return 0;
    double v = sqrt(b->upper * b->lower);
    return b->upper < 0 ? -v : v;
}

double
histogram_variance(const struct histogram *h)
{
    double mean = h->sum / h->count;
    struct kahan sum = {0, 0};
    struct histogram_walk w;

    histogram_walk_init(&w, h, false);
    while (histogram_walk_next(&w)) {
        if (w.b.count == 0)
            continue;
        double delta = representative(&w.b, histogram_is_custom(h)) - mean;
        kahan_add(&sum, w.b.count * delta * delta);
    }
    return (sum.sum + sum.c) / h->count;
}
