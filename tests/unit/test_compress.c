#include "base/compress.h"
#include "tests/unit/unit.h"

#include <pthread.h>

typedef bool decode_fn(str, size_t, struct buf *, struct err *);

static void
gzip_encode(str in, struct buf *out)
{
    gzip_deflate(in, (int)rng_below(14) - 1, out);
}
static void
zlib_encode(str in, struct buf *out)
{
    zlib_deflate(in, (int)rng_below(14) - 1, out);
}
static void
zstd_encode_any(str in, struct buf *out)
{
    zstd_encode(in, (int)rng_below(6), out);
}

static const struct codec {
    const char *name;
    void (*encode)(str, struct buf *);
    decode_fn *decode;
    bool checked; /* the format has a checksum, or is all structure: every flip shows */
} codecs[] = {
    {"gzip", gzip_encode, gzip_inflate, false}, /* its header has bytes nobody checks */
    {"zlib", zlib_encode, zlib_inflate, false},
    {"snappy", snappy_encode, snappy_decode, false},
    {"zstd", zstd_encode_any, zstd_decode, false},
};

/* Text of a kind that compresses: words from a small set. */
static void
random_text(struct buf *b, size_t n)
{
    static const char *const words[] = {"http_requests_total", "{job=\"", "node", "\"} ", "1", "\n"};
    buf_clear(b);
    while (b->n < n) {
        if (rng_below(8) == 0)
            buf_byte(b, (char)rng_next());
        else
            buf_put(b, str_of(words[rng_below(ARRAY_LEN(words))]));
    }
    b->n = n;
}

static bool
decode_exact(const struct codec *c, str in, size_t max, struct buf *out, struct err *e)
{
    /* A copy of exactly its size, so that a sanitizer sees reads past the end. */
    char *copy = malloc(in.n ? in.n : 1);
    if (in.n)
        memcpy(copy, in.p, in.n);
    size_t before = out->n;
    bool ok = c->decode(STR(copy, in.n), max, out, e);
    if (!ok)
        ck_assert_uint_eq(out->n, before);
    free(copy);
    return ok;
}

START_TEST(test_round_trip)
{
    unit_seed();
    struct buf plain = {0}, packed = {0}, back = {0};
    struct err e = ERR_INIT;
    for (size_t k = 0; k < ARRAY_LEN(codecs); k++)
        for (size_t n = 0; n < 300000; n = n * 3 + rng_below(7) + (n == 0)) {
            random_text(&plain, n);
            buf_clear(&packed);
            codecs[k].encode(buf_str(&plain), &packed);
            buf_clear(&back);
            buf_lit(&back, "kept");
            if (!decode_exact(&codecs[k], buf_str(&packed), n, &back, &e))
                ck_abort_msg("%s of %zu: %s", codecs[k].name, n, e.text);
            ck_assert(str_starts(buf_str(&back), STRL("kept")));
            ck_str(str_from(buf_str(&back), 4), buf_str(&plain));
            if (n == 0)
                continue;
            ck_assert(!decode_exact(&codecs[k], buf_str(&packed), n - 1, &back, &e));
            ck_assert_int_eq(e.kind, ERR_LIMIT);
        }
    buf_free(&plain);
    buf_free(&packed);
    buf_free(&back);
}
END_TEST

START_TEST(test_damage)
{
    unit_seed();
    struct buf plain = {0}, packed = {0}, back = {0};
    struct err e = ERR_INIT;
    random_text(&plain, 500);
    for (size_t k = 0; k < ARRAY_LEN(codecs); k++) {
        buf_clear(&packed);
        codecs[k].encode(buf_str(&plain), &packed);
        for (size_t n = 0; n < packed.n; n++) {
            buf_clear(&back);
            ck_assert(!decode_exact(&codecs[k], STR(packed.p, n), 1 << 20, &back, &e));
        }
        for (size_t bit = 0; bit < packed.n * 8; bit++) {
            packed.p[bit / 8] ^= (char)(1 << bit % 8);
            buf_clear(&back);
            if (decode_exact(&codecs[k], buf_str(&packed), 1 << 20, &back, &e))
                ck_assert_uint_le(back.n, 1 << 20);
            packed.p[bit / 8] ^= (char)(1 << bit % 8);
        }
    }
    buf_free(&plain);
    buf_free(&packed);
    buf_free(&back);
}
END_TEST

START_TEST(test_members)
{
    struct buf packed = {0}, back = {0};
    struct err e = ERR_INIT;
    gzip_deflate(STRL("one "), 6, &packed);
    gzip_deflate(STR_EMPTY, 6, &packed);
    gzip_deflate(STRL("two"), 6, &packed);
    ck_assert(gzip_inflate(buf_str(&packed), 100, &back, &e));
    ck_lit(buf_str(&back), "one two");
    ck_assert(!gzip_inflate(buf_str(&packed), 6, &back, &e));
    ck_assert_int_eq(e.kind, ERR_LIMIT);
    buf_byte(&packed, 'x');
    ck_assert(!gzip_inflate(buf_str(&packed), 100, &back, &e));
    ck_assert_int_eq(e.kind, ERR_CORRUPT);
    ck_assert(!gzip_inflate(STR_EMPTY, 100, &back, &e));
    ck_lit(buf_str(&back), "one two");
    buf_clear(&packed);
    zstd_encode(STRL("one "), 3, &packed);
    zstd_encode(STRL("two"), 3, &packed);
    buf_clear(&back);
    ck_assert(zstd_decode(buf_str(&packed), 100, &back, &e));
    ck_lit(buf_str(&back), "one two");
    ck_assert(!zstd_decode(STR_EMPTY, 100, &back, &e));
    buf_free(&packed);
    buf_free(&back);
}
END_TEST

/* 64 MiB of zeros in a few hundred bytes is not what anyone scrapes. */
START_TEST(test_bomb)
{
    struct buf zeros = {0}, packed = {0}, back = {0};
    struct err e = ERR_INIT;
    memset(buf_extend(&zeros, 64 << 20), 0, 64 << 20);
    zstd_encode(buf_str(&zeros), 3, &packed);
    ck_assert_uint_lt(packed.n, zeros.n / 1000);
    ck_assert(!zstd_decode(buf_str(&packed), 256 << 20, &back, &e));
    ck_assert_int_eq(e.kind, ERR_LIMIT);
    /* A snappy header that promises 4 GiB costs nothing. */
    ck_assert(!snappy_decode(STRL("\xff\xff\xff\xff\x0f\x00"), SIZE_MAX, &back, &e));
    ck_assert_int_eq(e.kind, ERR_LIMIT);
    ck_assert_uint_lt(back.cap, 8 << 20);
    buf_free(&zeros);
    buf_free(&packed);
    buf_free(&back);
}
END_TEST

START_TEST(test_lz4)
{
    unit_seed();
    struct buf plain = {0}, packed = {0}, back = {0};
    struct err e = ERR_INIT;
    for (size_t n = 0; n < 100000; n = n * 2 + 1) {
        random_text(&plain, n);
        buf_clear(&packed);
        lz4_encode(buf_str(&plain), &packed);
        buf_clear(&back);
        ck_assert(lz4_decode(buf_str(&packed), n, &back, &e));
        ck_str(buf_str(&back), buf_str(&plain));
        ck_assert(!lz4_decode(buf_str(&packed), n + 1, &back, &e));
        if (n > 0)
            ck_assert(!lz4_decode(buf_str(&packed), n - 1, &back, &e));
        ck_assert_uint_eq(back.n, n);
    }
    ck_assert(!lz4_decode(STRL("abc"), (size_t)1 << 40, &back, &e));
    ck_assert(!lz4_decode(STR_EMPTY, 0, &back, &e));
    buf_free(&plain);
    buf_free(&packed);
    buf_free(&back);
}
END_TEST

START_TEST(test_base64)
{
    static const struct {
        const char *plain, *coded;
    } cases[] = {{"", ""},         {"f", "Zg=="},     {"fo", "Zm8="},
                 {"foo", "Zm9v"},  {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="},
                 {"foobar", "Zm9vYmFy"}};
    static const char *const bad[] = {"Z",     "Zg",    "Zg=",    "Zg==Zg==", "=",
                                      "====",  "Zm9v=", "Z-==",   "Zg==x",    "Zg=x"};
    struct buf b = {0};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf_clear(&b);
        base64_encode(str_of(cases[i].plain), &b);
        ck_str(buf_str(&b), str_of(cases[i].coded));
        buf_clear(&b);
        ck_assert(base64_decode(str_of(cases[i].coded), &b));
        ck_str(buf_str(&b), str_of(cases[i].plain));
    }
    buf_clear(&b);
    ck_assert(base64_decode(STRL("Zm\n9v\r\nYg==\n"), &b));
    ck_lit(buf_str(&b), "foob");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        ck_assert_msg(!base64_decode(str_of(bad[i]), &b), "%s", bad[i]);
    ck_lit(buf_str(&b), "foob");
    buf_free(&b);
}
END_TEST

static char ok_token;

static void *
thread_round_trips(void *arg)
{
    (void)arg;
    struct buf plain = {0}, packed = {0}, back = {0};
    struct err e = ERR_INIT;
    bool ok = true;
    for (int i = 0; i < 20; i++)
        for (size_t k = 0; k < ARRAY_LEN(codecs); k++) {
            random_text(&plain, 2000);
            buf_clear(&packed);
            codecs[k].encode(buf_str(&plain), &packed);
            buf_clear(&back);
            ok &= codecs[k].decode(buf_str(&packed), plain.n, &back, &e) &&
                  str_eq(buf_str(&back), buf_str(&plain));
        }
    buf_free(&plain);
    buf_free(&packed);
    buf_free(&back);
    return ok ? &ok_token : NULL;
}

/* Contexts are each thread's own and end with it. */
START_TEST(test_threads)
{
    pthread_t threads[4];
    for (size_t i = 0; i < ARRAY_LEN(threads); i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, thread_round_trips, NULL), 0);
    for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
        void *ok = NULL;
        ck_assert_int_eq(pthread_join(threads[i], &ok), 0);
        ck_assert_ptr_nonnull(ok);
    }
}
END_TEST

UNIT_MAIN("compress", test_round_trip, test_damage, test_members, test_bomb, test_lz4, test_base64,
          test_threads)
