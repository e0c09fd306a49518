/* test_engine.c - what surrounds evaluation: slots, deadlines, cancelling, budgets, journal,
 * log, stats, explain. */
#include "config.h"

#include "tests/unit/unit.h"

#include <math.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/thread.h"
#include "query/engine.h"
#include "query/journal.h"
#include "storage/append.h"

enum { SERIES = 40, SAMPLES = 4000 };
#define T0 ((int64_t)1700000000000)
#ifdef NARTHEX_SANITIZED
#define END_WITHIN_MS 1500 /* everything is ten times slower */
#else
#define END_WITHIN_MS 100
#endif

static struct tsdb *db;

static void
data_init(void)
{
    struct tsdb_opts o;
    struct err e;
    struct arena *a = arena_new();
    tsdb_opts_default(&o);
    o.dir = NULL;
    ck_assert_msg(tsdb_open(&db, &o, &e), "%s", e.text);
    struct append *ap = append_new(db);
    struct append_result r;
    for (unsigned i = 0; i < SERIES; i++) {
        struct labels_builder b;
        series_id id;
        labels_builder_init(&b, a, LABELS_EMPTY);
        labels_builder_set(&b, LABEL_NAME, STRL("x_total"));
        labels_builder_set(&b, STRL("i"), arena_printf(a, "%02u", i));
        ck_assert(append_series(ap, labels_builder_done(&b), &id, &e));
        for (int64_t k = 0; k < SAMPLES; k++)
            append_float(ap, id, T0 + k * 15000, (double)(k * (i + 1)));
    }
    ck_assert(append_commit(ap, APPEND_LAZY, false, &r, &e));
    append_free(&ap);
    arena_free(&a);
}

static struct engine *
engine_of(const struct engine_opts *o)
{
    struct engine *en;
    struct err e;
    ck_assert_msg(engine_new(&en, db, o, &e), "%s", e.text);
    return en;
}

static struct engine_opts
options(void)
{
    struct engine_opts o;
    engine_opts_default(&o);
    o.workers = 2;
    return o;
}

static struct query_request
range_of(const char *text)
{
    return (struct query_request){.text = str_of(text), .range = true, .start = T0 + 600000,
                                  .end = T0 + 600000 + 9 * 15000, .step = 15000};
}

static void
fails(struct engine *en, const struct query_request *r, enum err_kind kind, const char *text)
{
    struct query *q = NULL;
    struct err e;
    ck_assert(!engine_run(en, r, &q, &e));
    query_free(&q);
    ck_assert_msg(e.kind == kind, "%s: %s", err_kind_name(e.kind), e.text);
    ck_assert_msg(strstr(e.text, text) != NULL, "%s\nhas no %s", e.text, text);
}

/* --- a query that takes long --- */

struct slow {
    struct engine *en;
    struct query_request r;
    struct thread *t;
    bool ok;
    struct err e;
    int64_t ended_ns;
};

static void
slow_main(void *arg)
{
    struct slow *s = arg;
    struct query *q = NULL;
    s->ok = engine_run(s->en, &s->r, &q, &s->e);
    s->ended_ns = clock_mono_ns();
    query_free(&q);
}

static void
slow_start(struct slow *s, struct engine *en, const char *text)
{
    struct err e;
    *s = (struct slow){.en = en};
    s->r = (struct query_request){.text = str_of(text), .range = true, .start = T0,
                                  .end = T0 + (int64_t)SAMPLES * 15000, .step = 500};
    s->r.cancel = NULL;
    ck_assert(thread_start(&s->t, "slow", slow_main, s, &e));
}

/* Waits until n queries are listed, the last of them waiting or not. */
static void
await_listed(struct engine *en, size_t n, bool waiting, uint64_t *id)
{
    for (int i = 0; i < 2000; i++) {
        struct arena *a = arena_new();
        struct engine_query *v;
        size_t got = engine_queries(en, a, &v);
        bool done = got == n && (n == 0 || v[n - 1].waiting == waiting);
        if (done && n > 0)
            *id = v[n - 1].id;
        arena_free(&a);
        if (done)
            return;
        clock_sleep_ms(1);
    }
    ck_abort_msg("not listed");
}

static const char *const slow_queries[] = {
    "quantile_over_time(0.5, x_total[6h])",
    "sum(stddev_over_time(x_total[6h]))",
    "max_over_time(quantile_over_time(0.5, x_total[6h])[12h:15s])",
    "quantile(0.4, quantile_over_time(0.5, x_total[5h]))",
    "mad_over_time(x_total[4h])",
};

/* Milliseconds from being asked to end until the end. */
static double
cancel_once(struct engine *en, const char *text)
{
    struct slow s;
    uint64_t id = 0;
    slow_start(&s, en, text);
    await_listed(en, 1, false, &id);
    clock_sleep_ms(60);
    int64_t asked = clock_mono_ns();
    ck_assert_msg(engine_cancel(en, id), "%s was quick", text);
    thread_join(&s.t);
    ck_assert(!s.ok && s.e.kind == ERR_CANCELED);
    ck_assert_str_eq(s.e.text, "query was canceled in expression evaluation");
    ck_assert(!engine_cancel(en, id));
    return (double)(s.ended_ns - asked) / 1e6;
}

START_TEST(test_cancel_by_id)
{
    data_init();
    struct engine_opts o = options();
    o.parse.experimental_functions = true;
    struct engine *en = engine_of(&o);
    for (size_t i = 0; i < ARRAY_LEN(slow_queries); i++) {
        double best = 1e9;
        for (int k = 0; k < 3 && best > END_WITHIN_MS; k++) { /* the machine may be busy */
            double ms = cancel_once(en, slow_queries[i]);
            best = MIN(best, ms);
        }
        ck_assert_msg(best < END_WITHIN_MS, "%s went on for %.1f ms", slow_queries[i], best);
    }
    engine_free(&en);
    tsdb_close(&db);
}
END_TEST

START_TEST(test_cancel_flag_and_timeout)
{
    data_init();
    struct engine_opts o = options();
    struct engine *en = engine_of(&o);
    struct query_request r = {.text = str_of(slow_queries[0]), .range = true, .start = T0,
                              .end = T0 + (int64_t)SAMPLES * 15000, .step = 500};
    r.timeout_ms = 50;
    int64_t start = clock_mono_ns();
    fails(en, &r, ERR_TIMEOUT, "query timed out in expression evaluation");
    ck_assert(clock_mono_ns() - start < (50 + END_WITHIN_MS) * (int64_t)1000000);
    _Atomic bool cancel = true;
    r = range_of("x_total");
    r.cancel = &cancel;
    fails(en, &r, ERR_CANCELED, "query was canceled in query queue");
    engine_free(&en);
    tsdb_close(&db);
}
END_TEST

START_TEST(test_slots)
{
    data_init();
    struct engine_opts o = options();
    o.max_concurrency = 1;
    struct engine *en = engine_of(&o);
    struct slow first, second;
    struct query_request r = range_of("sum(x_total)");
    struct query *q;
    struct err e;
    uint64_t id, id2;
    slow_start(&first, en, slow_queries[0]);
    await_listed(en, 1, false, &id);
    slow_start(&second, en, "sum(x_total)");
    await_listed(en, 2, true, &id2);
    r.for_rule = true; /* has slots of its own */
    ck_assert_msg(engine_run(en, &r, &q, &e), "%s", e.text);
    query_free(&q);
    r.for_rule = false;
    r.timeout_ms = 30;
    fails(en, &r, ERR_TIMEOUT, "query timed out in query queue");
    ck_assert(engine_cancel(en, id));
    thread_join(&first.t);
    thread_join(&second.t);
    ck_assert(!first.ok);
    ck_assert_msg(second.ok, "%s", second.e.text);
    await_listed(en, 0, false, &id);
    engine_free(&en);
    tsdb_close(&db);
}
END_TEST

static uint64_t
peak_of(struct engine *en, const char *text, uint64_t *total, uint64_t *read)
{
    struct query_request r = range_of(text);
    struct query *q;
    struct err e;
    ck_assert_msg(engine_run(en, &r, &q, &e), "%s", e.text);
    uint64_t peak = query_stats(q)->samples_peak;
    *total = query_stats(q)->samples_total;
    *read = query_stats(q)->samples_read;
    query_free(&q);
    return peak;
}

/* Figures of Prometheus 3.14 on the same data, 40 series at 10 steps. */
START_TEST(test_samples)
{
    static const struct {
        const char *text;
        uint64_t peak, total, read;
    } want[] = {
        {"x_total", 400, 400, 400},
        {"sum(x_total)", 400, 400, 400},
        {"x_total * 2", 851, 400, 400},
        {"x_total + x_total", 1280, 800, 800},
        {"rate(x_total[5m])", 420, 8000, 1160},
        {"sum(rate(x_total[5m]))", 420, 8000, 1160},
        {"1", 10, 0, 0},
    };
    data_init();
    struct engine_opts o = options();
    struct engine *en = engine_of(&o);
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        uint64_t total, read, peak = peak_of(en, want[i].text, &total, &read);
        ck_assert_msg(peak == want[i].peak && total == want[i].total && read == want[i].read,
                      "%s: peak %llu total %llu read %llu", want[i].text, (unsigned long long)peak,
                      (unsigned long long)total, (unsigned long long)read);
        struct engine_opts less = o;
        less.max_samples = peak - 1;
        struct engine *tight = engine_of(&less);
        struct query_request r = range_of(want[i].text);
        fails(tight, &r, ERR_EXEC,
              "query processing would load too many samples into memory in query execution");
        engine_free(&tight);
    }
    engine_free(&en);
    tsdb_close(&db);
}
END_TEST

START_TEST(test_memory)
{
    data_init();
    struct engine_opts o = options();
    struct query_request r = range_of("rate(x_total[5m]) > 0");
    struct query *q;
    struct err e;
    r.end = T0 + (int64_t)SAMPLES * 15000;
    o.query_bytes_max = 300000;
    struct engine *en = engine_of(&o);
    fails(en, &r, ERR_EXEC, "query would hold more than");
    fails(en, &r, ERR_EXEC, "in rate(x_total[5m]) > 0");
    r.text = STRL("vector(1)[1y:1ms]");
    r.range = false;
    fails(en, &r, ERR_EXEC, "query would hold more than");
    engine_free(&en);
    o.query_bytes_max = 0;
    o.total_bytes_max = 16u << 20;
    r = range_of("x_total");
    r.end = T0 + (int64_t)SAMPLES * 15000;
    r.step = 1600;
    en = engine_of(&o);
    fails(en, &r, ERR_EXEC, "all queries together would hold more than");
    r.for_rule = true;
    ck_assert_msg(engine_run(en, &r, &q, &e), "%s", e.text); /* a quarter is theirs alone */
    query_free(&q);
    engine_free(&en);
    tsdb_close(&db);
}
END_TEST

START_TEST(test_refusals)
{
    data_init();
    struct engine_opts o = options();
    struct engine *en = engine_of(&o);
    struct query_request r = range_of("x_total[5m]");
    fails(en, &r, ERR_PARSE,
          "invalid expression type \"range vector\" for range query, must be Scalar or instant Vector");
    r = range_of("x_total[5m:1m] offset (1m - 1m/0)");
    fails(en, &r, ERR_PARSE, "parse error");
    r = range_of("sum(");
    fails(en, &r, ERR_PARSE, "1:5: parse error: unclosed left parenthesis");
    r = range_of("topk(NaN, x_total)");
    fails(en, &r, ERR_EXEC, "Parameter value is NaN");
    r = range_of("count_values(\"\", x_total)");
    fails(en, &r, ERR_EXEC, "invalid label name \"\"");
    engine_free(&en);
    tsdb_close(&db);
}
END_TEST

/* --- files --- */

static char *
temp_dir(void)
{
    static char dir[64];
    snprintf(dir, sizeof(dir), "/tmp/narthex-engine-%ld", (long)getpid());
    struct err e;
    ck_assert(io_mkdir_all(dir, &e));
    return dir;
}

static struct buf
file_text(const char *dir, const char *name)
{
    struct buf b = {0};
    struct err e;
    char *path = io_join(dir, name);
    ck_assert_msg(io_read_file(path, 1 << 20, &b, &e), "%s", e.text);
    mem_free(path);
    return b;
}

START_TEST(test_journal)
{
    struct journal *j;
    struct err e;
    struct buf log = {0}, b;
    char *dir = temp_dir(), longer[3000];
    memset(longer, '"', sizeof(longer)); /* each becomes two */
    ck_assert(journal_open(&j, dir, 3, &e));
    journal_enter(j, 0, STRL("up"));
    journal_enter(j, 1, STR(longer, sizeof(longer)));
    journal_enter(j, 2, STRL("gone"));
    journal_leave(j, 2);
    b = file_text(dir, "queries.active");
    ck_assert_uint_eq(b.n, 3001);
    ck_assert(memcmp(b.p, "[{\"query\":\"up\",\"timestamp_sec\":", 31) == 0);
    ck_assert(b.p[1000] == ',' && b.p[2000] == ',' && b.p[2001] == 0 && b.p[3000] == 0);
    buf_free(&b);
    journal_close(&j);
    log_capture(&log);
    ck_assert(journal_open(&j, dir, 3, &e));
    log_capture(NULL);
    ck_assert(strstr(buf_cstr(&log), "didn't finish") != NULL);
    ck_assert(strstr(buf_cstr(&log), "up") != NULL && strstr(buf_cstr(&log), "gone") == NULL);
    buf_free(&log);
    journal_close(&j);
    ck_assert(io_remove_tree(dir, &e));
}
END_TEST

START_TEST(test_query_log)
{
    data_init();
    struct engine_opts o = options();
    struct err e;
    struct query *q;
    char *dir = temp_dir(), *path = io_join(dir, "q.log");
    o.journal_dir = dir;
    struct engine *en = engine_of(&o);
    struct query_request r = range_of("sum(x_total)");
    r.origin_json = STRL("{\"ruleGroup\":{\"file\":\"f\",\"name\":\"n\"}}");
    ck_assert(engine_set_query_log(en, path, &e));
    ck_assert(engine_run(en, &r, &q, &e));
    query_free(&q);
    r.text = STRL("topk(NaN, x_total)");
    ck_assert(!engine_run(en, &r, &q, &e));
    query_free(&q);
    ck_assert(engine_set_query_log(en, NULL, &e));
    ck_assert(engine_run(en, &(struct query_request){.text = STRL("1")}, &q, &e));
    query_free(&q);
    struct buf b = file_text(dir, "q.log");
    ptrdiff_t line = str_find_char(buf_str(&b), '\n', 0);
    struct json_doc *d;
    ck_assert(line > 0 && json_parse(STR(b.p, line), &d, &e));
    const struct json_node *root = json_root(d), *p = json_get(root, "params");
    ck_lit(json_text(json_get(root, "msg")), "promql query logged");
    ck_lit(json_text(json_get(p, "query")), "sum(x_total)");
    ck_lit(json_text(json_get(p, "start")), "2023-11-14T22:23:20.000Z");
    ck_assert_int_eq(json_int(json_get(p, "step")), 15);
    ck_lit(json_text(json_get(json_get(root, "ruleGroup"), "name")), "n");
    const struct json_node *samples = json_get(json_get(root, "stats"), "samples");
    ck_assert_int_eq(json_int(json_get(samples, "totalQueryableSamples")), 400);
    json_doc_free(&d);
    str rest = str_from(buf_str(&b), (size_t)line + 1);
    ck_assert(json_parse(rest, &d, &e));
    ck_lit(json_text(json_get(json_root(d), "error")), "Parameter value is NaN");
    json_doc_free(&d);
    buf_free(&b);
    engine_free(&en);
    mem_free(path);
    ck_assert(io_remove_tree(dir, &e));
    tsdb_close(&db);
}
END_TEST

START_TEST(test_explain)
{
    data_init();
    struct engine_opts o = options();
    struct engine *en = engine_of(&o);
    struct query_request r = range_of("sum(rate(x_total[5m])) / sum(rate(x_total[5m])) > 0");
    const struct query_node *v;
    struct query *q;
    struct err e;
    r.explain = true;
    ck_assert(engine_run(en, &r, &q, &e));
    size_t n = query_explain(q, &v);
    ck_assert_uint_ge(n, 4);
    ck_assert_uint_eq(v[0].depth, 0);
    bool rate = false, reused = false, selector = false;
    for (size_t i = 0; i < n; i++) {
        rate = rate || (strcmp(v[i].what, "rate") == 0 && v[i].series == SERIES &&
                        v[i].samples == SERIES * 10);
        selector = selector || (strcmp(v[i].what, "selector") == 0 && v[i].series == SERIES &&
                                v[i].samples == 29 * SERIES);
        reused = reused || (v[i].reused && strcmp(v[i].what, "sum") == 0);
    }
    ck_assert(rate && reused && selector);
    query_free(&q);
    engine_free(&en);
    tsdb_close(&db);
}
END_TEST

UNIT_MAIN("engine", test_cancel_by_id, test_cancel_flag_and_timeout, test_slots, test_samples,
          test_memory, test_refusals, test_journal, test_query_log, test_explain)
