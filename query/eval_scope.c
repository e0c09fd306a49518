#include "query/eval_priv.h"

#include "base/panic.h"

/* --- evaluated once for all steps --- */

static void
tally_repeat(struct tally *to, const struct tally *once, size_t steps)
{
    to->total += once->total * steps;
    to->read += once->read;
    for (size_t i = 0; to->total_step != NULL && i < steps; i++)
        to->total_step[i] += once->total;
    if (to->read_step != NULL && steps > 0)
        to->read_step[0] += once->read;
}

static struct row
row_repeat(struct arena *a, const struct row *r, size_t steps)
{
    struct row out = {.labels = r->labels, .drop_name = r->drop_name};
    out.v = ARENA_ARRAY(a, double, steps);
    for (size_t i = 0; i < steps; i++)
        out.v[i] = r->v[0];
    if (r->h != NULL && r->h[0] != NULL) {
        out.h = ARENA_ARRAY(a, struct histogram *, steps);
        for (size_t i = 0; i < steps; i++)
            out.h[i] = r->h[0];
    }
    return out;
}

bool
scope_invariant(struct eval *ev, const struct scope *s, const struct expr *e, struct vec *out,
                struct err *err)
{
    struct tally tally = {0};
    struct scope once = {.grid = plan_first_step(&s->grid), .tally = &tally};
    size_t steps = s->grid.steps;
    struct vec v;
    if (!eval_vec(ev, &once, e->u.inner, &v, err))
        return false;
    tally_repeat(s->tally, &tally, steps);
    if (steps > 1)
        ev->cur += account_rows(&v, 1) * (steps - 1);
    if (!account_check(ev, err) ||
        !budget_room(ev->budget, v.n, (uint64_t)steps * sizeof(double), place_of(e), err))
        return false;
    struct row *rows = ARENA_ARRAY(ev->main.arena, struct row, v.n);
    for (size_t i = 0; i < v.n; i++)
        rows[i] = row_repeat(ev->main.arena, &v.v[i], steps);
    *out = (struct vec){.v = rows, .n = v.n, .cap = v.n};
    return budget_count(ev->budget, &ev->main, place_of(e), err);
}

bool
scope_invariant_scalar(struct eval *ev, const struct scope *s, const struct expr *e,
                       const double **out, struct err *err)
{
    struct tally tally = {0};
    struct scope once = {.grid = plan_first_step(&s->grid), .tally = &tally};
    size_t steps = s->grid.steps;
    const double *v;
    if (!eval_scalar(ev, &once, e->u.inner, &v, err))
        return false;
    tally_repeat(s->tally, &tally, steps);
    double *all = ARENA_ARRAY(ev->main.arena, double, steps);
    for (size_t i = 0; i < steps; i++)
        all[i] = v[0];
    ev->cur += steps > 0 ? steps - 1 : 0;
    *out = all;
    return account_check(ev, err);
}

/* --- subqueries --- */

/* A subquery's step is counted for the outer step that first uses it; steps in gaps between
 * windows are not counted. */
static void
tally_windows(const struct scope *outer, const struct tally *from, const struct grid *g,
              const struct expr *e, bool windows)
{
    struct tally *to = outer->tally;
    const struct grid *og = &outer->grid;
    int64_t offset = windows ? e->u.subquery.offset_ms : 0;
    if (og->steps <= 1) {
        to->read += from->read;
        if (to->read_step != NULL && og->steps == 1)
            to->read_step[0] += from->read;
        return;
    }
    for (size_t k = 0; k < g->steps; k++) {
        if (from->read_step[k] == 0)
            continue;
        int64_t t = grid_time(g, k) + offset;
        size_t i = 0;
        if (t > og->start)
            i = (size_t)((t - og->start + og->step - 1) / og->step);
        i = MIN(i, og->steps - 1);
        if (windows && t <= grid_time(og, i) - e->u.subquery.range_ms)
            continue;
        to->read += from->read_step[k];
        if (to->read_step != NULL)
            to->read_step[i] += from->read_step[k];
    }
}

bool
scope_subquery(struct eval *ev, const struct scope *s, const struct expr *e, bool windows,
               struct vec *out, struct grid *g, struct err *err)
{
    CHECK(e->type == EXPR_SUBQUERY);
    *out = (struct vec){0};
    *g = plan_subquery_grid(&ev->plan->opts, e, &s->grid);
    if (g->steps == 0)
        return true;
    bool attribute = s->grid.steps > 1;
    if (!budget_room(ev->budget, g->steps, attribute ? 32 : 8, place_of(e), err))
        return false;
    struct tally tally = tally_new(ev->main.arena, g->steps, attribute);
    struct scope inner = {.grid = *g, .tally = &tally};
    if (!eval_vec(ev, &inner, e->u.subquery.e, out, err))
        return false;
    tally_windows(s, &tally, g, e, windows);
    if (!windows) {
        s->tally->total += tally.total;
        if (s->tally->total_step != NULL && s->grid.steps > 0)
            s->tally->total_step[s->grid.steps - 1] += tally.total;
    }
    return true;
}
