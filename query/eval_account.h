/* eval_account.h - counting samples as Prometheus does; included through eval_priv.h.
 *
 * query.max-samples is held against what Prometheus would have in memory,
 * although most of it never exists here: ev->cur follows its "current samples" node by
 * node, ev->peak is the highest it came to.  Rules, per kind of node:
 *
 *   selector          + one per step with a sample
 *   range function    while a series is read: + its largest window; then + its results
 *   operators,        at each step: + the operands' samples and the results at that step;
 *   other functions   afterwards: what was there before + the results
 *   aggregations      afterwards: what was there before + the results
 *
 * A tally counts samples for the stats; each subquery and step-invariant expression has
 * its own, folded into the outer one.
 */
#pragma once
#include "query/eval.h"

struct tally {
    uint64_t total, read;
    uint64_t *total_step, *read_step; /* one per step of the scope's grid, or NULL */
};

bool account_check(struct eval *ev, struct err *err) MUST_USE;
/* The samples of rows: one per float, more per histogram. */
uint64_t account_rows(const struct vec *v, size_t steps);
uint64_t account_row(const struct row *r, size_t steps);
/* Adds one per step with a sample; how many there are. */
size_t account_steps(const struct row *r, size_t steps, uint32_t *count);
/* An operator's steps: `before` is ev->cur before its operands were evaluated, ev->cur
 * what it is now; in and out hold samples per step, out_total the results' weight. */
struct account_step {
    uint64_t before, out_total;
    const uint32_t *in, *out;
    uint32_t in_scalars;
    size_t steps;
};
bool account_operator(struct eval *ev, const struct account_step *a, struct err *err) MUST_USE;
/* The same for one value per step made of some operands of one value each. */
bool account_scalar(struct eval *ev, uint64_t before, unsigned operands, size_t steps,
                    struct err *err) MUST_USE;
struct tally tally_new(struct arena *a, size_t steps, bool per_step);
void tally_add(struct tally *to, const struct tally *from, size_t steps);
