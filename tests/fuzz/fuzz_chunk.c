/* Chunk bytes of every encoding: first byte the encoding, then the data. */
#include "tests/fuzz/fuzz.h"

#include "base/panic.h"
#include "storage/chunk.h"

static void
resume(enum chunk_encoding encoding, str data)
{
    struct err e;
    struct chunk_xor x;
    struct chunk_xor2 x2;
    if (encoding == CHUNK_XOR && chunk_xor_resume(&x, data, &e)) {
        if (x.t < INT64_MAX && x.samples < CHUNK_XOR_SAMPLES_MAX)
            chunk_xor_put(&x, x.t + 1, 1.5);
        mem_free(x.p);
    }
    if (encoding == CHUNK_XOR2 && chunk_xor2_resume(&x2, data, &e)) {
        if (x2.x.t < INT64_MAX && x2.x.samples < CHUNK_XOR2_SAMPLES_MAX)
            chunk_xor2_put(&x2, 3, x2.x.t + 1, 1.5);
        mem_free(x2.x.p);
    }
    if (chunk_encoding_known(encoding) && chunk_is_histogram(encoding)) {
        struct chunk_histogram *c = chunk_histogram_resume(encoding, data, &e);
        chunk_histogram_free(&c);
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 1)
        return 0;
    enum chunk_encoding encoding = (enum chunk_encoding)(data[0] % 8);
    str bytes = STR(data + 1, n - 1);
    struct arena *a = arena_new();
    struct column c = {.n = 0};
    struct err e;
    if (chunk_decode(encoding, bytes, INT64_MIN, INT64_MAX, a, &c, &e))
        for (size_t i = 1; i < c.n; i++)
            CHECK(c.t[i] > c.t[i - 1]);
    else
        CHECK(c.n == 0 && e.kind == ERR_CORRUPT);
    resume(encoding, bytes);
    arena_free(&a);
    return 0;
}

static void
seed_floats(struct buf *out, bool xor2)
{
    struct chunk_xor2 x;
    chunk_xor2_init(&x, NULL, 0);
    if (!xor2)
        chunk_xor_init(&x.x, NULL, 0);
    int64_t t = 0;
    for (int i = 0; i < 30; i++) {
        t += 1000 + i % 3 * (i % 7 == 0 ? 100000 : 1);
        double v = i % 11 == 0 ? value_stale() : i % 4 * 1.25;
        if (xor2)
            chunk_xor2_put(&x, i > 9 ? 77 * i : 0, t, v);
        else
            chunk_xor_put(&x.x, t, v);
    }
    buf_byte(out, xor2 ? CHUNK_XOR2 : CHUNK_XOR);
    char *p = buf_extend(out, chunk_xor_size(&x.x));
    if (xor2)
        chunk_xor2_copy(&x, (uint8_t *)p);
    else
        chunk_xor_copy(&x.x, (uint8_t *)p);
    mem_free(x.x.p);
}

static void
seed_histograms(struct buf *out, bool integer, bool custom, bool starts)
{
    enum chunk_encoding encoding = chunk_histogram_kind(integer, starts);
    struct chunk_histogram *c = chunk_histogram_new(encoding);
    double pos[] = {1, 2, 3, 4}, neg[] = {7}, bounds[] = {0.5, 1.25, 1e9};
    struct histogram_span ps[] = {{-2, 2}, {3, 2}}, cs[] = {{0, 4}}, ns[] = {{0, 1}};
    for (int i = 0; i < 6; i++) {
        struct histogram h = {.integer = integer,
                              .schema = custom ? HISTOGRAM_CUSTOM : 2,
                              .count = 17 + i,
                              .sum = 5.5 * i,
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
                              .custom_n = custom ? 3 : 0};
        CHECK(chunk_histogram_append_st(c, NULL, 300 * i, 1000 * i, &h));
        pos[i % 4] += i;
    }
    buf_byte(out, (char)encoding);
    buf_put(out, chunk_histogram_data(c));
    chunk_histogram_free(&c);
}

bool
fuzz_seed(struct buf *out, unsigned i)
{
    if (i < 2)
        seed_floats(out, i == 1);
    else if (i < 10)
        seed_histograms(out, i & 1, i & 2, i & 4);
    return i < 10;
}
