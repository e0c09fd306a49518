/* http.c - connections, hand-over to handler threads, and the way back. */
#include "web/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/panic.h"
#include "web/http_priv.h"

#define LISTEN_MAX 16
#define LIGHT_THREADS 2
#define WATCH_INTERVAL_MS 50
#define STREAM_CHUNK_BYTES (64u << 10)
#define HEADER_BYTES_MAX (64u << 10)

struct listener {
    struct MHD_Daemon *daemon;
    unsigned port;
};

struct http_server {
    unsigned magic;
#define HTTP_SERVER_MAGIC 0x4b8f21d3
    /* fixed after start */
    struct http_opts opts;
    http_handler *handler;
    void *arg;
    struct listener listeners[LISTEN_MAX];
    size_t listeners_n;
    struct inbox *heavy, *light;
    struct thread **threads;
    size_t threads_n;
    struct thread *watcher;
    char *tls_cert, *tls_key, *tls_ca;

    struct mutex mu;
    struct cond idle;         /* running_n became 0 or stopping */
    struct exchange *running; /* under mu */
    size_t running_n;         /* under mu */
    bool stopping;            /* under mu */
};

/* --- one exchange ------------------------------------------------------------------ */

static struct exchange *
exchange_new(struct http_server *s, const char *uri)
{
    struct exchange *x = MEM_NEW(struct exchange);
    x->magic = EXCHANGE_MAGIC;
    x->server = s;
    x->uri = mem_cstr(str_of(uri));
    x->arena = arena_new();
    x->req.arena = x->arena;
    x->req.conn = x;
    x->fd = -1;
    return x;
}

static void
exchange_free(struct exchange *x)
{
    CHECK_MAGIC(x, EXCHANGE_MAGIC);
    CHECK(x->state != EXCHANGE_RUNNING);
    if (x->resp.more_free)
        x->resp.more_free(x->resp.more_arg);
    buf_free(&x->resp.body);
    buf_free(&x->body);
    arena_free(&x->arena);
    mem_free(x->uri);
    x->magic = 0;
    mem_free(x);
}

str
req_header(const struct req *r, const char *name)
{
    struct exchange *x = r->conn;
    return str_of(MHD_lookup_connection_value(x->mhd, MHD_HEADER_KIND, name));
}

static void
text_response(struct resp *r, int status, const char *text)
{
    r->status = status;
    r->content_type = "text/plain; charset=utf-8";
    buf_put(&r->body, str_of(text));
}

static void
running_add(struct http_server *s, struct exchange *x)
{
    mutex_lock(&s->mu);
    x->next = s->running;
    x->prev = &s->running;
    if (x->next)
        x->next->prev = &x->next;
    s->running = x;
    if (s->running_n++ == 0)
        cond_broadcast(&s->idle);
    mutex_unlock(&s->mu);
}

static void
running_remove(struct http_server *s, struct exchange *x)
{
    mutex_lock(&s->mu);
    *x->prev = x->next;
    if (x->next)
        x->next->prev = x->prev;
    if (--s->running_n == 0)
        cond_broadcast(&s->idle);
    mutex_unlock(&s->mu);
}

static void
exchange_run(struct exchange *x)
{
    struct http_server *s = x->server;

    str type = req_header(&x->req, "Content-Type");
    if (!exchange_parse(x, type))
        text_response(&x->resp, 400, "400 Bad Request");
    else
        s->handler(s->arg, &x->req, &x->resp);
    exchange_compress(x);
    running_remove(s, x);
    x->state = EXCHANGE_DONE;
    MHD_resume_connection(x->mhd);
}

static void
handler_thread(void *arg)
{
    struct inbox *in = arg;
    struct exchange *x;

    while ((x = inbox_take(in, -1)) != NULL)
        exchange_run(x);
}

/* Client gone?  A closed or reset connection reads as end or error; bytes waiting are a
 * pipelined request, and nothing waiting is the usual case. */
static bool
peer_is_gone(int fd)
{
    char c;
    ssize_t n = recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

static void
watch_thread(void *arg)
{
    struct http_server *s = arg;

    mutex_lock(&s->mu);
    while (!s->stopping || s->running_n > 0) {
        if (s->running_n == 0) {
            cond_wait(&s->idle, &s->mu);
            continue;
        }
        for (struct exchange *x = s->running; x; x = x->next)
            if (!atomic_load(&x->req.gone) && peer_is_gone(x->fd))
                atomic_store(&x->req.gone, true);
        mutex_unlock(&s->mu);
        clock_sleep_ms(WATCH_INTERVAL_MS);
        mutex_lock(&s->mu);
    }
    mutex_unlock(&s->mu);
}

/* --- libmicrohttpd's callbacks ------------------------------------------------------ */

static void *
on_uri(void *cls, const char *uri, struct MHD_Connection *mhd)
{
    (void)mhd;
    return exchange_new(cls, uri);
}

static void
on_completed(void *cls, struct MHD_Connection *mhd, void **con_cls,
             enum MHD_RequestTerminationCode how)
{
    (void)cls, (void)mhd, (void)how;
    if (*con_cls)
        exchange_free(*con_cls);
    *con_cls = NULL;
}

/* One answer's stream: a buffer refilled by resp.more. */
struct stream {
    struct resp resp; /* taken over from the exchange */
    size_t sent;      /* of resp.body */
    bool ended;
};

static ssize_t
stream_read(void *cls, uint64_t pos, char *out, size_t max)
{
    struct stream *s = cls;
    (void)pos;

    while (s->sent == s->resp.body.n) {
        if (s->ended)
            return MHD_CONTENT_READER_END_OF_STREAM;
        buf_clear(&s->resp.body);
        s->sent = 0;
        s->ended = !s->resp.more(s->resp.more_arg, &s->resp.body);
    }
    size_t n = MIN(max, s->resp.body.n - s->sent);
    memcpy(out, s->resp.body.p + s->sent, n);
    s->sent += n;
    return (ssize_t)n;
}

static void
stream_free(void *cls)
{
    struct stream *s = cls;

    if (s->resp.more_free)
        s->resp.more_free(s->resp.more_arg);
    buf_free(&s->resp.body);
    mem_free(s);
}

static struct MHD_Response *
make_response(struct exchange *x)
{
    struct resp *r = &x->resp;

    if (!r->more) {
        struct buf body = r->body;
        r->body = (struct buf){0};
        return MHD_create_response_from_buffer_with_free_callback(body.n, body.p, mem_free);
    }
    struct stream *s = MEM_NEW(struct stream);
    s->resp = *r;
    r->body = (struct buf){0};
    r->more = NULL;
    r->more_free = NULL;
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_CHUNK_BYTES, stream_read, s,
                                             stream_free);
}

static enum MHD_Result
send_response(struct exchange *x)
{
    struct resp *r = &x->resp;
    const char *type = r->content_type;
    int status = r->status ? r->status : 200;
    struct MHD_Response *m = make_response(x);

    if (!m)
        return MHD_NO;
    if (type)
        MHD_add_response_header(m, "Content-Type", type);
    for (size_t i = 0; i < r->headers_n; i++)
        MHD_add_response_header(m, r->headers[i].name, arena_cstr(x->arena, r->headers[i].value));
    enum MHD_Result ok = MHD_queue_response(x->mhd, (unsigned)status, m);
    MHD_destroy_response(m);
    return ok;
}

static void
fill_remote(struct exchange *x)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(x->mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    char host[INET6_ADDRSTRLEN] = "";
    unsigned port = 0;

    if (info && info->client_addr) {
        const struct sockaddr *sa = info->client_addr;
        const void *addr = sa->sa_family == AF_INET6
                               ? (const void *)&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr
                               : (const void *)&((const struct sockaddr_in *)(const void *)sa)->sin_addr;
        inet_ntop(sa->sa_family, addr, host, sizeof host);
        port = ntohs(((const struct sockaddr_in *)(const void *)sa)->sin_port);
    }
    x->req.remote = arena_printf(x->arena, "%s:%u", host, port);
    info = MHD_get_connection_info(x->mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    x->fd = info ? info->connect_fd : -1;
}

static enum MHD_Result
begin_exchange(struct exchange *x, struct MHD_Connection *mhd, const char *method)
{
    x->mhd = mhd;
    x->req.method = arena_str(x->arena, str_of(method));
    x->state = EXCHANGE_BODY;
    uint64_t length = 0;
    str declared = req_header(&x->req, "Content-Length");
    if (declared.n && num_parse_u64(declared, &length) && length > LIMIT_HTTP_BODY_BYTES) {
        text_response(&x->resp, 413, "request body too large");
        x->state = EXCHANGE_DONE;
        return send_response(x);
    }
    return MHD_YES;
}

static enum MHD_Result
hand_over(struct exchange *x)
{
    struct http_server *s = x->server;
    str target = str_of(x->uri);
    ptrdiff_t q = str_find_char(target, '?', 0);
    str path = q < 0 ? target : STR(target.p, (size_t)q);
    bool light = s->opts.light && s->opts.light(path);

    fill_remote(x);
    x->state = EXCHANGE_RUNNING;
    running_add(s, x);
    MHD_suspend_connection(x->mhd);
    if (inbox_post(light ? s->light : s->heavy, x))
        return MHD_YES;
    running_remove(s, x);
    x->state = EXCHANGE_DONE;
    text_response(&x->resp, 503, "server is overloaded or stopping");
    resp_header(&x->resp, "Retry-After", STRL("5"));
    MHD_resume_connection(x->mhd);
    return MHD_YES;
}

static enum MHD_Result
on_access(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
          const char *version, const char *data, size_t *data_n, void **con_cls)
{
    struct exchange *x = *con_cls;
    (void)cls, (void)url, (void)version;

    CHECK_MAGIC(x, EXCHANGE_MAGIC);
    switch (x->state) {
    case EXCHANGE_NEW:
        return begin_exchange(x, mhd, method);
    case EXCHANGE_BODY:
        if (*data_n > 0) {
            x->too_large = x->too_large || x->body.n + *data_n > LIMIT_HTTP_BODY_BYTES;
            if (!x->too_large)
                buf_put(&x->body, STR(data, *data_n));
            *data_n = 0;
            return MHD_YES;
        }
        if (x->too_large) {
            text_response(&x->resp, 413, "request body too large");
            x->state = EXCHANGE_DONE;
            return send_response(x);
        }
        return hand_over(x);
    case EXCHANGE_RUNNING:
        return MHD_YES; /* suspended; libmicrohttpd may look once more */
    case EXCHANGE_DONE:
        return send_response(x);
    }
    return MHD_NO;
}

/* --- start and stop ------------------------------------------------------------------ */

/* "host:port", ":port", "[v6]:port" to an open listening socket. */
static int
listen_on(const char *address, struct err *e)
{
    char host[256] = "";
    const char *colon = strrchr(address, ':');

    if (!colon || (size_t)(colon - address) >= sizeof host) {
        err_set(e, ERR_BAD_DATA, "listen address \"%s\": want host:port", address);
        return -1;
    }
    memcpy(host, address, (size_t)(colon - address));
    size_t n = strlen(host);
    if (n >= 2 && host[0] == '[' && host[n - 1] == ']') {
        host[n - 1] = '\0';
        memmove(host, host + 1, n - 1);
    }
    struct addrinfo hints = {.ai_flags = AI_PASSIVE, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    hints.ai_family = host[0] ? AF_UNSPEC : AF_INET6; /* ":9090" means both families */
    int rc = getaddrinfo(host[0] ? host : NULL, colon + 1, &hints, &found);
    if (rc != 0 && !host[0]) {
        hints.ai_family = AF_INET;
        rc = getaddrinfo(NULL, colon + 1, &hints, &found);
    }
    if (rc != 0) {
        err_set(e, ERR_BAD_DATA, "listen address \"%s\": %s", address, gai_strerror(rc));
        return -1;
    }
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1, off = 0;
    if (fd >= 0) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        if (found->ai_family == AF_INET6)
            setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, host[0] ? &on : &off, sizeof on);
    }
    if (fd < 0 || bind(fd, found->ai_addr, found->ai_addrlen) != 0 || listen(fd, 512) != 0) {
        err_set(e, ERR_IO, "listen tcp %s: bind: %s", address, strerror(errno));
        if (fd >= 0)
            close(fd);
        fd = -1;
    }
    freeaddrinfo(found);
    return fd;
}

static unsigned
socket_port(int fd)
{
    struct sockaddr_storage a;
    socklen_t n = sizeof a;

    if (getsockname(fd, (struct sockaddr *)&a, &n) != 0)
        return 0;
    /* sin_port and sin6_port sit at the same place */
    return ntohs(((struct sockaddr_in *)(void *)&a)->sin_port);
}

static bool
start_listener(struct http_server *s, const char *address, struct err *e)
{
    int fd = listen_on(address, e);
    if (fd < 0)
        return false;
    struct listener *l = &s->listeners[s->listeners_n];
    l->port = socket_port(fd);
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME;
    struct MHD_OptionItem tls[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, s->tls_cert},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, s->tls_key},
        {s->tls_ca ? MHD_OPTION_HTTPS_MEM_TRUST : MHD_OPTION_END, 0, s->tls_ca},
        {MHD_OPTION_END, 0, NULL},
    };
    struct MHD_OptionItem none[] = {{MHD_OPTION_END, 0, NULL}};
    if (s->tls_cert)
        flags |= MHD_USE_TLS;
    l->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_access, s, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_THREAD_POOL_SIZE, 2u, MHD_OPTION_URI_LOG_CALLBACK, on_uri, s,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)s->opts.max_connections, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)(s->opts.read_timeout_ms / 1000), MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)HEADER_BYTES_MAX, MHD_OPTION_ARRAY, s->tls_cert ? tls : none, MHD_OPTION_END);
    if (!l->daemon) {
        close(fd);
        return err_set(e, ERR_IO, "listen tcp %s: cannot start the HTTP server", address);
    }
    s->listeners_n++;
    return true;
}

static bool
start_threads(struct http_server *s, struct err *e)
{
    s->heavy = inbox_new(s->opts.max_connections);
    s->light = inbox_new(s->opts.max_connections);
    s->threads_n = s->opts.threads + LIGHT_THREADS;
    s->threads = MEM_ARRAY(struct thread *, s->threads_n);
    for (size_t i = 0; i < s->threads_n; i++) {
        bool light = i < LIGHT_THREADS;
        if (!thread_start(&s->threads[i], light ? "http-light" : "http", handler_thread,
                          light ? s->light : s->heavy, e))
            return false;
    }
    return thread_start(&s->watcher, "http-watch", watch_thread, s, e);
}

bool
http_server_start(struct http_server **out, const struct http_opts *o, http_handler *h, void *arg,
                  struct err *e)
{
    struct http_server *s = MEM_NEW(struct http_server);

    s->magic = HTTP_SERVER_MAGIC;
    s->opts = *o;
    s->handler = h;
    s->arg = arg;
    s->tls_cert = o->tls_cert ? mem_cstr(str_of(o->tls_cert)) : NULL;
    s->tls_key = o->tls_key ? mem_cstr(str_of(o->tls_key)) : NULL;
    s->tls_ca = o->tls_client_ca ? mem_cstr(str_of(o->tls_client_ca)) : NULL;
    mutex_init(&s->mu, LOCK_LEAF);
    cond_init(&s->idle);
    bool ok = o->listen_n <= LISTEN_MAX ||
              err_set(e, ERR_LIMIT, "at most %d listen addresses", LISTEN_MAX);
    ok = ok && start_threads(s, e);
    for (size_t i = 0; ok && i < o->listen_n; i++)
        ok = start_listener(s, o->listen[i], e);
    if (!ok) {
        http_server_stop(&s, 0);
        return false;
    }
    *out = s;
    return true;
}

/* Waits until no handler runs, at most ms. */
static bool
wait_idle(struct http_server *s, int64_t ms)
{
    int64_t end = clock_mono_ms() + ms;

    mutex_lock(&s->mu);
    while (s->running_n > 0 && clock_mono_ms() < end)
        cond_wait_ms(&s->idle, &s->mu, MAX(end - clock_mono_ms(), 1));
    bool idle = s->running_n == 0;
    mutex_unlock(&s->mu);
    return idle;
}

static void
cancel_running(struct http_server *s)
{
    mutex_lock(&s->mu);
    for (struct exchange *x = s->running; x; x = x->next)
        atomic_store(&x->req.gone, true);
    mutex_unlock(&s->mu);
}

void
http_server_stop(struct http_server **out, int64_t grace_ms)
{
    struct http_server *s = *out;

    if (!s)
        return;
    CHECK_MAGIC(s, HTTP_SERVER_MAGIC);
    for (size_t i = 0; i < s->listeners_n; i++) {
        int fd = MHD_quiesce_daemon(s->listeners[i].daemon);
        if (fd >= 0)
            close(fd);
    }
    if (!wait_idle(s, grace_ms))
        cancel_running(s);
    /* Cancelled handlers end soon; a suspended connection must not meet the stop. */
    while (!wait_idle(s, 1000))
        cancel_running(s);
    mutex_lock(&s->mu);
    s->stopping = true;
    cond_broadcast(&s->idle);
    mutex_unlock(&s->mu);
    if (s->heavy)
        inbox_close(s->heavy);
    if (s->light)
        inbox_close(s->light);
    for (size_t i = 0; i < s->threads_n; i++)
        thread_join(&s->threads[i]);
    thread_join(&s->watcher);
    for (size_t i = 0; i < s->listeners_n; i++)
        MHD_stop_daemon(s->listeners[i].daemon);
    inbox_free(&s->heavy);
    inbox_free(&s->light);
    mem_free(s->threads);
    mem_free(s->tls_cert);
    mem_free(s->tls_key);
    mem_free(s->tls_ca);
    cond_fini(&s->idle);
    mutex_fini(&s->mu);
    s->magic = 0;
    mem_free(s);
    *out = NULL;
}

unsigned
http_server_port(const struct http_server *s, size_t i)
{
    CHECK_MAGIC(s, HTTP_SERVER_MAGIC);
    CHECK(i < s->listeners_n);
    return s->listeners[i].port;
}
