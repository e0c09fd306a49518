/* The HTTP client against servers on this machine: what is sent, what comes back, and the
 * words for what goes wrong. */
#include "tests/unit/unit.h"

#include "base/clock.h"
#include "base/limits.h"
#include "server/config/config_http.h"
#include "server/net/http_client.h"
#include "tests/unit/http_server.h"

static struct buf last_head;

static void
answer(void *arg, str head, struct buf *out)
{
    str path = http_server_path(head);

    (void)arg;
    buf_clear(&last_head);
    buf_put(&last_head, head);
    if (str_eq(path, STRL("/ok")))
        http_server_ok(out, "text/plain", "hello");
    else if (str_eq(path, STRL("/missing")))
        buf_lit(out, "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nnope\n");
    else if (str_eq(path, STRL("/odd")))
        buf_lit(out, "HTTP/1.1 599 Wait  what\r\nContent-Length: 0\r\n\r\n");
    else if (str_eq(path, STRL("/moved")))
        buf_lit(out, "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n");
    else if (str_eq(path, STRL("/loop")))
        buf_lit(out, "HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n");
    else if (str_eq(path, STRL("/chunked")))
        buf_lit(out, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    else if (str_eq(path, STRL("/badchunk")))
        buf_lit(out, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n");
    else if (str_eq(path, STRL("/short")))
        buf_lit(out, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nabc");
    else if (str_eq(path, STRL("/garbage")))
        buf_lit(out, "SMTP ready\r\n\r\n");
    else if (str_eq(path, STRL("/big")) || str_eq(path, STRL("/bigmissing"))) {
        buf_printf(out, "HTTP/1.1 %s\r\nContent-Length: 100000\r\n\r\n",
                   str_eq(path, STRL("/big")) ? "200 OK" : "404 Not Found");
        memset(buf_extend(out, 100000), 'x', 100000);
    } else if (str_eq(path, STRL("/slow"))) {
        usleep(700000);
        http_server_ok(out, "text/plain", "late");
    }
}

static struct http_server server;

static char *
url_of(const char *path)
{
    static char url[256];
    snprintf(url, sizeof url, "http://127.0.0.1:%d%s", server.port, path);
    return url;
}

static bool
get(const struct config_http *c, const char *path, struct http_response *out, struct err *e)
{
    struct http_client *client;
    const struct http_request r = {.method = "GET", .url = url_of(path), .timeout_ms = 400, .body_max = 50000};

    *out = (struct http_response){0};
    ck_assert(http_client_new(&client, c, e));
    bool ok = http_do(client, &r, out, e);
    http_client_unref(&client);
    return ok;
}

static void
ck_get(const char *path, int status, const char *status_text, const char *body)
{
    struct http_response r;
    struct err e;
    ck_assert_msg(get(NULL, path, &r, &e), "%s: %s", path, e.text);
    ck_assert_int_eq(r.status, status);
    ck_str(buf_str(&r.status_text), str_of(status_text));
    if (body)
        ck_str(buf_str(&r.body), str_of(body));
    http_response_fini(&r);
}

/* %s in want is the server's URL. */
static void
ck_fails(const char *path, const char *want)
{
    struct http_response r;
    struct err e;
    struct buf b = {0};

    ck_assert_msg(!get(NULL, path, &r, &e), "%s did not fail", path);
    for (const char *p = want; *p; p++)
        if (p[0] == '%' && p[1] == 's') {
            buf_put(&b, str_of(url_of(path)));
            p++;
        } else {
            buf_byte(&b, *p);
        }
    ck_str(err_str(&e), buf_str(&b));
    buf_free(&b);
}

START_TEST(test_answers)
{
    http_server_start(&server, answer, NULL);
    ck_get("/ok", 200, "200 OK", "hello");
    ck_get("/missing", 404, "404 Not Found", "nope\n");
    ck_get("/odd", 599, "599 Wait  what", "");
    ck_get("/moved", 200, "200 OK", "hello");
    ck_get("/chunked", 200, "200 OK", "abcde");
    ck_get("/bigmissing", 404, "404 Not Found", NULL);
    http_server_stop(&server);
}
END_TEST

START_TEST(test_errors)
{
    http_server_start(&server, answer, NULL);
    ck_fails("/loop", "Get \"%s\": stopped after 10 redirects");
    ck_fails("/badchunk", "invalid byte in chunk length");
    ck_fails("/short", "unexpected EOF");
    ck_fails("/garbage", "Get \"%s\": net/http: HTTP/1.x transport connection broken: malformed HTTP status "
                         "code \"ready\"");
    ck_fails("/big", "body size limit exceeded");
    ck_fails("/slow", "Get \"%s\": context deadline exceeded");
    ck_fails("/hangup", "Get \"%s\": EOF");
    http_server_stop(&server);
    struct http_response r;
    struct err e;
    struct buf want = {0};
    ck_assert(!get(NULL, "/ok", &r, &e));
    buf_printf(&want, "Get \"%s\": dial tcp 127.0.0.1:%d: connect: connection refused", url_of("/ok"), server.port);
    ck_str(err_str(&e), buf_str(&want));
    buf_free(&want);
}
END_TEST

START_TEST(test_credentials_and_headers)
{
    struct http_response r;
    struct err e;
    struct config_basic_auth basic = {.username = STRL("me"), .password = STRL("secret")};
    struct config_http c = config_http_default;
    str values[] = {STRL("a"), STRL("b")};
    struct config_header header = {.name = STRL("X-Scope"), .values = {values, 2, true}};
    struct config_headers headers = {.list = {&header, 1, true}, .set = true};

    http_server_start(&server, answer, NULL);
    c.basic_auth = &basic;
    c.headers = &headers;
    ck_assert(get(&c, "/ok", &r, &e));
    http_response_fini(&r);
    ck_assert(memmem(last_head.p, last_head.n, "Authorization: Basic bWU6c2VjcmV0\r\n", 35));
    ck_assert(memmem(last_head.p, last_head.n, "X-Scope: a\r\nX-Scope: b\r\n", 24));

    struct config_authorization bearer = {.type = STRL("Bearer"), .credentials = STRL("tok")};
    c = config_http_default;
    c.authorization = &bearer;
    ck_assert(get(&c, "/ok", &r, &e));
    http_response_fini(&r);
    ck_assert(memmem(last_head.p, last_head.n, "Authorization: Bearer tok\r\n", 27));

    bearer.credentials = STR_EMPTY;
    bearer.credentials_file = STRL("/nonexistent/token");
    ck_assert(!get(&c, "/ok", &r, &e));
    ck_assert(strstr(e.text, "/nonexistent/token"));

    c = config_http_default;
    c.follow_redirects = false;
    ck_assert(get(&c, "/moved", &r, &e));
    ck_assert_int_eq(r.status, 302);
    ck_lit(buf_str(&r.location), "/ok");
    http_response_fini(&r);
    http_server_stop(&server);
    buf_free(&last_head);
}
END_TEST

struct outcome {
    int done, ok;
};

static void
on_done(void *arg, bool ok, struct http_response *r, const struct err *e)
{
    struct outcome *o = arg;
    (void)e;
    o->done++;
    o->ok += ok && r->status == 200;
}

START_TEST(test_loop)
{
    struct http_loop *l;
    struct http_client *client;
    struct err e;
    struct outcome o = {0};

    http_server_start(&server, answer, NULL);
    ck_assert(http_loop_new(&l, &e) && http_client_new(&client, NULL, &e));
    const struct http_request r = {.method = "GET", .url = url_of("/ok"), .timeout_ms = 3000, .body_max = 100};
    for (int i = 0; i < 60; i++)
        ck_assert(http_loop_start(l, client, &r, on_done, &o, &e));
    for (int i = 0; i < 1000 && o.done < 60; i++)
        http_loop_run(l, 100);
    ck_assert_int_eq(o.ok, 60);
    /* What still runs is cancelled. */
    const struct http_request slow = {.method = "GET", .url = url_of("/slow"), .timeout_ms = 3000, .body_max = 100};
    ck_assert(http_loop_start(l, client, &slow, on_done, &o, &e));
    http_loop_run(l, 10);
    http_loop_free(&l);
    ck_assert_int_eq(o.done, 61);
    ck_assert_int_eq(o.ok, 60);
    http_client_unref(&client);
    http_server_stop(&server);
    buf_free(&last_head);
}
END_TEST

UNIT_MAIN("http_client", test_answers, test_errors, test_credentials_and_headers, test_loop)
