/* test_isolation.c - writers, readers, churn and maintenance at once: a view sees batches
 * whole and all its selections see the same ones.  Built for ThreadSanitizer too. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/log.h"
#include "base/panic.h"
#include "base/thread.h"
#include "storage/append.h"
#include "storage/select.h"

#define WRITERS 3
#define SERIES 12
#define RUN_MS 1500

static char root[64];
static struct tsdb *db;
static atomic_bool stop;
static atomic_long now_ms = 1000000000;
static atomic_ulong views, batches, churned;

static struct labels
labels_of(struct arena *a, unsigned writer, unsigned i)
{
    struct label *v = ARENA_ARRAY(a, struct label, 3);
    v[0] = (struct label){LABEL_NAME, i % 2 ? STRL("odd") : STRL("even")};
    v[1] = (struct label){STRL("i"), arena_printf(a, "%u", i)};
    v[2] = (struct label){STRL("writer"), arena_printf(a, "%u", writer)};
    return (struct labels){.v = v, .n = 3};
}

/* Every batch gives all series of the writer the same value. */
static void
write_batches(void *arg)
{
    unsigned me = (unsigned)(uintptr_t)arg;
    struct append *a = append_new(db);
    struct append_result r;
    struct err e = ERR_INIT;
    struct arena *arena = arena_new();
    series_id ids[SERIES] = {0};
    for (double k = 1; !atomic_load(&stop); k++) {
        int64_t t = atomic_fetch_add(&now_ms, 700) + 700;
        for (unsigned i = 0; i < SERIES; i++)
            if (!append_float(a, ids[i], t, k)) {
                CHECK(append_series(a, labels_of(arena, me, i), &ids[i], &e));
                CHECK(append_float(a, ids[i], t, k));
            }
        CHECK(append_commit(a, (int)k % 16 ? APPEND_LAZY : APPEND_DURABLE, false, &r, &e));
        CHECK(r.accepted == SERIES);
        atomic_fetch_add(&batches, 1);
        arena_clear(arena);
    }
    arena_free(&arena);
    append_free(&a);
}

/* Series that come and go, some without ever getting a sample. */
static void
churn(void *arg UNUSED)
{
    struct append *a = append_new(db);
    struct append_result r;
    struct err e = ERR_INIT;
    struct arena *arena = arena_new();
    for (unsigned k = 0; !atomic_load(&stop); k++) {
        for (unsigned i = 0; i < 20; i++) {
            series_id id;
            struct label l[2] = {{LABEL_NAME, STRL("churn")},
                                 {STRL("pod"), arena_printf(arena, "pod-%u", k * 10 + i)}};
            CHECK(append_series(a, (struct labels){.v = l, .n = 2}, &id, &e));
            CHECK(append_float(a, id, atomic_load(&now_ms), k));
        }
        if (k % 5 == 0)
            append_rollback(a);
        else
            CHECK(append_commit(a, APPEND_LAZY, false, &r, &e));
        atomic_fetch_add(&churned, 1);
        clock_sleep_ms(1);
        arena_clear(arena);
    }
    arena_free(&arena);
    append_free(&a);
}

/* The newest value of a selection's series, which must agree. */
static double
newest(struct view *view, size_t i, struct arena *a, size_t *n)
{
    struct selection sel = view_selection(view, i);
    double value = 0;
    *n = sel.n;
    for (size_t k = 0; k < sel.n; k++) {
        struct column c;
        struct err e;
        CHECK(view_read(view, i, &sel.v[k], INT64_MIN, INT64_MAX, a, &c, &e));
        CHECK(c.n > 0 && labels_has(sel.v[k].labels, STRL("writer")));
        if (k == 0)
            value = c.v[c.n - 1];
        CHECK(c.v[c.n - 1] == value);
        for (size_t j = 1; j < c.n; j++)
            CHECK(c.v[j] == c.v[j - 1] + 1 && c.t[j] > c.t[j - 1]);
    }
    return value;
}

static void
read_views(void *arg)
{
    unsigned me = (unsigned)(uintptr_t)arg;
    struct err e = ERR_INIT;
    struct matcher m[4];
    char text[8];
    while (!atomic_load(&stop)) {
        snprintf(text, sizeof(text), "%u", me % WRITERS);
        for (int k = 0; k < 2; k++) {
            CHECK(matcher_init(&m[k * 2], MATCH_EQ, STRL("writer"), str_of(text), &e));
            CHECK(matcher_init(&m[k * 2 + 1], k ? MATCH_RE : MATCH_EQ, LABEL_NAME,
                               k ? STRL("ev.*") : STRL("odd"), &e));
        }
        struct selection_spec specs[2] = {
            {.m = m, .n = 2, .mint = INT64_MIN, .maxt = INT64_MAX},
            {.m = m + 2, .n = 2, .mint = INT64_MIN, .maxt = INT64_MAX}};
        struct view *view;
        struct arena *a = arena_new();
        size_t n[2];
        CHECK(view_open(&view, db, specs, 2, 0, &e));
        double odd = newest(view, 0, a, &n[0]), even = newest(view, 1, a, &n[1]);
        CHECK(odd == even && n[0] == n[1] && (n[0] == 0 || n[0] == SERIES / 2));
        view_close(&view);
        arena_free(&a);
        for (int k = 0; k < 4; k++)
            matcher_fini(&m[k]);
        atomic_fetch_add(&views, 1);
        me++;
    }
}

static void
run(const char *dir)
{
    struct tsdb_opts o;
    struct err e = ERR_INIT;
    struct thread *threads[WRITERS + 3];
    size_t n = 0;
    tsdb_opts_default(&o);
    o.dir = dir;
    o.block_min_ms = 600000;
    o.block_max_ms = 5400000;
    o.retention_ms = 0;
    o.wal_segment_bytes = 256 << 10;
    ck_assert_msg(tsdb_open(&db, &o, &e), "%s", e.text);
    atomic_store(&stop, false);
    for (unsigned i = 0; i < WRITERS; i++)
        ck_assert(thread_start(&threads[n++], "writer", write_batches, (void *)(uintptr_t)i, &e));
    ck_assert(thread_start(&threads[n++], "churn", churn, NULL, &e));
    for (unsigned i = 0; i < 2; i++)
        ck_assert(thread_start(&threads[n++], "reader", read_views, (void *)(uintptr_t)i, &e));
    int64_t end = clock_mono_ms() + RUN_MS;
    while (clock_mono_ms() < end) {
        ck_assert_msg(tsdb_compact(db, &e), "%s", e.text);
        clock_sleep_ms(20);
    }
    atomic_store(&stop, true);
    while (n > 0)
        thread_join(&threads[--n]);
    struct tsdb_stats st;
    tsdb_stats(db, &st);
    printf("%lu batches, %lu views, %lu churned, %llu series, %llu blocks\n",
           (unsigned long)atomic_load(&batches), (unsigned long)atomic_load(&views),
           (unsigned long)atomic_load(&churned), (unsigned long long)st.head_series,
           (unsigned long long)st.blocks);
    tsdb_close(&db);
}

START_TEST(test_memory)
{
    run(NULL);
}
END_TEST

START_TEST(test_folder)
{
    struct err e;
    snprintf(root, sizeof(root), "/tmp/narthex-isolation-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
    run(root);
    ck_assert(io_remove_tree(root, &e));
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("isolation");
    TCase *t = tcase_create("isolation");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_memory);
    tcase_add_test(t, test_folder);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
