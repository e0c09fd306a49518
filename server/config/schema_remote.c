#include "server/config/schema_remote.h"

#include "base/hash.h"
#include "server/config/schema_http.h"

#define OMIT .flags = SCHEMA_OMITEMPTY

static bool
equal_fold(str s, const char *lower)
{
    return s.n == strlen(lower) && strncasecmp(s.p ? s.p : "", lower, s.n) == 0;
}

bool
config_header_reserved(str name)
{
    static const char *const names[] = {
        "host", "content-encoding", "content-length", "content-type", "user-agent", "connection",
        "keep-alive", "proxy-authenticate", "proxy-authorization", "www-authenticate",
        "accept-encoding", "x-prometheus-remote-write-version", "x-prometheus-remote-read-version",
        "x-amz-date", "x-amz-security-token", "x-amz-content-sha256",
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (equal_fold(name, names[i]))
            return true;
    return false;
}

static bool
check_headers(struct schema_reader *r, const struct yaml_node *n, const struct config_map *headers)
{
    for (size_t i = 0; i < headers->n; i++) {
        str name = headers->v[i].key;
        if (equal_fold(name, "authorization"))
            return schema_fail(r, n, "authorization header must be changed via the basic_auth, "
                                     "authorization, oauth2, sigv4, azuread or google_iam "
                                     "parameter");
        if (config_header_reserved(name))
            return schema_fail(r, n, "%.*s is a reserved header. It must not be changed",
                               STR_ARG(name));
    }
    return true;
}

/* queue_config, metadata_config */

#define F(name, member, t, ...) SCHEMA_FIELD(struct config_queue, name, member, t, __VA_ARGS__)
static const struct schema_field queue_fields[] = {
    F("capacity", capacity, schema_int, OMIT),
    F("max_shards", max_shards, schema_int, OMIT),
    F("min_shards", min_shards, schema_int, OMIT),
    F("max_samples_per_send", max_samples_per_send, schema_int, OMIT),
    F("batch_send_deadline", batch_send_deadline_ms, schema_duration, OMIT),
    F("min_backoff", min_backoff_ms, schema_duration, OMIT),
    F("max_backoff", max_backoff_ms, schema_duration, OMIT),
    F("retry_on_http_429", retry_on_http_429, schema_bool, OMIT),
    F("sample_age_limit", sample_age_limit_ms, schema_duration, OMIT),
};
#undef F
static const struct schema schema_queue = {
    .go = "config.QueueConfig",
    .size = sizeof(struct config_queue),
    .fields = queue_fields,
    .fields_n = ARRAY_LEN(queue_fields),
};

static bool
check_queue(struct schema_reader *r, const struct yaml_node *n, const struct config_queue *q)
{
    if (q->max_shards <= 0)
        return schema_fail(r, n, "remote write queue max_shards must be positive");
    if (q->min_shards <= 0)
        return schema_fail(r, n, "remote write queue min_shards must be positive");
    if (q->min_shards > q->max_shards)
        return schema_fail(r, n, "remote write queue min_shards must not be greater than max_shards");
    if (q->max_samples_per_send <= 0)
        return schema_fail(r, n, "remote write queue max_samples_per_send must be positive");
    if (q->capacity <= 0)
        return schema_fail(r, n, "remote write queue capacity must be positive");
    if (q->max_backoff_ms < q->min_backoff_ms)
        return schema_fail(r, n, "remote write queue max_backoff must not be less than min_backoff");
    return true;
}

#define F(name, member, t, ...) SCHEMA_FIELD(struct config_metadata, name, member, t, __VA_ARGS__)
static const struct schema_field metadata_fields[] = {
    F("send", send, schema_bool),
    F("send_interval", send_interval_ms, schema_duration),
    F("max_samples_per_send", max_samples_per_send, schema_int, OMIT),
};
#undef F
static const struct schema schema_metadata = {
    .go = "config.MetadataConfig",
    .size = sizeof(struct config_metadata),
    .fields = metadata_fields,
    .fields_n = ARRAY_LEN(metadata_fields),
};

/* azuread, google_iam */

#define DEFINE(name, type, go_type)                                                      \
    static const struct schema schema_##name = {.go = go_type,                           \
                                                .size = sizeof(struct type),             \
                                                .fields = name##_fields,                 \
                                                .fields_n = ARRAY_LEN(name##_fields)}

#define F(name, member, t, ...)                                                          \
    SCHEMA_FIELD(struct config_azuread_identity, name, member, t, __VA_ARGS__)
static const struct schema_field identity_fields[] = {F("client_id", client_id, schema_str, OMIT)};
#undef F
DEFINE(identity, config_azuread_identity, "azuread.ManagedIdentityConfig");

#define F(name, member, t, ...)                                                          \
    SCHEMA_FIELD(struct config_azuread_workload, name, member, t, __VA_ARGS__)
static const struct schema_field workload_fields[] = {
    F("client_id", client_id, schema_str, OMIT),
    F("tenant_id", tenant_id, schema_str, OMIT),
    F("token_file_path", token_file_path, schema_str, OMIT),
};
#undef F
DEFINE(workload, config_azuread_workload, "azuread.WorkloadIdentityConfig");

#define F(name, member, t, ...)                                                          \
    SCHEMA_FIELD(struct config_azuread_oauth, name, member, t, __VA_ARGS__)
static const struct schema_field oauth_fields[] = {
    F("client_id", client_id, schema_str, OMIT),
    F("client_secret", client_secret, schema_secret, OMIT),
    F("tenant_id", tenant_id, schema_str, OMIT),
};
#undef F
DEFINE(oauth, config_azuread_oauth, "azuread.OAuthConfig");

#define F(name, member, t, ...)                                                          \
    SCHEMA_FIELD(struct config_azuread_sdk, name, member, t, __VA_ARGS__)
static const struct schema_field sdk_fields[] = {F("tenant_id", tenant_id, schema_str, OMIT)};
#undef F
DEFINE(sdk, config_azuread_sdk, "azuread.SDKConfig");

#define F(name, member, t, ...)                                                          \
    SCHEMA_FIELD(struct config_azuread_certificate, name, member, t, __VA_ARGS__)
static const struct schema_field certificate_fields[] = {
    F("client_id", client_id, schema_str, OMIT),
    F("tenant_id", tenant_id, schema_str, OMIT),
    F("certificate_path", certificate_path, schema_str, OMIT),
    F("certificate_key_path", certificate_key_path, schema_str, OMIT),
    F("certificate_password", certificate_password, schema_secret, OMIT),
    F("send_certificate_chain", send_certificate_chain, schema_bool, OMIT),
};
#undef F
DEFINE(certificate, config_azuread_certificate, "azuread.CertificateConfig");

static bool
is_uuid(str s)
{
    /* Also {…}, urn:uuid:… and 32 bare digits, as the usual library takes them. */
    if (str_starts(s, STRL("urn:uuid:")))
        s = str_from(s, 9);
    else if (s.n == 38 && s.p[0] == '{' && s.p[37] == '}')
        s = STR(s.p + 1, 36);
    size_t digits = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (s.n == 36 && (i == 8 || i == 13 || i == 18 || i == 23)) {
            if (c != '-')
                return false;
            continue;
        }
        if (!(c >= '0' && c <= '9') && !((c | 0x20) >= 'a' && (c | 0x20) <= 'f'))
            return false;
        digits++;
    }
    return digits == 32;
}

static bool
check_azure_ids(struct schema_reader *r, const struct yaml_node *n, const struct config_azuread *c)
{
    if (c->managed_identity != NULL && c->managed_identity->client_id.n > 0 &&
        !is_uuid(c->managed_identity->client_id))
        return schema_fail(r, n, "the provided Azure Managed Identity client_id is invalid");
    if (c->workload_identity != NULL) {
        const struct config_azuread_workload *w = c->workload_identity;
        if (w->client_id.n == 0 || w->tenant_id.n == 0)
            return schema_fail(r, n, "must provide an Azure Workload Identity %s in the Azure AD "
                                     "config", w->client_id.n == 0 ? "client_id" : "tenant_id");
        if (!is_uuid(w->client_id) || !is_uuid(w->tenant_id))
            return schema_fail(r, n, "the provided Azure Workload Identity %s is invalid",
                               is_uuid(w->client_id) ? "tenant_id" : "client_id");
    }
    if (c->oauth != NULL) {
        const struct config_azuread_oauth *o = c->oauth;
        if (o->client_id.n == 0 || o->client_secret.n == 0 || o->tenant_id.n == 0)
            return schema_fail(r, n, "must provide an Azure OAuth %s in the Azure AD config",
                               o->client_id.n == 0       ? "client_id"
                               : o->client_secret.n == 0 ? "client_secret"
                                                         : "tenant_id");
        if (!is_uuid(o->client_id))
            return schema_fail(r, n, "the provided Azure OAuth client_id is invalid");
    }
    if (c->certificate != NULL) {
        const struct config_azuread_certificate *x = c->certificate;
        if (x->client_id.n == 0 || x->tenant_id.n == 0 || x->certificate_path.n == 0)
            return schema_fail(r, n, "must provide an Azure Certificate %s in the Azure AD config",
                               x->client_id.n == 0   ? "client_id"
                               : x->tenant_id.n == 0 ? "tenant_id"
                                                     : "certificate_path");
        if (!is_uuid(x->client_id))
            return schema_fail(r, n, "the provided Azure Certificate client_id is invalid");
    }
    return true;
}

static bool
check_azuread(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    struct config_azuread *c = obj;
    if (c->cloud.n == 0)
        c->cloud = STRL("AzurePublic");
    if (!str_eq(c->cloud, STRL("AzureChina")) && !str_eq(c->cloud, STRL("AzureGovernment")) &&
        !str_eq(c->cloud, STRL("AzurePublic")))
        return schema_fail(r, n, "must provide a cloud in the Azure AD config");
    int ways = (c->managed_identity != NULL) + (c->workload_identity != NULL) + (c->oauth != NULL) +
               (c->sdk != NULL) + (c->certificate != NULL);
    if (ways == 0)
        return schema_fail(r, n, "must provide an Azure Managed Identity, Azure Workload Identity, "
                                 "Azure OAuth, Azure Certificate or Azure SDK in the Azure AD "
                                 "config");
    if (ways > 1)
        return schema_fail(r, n, "cannot provide multiple authentication methods in the Azure AD "
                                 "config");
    if (!check_azure_ids(r, n, c))
        return false;
    for (size_t i = 0; i < c->scope.n; i++) {
        char x = c->scope.p[i];
        if (!(x >= '0' && x <= '9') && !((x | 0x20) >= 'a' && (x | 0x20) <= 'z') &&
            (x == '\0' || strchr("_ \t\n\f\r:/.-", x) == NULL))
            return schema_fail(r, n, "the provided scope contains invalid characters");
    }
    return true;
}

#define B(name, member, t, block, ...)                                                   \
    SCHEMA_BLOCK(struct config_azuread, name, member, t, block, __VA_ARGS__)
static const struct schema_field azuread_fields[] = {
    B("managed_identity", managed_identity, schema_ptr, schema_identity, OMIT),
    B("workload_identity", workload_identity, schema_ptr, schema_workload, OMIT),
    B("oauth", oauth, schema_ptr, schema_oauth, OMIT),
    B("sdk", sdk, schema_ptr, schema_sdk, OMIT),
    B("certificate", certificate, schema_ptr, schema_certificate, OMIT),
    SCHEMA_FIELD(struct config_azuread, "cloud", cloud, schema_str, OMIT),
    SCHEMA_FIELD(struct config_azuread, "scope", scope, schema_str, OMIT),
};
#undef B
static const struct config_azuread no_azuread;
static const struct schema schema_azuread = {
    .go = "azuread.plain",
    .size = sizeof(struct config_azuread),
    .fields = azuread_fields,
    .fields_n = ARRAY_LEN(azuread_fields),
    .defaults = &no_azuread,
    .check = check_azuread,
};

static const struct schema_field google_iam_fields[] = {
    SCHEMA_FIELD(struct config_google_iam, "credentials_file", credentials_file, schema_str, OMIT),
};
DEFINE(google_iam, config_google_iam, "googleiam.Config");

/* remote_write */

static bool
check_one_auth(struct schema_reader *r, const struct yaml_node *n, const struct config_remote_write *c)
{
    const struct {
        bool set;
        const char *name;
    } ways[] = {
        {c->http.basic_auth != NULL, "basic_auth"}, {c->http.authorization != NULL, "authorization"},
        {c->http.oauth2 != NULL, "oauth2"},         {c->sigv4 != NULL, "sigv4"},
        {c->azuread != NULL, "azuread"},            {c->google_iam != NULL, "google_iam"},
    };
    struct buf list = {0};
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_LEN(ways); i++)
        if (ways[i].set)
            buf_printf(&list, "%s%s", count++ ? " " : "", ways[i].name);
    if (count > 1)
        schema_fail(r, n, "at most one of basic_auth, authorization, oauth2, sigv4, azuread or "
                          "google_iam must be configured. Currently configured: [%s]",
                    buf_cstr(&list));
    buf_free(&list);
    return count <= 1;
}

static bool
check_remote_write(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    struct config_remote_write *c = obj;
    if (c->url.text.p == NULL)
        return schema_fail(r, n, "url for remote_write is empty");
    if (config_relabels_null(&c->relabel))
        return schema_fail(r, n, "empty or null relabeling rule in remote write config");
    if (!check_headers(r, n, &c->headers))
        return false;
    if (str_eq(c->message_text, STRL("prometheus.WriteRequest")))
        c->message = REMOTE_WRITE_V1;
    else if (str_eq(c->message_text, STRL("io.prometheus.write.v2.Request")))
        c->message = REMOTE_WRITE_V2;
    else
        return schema_fail(r, n, "invalid protobuf_message value: unknown type for remote write "
                                 "protobuf message %.*s, supported: prometheus.WriteRequest, "
                                 "io.prometheus.write.v2.Request", STR_ARG(c->message_text));
    return config_http_check(r, n, &c->http) && check_queue(r, n, &c->queue) &&
           check_one_auth(r, n, c);
}

#define F(name, member, t, ...)                                                          \
    SCHEMA_FIELD(struct config_remote_write, name, member, t, __VA_ARGS__)
#define B(name, member, t, block, ...)                                                   \
    SCHEMA_BLOCK(struct config_remote_write, name, member, t, block, __VA_ARGS__)
static const struct schema_field remote_write_fields[] = {
    F("url", url, schema_url),
    F("remote_timeout", remote_timeout_ms, schema_duration, OMIT),
    F("headers", headers, schema_map, OMIT),
    F("write_relabel_configs", relabel, schema_relabels, OMIT),
    F("name", name, schema_str, OMIT),
    F("send_exemplars", send_exemplars, schema_bool, OMIT),
    F("send_native_histograms", send_native_histograms, schema_bool, OMIT),
    F("round_robin_dns", round_robin_dns, schema_bool, OMIT),
    F("protobuf_message", message_text, schema_str, OMIT, .go = "remote.WriteMessageType"),
    B("", http, schema_inline, schema_http),
    B("queue_config", queue, schema_block, schema_queue, OMIT),
    B("metadata_config", metadata, schema_block, schema_metadata, OMIT),
    B("sigv4", sigv4, schema_ptr, schema_sigv4, OMIT),
    B("azuread", azuread, schema_ptr, schema_azuread, OMIT),
    B("google_iam", google_iam, schema_ptr, schema_google_iam, OMIT),
};
#undef F
#undef B
static const struct config_remote_write remote_write_default = {
    .remote_timeout_ms = 30 * 1000,
    .message_text = {.p = "prometheus.WriteRequest", .n = 23},
    .http = {.follow_redirects = true},
    .queue = {.capacity = 10000,
              .max_shards = 50,
              .min_shards = 1,
              .max_samples_per_send = 2000,
              .batch_send_deadline_ms = 5000,
              .min_backoff_ms = 30,
              .max_backoff_ms = 5000},
    .metadata = {.send = true, .send_interval_ms = 60 * 1000, .max_samples_per_send = 2000},
};
const struct schema schema_remote_write = {
    .go = "config.plain",
    .size = sizeof(struct config_remote_write),
    .fields = remote_write_fields,
    .fields_n = ARRAY_LEN(remote_write_fields),
    .defaults = &remote_write_default,
    .check = check_remote_write,
};

/* remote_read */

static bool
check_remote_read(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    struct config_remote_read *c = obj;
    if (c->url.text.p == NULL)
        return schema_fail(r, n, "url for remote_read is empty");
    return check_headers(r, n, &c->headers) && config_http_check(r, n, &c->http);
}

#define F(name, member, t, ...)                                                          \
    SCHEMA_FIELD(struct config_remote_read, name, member, t, __VA_ARGS__)
static const struct schema_field remote_read_fields[] = {
    F("url", url, schema_url),
    F("remote_timeout", remote_timeout_ms, schema_duration, OMIT),
    F("chunked_read_limit", chunked_read_limit, schema_uint, OMIT, .go = "uint64"),
    F("headers", headers, schema_map, OMIT),
    F("read_recent", read_recent, schema_bool, OMIT),
    F("name", name, schema_str, OMIT),
    SCHEMA_BLOCK(struct config_remote_read, "", http, schema_inline, schema_http),
    F("required_matchers", required_matchers, schema_labels, OMIT),
    F("filter_external_labels", filter_external_labels, schema_bool, OMIT),
};
#undef F
static const struct config_remote_read remote_read_default = {
    .remote_timeout_ms = 60 * 1000,
    .chunked_read_limit = 50 * 1000 * 1000,
    .http = {.follow_redirects = true, .enable_http2 = true},
    .filter_external_labels = true,
};
const struct schema schema_remote_read = {
    .go = "config.plain",
    .size = sizeof(struct config_remote_read),
    .fields = remote_read_fields,
    .fields_n = ARRAY_LEN(remote_read_fields),
    .defaults = &remote_read_default,
    .check = check_remote_read,
};

/* The label that metrics know an unnamed one by: six digits of the MD5 of its YAML. */
static str
label_of(const struct schema *s, const void *obj, str name, struct arena *a)
{
    struct buf b = {0};
    uint8_t md5[16];
    char hex[33];
    if (name.n > 0)
        return name;
    schema_print_doc(s, obj, false, &b);
    hash_md5(buf_str(&b), md5);
    hash_hex(md5, sizeof md5, hex);
    buf_free(&b);
    return arena_str(a, STR(hex, 6));
}

static str
identity_of(const struct schema *s, const void *obj, struct arena *a)
{
    struct buf b = {0};
    schema_print_doc(s, obj, true, &b);
    str out = arena_str(a, buf_str(&b));
    buf_free(&b);
    return out;
}

void
config_remote_write_identify(struct config_remote_write *c, struct arena *a)
{
    c->identity = identity_of(&schema_remote_write, c, a);
    c->label = label_of(&schema_remote_write, c, c->name, a);
}

void
config_remote_read_identify(struct config_remote_read *c, struct arena *a)
{
    c->identity = identity_of(&schema_remote_read, c, a);
    c->label = label_of(&schema_remote_read, c, c->name, a);
}
