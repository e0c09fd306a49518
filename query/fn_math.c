#include "query/fn_math.h"

#include <math.h>

#include "base/fmath.h"
#include "query/fn_priv.h"

#define PI 3.14159265358979323846264338327950288419716939937510582097494459

static void
map_floats(const struct fn_call *fc, const struct row *in, struct row *out, double (*f)(double))
{
    *out = fn_row_new(fc, in->labels);
    for (size_t i = 0; i < fc->grid->steps; i++)
        if (!value_absent(in->v[i]))
            out->v[i] = f(in->v[i]);
}

static double
to_rad(double v)
{
    return v * PI / 180;
}

static double
to_deg(double v)
{
    return v * 180 / PI;
}

static double
sign(double v)
{
    return v < 0 ? -1 : v > 0 ? 1 : v;
}

#define MAPPED(name, f)                                                                            \
    bool fn_##name(const struct fn_call *fc, const struct row *in, struct row *out, struct err *e) \
    {                                                                                              \
        (void)e;                                                                                   \
        map_floats(fc, in, out, f);                                                                \
        return true;                                                                               \
    }
MAPPED(abs, fabs)
MAPPED(acos, fmath_acos)
MAPPED(acosh, fmath_acosh)
MAPPED(asin, fmath_asin)
MAPPED(asinh, fmath_asinh)
MAPPED(atan, fmath_atan)
MAPPED(atanh, fmath_atanh)
MAPPED(ceil, ceil)
MAPPED(cos, fmath_cos)
MAPPED(cosh, fmath_cosh)
MAPPED(deg, to_deg)
MAPPED(exp, fmath_exp)
MAPPED(floor, floor)
MAPPED(ln, fmath_log)
MAPPED(log10, fmath_log10)
MAPPED(log2, fmath_log2)
MAPPED(rad, to_rad)
MAPPED(sgn, sign)
MAPPED(sin, fmath_sin)
MAPPED(sinh, fmath_sinh)
MAPPED(sqrt, sqrt)
MAPPED(tan, fmath_tan)
MAPPED(tanh, fmath_tanh)

/* One bound may be missing: NULL stands for ±Inf. */
static void
clamp(const struct fn_call *fc, const struct row *in, const double *lo, const double *hi,
      struct row *out)
{
    *out = fn_row_new(fc, in->labels);
    for (size_t i = 0; i < fc->grid->steps; i++) {
        double min = lo ? lo[i] : -INFINITY, max = hi ? hi[i] : INFINITY;
        if (!value_absent(in->v[i]) && !(max < min))
            out->v[i] = fmath_max(min, fmath_min(max, in->v[i]));
    }
}

bool
fn_clamp(const struct fn_call *fc, const struct row *in, struct row *out, struct err *e)
{
    (void)e;
    clamp(fc, in, fc->args[1].scalar, fc->args[2].scalar, out);
    return true;
}

bool
fn_clamp_min(const struct fn_call *fc, const struct row *in, struct row *out, struct err *e)
{
    (void)e;
    clamp(fc, in, fc->args[1].scalar, NULL, out);
    return true;
}

bool
fn_clamp_max(const struct fn_call *fc, const struct row *in, struct row *out, struct err *e)
{
    (void)e;
    clamp(fc, in, NULL, fc->args[1].scalar, out);
    return true;
}

bool
fn_round(const struct fn_call *fc, const struct row *in, struct row *out, struct err *e)
{
    (void)e;
    *out = fn_row_new(fc, in->labels);
    for (size_t i = 0; i < fc->grid->steps; i++) {
        double inverse = 1.0 / (fc->args_n > 1 ? fc->args[1].scalar[i] : 1);
        if (!value_absent(in->v[i]))
            out->v[i] = floor(in->v[i] * inverse + 0.5) / inverse;
    }
    return true;
}

/* --- histograms --- */

static double
mean_of(const struct histogram *h)
{
    return h->sum / h->count;
}

static double
count_of(const struct histogram *h)
{
    return h->count;
}

static double
sum_of(const struct histogram *h)
{
    return h->sum;
}

static double
stddev_of(const struct histogram *h)
{
    return sqrt(histogram_variance(h));
}

static void
map_histograms(const struct fn_call *fc, const struct row *in, struct row *out,
               double (*f)(const struct histogram *))
{
    *out = fn_row_new(fc, in->labels);
    for (size_t i = 0; in->h && i < fc->grid->steps; i++)
        if (in->h[i])
            out->v[i] = f(in->h[i]);
}

#define OF_HISTOGRAM(name, f)                                                                      \
    bool fn_histogram_##name(const struct fn_call *fc, const struct row *in, struct row *out,      \
                             struct err *e)                                                        \
    {                                                                                              \
        (void)e;                                                                                   \
        map_histograms(fc, in, out, f);                                                            \
        return true;                                                                               \
    }
OF_HISTOGRAM(avg, mean_of)
OF_HISTOGRAM(count, count_of)
OF_HISTOGRAM(sum, sum_of)
OF_HISTOGRAM(stddev, stddev_of)
OF_HISTOGRAM(stdvar, histogram_variance)
