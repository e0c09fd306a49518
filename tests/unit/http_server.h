/* http_server.h - a server for tests: one thread, one request a connection, any answer.
 *
 * The test gives a function that writes the whole answer for a request (its head, as it
 * came) and may hold it back by sleeping. */
#pragma once
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"

struct http_server {
    int fd;
    int port;
    pthread_t thread;
    _Atomic bool stop;
    _Atomic unsigned requests;
    void (*answer)(void *arg, str head, struct buf *out); /* empty: hang up */
    void *arg;
};

static inline void *
http_server_run(void *arg)
{
    struct http_server *s = arg;

    while (!atomic_load(&s->stop)) {
        int c = accept(s->fd, NULL, NULL);
        if (c < 0)
            break;
        char head[16384];
        size_t n = 0;
        while (n < sizeof head) {
            ssize_t got = read(c, head + n, sizeof head - n);
            if (got <= 0)
                break;
            n += (size_t)got;
            if (memmem(head, n, "\r\n\r\n", 4))
                break;
        }
        struct buf out = {0};
        if (n) {
            atomic_fetch_add(&s->requests, 1);
            s->answer(s->arg, STR(head, n), &out);
        }
        for (size_t at = 0; at < out.n;) {
            ssize_t sent = send(c, out.p + at, out.n - at, MSG_NOSIGNAL);
            if (sent <= 0)
                break;
            at += (size_t)sent;
        }
        buf_free(&out);
        shutdown(c, SHUT_WR);
        close(c);
    }
    return NULL;
}

static inline void
http_server_start(struct http_server *s, void (*answer)(void *, str, struct buf *), void *arg)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof a;

    memset(s, 0, sizeof *s);
    s->answer = answer;
    s->arg = arg;
    s->fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert(s->fd >= 0 && bind(s->fd, (struct sockaddr *)&a, n) == 0 && listen(s->fd, 128) == 0);
    ck_assert(getsockname(s->fd, (struct sockaddr *)&a, &n) == 0);
    s->port = ntohs(a.sin_port);
    ck_assert(pthread_create(&s->thread, NULL, http_server_run, s) == 0);
}

static inline void
http_server_stop(struct http_server *s)
{
    atomic_store(&s->stop, true);
    shutdown(s->fd, SHUT_RDWR);
    pthread_join(s->thread, NULL);
    close(s->fd);
}

/* "GET /path?query HTTP/1.1" → "/path?query" */
static inline str
http_server_path(str head)
{
    ptrdiff_t from = str_find_char(head, ' ', 0), to = str_find_char(head, ' ', (size_t)from + 1);
    return STR(head.p + from + 1, (size_t)(to - from - 1));
}

static inline void
http_server_ok(struct buf *out, const char *type, const char *body)
{
    buf_printf(out, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n%s",
               type, strlen(body), body);
}
