/* route.c - from a path to its handler, and the envelope around the API's answers.
 *
 * The table is web/route.def.  Order of the gates: route prefix, authentication, route,
 * method, readiness, switches (admin, lifecycle).
 */
#include "base/panic.h"
#include "base/regex.h"
#include "web/api_priv.h"
#include "web/auth.h"
#include "web/route.h"

enum route_flags { ROUTE_READY = 1, ROUTE_LIFE = 2, ROUTE_OPEN = 4 };

struct route {
    const char *methods;
    const char *path; /* with leading slash */
    api_handler *api; /* one of the two */
    page_handler *page;
    unsigned flags;
};

static const struct route routes[] = {
#define API_ROUTE(methods, path, fn, flags) {methods, "/api/v1/" path, fn, NULL, flags},
#define PAGE_ROUTE(methods, path, fn, flags) {methods, path, NULL, fn, flags},
#include "web/route.def"
#undef API_ROUTE
#undef PAGE_ROUTE
};

/* Kinds to Prometheus' errorType and status (its getDefaultErrorCode: what it does not
 * name, "unavailable" among them, is 500). */
static const struct {
    const char *type;
    int status;
} error_map[] = {
    [ERR_NONE] = {"internal", 500},
    [ERR_BAD_DATA] = {"bad_data", 400},
    [ERR_PARSE] = {"bad_data", 400},
    [ERR_EXEC] = {"execution", 422},
    [ERR_CANCELED] = {"canceled", 499},
    [ERR_TIMEOUT] = {"timeout", 503},
    [ERR_LIMIT] = {"execution", 422},
    [ERR_NOT_FOUND] = {"not_found", 404},
    [ERR_NOT_ACCEPTABLE] = {"not_acceptable", 406},
    [ERR_UNAVAILABLE] = {"unavailable", 500},
    [ERR_CORRUPT] = {"internal", 500},
    [ERR_NO_SPACE] = {"internal", 500},
    [ERR_IO] = {"internal", 500},
    [ERR_NET] = {"internal", 500},
    [ERR_CONFIG] = {"bad_data", 400},
    [ERR_OUT_OF_ORDER] = {"bad_data", 400},
    [ERR_INTERNAL] = {"internal", 500},
};

/* "/label/:name/values" against a path: segments equal, ":x" takes one, "*" the rest. */
static bool
path_matches(str pattern, str path, str *capture)
{
    while (pattern.n) {
        char c = pattern.p[0];
        if (c == '*') {
            *capture = path;
            return true;
        }
        if (c == ':') {
            ptrdiff_t end = str_find_char(path, '/', 0);
            ptrdiff_t skip = str_find_char(pattern, '/', 0);
            *capture = end < 0 ? path : STR(path.p, (size_t)end);
            path = str_from(path, capture->n);
            pattern = str_from(pattern, skip < 0 ? pattern.n : (size_t)skip);
            continue;
        }
        if (path.n == 0 || path.p[0] != c)
            return false;
        path = str_from(path, 1);
        pattern = str_from(pattern, 1);
    }
    return path.n == 0;
}

static bool
method_allowed(const struct route *r, str method)
{
    for (const char *m = r->methods; *m; m++) {
        if (*m == '*')
            return true;
        if (*m == 'G' && (str_eq(method, STRL("GET")) || str_eq(method, STRL("HEAD"))))
            return true;
        if (*m == 'P' && str_eq(method, STRL("POST")))
            return true;
        if (*m == 'U' && str_eq(method, STRL("PUT")))
            return true;
        if (*m == 'D' && str_eq(method, STRL("DELETE")))
            return true;
    }
    return false;
}

void
resp_text(struct resp *r, int status, str text)
{
    r->status = status;
    r->content_type = "text/plain; charset=utf-8";
    buf_put(&r->body, text);
}

static void
put_list(struct json *j, const char *key, const str *v, size_t n)
{
    if (n == 0)
        return;
    json_key(j, str_of(key));
    json_open_array(j);
    for (size_t i = 0; i < n; i++)
        json_str(j, v[i]);
    json_close_array(j);
}

static void
answer_error(struct api *a, const struct err *e)
{
    struct resp *r = a->resp;
    const char *type = a->error_type ? a->error_type : error_map[e->kind].type;

    r->status = error_map[e->kind].status;
    for (size_t i = 0; a->error_type && i < ARRAY_LEN(error_map); i++)
        if (strcmp(error_map[i].type, a->error_type) == 0)
            r->status = error_map[i].status;
    r->content_type = "application/json";
    buf_clear(&r->body);
    struct json j = json_to(&r->body);
    json_open_object(&j);
    json_key_lit(&j, "status");
    json_str(&j, STRL("error"));
    json_key_lit(&j, "errorType");
    json_str(&j, str_of(type));
    json_key_lit(&j, "error");
    json_str(&j, err_str(e));
    json_close_object(&j);
}

static void
answer_api(struct web *w, const struct route *route, str capture, struct req *req, struct resp *resp)
{
    struct api a = {.w = w, .req = req, .resp = resp, .arena = req->arena, .capture = capture};
    struct err e = ERR_INIT;

    buf_lit(&resp->body, "{\"status\":\"success\",\"data\":");
    size_t before = resp->body.n;
    a.json = json_to(&resp->body);
    if (!route->api(&a, &e)) {
        answer_error(&a, &e);
        return;
    }
    if (a.raw)
        return;
    if (resp->body.n == before) {
        buf_clear(&resp->body);
        resp->status = 204;
        return;
    }
    resp->content_type = "application/json";
    a.json.comma = true;
    put_list(&a.json, "warnings", a.warnings, a.warnings_n);
    put_list(&a.json, "infos", a.infos, a.infos_n);
    buf_byte(&resp->body, '}');
}

static void
set_cors(struct web *w, struct req *req, struct resp *resp)
{
    str origin = req_header(req, "Origin");

    resp_header(resp, "Vary", STRL("Origin, Accept-Encoding"));
    if (origin.n == 0)
        return;
    if (w->cors && !regex_match(w->cors, origin))
        return;
    resp_header(resp, "Access-Control-Allow-Headers", STRL("Accept, Authorization, Content-Type, Origin"));
    resp_header(resp, "Access-Control-Allow-Methods", STRL("GET, POST, OPTIONS"));
    resp_header(resp, "Access-Control-Expose-Headers", STRL("Date"));
    resp_header(resp, "Access-Control-Allow-Origin", w->cors ? origin : STRL("*"));
}

static bool
gates_open(struct web *w, const struct route *r, struct resp *resp)
{
    if ((r->flags & ROUTE_READY) && !(atomic_load(&w->ready) && !atomic_load(&w->stopping))) {
        resp_header(resp, "X-Prometheus-Stopping",
                    atomic_load(&w->stopping) ? STRL("true") : STRL("false"));
        resp_text(resp, 503, STRL("Service Unavailable"));
        return false;
    }
    if ((r->flags & ROUTE_LIFE) && !w->opts.enable_lifecycle) {
        resp_text(resp, 403, STRL("Lifecycle API is not enabled."));
        return false;
    }
    return true;
}

static const struct route *
find_route(str path, str method, str *capture, bool *path_known)
{
    *path_known = false;
    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (!path_matches(str_of(routes[i].path), path, capture))
            continue;
        *path_known = true;
        if (method_allowed(&routes[i], method))
            return &routes[i];
    }
    return NULL;
}

void
route_request(void *arg, struct req *req, struct resp *resp)
{
    struct web *w = arg;
    str path = req->path, prefix = str_of(w->opts.route_prefix), capture = STR_EMPTY;
    bool known;

    CHECK_MAGIC(w, WEB_MAGIC);
    if (!auth_allows(w->auth, req, resp))
        return;
    if (prefix.n && !str_starts(path, prefix)) {
        if (str_eq(path, STRL("/"))) {
            resp->status = 302;
            resp_header(resp, "Location", arena_printf(req->arena, "%.*s/", STR_ARG(prefix)));
            return;
        }
        resp_text(resp, 404, STRL("404 page not found\n"));
        return;
    }
    path = str_from(path, prefix.n);
    bool api = str_starts(path, STRL("/api/v1/"));
    if (api)
        set_cors(w, req, resp);
    if (api && str_eq(req->method, STRL("OPTIONS"))) {
        resp->status = 204;
        return;
    }
    const struct route *r = find_route(path, req->method, &capture, &known);
    if (!r) {
        resp_text(resp, known ? 405 : 404,
                  known ? STRL("Method Not Allowed\n") : STRL("404 page not found\n"));
        return;
    }
    if (!gates_open(w, r, resp))
        return;
    if (r->api)
        answer_api(w, r, capture, req, resp);
    else
        r->page(w, req, resp);
}
