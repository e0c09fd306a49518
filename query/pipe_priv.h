/* pipe_priv.h - pipelines inside; included by query/pipe*.c only.
 *
 * A pipe has a source that makes one row of each series and stages that change it.  A
 * batch of series is cut into as many pieces as keep the pool busy; a piece is worked on
 * by one thread at a time and owns its memory:
 *
 *   column[2]  the samples of this series and of the one before (whose windows may fit
 *              this one), cleared in turn
 *   tmp        rows between allocating stages, cleared after each series (with histograms,
 *              which finished rows may share: with out)
 *   out        finished rows, cleared after each batch or handed to the evaluator when
 *              the rows live on
 */
#pragma once
#include "query/eval_priv.h"
#include "query/fetch.h"

enum source {
    SOURCE_INSTANT, /* a selection, newest sample per step */
    SOURCE_RANGE,   /* a selection or a subquery's rows through a range function */
    SOURCE_ROWS,    /* rows that are there */
};
enum stage_kind { STAGE_NEGATE, STAGE_SCALAR, STAGE_FUNCTION };

struct stage {
    enum stage_kind kind;
    const struct expr *e;
    struct fn_call call;   /* FUNCTION; the piece adds its arenas and labels */
    const double *scalar;  /* SCALAR: the other operand, per step */
    bool scalar_left;
    bool drops_name;
    uint32_t scalars;      /* scalar operands, for the accounting */
    bool counted;          /* they are in ev->cur: they come before the vector */
};

/* What the accounting wants to know of a series, in order. */
struct series_note {
    uint64_t most, last; /* RANGE: weights of windows */
    uint64_t weight;     /* of the source's row */
};

struct piece {
    struct region out, tmp, column[2];
    unsigned turn;
    bool tmp_pinned;         /* rows of this batch point into tmp */
    struct column before;    /* of the last series, for its times; n == 0: do not compare */
    struct fetch_windows w;
    struct region same_times; /* RANGE: what the function keeps while times are the same */
    struct fn_shared shared;
    uint32_t **count;        /* per source and stage: samples per step */
    uint64_t *weight;        /* per source and stage: in all */
    struct tally tally;
    uint64_t samples;        /* read, for the list of running queries */
    uint64_t work;           /* since the last poll, in samples */
    struct err *err;
    bool failed;
    size_t from, to;         /* this batch's series */
};

struct pipe {
    struct eval *ev;
    const struct scope *s;
    const struct expr *e;
    size_t steps;
    enum source source;
    /* INSTANT and RANGE on a selection */
    const struct expr *selector; /* NULL: info series */
    size_t selection_id;
    struct selection sel;
    int64_t mint, maxt;
    struct fetch_steps at;       /* reference times, or ends of windows */
    int64_t reach_ms;            /* RANGE: of windows, with what extended selectors add */
    unsigned want;               /* FETCH_TIMES, FETCH_STARTS */
    /* RANGE */
    const struct expr *call;
    struct fn_call range_call;
    const struct expr *subquery; /* NULL: on a selection */
    struct grid sub_grid;
    uint32_t range_scalars;
    bool range_drops_name;
    /* ROWS, and RANGE on a subquery */
    struct vec rows;
    bool rows_fresh;             /* values may be changed in place */
    bool rows_made;              /* not samples of anything, and not counted */

    struct stage *stages;
    size_t stages_n, stages_cap;

    struct piece *pieces;
    size_t pieces_n;
    /* the batch */
    struct row *out;
    bool *has;
    struct series_note *notes;
    size_t first, batch_n, batch_max;
    uint64_t samples;            /* read from storage */
    uint64_t cur_before;         /* ev->cur when the pipe was built */
    uint64_t window_left;        /* RANGE: weight of the last series' last window */
    uint64_t sub_weight;         /* RANGE: of the subquery's rows, there until the end */
};

/* pipe_build.c */
bool pipe_build(struct pipe *p, struct eval *ev, const struct scope *s, const struct expr *e,
                struct err *err) MUST_USE;
/* Makes a RANGE pipe of one call, whatever its kind. */
bool pipe_build_range(struct pipe *p, struct eval *ev, const struct scope *s,
                      const struct expr *call, struct err *err) MUST_USE;
void pipe_init(struct pipe *p, struct eval *ev, const struct scope *s, const struct expr *e);
size_t pipe_series_count(const struct pipe *p);
struct labels pipe_series_labels(const struct pipe *p, size_t k);

/* pipe_run.c: runs all series through the source and the first `stages` stages. */
bool pipe_run(struct pipe *p, size_t stages, struct sink *k, struct err *err) MUST_USE;

/* pipe_series.c: one series; false: see pc->err.  *has: the row has samples. */
bool pipe_series(const struct pipe *p, struct piece *pc, size_t k, size_t stages, bool *has);

/* binary_scalar.c: row op scalar, in place. */
struct scalar_op {
    const struct expr *e;
    const double *scalar;
    bool scalar_left;
    struct annotations *notes;
};
void binary_scalar_row(const struct scalar_op *o, struct arena *a, size_t steps, struct row *r);
