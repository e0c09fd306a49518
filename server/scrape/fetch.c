#include "server/scrape/fetch.h"

#include "base/compress.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/num.h"
#include "base/panic.h"
#include "server/scrape/gzip_fault.h"

static void
on_done(void *arg, bool ok, struct http_response *r, const struct err *e)
{
    struct arrival *a = arg;

    a->ok = ok;
    if (ok) {
        a->r = *r;
        *r = (struct http_response){0};
    } else {
        a->e = *e;
    }
    a->done(a);
}

/* The most bytes a page may have; body_size_limit itself is one too many. */
static size_t
body_max(const struct config_scrape *s)
{
    return s->limit.body_size_bytes ? MIN((size_t)s->limit.body_size_bytes - 1, LIMIT_SCRAPE_BODY_BYTES)
                                    : LIMIT_SCRAPE_BODY_BYTES;
}

void
fetch_start(struct http_loop *l, struct arrival *a)
{
    const struct config_scrape *s = a->job->s;
    char seconds[NUM_TEXT_MAX];
    size_t n = num_format_plain((double)a->t->timeout_ms / 1000, seconds);
    const struct http_header headers[] = {
        {STRL("Accept"), str_of(a->job->accept)},
        {STRL("Accept-Encoding"), s->enable_compression ? STRL("gzip") : STRL("identity")},
        {STRL("User-Agent"), STRL(HTTP_USER_AGENT)},
        {STRL("X-Prometheus-Scrape-Timeout-Seconds"), STR(seconds, n)},
    };
    char *socket = NULL;
    str unix_socket = labels_get(a->t->labels, STRL("__unix_socket__"));

    if (unix_socket.n)
        socket = mem_cstr(unix_socket);
    const struct http_request r = {
        .method = "GET", .url = a->t->url, .headers = headers, .headers_n = ARRAY_LEN(headers),
        .timeout_ms = a->t->timeout_ms, .body_max = body_max(s), .gzip_max = LIMIT_SCRAPE_BODY_BYTES,
        .body_hint = a->t->last_body, .unix_socket = socket,
    };
    if (!http_loop_start(l, a->job->client, &r, on_done, a, &a->e)) {
        a->ok = false;
        a->done(a);
    }
    mem_free(socket);
}

static bool
inflate(struct arrival *a, struct buf *plain, struct err *e)
{
    str body = buf_str(&a->r.body);

    if (body.n && gzip_inflate(body, body_max(a->job->s), plain, e))
        return true;
    if (body.n && e->kind == ERR_LIMIT)
        err_set(e, ERR_LIMIT, "body size limit exceeded");
    else
        gzip_fault(body, e);
    return false;
}

static bool
judge(struct arrival *a, struct buf *plain, struct page *p, struct err *e)
{
    if (!a->ok) {
        *e = a->e;
        return false;
    }
    if (a->r.status != 200)
        return err_set(e, ERR_NET, "server returned HTTP status %s", buf_cstr(&a->r.status_text));
    p->body = buf_str(&a->r.body);
    if (str_eq(buf_str(&a->r.content_encoding), STRL("gzip"))) {
        if (!inflate(a, plain, e))
            return false;
        p->body = buf_str(plain);
    }
    p->content_type = buf_str(&a->r.content_type);
    p->body_bytes = (int64_t)p->body.n;
    return true;
}

void
fetch_judge(struct arrival *a, struct buf *plain, struct page *p)
{
    *p = (struct page){.t = a->time_ms, .start_ns = a->start_ns};
    if (judge(a, plain, p, &a->e))
        return;
    p->failed = &a->e;
    p->body = STR_EMPTY;
    if (a->e.kind == ERR_LIMIT) {
        p->body_bytes = -1;
        METRIC_INC(TARGET_SCRAPES_EXCEEDED_BODY_SIZE_LIMIT_TOTAL);
    }
}

void
arrival_free(struct arrival **out)
{
    struct arrival *a = *out;

    *out = NULL;
    if (!a)
        return;
    http_response_fini(&a->r);
    job_unref(&a->job);
    target_unref(&a->t);
    mem_free(a);
}
