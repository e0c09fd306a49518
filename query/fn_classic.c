/* Classic histograms at one step. */
#include "query/fn_histogram.h"

#include <float.h>
#include <math.h>

/* Relative differences below this are taken for rounding errors. */
#define TOLERANCE 1e-12

static bool
almost_equal(double a, double b)
{
    if (isnan(a) && isnan(b))
        return true;
    if (a == b)
        return true;
    double sum = fabs(a) + fabs(b), diff = fabs(a - b);
    if (a == 0 || b == 0 || sum < DBL_MIN)
        return diff < TOLERANCE * DBL_MIN;
    return diff / fmin(sum, DBL_MAX) < TOLERANCE;
}

static size_t
coalesce(struct classic_bucket *v, size_t n)
{
    size_t last = 0;
    for (size_t i = 1; i < n; i++) {
        if (v[i].bound == v[last].bound)
            v[last].count += v[i].count;
        else
            v[++last] = v[i];
    }
    return last + 1;
}

/* Counts must not fall with rising bounds: flattens what does. */
static struct classic_mend
make_monotonic(struct classic_bucket *v, size_t n)
{
    struct classic_mend m = {false, INFINITY, -INFINITY, 0};
    double prev = v[0].count;

    for (size_t i = 1; i < n; i++) {
        double now = v[i].count;
        if (now == prev)
            continue;
        if (almost_equal(prev, now)) {
            v[i].count = prev;
        } else if (now < prev) {
            v[i].count = prev;
            m.forced = true;
            m.min_bound = v[i].bound < m.min_bound ? v[i].bound : m.min_bound;
            m.max_bound = v[i].bound > m.max_bound ? v[i].bound : m.max_bound;
            m.max_diff = prev - now > m.max_diff ? prev - now : m.max_diff;
        } else {
            prev = now;
        }
    }
    return m;
}

/* The first bucket but the last that reaches the rank; n - 1 if none does. */
static size_t
find_rank(const struct classic_bucket *v, size_t n, double rank)
{
    size_t lo = 0, hi = n - 1;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (v[mid].count >= rank)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

double
classic_quantile(double q, struct classic_bucket *v, size_t n, struct classic_mend *mend)
{
    mend->forced = false;
    if (isnan(q))
        return NAN;
    if (q < 0)
        return -INFINITY;
    if (q > 1)
        return INFINITY;
    if (v[n - 1].bound != INFINITY)
        return NAN;
    n = coalesce(v, n);
    *mend = make_monotonic(v, n);
    double total = v[n - 1].count;
    if (n < 2 || total == 0)
        return NAN;
    double rank = q * total;
    size_t b = find_rank(v, n, rank);
    if (b == n - 1)
        return v[n - 2].bound;
    if (b == 0 && v[0].bound <= 0)
        return v[0].bound;
    double start = 0, end = v[b].bound, count = v[b].count;
    if (b > 0) {
        start = v[b - 1].bound;
        count -= v[b - 1].count;
        rank -= v[b - 1].count;
    }
    return start + (end - start) * (rank / count);
}

/* One end of the fraction. */
struct end {
    double at;
    bool set;
    double rank;
};

static void
end_at_lower(struct end *e, double lower, double rank)
{
    if (!e->set && lower >= e->at) {
        e->rank = rank;
        e->set = true;
    }
}

static void
end_inside(struct end *e, double lower, const struct classic_bucket *b, double rank)
{
    if (e->set || !(lower < e->at && b->bound > e->at))
        return;
    e->set = true;
    if (lower == -INFINITY) /* of unknown width: all of it */
        e->rank = b->count;
    else
        e->rank = rank + (b->count - rank) * (e->at - lower) / (b->bound - lower);
}

double
classic_fraction(double lower, double upper, struct classic_bucket *v, size_t n)
{
    struct end lo = {.at = lower}, hi = {.at = upper};
    double rank = 0;

    if (v[n - 1].bound != INFINITY)
        return NAN;
    n = coalesce(v, n);
    double count = v[n - 1].count;
    if (count == 0 || isnan(lower) || isnan(upper))
        return NAN;
    if (lower >= upper)
        return 0;
    for (size_t i = 0; i < n; i++) {
        double start = i > 0 ? v[i - 1].bound : v[0].bound <= 0 ? -INFINITY : 0;
        end_at_lower(&lo, start, rank);
        end_at_lower(&hi, start, rank);
        if (lo.set && hi.set)
            break;
        end_inside(&lo, start, &v[i], rank);
        end_inside(&hi, start, &v[i], rank);
        if (lo.set && hi.set)
            break;
        rank = v[i].count;
    }
    if (!lo.set || lo.rank > count)
        lo.rank = count;
    if (!hi.set || hi.rank > count)
        hi.rank = count;
    return (hi.rank - lo.rank) / count;
}
