/* fn_histogram.h - quantiles and fractions of histograms, classic and native.
 *
 * CLASSIC.  Series that differ in nothing but `le` are one histogram; the value of each is
 * the count up to its bound.  Bounds given twice ("1" and "1.0") are added up, decreases
 * of counts are mended (reference/prometheus.md 4.7, 11.14).
 *
 * Where a native histogram and classic buckets share all labels at a step, neither counts.
 */
#pragma once
#include "query/function.h"

fn_whole fn_histogram_fraction, fn_histogram_quantile, fn_histogram_quantiles;

/* A classic histogram at one step, bounds ascending. */
struct classic_bucket {
    double bound, count;
};
/* What mending the counts came upon. */
struct classic_mend {
    bool forced;
    double min_bound, max_bound, max_diff;
};
/* v is changed; n > 0. */
double classic_quantile(double q, struct classic_bucket *v, size_t n, struct classic_mend *mend);
double classic_fraction(double lower, double upper, struct classic_bucket *v, size_t n);
