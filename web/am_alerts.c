/* am_alerts.c - alerts and groups: shown, and posted. */
#include "base/clock.h"
#include "base/unicode.h"
#include "base/url.h"
#include "server/config/am_matcher.h"
#include "server/config/config.h"
#include "web/am.h"
#include "web/api_json.h"

/* --- GET ----------------------------------------------------------------------------------------- */

struct filters {
    struct view_filter f;
    struct matcher *labels, *receiver_labels;
    struct regex *receiver;
};

static void
filters_free(struct filters *x)
{
    am_matchers_free(x->labels, x->f.labels_n);
    am_matchers_free(x->receiver_labels, x->f.receiver_labels_n);
    regex_free(&x->receiver);
}

static bool
read_receiver(struct am *m, struct filters *x)
{
    struct err e = ERR_INIT;
    str text = STR_EMPTY;

    for (size_t i = 0; i < m->req->params_n; i++)
        if (str_eq(m->req->params[i].name, STRL("receiver")))
            text = m->req->params[i].value;
    if (text.n && !am_regex_compile(text, "^(?:", m->arena, &x->receiver, &e)) {
        am_refuse(m, 400, arena_printf(m->arena, "failed to parse receiver param: %s", e.text));
        return false;
    }
    x->f.receiver = x->receiver;
    return true;
}

static bool
read_filters(struct am *m, struct filters *x)
{
    struct err e = ERR_INIT;

    *x = (struct filters){0};
    x->f.active = am_flag(m, "active");
    x->f.silenced = am_flag(m, "silenced");
    x->f.inhibited = am_flag(m, "inhibited");
    x->f.muted = am_flag(m, "muted");
    if (!am_matchers(m, "filter", &x->labels, &x->f.labels_n, &e)) {
        x->f.labels_n = 0;
        am_refuse(m, 400, err_str(&e));
        return false;
    }
    x->f.labels = x->labels;
    if (!read_receiver(m, x))
        return false;
    if (!am_matchers(m, "receiver_matchers", &x->receiver_labels, &x->f.receiver_labels_n, &e)) {
        x->f.receiver_labels_n = 0;
        am_refuse(m, 400, arena_printf(m->arena, "failed to parse receiver_matchers param: %s", e.text));
        return false;
    }
    x->f.receiver_labels = x->receiver_labels;
    return true;
}

static void
put_strings(struct json *j, const char *key, const str *v, size_t n)
{
    json_key(j, str_of(key));
    json_open_array(j);
    for (size_t i = 0; i < n; i++)
        json_str(j, v[i]);
    json_close_array(j);
}

static str
fingerprint_text(struct am *m, uint64_t f)
{
    return arena_printf(m->arena, "%016llx", (unsigned long long)f);
}

static void
put_status(struct am *m, const struct alert_view *v, const str *muted_by, size_t muted_by_n)
{
    struct json *j = &m->json;
    str source = v->inhibited ? fingerprint_text(m, v->inhibited_by) : STR_EMPTY;
    bool suppressed = v->inhibited || v->silenced_by_n || muted_by_n;

    json_key_lit(j, "status");
    json_open_object(j);
    put_strings(j, "inhibitedBy", &source, v->inhibited);
    put_strings(j, "mutedBy", muted_by, muted_by_n);
    put_strings(j, "silencedBy", v->silenced_by, v->silenced_by_n);
    put_key_str(j, "state", suppressed ? STRL("suppressed") : STRL("active"));
    json_close_object(j);
}

static void
put_alert(struct am *m, const struct alert_view *v, const str *muted_by, size_t muted_by_n)
{
    struct json *j = &m->json;
    const struct held_alert *a = v->alert;

    json_open_object(j);
    am_put_labels(j, "annotations", a->annotations);
    am_put_time(j, "endsAt", a->ends_ms, a->ends_offset_s);
    put_key_str(j, "fingerprint", fingerprint_text(m, a->fingerprint));
    json_key_lit(j, "receivers");
    json_open_array(j);
    for (size_t i = 0; i < v->receivers_n; i++) {
        json_open_object(j);
        put_key_str(j, "name", v->receivers[i]);
        json_close_object(j);
    }
    json_close_array(j);
    am_put_time(j, "startsAt", a->starts_ms, a->starts_offset_s);
    put_status(m, v, muted_by, muted_by_n);
    am_put_time(j, "updatedAt", a->updated_ms, 0);
    if (a->url.n)
        put_key_str(j, "generatorURL", a->url);
    am_put_labels(j, "labels", a->labels);
    json_close_object(j);
}

void
am_get_alerts(struct am *m)
{
    struct filters x;
    struct view v = {0};

    if (read_filters(m, &x)) {
        json_open_array(&m->json);
        if (view_alerts(&v, m->n, &x.f, m->arena))
            for (size_t i = 0; i < v.alerts_n; i++)
                put_alert(m, &v.alerts[i], NULL, 0);
        json_close_array(&m->json);
        view_free(&v);
    }
    filters_free(&x);
}

static void
put_group(struct am *m, const struct group_view *g)
{
    struct json *j = &m->json;

    json_open_object(j);
    json_key_lit(j, "alerts");
    json_open_array(j);
    for (size_t i = 0; i < g->n; i++)
        put_alert(m, &g->v[i], g->muted_by, g->muted_by_n);
    json_close_array(j);
    am_put_labels(j, "labels", g->labels);
    json_key_lit(j, "receiver");
    json_open_object(j);
    put_key_str(j, "name", g->receiver);
    json_close_object(j);
    am_put_labels(j, "routeLabels", g->route_labels);
    json_close_object(j);
}

void
am_get_groups(struct am *m)
{
    struct filters x;
    struct view v = {0};

    if (read_filters(m, &x)) {
        json_open_array(&m->json);
        if (view_groups(&v, m->n, &x.f, m->arena))
            for (size_t i = 0; i < v.groups_n; i++)
                put_group(m, &v.groups[i]);
        json_close_array(&m->json);
        view_free(&v);
    }
    filters_free(&x);
}

/* --- POST ------------------------------------------------------------------------------------------ */

static bool
read_alert(struct am_body *b, const struct json_node *n, int64_t now_ms, int64_t timeout_ms, struct alert *out)
{
    bool given;

    *out = (struct alert){0};
    if (n && !am_body_expect(b, n, JSON_OBJ,
                             "value of type struct { Annotations models.LabelSet \"json:\\\"annotations,omitempty\\\"\"; "
                             "EndsAt strfmt.DateTime \"json:\\\"endsAt,omitempty\\\"\"; "
                             "StartsAt strfmt.DateTime \"json:\\\"startsAt,omitempty\\\"\" }"))
        return false;
    out->annotations = am_body_labels(b, json_get(n, "annotations"), ".annotations", &given);
    struct am_time end = am_body_time(b, json_get(n, "endsAt"), ".endsAt");
    struct am_time start = am_body_time(b, json_get(n, "startsAt"), ".startsAt");
    am_body_string(b, json_get(n, "generatorURL"), "Alert.generatorURL", &out->generator_url);
    out->labels = am_body_labels(b, json_get(n, "labels"), "Alert.labels", &given);
    if (!given)
        out->labels.v = NULL; /* told apart from {} */
    out->starts_ms = start.given ? start.ms : end.given ? end.ms : now_ms;
    out->starts_offset_s = start.given ? start.offset_s : end.given ? end.offset_s : 0;
    out->ends_ms = end.given ? end.ms : now_ms + timeout_ms;
    out->ends_offset_s = end.given ? end.offset_s : 0;
    out->timeout = !end.given;
    return !b->failed;
}

/* What url.ParseRequestURI takes: an absolute URI or an absolute path. */
static bool
is_request_uri(str s, struct arena *a)
{
    struct url u;
    struct err ignored;

    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
            return false;
    return url_parse(s, a, &u, &ignored) && (s.p[0] == '/' || u.scheme.n);
}

/* go-openapi's checks; the first that fails answers for all. */
static bool
check_form(struct am *m, const struct alert *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct buf quoted = {0};
        if (v[i].generator_url.n && !is_request_uri(v[i].generator_url, m->arena)) {
            unicode_put_quoted(&quoted, v[i].generator_url);
            am_fail(m, AM_INVALID_TYPE, "%zu.generatorURL in body must be of type uri: %.*s", i,
                    STR_ARG(buf_str(&quoted)));
            buf_free(&quoted);
            return false;
        }
        if (!v[i].labels.v) {
            am_fail(m, AM_REQUIRED, "%zu.labels in body is required", i);
            return false;
        }
    }
    return true;
}

static struct labels
without_empty(struct arena *a, struct labels ls)
{
    struct label *v = ARENA_ARRAY(a, struct label, ls.n + 1);
    size_t n = 0;

    for (size_t i = 0; i < ls.n; i++)
        if (ls.v[i].value.n)
            v[n++] = ls.v[i];
    return (struct labels){v, n};
}

static bool
names_valid(struct labels ls, const char *what, struct err *e)
{
    for (size_t i = 0; i < ls.n; i++)
        if (ls.v[i].name.n == 0)
            return err_set(e, ERR_BAD_DATA, "invalid %s: invalid name \"\"", what);
    return true;
}

static bool
valid(const struct alert *a, struct err *e)
{
    if (a->ends_ms < a->starts_ms)
        return err_set(e, ERR_BAD_DATA, "start time must be before end time");
    if (a->labels.n == 0)
        return err_set(e, ERR_BAD_DATA, "at least one label pair required");
    return names_valid(a->labels, "label set", e) && names_valid(a->annotations, "annotations", e);
}

/* Those that are valid are taken, whatever the others are. */
static void
take_valid(struct am *m, struct alert *v, size_t n)
{
    struct buf wrong = {0};
    size_t kept = 0;

    for (size_t i = 0; i < n; i++) {
        struct err e = ERR_INIT;
        v[i].labels = without_empty(m->arena, v[i].labels);
        if (valid(&v[i], &e)) {
            v[kept++] = v[i];
            continue;
        }
        if (wrong.n)
            buf_byte(&wrong, '\n');
        buf_put(&wrong, err_str(&e));
    }
    notifier_take(m->n, v, kept);
    if (wrong.n)
        am_refuse(m, 400, buf_str(&wrong));
    else
        m->resp->content_type = NULL;
    buf_free(&wrong);
}

void
am_post_alerts(struct am *m)
{
    struct am_body b;
    struct config *c = notifier_config(m->n);
    int64_t now = clock_now_ms(), timeout = c ? c->alerting.notify->global->resolve_timeout_ms : 0;

    config_unref(&c);
    if (am_body_open(&b, m, "alerts")) {
        const struct json_node *list = am_body_list(&b, b.root, NULL, "models.PostableAlerts");
        size_t n = json_size(list);
        struct alert *v = ARENA_ARRAY(m->arena, struct alert, n + 1);
        for (size_t i = 0; i < n && !b.failed; i++)
            if (!read_alert(&b, json_at(list, i), now, timeout, &v[i]))
                break;
        if (!b.failed && check_form(m, v, n))
            take_valid(m, v, n);
    }
    am_body_close(&b);
}
