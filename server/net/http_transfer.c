/* http_transfer.c - one request onto a curl handle, and curl's result into our words. */
#include <strings.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/panic.h"
#include "server/net/http_priv.h"

#define HEADER_VALUE_MAX 4096
#define TOKEN_BODY_MAX (1u << 20)

struct transfer *
transfer_new(struct http_client *c, CURL *curl, const struct http_request *r)
{
    struct transfer *t = MEM_NEW(struct transfer);

    t->magic = TRANSFER_MAGIC;
    t->client = http_client_ref(c);
    t->curl = curl;
    t->stage = c->c->oauth2 && oauth2_wants_token(c) ? TRANSFER_TOKEN : TRANSFER_REQUEST;
    t->start_ms = clock_mono_ms();
    t->method = mem_cstr(str_of(r->method ? r->method : "GET"));
    t->url = mem_cstr(str_of(r->url));
    t->unix_socket = r->unix_socket ? mem_cstr(str_of(r->unix_socket)) : NULL;
    for (size_t i = 0; i < r->headers_n; i++) {
        /* "Name;" is how curl is told to send a header without a value. */
        if (r->headers[i].value.n == 0)
            buf_printf(&t->header_text, "%.*s;", STR_ARG(r->headers[i].name));
        else
            buf_printf(&t->header_text, "%.*s: %.*s", STR_ARG(r->headers[i].name),
                       STR_ARG(r->headers[i].value));
        buf_byte(&t->header_text, '\0');
    }
    t->headers_n = r->headers_n;
    t->body = r->body;
    t->timeout_ms = r->timeout_ms;
    t->body_max = r->body_max;
    t->gzip_max = r->gzip_max ? r->gzip_max : r->body_max;
    t->body_hint = MIN(r->body_hint, r->body_max);
    return t;
}

CURL *
transfer_free(struct transfer *t)
{
    CURL *curl = t->curl;

    CHECK_MAGIC(t, TRANSFER_MAGIC);
    http_response_fini(&t->response);
    curl_slist_free_all(t->headers);
    buf_free(&t->secrets);
    buf_free(&t->header_text);
    buf_free(&t->token_form);
    mem_free(t->method);
    mem_free(t->url);
    mem_free(t->unix_socket);
    http_client_unref(&t->client);
    t->magic = 0;
    mem_free(t);
    return curl;
}

static size_t
on_body(char *p, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    bool gzip = str_eq(buf_str(&t->response.content_encoding), STRL("gzip"));
    size_t max = t->stage == TRANSFER_TOKEN ? TOKEN_BODY_MAX : gzip ? t->gzip_max : t->body_max;

    (void)size;
    if (t->response.body.n == 0 && t->body_hint)
        buf_reserve(&t->response.body, t->body_hint);
    if (t->response.body.n + n > max) {
        long status = 0;
        curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
        t->body_over = true;
        t->body_cut = status != 200; /* the start of an error page is enough */
        return CURL_WRITEFUNC_ERROR;
    }
    buf_put(&t->response.body, STR(p, n));
    return n;
}

static void
keep_header(str line, const char *name, struct buf *out)
{
    size_t n = strlen(name);

    if (line.n <= n || line.p[n] != ':' || strncasecmp(line.p, name, n) != 0)
        return;
    str v = str_from(line, n + 1);
    while (v.n && (v.p[0] == ' ' || v.p[0] == '\t'))
        v = str_from(v, 1);
    while (v.n && (v.p[v.n - 1] == '\r' || v.p[v.n - 1] == '\n' || v.p[v.n - 1] == ' '))
        v.n--;
    buf_clear(out);
    buf_put(out, STR(v.p, MIN(v.n, (size_t)HEADER_VALUE_MAX)));
}

/* Go's names of the statuses that targets answer with; HTTP/2 sends none. */
static const char *
status_name(str code)
{
    static const struct {
        const char *code, *name;
    } names[] = {
        {"200", "OK"}, {"201", "Created"}, {"202", "Accepted"}, {"204", "No Content"},
        {"301", "Moved Permanently"}, {"302", "Found"}, {"303", "See Other"}, {"304", "Not Modified"},
        {"307", "Temporary Redirect"}, {"308", "Permanent Redirect"}, {"400", "Bad Request"},
        {"401", "Unauthorized"}, {"403", "Forbidden"}, {"404", "Not Found"},
        {"405", "Method Not Allowed"}, {"406", "Not Acceptable"}, {"408", "Request Timeout"},
        {"410", "Gone"}, {"413", "Request Entity Too Large"}, {"415", "Unsupported Media Type"},
        {"421", "Misdirected Request"}, {"422", "Unprocessable Entity"}, {"429", "Too Many Requests"},
        {"500", "Internal Server Error"}, {"501", "Not Implemented"}, {"502", "Bad Gateway"},
        {"503", "Service Unavailable"}, {"504", "Gateway Timeout"},
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq(code, str_of(names[i].code)))
            return names[i].name;
    return "";
}

/* The status line's text after the protocol: "404 Not Found". */
static void
keep_status(str line, struct buf *out)
{
    ptrdiff_t blank = str_find_char(line, ' ', 0);
    str s = blank < 0 ? STR_EMPTY : str_from(line, (size_t)blank);

    while (s.n && s.p[0] == ' ')
        s = str_from(s, 1);
    while (s.n && (s.p[s.n - 1] == '\r' || s.p[s.n - 1] == '\n'))
        s.n--;
    if (str_starts(line, STRL("HTTP/2")) && s.n >= 3) {
        buf_clear(out);
        buf_printf(out, "%.3s %s", s.p, status_name(STR(s.p, 3)));
        return;
    }
    buf_clear(out);
    buf_put(out, STR(s.p, MIN(s.n, (size_t)HEADER_VALUE_MAX)));
}

static size_t
on_header(char *p, size_t size, size_t n, void *arg)
{
    struct transfer *t = arg;
    struct http_response *r = &t->response;
    str line = STR(p, n);

    (void)size;
    t->in_body = line.n <= 2 && t->response.status_text.n > 0; /* the empty line behind them */
    if (str_starts(line, STRL("HTTP/"))) { /* a new answer: after a redirect or 100 */
        keep_status(line, &r->status_text);
        buf_clear(&r->content_type);
        buf_clear(&r->content_encoding);
        buf_clear(&r->retry_after);
        buf_clear(&r->location);
        buf_clear(&r->body);
    }
    keep_header(line, "Content-Type", &r->content_type);
    keep_header(line, "Content-Encoding", &r->content_encoding);
    keep_header(line, "Retry-After", &r->retry_after);
    keep_header(line, "Location", &r->location);
    return n;
}

static void
add_header(struct transfer *t, const char *line)
{
    struct curl_slist *more = curl_slist_append(t->headers, line);
    CHECK(more != NULL);
    t->headers = more;
}

static bool
add_credential_header(struct transfer *t, const char *prefix, str text, str file, struct err *e)
{
    struct buf b = {0};

    buf_put(&b, str_of(prefix));
    bool ok = secret_read(text, file, &b, e);
    if (ok)
        add_header(t, buf_cstr(&b));
    buf_free(&b);
    return ok;
}

static bool
apply_basic_auth(struct transfer *t, const struct config_basic_auth *b, struct err *e)
{
    struct buf user = {0}, password = {0};
    bool ok = secret_read(b->username, b->username_file, &user, e) &&
              secret_read(b->password, b->password_file, &password, e);

    if (ok) {
        curl_easy_setopt(t->curl, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
        curl_easy_setopt(t->curl, CURLOPT_USERNAME, buf_cstr(&user));
        curl_easy_setopt(t->curl, CURLOPT_PASSWORD, buf_cstr(&password));
    }
    buf_free(&user);
    buf_free(&password);
    return ok;
}

static bool
apply_authorization(struct transfer *t, struct err *e)
{
    const struct config_http *c = t->client->c;

    if (c->basic_auth)
        return apply_basic_auth(t, c->basic_auth, e);
    if (c->authorization) {
        struct buf prefix = {0};
        buf_printf(&prefix, "Authorization: %.*s ", STR_ARG(c->authorization->type));
        bool ok = add_credential_header(t, buf_cstr(&prefix), c->authorization->credentials,
                                        c->authorization->credentials_file, e);
        buf_free(&prefix);
        return ok;
    }
    if (c->oauth2) {
        struct buf token = {0};
        mutex_lock(&t->client->mu);
        buf_put(&token, buf_str(&t->client->token));
        mutex_unlock(&t->client->mu);
        bool ok = add_credential_header(t, "Authorization: Bearer ", buf_str(&token), STR_EMPTY, e);
        buf_free(&token);
        return ok;
    }
    return true;
}

static bool
apply_extra_headers(struct transfer *t, struct err *e)
{
    const struct config_headers *h = t->client->c->headers;
    bool ok = true;

    for (size_t i = 0; h && ok && i < h->list.n; i++) {
        const struct config_header *x = &h->list.v[i];
        struct buf prefix = {0};
        buf_printf(&prefix, "%.*s: ", STR_ARG(x->name));
        for (size_t k = 0; ok && k < x->values.n; k++)
            ok = add_credential_header(t, buf_cstr(&prefix), x->values.v[k], STR_EMPTY, e);
        for (size_t k = 0; ok && k < x->secrets.n; k++)
            ok = add_credential_header(t, buf_cstr(&prefix), x->secrets.v[k], STR_EMPTY, e);
        for (size_t k = 0; ok && k < x->files.n; k++)
            ok = add_credential_header(t, buf_cstr(&prefix), STR_EMPTY, x->files.v[k], e);
        buf_free(&prefix);
    }
    return ok;
}

static void
set_common(struct transfer *t)
{
    CURL *c = t->curl;
    int64_t left = t->timeout_ms - (clock_mono_ms() - t->start_ms);

    curl_easy_reset(c);
    curl_easy_setopt(c, CURLOPT_PRIVATE, t);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_ERRORBUFFER, t->error);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)MAX(left, 1));
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(c, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(c, CURLOPT_HTTP09_ALLOWED, 1L); /* whatever answers is quoted in the error */
    curl_easy_setopt(c, CURLOPT_TCP_KEEPALIVE, 1L);
    curl_slist_free_all(t->headers);
    t->headers = NULL;
    t->error[0] = '\0';
    add_header(t, "Expect:"); /* no waiting for 100 Continue */
}

static bool
prepare_token(struct transfer *t, struct err *e)
{
    const struct config_oauth2 *o = t->client->c->oauth2;

    set_common(t);
    buf_clear(&t->token_form);
    if (!oauth2_form(o, &t->token_form, e) || !transport_apply(t->curl, &o->tls, &o->proxy, e))
        return false;
    char *url = mem_cstr(o->token_url);
    curl_easy_setopt(t->curl, CURLOPT_URL, url);
    mem_free(url);
    curl_easy_setopt(t->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->token_form.n);
    curl_easy_setopt(t->curl, CURLOPT_POSTFIELDS, buf_cstr(&t->token_form));
    add_header(t, "Accept: application/json");
    curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, t->headers);
    return true;
}

static void
apply_method(struct transfer *t)
{
    if (t->body.n > 0 || strcmp(t->method, "POST") == 0 || strcmp(t->method, "PUT") == 0) {
        curl_easy_setopt(t->curl, CURLOPT_POST, 1L);
        curl_easy_setopt(t->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)t->body.n);
        curl_easy_setopt(t->curl, CURLOPT_POSTFIELDS, t->body.n ? t->body.p : "");
        if (strcmp(t->method, "POST") != 0)
            curl_easy_setopt(t->curl, CURLOPT_CUSTOMREQUEST, t->method);
    } else if (strcmp(t->method, "HEAD") == 0) {
        curl_easy_setopt(t->curl, CURLOPT_NOBODY, 1L);
    } else if (strcmp(t->method, "GET") != 0) {
        curl_easy_setopt(t->curl, CURLOPT_CUSTOMREQUEST, t->method);
    }
}

bool
transfer_prepare(struct transfer *t, struct err *e)
{
    const struct config_http *c = t->client->c;

    CHECK_MAGIC(t, TRANSFER_MAGIC);
    if (t->stage == TRANSFER_TOKEN)
        return prepare_token(t, e);
    set_common(t);
    curl_easy_setopt(t->curl, CURLOPT_URL, t->url);
    curl_easy_setopt(t->curl, CURLOPT_FOLLOWLOCATION, c->follow_redirects ? 1L : 0L);
    curl_easy_setopt(t->curl, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
    curl_easy_setopt(t->curl, CURLOPT_HTTP_VERSION,
                     c->enable_http2 ? (long)CURL_HTTP_VERSION_2TLS : (long)CURL_HTTP_VERSION_1_1);
    if (t->unix_socket)
        curl_easy_setopt(t->curl, CURLOPT_UNIX_SOCKET_PATH, t->unix_socket);
    apply_method(t);
    const char *line = t->header_text.p;
    for (size_t i = 0; i < t->headers_n; i++, line += strlen(line) + 1)
        add_header(t, line);
    if (!apply_authorization(t, e) || !apply_extra_headers(t, e) ||
        !transport_apply(t->curl, &c->tls, &c->proxy, e))
        return false;
    curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, t->headers);
    return true;
}

bool
transfer_finish(struct transfer *t, CURLcode rc, bool *again, struct err *e)
{
    long status = 0;

    *again = false;
    curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
    if ((rc != CURLE_OK && !t->body_cut) || status == 0)
        return transfer_error(t, rc, e);
    t->response.status = (int)status;
    if (t->stage == TRANSFER_REQUEST)
        return true;
    if (!oauth2_take_answer(t->client, &t->response, e)) {
        transfer_prefix_error(t, e);
        return false;
    }
    http_response_fini(&t->response);
    t->response = (struct http_response){0};
    t->stage = TRANSFER_REQUEST;
    *again = true;
    return true;
}
