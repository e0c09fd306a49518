/* config_scrape.h - global defaults and scrape jobs.
 *
 * After load every job is complete: what it did not say itself has come from `global:`.
 * Limits: 0 = no limit.
 */
#pragma once
#include "server/config/config_discovery.h"

/* Preference order is the list's order. */
enum config_protocol {
    PROTOCOL_NONE,
    PROTOCOL_PROMETHEUS_PROTO,
    PROTOCOL_PROMETHEUS_TEXT_0_0_4,
    PROTOCOL_PROMETHEUS_TEXT_1_0_0,
    PROTOCOL_OPENMETRICS_TEXT_0_0_1,
    PROTOCOL_OPENMETRICS_TEXT_1_0_0,
};
/* The media type a protocol is asked for with; NULL for PROTOCOL_NONE. */
const char *config_protocol_media_type(enum config_protocol p);
const char *config_protocol_name(enum config_protocol p);

enum config_validation { VALIDATION_UNSET, VALIDATION_LEGACY, VALIDATION_UTF8 };
enum config_escaping { ESCAPING_UNSET, ESCAPING_ALLOW_UTF8, ESCAPING_UNDERSCORES, ESCAPING_DOTS, ESCAPING_VALUES };

struct config_limits {
    int64_t body_size_bytes; /* 0 or less: none */
    uint64_t sample, target, label, label_name_length, label_value_length;
    uint64_t keep_dropped_targets;
};

struct config_global {
    int64_t scrape_interval_ms, scrape_timeout_ms;
    struct config_strs scrape_protocols;
    int64_t evaluation_interval_ms, rule_query_offset_ms;
    str query_log_file, scrape_failure_log_file; /* absolute */
    struct labels external_labels; /* environment expanded; values may be empty */
    struct config_limits limit;
    enum config_validation validation;
    str escaping_text;
    enum config_opt scrape_native_histograms;
    bool convert_classic_histograms_to_nhcb;
    bool always_scrape_classic_histograms;
    enum config_opt extra_scrape_metrics;
};

struct config_scrape {
    str job_name;
    bool honor_labels;
    bool honor_timestamps;
    bool track_timestamps_staleness;
    struct config_multimap params;
    int64_t scrape_interval_ms, scrape_timeout_ms;
    struct config_strs scrape_protocols; /* as written; read `protocols` */
    str fallback_text;
    enum config_opt scrape_native_histograms;
    enum config_opt always_scrape_classic_histograms;
    enum config_opt convert_classic_histograms_to_nhcb;
    str scrape_failure_log_file;
    str metrics_path, scheme;
    bool enable_compression;
    struct config_limits limit;
    uint64_t native_histogram_bucket_limit;
    double native_histogram_min_bucket_factor;
    enum config_validation validation;
    str escaping_text;
    enum config_opt extra_scrape_metrics;
    struct config_http http;
    struct config_discovery discovery;
    struct config_relabels relabel;        /* of targets */
    struct config_relabels metric_relabel; /* of samples */

    /* Filled at load. */
    enum config_protocol protocols[5];
    size_t protocols_n;
    enum config_protocol fallback; /* PROTOCOL_NONE: a page of unknown type fails */
    enum config_escaping escaping;
    str identity; /* equal text: nothing about the job has changed */
    str cache_identity; /* equal text: loops may restart but keep their series caches */
    str file;     /* the scrape_config_files file it is from; empty: the main file */
    int line;     /* of the section */
};
/* The job as the API shows it: YAML with defaults, secrets masked; in the arena. */
str config_scrape_text(const struct config_scrape *s, struct arena *a);
