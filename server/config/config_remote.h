/* config_remote.h - remote write, remote read, OTLP, storage, tracing, runtime. */
#pragma once
#include "server/config/config_http.h"

enum config_write_message { REMOTE_WRITE_V1, REMOTE_WRITE_V2 };

struct config_queue {
    int64_t capacity, max_shards, min_shards, max_samples_per_send;
    int64_t batch_send_deadline_ms, min_backoff_ms, max_backoff_ms;
    bool retry_on_http_429;
    int64_t sample_age_limit_ms; /* 0: none */
};
struct config_metadata {
    bool send;
    int64_t send_interval_ms, max_samples_per_send;
};

struct config_azuread_identity {
    str client_id;
};
struct config_azuread_oauth {
    str client_id, client_secret, tenant_id;
};
struct config_azuread_sdk {
    str tenant_id;
};
struct config_azuread_workload {
    str client_id, tenant_id, token_file_path;
};
struct config_azuread_certificate {
    str client_id, tenant_id, certificate_path, certificate_key_path, certificate_password;
    bool send_certificate_chain;
};
struct config_azuread {
    struct config_azuread_identity *managed_identity;
    struct config_azuread_workload *workload_identity;
    struct config_azuread_oauth *oauth;
    struct config_azuread_sdk *sdk;
    struct config_azuread_certificate *certificate;
    str cloud, scope;
};
struct config_google_iam {
    str credentials_file;
};

struct config_remote_write {
    struct config_url url;
    int64_t remote_timeout_ms;
    struct config_map headers;
    struct config_relabels relabel;
    str name; /* as written; may be empty */
    bool send_exemplars, send_native_histograms, round_robin_dns;
    str message_text;
    enum config_write_message message;
    struct config_http http;
    struct config_queue queue;
    struct config_metadata metadata;
    struct config_sigv4 *sigv4;           /* or NULL */
    struct config_azuread *azuread;       /* or NULL */
    struct config_google_iam *google_iam; /* or NULL */
    str identity; /* equal text: the queue may be kept */
    str label;    /* what metrics call it: name, or six hex digits of its hash */
};

struct config_remote_read {
    struct config_url url;
    int64_t remote_timeout_ms;
    uint64_t chunked_read_limit;
    struct config_map headers;
    bool read_recent;
    str name;
    struct config_http http;
    struct labels required_matchers;
    bool filter_external_labels;
    str identity;
    str label;
};

enum config_float_chunks { FLOAT_CHUNKS_DEFAULT, FLOAT_CHUNKS_XOR, FLOAT_CHUNKS_XOR2 };
struct config_retention {
    int64_t time_ms;      /* 0: not set here */
    int64_t size_bytes;   /* 0: no limit */
    double percentage;    /* of the disk; 0: no limit */
};
struct config_chunk_encoding {
    str floats_text;
};
struct config_tsdb {
    int64_t out_of_order_ms_shown; /* Prometheus shows its own copy of the next, so we do */
    int64_t out_of_order_time_window_ms;
    double stale_series_compaction_threshold;
    struct config_chunk_encoding chunk_encoding;
    struct config_retention *retention; /* never NULL after load */
    enum config_float_chunks floats;
};
struct config_exemplars {
    int64_t max_exemplars;
};
struct config_storage {
    struct config_tsdb *tsdb;           /* never NULL after load */
    struct config_exemplars *exemplars; /* or NULL: the default of 100000 */
};

struct config_tracing {
    str client_type; /* grpc, http */
    str endpoint;    /* empty: no tracing */
    double sampling_fraction;
    bool insecure;
    struct config_tls tls;
    struct config_map headers;
    str compression;
    int64_t timeout_ms;
};

enum config_otlp_strategy {
    OTLP_ESCAPE_WITH_SUFFIXES,
    OTLP_ESCAPE_WITHOUT_SUFFIXES,
    OTLP_UTF8_WITH_SUFFIXES,
    OTLP_NO_TRANSLATION,
};
struct config_otlp {
    bool promote_all_resource_attributes;
    struct config_strs promote_resource_attributes, ignore_resource_attributes;
    str strategy_text;
    enum config_otlp_strategy strategy;
    bool keep_identifying_resource_attributes;
    bool convert_histograms_to_nhcb;
    bool promote_scope_metadata;
    bool label_name_underscore_sanitization;
    bool label_name_preserve_multiple_underscores;
};

struct config_runtime {
    int64_t gogc; /* accepted and shown; narthex has no garbage collector */
};
