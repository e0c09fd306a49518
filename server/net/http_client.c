/* http_client.c - clients, their credentials, and the call that waits. */
#include "base/io.h"
#include "base/mem.h"
#include "base/panic.h"
#include "server/net/http_priv.h"

#define SECRET_FILE_BYTES_MAX (1u << 20)

static void
init_curl(void)
{
    curl_global_init(CURL_GLOBAL_ALL);
}

bool
http_client_new(struct http_client **out, const struct config_http *c, struct err *e)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)e;

    pthread_once(&once, init_curl);
    struct http_client *h = MEM_NEW(struct http_client);
    h->magic = HTTP_CLIENT_MAGIC;
    h->c = c ? c : &config_http_default;
    atomic_init(&h->refs, 1);
    mutex_init(&h->mu, LOCK_POOL);
    *out = h;
    return true;
}

struct http_client *
http_client_ref(struct http_client *c)
{
    CHECK_MAGIC(c, HTTP_CLIENT_MAGIC);
    atomic_fetch_add(&c->refs, 1);
    return c;
}

void
http_client_unref(struct http_client **out)
{
    struct http_client *c = *out;

    if (!c)
        return;
    *out = NULL;
    CHECK_MAGIC(c, HTTP_CLIENT_MAGIC);
    if (atomic_fetch_sub(&c->refs, 1) != 1)
        return;
    for (size_t i = 0; i < c->idle_n; i++)
        curl_easy_cleanup(c->idle[i]);
    buf_free(&c->token);
    mutex_fini(&c->mu);
    c->magic = 0;
    mem_free(c);
}

void
http_response_fini(struct http_response *r)
{
    buf_free(&r->status_text);
    buf_free(&r->body);
    buf_free(&r->content_type);
    buf_free(&r->content_encoding);
    buf_free(&r->retry_after);
    buf_free(&r->location);
}

bool
secret_read(str inline_text, str file, struct buf *out, struct err *e)
{
    if (file.n == 0) {
        buf_put(out, inline_text);
        return true;
    }
    char *path = mem_cstr(file);
    size_t start = out->n;
    bool ok = io_read_file(path, SECRET_FILE_BYTES_MAX, out, e);
    mem_free(path);
    if (!ok)
        return err_prefix(e, "unable to read file: ");
    /* As Go's strings.TrimSpace. */
    while (out->n > start && strchr(" \t\r\n\v\f", out->p[out->n - 1]))
        out->n--;
    size_t skip = start;
    while (skip < out->n && strchr(" \t\r\n\v\f", out->p[skip]))
        skip++;
    memmove(out->p + start, out->p + skip, out->n - skip);
    out->n -= skip - start;
    return true;
}

static CURL *
take_handle(struct http_client *c)
{
    CURL *curl = NULL;

    mutex_lock(&c->mu);
    if (c->idle_n)
        curl = c->idle[--c->idle_n];
    mutex_unlock(&c->mu);
    return curl ? curl : curl_easy_init();
}

static void
give_handle(struct http_client *c, CURL *curl)
{
    curl_easy_reset(curl); /* options go, connections stay */
    mutex_lock(&c->mu);
    if (c->idle_n < ARRAY_LEN(c->idle)) {
        c->idle[c->idle_n++] = curl;
        curl = NULL;
    }
    mutex_unlock(&c->mu);
    if (curl)
        curl_easy_cleanup(curl);
}

bool
http_do(struct http_client *c, const struct http_request *r, struct http_response *out, struct err *e)
{
    CHECK_MAGIC(c, HTTP_CLIENT_MAGIC);
    struct transfer *t = transfer_new(c, take_handle(c), r);
    bool again = true, ok = true;

    while (ok && again) {
        ok = transfer_prepare(t, e);
        if (ok)
            ok = transfer_finish(t, curl_easy_perform(t->curl), &again, e);
    }
    if (ok) {
        *out = t->response;
        t->response = (struct http_response){0};
    }
    give_handle(c, transfer_free(t));
    return ok;
}
