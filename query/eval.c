#include "query/eval_priv.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/panic.h"

struct eval *
eval_new(const struct eval_env *env, const struct eval_opts *o)
{
    struct eval *ev = MEM_NEW(struct eval);
    ev->magic = EVAL_MAGIC;
    ev->o = *o;
    ev->plan = env->plan;
    ev->view = env->view;
    ev->pool = env->pool;
    ev->budget = env->budget;
    ev->notes = env->notes;
    ev->main = region_new();
    ev->memos = ARENA_ZARRAY(ev->main.arena, struct memo, ev->plan->slots_n + 1);
    return ev;
}

void
eval_free(struct eval **ev_ptr)
{
    struct eval *ev = *ev_ptr;
    if (ev == NULL)
        return;
    CHECK_MAGIC(ev, EVAL_MAGIC);
    for (size_t i = 0; i < ev->kept_n; i++)
        region_free(ev->budget, &ev->kept[i]);
    mem_free(ev->kept);
    region_free(ev->budget, &ev->main);
    ev->magic = 0;
    mem_free(ev);
    *ev_ptr = NULL;
}

bool
eval_poll(const struct eval *ev, struct err *err)
{
    return budget_poll(ev->budget, "expression evaluation", err);
}

/* --- explain --- */

struct watch {
    size_t node; /* SIZE_MAX: nobody asked */
    int64_t start_ns;
};

static const char *
node_name(const struct expr *e)
{
    switch (e->type) {
    case EXPR_SELECTOR:
        return "selector";
    case EXPR_CALL:
        return e->u.call.fn->name;
    case EXPR_AGGREGATE:
        return aggregation_text(e->u.aggregate.op);
    case EXPR_BINARY:
        return binop_text(e->u.binary.op);
    case EXPR_UNARY:
        return e->u.unary.negate ? "-" : "+";
    case EXPR_STEP_INVARIANT:
        return "evaluated once";
    default:
        return "expression";
    }
}

static struct watch
watch_start(struct eval *ev, const struct expr *e)
{
    struct watch w = {.node = SIZE_MAX};
    if (!ev->o.explain || e->type == EXPR_PAREN)
        return w;
    arena_grow(ev->main.arena, &ev->nodes, &ev->nodes_cap, ev->nodes_n + 1, sizeof(*ev->nodes));
    w.node = ev->nodes_n++;
    w.start_ns = clock_mono_ns();
    ev->nodes[w.node] = (struct query_node){.e = e, .depth = ev->depth++, .what = node_name(e)};
    return w;
}

static void
watch_stop(struct eval *ev, const struct watch *w, uint64_t series, uint64_t samples)
{
    if (w->node == SIZE_MAX)
        return;
    struct query_node *n = &ev->nodes[w->node];
    ev->depth--;
    n->seconds = (double)(clock_mono_ns() - w->start_ns) / 1e9;
    n->series = series;
    n->samples = samples;
    n->bytes = atomic_load_explicit(&ev->budget->bytes, memory_order_relaxed);
}

/* Counts what passes on to another sink. */
struct counter {
    struct sink sink;
    struct sink *to;
    size_t steps;
    uint64_t series, samples;
};

static bool
counter_take(struct sink *k, struct row *rows, size_t n, struct err *err)
{
    struct counter *c = (struct counter *)k;
    c->series += n;
    for (size_t i = 0; i < n; i++)
        c->samples += account_row(&rows[i], c->steps);
    return c->to->take(c->to, rows, n, err);
}

/* --- equal expressions --- */

enum { MEMO_STREAM_BYTES = 32 << 20 };

/* Rows that would only stream by are not kept for a second use if they are many. */
static bool
memo_worth(const struct eval *ev, const struct scope *s, const struct expr *e)
{
    while (e->type == EXPR_CALL && e->u.call.n > 0 && e->u.call.fn->kind != FN_WHOLE)
        e = e->u.call.args[e->u.call.n - 1];
    if (e->type == EXPR_MATRIX)
        e = e->u.matrix.selector;
    if (e->type != EXPR_SELECTOR)
        return true;
    size_t series = view_selection(ev->view, e->u.selector.id).n;
    return series * s->grid.steps * sizeof(double) <= MEMO_STREAM_BYTES;
}

static void
memo_reuse(struct eval *ev, const struct scope *s, const struct expr *e, const struct memo *m,
           struct vec *out)
{
    *out = m->vec;
    ev->peak = MAX(ev->peak, ev->cur + m->peak);
    ev->cur += m->cur;
    tally_add(s->tally, &m->tally, s->grid.steps);
    annotations_repeat(ev->notes, m->said_from, m->said_to, (int64_t)e->start - m->start);
    struct watch w = watch_start(ev, e);
    watch_stop(ev, &w, m->vec.n, m->cur);
    if (w.node != SIZE_MAX)
        ev->nodes[w.node].reused = true;
}

static bool eval_node(struct eval *ev, const struct scope *s, const struct expr *e,
                      struct vec *out, struct err *err);

static bool
memo_fill(struct eval *ev, const struct scope *s, const struct expr *e, struct memo *m,
          struct err *err)
{
    struct tally tally = tally_new(ev->main.arena, s->grid.steps, s->tally->total_step != NULL);
    struct scope inner = {.grid = s->grid, .tally = &tally};
    uint64_t before = ev->cur, peak = ev->peak;
    ev->peak = before;
    m->said_from = annotations_mark(ev->notes);
    if (!eval_node(ev, &inner, e, &m->vec, err))
        return false;
    m->peak = ev->peak - before;
    ev->peak = MAX(ev->peak, peak);
    m->said_to = annotations_mark(ev->notes);
    m->cur = ev->cur - before;
    m->tally = tally;
    m->start = e->start;
    m->filled = true;
    tally_add(s->tally, &tally, s->grid.steps);
    return true;
}

static struct memo *
memo_of(struct eval *ev, const struct scope *s, const struct expr *e)
{
    size_t slot = plan_slot(ev->plan, e);
    if (slot == SIZE_MAX)
        return NULL;
    struct memo *m = &ev->memos[slot];
    return m->filled || memo_worth(ev, s, e) ? m : NULL;
}

/* --- nodes --- */

static bool
eval_kind(struct eval *ev, const struct scope *s, const struct expr *e, struct vec *out,
          struct err *err)
{
    if (pipe_fits(ev, s, e))
        return pipe_vec(ev, s, e, out, err);
    switch (e->type) {
    case EXPR_PAREN:
        return eval_vec(ev, s, e->u.inner, out, err);
    case EXPR_STEP_INVARIANT:
        return scope_invariant(ev, s, e, out, err);
    case EXPR_BINARY:
        return binary_vectors(ev, s, e, out, err);
    case EXPR_AGGREGATE:
        return aggregate(ev, s, e, out, err);
    case EXPR_CALL:
        return e->u.call.fn->flags & FN_ABSENT ? call_absent(ev, s, e, out, err)
                                               : call_whole(ev, s, e, out, err);
    default:
        UNREACHABLE();
    }
}

/* A scalar as a vector of one row: what a subquery over scalars, or a range query, sees. */
static bool
eval_scalar_row(struct eval *ev, const struct scope *s, const struct expr *e, struct vec *out,
                struct err *err)
{
    struct row *r = ARENA_NEW(ev->main.arena, struct row);
    const double *v;
    if (!eval_scalar(ev, s, e, &v, err))
        return false;
    r->v = (double *)v;
    *out = (struct vec){.v = r, .n = s->grid.steps > 0, .cap = 1};
    return true;
}

static bool
eval_node(struct eval *ev, const struct scope *s, const struct expr *e, struct vec *out,
          struct err *err)
{
    struct watch w = watch_start(ev, e);
    *out = (struct vec){0};
    bool ok = eval_poll(ev, err) && (s->grid.steps == 0 || eval_kind(ev, s, e, out, err));
    watch_stop(ev, &w, out->n, ok && w.node != SIZE_MAX ? account_rows(out, s->grid.steps) : 0);
    return ok;
}

bool
eval_vec(struct eval *ev, const struct scope *s, const struct expr *e, struct vec *out,
         struct err *err)
{
    if (e->value == VALUE_SCALAR)
        return eval_scalar_row(ev, s, e, out, err);
    CHECK(e->value == VALUE_VECTOR);
    struct memo *m = memo_of(ev, s, e);
    if (m == NULL)
        return eval_node(ev, s, e, out, err);
    if (m->filled) {
        memo_reuse(ev, s, e, m, out);
        return true;
    }
    if (!memo_fill(ev, s, e, m, err))
        return false;
    *out = m->vec;
    return true;
}

static bool
stream(struct eval *ev, const struct scope *s, const struct expr *e, struct sink *k,
       struct err *err)
{
    struct watch w = watch_start(ev, e);
    struct counter c = {.sink = {.take = counter_take, .keeps = k->keeps}, .to = k,
                        .steps = s->grid.steps};
    bool ok = pipe_rows(ev, s, e, w.node != SIZE_MAX ? &c.sink : k, err);
    watch_stop(ev, &w, c.series, c.samples);
    return ok;
}

bool
eval_rows(struct eval *ev, const struct scope *s, const struct expr *e, struct sink *k,
          struct err *err)
{
    struct vec v;
    while (e->type == EXPR_PAREN)
        e = e->u.inner;
    if (!eval_poll(ev, err))
        return false;
    if (s->grid.steps > 0 && pipe_fits(ev, s, e) && memo_of(ev, s, e) == NULL)
        return stream(ev, s, e, k, err);
    return eval_vec(ev, s, e, &v, err) && (v.n == 0 || k->take(k, v.v, v.n, err));
}

/* --- scalars --- */

static bool
scalar_const(struct eval *ev, const struct scope *s, double value, const double **out,
             struct err *err)
{
    double *v = ARENA_ARRAY(ev->main.arena, double, s->grid.steps);
    for (size_t i = 0; i < s->grid.steps; i++)
        v[i] = value;
    *out = v;
    return account_scalar(ev, ev->cur, 0, s->grid.steps, err);
}

static bool
scalar_binary(struct eval *ev, const struct scope *s, const struct expr *e, const double **out,
              struct err *err)
{
    uint64_t before = ev->cur;
    const double *l, *r;
    if (!eval_scalar(ev, s, e->u.binary.l, &l, err) || !eval_scalar(ev, s, e->u.binary.r, &r, err))
        return false;
    double *v = ARENA_ARRAY(ev->main.arena, double, s->grid.steps);
    for (size_t i = 0; i < s->grid.steps; i++)
        v[i] = binary_scalars(e->u.binary.op, l[i], r[i]);
    *out = v;
    return account_scalar(ev, before, 2, s->grid.steps, err);
}

static bool
scalar_unary(struct eval *ev, const struct scope *s, const struct expr *e, const double **out,
             struct err *err)
{
    const double *x;
    if (!eval_scalar(ev, s, e->u.unary.e, &x, err))
        return false;
    *out = x;
    if (!e->u.unary.negate)
        return true;
    double *v = ARENA_ARRAY(ev->main.arena, double, s->grid.steps);
    for (size_t i = 0; i < s->grid.steps; i++)
        v[i] = -x[i];
    *out = v;
    return true;
}

static bool
scalar_call(struct eval *ev, const struct scope *s, const struct expr *e, const double **out,
            struct err *err)
{
    struct vec v;
    if (!call_whole(ev, s, e, &v, err))
        return false;
    CHECK(v.n == 1 && v.v[0].v != NULL);
    *out = v.v[0].v;
    return true;
}

bool
eval_scalar(struct eval *ev, const struct scope *s, const struct expr *e, const double **out,
            struct err *err)
{
    CHECK(e->value == VALUE_SCALAR);
    if (!budget_room(ev->budget, s->grid.steps, sizeof(double), place_of(e), err))
        return false;
    if (s->grid.steps == 0) {
        *out = ARENA_NEW(ev->main.arena, double);
        return true;
    }
    switch (e->type) {
    case EXPR_NUMBER:
        return scalar_const(ev, s, e->u.number.v, out, err);
    case EXPR_PAREN:
        return eval_scalar(ev, s, e->u.inner, out, err);
    case EXPR_STEP_INVARIANT:
        return scope_invariant_scalar(ev, s, e, out, err);
    case EXPR_UNARY:
        return scalar_unary(ev, s, e, out, err);
    case EXPR_BINARY:
        return scalar_binary(ev, s, e, out, err);
    case EXPR_CALL:
        return scalar_call(ev, s, e, out, err);
    default:
        UNREACHABLE();
    }
}

/* --- the query --- */

static bool
run_vector(struct eval *ev, const struct scope *s, struct value *out, struct err *err)
{
    if (!eval_vec(ev, s, ev->plan->root, &out->vec, err))
        return false;
    out->type = VALUE_VECTOR;
    if (ev->o.delayed_names)
        return vec_clean_names(ev, &out->vec, s->grid.steps, err);
    return true;
}

static bool
run_root(struct eval *ev, struct value *out, struct err *err)
{
    const struct expr *root = ev->plan->root;
    const double *scalar;
    *out = (struct value){.type = root->value, .grid = ev->plan->grid,
                          .range = ev->plan->opts.range};
    ev->tally = tally_new(ev->main.arena, out->grid.steps, ev->o.per_step);
    struct scope s = {.grid = out->grid, .tally = &ev->tally};
    if (root->value == VALUE_MATRIX)
        return eval_matrix(ev, &s, root, out, err);
    if (root->value == VALUE_VECTOR || out->range)
        return run_vector(ev, &s, out, err);
    if (root->value == VALUE_STRING) {
        while (root->type == EXPR_PAREN || root->type == EXPR_STEP_INVARIANT)
            root = root->u.inner;
        out->string = root->u.string;
        out->scalar_t = out->grid.start;
        return true;
    }
    if (!eval_scalar(ev, &s, root, &scalar, err))
        return false;
    out->scalar = scalar[0];
    out->scalar_t = out->grid.start;
    return true;
}

bool
eval_run(struct eval *ev, struct value *out, struct err *err)
{
    CHECK_MAGIC(ev, EVAL_MAGIC);
    return run_root(ev, out, err) && eval_poll(ev, err);
}

static int
by_labels(const void *a, const void *b)
{
    return labels_cmp(((const struct row *)a)->labels, ((const struct row *)b)->labels);
}

static int
columns_by_labels(const void *a, const void *b)
{
    return labels_cmp(((const struct selected_column *)a)->labels,
                      ((const struct selected_column *)b)->labels);
}

void
eval_sort(struct value *v)
{
    if (v->columns_n > 1)
        qsort(v->columns, v->columns_n, sizeof(*v->columns), columns_by_labels);
    if (!v->range)
        return;
    size_t sorted = 1;
    while (sorted < v->vec.n && by_labels(&v->vec.v[sorted - 1], &v->vec.v[sorted]) <= 0)
        sorted++;
    if (sorted < v->vec.n)
        qsort(v->vec.v, v->vec.n, sizeof(*v->vec.v), by_labels);
}

void
eval_stats(const struct eval *ev, struct query_stats *out)
{
    out->samples_total = ev->tally.total;
    out->samples_read = ev->tally.read;
    out->samples_peak = ev->peak;
    out->total_per_step = ev->tally.total_step;
    out->read_per_step = ev->tally.read_step;
}

size_t
eval_explain(const struct eval *ev, const struct query_node **out)
{
    *out = ev->nodes;
    return ev->nodes_n;
}
