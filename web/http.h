/* http.h - the HTTP server (libmicrohttpd) as struct req and struct resp.
 *
 * A pool of threads serves connections (epoll).  A handler runs on a pool thread with
 * the whole request body read (bounded) and its own arena; it fills struct resp.  Heavy
 * handlers (queries) may block: the pool is larger than the number of query slots, and
 * /-/healthy, /-/ready and /metrics keep reserved threads.
 * When the client goes away while a handler runs, req->gone becomes true (a watcher
 * polls the socket at least every 50 ms); queries use it as their cancel flag.
 *
 * This module knows nothing of metrics: routing is web/route, authentication web/auth.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#include <stdatomic.h>

struct http_server;

struct param {
    str name, value;
};
struct req {
    str method;           /* "GET" … */
    str path;             /* decoded, without query string */
    str raw_query;
    const struct param *params; /* URL parameters, then form body's; in order */
    size_t params_n;
    str body;             /* raw; empty for form posts after parsing */
    struct arena *arena;  /* for this request */
    str remote;           /* client address for logs */
    _Atomic bool gone;    /* the client went away */
    void *conn;           /* private */
};
/* Header by case-insensitive name; empty if absent. */
str req_header(const struct req *r, const char *name);
/* First parameter by name; false if absent. */
bool req_param(const struct req *r, const char *name, str *out);

struct resp {
    int status;
    struct buf body;
    const char *content_type;   /* static string */
    struct {
        const char *name;       /* static */
        str value;              /* arena */
    } headers[16];
    size_t headers_n;
    bool no_compress;
    /* Streaming (optional): called until it returns false; body is flushed between
     * calls, so that a large answer is never held whole. */
    bool (*more)(void *arg, struct buf *out);
    void (*more_free)(void *arg);
    void *more_arg;
};
void resp_header(struct resp *r, const char *name, str value);

typedef void http_handler(void *arg, struct req *r, struct resp *out);

struct http_opts {
    const char *const *listen;  /* host:port, repeatable */
    size_t listen_n;
    size_t max_connections;     /* --web.max-connections */
    int64_t read_timeout_ms;    /* --web.read-timeout */
    unsigned threads;
    const char *tls_cert, *tls_key; /* from web.config.file; NULL: plain */
    const char *tls_client_ca;
};
/* Binds all addresses (error names the address) and serves until http_server_stop. */
bool http_server_start(struct http_server **out, const struct http_opts *o, http_handler *h,
                       void *arg, struct err *e) MUST_USE;
/* Stops accepting, lets running handlers finish for up to grace_ms, then closes. */
void http_server_stop(struct http_server **s, int64_t grace_ms);
/* The port of the i-th address (for :0). */
unsigned http_server_port(const struct http_server *s, size_t i);
