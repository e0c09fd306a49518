/* protobuf.h - io.prometheus.client.MetricFamily: the messages of the protobuf format.
 *
 * A page is a sequence of families, each with its length in front.  They are read one at a
 * time, and of a family one metric at a time, into structs that are used again; strings
 * are slices of the page.  Faults have the words of the generated Go code.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "model/histogram.h"
#include "model/labels.h"

enum proto_type {
    PROTO_COUNTER, PROTO_GAUGE, PROTO_SUMMARY, PROTO_UNTYPED, PROTO_HISTOGRAM, PROTO_GAUGE_HISTOGRAM,
};

struct proto_family {
    str name, help, unit;
    int64_t type;       /* enum proto_type, or what the page says */
    str *metrics;       /* messages */
    size_t metrics_n, metrics_cap;
};

struct proto_exemplar {
    struct label *labels; /* as they come */
    size_t labels_n, labels_cap;
    double v;
    bool has_t;
    int64_t t;
};
struct proto_bucket {
    double count, upper;
    struct proto_exemplar *exemplar; /* NULL: none */
};
struct proto_quantile {
    double quantile, v;
};

/* One metric; the parts that its family's type asks for count. */
struct proto_metric {
    struct label *labels;
    size_t labels_n, labels_cap;
    int64_t t;                       /* 0: none */
    int64_t start;                   /* when counting began, milliseconds; 0: not said */
    double counter, gauge, untyped;
    struct proto_exemplar *exemplar; /* of the counter; NULL: none */
    /* summary */
    double summary_count, summary_sum;
    struct proto_quantile *quantiles;
    size_t quantiles_n, quantiles_cap;
    /* histogram */
    uint64_t count, zero_count;
    double count_float, zero_count_float, sum, zero_threshold;
    int64_t schema;
    struct proto_bucket *buckets;
    size_t buckets_n, buckets_cap;
    struct histogram_span *pos_spans, *neg_spans;
    size_t pos_spans_n, pos_spans_cap, neg_spans_n, neg_spans_cap;
    int64_t *pos_delta, *neg_delta;
    size_t pos_delta_n, pos_delta_cap, neg_delta_n, neg_delta_cap;
    double *pos_count, *neg_count;
    size_t pos_count_n, pos_count_cap, neg_count_n, neg_count_cap;
    struct proto_exemplar *exemplars;
    size_t exemplars_n, exemplars_cap;
};

/* The next family of *page, which moves on; arrays in the arena.  False with *end at the
 * end, or with e. */
bool proto_next_family(str *page, struct arena *a, struct proto_family *out, bool *end, struct err *e);
/* All but the labels, which are read when the metric's turn has come. */
bool proto_read_metric(str message, struct arena *a, struct proto_metric *out, struct err *e) MUST_USE;
bool proto_read_labels(struct proto_metric *m, struct err *e) MUST_USE;

/* Whether it has anything that makes it a native histogram. */
bool proto_is_native(const struct proto_metric *m);
/* The native histogram of a metric: compacted, not yet validated.  False with e: its spans
 * and buckets do not fit. */
bool proto_histogram(const struct proto_metric *m, bool gauge, struct arena *a,
                     struct histogram **out, struct err *e) MUST_USE;
