/* post.c - the common HTTP way of senders: one request, and what its answer means. */
#include "base/clock.h"
#include "base/num.h"
#include "base/url.h"
#include "server/notify/sender.h"

#define ANSWER_BYTES_MAX (1u << 20)
#define SHOWN_BYTES_MAX 256
#define WAIT_S_MAX 86400
#define USER_AGENT "Alertmanager/0.34.0 narthex" /* receivers tell it by the first word */

/* Seconds; an HTTP date is rare and counts as unknown. */
static int64_t
retry_after_ms(const struct http_response *r)
{
    uint64_t s;
    return num_parse_u64(buf_str(&r->retry_after), &s) && s <= WAIT_S_MAX ? (int64_t)s * 1000 : 0;
}

/* --- pieces of requests ---------------------------------------------------------------------- */

void
sender_put(struct json *j, const char *key, str s)
{
    json_key(j, str_of(key));
    json_str(j, s);
}

void
sender_put_given(struct json *j, const char *key, str s)
{
    if (s.n)
        sender_put(j, key, s);
}

void
attempt_put(struct attempt *t, struct json *j, const char *key, str text)
{
    sender_put(j, key, attempt_text(t, text));
}

void
attempt_put_given(struct attempt *t, struct json *j, const char *key, str text)
{
    sender_put_given(j, key, attempt_text(t, text));
}

bool
attempt_url(struct attempt *t, str base, str path, bool join, str query, str *out)
{
    struct url u;

    if (!url_parse(base, t->arena, &u, t->e))
        return err_set(t->e, ERR_CONFIG, "the configured URL does not parse");
    while (join && u.path.n && u.path.p[u.path.n - 1] == '/')
        u.path.n--;
    while (join && path.n && path.p[0] == '/')
        path = str_from(path, 1);
    u.path = arena_printf(t->arena, "%.*s%s%.*s", STR_ARG(u.path), join ? "/" : "", STR_ARG(path));
    u.raw_path = STR_EMPTY;
    if (query.n)
        u.query = u.query.n ? arena_printf(t->arena, "%.*s&%.*s", STR_ARG(u.query), STR_ARG(query)) : query;
    *out = url_text(&u, t->arena, false);
    return true;
}

void
sender_put_query(struct buf *b, const char *name, str value)
{
    if (b->n)
        buf_byte(b, '&');
    buf_put(b, str_of(name));
    buf_byte(b, '=');
    url_put_query_escaped(b, value);
}

/* --- answers ---------------------------------------------------------------------------------- */

static const char *
status_reason(int status)
{
    if (status == 401 || status == 403)
        return "authError";
    if (status == 429)
        return "rateLimited";
    return status / 100 == 4 ? "clientError" : status / 100 == 5 ? "serverError" : "other";
}

static bool
judge(struct attempt *t, const struct attempt_post *p, const struct http_response *r)
{
    int s = r->status;
    str body = buf_str(&r->body);

    if (s / 100 == 2)
        return true;
    t->retry = s == 408 || s == 429 || s / 100 == 5 || s == p->also_retried;
    t->limited = s == 429;
    t->wait_ms = t->retry ? retry_after_ms(r) : 0;
    t->reason = status_reason(s);
    body.n = MIN(body.n, (size_t)SHOWN_BYTES_MAX);
    return err_set(t->e, ERR_NET, "unexpected status code %d%s%.*s", s, body.n ? ": " : "", STR_ARG(body));
}

/* A network error quotes the URL. */
static void
hide_url(struct err *e)
{
    const char *quote = strchr(e->text, '"');
    const char *end = quote ? strstr(quote + 1, "\": ") : NULL;
    struct buf b = {0};

    if (!end)
        return;
    buf_printf(&b, "%.*s<redacted>%s", (int)(quote + 1 - e->text), e->text, end);
    err_set(e, e->kind, "%.*s", STR_ARG(buf_str(&b)));
    buf_free(&b);
}

static int64_t
time_left_ms(const struct attempt *t, const struct attempt_post *p)
{
    int64_t left = MAX(t->d->deadline_ms - clock_mono_ms(), 1);
    return p->timeout_ns > 0 ? MAX(MIN(left, p->timeout_ns / 1000000), 1) : left;
}

bool
attempt_post(struct attempt *t, const struct attempt_post *p, struct http_response *answer)
{
    struct http_header *headers = ARENA_ARRAY(t->arena, struct http_header, p->headers_n + 2);
    struct http_response own = {0}, *got = answer ? answer : &own;
    size_t n = 0;

    headers[n++] = (struct http_header){STRL("User-Agent"), STRL(USER_AGENT)};
    if (p->content_type.n || !p->method || strcmp(p->method, "GET") != 0)
        headers[n++] =
            (struct http_header){STRL("Content-Type"), p->content_type.n ? p->content_type : STRL("application/json")};
    for (size_t i = 0; i < p->headers_n; i++)
        headers[n++] = p->headers[i];
    struct http_request r = {
        .method = p->method ? p->method : "POST",
        .url = arena_cstr(t->arena, p->url),
        .headers = headers,
        .headers_n = n,
        .body = p->body,
        .timeout_ms = time_left_ms(t, p),
        .body_max = ANSWER_BYTES_MAX,
    };
    bool ok = http_do(t->d->target->http, &r, got, t->e);
    if (!ok) {
        t->retry = true;
        if (p->url_is_secret)
            hide_url(t->e);
    } else {
        ok = judge(t, p, got);
    }
    http_response_fini(&own);
    return ok;
}

bool
attempt_post_json(struct attempt *t, str url, struct buf *body)
{
    struct attempt_post p = {.url = url, .url_is_secret = true, .body = buf_str(body)};
    bool ok = attempt_post(t, &p, NULL);

    buf_free(body);
    return ok;
}

bool
attempt_refused(struct attempt *t, const char *fmt, ...)
{
    va_list ap;

    t->reason = "clientError";
    va_start(ap, fmt);
    err_vset(t->e, ERR_NET, fmt, ap);
    va_end(ap);
    return false;
}
