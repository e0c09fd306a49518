/* test_restart.c - the same answers before and after: floats, histograms, start times, late
 * samples, stale markers, deletions, exemplars; after a stop, after a kill, with a damaged
 * checkpoint, log or chunk file. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/codec.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "storage/append.h"
#include "storage/checkpoint.h"
#include "storage/db.h"
#include "storage/select.h"

static char root[64], copy_root[80];
static struct buf log_lines;

static void
setup(void)
{
    snprintf(root, sizeof(root), "/tmp/narthex-restart-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
    snprintf(copy_root, sizeof(copy_root), "%s-copy", root);
    log_capture(&log_lines);
}

static void
teardown(void)
{
    struct err e;
    log_capture(NULL);
    buf_free(&log_lines);
    ck_assert(io_remove_tree(root, &e));
    if (io_exists(copy_root))
        ck_assert(io_remove_tree(copy_root, &e));
}

static void
copy_tree(const char *from, const char *to)
{
    struct io_entry *list;
    size_t n;
    struct err e;
    ck_assert(io_mkdir_all(to, &e) && io_list(from, &list, &n, &e));
    for (size_t i = 0; i < n; i++) {
        char *src = io_join(from, list[i].name), *dst = io_join(to, list[i].name);
        struct buf b = {0};
        if (list[i].is_dir) {
            copy_tree(src, dst);
        } else {
            struct io_file *f;
            ck_assert(io_read_file(src, 1u << 30, &b, &e));
            ck_assert(io_open(&f, dst, IO_WRITE_CREATE, &e) && io_pwrite(f, buf_str(&b), 0, &e));
            io_close(&f);
        }
        buf_free(&b);
        mem_free(src);
        mem_free(dst);
    }
    io_list_free(&list, n);
}

static struct tsdb_opts
opts(const char *dir)
{
    struct tsdb_opts o;
    tsdb_opts_default(&o);
    o.dir = dir;
    o.block_min_ms = 600000;
    o.block_max_ms = 5400000;
    o.retention_ms = 0;
    o.out_of_order_ms = 900000;
    o.wal_segment_bytes = 256 << 10;
    o.exemplars_max = 50;
    return o;
}

static struct tsdb *
open_with(const struct tsdb_opts *o)
{
    struct tsdb *db;
    struct err e = ERR_INIT;
    ck_assert_msg(tsdb_open(&db, o, &e), "%s", e.text);
    return db;
}

/* Everything there is, as text. */
static struct buf
dump(struct tsdb *db)
{
    struct selection_spec spec = {.mint = INT64_MIN, .maxt = INT64_MAX};
    struct view *view;
    struct err e = ERR_INIT;
    struct buf b = {0};
    struct arena *a = arena_new();
    ck_assert_msg(view_open(&view, db, &spec, 1, 0, &e), "%s", e.text);
    struct selection sel = view_selection(view, 0);
    for (size_t i = 0; i < sel.n; i++) {
        struct column c;
        ck_assert_msg(view_read(view, 0, &sel.v[i], INT64_MIN, INT64_MAX, a, &c, &e), "%s", e.text);
        if (c.n == 0)
            continue;
        labels_put(&b, sel.v[i].labels);
        for (size_t k = 0; k < c.n; k++) {
            buf_printf(&b, "\n%lld %lld ", (long long)c.t[k], (long long)(c.st ? c.st[k] : 0));
            if (c.h && c.h[k])
                histogram_put_text(&b, c.h[k]);
            else
                buf_printf(&b, "%016llx", (unsigned long long)f64_bits(c.v[k]));
        }
        buf_byte(&b, '\n');
    }
    view_close(&view);
    struct exemplar_series *ex;
    size_t n = select_exemplars(db, &spec, 1, INT64_MIN, INT64_MAX, a, &ex);
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < ex[i].n; k++) {
            labels_put(&b, ex[i].series);
            labels_put(&b, ex[i].v[k].labels);
            buf_printf(&b, "%lld %g\n", (long long)ex[i].v[k].t, ex[i].v[k].value);
        }
    arena_free(&a);
    return b;
}

static void
expect_same(struct buf *want, struct tsdb *db, const char *when)
{
    struct buf got = dump(db);
    if (!str_eq(buf_str(want), buf_str(&got))) {
        size_t i = 0;
        while (i < want->n && i < got.n && want->p[i] == got.p[i])
            i++;
        i = i > 200 ? i - 200 : 0;
        ck_abort_msg("%s: differs at %zu of %zu and %zu:\n%.400s\n---\n%.400s", when, i, want->n,
                     got.n, buf_cstr(want) + MIN(i, want->n), buf_cstr(&got) + MIN(i, got.n));
    }
    buf_free(&got);
}

static void
put_histogram(struct append *a, series_id id, int64_t st, int64_t t)
{
    struct histogram_span span = {.offset = (int32_t)rng_below(3), .length = 3};
    double counts[3] = {(double)rng_below(9), (double)rng_below(9), (double)rng_below(9)};
    struct histogram h = {.integer = id % 2, .schema = 1, .zero_threshold = 0.001,
                          .zero_count = 2, .sum = rng_unit() * 10, .pos_spans = &span,
                          .pos_spans_n = 1, .pos = counts, .pos_n = 3};
    h.count = counts[0] + counts[1] + counts[2] + 2;
    ck_assert(append_histogram(a, id, st, t, &h));
}

/* One batch over 20 series: every fourth of histograms, some samples late or stale. */
static void
put_batch(struct append *a, int64_t now, bool last)
{
    struct append_result r;
    struct err e = ERR_INIT;
    for (unsigned i = 0; i < 20; i++) {
        char text[16];
        series_id id;
        snprintf(text, sizeof(text), "%u", i);
        struct label l[2] = {{LABEL_NAME, STRL("m")}, {STRL("i"), str_of(text)}};
        int64_t t = rng_below(8) ? now : now - (int64_t)rng_below(800) * 1000, st = now - 60000;
        if (rng_below(30) == 0)
            continue;
        ck_assert(append_series(a, (struct labels){.v = l, .n = 2}, &id, &e));
        if (rng_below(25) == 0)
            ck_assert(append_float(a, id, now, value_stale()));
        else if (i % 4 == 0)
            put_histogram(a, id, st, t);
        else
            ck_assert(append_float_st(a, id, st, t, i % 3 ? (double)rng_below(100) : rng_unit()));
        if (rng_below(20) == 0) {
            struct label x = {STRL("trace_id"), str_of(text)};
            ck_assert(append_exemplar(a, id, (struct labels){.v = &x, .n = 1}, now, rng_unit()));
        }
    }
    ck_assert_msg(append_commit(a, last ? APPEND_DURABLE : APPEND_LAZY, false, &r, &e), "%s", e.text);
}

static void
fill(struct tsdb *db, int64_t *now, int batches)
{
    struct append *a = append_new(db);
    struct err e = ERR_INIT;
    for (int i = 0; i < batches; i++) {
        *now += 5000 + (int64_t)rng_below(3) * 5000;
        put_batch(a, *now, i + 1 == batches);
        if (rng_below(40) == 0) {
            struct matcher m;
            ck_assert(matcher_init(&m, MATCH_RE, STRL("i"), STRL("[1-4]"), &e));
            ck_assert(tsdb_delete(db, &m, 1, *now - 100000, *now - 20000, &e));
            matcher_fini(&m);
        }
        if (rng_below(30) == 0)
            ck_assert_msg(tsdb_compact(db, &e), "%s", e.text);
    }
    ck_assert(wal_sync_all(db->wal, &e));
    append_free(&a);
}

static void
seed(void)
{
    uint64_t s = (uint64_t)clock_now_ns();
    printf("seed %llu\n", (unsigned long long)s);
    fflush(stdout);
    rng_seed(s);
}

/* Fills, stops, starts, kills, starts, again and again. */
static void
run_restarts(bool xor2, bool start_times)
{
    struct tsdb_opts o = opts(root), killed = opts(copy_root);
    struct err e;
    int64_t now = 100000000;
    seed();
    o.xor2 = killed.xor2 = xor2;
    o.store_start_times = killed.store_start_times = start_times;
    struct tsdb *db = open_with(&o);
    for (int round = 0; round < 2; round++) {
        fill(db, &now, 60);
        struct buf want = dump(db);
        mutex_lock(&db->maintain); /* the folder holds still */
        copy_tree(root, copy_root);
        mutex_unlock(&db->maintain);
        struct tsdb *after = open_with(&killed);
        expect_same(&want, after, "after a kill");
        tsdb_close(&after);
        after = open_with(&killed);
        expect_same(&want, after, "after a kill and a stop");
        ck_assert(tsdb_compact(after, &e));
        expect_same(&want, after, "after a kill, a stop and compaction");
        tsdb_close(&after);
        ck_assert(io_remove_tree(copy_root, &e));
        tsdb_close(&db);
        db = open_with(&o);
        expect_same(&want, db, "after a stop");
        buf_free(&want);
    }
    tsdb_close(&db);
}

START_TEST(test_restart)
{
    run_restarts(false, false);
}
END_TEST

START_TEST(test_restart_xor2)
{
    run_restarts(true, false);
}
END_TEST

START_TEST(test_restart_start_times)
{
    run_restarts(true, true);
}
END_TEST

static void
damage_file(const char *path, uint64_t at)
{
    struct io_file *f;
    struct err e;
    char byte;
    size_t got;
    ck_assert(io_open(&f, path, IO_READ, &e) && io_pread(f, &byte, 1, at, &got, &e));
    io_close(&f);
    byte ^= 0x10;
    ck_assert(io_open(&f, path, IO_WRITE_EXISTING, &e) && io_pwrite(f, STR(&byte, 1), at, &e));
    io_close(&f);
}

/* The newest checkpoint damaged anywhere: the one before and the log give the same. */
START_TEST(test_damaged_checkpoint)
{
    struct tsdb_opts o = opts(root), damaged = opts(copy_root);
    struct err e;
    int64_t now = 100000000;
    uint64_t *seqs;
    size_t n;
    seed();
    struct tsdb *db = open_with(&o);
    for (int i = 0; i < 3; i++) {
        fill(db, &now, 25);
        tsdb_close(&db);
        db = open_with(&o);
    }
    struct buf want = dump(db);
    tsdb_close(&db);
    char head_dir[80];
    snprintf(head_dir, sizeof(head_dir), "%s/head", root);
    ck_assert(checkpoint_list(head_dir, &seqs, &n, &e));
    ck_assert_uint_eq(n, 2);
    for (int i = 0; i < 5; i++) {
        char name[160];
        snprintf(name, sizeof(name), "%s/head/checkpoint.%016llx", copy_root,
                 (unsigned long long)seqs[n - 1]);
        copy_tree(root, copy_root);
        struct buf image = {0};
        ck_assert_msg(io_read_file(name, 1u << 30, &image, &e), "%s", e.text);
        damage_file(name, i < 2 ? (uint64_t)i : rng_below(image.n));
        db = open_with(&damaged);
        expect_same(&want, db, "with a damaged checkpoint");
        tsdb_close(&db);
        buf_free(&image);
        ck_assert(io_remove_tree(copy_root, &e));
    }
    mem_free(seqs);
    buf_free(&want);
}
END_TEST

/* A damaged chunk file gives an error or the truth, never another number. */
START_TEST(test_damaged_chunks)
{
    struct tsdb_opts o = opts(root), damaged = opts(copy_root);
    struct err e;
    int64_t now = 100000000;
    seed();
    struct tsdb *db = open_with(&o);
    fill(db, &now, 60);
    tsdb_close(&db);
    db = open_with(&o);
    struct buf want = dump(db);
    tsdb_close(&db);
    for (int i = 0; i < 6; i++) {
        char name[120];
        struct view *view;
        struct selection_spec spec = {.mint = INT64_MIN, .maxt = INT64_MAX};
        snprintf(name, sizeof(name), "%s/head/chunks/00000001", copy_root);
        copy_tree(root, copy_root);
        if (io_exists(name)) {
            damage_file(name, rng_below(4000));
            db = open_with(&damaged);
            struct arena *a = arena_new();
            ck_assert(view_open(&view, db, &spec, 1, 0, &e));
            struct selection sel = view_selection(view, 0);
            bool failed = false;
            for (size_t k = 0; k < sel.n; k++) {
                struct column c;
                if (!view_read(view, 0, &sel.v[k], INT64_MIN, INT64_MAX, a, &c, &e)) {
                    ck_assert_int_eq(e.kind, ERR_CORRUPT);
                    failed = true;
                }
            }
            view_close(&view);
            arena_free(&a);
            if (!failed)
                expect_same(&want, db, "with a damaged chunk file");
            ck_assert_msg(tsdb_compact(db, &e), "%s", e.text);
            tsdb_close(&db);
        }
        ck_assert(io_remove_tree(copy_root, &e));
    }
    buf_free(&want);
}
END_TEST

/* A snapshot is a database with the same content; without the head it has the blocks'. */
START_TEST(test_snapshot)
{
    struct tsdb_opts o = opts(root), of_copy = opts(root);
    struct err e = ERR_INIT;
    struct buf name = {0}, without = {0};
    char dir[200];
    int64_t now = 100000000;
    seed();
    struct tsdb *db = open_with(&o);
    fill(db, &now, 120);
    ck_assert(tsdb_compact(db, &e));
    ck_assert_msg(tsdb_snapshot(db, false, &name, &e), "%s", e.text);
    ck_assert_msg(tsdb_snapshot(db, true, &without, &e), "%s", e.text);
    ck_assert_uint_eq(name.n, 33); /* 20060102T150405Z-0123456789abcdef */
    exemplar_ring_resize(db->exemplars, 0); /* they are not in blocks */
    struct buf want = dump(db);
    snprintf(dir, sizeof(dir), "%s/snapshots/%s", root, buf_cstr(&name));
    of_copy.dir = dir;
    struct tsdb *copy = open_with(&of_copy);
    expect_same(&want, copy, "snapshot");
    tsdb_close(&copy);
    snprintf(dir, sizeof(dir), "%s/snapshots/%s", root, buf_cstr(&without));
    copy = open_with(&of_copy);
    struct tsdb_stats st, whole;
    tsdb_stats(copy, &st);
    tsdb_stats(db, &whole);
    ck_assert(st.blocks == whole.blocks && st.head_series == 0);
    tsdb_close(&copy);
    expect_same(&want, db, "after the snapshot");
    tsdb_close(&db);
    buf_free(&want);
    buf_free(&name);
    buf_free(&without);
}
END_TEST

/* Cleaning makes deletions final and changes no answer. */
START_TEST(test_clean_tombstones)
{
    struct tsdb_opts o = opts(root);
    struct err e = ERR_INIT;
    struct matcher m;
    struct arena *a = arena_new();
    int64_t now = 100000000;
    seed();
    struct tsdb *db = open_with(&o);
    fill(db, &now, 200);
    ck_assert(tsdb_compact(db, &e));
    ck_assert(matcher_init(&m, MATCH_RE, STRL("i"), STRL("1|7"), &e));
    ck_assert_msg(tsdb_delete(db, &m, 1, INT64_MIN, now - 300000, &e), "%s", e.text);
    struct buf want = dump(db);
    struct tsdb_block_meta *blocks;
    uint64_t tombstones = 0;
    for (size_t n = tsdb_blocks(db, a, &blocks); n > 0; n--)
        tombstones += blocks[n - 1].tombstones;
    ck_assert_uint_gt(tombstones, 0);
    ck_assert_msg(tsdb_clean_tombstones(db, &e), "%s", e.text);
    expect_same(&want, db, "cleaned");
    for (size_t n = tsdb_blocks(db, a, &blocks); n > 0; n--)
        ck_assert_uint_eq(blocks[n - 1].tombstones, 0);
    matcher_fini(&m);
    tsdb_close(&db);
    db = open_with(&o);
    expect_same(&want, db, "cleaned and started again");
    tsdb_close(&db);
    buf_free(&want);
    arena_free(&a);
}
END_TEST

/* Retention by time counts from the newest block; by size the oldest go first. */
START_TEST(test_retention)
{
    struct tsdb_opts o = opts(root);
    struct err e = ERR_INIT;
    struct arena *a = arena_new();
    struct tsdb_block_meta *blocks;
    int64_t now = 100000000;
    seed();
    o.block_max_ms = o.block_min_ms; /* no merging: blocks stay apart */
    o.out_of_order_ms = 0;
    struct tsdb *db = open_with(&o);
    fill(db, &now, 700);
    ck_assert(tsdb_compact(db, &e));
    size_t n = tsdb_blocks(db, a, &blocks);
    ck_assert_uint_gt(n, 6);
    int64_t newest = blocks[n - 1].maxt;
    o.retention_ms = 4 * o.block_min_ms;
    tsdb_reconfigure(db, &o);
    ck_assert(tsdb_compact(db, &e));
    n = tsdb_blocks(db, a, &blocks);
    ck_assert_uint_eq(n, 4);
    ck_assert(blocks[n - 1].maxt == newest && blocks[0].maxt > newest - o.retention_ms);
    struct wal_stats w;
    wal_stats(db->wal, &w);
    o.retention_bytes = w.bytes + head_file_bytes(db->head.file) + blocks[3].size_bytes +
                        blocks[2].size_bytes + 10;
    tsdb_reconfigure(db, &o);
    ck_assert(tsdb_compact(db, &e));
    n = tsdb_blocks(db, a, &blocks);
    ck_assert(n >= 1 && n <= 3 && blocks[n - 1].maxt == newest);
    tsdb_close(&db);
    arena_free(&a);
}
END_TEST

/* New numbers for all series: the same answers, now and after a stop and a kill. */
START_TEST(test_renumber)
{
    struct tsdb_opts o = opts(root), killed = opts(copy_root);
    struct err e = ERR_INIT;
    int64_t now = 100000000;
    seed();
    struct tsdb *db = open_with(&o);
    fill(db, &now, 60);
    db->head.series.next_id = 3000000000;
    fill(db, &now, 2); /* known series keep their ids, the next new one gets a high one */
    struct label l = {LABEL_NAME, STRL("new")};
    struct append *a = append_new(db);
    series_id id;
    struct append_result r;
    ck_assert(append_series(a, (struct labels){.v = &l, .n = 1}, &id, &e) && id == 3000000000);
    ck_assert(append_float(a, id, now, 1) && append_commit(a, APPEND_LAZY, false, &r, &e));
    append_free(&a);
    struct buf want = dump(db);
    tsdb_close(&db);
    db = open_with(&o); /* renumbers */
    ck_assert_uint_eq(db->head.series.next_id, 22);
    expect_same(&want, db, "renumbered");
    buf_free(&want);
    fill(db, &now, 30);
    want = dump(db);
    mutex_lock(&db->maintain);
    copy_tree(root, copy_root);
    mutex_unlock(&db->maintain);
    struct tsdb *after = open_with(&killed);
    expect_same(&want, after, "renumbered, after a kill");
    tsdb_close(&after);
    tsdb_close(&db);
    db = open_with(&o);
    expect_same(&want, db, "renumbered, after a stop");
    tsdb_close(&db);
    buf_free(&want);
}
END_TEST

/* A second server is told so; a reader is not in the way and changes nothing. */
START_TEST(test_sharing)
{
    struct tsdb_opts o = opts(root), reader = opts(root);
    struct tsdb *db = open_with(&o), *other;
    struct err e = ERR_INIT;
    struct append_result r;
    int64_t now = 100000000;
    ck_assert(!tsdb_open(&other, &o, &e));
    ck_assert_int_eq(e.kind, ERR_UNAVAILABLE);
    ck_assert_msg(str_starts(err_str(&e), STRL("lock DB directory: ")), "%s", e.text);
    fill(db, &now, 40);
    struct buf want = dump(db);
    reader.read_only = true;
    other = open_with(&reader);
    expect_same(&want, other, "read-only");
    struct append *a = append_new(other);
    ck_assert(!append_commit(a, APPEND_LAZY, false, &r, &e));
    append_free(&a);
    tsdb_close(&other);
    expect_same(&want, db, "after a reader");
    tsdb_close(&db);
    buf_free(&want);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("restart");
    TCase *t = tcase_create("restart");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_restart);
    tcase_add_test(t, test_restart_xor2);
    tcase_add_test(t, test_restart_start_times);
    tcase_add_test(t, test_damaged_checkpoint);
    tcase_add_test(t, test_damaged_chunks);
    tcase_add_test(t, test_snapshot);
    tcase_add_test(t, test_clean_tombstones);
    tcase_add_test(t, test_retention);
    tcase_add_test(t, test_renumber);
    tcase_add_test(t, test_sharing);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
