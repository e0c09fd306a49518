/* Create, append, select, stop, start: nanoseconds and bytes per series, by number of
 * series.  Usage: bench_storage [folder [series …]]; without series 10000 and 100000.
 *
 * The data looks like scrapes: targets of 1000 series with ten labels, of which one in
 * five is unique to target or series; two fifths of the values constant, two fifths
 * counters, one fifth gauges with two decimals. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "storage/append.h"
#include "storage/db.h"
#include "storage/select.h"

#define PER_TARGET 1000
#define ROUNDS 40
#define STEP_MS 15000

struct bench {
    struct tsdb *db;
    size_t series;
    uint32_t *ids;
    double *v;
    int64_t now;
};

static void
must(bool ok, const struct err *e)
{
    if (ok)
        return;
    fprintf(stderr, "%s\n", e->text);
    exit(1);
}

static void
print(const struct bench *b, const char *name, double value, const char *unit)
{
    printf("%-28s %8zu series  %10.1f %s\n", name, b->series, value, unit);
    fflush(stdout);
}

static double
resident(const char *field)
{
    char line[256];
    double kib = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof(line), f))
        if (strncmp(line, field, strlen(field)) == 0)
            kib = strtod(line + strlen(field) + 1, NULL);
    if (f)
        fclose(f);
    return kib * 1024;
}

static struct labels
series_labels_of(struct arena *a, size_t i)
{
    size_t target = i / PER_TARGET, k = i % PER_TARGET;
    struct label *v = ARENA_ARRAY(a, struct label, 10);
    v[0] = (struct label){LABEL_NAME, arena_printf(a, "node_metric_%zu_total", k / 8)};
    v[1] = (struct label){STRL("cluster"), STRL("eu-west-1a")};
    v[2] = (struct label){STRL("container"), arena_printf(a, "container-%zu", k % 8)};
    v[3] = (struct label){STRL("device"), arena_printf(a, "sd%zu", k % 16)};
    v[4] = (struct label){STRL("env"), STRL("production")};
    v[5] = (struct label){STRL("instance"), arena_printf(a, "10.1.%zu.%zu:9100", target / 256, target % 256)};
    v[6] = (struct label){STRL("job"), STRL("node-exporter")};
    v[7] = (struct label){STRL("mode"), k % 2 ? STRL("user") : STRL("system")};
    v[8] = (struct label){STRL("namespace"), arena_printf(a, "team-%zu", target % 20)};
    v[9] = (struct label){STRL("pod"), arena_printf(a, "node-exporter-%06zx", target * 7919)};
    return (struct labels){.v = v, .n = 10};
}

static void
bench_create(struct bench *b)
{
    struct append *a = append_new(b->db);
    struct append_result r;
    struct err e = ERR_INIT;
    struct arena *arena = arena_new();
    int64_t spent = 0;
    double before = resident("RssAnon:");
    for (size_t i = 0; i < b->series;) {
        size_t end = MIN(i + PER_TARGET, b->series);
        arena_clear(arena);
        struct labels *ls = ARENA_ARRAY(arena, struct labels, PER_TARGET);
        for (size_t k = i; k < end; k++)
            ls[k - i] = series_labels_of(arena, k);
        int64_t start = clock_mono_ns();
        for (size_t k = i; k < end; k++) {
            must(append_series(a, ls[k - i], &b->ids[k], &e), &e);
            append_float(a, b->ids[k], b->now, b->v[k]);
        }
        must(append_commit(a, APPEND_LAZY, false, &r, &e), &e);
        spent += clock_mono_ns() - start;
        i = end;
    }
    print(b, "create", (double)spent / (double)b->series, "ns/series");
    clock_sleep_ms(1500);
    print(b, "memory after create", (resident("RssAnon:") - before) / (double)b->series, "B/series");
    arena_free(&arena);
    append_free(&a);
}

static void
next_values(struct bench *b)
{
    for (size_t i = 0; i < b->series; i++) {
        if (i % 5 < 2)
            continue;
        b->v[i] = i % 5 < 4 ? b->v[i] + (double)rng_below(50)
                            : (double)(int64_t)(rng_unit() * 10000) / 100;
    }
}

static void
bench_append(struct bench *b)
{
    struct append *a = append_new(b->db);
    struct append_result r;
    struct err e = ERR_INIT;
    int64_t spent = 0, cpu = 0;
    for (int round = 0; round < ROUNDS; round++) {
        b->now += STEP_MS;
        next_values(b);
        int64_t start = clock_mono_ns(), start_cpu = clock_thread_cpu_ns();
        for (size_t i = 0; i < b->series;) {
            for (size_t end = MIN(i + PER_TARGET, b->series); i < end; i++)
                append_float(a, b->ids[i], b->now + (int64_t)(i / PER_TARGET), b->v[i]);
            must(append_commit(a, APPEND_LAZY, false, &r, &e), &e);
            if (r.verdict)
                must(err_set(&e, ERR_INTERNAL, "samples refused"), &e);
        }
        spent += clock_mono_ns() - start;
        cpu += clock_thread_cpu_ns() - start_cpu;
    }
    double n = (double)b->series * ROUNDS;
    print(b, "append", (double)spent / n, "ns/sample");
    print(b, "append, own cpu", (double)cpu / n, "ns/sample");
    clock_sleep_ms(1500);
    print(b, "memory after 40 scrapes", resident("RssAnon:") / (double)b->series, "B/series in all");
    print(b, "of it handed out", (double)mem_allocated_bytes() / (double)b->series, "B/series");
    append_free(&a);
}

/* As remote write: each series is looked up by its labels. */
static void
bench_lookup(struct bench *b)
{
    struct append *a = append_new(b->db);
    struct arena *arena = arena_new();
    struct err e = ERR_INIT;
    int64_t spent = 0;
    size_t n = 0;
    for (size_t i = 0; i < b->series; i += PER_TARGET) {
        size_t end = MIN(i + PER_TARGET, b->series);
        arena_clear(arena);
        struct labels *ls = ARENA_ARRAY(arena, struct labels, PER_TARGET);
        for (size_t k = i; k < end; k++)
            ls[k - i] = series_labels_of(arena, k);
        int64_t start = clock_mono_ns();
        for (size_t k = i; k < end; k++) {
            series_id id;
            must(append_series(a, ls[k - i], &id, &e), &e);
            n++;
        }
        spent += clock_mono_ns() - start;
    }
    print(b, "look up by labels", (double)spent / (double)n, "ns/series");
    spent = 0;
    for (size_t i = 0; i < b->series; i += PER_TARGET) {
        size_t end = MIN(i + PER_TARGET, b->series);
        series_id ids[PER_TARGET];
        arena_clear(arena);
        struct labels *ls = ARENA_ARRAY(arena, struct labels, PER_TARGET);
        for (size_t k = i; k < end; k++)
            ls[k - i] = series_labels_of(arena, k);
        int64_t start = clock_mono_ns();
        append_find_many(a, ls, end - i, ids);
        spent += clock_mono_ns() - start;
        for (size_t k = i; k < end; k++)
            must(ids[k - i] == b->ids[k] || err_set(&e, ERR_INTERNAL, "wrong series"), &e);
    }
    print(b, "many at once", (double)spent / (double)n, "ns/series");
    append_rollback(a);
    append_free(&a);
    arena_free(&arena);
}

static void
bench_select(struct bench *b, const char *name, enum matcher_type type, const char *label,
             const char *value, bool read)
{
    struct matcher m;
    struct err e = ERR_INIT;
    must(matcher_init(&m, type, str_of(label), str_of(value), &e), &e);
    struct selection_spec spec = {.m = &m, .n = 1, .mint = b->now - 300000, .maxt = b->now};
    int64_t best = INT64_MAX;
    size_t series = 0, samples = 0;
    for (int i = 0; i < 5; i++) {
        struct view *view;
        int64_t start = clock_mono_ns();
        must(view_open(&view, b->db, &spec, 1, 0, &e), &e);
        struct selection sel = view_selection(view, 0);
        struct arena *a = arena_new();
        samples = 0;
        for (size_t k = 0; k < sel.n && read; k++) {
            struct column c;
            struct arena_mark mark = arena_mark(a);
            must(view_read(view, 0, &sel.v[k], spec.mint, spec.maxt, a, &c, &e), &e);
            samples += c.n;
            arena_reset(a, mark);
        }
        arena_free(&a);
        series = sel.n;
        view_close(&view);
        best = MIN(best, clock_mono_ns() - start);
    }
    char text[64];
    snprintf(text, sizeof(text), "%s (%zu series, %zu samples)", name, series, samples);
    printf("%-52s %10.3f ms\n", text, (double)best / 1e6);
    matcher_fini(&m);
}

static struct tsdb *
timed_open(struct bench *b, const char *dir, const char *what)
{
    struct tsdb_opts o;
    struct tsdb *db;
    struct err e = ERR_INIT;
    tsdb_opts_default(&o);
    o.dir = dir;
    int64_t start = clock_mono_ns();
    must(tsdb_open(&db, &o, &e), &e);
    if (what)
        print(b, what, (double)(clock_mono_ns() - start) / 1e6, "ms");
    return db;
}

static uint64_t
folder_bytes(const char *dir)
{
    struct io_entry *list;
    size_t n;
    struct err e;
    uint64_t sum = 0;
    if (!io_list(dir, &list, &n, &e))
        return 0;
    for (size_t i = 0; i < n; i++) {
        char *path = io_join(dir, list[i].name);
        sum += list[i].is_dir ? folder_bytes(path) : list[i].size;
        mem_free(path);
    }
    io_list_free(&list, n);
    return sum;
}

static void
bench_restart(struct bench *b, const char *dir)
{
    char copy[512], command[2048];
    snprintf(copy, sizeof(copy), "%s-killed", dir);
    snprintf(command, sizeof(command), "rm -rf %s; cp -r %s %s", copy, dir, copy);
    clock_sleep_ms(1500); /* what a kill would leave: all is synced by now */
    if (system(command) != 0)
        return;
    int64_t start = clock_mono_ns();
    tsdb_close(&b->db);
    print(b, "stop", (double)(clock_mono_ns() - start) / 1e6, "ms");
    print(b, "folder", (double)folder_bytes(dir) / (double)b->series, "B/series");
    b->db = timed_open(b, dir, "start after a stop");
    tsdb_close(&b->db);
    b->db = timed_open(b, copy, "start after a kill");
    tsdb_close(&b->db);
    snprintf(command, sizeof(command), "rm -rf %s", copy);
    if (system(command) != 0)
        return;
}

static void
bench_all(const char *root, size_t series)
{
    struct bench b = {.series = series, .now = 1700000000000 / 7200000 * 7200000};
    char dir[400], command[500];
    snprintf(dir, sizeof(dir), "%s/bench-storage", root);
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    if (system(command) != 0)
        return;
    b.ids = MEM_ARRAY(uint32_t, series);
    b.v = MEM_ARRAY(double, series);
    for (size_t i = 0; i < series; i++)
        b.v[i] = (double)rng_below(1000);
    b.db = timed_open(&b, dir, NULL);
    bench_create(&b);
    bench_append(&b);
    bench_lookup(&b);
    bench_select(&b, "{instance=\"x\"}", MATCH_EQ, "instance", "10.1.0.3:9100", false);
    bench_select(&b, "{instance=\"x\"} read 5m", MATCH_EQ, "instance", "10.1.0.3:9100", true);
    bench_select(&b, "one metric, read 5m", MATCH_EQ, "__name__", "node_metric_7_total", true);
    bench_select(&b, "instance=~\".*7:9100\"", MATCH_RE, "instance", ".*7:9100", false);
    bench_select(&b, "all", MATCH_EQ, "job", "node-exporter", false);
    struct wal_stats w;
    wal_stats(b.db->wal, &w);
    print(&b, "log", (double)w.written / (double)series / (ROUNDS + 1), "B/sample");
    bench_restart(&b, dir);
    if (system(command) != 0)
        return;
    mem_free(b.ids);
    mem_free(b.v);
}

int
main(int argc, char **argv)
{
    const char *root = argc > 1 ? argv[1] : "/tmp";
    log_setup(LOG_LEVEL_WARN, LOG_FORMAT_LOGFMT);
    for (int i = 2; i < argc; i++)
        bench_all(root, strtoull(argv[i], NULL, 10));
    if (argc <= 2) {
        bench_all(root, 10000);
        bench_all(root, 100000);
    }
    return 0;
}
