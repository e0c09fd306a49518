/* Counts, edges, extremes, variance. */
#include "query/fn_over_time.h"

#include <math.h>

#include "model/kahan.h"
#include "query/fn_lanes.h"
#include "query/fn_priv.h"

static struct row
start(const struct fn_call *fc)
{
    return fn_row_new(fc, fc->labels);
}

/* Windows with both kinds, for functions that look at the floats only. */
static void
say_ignored(const struct fn_call *fc, const struct fn_split *s)
{
    for (size_t i = 0; s->h_n > 0 && i < fc->grid->steps; i++) {
        struct fn_window w = fn_split_window(s, i);
        if (w.f_lo != w.f_hi && w.h_lo != w.h_hi) {
            fn_say(fc, NOTE_BIT(NOTE_IGNORED));
            return;
        }
    }
}

bool
fn_count_over_time(const struct fn_call *fc, const struct column *in, struct row *out,
                   struct err *e)
{
    (void)in, (void)e;
    *out = start(fc);
    for (size_t i = 0; i < fc->grid->steps; i++)
        if (fc->lo[i] != fc->hi[i])
            out->v[i] = fc->hi[i] - fc->lo[i];
    return true;
}

bool
fn_present_over_time(const struct fn_call *fc, const struct column *in, struct row *out,
                     struct err *e)
{
    (void)in, (void)e;
    *out = start(fc);
    for (size_t i = 0; i < fc->grid->steps; i++)
        if (fc->lo[i] != fc->hi[i])
            out->v[i] = 1;
    return true;
}

/* Presence; that it is the absence that counts is seen over all series, by the caller. */
bool
fn_absent_over_time(const struct fn_call *fc, const struct column *in, struct row *out,
                    struct err *e)
{
    return fn_present_over_time(fc, in, out, e);
}

static void
edge(const struct fn_call *fc, const struct column *in, bool last, struct row *out)
{
    *out = start(fc);
    for (size_t i = 0; i < fc->grid->steps; i++) {
        if (fc->lo[i] == fc->hi[i])
            continue;
        size_t k = last ? fc->hi[i] - 1 : fc->lo[i];
        if (in->h && in->h[k]) {
            fn_row_histograms(fc, out);
            out->h[i] = in->h[k];
        } else {
            out->v[i] = in->v[k];
        }
    }
}

bool
fn_last_over_time(const struct fn_call *fc, const struct column *in, struct row *out, struct err *e)
{
    (void)e;
    edge(fc, in, true, out);
    return true;
}

bool
fn_first_over_time(const struct fn_call *fc, const struct column *in, struct row *out,
                   struct err *e)
{
    (void)e;
    edge(fc, in, false, out);
    return true;
}

bool
fn_ts_of_last_over_time(const struct fn_call *fc, const struct column *in, struct row *out,
                        struct err *e)
{
    (void)e;
    *out = start(fc);
    for (size_t i = 0; i < fc->grid->steps; i++)
        if (fc->lo[i] != fc->hi[i])
            out->v[i] = (double)in->t[fc->hi[i] - 1] / 1000;
    return true;
}

bool
fn_ts_of_first_over_time(const struct fn_call *fc, const struct column *in, struct row *out,
                         struct err *e)
{
    (void)e;
    *out = start(fc);
    for (size_t i = 0; i < fc->grid->steps; i++)
        if (fc->lo[i] != fc->hi[i])
            out->v[i] = (double)in->t[fc->lo[i]] / 1000;
    return true;
}

/* --- extremes --- */

/* Candidates for the extreme of a window that moves on: indexes whose values get worse
 * from the front, so that the front is the extreme.  A sample that enters drives out the
 * worse ones behind; each enters and leaves once.  NaN never enters. */
struct extremes {
    const double *f;
    uint32_t *v;
    size_t front, n; /* candidates v[front … n) */
    size_t seen;     /* samples entered so far */
    bool max, latest;
};

static bool
drives_out(const struct extremes *x, double now, double candidate)
{
    if (x->latest) /* of equal values the later counts */
        return x->max ? now >= candidate : now <= candidate;
    return x->max ? now > candidate : now < candidate;
}

/* The extreme of [lo, hi), or hi if all are NaN.  lo and hi never go back. */
static size_t
extremes_find(struct extremes *x, size_t lo, size_t hi)
{
    x->seen = MAX(x->seen, lo);
    for (; x->seen < hi; x->seen++) {
        double now = x->f[x->seen];
        if (isnan(now))
            continue;
        while (x->n > x->front && drives_out(x, now, x->f[x->v[x->n - 1]]))
            x->n--;
        x->v[x->n++] = (uint32_t)x->seen;
    }
    while (x->front < x->n && x->v[x->front] < lo)
        x->front++;
    return x->front < x->n ? x->v[x->front] : hi;
}

struct extreme_kind {
    bool max, time;
};

static void
extremes(const struct fn_call *fc, const struct column *in, struct extreme_kind kind,
         struct row *out)
{
    struct fn_split s;

    *out = start(fc);
    fn_split_init(&s, fc, in);
    struct extremes x = {.f = s.f,
                         .v = ARENA_ARRAY(fc->scratch, uint32_t, s.f_n),
                         .max = kind.max,
                         .latest = kind.time};
    for (size_t i = 0; i < fc->grid->steps; i++) {
        struct fn_window w = fn_split_window(&s, i);
        if (w.f_lo == w.f_hi)
            continue;
        size_t k = extremes_find(&x, w.f_lo, w.f_hi);
        if (k == w.f_hi) /* only NaN: the last one */
            k--;
        out->v[i] = kind.time ? (double)s.ft[k] / 1000 : s.f[k];
    }
    say_ignored(fc, &s);
}

bool
fn_max_over_time(const struct fn_call *fc, const struct column *in, struct row *out, struct err *e)
{
    (void)e;
    extremes(fc, in, (struct extreme_kind){.max = true}, out);
    return true;
}

bool
fn_min_over_time(const struct fn_call *fc, const struct column *in, struct row *out, struct err *e)
{
    (void)e;
    extremes(fc, in, (struct extreme_kind){.max = false}, out);
    return true;
}

bool
fn_ts_of_max_over_time(const struct fn_call *fc, const struct column *in, struct row *out,
                       struct err *e)
{
    (void)e;
    extremes(fc, in, (struct extreme_kind){.max = true, .time = true}, out);
    return true;
}

bool
fn_ts_of_min_over_time(const struct fn_call *fc, const struct column *in, struct row *out,
                       struct err *e)
{
    (void)e;
    extremes(fc, in, (struct extreme_kind){.time = true}, out);
    return true;
}

/* --- variance --- */

/* Welford's updates, each sum compensated: sums of the first k samples. */
struct welford {
    struct kahan mean, aux;
};

static void
welford_add(struct welford *w, double f, size_t count)
{
    double delta = f - (w->mean.sum + w->mean.c);
    kahan_add(&w->mean, delta / (double)count);
    kahan_add(&w->aux, delta * (f - (w->mean.sum + w->mean.c)));
}

static double
variance_of(struct welford w, const double *f, size_t from, size_t n)
{
    for (size_t k = from; k < n; k++)
        welford_add(&w, f[k], k + 1);
    return (w.aux.sum + w.aux.c) / (double)n;
}

static void
variances_abreast(const struct fn_split *s, const struct lanes_windows *w, double *out)
{
    struct lanes_kahan mean = {.sum = lanes_all(0)}, aux = mean;

    for (size_t k = 0; k < w->common; k++) {
        struct lanes f = lanes_load(s->f, w->lo, k), delta, part;
        double count = (double)(k + 1);
        for (size_t i = 0; i < LANES / 2; i++) {
            delta.v[i] = f.v[i] - (mean.sum.v[i] + mean.c.v[i]);
            part.v[i] = delta.v[i] / count;
        }
        lanes_add(&mean, part);
        for (size_t i = 0; i < LANES / 2; i++)
            part.v[i] = delta.v[i] * (f.v[i] - (mean.sum.v[i] + mean.c.v[i]));
        lanes_add(&aux, part);
    }
    for (size_t j = 0; j < LANES; j++) {
        struct welford sums = {{lanes_get(&mean.sum, j), lanes_get(&mean.c, j)},
                               {lanes_get(&aux.sum, j), lanes_get(&aux.c, j)}};
        size_t from = w->common;
        if (!isfinite(sums.mean.sum + sums.mean.c + sums.aux.sum + sums.aux.c)) {
            sums = (struct welford){{0, 0}, {0, 0}};
            from = 0;
        }
        out[w->step[j]] = variance_of(sums, s->f + w->lo[j], from, w->len[j]);
    }
}

static void
variance(const struct fn_call *fc, const struct column *in, bool root, struct row *out)
{
    static const struct welford zero;
    struct lanes_windows group = {.n = 0};
    struct fn_split s;

    *out = start(fc);
    fn_split_init(&s, fc, in);
    for (size_t i = 0; i < fc->grid->steps; i++) {
        struct fn_window w = fn_split_window(&s, i);
        if (w.f_lo != w.f_hi && lanes_full(&group, i, &w)) {
            variances_abreast(&s, &group, out->v);
            group.n = 0;
        }
    }
    for (size_t j = 0; j < group.n; j++)
        out->v[group.step[j]] = variance_of(zero, s.f + group.lo[j], 0, group.len[j]);
    for (size_t i = 0; root && i < fc->grid->steps; i++)
        if (!value_absent(out->v[i]))
            out->v[i] = sqrt(out->v[i]);
    say_ignored(fc, &s);
}

bool
fn_stddev_over_time(const struct fn_call *fc, const struct column *in, struct row *out,
                    struct err *e)
{
    (void)e;
    variance(fc, in, true, out);
    return true;
}

bool
fn_stdvar_over_time(const struct fn_call *fc, const struct column *in, struct row *out,
                    struct err *e)
{
    (void)e;
    variance(fc, in, false, out);
    return true;
}
