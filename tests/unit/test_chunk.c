/* Chunks against bytes made by Prometheus, round trips, damage. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/mem.h"
#include "base/rng.h"
#include "storage/chunk.h"

/* For inner loops: ck_assert notes its place in a file each time. */
#define HOLDS(x) ((x) ? (void)0 : ck_abort_msg("%s:%d: %s", __FILE__, __LINE__, #x))

static struct arena *a;
static struct err e;

static void
setup(void)
{
    a = arena_new();
}

static void
teardown(void)
{
    arena_free(&a);
}

static str
hex(const char *text)
{
    size_t n = strspn(text, "0123456789abcdef") / 2;
    uint8_t *out = arena_alloc(a, n);
    for (size_t i = 0; i < n; i++) {
        unsigned byte;
        ck_assert_int_eq(sscanf(text + 2 * i, "%2x", &byte), 1);
        out[i] = (uint8_t)byte;
    }
    return STR(out, n);
}

static void
assert_bytes(str got, str want, const char *what)
{
    if (str_eq(got, want))
        return;
    size_t at = 0;
    while (at < got.n && at < want.n && got.p[at] == want.p[at])
        at++;
    ck_abort_msg("%s: %zu bytes, want %zu; first difference at %zu", what, got.n, want.n, at);
}

static str
xor_bytes(const struct chunk_xor *c)
{
    size_t n = chunk_xor_size(c);
    uint8_t *out = arena_alloc(a, n);
    chunk_xor_copy(c, out);
    return STR(out, n);
}

static str
xor2_bytes(const struct chunk_xor2 *c)
{
    size_t n = chunk_xor_size(&c->x);
    uint8_t *out = arena_alloc(a, n);
    chunk_xor2_copy(c, out);
    return STR(out, n);
}

START_TEST(header_example)
{
    struct chunk_xor c;
    chunk_xor_init(&c, NULL, 0);
    ck_assert(!chunk_xor_append(&c, 1000, 1));
    chunk_xor_put(&c, 1000, 1);
    chunk_xor_put(&c, 2000, 1);
    chunk_xor_put(&c, 3010, 2.5);
    str want = hex("0003d00f3ff0000000000000e80740056137ffa0");
    str got = xor_bytes(&c);
    struct buf b = {0};
    for (size_t i = 0; i < got.n; i++)
        buf_printf(&b, "%02x", (uint8_t)got.p[i]);
    ck_assert_msg(str_eq(got, want), "%s", buf_cstr(&b));
    buf_free(&b);
    mem_free(c.p);
}
END_TEST

/* The golden file, read sample by sample. */

struct golden {
    FILE *f;
    char line[1 << 16];
};

static bool
golden_next(struct golden *g)
{
    do {
        if (fgets(g->line, sizeof g->line, g->f) == NULL)
            return false;
    } while (g->line[0] == '#');
    return true;
}

static void
golden_open(struct golden *g)
{
    const char *dir = getenv("srcdir");
    char path[4096];
    snprintf(path, sizeof path, "%s/tests/golden/chunks.txt", dir ? dir : "..");
    g->f = fopen(path, "r");
    ck_assert_msg(g->f != NULL, "%s is missing", path);
}

struct series {
    int64_t t[512], st[512];
    uint64_t v[512];
    struct histogram h[512];
    unsigned n;
};

static void
check_floats(const struct series *s, enum chunk_encoding encoding, str data, const char *name)
{
    struct column c = {.n = 0};
    ck_assert_msg(chunk_decode(encoding, data, INT64_MIN, INT64_MAX, a, &c, &e), "%s: %s", name,
                  e.text);
    ck_assert_uint_eq(c.n, s->n);
    for (unsigned i = 0; i < s->n; i++) {
        if (c.t[i] != s->t[i] || f64_bits(c.v[i]) != s->v[i] || (c.st ? c.st[i] : 0) != s->st[i])
            ck_abort_msg("%s: sample %u", name, i);
    }
}

static void
golden_floats(struct golden *g, enum chunk_encoding encoding, struct series *s)
{
    char name[200];
    snprintf(name, sizeof name, "%.150s", g->line);
    struct chunk_xor x;
    struct chunk_xor2 x2;
    chunk_xor_init(&x, NULL, 0);
    chunk_xor2_init(&x2, NULL, 0);
    s->n = 0;
    while (golden_next(g) && g->line[0] == 'f') {
        unsigned i = s->n++;
        ck_assert_int_eq(sscanf(g->line, "f %ld %ld %lx", &s->st[i], &s->t[i], &s->v[i]), 3);
        if (encoding == CHUNK_XOR)
            chunk_xor_put(&x, s->t[i], f64_from_bits(s->v[i]));
        else
            chunk_xor2_put(&x2, s->st[i], s->t[i], f64_from_bits(s->v[i]));
        /* Stop and go on from the bytes, now and then. */
        if (i % 7 == 3 && encoding == CHUNK_XOR) {
            str sofar = xor_bytes(&x);
            mem_free(x.p);
            ck_assert_msg(chunk_xor_resume(&x, sofar, &e), "%s: %s", name, e.text);
        } else if (i % 7 == 3) {
            str sofar = xor2_bytes(&x2);
            mem_free(x2.x.p);
            ck_assert_msg(chunk_xor2_resume(&x2, sofar, &e), "%s: %s", name, e.text);
        }
    }
    ck_assert_int_eq(g->line[0], '=');
    str want = hex(g->line + 2);
    assert_bytes(encoding == CHUNK_XOR ? xor_bytes(&x) : xor2_bytes(&x2), want, name);
    check_floats(s, encoding, want, name);
    mem_free(x.p);
    mem_free(x2.x.p);
}

static double
next_bits(char **p)
{
    return f64_from_bits(strtoull(*p, p, 16));
}

static void
next_buckets(char **p, struct histogram_span **spans, size_t *spans_n, double **v, size_t *n)
{
    *spans_n = strtoul(*p, p, 10);
    *spans = ARENA_ARRAY(a, struct histogram_span, *spans_n);
    for (size_t i = 0; i < *spans_n; i++) {
        (*spans)[i].offset = (int32_t)strtol(*p, p, 10);
        (*spans)[i].length = (uint32_t)strtoul(*p, p, 10);
    }
    *n = strtoul(*p, p, 10);
    *v = ARENA_ARRAY(a, double, *n);
    for (size_t i = 0; i < *n; i++)
        (*v)[i] = next_bits(p);
}

static void
parse_histogram(char *p, bool integer, int64_t *t, struct histogram *h)
{
    *h = (struct histogram){.integer = integer};
    *t = strtoll(p, &p, 10);
    h->reset = (uint8_t)strtoul(p, &p, 10);
    h->schema = (int8_t)strtol(p, &p, 10);
    h->zero_threshold = next_bits(&p);
    h->zero_count = next_bits(&p);
    h->count = next_bits(&p);
    h->sum = next_bits(&p);
    next_buckets(&p, &h->pos_spans, &h->pos_spans_n, &h->pos, &h->pos_n);
    next_buckets(&p, &h->neg_spans, &h->neg_spans_n, &h->neg, &h->neg_n);
    h->custom_n = strtoul(p, &p, 10);
    h->custom = ARENA_ARRAY(a, double, h->custom_n);
    for (size_t i = 0; i < h->custom_n; i++)
        h->custom[i] = next_bits(&p);
}

/* Count of the bucket with this index, 0 if absent: the naive view of a side. */
static double
bucket_at(const struct histogram_span *s, size_t n, const double *v, int64_t index)
{
    int64_t at = 0;
    for (size_t i = 0; i < n; i++) {
        at += s[i].offset;
        if (index >= at && index < at + s[i].length)
            return v[index - at];
        at += s[i].length;
        v += s[i].length;
    }
    return 0;
}

static void
assert_same_histogram(const struct histogram *got, const struct histogram *want)
{
    ck_assert_uint_eq(f64_bits(got->sum), f64_bits(want->sum));
    if (value_is_stale(want->sum))
        return;
    ck_assert_int_eq(got->schema, want->schema);
    ck_assert(got->zero_threshold == want->zero_threshold);
    ck_assert(got->zero_count == want->zero_count);
    ck_assert(got->count == want->count);
    ck_assert_uint_eq(got->custom_n, want->custom_n);
    for (int64_t i = -100; i < 100; i++) {
        HOLDS(bucket_at(got->pos_spans, got->pos_spans_n, got->pos, i) ==
              bucket_at(want->pos_spans, want->pos_spans_n, want->pos, i));
        HOLDS(bucket_at(got->neg_spans, got->neg_spans_n, got->neg, i) ==
              bucket_at(want->neg_spans, want->neg_spans_n, want->neg, i));
    }
}

static void
golden_histograms(struct golden *g, enum chunk_encoding encoding, struct series *s)
{
    char name[200];
    snprintf(name, sizeof name, "%.150s", g->line);
    struct chunk_histogram *done[512];
    size_t n = 0;
    done[n++] = chunk_histogram_new(encoding);
    s->n = 0;
    while (golden_next(g) && g->line[0] == 'h' && g->line[1] == ' ') {
        unsigned i = s->n++;
        parse_histogram(g->line + 2, encoding == CHUNK_HISTOGRAM, &s->t[i], &s->h[i]);
        if (!chunk_histogram_append(done[n - 1], NULL, s->t[i], &s->h[i])) {
            done[n] = chunk_histogram_new(encoding);
            ck_assert(chunk_histogram_append(done[n], done[n - 1], s->t[i], &s->h[i]));
            n++;
        }
        if (i % 7 == 3) {
            struct chunk_histogram *c =
                chunk_histogram_resume(encoding, chunk_histogram_data(done[n - 1]), &e);
            ck_assert_msg(c != NULL, "%s: %s", name, e.text);
            chunk_histogram_free(&done[n - 1]);
            done[n - 1] = c;
        }
    }
    struct column c = {.n = 0};
    for (size_t i = 0; i < n; i++) {
        ck_assert_int_eq(g->line[0], '=');
        str want = hex(g->line + 2);
        assert_bytes(chunk_histogram_data(done[i]), want, name);
        ck_assert_uint_eq(chunk_samples(encoding, want), chunk_histogram_samples(done[i]));
        ck_assert(chunk_decode(encoding, want, INT64_MIN, INT64_MAX, a, &c, &e));
        chunk_histogram_free(&done[i]);
        golden_next(g);
    }
    ck_assert_uint_eq(c.n, s->n);
    for (size_t i = 0; i < c.n; i++) {
        ck_assert_int_eq(c.t[i], s->t[i]);
        assert_same_histogram(c.h[i], &s->h[i]);
    }
}

START_TEST(golden_chunks)
{
    static struct golden g;
    static struct series s;
    golden_open(&g);
    bool more = golden_next(&g);
    unsigned chunks = 0;
    while (more && !feof(g.f)) {
        int encoding;
        if (sscanf(g.line, "floats %d", &encoding) == 1) {
            golden_floats(&g, (enum chunk_encoding)encoding, &s);
            more = golden_next(&g);
        } else {
            ck_assert_int_eq(sscanf(g.line, "histograms %d", &encoding), 1);
            golden_histograms(&g, (enum chunk_encoding)encoding, &s);
        }
        chunks++;
        arena_clear(a);
    }
    ck_assert_uint_ge(chunks, 60);
    fclose(g.f);
}
END_TEST

/* Random floats with every kind of trouble. */

static double
trouble(double before)
{
    static const uint64_t special[] = {STALE_NAN_BITS,
                                       NORMAL_NAN_BITS,
                                       0x7ff0000000000000,
                                       0xfff0000000000000,
                                       0x8000000000000000,
                                       0,
                                       1,
                                       0x7fefffffffffffff,
                                       UINT64_MAX,
                                       0x7ff8000000000000};
    switch (rng_below(6)) {
    case 0:
        return f64_from_bits(special[rng_below(ARRAY_LEN(special))]);
    case 1:
        return f64_from_bits(rng_next());
    case 2:
        return before;
    case 3:
        return before + 1;
    default:
        return (double)rng_below(10000) / 100;
    }
}

static void
random_series(struct series *s, unsigned n)
{
    int64_t t = (int64_t)(rng_next() >> (1 + rng_below(60)));
    if (rng_below(2))
        t = -t;
    double v = 0;
    int64_t st = 0;
    s->n = n;
    for (unsigned i = 0; i < n; i++) {
        v = trouble(v);
        if (rng_below(8) == 0)
            st = rng_below(3) ? t - (int64_t)rng_below(100000) : 0;
        s->t[i] = t;
        s->st[i] = st;
        s->v[i] = f64_bits(v);
        t += rng_below(4) ? 15000 : 1 + (int64_t)(rng_next() >> (20 + rng_below(43)));
    }
}

/* Fills s and makes it a chunk of encoding 1 or 4. */
static str
random_chunk(enum chunk_encoding encoding, struct series *s, unsigned n_max)
{
    random_series(s, 1 + (unsigned)rng_below(n_max));
    struct chunk_xor x;
    struct chunk_xor2 x2;
    chunk_xor_init(&x, NULL, 0);
    chunk_xor2_init(&x2, NULL, 0);
    for (unsigned i = 0; i < s->n; i++) {
        if (encoding == CHUNK_XOR)
            s->st[i] = 0;
        if (encoding == CHUNK_XOR)
            chunk_xor_put(&x, s->t[i], f64_from_bits(s->v[i]));
        else
            chunk_xor2_put(&x2, s->st[i], s->t[i], f64_from_bits(s->v[i]));
    }
    str data = encoding == CHUNK_XOR ? xor_bytes(&x) : xor2_bytes(&x2);
    mem_free(x.p);
    mem_free(x2.x.p);
    return data;
}

static void
check_range(const struct series *s, enum chunk_encoding encoding, str data)
{
    int64_t mint = s->t[rng_below(s->n)] - (int64_t)rng_below(2);
    int64_t maxt = s->t[rng_below(s->n)] + (int64_t)rng_below(2);
    struct column c = {.n = 0};
    ck_assert(chunk_decode(encoding, data, mint, maxt, a, &c, &e));
    size_t want = 0;
    for (unsigned i = 0; i < s->n; i++) {
        if (s->t[i] < mint || s->t[i] > maxt)
            continue;
        HOLDS(want < c.n && c.t[want] == s->t[i] && f64_bits(c.v[want]) == s->v[i]);
        want++;
    }
    ck_assert_uint_eq(c.n, want);
}

START_TEST(round_trips)
{
    static struct series s;
    uint64_t seed = 20240500u + (uint64_t)_i;
    rng_seed(seed);
    for (int round = 0; round < 300; round++) {
        enum chunk_encoding encoding = rng_below(2) ? CHUNK_XOR : CHUNK_XOR2;
        str data = random_chunk(encoding, &s, 250);
        check_floats(&s, encoding, data, "random");
        check_range(&s, encoding, data);
        arena_clear(a);
    }
}
END_TEST

/* Decodes damaged bytes: whatever comes out must ascend and stay in range. */
static void
decode_damaged(enum chunk_encoding encoding, str data)
{
    uint8_t *exact = mem_alloc(data.n); /* so that ASan sees a byte too far */
    if (data.n)
        memcpy(exact, data.p, data.n);
    struct column c = {.n = 0};
    if (chunk_decode(encoding, STR(exact, data.n), 0, INT64_MAX, a, &c, &e)) {
        for (size_t i = 0; i < c.n; i++)
            HOLDS(c.t[i] >= (i ? c.t[i - 1] + 1 : 0));
    } else {
        HOLDS(c.n == 0 && e.kind == ERR_CORRUPT);
    }
    mem_free(exact);
}

static void
damage(enum chunk_encoding encoding, str data)
{
    uint8_t *copy = arena_alloc(a, data.n);
    struct arena_mark m = arena_mark(a);
    for (size_t n = 0; n < data.n; n++) {
        decode_damaged(encoding, STR(data.p, n));
        arena_reset(a, m);
    }
    for (size_t bit = 0; bit < data.n * 8; bit++) {
        memcpy(copy, data.p, data.n);
        copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        decode_damaged(encoding, STR(copy, data.n));
        arena_reset(a, m);
    }
}

START_TEST(damaged_floats)
{
    static struct series s;
    rng_seed(7);
    for (int round = 0; round < 6; round++) {
        enum chunk_encoding encoding = round % 2 ? CHUNK_XOR : CHUNK_XOR2;
        damage(encoding, random_chunk(encoding, &s, 30));
        arena_clear(a);
    }
}
END_TEST

START_TEST(damaged_histograms)
{
    double pos[] = {1, 2, 3, 4}, neg[] = {7}, bounds[] = {0.5, 1.25, 1e9, 2e9};
    struct histogram_span ps[] = {{-2, 2}, {3, 2}}, ns[] = {{0, 1}}, cs[] = {{0, 4}};
    for (int kind = 0; kind < 4; kind++) {
        bool custom = kind & 1, integer = kind & 2;
        enum chunk_encoding encoding = integer ? CHUNK_HISTOGRAM : CHUNK_FLOAT_HISTOGRAM;
        struct chunk_histogram *c = chunk_histogram_new(encoding);
        for (int i = 0; i < 6; i++) {
            struct histogram h = {.integer = integer,
                                  .schema = custom ? HISTOGRAM_CUSTOM : 2,
                                  .count = 17 + i,
                                  .sum = 5.5 * i,
                                  .zero_count = custom ? 0 : i,
                                  .zero_threshold = custom ? 0 : 0.001,
                                  .pos_spans = custom ? cs : ps,
                                  .pos_spans_n = custom ? 1 : 2,
                                  .pos = pos,
                                  .pos_n = 4,
                                  .neg_spans = ns,
                                  .neg_spans_n = !custom,
                                  .neg = neg,
                                  .neg_n = !custom,
                                  .custom = bounds,
                                  .custom_n = custom ? 4 : 0};
            ck_assert(chunk_histogram_append(c, NULL, 1000 * i, &h));
            pos[i % 4] += i;
        }
        damage(encoding, chunk_histogram_data(c));
        chunk_histogram_free(&c);
    }
}
END_TEST

START_TEST(mixed_column)
{
    struct chunk_xor x;
    chunk_xor_init(&x, NULL, 0);
    chunk_xor_put(&x, 10, 1);
    struct chunk_xor2 x2;
    chunk_xor2_init(&x2, NULL, 0);
    chunk_xor2_put(&x2, 25, 30, 3);
    struct chunk_histogram *h = chunk_histogram_new(CHUNK_FLOAT_HISTOGRAM);
    struct histogram empty = {.count = 2, .zero_count = 2, .sum = 1};
    ck_assert(chunk_histogram_append(h, NULL, 20, &empty));
    struct column c = {.n = 0};
    ck_assert(chunk_decode(CHUNK_XOR, xor_bytes(&x), 0, 100, a, &c, &e));
    ck_assert_ptr_null(c.h);
    ck_assert(chunk_decode(CHUNK_FLOAT_HISTOGRAM, chunk_histogram_data(h), 0, 100, a, &c, &e));
    ck_assert(chunk_decode(CHUNK_XOR2, xor2_bytes(&x2), 0, 100, a, &c, &e));
    ck_assert_uint_eq(c.n, 3);
    ck_assert(c.h[0] == NULL && c.h[1] != NULL && c.h[2] == NULL);
    ck_assert(c.st[0] == 0 && c.st[1] == 0 && c.st[2] == 25);
    ck_assert(c.v[0] == 1 && c.h[1]->count == 2 && c.v[2] == 3);
    mem_free(x.p);
    mem_free(x2.x.p);
    chunk_histogram_free(&h);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("chunk");
    TCase *t = tcase_create("chunk");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 60);
    tcase_add_test(t, header_example);
    tcase_add_test(t, golden_chunks);
    tcase_add_loop_test(t, round_trips, 0, 3);
    tcase_add_test(t, damaged_floats);
    tcase_add_test(t, damaged_histograms);
    tcase_add_test(t, mixed_column);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
