#include "server/config/schema_scrape.h"

#include "base/unicode.h"
#include "server/config/config.h"
#include "server/config/schema_discovery.h"
#include "server/config/schema_http.h"

#define OMIT .flags = SCHEMA_OMITEMPTY

/* Protocols. */

static const struct {
    const char *name;
    const char *media_type;
} protocols[] = {
    [PROTOCOL_NONE] = {"", NULL},
    [PROTOCOL_PROMETHEUS_PROTO] =
        {"PrometheusProto",
         "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"},
    [PROTOCOL_PROMETHEUS_TEXT_0_0_4] = {"PrometheusText0.0.4", "text/plain;version=0.0.4"},
    [PROTOCOL_PROMETHEUS_TEXT_1_0_0] = {"PrometheusText1.0.0", "text/plain;version=1.0.0"},
    [PROTOCOL_OPENMETRICS_TEXT_0_0_1] = {"OpenMetricsText0.0.1",
                                         "application/openmetrics-text;version=0.0.1"},
    [PROTOCOL_OPENMETRICS_TEXT_1_0_0] = {"OpenMetricsText1.0.0",
                                         "application/openmetrics-text;version=1.0.0"},
};

#define PROTOCOL_NAMES                                                                   \
    "[OpenMetricsText0.0.1 OpenMetricsText1.0.0 PrometheusProto PrometheusText0.0.4 "    \
    "PrometheusText1.0.0]"

static str default_protocols[] = {
    {.p = "PrometheusProto", .n = 15},      {.p = "OpenMetricsText1.0.0", .n = 20},
    {.p = "OpenMetricsText0.0.1", .n = 20}, {.p = "PrometheusText1.0.0", .n = 19},
    {.p = "PrometheusText0.0.4", .n = 19},
};
static const struct config_strs protobuf_first = {.v = default_protocols, .n = 5, .set = true};
static const struct config_strs text_only = {.v = default_protocols + 1, .n = 4, .set = true};

const char *
config_protocol_media_type(enum config_protocol p)
{
    return protocols[p].media_type;
}

const char *
config_protocol_name(enum config_protocol p)
{
    return protocols[p].name;
}

static enum config_protocol
find_protocol(str s)
{
    for (size_t i = 1; i < ARRAY_LEN(protocols); i++)
        if (str_eq(s, str_of(protocols[i].name)))
            return (enum config_protocol)i;
    return PROTOCOL_NONE;
}

static bool
same_fold(str a, str b)
{
    return a.n == b.n && strncasecmp(a.p ? a.p : "", b.p ? b.p : "", a.n) == 0;
}

/* In Prometheus' words, without the "for …" that the caller adds. */
static bool
check_protocols(struct arena *a, const struct config_strs *s, struct err *e)
{
    if (s->n == 0)
        return err_set(e, ERR_CONFIG, "scrape_protocols cannot be empty");
    for (size_t i = 0; i < s->n; i++) {
        for (size_t k = 0; k < i; k++)
            if (same_fold(s->v[i], s->v[k]))
                return err_set(e, ERR_CONFIG, "duplicated protocol in scrape_protocols, got %.*s",
                               STR_ARG(config_join(a, s)));
        if (find_protocol(s->v[i]) == PROTOCOL_NONE)
            return err_set(e, ERR_CONFIG,
                           "scrape_protocols: unknown scrape protocol %.*s, supported: " PROTOCOL_NAMES,
                           STR_ARG(s->v[i]));
    }
    return true;
}

/* metric_name_validation_scheme */

static bool
read_validation(struct schema_reader *r, const struct yaml_node *n, const struct schema_field *f,
                void *out)
{
    str s;
    enum config_validation *to = out;
    if (!schema_read_text(r, n, f->type->go, &s))
        return false;
    if (str_eq(s, STRL("legacy")))
        *to = VALIDATION_LEGACY;
    else if (str_eq(s, STRL("utf8")))
        *to = VALIDATION_UTF8;
    else if (s.n > 0)
        return schema_fail(r, n, "unrecognized ValidationScheme: %.*s",
                           STR_ARG(config_quoted(r->a, s)));
    return true;
}

static void
print_validation(const struct schema_printer *p, const struct schema_field *f UNUSED, const void *v)
{
    static const char *const text[] = {"", "legacy", "utf8"};
    yaml_out_str(p->out, str_of(text[*(const enum config_validation *)v]));
}

static bool
validation_empty(const struct schema_field *f UNUSED, const void *v)
{
    return *(const enum config_validation *)v == VALIDATION_UNSET;
}

static const struct schema_type schema_validation = {
    "string", sizeof(enum config_validation), read_validation, print_validation, validation_empty,
    NULL};

/* global */

#define LIMITS(F)                                                                        \
    F("body_size_limit", limit.body_size_bytes, schema_bytes, OMIT),                     \
        F("sample_limit", limit.sample, schema_uint, OMIT),                              \
        F("target_limit", limit.target, schema_uint, OMIT),                              \
        F("label_limit", limit.label, schema_uint, OMIT),                                \
        F("label_name_length_limit", limit.label_name_length, schema_uint, OMIT),        \
        F("label_value_length_limit", limit.label_value_length, schema_uint, OMIT)

#define F(name, member, t, ...) SCHEMA_FIELD(struct config_global, name, member, t, __VA_ARGS__)
static const struct schema_field global_fields[] = {
    F("scrape_interval", scrape_interval_ms, schema_duration, OMIT),
    F("scrape_timeout", scrape_timeout_ms, schema_duration, OMIT),
    F("scrape_protocols", scrape_protocols, schema_strs, OMIT, .go = "[]config.ScrapeProtocol"),
    F("evaluation_interval", evaluation_interval_ms, schema_duration, OMIT),
    F("rule_query_offset", rule_query_offset_ms, schema_duration, OMIT),
    F("query_log_file", query_log_file, schema_str, OMIT),
    F("scrape_failure_log_file", scrape_failure_log_file, schema_str, OMIT),
    F("external_labels", external_labels, schema_labels, OMIT, .go = "map[string]string"),
    LIMITS(F),
    F("keep_dropped_targets", limit.keep_dropped_targets, schema_uint, OMIT),
    F("metric_name_validation_scheme", validation, schema_validation, OMIT),
    F("metric_name_escaping_scheme", escaping_text, schema_str, OMIT),
    F("scrape_native_histograms", scrape_native_histograms, schema_opt_bool, OMIT),
    F("convert_classic_histograms_to_nhcb", convert_classic_histograms_to_nhcb, schema_bool, OMIT),
    F("always_scrape_classic_histograms", always_scrape_classic_histograms, schema_bool, OMIT),
    F("extra_scrape_metrics", extra_scrape_metrics, schema_opt_bool, OMIT),
};
#undef F

void
config_global_default(struct schema_reader *r, struct config_global *g)
{
    const struct config_opts *o = r->opts;
    *g = (struct config_global){
        .scrape_interval_ms = 60 * 1000,
        .scrape_timeout_ms = 10 * 1000,
        .evaluation_interval_ms = 60 * 1000,
        .validation = VALIDATION_UTF8,
        .escaping_text = STRL("allow-utf-8"),
        .scrape_native_histograms = CONFIG_FALSE,
        .extra_scrape_metrics = o->extra_scrape_metrics ? CONFIG_TRUE : CONFIG_FALSE,
    };
    if (o->protobuf_first)
        g->scrape_protocols = protobuf_first;
}

static bool
check_external_labels(struct schema_reader *r, const struct yaml_node *n,
                      const struct config_global *g)
{
    for (size_t i = 0; i < g->external_labels.n; i++) {
        const struct label *l = &g->external_labels.v[i];
        bool name_ok = g->validation == VALIDATION_LEGACY
                           ? label_name_legacy_valid(l->name)
                           : l->name.n > 0 && utf8_valid(l->name);
        if (name_ok && utf8_valid(l->value))
            continue;
        return schema_fail(r, n, "%.*s is not a valid label %s",
                           STR_ARG(config_quoted(r->a, name_ok ? l->value : l->name)),
                           name_ok ? "value" : "name");
    }
    return true;
}

static bool
check_global(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    struct config_global *g = obj, standard;
    struct err e;
    config_global_default(r, &standard);
    if (g->validation == VALIDATION_UNSET)
        g->validation = standard.validation;
    if (!check_external_labels(r, n, g))
        return false;
    if (g->scrape_interval_ms == 0)
        g->scrape_interval_ms = standard.scrape_interval_ms;
    if (g->scrape_timeout_ms > g->scrape_interval_ms)
        return schema_fail(r, n, "global scrape timeout greater than scrape interval");
    if (g->scrape_timeout_ms == 0)
        g->scrape_timeout_ms = MIN(standard.scrape_timeout_ms, g->scrape_interval_ms);
    if (g->evaluation_interval_ms == 0)
        g->evaluation_interval_ms = standard.evaluation_interval_ms;
    if (g->scrape_native_histograms == CONFIG_UNSET)
        g->scrape_native_histograms = standard.scrape_native_histograms;
    if (g->extra_scrape_metrics == CONFIG_UNSET)
        g->extra_scrape_metrics = standard.extra_scrape_metrics;
    if (!g->scrape_protocols.set)
        g->scrape_protocols = standard.scrape_protocols;
    if (g->scrape_protocols.set && !check_protocols(r->a, &g->scrape_protocols, &e))
        return schema_fail(r, n, "%s for global config", e.text);
    return true;
}

/* What the block says starts from nothing, so that an absent key is seen. */
static const struct config_global no_global;
const struct schema schema_global = {
    .go = "config.plain",
    .size = sizeof(struct config_global),
    .fields = global_fields,
    .fields_n = ARRAY_LEN(global_fields),
    .defaults = &no_global,
    .check = check_global,
};

/* scrape_configs */

#define F(name, member, t, ...) SCHEMA_FIELD(struct config_scrape, name, member, t, __VA_ARGS__)
#define B(name, member, t, block, ...)                                                   \
    SCHEMA_BLOCK(struct config_scrape, name, member, t, block, __VA_ARGS__)
static const struct schema_field scrape_fields[] = {
    F("job_name", job_name, schema_str),
    F("honor_labels", honor_labels, schema_bool, OMIT),
    F("honor_timestamps", honor_timestamps, schema_bool),
    F("track_timestamps_staleness", track_timestamps_staleness, schema_bool),
    F("params", params, schema_multimap, OMIT),
    F("scrape_interval", scrape_interval_ms, schema_duration, OMIT),
    F("scrape_timeout", scrape_timeout_ms, schema_duration, OMIT),
    F("scrape_protocols", scrape_protocols, schema_strs, OMIT, .go = "[]config.ScrapeProtocol"),
    F("fallback_scrape_protocol", fallback_text, schema_str, OMIT, .go = "config.ScrapeProtocol"),
    F("scrape_native_histograms", scrape_native_histograms, schema_opt_bool, OMIT),
    F("always_scrape_classic_histograms", always_scrape_classic_histograms, schema_opt_bool, OMIT),
    F("convert_classic_histograms_to_nhcb", convert_classic_histograms_to_nhcb, schema_opt_bool,
      OMIT),
    F("scrape_failure_log_file", scrape_failure_log_file, schema_str, OMIT),
    F("metrics_path", metrics_path, schema_str, OMIT),
    F("scheme", scheme, schema_str, OMIT),
    F("enable_compression", enable_compression, schema_bool),
    LIMITS(F),
    F("native_histogram_bucket_limit", native_histogram_bucket_limit, schema_uint, OMIT),
    F("native_histogram_min_bucket_factor", native_histogram_min_bucket_factor, schema_float, OMIT),
    F("keep_dropped_targets", limit.keep_dropped_targets, schema_uint, OMIT),
    F("metric_name_validation_scheme", validation, schema_validation, OMIT),
    F("metric_name_escaping_scheme", escaping_text, schema_str, OMIT),
    F("extra_scrape_metrics", extra_scrape_metrics, schema_opt_bool, OMIT),
    B("", http, schema_inline, schema_http),
    F("relabel_configs", relabel, schema_relabels, OMIT),
    F("metric_relabel_configs", metric_relabel, schema_relabels, OMIT),
    B("", discovery, schema_inline, schema_discovery),
};
#undef B

static bool
check_scrape(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    struct config_scrape *s = obj;
    s->line = n->line;
    if (!config_discovery_finish(r, n, &s->discovery))
        return false;
    if (s->job_name.n == 0)
        return schema_fail(r, n, "job_name is empty");
    if (!config_http_check(r, n, &s->http))
        return false;
    if (s->relabel.n == 0 && !config_discovery_check_static(r, n, &s->discovery))
        return false;
    if (config_relabels_null(&s->relabel))
        return schema_fail(r, n, "empty or null target relabeling rule in scrape config");
    if (config_relabels_null(&s->metric_relabel))
        return schema_fail(r, n, "empty or null metric relabeling rule in scrape config");
    return true;
}

static const struct config_scrape scrape_default = {
    .honor_timestamps = true,
    .metrics_path = {.p = "/metrics", .n = 8},
    .scheme = {.p = "http", .n = 4},
    .enable_compression = true,
    .http = {.follow_redirects = true, .enable_http2 = true},
};
const struct schema schema_scrape = {
    .go = "config.ScrapeConfig",
    .size = sizeof(struct config_scrape),
    .fields = scrape_fields,
    .fields_n = ARRAY_LEN(scrape_fields),
    .defaults = &scrape_default,
    .check = check_scrape,
};

static const struct schema_field scrape_file_fields[] = {
    SCHEMA_BLOCK(struct config_scrape_file, "scrape_configs", scrape_configs, schema_ptr_list,
                 schema_scrape, OMIT, .go = "[]*config.ScrapeConfig"),
};
const struct schema schema_scrape_file = {
    .go = "config.ScrapeConfigs",
    .size = sizeof(struct config_scrape_file),
    .fields = scrape_file_fields,
    .fields_n = ARRAY_LEN(scrape_file_fields),
};

/* Completing a job. */

static void
inherit_limits(struct config_limits *to, const struct config_limits *from)
{
#define INHERIT(member)                                                                  \
    if (to->member == 0)                                                                 \
        to->member = from->member;
    INHERIT(body_size_bytes)
    INHERIT(sample)
    INHERIT(target)
    INHERIT(label)
    INHERIT(label_name_length)
    INHERIT(label_value_length)
    INHERIT(keep_dropped_targets)
#undef INHERIT
}

static void
inherit(enum config_opt *to, enum config_opt from)
{
    if (*to == CONFIG_UNSET)
        *to = from;
}

static bool
complete_times(struct schema_reader *r, const struct yaml_node *n, struct config_scrape *s,
               const struct config_global *g)
{
    if (s->scrape_interval_ms == 0)
        s->scrape_interval_ms = g->scrape_interval_ms;
    if (s->scrape_timeout_ms > s->scrape_interval_ms)
        return schema_fail(r, n, "scrape timeout greater than scrape interval for scrape config with "
                                 "job name %.*s", STR_ARG(config_quoted(r->a, s->job_name)));
    if (s->scrape_timeout_ms == 0)
        s->scrape_timeout_ms = MIN(g->scrape_timeout_ms, s->scrape_interval_ms);
    return true;
}

static bool
complete_protocols(struct schema_reader *r, const struct yaml_node *n, struct config_scrape *s,
                   const struct config_global *g)
{
    struct err e;
    if (!s->scrape_protocols.set)
        s->scrape_protocols = g->scrape_protocols.set ? g->scrape_protocols
                              : s->scrape_native_histograms == CONFIG_TRUE ? protobuf_first
                                                                           : text_only;
    if (!check_protocols(r->a, &s->scrape_protocols, &e))
        return schema_fail(r, n, "%s for scrape config with job name %.*s", e.text,
                           STR_ARG(config_quoted(r->a, s->job_name)));
    s->protocols_n = MIN(s->scrape_protocols.n, ARRAY_LEN(s->protocols));
    for (size_t i = 0; i < s->protocols_n; i++)
        s->protocols[i] = find_protocol(s->scrape_protocols.v[i]);
    s->fallback = find_protocol(s->fallback_text);
    if (s->fallback_text.n > 0 && s->fallback == PROTOCOL_NONE)
        return schema_fail(r, n, "invalid fallback_scrape_protocol for scrape config with job name "
                                 "%.*s: unknown scrape protocol %.*s, supported: " PROTOCOL_NAMES,
                           STR_ARG(config_quoted(r->a, s->job_name)), STR_ARG(s->fallback_text));
    return true;
}

static enum config_escaping
find_escaping(str s)
{
    static const char *const names[] = {"", "allow-utf-8", "underscores", "dots", "values"};
    for (size_t i = 1; i < ARRAY_LEN(names); i++)
        if (str_eq(s, str_of(names[i])))
            return (enum config_escaping)i;
    return ESCAPING_UNSET;
}

static bool
unknown_escaping(struct schema_reader *r, const struct yaml_node *n, const char *whose, str s)
{
    return schema_fail(r, n, "unknown %s name escaping method specified, must be one of "
                             "'allow-utf-8', 'underscores', 'dots', or 'values', got %.*s",
                       whose, STR_ARG(config_quoted(r->a, s)));
}

static str
default_escaping(enum config_validation v)
{
    return v == VALIDATION_LEGACY ? STRL("underscores") : STRL("allow-utf-8");
}

static bool
complete_names(struct schema_reader *r, const struct yaml_node *n, struct config_scrape *s,
               const struct config_global *g)
{
    bool own = s->validation != VALIDATION_UNSET;
    if (!own)
        s->validation = g->validation;
    str global_escaping = g->escaping_text;
    if (global_escaping.n == 0)
        global_escaping = default_escaping(g->validation);
    else if (find_escaping(global_escaping) == ESCAPING_UNSET)
        return unknown_escaping(r, n, "global", global_escaping);
    if (s->escaping_text.n == 0)
        s->escaping_text = own ? default_escaping(s->validation) : global_escaping;
    s->escaping = find_escaping(s->escaping_text);
    if (s->escaping == ESCAPING_UNSET)
        return unknown_escaping(r, n, "scrape config", s->escaping_text);
    if (s->escaping == ESCAPING_ALLOW_UTF8 && s->validation != VALIDATION_UTF8)
        return schema_fail(r, n, "utf8 metric names requested but validation scheme is not set to "
                                 "UTF8");
    return true;
}

bool
config_scrape_complete(struct schema_reader *r, const struct yaml_node *n, struct config_scrape *s,
                       const struct config_global *g)
{
    if (s == NULL)
        return schema_fail(r, n, "empty or null scrape config section");
    if (!complete_times(r, n, s, g))
        return false;
    inherit_limits(&s->limit, &g->limit);
    if (s->scrape_failure_log_file.n == 0)
        s->scrape_failure_log_file = g->scrape_failure_log_file;
    inherit(&s->scrape_native_histograms, g->scrape_native_histograms);
    inherit(&s->extra_scrape_metrics, g->extra_scrape_metrics);
    if (!complete_protocols(r, n, s, g) || !complete_names(r, n, s, g))
        return false;
    inherit(&s->convert_classic_histograms_to_nhcb,
            g->convert_classic_histograms_to_nhcb ? CONFIG_TRUE : CONFIG_FALSE);
    inherit(&s->always_scrape_classic_histograms,
            g->always_scrape_classic_histograms ? CONFIG_TRUE : CONFIG_FALSE);
    bool legacy = s->validation == VALIDATION_LEGACY;
    return config_relabels_check(r, &s->relabel, legacy) &&
           config_relabels_check(r, &s->metric_relabel, legacy);
}

void
config_scrape_set_dir(struct config_scrape *s, struct arena *a, str dir)
{
    config_discovery_set_dir(&s->discovery, a, dir);
    config_http_set_dir(&s->http, a, dir);
    s->scrape_failure_log_file = config_join_dir(a, dir, s->scrape_failure_log_file);
}

void
config_scrape_identify(struct config_scrape *s, struct arena *a)
{
    struct buf b = {0};
    config_discovery_identify(&s->discovery, a);
    schema_print_doc(&schema_scrape, s, true, &b);
    s->identity = arena_str(a, buf_str(&b));

    /* What does not change which series a target has, or what they are called. */
    struct config_scrape z = *s;
    z.scrape_interval_ms = z.scrape_timeout_ms = 0;
    z.limit.sample = 0;
    z.http = config_http_default;
    memset(&z.discovery, 0, sizeof z.discovery);
    buf_clear(&b);
    schema_print_doc(&schema_scrape, &z, true, &b);
    s->cache_identity = arena_str(a, buf_str(&b));
    buf_free(&b);
}

str
config_scrape_text(const struct config_scrape *s, struct arena *a)
{
    struct buf b = {0};

    schema_print_doc(&schema_scrape, s, false, &b);
    str text = arena_str(a, buf_str(&b));
    buf_free(&b);
    return text;
}
