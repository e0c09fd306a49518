/* test_wal.c - records and segments byte by byte, and a log that was cut at every length and
 * had every byte flipped: whole records are served, nothing else, never a crash. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/codec.h"
#include "base/fault.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/rng.h"
#include "storage/record.h"
#include "storage/wal.h"
#include "storage/wal_segment.h"

static char root[64];
static struct buf log_lines;

static void
setup(void)
{
    snprintf(root, sizeof(root), "/tmp/narthex-wal-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(root));
    log_capture(&log_lines); /* failures are made on purpose: no noise */
}

static void
teardown(void)
{
    struct err e;
    fault_disarm_all();
    log_capture(NULL);
    buf_free(&log_lines);
    ck_assert(io_remove_tree(root, &e));
}

static void
put_hex(struct buf *out, str bytes)
{
    for (size_t i = 0; i < bytes.n; i++)
        buf_printf(out, "%02x", (uint8_t)bytes.p[i]);
}

static void
expect_hex(str bytes, const char *want)
{
    struct buf got = {0};
    put_hex(&got, bytes);
    ck_assert_str_eq(buf_cstr(&got), want);
    buf_free(&got);
}

/* The dump in record.h. */
START_TEST(test_record_dump)
{
    struct record r;
    struct buf b = {0};
    record_init(&r);
    record_put_float(&r.floats, 7, 0, 1000, 1.0);
    record_put_float(&r.floats, 8, 0, 1000, 2.0);
    record_encode(&r, &b);
    expect_hex(buf_str(&b), "021c0201d00f"
                            "0701000000000000"
                            "000000000000000000000000f0003f40");
    buf_free(&b);
    record_fini(&r);
}
END_TEST

/* The dump in wal_segment.h. */
START_TEST(test_frame_dump)
{
    struct wal_segment s = {.number = 1, .salt = 0x0102030405060708};
    struct buf b = {0};
    wal_frame_put(&b, &s, 9, WAL_BATCH, STRL("hi"));
    expect_hex(buf_str(&b), "c3a5010102000000090000000000000002000000737075716869");
    buf_free(&b);
}
END_TEST

/* What a record was decoded to, as text. */
static void
seen_labels(struct buf *b, struct labels ls)
{
    labels_put(b, ls);
}
static void
seen_series(void *arg, uint32_t id, struct labels ls)
{
    buf_printf(arg, "series %u ", id);
    seen_labels(arg, ls);
    buf_byte(arg, '\n');
}
static void
seen_floats(void *arg, bool late, const struct record_floats *f)
{
    for (size_t i = 0; i < f->n; i++)
        buf_printf(arg, "%s %u %lld %lld %016llx\n", late ? "late" : "float", f->ids[i],
                   (long long)(f->st ? f->st[i] : 0), (long long)f->t[i],
                   (unsigned long long)f64_bits(f->v[i]));
}
static void
seen_histogram(void *arg, bool late, uint32_t id, int64_t st, int64_t t, const struct histogram *h)
{
    buf_printf(arg, "%s %u %lld %lld ", late ? "late histogram" : "histogram", id, (long long)st,
               (long long)t);
    histogram_put_text(arg, h);
    buf_printf(arg, " reset %d schema %d\n", h->reset, h->schema);
}
static void
seen_deleted(void *arg, uint32_t id, int64_t mint, int64_t maxt)
{
    buf_printf(arg, "deleted %u %lld %lld\n", id, (long long)mint, (long long)maxt);
}
static void
seen_exemplar(void *arg, uint32_t id, struct labels ls, int64_t t, double v)
{
    buf_printf(arg, "exemplar %u %lld %g ", id, (long long)t, v);
    seen_labels(arg, ls);
    buf_byte(arg, '\n');
}
static void
seen_closed(void *arg, int64_t min_valid)
{
    buf_printf(arg, "closed %lld\n", (long long)min_valid);
}
static const struct record_sink sink = {
    .series = seen_series, .floats = seen_floats, .histogram = seen_histogram,
    .deleted = seen_deleted, .exemplar = seen_exemplar, .closed = seen_closed};

static struct histogram *
random_histogram(struct arena *a)
{
    struct histogram *h = ARENA_NEW(a, struct histogram);
    h->integer = rng_below(2);
    h->schema = (int8_t)(rng_below(12)) - 4;
    h->reset = (uint8_t)rng_below(4);
    h->zero_threshold = 0.001;
    h->sum = rng_unit() * 100 - 50;
    h->zero_count = (double)rng_below(10) + (h->integer ? 0 : 0.5);
    h->pos_n = rng_below(6) + 1;
    h->pos_spans_n = 1;
    h->pos_spans = ARENA_NEW(a, struct histogram_span);
    *h->pos_spans = (struct histogram_span){.offset = (int32_t)rng_below(9) - 4,
                                            .length = (uint32_t)h->pos_n};
    h->pos = ARENA_ARRAY(a, double, h->pos_n);
    for (size_t i = 0; i < h->pos_n; i++)
        h->pos[i] = (double)rng_below(100);
    h->count = 1000;
    return h;
}

/* A record with random content and what decoding it should say. */
static void
random_record(struct record *r, struct buf *want)
{
    struct arena *a = arena_new();
    struct record_floats *sets[2] = {&r->floats, &r->late};
    for (size_t i = rng_below(3); i > 0; i--) {
        struct label l[2] = {{STRL("__name__"), arena_printf(a, "m%llu", (unsigned long long)rng_below(9))},
                             {STRL("job"), STRL("x")}};
        struct labels ls = {.v = l, .n = 2};
        uint32_t id = (uint32_t)rng_below(1000) + 1;
        record_put_series(r, id, ls);
        seen_series(want, id, ls);
    }
    for (int k = 0; k < 2; k++) {
        bool one_time = rng_below(2), starts = rng_below(4) == 0;
        size_t n = rng_below(400);
        for (size_t i = 0; i < n; i++)
            record_put_float(sets[k], (uint32_t)rng_below(100000) + 1,
                             starts ? (int64_t)rng_below(1000) : 0,
                             one_time ? 1700000000000 : (int64_t)rng_next(),
                             f64_from_bits(rng_next()));
    }
    seen_floats(want, false, &r->floats);
    if (rng_below(2)) {
        struct histogram *h = random_histogram(a);
        record_put_histogram(&r->histograms, 5, 1, 77, h);
        seen_histogram(want, false, 5, 1, 77, h);
    }
    seen_floats(want, true, &r->late);
    if (rng_below(4) == 0) {
        record_put_deleted(r, 3, -5, 500);
        seen_deleted(want, 3, -5, 500);
    }
    if (rng_below(4) == 0) {
        struct label l = {STRL("trace_id"), STRL("abc")};
        record_put_exemplar(r, 4, (struct labels){.v = &l, .n = 1}, 99, 1.5);
        seen_exemplar(want, 4, (struct labels){.v = &l, .n = 1}, 99, 1.5);
    }
    if (rng_below(8) == 0) {
        record_put_closed(r, 7200000);
        seen_closed(want, 7200000);
    }
    arena_free(&a);
}

START_TEST(test_record_round_trip)
{
    rng_seed(1);
    for (int round = 0; round < 300; round++) {
        struct record r;
        struct buf plain = {0}, want = {0}, got = {0};
        struct err e = ERR_INIT;
        struct arena *a = arena_new();
        record_init(&r);
        random_record(&r, &want);
        record_encode(&r, &plain);
        ck_assert_msg(record_decode(buf_str(&plain), &sink, &got, a, &e), "%s", e.text);
        ck_assert(str_eq(buf_str(&want), buf_str(&got)));
        /* Any cut or damage: an answer, and no harm. */
        for (int k = 0; k < 20 && plain.n; k++) {
            struct buf ignored = {0};
            size_t n = rng_below(plain.n);
            char *copy = memcpy(mem_alloc(plain.n), plain.p, plain.n);
            copy[n] = (char)(copy[n] ^ (1 << rng_below(8)));
            arena_clear(a);
            (void)!record_decode(STR(copy, k % 2 ? plain.n : n), &sink, &ignored, a, &e);
            mem_free(copy);
            buf_free(&ignored);
        }
        record_fini(&r);
        buf_free(&plain);
        buf_free(&want);
        buf_free(&got);
        arena_free(&a);
    }
}
END_TEST

/* A small segment of known records. */
#define RECORDS 5

static struct buf
make_segment(const char *path, size_t ends[RECORDS])
{
    struct wal_segment *s;
    struct err e = ERR_INIT;
    struct buf image = {0};
    ck_assert_msg(wal_segment_create(&s, root, 1, 10, 4096, &e), "%s", e.text);
    for (uint64_t i = 0; i < RECORDS; i++) {
        struct buf frame = {0};
        char text[200];
        memset(text, 'a' + (int)i, sizeof(text));
        wal_frame_put(&frame, s, 10 + i, WAL_BATCH, STR(text, i % 2 ? 200 : 20));
        ck_assert(io_pwrite(s->file, buf_str(&frame), s->end, &e));
        s->end += frame.n;
        ends[i] = s->end;
        buf_free(&frame);
    }
    wal_segment_free(&s);
    ck_assert(io_read_file(path, 1 << 20, &image, &e));
    return image;
}

/* Writes the image and reads it back; bit i of the result says that record 10+i came whole.
 * Anything else that comes is a failure. */
static unsigned
served(const char *path, str image, bool *damage)
{
    struct wal_reader r;
    struct wal_record rec;
    struct io_file *f;
    struct err e = ERR_INIT;
    unsigned got = 0;
    *damage = false;
    ck_assert(io_open(&f, path, IO_WRITE_CREATE, &e) && io_truncate(f, 0, &e) &&
              io_pwrite(f, image, 0, &e));
    io_close(&f);
    if (!wal_reader_open(&r, path, &e)) {
        ck_assert_int_eq(e.kind, ERR_CORRUPT);
        *damage = true;
        return 0;
    }
    for (enum wal_read k; (k = wal_reader_next(&r, &rec)) != WAL_READ_END;) {
        if (k == WAL_READ_DAMAGE) {
            *damage = true;
            ck_assert_uint_gt(r.bad_to, r.bad_from);
            continue;
        }
        struct buf plain = {0};
        ck_assert(rec.seq >= 10 && rec.seq < 10 + RECORDS);
        ck_assert(wal_record_plain(&rec, &plain, &e));
        ck_assert_uint_eq(plain.n, rec.seq % 2 ? 200 : 20);
        for (size_t i = 0; i < plain.n; i++)
            ck_assert_int_eq(plain.p[i], 'a' + (int)(rec.seq - 10));
        got |= 1u << (rec.seq - 10);
        buf_free(&plain);
    }
    wal_reader_close(&r);
    return got;
}

START_TEST(test_segment_cut)
{
    size_t ends[RECORDS];
    char *path = wal_segment_path(root, 1);
    struct buf image = make_segment(path, ends);
    for (size_t n = 0; n < ends[RECORDS - 1] + 40; n++) {
        bool damage;
        unsigned want = 0;
        for (unsigned i = 0; i < RECORDS; i++)
            if (ends[i] <= n)
                want |= 1u << i;
        ck_assert_uint_eq(served(path, STR(image.p, n), &damage), want);
    }
    mem_free(path);
    buf_free(&image);
}
END_TEST

START_TEST(test_segment_flip)
{
    size_t ends[RECORDS];
    char *path = wal_segment_path(root, 1);
    struct buf image = make_segment(path, ends);
    for (size_t at = 0; at < ends[RECORDS - 1]; at++) {
        bool damage;
        unsigned want = 0;
        size_t start = WAL_SEGMENT_HEADER;
        for (unsigned i = 0; i < RECORDS && at >= WAL_SEGMENT_HEADER; i++) {
            if (at < start || at >= ends[i])
                want |= 1u << i;
            start = ends[i];
        }
        char bit = (char)(1 << rng_below(8));
        image.p[at] = (char)(image.p[at] ^ bit);
        unsigned got = served(path, buf_str(&image), &damage);
        image.p[at] = (char)(image.p[at] ^ bit);
        ck_assert_msg(got == want && damage, "byte %zu: %x, not %x", at, got, want);
    }
    mem_free(path);
    buf_free(&image);
}
END_TEST

/* Bytes of another segment are no records, even at the right place. */
START_TEST(test_segment_foreign)
{
    size_t ends[RECORDS];
    bool damage;
    char *path = wal_segment_path(root, 1);
    struct buf image = make_segment(path, ends);
    struct buf other = make_segment(path, ends); /* same numbers, another salt */
    memcpy(image.p + WAL_SEGMENT_HEADER, other.p + WAL_SEGMENT_HEADER,
           ends[RECORDS - 1] - WAL_SEGMENT_HEADER);
    ck_assert_uint_eq(served(path, buf_str(&image), &damage), 0);
    ck_assert(damage);
    mem_free(path);
    buf_free(&image);
    buf_free(&other);
}
END_TEST

static struct wal *
open_wal(struct head_file *pages, uint64_t segment_bytes)
{
    struct wal *w;
    struct err e = ERR_INIT;
    struct wal_opts o = {.dir = root, .segment_bytes = segment_bytes, .sync = WAL_SYNC_INTERVAL,
                         .next_seq = 1, .next_segment = 1, .pages = pages};
    ck_assert_msg(wal_open(&w, &o, &e), "%s", e.text);
    return w;
}

static uint64_t
put_one(struct wal *w, uint64_t n)
{
    struct record *r = wal_record(w);
    for (uint32_t i = 0; i < 50; i++)
        record_put_float(&r->floats, i + 1, 0, (int64_t)n, (double)(n * 1000 + i));
    return wal_put(w, r);
}

/* Numbers of the records in the folder, each taken once; checks their content. */
static void
check_log(uint64_t last)
{
    struct io_entry *list;
    size_t n;
    struct err e = ERR_INIT;
    uint64_t applied = 0;
    struct arena *a = arena_new();
    ck_assert(io_list(root, &list, &n, &e));
    for (size_t i = 0; i < n; i++) {
        struct wal_reader r;
        struct wal_record rec;
        char *path = io_join(root, list[i].name);
        if (strlen(list[i].name) == 8) {
            ck_assert_msg(wal_reader_open(&r, path, &e), "%s", e.text);
            for (enum wal_read k; (k = wal_reader_next(&r, &rec)) != WAL_READ_END;) {
                struct buf plain = {0}, got = {0}, want = {0};
                if (k != WAL_READ_RECORD || rec.seq <= applied)
                    continue;
                ck_assert_uint_eq(rec.seq, applied + 1);
                applied = rec.seq;
                struct record x;
                record_init(&x);
                for (uint32_t j = 0; j < 50; j++)
                    record_put_float(&x.floats, j + 1, 0, (int64_t)rec.seq,
                                     (double)(rec.seq * 1000 + j));
                seen_floats(&want, false, &x.floats);
                ck_assert(wal_record_plain(&rec, &plain, &e));
                ck_assert(record_decode(buf_str(&plain), &sink, &got, a, &e));
                ck_assert(str_eq(buf_str(&want), buf_str(&got)));
                record_fini(&x);
                buf_free(&plain);
                buf_free(&got);
                buf_free(&want);
                arena_clear(a);
            }
            wal_reader_close(&r);
        }
        mem_free(path);
    }
    ck_assert_uint_ge(applied, last);
    io_list_free(&list, n);
    arena_free(&a);
}

START_TEST(test_log)
{
    struct rwlock gate;
    struct head_file *pages;
    struct err e = ERR_INIT;
    rwlock_init(&gate, LOCK_HEAD_GATE);
    ck_assert(head_file_open(&pages, NULL, false, &gate, &e));
    struct wal *w = open_wal(pages, 8192);
    for (uint64_t i = 1; i <= 300; i++) {
        ck_assert_uint_eq(put_one(w, i), i);
        if (i % 50 == 0)
            ck_assert(wal_wait(w, i, &e));
    }
    ck_assert_uint_eq(wal_put(w, wal_record(w)), 0);
    ck_assert(wal_sync_all(w, &e));
    check_log(300);
    struct wal_position p = wal_position(w, 250);
    ck_assert(p.segment > 1 && p.seq <= 250 && p.seq > 1);
    wal_forget(w, 250);
    struct wal_stats st;
    wal_stats(w, &st);
    ck_assert(!st.read_only && st.segment > 5);
    wal_close(&w);
    head_file_close(&pages);
    rwlock_fini(&gate);
}
END_TEST

/* Each kind of disk failure at each call: what was acknowledged is in the log. */
static void
walk_fault(enum fault what, int errnum, bool sticky)
{
    struct rwlock gate;
    struct head_file *pages;
    struct err e = ERR_INIT;
    rwlock_init(&gate, LOCK_HEAD_GATE);
    for (long n = 0; n < 16; n++) {
        ck_assert(head_file_open(&pages, NULL, false, &gate, &e));
        struct wal *w = open_wal(pages, 2048);
        uint64_t acked = 0;
        fault_arm(what, n, errnum, sticky);
        for (uint64_t i = 1; i <= 12; i++) {
            put_one(w, i);
            if (wal_wait(w, i, &e))
                acked = i;
            else
                ck_assert_int_eq(e.kind, ERR_UNAVAILABLE);
        }
        bool hit = fault_calls(what) > n;
        check_log(acked);
        fault_disarm_all();
        wal_close(&w); /* the disk works again: all goes to it */
        check_log(12);
        head_file_close(&pages);
        ck_assert(io_remove_tree(root, &e) && io_mkdir_all(root, &e));
        if (!hit)
            break;
    }
    rwlock_fini(&gate);
}

START_TEST(test_fault_write)
{
    walk_fault(FAULT_IO_WRITE, 5 /* EIO */, false);
    walk_fault(FAULT_IO_SHORT_WRITE, 5, false);
}
END_TEST

START_TEST(test_fault_sync)
{
    walk_fault(FAULT_IO_SYNC, 5, false);
    walk_fault(FAULT_IO_SYNC, 5, true);
}
END_TEST

START_TEST(test_fault_space)
{
    walk_fault(FAULT_IO_ALLOCATE, 28 /* ENOSPC */, true);
    walk_fault(FAULT_IO_RENAME, 28, false);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("wal");
    TCase *t = tcase_create("wal");
    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, test_record_dump);
    tcase_add_test(t, test_frame_dump);
    tcase_add_test(t, test_record_round_trip);
    tcase_add_test(t, test_segment_cut);
    tcase_add_test(t, test_segment_flip);
    tcase_add_test(t, test_segment_foreign);
    tcase_add_test(t, test_log);
    tcase_add_test(t, test_fault_write);
    tcase_add_test(t, test_fault_sync);
    tcase_add_test(t, test_fault_space);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
