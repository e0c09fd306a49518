/* eval.h - evaluates a plan: columns in, rows out.
 *
 * Every node yields rows over a grid (query/value.h), or one value per step if it is a
 * scalar.  Work that needs one series at a time (selectors, range functions, row
 * functions, unary minus, operators with a scalar) runs as a pipeline over batches of
 * series, spread over the engine's pool; each piece of a batch has its own arenas, and
 * whoever consumes the rows sees them in series order, so the result does not depend on
 * the number of threads.  An aggregation consumes rows as they come and drops them.
 *
 *   selector → stage → stage ─┬→ collected into a vec (operators, WHOLE functions, result)
 *                             └→ aggregated: steps × groups
 *
 * THREADS.  One struct eval per query, owned by the thread that runs the query; stages
 * run on pool threads and touch only their piece.
 */
#pragma once
#include "base/thread.h"
#include "query/budget.h"
#include "query/engine.h"
#include "query/function.h"
#include "query/plan.h"

struct eval;
struct eval_opts {
    uint64_t samples_max; /* 0: unlimited */
    int64_t lookback_ms;
    bool delayed_names, use_start_times, type_unit_labels, per_step, explain;
};
/* Everything is borrowed until eval_free. */
struct eval_env {
    const struct plan *plan;
    const struct view *view;
    struct pool *pool;
    struct budget *budget;
    struct annotations *notes;
};
struct eval *eval_new(const struct eval_env *env, const struct eval_opts *o);
void eval_free(struct eval **ev); /* and with it all values; *ev may be NULL */

/* The value of the plan's root.  Rows of a range query are not sorted yet. */
bool eval_run(struct eval *ev, struct value *out, struct err *e) MUST_USE;
/* Orders what a range query, or an instant one of type matrix, yields by labels. */
void eval_sort(struct value *v);

/* Samples counted so far: read and peak as Prometheus counts them. */
void eval_stats(const struct eval *ev, struct query_stats *out);
size_t eval_explain(const struct eval *ev, const struct query_node **out);

/* For info(): the rows of the info metrics the call selects (its name and data label
 * matchers; target_info by default) over fc->grid, looked at where the first selector of
 * the argument looks (after its @ and offset), each with row.t, the samples' own times.
 * The function itself picks by the identifying labels. */
bool eval_info(const struct fn_call *fc, struct vec *out, struct err *e) MUST_USE;
