/* Blocks: written, read, searched, deleted from, damaged; promtool as a witness. */
#include "tests/unit/block_model.h"

#include <errno.h>

#include "base/fault.h"

#define HOUR 3600000ll

static char *dir;
static struct err e;

static void
setup(void)
{
    dir = model_tmp_dir();
}

static void
teardown(void)
{
    fault_disarm_all();
    model_tmp_drop(&dir);
}

START_TEST(ulids)
{
    char a[ULID_TEXT + 1], b[ULID_TEXT + 1];
    ulid_new(a);
    for (int i = 0; i < 1000; i++) {
        ulid_new(b);
        ck_assert(ulid_valid(str_of(b)));
        ck_assert_int_lt(strcmp(a, b), 0);
        memcpy(a, b, sizeof a);
    }
    ck_assert_int_eq(ulid_time_ms("01ARZ3NDEKTSV4RRFFQ69G5FAV"), 1469922850259);
    ck_assert(!ulid_valid(STRL("81ARZ3NDEKTSV4RRFFQ69G5FAV")));
    ck_assert(!ulid_valid(STRL("01ARZ3NDEKTSV4RRFFQ69G5FAI")));
    ck_assert(!ulid_valid(STRL("01ARZ3NDEK")));
}
END_TEST

START_TEST(meta_text)
{
    struct block_meta m = {.ulid = "01ARZ3NDEKTSV4RRFFQ69G5FAV",
                           .mint = -5,
                           .maxt = 7,
                           .samples = 3,
                           .float_samples = 3,
                           .series = 2,
                           .chunks = 2,
                           .level = 2,
                           .failed = true,
                           .out_of_order = true};
    m.sources = mem_array(1, sizeof *m.sources);
    memcpy(m.sources[0], m.ulid, sizeof m.ulid);
    m.parents = mem_array(1, sizeof *m.parents);
    memcpy(m.parents[0].ulid, m.ulid, sizeof m.ulid);
    m.parents[0].maxt = 9;
    m.sources_n = m.parents_n = 1;
    ck_assert(block_meta_write(&m, dir, &e));
    struct buf b = {0};
    char *path = io_join(dir, "meta.json");
    ck_assert(io_read_file(path, 10000, &b, &e));
    ck_assert_str_eq(
        buf_cstr(&b),
        "{\n\t\"ulid\": \"01ARZ3NDEKTSV4RRFFQ69G5FAV\",\n\t\"minTime\": -5,\n"
        "\t\"maxTime\": 7,\n\t\"stats\": {\n\t\t\"numSamples\": 3,\n"
        "\t\t\"numFloatSamples\": 3,\n\t\t\"numSeries\": 2,\n\t\t\"numChunks\": 2\n\t},\n"
        "\t\"compaction\": {\n\t\t\"level\": 2,\n\t\t\"sources\": [\n"
        "\t\t\t\"01ARZ3NDEKTSV4RRFFQ69G5FAV\"\n\t\t],\n\t\t\"parents\": [\n\t\t\t{\n"
        "\t\t\t\t\"ulid\": \"01ARZ3NDEKTSV4RRFFQ69G5FAV\",\n\t\t\t\t\"minTime\": 0,\n"
        "\t\t\t\t\"maxTime\": 9\n\t\t\t}\n\t\t],\n\t\t\"failed\": true,\n\t\t\"hints\": [\n"
        "\t\t\t\"from-out-of-order\"\n\t\t]\n\t},\n\t\"version\": 1\n}");
    struct block_meta r;
    ck_assert(block_meta_read(dir, &r, &e));
    ck_assert(r.mint == -5 && r.maxt == 7 && r.samples == 3 && r.level == 2 && r.failed &&
              r.out_of_order && !r.deletable && r.parents[0].maxt == 9 && r.sources_n == 1);
    block_meta_fini(&r);
    block_meta_fini(&m);
    mem_free(path);
    buf_free(&b);
}
END_TEST

/* Matchers of all sorts over the model's pools. */
static void
random_matcher(struct matcher *m)
{
    static const char *const names[] = {"__name__", "dc", "host", "instance",
                                        "job",      "le", "pod",  "none"};
    static const char *const texts[] = {"v1", "w2", "", "v0", "v3", "nothing"};
    static const char *const patterns[] = {
        "v1|w2", "v.*", ".*",  ".+",     "|v1", "w[0-3]",        "v1.*",
        "",      "x+",  "v1|", "(v|w)2", ".2",  "none|v0|v0|w4", "(?i)V1"};
    enum matcher_type type = (enum matcher_type)rng_below(4);
    bool regex = type == MATCH_RE || type == MATCH_NRE;
    const char *value =
        regex ? patterns[rng_below(ARRAY_LEN(patterns))] : texts[rng_below(ARRAY_LEN(texts))];
    ck_assert(matcher_init(m, type, str_of(names[rng_below(ARRAY_LEN(names))]), str_of(value), &e));
}

static void
check_search(const struct model *m, struct block *b)
{
    struct arena *a = arena_new();
    struct matcher ms[4];
    size_t ms_n = rng_below(5), n, at = 0;
    uint32_t *refs;
    struct buf text = {0};
    for (size_t i = 0; i < ms_n; i++) {
        random_matcher(&ms[i]);
        matcher_put(&text, &ms[i]);
        buf_byte(&text, ' ');
    }
    ck_assert_msg(block_postings(b, ms, ms_n, a, &refs, &n, &e), "%s", e.text);
    for (size_t i = 0; i < m->n; i++) {
        if (!model_matches(&m->v[i], ms, ms_n))
            continue;
        struct block_series s;
        if (at == n)
            ck_abort_msg("%s: too few series", buf_cstr(&text));
        HOLDS(block_series_get(b, refs[at++], INT64_MIN, INT64_MAX, a, &s, &e));
        if (!labels_eq(s.labels, m->v[i].labels))
            ck_abort_msg("%s: wrong series", buf_cstr(&text));
    }
    ck_assert_msg(at == n, "%s: too many series", buf_cstr(&text));
    for (size_t i = 0; i < ms_n; i++)
        matcher_fini(&ms[i]);
    buf_free(&text);
    arena_free(&a);
}

static int
compare_str(const void *x, const void *y)
{
    return str_cmp(*(const str *)x, *(const str *)y);
}

static size_t
unique(str *v, size_t n)
{
    size_t k = 0;
    qsort(v, n, sizeof *v, compare_str);
    for (size_t i = 0; i < n; i++)
        if (k == 0 || !str_eq(v[k - 1], v[i]))
            v[k++] = v[i];
    return k;
}

static void
check_strs(const str *got, size_t got_n, const str *want, size_t want_n)
{
    ck_assert_uint_eq(got_n, want_n);
    for (size_t i = 0; i < got_n; i++)
        HOLDS(str_eq(got[i], want[i]));
}

static void
check_labels(const struct model *m, struct block *b)
{
    struct arena *a = arena_new();
    struct matcher ms[2];
    size_t ms_n = rng_below(3), n, names_n = 0, values_n = 0;
    str name = rng_below(2) ? STRL("instance") : STRL("job");
    for (size_t i = 0; i < ms_n; i++)
        random_matcher(&ms[i]);
    str *names = ARENA_ARRAY(a, str, m->n * 8), *values = ARENA_ARRAY(a, str, m->n), *got;
    for (size_t i = 0; i < m->n; i++) {
        if (!model_matches(&m->v[i], ms, ms_n))
            continue;
        for (size_t k = 0; k < m->v[i].labels.n; k++)
            names[names_n++] = m->v[i].labels.v[k].name;
        if (labels_has(m->v[i].labels, name))
            values[values_n++] = labels_get(m->v[i].labels, name);
    }
    names_n = unique(names, names_n);
    values_n = unique(values, values_n);
    ck_assert(block_label_names(b, ms, ms_n, a, &got, &n, &e));
    check_strs(got, n, names, names_n);
    ck_assert(block_label_values(b, name, ms, ms_n, 0, a, &got, &n, &e));
    check_strs(got, n, values, values_n);
    ck_assert(block_label_values(b, name, ms, ms_n, 3, a, &got, &n, &e));
    check_strs(got, n, values, MIN(values_n, 3));
    for (size_t i = 0; i < ms_n; i++)
        matcher_fini(&ms[i]);
    arena_free(&a);
}

START_TEST(random_blocks)
{
    uint64_t seed = 77 + (uint64_t)_i;
    rng_seed(seed);
    struct model m;
    model_make(&m, _i % 2 ? 40 : 700, _i % 2 ? 1500 : 40, -HOUR, HOUR);
    struct block *b = model_write(&m, dir);
    ck_assert_msg(block_verify(b, &e), "%s", e.text);
    ck_assert_uint_eq(block_meta(b)->series, m.n);
    model_check(&m, b, INT64_MIN, INT64_MAX);
    model_check(&m, b, -HOUR / 3, HOUR / 7);
    for (int i = 0; i < 80; i++)
        check_search(&m, b);
    for (int i = 0; i < 30; i++)
        check_labels(&m, b);
    for (int i = 0; i < 4; i++) {
        struct matcher ms;
        int64_t from = -HOUR + (int64_t)rng_below(2 * HOUR);
        int64_t to = from + (int64_t)rng_below(HOUR / 2);
        random_matcher(&ms);
        ck_assert_msg(block_delete(b, &ms, 1, from, to, &e), "%s", e.text);
        model_delete(&m, &ms, 1, from, to);
        matcher_fini(&ms);
        model_check(&m, b, INT64_MIN, INT64_MAX);
    }
    struct block *again;
    ck_assert(block_open(&again, block_dir(b), &e));
    ck_assert_uint_eq(block_meta(again)->tombstones, block_tombstones(b));
    model_check(&m, again, -HOUR / 2, HOUR / 2);
    block_unref(&again);
    block_unref(&b);
    model_free(&m);
}
END_TEST

START_TEST(nothing_written)
{
    struct block_writer *w;
    struct block_write_opts o = {.dir = dir, .mint = 0, .maxt = 10};
    char ulid[ULID_TEXT + 1];
    struct io_entry *list;
    size_t n;
    ck_assert(block_writer_begin(&w, &o, &e));
    ck_assert(block_writer_add(w, LABELS_EMPTY, NULL, 0, &e));
    ck_assert(block_writer_finish(&w, ulid, &e));
    ck_assert_str_eq(ulid, "");
    ck_assert(io_list(dir, &list, &n, &e));
    ck_assert_uint_eq(n, 0);
    io_list_free(&list, n);
}
END_TEST

/* What may come from another's files is refused, not a reason to stop. */
START_TEST(bad_order)
{
    uint8_t bytes[] = {0, 0};
    struct block_writer_chunk c[] = {{CHUNK_XOR, 5, 9, STR(bytes, 2)},
                                     {CHUNK_XOR, 9, 12, STR(bytes, 2)}};
    struct label a = {STRL("a"), STRL("1")}, b = {STRL("a"), STRL("2")};
    struct block_write_opts o = {.dir = dir, .mint = 0, .maxt = 10};
    for (int i = 0; i < 3; i++) {
        struct block_writer *w;
        ck_assert(block_writer_begin(&w, &o, &e));
        bool good = i == 0 || block_writer_add(w, (struct labels){i == 1 ? &b : &a, 1}, c, 1, &e);
        ck_assert(good);
        ck_assert(!block_writer_add(w, (struct labels){&a, 1}, c, i ? 1 : 2, &e));
        ck_assert_int_eq(e.kind, ERR_CORRUPT);
        block_writer_abort(&w);
    }
    struct block_writer *w;
    o.maxt = 0;
    ck_assert(!block_writer_begin(&w, &o, &e));
}
END_TEST

static bool
write_small(const struct model *m)
{
    struct block_writer *w;
    struct block_write_opts o = {
        .dir = dir, .mint = m->mint, .maxt = m->maxt, .segment_bytes = 3000};
    char ulid[ULID_TEXT + 1];
    if (!block_writer_begin(&w, &o, &e))
        return false;
    for (size_t i = 0; i < m->n; i++)
        if (!block_writer_add_column(w, m->v[i].labels, &m->v[i].c, false, &e)) {
            block_writer_abort(&w);
            return false;
        }
    return block_writer_finish(&w, ulid, &e);
}

/* Whatever call fails, there is no block and nothing is left behind, except when only
 * the last sync of the parent failed: then the whole block is there. */
START_TEST(failing_disk)
{
    static const enum fault faults[] = {FAULT_IO_OPEN, FAULT_IO_WRITE,  FAULT_IO_SHORT_WRITE,
                                        FAULT_IO_SYNC, FAULT_IO_RENAME, FAULT_IO_MKDIR,
                                        FAULT_IO_READ};
    struct model m;
    rng_seed(4);
    model_make(&m, 20, 100, 0, HOUR);
    for (size_t f = 0; f < ARRAY_LEN(faults); f++) {
        bool done = false;
        for (long nth = 0; !done; nth++) {
            ck_assert_int_lt(nth, 1000);
            fault_arm(faults[f], nth, ENOSPC, false);
            done = write_small(&m);
            fault_disarm_all();
            struct io_entry *list;
            size_t n;
            ck_assert(io_list(dir, &list, &n, &e));
            ck_assert_uint_le(n, 1);
            for (size_t i = 0; i < n; i++) {
                char *path = io_join(dir, list[i].name);
                struct block *b;
                ck_assert(done || faults[f] == FAULT_IO_SYNC || faults[f] == FAULT_IO_OPEN);
                ck_assert_msg(block_open(&b, path, &e), "%s", e.text);
                model_check(&m, b, INT64_MIN, INT64_MAX);
                block_unref(&b);
                ck_assert(io_remove_tree(path, &e));
                mem_free(path);
            }
            io_list_free(&list, n);
        }
    }
    model_free(&m);
}
END_TEST

/* Opens and reads everything; the block either fails its checks or holds the model. */
static void
read_damaged(const struct model *m, const char *block)
{
    struct block *b;
    if (!block_open(&b, block, &e)) {
        ck_assert(e.kind == ERR_CORRUPT || e.kind == ERR_IO);
        return;
    }
    bool whole = block_verify(b, &e);
    if (whole) {
        model_check(m, b, INT64_MIN, INT64_MAX);
    } else {
        ck_assert_int_eq(e.kind, ERR_CORRUPT);
        ck_assert_ptr_nonnull(strstr(e.text, block_meta(b)->ulid));
        struct matcher ms;
        struct arena *a = arena_new();
        uint32_t *refs;
        str *names;
        size_t n;
        ck_assert(matcher_init(&ms, MATCH_RE, STRL("instance"), STRL("v.*"), &e));
        if (block_postings(b, &ms, 1, a, &refs, &n, &e))
            for (size_t i = 0; i < n; i++) {
                struct block_series s;
                struct column c = {.n = 0};
                if (block_series_get(b, refs[i], INT64_MIN, INT64_MAX, a, &s, &e) &&
                    block_read(b, &s, INT64_MIN, INT64_MAX, a, &c, &e))
                    for (size_t k = 0; k < m->n; k++)
                        if (labels_eq(m->v[k].labels, s.labels))
                            model_check_column(&c, &m->v[k].c, INT64_MIN, INT64_MAX);
            }
        if (!block_label_names(b, &ms, 1, a, &names, &n, &e))
            ck_assert_int_eq(e.kind, ERR_CORRUPT);
        matcher_fini(&ms);
        arena_free(&a);
    }
    block_unref(&b);
}

static void
write_file(const char *path, const char *p, size_t n)
{
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_uint_eq(fwrite(p, 1, n, f), n);
    fclose(f);
}

static void
damage_file(const struct model *m, const char *block, const char *name)
{
    char *path = io_join(block, name);
    struct buf b = {0};
    ck_assert(io_read_file(path, 1 << 20, &b, &e));
    size_t step = b.n > 1500 ? b.n / 1500 : 1;
    for (size_t n = 0; n < b.n; n += step) {
        write_file(path, b.p, n);
        read_damaged(m, block);
    }
    for (size_t at = 0; at < b.n; at += step) {
        char bit = (char)(1 << rng_below(8));
        b.p[at] ^= bit;
        write_file(path, b.p, b.n);
        read_damaged(m, block);
        b.p[at] ^= bit;
    }
    write_file(path, b.p, b.n);
    read_damaged(m, block);
    buf_free(&b);
    mem_free(path);
}

START_TEST(damaged_files)
{
    static const char *const files[] = {"index", "chunks/000001", "tombstones", "meta.json"};
    struct model m;
    rng_seed(99);
    model_make(&m, 6, 20, 0, HOUR);
    struct block *b = model_write(&m, dir);
    struct matcher ms;
    ck_assert(matcher_init(&ms, MATCH_NE, STRL("none"), STRL("x"), &e));
    ck_assert(block_delete(b, &ms, 1, HOUR / 4, HOUR / 2, &e));
    model_delete(&m, &ms, 1, HOUR / 4, HOUR / 2);
    matcher_fini(&ms);
    char *block = mem_cstr(str_of(block_dir(b)));
    block_unref(&b);
    damage_file(&m, block, files[_i]);
    mem_free(block);
    model_free(&m);
}
END_TEST

/* A file that shrinks under its map is an error of the call, not the end. */
START_TEST(shrinking_files)
{
    struct model m;
    rng_seed(5);
    model_make(&m, 300, 400, 0, HOUR);
    struct block *b = model_write(&m, dir);
    char *index = io_join(block_dir(b), "index");
    struct arena *a = arena_new();
    uint32_t *refs;
    size_t n;
    ck_assert_int_eq(truncate(index, 4096), 0);
    struct matcher ms;
    ck_assert(matcher_init(&ms, MATCH_EQ, STRL("job"), STRL("v1"), &e));
    ck_assert(!block_postings(b, &ms, 1, a, &refs, &n, &e));
    ck_assert_int_eq(e.kind, ERR_IO);
    matcher_fini(&ms);
    mem_free(index);
    arena_free(&a);
    block_unref(&b);
    model_free(&m);
}
END_TEST

/* The real program reads what we write. */

static bool
have_promtool(void)
{
    if (system("promtool --version >/dev/null 2>&1") == 0)
        return true;
    fprintf(stderr, "promtool is not installed: skipped\n");
    return false;
}

/* Runs `promtool tsdb WHAT`, in the test's directory. */
static FILE *
promtool(const char *what)
{
    char command[8192];
    snprintf(command, sizeof command, "cd %s && promtool tsdb %s 2>&1", dir, what);
    FILE *f = popen(command, "r");
    ck_assert_ptr_nonnull(f);
    return f;
}

/* A line of `promtool tsdb dump`: {labels} value time */
static void
check_dump_line(char *line, const struct model_series *s, size_t row)
{
    char *end = strrchr(line, '}');
    HOLDS(end != NULL);
    char *p;
    double v = strtod(end + 1, &p);
    long long t = strtoll(p, NULL, 10);
    double want = s->c.v[row];
    HOLDS(t == s->c.t[row]);
    if (v != want && (v == v || want == want))
        ck_abort_msg("%s: want %.17g", line, want);
    struct buf labels = {0};
    labels_put(&labels, s->labels);
    HOLDS(str_eq(buf_str(&labels), STR(line, (size_t)(end + 1 - line))));
    buf_free(&labels);
}

START_TEST(promtool_reads)
{
    if (!have_promtool())
        return;
    struct model m;
    rng_seed(31);
    model_make(&m, 200, 300, 1600000000000, 1600007200000);
    for (size_t i = 0; i < m.n; i += 3)
        m.v[i].c.n = 0; /* those that model_write would make XOR2, which it does not know */
    struct block *b = model_write(&m, dir);
    char line[65536];
    size_t lines = 0, at = 0, row = 0;
    char *wal = io_join(dir, "wal"); /* it insists on one */
    ck_assert(io_mkdir_all(wal, &e));
    mem_free(wal);
    FILE *f = promtool("dump .");
    while (fgets(line, sizeof line, f) != NULL) {
        while (at < m.n && row == m.v[at].c.n) {
            at++;
            row = 0;
        }
        HOLDS(at < m.n);
        check_dump_line(line, &m.v[at], row++);
        lines++;
    }
    ck_assert_int_eq(pclose(f), 0);
    ck_assert_uint_eq(lines, block_meta(b)->samples);
    f = promtool("list .");
    bool listed = false;
    while (fgets(line, sizeof line, f) != NULL)
        listed |= strncmp(line, block_meta(b)->ulid, ULID_TEXT) == 0;
    ck_assert_int_eq(pclose(f), 0);
    ck_assert(listed);
    f = promtool("analyze .");
    while (fgets(line, sizeof line, f) != NULL)
        ;
    ck_assert_int_eq(pclose(f), 0);
    block_unref(&b);
    model_free(&m);
}
END_TEST

/* We read what the real program writes. */
START_TEST(promtool_writes)
{
    if (!have_promtool())
        return;
    char *text = io_join(dir, "in.om");
    FILE *f = fopen(text, "w");
    for (int i = 0; i < 40; i++)
        for (int k = 0; k < 200; k++)
            fprintf(f, "m_%d{i=\"%d\",x=\"y\"} %d %d\n", i / 10, i, i * 1000 + k,
                    1600000000 + 15 * k);
    fprintf(f, "# EOF\n");
    fclose(f);
    mem_free(text);
    f = promtool("create-blocks-from openmetrics -q in.om data");
    char line[4096];
    while (fgets(line, sizeof line, f) != NULL)
        ;
    ck_assert_int_eq(pclose(f), 0);
    char *data = io_join(dir, "data");
    struct io_entry *list;
    size_t n, seen = 0;
    struct arena *a = arena_new();
    ck_assert(io_list(data, &list, &n, &e));
    for (size_t i = 0; i < n; i++) {
        struct block *b;
        char *path = io_join(data, list[i].name);
        if (!list[i].is_dir || !ulid_valid(str_of(list[i].name))) {
            mem_free(path);
            continue;
        }
        ck_assert_msg(block_open(&b, path, &e), "%s", e.text);
        ck_assert_msg(block_verify(b, &e), "%s", e.text);
        uint32_t *refs;
        size_t refs_n;
        ck_assert(block_postings(b, NULL, 0, a, &refs, &refs_n, &e));
        for (size_t r = 0; r < refs_n; r++) {
            struct block_series s;
            struct column c = {.n = 0};
            ck_assert(block_series_get(b, refs[r], INT64_MIN, INT64_MAX, a, &s, &e));
            ck_assert(block_read(b, &s, INT64_MIN, INT64_MAX, a, &c, &e));
            int id = atoi(arena_cstr(a, labels_get(s.labels, STRL("i"))));
            for (size_t k = 0; k < c.n; k++)
                HOLDS(c.v[k] == id * 1000 + (double)(c.t[k] / 1000 - 1600000000) / 15);
            seen += c.n;
        }
        block_unref(&b);
        mem_free(path);
    }
    ck_assert_uint_eq(seen, 40 * 200);
    io_list_free(&list, n);
    mem_free(data);
    arena_free(&a);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("block");
    TCase *t = tcase_create("block");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 120);
    tcase_add_test(t, ulids);
    tcase_add_test(t, meta_text);
    tcase_add_loop_test(t, random_blocks, 0, 4);
    tcase_add_test(t, nothing_written);
    tcase_add_test(t, bad_order);
    tcase_add_test(t, failing_disk);
    tcase_add_loop_test(t, damaged_files, 0, 4);
    tcase_add_test(t, shrinking_files);
    tcase_add_test(t, promtool_reads);
    tcase_add_test(t, promtool_writes);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
