/* web.h - the server's face: routes, the Prometheus HTTP API, /metrics, status pages.
 *
 * cli/serve builds the layers and hands them in; web only reads them (views) and calls
 * back for what moves the server: reload and quit.  Until web_set_ready the API answers
 * 503 "Service Unavailable" as Prometheus does while its WAL replays.
 */
#pragma once
#include "base/err.h"
#include "query/engine.h"
#include "storage/tsdb.h"

struct web;
struct config;
struct flags;
struct scraper;
struct rules;
struct notifier;

struct web_opts {
    const char *const *listen;     /* host:port */
    size_t listen_n;
    const char *external_url;      /* full URL, no trailing slash */
    const char *route_prefix;      /* "" or "/prefix" */
    const char *cors_origin;       /* anchored regex; ".*" */
    const char *page_title;
    size_t max_connections;
    int64_t read_timeout_ms;
    bool enable_admin, enable_lifecycle, enable_remote_write, enable_otlp;
    bool write_accepts_v1, write_accepts_v2; /* remote-write-receiver.accepted-protobuf-messages */
    const char *tls_config_file;   /* --web.config.file, or NULL */
    const struct flags *flags;     /* for status/flags */
    const char *data_dir;
    unsigned query_concurrency;    /* sizes the handler pool */
    /* What is asked of the server; called on handler threads. */
    bool (*reload)(void *arg, struct err *e);
    void (*quit)(void *arg);
    struct config *(*config)(void *arg); /* the generation in force, referenced */
    void *arg;
};
/* The layers below; set once they exist, before web_set_ready.  Any may be NULL (then
 * its endpoints answer as if empty). */
struct web_layers {
    struct tsdb *db;
    struct engine *engine;
    struct scraper *scraper;
    struct rules *rules;
    struct notifier *notifier;
};
bool web_start(struct web **out, const struct web_opts *o, struct err *e) MUST_USE;
void web_set_ready(struct web *w, const struct web_layers *l);
/* From now on /-/ready says it is stopping; running requests go on. */
void web_set_stopping(struct web *w);
void web_stop(struct web **w, int64_t grace_ms);
unsigned web_port(const struct web *w);
/* Remembers how the last reload went, for runtimeinfo and metrics. */
void web_note_reload(struct web *w, bool ok, int64_t when_ms);
