/* Histograms against golden answers of the reference implementation.
 *
 * Each line of tests/golden/histogram.txt is an operation, its inputs and the expected
 * result.  Numbers are the bits of doubles in hex.  A histogram is: schema, hint, zero
 * threshold, zero count, count, sum, then length-prefixed lists of custom bounds, positive
 * spans (offset length), positive counts, negative spans, negative counts. */
#include <check.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/codec.h"
#include "base/rng.h"
#include "model/histogram.h"
#include "model/histogram_convert.h"
#include "model/histogram_priv.h"

struct line {
    char *p;
    struct arena *a;
};

static char *
word(struct line *l)
{
    while (*l->p == ' ')
        l->p++;
    char *start = l->p;
    while (*l->p && *l->p != ' ')
        l->p++;
    if (*l->p)
        *l->p++ = '\0';
    return start;
}

static long
integer(struct line *l)
{
    return strtol(word(l), NULL, 10);
}

static double
real(struct line *l)
{
    return f64_from_bits(strtoull(word(l), NULL, 16));
}

static double *
reals(struct line *l, size_t *n)
{
    *n = (size_t)integer(l);
    double *v = ARENA_ARRAY(l->a, double, *n);
    for (size_t i = 0; i < *n; i++)
        v[i] = real(l);
    return v;
}

static struct histogram_span *
spans(struct line *l, size_t *n)
{
    *n = (size_t)integer(l);
    struct histogram_span *v = ARENA_ARRAY(l->a, struct histogram_span, *n);
    for (size_t i = 0; i < *n; i++) {
        v[i].offset = (int32_t)integer(l);
        v[i].length = (uint32_t)integer(l);
    }
    return v;
}

static struct histogram *
histogram(struct line *l)
{
    struct histogram *h = ARENA_NEW(l->a, struct histogram);
    h->schema = (int8_t)integer(l);
    h->reset = (uint8_t)integer(l);
    h->zero_threshold = real(l);
    h->zero_count = real(l);
    h->count = real(l);
    h->sum = real(l);
    h->custom = reals(l, &h->custom_n);
    h->pos_spans = spans(l, &h->pos_spans_n);
    h->pos = reals(l, &h->pos_n);
    h->neg_spans = spans(l, &h->neg_spans_n);
    h->neg = reals(l, &h->neg_n);
    return h;
}

static void
same_number(double got, double want)
{
    if (isnan(got) && isnan(want))
        return;
    ck_assert_msg(f64_bits(got) == f64_bits(want) || (got == 0 && want == 0),
                  "got %.17g, want %.17g", got, want);
}

static void
same_list(const double *got, size_t n, const double *want, size_t want_n)
{
    ck_assert_uint_eq(n, want_n);
    for (size_t i = 0; i < n; i++)
        same_number(got[i], want[i]);
}

static void
same_spans(const struct histogram_span *got, size_t n, const struct histogram_span *want,
           size_t want_n)
{
    ck_assert_uint_eq(n, want_n);
    for (size_t i = 0; i < n; i++) {
        ck_assert_int_eq(got[i].offset, want[i].offset);
        ck_assert_uint_eq(got[i].length, want[i].length);
    }
}

static void
same(const struct histogram *got, const struct histogram *want)
{
    ck_assert_int_eq(got->schema, want->schema);
    ck_assert_int_eq(got->reset, want->reset);
    same_number(got->zero_threshold, want->zero_threshold);
    same_number(got->zero_count, want->zero_count);
    same_number(got->count, want->count);
    same_number(got->sum, want->sum);
    same_list(got->custom, got->custom_n, want->custom, want->custom_n);
    same_spans(got->pos_spans, got->pos_spans_n, want->pos_spans, want->pos_spans_n);
    same_list(got->pos, got->pos_n, want->pos, want->pos_n);
    same_spans(got->neg_spans, got->neg_spans_n, want->neg_spans, want->neg_spans_n);
    same_list(got->neg, got->neg_n, want->neg, want->neg_n);
}

static void
try_combine(struct line *l, bool subtract)
{
    struct histogram *x = histogram(l), *y = histogram(l);
    struct histogram_sum r = subtract ? histogram_sub(l->a, x, y) : histogram_add(l->a, x, y);
    ck_assert_int_eq(r.fit, integer(l));
    ck_assert_int_eq(r.reset_collision, integer(l));
    if (r.h)
        same(histogram_compact(l->a, r.h, 0), histogram(l));
}

static void
try_acc(struct line *l, bool mean)
{
    struct histogram_acc *acc = histogram_acc_new(l->a);
    size_t n = (size_t)integer(l);
    struct histogram **h = ARENA_ARRAY(l->a, struct histogram *, n);

    for (size_t i = 0; i < n; i++)
        h[i] = histogram(l);
    struct histogram *want = histogram(l);
    for (int round = 0; round < 2; round++) { /* the second reuses memory */
        histogram_acc_start(acc, h[0]);
        for (size_t i = 1; i < n; i++) {
            enum histogram_fit fit =
                mean ? histogram_acc_add_mean(acc, h[i]) : histogram_acc_add(acc, h[i]);
            ck_assert(fit != HISTOGRAM_INCOMPATIBLE);
        }
        same(mean ? histogram_acc_mean(acc, l->a, true) : histogram_acc_sum(acc, l->a, true), want);
    }
}

static void
try_quantile(struct line *l)
{
    struct histogram *h = histogram(l);
    struct histogram_quantile_info info;
    double q = real(l), got = histogram_quantile(q, h, &info);
    same_number(got, real(l));
    ck_assert_int_eq(info.nan_result, integer(l));
    ck_assert_int_eq(info.nan_skew, integer(l));
}

static void
try_fraction(struct line *l)
{
    struct histogram *h = histogram(l);
    double lo = real(l), hi = real(l);
    bool nans;
    double got = histogram_fraction(lo, hi, h, &nans);
    same_number(got, real(l));
    ck_assert_int_eq(nans, integer(l));
}

static void
try_text(struct line *l, void (*put)(struct buf *, const struct histogram *))
{
    struct buf b = {0};
    put(&b, histogram(l));
    while (*l->p == ' ')
        l->p++;
    ck_assert_str_eq(buf_cstr(&b), l->p);
    buf_free(&b);
}

static void
try_validate(struct line *l)
{
    struct err e = ERR_INIT;
    bool ok = histogram_validate(histogram(l), &e);
    ck_assert_str_eq(ok ? "ok" : e.text, l->p);
}

static void
try_classic(struct line *l)
{
    struct err e = ERR_INIT;
    struct histogram_collector c;
    size_t n = (size_t)integer(l);

    histogram_collector_init(&c, l->a, &e);
    for (size_t i = 0; i < n; i++) {
        double le = real(l), count = real(l);
        histogram_collector_bucket(&c, le, count);
    }
    bool has_count = integer(l) == 1;
    double count = real(l);
    if (has_count)
        histogram_collector_count(&c, count);
    histogram_collector_sum(&c, 12.5);
    long kind = integer(l);
    struct histogram *h = histogram_collector_done(&c, l->a);
    if (kind == 2) {
        ck_assert(h == NULL);
        ck_assert_str_eq(e.text, l->p);
        return;
    }
    ck_assert(h != NULL);
    ck_assert_int_eq(h->integer, kind);
    same(h, histogram(l));
}

static void
try_variance(struct line *l)
{
    double got = histogram_variance(histogram(l));
    same_number(got, real(l));
}

static void
try_weight(struct line *l)
{
    size_t got = histogram_weight(histogram(l));
    ck_assert_int_eq((long)got, integer(l));
}

static void
try_with_number(const char *op, struct line *l)
{
    struct histogram *h = histogram(l), *got;
    double v = real(l);
    if (strcmp(op, "mul") == 0)
        got = histogram_mul(l->a, h, v);
    else if (strcmp(op, "div") == 0)
        got = histogram_div(l->a, h, v);
    else
        got = histogram_compact(l->a, histogram_trim(l->a, h, v, integer(l) == 1), 0);
    same(got, histogram(l));
}

static void
try_with_int(const char *op, struct line *l)
{
    struct histogram *h = histogram(l);
    int v = (int)integer(l);
    if (strcmp(op, "compact") == 0) {
        same(histogram_compact(l->a, h, v), histogram(l));
        return;
    }
    struct histogram *want = histogram(l), *got = histogram_reduce(l->a, h, v);
    got->reset = want->reset; /* the reference forgets the hint here, and only here */
    same(histogram_compact(l->a, got, 0), want);
}

static void
try_compare(const char *op, struct line *l)
{
    struct histogram *x = histogram(l), *y = histogram(l);
    bool got = strcmp(op, "reset") == 0 ? histogram_is_reset(x, y) : histogram_equal(x, y);
    ck_assert_int_eq(got, integer(l));
}

static void
try_bound(struct line *l)
{
    int schema = (int)integer(l);
    int32_t i = (int32_t)integer(l);
    same_number(histogram_bound(schema, i), real(l));
}

static void
try_line(const char *op, struct line *l)
{
    if (!strcmp(op, "add") || !strcmp(op, "sub"))
        try_combine(l, op[0] == 's');
    else if (!strcmp(op, "sum") || !strcmp(op, "mean"))
        try_acc(l, op[0] == 'm');
    else if (!strcmp(op, "mul") || !strcmp(op, "div") || !strcmp(op, "trim"))
        try_with_number(op, l);
    else if (!strcmp(op, "reset") || !strcmp(op, "equal"))
        try_compare(op, l);
    else if (!strcmp(op, "compact") || !strcmp(op, "reduce"))
        try_with_int(op, l);
    else if (!strcmp(op, "quantile"))
        try_quantile(l);
    else if (!strcmp(op, "fraction"))
        try_fraction(l);
    else if (!strcmp(op, "variance"))
        try_variance(l);
    else if (!strcmp(op, "text"))
        try_text(l, histogram_put_text);
    else if (!strcmp(op, "test"))
        try_text(l, histogram_put_test);
    else if (!strcmp(op, "weight"))
        try_weight(l);
    else if (!strcmp(op, "validate"))
        try_validate(l);
    else if (!strcmp(op, "classic"))
        try_classic(l);
    else if (!strcmp(op, "bound"))
        try_bound(l);
    else
        ck_abort_msg("unknown operation %s", op);
}

START_TEST(golden)
{
    const char *path = getenv("HISTOGRAM_GOLDEN");
    char *text = NULL;
    size_t cap = 0, lines = 0;
    FILE *f = fopen(path ? path : GOLDEN_DIR "/histogram.txt", "r");

    ck_assert_msg(f != NULL, "no golden file");
    while (getline(&text, &cap, f) > 0) {
        struct line l = {.p = text, .a = arena_new()};
        text[strcspn(text, "\n")] = '\0';
        char *copy = arena_cstr(l.a, str_of(text));
        lines++;
        if (getenv("VERBOSE"))
            fprintf(stderr, "line %zu: %s\n", lines, copy);
        try_line(word(&l), &l);
        arena_free(&l.a);
    }
    ck_assert_uint_gt(lines, 1000);
    free(text);
    fclose(f);
}
END_TEST

START_TEST(back_to_classic)
{
    struct arena *a = arena_new();
    struct err e = ERR_INIT;
    struct histogram_collector c;
    struct histogram_classic *v;
    struct label l[] = {{LABEL_NAME, STRL("x")}, {STRL("job"), STRL("j")}};

    histogram_collector_init(&c, a, &e);
    histogram_collector_bucket(&c, 5, 7);
    histogram_collector_bucket(&c, 0.5, 2);
    histogram_collector_bucket(&c, 1, 2);
    histogram_collector_count(&c, 9);
    histogram_collector_sum(&c, 3.5);
    struct histogram *h = histogram_collector_done(&c, a);
    ck_assert(h != NULL && h->integer);
    ck_assert(histogram_validate(h, &e));
    size_t n = histogram_to_classic(a, h, (struct labels){l, 2}, &v);
    ck_assert_uint_eq(n, 6);
    static const char *const want[] = {"x_bucket{job=\"j\", le=\"0.5\"} 2",
                                       "x_bucket{job=\"j\", le=\"1.0\"} 2",
                                       "x_bucket{job=\"j\", le=\"5.0\"} 7",
                                       "x_bucket{job=\"j\", le=\"+Inf\"} 9",
                                       "x_count{job=\"j\"} 9",
                                       "x_sum{job=\"j\"} 3.5"};
    for (size_t i = 0; i < n; i++) {
        struct buf b = {0};
        labels_put_metric(&b, v[i].labels);
        buf_printf(&b, " %g", v[i].value);
        ck_assert_str_eq(buf_cstr(&b), want[i]);
        buf_free(&b);
    }
    arena_free(&a);
}
END_TEST

/* Histograms as nobody should send them must not hurt, whatever comes out. */

static uint64_t
rnd(uint64_t n)
{
    return rng_below(n);
}

static double
strange_count(void)
{
    switch (rnd(8)) {
    case 0:
        return (double[]){NAN, INFINITY, -1, 1e308, -0.0}[rnd(5)];
    case 1:
        return 0;
    default:
        return (double)rnd(50);
    }
}

static struct histogram_span *
strange_spans(struct arena *a, size_t n)
{
    struct histogram_span *s = ARENA_ARRAY(a, struct histogram_span, n);
    for (size_t i = 0; i < n; i++) {
        s[i].offset = rnd(6) ? (int32_t)rnd(6) - 1 : (int32_t)rnd(UINT32_MAX);
        s[i].length = rnd(20) ? (uint32_t)rnd(4) : (uint32_t)rnd(UINT32_MAX);
    }
    return s;
}

static double *
strange_counts(struct arena *a, size_t n)
{
    double *v = ARENA_ARRAY(a, double, n);
    for (size_t i = 0; i < n; i++)
        v[i] = strange_count();
    return v;
}

static struct histogram *
strange_histogram(struct arena *a)
{
    struct histogram *h = ARENA_NEW(a, struct histogram);

    h->schema = (int8_t)(rnd(3) == 0 ? HISTOGRAM_CUSTOM
                         : rnd(5)    ? (int)rnd(13) - 4
                                     : (int)rnd(256) - 128);
    h->reset = (uint8_t)rnd(4);
    h->zero_threshold = (double[]){0, 0.001, 1, 1e300, INFINITY}[rnd(5)];
    h->zero_count = strange_count();
    h->count = strange_count();
    h->sum = strange_count();
    h->pos_spans_n = rnd(5);
    h->neg_spans_n = rnd(3);
    h->pos_n = rnd(12);
    h->neg_n = rnd(6);
    h->pos_spans = strange_spans(a, h->pos_spans_n);
    h->neg_spans = strange_spans(a, h->neg_spans_n);
    h->pos = strange_counts(a, h->pos_n);
    h->neg = strange_counts(a, h->neg_n);
    h->custom_n = histogram_is_custom(h) || rnd(10) == 0 ? rnd(6) : 0;
    h->custom = strange_counts(a, h->custom_n);
    return h;
}

static void
use(struct arena *a, const struct histogram *x, const struct histogram *y)
{
    struct histogram_quantile_info info;
    struct histogram_bucket *buckets;
    struct buf text = {0};
    bool nans;

    struct histogram_sum sum = rnd(2) ? histogram_add(a, x, y) : histogram_sub(a, x, y);
    if (sum.h)
        histogram_compact(a, sum.h, (int)rnd(3));
    histogram_is_reset(x, y);
    histogram_equal(x, y);
    histogram_quantile((double)rnd(11) / 10, x, &info);
    histogram_fraction(-1, (double)rnd(4), x, &nans);
    histogram_variance(x);
    histogram_trim(a, x, (double)rnd(5) - 2, rnd(2));
    histogram_div(a, x, 0);
    histogram_buckets(a, x, &buckets);
    histogram_put_text(&text, x);
    buf_free(&text);
    struct histogram_acc *acc = histogram_acc_new(a);
    histogram_acc_start(acc, x);
    if (rnd(2)) {
        histogram_acc_add(acc, y);
        histogram_acc_sum(acc, a, true);
    } else {
        histogram_acc_add_mean(acc, y);
        histogram_acc_mean(acc, a, true);
    }
}

START_TEST(strange)
{
    rng_seed(7);
    for (int i = 0; i < 20000; i++) {
        struct arena *a = arena_new();
        struct err e;
        struct histogram *x = strange_histogram(a);
        bool valid = histogram_validate(x, &e);
        (void)valid;
        use(a, x, rnd(3) ? strange_histogram(a) : histogram_copy(a, x));
        arena_free(&a);
    }
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("histogram");
    TCase *tc = tcase_create("histogram");
    tcase_add_test(tc, golden);
    tcase_add_test(tc, back_to_classic);
    tcase_add_test(tc, strange);
    suite_add_tcase(s, tc);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
