#include "base/metric.h"

#include <math.h>

#include "base/clock.h"
#include "base/thread.h"
#include "tests/unit/unit.h"

/* The lines of one family, from its HELP on. */
static void
family(str page, const char *name, struct buf *out)
{
    struct buf head = {0};
    buf_printf(&head, "# HELP %s ", name);
    const char *from = memmem(page.p, page.n, head.p, head.n);
    buf_free(&head);
    buf_clear(out);
    if (from == NULL)
        return;
    str rest = STR(from, (size_t)(page.p + page.n - from));
    const char *to = memmem(rest.p + 1, rest.n - 1, "# HELP", 6);
    const char *eof = memmem(rest.p, rest.n, "# EOF", 5);
    to = to ? to : eof ? eof : rest.p + rest.n;
    buf_put(out, STR(from, (size_t)(to - from)));
}

static void
ck_family(bool om, const char *name, const char *want)
{
    struct buf page = {0}, got = {0};
    if (om)
        metric_expose_openmetrics(&page);
    else
        metric_expose_text(&page);
    family(buf_str(&page), name, &got);
    ck_str(buf_str(&got), str_of(want));
    buf_free(&page);
    buf_free(&got);
}

START_TEST(test_counters)
{
    str a[] = {STRL("/b"), STRL("200")}, b[] = {STRL("/a"), STRL("5\"0\\0\n")},
        c[] = {STRL("/b"), STRL("400")};
    struct metric_child *first = metric_child(METRIC_HTTP_REQUESTS_TOTAL, a, 2);
    metric_inc(first);
    metric_add(first, 999999);
    metric_add(metric_child(METRIC_HTTP_REQUESTS_TOTAL, b, 2), 0.5);
    metric_inc(metric_child(METRIC_HTTP_REQUESTS_TOTAL, c, 2));
    ck_assert_ptr_eq(metric_child(METRIC_HTTP_REQUESTS_TOTAL, a, 2), first);
    ck_family(false, "prometheus_http_requests_total",
              "# HELP prometheus_http_requests_total HTTP requests answered.\n"
              "# TYPE prometheus_http_requests_total counter\n"
              "prometheus_http_requests_total{code=\"200\",handler=\"/b\"} 1e+06\n"
              "prometheus_http_requests_total{code=\"400\",handler=\"/b\"} 1\n"
              "prometheus_http_requests_total{code=\"5\\\"0\\\\0\\n\",handler=\"/a\"} 0.5\n");
    ck_family(true, "prometheus_http_requests",
              "# HELP prometheus_http_requests HTTP requests answered.\n"
              "# TYPE prometheus_http_requests counter\n"
              "prometheus_http_requests_total{code=\"200\",handler=\"/b\"} 1e+06\n"
              "prometheus_http_requests_total{code=\"400\",handler=\"/b\"} 1.0\n"
              "prometheus_http_requests_total{code=\"5\\\"0\\\\0\\n\",handler=\"/a\"} 0.5\n");
    metric_drop(METRIC_HTTP_REQUESTS_TOTAL, STRL("/b"));
    ck_family(false, "prometheus_http_requests_total",
              "# HELP prometheus_http_requests_total HTTP requests answered.\n"
              "# TYPE prometheus_http_requests_total counter\n"
              "prometheus_http_requests_total{code=\"5\\\"0\\\\0\\n\",handler=\"/a\"} 0.5\n");
    metric_drop(METRIC_HTTP_REQUESTS_TOTAL, STRL("/a"));
    ck_family(false, "prometheus_http_requests_total", "");
}
END_TEST

START_TEST(test_gauge_untouched)
{
    ck_family(false, "prometheus_ready",
              "# HELP prometheus_ready 1 once the server has started up and answers, else 0.\n"
              "# TYPE prometheus_ready gauge\nprometheus_ready 0\n");
    METRIC_SET(READY, -INFINITY);
    ck_family(true, "prometheus_ready",
              "# HELP prometheus_ready 1 once the server has started up and answers, else 0.\n"
              "# TYPE prometheus_ready gauge\nprometheus_ready -Inf\n");
    METRIC_SET(READY, 1);
    ck_assert(metric_value(metric_one(METRIC_READY)) == 1);
}
END_TEST

START_TEST(test_histogram)
{
    static const double seen[] = {0.1, 0.05, 0.100001, 120, 121, -1};
    struct metric_child *c =
        metric_child(METRIC_HTTP_REQUEST_DURATION_SECONDS, (str[]){STRL("/x")}, 1);
    for (size_t i = 0; i < ARRAY_LEN(seen); i++)
        metric_observe(c, seen[i]);
    ck_family(false, "prometheus_http_request_duration_seconds",
              "# HELP prometheus_http_request_duration_seconds How long HTTP requests take.\n"
              "# TYPE prometheus_http_request_duration_seconds histogram\n"
              "prometheus_http_request_duration_seconds_bucket{handler=\"/x\",le=\"0.1\"} 3\n"
              "prometheus_http_request_duration_seconds_bucket{handler=\"/x\",le=\"0.2\"} 4\n"
              "prometheus_http_request_duration_seconds_bucket{handler=\"/x\",le=\"0.4\"} 4\n"
              "prometheus_http_request_duration_seconds_bucket{handler=\"/x\",le=\"1\"} 4\n"
              "prometheus_http_request_duration_seconds_bucket{handler=\"/x\",le=\"3\"} 4\n"
              "prometheus_http_request_duration_seconds_bucket{handler=\"/x\",le=\"8\"} 4\n"
              "prometheus_http_request_duration_seconds_bucket{handler=\"/x\",le=\"20\"} 4\n"
              "prometheus_http_request_duration_seconds_bucket{handler=\"/x\",le=\"60\"} 4\n"
              "prometheus_http_request_duration_seconds_bucket{handler=\"/x\",le=\"120\"} 5\n"
              "prometheus_http_request_duration_seconds_bucket{handler=\"/x\",le=\"+Inf\"} 6\n"
              "prometheus_http_request_duration_seconds_sum{handler=\"/x\"} 240.250001\n"
              "prometheus_http_request_duration_seconds_count{handler=\"/x\"} 6\n");
}
END_TEST

START_TEST(test_histogram_openmetrics)
{
    struct metric_child *c =
        metric_child(METRIC_ENGINE_QUERY_DURATION_HISTOGRAM_SECONDS, (str[]){STRL("s")}, 1);
    metric_observe(c, 1);
    ck_family(
        true, "prometheus_engine_query_duration_histogram_seconds",
        "# HELP prometheus_engine_query_duration_histogram_seconds How long the phases of queries "
        "take, in buckets.\n"
        "# TYPE prometheus_engine_query_duration_histogram_seconds histogram\n"
        "prometheus_engine_query_duration_histogram_seconds_bucket{slice=\"s\",le=\"0.01\"} 0\n"
        "prometheus_engine_query_duration_histogram_seconds_bucket{slice=\"s\",le=\"0.1\"} 0\n"
        "prometheus_engine_query_duration_histogram_seconds_bucket{slice=\"s\",le=\"1.0\"} 1\n"
        "prometheus_engine_query_duration_histogram_seconds_bucket{slice=\"s\",le=\"10.0\"} 1\n"
        "prometheus_engine_query_duration_histogram_seconds_bucket{slice=\"s\",le=\"+Inf\"} 1\n"
        "prometheus_engine_query_duration_histogram_seconds_sum{slice=\"s\"} 1.0\n"
        "prometheus_engine_query_duration_histogram_seconds_count{slice=\"s\"} 1\n");
}
END_TEST

/* The quantile line of the wal fsync summary, or NAN. */
static double
quantile(const char *q)
{
    struct buf page = {0}, name = {0};
    metric_expose_text(&page);
    buf_printf(&name, "prometheus_tsdb_wal_fsync_duration_seconds{quantile=\"%s\"} ", q);
    const char *line = strstr(buf_cstr(&page), buf_cstr(&name));
    ck_assert_ptr_nonnull(line);
    double v = strtod(line + name.n, NULL);
    buf_free(&page);
    buf_free(&name);
    return v;
}

static void
ck_near(double got, double want)
{
    if (fabs(got - want) > want * 0.011)
        ck_abort_msg("%g is not near %g", got, want);
}

static int
by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Beside the exact quantiles, over values of many sizes. */
START_TEST(test_summary)
{
    struct metric_child *c = metric_one(METRIC_TSDB_WAL_FSYNC_DURATION_SECONDS);
    static double all[5000];
    clock_fake_set_ms(1000000);
    ck_assert(isnan(quantile("0.5")));
    unit_seed();
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        all[i] = exp(rng_unit() * 20 - 14);
        metric_observe(c, all[i]);
        if (i % 50 == 0)
            clock_fake_advance_ms(1000);
    }
    qsort(all, ARRAY_LEN(all), sizeof(double), by_value);
    ck_near(quantile("0.5"), all[2499]);
    ck_near(quantile("0.9"), all[4499]);
    ck_near(quantile("0.99"), all[4949]);
    /* What is older than ten minutes is forgotten, sum and count are not. */
    clock_fake_advance_ms(500 * 1000);
    metric_observe(c, 3);
    clock_fake_advance_ms(480 * 1000);
    ck_near(quantile("0.5"), 3);
    clock_fake_advance_ms(240 * 1000);
    ck_assert(isnan(quantile("0.99")));
    metric_observe(c, 0);
    metric_observe(c, -5);
    ck_assert(quantile("0.99") == 0);
    clock_fake_off();
}
END_TEST

struct updates {
    struct metric_child *counter, *gauge, *histogram, *summary;
};

static void
update(void *arg, size_t i)
{
    struct updates *u = (struct updates *)arg;
    char name[16];
    snprintf(name, sizeof(name), "job%zu", i % 7);
    for (int k = 0; k < 100; k++) {
        metric_inc(u->counter);
        metric_add(u->gauge, k % 2 ? 3 : -1);
        metric_observe(u->histogram, 0.5);
        metric_observe(u->summary, 0.25);
        METRIC_INC1(TARGET_SYNC_FAILED_TOTAL, str_of(name));
    }
    if (i % 50 == 0) {
        struct buf page = {0};
        metric_expose_text(&page);
        buf_free(&page);
    }
}

START_TEST(test_threads)
{
    struct pool *p = NULL;
    struct err e;
    struct buf page = {0};
    struct updates u = {metric_one(METRIC_TSDB_RELOADS_TOTAL), metric_one(METRIC_TSDB_HEAD_SERIES),
                        metric_one(METRIC_TSDB_COMPACTION_DURATION_SECONDS),
                        metric_one(METRIC_RULE_EVALUATION_DURATION_SECONDS)};
    ck_assert(pool_new(&p, "metric", 3, &e));
    pool_for(p, 200, update, &u);
    pool_free(&p);
    ck_assert(metric_value(u.counter) == 20000);
    ck_assert(metric_value(u.gauge) == 20000);
    metric_expose_text(&page);
    const char *text = buf_cstr(&page);
    ck_assert_ptr_nonnull(
        strstr(text, "prometheus_tsdb_compaction_duration_seconds_bucket{le=\"1\"} 20000\n"));
    ck_assert_ptr_nonnull(strstr(text, "prometheus_tsdb_compaction_duration_seconds_sum 10000\n"));
    ck_assert_ptr_nonnull(
        strstr(text, "prometheus_rule_evaluation_duration_seconds_count 20000\n"));
    ck_assert_ptr_nonnull(
        strstr(text, "prometheus_target_sync_failed_total{scrape_job=\"job6\"} 2800\n"));
    buf_free(&page);
}
END_TEST

static void
set_blocks(void *arg)
{
    METRIC_SET(TSDB_BLOCKS_LOADED, *(int *)arg);
}

START_TEST(test_collectors)
{
    int blocks = 7;
    struct buf page = {0};
    metric_collector(set_blocks, &blocks);
    metric_collect_process();
    metric_expose_text(&page);
    ck_assert_ptr_nonnull(strstr(buf_cstr(&page), "prometheus_tsdb_blocks_loaded 7\n"));
    ck_assert(metric_value(metric_one(METRIC_PROCESS_RESIDENT_MEMORY_BYTES)) > 100000);
    ck_assert(metric_value(metric_one(METRIC_PROCESS_OPEN_FDS)) >= 3);
    ck_assert(metric_value(metric_one(METRIC_PROCESS_MAX_FDS)) > 3);
    double start = metric_value(metric_one(METRIC_PROCESS_START_TIME_SECONDS));
    ck_assert(fabs(start - (double)time(NULL)) < 300);
    metric_collector_drop(set_blocks, &blocks);
    blocks = 8;
    buf_clear(&page);
    metric_expose_text(&page);
    ck_assert_ptr_nonnull(strstr(buf_cstr(&page), "prometheus_tsdb_blocks_loaded 7\n"));
    buf_free(&page);
}
END_TEST

/* Every line is one a scraper takes: names in order, one HELP and TYPE a family. */
START_TEST(test_page)
{
    struct buf page = {0}, last = {0};
    metric_expose_text(&page);
    size_t families = 0;
    for (str left = buf_str(&page); left.n > 0;) {
        size_t n = (size_t)str_find_char(left, '\n', 0);
        str line = STR(left.p, n);
        left = str_from(left, n + 1);
        if (!str_starts(line, STRL("# HELP ")))
            continue;
        str name = str_from(line, 7);
        name.n = (size_t)str_find_char(name, ' ', 0);
        ck_assert_int_lt(str_cmp(buf_str(&last), name), 0);
        buf_clear(&last);
        buf_put(&last, name);
        ck_assert(str_starts(left, STRL("# TYPE ")));
        families++;
    }
    ck_assert_uint_gt(families, 50);
    buf_free(&page);
    buf_free(&last);
}
END_TEST

UNIT_MAIN("metric", test_counters, test_gauge_untouched, test_histogram, test_histogram_openmetrics,
          test_summary, test_threads, test_collectors, test_page)
