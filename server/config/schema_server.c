/* storage, tracing, otlp, runtime. */
#include "base/num.h"
#include "server/config/config_notify.h"
#include "server/config/schema_http.h"
#include "server/config/schema_remote.h"

#define OMIT .flags = SCHEMA_OMITEMPTY

/* storage */

static bool
check_retention(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    const struct config_retention *t = obj;
    struct buf b = {0};
    if (t->size_bytes < 0) {
        config_put_bytes(&b, t->size_bytes);
        schema_fail(r, n, "'storage.tsdb.retention.size' must be greater than or equal to 0, got %s",
                    buf_cstr(&b));
    } else if (!(t->percentage >= 0 && t->percentage <= 100) && t->percentage == t->percentage) {
        char text[NUM_TEXT_MAX];
        schema_fail(r, n, "'storage.tsdb.retention.percentage' must be in the range [0, 100], got %.*s",
                    (int)num_format_g(t->percentage, text), text);
    }
    buf_free(&b);
    return !r->failed;
}

#define F(name, member, t, ...) SCHEMA_FIELD(struct config_retention, name, member, t, __VA_ARGS__)
static const struct schema_field retention_fields[] = {
    F("time", time_ms, schema_duration, OMIT),
    F("size", size_bytes, schema_bytes, OMIT),
    F("percentage", percentage, schema_float, OMIT),
};
#undef F
static const struct config_retention no_retention;
static const struct schema schema_retention = {
    .go = "config.plain",
    .size = sizeof(struct config_retention),
    .fields = retention_fields,
    .fields_n = ARRAY_LEN(retention_fields),
    .defaults = &no_retention,
    .check = check_retention,
};

static const struct schema_field chunk_encoding_fields[] = {
    SCHEMA_FIELD(struct config_chunk_encoding, "floats", floats_text, schema_str, OMIT),
};
static const struct schema schema_chunk_encoding = {
    .go = "config.ChunkEncodingConfig",
    .size = sizeof(struct config_chunk_encoding),
    .fields = chunk_encoding_fields,
    .fields_n = ARRAY_LEN(chunk_encoding_fields),
};

static bool
check_tsdb(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    struct config_tsdb *t = obj;
    t->out_of_order_ms_shown = t->out_of_order_time_window_ms;
    str floats = t->chunk_encoding.floats_text;
    if (floats.n == 0)
        t->floats = FLOAT_CHUNKS_DEFAULT;
    else if (str_eq(floats, STRL("xor")))
        t->floats = FLOAT_CHUNKS_XOR;
    else if (str_eq(floats, STRL("xor2")))
        t->floats = FLOAT_CHUNKS_XOR2;
    else
        return schema_fail(r, n, "'storage.tsdb.chunk_encoding.floats' must be 'xor' or 'xor2', or "
                                 "the field must be omitted entirely, got %.*s",
                           STR_ARG(config_quoted(r->a, floats)));
    return true;
}

#define F(name, member, t, ...) SCHEMA_FIELD(struct config_tsdb, name, member, t, __VA_ARGS__)
static const struct schema_field tsdb_fields[] = {
    F("outofordertimewindow", out_of_order_ms_shown, schema_int, .go = "int64"),
    F("out_of_order_time_window", out_of_order_time_window_ms, schema_duration, OMIT),
    F("stale_series_compaction_threshold", stale_series_compaction_threshold, schema_float, OMIT),
    SCHEMA_BLOCK(struct config_tsdb, "chunk_encoding", chunk_encoding, schema_block,
                 schema_chunk_encoding, OMIT),
    SCHEMA_BLOCK(struct config_tsdb, "retention", retention, schema_ptr, schema_retention, OMIT),
};
#undef F
static const struct config_tsdb no_tsdb;
static const struct schema schema_tsdb = {
    .go = "config.plain",
    .size = sizeof(struct config_tsdb),
    .fields = tsdb_fields,
    .fields_n = ARRAY_LEN(tsdb_fields),
    .defaults = &no_tsdb,
    .check = check_tsdb,
};

static const struct schema_field exemplars_fields[] = {
    SCHEMA_FIELD(struct config_exemplars, "max_exemplars", max_exemplars, schema_int, OMIT,
                 .go = "int64"),
};
static const struct schema schema_exemplars = {
    .go = "config.ExemplarsConfig",
    .size = sizeof(struct config_exemplars),
    .fields = exemplars_fields,
    .fields_n = ARRAY_LEN(exemplars_fields),
};

static const struct schema_field storage_fields[] = {
    SCHEMA_BLOCK(struct config_storage, "tsdb", tsdb, schema_ptr, schema_tsdb, OMIT),
    SCHEMA_BLOCK(struct config_storage, "exemplars", exemplars, schema_ptr, schema_exemplars, OMIT),
};
const struct schema schema_storage = {
    .go = "config.StorageConfig",
    .size = sizeof(struct config_storage),
    .fields = storage_fields,
    .fields_n = ARRAY_LEN(storage_fields),
};

/* tracing */

static bool
read_client_type(struct schema_reader *r, const struct yaml_node *n,
                 const struct schema_field *f, void *out)
{
    str s;
    if (!schema_read_text(r, n, f->type->go, &s))
        return false;
    if (!str_eq(s, STRL("http")) && !str_eq(s, STRL("grpc")))
        return schema_fail(r, n, "expected tracing client type to be to be http or grpc, but got %.*s",
                           STR_ARG(s));
    *(str *)out = s;
    return true;
}

static void
print_client_type(const struct schema_printer *p, const struct schema_field *f, const void *v)
{
    schema_str.print(p, f, v);
}

static bool
client_type_empty(const struct schema_field *f, const void *v)
{
    return schema_str.is_empty(f, v);
}

static const struct schema_type schema_client_type = {
    "config.plain", sizeof(str), read_client_type, print_client_type, client_type_empty, NULL};
static const struct schema_type schema_notify_client_type = {
    "tracing.plain", sizeof(str), read_client_type, print_client_type, client_type_empty, NULL};

static bool
check_tracer(struct schema_reader *r, const struct yaml_node *n, str endpoint, str compression)
{
    if (endpoint.n == 0)
        return schema_fail(r, n, "tracing endpoint must be set");
    if (compression.n > 0 && !str_eq(compression, STRL("gzip")))
        return schema_fail(r, n, "invalid compression type %.*s provided, valid options: gzip",
                           STR_ARG(compression));
    return true;
}

static bool
check_tracing(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    const struct config_tracing *t = obj;
    for (size_t i = 0; i < t->headers.n; i++) {
        str name = t->headers.v[i].key;
        if (name.n == 13 && strncasecmp(name.p, "authorization", 13) == 0)
            return schema_fail(r, n, "custom authorization header configuration is not yet supported");
        if (config_header_reserved(name))
            return schema_fail(r, n, "%.*s is a reserved header. It must not be changed",
                               STR_ARG(name));
    }
    return check_tracer(r, n, t->endpoint, t->compression);
}

#define F(name, member, t, ...) SCHEMA_FIELD(struct config_tracing, name, member, t, __VA_ARGS__)
static const struct schema_field tracing_fields[] = {
    F("client_type", client_type, schema_client_type, OMIT),
    F("endpoint", endpoint, schema_str, OMIT),
    F("sampling_fraction", sampling_fraction, schema_float, OMIT),
    F("insecure", insecure, schema_bool, OMIT),
    SCHEMA_BLOCK(struct config_tracing, "tls_config", tls, schema_block, schema_tls, OMIT),
    F("headers", headers, schema_map, OMIT),
    F("compression", compression, schema_str, OMIT),
    F("timeout", timeout_ms, schema_duration, OMIT),
};
#undef F
static const struct config_tracing tracing_default = {.client_type = {.p = "grpc", .n = 4}};
const struct schema schema_tracing = {
    .go = "config.plain",
    .size = sizeof(struct config_tracing),
    .fields = tracing_fields,
    .fields_n = ARRAY_LEN(tracing_fields),
    .defaults = &tracing_default,
    .check = check_tracing,
};

/* Alertmanager's, with a type of its own. */
static bool
check_notify_tracing(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    const struct config_notify_tracing *t = obj;
    return check_tracer(r, n, t->endpoint, t->compression);
}

#define F(name, member, t, ...)                                                          \
    SCHEMA_FIELD(struct config_notify_tracing, name, member, t, __VA_ARGS__)
static const struct schema_field notify_tracing_fields[] = {
    F("client_type", client_type, schema_notify_client_type, OMIT),
    F("endpoint", endpoint, schema_str, OMIT),
    F("sampling_fraction", sampling_fraction, schema_float, OMIT),
    F("insecure", insecure, schema_bool, OMIT),
    SCHEMA_BLOCK(struct config_notify_tracing, "tls_config", tls, schema_ptr, schema_tls, OMIT),
    F("headers", headers, schema_headers, OMIT),
    F("compression", compression, schema_str, OMIT),
    F("timeout", timeout_ms, schema_duration, OMIT),
};
#undef F
static const struct config_notify_tracing notify_tracing_default = {
    .client_type = {.p = "grpc", .n = 4}};
const struct schema schema_notify_tracing = {
    .go = "tracing.plain",
    .size = sizeof(struct config_notify_tracing),
    .fields = notify_tracing_fields,
    .fields_n = ARRAY_LEN(notify_tracing_fields),
    .defaults = &notify_tracing_default,
    .check = check_notify_tracing,
};

/* otlp */

static str
trim(str s)
{
    while (s.n && (s.p[0] == ' ' || (s.p[0] >= '\t' && s.p[0] <= '\r')))
        s = str_from(s, 1);
    while (s.n && (s.p[s.n - 1] == ' ' || (s.p[s.n - 1] >= '\t' && s.p[s.n - 1] <= '\r')))
        s.n--;
    return s;
}

/* Trims the names; all empty and repeated ones are reported together. */
static bool
check_attributes(struct schema_reader *r, const struct yaml_node *n, struct config_strs *list,
                 const char *key, const char *adjective)
{
    struct buf b = {0};
    for (size_t i = 0; i < list->n; i++) {
        str name = trim(list->v[i]);
        bool repeated = false;
        for (size_t k = 0; k < i; k++)
            repeated |= str_eq(trim(list->v[k]), name);
        if (b.n > 0 && (name.n == 0 || repeated))
            buf_byte(&b, '\n');
        if (name.n == 0)
            buf_printf(&b, "empty %s OTel resource attribute", adjective);
        else if (repeated)
            buf_printf(&b, "duplicated %s OTel resource attribute %.*s", adjective,
                       STR_ARG(config_quoted(r->a, name)));
        else
            list->v[i] = name;
    }
    bool ok = b.n == 0;
    if (!ok)
        schema_fail(r, n, "invalid '%s': %s", key, buf_cstr(&b));
    buf_free(&b);
    return ok;
}

static bool
check_otlp(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    struct config_otlp *o = obj;
    if (o->promote_all_resource_attributes) {
        if (o->promote_resource_attributes.n > 0)
            return schema_fail(r, n, "'promote_all_resource_attributes' and "
                                     "'promote_resource_attributes' cannot be configured "
                                     "simultaneously");
        return check_attributes(r, n, &o->ignore_resource_attributes, "ignore_resource_attributes",
                                "ignored");
    }
    if (o->ignore_resource_attributes.n > 0)
        return schema_fail(r, n, "'ignore_resource_attributes' cannot be configured unless "
                                 "'promote_all_resource_attributes' is true");
    return check_attributes(r, n, &o->promote_resource_attributes, "promote_resource_attributes",
                            "promoted");
}

#define F(name, member, t, ...) SCHEMA_FIELD(struct config_otlp, name, member, t, __VA_ARGS__)
static const struct schema_field otlp_fields[] = {
    F("promote_all_resource_attributes", promote_all_resource_attributes, schema_bool, OMIT),
    F("promote_resource_attributes", promote_resource_attributes, schema_strs, OMIT),
    F("ignore_resource_attributes", ignore_resource_attributes, schema_strs, OMIT),
    F("translation_strategy", strategy_text, schema_str, OMIT,
      .go = "otlptranslator.TranslationStrategyOption"),
    F("keep_identifying_resource_attributes", keep_identifying_resource_attributes, schema_bool, OMIT),
    F("convert_histograms_to_nhcb", convert_histograms_to_nhcb, schema_bool, OMIT),
    F("promote_scope_metadata", promote_scope_metadata, schema_bool, OMIT),
    F("label_name_underscore_sanitization", label_name_underscore_sanitization, schema_bool, OMIT),
    F("label_name_preserve_multiple_underscores", label_name_preserve_multiple_underscores,
      schema_bool, OMIT),
};
#undef F
const struct config_otlp config_otlp_default = {
    .strategy_text = {.p = "UnderscoreEscapingWithSuffixes", .n = 30},
    .label_name_underscore_sanitization = true,
    .label_name_preserve_multiple_underscores = true,
};
const struct schema schema_otlp = {
    .go = "config.plain",
    .size = sizeof(struct config_otlp),
    .fields = otlp_fields,
    .fields_n = ARRAY_LEN(otlp_fields),
    .defaults = &config_otlp_default,
    .check = check_otlp,
};

bool
config_otlp_complete(struct schema_reader *r, struct config_otlp *o, bool legacy_names)
{
    static const char *const names[] = {
        [OTLP_ESCAPE_WITH_SUFFIXES] = "UnderscoreEscapingWithSuffixes",
        [OTLP_ESCAPE_WITHOUT_SUFFIXES] = "UnderscoreEscapingWithoutSuffixes",
        [OTLP_UTF8_WITH_SUFFIXES] = "NoUTF8EscapingWithSuffixes",
        [OTLP_NO_TRANSLATION] = "NoTranslation",
    };
    o->strategy = OTLP_ESCAPE_WITH_SUFFIXES;
    if (o->strategy_text.n == 0)
        return true;
    size_t i = 0;
    while (i < ARRAY_LEN(names) && !str_eq(o->strategy_text, str_of(names[i])))
        i++;
    str quoted = config_quoted(r->a, o->strategy_text);
    if (i == ARRAY_LEN(names))
        return schema_fail(r, NULL, "unsupported OTLP translation strategy %.*s", STR_ARG(quoted));
    o->strategy = (enum config_otlp_strategy)i;
    if (legacy_names && i >= OTLP_UTF8_WITH_SUFFIXES)
        return schema_fail(r, NULL, "OTLP translation strategy %.*s is not allowed when UTF8 is "
                                    "disabled", STR_ARG(quoted));
    return true;
}

/* runtime */

static const struct schema_field runtime_fields[] = {
    SCHEMA_FIELD(struct config_runtime, "gogc", gogc, schema_int, OMIT),
};
const struct schema schema_runtime = {
    .go = "config.RuntimeConfig",
    .size = sizeof(struct config_runtime),
    .fields = runtime_fields,
    .fields_n = ARRAY_LEN(runtime_fields),
};
