/* Counter resets between two histograms. */
#include "model/histogram.h"

#include <math.h>

#include "model/histogram_priv.h"

/* Buckets upward, merged `shift` schemas down. */
struct merged {
    struct histogram_iter it;
    bool more; /* it holds a bucket not yet merged */
    int shift;
    int32_t i;
    double count;
};

static bool
merged_next(struct merged *m)
{
    if (!m->more)
        return false;
    m->i = histogram_index_shift(m->it.i, m->shift);
    m->count = 0;
    do {
        m->count += m->it.count;
        m->more = histogram_iter_next(&m->it);
    } while (m->more && histogram_index_shift(m->it.i, m->shift) == m->i);
    return true;
}

/* Starts at the first bucket that ends above the threshold; true if there is one. */
static bool
merged_init(struct merged *m, const struct histogram *h, bool positive,
            const struct histogram *target)
{
    m->shift = h->schema - target->schema;
    histogram_iter_init(&m->it, h, positive);
    m->more = histogram_iter_next(&m->it);
    bool any = merged_next(m);
    if (target->zero_threshold == 0 || histogram_is_custom(target))
        return any;
    while (any && histogram_bound(target->schema, m->i) <= target->zero_threshold)
        any = merged_next(m);
    return any;
}

static bool
half_shrank(const struct histogram *prev, const struct histogram *h, bool positive)
{
    struct merged p, c;
    bool has_p = merged_init(&p, prev, positive, h), has_c = merged_init(&c, h, positive, h);

    for (; has_p; has_p = merged_next(&p)) {
        while (has_c && c.i < p.i)
            has_c = merged_next(&c);
        /* Behind h's last bucket only the next bucket of prev decides, empty or not: that
         * is what Prometheus does, although it means to look for any populated one. */
        if (!has_c)
            return p.count != 0;
        bool found = c.i == p.i;
        if (found ? c.count < p.count : p.count != 0)
            return true;
    }
    return false;
}

static bool
counts_shrank(const double *prev, const double *now, size_t n)
{
    bool shrank = false;
    for (size_t i = 0; i < n; i++) /* without a branch, so that it vectorises */
        shrank |= now[i] < prev[i];
    return shrank;
}

/* What prev's zero count would be with h's threshold; false if that cuts a bucket. */
static bool
zero_count_as(const struct histogram *prev, const struct histogram *h, double *out)
{
    if (prev->zero_threshold == h->zero_threshold) {
        *out = prev->zero_count;
        return true;
    }
    struct arena *a = arena_new();
    struct histogram_side pos, neg;
    histogram_side_init(&pos, a, false);
    histogram_side_init(&neg, a, false);
    histogram_side_load(&pos, prev, true, 0);
    histogram_side_load(&neg, prev, false, 0);
    struct histogram_zero z = {
        prev->schema, prev->zero_threshold, {prev->zero_count, 0}, &pos, &neg};
    double threshold = h->zero_threshold;
    *out = histogram_zero_widen(&z, &threshold).sum;
    arena_free(&a);
    return threshold == h->zero_threshold;
}

/* Sums counts up to bound, going on from where it stands. */
static double
sum_to(const struct histogram *h, struct histogram_iter *it, bool *more, double bound)
{
    double sum = 0;
    while (*more && histogram_bound_of(h, it->i) <= bound) {
        sum += it->count;
        *more = histogram_iter_next(it);
    }
    return sum;
}

/* Custom bounds differ: compares the counts between the bounds both have. */
static bool
common_bounds_shrank(const struct histogram *prev, const struct histogram *h)
{
    struct histogram_iter pi, ci;
    size_t p = 0, c = 0;

    histogram_iter_init(&pi, prev, true);
    histogram_iter_init(&ci, h, true);
    bool more_p = histogram_iter_next(&pi), more_c = histogram_iter_next(&ci);
    while (c <= h->custom_n && p <= prev->custom_n) {
        double cb = histogram_bound_of(h, (int32_t)c), pb = histogram_bound_of(prev, (int32_t)p);
        if (cb == pb) {
            double now = sum_to(h, &ci, &more_c, cb);
            double before = sum_to(prev, &pi, &more_p, cb);
            if (now < before)
                return true;
            c++;
            p++;
        } else if (cb < pb) {
            c++;
        } else {
            p++;
        }
    }
    return false;
}

bool
histogram_is_reset(const struct histogram *prev, const struct histogram *h)
{
    double prev_zero;

    if (h->reset == RESET_YES)
        return true;
    if (h->reset == RESET_NO)
        return false;
    if (h->count < prev->count)
        return true;
    if (histogram_is_custom(h)) {
        if (!histogram_is_custom(prev))
            return true;
        if (!histogram_custom_equal(h, prev))
            return common_bounds_shrank(prev, h);
    }
    /* A finer schema or a smaller zero bucket comes with a restart only. */
    if (h->schema > prev->schema || h->zero_threshold < prev->zero_threshold)
        return true;
    if (histogram_same_layout(prev, h)) /* the common case */
        return h->zero_count < prev->zero_count || counts_shrank(prev->pos, h->pos, h->pos_n) ||
               counts_shrank(prev->neg, h->neg, h->neg_n);
    if (!zero_count_as(prev, h, &prev_zero) || h->zero_count < prev_zero)
        return true;
    return half_shrank(prev, h, true) || half_shrank(prev, h, false);
}
