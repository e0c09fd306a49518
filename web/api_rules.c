/* api_rules.c - rule groups, active alerts, and the Alertmanagers they go to. */
#include "base/hash.h"
#include "base/num.h"
#include "base/unicode.h"
#include "server/notify/notify.h"
#include "server/rules/rules.h"
#include "web/api_json.h"
#include "web/api_priv.h"

struct filter {
    bool alerting, recording, exclude_alerts;
    struct matcher_set *sets;
    size_t sets_n;
    int64_t group_limit; /* 0: no pages */
    str token;
};

static const char *
state_text(enum alert_state s)
{
    static const char *const texts[] = {"unknown", "inactive", "pending", "firing"};
    return texts[s];
}

static void
put_alert(struct json *j, const struct alert_view *al)
{
    char value[NUM_TEXT_MAX];

    json_open_object(j);
    put_key_labels(j, "labels", al->labels);
    put_key_labels(j, "annotations", al->annotations);
    put_key_str(j, "state", str_of(state_text(al->state)));
    put_key_time_ns(j, "activeAt", al->active_ns);
    if (al->keep_firing_since_ns)
        put_key_time_ns(j, "keepFiringSince", al->keep_firing_since_ns);
    put_key_str(j, "value", STR(value, num_format(al->value, 'e', -1, value)));
    json_close_object(j);
}

static void
put_alerts(struct json *j, const struct rule_view *r)
{
    json_open_array(j);
    for (size_t i = 0; i < r->alerts_n; i++)
        put_alert(j, &r->alerts[i]);
    json_close_array(j);
}

static void
put_rule(struct json *j, const struct rule_view *r, bool exclude_alerts)
{
    static const char *const health[] = {"unknown", "ok", "err"};

    json_open_object(j);
    if (r->alerting)
        put_key_str(j, "state", str_of(state_text(r->state)));
    put_key_str(j, "name", r->name);
    put_key_str(j, "query", r->query);
    if (r->alerting) {
        put_key_f64(j, "duration", (double)r->hold_ms / 1000);
        put_key_f64(j, "keepFiringFor", (double)r->keep_firing_ms / 1000);
    }
    put_key_labels(j, "labels", r->labels);
    if (r->alerting) {
        put_key_labels(j, "annotations", r->annotations);
        json_key_lit(j, "alerts");
        if (exclude_alerts)
            json_null(j);
        else
            put_alerts(j, r);
    }
    put_key_str(j, "health", str_of(health[r->health]));
    if (r->last_error.n)
        put_key_str(j, "lastError", r->last_error);
    put_key_f64(j, "evaluationTime", r->eval_seconds);
    put_key_time_ns(j, "lastEvaluation", r->last_eval_ns);
    put_key_str(j, "type", r->alerting ? STRL("alerting") : STRL("recording"));
    json_close_object(j);
}

/* True if no parameter of that name was given, or one of them is the value. */
static bool
among(struct api *a, const char *name, str value)
{
    str want = str_of(name);
    bool any = false;

    for (size_t i = 0; i < a->req->params_n; i++) {
        if (!str_eq(a->req->params[i].name, want))
            continue;
        any = true;
        if (str_eq(a->req->params[i].value, value))
            return true;
    }
    return !any;
}

static bool
labels_match(const struct filter *f, struct labels ls)
{
    for (size_t i = 0; i < f->sets_n; i++) {
        bool all = true;
        for (size_t k = 0; k < f->sets[i].n; k++)
            all = all && matcher_matches(&f->sets[i].m[k], labels_get(ls, f->sets[i].m[k].name));
        if (all)
            return true;
    }
    return f->sets_n == 0;
}

static bool
rule_wanted(struct api *a, const struct filter *f, const struct rule_view *r)
{
    return (r->alerting ? f->alerting : f->recording) && among(a, "rule_name[]", r->name) &&
           labels_match(f, r->labels);
}

static str
lower_param(struct api *a, const char *name)
{
    struct buf b = {0};

    unicode_put_lower(&b, api_form(a, name));
    str s = arena_str(a->arena, buf_str(&b));
    buf_free(&b);
    return s;
}

static str
quoted(struct api *a, str s)
{
    struct buf b = {0};

    unicode_put_quoted(&b, s);
    str q = arena_str(a->arena, buf_str(&b));
    buf_free(&b);
    return q;
}

static bool
read_pages(struct api *a, struct filter *f, struct err *e)
{
    str limit = api_form(a, "group_limit");

    f->token = api_form(a, "group_next_token");
    if (f->token.n && limit.n == 0) {
        err_set(e, ERR_BAD_DATA, "group_limit needs to be present in order to paginate over the groups");
        return api_invalid_param(e, "group_next_token");
    }
    if (limit.n == 0)
        return true;
    if (!num_parse_i64(limit, &f->group_limit) || f->group_limit > INT32_MAX || f->group_limit < INT32_MIN) {
        str q = quoted(a, limit);
        err_set(e, ERR_BAD_DATA, "group_limit needs to be a valid number: strconv.ParseInt: parsing %.*s: %s",
                STR_ARG(q), num_parse_i64(limit, &f->group_limit) ? "value out of range" : "invalid syntax");
        return api_invalid_param(e, "group_limit");
    }
    if (f->group_limit <= 0) {
        err_set(e, ERR_BAD_DATA, "group_limit needs to be greater than 0");
        return api_invalid_param(e, "group_limit");
    }
    return true;
}

static bool
read_filter(struct api *a, struct filter *f, struct err *e)
{
    str type = lower_param(a, "type"), exclude = lower_param(a, "exclude_alerts");

    if (!api_match(a, &f->sets, &f->sets_n, e))
        return false;
    if (type.n && !str_eq(type, STRL("alert")) && !str_eq(type, STRL("record"))) {
        str q = quoted(a, type);
        err_set(e, ERR_BAD_DATA, "not supported value %.*s", STR_ARG(q));
        return api_invalid_param(e, "type");
    }
    f->alerting = type.n == 0 || str_eq(type, STRL("alert"));
    f->recording = type.n == 0 || str_eq(type, STRL("record"));
    if (exclude.n && !api_parse_bool(exclude, &f->exclude_alerts)) {
        str q = quoted(a, exclude);
        err_set(e, ERR_BAD_DATA,
                "error converting exclude_alerts: strconv.ParseBool: parsing %.*s: invalid syntax", STR_ARG(q));
        return api_invalid_param(e, "exclude_alerts");
    }
    return read_pages(a, f, e);
}

static void
put_group(struct api *a, const struct filter *f, const struct group_view *g)
{
    struct json *j = &a->json;

    json_open_object(j);
    put_key_str(j, "name", g->name);
    put_key_str(j, "file", g->file);
    json_key_lit(j, "rules");
    json_open_array(j);
    for (size_t i = 0; i < g->rules_n; i++)
        if (rule_wanted(a, f, &g->rules[i]))
            put_rule(j, &g->rules[i], f->exclude_alerts);
    json_close_array(j);
    put_key_f64(j, "interval", (double)g->interval_ms / 1000);
    json_key_lit(j, "limit");
    json_i64(j, g->limit);
    put_key_f64(j, "evaluationTime", g->eval_seconds);
    put_key_time_ns(j, "lastEvaluation", g->last_eval_ns);
    json_close_object(j);
}

/* The page token of a group: hex SHA-256 of "file;name". */
static str
group_token(struct api *a, const struct group_view *g)
{
    uint8_t digest[32];
    char hex[65];

    hash_sha256(arena_printf(a->arena, "%.*s;%.*s", STR_ARG(g->file), STR_ARG(g->name)), digest);
    hash_hex(digest, sizeof digest, hex);
    return arena_str(a->arena, STR(hex, 64));
}

static bool
group_wanted(struct api *a, const struct filter *f, const struct group_view *g)
{
    if (!among(a, "rule_group[]", g->name) || !among(a, "file[]", g->file))
        return false;
    for (size_t i = 0; i < g->rules_n; i++)
        if (rule_wanted(a, f, &g->rules[i]))
            return true;
    return false;
}

static bool
put_groups(struct api *a, const struct filter *f, const struct group_view *v, size_t n, struct err *e)
{
    bool found = f->token.n == 0;
    int64_t written = 0;
    str next = STR_EMPTY;

    json_open_object(&a->json);
    json_key_lit(&a->json, "groups");
    json_open_array(&a->json);
    for (size_t i = 0; i < n; i++) {
        found = found || str_eq(f->token, group_token(a, &v[i]));
        if (!found || !group_wanted(a, f, &v[i]))
            continue;
        if (f->group_limit > 0 && written == f->group_limit) {
            next = group_token(a, &v[i]);
            break;
        }
        put_group(a, f, &v[i]);
        written++;
    }
    json_close_array(&a->json);
    if (next.n)
        put_key_str(&a->json, "groupNextToken", next);
    json_close_object(&a->json);
    if (found)
        return true;
    err_set(e, ERR_BAD_DATA, "invalid group_next_token '%.*s'. were rule groups changed?", STR_ARG(f->token));
    return api_invalid_param(e, "group_next_token");
}

bool
api_rules(struct api *a, struct err *e)
{
    struct filter f = {0};
    struct group_view *v = NULL;

    if (a->req->form_error)
        return err_set(e, ERR_BAD_DATA, "error parsing form values: invalid parameter");
    if (!read_filter(a, &f, e))
        return false;
    size_t n = a->w->layers.rules ? rules_view(a->w->layers.rules, a->arena, &v) : 0;
    bool ok = put_groups(a, &f, v, n, e);
    api_match_free(f.sets, f.sets_n);
    return ok;
}

bool
api_alerts(struct api *a, struct err *e)
{
    struct group_view *v = NULL;
    size_t n = a->w->layers.rules ? rules_view(a->w->layers.rules, a->arena, &v) : 0;
    (void)e;

    json_open_object(&a->json);
    json_key_lit(&a->json, "alerts");
    json_open_array(&a->json);
    for (size_t i = 0; i < n; i++)
        for (size_t r = 0; r < v[i].rules_n; r++)
            for (size_t k = 0; v[i].rules[r].alerting && k < v[i].rules[r].alerts_n; k++)
                put_alert(&a->json, &v[i].rules[r].alerts[k]);
    json_close_array(&a->json);
    json_close_object(&a->json);
    return true;
}

static void
put_peers(struct api *a, const char *key, const struct notifier_peer *v, size_t n, bool dropped)
{
    json_key(&a->json, str_of(key));
    json_open_array(&a->json);
    for (size_t i = 0; i < n; i++) {
        if (v[i].dropped != dropped)
            continue;
        json_open_object(&a->json);
        put_key_str(&a->json, "url", v[i].url);
        json_close_object(&a->json);
    }
    json_close_array(&a->json);
}

bool
api_alertmanagers(struct api *a, struct err *e)
{
    struct notifier_peer *v = NULL;
    size_t n = a->w->layers.notifier ? notifier_peers(a->w->layers.notifier, a->arena, &v) : 0;
    (void)e;

    json_open_object(&a->json);
    put_peers(a, "activeAlertmanagers", v, n, false);
    put_peers(a, "droppedAlertmanagers", v, n, true);
    json_close_object(&a->json);
    return true;
}
