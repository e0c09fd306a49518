/* Range functions against their plain per-step definitions, on random series: gaps, resets,
 * NaN, infinities, numbers that round, histograms, start times.  Results must be equal in
 * every bit.  The seed is printed; FN_SEED repeats a run. */
#include <check.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/codec.h"
#include "base/rng.h"
#include "model/kahan.h"
#include "query/annotation.h"
#include "query/fn_over_time.h"
#include "query/fn_priv.h"
#include "query/fn_rate.h"

#define SAMPLES_MAX 200

static uint64_t state;

static uint64_t
rnd(uint64_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (state >> 11) % n;
}

static double
unit(void)
{
    return (double)rnd(1u << 30) / (1u << 30);
}

struct series {
    struct arena *a;
    struct column c;
    double q[SAMPLES_MAX], sf[SAMPLES_MAX], tf[SAMPLES_MAX];
};

/* One window, floats and histograms apart, as a per-step definition wants them. */
struct window {
    size_t n, h_n;
    double f[SAMPLES_MAX];
    int64_t t[SAMPLES_MAX], st[SAMPLES_MAX];
    struct histogram *h[SAMPLES_MAX];
    int64_t ht[SAMPLES_MAX], hst[SAMPLES_MAX];
    /* all kinds together */
    size_t all_n;
    size_t at[SAMPLES_MAX];
    int64_t start, end;
};

static double
random_value(int kind, double last)
{
    if (rnd(40) == 0)
        return (double[]){NAN, INFINITY, -INFINITY, 0, -0.0, 1e308, -1e308, 5e-324}[rnd(8)];
    switch (kind) {
    case 0: /* counter of whole numbers */
        return rnd(15) == 0 ? (double)rnd(5) : last + (double)rnd(10);
    case 1: /* counter with fractions */
        return rnd(15) == 0 ? unit() : last + unit() * 7;
    case 2: /* gauge */
        return unit() * 200 - 100;
    case 3: /* few values */
        return (double)rnd(3);
    case 4: /* wild magnitudes */
        return ldexp(unit() - 0.5, (int)rnd(200) - 100);
    default: /* large numbers that differ little */
        return 1e15 + (double)rnd(100) / 8;
    }
}

static struct histogram *
random_histogram(struct arena *a, const struct histogram *last)
{
    struct histogram *h = ARENA_NEW(a, struct histogram);
    bool custom = last ? rnd(25) ? last->schema == HISTOGRAM_CUSTOM : rnd(2) : rnd(3) == 0;

    h->schema = custom ? HISTOGRAM_CUSTOM : (int8_t)(rnd(10) ? 1 : rnd(3));
    h->reset = (uint8_t)(rnd(3) ? RESET_UNKNOWN : rnd(4));
    h->pos_spans_n = 1;
    h->pos_spans = ARENA_NEW(a, struct histogram_span);
    h->pos_spans[0] = (struct histogram_span){custom ? 0 : (int32_t)rnd(2), 3};
    h->pos_n = 3;
    h->pos = ARENA_ARRAY(a, double, 3);
    h->custom_n = custom ? 2 + rnd(10) / 9 : 0;
    h->custom = ARENA_ARRAY(a, double, 3);
    for (size_t i = 0; i < 3; i++) {
        h->custom[i] = (double)i + 1;
        h->pos[i] = (last && rnd(12) && i < last->pos_n ? last->pos[i] : 0) + (double)rnd(5);
    }
    if (!custom) {
        h->zero_threshold = rnd(10) ? 0.001 : 0.5;
        h->zero_count = (last ? last->zero_count : 0) + (double)rnd(3);
    }
    h->count = h->zero_count + h->pos[0] + h->pos[1] + h->pos[2];
    h->sum = unit() * 100;
    return h;
}

static void
random_series(struct series *s, bool histograms)
{
    size_t n = 1 + rnd(SAMPLES_MAX - 1);
    int kind = (int)rnd(6);
    int64_t t = (int64_t)rnd(1000), step = rnd(3) ? 15000 : 1 + (int64_t)rnd(20000);
    double last = 0;
    struct histogram *last_h = NULL;
    bool only = histograms && rnd(2);

    s->c = (struct column){.n = n,
                           .t = ARENA_ARRAY(s->a, int64_t, n),
                           .v = ARENA_ZARRAY(s->a, double, n),
                           .h = histograms ? ARENA_ZARRAY(s->a, struct histogram *, n) : NULL,
                           .st = rnd(2) ? ARENA_ZARRAY(s->a, int64_t, n) : NULL};
    for (size_t i = 0; i < n; i++) {
        t += rnd(10) ? step + (int64_t)rnd(50) : step * (int64_t)(1 + rnd(20));
        s->c.t[i] = t;
        if (histograms && (only || rnd(3) == 0)) {
            s->c.h[i] = last_h = random_histogram(s->a, last_h);
        } else {
            s->c.v[i] = random_value(kind, isfinite(last) ? last : 0);
            last = s->c.v[i];
        }
        if (s->c.st && rnd(4))
            s->c.st[i] = rnd(3) && i > 0 ? s->c.st[i - 1] : t - (int64_t)rnd(3 * (uint64_t)step);
    }
}

/* --- definitions --- */

struct setting {
    const struct fn_call *fc;
    size_t step;
    unsigned notes; /* expected */
};
typedef bool definition(struct setting *s, const struct window *w, double *v, struct histogram **h);

static bool
d_sum(struct setting *s, const struct window *w, double *v, struct histogram **h)
{
    double sum = 0, c = 0;
    if (w->n && w->h_n) {
        s->notes |= NOTE_BIT(NOTE_MIXED_KINDS);
        return false;
    }
    if (w->n == 0) {
        struct histogram_acc *acc = histogram_acc_new(s->fc->arena);
        histogram_acc_start(acc, w->h[0]);
        for (size_t i = 1; i < w->h_n; i++) {
            enum histogram_fit fit = histogram_acc_add(acc, w->h[i]);
            if (fit == HISTOGRAM_INCOMPATIBLE) {
                s->notes |= NOTE_BIT(NOTE_MIXED_SCHEMAS);
                return false;
            }
            if (fit == HISTOGRAM_RECONCILED)
                s->notes |= NOTE_BIT(NOTE_RECONCILED_AGG);
        }
        if (histogram_acc_collision(acc))
            s->notes |= NOTE_BIT(NOTE_RESET_COLLISION);
        *h = histogram_acc_sum(acc, s->fc->arena, false);
        return true;
    }
    for (size_t i = 0; i < w->n; i++)
        kahan_inc(w->f[i], &sum, &c);
    *v = isinf(sum) ? sum : sum + c;
    return true;
}

static bool
d_avg(struct setting *s, const struct window *w, double *v, struct histogram **h)
{
    double sum, mean = 0, c = 0, count = 1;
    bool incremental = false;
    if (w->n == 0 || w->h_n)
        return d_sum(s, w, v, h); /* histograms: only the notes are compared */
    sum = w->f[0];
    for (size_t i = 1; i < w->n; i++) {
        count = (double)i + 1;
        if (!incremental) {
            double ns = sum, nc = c;
            kahan_inc(w->f[i], &ns, &nc);
            if (!isinf(ns)) {
                sum = ns;
                c = nc;
                continue;
            }
            incremental = true;
            mean = sum / (count - 1);
            c /= count - 1;
        }
        double q = (count - 1) / count;
        mean *= q;
        c *= q;
        kahan_inc(w->f[i] / count, &mean, &c);
    }
    *v = incremental ? mean + c : sum / count + c / count;
    return true;
}

static void
ignored(struct setting *s, const struct window *w)
{
    if (w->n && w->h_n)
        s->notes |= NOTE_BIT(NOTE_IGNORED);
}

static bool
extreme(struct setting *s, const struct window *w, double *v, bool max, bool time)
{
    if (w->n == 0)
        return false;
    ignored(s, w);
    double best = w->f[0];
    int64_t t = w->t[0];
    for (size_t i = 0; i < w->n; i++) {
        bool better = time  ? (max ? w->f[i] >= best : w->f[i] <= best)
                      : max ? w->f[i] > best
                            : w->f[i] < best;
        if (better || isnan(best)) {
            best = w->f[i];
            t = w->t[i];
        }
    }
    *v = time ? (double)t / 1000 : best;
    return true;
}

#define EXTREME(name, max, time)                                                                   \
    static bool d_##name(struct setting *s, const struct window *w, double *v,                     \
                         struct histogram **h)                                                     \
    {                                                                                              \
        (void)h;                                                                                   \
        return extreme(s, w, v, max, time);                                                        \
    }
EXTREME(max, true, false)
EXTREME(min, false, false)
EXTREME(ts_max, true, true)
EXTREME(ts_min, false, true)

static bool
d_count(struct setting *s, const struct window *w, double *v, struct histogram **h)
{
    (void)s, (void)h;
    *v = (double)w->all_n;
    return true;
}

static bool
d_stdvar(struct setting *s, const struct window *w, double *v, struct histogram **h)
{
    double count = 0, mean = 0, cm = 0, aux = 0, ca = 0;
    (void)h;
    if (w->n == 0)
        return false;
    ignored(s, w);
    for (size_t i = 0; i < w->n; i++) {
        count++;
        double delta = w->f[i] - (mean + cm);
        kahan_inc(delta / count, &mean, &cm);
        kahan_inc(delta * (w->f[i] - (mean + cm)), &aux, &ca);
    }
    *v = (aux + ca) / count;
    return true;
}

static double
quantile(double q, const double *f, size_t n)
{
    double v[SAMPLES_MAX];
    memcpy(v, f, n * sizeof(*f));
    fn_sort_values(v, n);
    return fn_quantile_sorted(q, v, n);
}

static bool
d_quantile(struct setting *s, const struct window *w, double *v, struct histogram **h)
{
    (void)h;
    if (w->n == 0)
        return false;
    ignored(s, w);
    *v = quantile(s->fc->args[0].scalar[s->step], w->f, w->n);
    return true;
}

static bool
d_mad(struct setting *s, const struct window *w, double *v, struct histogram **h)
{
    double d[SAMPLES_MAX];
    (void)h;
    if (w->n == 0)
        return false;
    ignored(s, w);
    *v = NAN;
    for (size_t i = 0; i < w->n; i++)
        if (isnan(w->f[i]))
            return true;
    double median = quantile(0.5, w->f, w->n);
    for (size_t i = 0; i < w->n; i++)
        d[i] = fabs(w->f[i] - median);
    *v = quantile(0.5, d, w->n);
    return true;
}

static bool
regression(const struct window *w, int64_t at, double *slope, double *intercept)
{
    double n = 0, x = 0, cx = 0, y = 0, cy = 0, xy = 0, cxy = 0, x2 = 0, cx2 = 0;
    bool constant = true;
    for (size_t i = 0; i < w->n; i++) {
        if (constant && i > 0 && w->f[i] != w->f[0])
            constant = false;
        n += 1;
        double d = (double)(w->t[i] - at) / 1e3;
        kahan_inc(d, &x, &cx);
        kahan_inc(w->f[i], &y, &cy);
        kahan_inc(d * w->f[i], &xy, &cxy);
        kahan_inc(d * d, &x2, &cx2);
    }
    if (constant) {
        *slope = isinf(w->f[0]) ? NAN : 0;
        *intercept = isinf(w->f[0]) ? NAN : w->f[0];
        return true;
    }
    x += cx, y += cy, xy += cxy, x2 += cx2;
    double cov = xy - x * y / n, var = x2 - x * x / n;
    *slope = cov / var;
    *intercept = y / n - *slope * x / n;
    return true;
}

static bool
d_deriv(struct setting *s, const struct window *w, double *v, struct histogram **h)
{
    double intercept;
    (void)h;
    ignored(s, w);
    return w->n >= 2 && regression(w, w->t[0], v, &intercept);
}

static bool
d_predict(struct setting *s, const struct window *w, double *v, struct histogram **h)
{
    double slope, intercept;
    (void)h;
    ignored(s, w);
    if (w->n < 2)
        return false;
    regression(w, grid_time(s->fc->grid, s->step), &slope, &intercept);
    *v = slope * s->fc->args[1].scalar[s->step] + intercept;
    return true;
}

static bool
d_smooth(struct setting *s, const struct window *w, double *v, struct histogram **h)
{
    double sf = s->fc->args[1].scalar[s->step], tf = s->fc->args[2].scalar[s->step];
    double s0 = 0, s1, b;
    (void)h;
    ignored(s, w);
    if (w->n < 2)
        return false;
    s1 = w->f[0];
    b = w->f[1] - w->f[0];
    for (size_t i = 1; i < w->n; i++) {
        double x = sf * w->f[i];
        if (i > 1)
            b = tf * (s1 - s0) + (1 - tf) * b;
        double y = (1 - sf) * (s1 + b);
        s0 = s1;
        s1 = x + y;
    }
    *v = s1;
    return true;
}

static const struct column *now; /* the column under test, for neighbours of any kind */

static bool
start_reset(size_t k)
{
    return now->st && fn_start_reset(now->st, now->t, k);
}

static bool
d_resets(struct setting *s, const struct window *w, double *v, struct histogram **h)
{
    size_t n = 0;
    (void)s, (void)h;
    for (size_t i = 1; i < w->all_n; i++) {
        size_t k = w->at[i];
        struct histogram *a = now->h ? now->h[k - 1] : NULL, *b = now->h ? now->h[k] : NULL;
        if (!a != !b)
            n++;
        else if (a)
            n += start_reset(k) || histogram_is_reset(a, b);
        else
            n += now->v[k] < now->v[k - 1] || start_reset(k);
    }
    *v = (double)n;
    return true;
}

static bool
d_changes(struct setting *s, const struct window *w, double *v, struct histogram **h)
{
    size_t n = 0;
    (void)s, (void)h;
    for (size_t i = 1; i < w->all_n; i++) {
        size_t k = w->at[i];
        struct histogram *a = now->h ? now->h[k - 1] : NULL, *b = now->h ? now->h[k] : NULL;
        if (!a != !b)
            n++;
        else if (a)
            n += !histogram_equal(a, b);
        else
            n += now->v[k] != now->v[k - 1] && !(isnan(now->v[k]) && isnan(now->v[k - 1]));
    }
    *v = (double)n;
    return true;
}

/* rate, increase and delta of floats, word for word. */
static bool
float_rate(const struct fn_call *fc, const struct window *w, bool counter, bool rate, double *v)
{
    size_t minus1 = w->n - 1;
    double result = w->f[minus1] - w->f[0];
    for (size_t i = 1; counter && i < w->n; i++)
        if (w->f[i] < w->f[i - 1] ||
            (fc->use_start_times && now->st && fn_start_reset(w->st, w->t, i)))
            result += w->f[i - 1];
    double to_start = (double)(w->t[0] - w->start) / 1000;
    double to_end = (double)(w->end - w->t[minus1]) / 1000;
    double sampled = (double)(w->t[minus1] - w->t[0]) / 1000;
    double average = minus1 ? sampled / (double)minus1 : 0, threshold = average * 1.1;
    int64_t st = fc->use_start_times && now->st ? w->st[0] : 0;
    if (counter && st != 0 && st > w->start && st < w->t[0]) {
        to_start = 0;
        sampled = (double)(w->t[minus1] - st) / 1000;
        result += w->f[0];
    } else if (minus1 == 0) {
        return false;
    } else {
        if (to_start >= threshold)
            to_start = average / 2;
        if (counter) {
            double to_zero = to_start;
            if (result > 0 && w->f[0] >= 0)
                to_zero = sampled * (w->f[0] / result);
            if (to_zero < to_start)
                to_start = to_zero;
        }
    }
    if (to_end >= threshold)
        to_end = average / 2;
    double factor = 1;
    if (sampled != 0)
        factor = (sampled + to_start + to_end) / sampled;
    if (rate)
        factor /= fn_seconds(fc->range_ms);
    *v = result * factor;
    return true;
}

static bool
rate_of(struct setting *s, const struct window *w, double *v, bool counter, bool rate)
{
    if (w->n && w->h_n) {
        s->notes |= NOTE_BIT(NOTE_MIXED_KINDS);
        return false;
    }
    return w->n > 0 && float_rate(s->fc, w, counter, rate, v);
}

#define RATE(name, counter, per_second)                                                            \
    static bool d_##name(struct setting *s, const struct window *w, double *v,                     \
                         struct histogram **h)                                                     \
    {                                                                                              \
        (void)h;                                                                                   \
        return rate_of(s, w, v, counter, per_second);                                              \
    }
RATE(rate, true, true)
RATE(increase, true, false)
RATE(delta, false, false)

static bool
instant(const struct fn_call *fc, const struct window *w, double *v, bool counter)
{
    if (w->all_n < 2)
        return false;
    size_t k = w->at[w->all_n - 1];
    if (now->h && (now->h[k] || now->h[k - 1]))
        return false;
    *v = now->v[k];
    if (!counter || !(now->v[k] < now->v[k - 1] || (fc->use_start_times && start_reset(k))))
        *v = now->v[k] - now->v[k - 1];
    if (counter)
        *v /= (double)(now->t[k] - now->t[k - 1]) / 1000;
    return true;
}

static bool
d_irate(struct setting *s, const struct window *w, double *v, struct histogram **h)
{
    (void)h;
    return instant(s->fc, w, v, true);
}

static bool
d_idelta(struct setting *s, const struct window *w, double *v, struct histogram **h)
{
    (void)h;
    return instant(s->fc, w, v, false);
}

static const struct {
    const char *name;
    fn_range *fn;
    definition *is;
    bool floats_only; /* compare only with float series (or float results) */
} functions[] = {
    {"sum_over_time", fn_sum_over_time, d_sum, false},
    {"avg_over_time", fn_avg_over_time, d_avg, true},
    {"max_over_time", fn_max_over_time, d_max, false},
    {"min_over_time", fn_min_over_time, d_min, false},
    {"ts_of_max_over_time", fn_ts_of_max_over_time, d_ts_max, false},
    {"ts_of_min_over_time", fn_ts_of_min_over_time, d_ts_min, false},
    {"count_over_time", fn_count_over_time, d_count, false},
    {"stdvar_over_time", fn_stdvar_over_time, d_stdvar, false},
    {"quantile_over_time", fn_quantile_over_time, d_quantile, false},
    {"mad_over_time", fn_mad_over_time, d_mad, false},
    {"deriv", fn_deriv, d_deriv, false},
    {"predict_linear", fn_predict_linear, d_predict, false},
    {"double_exponential_smoothing", fn_double_exponential_smoothing, d_smooth, false},
    {"resets", fn_resets, d_resets, false},
    {"changes", fn_changes, d_changes, false},
    {"rate", fn_rate, d_rate, true},
    {"increase", fn_increase, d_increase, true},
    {"delta", fn_delta, d_delta, true},
    {"irate", fn_irate, d_irate, true},
    {"idelta", fn_idelta, d_idelta, true},
};

static void
window_fill(struct window *w, const struct column *c, size_t lo, size_t hi)
{
    w->n = w->h_n = w->all_n = 0;
    for (size_t k = lo; k < hi; k++) {
        w->at[w->all_n++] = k;
        if (c->h && c->h[k]) {
            w->ht[w->h_n] = c->t[k];
            w->h[w->h_n++] = c->h[k];
        } else {
            w->t[w->n] = c->t[k];
            w->st[w->n] = c->st ? c->st[k] : 0;
            w->f[w->n++] = c->v[k];
        }
    }
}

static bool
same_number(double a, double b)
{
    return (isnan(a) && isnan(b) && value_absent(a) == value_absent(b)) || a == b ||
           f64_bits(a) == f64_bits(b);
}

static void
compare_step(size_t f, struct setting *s, const struct window *w, const struct row *got)
{
    double v = 0;
    struct histogram *h = NULL;
    bool has = w->all_n > 0 && functions[f].is(s, w, &v, &h);

    if (has && h == NULL) {
        ck_assert_msg(same_number(got->v[s->step], v), "%s: got %.17g, want %.17g",
                      functions[f].name, got->v[s->step], v);
    } else if (has && !functions[f].floats_only) {
        ck_assert(got->h && got->h[s->step]);
        ck_assert_msg(histogram_equal(got->h[s->step], h), "%s: histograms differ",
                      functions[f].name);
    } else {
        ck_assert_msg(value_absent(got->v[s->step]), "%s: got %.17g, want nothing",
                      functions[f].name, got->v[s->step]);
    }
}

static void
try_function(size_t f, struct fn_call *fc, const struct column *c, struct window *w)
{
    struct err e = ERR_INIT;
    struct row got = {0};
    struct setting s = {.fc = fc};

    ck_assert_msg(functions[f].fn(fc, c, &got, &e), "%s", e.text);
    for (size_t i = 0; i < fc->grid->steps; i++) {
        w->end = fn_end(fc, i);
        w->start = w->end - fc->range_ms;
        window_fill(w, c, fc->lo[i], fc->hi[i]);
        s.step = i;
        compare_step(f, &s, w, &got);
    }
}

/* Windows of a grid over the series, found the slow way. */
static size_t
find_windows(const struct column *c, const struct fn_call *fc, uint32_t *lo, uint32_t *hi)
{
    size_t some = 0;
    for (size_t i = 0; i < fc->grid->steps; i++) {
        int64_t end = fn_end(fc, i);
        lo[i] = hi[i] = 0;
        while (lo[i] < c->n && c->t[lo[i]] <= end - fc->range_ms)
            lo[i]++;
        for (hi[i] = lo[i]; hi[i] < c->n && c->t[hi[i]] <= end;)
            hi[i]++;
        some += hi[i] > lo[i];
    }
    return some;
}

static void
one_round(bool histograms)
{
    static struct window w;
    struct series s = {.a = arena_new()};
    struct grid g = {.steps = 1 + rnd(60)};
    uint32_t lo[64], hi[64];
    struct expr call = {.type = EXPR_CALL}, arg = {.type = EXPR_SELECTOR},
                *args[3] = {&arg, &arg, &arg};
    struct label name = {LABEL_NAME, STRL("x_total")};

    struct arena *scratch = arena_new();
    random_series(&s, histograms);
    g.step = 1 + (int64_t)rnd(60000);
    g.start = s.c.t[0] + (int64_t)rnd((uint64_t)(s.c.t[s.c.n - 1] - s.c.t[0]) + 1);
    call.u.call.args = args;
    call.u.call.n = 3;
    for (size_t i = 0; i < g.steps; i++) {
        s.q[i] = i && rnd(4) ? s.q[i - 1] : unit() * 1.2 - 0.1;
        s.sf[i] = s.tf[i] = 0.1 + unit() * 0.8;
    }
    struct fn_arg fargs[3] = {{.scalar = s.q}, {.scalar = s.sf}, {.scalar = s.tf}};
    struct annotations *notes = annotations_new(STRL("x"));
    struct fn_call fc = {.arena = s.a,
                         .scratch = scratch,
                         .grid = &g,
                         .call = &call,
                         .args = fargs,
                         .args_n = 3,
                         .notes = notes,
                         .range_ms = 1 + (int64_t)rnd(600000),
                         .end0 = g.start,
                         .lo = lo,
                         .hi = hi,
                         .labels = {&name, 1},
                         .use_start_times = true};
    now = &s.c;
    if (find_windows(&s.c, &fc, lo, hi) > 0)
        for (size_t f = 0; f < ARRAY_LEN(functions); f++)
            try_function(f, &fc, &s.c, &w);
    annotations_free(&notes);
    arena_free(&scratch);
    arena_free(&s.a);
}

START_TEST(floats)
{
    for (int i = 0; i < 1500; i++)
        one_round(false);
}
END_TEST

START_TEST(mixed)
{
    for (int i = 0; i < 700; i++)
        one_round(true);
}
END_TEST

int
main(void)
{
    const char *seed = getenv("FN_SEED");
    state = seed ? strtoull(seed, NULL, 10) : rng_next() | 1;
    printf("seed %" PRIu64 "\n", state);
    Suite *s = suite_create("fn_range");
    TCase *tc = tcase_create("fn_range");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, floats);
    tcase_add_test(tc, mixed);
    suite_add_tcase(s, tc);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
