/* binary_priv.h - shared by query/binary*.c only. */
#pragma once
#include "query/eval_priv.h"

/* One operator on one pair of samples, at least one of them a histogram; PromQL's rules
 * for what goes with what. */
struct pair {
    double l, r;
    const struct histogram *hl, *hr;
};
enum pair_verdict {
    PAIR_NONE,  /* no result: types that do not go together, or incompatible buckets */
    PAIR_DROP,  /* a comparison that is false */
    PAIR_FLOAT,
    PAIR_HISTOGRAM,
};
struct pair_result {
    enum pair_verdict verdict;
    struct histogram *h;
};
/* Says in the notes why there is no result, or what is odd about it. */
struct pair_result binary_pair(const struct expr *e, const struct pair *p,
                               struct annotations *notes, struct arena *a);

/* n floats with n floats: results, or absent where either side is or the comparison
 * filters.  keep_right: a filter yields the right side's value.  All may be the same. */
struct float_op {
    enum binop op;
    bool return_bool, keep_right;
};
void binary_floats(const struct float_op *o, const double *l, const double *r, double *out,
                   size_t n);
