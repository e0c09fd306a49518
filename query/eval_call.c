#include "query/eval_priv.h"

#include "base/panic.h"
#include "query/fetch.h"

struct fn_call
call_init(struct eval *ev, const struct scope *s, const struct expr *e)
{
    return (struct fn_call){
        .arena = ev->main.arena,
        .grid = &s->grid,
        .call = e,
        .notes = ev->notes,
        .lookback_ms = ev->o.lookback_ms,
        .use_start_times = ev->o.use_start_times,
        .delayed_names = ev->o.delayed_names,
        .type_unit_labels = ev->o.type_unit_labels,
        .eval = ev,
    };
}

bool
fn_poll(const struct fn_call *fc, struct err *e)
{
    return eval_poll(fc->eval, e);
}

bool
eval_info(const struct fn_call *fc, struct vec *out, struct err *e)
{
    struct eval *ev = fc->eval;
    CHECK_MAGIC(ev, EVAL_MAGIC);
    return pipe_info(ev, ev->scope, fc->call, out, e);
}

/* --- functions that look across series --- */

struct whole {
    struct eval *ev;
    const struct scope *s;
    const struct expr *e;
    struct fn_call fc;
    struct vec *vecs;
    uint32_t scalars;
    uint64_t before; /* ev->cur */
};

/* timestamp() and start_timestamp() of a bare selector look at its samples' own times. */
static unsigned
wanted(const struct expr *e, const struct expr *arg)
{
    if (arg->type != EXPR_SELECTOR)
        return 0;
    unsigned flags = e->u.call.fn->flags;
    return (flags & FN_TIMES ? FETCH_TIMES : 0) | (flags & FN_ST ? FETCH_STARTS : 0);
}

static bool
whole_vector(struct whole *w, const struct expr *arg, struct vec *out, struct err *err)
{
    unsigned want = wanted(w->e, arg);
    if (want == 0)
        return eval_vec(w->ev, w->s, arg, out, err);
    if (!pipe_selector_times(w->ev, w->s, arg, want, out, err))
        return false;
    w->ev->cur = w->before; /* seen step by step only */
    return true;
}

static bool
whole_args(struct whole *w, struct err *err)
{
    struct arena *a = w->ev->main.arena;
    const struct expr *e = w->e;
    size_t n = e->u.call.n;
    struct fn_arg *args = ARENA_ZARRAY(a, struct fn_arg, n + 1);
    w->vecs = ARENA_ZARRAY(a, struct vec, n + 1);
    bool info = strcmp(e->u.call.fn->name, "info") == 0;
    for (size_t i = 0; i < n; i++) {
        const struct expr *arg = e->u.call.args[i];
        args[i] = (struct fn_arg){.type = arg->value, .e = arg};
        if (arg->value == VALUE_STRING) {
            while (arg->type == EXPR_PAREN || arg->type == EXPR_STEP_INVARIANT)
                arg = arg->u.inner;
            args[i].string = arg->u.string;
        } else if (arg->value == VALUE_SCALAR) {
            w->scalars++;
            if (!eval_scalar(w->ev, w->s, arg, &args[i].scalar, err))
                return false;
        } else if (!(info && i == 1)) { /* info's second argument only names labels */
            if (!whole_vector(w, arg, &w->vecs[i], err))
                return false;
            args[i].vec = &w->vecs[i];
        }
    }
    w->fc.args = args;
    w->fc.args_n = n;
    return true;
}

static bool
row_any(const struct row *r, size_t steps)
{
    for (size_t i = 0; i < steps; i++)
        if (row_has(r, i))
            return true;
    return false;
}

static bool
whole_names(struct whole *w, struct vec *v, struct err *err)
{
    struct eval *ev = w->ev;
    struct arena *a = ev->main.arena;
    size_t steps = w->s->grid.steps, n = 0, step;
    unsigned flags = w->e->u.call.fn->flags;
    bool keep = flags & FN_KEEP_NAME, merge = flags & FN_MERGE;
    struct row *rows = ARENA_ARRAY(a, struct row, v->n);
    for (size_t i = 0; i < v->n; i++) {
        if (!row_any(&v->v[i], steps))
            continue;
        rows[n] = v->v[i];
        if (!keep)
            row_drop_name(ev, a, &rows[n]);
        n++;
    }
    *v = (struct vec){.v = rows, .n = n, .cap = n};
    if (!merge && (keep || (ev->o.delayed_names && steps == 1)))
        return true;
    if (!vec_has_same_labels(ev, v))
        return true;
    return vec_merge_same(a, v, steps, &step, err);
}

static bool
whole_account(struct whole *w, const struct vec *v, struct err *err)
{
    struct eval *ev = w->ev;
    size_t steps = w->s->grid.steps;
    if (w->e->u.call.fn->flags & FN_MERGE)
        return account_check(ev, err); /* only labels changed: nothing was added */
    struct arena_mark mark = arena_mark(ev->main.arena);
    uint32_t *in = ARENA_ZARRAY(ev->main.arena, uint32_t, steps);
    uint32_t *out = ARENA_ZARRAY(ev->main.arena, uint32_t, steps);
    for (size_t i = 0; i < w->fc.args_n; i++)
        for (size_t k = 0; k < w->vecs[i].n; k++)
            account_steps(&w->vecs[i].v[k], steps, in);
    for (size_t k = 0; k < v->n; k++)
        account_steps(&v->v[k], steps, out);
    struct account_step a = {.before = w->before, .out_total = account_rows(v, steps), .in = in,
                             .out = out, .in_scalars = w->scalars, .steps = steps};
    bool ok = account_operator(ev, &a, err);
    arena_reset(ev->main.arena, mark);
    return ok;
}

static bool
whole_call(struct whole *w, struct vec *out, struct err *err)
{
    struct eval *ev = w->ev;
    struct region scratch = region_new();
    const struct scope *outer = ev->scope;
    w->fc.scratch = scratch.arena;
    ev->scope = w->s;
    *out = (struct vec){0};
    bool ok = w->e->u.call.fn->whole(&w->fc, out, err);
    ev->scope = outer;
    region_free(ev->budget, &scratch);
    return ok && budget_count(ev->budget, &ev->main, place_of(w->e), err);
}

bool
call_whole(struct eval *ev, const struct scope *s, const struct expr *e, struct vec *out,
           struct err *err)
{
    struct whole w = {.ev = ev, .s = s, .e = e, .fc = call_init(ev, s, e), .before = ev->cur};
    return whole_args(&w, err) && whole_call(&w, out, err) && whole_names(&w, out, err) &&
           whole_account(&w, out, err);
}

/* --- absent_over_time --- */

struct presence {
    struct sink sink;
    size_t steps;
    bool *present;
};

static bool
presence_take(struct sink *k, struct row *rows, size_t n, struct err *err)
{
    struct presence *p = (struct presence *)k;
    (void)err;
    for (size_t r = 0; r < n; r++)
        for (size_t i = 0; i < p->steps; i++)
            p->present[i] |= row_has(&rows[r], i);
    return true;
}

bool
call_absent(struct eval *ev, const struct scope *s, const struct expr *e, struct vec *out,
            struct err *err)
{
    struct arena *a = ev->main.arena;
    size_t steps = s->grid.steps, absent = 0;
    struct presence p = {.sink.take = presence_take, .steps = steps};
    p.present = ARENA_ZARRAY(a, bool, steps);
    *out = (struct vec){0};
    if (!pipe_range(ev, s, e, &p.sink, err))
        return false;
    const struct expr *arg = e->u.call.args[0];
    while (arg->type == EXPR_STEP_INVARIANT || arg->type == EXPR_PAREN)
        arg = arg->u.inner;
    struct row r = {.labels = fn_absent_labels(a, arg), .drop_name = true};
    r.v = ARENA_ARRAY(a, double, steps);
    for (size_t i = 0; i < steps; i++) {
        r.v[i] = p.present[i] ? value_stale() : 1;
        absent += !p.present[i];
    }
    if (absent > 0)
        vec_add(a, out, r);
    return true;
}
