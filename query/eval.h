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
#include "query/function.h"

struct eval;

/* For info(): the rows of the info metrics the call selects (its name and data label
 * matchers; target_info by default) over fc->grid, each with row.t, the samples' own
 * times.  The function itself picks by the identifying labels. */
bool eval_info(const struct fn_call *fc, struct vec *out, struct err *e) MUST_USE;
