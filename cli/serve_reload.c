/* serve_reload.c - a new configuration for a running server. */
#include "base/clock.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/panic.h"
#include "cli/serve.h"
#include "server/notify/notify.h"
#include "server/rules/rules.h"
#include "server/scrape/scraper.h"

#define DAY_MS (24LL * 3600 * 1000)
#define RETENTION_DEFAULT_MS (15 * DAY_MS)
#define RETENTION_MAX_MS (100 * 365 * DAY_MS)
#define BLOCK_MAX_MS (31 * DAY_MS)

struct config *
server_config(struct server *s)
{
    mutex_lock(&s->mu);
    struct config *c = s->config ? config_ref(s->config) : NULL;
    mutex_unlock(&s->mu);
    return c;
}

static void
retention_opts(const struct flags *f, const struct config *c, struct tsdb_opts *o)
{
    const struct config_retention *r = c->storage.tsdb->retention;

    o->retention_ms = r->time_ms ? r->time_ms : flags_duration_ms(f, FLAG_STORAGE_TSDB_RETENTION_TIME);
    o->retention_bytes = r->size_bytes ? (uint64_t)r->size_bytes : flags_bytes(f, FLAG_STORAGE_TSDB_RETENTION_SIZE);
    o->retention_percent = r->percentage;
    if (o->retention_percent > 0)
        o->retention_bytes = 0;
    if (o->retention_ms == 0 && o->retention_bytes == 0 && o->retention_percent <= 0)
        o->retention_ms = RETENTION_DEFAULT_MS;
    o->retention_ms = MIN(o->retention_ms, RETENTION_MAX_MS);
}

static enum wal_sync
wal_sync_of(const char *mode)
{
    return strcmp(mode, "interval") == 0 ? WAL_SYNC_INTERVAL : strcmp(mode, "os") == 0 ? WAL_SYNC_OS : WAL_SYNC_ALWAYS;
}

void
server_tsdb_opts(const struct flags *f, const struct config *c, struct tsdb_opts *o)
{
    tsdb_opts_default(o);
    retention_opts(f, c, o);
    o->dir = flags_str(f, FLAG_STORAGE_TSDB_PATH);
    o->block_min_ms = flags_duration_ms(f, FLAG_STORAGE_TSDB_MIN_BLOCK_DURATION);
    o->block_max_ms = flags_duration_ms(f, FLAG_STORAGE_TSDB_MAX_BLOCK_DURATION);
    if (o->block_max_ms == 0) {
        o->block_max_ms = o->retention_ms ? MIN(o->retention_ms / 10, BLOCK_MAX_MS) : BLOCK_MAX_MS;
        o->block_max_ms = MAX(o->block_max_ms, o->block_min_ms);
    }
    o->out_of_order_ms = c->storage.tsdb->out_of_order_time_window_ms;
    o->wal_sync = wal_sync_of(flags_str(f, FLAG_STORAGE_WAL_SYNC));
    if (flags_bytes(f, FLAG_STORAGE_TSDB_WAL_SEGMENT_SIZE))
        o->wal_segment_bytes = flags_bytes(f, FLAG_STORAGE_TSDB_WAL_SEGMENT_SIZE);
    o->series_max = (uint64_t)flags_int(f, FLAG_STORAGE_SERIES_LIMIT);
    o->memory_limit_bytes = flags_bytes(f, FLAG_STORAGE_MEMORY_LIMIT);
    if (o->memory_limit_bytes == 0)
        o->memory_limit_bytes = mem_system_limit_bytes() / 4 * 3;
    o->no_lockfile = flags_bool(f, FLAG_STORAGE_TSDB_NO_LOCKFILE);
    o->xor2 = c->storage.tsdb->floats == FLOAT_CHUNKS_XOR2;
    o->store_start_times = flags_feature(f, "st-storage");
    if (flags_feature(f, "exemplar-storage"))
        o->exemplars_max = c->storage.exemplars ? (size_t)MAX(c->storage.exemplars->max_exemplars, 0) : 100000;
}

static uint64_t
hash_file(const char *path)
{
    struct buf b = {0};
    struct err e = ERR_INIT;
    uint64_t h = io_read_file(path, LIMIT_YAML_BYTES, &b, &e) ? hash64(buf_str(&b)) : 0;

    buf_free(&b);
    return hash_mix(h, hash64(str_of(path)));
}

static uint64_t
hash_watched(struct server *s)
{
    struct arena *a = arena_new();
    struct err e = ERR_INIT;
    struct config *c = server_config(s);
    uint64_t h = hash_file(s->config_path);
    str *paths;
    size_t n = 0;

    if (c && config_watch_paths(c, a, &paths, &n, &e))
        for (size_t i = 0; i < n; i++)
            h = hash_mix(h, hash_file(arena_cstr(a, paths[i])));
    config_unref(&c);
    arena_free(&a);
    return h;
}

/* One layer's answer: its failure is logged and the others still follow. */
static bool
followed(bool ok, const char *layer, struct err *layer_error, struct err *first, bool *all)
{
    if (ok)
        return true;
    LOG_ERROR("Failed to apply configuration", KV("component", layer), KV_ERR(layer_error));
    if (*all)
        *first = *layer_error;
    *all = false;
    return false;
}

static bool
apply_storage(struct server *s, struct config *c)
{
    struct tsdb_opts o;

    server_tsdb_opts(s->flags, c, &o);
    tsdb_reconfigure(s->layers.db, &o);
    return true;
}

static bool
apply_engine(struct server *s, struct config *c, struct err *e)
{
    char *log = c->global.query_log_file.n ? mem_cstr(c->global.query_log_file) : NULL;
    bool ok = engine_set_query_log(s->layers.engine, log, e);

    engine_set_subquery_step(s->layers.engine, c->global.evaluation_interval_ms);
    mem_free(log);
    return ok;
}

/* In Prometheus' order: storage, engine, scrape, notifier, rules. */
static bool
apply_all(struct server *s, struct config *c, struct err *e)
{
    bool all = true;
    struct err le = ERR_INIT;

    apply_storage(s, c);
    followed(apply_engine(s, c, &le), "query_engine", &le, e, &all);
    followed(scraper_apply(s->layers.scraper, c, &le), "scrape", &le, e, &all);
    followed(notifier_apply(s->layers.notifier, c, &le), "notify", &le, e, &all);
    followed(rules_apply(s->layers.rules, c, &le), "rules", &le, e, &all);
    return all;
}

static void
note_reload(struct server *s, bool ok)
{
    METRIC_SET(CONFIG_LAST_RELOAD_SUCCESSFUL, ok ? 1 : 0);
    if (ok)
        METRIC_SET(CONFIG_LAST_RELOAD_SUCCESS_TIMESTAMP_SECONDS, (double)clock_now_ms() / 1000);
    web_note_reload(s->web, ok, clock_now_ms());
}

static void
swap_config(struct server *s, struct config *c)
{
    mutex_lock(&s->mu);
    struct config *old = s->config;
    s->config = c;
    mutex_unlock(&s->mu);
    config_unref(&old);
}

bool
server_reload(struct server *s, struct err *e)
{
    struct config *c = NULL;
    int64_t start = clock_mono_ms();

    CHECK_MAGIC(s, SERVER_MAGIC);
    mutex_lock(&s->reload_mu);
    LOG_INFO("Loading configuration file", KV("filename", s->config_path));
    bool ok = config_load(s->config_path, &s->config_opts, &c, e);
    if (!ok)
        err_prefix(e, "couldn't load configuration (--config.file=\"%s\"): ", s->config_path);
    if (ok) {
        swap_config(s, config_ref(c));
        s->watched = hash_watched(s);
        ok = apply_all(s, c, e);
        if (!ok)
            err_prefix(e, "one or more errors occurred while applying the new configuration (--config.file=\"%s\"): ",
                       s->config_path);
    }
    config_unref(&c);
    note_reload(s, ok);
    if (ok)
        LOG_INFO("Completed loading of configuration file", KV("filename", s->config_path),
                 KV_I64("totalDuration_ms", clock_mono_ms() - start));
    mutex_unlock(&s->reload_mu);
    return ok;
}

void
server_auto_reload(struct server *s)
{
    struct err e = ERR_INIT;

    mutex_lock(&s->reload_mu);
    bool changed = hash_watched(s) != s->watched;
    if (changed)
        s->watched = hash_watched(s); /* a bad file is tried once, not every time */
    mutex_unlock(&s->reload_mu);
    if (!changed)
        return;
    LOG_INFO("Configuration file change detected, reloading the configuration.");
    if (!server_reload(s, &e))
        LOG_ERROR("Error reloading config", KV_ERR(&e));
}
