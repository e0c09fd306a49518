#include "base/buf.h"
#include "tests/unit/unit.h"

#include <inttypes.h>

START_TEST(test_building)
{
    struct buf b = {0};
    ck_assert_str_eq(buf_cstr(&b), "");
    buf_put(&b, STR_EMPTY);
    buf_lit(&b, "a=");
    buf_u64(&b, 0);
    buf_byte(&b, ' ');
    buf_u64(&b, UINT64_MAX);
    buf_byte(&b, ' ');
    buf_i64(&b, INT64_MIN);
    buf_printf(&b, " %03d", 7);
    memcpy(buf_extend(&b, 2), "zz", 2);
    ck_lit(buf_str(&b), "a=0 18446744073709551615 -9223372036854775808 007zz");
    ck_assert_str_eq(buf_cstr(&b), "a=0 18446744073709551615 -9223372036854775808 007zz");
    buf_clear(&b);
    ck_assert_uint_eq(buf_str(&b).n, 0);
    buf_free(&b);
    ck_assert_ptr_null(b.p);
}
END_TEST

START_TEST(test_long_printf)
{
    struct buf b = {0};
    for (int n = 0; n < 300; n++) {
        buf_clear(&b);
        buf_printf(&b, "<%*s>", n, "");
        ck_assert_uint_eq(b.n, (size_t)n + 2);
        ck_assert_int_eq(b.p[b.n - 1], '>');
    }
    buf_free(&b);
}
END_TEST

START_TEST(test_integers)
{
    unit_seed();
    struct buf b = {0};
    for (int i = 0; i < 20000; i++) {
        uint64_t v = rng_next() >> rng_below(64);
        char want[32];
        buf_clear(&b);
        buf_u64(&b, v);
        snprintf(want, sizeof(want), "%" PRIu64, v);
        ck_str(buf_str(&b), str_of(want));
        buf_clear(&b);
        buf_i64(&b, (int64_t)v);
        snprintf(want, sizeof(want), "%" PRId64, (int64_t)v);
        ck_str(buf_str(&b), str_of(want));
    }
    buf_free(&b);
}
END_TEST

UNIT_MAIN("buf", test_building, test_long_printf, test_integers)
