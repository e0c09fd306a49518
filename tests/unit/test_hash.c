/* Includes the .c: the software checksum is otherwise out of reach on most machines. */
#include "base/hash.c"
#include "tests/unit/unit.h"

static void
ck_hex(const uint8_t *got, size_t n, const char *want)
{
    char text[65];
    hash_hex(got, n, text);
    ck_assert_str_eq(text, want);
}

START_TEST(test_known)
{
    uint8_t out[32];
    hash_md5(STRL("abc"), out);
    ck_hex(out, 16, "900150983cd24fb0d6963f7d28e17f72");
    hash_sha1(STRL("abc"), out);
    ck_hex(out, 20, "a9993e364706816aba3e25717850c26c9cd0d89d");
    hash_sha256(STR_EMPTY, out);
    ck_hex(out, 32, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    ck_assert_uint_eq(hash_fnv64a(STR_EMPTY), UINT64_C(0xcbf29ce484222325));
    ck_assert_uint_eq(hash_fnv64a(STRL("a")), UINT64_C(0xaf63dc4c8601ec8c));
    ck_assert_uint_eq(hash64_stable(STR_EMPTY), UINT64_C(0xef46db3751d8e999));
    ck_assert_uint_eq(hash64_stable(STRL("abc")), UINT64_C(0x44bc2cf5ad770999));
    ck_assert_uint_eq(crc32c(0, STRL("123456789")), 0xe3069283u);
    ck_assert_uint_eq(crc32c(0, STR_EMPTY), 0);
}
END_TEST

/* Both ways, any length and alignment, whole or in two pieces. */
START_TEST(test_crc_paths)
{
    unit_seed();
    uint8_t bytes[300];
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)rng_next();
    for (size_t from = 0; from < 9; from++)
        for (size_t n = 0; from + n <= sizeof(bytes); n += 1 + n / 40) {
            str s = STR(bytes + from, n);
            uint32_t whole = crc32c(0, s);
            ck_assert_uint_eq(~crc_software(~0u, bytes + from, n), whole);
            size_t cut = n ? rng_below(n) : 0;
            ck_assert_uint_eq(crc32c(crc32c(0, STR(s.p, cut)), str_from(s, cut)), whole);
        }
}
END_TEST

START_TEST(test_tables)
{
    /* Equal text, equal hash; near texts, far hashes. */
    char a[8] = "series1", b[8] = "series2";
    ck_assert_uint_eq(hash64(STR(a, 7)), hash64(STRL("series1")));
    ck_assert_uint_ne(hash64(STR(a, 7)), hash64(STR(b, 7)));
    ck_assert_int_gt(__builtin_popcountll(hash_mix(1, 2) ^ hash_mix(1, 3)), 10);
    ck_assert_uint_ne(hash_mix(1, 2), hash_mix(2, 1));
    hash64(STR_EMPTY);
}
END_TEST

UNIT_MAIN("hash", test_known, test_crc_paths, test_tables)
