/* The scraper against a server on this machine: schedule, reload, targets that go, views. */
#include "tests/unit/unit.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "model/sample.h"
#include "server/config/config.h"
#include "server/scrape/scraper.h"
#include "storage/select.h"
#include "tests/unit/http_server.h"

static struct http_server server;
static struct tsdb *db;
static struct scraper *scraper;

static void
answer(void *arg, str head, struct buf *out)
{
    str path = http_server_path(head);

    (void)arg;
    if (str_starts(path, STRL("/m")))
        http_server_ok(out, "text/plain", "# HELP a what a is\n# TYPE a gauge\na 1\nb{x=\"y\"} 2\n");
    else
        buf_lit(out, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
}

/* jobs is a format with the server's port for each %d. */
static void
apply(const char *jobs)
{
    struct config *c;
    struct err e;
    struct buf b = {0};

    buf_lit(&b, "global: {scrape_interval: 100ms, scrape_timeout: 100ms}\nscrape_configs:\n");
    for (const char *p = jobs; *p; p++)
        if (p[0] == '%' && p[1] == 'd') {
            buf_printf(&b, "%d", server.port);
            p++;
        } else {
            buf_byte(&b, *p);
        }
    if (!config_parse(buf_str(&b), "/", &(struct config_opts){0}, &c, &e))
        ck_abort_msg("%s", e.text);
    ck_assert_msg(scraper_apply(scraper, c, &e), "%s", e.text);
    config_unref(&c);
    buf_free(&b);
}

static void
setup(void)
{
    struct tsdb_opts o;
    struct err e;

    log_setup(LOG_LEVEL_ERROR + 1, LOG_FORMAT_LOGFMT);
    http_server_start(&server, answer, NULL);
    tsdb_opts_default(&o);
    o.dir = NULL;
    ck_assert(tsdb_open(&db, &o, &e));
    const struct scraper_opts so = {.db = db, .threads = 2, .external_url = "http://outside:99/",
                                    .listen_address = "0.0.0.0:9090"};
    ck_assert(scraper_new(&scraper, &so, &e));
}

static void
teardown(void)
{
    scraper_free(&scraper);
    tsdb_close(&db);
    http_server_stop(&server);
}

/* The samples of a metric and a job in the order of time, "1 1 S". */
static void
put_samples(const char *metric, const char *job, struct buf *out)
{
    struct matcher m[2];
    struct view *v;
    struct err e;
    struct arena *a = arena_new();
    struct column c;

    ck_assert(matcher_init(&m[0], MATCH_EQ, LABEL_NAME, str_of(metric), &e) &&
              matcher_init(&m[1], MATCH_EQ, STRL("job"), str_of(job), &e));
    struct selection_spec spec = {m, 2, INT64_MIN, INT64_MAX};
    ck_assert(view_open(&v, db, &spec, 1, 0, &e));
    struct selection s = view_selection(v, 0);
    for (size_t i = 0; i < s.n; i++) {
        ck_assert(view_read(v, 0, &s.v[i], INT64_MIN, INT64_MAX, a, &c, &e));
        for (size_t k = 0; k < c.n; k++)
            buf_printf(out, value_is_stale(c.v[k]) ? "%sS" : "%s%g", out->n ? " " : "", c.v[k]);
    }
    view_close(&v);
    arena_free(&a);
}

/* Waits until the samples begin or end so. */
static void
wait_for(const char *metric, const char *job, const char *part, bool at_end)
{
    struct buf b = {0};
    for (int i = 0; i < 400; i++) {
        buf_clear(&b);
        put_samples(metric, job, &b);
        if (at_end ? str_ends(buf_str(&b), str_of(part)) : str_starts(buf_str(&b), str_of(part))) {
            buf_free(&b);
            return;
        }
        clock_sleep_ms(10);
    }
    ck_abort_msg("%s{job=%s}: %s", metric, job, buf_cstr(&b));
}

static struct target_view
only_target(struct arena *a)
{
    struct target_view *v;
    ck_assert_uint_eq(scraper_active(scraper, STR_EMPTY, a, &v), 1);
    return v[0];
}

START_TEST(test_scrapes_and_views)
{
    struct arena *a = arena_new();
    setup();
    apply("- job_name: j\n  metrics_path: /m\n  params: {q: [\"a b\"]}\n"
          "  static_configs: [{targets: ['localhost:%d'], labels: {z: zone, __meta_k: v}}]\n"
          "  relabel_configs: [{source_labels: [__meta_k], target_label: k}]\n"
          "- job_name: bad\n  static_configs: [{targets: ['127.0.0.1:%d']}]\n"
          "  relabel_configs: [{action: drop, source_labels: [__address__], regex: '.*'}]\n");
    wait_for("a", "j", "1 1 1", false);
    wait_for("up", "j", "1 1 1", false);
    wait_for("scrape_series_added", "j", "2 0 0", false);
    struct target_view t = only_target(a);
    ck_lit(t.pool, "j");
    ck_assert_int_eq(t.health, TARGET_UP);
    ck_lit(t.last_error, "");
    ck_lit(t.interval, "100ms");
    ck_assert(t.last_scrape_ns > 0);
    ck_assert(str_starts(t.global_url, STRL("http://outside:")));
    ck_assert(str_ends(t.url, STRL("/m?q=a+b")));
    ck_lit(labels_get(t.labels, STRL("k")), "v");
    ck_lit(labels_get(t.labels, STRL("__address__")), "");
    ck_lit(labels_get(t.discovered, STRL("__meta_k")), "v");
    ck_lit(labels_get(t.discovered, STRL("__param_q")), "a b");

    struct target_view *dropped;
    struct dropped_count *counts;
    size_t counts_n;
    ck_assert_uint_eq(scraper_dropped(scraper, STR_EMPTY, a, &dropped, &counts, &counts_n), 1);
    ck_lit(dropped[0].pool, "bad");
    ck_assert_uint_eq(counts_n, 2);
    ck_assert_uint_eq(counts[0].n, 1);

    struct metadata_view *m;
    ck_assert_uint_eq(scraper_metadata(scraper, STRL("a"), a, &m), 1);
    ck_lit(m[0].help, "what a is");
    ck_assert_int_eq(m[0].kind, KIND_GAUGE);
    ck_lit(labels_get(m[0].target, STRL("z")), "zone");
    str *pools, config;
    ck_assert_uint_eq(scraper_pools(scraper, a, &pools), 2);
    ck_lit(pools[0], "bad");
    ck_assert(scraper_pool_config(scraper, STRL("j"), a, &config));
    ck_assert(str_starts(config, STRL("job_name: j\n")));
    ck_assert(!scraper_pool_config(scraper, STRL("k"), a, &config));
    teardown();
    arena_free(&a);
}
END_TEST

START_TEST(test_reload_keeps_caches)
{
    struct arena *a = arena_new();
    setup();
    apply("- job_name: j\n  metrics_path: /m\n  static_configs: [{targets: ['127.0.0.1:%d']}]\n");
    wait_for("scrape_series_added", "j", "2 0 0", false);
    /* Nothing has changed; another interval; another limit. */
    apply("- job_name: j\n  metrics_path: /m\n  static_configs: [{targets: ['127.0.0.1:%d']}]\n");
    clock_sleep_ms(250);
    apply("- job_name: j\n  metrics_path: /m\n  scrape_interval: 150ms\n  static_configs: [{targets: ['127.0.0.1:%d']}]\n");
    clock_sleep_ms(400);
    ck_lit(only_target(a).interval, "150ms");
    apply("- job_name: j\n  metrics_path: /m\n  scrape_interval: 150ms\n  sample_limit: 50\n"
          "  static_configs: [{targets: ['127.0.0.1:%d']}]\n");
    clock_sleep_ms(600);
    struct buf b = {0};
    put_samples("scrape_series_added", "j", &b);
    ck_assert_msg(str_starts(buf_str(&b), STRL("2 0 0 0 0")) && !memmem(b.p + 1, b.n - 1, "2", 1), "%s", buf_cstr(&b));
    buf_clear(&b);
    put_samples("a", "j", &b);
    ck_assert_msg(!memchr(b.p, 'S', b.n), "%s", buf_cstr(&b));
    /* What relabelling does is another matter. */
    apply("- job_name: j\n  metrics_path: /m\n  scrape_interval: 150ms\n  static_configs: [{targets: ['127.0.0.1:%d']}]\n"
          "  metric_relabel_configs: [{target_label: new, replacement: x}]\n");
    wait_for("scrape_series_added", "j", " 2 0 0", true);
    buf_free(&b);
    teardown();
    arena_free(&a);
}
END_TEST

START_TEST(test_gone_targets_end)
{
    setup();
    apply("- job_name: j\n  metrics_path: /m\n  static_configs: [{targets: ['127.0.0.1:%d']}]\n"
          "- job_name: k\n  metrics_path: /m2\n  static_configs: [{targets: ['127.0.0.1:%d']}]\n");
    wait_for("a", "j", "1 1", false);
    wait_for("a", "k", "1 1", false);
    apply("- job_name: j\n  metrics_path: /m\n  static_configs: [{targets: []}]\n");
    wait_for("a", "j", "1 S", true);
    wait_for("b", "j", "2 S", true);
    wait_for("up", "j", "1 S", true);
    wait_for("up", "k", "1 S", true);
    teardown();
}
END_TEST

START_TEST(test_failures)
{
    struct arena *a = arena_new();
    setup();
    apply("- job_name: j\n  metrics_path: /none\n  static_configs: [{targets: ['127.0.0.1:%d']}]\n");
    wait_for("up", "j", "0 0", false);
    struct target_view t = only_target(a);
    ck_assert_int_eq(t.health, TARGET_DOWN);
    ck_lit(t.last_error, "server returned HTTP status 404 Not Found");
    apply("- job_name: j\n  metrics_path: /m\n  target_limit: 1\n"
          "  static_configs: [{targets: ['127.0.0.1:%d', 'localhost:%d']}]\n");
    clock_sleep_ms(500);
    struct target_view *v;
    size_t n = scraper_active(scraper, STRL("j"), a, &v);
    ck_assert_uint_eq(n, 2);
    for (size_t i = 0; i < n; i++)
        ck_lit(v[i].last_error, "target_limit exceeded (number of targets: 2, limit: 1)");
    teardown();
    arena_free(&a);
}
END_TEST

UNIT_MAIN("scraper", test_scrapes_and_views, test_reload_keeps_caches, test_gone_targets_end, test_failures)
