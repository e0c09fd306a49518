/* serve.c - builds the layers bottom up, waits, and takes them down in reverse. */
#include "cli/serve.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/utsname.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/panic.h"
#include "base/url.h"
#include "base/version.h"
#include "cli/command.h"
#include "cli/default_config.h"
#include "server/notify/notify.h"
#include "server/rules/rules.h"
#include "server/scrape/scraper.h"
#include "server/template/template.h"

#define SHUTDOWN_GRACE_MS 5000
#define TICK_MS 500
#define RULES_MEMORY_SHARE 4 /* a quarter of the budget is the queries' together */

/* --- command line ------------------------------------------------------------------- */

static bool
setup_log(const struct flags *f, struct err *e)
{
    static const char *const levels[] = {"debug", "info", "warn", "error"};
    const char *level = flags_str(f, FLAG_LOG_LEVEL), *format = flags_str(f, FLAG_LOG_FORMAT);
    size_t i = 0;

    while (i < ARRAY_LEN(levels) && strcmp(levels[i], level) != 0)
        i++;
    if (i == ARRAY_LEN(levels))
        return err_set(e, ERR_BAD_DATA, "unrecognized log level %s", level);
    if (strcmp(format, "logfmt") != 0 && strcmp(format, "json") != 0)
        return err_set(e, ERR_BAD_DATA, "unrecognized log format %s", format);
    log_setup((enum log_level)i, strcmp(format, "json") == 0 ? LOG_FORMAT_JSON : LOG_FORMAT_LOGFMT);
    return true;
}

static const char *
first_listen(const struct flags *f)
{
    const char *const *listen;
    return flags_list(f, FLAG_WEB_LISTEN_ADDRESS, &listen) ? listen[0] : "0.0.0.0:9090";
}

/* The file given, or prometheus.yml if it is there, or the embedded one. */
static bool
choose_config(struct server *s, bool *embedded, struct err *e)
{
    const char *path = flags_str(s->flags, FLAG_CONFIG_FILE);

    *embedded = !flags_given(s->flags, FLAG_CONFIG_FILE) && !io_exists(path);
    if (!*embedded) {
        s->config_path = mem_cstr(str_of(path));
        return true;
    }
    return default_config_write(flags_str(s->flags, FLAG_STORAGE_TSDB_PATH), first_listen(s->flags),
                                &s->config_path, e);
}

/* --web.external-url completed: scheme and host default to this machine's. */
static bool
choose_urls(struct server *s, struct err *e)
{
    struct arena *a = arena_new();
    const char *given = flags_str(s->flags, FLAG_WEB_EXTERNAL_URL);
    const char *prefix = flags_str(s->flags, FLAG_WEB_ROUTE_PREFIX);
    struct utsname host;
    const char *port = strrchr(first_listen(s->flags), ':');
    str name = uname(&host) == 0 ? str_of(host.nodename) : STRL("localhost");
    str text = arena_printf(a, "http://%.*s%s/", STR_ARG(name), port ? port : ":9090");
    struct url u;

    if (given[0])
        text = str_starts(str_of(given), STRL("/"))
                   ? arena_printf(a, "http://%.*s%s%s", STR_ARG(name), port ? port : ":9090", given)
                   : str_of(given);
    bool ok = url_parse(text, a, &u, e);
    if (ok) {
        while (text.n && text.p[text.n - 1] == '/')
            text.n--;
        s->external_url = mem_cstr(text);
        str p = prefix[0] ? str_of(prefix) : u.path;
        while (p.n && p.p[p.n - 1] == '/')
            p.n--;
        while (p.n && p.p[0] == '/')
            p = str_from(p, 1);
        s->prefix = mem_cstr(p.n ? arena_printf(a, "/%.*s", STR_ARG(p)) : STR_EMPTY);
    } else {
        err_prefix(e, "parse external URL \"%s\": ", given);
    }
    arena_free(&a);
    return ok;
}

/* --- layers -------------------------------------------------------------------------- */

static bool
on_reload(void *arg, struct err *e)
{
    return server_reload(arg, e);
}

static void
on_quit(void *arg)
{
    atomic_store(&((struct server *)arg)->quit, true);
}

static struct config *
on_config(void *arg)
{
    return server_config(arg);
}

static bool
start_web(struct server *s, struct err *e)
{
    const struct flags *f = s->flags;
    const char *tls = flags_str(f, FLAG_WEB_CONFIG_FILE);
    const char *const *messages;
    struct web_opts o = {
        .external_url = s->external_url,
        .route_prefix = s->prefix,
        .cors_origin = flags_str(f, FLAG_WEB_CORS_ORIGIN),
        .page_title = flags_str(f, FLAG_WEB_PAGE_TITLE),
        .max_connections = (size_t)flags_int(f, FLAG_WEB_MAX_CONNECTIONS),
        .read_timeout_ms = flags_duration_ms(f, FLAG_WEB_READ_TIMEOUT),
        .enable_admin = flags_bool(f, FLAG_WEB_ENABLE_ADMIN_API),
        .enable_lifecycle = flags_bool(f, FLAG_WEB_ENABLE_LIFECYCLE),
        .enable_remote_write = flags_bool(f, FLAG_WEB_ENABLE_REMOTE_WRITE_RECEIVER),
        .enable_otlp = flags_bool(f, FLAG_WEB_ENABLE_OTLP_RECEIVER),
        .tls_config_file = tls[0] ? tls : NULL,
        .flags = f,
        .data_dir = flags_str(f, FLAG_STORAGE_TSDB_PATH),
        .query_concurrency = (unsigned)flags_int(f, FLAG_QUERY_MAX_CONCURRENCY),
        .reload = on_reload,
        .quit = on_quit,
        .config = on_config,
        .arg = s,
    };
    size_t n = flags_list(f, FLAG_WEB_REMOTE_WRITE_RECEIVER_ACCEPTED_PROTOBUF_MESSAGES, &messages);
    for (size_t i = 0; i < n; i++) {
        o.write_accepts_v1 |= strcmp(messages[i], "prometheus.WriteRequest") == 0;
        o.write_accepts_v2 |= strcmp(messages[i], "io.prometheus.write.v2.Request") == 0;
    }
    o.listen_n = flags_list(f, FLAG_WEB_LISTEN_ADDRESS, &o.listen);
    return web_start(&s->web, &o, e);
}

static bool
start_engine(struct server *s, const struct config *c, const struct tsdb_opts *storage, struct err *e)
{
    const struct flags *f = s->flags;
    struct engine_opts o;

    engine_opts_default(&o);
    o.timeout_ms = flags_duration_ms(f, FLAG_QUERY_TIMEOUT);
    o.max_concurrency = (size_t)flags_int(f, FLAG_QUERY_MAX_CONCURRENCY);
    o.max_samples = (uint64_t)flags_int(f, FLAG_QUERY_MAX_SAMPLES);
    o.lookback_ms = flags_duration_ms(f, FLAG_QUERY_LOOKBACK_DELTA);
    o.subquery_step_ms = c->global.evaluation_interval_ms;
    o.total_bytes_max = storage->memory_limit_bytes / RULES_MEMORY_SHARE;
    o.query_bytes_max = o.total_bytes_max / 2;
    o.parse.experimental_functions = flags_feature(f, "promql-experimental-functions");
    o.parse.extended_range_selectors = flags_feature(f, "promql-extended-range-selectors");
    o.parse.binop_fill_modifiers = flags_feature(f, "promql-binop-fill-modifiers");
    o.delayed_name_removal = flags_feature(f, "promql-delayed-name-removal");
    o.use_start_times = flags_feature(f, "use-start-timestamps");
    o.type_unit_labels = flags_feature(f, "type-and-unit-labels");
    o.per_step_stats = flags_feature(f, "promql-per-step-stats");
    o.journal_dir = flags_str(f, FLAG_STORAGE_TSDB_PATH);
    return engine_new(&s->layers.engine, s->layers.db, &o, e);
}

static bool
start_scraper(struct server *s, struct err *e)
{
    struct scraper_opts o = {
        .db = s->layers.db,
        .exemplars = flags_feature(s->flags, "exemplar-storage"),
        .native_histograms = true,
        .type_unit_labels = flags_feature(s->flags, "type-and-unit-labels"),
        .start_times = flags_feature(s->flags, "st-storage"),
        .zero_ingestion = flags_feature(s->flags, "created-timestamp-zero-ingestion"),
        .external_url = s->external_url,
        .listen_address = first_listen(s->flags),
    };
    return scraper_new(&s->layers.scraper, &o, e);
}

static bool
start_notifier(struct server *s, struct err *e)
{
    char *dir = io_join(flags_str(s->flags, FLAG_STORAGE_TSDB_PATH), "notify");
    struct notifier_opts o = {
        .dir = dir,
        .queue_capacity = (size_t)flags_int(s->flags, FLAG_ALERTMANAGER_NOTIFICATION_QUEUE_CAPACITY),
        .batch_size = (size_t)flags_int(s->flags, FLAG_ALERTMANAGER_NOTIFICATION_BATCH_SIZE),
        .drain_on_shutdown = flags_bool(s->flags, FLAG_ALERTMANAGER_DRAIN_NOTIFICATION_QUEUE_ON_SHUTDOWN),
        .external_url = str_of(s->external_url),
    };
    bool ok = notifier_new(&s->layers.notifier, &o, e);

    mem_free(dir);
    return ok;
}

static bool
start_rules(struct server *s, struct err *e)
{
    struct rules_opts o = {
        .db = s->layers.db,
        .engine = s->layers.engine,
        .notifier = s->layers.notifier,
        .external_url = s->external_url,
        .outage_tolerance_ms = flags_duration_ms(s->flags, FLAG_RULES_ALERT_FOR_OUTAGE_TOLERANCE),
        .grace_period_ms = flags_duration_ms(s->flags, FLAG_RULES_ALERT_FOR_GRACE_PERIOD),
        .resend_delay_ms = flags_duration_ms(s->flags, FLAG_RULES_ALERT_RESEND_DELAY),
        .max_concurrent = (unsigned)flags_int(s->flags, FLAG_RULES_MAX_CONCURRENT_EVALS),
        .concurrent_rules = flags_feature(s->flags, "concurrent-rule-eval"),
    };
    return rules_new(&s->layers.rules, &o, e);
}

static bool
start_layers(struct server *s, struct err *e)
{
    struct tsdb_opts o;
    struct config *c = server_config(s);

    server_tsdb_opts(s->flags, c, &o);
    LOG_INFO("Starting TSDB ...", KV("path", o.dir));
    int64_t start = clock_mono_ms();
    bool ok = tsdb_open(&s->layers.db, &o, e) || err_prefix(e, "opening storage failed: ");
    if (ok)
        LOG_INFO("TSDB started", KV_I64("duration_ms", clock_mono_ms() - start));
    ok = ok && start_engine(s, c, &o, e) && start_notifier(s, e) && start_scraper(s, e) && start_rules(s, e);
    config_unref(&c);
    return ok;
}

static void
stop_layers(struct server *s)
{
    if (s->web)
        web_set_stopping(s->web);
    web_stop(&s->web, SHUTDOWN_GRACE_MS);
    scraper_free(&s->layers.scraper);
    rules_free(&s->layers.rules);
    notifier_free(&s->layers.notifier);
    engine_free(&s->layers.engine);
    tsdb_close(&s->layers.db);
}

/* --- life ------------------------------------------------------------------------------ */

static void
block_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, set, NULL);
}

/* Until told to stop: reloads on SIGHUP and, if asked to, when files change. */
static void
wait_for_end(struct server *s, const sigset_t *set)
{
    int64_t interval = MAX(flags_duration_ms(s->flags, FLAG_CONFIG_AUTO_RELOAD_INTERVAL), 1000);
    bool auto_reload = flags_bool(s->flags, FLAG_CONFIG_AUTO_RELOAD);
    int64_t next = clock_mono_ms() + interval;

    while (!atomic_load(&s->quit)) {
        struct timespec tick = {.tv_nsec = TICK_MS * 1000000L};
        int sig = sigtimedwait(set, NULL, &tick);
        if (sig == SIGTERM || sig == SIGINT) {
            LOG_WARN("Received an OS signal, exiting gracefully...", KV("signal", sig == SIGTERM ? "terminated" : "interrupt"));
            return;
        }
        struct err e = ERR_INIT;
        if (sig == SIGHUP && !server_reload(s, &e))
            LOG_ERROR("Error reloading config", KV_ERR(&e));
        if (auto_reload && clock_mono_ms() >= next) {
            server_auto_reload(s);
            next = clock_mono_ms() + interval;
        }
    }
    LOG_WARN("Received termination request via web service, exiting gracefully...");
}

static void
announce(const struct server *s, bool embedded)
{
    const char *port = strrchr(first_listen(s->flags), ':');

    LOG_INFO("Server is ready to receive web requests.");
    if (embedded)
        fprintf(stderr, "\n  narthex is running: http://localhost%s%s/\n  configuration: %s\n\n", port ? port : ":9090",
                s->prefix, s->config_path);
}

static bool
run(struct server *s, struct err *e)
{
    sigset_t set;
    bool embedded;

    block_signals(&set);
    if (!choose_config(s, &embedded, e) || !choose_urls(s, e))
        return false;
    s->config_opts.protobuf_first = flags_feature(s->flags, "created-timestamp-zero-ingestion") ||
                                    flags_feature(s->flags, "st-storage");
    s->config_opts.extra_scrape_metrics = flags_feature(s->flags, "extra-scrape-metrics");
    s->config_opts.check_template = template_check_text;
    s->config_opts.retention_ms = flags_duration_ms(s->flags, FLAG_STORAGE_TSDB_RETENTION_TIME);
    s->config_opts.retention_bytes = (int64_t)flags_bytes(s->flags, FLAG_STORAGE_TSDB_RETENTION_SIZE);
    if (!config_load(s->config_path, &s->config_opts, &s->config, e)) {
        e->kind = ERR_CONFIG; /* a file that cannot be read as well: exit status 2 */
        return err_prefix(e, "Error loading config (--config.file=%s): ", s->config_path);
    }
    bool ok = start_web(s, e) && start_layers(s, e) && server_reload(s, e);
    if (ok) {
        web_set_ready(s->web, &s->layers);
        METRIC_SET(READY, 1);
        announce(s, embedded);
        wait_for_end(s, &set);
    }
    stop_layers(s);
    return ok;
}

static int
usage_error(const struct err *e)
{
    fprintf(stderr, "Error parsing command line arguments: %s\nnarthex: error: %s; narthex --help lists the flags\n",
            e->text, e->text);
    return e->kind == ERR_UNAVAILABLE ? 3 : 2;
}

static int
show(void (*put)(struct buf *))
{
    struct buf b = {0};

    put(&b);
    fwrite(b.p, 1, b.n, stdout);
    buf_free(&b);
    return 0;
}

int
serve(int argc, char **argv)
{
    struct server s = {.magic = SERVER_MAGIC};
    struct err e = ERR_INIT;

    if (!flags_parse(&s.flags, argc, argv, &e) || !setup_log(s.flags, &e))
        return usage_error(&e);
    if (flags_wants_help(s.flags) || flags_wants_version(s.flags)) {
        int status = flags_wants_help(s.flags) ? show(flags_put_help) : command_version(0, NULL);
        flags_free(&s.flags);
        return status;
    }
    mutex_init(&s.reload_mu, LOCK_RELOAD);
    mutex_init(&s.mu, LOCK_CONFIG);
    LOG_INFO("Starting narthex", KV("mode", "server"), KV("version", NARTHEX_VERSION));
    flags_log_notes(s.flags);
    metric_collect_process();
    str build[] = {STRL("main"), STRL("amd64"), STRL("linux"), STRL("none"), STRL("narthex-" NARTHEX_VERSION), STR_EMPTY,
                   STRL(PROMETHEUS_VERSION)};
    metric_set(metric_child(METRIC_BUILD_INFO, build, ARRAY_LEN(build)), 1);
    bool ok = run(&s, &e);
    if (!ok)
        LOG_ERROR("Fatal error", KV_ERR(&e));
    else
        LOG_INFO("See you next time!");
    config_unref(&s.config);
    flags_free(&s.flags);
    mem_free(s.config_path);
    mem_free(s.external_url);
    mem_free(s.prefix);
    mutex_fini(&s.reload_mu);
    mutex_fini(&s.mu);
    return ok ? 0 : e.kind == ERR_CONFIG || e.kind == ERR_PARSE ? 2 : 1;
}
