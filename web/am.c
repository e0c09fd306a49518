/* am.c - routes, parameters and errors of API v2. */
#include "web/am.h"

#include "base/num.h"
#include "base/unicode.h"
#include "base/version.h"
#include "server/config/am_matcher.h"
#include "server/config/config.h"
#include "web/api_json.h"

#define ALERTMANAGER_VERSION "0.34.0" /* whose API this is */

struct am_route {
    const char *path; /* below /api/v2; ":" stands for one segment */
    void (*get)(struct am *m);
    void (*post)(struct am *m);
    void (*delete)(struct am *m);
    const char *allowed;
};
static const struct am_route routes[] = {
    {"/status", am_get_status, NULL, NULL, "GET"},
    {"/receivers", am_get_receivers, NULL, NULL, "GET"},
    {"/alerts", am_get_alerts, am_post_alerts, NULL, "GET,POST"},
    {"/alerts/groups", am_get_groups, NULL, NULL, "GET"},
    {"/silences", am_get_silences, am_post_silences, NULL, "GET,POST"},
    {"/silence/:", am_get_silence, NULL, am_delete_silence, "DELETE,GET"},
};

/* --- errors ----------------------------------------------------------------------------------- */

void
am_fail(struct am *m, int code, const char *fmt, ...)
{
    struct buf b = {0};
    va_list ap;

    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    buf_clear(&m->resp->body);
    m->resp->status = code >= 600 ? 422 : code;
    m->resp->content_type = "application/json";
    struct json j = json_to(&m->resp->body);
    json_open_object(&j);
    json_key_lit(&j, "code");
    json_i64(&j, code);
    put_key_str(&j, "message", buf_str(&b));
    json_close_object(&j);
    buf_free(&b);
}

void
am_refuse(struct am *m, int status, str text)
{
    buf_clear(&m->resp->body);
    m->resp->status = status;
    m->resp->content_type = "application/json";
    json_escape(&m->resp->body, text, true);
    buf_byte(&m->resp->body, '\n');
}

/* --- parameters ---------------------------------------------------------------------------------- */

static bool
last_value(const struct am *m, const char *name, str *out)
{
    bool any = false;

    for (size_t i = 0; i < m->req->params_n; i++)
        if (str_eq(m->req->params[i].name, str_of(name))) {
            *out = m->req->params[i].value;
            any = true;
        }
    return any;
}

bool
am_flag(const struct am *m, const char *name)
{
    static const char *const words[] = {"true", "1", "yes", "ok", "y", "on", "selected", "checked", "t", "enabled"};
    str v;

    if (!last_value(m, name, &v) || v.n == 0)
        return true;
    struct buf lower = {0};
    unicode_put_lower(&lower, v);
    bool is = false;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        is |= str_eq(buf_str(&lower), str_of(words[i]));
    buf_free(&lower);
    return is;
}

bool
am_matchers(const struct am *m, const char *name, struct matcher **out, size_t *n, struct err *e)
{
    *out = ARENA_ARRAY(m->arena, struct matcher, m->req->params_n + 1);
    *n = 0;
    for (size_t i = 0; i < m->req->params_n; i++) {
        if (!str_eq(m->req->params[i].name, str_of(name)))
            continue;
        if (!am_matcher_parse(m->req->params[i].value, m->arena, &(*out)[*n], e)) {
            am_matchers_free(*out, *n);
            return false;
        }
        ++*n;
    }
    return true;
}

void
am_matchers_free(struct matcher *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        matcher_fini(&v[i]);
}

/* --- pieces of answers ------------------------------------------------------------------------------ */

void
am_put_time(struct json *j, const char *key, int64_t ms, int offset_s)
{
    int64_t fraction = ((ms % 1000) + 1000) % 1000;
    int minutes = offset_s / 60;

    json_key(j, str_of(key));
    json_raw(j);
    buf_byte(j->out, '"');
    num_put_rfc3339(j->out, (ms - fraction) / 1000 + offset_s, 0);
    j->out->n--; /* its Z */
    buf_printf(j->out, ".%03d", (int)fraction);
    if (minutes == 0)
        buf_byte(j->out, 'Z');
    else
        buf_printf(j->out, "%c%02d:%02d", minutes < 0 ? '-' : '+', (minutes < 0 ? -minutes : minutes) / 60,
                   (minutes < 0 ? -minutes : minutes) % 60);
    buf_byte(j->out, '"');
}

void
am_put_labels(struct json *j, const char *key, struct labels ls)
{
    json_key(j, str_of(key));
    json_open_object(j);
    for (size_t i = 0; i < ls.n; i++) {
        json_key(j, ls.v[i].name);
        json_str(j, ls.v[i].value);
    }
    json_close_object(j);
}

/* --- status and receivers ------------------------------------------------------------------------------ */

static void
put_versions(struct json *j)
{
    json_key_lit(j, "versionInfo");
    json_open_object(j);
    put_key_str(j, "branch", STRL("main"));
    put_key_str(j, "buildDate", STR_EMPTY);
    put_key_str(j, "buildUser", STRL("narthex"));
    put_key_str(j, "goVersion", STRL("none (C)"));
    put_key_str(j, "revision", STRL("narthex-" NARTHEX_VERSION));
    put_key_str(j, "version", STRL(ALERTMANAGER_VERSION));
    json_close_object(j);
}

void
am_get_status(struct am *m)
{
    struct config *c = notifier_config(m->n);
    struct json *j = &m->json;

    json_open_object(j);
    json_key_lit(j, "cluster");
    json_open_object(j);
    json_key_lit(j, "peers");
    json_open_array(j);
    json_close_array(j);
    put_key_str(j, "status", STRL("disabled"));
    json_close_object(j);
    json_key_lit(j, "config");
    json_open_object(j);
    put_key_str(j, "original", c ? c->alerting.notify->text : STR_EMPTY);
    json_close_object(j);
    am_put_time(j, "uptime", m->w->start_ms, 0);
    put_versions(j);
    json_close_object(j);
    config_unref(&c);
}

static void
put_receiver(struct json *j, const struct config_receiver *r)
{
    json_open_object(j);
    json_key_lit(j, "labels");
    json_open_object(j);
    for (size_t i = 0; i < r->labels.n; i++) {
        json_key(j, r->labels.v[i].key);
        json_str(j, r->labels.v[i].value);
    }
    json_close_object(j);
    put_key_str(j, "name", r->name);
    json_close_object(j);
}

void
am_get_receivers(struct am *m)
{
    struct err e = ERR_INIT;
    struct matcher *v;
    size_t n;

    if (!am_matchers(m, "receiver_matchers", &v, &n, &e)) {
        am_refuse(m, 400, arena_printf(m->arena, "failed to parse receiver_matchers param: %s", e.text));
        return;
    }
    struct config *c = notifier_config(m->n);
    json_open_array(&m->json);
    for (size_t i = 0; c && i < c->alerting.notify->receivers.n; i++) {
        const struct config_receiver *r = &c->alerting.notify->receivers.v[i];
        if (receiver_matches(r, v, n))
            put_receiver(&m->json, r);
    }
    json_close_array(&m->json);
    config_unref(&c);
    am_matchers_free(v, n);
}

/* --- routes ---------------------------------------------------------------------------------------------- */

static bool
route_matches(str pattern, str path, str *capture)
{
    ptrdiff_t colon = str_find_char(pattern, ':', 0);

    if (path.n > 1 && path.p[path.n - 1] == '/')
        path.n--;
    if (colon < 0)
        return str_eq(pattern, path);
    if (!str_starts(path, STR(pattern.p, (size_t)colon)) || path.n == (size_t)colon)
        return false;
    *capture = str_from(path, (size_t)colon);
    return str_find_char(*capture, '/', 0) < 0;
}

static void
run_route(struct am *m, const struct am_route *r)
{
    str method = m->req->method;
    void (*run)(struct am *) = NULL;

    if (str_eq(method, STRL("GET")) || str_eq(method, STRL("HEAD")))
        run = r->get;
    else if (str_eq(method, STRL("POST")))
        run = r->post;
    else if (str_eq(method, STRL("DELETE")))
        run = r->delete;
    if (run) {
        m->resp->content_type = "application/json";
        m->json = json_to(&m->resp->body);
        run(m);
        return;
    }
    resp_header(m->resp, "Allow", str_of(r->allowed));
    am_fail(m, 405, "method %.*s is not allowed, %s are", STR_ARG(method), r->allowed);
}

/* Where "/api/v2" ends in the path; it may stand below "/alertmanager". */
static str
below_api(const struct web *w, str path)
{
    path = str_from(path, strlen(w->opts.route_prefix));
    if (str_starts(path, STRL("/alertmanager/")))
        path = str_from(path, strlen("/alertmanager"));
    return str_from(path, strlen("/api/v2"));
}

void
page_alertmanager(struct web *w, struct req *req, struct resp *resp)
{
    struct am m = {.w = w, .n = w->layers.notifier, .req = req, .resp = resp, .arena = req->arena};
    str path = below_api(w, req->path);

    resp_header(resp, "Cache-Control", STRL("no-store"));
    resp_header(resp, "Vary", STRL("Origin"));
    if (req_header(req, "Origin").n)
        resp_header(resp, "Access-Control-Allow-Origin", STRL("*"));
    if (!m.n) {
        am_fail(&m, 503, "notification is not running");
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (route_matches(str_of(routes[i].path), path, &m.capture)) {
            run_route(&m, &routes[i]);
            return;
        }
    }
    am_fail(&m, 404, "path /api/v2%.*s was not found", STR_ARG(path));
}
