/* Receivers that page, mail, open tickets or call another server. */
#include "base/url.h"
#include "server/config/schema_http.h"
#include "server/config/schema_receiver.h"

#define OMIT .flags = SCHEMA_OMITEMPTY
#define TEXT(lit) {.p = "" lit, .n = sizeof(lit) - 1}
#define FIELDS(list) .fields = list, .fields_n = ARRAY_LEN(list)
/* Every kind's first rows. */
#define COMMON(S)                                                                        \
    SCHEMA_FIELD(S, "send_resolved", send_resolved, schema_bool),                        \
        SCHEMA_BLOCK(S, "http_config", http, schema_ptr, schema_http, OMIT)

/* host:port */

static bool
read_hostport(struct schema_reader *r, const struct yaml_node *n, const struct schema_field *f UNUSED,
              void *out)
{
    struct config_hostport *hp = out;
    str s;
    if (!schema_read_text(r, n, "string", &s))
        return false;
    if (s.n == 0)
        return true;
    const char *colon = memrchr(s.p, ':', s.n);
    const char *why = NULL;
    if (colon == NULL) {
        why = "missing port in address";
    } else if (s.p[0] == '[') {
        const char *close = memchr(s.p, ']', s.n);
        if (close == NULL)
            why = "missing ']' in address";
        else if (close + 1 != colon)
            why = close + 1 == s.p + s.n ? "missing port in address" : "too many colons in address";
        else
            hp->host = STR(s.p + 1, (size_t)(close - s.p) - 1);
    } else {
        hp->host = STR(s.p, (size_t)(colon - s.p));
        if (str_find_char(hp->host, ':', 0) >= 0)
            why = "too many colons in address";
    }
    if (why != NULL)
        return schema_fail(r, n, "address %.*s: %s", STR_ARG(s), why);
    hp->port = str_from(s, (size_t)(colon - s.p) + 1);
    if (hp->port.n == 0)
        return schema_fail(r, n, "address %.*s: port cannot be empty",
                           STR_ARG(config_quoted(r->a, s)));
    return true;
}

static void
print_hostport(const struct schema_printer *p, const struct schema_field *f UNUSED, const void *v)
{
    const struct config_hostport *hp = v;
    struct buf b = {0};
    bool six = str_find_char(hp->host, ':', 0) >= 0;
    if (hp->host.n > 0 || hp->port.n > 0)
        buf_printf(&b, "%s%.*s%s:%.*s", six ? "[" : "", STR_ARG(hp->host), six ? "]" : "",
                   STR_ARG(hp->port));
    yaml_out_str(p->out, buf_str(&b));
    buf_free(&b);
}

static bool
hostport_empty(const struct schema_field *f UNUSED, const void *v)
{
    const struct config_hostport *hp = v;
    return hp->host.n == 0 && hp->port.n == 0;
}

const struct schema_type schema_hostport = {
    "string", sizeof(struct config_hostport), read_hostport, print_hostport, hostport_empty, NULL};

/* A text with braces is a template, and has to be one. */
static bool
contains_template(const struct schema_reader *r, str s, bool *good, struct err *e)
{
    if (s.n < 2 || memmem(s.p, s.n, "{{", 2) == NULL)
        return false;
    *good = r->check_template == NULL || r->check_template(STR_EMPTY, s, e);
    return true;
}

/* An URL that may be a template; printed as a secret. */

static bool
read_template_url(struct schema_reader *r, const struct yaml_node *n,
                  const struct schema_field *f UNUSED, void *out)
{
    struct url u;
    struct err e;
    str *s = out;
    if (!schema_read_text(r, n, "common.plain", s))
        return false;
    bool good;
    if (s->n == 0 || str_eq(*s, STRL("<secret>")))
        return true;
    if (contains_template(r, *s, &good, &e))
        return good || schema_fail(r, n, "invalid template syntax: %s", e.text);
    return config_parse_http_url(*s, r->a, &u, &e) || schema_fail(r, n, "invalid URL: %s", e.text);
}

static void
print_template_url(const struct schema_printer *p, const struct schema_field *f, const void *v)
{
    schema_secret.print(p, f, v);
}

static bool
template_url_empty(const struct schema_field *f, const void *v)
{
    return schema_str.is_empty(f, v);
}

static const struct schema_type schema_template_url = {
    "common.plain", sizeof(str), read_template_url, print_template_url, template_url_empty, NULL};

/* webhook */

static bool
check_webhook(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    const struct config_receiver_webhook *c = obj;
    if (c->url.n == 0 && c->url_file.n == 0)
        return schema_fail(r, n, "one of url or url_file must be configured");
    if (c->url.n > 0 && c->url_file.n > 0)
        return schema_fail(r, n, "at most one of url & url_file must be configured");
    return true;
}

#define S struct config_receiver_webhook
#define F(name, member, t, ...) SCHEMA_FIELD(S, name, member, t, __VA_ARGS__)
static const struct schema_field webhook_fields[] = {
    COMMON(S),
    F("url", url, schema_template_url, OMIT),
    F("url_file", url_file, schema_str),
    F("max_alerts", max_alerts, schema_uint, .go = "uint64"),
    F("timeout", timeout_ns, schema_go_duration),
    F("payload", payload, schema_any, OMIT),
};
static const S webhook_default = {.send_resolved = true};
const struct schema schema_receiver_webhook = {
    .go = "webhook.plain", .size = sizeof(S), FIELDS(webhook_fields),
    .defaults = &webhook_default, .check = check_webhook};
#undef S

/* email */

static bool
check_email(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    struct config_receiver_email *c = obj;
    if (c->to.n == 0)
        return schema_fail(r, n, "missing to address in email config");
    for (size_t i = 0; i < c->headers.n; i++) {
        str name = config_canonical_header(r->a, c->headers.v[i].key);
        c->headers.v[i].key = name;
        for (size_t k = 0; k < i; k++)
            if (str_eq(c->headers.v[k].key, name))
                return schema_fail(r, n, "duplicate header %.*s in email config",
                                   STR_ARG(config_quoted(r->a, name)));
    }
    if (!c->threading.enabled)
        return true;
    if (config_map_get(&c->headers, STRL("References")) != NULL)
        return schema_fail(r, n, "conflicting configuration: threading.enabled conflicts with custom "
                                 "References header");
    if (config_map_get(&c->headers, STRL("In-Reply-To")) != NULL)
        return schema_fail(r, n, "conflicting configuration: threading.enabled conflicts with custom "
                                 "In-Reply-To header");
    if (!str_eq(c->threading.thread_by_date, STRL("none")) &&
        !str_eq(c->threading.thread_by_date, STRL("daily")))
        return schema_fail(r, n, "threading.thread_by_date must be either 'none' or 'daily'");
    return true;
}

static const struct schema_field threading_fields[] = {
    SCHEMA_FIELD(struct config_email_threading, "enabled", enabled, schema_bool, OMIT),
    SCHEMA_FIELD(struct config_email_threading, "thread_by_date", thread_by_date, schema_str, OMIT),
};
static const struct schema schema_threading = {
    .go = "config.ThreadingConfig", .size = sizeof(struct config_email_threading),
    FIELDS(threading_fields)};

#define S struct config_receiver_email
static const struct schema_field email_fields[] = {
    F("send_resolved", send_resolved, schema_bool),
    F("to", to, schema_str, OMIT),
    F("from", from, schema_str, OMIT),
    F("hello", hello, schema_str, OMIT),
    F("smarthost", smarthost, schema_hostport, OMIT),
    F("auth_username", auth_username, schema_str, OMIT),
    F("auth_password", auth_password, schema_secret, OMIT),
    F("auth_password_file", auth_password_file, schema_str, OMIT),
    F("auth_secret", auth_secret, schema_secret, OMIT),
    F("auth_secret_file", auth_secret_file, schema_str, OMIT),
    F("auth_identity", auth_identity, schema_str, OMIT),
    F("headers", headers, schema_map, OMIT),
    F("html", html, schema_str, OMIT),
    F("text", text, schema_str, OMIT),
    F("require_tls", require_tls, schema_opt_bool, OMIT),
    SCHEMA_BLOCK(S, "tls_config", tls, schema_ptr, schema_tls, OMIT),
    F("force_implicit_tls", force_implicit_tls, schema_opt_bool, OMIT),
    SCHEMA_BLOCK(S, "threading", threading, schema_block, schema_threading, OMIT),
};
static const S email_default = {.html = TEXT("{{ template \"email.default.html\" . }}")};
const struct schema schema_receiver_email = {
    .go = "config.plain", .size = sizeof(S), FIELDS(email_fields),
    .defaults = &email_default, .check = check_email};
#undef S

/* pagerduty */

static void
add_detail(struct arena *a, struct config_any_map *m, const char *name, const char *text)
{
    struct config_any *v = &m->value;
    str key = str_of(name);
    size_t at = 0;
    while (at < v->n && str_cmp(v->keys[at], key) < 0)
        at++;
    if (at < v->n && str_eq(v->keys[at], key))
        return;
    str *keys = ARENA_ZARRAY(a, str, v->n + 1);
    struct config_any *items = ARENA_ZARRAY(a, struct config_any, v->n + 1);
    for (size_t i = 0; i < v->n; i++) {
        keys[i + (i >= at)] = v->keys[i];
        items[i + (i >= at)] = v->items[i];
    }
    keys[at] = key;
    items[at] = (struct config_any){.type = ANY_STR, .s = str_of(text)};
    v->type = ANY_MAP;
    v->keys = keys;
    v->items = items;
    v->n++;
}

static bool
check_pagerduty(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    struct config_receiver_pagerduty *c = obj;
    if (c->routing_key.n == 0 && c->service_key.n == 0 && c->routing_key_file.n == 0 &&
        c->service_key_file.n == 0)
        return schema_fail(r, n, "missing service or routing key in PagerDuty config");
    if (c->routing_key.n > 0 && c->routing_key_file.n > 0)
        return schema_fail(r, n, "at most one of routing_key & routing_key_file must be configured");
    if (c->service_key.n > 0 && c->service_key_file.n > 0)
        return schema_fail(r, n, "at most one of service_key & service_key_file must be configured");
    if (c->source.n == 0)
        c->source = c->client;
    add_detail(r->a, &c->details, "firing", "{{ .Alerts.Firing | toJson }}");
    add_detail(r->a, &c->details, "resolved", "{{ .Alerts.Resolved | toJson }}");
    add_detail(r->a, &c->details, "num_firing", "{{ .Alerts.Firing | len }}");
    add_detail(r->a, &c->details, "num_resolved", "{{ .Alerts.Resolved | len }}");
    return true;
}

static const struct schema_field image_fields[] = {
    SCHEMA_FIELD(struct config_pagerduty_image, "src", src, schema_str, OMIT),
    SCHEMA_FIELD(struct config_pagerduty_image, "alt", alt, schema_str, OMIT),
    SCHEMA_FIELD(struct config_pagerduty_image, "href", href, schema_str, OMIT),
};
static const struct schema schema_image = {
    .go = "pagerduty.PagerdutyImage", .size = sizeof(struct config_pagerduty_image),
    FIELDS(image_fields)};
static const struct schema_field link_fields[] = {
    SCHEMA_FIELD(struct config_pagerduty_link, "href", href, schema_str, OMIT),
    SCHEMA_FIELD(struct config_pagerduty_link, "text", text, schema_str, OMIT),
};
static const struct schema schema_link = {
    .go = "pagerduty.PagerdutyLink", .size = sizeof(struct config_pagerduty_link),
    FIELDS(link_fields)};

#define S struct config_receiver_pagerduty
static const struct schema_field pagerduty_fields[] = {
    COMMON(S),
    F("service_key", service_key, schema_secret, OMIT),
    F("service_key_file", service_key_file, schema_str, OMIT),
    F("routing_key", routing_key, schema_secret, OMIT),
    F("routing_key_file", routing_key_file, schema_str, OMIT),
    F("url", url, schema_am_url, OMIT),
    F("client", client, schema_str, OMIT),
    F("client_url", client_url, schema_str, OMIT),
    F("description", description, schema_str, OMIT),
    F("details", details, schema_any_map, OMIT),
    SCHEMA_BLOCK(S, "images", images, schema_list, schema_image, OMIT,
                 .go = "[]pagerduty.PagerdutyImage"),
    SCHEMA_BLOCK(S, "links", links, schema_list, schema_link, OMIT,
                 .go = "[]pagerduty.PagerdutyLink"),
    F("source", source, schema_str, OMIT),
    F("severity", severity, schema_str, OMIT),
    F("class", class_, schema_str, OMIT),
    F("component", component, schema_str, OMIT),
    F("group", group, schema_str, OMIT),
    F("timeout", timeout_ns, schema_go_duration),
};
static const S pagerduty_default = {
    .send_resolved = true,
    .client = TEXT("{{ template \"pagerduty.default.client\" . }}"),
    .client_url = TEXT("{{ template \"pagerduty.default.clientURL\" . }}"),
    .description = TEXT("{{ template \"pagerduty.default.description\" .}}"),
};
const struct schema schema_receiver_pagerduty = {
    .go = "pagerduty.plain", .size = sizeof(S), FIELDS(pagerduty_fields),
    .defaults = &pagerduty_default, .check = check_pagerduty};
#undef S

/* opsgenie */

static bool
check_responder(struct schema_reader *r, const struct yaml_node *n,
                const struct config_opsgenie_responder *p)
{
    static const char *const types[] = {"team", "teams", "user", "escalation", "schedule"};
    str text = arena_printf(r->a, "{%.*s %.*s %.*s %.*s}", STR_ARG(p->id), STR_ARG(p->name),
                            STR_ARG(p->username), STR_ARG(p->type));
    if (p->id.n == 0 && p->username.n == 0 && p->name.n == 0)
        return schema_fail(r, n, "opsGenieConfig responder %.*s has to have at least one of id, "
                                 "username or name specified", STR_ARG(text));
    struct err e;
    bool good;
    if (contains_template(r, p->type, &good, &e))
        return good || schema_fail(r, n, "opsGenieConfig responder %.*s type contains invalid "
                                         "template syntax: %s", STR_ARG(text), e.text);
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (p->type.n == strlen(types[i]) && strncasecmp(p->type.p, types[i], p->type.n) == 0)
            return true;
    char *lower = arena_cstr(r->a, text);
    for (char *c = lower + text.n - 1 - p->type.n; *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c | 0x20);
    return schema_fail(r, n, "opsGenieConfig responder %s type does not match valid options "
                             "^(team|teams|user|escalation|schedule)$", lower);
}

static bool
check_opsgenie(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    const struct config_receiver_opsgenie *c = obj;
    if (c->api_key.n > 0 && c->api_key_file.n > 0)
        return schema_fail(r, n, "at most one of api_key & api_key_file must be configured");
    for (size_t i = 0; i < c->responders.n; i++)
        if (!check_responder(r, n, &c->responders.v[i]))
            return false;
    return true;
}

static const struct schema_field responder_fields[] = {
    SCHEMA_FIELD(struct config_opsgenie_responder, "id", id, schema_str, OMIT),
    SCHEMA_FIELD(struct config_opsgenie_responder, "name", name, schema_str, OMIT),
    SCHEMA_FIELD(struct config_opsgenie_responder, "username", username, schema_str, OMIT),
    SCHEMA_FIELD(struct config_opsgenie_responder, "type", type, schema_str, OMIT),
};
static const struct schema schema_responder = {
    .go = "opsgenie.OpsGenieConfigResponder", .size = sizeof(struct config_opsgenie_responder),
    FIELDS(responder_fields)};

#define S struct config_receiver_opsgenie
static const struct schema_field opsgenie_fields[] = {
    COMMON(S),
    F("api_key", api_key, schema_secret, OMIT),
    F("api_key_file", api_key_file, schema_str, OMIT),
    F("api_url", api_url, schema_am_url, OMIT),
    F("message", message, schema_str, OMIT),
    F("description", description, schema_str, OMIT),
    F("source", source, schema_str, OMIT),
    F("details", details, schema_map, OMIT),
    F("entity", entity, schema_str, OMIT),
    SCHEMA_BLOCK(S, "responders", responders, schema_list, schema_responder, OMIT,
                 .go = "[]opsgenie.OpsGenieConfigResponder"),
    F("actions", actions, schema_str, OMIT),
    F("tags", tags, schema_str, OMIT),
    F("note", note, schema_str, OMIT),
    F("priority", priority, schema_str, OMIT),
    F("update_alerts", update_alerts, schema_bool, OMIT),
};
static const S opsgenie_default = {
    .send_resolved = true,
    .message = TEXT("{{ template \"opsgenie.default.message\" . }}"),
    .description = TEXT("{{ template \"opsgenie.default.description\" . }}"),
    .source = TEXT("{{ template \"opsgenie.default.source\" . }}"),
};
const struct schema schema_receiver_opsgenie = {
    .go = "opsgenie.plain", .size = sizeof(S), FIELDS(opsgenie_fields),
    .defaults = &opsgenie_default, .check = check_opsgenie};
#undef S

/* victorops */

static bool
check_victorops(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    static const char *const reserved[] = {
        "routing_key", "message_type", "state_message", "entity_display_name", "monitoring_tool",
        "entity_id", "entity_state"};
    const struct config_receiver_victorops *c = obj;
    if (c->routing_key.n == 0)
        return schema_fail(r, n, "missing Routing key in VictorOps config");
    if (c->api_key.n > 0 && c->api_key_file.n > 0)
        return schema_fail(r, n, "at most one of api_key & api_key_file must be configured");
    for (size_t i = 0; i < ARRAY_LEN(reserved); i++)
        if (config_map_get(&c->custom_fields, str_of(reserved[i])) != NULL)
            return schema_fail(r, n, "victorOps config contains custom field %s which cannot be used "
                                     "as it conflicts with the fixed/static fields", reserved[i]);
    return true;
}

#define S struct config_receiver_victorops
static const struct schema_field victorops_fields[] = {
    COMMON(S),
    F("api_key", api_key, schema_secret, OMIT),
    F("api_key_file", api_key_file, schema_str, OMIT),
    F("api_url", api_url, schema_am_url),
    F("routing_key", routing_key, schema_str),
    F("message_type", message_type, schema_str),
    F("state_message", state_message, schema_str),
    F("entity_display_name", entity_display_name, schema_str),
    F("monitoring_tool", monitoring_tool, schema_str),
    F("custom_fields", custom_fields, schema_map, OMIT),
};
static const S victorops_default = {
    .send_resolved = true,
    .message_type = TEXT("CRITICAL"),
    .state_message = TEXT("{{ template \"victorops.default.state_message\" . }}"),
    .entity_display_name = TEXT("{{ template \"victorops.default.entity_display_name\" . }}"),
    .monitoring_tool = TEXT("{{ template \"victorops.default.monitoring_tool\" . }}"),
};
const struct schema schema_receiver_victorops = {
    .go = "config.plain", .size = sizeof(S), FIELDS(victorops_fields),
    .defaults = &victorops_default, .check = check_victorops};
#undef S

/* pushover */

static bool
check_pushover(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    const struct config_receiver_pushover *c = obj;
    if (c->user_key.n == 0 && c->user_key_file.n == 0)
        return schema_fail(r, n, "one of user_key or user_key_file must be configured");
    if (c->user_key.n > 0 && c->user_key_file.n > 0)
        return schema_fail(r, n, "at most one of user_key & user_key_file must be configured");
    if (c->token.n == 0 && c->token_file.n == 0)
        return schema_fail(r, n, "one of token or token_file must be configured");
    if (c->token.n > 0 && c->token_file.n > 0)
        return schema_fail(r, n, "at most one of token & token_file must be configured");
    if (c->html && c->monospace)
        return schema_fail(r, n, "at most one of monospace & html must be configured");
    return true;
}

#define S struct config_receiver_pushover
static const struct schema_field pushover_fields[] = {
    COMMON(S),
    F("user_key", user_key, schema_secret, OMIT),
    F("user_key_file", user_key_file, schema_str, OMIT),
    F("token", token, schema_secret, OMIT),
    F("token_file", token_file, schema_str, OMIT),
    F("title", title, schema_str, OMIT),
    F("message", message, schema_str, OMIT),
    F("url", url, schema_str, OMIT),
    F("url_title", url_title, schema_str, OMIT),
    F("device", device, schema_str, OMIT),
    F("sound", sound, schema_str, OMIT),
    F("priority", priority, schema_str, OMIT),
    F("retry", retry_ns, schema_text_duration, OMIT),
    F("expire", expire_ns, schema_text_duration, OMIT),
    F("ttl", ttl_ns, schema_text_duration, OMIT),
    F("html", html, schema_bool, OMIT),
    F("monospace", monospace, schema_bool, OMIT),
};
static const S pushover_default = {
    .send_resolved = true,
    .title = TEXT("{{ template \"pushover.default.title\" . }}"),
    .message = TEXT("{{ template \"pushover.default.message\" . }}"),
    .url = TEXT("{{ template \"pushover.default.url\" . }}"),
    .priority = TEXT("{{ if eq .Status \"firing\" }}2{{ else }}0{{ end }}"),
    .retry_ns = INT64_C(60000000000),
    .expire_ns = INT64_C(3600000000000),
};
const struct schema schema_receiver_pushover = {
    .go = "config.plain", .size = sizeof(S), FIELDS(pushover_fields),
    .defaults = &pushover_default, .check = check_pushover};
#undef S

/* sns */

static bool
check_sns(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    const struct config_receiver_sns *c = obj;
    /* Alertmanager's own condition: one of them, or by its parity all three. */
    if (((c->target_arn.n == 0) != (c->topic_arn.n == 0)) != (c->phone_number.n == 0))
        return schema_fail(r, n, "must provide either a Target ARN, Topic ARN, or Phone Number for "
                                 "SNS config");
    return true;
}

#define S struct config_receiver_sns
static const struct schema_field sns_fields[] = {
    COMMON(S),
    F("api_url", api_url, schema_str, OMIT),
    SCHEMA_BLOCK(S, "sigv4", sigv4, schema_block, schema_sigv4),
    F("topic_arn", topic_arn, schema_str, OMIT),
    F("phone_number", phone_number, schema_str, OMIT),
    F("target_arn", target_arn, schema_str, OMIT),
    F("subject", subject, schema_str, OMIT),
    F("message", message, schema_str, OMIT),
    F("attributes", attributes, schema_map, OMIT),
    F("use_aws_http_client", use_aws_http_client, schema_bool, OMIT),
};
static const S sns_default = {
    .send_resolved = true,
    .subject = TEXT("{{ template \"sns.default.subject\" . }}"),
    .message = TEXT("{{ template \"sns.default.message\" . }}"),
};
const struct schema schema_receiver_sns = {
    .go = "config.plain", .size = sizeof(S), FIELDS(sns_fields),
    .defaults = &sns_default, .check = check_sns};
#undef S

/* jira */

static const struct schema_field jira_field_fields[] = {
    SCHEMA_FIELD(struct config_jira_field, "template", template, schema_str, OMIT),
    SCHEMA_FIELD(struct config_jira_field, "enable_update", enable_update, schema_opt_bool, OMIT),
};
static const struct schema schema_jira_field_block = {
    .go = "jira.plain", .size = sizeof(struct config_jira_field), FIELDS(jira_field_fields)};

/* A string was the old form. */
static bool
read_jira_field(struct schema_reader *r, const struct yaml_node *n,
                const struct schema_field *f UNUSED, void *out)
{
    if (n->type == YAML_SCALAR)
        return schema_read_text(r, n, "string", &((struct config_jira_field *)out)->template);
    return schema_read_block(r, n, &schema_jira_field_block, out);
}

static void
print_jira_field(const struct schema_printer *p, const struct schema_field *f UNUSED, const void *v)
{
    schema_print_block(p, &schema_jira_field_block, v);
}

static bool
jira_field_empty(const struct schema_field *f UNUSED, const void *v)
{
    return schema_block_empty(&schema_jira_field_block, v);
}

static const struct schema_type schema_jira_field = {
    "jira.plain", sizeof(struct config_jira_field), read_jira_field, print_jira_field,
    jira_field_empty, NULL};

static bool
check_jira(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    const struct config_receiver_jira *c = obj;
    if (c->project.n == 0)
        return schema_fail(r, n, "missing project in jira_config");
    if (c->issue_type.n == 0)
        return schema_fail(r, n, "missing issue_type in jira_config");
    if (!str_eq(c->api_type, STRL("auto")) && !str_eq(c->api_type, STRL("cloud")) &&
        !str_eq(c->api_type, STRL("datacenter")))
        return schema_fail(r, n, "unknown api_type on jira_config, must be auto, cloud or datacenter");
    return true;
}

#define S struct config_receiver_jira
static const struct schema_field jira_fields[] = {
    COMMON(S),
    F("api_url", api_url, schema_am_url, OMIT),
    F("api_type", api_type, schema_str, OMIT),
    F("project", project, schema_str, OMIT),
    F("summary", summary, schema_jira_field, OMIT),
    F("description", description, schema_jira_field, OMIT),
    F("labels", labels, schema_strs, OMIT),
    F("priority", priority, schema_str, OMIT),
    F("issue_type", issue_type, schema_str, OMIT),
    F("reopen_transition", reopen_transition, schema_str, OMIT),
    F("resolve_transition", resolve_transition, schema_str, OMIT),
    F("wont_fix_resolution", wont_fix_resolution, schema_str, OMIT),
    F("reopen_duration", reopen_duration_ms, schema_duration, OMIT),
    F("fields", fields, schema_any_map, OMIT),
};
static const S jira_default = {
    .send_resolved = true,
    .api_type = TEXT("auto"),
    .summary = {.template = TEXT("{{ template \"jira.default.summary\" . }}")},
    .description = {.template = TEXT("{{ template \"jira.default.description\" . }}")},
    .priority = TEXT("{{ template \"jira.default.priority\" . }}"),
};
const struct schema schema_receiver_jira = {
    .go = "jira.plain", .size = sizeof(S), FIELDS(jira_fields),
    .defaults = &jira_default, .check = check_jira};
#undef S

/* incidentio */

static bool
check_incidentio(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    const struct config_receiver_incidentio *c = obj;
    bool url = c->url.text.p != NULL, file = c->url_file.n > 0;
    bool token = c->alert_source_token.n > 0, token_file = c->alert_source_token_file.n > 0;
    bool auth = c->http != NULL && c->http->authorization != NULL;
    if (!url && !file)
        return schema_fail(r, n, "one of url or url_file must be configured");
    if (url && file)
        return schema_fail(r, n, "at most one of url & url_file must be configured");
    if (token && token_file)
        return schema_fail(r, n, "at most one of alert_source_token & alert_source_token_file must "
                                 "be configured");
    if (auth && (token || token_file))
        return schema_fail(r, n, "cannot specify alert_source_token or alert_source_token_file when "
                                 "using http_config.authorization");
    if (c->http != NULL && !auth && !token && !token_file)
        return schema_fail(r, n, "at least one of alert_source_token, alert_source_token_file or "
                                 "http_config.authorization must be configured");
    return true;
}

#define S struct config_receiver_incidentio
static const struct schema_field incidentio_fields[] = {
    COMMON(S),
    F("url", url, schema_am_url),
    F("url_file", url_file, schema_str),
    F("alert_source_token", alert_source_token, schema_secret, OMIT),
    F("alert_source_token_file", alert_source_token_file, schema_str, OMIT),
    F("max_alerts", max_alerts, schema_uint, .go = "uint64"),
    F("timeout", timeout_ns, schema_go_duration),
};
static const S incidentio_default = {.send_resolved = true};
const struct schema schema_receiver_incidentio = {
    .go = "incidentio.plain", .size = sizeof(S), FIELDS(incidentio_fields),
    .defaults = &incidentio_default, .check = check_incidentio};
#undef S
