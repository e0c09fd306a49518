/* promqltest_eval.c - runs an eval command in all its variants. */
#include "query/promqltest_priv.h"

#include "base/panic.h"
#include "query/function.h"
#include "query/print.h"

/* Functions whose result changes with the query around them although their arguments are
 * pinned by @. */
static bool
depends_on_time(const struct function *fn)
{
    static const char *const names[] = {"end", "range", "start", "step"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_eq(str_of(fn->name), str_of(names[i])))
            return true;
    }
    return (fn->flags & FN_AT_DEPENDENT) != 0;
}

static bool pin(struct expr *e, int64_t t);

static bool
pin_all(struct expr **e, size_t n, int64_t t)
{
    bool pinned = true;
    for (size_t i = 0; i < n; i++)
        pinned = pin(e[i], t) && pinned;
    return pinned;
}

/* Pins every selector and subquery that has no time to t; what is inside a subquery is
 * pinned with it.  False if a function outside of them depends on the time anyway. */
static bool
pin(struct expr *e, int64_t t)
{
    switch (e->type) {
    case EXPR_SELECTOR:
        if (e->u.selector.at != AT_TIME) {
            e->u.selector.at = AT_TIME;
            e->u.selector.at_ms = t;
        }
        return true;
    case EXPR_MATRIX: return pin(e->u.matrix.selector, t);
    case EXPR_SUBQUERY:
        if (e->u.subquery.at != AT_TIME) {
            e->u.subquery.at = AT_TIME;
            e->u.subquery.at_ms = t;
        }
        return true;
    case EXPR_UNARY: return pin(e->u.unary.e, t);
    case EXPR_BINARY: return pin_all((struct expr *[]){e->u.binary.l, e->u.binary.r}, 2, t);
    case EXPR_AGGREGATE:
        return pin_all((struct expr *[]){e->u.aggregate.e, e->u.aggregate.param},
                       e->u.aggregate.param ? 2 : 1, t);
    case EXPR_CALL: {
        bool pinned = pin_all(e->u.call.args, e->u.call.n, t);
        return pinned && !depends_on_time(e->u.call.fn);
    }
    case EXPR_PAREN:
    case EXPR_STEP_INVARIANT: return pin(e->u.inner, t);
    case EXPR_NUMBER:
    case EXPR_STRING:
    case EXPR_DURATION: break;
    }
    return true;
}

/* The expression with its selectors pinned, or empty if that would change its meaning. */
static str
pinned_text(struct script *s, const struct eval_case *c)
{
    struct parse_opts all = {true, true, true};
    struct expr *e;
    struct err bad;
    struct buf b = {0};
    str text = STR_EMPTY;
    if (!parse_expr(c->expr, &all, s->arena, &e, &bad))
        return text;
    if (pin(e, c->at)) {
        print_expr(&b, e);
        text = arena_str(s->arena, buf_str(&b));
    }
    parse_free_regexes(e);
    buf_free(&b);
    return text;
}

/* Words whose value depends on the query around them. */
static bool
mentions_context(str text)
{
    static const char *const calls[] = {"start()", "end()", "range()", "step()"};
    for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
        if (text.n && memmem(text.p, text.n, calls[i], strlen(calls[i])))
            return true;
    }
    return false;
}

static void
fail(struct script *s, const struct eval_case *c, str text, const char *mode, const struct err *e)
{
    script_fail(s, c->line, "%.*s%s: %s", STR_ARG(text), mode, e->text);
}

/* The same query as the middle step of a range query. */
static bool
run_as_range(struct script *s, struct eval_case *c, str text, int64_t at, bool scalar)
{
    struct query_request r = {.text = text, .range = true, .start = at - 60000, .end = at + 60000,
                              .step = 60000};
    struct query *q = NULL;
    struct err e;
    bool good = engine_run(s->engine, &r, &q, &e);
    if (good && !eval_case_expects(c, EXPECT_ORDERED))
        good = compare_middle(c, query_value(q), scalar, s->arena, &e);
    if (!good)
        fail(s, c, text, " (in range mode)", &e);
    query_free(&q);
    return good;
}

/* What came of a query; the message says what is wrong with it. */
static bool
judge(struct script *s, struct eval_case *c, bool answered, const struct query *q, struct err *e)
{
    bool want_failure = eval_case_expects(c, EXPECT_FAIL);
    struct err actual;
    if (!answered && want_failure) {
        actual = *e;
        return compare_failure(c, &actual, e);
    }
    if (!answered)
        return err_prefix(e, "error evaluating query: ");
    if (want_failure)
        return err_set(e, ERR_BAD_DATA, "expected an error but got none");
    return compare_annotations(c, q, e) && compare_value(c, query_value(q), s->arena, e);
}

static bool
run_instant(struct script *s, struct eval_case *c, str text, int64_t at)
{
    struct query_request r = {.text = text, .start = at, .end = at};
    struct query *q = NULL;
    struct err e;
    bool answered = engine_run(s->engine, &r, &q, &e);
    bool good = judge(s, c, answered, q, &e);
    bool scalar = answered && query_value(q)->type == VALUE_SCALAR;
    if (!good)
        fail(s, c, text, "", &e);
    query_free(&q);
    bool ranges = !c->range_vector && !c->has_string && !mentions_context(text);
    if (good && answered && ranges)
        good = run_as_range(s, c, text, at, scalar);
    return good;
}

static bool
run_instants(struct script *s, struct eval_case *c)
{
    int64_t t = c->at;
    int64_t times[] = {-10 * t, 0, t / 5, t, 10 * t};
    size_t n = ARRAY_LEN(times);
    if (t == 0) {
        times[0] = -1000;
        times[2] = 1000;
        n = 3;
    }
    if (!run_instant(s, c, c->expr, t))
        return false;
    str pinned = pinned_text(s, c);
    for (size_t i = 0; pinned.n > 0 && i < n; i++) {
        if (!run_instant(s, c, pinned, times[i]))
            return false;
    }
    return true;
}

static bool
run_range(struct script *s, struct eval_case *c)
{
    struct query_request r = {.text = c->expr, .range = true, .start = c->start, .end = c->end,
                              .step = c->step};
    struct query *q = NULL;
    struct err e;
    bool answered = engine_run(s->engine, &r, &q, &e);
    bool good = judge(s, c, answered, q, &e);
    if (!good)
        fail(s, c, c->expr, "", &e);
    query_free(&q);
    return good;
}

void
script_eval(struct script *s, struct eval_case *c)
{
    if (c->range ? run_range(s, c) : run_instants(s, c))
        s->count->passed++;
}
