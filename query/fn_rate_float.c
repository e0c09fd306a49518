/* rate, increase and delta of floats: the common case, made short.
 *
 * By what an increase is multiplied follows from the times alone, unless a counter would
 * have been below zero at the start of the window.  So the factors are computed once for
 * all series with the same times, and per series a step takes two values, a difference
 * and a product.  The arithmetic, and its order, is that of fn_rate.c. */
#include <math.h>

#include "query/fn_priv.h"
#include "query/simd.h"

/* One window's times. */
struct shape {
    double factor;  /* with the full gap at the start */
    double sampled; /* seconds from first to last sample */
    double gap;     /* before the first sample, of the extrapolation */
    double to_end;
    bool none;      /* fewer than two samples */
};

static double
factor_of(const struct shape *s, double gap, double range_s, bool per_second)
{
    double f = s->sampled != 0 ? (s->sampled + gap + s->to_end) / s->sampled : 1;
    return per_second ? f / range_s : f;
}

static struct shape
shape_of(const struct fn_call *fc, const int64_t *t, size_t step, bool per_second)
{
    uint32_t lo = fc->lo[step], hi = fc->hi[step];
    if (hi < lo + 2)
        return (struct shape){.none = true};
    int64_t end = fn_end(fc, step), start = end - fc->range_ms;
    struct shape s = {.to_end = (double)(end - t[hi - 1]) / 1000,
                      .sampled = (double)(t[hi - 1] - t[lo]) / 1000,
                      .gap = (double)(t[lo] - start) / 1000};
    double average = s.sampled / (double)(hi - lo - 1);
    if (s.gap >= average * 1.1)
        s.gap = average / 2;
    if (s.to_end >= average * 1.1)
        s.to_end = average / 2;
    s.factor = factor_of(&s, s.gap, fn_seconds(fc->range_ms), per_second);
    return s;
}

static const struct shape *
shapes(const struct fn_call *fc, const struct column *in, bool per_second)
{
    if (fc->shared != NULL && fc->shared->data != NULL)
        return (const struct shape *)fc->shared->data;
    struct arena *a = fc->shared != NULL ? fc->shared->arena : fc->scratch;
    struct shape *s = ARENA_ARRAY(a, struct shape, fc->grid->steps);
    for (size_t i = 0; i < fc->grid->steps; i++)
        s[i] = shape_of(fc, in->t, i, per_second);
    if (fc->shared != NULL)
        fc->shared->data = s;
    return s;
}

/* --- resets --- */

static SIMD_AVX2 size_t
any_drop_avx2(const double *f, size_t n, bool *drop)
{
    simd_i64 seen = {0};
    size_t k = 1;
    for (; k + SIMD_WIDTH <= n; k += SIMD_WIDTH)
        seen |= SIMD_CONST_AT(f + k) < SIMD_CONST_AT(f + k - 1);
    *drop = (seen[0] | seen[1] | seen[2] | seen[3]) != 0;
    return k;
}

static bool
any_drop(const double *f, size_t n)
{
    bool drop = false;
    for (size_t k = simd_avx2() ? any_drop_avx2(f, n, &drop) : 1; k < n; k++)
        drop |= f[k] < f[k - 1];
    return drop;
}

/* Positions before which the counter began anew, ascending; a position that follows the
 * windows. */
struct resets {
    uint32_t *v;
    size_t n, at;
};

static struct resets
resets_find(const struct fn_call *fc, const double *f, size_t from, size_t to)
{
    struct resets r = {0};
    if (!any_drop(f + from, to - from))
        return r;
    r.v = ARENA_ARRAY(fc->scratch, uint32_t, to - from);
    for (size_t k = from + 1; k < to; k++)
        if (f[k] < f[k - 1])
            r.v[r.n++] = (uint32_t)k;
    return r;
}

static double
make_up(struct resets *r, const double *f, uint32_t lo, uint32_t hi, double increase)
{
    while (r->at < r->n && r->v[r->at] <= lo)
        r->at++;
    for (size_t i = r->at; i < r->n && r->v[i] < hi; i++)
        increase += f[r->v[i] - 1];
    return increase;
}

/* --- steps --- */

/* Would the counter have been below zero before the full gap?  sampled * (first /
 * increase) < gap, the division left out where it cannot matter. */
static double
counter_factor(const struct shape *s, double first, double increase, const struct fn_call *fc,
               bool per_second)
{
    const double surely = 1.000001; /* more than three roundings can make of it */
    if (!(increase > 0) || !(first >= 0) || first * s->sampled >= increase * s->gap * surely)
        return s->factor;
    double to_zero = s->sampled * (first / increase);
    if (!(to_zero < s->gap))
        return s->factor;
    return factor_of(s, to_zero, fn_seconds(fc->range_ms), per_second);
}

bool
fn_rate_floats(const struct fn_call *fc, const struct column *in, struct fn_rate_kind kind,
               struct row *out)
{
    const struct shape *s = shapes(fc, in, kind.per_second);
    size_t steps = fc->grid->steps;
    const double *f = in->v;
    struct resets r = {0};
    bool any = false;

    if (kind.counter)
        r = resets_find(fc, f, fc->lo[0], fc->hi[steps - 1]);
    for (size_t i = 0; i < steps; i++) {
        if (s[i].none)
            continue;
        uint32_t lo = fc->lo[i], hi = fc->hi[i];
        double increase = f[hi - 1] - f[lo], factor = s[i].factor;
        if (r.n > 0)
            increase = make_up(&r, f, lo, hi, increase);
        if (kind.counter)
            factor = counter_factor(&s[i], f[lo], increase, fc, kind.per_second);
        out->v[i] = increase * factor;
        any = true;
    }
    return any;
}
