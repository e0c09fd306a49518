/* http.c - http_sd: a URL that answers with a JSON list of target groups. */
#include <strings.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/compress.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/num.h"
#include "server/discovery/discovery_priv.h"

#define META STRL("__meta_url")

struct http_state {
    struct http_client *client;
    struct provider *p;   /* NULL: stopped while a request runs, which then frees this */
    struct config *c;     /* a reference: the client borrows from it */
    bool running;
    int64_t start_ns;
};

static void
state_free(struct http_state *s)
{
    http_client_unref(&s->client);
    config_unref(&s->c);
    mem_free(s);
}

/* application/json, with or without charset=utf-8. */
static bool
is_json(str type)
{
    while (type.n && (type.p[type.n - 1] == ' ' || type.p[type.n - 1] == '\t'))
        type.n--;
    str want = STRL("application/json");
    if (type.n < want.n || strncasecmp(type.p, want.p, want.n) != 0)
        return false;
    str rest = str_from(type, want.n);
    if (rest.n == 0)
        return true;
    if (rest.p[0] != ';')
        return false;
    rest = str_from(rest, 1);
    while (rest.n && (rest.p[0] == ' ' || rest.p[0] == '\t'))
        rest = str_from(rest, 1);
    str a = STRL("charset=utf-8"), b = STRL("charset=\"utf-8\"");
    return (rest.n == a.n && strncasecmp(rest.p, a.p, a.n) == 0) ||
           (rest.n == b.n && strncasecmp(rest.p, b.p, b.n) == 0);
}

static bool
read_answer(struct provider *p, struct http_response *r, struct sd_result *out, struct err *e)
{
    struct buf plain = {0};
    str body = buf_str(&r->body);

    if (r->status != 200)
        return err_set(e, ERR_NET, "server returned HTTP status %s", buf_cstr(&r->status_text));
    if (!is_json(buf_str(&r->content_type))) {
        struct buf quoted = {0};
        unicode_put_quoted(&quoted, buf_str(&r->content_type));
        err_set(e, ERR_NET, "unsupported content type %s", buf_cstr(&quoted));
        buf_free(&quoted);
        return false;
    }
    bool ok = true;
    if (str_eq(buf_str(&r->content_encoding), STRL("gzip"))) {
        ok = gzip_inflate(body, LIMIT_SD_BODY_BYTES, &plain, e);
        body = buf_str(&plain);
    }
    ok = ok && sd_result_json(out, body, p->sd->http->url, META, e);
    buf_free(&plain);
    return ok;
}

static void
finish(struct provider *p, bool ok, struct http_response *r, struct err *e, int64_t start_ns)
{
    struct sd_result *found = sd_result_new();

    ok = ok && read_answer(p, r, found, e);
    provider_count_refresh(p, (double)(clock_mono_ns() - start_ns) * 1e-9, ok);
    if (!ok) {
        METRIC_INC(SD_HTTP_FAILURES_TOTAL);
        LOG_ERROR("Unable to refresh target groups", KV("discovery", "http"),
                  KV_STR("url", p->sd->http->url), KV_ERR(e));
        sd_result_unref(&found);
    }
    provider_answer(p, found);
}

static void
on_done(void *arg, bool ok, struct http_response *r, const struct err *why)
{
    struct http_state *s = arg;
    struct err e = *why;

    s->running = false;
    if (s->p) {
        finish(s->p, ok, r, &e, s->start_ns);
        return;
    }
    state_free(s);
}

static void
http_refresh(struct provider *p)
{
    struct http_state *s = p->state;
    const struct config_sd_http *h = p->sd->http;
    struct buf seconds = {0};
    struct err e = ERR_INIT;

    p->next_ms = clock_mono_ms() + h->refresh_interval_ms;
    if (s->running)
        return;
    char text[NUM_TEXT_MAX];
    buf_put(&seconds, STR(text, num_format_plain((double)h->refresh_interval_ms / 1000, text)));
    char *url = mem_cstr(h->url);
    struct http_header headers[] = {
        {STRL("User-Agent"), STRL(HTTP_USER_AGENT)},
        {STRL("Accept"), STRL("application/json")},
        {STRL("Accept-Encoding"), STRL("gzip")},
        {STRL("X-Prometheus-Refresh-Interval-Seconds"), buf_str(&seconds)},
    };
    struct http_request r = {.method = "GET", .url = url, .headers = headers,
                             .headers_n = ARRAY_LEN(headers),
                             .timeout_ms = h->refresh_interval_ms, .body_max = LIMIT_SD_BODY_BYTES};
    s->start_ns = clock_mono_ns();
    s->running = true;
    if (!http_loop_start(discovery_loop(p->d), s->client, &r, on_done, s, &e)) {
        s->running = false;
        finish(p, false, NULL, &e, s->start_ns);
    }
    mem_free(url);
    buf_free(&seconds);
}

static bool
http_start(struct provider *p, struct err *e)
{
    struct http_client *client;

    if (!http_client_new(&client, &p->sd->http->http, e))
        return false;
    struct http_state *s = MEM_NEW(struct http_state);
    s->client = client;
    s->c = config_ref(p->c);
    s->p = p;
    p->state = s;
    http_refresh(p);
    return true;
}

static void
http_stop(struct provider *p)
{
    struct http_state *s = p->state;

    if (!s)
        return;
    s->p = NULL;
    if (s->running)
        return; /* on_done ends it */
    state_free(s);
}

const struct sd_mechanism sd_http = {http_start, http_refresh, http_stop};
