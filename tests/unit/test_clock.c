#include "base/clock.h"

#include <errno.h>

#include "base/fault.h"
#include "tests/unit/unit.h"

START_TEST(test_real)
{
    int64_t before = (int64_t)time(NULL) * 1000;
    int64_t now = clock_now_ms();
    ck_assert_int_ge(now, before);
    ck_assert_int_lt(now, before + 60000);
    ck_assert_int_le(clock_now_ns() / 1000000 - now, 60000);
    int64_t mono = clock_mono_ns();
    clock_sleep_ms(12);
    ck_assert_int_ge(clock_mono_ns() - mono, 12000000);
    clock_sleep_ms(0);
    clock_sleep_ms(-5);
    ck_assert_int_gt(clock_thread_cpu_ns(), 0);
}
END_TEST

START_TEST(test_fake)
{
    clock_fake_set_ms(-1500);
    int64_t mono = clock_mono_ms();
    ck_assert_int_eq(clock_now_ms(), -1500);
    clock_fake_advance_ms(1499);
    ck_assert_int_eq(clock_now_ms(), -1);
    ck_assert_int_eq(clock_mono_ms(), mono + 1499);
    clock_sleep_ms(3600000);
    ck_assert_int_eq(clock_now_ms(), 3599999);
    clock_fake_set_ms(7);
    ck_assert_int_eq(clock_now_ns(), 7000000);
    ck_assert_int_eq(clock_mono_ms(), mono + 1499 + 3600000);
    clock_fake_off();
    ck_assert_int_gt(clock_now_ms(), 1000000000000);
}
END_TEST

START_TEST(test_rng)
{
    uint64_t first[4], counts[10] = {0};
    double sum = 0;
    rng_seed(42);
    for (int i = 0; i < 4; i++)
        first[i] = rng_next();
    rng_seed(42);
    for (int i = 0; i < 4; i++)
        ck_assert_uint_eq(rng_next(), first[i]);
    ck_assert_uint_ne(first[0], first[1]);
    for (int i = 0; i < 100000; i++) {
        counts[rng_below(10)]++;
        double u = rng_unit();
        ck_assert(u >= 0 && u < 1);
        sum += u;
    }
    for (int i = 0; i < 10; i++)
        ck_assert(counts[i] > 9500 && counts[i] < 10500);
    ck_assert(sum > 49000 && sum < 51000);
    for (int i = 0; i < 100; i++)
        ck_assert_uint_eq(rng_below(1), 0);
    unsigned char a[32] = {0}, b[32] = {0};
    rng_secret(a, sizeof(a));
    rng_secret(b, sizeof(b));
    ck_assert_int_ne(memcmp(a, b, sizeof(a)), 0);
}
END_TEST

START_TEST(test_fault)
{
    ck_assert_int_eq(fault_hit(FAULT_IO_WRITE), 0);
    fault_arm(FAULT_IO_WRITE, 2, ENOSPC, false);
    ck_assert_int_eq(fault_hit(FAULT_IO_READ), 0);
    static const int once[] = {0, 0, ENOSPC, 0, 0};
    for (size_t i = 0; i < ARRAY_LEN(once); i++)
        ck_assert_int_eq(fault_hit(FAULT_IO_WRITE), once[i]);
    ck_assert_int_eq(fault_calls(FAULT_IO_WRITE), 5);
    fault_arm(FAULT_IO_WRITE, 1, EIO, true);
    static const int sticky[] = {0, EIO, EIO, EIO};
    for (size_t i = 0; i < ARRAY_LEN(sticky); i++)
        ck_assert_int_eq(fault_hit(FAULT_IO_WRITE), sticky[i]);
    fault_disarm_all();
    ck_assert_int_eq(fault_hit(FAULT_IO_WRITE), 0);
    ck_assert_int_eq(fault_calls(FAULT_IO_WRITE), 0);
}
END_TEST

UNIT_MAIN("clock", test_real, test_fake, test_rng, test_fault)
