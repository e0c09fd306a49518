#include "query/pipe_priv.h"

#include "base/panic.h"

void
pipe_init(struct pipe *p, struct eval *ev, const struct scope *s, const struct expr *e)
{
    *p = (struct pipe){.ev = ev, .s = s, .e = e, .steps = s->grid.steps, .cur_before = ev->cur};
}

size_t
pipe_series_count(const struct pipe *p)
{
    return p->source == SOURCE_ROWS || p->subquery != NULL ? p->rows.n : p->sel.n;
}

struct labels
pipe_series_labels(const struct pipe *p, size_t k)
{
    return p->source == SOURCE_ROWS || p->subquery != NULL ? p->rows.v[k].labels
                                                           : p->sel.v[k].labels;
}

/* The argument that makes the call a stage: the first vector. */
static size_t
vector_arg(const struct expr *call)
{
    size_t i = 0;
    while (i < call->u.call.n && call->u.call.args[i]->value != VALUE_VECTOR)
        i++;
    return i;
}

static bool
binary_with_scalar(const struct expr *e)
{
    return e->type == EXPR_BINARY && e->value == VALUE_VECTOR &&
           (e->u.binary.l->value == VALUE_SCALAR || e->u.binary.r->value == VALUE_SCALAR);
}

bool
pipe_fits(const struct eval *ev, const struct scope *s, const struct expr *e)
{
    (void)ev;
    e = plan_unparen(e);
    switch (e->type) {
    case EXPR_SELECTOR:
        return true;
    case EXPR_UNARY:
        return e->value == VALUE_VECTOR;
    case EXPR_BINARY:
        return binary_with_scalar(e);
    case EXPR_CALL:
        return (e->u.call.fn->kind == FN_RANGE && !(e->u.call.fn->flags & FN_ABSENT)) ||
               e->u.call.fn->kind == FN_ROW;
    case EXPR_STEP_INVARIANT:
        return s->grid.steps <= 1 && e->value == VALUE_VECTOR && pipe_fits(ev, s, e->u.inner);
    default:
        return false;
    }
}

/* --- arguments --- */

static bool
arg_eval(struct pipe *p, const struct expr *e, struct fn_arg *arg, uint32_t *scalars,
         struct err *err)
{
    *arg = (struct fn_arg){.type = e->value, .e = e};
    const struct expr *inner = plan_unparen(e);
    while (inner->type == EXPR_STEP_INVARIANT)
        inner = plan_unparen(inner->u.inner);
    if (e->value == VALUE_STRING)
        arg->string = inner->u.string;
    if (e->value != VALUE_SCALAR)
        return true;
    uint64_t cur = p->ev->cur;
    if (!eval_scalar(p->ev, p->s, e, &arg->scalar, err))
        return false;
    p->ev->cur = cur; /* counted where they are used */
    ++*scalars;
    return true;
}

static bool
args_eval(struct pipe *p, const struct expr *call, struct fn_call *fc, uint32_t *scalars,
          struct err *err)
{
    *fc = call_init(p->ev, p->s, call);
    struct fn_arg *args = ARENA_ZARRAY(p->ev->main.arena, struct fn_arg, call->u.call.n + 1);
    fc->args = args;
    fc->args_n = call->u.call.n;
    for (size_t i = 0; i < call->u.call.n; i++)
        if (!arg_eval(p, call->u.call.args[i], &args[i], scalars, err))
            return false;
    return true;
}

/* --- stages --- */

static void
stage_push(struct pipe *p, struct stage st)
{
    arena_grow(p->ev->main.arena, &p->stages, &p->stages_cap, p->stages_n + 1, sizeof(st));
    p->stages[p->stages_n++] = st;
}

static bool
stage_binary(struct pipe *p, const struct expr *e, struct err *err)
{
    bool left = e->u.binary.l->value == VALUE_SCALAR;
    struct stage st = {.kind = STAGE_SCALAR, .e = e, .scalar_left = left, .scalars = 1};
    st.drops_name = binop_drops_name(e->u.binary.op) || e->u.binary.return_bool;
    uint64_t cur = p->ev->cur;
    if (!eval_scalar(p->ev, p->s, left ? e->u.binary.l : e->u.binary.r, &st.scalar, err))
        return false;
    st.counted = left;
    if (!left)
        p->ev->cur = cur;
    stage_push(p, st);
    return true;
}

static bool
stage_call(struct pipe *p, const struct expr *e, struct err *err)
{
    struct stage st = {.kind = STAGE_FUNCTION, .e = e};
    st.drops_name = !(e->u.call.fn->flags & FN_KEEP_NAME);
    if (!args_eval(p, e, &st.call, &st.scalars, err))
        return false;
    stage_push(p, st);
    return true;
}

/* --- sources --- */

static void
source_selection(struct pipe *p, const struct expr *sel, int64_t reach_ms)
{
    const struct grid *g = &p->s->grid;
    int64_t lookback = p->ev->o.lookback_ms;
    p->selector = sel;
    p->selection_id = sel->u.selector.id;
    p->sel = view_selection(p->ev->view, p->selection_id);
    p->at = (struct fetch_steps){.t0 = plan_selector_time(sel, g->start),
                                 .dt = sel->u.selector.at == AT_TIME ? 0 : g->step,
                                 .n = g->steps};
    p->reach_ms = reach_ms;
    if (p->source == SOURCE_INSTANT) {
        p->mint = p->at.t0 - lookback + 1;
        p->maxt = p->at.t0 + (int64_t)(g->steps - 1) * p->at.dt +
                  (sel->u.selector.smoothed ? lookback : 0);
        return;
    }
    if (sel->u.selector.anchored || sel->u.selector.smoothed)
        p->reach_ms += lookback;
    if (sel->u.selector.smoothed) {
        p->reach_ms += lookback;
        p->at.t0 += lookback;
    }
    p->mint = p->at.t0 - p->reach_ms + 1;
    p->maxt = p->at.t0 + (int64_t)(g->steps - 1) * p->at.dt;
}

static bool
source_subquery(struct pipe *p, const struct expr *sub, struct err *err)
{
    const struct grid *g = &p->s->grid;
    p->subquery = sub;
    p->at = (struct fetch_steps){.t0 = plan_subquery_time(sub, g->start),
                                 .dt = sub->u.subquery.at == AT_TIME ? 0 : g->step,
                                 .n = g->steps};
    p->reach_ms = sub->u.subquery.range_ms;
    uint64_t cur = p->ev->cur;
    if (!scope_subquery(p->ev, p->s, sub, true, &p->rows, &p->sub_grid, err))
        return false;
    p->sub_weight = p->ev->cur - cur;
    return true;
}

static bool
extended_check(const struct expr *sel, const struct function *fn, struct err *err)
{
    static const char *const safe[] = {"changes", "delta", "increase", "rate", "resets"};
    bool anchored = sel->u.selector.anchored, found = false;
    if (!anchored && !sel->u.selector.smoothed)
        return true;
    for (size_t i = 0; i < ARRAY_LEN(safe); i++)
        if (strcmp(fn->name, safe[i]) == 0)
            found = anchored || (i >= 1 && i <= 3);
    if (found)
        return true;
    return err_set(err, ERR_EXEC, "%s modifier can only be used with: %s - not with %s",
                   anchored ? "anchored" : "smoothed",
                   anchored ? "changes, delta, increase, rate, resets" : "delta, increase, rate",
                   fn->name);
}

bool
pipe_build_range(struct pipe *p, struct eval *ev, const struct scope *s, const struct expr *call,
                 struct err *err)
{
    if (p->ev == NULL)
        pipe_init(p, ev, s, call);
    const struct function *fn = call->u.call.fn;
    const struct expr *range = NULL;
    for (size_t i = 0; i < call->u.call.n && range == NULL; i++)
        if (call->u.call.args[i]->value == VALUE_MATRIX)
            range = call->u.call.args[i];
    CHECK(range != NULL);
    while (range->type == EXPR_STEP_INVARIANT || range->type == EXPR_PAREN)
        range = range->u.inner;
    p->source = SOURCE_RANGE;
    p->call = call;
    p->range_drops_name = !(fn->flags & FN_KEEP_NAME);
    if (range->type == EXPR_SUBQUERY) {
        if (!source_subquery(p, range, err))
            return false;
    } else {
        CHECK(range->type == EXPR_MATRIX);
        const struct expr *sel = range->u.matrix.selector;
        if (!extended_check(sel, fn, err))
            return false;
        source_selection(p, sel, range->u.matrix.range_ms);
    }
    if (!args_eval(p, call, &p->range_call, &p->range_scalars, err))
        return false;
    struct fn_call *fc = &p->range_call;
    fc->anchored = p->selector != NULL && p->selector->u.selector.anchored;
    fc->smoothed = p->selector != NULL && p->selector->u.selector.smoothed;
    fc->range_ms = range->type == EXPR_SUBQUERY ? range->u.subquery.range_ms
                                                : range->u.matrix.range_ms;
    fc->end0 = fc->smoothed ? p->at.t0 - ev->o.lookback_ms : p->at.t0;
    return true;
}

/* hour() and its like work on the evaluation times. */
static void
source_times(struct pipe *p)
{
    struct arena *a = p->ev->main.arena;
    struct row r = {.labels = LABELS_EMPTY, .v = ARENA_ARRAY(a, double, p->steps)};
    for (size_t i = 0; i < p->steps; i++)
        r.v[i] = (double)grid_time(&p->s->grid, i) / 1000;
    p->source = SOURCE_ROWS;
    vec_add(a, &p->rows, r);
    p->rows_fresh = p->rows_made = true;
}

static bool
source_of(struct pipe *p, const struct expr *e, struct err *err)
{
    if (e->type == EXPR_SELECTOR) {
        p->source = SOURCE_INSTANT;
        source_selection(p, e, p->ev->o.lookback_ms);
        return true;
    }
    if (e->type == EXPR_CALL && e->u.call.fn->kind == FN_RANGE)
        return pipe_build_range(p, p->ev, p->s, e, err);
    p->source = SOURCE_ROWS;
    return eval_vec(p->ev, p->s, e, &p->rows, err);
}

static void
stages_turn_round(struct pipe *p)
{
    for (size_t i = 0, j = p->stages_n; i + 1 < j; i++) {
        struct stage t = p->stages[--j];
        p->stages[j] = p->stages[i];
        p->stages[i] = t;
    }
}

bool
pipe_build(struct pipe *p, struct eval *ev, const struct scope *s, const struct expr *e,
           struct err *err)
{
    pipe_init(p, ev, s, e);
    const struct expr *at = e;
    for (;;) {
        if (at != e && plan_slot(ev->plan, at) != SIZE_MAX)
            break;
        if (at->type == EXPR_PAREN || (at->type == EXPR_STEP_INVARIANT && s->grid.steps <= 1)) {
            at = at->u.inner;
        } else if (at->type == EXPR_UNARY) {
            if (at->u.unary.negate)
                stage_push(p, (struct stage){.kind = STAGE_NEGATE, .e = at, .drops_name = true});
            at = at->u.unary.e;
        } else if (binary_with_scalar(at)) {
            if (!stage_binary(p, at, err))
                return false;
            at = p->stages[p->stages_n - 1].scalar_left ? at->u.binary.r : at->u.binary.l;
        } else if (at->type == EXPR_CALL && at->u.call.fn->kind == FN_ROW) {
            if (!stage_call(p, at, err))
                return false;
            size_t arg = vector_arg(at);
            if (arg == at->u.call.n) {
                stages_turn_round(p);
                source_times(p);
                return true;
            }
            at = at->u.call.args[arg];
        } else {
            break;
        }
    }
    stages_turn_round(p);
    if (at != e && plan_slot(ev->plan, at) != SIZE_MAX) {
        p->source = SOURCE_ROWS;
        return eval_vec(ev, s, at, &p->rows, err);
    }
    return source_of(p, at, err);
}
