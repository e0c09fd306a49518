#include <math.h>

#include "base/panic.h"
#include "model/kahan.h"
#include "query/aggregate_priv.h"
#include "query/simd.h"

/* --- floats of one row, steps [from, to) --- */

/* Knuth's TwoSum: without overflow the very error that Neumaier's comparison of magnitudes
 * finds; with it the compensation is dropped, in both. */
static SIMD_AVX2 size_t
add_sum_avx2(struct group *g, const double *v, size_t from, size_t to)
{
    size_t i = from;
    for (; i + SIMD_WIDTH <= to; i += SIMD_WIDTH) {
        simd_f64 x = SIMD_CONST_AT(v + i), s = SIMD_AT(g->v + i), c = SIMD_AT(g->c + i);
        simd_f64 t = s + x, part = t - s, error = (s - (t - part)) + (x - part);
        simd_i64 absent = SIMD_ABSENT(x);
        simd_f64 cc = (simd_f64)((simd_i64)(c + error) & ~SIMD_INFINITE(t));
        SIMD_AT(g->v + i) = SIMD_SELECT(absent, s, t);
        SIMD_AT(g->c + i) = SIMD_SELECT(absent, c, cc);
        *(simd_u32 *)(g->n + i) += __builtin_convertvector(absent + 1, simd_u32);
    }
    return i;
}

static void
add_sum(struct group *g, const double *v, size_t from, size_t to)
{
    for (size_t i = simd_avx2() ? add_sum_avx2(g, v, from, to) : from; i < to; i++) {
        if (value_absent(v[i]))
            continue;
        kahan_inc(v[i], &g->v[i], &g->c[i]);
        g->n[i]++;
    }
}

/* The mean is sum / n as long as the sum does not overflow, then incremental. */
static void
add_mean(struct group *g, double x, size_t i)
{
    double n = ++g->n[i];
    if (n == 1) {
        g->v[i] = x;
        return;
    }
    if (!(g->flags[i] & STEP_INCREMENTAL)) {
        double v = g->v[i], c = g->c[i];
        kahan_inc(x, &v, &c);
        if (!isinf(v)) {
            g->v[i] = v;
            g->c[i] = c;
            return;
        }
        g->flags[i] |= STEP_INCREMENTAL;
        g->mean[i] = g->v[i] / (n - 1);
        g->c[i] /= n - 1;
    }
    double q = (n - 1) / n, mean = q * g->mean[i], c = q * g->c[i];
    kahan_inc(x / n, &mean, &c);
    g->mean[i] = mean;
    g->c[i] = c;
}

static void
add_extreme(struct group *g, const double *v, size_t from, size_t to, bool max)
{
    for (size_t i = from; i < to; i++) {
        if (value_absent(v[i]))
            continue;
        double old = g->v[i];
        bool better = max ? old < v[i] : old > v[i];
        if (g->n[i]++ == 0 || better || isnan(old))
            g->v[i] = v[i];
    }
}

static void
add_variance(struct group *g, double x, size_t i)
{
    double n = ++g->n[i];
    if (n == 1) {
        g->mean[i] = x;
        g->v[i] = isnan(x) || isinf(x) ? NAN : 0;
        return;
    }
    double delta = x - g->mean[i];
    g->mean[i] += delta / n;
    g->v[i] += delta * (x - g->mean[i]);
}

static void
add_floats(enum aggregation op, struct group *g, const double *v, size_t from, size_t to)
{
    switch (op) {
    case AGG_SUM:
        add_sum(g, v, from, to);
        return;
    case AGG_MIN:
    case AGG_MAX:
        add_extreme(g, v, from, to, op == AGG_MAX);
        return;
    case AGG_AVG:
        for (size_t i = from; i < to; i++)
            if (!value_absent(v[i]))
                add_mean(g, v[i], i);
        return;
    case AGG_STDDEV:
    case AGG_STDVAR:
        for (size_t i = from; i < to; i++)
            if (!value_absent(v[i]))
                add_variance(g, v[i], i);
        return;
    case AGG_COUNT:
    case AGG_GROUP:
        for (size_t i = from; i < to; i++)
            g->n[i] += !value_absent(v[i]);
        return;
    default:
        UNREACHABLE();
    }
}

/* --- histograms --- */

static void
add_accumulated(struct aggregation_run *g, struct range *r, struct group *to,
                const struct row *row, size_t i)
{
    struct histogram_acc *acc = to->acc[i];
    enum histogram_fit fit = HISTOGRAM_OK;
    bool first = !(to->flags[i] & STEP_HISTOGRAM) && to->n[i] == 0;
    to->flags[i] |= STEP_HISTOGRAM;
    if (first) {
        if (acc == NULL)
            acc = to->acc[i] = histogram_acc_new(r->region.arena);
        histogram_acc_start(acc, row->h[i]);
        return;
    }
    if (acc == NULL)
        return; /* floats came first: there will be no result */
    fit = g->op == AGG_SUM ? histogram_acc_add(acc, row->h[i])
                           : histogram_acc_add_mean(acc, row->h[i]);
    if (fit == HISTOGRAM_INCOMPATIBLE) {
        to->flags[i] |= STEP_BROKEN;
        annotate_mixed_schemas(g->ev->notes, g->e->u.aggregate.e->start,
                               labels_get(row->labels, LABEL_NAME));
    } else if (fit == HISTOGRAM_RECONCILED) {
        annotate(g->ev->notes, ANNOTATION_INFO, g->e->u.aggregate.e->start,
                 "mismatched custom buckets were reconciled during aggregation");
    }
}

static void
add_histograms(struct aggregation_run *g, struct range *r, struct group *to, const struct row *row)
{
    for (size_t i = r->from; i < r->to; i++) {
        if (row->h[i] == NULL)
            continue;
        if (g->op == AGG_COUNT || g->op == AGG_GROUP)
            to->n[i]++;
        else if (g->op != AGG_SUM && g->op != AGG_AVG)
            aggregate_ignored(g);
        else if (!(to->flags[i] & STEP_BROKEN))
            add_accumulated(g, r, to, row, i);
    }
}

/* A group that had incompatible histograms in a step takes nothing more there, not even
 * floats, so rows of both kinds go step by step. */
static void
add_mixed(struct aggregation_run *g, struct range *r, struct group *to, const struct row *row)
{
    for (size_t i = r->from; i < r->to; i++)
        if (!value_absent(row->v[i]) && !(to->flags && (to->flags[i] & STEP_BROKEN)))
            add_floats(g->op, to, row->v, i, i + 1);
    if (row->h != NULL)
        add_histograms(g, r, to, row);
}

void
aggregate_floats(struct aggregation_run *g, struct range *r)
{
    for (size_t k = 0; k < g->rows_n; k++) {
        struct group *to = &g->groups[g->group_of[k]];
        const struct row *row = &g->rows[k];
        if (row->h == NULL && to->acc == NULL)
            add_floats(g->op, to, row->v, r->from, r->to);
        else
            add_mixed(g, r, to, row);
    }
}

/* --- results --- */

static double
finished(enum aggregation op, const struct group *g, size_t i)
{
    double n = g->n[i];
    switch (op) {
    case AGG_SUM:
        return g->v[i] + g->c[i];
    case AGG_AVG:
        if (g->flags[i] & STEP_INCREMENTAL)
            return g->mean[i] + g->c[i];
        return g->v[i] / n + g->c[i] / n;
    case AGG_COUNT:
        return n;
    case AGG_GROUP:
        return 1;
    case AGG_STDVAR:
        return g->v[i] / n;
    case AGG_STDDEV:
        return sqrt(g->v[i] / n);
    default:
        return g->v[i]; /* min, max */
    }
}

static void
finish_histogram(struct aggregation_run *g, struct group *to, size_t i, struct row *out)
{
    uint32_t at = g->e->u.aggregate.e->start;
    bool broken = to->flags[i] & STEP_BROKEN;
    if (to->n[i] > 0) {
        annotate(g->ev->notes, ANNOTATION_WARNING, at,
                 "encountered a mix of histograms and floats for aggregation");
        return;
    }
    if (broken)
        return;
    if (histogram_acc_collision(to->acc[i]))
        annotate(g->ev->notes, ANNOTATION_WARNING, at,
                 "conflicting counter resets during histogram aggregation");
    if (out->h == NULL)
        out->h = ARENA_ZARRAY(g->arena, struct histogram *, g->steps);
    out->h[i] = g->op == AGG_SUM ? histogram_acc_sum(to->acc[i], g->arena, true)
                                 : histogram_acc_mean(to->acc[i], g->arena, true);
}

static bool
finish_group(struct aggregation_run *g, struct group *to, struct row *out)
{
    bool any = false;
    *out = (struct row){.labels = to->labels, .drop_name = to->drop_name, .v = to->v};
    for (size_t i = 0; i < g->steps; i++) {
        bool histogram = to->flags != NULL && (to->flags[i] & STEP_HISTOGRAM);
        double v = to->n[i] > 0 && !histogram ? finished(g->op, to, i) : value_stale();
        if (histogram)
            finish_histogram(g, to, i, out);
        out->v[i] = v;
        any = any || row_has(out, i);
    }
    return any;
}

bool
aggregate_finish_floats(struct aggregation_run *g, struct vec *out, struct err *err)
{
    for (size_t k = 0; k < g->groups_n; k++) {
        struct row r;
        if (!eval_poll(g->ev, err))
            return false;
        if (finish_group(g, &g->groups[k], &r))
            vec_add(g->arena, out, r);
    }
    return true;
}
