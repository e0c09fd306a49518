/* deriv, predict_linear, double_exponential_smoothing. */
#include "query/fn_over_time.h"

#include <math.h>

#include "base/num.h"
#include "model/kahan.h"
#include "query/fn_lanes.h"
#include "query/fn_priv.h"

struct line {
    double slope, intercept;
};

/* What least squares needs to know of a window, in compensated sums. */
struct sums {
    struct kahan x, y, xy, x2;
};

static void
sums_add(struct sums *s, double x, double y)
{
    kahan_add(&s->x, x);
    kahan_add(&s->y, y);
    kahan_add(&s->xy, x * y);
    kahan_add(&s->x2, x * x);
}

/* Seconds from the reference time. */
static double
seconds(int64_t t, int64_t at)
{
    return (double)(t - at) / 1e3;
}

static struct line
line_of(const struct sums *s, size_t n)
{
    double count = (double)n, sum_x = s->x.sum + s->x.c, sum_y = s->y.sum + s->y.c;
    double cov = (s->xy.sum + s->xy.c) - sum_x * sum_y / count;
    double var = (s->x2.sum + s->x2.c) - sum_x * sum_x / count;
    double slope = cov / var;
    return (struct line){slope, sum_y / count - slope * sum_x / count};
}

/* A window: its samples, and the time where the intercept is. */
struct sight {
    const int64_t *t;
    const double *f;
    size_t n;
    int64_t at;
};

static bool
all_equal(const struct sight *w)
{
    for (size_t k = 1; k < w->n; k++)
        if (w->f[k] != w->f[0])
            return false;
    return true;
}

/* Goes on from the sums of the first samples. */
static struct line
regression(struct sums s, const struct sight *w, size_t from)
{
    if (all_equal(w))
        return isinf(w->f[0]) ? (struct line){NAN, NAN} : (struct line){0, w->f[0]};
    for (size_t k = from; k < w->n; k++)
        sums_add(&s, seconds(w->t[k], w->at), w->f[k]);
    return line_of(&s, w->n);
}

static struct kahan
lane(const struct lanes_kahan *k, size_t j)
{
    return (struct kahan){lanes_get(&k->sum, j), lanes_get(&k->c, j)};
}

static bool
sums_finite(const struct sums *s)
{
    return isfinite(s->x.sum + s->x.c + s->y.sum + s->y.c + s->xy.sum + s->xy.c + s->x2.sum +
                    s->x2.c);
}

static void
regressions(const struct sight w[LANES], struct line out[LANES])
{
    struct lanes_kahan x = {.sum = lanes_all(0)}, y = x, xy = x, x2 = x;
    size_t common = MIN(MIN(w[0].n, w[1].n), MIN(w[2].n, w[3].n));

    for (size_t k = 0; k < common; k++) {
        struct lanes lx, ly, p, q;
        for (size_t i = 0; i < LANES / 2; i++) {
            const struct sight *a = &w[2 * i], *b = a + 1;
            lx.v[i] = (lane_pair){(double)(a->t[k] - a->at), (double)(b->t[k] - b->at)} / 1e3;
            ly.v[i] = (lane_pair){a->f[k], b->f[k]};
            p.v[i] = lx.v[i] * ly.v[i];
            q.v[i] = lx.v[i] * lx.v[i];
        }
        lanes_add(&x, lx);
        lanes_add(&y, ly);
        lanes_add(&xy, p);
        lanes_add(&x2, q);
    }
    for (size_t j = 0; j < LANES; j++) {
        struct sums s = {lane(&x, j), lane(&y, j), lane(&xy, j), lane(&x2, j)};
        bool good = sums_finite(&s);
        out[j] = regression(good ? s : (struct sums){{0, 0}, {0, 0}, {0, 0}, {0, 0}}, &w[j],
                            good ? common : 0);
    }
}

/* The line through a window's floats, for windows that have two; notes what is ignored. */
static bool
usable(const struct fn_window *w, bool *ignored)
{
    size_t n = w->f_hi - w->f_lo;
    *ignored |= n > 0 && w->h_lo != w->h_hi;
    return n >= 2;
}

/* What is made of the line at a step. */
typedef double result_fn(const struct fn_call *fc, size_t step, struct line l);

static void
lines(const struct fn_call *fc, const struct fn_split *s, bool at_first, result_fn *result,
      struct row *out)
{
    struct sight w[LANES];
    struct line l[LANES];
    size_t step[LANES], n = 0;
    bool ignored = false;

    for (size_t i = 0; i < fc->grid->steps; i++) {
        struct fn_window win = fn_split_window(s, i);
        if (!usable(&win, &ignored))
            continue;
        const int64_t *t = s->ft + win.f_lo;
        w[n] = (struct sight){t, s->f + win.f_lo, win.f_hi - win.f_lo,
                              at_first ? t[0] : grid_time(fc->grid, i)};
        step[n++] = i;
        if (n < LANES)
            continue;
        regressions(w, l);
        for (n = 0; n < LANES; n++)
            out->v[step[n]] = result(fc, step[n], l[n]);
        n = 0;
    }
    for (size_t j = 0; j < n; j++)
        out->v[step[j]] = result(
            fc, step[j], regression((struct sums){{0, 0}, {0, 0}, {0, 0}, {0, 0}}, &w[j], 0));
    if (ignored)
        fn_say(fc, NOTE_BIT(NOTE_IGNORED));
}

static double
slope_of(const struct fn_call *fc, size_t step, struct line l)
{
    (void)fc, (void)step;
    return l.slope;
}

static double
predicted(const struct fn_call *fc, size_t step, struct line l)
{
    return l.slope * fc->args[1].scalar[step] + l.intercept;
}

bool
fn_deriv(const struct fn_call *fc, const struct column *in, struct row *out, struct err *e)
{
    struct fn_split s;

    (void)e;
    *out = fn_row_new(fc, fc->labels);
    fn_split_init(&s, fc, in);
    lines(fc, &s, true, slope_of, out);
    return true;
}

bool
fn_predict_linear(const struct fn_call *fc, const struct column *in, struct row *out, struct err *e)
{
    struct fn_split s;

    (void)e;
    *out = fn_row_new(fc, fc->labels);
    fn_split_init(&s, fc, in);
    lines(fc, &s, false, predicted, out);
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
