#include "server/config/schema_alerting.h"

#include "server/config/schema_discovery.h"
#include "server/config/schema_http.h"

#define OMIT .flags = SCHEMA_OMITEMPTY

static bool
read_api_version(struct schema_reader *r, const struct yaml_node *n,
                 const struct schema_field *f UNUSED, void *out)
{
    str s;
    if (!schema_read_text(r, n, "config.plain", &s))
        return false;
    if (!str_eq(s, STRL("v2")))
        return schema_fail(r, n, "expected Alertmanager api version to be one of [v2] but got %.*s",
                           STR_ARG(s));
    *(str *)out = s;
    return true;
}

static void
print_api_version(const struct schema_printer *p, const struct schema_field *f, const void *v)
{
    schema_str.print(p, f, v);
}

static bool
api_version_empty(const struct schema_field *f, const void *v)
{
    return schema_str.is_empty(f, v);
}

static const struct schema_type schema_api_version = {
    "config.plain", sizeof(str), read_api_version, print_api_version, api_version_empty, NULL};

static bool
check_alertmanager(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    struct config_alertmanager *c = obj;
    if (!config_discovery_finish(r, n, &c->discovery) || !config_http_check(r, n, &c->http))
        return false;
    bool auth = c->http.basic_auth != NULL || c->http.authorization != NULL || c->http.oauth2 != NULL;
    if (auth && c->sigv4 != NULL)
        return schema_fail(r, n, "at most one of basic_auth, authorization, oauth2, & sigv4 must be "
                                 "configured");
    if (c->relabel.n == 0 && !config_discovery_check_static(r, n, &c->discovery))
        return false;
    if (config_relabels_null(&c->relabel))
        return schema_fail(r, n, "empty or null Alertmanager target relabeling rule");
    if (config_relabels_null(&c->alert_relabel))
        return schema_fail(r, n, "empty or null Alertmanager alert relabeling rule");
    return true;
}

#define F(name, member, t, ...)                                                          \
    SCHEMA_FIELD(struct config_alertmanager, name, member, t, __VA_ARGS__)
#define B(name, member, t, block, ...)                                                   \
    SCHEMA_BLOCK(struct config_alertmanager, name, member, t, block, __VA_ARGS__)
static const struct schema_field alertmanager_fields[] = {
    B("", http, schema_inline, schema_http),
    B("sigv4", sigv4, schema_ptr, schema_sigv4, OMIT),
    F("scheme", scheme, schema_str, OMIT),
    F("path_prefix", path_prefix, schema_str, OMIT),
    F("timeout", timeout_ms, schema_duration, OMIT),
    F("api_version", api_version, schema_api_version),
    F("relabel_configs", relabel, schema_relabels, OMIT),
    F("alert_relabel_configs", alert_relabel, schema_relabels, OMIT),
    B("", discovery, schema_inline, schema_discovery),
};
#undef F
#undef B
static const struct config_alertmanager alertmanager_default = {
    .http = {.follow_redirects = true, .enable_http2 = true},
    .scheme = {.p = "http", .n = 4},
    .timeout_ms = 10 * 1000,
    .api_version = {.p = "v2", .n = 2},
};
static const struct schema schema_alertmanager = {
    .go = "config.AlertmanagerConfig",
    .size = sizeof(struct config_alertmanager),
    .fields = alertmanager_fields,
    .fields_n = ARRAY_LEN(alertmanager_fields),
    .defaults = &alertmanager_default,
    .check = check_alertmanager,
};

static bool
check_alerting(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    struct config_alerting *c = obj;
    if (config_relabels_null(&c->alert_relabel))
        return schema_fail(r, n, "empty or null alert relabeling rule");
    for (size_t i = 0; i < c->alertmanagers.n; i++)
        if (c->alertmanagers.v[i] == NULL)
            return schema_fail(r, n, "empty or null Alertmanager section");
    if (c->written != NULL && c->config_file.n > 0)
        return schema_fail(r, n, "at most one of config_file & an inline notification "
                                 "configuration (route, receivers, …) must be configured");
    c->notify = c->written;
    return c->written == NULL || config_notify_complete(r, n, c->written);
}

#define F(name, member, t, ...) SCHEMA_FIELD(struct config_alerting, name, member, t, __VA_ARGS__)
static const struct schema_field alerting_fields[] = {
    F("alert_relabel_configs", alert_relabel, schema_relabels, OMIT),
    SCHEMA_BLOCK(struct config_alerting, "alertmanagers", alertmanagers, schema_ptr_list,
                 schema_alertmanager, OMIT, .go = "config.AlertmanagerConfigs"),
    F("config_file", config_file, schema_str, OMIT),
    SCHEMA_BLOCK(struct config_alerting, "", written, schema_inline_ptr, schema_notify),
};
#undef F
static const struct config_alerting no_alerting;
const struct schema schema_alerting = {
    .go = "config.plain",
    .size = sizeof(struct config_alerting),
    .fields = alerting_fields,
    .fields_n = ARRAY_LEN(alerting_fields),
    .defaults = &no_alerting,
    .check = check_alerting,
};

bool
config_alerting_complete(struct schema_reader *r, struct config_alerting *a, bool legacy_names)
{
    schema_enter(r, STRL("alerting"), 0);
    if (!config_relabels_check(r, &a->alert_relabel, legacy_names))
        return false;
    for (size_t i = 0; i < a->alertmanagers.n; i++) {
        struct config_alertmanager *am = a->alertmanagers.v[i];
        if (!config_relabels_check(r, &am->alert_relabel, legacy_names) ||
            !config_relabels_check(r, &am->relabel, legacy_names))
            return false;
    }
    schema_leave(r);
    return true;
}

void
config_alerting_set_dir(struct config_alerting *c, struct arena *a, str dir)
{
    c->config_file = config_join_dir(a, dir, c->config_file);
    if (c->written != NULL)
        config_notify_set_dir(c->written, a, dir);
    for (size_t i = 0; i < c->alertmanagers.n; i++) {
        struct config_alertmanager *am = c->alertmanagers.v[i];
        struct buf b = {0};
        config_discovery_set_dir(&am->discovery, a, dir);
        config_http_set_dir(&am->http, a, dir);
        config_discovery_identify(&am->discovery, a);
        schema_print_doc(&schema_alertmanager, am, true, &b);
        am->identity = arena_str(a, buf_str(&b));
        buf_free(&b);
    }
}
