/* sum_over_time, avg_over_time. */
#include "query/fn_over_time.h"

#include <math.h>

#include "model/kahan.h"
#include "query/fn_lanes.h"
#include "query/fn_priv.h"

/* Goes on with samples n0 … n - 1 of one window. */
static void
sum_rest(const double *p, size_t n0, size_t n, double *sum, double *c)
{
    for (size_t k = n0; k < n; k++)
        kahan_inc(p[k], sum, c);
}

static double
finish_sum(const double *p, size_t n, double sum, double c)
{
    if (!isfinite(sum)) { /* infinities drop the compensation: anew, with care */
        sum = p[0];
        c = 0;
        sum_rest(p, 1, n, &sum, &c);
    }
    return isinf(sum) ? sum : sum + c;
}

/* The mean by incremental updates, once the sum overflows. */
static double
mean_with_overflow(const double *p, size_t n)
{
    double sum = p[0], mean = 0, c = 0, count = 1;
    bool incremental = false;

    for (size_t k = 1; k < n; k++) {
        count = (double)(k + 1);
        if (!incremental) {
            double new_sum = sum, new_c = c;
            kahan_inc(p[k], &new_sum, &new_c);
            if (!isinf(new_sum)) {
                sum = new_sum;
                c = new_c;
                continue;
            }
            incremental = true;
            mean = sum / (count - 1);
            c /= count - 1;
        }
        double q = (count - 1) / count;
        mean *= q;
        c *= q;
        kahan_inc(p[k] / count, &mean, &c);
    }
    return incremental ? mean + c : sum / count + c / count;
}

static double
finish_mean(const double *p, size_t n, double sum, double c)
{
    if (!isfinite(sum))
        return mean_with_overflow(p, n);
    return sum / (double)n + c / (double)n;
}

typedef double finish_fn(const double *p, size_t n, double sum, double c);

static void
windows_abreast(const struct fn_split *s, const struct lanes_windows *w, finish_fn *finish,
                double *out)
{
    struct lanes_kahan k = {.sum = lanes_load(s->f, w->lo, 0)};

    for (size_t i = 1; i < w->common; i++)
        lanes_add(&k, lanes_load(s->f, w->lo, i));
    for (size_t j = 0; j < LANES; j++) {
        const double *p = s->f + w->lo[j];
        double sum = lanes_get(&k.sum, j), c = lanes_get(&k.c, j);
        sum_rest(p, w->common, w->len[j], &sum, &c);
        if (!isfinite(c)) /* an overflow on the way: anew, with care */
            sum = NAN;
        out[w->step[j]] = finish(p, w->len[j], sum, c);
    }
}

static void
window_alone(const struct fn_split *s, size_t step, finish_fn *finish, double *out)
{
    struct fn_window w = fn_split_window(s, step);
    const double *p = s->f + w.f_lo;
    double sum = p[0], c = 0;
    sum_rest(p, 1, w.f_hi - w.f_lo, &sum, &c);
    out[step] = finish(p, w.f_hi - w.f_lo, sum, c);
}

/* The exponent of the lowest bit set in v, for v finite and not 0. */
static int
lowest_bit(double v)
{
    uint64_t bits = f64_bits(v), mantissa = bits & ((1ull << 52) - 1);
    int exp = (int)(bits >> 52 & 0x7ff);
    if (exp > 0)
        mantissa |= 1ull << 52;
    else
        exp = 1;
    return exp - 1075 + __builtin_ctzll(mantissa);
}

/* Sums of the first k floats if all sums of neighbours are exact: integers, say, that stay
 * below 2^52.  Then compensations are 0 and every window's sum is a difference.  NULL if
 * that is not so. */
static double *
exact_prefix(const struct fn_split *s, struct arena *a)
{
    int lowest = 1024;
    double magnitude = 0, limit = INFINITY;

    for (size_t k = 0; k < s->f_n; k++) {
        double v = s->f[k];
        if (v == 0)
            continue;
        if (!isfinite(v))
            return NULL;
        int bit = lowest_bit(v);
        if (bit < lowest) {
            lowest = bit;
            limit = ldexp(1, lowest + 52);
        }
        magnitude += fabs(v);
        if (magnitude >= limit)
            return NULL;
    }
    double *sum = ARENA_ARRAY(a, double, s->f_n + 1);
    sum[0] = 0;
    for (size_t k = 0; k < s->f_n; k++)
        sum[k + 1] = sum[k] + s->f[k];
    return sum;
}

static void
sum_histograms(const struct fn_call *fc, const struct fn_split *s, struct histogram_acc *acc,
               size_t step, bool mean, unsigned *notes, struct row *out)
{
    struct fn_window w = fn_split_window(s, step);
    unsigned seen = 0;

    histogram_acc_start(acc, s->h[w.h_lo]);
    for (size_t k = w.h_lo + 1; k < w.h_hi; k++) {
        enum histogram_fit fit =
            mean ? histogram_acc_add_mean(acc, s->h[k]) : histogram_acc_add(acc, s->h[k]);
        if (fit == HISTOGRAM_INCOMPATIBLE) {
            *notes |= NOTE_BIT(NOTE_MIXED_SCHEMAS);
            return;
        }
        if (fit == HISTOGRAM_RECONCILED)
            seen |= NOTE_BIT(NOTE_RECONCILED_AGG);
    }
    if (histogram_acc_collision(acc))
        seen |= NOTE_BIT(NOTE_RESET_COLLISION);
    *notes |= seen;
    fn_row_histograms(fc, out);
    out->h[step] =
        mean ? histogram_acc_mean(acc, fc->arena, false) : histogram_acc_sum(acc, fc->arena, false);
}

static void
sum_floats(const struct fn_call *fc, const struct fn_split *s, finish_fn *finish, struct row *out)
{
    double *prefix = exact_prefix(s, fc->scratch);
    struct lanes_windows group = {.n = 0};

    for (size_t i = 0; i < fc->grid->steps; i++) {
        struct fn_window w = fn_split_window(s, i);
        if (w.f_lo == w.f_hi || w.h_lo != w.h_hi)
            continue;
        if (prefix) {
            out->v[i] = finish(s->f + w.f_lo, w.f_hi - w.f_lo, prefix[w.f_hi] - prefix[w.f_lo], 0);
            continue;
        }
        if (lanes_full(&group, i, &w)) {
            windows_abreast(s, &group, finish, out->v);
            group.n = 0;
        }
    }
    for (size_t j = 0; j < group.n; j++)
        window_alone(s, group.step[j], finish, out->v);
}

static void
sum_over(const struct fn_call *fc, const struct column *in, bool mean, struct row *out)
{
    struct fn_split s;
    unsigned notes = 0;

    *out = fn_row_new(fc, fc->labels);
    fn_split_init(&s, fc, in);
    if (s.f_n > 0)
        sum_floats(fc, &s, mean ? finish_mean : finish_sum, out);
    if (s.h_n == 0)
        return;
    struct histogram_acc *acc = histogram_acc_new(fc->scratch);
    for (size_t i = 0; i < fc->grid->steps; i++) {
        struct fn_window w = fn_split_window(&s, i);
        if (w.f_lo != w.f_hi && w.h_lo != w.h_hi)
            notes |= NOTE_BIT(NOTE_MIXED_KINDS);
        else if (w.h_lo != w.h_hi)
            sum_histograms(fc, &s, acc, i, mean, &notes, out);
    }
    fn_say(fc, notes);
}

bool
fn_sum_over_time(const struct fn_call *fc, const struct column *in, struct row *out, struct err *e)
{
    (void)e;
    sum_over(fc, in, false, out);
    return true;
}

bool
fn_avg_over_time(const struct fn_call *fc, const struct column *in, struct row *out, struct err *e)
{
    (void)e;
    sum_over(fc, in, true, out);
    return true;
}
