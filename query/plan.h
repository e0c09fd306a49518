/* plan.h - makes a parsed tree ready to evaluate.
 *
 *   1. start(), end(), range(), step() become numbers; duration expressions are computed;
 *      @ start() and @ end() become times; parentheses around arguments go.  Selectors
 *      whose histograms are only asked for count and sum are marked.
 *   2. What does not depend on the step (because of @) is wrapped in
 *      EXPR_STEP_INVARIANT at the highest such node and evaluated once.
 *   3. Every selector gets a selection: its matchers and the time range it needs, found by
 *      walking down with the grid each node is evaluated on.  Selectors with the same
 *      matchers and ranges that touch share one, so storage is searched once.
 *   4. Equal sub-expressions on the same grid are noted, to be evaluated once.
 *
 * The tree is changed in place; the plan borrows it and the arena.
 */
#pragma once
#include "base/err.h"
#include "query/value.h"
#include "storage/select.h"

struct plan_opts {
    bool range;                /* a range query: start, end, step are as asked */
    int64_t start, end, step;  /* instant: start == end, step 0 */
    int64_t lookback_ms;
    int64_t subquery_step_ms;  /* of subqueries without one */
};

struct plan {
    struct expr *root;
    struct grid grid;
    struct plan_opts opts;
    struct selection_spec *specs; /* a selector's u.selector.id is an index here */
    size_t specs_n, specs_cap;
    struct plan_info {            /* info() calls and the selection of their info series */
        const struct expr *call;
        size_t id;
        struct matcher *owned;    /* a matcher of ours, to be freed; or NULL */
    } *infos;
    size_t infos_n, infos_cap;
    struct plan_shared {          /* nodes that occur more than once on one grid */
        const struct expr *e;
        size_t slot;
    } *shared;                    /* sorted by e */
    size_t shared_n;
    size_t slots_n;
};

/* Fails on durations that do not compute, with Prometheus' words. */
bool plan_make(struct plan *p, struct expr *root, const struct plan_opts *o, struct arena *a,
               struct err *e) MUST_USE;
void plan_fini(struct plan *p); /* matchers the plan made itself */

/* The slot of a shared node, or SIZE_MAX. */
size_t plan_slot(const struct plan *p, const struct expr *e);
/* The selection of the info series of an info() call. */
size_t plan_info_id(const struct plan *p, const struct expr *call);

/* The grid a subquery's expression is evaluated on when the subquery itself is on `outer`:
 * absolute multiples of the step, the first one after the left edge of the first window.
 * steps is 0 if there is none. */
struct grid plan_subquery_grid(const struct plan_opts *o, const struct expr *subquery,
                               const struct grid *outer);
/* The time selectors and subqueries look at when evaluated at t: after @ and offset.
 * Saturates. */
int64_t plan_selector_time(const struct expr *selector, int64_t t);
int64_t plan_subquery_time(const struct expr *subquery, int64_t t);
/* What info series are looked at for an info() call at t: the time the first selector below
 * it looks at. */
int64_t plan_info_time(const struct expr *call, int64_t t);
/* The one-step grid of a step-invariant expression. */
static inline struct grid
plan_first_step(const struct grid *g)
{
    return (struct grid){.start = g->start, .step = 1, .steps = MIN(g->steps, (size_t)1)};
}
const struct expr *plan_unparen(const struct expr *e);
