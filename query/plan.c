#include "query/plan.h"

#include <math.h>
#include <stdlib.h>

#include "base/fmath.h"
#include "base/panic.h"
#include "query/function.h"
#include "query/plan_priv.h"

static int64_t
sat_sub(int64_t a, int64_t b)
{
    int64_t r;
    if (__builtin_sub_overflow(a, b, &r))
        return b > 0 ? INT64_MIN : INT64_MAX;
    return r;
}

static int64_t
sat_add(int64_t a, int64_t b)
{
    return b == INT64_MIN ? sat_sub(sat_add(a, INT64_MAX), -1 - INT64_MAX) : sat_sub(a, -b);
}

const struct expr *
plan_unparen(const struct expr *e)
{
    while (e != NULL && e->type == EXPR_PAREN)
        e = e->u.inner;
    return e;
}

bool
plan_call_is(const struct expr *e, const char *name)
{
    return e->type == EXPR_CALL && strcmp(e->u.call.fn->name, name) == 0;
}

size_t
plan_children(struct expr *e, struct expr ***slots)
{
    switch (e->type) {
    case EXPR_MATRIX:
        slots[0] = &e->u.matrix.selector;
        return 1;
    case EXPR_SUBQUERY:
        slots[0] = &e->u.subquery.e;
        return 1;
    case EXPR_UNARY:
        slots[0] = &e->u.unary.e;
        return 1;
    case EXPR_BINARY:
        slots[0] = &e->u.binary.l;
        slots[1] = &e->u.binary.r;
        return 2;
    case EXPR_AGGREGATE:
        slots[0] = &e->u.aggregate.e;
        slots[1] = &e->u.aggregate.param;
        return e->u.aggregate.param ? 2 : 1;
    case EXPR_PAREN:
    case EXPR_STEP_INVARIANT:
        slots[0] = &e->u.inner;
        return 1;
    default:
        return 0; /* leaves; calls have any number and are walked by their users */
    }
}

/* --- start(), end(), range(), step() --- */

static struct expr *
fold_context(const struct planner *p, struct expr *e)
{
    const struct plan_opts *o = &p->plan->opts;
    bool instant = o->start == o->end;
    double v;
    if (plan_call_is(e, "start"))
        v = (double)o->start / 1000;
    else if (plan_call_is(e, "end"))
        v = (double)o->end / 1000;
    else if (plan_call_is(e, "range"))
        v = (double)sat_sub(o->end, o->start) / 1000;
    else if (plan_call_is(e, "step"))
        v = instant ? 0 : (double)o->step / 1000;
    else
        return e;
    struct expr *n = ARENA_NEW(p->arena, struct expr);
    *n = (struct expr){.type = EXPR_NUMBER, .value = VALUE_SCALAR, .start = e->start,
                       .end = e->end, .u.number.v = v};
    return n;
}

static struct expr *
fold(const struct planner *p, struct expr *e)
{
    e = fold_context(p, e);
    if (e->type == EXPR_CALL) {
        for (size_t i = 0; i < e->u.call.n; i++)
            e->u.call.args[i] = fold(p, e->u.call.args[i]);
        return e;
    }
    struct expr **child[2];
    size_t n = plan_children(e, child);
    for (size_t i = 0; i < n; i++)
        *child[i] = fold(p, *child[i]);
    return e;
}

/* --- histograms of which only count and sum matter --- */

struct above {
    bool stats;   /* histogram_count, histogram_sum or histogram_avg */
    bool buckets; /* something that looks into buckets, or a subquery, which needs them to
                     see resets */
};

static void
mark_stats(struct expr *e, struct above up)
{
    static const char *const stats[] = {"histogram_count", "histogram_sum", "histogram_avg"};
    static const char *const deep[] = {"histogram_quantile", "histogram_quantiles",
                                       "histogram_fraction"};
    if (e->type == EXPR_SELECTOR)
        e->u.selector.stats_only = up.stats && !up.buckets;
    for (size_t i = 0; i < ARRAY_LEN(stats); i++) {
        up.stats = up.stats || plan_call_is(e, stats[i]);
        up.buckets = up.buckets || plan_call_is(e, deep[i]);
    }
    if (e->type == EXPR_SUBQUERY || (e->type == EXPR_BINARY && (e->u.binary.op == BIN_TRIM_UPPER ||
                                                                e->u.binary.op == BIN_TRIM_LOWER)))
        up.buckets = true;
    for (size_t i = 0; e->type == EXPR_CALL && i < e->u.call.n; i++)
        mark_stats(e->u.call.args[i], up);
    struct expr **child[2];
    size_t n = plan_children(e, child);
    for (size_t i = 0; i < n; i++)
        mark_stats(*child[i], up);
}

/* --- duration expressions --- */

static bool
duration_fail(const struct expr *e, struct err *err, const char *what)
{
    return err_set(err, ERR_PARSE, "%u:%u: %s", e->start, e->end, what);
}

static double
duration_op(enum duration_op op, double l, double r)
{
    switch (op) {
    case DUR_ADD:
        return l + r;
    case DUR_SUB:
        return l - r;
    case DUR_MUL:
        return l * r;
    case DUR_DIV:
        return l / r;
    case DUR_MOD:
        return fmod(l, r);
    case DUR_POW:
        return fmath_pow(l, r);
    case DUR_MIN:
        return fmath_min(l, r);
    case DUR_MAX:
        return fmath_max(l, r);
    case DUR_NEG:
        return -l;
    default:
        return l; /* DUR_POS, DUR_PAREN */
    }
}

static bool
duration_value(const struct planner *p, const struct expr *e, double *out, struct err *err)
{
    if (e->type == EXPR_NUMBER) {
        *out = e->u.number.v;
        return true;
    }
    CHECK(e->type == EXPR_DURATION);
    const struct plan_opts *o = &p->plan->opts;
    enum duration_op op = e->u.duration.op;
    if (op == DUR_LITERAL || op == DUR_STEP || op == DUR_RANGE) {
        *out = op == DUR_LITERAL ? e->u.duration.seconds
               : op == DUR_STEP  ? (double)o->step / 1000
                                 : (double)sat_sub(o->end, o->start) / 1000;
        return true;
    }
    double l = 0, r = 0;
    if (e->u.duration.l != NULL && !duration_value(p, e->u.duration.l, &l, err))
        return false;
    if (e->u.duration.r != NULL && !duration_value(p, e->u.duration.r, &r, err))
        return false;
    bool unary = op == DUR_NEG || op == DUR_POS || op == DUR_PAREN;
    if (unary && e->u.duration.l == NULL)
        l = r;
    if (op == DUR_DIV && r == 0)
        return duration_fail(e, err, "division by zero");
    if (op == DUR_MOD && r == 0)
        return duration_fail(e, err, "modulo by zero");
    *out = duration_op(op, l, r);
    return true;
}

static bool
duration_resolve(const struct planner *p, const struct expr *d, bool may_be_negative, int64_t *ms,
                 struct err *err)
{
    const double seconds_max = 9223372036.854775807;
    double v;
    if (d == NULL)
        return true;
    if (!duration_value(p, d, &v, err))
        return false;
    if (isnan(v) || isinf(v))
        return duration_fail(d, err, "duration is NaN or infinite");
    if (v <= 0 && !may_be_negative)
        return duration_fail(d, err, "duration must be greater than 0");
    if (v > seconds_max || v < -seconds_max)
        return duration_fail(d, err, "duration is out of range");
    *ms = (int64_t)(v * 1000);
    return true;
}

static bool
durations(const struct planner *p, struct expr *e, struct err *err)
{
    if (e->type == EXPR_SELECTOR)
        return duration_resolve(p, e->u.selector.offset_expr, true, &e->u.selector.offset_ms, err);
    if (e->type == EXPR_MATRIX &&
        !duration_resolve(p, e->u.matrix.range_expr, false, &e->u.matrix.range_ms, err))
        return false;
    if (e->type == EXPR_SUBQUERY &&
        (!duration_resolve(p, e->u.subquery.offset_expr, true, &e->u.subquery.offset_ms, err) ||
         !duration_resolve(p, e->u.subquery.step_expr, false, &e->u.subquery.step_ms, err) ||
         !duration_resolve(p, e->u.subquery.range_expr, false, &e->u.subquery.range_ms, err)))
        return false;
    if (e->type == EXPR_CALL) {
        for (size_t i = 0; i < e->u.call.n; i++)
            if (!durations(p, e->u.call.args[i], err))
                return false;
        return true;
    }
    struct expr **child[2];
    size_t n = plan_children(e, child);
    for (size_t i = 0; i < n; i++)
        if (!durations(p, *child[i], err))
            return false;
    return true;
}

/* --- what does not depend on the step --- */

struct invariance {
    bool invariant; /* the whole expression is */
    bool wrap;      /* and gains from being wrapped (literals do not) */
};

static struct invariance invariance(const struct planner *p, struct expr *e);

static void
at_resolve(const struct planner *p, enum at_kind *at, int64_t *at_ms)
{
    if (*at == AT_START || *at == AT_END) {
        *at_ms = *at == AT_START ? p->plan->opts.start : p->plan->opts.end;
        *at = AT_TIME;
    }
}

static void
wrap(const struct planner *p, struct expr **slot)
{
    struct expr *w = ARENA_NEW(p->arena, struct expr);
    *w = (struct expr){.type = EXPR_STEP_INVARIANT, .value = (*slot)->value,
                       .start = (*slot)->start, .end = (*slot)->end, .u.inner = *slot};
    *slot = w;
}

static void
unparen(struct expr **slot)
{
    while (*slot != NULL && (*slot)->type == EXPR_PAREN)
        *slot = (*slot)->u.inner;
}

static struct invariance
invariance_binary(const struct planner *p, struct expr *e)
{
    struct invariance l = invariance(p, e->u.binary.l);
    struct invariance r = invariance(p, e->u.binary.r);
    if (l.invariant && r.invariant)
        return (struct invariance){true, true};
    if (l.wrap)
        wrap(p, &e->u.binary.l);
    if (r.wrap)
        wrap(p, &e->u.binary.r);
    return (struct invariance){false, false};
}

/* timestamp() depends on the step in general, but not when its argument is a selector
 * with @. */
static struct invariance
invariance_call(const struct planner *p, struct expr *e)
{
    struct expr **args = e->u.call.args;
    size_t n = e->u.call.n;
    bool timestamp = plan_call_is(e, "timestamp");
    bool all = !(e->u.call.fn->flags & FN_AT_DEPENDENT);
    bool *wraps = ARENA_ZARRAY(p->arena, bool, n + 1);
    for (size_t i = 0; i < n; i++) {
        unparen(&args[i]);
        struct invariance v = invariance(p, args[i]);
        wraps[i] = v.wrap;
        all = all && v.invariant;
        timestamp = timestamp && v.invariant && args[i]->type == EXPR_SELECTOR;
    }
    if (all || timestamp)
        return (struct invariance){true, true};
    for (size_t i = 0; i < n; i++)
        if (wraps[i])
            wrap(p, &args[i]);
    return (struct invariance){false, false};
}

static struct invariance
invariance_subquery(const struct planner *p, struct expr *e)
{
    struct invariance inner = invariance(p, e->u.subquery.e);
    if (inner.invariant)
        wrap(p, &e->u.subquery.e);
    at_resolve(p, &e->u.subquery.at, &e->u.subquery.at_ms);
    bool at = e->u.subquery.at != AT_NONE;
    return (struct invariance){at, at};
}

static struct invariance
invariance(const struct planner *p, struct expr *e)
{
    switch (e->type) {
    case EXPR_SELECTOR: {
        at_resolve(p, &e->u.selector.at, &e->u.selector.at_ms);
        bool at = e->u.selector.at != AT_NONE;
        return (struct invariance){at, at};
    }
    case EXPR_MATRIX: /* read by the function it is an argument of */
        return (struct invariance){invariance(p, e->u.matrix.selector).invariant, false};
    case EXPR_SUBQUERY:
        return invariance_subquery(p, e);
    case EXPR_AGGREGATE:
        unparen(&e->u.aggregate.e);
        unparen(&e->u.aggregate.param);
        if (e->u.aggregate.param != NULL && invariance(p, e->u.aggregate.param).wrap)
            wrap(p, &e->u.aggregate.param);
        return invariance(p, e->u.aggregate.e); /* the parameter of the first step then counts */
    case EXPR_BINARY:
        return invariance_binary(p, e);
    case EXPR_CALL:
        return invariance_call(p, e);
    case EXPR_PAREN:
        return invariance(p, e->u.inner);
    case EXPR_UNARY:
        return invariance(p, e->u.unary.e);
    case EXPR_NUMBER:
    case EXPR_STRING:
        return (struct invariance){true, false};
    default:
        UNREACHABLE(); /* step-invariant and duration nodes are not the parser's */
    }
}

/* --- times --- */

int64_t
plan_selector_time(const struct expr *e, int64_t t)
{
    CHECK(e->type == EXPR_SELECTOR);
    return sat_sub(e->u.selector.at == AT_TIME ? e->u.selector.at_ms : t, e->u.selector.offset_ms);
}

int64_t
plan_subquery_time(const struct expr *e, int64_t t)
{
    CHECK(e->type == EXPR_SUBQUERY);
    return sat_sub(e->u.subquery.at == AT_TIME ? e->u.subquery.at_ms : t, e->u.subquery.offset_ms);
}

struct grid
plan_subquery_grid(const struct plan_opts *o, const struct expr *e, const struct grid *outer)
{
    int64_t step = e->u.subquery.step_ms ? e->u.subquery.step_ms : o->subquery_step_ms;
    if (outer->steps == 0)
        return (struct grid){.start = outer->start, .step = step};
    int64_t left = sat_sub(plan_subquery_time(e, outer->start), e->u.subquery.range_ms);
    int64_t end = plan_subquery_time(e, grid_time(outer, outer->steps - 1));
    int64_t start = left / step * step;
    if (start <= left)
        start = sat_add(start, step);
    struct grid g = {.start = start, .step = step};
    if (end >= start)
        g.steps = (size_t)(((uint64_t)end - (uint64_t)start) / (uint64_t)step) + 1;
    return g;
}

static struct grid
top_grid(const struct plan_opts *o)
{
    struct grid g = {.start = o->start, .step = o->step > 0 ? o->step : 1, .steps = 1};
    if (o->range && o->end >= o->start)
        g.steps = (size_t)(((uint64_t)o->end - (uint64_t)o->start) / (uint64_t)g.step) + 1;
    return g;
}

bool
plan_make(struct plan *plan, struct expr *root, const struct plan_opts *o, struct arena *a,
          struct err *err)
{
    *plan = (struct plan){.opts = *o, .grid = top_grid(o)};
    struct planner p = {.plan = plan, .arena = a};
    mark_stats(root, (struct above){0});
    root = fold(&p, root);
    if (!durations(&p, root, err))
        return false;
    plan->root = root;
    if (invariance(&p, root).wrap)
        wrap(&p, &plan->root);
    if (!plan_select(&p, plan->root, &plan->grid, err))
        return false;
    plan_share(&p);
    return true;
}

void
plan_fini(struct plan *p)
{
    for (size_t i = 0; i < p->infos_n; i++)
        if (p->infos[i].owned != NULL)
            matcher_fini(p->infos[i].owned);
    p->infos_n = 0;
}
