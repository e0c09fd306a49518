/* Queries over an hour, and a day, of counters in the head: milliseconds each, best of some
 * runs; processor time with one worker, wall clock with two. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/panic.h"
#include "base/rng.h"
#include "query/engine.h"
#include "storage/append.h"

#define T0 ((int64_t)1700000000000)
#define TARGETS 500

static struct err e;

#define MUST(x) ((x) ? (void)0 : PANIC("%s", e.text))

static struct labels
labels_of(struct arena *a, const char *metric, unsigned target, unsigned part)
{
    struct labels_builder b;
    labels_builder_init(&b, a, LABELS_EMPTY);
    labels_builder_set(&b, LABEL_NAME, str_of(metric));
    labels_builder_set(&b, STRL("instance"), arena_printf(a, "10.0.%u.%u:9100", target / 250, target % 250));
    labels_builder_set(&b, STRL("job"), arena_printf(a, "job%u", target % 10));
    labels_builder_set(&b, STRL("mode"), arena_printf(a, "m%u", part));
    labels_builder_set(&b, STRL("cluster"), STRL("prod"));
    return labels_builder_done(&b);
}

/* targets × parts series of one metric. */
static void
fill(struct tsdb *db, const char *metric, unsigned targets, unsigned parts, unsigned samples)
{
    struct arena *a = arena_new();
    struct append *ap = append_new(db);
    struct append_result r;
    size_t n = (size_t)targets * parts;
    series_id *id = ARENA_ARRAY(a, series_id, n);
    double *v = ARENA_ZARRAY(a, double, n);
    for (size_t i = 0; i < n; i++)
        MUST(append_series(ap, labels_of(a, metric, (unsigned)(i / parts), (unsigned)(i % parts)),
                           &id[i], &e));
    MUST(append_commit(ap, APPEND_LAZY, false, &r, &e));
    for (unsigned k = 0; k < samples; k++) {
        for (size_t i = 0; i < n; i++) {
            v[i] = rng_below(3) ? v[i] + (double)rng_below(50) : v[i];
            append_float(ap, id[i], T0 + (int64_t)k * 15000 + (int64_t)(i / parts % 97) * 150, v[i]);
        }
        MUST(append_commit(ap, APPEND_LAZY, false, &r, &e));
    }
    append_free(&ap);
    arena_free(&a);
}

struct bench {
    const char *name, *text;
    int64_t range_ms, step_ms; /* step 0: instant */
};

static const struct bench benches[] = {
    {"instant_selector_10k", "x_total", 0, 0},
    {"instant_sum_10k", "sum by (job) (x_total)", 0, 0},
    {"instant_sum_rate_10k", "sum by (job) (rate(x_total[5m]))", 0, 0},
    {"instant_one_series", "x_total{instance=\"10.0.0.7:9100\",mode=\"m3\"}", 0, 0},
    {"1h_sum_selector_10k", "sum(x_total)", 3600000, 15000},
    {"1h_sum_rate5m_10k", "sum(rate(x_total[5m]))", 3600000, 15000},
    {"1h_sum_by_rate5m_10k", "sum by (instance) (rate(x_total[5m]))", 3600000, 15000},
    {"1h_rate5m_10k", "rate(x_total[5m])", 3600000, 15000},
    {"1h_max_over_time_10k", "max(max_over_time(x_total[5m]))", 3600000, 15000},
    {"1h_avg_over_time_10k", "max(avg_over_time(x_total[5m]))", 3600000, 15000},
    {"1h_topk_rate_10k", "topk(10, rate(x_total[5m]))", 3600000, 15000},
    {"1h_quantile_rate_10k", "quantile by (job) (0.9, rate(x_total[5m]))", 3600000, 15000},
    {"1h_ratio_10k", "rate(x_total[5m]) / x_total", 3600000, 15000},
    {"1h_group_left_10k", "x_total * on(instance, job) group_left x_total{mode=\"m1\"}", 3600000, 15000},
    {"1h_expr_10k", "sum(abs(-x_total * 2 + 1) > 3)", 3600000, 15000},
    {"1h_subquery_10k", "max(max_over_time(rate(x_total[5m])[10m:1m]))", 3600000, 60000},
    {"1d_rate5m_200", "rate(y_total[5m])", 86400000 - 600000, 80000},
    {"1d_rate1h_200", "rate(y_total[1h])", 86400000 - 600000, 80000},
    {"1d_rate1d_200", "rate(y_total[1d])", 86400000 - 600000, 80000},
    {"1d_avg_over_time1h_200", "avg_over_time(y_total[1h])", 86400000 - 600000, 80000},
    {"1d_max_over_time1d_200", "max_over_time(y_total[1d])", 86400000 - 600000, 80000},
    {"1d_quantile_over_time1h_200", "quantile_over_time(0.9, y_total[1h])", 86400000 - 600000, 80000},
};

static double
run_once(struct engine *en, const struct bench *b, unsigned workers)
{
    struct query_request r = {.text = str_of(b->text), .range = b->step_ms != 0, .explain = false};
    struct query *q;
    bool day = strncmp(b->name, "1d", 2) == 0;
    r.end = T0 + (day ? 86400000 : 3600000 + 600000);
    r.start = r.range ? r.end - b->range_ms : r.end;
    r.step = b->step_ms;
    int64_t start = workers == 1 ? clock_thread_cpu_ns() : clock_mono_ns();
    MUST(engine_run(en, &r, &q, &e));
    query_free(&q);
    int64_t end = workers == 1 ? clock_thread_cpu_ns() : clock_mono_ns();
    return (double)(end - start) / 1e6;
}

static void
measure(struct tsdb *db, unsigned workers, const char *only, int runs)
{
    struct engine_opts o;
    struct engine *en;
    engine_opts_default(&o);
    o.workers = workers;
    o.max_samples = 0;
    MUST(engine_new(&en, db, &o, &e));
    for (size_t i = 0; i < ARRAY_LEN(benches); i++) {
        double best = 1e9;
        if (only != NULL && strstr(benches[i].name, only) == NULL)
            continue;
        for (int k = 0; k < runs; k++) {
            double ms = run_once(en, &benches[i], workers);
            best = MIN(best, ms);
        }
        printf("query_%s_w%u %.3f ms\n", benches[i].name, workers, best);
    }
    engine_free(&en);
}

int
main(int argc, char **argv)
{
    struct tsdb *db;
    struct tsdb_opts o;
    const char *only = argc > 1 ? argv[1] : NULL; /* part of a name */
    int runs = argc > 2 ? atoi(argv[2]) : 5;
    rng_seed(7);
    tsdb_opts_default(&o);
    o.dir = NULL;
    MUST(tsdb_open(&db, &o, &e));
    fill(db, "x_total", TARGETS, 20, 4 * 70);
    fill(db, "y_total", 20, 10, 4 * 60 * 24);
    measure(db, 1, only, runs);
    measure(db, 2, only, runs);
    tsdb_close(&db);
    return 0;
}
