/* Trims: the observations below or above a bound, estimated. */
#include "model/histogram.h"

#include <math.h>

#include "base/panic.h"
#include "model/histogram_priv.h"

struct trim {
    double bound;
    bool keep_below;
    bool custom;
    double count, sum; /* of what is kept */
    bool changed;
};

/* What is kept of one bucket. */
struct kept {
    double count, midpoint;
};

static double
midpoint(double lower, double upper, bool positive, bool linear)
{
    if (isinf(lower)) {
        if (isinf(upper))
            return 0;
        return upper > 0 ? upper / 2 : upper;
    }
    if (isinf(upper))
        return lower;
    if (linear)
        return (lower + upper) / 2;
    double mean = sqrt(fabs(lower * upper));
    return positive ? mean : -mean;
}

static double
zero_if_infinite(double v)
{
    return isinf(v) ? 0 : v;
}

/* The bucket from -Inf.  With a finite positive end its observations are taken to be
 * above 0; otherwise nothing is known and the bucket goes or stays whole. */
static struct kept
keep_of_lowest(const struct trim *t, const struct histogram_bucket *b)
{
    bool finite = !(b->upper == INFINITY);

    if (t->keep_below) {
        if (t->bound >= b->upper)
            return (struct kept){b->count, 0};
        if (t->bound > 0 && b->upper > 0 && finite)
            return (struct kept){b->count * t->bound / b->upper, t->bound / 2};
        if (b->upper <= 0)
            return (struct kept){b->count, t->bound};
        return (struct kept){0, zero_if_infinite(b->upper)};
    }
    if (t->bound <= b->lower)
        return (struct kept){b->count, 0};
    if (t->bound >= 0 && b->upper > t->bound && finite)
        return (struct kept){b->count * (1 - t->bound / b->upper), (t->bound + b->upper) / 2};
    return (struct kept){0, zero_if_infinite(b->upper)};
}

static struct kept
keep_of_highest(const struct trim *t, const struct histogram_bucket *b)
{
    if (!t->keep_below && t->bound >= b->lower)
        return (struct kept){b->count, t->bound};
    return (struct kept){0, zero_if_infinite(b->lower)};
}

/* A bucket with the bound inside. */
static struct kept
keep_of_cut(const struct trim *t, const struct histogram_bucket *b, bool positive)
{
    double below;

    if (b->lower == -INFINITY)
        return keep_of_lowest(t, b);
    if (b->upper == INFINITY)
        return keep_of_highest(t, b);
    if (t->bound <= b->lower)
        below = 0;
    else if (t->bound >= b->upper)
        below = b->count;
    else
        below = b->count * histogram_bucket_fraction(b, t->bound, t->custom);
    if (t->keep_below)
        return (struct kept){below, midpoint(b->lower, t->bound, positive, t->custom)};
    return (struct kept){b->count - below, midpoint(t->bound, b->upper, positive, t->custom)};
}

static struct kept
keep_of_zero(const struct trim *t, const struct histogram *h, bool has_neg, bool has_pos)
{
    double lower = -h->zero_threshold, upper = h->zero_threshold, v = t->bound;

    if (has_neg && !has_pos)
        upper = 0;
    if (has_pos && !has_neg)
        lower = 0;
    if (v <= lower || v >= upper) {
        bool all = (v >= upper && v > lower) == t->keep_below;
        return all ? (struct kept){h->zero_count, (lower + upper) / 2} : (struct kept){0, 0};
    }
    double fraction = t->keep_below ? (v - lower) / (upper - lower) : (upper - v) / (upper - lower);
    return (struct kept){h->zero_count * fraction,
                         t->keep_below ? (lower + v) / 2 : (v + upper) / 2};
}

/* Trims one half in place; true if it had any observation. */
static bool
trim_half(struct trim *t, struct histogram *h, bool positive)
{
    double *counts = positive ? h->pos : h->neg;
    struct histogram_iter it;
    bool any = false;

    histogram_iter_init(&it, h, positive);
    while (histogram_iter_next(&it)) {
        struct histogram_bucket b = histogram_bucket_at(h, &it, positive);
        struct kept k = {0, 0};
        if (b.count == 0)
            continue;
        any = true;
        bool whole = t->keep_below ? b.upper <= t->bound : b.lower >= t->bound;
        bool cut = t->keep_below ? b.lower < t->bound : b.upper > t->bound;
        if (whole)
            k = (struct kept){b.count, midpoint(b.lower, b.upper, positive, t->custom)};
        else if (cut)
            k = keep_of_cut(t, &b, positive);
        if (whole || cut) {
            t->count += k.count;
            t->sum += k.midpoint * k.count;
        }
        if (counts[it.bucket - 1] != k.count) {
            counts[it.bucket - 1] = k.count;
            t->changed = true;
        }
    }
    return any;
}

struct histogram *
histogram_trim(struct arena *a, const struct histogram *h, double bound, bool keep_below)
{
    struct trim t = {.bound = bound, .keep_below = keep_below, .custom = histogram_is_custom(h)};
    struct histogram *out = histogram_copy(a, h);

    out->integer = false;
    bool has_pos = trim_half(&t, out, true), has_neg = trim_half(&t, out, false);
    if (out->zero_count > 0) {
        struct kept k = keep_of_zero(&t, out, has_neg, has_pos);
        if (out->zero_count != k.count) {
            out->zero_count = k.count;
            t.changed = true;
        }
        t.sum += k.midpoint * k.count;
        t.count += k.count;
    }
    if (!t.changed)
        return out;
    out->count = t.count;
    out->sum = t.sum;
    return histogram_compact(a, out, 0);
}
