#include "query/pipe_priv.h"

#include "base/panic.h"

struct collector {
    struct sink sink;
    struct eval *ev;
    struct vec *vec;
};

static bool
collect(struct sink *k, struct row *rows, size_t n, struct err *err)
{
    struct collector *c = (struct collector *)k;
    (void)err;
    arena_grow(c->ev->main.arena, &c->vec->v, &c->vec->cap, c->vec->n + n, sizeof(*rows));
    memcpy(c->vec->v + c->vec->n, rows, n * sizeof(*rows));
    c->vec->n += n;
    return true;
}

static struct collector
collector(struct eval *ev, struct vec *to)
{
    *to = (struct vec){0};
    return (struct collector){.sink = {.take = collect, .keeps = true}, .ev = ev, .vec = to};
}

/* --- where names collide --- */

/* Could dropping names, or the names as they are, make two of the pipe's rows equal? */
static bool
may_collide(const struct pipe *p, bool without_metadata)
{
    size_t n = pipe_series_count(p), same = 1;
    if (n < 2)
        return false;
    struct labels first = pipe_series_labels(p, 0);
    bool distinct = p->source != SOURCE_ROWS && p->subquery == NULL;
    while (distinct && same < n && labels_same_metadata(first, pipe_series_labels(p, same)))
        same++;
    if (distinct && (same == n || !without_metadata))
        return false;
    struct arena *a = arena_new();
    struct labels *all = ARENA_ARRAY(a, struct labels, n);
    for (size_t i = 0; i < n; i++)
        all[i] = pipe_series_labels(p, i);
    bool collide = labels_collide(p->ev, all, n, without_metadata);
    arena_free(&a);
    return collide;
}

/* After how many stages rows must be gathered to look for equal labels; SIZE_MAX: never.
 * 0 is after the source. */
static size_t
check_after(const struct pipe *p)
{
    bool delayed = p->ev->o.delayed_names;
    if (p->source == SOURCE_RANGE && p->range_drops_name && !delayed)
        return may_collide(p, true) ? 0 : SIZE_MAX;
    for (size_t j = 0; j < p->stages_n && !delayed; j++)
        if (p->stages[j].drops_name)
            return may_collide(p, true) ? j + 1 : SIZE_MAX;
    if (p->stages_n > 0 && (!delayed || p->steps > 1))
        return may_collide(p, false) ? 1 : SIZE_MAX;
    return SIZE_MAX;
}

static bool
check_rows(struct pipe *p, size_t after, struct vec *v, struct err *err)
{
    size_t step;
    if (!vec_has_same_labels(p->ev, v))
        return true;
    if (after == 0)
        return err_set(err, ERR_EXEC, SAME_LABELSET_TEXT);
    return vec_merge_same(p->ev->main.arena, v, p->steps, &step, err);
}

static bool
run_checked(struct pipe *p, size_t after, struct sink *k, struct err *err)
{
    struct pipe rest;
    struct vec v;
    struct collector c = collector(p->ev, &v);
    if (!pipe_run(p, after, &c.sink, err) || !check_rows(p, after, &v, err))
        return false;
    pipe_init(&rest, p->ev, p->s, p->e);
    rest.cur_before = p->cur_before;
    rest.source = SOURCE_ROWS;
    rest.rows = v;
    rest.rows_fresh = true;
    rest.stages = p->stages + after;
    rest.stages_n = p->stages_n - after;
    return pipe_run(&rest, rest.stages_n, k, err);
}

static bool
run(struct pipe *p, struct sink *k, struct err *err)
{
    size_t after = check_after(p);
    if (after == SIZE_MAX)
        return pipe_run(p, p->stages_n, k, err);
    return run_checked(p, after, k, err);
}

bool
pipe_rows(struct eval *ev, const struct scope *s, const struct expr *e, struct sink *k,
          struct err *err)
{
    struct pipe p;
    return pipe_build(&p, ev, s, e, err) && run(&p, k, err);
}

bool
pipe_vec(struct eval *ev, const struct scope *s, const struct expr *e, struct vec *out,
         struct err *err)
{
    struct collector c = collector(ev, out);
    return pipe_rows(ev, s, e, &c.sink, err);
}

bool
pipe_range(struct eval *ev, const struct scope *s, const struct expr *call, struct sink *k,
           struct err *err)
{
    struct pipe p;
    pipe_init(&p, ev, s, call);
    return pipe_build_range(&p, ev, s, call, err) && pipe_run(&p, 0, k, err);
}

bool
pipe_selector_times(struct eval *ev, const struct scope *s, const struct expr *e, unsigned want,
                    struct vec *out, struct err *err)
{
    struct pipe p;
    struct collector c = collector(ev, out);
    CHECK(e->type == EXPR_SELECTOR);
    if (!pipe_build(&p, ev, s, e, err))
        return false;
    p.want = want;
    return pipe_run(&p, 0, &c.sink, err);
}

bool
pipe_info(struct eval *ev, const struct scope *s, const struct expr *call, struct vec *out,
          struct err *err)
{
    const struct grid *g = &s->grid;
    struct pipe p;
    struct collector c = collector(ev, out);
    pipe_init(&p, ev, s, call);
    p.source = SOURCE_INSTANT;
    p.want = FETCH_TIMES;
    p.selection_id = plan_info_id(ev->plan, call);
    p.sel = view_selection(ev->view, p.selection_id);
    p.at = (struct fetch_steps){.t0 = plan_info_time(call, g->start), .n = g->steps};
    p.at.dt = plan_info_time(call, g->start + g->step) - p.at.t0;
    p.mint = p.at.t0 - ev->o.lookback_ms + 1;
    p.maxt = p.at.t0 + (int64_t)(p.steps - 1) * p.at.dt;
    return pipe_run(&p, 0, &c.sink, err);
}
