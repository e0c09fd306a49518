/* eval_priv.h - the evaluator inside; included by query/eval*.c, binary*.c, aggregate*.c
 * and their tests only. */
#pragma once
#include "base/thread.h"
#include "query/annotation.h"
#include "query/budget.h"
#include "query/engine.h"
#include "query/eval.h"
#include "query/eval_account.h"
#include "query/eval_labels.h"
#include "query/plan.h"

/* What a node is evaluated on. */
struct scope {
    struct grid grid;
    struct tally *tally;
};

struct memo {
    bool filled;
    struct vec vec;
    uint64_t cur, peak;      /* samples it counts for: afterwards, at most */
    struct tally tally;
    size_t said_from, said_to; /* its annotations */
    uint32_t start;
};

struct eval {
    unsigned magic;
#define EVAL_MAGIC 0xe7a14a7e
    /* fixed after init */
    struct eval_opts o;
    const struct plan *plan;
    const struct view *view;
    struct pool *pool;
    struct budget *budget;
    struct annotations *notes;
    /* owned by the query's thread */
    struct region main;      /* rows and labels of results */
    struct region *kept;     /* regions of pieces whose rows live on */
    size_t kept_n, kept_cap;
    uint64_t cur, peak;
    struct memo *memos;
    const struct scope *scope; /* of the WHOLE function being called */
    struct tally tally;        /* of the query */
    struct query_node *nodes;
    size_t nodes_n, nodes_cap;
    unsigned depth;
};

/* Rows on their way; n of them, each with at least one sample.  `fresh` rows belong to
 * the taker, who may change their values in place. */
struct sink {
    bool (*take)(struct sink *k, struct row *rows, size_t n, struct err *e);
    bool keeps; /* rows are used after take returns */
};

bool eval_rows(struct eval *ev, const struct scope *s, const struct expr *e, struct sink *k,
               struct err *err) MUST_USE;
/* Rows in *out are shared with other users: never change them. */
bool eval_vec(struct eval *ev, const struct scope *s, const struct expr *e, struct vec *out,
              struct err *err) MUST_USE;
/* One value per step.  Counts them in ev->cur, as the samples of a series. */
bool eval_scalar(struct eval *ev, const struct scope *s, const struct expr *e, const double **out,
                 struct err *err) MUST_USE;
/* Raw samples of a range selector or subquery as the result of an instant query. */
bool eval_matrix(struct eval *ev, const struct scope *s, const struct expr *e, struct value *out,
                 struct err *err) MUST_USE;

/* Pipelines: eval_pipe.c.  True if the node is evaluated series by series. */
bool pipe_fits(const struct eval *ev, const struct scope *s, const struct expr *e);
bool pipe_rows(struct eval *ev, const struct scope *s, const struct expr *e, struct sink *k,
               struct err *err) MUST_USE;
/* The same, collected. */
bool pipe_vec(struct eval *ev, const struct scope *s, const struct expr *e, struct vec *out,
              struct err *err) MUST_USE;
/* A range function's rows without a look at equal labels (absent_over_time). */
bool pipe_range(struct eval *ev, const struct scope *s, const struct expr *call, struct sink *k,
                struct err *err) MUST_USE;
/* A selector with row.t (and st) for functions that ask. */
bool pipe_selector_times(struct eval *ev, const struct scope *s, const struct expr *e,
                         unsigned want, struct vec *out, struct err *err) MUST_USE;
/* The info series of an info() call, with row.t. */
bool pipe_info(struct eval *ev, const struct scope *s, const struct expr *call, struct vec *out,
               struct err *err) MUST_USE;

/* Calls: eval_call.c. */
bool call_whole(struct eval *ev, const struct scope *s, const struct expr *e, struct vec *out,
                struct err *err) MUST_USE;
bool call_absent(struct eval *ev, const struct scope *s, const struct expr *e, struct vec *out,
                 struct err *err) MUST_USE;
/* The evaluator's part of a call description. */
struct fn_call call_init(struct eval *ev, const struct scope *s, const struct expr *e);

/* Subqueries and step-invariant nodes: eval_scope.c. */
bool scope_invariant(struct eval *ev, const struct scope *s, const struct expr *e, struct vec *out,
                     struct err *err) MUST_USE;
bool scope_invariant_scalar(struct eval *ev, const struct scope *s, const struct expr *e,
                            const double **out, struct err *err) MUST_USE;
/* The subquery's rows on its own grid; `windows`: for a range function. */
bool scope_subquery(struct eval *ev, const struct scope *s, const struct expr *e, bool windows,
                    struct vec *out, struct grid *g, struct err *err) MUST_USE;

/* Operators between vectors: binary.c; with a scalar: binary_scalar.c. */
bool binary_vectors(struct eval *ev, const struct scope *s, const struct expr *e, struct vec *out,
                    struct err *err) MUST_USE;
double binary_scalars(enum binop op, double l, double r);
bool binop_is_comparison(enum binop op);
bool binop_is_set(enum binop op);
/* Arithmetic: the result is another metric. */
bool binop_drops_name(enum binop op);
const char *binop_text(enum binop op);

const char *aggregation_text(enum aggregation op);
bool aggregate(struct eval *ev, const struct scope *s, const struct expr *e, struct vec *out,
               struct err *err) MUST_USE;

static inline struct budget_place
place_of(const struct expr *e)
{
    return (struct budget_place){.start = e->start, .end = e->end};
}
bool eval_poll(const struct eval *ev, struct err *err) MUST_USE;
