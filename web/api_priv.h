/* api_priv.h - what the handlers of /api/v1 share.
 *
 * A handler reads its parameters and writes the `data` value of the envelope into
 * a->json; returning true with nothing written means 204.  On failure it fills *e and
 * returns false; the kind decides errorType and status (web/route.c), unless
 * a->error_type overrides it.
 */
#pragma once
#include "base/json.h"
#include "model/matcher.h"
#include "web/http.h"
#include "web/web.h"

struct web {
    unsigned magic;
#define WEB_MAGIC 0x3c61d0f5
    struct web_opts opts;          /* fixed after start; strings owned */
    struct http_server *http;
    struct regex *cors;            /* NULL: any origin */
    struct auth *auth;             /* NULL: open */
    struct web_layers layers;      /* fixed before ready */
    struct remote_receiver *receiver; /* made with the layers */
    _Atomic bool ready, stopping;
    _Atomic bool reload_ok;
    _Atomic int64_t reload_ms;
    int64_t start_ms;
};

struct api {
    struct web *w;
    struct req *req;
    struct resp *resp;
    struct arena *arena;           /* the request's */
    str capture;                   /* what ":x" or "*" of the route matched */
    struct json json;              /* into resp->body, after {"status":"success","data": */
    str *warnings, *infos;         /* may be set by the handler */
    size_t warnings_n, infos_n;
    const char *error_type;        /* overrides the kind's; NULL: by kind */
    bool raw;                      /* the handler made the whole answer itself */
};
typedef bool api_handler(struct api *a, struct err *e);
typedef void page_handler(struct web *w, struct req *req, struct resp *resp);

/* Parameters (web/api_param.c).  Texts are Prometheus'. */
str api_form(struct api *a, const char *name); /* FormValue: empty if absent */
bool api_invalid_param(struct err *e, const char *name); /* prefixes e; returns false */
/* An instant with Go's range and its wrapping conversions, so that absurd times are
 * refused or accepted exactly where Prometheus does. */
struct instant {
    int64_t sec, nsec;
};
int64_t instant_ms(struct instant t);
struct instant instant_of_ms(int64_t ms);
bool instant_before(struct instant a, struct instant b);
bool api_parse_time(str s, struct instant *out, struct err *e);
/* The parameter or, if it is absent, the default. */
bool api_time(struct api *a, const char *name, struct instant absent, struct instant *out,
              struct err *e);
bool api_parse_duration_ns(str s, int64_t *out, struct err *e);
bool api_limit(struct api *a, size_t *out, struct err *e); /* 0: none */
/* Every match[] as matcher sets. */
struct matcher_set {
    struct matcher *m;
    size_t n;
};
bool api_match(struct api *a, struct matcher_set **out, size_t *n, struct err *e);
void api_match_free(struct matcher_set *sets, size_t n);
void api_warn(struct api *a, const char *text);
bool api_parse_bool(str s, bool *out); /* strconv.ParseBool */
void web_put_buildinfo(struct json *j);

/* Prometheus' MinTime and MaxTime: what "no start, no end" means. */
#define INSTANT_MIN ((struct instant){-9223309901257974, 0})
#define INSTANT_MAX ((struct instant){9223309901257974, 999999999})

/* One declaration a handler; the table is web/route.def. */
#define API_ROUTE(methods, path, fn, flags) api_handler fn;
#define PAGE_ROUTE(methods, path, fn, flags) page_handler fn;
#include "web/route.def"
#undef API_ROUTE
#undef PAGE_ROUTE
