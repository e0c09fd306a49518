/* metric_priv.h - what metric.c and its siblings share: families, children, sketches. */
#pragma once
#include "base/metric.h"
#include "base/sync.h"

struct metric_family {
    const char *name;
    enum metric_type type;
    const char *label_list; /* as in the table */
    const char *point_list; /* buckets or quantiles, "" for the default */
    const char *help;
};
extern const struct metric_family metric_families[METRIC_COUNT];

#define METRIC_LABELS_MAX 16
#define METRIC_POINTS_MAX 64

/* Derived from the table at first use. */
struct metric_meta {
    size_t labels;
    str label[METRIC_LABELS_MAX];           /* in the table's order */
    unsigned char order[METRIC_LABELS_MAX]; /* their indexes sorted by name */
    size_t points;
    double *point; /* bucket bounds or quantiles, rising */
};

/* A DDSketch-like histogram of one span of time: bucket i counts the values in
 * (1.02^i, 1.02^(i+1)], so any quantile is right to 1% of its value. */
struct sketch {
    int64_t epoch;  /* which span of time */
    uint64_t zeros; /* values below the smallest bucket */
    int first;      /* index of count[0] */
    size_t n;
    uint32_t *count;
};
#define SKETCH_SPANS 5
#define SKETCH_SPAN_MS (120 * 1000)

struct metric_child {
    struct metric_child *next; /* in its hash chain; under the registry's lock */
    enum metric family;
    uint64_t hash;
    _Atomic uint64_t value;   /* bits of a double: counter, gauge, or sum */
    _Atomic uint64_t *bucket; /* histogram: own counts, not cumulated; last is +Inf */
    struct mutex mu;          /* summary only, guards the rest */
    uint64_t count;
    struct sketch span[SKETCH_SPANS];
    str *values; /* owned; the table's order */
};

const struct metric_meta *metric_meta_of(enum metric m);
/* All children of m, sorted by label values in the order of sorted label names; gives an
 * array (mem_free).  Call under metric_lock. */
struct metric_child **metric_sorted(enum metric m, size_t *n);
void metric_lock(void);
void metric_unlock(void);
void metric_collect(void);

void sketch_add(struct metric_child *c, double v, int64_t now_ms);
/* The value at quantile q over the window, NaN if it is empty.  Under c->mu. */
double sketch_quantile(const struct metric_child *c, double q, int64_t now_ms);
void sketch_free(struct metric_child *c);
