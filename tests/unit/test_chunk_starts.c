/* Histogram chunks with start times, against bytes written by Prometheus' chunkenc.
 *
 * tests/golden/histogram_starts.txt: name, float?, gauge?, the chunk in hex, and the start
 * times.  Sample i is at 1000 + 15000·i + i%3; see sample() for what it holds. */
#include "storage/chunk.h"

#include "base/mem.h"
#include "base/num.h"
#include "tests/unit/unit.h"

struct golden {
    bool is_float, gauge, stale_end;
    struct buf bytes;
    int64_t st[256];
    size_t n;
};

static int64_t
time_of(size_t i)
{
    return (int64_t)(1000 + 15000 * i + i % 3);
}

/* Grows with i, so that counters never reset. */
static struct histogram *
sample(const struct golden *g, size_t i, struct arena *a)
{
    static struct histogram_span spans[] = {{0, 2}, {3, 1}};
    struct histogram *h = ARENA_NEW(a, struct histogram);
    h->integer = !g->is_float;
    h->reset = g->gauge ? RESET_GAUGE : RESET_UNKNOWN;
    if (g->stale_end && i + 1 == g->n) {
        h->sum = value_stale();
        return h;
    }
    h->schema = 1;
    h->zero_threshold = 0.001;
    h->zero_count = (double)i;
    h->count = (double)(6 + 4 * i);
    h->sum = 1.5 * (double)i;
    h->pos_spans = spans;
    h->pos_spans_n = 2;
    h->pos_n = 3;
    h->pos = ARENA_ARRAY(a, double, 3);
    h->pos[0] = h->pos[1] = (double)(1 + i);
    h->pos[2] = (double)(2 + i);
    return h;
}

static void
read_golden(char *line, struct golden *g)
{
    char *save, *field = strtok_r(line, " \n", &save);
    g->stale_end = strcmp(field, "constant") == 0;
    g->is_float = strcmp(strtok_r(NULL, " \n", &save), "true") == 0;
    g->gauge = strcmp(strtok_r(NULL, " \n", &save), "true") == 0;
    buf_clear(&g->bytes);
    for (const char *p = strtok_r(NULL, " \n", &save); p[0]; p += 2) {
        char digits[3] = {p[0], p[1], 0};
        buf_byte(&g->bytes, (char)strtoul(digits, NULL, 16));
    }
    for (g->n = 0; (field = strtok_r(NULL, " \n", &save)) != NULL; g->n++)
        ck_assert(num_parse_i64(str_of(field), &g->st[g->n]));
}

static void
check_bytes(const struct chunk_histogram *c, const struct golden *g)
{
    str got = chunk_histogram_data(c);
    ck_assert_uint_eq(got.n, g->bytes.n);
    for (size_t i = 0; i < got.n; i++)
        ck_assert_msg(got.p[i] == g->bytes.p[i], "byte %zu of %zu differs", i, got.n);
}

/* Written in one go, and with a stop after each sample. */
static void
check_written(const struct golden *g, enum chunk_encoding encoding, bool stops, struct arena *a)
{
    struct chunk_histogram *c = chunk_histogram_new(encoding);
    struct err e;
    for (size_t i = 0; i < g->n; i++) {
        ck_assert(chunk_histogram_append_st(c, NULL, g->st[i], time_of(i), sample(g, i, a)));
        if (!stops)
            continue;
        str data = arena_str(a, chunk_histogram_data(c));
        chunk_histogram_free(&c);
        c = chunk_histogram_resume(encoding, data, &e);
        ck_assert_ptr_nonnull(c);
    }
    check_bytes(c, g);
    chunk_histogram_free(&c);
}

static void
check_read(const struct golden *g, enum chunk_encoding encoding, struct arena *a)
{
    struct column col = {0};
    struct err e;
    ck_assert(chunk_decode(encoding, buf_str(&g->bytes), INT64_MIN, INT64_MAX, a, &col, &e));
    ck_assert_uint_eq(col.n, g->n);
    ck_assert_uint_eq(chunk_samples(encoding, buf_str(&g->bytes)), g->n);
    for (size_t i = 0; i < g->n; i++) {
        ck_assert_int_eq(col.t[i], time_of(i));
        ck_assert_int_eq(col.st ? col.st[i] : 0, g->st[i]);
        ck_assert(histogram_equal(col.h[i], sample(g, i, a)) || g->stale_end);
    }
    for (size_t cut = 0; cut < g->bytes.n; cut++) {
        struct column part = {0};
        char *copy = mem_alloc(MAX(cut, 1));
        memcpy(copy, g->bytes.p, cut);
        ck_assert(!chunk_decode(encoding, STR(copy, cut), INT64_MIN, INT64_MAX, a, &part, &e));
        mem_free(copy);
    }
}

START_TEST(test_as_prometheus)
{
    FILE *f = unit_golden("histogram_starts.txt");
    char *line = NULL;
    size_t cap = 0, lines = 0;
    static struct golden g;
    for (; getline(&line, &cap, f) > 0; lines++) {
        struct arena *a = arena_new();
        read_golden(line, &g);
        enum chunk_encoding encoding = chunk_histogram_kind(!g.is_float, true);
        check_written(&g, encoding, false, a);
        check_written(&g, encoding, true, a);
        check_read(&g, encoding, a);
        arena_free(&a);
    }
    ck_assert_uint_eq(lines, 40);
    buf_free(&g.bytes);
    free(line);
    fclose(f);
}
END_TEST

/* New buckets make the chunk be written again; the start times stay. */
START_TEST(test_recode)
{
    struct golden g = {.is_float = true, .n = 40};
    struct arena *a = arena_new();
    struct chunk_histogram *c = chunk_histogram_new(CHUNK_FLOAT_HISTOGRAM_ST);
    struct histogram_span more[] = {{0, 2}, {3, 2}};
    struct column col = {0};
    struct err e;
    for (size_t i = 0; i < g.n; i++) {
        struct histogram *h = sample(&g, i, a);
        if (i >= 20) {
            h->pos_spans = more;
            h->pos_n = 4;
            h->pos = memcpy(ARENA_ARRAY(a, double, 4), h->pos, 3 * sizeof *h->pos);
            h->pos[3] = 1;
            h->count++;
        }
        ck_assert(chunk_histogram_append_st(c, NULL, time_of(i / 5), time_of(i), h));
    }
    ck_assert(chunk_decode(CHUNK_FLOAT_HISTOGRAM_ST, chunk_histogram_data(c), 0, INT64_MAX, a, &col, &e));
    ck_assert_uint_eq(col.n, g.n);
    for (size_t i = 0; i < g.n; i++)
        ck_assert_int_eq(col.st[i], time_of(i / 5));
    chunk_histogram_free(&c);
    arena_free(&a);
}
END_TEST

UNIT_MAIN("chunk_starts", test_as_prometheus, test_recode)
