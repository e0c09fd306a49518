/* http.h - the HTTP server (libmicrohttpd) as struct req and struct resp.
 *
 * Two epoll threads of libmicrohttpd move bytes.  When a request is whole (its body
 * read, bounded), its connection is suspended and a pool thread runs the handler with
 * an arena of its own; the handler fills struct resp and may block.  Light requests
 * (opts.light: health, metrics) have threads of their own, so that slow queries in all
 * other threads never hide the server from its supervisor.
 * When the client goes away while a handler runs, req->gone becomes true (a watcher
 * looks at the socket every 50 ms); queries use it as their cancel flag.
 * Answers are compressed as Prometheus does: the first of gzip and deflate that
 * Accept-Encoding names.
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
    str raw_path;         /* as sent */
    str raw_query;
    bool form_error;      /* a parameter was malformed (Go's ParseForm error) */
    const struct param *params; /* form body's, then the URL's, in order (Go's r.Form) */
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
    unsigned threads;           /* handlers that may run at once, besides light ones */
    bool (*light)(str path);    /* NULL: none */
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
