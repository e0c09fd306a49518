#include "query/fn_histogram.h"

#include <math.h>
#include <stdlib.h>

#include "base/num.h"
#include "query/fn_priv.h"

#define LABEL_LE STRL("le")

struct bucket_row {
    double bound;
    const struct row *row;
};

/* One histogram: the rows of its buckets by bound, the row of native ones, or both. */
struct group {
    struct labels labels; /* without le if classic */
    struct bucket_row *v;
    size_t n, cap;
    const struct row *native;
};

struct groups {
    struct group *v;
    size_t n, cap;
    uint32_t *slots; /* hash table of indexes + 1 into v */
    size_t mask;
};

static bool
row_any_float(const struct fn_call *fc, const struct row *r)
{
    for (size_t i = 0; i < fc->grid->steps; i++)
        if (!value_absent(r->v[i]))
            return true;
    return false;
}

static void
groups_init(struct groups *g, struct arena *a, size_t rows)
{
    size_t slots = 16;
    while (slots < rows * 4)
        slots *= 2;
    *g = (struct groups){.mask = slots - 1, .slots = ARENA_ZARRAY(a, uint32_t, slots)};
}

static struct group *
groups_get(struct groups *g, struct arena *a, struct labels labels)
{
    size_t at = labels_hash(labels) & g->mask;
    for (; g->slots[at]; at = (at + 1) & g->mask)
        if (labels_eq(g->v[g->slots[at] - 1].labels, labels))
            return &g->v[g->slots[at] - 1];
    if (g->n == g->cap)
        arena_grow(a, &g->v, &g->cap, g->n + 1, sizeof(g->v[0]));
    g->v[g->n] = (struct group){.labels = labels};
    g->slots[at] = (uint32_t)++g->n;
    return &g->v[g->n - 1];
}

static struct labels
without_le(struct arena *a, struct labels ls)
{
    struct label *v = ARENA_ARRAY(a, struct label, ls.n);
    size_t n = 0;
    for (size_t i = 0; i < ls.n; i++)
        if (!str_eq(ls.v[i].name, LABEL_LE))
            v[n++] = ls.v[i];
    return (struct labels){v, n};
}

/* Names are known to annotations only while they are not yet dropped. */
static str
shown_name(const struct fn_call *fc, struct labels ls)
{
    return fc->delayed_names ? labels_get(ls, LABEL_NAME) : STR_EMPTY;
}

static void
say_bad_le(const struct fn_call *fc, size_t arg, const struct row *r)
{
    str le = labels_get(r->labels, LABEL_LE);
    annotate(fc->notes, ANNOTATION_WARNING, fn_arg_pos(fc, arg),
             "bucket label \"le\" is missing or has a malformed value of %.*s%.*s",
             STR_ARG(fn_quoted(fc->arena, le)),
             STR_ARG(fn_for_metric(fc, shown_name(fc, r->labels))));
}

static int
by_bound(const void *x, const void *y)
{
    const struct bucket_row *a = x, *b = y;
    if (a->bound != b->bound)
        return a->bound < b->bound ? -1 : 1;
    return (a->row > b->row) - (a->row < b->row);
}

/* Sorts the rows of argument `arg` into histograms, in order of appearance. */
static void
collect(const struct fn_call *fc, size_t arg, struct groups *g)
{
    const struct vec *in = fc->args[arg].vec;

    groups_init(g, fc->arena, in->n);
    for (size_t k = 0; k < in->n; k++) {
        const struct row *r = &in->v[k];
        double bound;
        if (r->h)
            groups_get(g, fc->arena, r->labels)->native = r;
        if (!row_any_float(fc, r))
            continue;
        if (!num_parse_go(labels_get(r->labels, LABEL_LE), &bound)) {
            say_bad_le(fc, arg, r);
            continue;
        }
        struct group *to = groups_get(g, fc->arena, without_le(fc->arena, r->labels));
        if (to->n == to->cap)
            arena_grow(fc->arena, &to->v, &to->cap, to->n + 1, sizeof(to->v[0]));
        to->v[to->n++] = (struct bucket_row){bound, r};
    }
    for (size_t k = 0; k < g->n; k++)
        if (g->v[k].n > 1)
            qsort(g->v[k].v, g->v[k].n, sizeof(g->v[k].v[0]), by_bound);
}

/* The buckets of a step; 0 if it has none. */
static size_t
buckets_at(const struct group *g, size_t step, struct classic_bucket *out)
{
    size_t n = 0;
    for (size_t i = 0; i < g->n; i++)
        if (!value_absent(g->v[i].row->v[step]))
            out[n++] = (struct classic_bucket){g->v[i].bound, g->v[i].row->v[step]};
    return n;
}

static const struct histogram *
native_at(const struct group *g, size_t step)
{
    return g->native ? g->native->h[step] : NULL;
}

static void
say_both(const struct fn_call *fc, size_t arg, const struct group *g)
{
    annotate(fc->notes, ANNOTATION_WARNING, fn_arg_pos(fc, arg),
             "vector contains a mix of classic and native histograms%.*s",
             STR_ARG(fn_for_metric(fc, shown_name(fc, g->labels))));
}

/* A quantile warning, unless *said is the same already. */
static void
check_quantile(const struct fn_call *fc, size_t arg, double q, double *said)
{
    char text[NUM_TEXT_MAX];

    if ((q >= 0 && q <= 1) || f64_bits(q) == f64_bits(*said))
        return;
    *said = q;
    size_t n = num_format(q, 'g', -1, text);
    annotate(fc->notes, ANNOTATION_WARNING, fn_arg_pos(fc, arg),
             "quantile value should be between 0 and 1, got %.*s", (int)n, text);
}

static double
native_quantile(const struct fn_call *fc, const struct group *g, const struct histogram *h,
                double q, size_t arg)
{
    struct histogram_quantile_info info;
    double v = histogram_quantile(q, h, &info);

    if (info.nan_result || info.nan_skew)
        annotate(fc->notes, ANNOTATION_INFO, fn_arg_pos(fc, arg),
                 "input to histogram_quantile has NaN observations, result is %s%.*s",
                 info.nan_result ? "NaN" : "skewed higher",
                 STR_ARG(fn_for_metric(fc, shown_name(fc, g->labels))));
    return v;
}

/* arg: the vector's, which annotations point to. */
static double
quantile_at(const struct fn_call *fc, const struct group *g, size_t step, double q, size_t arg,
            struct classic_bucket *scratch)
{
    const struct histogram *h = native_at(g, step);
    size_t n = buckets_at(g, step, scratch);
    struct classic_mend mend;

    if (h && n > 0) {
        say_both(fc, arg, g);
        return value_stale();
    }
    if (h)
        return native_quantile(fc, g, h, q, arg);
    if (n == 0)
        return value_stale();
    double v = classic_quantile(q, scratch, n, &mend);
    if (mend.forced)
        annotate_forced_monotonicity(fc->notes, fn_arg_pos(fc, arg),
                                     shown_name(fc, g->labels), grid_time(fc->grid, step),
                                     (double[3]){mend.min_bound, mend.max_bound, mend.max_diff});
    return v;
}

static size_t
largest(const struct groups *g)
{
    size_t n = 1;
    for (size_t k = 0; k < g->n; k++)
        n = MAX(n, g->v[k].n);
    return n;
}

bool
fn_histogram_quantile(const struct fn_call *fc, struct vec *out, struct err *e)
{
    const double *q = fc->args[0].scalar;
    struct groups g;
    double said = 0.5;

    for (size_t i = 0; i < fc->grid->steps; i++)
        check_quantile(fc, 0, q[i], &said);
    collect(fc, 1, &g);
    struct classic_bucket *scratch = ARENA_ARRAY(fc->arena, struct classic_bucket, largest(&g));
    for (size_t k = 0; k < g.n; k++) {
        struct row r = fn_row_new(fc, g.v[k].labels);
        for (size_t i = 0; i < fc->grid->steps; i++)
            r.v[i] = quantile_at(fc, &g.v[k], i, q[i], 1, scratch);
        vec_add(fc->arena, out, r);
        if (!fn_poll(fc, e))
            return false;
    }
    return true;
}

static struct labels
with_quantile(const struct fn_call *fc, struct labels ls, double q)
{
    char text[NUM_TEXT_MAX];
    struct labels_builder b;

    labels_builder_init(&b, fc->arena, ls);
    labels_builder_set(&b, fc->args[1].string,
                       arena_str(fc->arena, STR(text, num_format_om(q, text))));
    return labels_builder_done(&b);
}

/* One quantile of one histogram; it may change from step to step, and with it the label. */
static void
quantile_rows(const struct fn_call *fc, const struct group *g, const double *q,
              struct classic_bucket *scratch, struct vec *out)
{
    size_t first = out->n, at_row = SIZE_MAX;
    double row_q = 0;

    for (size_t i = 0; i < fc->grid->steps; i++) {
        double v = quantile_at(fc, g, i, q[i], 0, scratch);
        if (value_absent(v))
            continue;
        if (at_row == SIZE_MAX || f64_bits(q[i]) != f64_bits(row_q)) {
            struct labels ls = with_quantile(fc, g->labels, q[i]);
            for (at_row = first; at_row < out->n && !labels_eq(out->v[at_row].labels, ls);)
                at_row++;
            if (at_row == out->n)
                vec_add(fc->arena, out, fn_row_new(fc, ls));
            row_q = q[i];
        }
        out->v[at_row].v[i] = v;
    }
}

bool
fn_histogram_quantiles(const struct fn_call *fc, struct vec *out, struct err *e)
{
    struct groups g;

    for (size_t a = 2; a < fc->args_n; a++) {
        double said = 0.5;
        for (size_t i = 0; i < fc->grid->steps; i++)
            check_quantile(fc, a, fc->args[a].scalar[i], &said);
    }
    collect(fc, 0, &g);
    struct classic_bucket *scratch = ARENA_ARRAY(fc->arena, struct classic_bucket, largest(&g));
    for (size_t a = 2; a < fc->args_n; a++) {
        for (size_t k = 0; k < g.n; k++) {
            quantile_rows(fc, &g.v[k], fc->args[a].scalar, scratch, out);
            if (!fn_poll(fc, e))
                return false;
        }
    }
    return true;
}

static double
fraction_at(const struct fn_call *fc, const struct group *g, size_t step,
            struct classic_bucket *scratch)
{
    double lower = fc->args[0].scalar[step], upper = fc->args[1].scalar[step];
    const struct histogram *h = native_at(g, step);
    size_t n = buckets_at(g, step, scratch);
    bool nans;

    if (h && n > 0) {
        say_both(fc, 2, g);
        return value_stale();
    }
    if (!h)
        return n > 0 ? classic_fraction(lower, upper, scratch, n) : value_stale();
    double v = histogram_fraction(lower, upper, h, &nans);
    if (nans)
        annotate(fc->notes, ANNOTATION_INFO, fn_arg_pos(fc, 2),
                 "input to histogram_fraction has NaN observations, which are excluded from all "
                 "fractions%.*s",
                 STR_ARG(fn_for_metric(fc, shown_name(fc, g->labels))));
    return v;
}

bool
fn_histogram_fraction(const struct fn_call *fc, struct vec *out, struct err *e)
{
    struct groups g;

    collect(fc, 2, &g);
    struct classic_bucket *scratch = ARENA_ARRAY(fc->arena, struct classic_bucket, largest(&g));
    for (size_t k = 0; k < g.n; k++) {
        struct row r = fn_row_new(fc, g.v[k].labels);
        for (size_t i = 0; i < fc->grid->steps; i++)
            r.v[i] = fraction_at(fc, &g.v[k], i, scratch);
        vec_add(fc->arena, out, r);
        if (!fn_poll(fc, e))
            return false;
    }
    return true;
}
