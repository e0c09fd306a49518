/* promqltest_compare.c - holds an answer against what was expected. */
#include "query/promqltest_priv.h"

#include "base/num.h"
#include "base/panic.h"
#include "model/histogram.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>

#define EPSILON 1e-6

/* One series of an answer; v is undefined where h is set. */
struct series {
    struct labels labels;
    size_t n;
    int64_t *t;
    double *v;
    struct histogram **h;
};

static bool
almost_equal(double a, double b)
{
    if (value_is_stale(a) || value_is_stale(b))
        return value_is_stale(a) && value_is_stale(b);
    if (isnan(a) && isnan(b))
        return true;
    if (a == b)
        return true;
    double sum = fabs(a) + fabs(b), diff = fabs(a - b);
    if (a == 0 || b == 0 || sum < DBL_MIN)
        return diff < EPSILON * DBL_MIN;
    return diff / fmin(sum, DBL_MAX) < EPSILON;
}

static bool
equal_counts(const double *a, size_t a_n, const double *b, size_t b_n)
{
    if (a_n != b_n)
        return false;
    for (size_t i = 0; i < a_n; i++) {
        if (!almost_equal(a[i], b[i]))
            return false;
    }
    return true;
}

/* Where each bucket sits: spans may be cut differently and still say the same. */
static size_t
bucket_indexes(struct arena *a, const struct histogram_span *spans, size_t n, int64_t **out)
{
    size_t total = 0, k = 0;
    int64_t at = 0;
    for (size_t i = 0; i < n; i++)
        total += spans[i].length;
    *out = ARENA_ARRAY(a, int64_t, total);
    for (size_t i = 0; i < n; i++) {
        at += spans[i].offset;
        for (uint32_t j = 0; j < spans[i].length; j++)
            (*out)[k++] = at++;
    }
    return total;
}

static bool
equal_spans(struct arena *a, const struct histogram_span *x, size_t x_n,
            const struct histogram_span *y, size_t y_n)
{
    int64_t *xi, *yi;
    size_t xn = bucket_indexes(a, x, x_n, &xi), yn = bucket_indexes(a, y, y_n, &yi);
    return xn == yn && (xn == 0 || memcmp(xi, yi, xn * sizeof *xi) == 0);
}

static bool
equal_bounds(const struct histogram *x, const struct histogram *y)
{
    if (x->custom_n != y->custom_n)
        return false;
    for (size_t i = 0; i < x->custom_n; i++) {
        if (x->custom[i] != y->custom[i])
            return false;
    }
    return true;
}

static bool
equal_histograms(struct arena *a, const struct series_value *want, const struct histogram *got)
{
    const struct histogram *x = histogram_compact(a, want->h, 0);
    const struct histogram *y = histogram_compact(a, got, 0);
    return x->schema == y->schema && almost_equal(x->count, y->count) &&
           almost_equal(x->sum, y->sum) && (!histogram_is_custom(x) || equal_bounds(x, y)) &&
           x->zero_threshold == y->zero_threshold && almost_equal(x->zero_count, y->zero_count) &&
           equal_spans(a, x->neg_spans, x->neg_spans_n, y->neg_spans, y->neg_spans_n) &&
           equal_counts(x->neg, x->neg_n, y->neg, y->neg_n) &&
           equal_spans(a, x->pos_spans, x->pos_spans_n, y->pos_spans, y->pos_spans_n) &&
           equal_counts(x->pos, x->pos_n, y->pos, y->pos_n) &&
           (!want->reset_given || x->reset == y->reset);
}

static void
put_sample(struct buf *b, double v, const struct histogram *h)
{
    static const char *const hints[] = {"", " counter_reset_hint:reset", " counter_reset_hint:not_reset",
                                        " counter_reset_hint:gauge"};
    char text[NUM_TEXT_MAX];
    if (!h) {
        buf_put(b, STR(text, num_format_g(v, text)));
        return;
    }
    struct buf test = {0};
    histogram_put_test(&test, h);
    buf_put(b, buf_str(&test));
    bool shown = test.n && memmem(test.p, test.n, "counter_reset_hint", 18);
    if (!shown)
        buf_put(b, str_of(hints[h->reset & 3]));
    buf_free(&test);
}

/* "labels: expected X, got Y" */
static bool
differ(struct err *e, struct labels labels, const char *where, const struct series_value *want,
       double v, const struct histogram *h)
{
    struct buf b = {0};
    labels_put_metric(&b, labels);
    buf_printf(&b, "%s: expected ", where);
    put_sample(&b, want->v, want->h);
    buf_lit(&b, ", got ");
    put_sample(&b, v, h);
    err_set(e, ERR_BAD_DATA, "%.*s", STR_ARG(buf_str(&b)));
    buf_free(&b);
    return false;
}

static bool
about(struct err *e, const char *what, struct labels labels)
{
    struct buf b = {0};
    labels_put_metric(&b, labels);
    err_set(e, ERR_BAD_DATA, "%s %.*s", what, STR_ARG(buf_str(&b)));
    buf_free(&b);
    return false;
}

static struct expected_series *
find(struct eval_case *c, struct labels labels)
{
    for (size_t i = 0; i < c->series_n; i++) {
        if (labels_eq(c->series[i].labels, labels))
            return &c->series[i];
    }
    return NULL;
}

static bool
all_seen(struct eval_case *c, struct err *e)
{
    for (size_t i = 0; i < c->series_n; i++) {
        if (!c->series[i].seen)
            return about(e, "missing in the result:", c->series[i].labels);
    }
    return true;
}

static bool
equal_sample(struct arena *a, const struct series_value *want, double v, const struct histogram *h)
{
    if (want->h || h)
        return want->h && h && equal_histograms(a, want, h);
    return almost_equal(want->v, v);
}

static bool
compare_sample(struct eval_case *c, const struct series *got, size_t i, size_t pos, struct arena *a,
               struct err *e)
{
    struct expected_series *want = find(c, got->labels);
    const struct histogram *h = got->h ? got->h[i] : NULL;
    if (!want || want->n == 0)
        return about(e, "not expected in the result:", got->labels);
    want->seen = true;
    if (pos > 0 && want->pos != pos)
        return about(e, "not at its position in the result:", got->labels);
    if (!equal_sample(a, &want->v[0], got->v[i], h))
        return differ(e, got->labels, "", &want->v[0], got->v[i], h);
    return true;
}

static void
forget_seen(struct eval_case *c)
{
    for (size_t i = 0; i < c->series_n; i++)
        c->series[i].seen = false;
}

static struct series
series_of_row(const struct value *v, const struct row *r, struct arena *a)
{
    struct series s = {.labels = r->labels};
    s.t = ARENA_ARRAY(a, int64_t, v->grid.steps);
    s.v = ARENA_ARRAY(a, double, v->grid.steps);
    s.h = ARENA_ARRAY(a, struct histogram *, v->grid.steps);
    for (size_t i = 0; i < v->grid.steps; i++) {
        if (!row_has(r, i))
            continue;
        s.t[s.n] = grid_time(&v->grid, i);
        s.v[s.n] = r->v[i];
        s.h[s.n] = r->h ? r->h[i] : NULL;
        s.n++;
    }
    return s;
}

/* An instant vector, one sample a series. */
static bool
compare_vector(struct eval_case *c, const struct value *v, struct arena *a, struct err *e)
{
    bool ordered = eval_case_expects(c, EXPECT_ORDERED);
    if (c->scalar)
        return err_set(e, ERR_BAD_DATA, "expected a scalar, got a vector");
    forget_seen(c);
    for (size_t i = 0; i < v->vec.n; i++) {
        struct series s = series_of_row(v, &v->vec.v[i], a);
        if (s.n > 0 && !compare_sample(c, &s, 0, ordered ? i + 1 : 0, a, e))
            return false;
    }
    return all_seen(c, e);
}

static bool
compare_scalar(const struct eval_case *c, double v, struct err *e)
{
    struct series_value want = {.v = c->scalar_value};
    if (!c->scalar)
        return err_set(e, ERR_BAD_DATA, "expected series, got a scalar");
    return almost_equal(want.v, v) || differ(e, LABELS_EMPTY, "", &want, v, NULL);
}

/* The samples of one series against the expected ones at start, start + step, … */
static bool
compare_samples(const struct eval_case *c, const struct expected_series *want,
                const struct series *got, struct arena *a, struct err *e)
{
    size_t k = 0;
    for (size_t i = 0; i < want->n; i++) {
        int64_t t = c->start + (int64_t)i * c->step;
        if (t > c->end)
            return about(e, "more points expected than the time range holds:", got->labels);
        if (want->v[i].omitted)
            continue;
        const char *where = arena_cstr(a, arena_printf(a, " at %" PRId64 " ms", t));
        if (k == got->n || got->t[k] != t)
            return about(e, arena_cstr(a, arena_printf(a, "no sample%s:", where)), got->labels);
        const struct histogram *h = got->h ? got->h[k] : NULL;
        if (!equal_sample(a, &want->v[i], got->v[k], h))
            return differ(e, got->labels, where, &want->v[i], got->v[k], h);
        k++;
    }
    return k == got->n || about(e, "more samples than expected:", got->labels);
}

static bool
compare_series(struct eval_case *c, const struct series *got, size_t n, struct arena *a,
               struct err *e)
{
    if (c->scalar)
        return err_set(e, ERR_BAD_DATA, "expected a scalar, got a matrix");
    if (eval_case_expects(c, EXPECT_ORDERED))
        return err_set(e, ERR_BAD_DATA, "expected an ordered result, but the query returned a matrix");
    forget_seen(c);
    for (size_t i = 0; i < n; i++) {
        struct expected_series *want = find(c, got[i].labels);
        if (i > 0 && labels_cmp(got[i - 1].labels, got[i].labels) > 0)
            return about(e, "not sorted by labels:", got[i].labels);
        if (!want)
            return about(e, "not expected in the result:", got[i].labels);
        want->seen = true;
        if (!compare_samples(c, want, &got[i], a, e))
            return false;
    }
    return all_seen(c, e);
}

static bool
compare_matrix(struct eval_case *c, const struct value *v, struct arena *a, struct err *e)
{
    size_t n = v->range ? v->vec.n : v->columns_n;
    struct series *s = ARENA_ZARRAY(a, struct series, n);
    for (size_t i = 0; i < n; i++) {
        if (v->range) {
            s[i] = series_of_row(v, &v->vec.v[i], a);
            continue;
        }
        const struct selected_column *col = &v->columns[i];
        s[i] = (struct series){col->labels, col->col.n, col->col.t, col->col.v, col->col.h};
    }
    return compare_series(c, s, n, a, e);
}

bool
compare_value(struct eval_case *c, const struct value *v, struct arena *a, struct err *e)
{
    if (v->range)
        return compare_matrix(c, v, a, e);
    switch (v->type) {
    case VALUE_SCALAR: return compare_scalar(c, v->scalar, e);
    case VALUE_STRING:
        if (c->has_string && str_eq(c->string, v->string))
            return true;
        return err_set(e, ERR_BAD_DATA, "expected string \"%.*s\" but got \"%.*s\"", STR_ARG(c->string),
                       STR_ARG(v->string));
    case VALUE_VECTOR: return compare_vector(c, v, a, e);
    case VALUE_MATRIX: return compare_matrix(c, v, a, e);
    case VALUE_NONE: break;
    }
    UNREACHABLE();
}

bool
compare_middle(struct eval_case *c, const struct value *v, bool scalar, struct arena *a,
               struct err *e)
{
    if (!scalar && c->scalar)
        return err_set(e, ERR_BAD_DATA, "expected a scalar, got a vector");
    forget_seen(c);
    for (size_t i = 0; i < v->vec.n; i++) {
        const struct row *r = &v->vec.v[i];
        struct series s = {.labels = r->labels, .v = r->v, .h = r->h};
        if (!row_has(r, 1))
            continue;
        if (scalar)
            return compare_scalar(c, r->v[1], e);
        if (!compare_sample(c, &s, 1, 0, a, e))
            return false;
    }
    if (scalar)
        return err_set(e, ERR_BAD_DATA, "expected a scalar, got nothing");
    return all_seen(c, e);
}

static bool
matches(const struct expectation *x, str text)
{
    return x->any || (x->re ? regex_match(x->re, text) : str_eq(x->message, text));
}

/* An annotation may be expected with or without the position at its end, " (1:6)". */
static bool
matches_note(const struct expectation *x, str note)
{
    str plain = note;
    while (plain.n > 0 && plain.p[plain.n - 1] != '(')
        plain.n--;
    plain.n -= MIN(plain.n, 2);
    return matches(x, note) || (plain.n > 0 && matches(x, plain));
}

static bool
compare_level(const struct eval_case *c, enum expect_kind kind, const str *notes, size_t n,
              struct err *e)
{
    const char *name = kind == EXPECT_WARN ? "warn" : "info";
    for (size_t i = 0; i < c->expects_n; i++) {
        const struct expectation *x = &c->expects[i];
        bool found = false;
        if (x->kind != kind)
            continue;
        for (size_t k = 0; k < n && !found; k++)
            found = matches_note(x, notes[k]);
        if (!found)
            return err_set(e, ERR_BAD_DATA, "expected %s annotation \"%.*s\", got %s%.*s", name,
                           STR_ARG(x->re ? regex_pattern(x->re) : x->message), n ? "" : "none",
                           STR_ARG(n ? notes[0] : STR_EMPTY));
    }
    for (size_t k = 0; k < n && eval_case_expects(c, kind); k++) {
        bool found = false;
        for (size_t i = 0; i < c->expects_n && !found; i++)
            found = c->expects[i].kind == kind && matches_note(&c->expects[i], notes[k]);
        if (!found)
            return err_set(e, ERR_BAD_DATA, "unexpected %s annotation \"%.*s\"", name,
                           STR_ARG(notes[k]));
    }
    return true;
}

static bool
compare_none(const struct eval_case *c, enum expect_kind kind, const str *notes, size_t n,
             struct err *e)
{
    if (n == 0 || !eval_case_expects(c, kind))
        return true;
    return err_set(e, ERR_BAD_DATA, "unexpected annotation \"%.*s\"", STR_ARG(notes[0]));
}

bool
compare_annotations(const struct eval_case *c, const struct query *q, struct err *e)
{
    str *warnings, *infos;
    size_t warnings_n = query_annotations(q, ANNOTATION_WARNING, &warnings);
    size_t infos_n = query_annotations(q, ANNOTATION_INFO, &infos);
    return compare_level(c, EXPECT_WARN, warnings, warnings_n, e) &&
           compare_level(c, EXPECT_INFO, infos, infos_n, e) &&
           compare_none(c, EXPECT_NO_WARN, warnings, warnings_n, e) &&
           compare_none(c, EXPECT_NO_INFO, infos, infos_n, e);
}

bool
compare_failure(const struct eval_case *c, const struct err *actual, struct err *e)
{
    for (size_t i = 0; i < c->expects_n; i++) {
        const struct expectation *x = &c->expects[i];
        if (x->kind == EXPECT_FAIL && !matches(x, err_str(actual)))
            return err_set(e, ERR_BAD_DATA, "expected error \"%.*s\", got: %s",
                           STR_ARG(x->re ? regex_pattern(x->re) : x->message), actual->text);
    }
    return true;
}
