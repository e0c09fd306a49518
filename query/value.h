/* value.h - what evaluation works on and what a query yields.
 *
 * GRID.  A query evaluates at start, start+step, … (steps of them).  An instant query is
 * a grid of one step.
 *
 * ROW.  One series over the grid: one value per step.  A step without a sample holds
 * VALUE_ABSENT, which is the stale marker's bit pattern: markers never survive selection
 * and arithmetic quiets the bit, so no real result can look like it.  Test by bits
 * (value_absent), never with isnan.  A histogram sample sits in h[i] and v[i] is absent.
 *
 * VEC.  Rows of one expression.  Order is meaningful only where PromQL promises one.
 */
#pragma once
#include "model/histogram.h"
#include "model/labels.h"
#include "model/sample.h"
#include "query/ast.h"

struct grid {
    int64_t start, step; /* ms; step 1 when steps == 1 */
    size_t steps;
};
static inline int64_t
grid_time(const struct grid *g, size_t i)
{
    return g->start + (int64_t)i * g->step;
}

#define VALUE_ABSENT_BITS STALE_NAN_BITS
static inline bool
value_absent(double v)
{
    return f64_bits(v) == VALUE_ABSENT_BITS;
}

struct row {
    struct labels labels;  /* with __name__ even if drop_name (delayed removal) */
    bool drop_name;        /* __name__, __type__, __unit__ go at the end */
    double *v;             /* steps values */
    struct histogram **h;  /* NULL if the row has no histograms; else steps pointers */
    int64_t *t, *st;       /* the samples' own and start times, steps values; NULL unless the
                              row was read for timestamp(), start_timestamp() or info() */
};
struct vec {
    struct row *v;
    size_t n, cap;
};
static inline bool
row_has(const struct row *r, size_t i)
{
    return !value_absent(r->v[i]) || (r->h && r->h[i]);
}

/* Annotations: warnings and infos, de-duplicated by text without position, the position
 * added last winning.  Thread-safe. */
struct annotations;
enum annotation_level { ANNOTATION_WARNING, ANNOTATION_INFO };
/* text without the "PromQL warning: " prefix; pos is a byte offset into the query, or
 * -1 for none. */
void annotate(struct annotations *n, enum annotation_level level, int64_t pos, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* The two kinds that are summed up rather than repeated.  metric may be empty. */
void annotate_forced_monotonicity(struct annotations *n, int64_t pos, str metric, int64_t t,
                                  const double min_max_diff[3]);
void annotate_start_overlap(struct annotations *n, int64_t pos, str metric);

/* The result of a query.  Everything borrows from the query's memory, which ends with
 * query_free (query/engine.h). */
struct value {
    enum value_type type;
    struct grid grid;
    bool range;         /* of a range query: vectors are to be shown as a matrix */
    double scalar;      /* VALUE_SCALAR of an instant query */
    int64_t scalar_t;
    str string;
    struct vec vec;     /* VECTOR (and MATRIX of a range query): rows, sorted by labels
                           unless the query orders them; no empty rows */
    struct selected_column {
        struct labels labels;
        struct column col;
    } *columns;         /* MATRIX of an instant query: raw samples, sorted by labels */
    size_t columns_n;
};
