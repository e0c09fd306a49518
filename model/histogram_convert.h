/* histogram_convert.h - classic histograms to native ones with custom buckets, and back.
 *
 * A classic histogram is a set of series: x_bucket{le=…} with cumulative counts, x_count,
 * x_sum.  A collector gathers the values of one histogram at one time in any order and
 * makes the native histogram of them; it keeps its first error.  Used by scraping
 * (convert_classic_histograms_to_nhcb) and by test files (load_with_nhcb).
 */
#pragma once
#include "base/err.h"
#include "model/histogram.h"
#include "model/labels.h"

struct histogram_collector_bucket {
    double le, count;
};
struct histogram_collector {
    struct arena *a; /* holds the buckets */
    struct histogram_collector_bucket *v;
    size_t n, cap;
    double count, sum;
    bool has_count;
    bool failed;
    struct err *e; /* borrowed; set on the first failure */
};

void histogram_collector_init(struct histogram_collector *c, struct arena *a, struct err *e);
/* Buckets in any order; a bound given twice keeps its first count. */
void histogram_collector_bucket(struct histogram_collector *c, double le, double count);
void histogram_collector_count(struct histogram_collector *c, double count);
void histogram_collector_sum(struct histogram_collector *c, double sum);
/* The histogram, integer if all counts are whole; NULL if anything failed.  Without a
 * count the highest bucket's is taken, without a +Inf bucket it gets the count. */
struct histogram *histogram_collector_done(struct histogram_collector *c, struct arena *a);

enum histogram_suffix { SUFFIX_NONE, SUFFIX_BUCKET, SUFFIX_SUM, SUFFIX_COUNT };
/* Which part of a classic histogram a metric name names; *base without the suffix. */
enum histogram_suffix histogram_suffix(str name, str *base);
/* The label set of the histogram: name replaced, le removed. */
struct labels histogram_base_labels(struct arena *a, struct labels series, str base);

/* The classic series of a histogram with custom buckets: x_bucket for each bound and
 * +Inf, x_count, x_sum, in this order.  `labels` are those of the histogram, with a name;
 * array and strings in the arena.  h must be valid and custom. */
struct histogram_classic {
    struct labels labels;
    double value;
};
size_t histogram_to_classic(struct arena *a, const struct histogram *h, struct labels labels,
                            struct histogram_classic **out);
