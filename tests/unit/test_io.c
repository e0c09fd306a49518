#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/mem.h"
#include "tests/unit/unit.h"

/* Each test works in a directory of its own and leaves nothing. */
static char dir[64];

static void
setup(void)
{
    snprintf(dir, sizeof(dir), "/tmp/narthex-io-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void
teardown(void)
{
    struct err e;
    fault_disarm_all();
    ck_assert_msg(io_remove_tree(dir, &e), "%s", e.text);
    ck_assert(!io_exists(dir));
}

static const char *
at(const char *name)
{
    static char path[8][256];
    static unsigned turn;
    char *p = path[turn++ % 8];
    snprintf(p, 256, "%s/%s", dir, name);
    return p;
}

static void
must(bool ok, const struct err *e)
{
    if (!ok)
        ck_abort_msg("%s", e->text);
}

static void
put_file(const char *path, const char *text)
{
    struct err e;
    must(io_replace(path, str_of(text), &e), &e);
}

static void
ck_file(const char *path, const char *want)
{
    struct buf got = {0};
    struct err e;
    must(io_read_file(path, 1 << 20, &got, &e), &e);
    ck_str(buf_str(&got), str_of(want));
    buf_free(&got);
}

START_TEST(test_file)
{
    struct io_file *f = NULL, *g = NULL;
    struct err e;
    char got[16];
    size_t n;
    uint64_t size;
    ck_assert(!io_open(&f, at("a"), IO_WRITE_EXISTING, &e));
    ck_assert(str_ends(err_str(&e), STRL("/a: No such file or directory")));
    must(io_open(&f, at("a"), IO_WRITE_NEW, &e), &e);
    ck_assert(!io_open(&g, at("a"), IO_WRITE_NEW, &e));
    ck_assert_ptr_null(g);
    ck_assert_int_ge(f->fd, 3);
    ck_assert(fcntl(f->fd, F_GETFD) & FD_CLOEXEC);
    must(io_pwrite(f, STRL("hello"), 3, &e), &e);
    must(io_datasync(f, &e) && io_sync(f, &e), &e);
    must(io_pread(f, got, sizeof(got), 1, &n, &e), &e);
    ck_str(STR(got, n), STR("\0\0hello", 7));
    must(io_pread(f, got, sizeof(got), 100, &n, &e), &e);
    ck_assert_uint_eq(n, 0);
    must(io_truncate(f, 5, &e) && io_size(f, &size, &e), &e);
    ck_assert_uint_eq(size, 5);
    must(io_allocate(f, 100000, &e) && io_size(f, &size, &e), &e);
    ck_assert_uint_eq(size, 100000);
    must(io_pread(f, got, 4, 50000, &n, &e), &e);
    ck_str(STR(got, n), STR("\0\0\0\0", 4));
    io_close(&f);
    ck_assert_ptr_null(f);
    io_close(&f);
    must(io_open(&f, at("a"), IO_READ, &e), &e);
    ck_assert(!io_pwrite(f, STRL("x"), 0, &e));
    io_close(&f);
}
END_TEST

/* With descriptors 0 to 2 closed a file still gets none of them. */
START_TEST(test_above_standard)
{
    struct io_file *f = NULL;
    struct err e;
    int saved = dup(STDIN_FILENO);
    close(STDIN_FILENO);
    bool ok = io_open(&f, at("a"), IO_WRITE_CREATE, &e);
    int fd = ok ? f->fd : -1;
    dup2(saved, STDIN_FILENO);
    close(saved);
    must(ok, &e);
    ck_assert_int_ge(fd, 3);
    ck_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    io_close(&f);
}
END_TEST

START_TEST(test_read_file)
{
    struct buf got = {0};
    struct err e;
    buf_lit(&got, "kept");
    ck_assert(!io_read_file(at("none"), 10, &got, &e));
    ck_lit(buf_str(&got), "kept");
    put_file(at("a"), "0123456789");
    must(io_read_file(at("a"), 10, &got, &e), &e);
    ck_lit(buf_str(&got), "kept0123456789");
    ck_assert(!io_read_file(at("a"), 9, &got, &e));
    ck_assert_int_eq(e.kind, ERR_LIMIT);
    ck_assert_uint_eq(got.n, 14);
    /* Sizes of /proc files are 0, and this one is endless. */
    ck_assert(!io_read_file("/dev/zero", 100000, &got, &e));
    ck_assert_int_eq(e.kind, ERR_LIMIT);
    ck_assert_uint_eq(got.n, 14);
    buf_clear(&got);
    must(io_read_file("/proc/self/stat", 65536, &got, &e), &e);
    ck_assert_uint_gt(got.n, 10);
    buf_free(&got);
}
END_TEST

/* Whatever fails on the way, the name holds the old text or the new. */
START_TEST(test_replace)
{
    static const enum fault points[] = {FAULT_IO_OPEN, FAULT_IO_WRITE,  FAULT_IO_SHORT_WRITE,
                                        FAULT_IO_SYNC, FAULT_IO_RENAME, FAULT_IO_TRUNCATE};
    struct err e;
    put_file(at("a"), "old");
    for (size_t p = 0; p < ARRAY_LEN(points); p++) {
        bool done = false;
        for (long n = 0; !done; n++) {
            ck_assert_int_lt(n, 5);
            put_file(at("a"), "old");
            fault_arm(points[p], n, ENOSPC, false);
            done = io_replace(at("a"), STRL("newer"), &e);
            fault_disarm_all();
            if (done)
                ck_file(at("a"), "newer");
            else
                ck_assert_int_eq(e.kind, ERR_NO_SPACE);
            struct buf text = {0};
            must(io_read_file(at("a"), 100, &text, &e), &e);
            ck_assert(str_eq(buf_str(&text), STRL("old")) || str_eq(buf_str(&text), STRL("newer")));
            buf_free(&text);
            ck_assert(!io_exists(at("a.tmp")));
        }
    }
    ck_assert(!io_replace(at("no/where"), STRL("x"), &e));
}
END_TEST

START_TEST(test_dirs)
{
    struct io_entry *list = NULL;
    size_t n = 0;
    struct err e;
    must(io_mkdir_all(at("x/y//z/"), &e), &e);
    must(io_mkdir_all(at("x/y/z"), &e), &e);
    put_file(at("x/b"), "12345");
    put_file(at("x/a"), "");
    ck_assert(!io_mkdir_all(at("x/b/c"), &e));
    must(io_list(at("x"), &list, &n, &e), &e);
    ck_assert_uint_eq(n, 3);
    ck_assert_str_eq(list[0].name, "a");
    ck_assert_str_eq(list[1].name, "b");
    ck_assert_uint_eq(list[1].size, 5);
    ck_assert_str_eq(list[2].name, "y");
    ck_assert(list[2].is_dir && !list[1].is_dir);
    io_list_free(&list, n);
    ck_assert_ptr_null(list);
    ck_assert(!io_list(at("none"), &list, &n, &e));
    must(io_rename(at("x/a"), at("x/c"), &e), &e);
    must(io_link(at("x/b"), at("x/d"), &e), &e);
    ck_file(at("x/d"), "12345");
    must(io_unlink(at("x/b"), &e), &e);
    ck_file(at("x/d"), "12345");
    ck_assert(!io_unlink(at("x/b"), &e));
    must(io_sync_dir(at("x"), &e), &e);
    uint64_t left = 0, total = 0;
    must(io_free_space(dir, &left, &total, &e), &e);
    ck_assert(left > 0 && left <= total);
}
END_TEST

/* Links are removed, not followed. */
START_TEST(test_remove_tree)
{
    struct err e;
    must(io_mkdir_all(at("keep"), &e), &e);
    put_file(at("keep/file"), "x");
    must(io_mkdir_all(at("gone/deep/er"), &e), &e);
    put_file(at("gone/deep/f"), "x");
    ck_assert_int_eq(symlink(at("keep"), at("gone/deep/link")), 0);
    ck_assert_int_eq(symlink("nowhere", at("gone/dangling")), 0);
    fault_arm(FAULT_IO_UNLINK, 2, EIO, false);
    ck_assert(!io_remove_tree(at("gone"), &e));
    fault_disarm_all();
    must(io_remove_tree(at("gone"), &e), &e);
    ck_assert(!io_exists(at("gone")));
    ck_file(at("keep/file"), "x");
    must(io_remove_tree(at("gone"), &e), &e);
    must(io_remove_tree(at("keep/file"), &e), &e);
    ck_assert(!io_exists(at("keep/file")));
}
END_TEST

START_TEST(test_glob)
{
    static const char *const names[] = {"a.yml",   "b.yml",   ".h.yml", "c[1].yml",
                                        "d/x.yml", "e/x.yml", "e/y.txt"};
    static const struct {
        const char *pattern, *found;
    } cases[] = {
        {"*.yml", ".h.yml a.yml b.yml c[1].yml"},
        {"?.yml", "a.yml b.yml"},
        {"[a-b].yml", "a.yml b.yml"},
        {"[^a].yml", "b.yml"},
        {"[]a].yml", ""},
        {"c\\[1\\].yml", "c[1].yml"},
        {"c[[]1].yml", "c[1].yml"},
        {"*/x.yml", "d/x.yml e/x.yml"},
        {"*/*.t*t", "e/y.txt"},
        {"[de]/[xy].*", "d/x.yml e/x.yml e/y.txt"},
        {"a.yml", "a.yml"},
        {"none*", ""},
        {"none/*", ""},
    };
    struct err e;
    must(io_mkdir_all(at("d"), &e) && io_mkdir_all(at("e"), &e), &e);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        put_file(at(names[i]), "");
    size_t prefix = strlen(dir) + 1;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char **found = NULL;
        size_t n = 0;
        struct buf got = {0};
        bool ok = io_glob(at(cases[i].pattern), &found, &n, &e);
        if (!ok) {
            ck_assert_str_eq(cases[i].pattern, "[]a].yml");
            continue;
        }
        for (size_t k = 0; k < n; k++)
            buf_printf(&got, "%s%s", k ? " " : "", found[k] + prefix);
        ck_str(buf_str(&got), str_of(cases[i].found));
        io_glob_free(&found, n);
        buf_free(&got);
    }
    char **found = NULL;
    size_t n = 0;
    ck_assert(!io_glob(at("[a"), &found, &n, &e));
    ck_lit(err_str(&e), "syntax error in pattern");
    ck_assert(!io_glob(at("[b-"), &found, &n, &e));
    ck_assert(!io_glob(at("none["), &found, &n, &e));
    ck_assert(!io_glob(at("none*\\"), &found, &n, &e));
}
END_TEST

START_TEST(test_lock)
{
    struct io_file *a = NULL, *b = NULL;
    struct err e;
    must(io_lock(&a, at("lock"), &e), &e);
    ck_assert(!io_lock(&b, at("lock"), &e));
    ck_assert_int_eq(e.kind, ERR_UNAVAILABLE);
    ck_assert_ptr_null(b);
    io_close(&a);
    must(io_lock(&b, at("lock"), &e), &e);
    io_close(&b);
}
END_TEST

struct reader {
    struct io_map *map;
    unsigned sum;
    bool inner_failed;
};

static void
sum_bytes(void *arg)
{
    struct reader *r = (struct reader *)arg;
    for (size_t i = 0; i < r->map->n; i++)
        r->sum += r->map->p[i];
}

static void
nested_guard(void *arg)
{
    struct reader *r = (struct reader *)arg;
    r->inner_failed = !io_map_guard_run(sum_bytes, arg);
    sum_bytes(arg);
}

START_TEST(test_map)
{
    struct io_map map;
    struct err e;
    struct reader r = {.map = &map};
    put_file(at("empty"), "");
    must(io_map_open(&map, at("empty"), &e), &e);
    ck_assert_uint_eq(map.n, 0);
    io_map_close(&map);
    ck_assert(!io_map_open(&map, at("none"), &e));
    put_file(at("a"), "abc");
    must(io_map_open(&map, at("a"), &e), &e);
    ck_str(STR(map.p, map.n), STRL("abc"));
    ck_assert(io_map_guard_run(sum_bytes, &r));
    ck_assert_uint_eq(r.sum, 'a' + 'b' + 'c');
    io_map_close(&map);
    fault_arm(FAULT_IO_MMAP, 0, ENOMEM, false);
    ck_assert(!io_map_open(&map, at("a"), &e));
}
END_TEST

/* The file shrinks under the mapping: an error, again and again, at any depth. */
START_TEST(test_map_guard)
{
    struct io_map map;
    struct err e;
    struct reader r = {.map = &map};
    struct io_file *f = NULL;
    must(io_open(&f, at("a"), IO_WRITE_NEW, &e), &e);
    must(io_allocate(f, 65536, &e), &e);
    must(io_map_open(&map, at("a"), &e), &e);
    ck_assert(io_map_guard_run(sum_bytes, &r));
    must(io_truncate(f, 4096, &e), &e);
    for (int i = 0; i < 3; i++)
        ck_assert(!io_map_guard_run(sum_bytes, &r));
    ck_assert(!io_map_guard_run(nested_guard, &r));
    ck_assert(r.inner_failed);
    must(io_truncate(f, 65536, &e), &e);
    ck_assert(io_map_guard_run(sum_bytes, &r));
    /* Without a guard what is lost reads as zeros. */
    must(io_pwrite(f, STRL("x"), 50000, &e), &e);
    ck_assert_uint_eq(map.p[50000], 'x');
    must(io_truncate(f, 4096, &e), &e);
    ck_assert_uint_eq(map.p[50000], 0);
    io_map_close(&map);
    io_close(&f);
}
END_TEST

START_TEST(test_faults)
{
    struct io_file *f = NULL;
    struct err e;
    char got[4];
    size_t n;
    must(io_open(&f, at("a"), IO_WRITE_NEW, &e), &e);
    fault_arm(FAULT_IO_SHORT_WRITE, 0, EIO, false);
    ck_assert(!io_pwrite(f, STRL("abcd"), 0, &e));
    ck_assert_int_eq(e.kind, ERR_IO);
    must(io_pread(f, got, 4, 0, &n, &e), &e);
    ck_str(STR(got, n), STRL("ab"));
    static const enum fault points[] = {FAULT_IO_READ, FAULT_IO_SYNC, FAULT_IO_ALLOCATE};
    for (size_t i = 0; i < ARRAY_LEN(points); i++) {
        fault_arm(points[i], 0, EDQUOT, false);
        ck_assert(!(i == 0   ? io_pread(f, got, 4, 0, &n, &e)
                    : i == 1 ? io_datasync(f, &e)
                             : io_allocate(f, 10, &e)));
        ck_assert_int_eq(e.kind, ERR_NO_SPACE);
    }
    fault_arm(FAULT_IO_MKDIR, 0, ENOSPC, false);
    ck_assert(!io_mkdir_all(at("q"), &e));
    fault_arm(FAULT_IO_LINK, 0, EMLINK, false);
    ck_assert(!io_link(at("a"), at("b"), &e));
    io_close(&f);
}
END_TEST

START_TEST(test_join)
{
    static const char *const cases[][3] = {
        {"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"", "b", "b"}, {"/", "b", "/b"}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *got = io_join(cases[i][0], cases[i][1]);
        ck_assert_str_eq(got, cases[i][2]);
        mem_free(got);
    }
}
END_TEST

int
main(void)
{
    const TTest *const tests[] = {test_file, test_above_standard, test_read_file, test_replace,
                                  test_dirs, test_remove_tree,    test_glob,      test_lock,
                                  test_map,  test_map_guard,      test_faults,    test_join};
    Suite *suite = suite_create("io");
    TCase *tc = tcase_create("io");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    for (size_t i = 0; i < ARRAY_LEN(tests); i++)
        tcase_add_test(tc, tests[i]);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
