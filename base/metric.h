/* metric.h - our own counters, gauges and histograms.
 *
 * One table (base/metric.def) names them all; code refers to METRIC_X.  A child is one
 * label set of a family; look it up once (metric_child) and keep the pointer: it lives
 * as long as the process or until metric_drop.  Updates are lock-free atomics.
 * Families whose values live elsewhere register a collector that is called at
 * exposition time.
 */
#pragma once
#include "base/base.h"
#include "base/buf.h"

enum metric {
#define METRIC(id, name, type, labels, help) METRIC_##id,
#define METRIC_WITH(id, name, type, labels, points, help) METRIC_##id,
#include "base/metric.def"
#undef METRIC
#undef METRIC_WITH
    METRIC_COUNT
};
enum metric_type { METRIC_TYPE_COUNTER, METRIC_TYPE_GAUGE, METRIC_TYPE_HISTOGRAM, METRIC_TYPE_SUMMARY };

struct metric_child;
/* The child with these label values, in the order of the family's label names. */
struct metric_child *metric_child(enum metric m, const str *values, size_t n);
static inline struct metric_child *
metric_one(enum metric m) /* of a family without labels */
{
    return metric_child(m, NULL, 0);
}
void metric_add(struct metric_child *c, double by);
void metric_inc(struct metric_child *c);
void metric_set(struct metric_child *c, double v);
double metric_value(const struct metric_child *c);
/* Histograms and summaries: seconds or bytes, as the name says.  Summaries expose
 * _sum, _count and quantiles (those of the table's row, or 0.5 0.9 0.99) over the last
 * ten minutes, right to 1% of the value; negative values count as zero there. */
void metric_observe(struct metric_child *c, double v);
/* Shorthands for label-less families. */
#define METRIC_INC(id) metric_inc(metric_one(METRIC_##id))
#define METRIC_ADD(id, by) metric_add(metric_one(METRIC_##id), (by))
#define METRIC_SET(id, v) metric_set(metric_one(METRIC_##id), (v))
/* Shorthand for one label value. */
#define METRIC_INC1(id, label) metric_inc(metric_child(METRIC_##id, &(str){(label).p, (label).n}, 1))
/* Removes children whose first label value equals v (a job that is gone). */
void metric_drop(enum metric m, str v);

/* Called before each exposition to set gauges that are cheaper to read than to track. */
void metric_collector(void (*fn)(void *arg), void *arg);
void metric_collector_drop(void (*fn)(void *arg), void *arg);
/* Registers the collector of the process_* families (from /proc/self). */
void metric_collect_process(void);

/* Text format 0.0.4, families by name, children by label values.  Families without
 * children are left out unless they have no labels (then they expose 0). */
void metric_expose_text(struct buf *out);
void metric_expose_openmetrics(struct buf *out);
