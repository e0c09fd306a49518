/* deriv, predict_linear, double_exponential_smoothing. */
#include "query/fn_over_time.h"

#include <math.h>

#include "base/num.h"
#include "model/kahan.h"
#include "query/fn_priv.h"

struct line {
    double slope, intercept;
};

/* Least squares with compensated sums; the intercept is at time `at`. */
static struct line
regression(const int64_t *t, const double *f, size_t n, int64_t at)
{
    struct kahan x = {0, 0}, y = {0, 0}, xy = {0, 0}, x2 = {0, 0};
    bool constant = true;

    for (size_t k = 0; k < n; k++) {
        if (f[k] != f[0] && k > 0)
            constant = false;
        double dx = (double)(t[k] - at) / 1e3;
        kahan_add(&x, dx);
        kahan_add(&y, f[k]);
        kahan_add(&xy, dx * f[k]);
        kahan_add(&x2, dx * dx);
    }
    if (constant)
        return isinf(f[0]) ? (struct line){NAN, NAN} : (struct line){0, f[0]};
    double count = (double)n, sum_x = x.sum + x.c, sum_y = y.sum + y.c;
    double cov = (xy.sum + xy.c) - sum_x * sum_y / count;
    double var = (x2.sum + x2.c) - sum_x * sum_x / count;
    double slope = cov / var;
    return (struct line){slope, sum_y / count - slope * sum_x / count};
}

/* The line through a window's floats, for windows that have two; notes what is ignored. */
static bool
usable(const struct fn_window *w, bool *ignored)
{
    size_t n = w->f_hi - w->f_lo;
    *ignored |= n > 0 && w->h_lo != w->h_hi;
    return n >= 2;
}

bool
fn_deriv(const struct fn_call *fc, const struct column *in, struct row *out, struct err *e)
{
    struct fn_split s;
    bool ignored = false;

    (void)e;
    *out = fn_row_new(fc, fc->labels);
    fn_split_init(&s, fc, in);
    for (size_t i = 0; i < fc->grid->steps; i++) {
        struct fn_window w = fn_split_window(&s, i);
        if (!usable(&w, &ignored))
            continue;
        size_t lo = w.f_lo;
        out->v[i] = regression(s.ft + lo, s.f + lo, w.f_hi - lo, s.ft[lo]).slope;
    }
    if (ignored)
        fn_say(fc, NOTE_BIT(NOTE_IGNORED));
    return true;
}

bool
fn_predict_linear(const struct fn_call *fc, const struct column *in, struct row *out, struct err *e)
{
    struct fn_split s;
    bool ignored = false;

    (void)e;
    *out = fn_row_new(fc, fc->labels);
    fn_split_init(&s, fc, in);
    for (size_t i = 0; i < fc->grid->steps; i++) {
        struct fn_window w = fn_split_window(&s, i);
        if (!usable(&w, &ignored))
            continue;
        size_t lo = w.f_lo;
        struct line l = regression(s.ft + lo, s.f + lo, w.f_hi - lo, grid_time(fc->grid, i));
        out->v[i] = l.slope * fc->args[1].scalar[i] + l.intercept;
    }
    if (ignored)
        fn_say(fc, NOTE_BIT(NOTE_IGNORED));
    return true;
}

static double
smooth(const double *f, size_t n, double level, double trend)
{
    double before = 0, now = f[0], slope = f[1] - f[0];

    for (size_t k = 1; k < n; k++) {
        double x = level * f[k];
        if (k > 1)
            slope = trend * (now - before) + (1 - trend) * slope;
        double y = (1 - level) * (now + slope);
        before = now;
        now = x + y;
    }
    return now;
}

static bool
factor_valid(const char *name, const char *symbol, double v, struct err *e)
{
    char text[NUM_TEXT_MAX + 1];

    if (!(v <= 0 || v >= 1)) /* NaN passes */
        return true;
    text[num_format(v, 'f', 6, text)] = '\0';
    return err_set(e, ERR_EXEC, "invalid %s factor. Expected: 0 < %s < 1, got: %s", name, symbol,
                   text);
}

bool
fn_double_exponential_smoothing(const struct fn_call *fc, const struct column *in, struct row *out,
                                struct err *e)
{
    struct fn_split s;
    bool ignored = false;

    *out = fn_row_new(fc, fc->labels);
    fn_split_init(&s, fc, in);
    for (size_t i = 0; i < fc->grid->steps; i++) {
        struct fn_window w = fn_split_window(&s, i);
        double level = fc->args[1].scalar[i], trend = fc->args[2].scalar[i];
        if (fn_window_empty(&w))
            continue;
        if (!factor_valid("smoothing", "sf", level, e) || !factor_valid("trend", "tf", trend, e))
            return false;
        if (usable(&w, &ignored))
            out->v[i] = smooth(s.f + w.f_lo, w.f_hi - w.f_lo, level, trend);
    }
    if (ignored)
        fn_say(fc, NOTE_BIT(NOTE_IGNORED));
    return true;
}
