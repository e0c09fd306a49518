/* function.h - PromQL functions: the table and the contract of their code.
 *
 * query/function.def lists every function once: name, C function, how it is called, its
 * type, argument types, how many may be left out, flags.  Three ways to be called:
 *
 *   RANGE  once per series: the samples of the widest range, in one ascending column;
 *          the function writes one value per step.  Step i's window is
 *          (end_i - range, end_i] with end_i = fc->end0 + i * grid.step; left-open: the
 *          samples fc->lo[i] … fc->hi[i] - 1 of the column, found once by the caller.
 *          Stale markers are already gone.  A window without result stays absent; so
 *          must an empty one (lo == hi).  With FN_WIDE the caller may cut the grid and
 *          call the function once per part with the same column.
 *   ROW    once per series of an instant-vector argument: in → out, same grid.  If the
 *          argument was left out (hour()), once with a row without labels that holds the
 *          evaluation times in seconds.
 *   WHOLE  once: all arguments evaluated to vecs; for functions that look across series.
 *          A function of type scalar yields one row without labels with a value in
 *          every step.  Input rows hold at least one sample and are never changed.
 *
 * Rows come back with v filled with VALUE_ABSENT and h NULL; a function that writes a
 * histogram calls fn_row_histograms first.  Histograms are immutable and may be shared
 * between rows and columns.
 *
 * NAMES.  Without KEEP_NAME the caller drops __name__, __type__ and __unit__ from what
 * comes back (or sets drop_name when removal is delayed) and merges rows that are then
 * equal or fails.  With KEEP_NAME rows are taken as they come, drop_name included; RANGE
 * and ROW functions inherit drop_name from their input.
 *
 * THREADS.  RANGE and ROW functions run on several threads at once for different
 * series; they touch only their arguments, fc->arena being the thread's own.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "query/value.h"

enum fn_kind { FN_RANGE, FN_ROW, FN_WHOLE };
enum fn_flags {
    FN_EXPERIMENTAL = 1, /* needs promql-experimental-functions */
    FN_KEEP_NAME = 2,
    FN_AT_DEPENDENT = 4, /* result depends on the step even if arguments do not (time()) */
    FN_ST = 8,           /* wants start timestamps in its column (RANGE) or rows (WHOLE) */
    FN_TIMES = 16,       /* WHOLE: wants row.t if its argument is a bare selector */
    FN_ABSENT = 32,      /* RANGE: the caller turns presence over all series round */
    FN_WIDE = 128,       /* RANGE: costs what its windows hold, not what the column holds; the
                            caller cuts the grid of a long series */
    FN_MERGE = 64,       /* WHOLE with KEEP_NAME: rows may come out equal; the caller merges
                            them or fails */
};

/* One evaluated argument. */
struct fn_arg {
    enum value_type type;
    const double *scalar; /* SCALAR: one value per step */
    str string;           /* STRING */
    const struct vec *vec; /* VECTOR (WHOLE functions only) */
    const struct expr *e; /* the argument's tree */
};

/* What a RANGE function may keep from one series to the next as long as the times of the
 * samples, and with them the windows, stay the same: the caller sets data to NULL and
 * clears the arena when they change.  Series that were scraped together come together. */
struct fn_shared {
    struct arena *arena;
    void *data;
};

struct eval;
struct fn_call {
    struct arena *arena;       /* results live here */
    struct arena *scratch;     /* forgotten when the function returns */
    const struct grid *grid;
    const struct expr *call;   /* the EXPR_CALL node; positions for annotations */
    const struct fn_arg *args;
    size_t args_n;
    struct annotations *notes;
    /* RANGE only */
    int64_t range_ms;
    int64_t end0;              /* window end of step 0, after offset and @ */
    const uint32_t *lo, *hi;   /* one pair per step: window i is samples [lo[i], hi[i]) */
    struct fn_shared *shared;  /* or NULL */
    bool anchored, smoothed;   /* lo and hi then reach lookback_ms further back (smoothed:
                                  and ahead) than the window */
    int64_t lookback_ms;
    struct labels labels;      /* of the series, with name (for annotations) */
    bool use_start_times;
    bool delayed_names;        /* delayed name removal is on */
    bool type_unit_labels;
    struct eval *eval;         /* the evaluator, for fn_poll and eval_info (query/eval.h) */
};

typedef bool fn_range(const struct fn_call *fc, const struct column *in, struct row *out, struct err *e);
typedef bool fn_row(const struct fn_call *fc, const struct row *in, struct row *out, struct err *e);
typedef bool fn_whole(const struct fn_call *fc, struct vec *out, struct err *e);

struct function {
    const char *name;
    enum fn_kind kind;
    fn_range *range;
    fn_row *row;
    fn_whole *whole;
    enum value_type returns;
    const enum value_type *args;
    size_t args_n;
    int variadic;  /* 0: exactly args_n; k>0: the last is there 0 to k times;
                      -1: any number of times */
    unsigned flags;
};
const struct function *function_find(str name); /* or NULL */
const struct function *function_all(size_t *n);  /* sorted by name */

/* Helpers for implementers. */
struct row fn_row_new(const struct fn_call *fc, struct labels labels); /* v all absent */
void fn_row_histograms(const struct fn_call *fc, struct row *r);       /* h all NULL */
struct row *vec_add(struct arena *a, struct vec *v, struct row r);
/* WHOLE functions ask this about every 10,000 values; false: the query was cancelled,
 * ran out of time or memory; return false with the e it set. */
bool fn_poll(const struct fn_call *fc, struct err *e) MUST_USE;
/* The labels of absent(arg) and absent_over_time(arg): from the equality matchers of a
 * bare selector. */
struct labels fn_absent_labels(struct arena *a, const struct expr *arg);
