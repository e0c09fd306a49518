#include "base/mem.h"
#include "tests/unit/unit.h"

START_TEST(test_blocks)
{
    char *p = mem_alloc(0);
    ck_assert_ptr_nonnull(p);
    p = mem_realloc(p, 100);
    memset(p, 1, 100);
    mem_free(p);
    mem_free(NULL);
    uint32_t *a = MEM_ARRAY(uint32_t, 1000);
    for (size_t i = 0; i < 1000; i++)
        ck_assert_uint_eq(a[i], 0);
    mem_free(a);
}
END_TEST

START_TEST(test_grow)
{
    uint32_t *a = NULL;
    size_t cap = 0, steps = 0;
    for (uint32_t i = 0; i < 100000; i++) {
        size_t before = cap;
        mem_grow(&a, &cap, (size_t)i + 1, sizeof(*a));
        steps += cap != before;
        a[i] = i;
    }
    ck_assert_uint_ge(cap, 100000);
    ck_assert_uint_lt(steps, 20);
    for (uint32_t i = 0; i < 100000; i++)
        ck_assert_uint_eq(a[i], i);
    mem_free(a);
}
END_TEST

START_TEST(test_copies)
{
    char *c = mem_cstr(STRL("abc"));
    ck_assert_str_eq(c, "abc");
    mem_free(c);
    str s = mem_str(STR_EMPTY);
    ck_assert_uint_eq(s.n, 0);
    ck_assert_ptr_nonnull(s.p);
    mem_free((void *)(uintptr_t)s.p);
}
END_TEST

START_TEST(test_numbers)
{
    size_t before = mem_allocated_bytes();
    char *volatile p = mem_alloc(8 << 20);
    memset(p, 1, 8 << 20);
    ck_assert_uint_ge(mem_allocated_bytes(), before + (8 << 20));
    ck_assert_uint_ge(mem_resident_bytes(), 8 << 20);
    mem_free(p);
    mem_release_unused();
    ck_assert_uint_lt(mem_allocated_bytes(), before + (8 << 20));
    /* Somewhere between a toy and the address space. */
    ck_assert_uint_ge(mem_system_limit_bytes(), UINT64_C(1) << 20);
    ck_assert_uint_lt(mem_system_limit_bytes(), UINT64_C(1) << 50);
}
END_TEST

UNIT_MAIN("mem", test_blocks, test_grow, test_copies, test_numbers)
