/* alertmanager.yml: global, route, inhibit_rules, receivers and the whole. */
#include "server/config/schema_notify.h"

#include "base/io.h"
#include "base/limits.h"
#include "base/unicode.h"
#include "server/config/am_matcher.h"
#include "server/config/config.h"
#include "server/config/schema_alerting.h"
#include "server/config/schema_http.h"
#include "server/config/schema_receiver.h"
#include "server/config/schema_remote.h"

#define OMIT .flags = SCHEMA_OMITEMPTY
#define FIELDS(list) .fields = list, .fields_n = ARRAY_LEN(list)
#define F(name, member, t, ...) SCHEMA_FIELD(S, name, member, t, __VA_ARGS__)
#define B(name, member, t, block, ...) SCHEMA_BLOCK(S, name, member, t, block, __VA_ARGS__)

/* matchers: a list of texts, each one or more matchers. */

static bool
read_matchers(struct schema_reader *r, const struct yaml_node *n, const struct schema_field *f UNUSED,
              void *out)
{
    struct config_matchers *to = out;
    struct config_strs lines = {0};
    const struct schema_field as_strs = {.type = &schema_strs};
    size_t problems = r->problems, cap = 0;
    if (!schema_strs.read(r, n, &as_strs, &lines) || r->problems > problems)
        return false;
    to->set = true;
    for (size_t i = 0; i < lines.n; i++) {
        struct matcher *v;
        size_t count;
        struct err e;
        if (!am_matchers_parse(lines.v[i], r->a, &v, &count, &e))
            return schema_fail_err(r, i < n->n ? n->item[i] : n, &e);
        arena_grow(r->a, &to->v, &cap, to->n + count + 1, sizeof *to->v);
        for (size_t k = 0; k < count; k++) {
            if (v[k].re != NULL)
                schema_own_regex(r, v[k].re);
            to->v[to->n++] = v[k];
        }
    }
    am_matchers_sort(to->v, to->n);
    return true;
}

static void
print_matchers(const struct schema_printer *p, const struct schema_field *f UNUSED, const void *v)
{
    const struct config_matchers *m = v;
    yaml_out_list(p->out);
    for (size_t i = 0; i < m->n; i++) {
        struct buf b = {0};
        am_matcher_put(&b, &m->v[i]);
        yaml_out_str(p->out, buf_str(&b));
        buf_free(&b);
    }
    yaml_out_end(p->out);
}

static bool
matchers_empty(const struct schema_field *f UNUSED, const void *v)
{
    return ((const struct config_matchers *)v)->n == 0;
}

static const struct schema_type schema_matchers = {
    "[]string", sizeof(struct config_matchers), read_matchers, print_matchers, matchers_empty, NULL};

/* match_re: a map from a name to a regex. */

static bool
read_match_re(struct schema_reader *r, const struct yaml_node *n, const struct schema_field *f UNUSED,
              void *out)
{
    struct config_map *m = out;
    const struct schema_field as_map = {.type = &schema_map, .go = "common.plain"};
    size_t problems = r->problems;
    if (!schema_map.read(r, n, &as_map, out) || r->problems > problems)
        return false;
    for (size_t i = 0; i < n->n; i++) {
        struct matcher probe;
        struct err e;
        str text = n->item[i]->text;
        if (yaml_is_null(n->item[i]))
            continue;
        if (!am_matcher_init(&probe, MATCH_RE, STR_EMPTY, text, r->a, &e))
            return schema_fail_err(r, n->item[i], &e);
        matcher_fini(&probe);
    }
    for (size_t i = 0; i < m->n; i++) {
        str name = config_quoted(r->a, m->v[i].key);
        const struct yaml_node *value = NULL;
        for (size_t k = 0; k < n->n; k++)
            if (str_eq(n->key[k]->text, m->v[i].key))
                value = n->item[k];
        if (!label_name_legacy_valid(m->v[i].key))
            return schema_fail(r, n, "invalid label name %.*s", STR_ARG(name));
        if (value == NULL || yaml_is_null(value))
            return schema_fail(r, n, "invalid regexp value for %.*s", STR_ARG(name));
    }
    return true;
}

/* An empty expression is printed as none. */
static void
print_match_re(const struct schema_printer *p, const struct schema_field *f UNUSED, const void *v)
{
    const struct config_map *m = v;
    yaml_out_map(p->out);
    for (size_t i = 0; i < m->n; i++) {
        yaml_out_str(p->out, m->v[i].key);
        if (m->v[i].value.n > 0)
            yaml_out_str(p->out, m->v[i].value);
        else
            yaml_out_plain(p->out, STRL("null"));
    }
    yaml_out_end(p->out);
}

static const struct schema_type schema_match_re = {
    "config.plain", sizeof(struct config_map), read_match_re, print_match_re, matchers_empty, NULL};

/* Adds name = value (or =~) for each pair.  The pattern of a match_re is what Go's
 * Regexp.String gives, which is seen in group keys. */
static bool
add_pairs(struct schema_reader *r, const struct yaml_node *n, const struct config_map *m,
          enum matcher_type type, struct config_matchers *to)
{
    for (size_t i = 0; i < m->n; i++) {
        struct err e;
        struct matcher *x = &to->v[to->n];
        str value = type == MATCH_RE ? arena_printf(r->a, "^(?:%.*s)$", STR_ARG(m->v[i].value)) : m->v[i].value;
        if (!am_matcher_init(x, type, m->v[i].key, value, r->a, &e))
            return schema_fail_err(r, n, &e);
        if (x->re != NULL)
            schema_own_regex(r, x->re);
        to->n++;
    }
    return true;
}

/* All matchers of a route or one side of an inhibition: the deprecated forms, then the
 * written ones; sorted as Alertmanager sorts them, for the group key. */
static bool
join_matchers(struct schema_reader *r, const struct yaml_node *n, const struct config_map *match,
              const struct config_map *match_re, const struct config_matchers *written,
              struct config_matchers *out)
{
    *out = (struct config_matchers){
        .v = ARENA_ZARRAY(r->a, struct matcher, match->n + match_re->n + written->n + 1),
        .set = true};
    if (!add_pairs(r, n, match, MATCH_EQ, out) || !add_pairs(r, n, match_re, MATCH_RE, out))
        return false;
    for (size_t i = 0; i < written->n; i++)
        out->v[out->n++] = written->v[i];
    am_matchers_sort(out->v, out->n);
    return true;
}

static bool
check_match_names(struct schema_reader *r, const struct yaml_node *n, const struct config_map *m)
{
    for (size_t i = 0; i < m->n; i++)
        if (!label_name_legacy_valid(m->v[i].key))
            return schema_fail(r, n, "invalid label name %.*s",
                               STR_ARG(config_quoted(r->a, m->v[i].key)));
    return true;
}

static bool
name_ok(str s)
{
    return s.n > 0 && utf8_valid(s);
}

/* route */

static bool
check_group_by(struct schema_reader *r, const struct yaml_node *n, struct config_route *c)
{
    c->group_by.v = ARENA_ZARRAY(r->a, str, c->group_by_text.n);
    c->group_by.set = c->group_by_text.set;
    for (size_t i = 0; i < c->group_by_text.n; i++) {
        str name = c->group_by_text.v[i];
        if (str_eq(name, STRL("...")))
            c->group_by_all = true;
        else if (!name_ok(name))
            return schema_fail(r, n, "invalid label name %.*s in group_by list",
                               STR_ARG(config_quoted(r->a, name)));
        else
            c->group_by.v[c->group_by.n++] = name;
    }
    if (c->group_by.n > 0 && c->group_by_all)
        return schema_fail(r, n, "cannot have wildcard group_by (`...`) and other labels at the same "
                                 "time");
    for (size_t i = 0; i < c->group_by.n; i++)
        for (size_t k = 0; k < i; k++)
            if (str_eq(c->group_by.v[i], c->group_by.v[k]))
                return schema_fail(r, n, "duplicated label %.*s in group_by",
                                   STR_ARG(config_quoted(r->a, c->group_by.v[i])));
    return true;
}

static bool
check_route(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    struct config_route *c = obj;
    if (!check_match_names(r, n, &c->match))
        return false;
    for (size_t i = 0; i < c->labels.n; i++)
        if (c->labels.v[i].key.n == 0)
            return schema_fail(r, n, "\"\" is not a valid label name");
        else if (!name_ok(c->labels.v[i].key))
            return schema_fail(r, n, "invalid label name %.*s in route labels",
                               STR_ARG(config_quoted(r->a, c->labels.v[i].key)));
    if (!check_group_by(r, n, c))
        return false;
    if (c->group_interval_ms == 0)
        return schema_fail(r, n, "group_interval cannot be zero");
    if (c->repeat_interval_ms == 0)
        return schema_fail(r, n, "repeat_interval cannot be zero");
    for (size_t i = 0; i < c->routes.n; i++)
        if (c->routes.v[i] == NULL)
            return schema_fail(r, n, "empty or null route");
    return join_matchers(r, n, &c->match, &c->match_re, &c->written, &c->matchers);
}

extern const struct schema schema_route;
#define S struct config_route
static const struct schema_field route_fields[] = {
    F("receiver", receiver, schema_str, OMIT),
    F("group_by", group_by_text, schema_strs, OMIT),
    F("match", match, schema_map, OMIT),
    F("match_re", match_re, schema_match_re, OMIT),
    F("matchers", written, schema_matchers, OMIT),
    F("mute_time_intervals", mute_time_intervals, schema_strs, OMIT),
    F("active_time_intervals", active_time_intervals, schema_strs, OMIT),
    F("continue", continue_, schema_bool),
    B("routes", routes, schema_ptr_list, schema_route, OMIT, .go = "[]*config.Route"),
    F("group_wait", group_wait_ms, schema_opt_duration, OMIT),
    F("group_interval", group_interval_ms, schema_opt_duration, OMIT),
    F("repeat_interval", repeat_interval_ms, schema_opt_duration, OMIT),
    F("labels", labels, schema_map, OMIT, .go = "model.LabelSet"),
};
static const S route_default = {
    .group_wait_ms = -1, .group_interval_ms = -1, .repeat_interval_ms = -1};
const struct schema schema_route = {
    .go = "config.plain", .size = sizeof(S), FIELDS(route_fields),
    .defaults = &route_default, .check = check_route};
#undef S

/* inhibit_rules */

static bool
check_inhibit(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    struct config_inhibit *c = obj;
    if (!check_match_names(r, n, &c->source_match) || !check_match_names(r, n, &c->target_match))
        return false;
    for (size_t i = 0; i < c->equal.n; i++)
        if (!name_ok(c->equal.v[i]))
            return schema_fail(r, n, "invalid label name %.*s in equal list",
                               STR_ARG(config_quoted(r->a, c->equal.v[i])));
    return join_matchers(r, n, &c->source_match, &c->source_match_re, &c->source_written,
                         &c->source) &&
           join_matchers(r, n, &c->target_match, &c->target_match_re, &c->target_written, &c->target);
}

#define S struct config_inhibit
static const struct schema_field inhibit_fields[] = {
    F("name", name, schema_str, OMIT),
    F("source_match", source_match, schema_map, OMIT),
    F("source_match_re", source_match_re, schema_match_re, OMIT),
    F("source_matchers", source_written, schema_matchers, OMIT),
    F("target_match", target_match, schema_map, OMIT),
    F("target_match_re", target_match_re, schema_match_re, OMIT),
    F("target_matchers", target_written, schema_matchers, OMIT),
    F("equal", equal, schema_strs, OMIT),
};
static const struct schema schema_inhibit = {
    .go = "common.plain", .size = sizeof(S), FIELDS(inhibit_fields), .check = check_inhibit};
#undef S

/* global */

#define URL(lit) {.text = STRL(lit), .redacted = STRL(lit)}

static void
init_global(struct schema_reader *r, void *obj)
{
    struct config_http *http = ARENA_NEW(r->a, struct config_http);
    *http = config_http_default;
    *(struct config_notify_global *)obj = (struct config_notify_global){
        .resolve_timeout_ms = 5 * 60 * 1000,
        .http = http,
        .smtp_hello = STRL("localhost"),
        .smtp_require_tls = true,
        .smtp_tls = ARENA_NEW(r->a, struct config_tls),
        .pagerduty_url = URL("https://events.pagerduty.com/v2/enqueue"),
        .opsgenie_api_url = URL("https://api.opsgenie.com/"),
        .wechat_api_url = URL("https://qyapi.weixin.qq.com/cgi-bin/"),
        .victorops_api_url = URL("https://alert.victorops.com/integrations/generic/20131114/alert/"),
        .telegram_api_url = URL("https://api.telegram.org"),
        .webex_api_url = URL("https://webexapis.com/v1/messages"),
        .rocketchat_api_url = URL("https://open.rocket.chat/"),
        .slack_app_url = URL("https://slack.com/api/chat.postMessage"),
    };
}

#define S struct config_notify_global
static const struct schema_field global_fields[] = {
    F("resolve_timeout", resolve_timeout_ms, schema_duration),
    B("http_config", http, schema_ptr, schema_http, OMIT),
    F("jira_api_url", jira_api_url, schema_am_url, OMIT),
    F("smtp_from", smtp_from, schema_str, OMIT),
    F("smtp_hello", smtp_hello, schema_str, OMIT),
    F("smtp_smarthost", smtp_smarthost, schema_hostport, OMIT),
    F("smtp_auth_username", smtp_auth_username, schema_str, OMIT),
    F("smtp_auth_password", smtp_auth_password, schema_secret, OMIT),
    F("smtp_auth_password_file", smtp_auth_password_file, schema_str, OMIT),
    F("smtp_auth_secret", smtp_auth_secret, schema_secret, OMIT),
    F("smtp_auth_secret_file", smtp_auth_secret_file, schema_str, OMIT),
    F("smtp_auth_identity", smtp_auth_identity, schema_str, OMIT),
    F("smtp_require_tls", smtp_require_tls, schema_bool),
    B("smtp_tls_config", smtp_tls, schema_ptr, schema_tls, OMIT),
    F("smtp_force_implicit_tls", smtp_force_implicit_tls, schema_opt_bool, OMIT),
    F("slack_api_url", slack_api_url, schema_secret_url, OMIT),
    F("slack_api_url_file", slack_api_url_file, schema_str, OMIT),
    F("slack_app_token", slack_app_token, schema_secret, OMIT),
    F("slack_app_token_file", slack_app_token_file, schema_str, OMIT),
    F("slack_app_url", slack_app_url, schema_am_url, OMIT),
    F("pagerduty_url", pagerduty_url, schema_am_url, OMIT),
    F("opsgenie_api_url", opsgenie_api_url, schema_am_url, OMIT),
    F("opsgenie_api_key", opsgenie_api_key, schema_secret, OMIT),
    F("opsgenie_api_key_file", opsgenie_api_key_file, schema_str, OMIT),
    F("wechat_api_url", wechat_api_url, schema_am_url, OMIT),
    F("wechat_api_secret", wechat_api_secret, schema_secret, OMIT),
    F("wechat_api_secret_file", wechat_api_secret_file, schema_str, OMIT),
    F("wechat_api_corp_id", wechat_api_corp_id, schema_str, OMIT),
    F("victorops_api_url", victorops_api_url, schema_am_url, OMIT),
    F("victorops_api_key", victorops_api_key, schema_secret, OMIT),
    F("victorops_api_key_file", victorops_api_key_file, schema_str, OMIT),
    F("telegram_api_url", telegram_api_url, schema_am_url, OMIT),
    F("telegram_bot_token", telegram_bot_token, schema_secret, OMIT),
    F("telegram_bot_token_file", telegram_bot_token_file, schema_str, OMIT),
    F("webex_api_url", webex_api_url, schema_am_url, OMIT),
    F("rocketchat_api_url", rocketchat_api_url, schema_am_url, OMIT),
    F("rocketchat_token", rocketchat_token, schema_secret, OMIT),
    F("rocketchat_token_file", rocketchat_token_file, schema_str, OMIT),
    F("rocketchat_token_id", rocketchat_token_id, schema_secret, OMIT),
    F("rocketchat_token_id_file", rocketchat_token_id_file, schema_str, OMIT),
    F("mattermost_webhook_url", mattermost_webhook_url, schema_secret_url, OMIT),
    F("mattermost_webhook_url_file", mattermost_webhook_url_file, schema_str, OMIT),
};
static const struct schema schema_notify_global = {
    .go = "config.plain", .size = sizeof(S), FIELDS(global_fields), .init = init_global};
#undef S

/* receivers */

static bool
check_receiver(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    struct config_receiver *c = obj;
    if (c->name.n == 0)
        return schema_fail(r, n, "missing name in receiver");
    const str *label = config_map_get(&c->labels, STRL("name"));
    if (label != NULL && !str_eq(*label, c->name))
        return schema_fail(r, n, "receiver label \"name\" must match receiver name %.*s, got %.*s",
                           STR_ARG(config_quoted(r->a, c->name)),
                           STR_ARG(config_quoted(r->a, *label)));
    if (label != NULL)
        return true;
    struct config_pair *v = ARENA_ZARRAY(r->a, struct config_pair, c->labels.n + 1);
    size_t at = 0;
    while (at < c->labels.n && str_cmp(c->labels.v[at].key, STRL("name")) < 0) {
        v[at] = c->labels.v[at];
        at++;
    }
    v[at] = (struct config_pair){STRL("name"), c->name};
    for (size_t i = at; i < c->labels.n; i++)
        v[i + 1] = c->labels.v[i];
    c->labels = (struct config_map){.v = v, .n = c->labels.n + 1, .set = true};
    return true;
}

#define S struct config_receiver
#define LIST(kind, go_type)                                                              \
    B(#kind "_configs", kind, schema_ptr_list, schema_receiver_##kind, OMIT, .go = "[]*" go_type)
static const struct schema_field receiver_fields[] = {
    F("name", name, schema_str),
    F("labels", labels, schema_map, OMIT),
    LIST(discord, "discord.DiscordConfig"),
    LIST(email, "config.EmailConfig"),
    LIST(incidentio, "incidentio.IncidentioConfig"),
    LIST(pagerduty, "pagerduty.PagerdutyConfig"),
    LIST(slack, "config.SlackConfig"),
    LIST(webhook, "webhook.WebhookConfig"),
    LIST(opsgenie, "opsgenie.OpsGenieConfig"),
    LIST(wechat, "config.WechatConfig"),
    LIST(pushover, "config.PushoverConfig"),
    LIST(victorops, "config.VictorOpsConfig"),
    LIST(sns, "config.SNSConfig"),
    LIST(telegram, "telegram.TelegramConfig"),
    LIST(webex, "config.WebexConfig"),
    LIST(msteams, "msteams.MSTeamsConfig"),
    LIST(msteamsv2, "msteamsv2.MSTeamsV2Config"),
    LIST(jira, "jira.JiraConfig"),
    LIST(rocketchat, "config.RocketchatConfig"),
    LIST(mattermost, "mattermost.MattermostConfig"),
};
const struct schema schema_receiver = {
    .go = "config.plain", .size = sizeof(S), FIELDS(receiver_fields), .check = check_receiver};
#undef S

/* The whole. */

#define S struct config_notify
static const struct schema_field notify_fields[] = {
    B("global", global, schema_ptr, schema_notify_global, OMIT),
    B("route", route, schema_ptr, schema_route, OMIT),
    B("inhibit_rules", inhibit_rules, schema_list, schema_inhibit, OMIT,
      .go = "[]common.InhibitRule"),
    B("receivers", receivers, schema_list, schema_receiver, OMIT, .go = "[]config.Receiver"),
    F("templates", templates, schema_strs),
    B("mute_time_intervals", mute_time_intervals, schema_list, schema_mute_time_interval, OMIT,
      .go = "[]config.MuteTimeInterval"),
    B("time_intervals", time_intervals, schema_list, schema_time_interval, OMIT,
      .go = "[]config.TimeInterval"),
    B("tracing", tracing, schema_block, schema_notify_tracing, OMIT),
    F("event_recorder", event_recorder, schema_any, OMIT),
};
#undef S

static bool
check_notify(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    struct config_notify *c = obj;
    if (c->global == NULL) {
        c->global = ARENA_NEW(r->a, struct config_notify_global);
        init_global(r, c->global);
    }
    return config_notify_complete(r, n, c);
}

/* Inline under `alerting:` the check is called by that block. */
const struct schema schema_notify = {
    .go = "config.plain", .size = sizeof(struct config_notify), FIELDS(notify_fields),
    .check = check_notify};

void
config_notify_global_default(struct schema_reader *r, struct config_notify *c)
{
    c->global = ARENA_NEW(r->a, struct config_notify_global);
    init_global(r, c->global);
}

const struct config_time_interval *
config_notify_interval(const struct config_notify *n, str name)
{
    for (size_t i = 0; i < n->mute_time_intervals.n; i++)
        if (str_eq(n->mute_time_intervals.v[i].name, name))
            return &n->mute_time_intervals.v[i];
    for (size_t i = 0; i < n->time_intervals.n; i++)
        if (str_eq(n->time_intervals.v[i].name, name))
            return &n->time_intervals.v[i];
    return NULL;
}

const struct config_receiver *
config_notify_receiver(const struct config_notify *n, str name)
{
    for (size_t i = 0; i < n->receivers.n; i++)
        if (str_eq(n->receivers.v[i].name, name))
            return &n->receivers.v[i];
    return NULL;
}

void
config_notify_print(struct config_notify *c, struct arena *a)
{
    struct buf b = {0};
    schema_print_doc(&schema_notify, c, false, &b);
    c->text = arena_str(a, buf_str(&b));
    buf_free(&b);
}

/* Reading a file. */

static bool
parse_file(struct schema_reader *r, str text, struct config_notify *c, struct err *e)
{
    struct yaml_doc *doc;
    if (!yaml_parse_v2(text, &doc, e))
        return false;
    bool ok = schema_read_doc(r, yaml_root(doc), &schema_notify, c);
    if (ok && c->route == NULL)
        ok = schema_fail(r, yaml_root(doc), "no route provided in config");
    if (ok && c->route->continue_)
        ok = schema_fail(r, yaml_root(doc), "cannot have continue in root route");
    yaml_free(&doc);
    return ok;
}

bool
config_notify_read(struct schema_reader *r, const char *path, struct config_notify **out,
                   struct err *e)
{
    struct buf text = {0};
    struct err why;
    struct config_notify *c = ARENA_NEW(r->a, struct config_notify);
    c->path = arena_str(r->a, str_of(path));
    r->depth = 0;
    bool ok = io_read_file(path, LIMIT_YAML_BYTES, &text, &why)
                  ? parse_file(r, buf_str(&text), c, e)
                  : config_open_error(path, &why, e);
    buf_free(&text);
    if (!ok)
        return false;
    config_notify_set_dir(c, r->a, config_dir_of(c->path));
    config_notify_print(c, r->a);
    *out = c;
    return true;
}

bool
config_notify_load(const char *path, const struct config_opts *o, struct config_notify_file *out,
                   struct err *e)
{
    struct schema_reader r;
    struct arena *a = arena_new();
    *out = (struct config_notify_file){0};
    schema_reader_init(&r, a, e);
    r.check_template = o ? o->check_template : NULL;
    bool ok = config_notify_read(&r, path, &out->notify, e);
    buf_free(&r.problem_text);
    if (!ok && o != NULL && o->place != NULL) {
        o->place->line = r.place.line;
        memcpy(o->place->key, r.place.key, sizeof o->place->key);
    }
    out->arena = a;
    out->regexes = r.regexes;
    out->regexes_n = r.regexes_n;
    if (!ok)
        config_notify_close(out);
    return ok;
}

void
config_notify_close(struct config_notify_file *f)
{
    for (size_t i = 0; i < f->regexes_n; i++)
        regex_free(&f->regexes[i]);
    arena_free(&f->arena);
    *f = (struct config_notify_file){0};
}
