/* test_head.c - the head in memory: random batches and selections against a naive model. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/rng.h"
#include "db_model.h"
#include "storage/db.h"

static struct tsdb *
open_memory(int64_t ooo_ms)
{
    struct tsdb_opts o;
    struct err e;
    struct tsdb *db;
    tsdb_opts_default(&o);
    o.out_of_order_ms = ooo_ms;
    ck_assert(tsdb_open(&db, &o, &e));
    return db;
}

static void
run_random(int64_t ooo_ms, int rounds)
{
    uint64_t seed = (uint64_t)clock_now_ns();
    printf("seed %llu\n", (unsigned long long)seed);
    rng_seed(seed);
    struct model m;
    model_init(&m);
    m.ooo_ms = ooo_ms;
    m.steady_values = ooo_ms > 0;
    struct tsdb *db = open_memory(ooo_ms);
    struct append *a = append_new(db);
    int64_t now = 100000000;
    for (int i = 0; i < rounds; i++) {
        now += (int64_t)rng_below(15000);
        model_batch(a, &m, now, APPEND_LAZY);
        if (i % 10 == 0)
            model_check_random(db, &m, now);
    }
    model_check_all(db, &m);
    struct labels sets[MODEL_SERIES];
    series_id ids[MODEL_SERIES];
    for (unsigned i = 0; i < MODEL_SERIES; i++)
        sets[i] = i % 7 ? m.s[i].labels : (struct labels){.v = m.s[i].labels.v, .n = 2};
    append_find_many(a, sets, MODEL_SERIES, ids);
    for (unsigned i = 0; i < MODEL_SERIES; i++)
        ck_assert_uint_eq(ids[i], append_find(a, sets[i]));
    append_rollback(a);
    for (int i = 0; i < 20; i++)
        model_check_labels(db, &m);
    append_free(&a);
    tsdb_close(&db);
    model_fini(&m);
}

START_TEST(test_random)
{
    run_random(0, 1500);
}
END_TEST

START_TEST(test_random_late)
{
    run_random(600000, 1000);
}
END_TEST

/* A batch is refused whole when asked for, also by what it holds itself. */
START_TEST(test_all_or_nothing)
{
    struct tsdb *db = open_memory(0);
    struct append *a = append_new(db);
    struct label l = {.name = LABEL_NAME, .value = STRL("up")};
    struct labels ls = {.v = &l, .n = 1};
    struct append_result r;
    struct err e;
    series_id id;
    ck_assert(append_series(a, ls, &id, &e));
    ck_assert(append_series_is_new(a, id));
    ck_assert(append_float(a, id, 1000, 1));
    ck_assert(append_float(a, id, 2000, 2));
    ck_assert(append_float(a, id, 2000, 3));
    ck_assert(append_commit(a, APPEND_DURABLE, true, &r, &e));
    ck_assert_uint_eq(r.accepted, 2);
    ck_assert_uint_eq(r.duplicate, 1);
    ck_assert_int_eq(r.verdict[2], APPEND_DUPLICATE);
    ck_assert(append_series_is_new(a, id));
    ck_assert(append_float(a, id, 500, 1));
    ck_assert(append_float(a, id, 2000, 2));
    ck_assert(append_float(a, id, 2000, 2));
    ck_assert(append_commit(a, APPEND_DURABLE, true, &r, &e));
    ck_assert_uint_eq(r.accepted, 3);
    ck_assert(append_float(a, id, 1999, 2));
    ck_assert(append_float(a, id, 2001, 2));
    ck_assert(append_commit(a, APPEND_DURABLE, true, &r, &e));
    ck_assert_uint_eq(r.out_of_order, 1);
    ck_assert(append_float(a, id, 2000, 2));
    ck_assert(append_commit(a, APPEND_DURABLE, false, &r, &e));
    ck_assert_uint_eq(r.accepted, 1);
    ck_assert_ptr_null(r.verdict);
    ck_assert(append_find(a, ls) == id);
    ck_assert(!append_series_is_new(a, id));
    ck_assert(!append_float(a, 77, 1, 1));
    ck_assert(!append_float(a, 0, 1, 1));
    append_rollback(a);
    append_free(&a);
    tsdb_close(&db);
}
END_TEST

/* Histograms: equal ones are the same sample, a stale marker takes their type. */
START_TEST(test_histograms)
{
    struct tsdb *db = open_memory(0);
    struct append *a = append_new(db);
    struct label l = {.name = LABEL_NAME, .value = STRL("h")};
    struct histogram_span span = {.offset = 0, .length = 2};
    double buckets[2] = {1, 2};
    struct histogram h = {.integer = true, .schema = 1, .zero_threshold = 0.01, .zero_count = 1,
                          .count = 4, .sum = 7, .pos_spans = &span, .pos_spans_n = 1,
                          .pos = buckets, .pos_n = 2};
    struct append_result r;
    struct err e;
    series_id id;
    ck_assert(append_series(a, (struct labels){.v = &l, .n = 1}, &id, &e));
    for (int i = 0; i < 300; i++) {
        h.count = 4 + i;
        h.zero_count = 1 + i;
        ck_assert(append_histogram(a, id, 0, i * 1000, &h));
    }
    ck_assert(append_histogram(a, id, 0, 299000, &h));
    ck_assert(append_float(a, id, 299000, 1));
    ck_assert(append_float(a, id, 300000, value_stale()));
    ck_assert(append_commit(a, APPEND_LAZY, false, &r, &e));
    ck_assert_uint_eq(r.accepted, 302);
    ck_assert_uint_eq(r.duplicate, 1);
    struct selection_spec spec = {.mint = 0, .maxt = INT64_MAX};
    struct view *view;
    struct column c;
    ck_assert(view_open(&view, db, &spec, 1, 0, &e));
    ck_assert_uint_eq(view_selection(view, 0).n, 1);
    struct arena *arena = arena_new();
    ck_assert(view_read(view, 0, view_selection(view, 0).v, 0, INT64_MAX, arena, &c, &e));
    ck_assert_uint_eq(c.n, 301);
    ck_assert_ptr_nonnull(c.h);
    for (int i = 0; i < 300; i++)
        ck_assert(c.h[i]->count == 4 + i && c.h[i]->pos_n == 2);
    ck_assert(histogram_is_stale(c.h[300]));
    view_close(&view);
    arena_free(&arena);
    append_free(&a);
    tsdb_close(&db);
}
END_TEST

/* A new series over the bound is refused, known ones go on. */
START_TEST(test_series_limit)
{
    struct tsdb_opts o;
    struct err e = ERR_INIT;
    struct tsdb *db;
    struct append_result r;
    series_id id, other;
    tsdb_opts_default(&o);
    o.series_max = 1;
    ck_assert(tsdb_open(&db, &o, &e));
    struct append *a = append_new(db);
    struct label l[2] = {{.name = STRL("a"), .value = STRL("1")}, {.name = STRL("a"), .value = STRL("2")}};
    ck_assert(append_series(a, (struct labels){.v = &l[0], .n = 1}, &id, &e));
    ck_assert(!append_series(a, (struct labels){.v = &l[1], .n = 1}, &other, &e));
    ck_assert_int_eq(e.kind, ERR_LIMIT);
    ck_assert(append_series(a, (struct labels){.v = &l[0], .n = 1}, &other, &e) && other == id);
    ck_assert(append_float(a, id, 1, 1));
    ck_assert(append_commit(a, APPEND_LAZY, false, &r, &e));
    ck_assert_uint_eq(r.accepted, 1);
    append_free(&a);
    tsdb_close(&db);
}
END_TEST

/* The record's shape is what memory per series is made of. */
START_TEST(test_record_size)
{
    ck_assert_uint_eq(sizeof(struct series), 64);
    ck_assert_uint_le(sizeof(struct series_cold), 40);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("head");
    TCase *t = tcase_create("head");
    tcase_set_timeout(t, 30);
    tcase_add_test(t, test_random);
    tcase_add_test(t, test_random_late);
    tcase_add_test(t, test_all_or_nothing);
    tcase_add_test(t, test_histograms);
    tcase_add_test(t, test_series_limit);
    tcase_add_test(t, test_record_size);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
