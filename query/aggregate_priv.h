/* aggregate_priv.h - shared by query/aggregate*.c only.
 *
 * Rows come in batches, in series order, and are gone afterwards.  Each is given its
 * group; then the batch is added to the groups' accumulators, steps cut into ranges so
 * that several threads can work: in every step rows are added in series order, whatever
 * the number of threads.  A range has an arena of its own.
 */
#pragma once
#include "query/eval_priv.h"
#include "query/lookup.h"

struct group {
    struct labels labels;
    bool drop_name;
    uint32_t *n;                 /* per step: samples that count */
    double *v, *c, *mean;        /* per step, as the operator needs them */
    uint8_t *flags;              /* per step; sum and avg */
    struct histogram_acc **acc;  /* per step; NULL until needed */
    struct pick *picks;          /* per step: topk, bottomk, limitk */
    struct row **rows;           /* quantile: what was kept */
    size_t rows_n, rows_cap;
};
enum step_flags { STEP_INCREMENTAL = 1, STEP_HISTOGRAM = 2, STEP_BROKEN = 4 };

/* The best k of a step. */
struct picked {
    double v;
    struct histogram *h;
    uint32_t row; /* number of the row in order of arrival */
};
struct pick {
    struct picked *v;
    size_t n, cap;
};

struct range {
    size_t from, to;
    struct region region;
    bool *used; /* rows of the batch that this range picked */
    size_t used_cap;
};

struct aggregation_run {
    struct sink sink;
    struct eval *ev;
    const struct scope *s;
    const struct expr *e;
    struct arena *arena;     /* of results */
    enum aggregation op;
    size_t steps;
    str *names;              /* sorted */
    size_t names_n;
    const double *param;     /* per step, or NULL */
    struct group *groups;
    size_t groups_n, groups_cap;
    struct lookup by_key;
    struct range *ranges;
    size_t ranges_n;
    /* the batch */
    struct row *rows;
    size_t rows_n;
    uint32_t *group_of;
    size_t group_of_cap;
    size_t rows_before;      /* rows in earlier batches */
    _Atomic bool ignored;    /* a histogram was, and it has been said */
    /* picks: labels of picked rows, by number */
    struct picked_row {
        struct labels labels;
        bool used, drop_name;
    } *picked_rows;
    size_t picked_cap;
    /* count_values, limit_ratio */
    struct vec out;
    str value_label;
    bool value_dropped;      /* count_values without (its own label) */
    uint32_t *in;            /* count_values: samples per step, for the accounting */
    struct lookup by_value;
    struct counted *counted;
    size_t counted_n, counted_cap;
};

/* Adds rows [0, rows_n) of the batch for steps [r->from, r->to). */
void aggregate_floats(struct aggregation_run *g, struct range *r);
void aggregate_picks(struct aggregation_run *g, struct range *r);
/* After a batch: remembers the labels of picked rows. */
void aggregate_pick_labels(struct aggregation_run *g);
void aggregate_ignored(struct aggregation_run *g);

bool aggregate_count_values(struct aggregation_run *g, struct err *err) MUST_USE;
bool aggregate_limit_ratio(struct aggregation_run *g, struct err *err) MUST_USE;

/* Turns accumulators into rows. */
bool aggregate_finish_floats(struct aggregation_run *g, struct vec *out, struct err *err) MUST_USE;
bool aggregate_finish_picks(struct aggregation_run *g, struct vec *out, struct err *err) MUST_USE;
bool aggregate_finish_quantile(struct aggregation_run *g, struct vec *out,
                               struct err *err) MUST_USE;
void aggregate_finish_values(struct aggregation_run *g, struct vec *out);

/* Labels in the result's arena that a group with this member has. */
struct labels aggregate_labels(struct aggregation_run *g, struct labels member);
size_t aggregate_group(struct aggregation_run *g, struct labels member);
bool aggregation_picks(enum aggregation op);
