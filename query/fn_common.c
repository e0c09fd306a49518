#include "query/fn_priv.h"

#include <math.h>
#include <stdlib.h>

#include "base/panic.h"

struct row
fn_row_new(const struct fn_call *fc, struct labels labels)
{
    size_t n = fc->grid->steps;
    struct row r = {.labels = labels, .v = ARENA_ARRAY(fc->arena, double, n)};

    for (size_t i = 0; i < n; i++)
        r.v[i] = value_stale();
    return r;
}

void
fn_row_histograms(const struct fn_call *fc, struct row *r)
{
    if (r->h == NULL)
        r->h = ARENA_ZARRAY(fc->arena, struct histogram *, fc->grid->steps);
}

struct row *
vec_add(struct arena *a, struct vec *v, struct row r)
{
    if (v->n == v->cap)
        arena_grow(a, &v->v, &v->cap, v->n + 1, sizeof(v->v[0]));
    v->v[v->n] = r;
    return &v->v[v->n++];
}

/* The argument without what does not change its place in the text. */
static const struct expr *
bare(const struct expr *e)
{
    while (e->type == EXPR_PAREN || e->type == EXPR_STEP_INVARIANT)
        e = e->u.inner;
    return e;
}

/* A matcher that only takes series away from what others select.  Prometheus' index moves
 * these behind the others, which shows in the labels of absent(). */
static bool
subtracts(const struct expr *sel, const struct matcher *m)
{
    bool must_be_set = false;

    for (size_t i = 0; i < sel->u.selector.n; i++) {
        const struct matcher *o = &sel->u.selector.m[i];
        must_be_set |= str_eq(o->name, m->name) && !matcher_matches_empty(o);
    }
    bool refuses = m->type == MATCH_NE || m->type == MATCH_NRE;
    return !must_be_set || (refuses && matcher_matches_empty(m));
}

struct absent {
    struct labels_builder labels, seen;
};

static void
absent_add(struct absent *x, const struct matcher *m)
{
    if (str_eq(m->name, LABEL_NAME))
        return;
    /* A name matched twice stays out, whatever the matchers say. */
    if (m->type == MATCH_EQ && labels_builder_get(&x->seen, m->name).n == 0) {
        labels_builder_set(&x->labels, m->name, m->value);
        labels_builder_set(&x->seen, m->name, STRL("x"));
    } else {
        labels_builder_del(&x->labels, m->name);
    }
}

struct labels
fn_absent_labels(struct arena *a, const struct expr *arg)
{
    struct absent x;

    arg = bare(arg);
    if (arg->type == EXPR_MATRIX)
        arg = arg->u.matrix.selector;
    if (arg->type != EXPR_SELECTOR)
        return LABELS_EMPTY;
    labels_builder_init(&x.labels, a, LABELS_EMPTY);
    labels_builder_init(&x.seen, a, LABELS_EMPTY);
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < arg->u.selector.n; i++)
            if (subtracts(arg, &arg->u.selector.m[i]) == (pass == 1))
                absent_add(&x, &arg->u.selector.m[i]);
    return labels_builder_done(&x.labels);
}

void
fn_split_init(struct fn_split *s, const struct fn_call *fc, const struct column *in)
{
    size_t steps = fc->grid->steps, base = fc->lo[0], n = fc->hi[steps - 1] - base;
    const int64_t *st = fc->use_start_times && in->st ? in->st + base : NULL;

    CHECK(fc->hi[steps - 1] <= in->n);
    *s = (struct fn_split){.lo = fc->lo, .hi = fc->hi, .base = base};
    s->ft = in->t + base;
    s->fst = st;
    s->f = in->v + base;
    s->f_n = n;
    if (in->h == NULL)
        return;

    uint32_t *floats = ARENA_ARRAY(fc->scratch, uint32_t, n + 1);
    int64_t *ft = ARENA_ARRAY(fc->scratch, int64_t, n), *ht = ARENA_ARRAY(fc->scratch, int64_t, n);
    int64_t *fst = st ? ARENA_ARRAY(fc->scratch, int64_t, n) : NULL;
    int64_t *hst = st ? ARENA_ARRAY(fc->scratch, int64_t, n) : NULL;
    double *f = ARENA_ARRAY(fc->scratch, double, n);
    struct histogram **h = ARENA_ARRAY(fc->scratch, struct histogram *, n);
    size_t f_n = 0, h_n = 0;
    for (size_t k = 0; k < n; k++) {
        bool is_float = in->h[base + k] == NULL;
        size_t at = is_float ? f_n : h_n;
        floats[k] = (uint32_t)f_n;
        (is_float ? ft : ht)[at] = in->t[base + k];
        if (st)
            (is_float ? fst : hst)[at] = st[k];
        if (is_float)
            f[f_n++] = in->v[base + k];
        else
            h[h_n++] = in->h[base + k];
    }
    floats[n] = (uint32_t)f_n;
    *s = (struct fn_split){.ft = ft,
                           .fst = fst,
                           .f = f,
                           .f_n = f_n,
                           .ht = ht,
                           .hst = hst,
                           .h = h,
                           .h_n = h_n,
                           .lo = fc->lo,
                           .hi = fc->hi,
                           .base = base,
                           .floats = floats};
}

int64_t
fn_arg_pos(const struct fn_call *fc, size_t i)
{
    const struct expr *e = bare(fc->call->u.call.args[i]);
    /* Prometheus replaces a subquery by its result before the function sees it, and with
     * it its position; its messages point to the start of the query. */
    return e->type == EXPR_SUBQUERY ? 0 : (int64_t)e->start;
}

str
fn_quoted(struct arena *a, str s)
{
    struct buf b = {0};
    labels_put_quoted(&b, s);
    str out = arena_str(a, buf_str(&b));
    buf_free(&b);
    return out;
}

str
fn_for_metric(const struct fn_call *fc, str name)
{
    if (name.n == 0)
        return STR_EMPTY;
    return arena_printf(fc->scratch, " for metric name %.*s",
                        STR_ARG(fn_quoted(fc->scratch, name)));
}

void
fn_say(const struct fn_call *fc, unsigned notes)
{
    static const struct {
        enum annotation_level level;
        bool name; /* the metric's name follows */
        const char *text;
    } known[] = {
        [NOTE_MIXED_KINDS] = {ANNOTATION_WARNING, true,
                              "encountered a mix of histograms and floats for metric name"},
        [NOTE_MIXED_SCHEMAS] = {ANNOTATION_WARNING, true,
                                "vector contains a mix of histograms with exponential and custom "
                                "buckets schemas for metric name"},
        [NOTE_NOT_COUNTER] = {ANNOTATION_WARNING, true,
                              "this native histogram metric is not a counter:"},
        [NOTE_NOT_GAUGE] = {ANNOTATION_WARNING, true,
                            "this native histogram metric is not a gauge:"},
        [NOTE_IGNORED] = {ANNOTATION_INFO, true,
                          "ignored histograms in a range containing both floats and histograms for "
                          "metric name"},
        [NOTE_RESET_COLLISION] = {ANNOTATION_WARNING, false,
                                  "conflicting counter resets during histogram aggregation"},
        [NOTE_RECONCILED_ADD] = {ANNOTATION_INFO, false,
                                 "mismatched custom buckets were reconciled during addition"},
        [NOTE_RECONCILED_SUB] = {ANNOTATION_INFO, false,
                                 "mismatched custom buckets were reconciled during subtraction"},
        [NOTE_RECONCILED_AGG] = {ANNOTATION_INFO, false,
                                 "mismatched custom buckets were reconciled during aggregation"},
    };
    for (size_t i = 0; notes >> i; i++) {
        if (!(notes & NOTE_BIT(i)))
            continue;
        CHECK(i < ARRAY_LEN(known));
        str name = labels_get(fc->labels, LABEL_NAME);
        if (known[i].name)
            annotate(fc->notes, known[i].level, fn_arg_pos(fc, 0), "%s %.*s", known[i].text,
                     STR_ARG(fn_quoted(fc->scratch, name)));
        else
            annotate(fc->notes, known[i].level, fn_arg_pos(fc, 0), "%s", known[i].text);
    }
}

double
fn_seconds(int64_t ms)
{
    return (double)(ms / 1000) + (double)(ms % 1000 * 1000000) / 1e9;
}

bool
fn_start_reset(const int64_t *st, const int64_t *t, size_t k)
{
    if (st[k] == 0 || st[k] >= t[k] || st[k] < t[k - 1])
        return false; /* unknown, invalid, or not after the sample before */
    if (st[k] > t[k - 1])
        return true;
    /* It started at the sample before: a delta, unless that one's start is unknown too. */
    return st[k - 1] <= t[k - 1] && st[k - 1] != 0 && st[k - 1] != t[k - 1];
}

bool
fn_start_overlaps(const int64_t *st, const int64_t *t, size_t k)
{
    return st[k] != 0 && st[k] < t[k - 1] && st[k] != st[k - 1];
}

static int
by_value(const void *x, const void *y)
{
    double a = *(const double *)x, b = *(const double *)y;
    if (isnan(a) || isnan(b))
        return isnan(b) - isnan(a);
    return (a > b) - (a < b);
}

void
fn_sort_values(double *v, size_t n)
{
    if (n > 1)
        qsort(v, n, sizeof(*v), by_value);
}

double
fn_quantile_sorted(double q, const double *v, size_t n)
{
    if (isnan(q))
        return NAN;
    if (q < 0)
        return -INFINITY;
    if (q > 1)
        return INFINITY;
    double last = (double)n - 1, rank = q * last;
    double lower = fmax(0, floor(rank)), upper = fmin(last, lower + 1);
    double weight = rank - floor(rank);
    return v[(size_t)lower] * (1 - weight) + v[(size_t)upper] * weight;
}
