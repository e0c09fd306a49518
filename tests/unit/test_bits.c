#include "base/bits.h"
#include "tests/unit/unit.h"

enum { FIELDS = 300 };
struct field {
    uint64_t v;
    unsigned n;
};

/* The naive twin: one bit at a time. */
static void
naive_put(uint8_t *p, size_t *at, uint64_t v, unsigned n)
{
    while (n-- > 0) {
        if (v >> n & 1)
            p[*at / 8] |= (uint8_t)(0x80 >> *at % 8);
        ++*at;
    }
}

static size_t
random_fields(struct field *f)
{
    size_t bits = 0;
    for (size_t i = 0; i < FIELDS; i++) {
        f[i].n = (unsigned)(rng_below(3) ? rng_below(65) : rng_below(5));
        f[i].v = rng_next();
        bits += f[i].n;
    }
    return bits;
}

static uint64_t
low_bits(uint64_t v, unsigned n)
{
    return n == 64 ? v : v & ((UINT64_C(1) << n) - 1);
}

START_TEST(test_against_naive)
{
    unit_seed();
    for (int round = 0; round < 200; round++) {
        struct field f[FIELDS];
        size_t total = random_fields(f), bytes = (total + 7) / 8, at = 0, naive_at = 0;
        /* Exact sizes, so that a sanitizer sees a byte too far; rubbish before. */
        uint8_t *fast = malloc(bytes + 1), *slow = calloc(bytes + 1, 1);
        memset(fast, 0xa5, bytes + 1);
        for (size_t i = 0; i < FIELDS; i++) {
            if (f[i].n > 0)
                bits_put(fast, bytes, at, f[i].v, f[i].n);
            at += f[i].n;
            naive_put(slow, &naive_at, f[i].v, f[i].n);
        }
        ck_assert_mem_eq(fast, slow, bytes);
        ck_assert_uint_eq(fast[bytes], 0xa5);
        uint8_t *copy = malloc(bytes ? bytes : 1);
        memcpy(copy, fast, bytes);
        struct bits r = bits_of(STR(copy, bytes), 0);
        for (size_t i = 0; i < FIELDS; i++)
            ck_assert_uint_eq(bits_get(&r, f[i].n), low_bits(f[i].v, f[i].n));
        ck_assert(!bits_bad(&r));
        ck_assert_uint_lt(bits_left(&r), 8);
        bits_get(&r, 8);
        ck_assert(bits_bad(&r));
        ck_assert_uint_eq(bits_get(&r, 64), 0);
        free(copy);
        free(fast);
        free(slow);
    }
}
END_TEST

START_TEST(test_peek_at_the_end)
{
    unit_seed();
    uint8_t all[24];
    for (size_t i = 0; i < sizeof(all); i++)
        all[i] = (uint8_t)rng_next();
    for (size_t n = 0; n < sizeof(all); n++) {
        uint8_t *part = malloc(n ? n : 1);
        memcpy(part, all, n);
        for (size_t at = 0; at <= n * 8 + 70; at++) {
            struct bits r = bits_of(STR(part, n), 0);
            r.at = at;
            uint64_t ahead = bits_peek(&r);
            for (size_t k = 0; k < 57; k++) {
                size_t bit = at + k;
                unsigned want = bit < n * 8 ? all[bit / 8] >> (7 - bit % 8) & 1 : 0;
                ck_assert_uint_eq(ahead >> (63 - k) & 1, want);
            }
        }
        free(part);
    }
}
END_TEST

START_TEST(test_varints)
{
    unit_seed();
    for (int i = 0; i < 20000; i++) {
        uint8_t bytes[11] = {0};
        uint64_t v = rng_next() >> rng_below(64);
        unsigned n = bits_uvarint_bytes(v, bytes);
        struct bits r = bits_of(STR(bytes, n), 0);
        ck_assert_uint_eq(bits_get_uvarint(&r), v);
        ck_assert_uint_eq(r.at, n * 8);
        n = bits_varint_bytes((int64_t)v, bytes);
        r = bits_of(STR(bytes, n), 0);
        ck_assert_int_eq(bits_get_varint(&r), (int64_t)v);
        r = bits_of(STR(bytes, n - 1), 0);
        bits_get_varint(&r);
        ck_assert(bits_bad(&r));
    }
    struct bits r = bits_of(STRL("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), 0);
    bits_get_uvarint(&r);
    ck_assert(bits_bad(&r));
}
END_TEST

UNIT_MAIN("bits", test_against_naive, test_peek_at_the_end, test_varints)
