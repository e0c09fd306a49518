/* test_crash.c - a database that is killed again and again: a batch that was acknowledged is
 * there, whole; one that was not is there whole or not at all. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "storage/append.h"
#include "storage/select.h"

#define SERIES 60
#define PER_BATCH 10
#define STEP_MS 5000
#define FIRST_MS 1000000000
#define BATCHES_MAX 200000

static char root[64];

static bool
try_open(struct tsdb **db, struct err *e)
{
    struct tsdb_opts o;
    tsdb_opts_default(&o);
    o.dir = root;
    o.block_min_ms = 600000;
    o.block_max_ms = 5400000;
    o.retention_ms = 0;
    o.wal_segment_bytes = 32 << 10;
    return tsdb_open(db, &o, e);
}

static struct tsdb *
open_db(void)
{
    struct tsdb *db;
    struct err e = ERR_INIT;
    ck_assert_msg(try_open(&db, &e), "%s", e.text);
    return db;
}

/* False if it was not acknowledged. */
static bool
try_batch(struct append *a, uint64_t k, enum append_durability how, struct err *e)
{
    struct append_result r;
    for (uint64_t j = 0; j < PER_BATCH; j++) {
        char text[32];
        series_id id;
        snprintf(text, sizeof(text), "host-%llu", (unsigned long long)(k * 7 + j * 6) % SERIES);
        struct label l[2] = {{LABEL_NAME, STRL("m")}, {STRL("instance"), str_of(text)}};
        ck_assert(append_series(a, (struct labels){.v = l, .n = 2}, &id, e));
        ck_assert(append_float(a, id, FIRST_MS + (int64_t)k * STEP_MS, (double)k));
    }
    bool ok = append_commit(a, how, false, &r, e);
    ck_assert(!ok || r.accepted == PER_BATCH);
    return ok;
}

static void
put_batch(struct append *a, uint64_t k, enum append_durability how)
{
    struct err e = ERR_INIT;
    ck_assert_msg(try_batch(a, k, how, &e), "%s", e.text);
}

/* The victim: appends from batch `first` on and tells of each that was acknowledged. */
static void
victim(uint64_t first, int tell, uint64_t seed)
{
    rng_seed(seed);
    struct tsdb *db = open_db();
    struct append *a = append_new(db);
    for (uint64_t k = first;; k++) {
        bool durable = rng_below(3) == 0;
        struct err e;
        put_batch(a, k, durable ? APPEND_DURABLE : APPEND_LAZY);
        if (durable && write(tell, &k, sizeof(k)) != sizeof(k))
            _exit(1);
        if (rng_below(40) == 0 && !tsdb_compact(db, &e)) {
            fprintf(stderr, "%s\n", e.text);
            _exit(1);
        }
        if (rng_below(60) == 0) {
            append_free(&a);
            tsdb_close(&db);
            db = open_db();
            a = append_new(db);
        }
    }
}

/* Counts the samples of each batch and returns the number after the last one seen. */
static uint64_t
look(uint8_t *count)
{
    struct tsdb *db = open_db();
    struct selection_spec spec = {.mint = INT64_MIN, .maxt = INT64_MAX};
    struct view *view;
    struct err e = ERR_INIT;
    uint64_t next = 0;
    memset(count, 0, BATCHES_MAX);
    ck_assert_msg(view_open(&view, db, &spec, 1, 0, &e), "%s", e.text);
    struct selection sel = view_selection(view, 0);
    struct arena *a = arena_new();
    for (size_t i = 0; i < sel.n; i++) {
        struct column c;
        ck_assert_msg(view_read(view, 0, &sel.v[i], INT64_MIN, INT64_MAX, a, &c, &e), "%s", e.text);
        for (size_t k = 0; k < c.n; k++) {
            uint64_t batch = (uint64_t)(c.t[k] - FIRST_MS) / STEP_MS;
            ck_assert(batch < BATCHES_MAX && c.v[k] == (double)batch);
            count[batch]++;
            next = MAX(next, batch + 1);
        }
    }
    view_close(&view);
    arena_free(&a);
    tsdb_close(&db);
    return next;
}

/* Runs a victim for some milliseconds; returns the last acknowledged batch + 1, or `first`. */
static uint64_t
kill_one(uint64_t first, int64_t ms, uint64_t seed)
{
    int ends[2];
    uint64_t k, acked = first;
    int status;
    ck_assert_int_eq(pipe(ends), 0);
    pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        close(ends[0]);
        victim(first, ends[1], seed);
    }
    close(ends[1]);
    clock_sleep_ms(ms);
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    while (read(ends[0], &k, sizeof(k)) == sizeof(k))
        acked = k + 1;
    close(ends[0]);
    ck_assert(WIFSIGNALED(status));
    return acked;
}

START_TEST(test_kill)
{
    uint64_t seed = (uint64_t)clock_now_ns();
    printf("seed %llu\n", (unsigned long long)seed);
    fflush(stdout);
    rng_seed(seed);
    snprintf(root, sizeof(root), "/tmp/narthex-crash-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
    uint8_t *count = MEM_ARRAY(uint8_t, BATCHES_MAX);
    uint64_t next = 0, total = 0;
    for (int round = 0; round < 14; round++) {
        uint64_t acked = kill_one(next, 20 + (int64_t)rng_below(300), rng_next());
        uint64_t end = look(count);
        total += acked - next;
        ck_assert_msg(end >= acked, "batch %llu was acknowledged, %llu is the last",
                      (unsigned long long)acked - 1, (unsigned long long)end);
        for (uint64_t k = 0; k < end; k++)
            ck_assert_msg(count[k] == PER_BATCH, "batch %llu has %u samples",
                          (unsigned long long)k, count[k]);
        next = end;
    }
    printf("%llu batches acknowledged, %llu there\n", (unsigned long long)total,
           (unsigned long long)next);
    struct err e;
    mem_free(count);
    ck_assert(io_remove_tree(root, &e));
}
END_TEST

/* What a database with a failing disk acknowledged; the rest may be there or not. */
static void
run_with_fault(enum fault what, long n, bool sticky, uint8_t *acked, uint64_t *next)
{
    struct tsdb *db = open_db();
    struct append *a = append_new(db);
    struct err e = ERR_INIT;
    fault_arm(what, n, what == FAULT_IO_ALLOCATE ? ENOSPC : EIO, sticky);
    for (int i = 0; i < 60; i++) {
        uint64_t k = (*next)++;
        acked[k] = try_batch(a, k, i % 4 ? APPEND_LAZY : APPEND_DURABLE, &e) && i % 4 == 0;
        if (i % 30 == 29)
            (void)!tsdb_compact(db, &e);
    }
    append_free(&a);
    tsdb_close(&db);
    /* Opening may fail while the disk does, but must not make things worse. */
    if (try_open(&db, &e))
        tsdb_close(&db);
    fault_disarm_all();
}

static void
check_faults(enum fault what, bool sticky)
{
    uint8_t *count = MEM_ARRAY(uint8_t, BATCHES_MAX), *acked = MEM_ARRAY(uint8_t, BATCHES_MAX);
    uint64_t next = 0;
    struct err e;
    for (int round = 0; round < 2; round++) {
        long n = (long)rng_below(1 + 50 * (uint64_t)round);
        run_with_fault(what, n, sticky, acked, &next);
        look(count);
        for (uint64_t k = 0; k < next; k++)
            ck_assert_msg(count[k] == PER_BATCH || (count[k] == 0 && !acked[k]),
                          "fault %d at %ld%s: batch %llu has %u samples%s", what, n,
                          sticky ? " and on" : "", (unsigned long long)k, count[k],
                          acked[k] ? " and was acknowledged" : "");
    }
    mem_free(count);
    mem_free(acked);
    ck_assert(io_remove_tree(root, &e) && io_mkdir_all(root, &e));
}

START_TEST(test_faults)
{
    static const enum fault points[] = {
        FAULT_IO_OPEN, FAULT_IO_READ, FAULT_IO_WRITE, FAULT_IO_SHORT_WRITE,
        FAULT_IO_SYNC, FAULT_IO_RENAME, FAULT_IO_UNLINK, FAULT_IO_TRUNCATE,
        FAULT_IO_ALLOCATE, FAULT_IO_MKDIR, FAULT_IO_MMAP};
    uint64_t seed = (uint64_t)clock_now_ns();
    struct buf lines = {0};
    struct err e;
    printf("seed %llu\n", (unsigned long long)seed);
    fflush(stdout);
    rng_seed(seed);
    snprintf(root, sizeof(root), "/tmp/narthex-fault-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
    log_capture(&lines);
    for (size_t i = 0; i < ARRAY_LEN(points); i++) {
        check_faults(points[i], false);
        check_faults(points[i], true);
    }
    log_capture(NULL);
    buf_free(&lines);
    ck_assert(io_remove_tree(root, &e));
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("crash");
    TCase *t = tcase_create("crash");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, test_kill);
    tcase_add_test(t, test_faults);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
