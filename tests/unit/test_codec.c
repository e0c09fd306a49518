#include "base/codec.h"
#include "tests/unit/unit.h"

/* One of each, in the order read below. */
static void
write_all(struct buf *b, uint64_t v)
{
    enc_u8(b, (uint8_t)v);
    enc_u16_le(b, (uint16_t)v);
    enc_u32_le(b, (uint32_t)v);
    enc_u64_le(b, v);
    enc_u16_be(b, (uint16_t)v);
    enc_u32_be(b, (uint32_t)v);
    enc_u64_be(b, v);
    enc_uvarint(b, v);
    enc_varint(b, (int64_t)v);
    enc_f64_le(b, f64_from_bits(v));
    enc_f64_be(b, f64_from_bits(v));
    enc_uvarint_str(b, STRL("text"));
}

static bool
read_all(str in, uint64_t v)
{
    struct dec d = dec_of(in);
    bool same = dec_u8(&d) == (uint8_t)v;
    same &= dec_u16_le(&d) == (uint16_t)v;
    same &= dec_u32_le(&d) == (uint32_t)v;
    same &= dec_u64_le(&d) == v;
    same &= dec_u16_be(&d) == (uint16_t)v;
    same &= dec_u32_be(&d) == (uint32_t)v;
    same &= dec_u64_be(&d) == v;
    same &= dec_uvarint(&d) == v;
    same &= dec_varint(&d) == (int64_t)v;
    same &= f64_bits(dec_f64_le(&d)) == v;
    same &= f64_bits(dec_f64_be(&d)) == v;
    same &= str_eq(dec_uvarint_str(&d), STRL("text"));
    bool done = dec_done(&d);
    if (!done) {
        /* A bad cursor stays bad and yields nothing. */
        ck_assert(d.bad);
        ck_assert_uint_eq(dec_u64_le(&d), 0);
        ck_assert_uint_eq(dec_bytes(&d, 0).n, 0);
        ck_assert(d.bad);
    }
    return same && done;
}

START_TEST(test_round_trip)
{
    unit_seed();
    struct buf b = {0};
    for (int i = 0; i < 5000; i++) {
        uint64_t v = rng_next() >> rng_below(64);
        buf_clear(&b);
        write_all(&b, v);
        ck_assert(read_all(buf_str(&b), v));
    }
    for (size_t n = 0; n < b.n; n++) {
        /* A copy of exactly n bytes, so that a sanitizer sees reads past the end. */
        char *part = malloc(n ? n : 1);
        memcpy(part, b.p, n);
        ck_assert(!read_all(STR(part, n), 0));
        free(part);
    }
    buf_free(&b);
}
END_TEST

START_TEST(test_bytes)
{
    struct buf b = {0};
    enc_u32_be(&b, 0x01020304);
    enc_u32_le(&b, 0x01020304);
    enc_uvarint(&b, 300);
    enc_varint(&b, -1);
    enc_varint(&b, 64);
    ck_str(buf_str(&b), STRL("\x01\x02\x03\x04\x04\x03\x02\x01\xac\x02\x01\x80\x01"));
    enc_u32_be_at(&b, 1, 0xaabbccdd);
    enc_u32_le_at(&b, 5, 0xaabbccdd);
    ck_str(STR(b.p, 9), STRL("\x01\xaa\xbb\xcc\xdd\xdd\xcc\xbb\xaa"));
    buf_free(&b);
}
END_TEST

/* As Go: ten bytes at most, and the tenth may only be 0 or 1. */
START_TEST(test_varint_bounds)
{
    struct dec d = dec_of(STRL("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"));
    ck_assert_uint_eq(dec_uvarint(&d), UINT64_MAX);
    ck_assert(dec_done(&d));
    d = dec_of(STRL("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"));
    ck_assert_uint_eq(dec_uvarint(&d), 0);
    ck_assert(d.bad);
    d = dec_of(STRL("\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01"));
    dec_uvarint(&d);
    ck_assert(d.bad);
    d = dec_of(STRL("\x80\x00"));
    ck_assert_uint_eq(dec_uvarint(&d), 0);
    ck_assert(dec_done(&d));
    d = dec_of(STRL("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" "ab"));
    ck_assert_uint_eq(dec_uvarint_str(&d).n, 0);
    ck_assert(d.bad);
    d = dec_of(STRL("abc"));
    dec_skip(&d, 2);
    ck_lit(dec_bytes(&d, 1), "c");
    ck_assert(dec_done(&d));
    dec_skip(&d, 1);
    ck_assert(d.bad);
    d = dec_of(STR_EMPTY);
    ck_assert(dec_done(&d));
}
END_TEST

UNIT_MAIN("codec", test_round_trip, test_bytes, test_varint_bounds)
