/* test_plan.c - times, step-invariant parts, selections and equal parts of a plan; and the
 * notes a query takes. */
#include "tests/unit/unit.h"

#include "base/arena.h"
#include "query/annotation.h"
#include "query/parse.h"
#include "query/plan.h"
#include "query/print.h"

static struct arena *mem;

static struct plan_opts
range_opts(void)
{
    return (struct plan_opts){.range = true, .start = 1000000, .end = 1600000, .step = 60000,
                              .lookback_ms = 300000, .subquery_step_ms = 60000};
}

static struct plan
plan_of(const char *text, const struct plan_opts *o)
{
    struct parse_opts po = {true, true, true};
    struct expr *root;
    struct plan p;
    struct err e;
    ck_assert_msg(parse_expr(str_of(text), &po, mem, &root, &e), "%s: %s", text, e.text);
    ck_assert_msg(plan_make(&p, root, o, mem, &e), "%s: %s", text, e.text);
    return p;
}

static void
plan_done(struct plan *p)
{
    plan_fini(p);
    parse_free_regexes(p->root);
}

static void
fails(const char *text, const char *want)
{
    struct parse_opts po = {true, true, true};
    struct plan_opts o = range_opts();
    struct expr *root;
    struct plan p;
    struct err e;
    ck_assert_msg(parse_expr(str_of(text), &po, mem, &root, &e), "%s", e.text);
    ck_assert_msg(!plan_make(&p, root, &o, mem, &e), "%s", text);
    ck_assert_str_eq(e.text, want);
    parse_free_regexes(root);
}

START_TEST(test_durations)
{
    struct plan_opts o = range_opts();
    mem = arena_new();
    struct plan p = plan_of("rate(x[step()*5 + 1m] offset -range())", &o);
    ck_assert_uint_eq(p.specs_n, 1);
    plan_done(&p);
    p = plan_of("x[min_of(5m, step()):max_of(10s, 5s)] offset (1m ^ 1)", &o);
    const struct expr *q = p.root;
    ck_assert_int_eq(q->u.subquery.range_ms, 60000);
    ck_assert_int_eq(q->u.subquery.step_ms, 10000);
    ck_assert_int_eq(q->u.subquery.offset_ms, 60000);
    plan_done(&p);
    fails("x[5m - 5m]", "2:9: duration must be greater than 0");
    fails("x[5m/(step()-60)]", "2:15: division by zero");
    fails("x offset (5m % (step()-1m))", "10:25: modulo by zero");
    p = plan_of("start() + end() + step() + range()", &o);
    ck_assert_int_eq(p.root->value, VALUE_SCALAR);
    const struct expr *e = p.root->u.inner; /* numbers do not depend on the step */
    ck_assert(e->u.binary.r->type == EXPR_NUMBER && e->u.binary.r->u.number.v == 600);
    arena_free(&mem);
}
END_TEST

/* The nodes that are evaluated once, as text. */
static void
invariants(const struct expr *e, struct buf *out)
{
    if (e == NULL)
        return;
    if (e->type == EXPR_STEP_INVARIANT) {
        print_expr(out, e->u.inner);
        buf_byte(out, ';');
        return;
    }
    if (e->type == EXPR_BINARY) {
        invariants(e->u.binary.l, out);
        invariants(e->u.binary.r, out);
    }
    for (size_t i = 0; e->type == EXPR_CALL && i < e->u.call.n; i++)
        invariants(e->u.call.args[i], out);
    if (e->type == EXPR_AGGREGATE)
        invariants(e->u.aggregate.e, out);
    if (e->type == EXPR_SUBQUERY)
        invariants(e->u.subquery.e, out);
    if (e->type == EXPR_PAREN)
        invariants(e->u.inner, out);
}

START_TEST(test_invariance)
{
    static const char *const want[][2] = {
        {"x", ""},
        {"x @ 10", "x @ 10.000;"},
        {"x @ 10 + y", "x @ 10.000;"},
        {"x @ 10 + y @ 20", "x @ 10.000 + y @ 20.000;"},
        {"sum(x @ 10) + y", "sum(x @ 10.000);"},
        {"rate(x[5m] @ 10) * 2 + y", "rate(x[5m] @ 10.000) * 2;"},
        {"max_over_time(x[5m:1m] @ 10)", "max_over_time(x[5m:1m] @ 10.000);"},
        {"max_over_time((x @ 10)[5m:1m])", "(x @ 10.000);"},
        {"timestamp(x @ 10)", "timestamp(x @ 10.000);"},
        {"timestamp(abs(x @ 10))", "abs(x @ 10.000);"},
        {"hour(x @ 10)", "x @ 10.000;"},
        {"vector(1) + x", "vector(1);"},
        {"time() + x", ""},
        {"predict_linear(x[5m] @ 10, 60)", ""},
    };
    struct plan_opts o = range_opts();
    mem = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        struct plan p = plan_of(want[i][0], &o);
        struct buf b = {0};
        invariants(p.root, &b);
        ck_assert_msg(strcmp(buf_cstr(&b), want[i][1]) == 0, "%s: %s, not %s", want[i][0],
                      buf_cstr(&b), want[i][1]);
        buf_free(&b);
        plan_done(&p);
    }
    arena_free(&mem);
}
END_TEST

START_TEST(test_selections)
{
    static const struct {
        const char *text;
        size_t n;
        int64_t mint, maxt; /* of the first */
    } want[] = {
        {"x", 1, 1000000 - 299999, 1600000},
        {"x + x", 1, 1000000 - 299999, 1600000},
        {"x + x{a=\"b\"}", 2, 1000000 - 299999, 1600000},
        {"x{a=\"b\",c=\"d\"} + x{c=\"d\",a=\"b\"}", 1, 1000000 - 299999, 1600000},
        {"x - x offset 5m", 1, 700000 - 299999, 1600000},
        {"x - x offset 7d", 2, 1000000 - 299999, 1600000},
        {"rate(x[10m])", 1, 1000000 - 599999, 1600000},
        {"x @ 50", 1, 50000 - 299999, 50000},
        {"x @ end() offset 1m", 1, 1540000 - 299999, 1540000},
        {"max_over_time(x[10m:1m])", 1, 420000 - 299999, 1560000},
        {"max_over_time(x[10m:1m] @ 3600)", 1, 3060000 - 299999, 3600000},
        {"rate(x[5m] anchored)", 1, 1000000 - 599999, 1600000},
        {"rate(x[5m] smoothed)", 1, 1000000 - 599999, 1900000},
        {"info(x)", 2, 1000000 - 299999, 1600000},
    };
    struct plan_opts o = range_opts();
    mem = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        struct plan p = plan_of(want[i].text, &o);
        ck_assert_msg(p.specs_n == want[i].n && p.specs[0].mint == want[i].mint &&
                          p.specs[0].maxt == want[i].maxt,
                      "%s: %zu selections, %lld … %lld", want[i].text, p.specs_n,
                      (long long)p.specs[0].mint, (long long)p.specs[0].maxt);
        ck_assert(!p.specs[0].newest || strchr(want[i].text, '@') != NULL);
        plan_done(&p);
    }
    struct plan_opts now = {.start = 1000000, .end = 1000000, .lookback_ms = 300000,
                            .subquery_step_ms = 60000};
    struct plan p = plan_of("sum(x) + y{a=\"b\"}", &now);
    ck_assert(p.specs[0].newest && p.specs[1].newest);
    plan_done(&p);
    p = plan_of("x + x offset 1m", &now);
    ck_assert(!p.specs[0].newest);
    plan_done(&p);
    arena_free(&mem);
}
END_TEST

START_TEST(test_shared)
{
    static const struct {
        const char *text;
        size_t slots;
    } want[] = {
        {"x + y", 0},
        {"x + x", 1},
        {"sum(rate(x[5m])) / sum(rate(x[5m]))", 1}, /* not also the rates inside */
        {"sum(x) + max(x)", 1},
        {"x + x offset 1m", 0},
        {"x + max_over_time(x[5m:1m])", 0}, /* another grid */
        {"(a + b) * (a + b) + a", 2},
        {"histogram_count(h) + h", 0}, /* one of them without buckets */
    };
    struct plan_opts o = range_opts();
    mem = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        struct plan p = plan_of(want[i].text, &o);
        ck_assert_msg(p.slots_n == want[i].slots, "%s: %zu", want[i].text, p.slots_n);
        plan_done(&p);
    }
    arena_free(&mem);
}
END_TEST

START_TEST(test_annotations)
{
    struct annotations *n = annotations_new(STRL("sum(x) +\n  sum(y)"));
    str *texts;
    mem = arena_new();
    annotate(n, ANNOTATION_INFO, 4, "one %d", 1);
    size_t from = annotations_mark(n);
    annotate(n, ANNOTATION_WARNING, -1, "two");
    annotate(n, ANNOTATION_INFO, 4, "three");
    size_t to = annotations_mark(n);
    ck_assert_uint_eq(annotations_texts(n, ANNOTATION_INFO, 0, mem, &texts), 2);
    ck_lit(texts[0], "PromQL info: one 1 (1:5)");
    ck_lit(texts[1], "PromQL info: three (1:5)");
    annotations_repeat(n, from, to, 11); /* said again of the second sum */
    annotations_texts(n, ANNOTATION_INFO, 0, mem, &texts);
    ck_lit(texts[0], "PromQL info: one 1 (1:5)");
    ck_lit(texts[1], "PromQL info: three (2:7)");
    ck_assert_uint_eq(annotations_texts(n, ANNOTATION_WARNING, 0, mem, &texts), 1);
    ck_lit(texts[0], "PromQL warning: two");
    for (int i = 0; i < 3; i++)
        annotate_forced_monotonicity(n, 0, STRL("m"), 1000 * i, (double[]){1 + i, 5 - i, 0.25 * i});
    annotate_start_overlap(n, 0, STRL("m"));
    annotate_start_overlap(n, 0, STRL("m"));
    annotations_texts(n, ANNOTATION_INFO, 0, mem, &texts);
    ck_lit(texts[0],
           "PromQL info: input to histogram_quantile needed to be fixed for monotonicity (see "
           "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile) "
           "for metric name \"m\", from buckets 1 to 5, with a max diff of 0.5, over 3 samples from "
           "1970-01-01T00:00:00Z to 1970-01-01T00:00:02Z (1:1)");
    annotations_texts(n, ANNOTATION_WARNING, 0, mem, &texts);
    ck_lit(texts[0], "PromQL warning: sample has start time that overlaps with previous sample "
                     "timestamp for metric \"m\" (2 occurrences) (1:1)");
    for (int i = 0; i < 30000; i++)
        annotate(n, ANNOTATION_INFO, 0, "flood %d", i);
    ck_assert_uint_eq(annotations_texts(n, ANNOTATION_INFO, 10, mem, &texts), 11);
    ck_assert(str_ends(texts[10], STRL("more info annotations omitted")));
    annotations_free(&n);
    arena_free(&mem);
}
END_TEST

UNIT_MAIN("plan", test_durations, test_invariance, test_selections, test_shared, test_annotations)
