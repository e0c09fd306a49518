/* web.c - builds the web floor: authentication, the HTTP server, its routes. */
#include "web/web.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/panic.h"
#include "base/regex.h"
#include "server/remote/write.h"
#include "web/api_priv.h"
#include "web/auth.h"
#include "web/route.h"

/* Requests that must be answered while every other thread is busy with a query. */
static bool
is_light(str path)
{
    return str_ends(path, STRL("/-/healthy")) || str_ends(path, STRL("/-/ready")) ||
           str_ends(path, STRL("/metrics")) || str_ends(path, STRL("/status/queries"));
}

static bool
compile_cors(struct web *w, struct err *e)
{
    str origin = str_of(w->opts.cors_origin);

    if (origin.n == 0 || str_eq(origin, STRL(".*")))
        return true;
    return regex_compile(origin, REGEX_ANCHORED, &w->cors, e) || err_prefix(e, "--web.cors.origin: ");
}

bool
web_start(struct web **out, const struct web_opts *o, struct err *e)
{
    struct web *w = MEM_NEW(struct web);

    w->magic = WEB_MAGIC;
    w->opts = *o;
    w->start_ms = clock_now_ms();
    atomic_init(&w->reload_ok, true);
    bool ok = compile_cors(w, e) && auth_load(&w->auth, o->tls_config_file, e);
    if (ok) {
        struct http_opts h = {
            .listen = o->listen,
            .listen_n = o->listen_n,
            .max_connections = o->max_connections,
            .read_timeout_ms = o->read_timeout_ms,
            /* queries wait for their slot on a thread; other requests want some too */
            .threads = o->query_concurrency + 8,
            .light = is_light,
            .tls_cert = auth_tls_cert(w->auth),
            .tls_key = auth_tls_key(w->auth),
            .tls_client_ca = auth_tls_client_ca(w->auth),
        };
        ok = http_server_start(&w->http, &h, route_request, w, e);
    }
    if (!ok) {
        web_stop(&w, 0);
        return false;
    }
    *out = w;
    return true;
}

void
web_set_ready(struct web *w, const struct web_layers *l)
{
    CHECK_MAGIC(w, WEB_MAGIC);
    w->layers = *l;
    if (l->db)
        w->receiver = remote_receiver_new(l->db);
    atomic_store(&w->ready, true);
}

void
web_set_stopping(struct web *w)
{
    CHECK_MAGIC(w, WEB_MAGIC);
    atomic_store(&w->stopping, true);
}

void
web_stop(struct web **out, int64_t grace_ms)
{
    struct web *w = *out;

    if (!w)
        return;
    CHECK_MAGIC(w, WEB_MAGIC);
    http_server_stop(&w->http, grace_ms);
    remote_receiver_free(&w->receiver);
    auth_free(&w->auth);
    regex_free(&w->cors);
    w->magic = 0;
    mem_free(w);
    *out = NULL;
}

unsigned
web_port(const struct web *w)
{
    CHECK_MAGIC(w, WEB_MAGIC);
    return http_server_port(w->http, 0);
}

void
web_note_reload(struct web *w, bool ok, int64_t when_ms)
{
    CHECK_MAGIC(w, WEB_MAGIC);
    atomic_store(&w->reload_ok, ok);
    if (ok)
        atomic_store(&w->reload_ms, when_ms);
}
