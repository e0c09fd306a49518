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
        size_t bits = random_fields(f), bytes = (bits + 7) / 8;
        /* Exact sizes, so that a sanitizer sees a byte too far. */
        uint8_t *fast = calloc(bytes + 1, 1), *slow = calloc(bytes + 1, 1);
        struct bit_writer w = {.p = fast, .cap_bits = bytes * 8};
        size_t at = 0;
        for (size_t i = 0; i < FIELDS; i++) {
            bit_put(&w, f[i].v, f[i].n);
            naive_put(slow, &at, f[i].v, f[i].n);
            ck_assert_uint_eq(w.bits, at);
        }
        ck_assert_uint_eq(bit_writer_bytes(&w), bytes);
        ck_assert_mem_eq(fast, slow, bytes + 1);
        uint8_t *copy = malloc(bytes ? bytes : 1);
        memcpy(copy, fast, bytes);
        struct bit_reader r = bit_reader_of(copy, bytes);
        for (size_t i = 0; i < FIELDS; i++)
            ck_assert_uint_eq(bit_get(&r, f[i].n), low_bits(f[i].v, f[i].n));
        ck_assert(!r.bad);
        bit_get(&r, 8);
        ck_assert(r.bad);
        ck_assert_uint_eq(bit_get(&r, 1), 0);
        free(copy);
        free(fast);
        free(slow);
    }
}
END_TEST

/* What lies past `have` in acc is zero: readers count leading zeros there. */
START_TEST(test_refill)
{
    uint8_t ones[32];
    memset(ones, 0xff, sizeof(ones));
    for (unsigned skip = 0; skip < 56; skip++) {
        struct bit_reader r = bit_reader_of(ones, sizeof(ones));
        bit_get(&r, skip);
        bit_refill(&r);
        ck_assert_uint_ge(r.have, 57);
        ck_assert(r.have == 64 || r.acc << r.have == 0);
        bit_refill(&r);
        ck_assert_uint_eq(bit_get(&r, 56), low_bits(UINT64_MAX, 56));
    }
}
END_TEST

START_TEST(test_truncation)
{
    unit_seed();
    uint8_t all[64];
    for (size_t i = 0; i < sizeof(all); i++)
        all[i] = (uint8_t)rng_next();
    for (size_t n = 0; n < sizeof(all); n++) {
        uint8_t *part = malloc(n ? n : 1);
        memcpy(part, all, n);
        struct bit_reader r = bit_reader_of(part, n);
        for (size_t i = 0; i < n; i++)
            ck_assert_uint_eq(bit_get(&r, 8), all[i]);
        ck_assert(!r.bad);
        ck_assert_uint_eq(bit_get(&r, 1), 0);
        ck_assert(r.bad);
        r = bit_reader_of(part, n);
        for (size_t left = n * 8; left >= 64; left -= 64)
            bit_get(&r, 64);
        ck_assert(!r.bad);
        bit_get(&r, 64);
        ck_assert(r.bad);
        free(part);
    }
}
END_TEST

UNIT_MAIN("bits", test_against_naive, test_refill, test_truncation)
