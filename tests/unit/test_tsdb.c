/* test_tsdb.c - the database in a folder against a naive model: random batches, late
 * samples, deletions, compactions, restarts and crashes. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "db_model.h"
#include "storage/db.h"

static char root[64];

static void
setup(void)
{
    snprintf(root, sizeof(root), "/tmp/narthex-tsdb-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
}

static void
teardown(void)
{
    struct err e;
    fault_disarm_all();
    ck_assert(io_remove_tree(root, &e));
}

static struct tsdb_opts
test_opts(const char *dir, const struct model *m)
{
    struct tsdb_opts o;
    tsdb_opts_default(&o);
    o.dir = dir;
    o.block_min_ms = m->block_ms;
    o.block_max_ms = m->block_ms * 9;
    o.out_of_order_ms = m->ooo_ms;
    o.retention_ms = 0;
    o.wal_segment_bytes = 64 << 10;
    o.exemplars_max = 100;
    return o;
}

static struct tsdb *
open_db(const char *dir, const struct model *m)
{
    struct tsdb_opts o = test_opts(dir, m);
    struct tsdb *db;
    struct err e = ERR_INIT;
    ck_assert_msg(tsdb_open(&db, &o, &e), "%s", e.text);
    return db;
}

static void
model_setup(struct model *m, int64_t ooo_ms)
{
    model_init(m);
    m->bounded = true;
    m->block_ms = 600000;
    m->ooo_ms = ooo_ms;
    m->steady_values = ooo_ms > 0;
}

static void
random_delete(struct tsdb *db, struct model *m, int64_t now)
{
    struct matcher ms[4];
    struct err e = ERR_INIT;
    size_t n = model_matchers(ms);
    int64_t mint = now - (int64_t)rng_below(4000000), maxt = mint + (int64_t)rng_below(1000000);
    ck_assert_msg(tsdb_delete(db, ms, n, mint, maxt, &e), "%s", e.text);
    model_delete(m, ms, n, mint, maxt);
    for (size_t i = 0; i < n; i++)
        matcher_fini(&ms[i]);
}

static void
run_random(int64_t ooo_ms, int rounds)
{
    uint64_t seed = (uint64_t)clock_now_ns();
    printf("seed %llu\n", (unsigned long long)seed);
    fflush(stdout);
    rng_seed(seed);
    struct model m;
    struct err e = ERR_INIT;
    model_setup(&m, ooo_ms);
    struct tsdb *db = open_db(root, &m);
    struct append *a = append_new(db);
    int64_t now = 100000000;
    for (int i = 0; i < rounds; i++) {
        now += (int64_t)rng_below(15000);
        model_batch(a, &m, now, rng_below(20) ? APPEND_LAZY : APPEND_DURABLE);
        if (i % 20 == 0)
            model_check_random(db, &m, now);
        if (rng_below(150) == 0 && ooo_ms == 0)
            random_delete(db, &m, now);
        if (rng_below(100) == 0)
            ck_assert_msg(tsdb_compact(db, &e), "%s", e.text);
        if (rng_below(200) == 0) {
            append_free(&a);
            tsdb_close(&db);
            db = open_db(root, &m);
            a = append_new(db);
            model_check_all(db, &m);
        }
    }
    model_check_all(db, &m);
    for (int i = 0; i < 20; i++)
        model_check_labels(db, &m);
    struct tsdb_stats st;
    tsdb_stats(db, &st);
    ck_assert_uint_gt(st.blocks, 0);
    append_free(&a);
    tsdb_close(&db);
    model_fini(&m);
}

START_TEST(test_random)
{
    run_random(0, 700);
}
END_TEST

START_TEST(test_random_late)
{
    run_random(1500000, 600);
}
END_TEST

/* A full disk: samples are refused and it says why, queries go on, and when there is room
 * again so do the samples, by themselves, with nothing acknowledged lost. */
START_TEST(test_full_disk)
{
    struct model m;
    struct append_result r;
    struct tsdb_stats st;
    struct err e = ERR_INIT;
    struct buf lines = {0};
    series_id id;
    int64_t t = 100000000;
    model_setup(&m, 0);
    log_capture(&lines);
    struct tsdb *db = open_db(root, &m);
    struct append *a = append_new(db);
    fault_arm(FAULT_IO_ALLOCATE, 0, 28 /* ENOSPC */, true);
    bool ok = true;
    int acked = 0;
    for (int i = 0; i < 3000 && ok; i++) {
        for (unsigned k = 0; k < MODEL_SERIES; k++) {
            ck_assert(append_series(a, m.s[k].labels, &id, &e));
            ck_assert(append_float(a, id, t + i * 1000, rng_unit()));
        }
        ok = append_commit(a, APPEND_DURABLE, false, &r, &e);
        acked += ok;
    }
    ck_assert(!ok && acked > 0);
    ck_assert_int_eq(e.kind, ERR_UNAVAILABLE);
    tsdb_stats(db, &st);
    ck_assert(st.read_only && st.read_only_reason[0]);
    ck_assert(append_series(a, m.s[0].labels, &id, &e) && append_float(a, id, t + 4000000, 1));
    ck_assert(!append_commit(a, APPEND_LAZY, false, &r, &e));
    struct selection_spec spec = {.mint = 0, .maxt = INT64_MAX};
    struct view *view;
    ck_assert(view_open(&view, db, &spec, 1, 0, &e));
    ck_assert_uint_eq(view_selection(view, 0).n, MODEL_SERIES);
    view_close(&view);
    fault_disarm_all();
    int64_t end = clock_mono_ms() + 10000;
    do {
        clock_sleep_ms(50);
        ck_assert(append_series(a, m.s[0].labels, &id, &e) && append_float(a, id, t + 3000000, 1));
        ok = append_commit(a, APPEND_DURABLE, false, &r, &e);
    } while (!ok && clock_mono_ms() < end);
    ck_assert_msg(ok, "%s", e.text);
    append_free(&a);
    tsdb_close(&db);
    db = open_db(root, &m);
    ck_assert(view_open(&view, db, &spec, 1, 0, &e));
    struct arena *arena = arena_new();
    for (size_t i = 0; i < MODEL_SERIES; i++) {
        struct column c;
        ck_assert(view_read(view, 0, &view_selection(view, 0).v[i], 0, INT64_MAX, arena, &c, &e));
        ck_assert_uint_ge(c.n, (size_t)acked);
    }
    arena_free(&arena);
    view_close(&view);
    tsdb_close(&db);
    log_capture(NULL);
    buf_free(&lines);
    model_fini(&m);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("tsdb");
    TCase *t = tcase_create("tsdb");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_random);
    tcase_add_test(t, test_random_late);
    tcase_add_test(t, test_full_disk);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
