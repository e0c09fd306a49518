/* histogram.h - native histograms.
 *
 * One struct serves integer and float histograms: bucket counts are absolute doubles
 * (integers are exact to 2^53) and `integer` says which chunk encoding they came from
 * and go to.  Buckets are sparse: spans of consecutive indexes, counts in order.
 * Schemas -4…8 are exponential with base 2^(2^-schema): bucket i covers
 * (base^(i-1), base^i].  Schema HISTOGRAM_CUSTOM (-53) has explicit upper bounds in
 * `custom` (+Inf implied) and only positive buckets.
 *
 * Memory: every function that makes a histogram takes the arena it lives in.  Inputs
 * are never changed unless the name says so (…_in_place works on arrays it owns).
 * Semantics are those of Prometheus' FloatHistogram (reference/prometheus.md 4.7, 11.15).
 */
#pragma once
#include "base/arena.h"
#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"

#define HISTOGRAM_SCHEMA_MIN (-4)
#define HISTOGRAM_SCHEMA_MAX 8
#define HISTOGRAM_CUSTOM (-53)

enum histogram_reset { RESET_UNKNOWN, RESET_YES, RESET_NO, RESET_GAUGE };

struct histogram_span {
    int32_t offset;  /* gap to the end of the previous span; first: start index */
    uint32_t length;
};

struct histogram {
    bool integer;
    uint8_t reset; /* enum histogram_reset */
    int8_t schema;
    double zero_threshold;
    double zero_count;
    double count;
    double sum; /* a stale histogram has sum == STALE_NAN bits */
    struct histogram_span *pos_spans, *neg_spans;
    size_t pos_spans_n, neg_spans_n;
    double *pos, *neg; /* absolute counts */
    size_t pos_n, neg_n;
    double *custom; /* upper bounds without +Inf */
    size_t custom_n;
};

struct histogram *histogram_copy(struct arena *a, const struct histogram *h);
bool histogram_is_custom(const struct histogram *h);
bool histogram_is_stale(const struct histogram *h);
bool histogram_has_infinite(const struct histogram *h);
/* Structural validity, with Prometheus' words (spans match buckets, non-negative,
 * count consistent, custom bounds sorted and finite…). */
bool histogram_validate(const struct histogram *h, struct err *e) MUST_USE;
/* Equal in schema, zero bucket, count, sum (NaN equal by bits), buckets after
 * compaction of spans; the reset hint is ignored (FloatHistogram.Equals). */
bool histogram_equal(const struct histogram *a, const struct histogram *b);

/* Arithmetic.  Schemas are reduced to the smaller one, zero buckets widened. */
enum histogram_fit {
    HISTOGRAM_OK,
    HISTOGRAM_INCOMPATIBLE, /* exponential with custom: no result */
    HISTOGRAM_RECONCILED,   /* custom bounds differed: intersected (info) */
};
struct histogram_sum {
    struct histogram *h;
    enum histogram_fit fit;
    bool reset_collision;   /* "reset" met "not reset" */
};
struct histogram_sum histogram_add(struct arena *a, const struct histogram *x, const struct histogram *y);
struct histogram_sum histogram_sub(struct arena *a, const struct histogram *x, const struct histogram *y);
struct histogram *histogram_mul(struct arena *a, const struct histogram *x, double by);
struct histogram *histogram_div(struct arena *a, const struct histogram *x, double by);
void histogram_mul_in_place(struct histogram *h, double by);
void histogram_div_in_place(struct histogram *h, double by);
struct histogram *histogram_reduce(struct arena *a, const struct histogram *h, int schema);
/* Drops empty buckets and merges spans; gaps up to max_empty are kept. */
struct histogram *histogram_compact(struct arena *a, const struct histogram *h, int max_empty);
/* True if going from prev to h is a counter reset (hints, schema, zero threshold,
 * custom bounds, any bucket or count that shrank). */
bool histogram_is_reset(const struct histogram *prev, const struct histogram *h);

/* Running sum or mean with Kahan compensation beside it (sum, avg, …_over_time).  Memory
 * is the arena's and reused by each start.  On HISTOGRAM_INCOMPATIBLE the group has no
 * result.  A mean goes through the sum until that overflows; sum and mean adds do not mix. */
struct histogram_acc;
struct histogram_acc *histogram_acc_new(struct arena *a);
void histogram_acc_start(struct histogram_acc *acc, const struct histogram *first);
enum histogram_fit histogram_acc_add(struct histogram_acc *acc, const struct histogram *h);
enum histogram_fit histogram_acc_add_mean(struct histogram_acc *acc, const struct histogram *h);
/* Hints "reset" and "not reset" were both among the histograms (a warning). */
bool histogram_acc_collision(const struct histogram_acc *acc);
/* The result, once; compacted for aggregations, not for …_over_time. */
struct histogram *histogram_acc_sum(struct histogram_acc *acc, struct arena *a, bool compact);
struct histogram *histogram_acc_mean(struct histogram_acc *acc, struct arena *a, bool compact);

/* PromQL's views.  *_nan_* out-parameters feed annotations. */
struct histogram_quantile_info {
    bool nan_result;   /* NaN observations made the result NaN */
    bool nan_skew;     /* NaN observations skew the result */
};
double histogram_quantile(double q, const struct histogram *h, struct histogram_quantile_info *info);
double histogram_fraction(double lo, double hi, const struct histogram *h, bool *nans);
double histogram_variance(const struct histogram *h);
/* Trims: keep observations below (</) or above (>/) the bound. */
struct histogram *histogram_trim(struct arena *a, const struct histogram *h, double bound, bool keep_below);

/* Buckets in ascending order of value, for JSON, text and iteration. */
struct histogram_bucket {
    double lower, upper, count;
    bool lower_closed, upper_closed;
};
/* All buckets with a count, the zero bucket included; array in the arena. */
size_t histogram_buckets(struct arena *a, const struct histogram *h, struct histogram_bucket **out);
/* FloatHistogram.String and promqltest's {{…}} form. */
void histogram_put_text(struct buf *out, const struct histogram *h);
void histogram_put_test(struct buf *out, const struct histogram *h);
/* Bytes Prometheus counts against query.max-samples ((weight+8)/16 samples). */
size_t histogram_weight(const struct histogram *h);
