/* http_client.h - HTTP out: scrapes, discovery, notifications, remote write (libcurl).
 *
 * An http_client is the compiled form of one HTTP client block of the configuration
 * (TLS, proxy, authorization, OAuth2, redirects, extra headers); it keeps connections
 * alive and re-reads credential files on use.  It is immutable and may be used by many
 * threads.  Only http and https are spoken; redirects never carry credentials to
 * another host; response bodies are cut at the caller's bound.
 *
 * Two ways to call: http_do waits; an http_loop drives thousands of transfers on one
 * thread (curl's multi interface on epoll).  Errors that come from the network have
 * kind ERR_NET and Prometheus' (Go's) words where users search for them:
 *   Get "http://x/metrics": dial tcp 127.0.0.1:1: connect: connection refused
 *   Get "http://x/metrics": context deadline exceeded
 * Secrets never appear in them.
 */
#pragma once
#include "base/buf.h"
#include "base/err.h"

struct config_http; /* server/config: the HTTP client block */
struct http_client;

/* Who we say we are; the first word is what targets and proxies look for. */
#define HTTP_USER_AGENT "Prometheus/3.14.0 narthex"

/* Borrows c (and so the configuration generation it is part of). */
bool http_client_new(struct http_client **out, const struct config_http *c, struct err *e) MUST_USE;
struct http_client *http_client_ref(struct http_client *c);
void http_client_unref(struct http_client **c);

struct http_header {
    str name, value;
};
struct http_request {
    const char *method;          /* "GET", "POST" … */
    const char *url;
    const struct http_header *headers; /* beside those of the client block */
    size_t headers_n;
    str body;
    int64_t timeout_ms;          /* for the whole exchange */
    size_t body_max;             /* response bytes on the wire; more is ERR_LIMIT */
    size_t gzip_max;             /* the same for a body that says it is gzip; 0: body_max */
    size_t body_hint;            /* about how many to expect, or 0 */
    const char *unix_socket;     /* connect here instead of the URL's host, or NULL */
};
struct http_response {
    int status;
    struct buf status_text;      /* "404 Not Found", as Go's resp.Status */
    struct buf body;             /* as on the wire (Content-Encoding not undone) */
    struct buf content_type, content_encoding, retry_after, location;
};
void http_response_fini(struct http_response *r);

/* False on network failure; any HTTP status is success here. */
bool http_do(struct http_client *c, const struct http_request *r, struct http_response *out,
             struct err *e) MUST_USE;

/* Many transfers on the thread that runs the loop. */
struct http_loop;
typedef void http_done(void *arg, bool ok, struct http_response *r, const struct err *e);
bool http_loop_new(struct http_loop **out, struct err *e) MUST_USE;
void http_loop_free(struct http_loop **l); /* cancels what runs; callbacks get CANCELED */
/* Loop's thread only.  The request is copied, its body is borrowed until done; r in the
 * callback is lent until it returns, buffers may be swapped out of it. */
bool http_loop_start(struct http_loop *l, struct http_client *c, const struct http_request *r,
                     http_done *done, void *arg, struct err *e) MUST_USE;
/* Waits at most timeout_ms for progress and runs callbacks; wake from other threads. */
void http_loop_run(struct http_loop *l, int64_t timeout_ms);
/* The same, and returns when one of the caller's own descriptors is ready (poll's events;
 * revents are filled). */
struct pollfd;
void http_loop_run_with(struct http_loop *l, int64_t timeout_ms, struct pollfd *own, size_t n);
void http_loop_wake(struct http_loop *l);
