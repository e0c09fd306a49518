#include "base/arena.h"
#include "tests/unit/unit.h"

#include <stdint.h>

START_TEST(test_basics)
{
    struct arena *a = arena_new();
    void *p = arena_alloc(a, 0), *q = arena_alloc(a, 0);
    ck_assert(p != q);
    ck_assert_uint_eq((uintptr_t)p % 16, 0);
    str s = arena_printf(a, "%d-%s", 7, "x");
    ck_lit(s, "7-x");
    ck_assert_int_eq(s.p[s.n], '\0');
    char want[1000];
    memset(want, 'y', 999);
    want[999] = '\0';
    ck_str(arena_printf(a, "%s", want), str_of(want));
    ck_assert_str_eq(arena_cstr(a, STRL("abc")), "abc");
    ck_lit(arena_str(a, STR_EMPTY), "");
    uint64_t *z = ARENA_ZARRAY(a, uint64_t, 10000);
    for (size_t i = 0; i < 10000; i++)
        ck_assert_uint_eq(z[i], 0);
    ck_assert_uint_ge(arena_used(a), 80000);
    arena_clear(a);
    ck_assert_uint_eq(arena_used(a), 0);
    arena_free(&a);
    ck_assert_ptr_null(a);
    arena_free(&a);
}
END_TEST

START_TEST(test_grow)
{
    struct arena *a = arena_new();
    uint32_t *x = NULL, *y = NULL;
    size_t x_cap = 0, y_cap = 0;
    /* Growing two by turns moves them; growing one alone stays in place. */
    for (uint32_t i = 0; i < 20000; i++) {
        arena_grow(a, &x, &x_cap, (size_t)i + 1, sizeof(*x));
        x[i] = i;
        if (i % 3 == 0) {
            arena_grow(a, &y, &y_cap, (size_t)i / 3 + 1, sizeof(*y));
            y[i / 3] = ~i;
        }
    }
    for (uint32_t i = 0; i < 20000; i++) {
        ck_assert_uint_eq(x[i], i);
        if (i % 3 == 0)
            ck_assert_uint_eq(y[i / 3], ~i);
    }
    arena_free(&a);
}
END_TEST

START_TEST(test_mark_reset)
{
    struct arena *a = arena_new();
    struct arena_mark empty = arena_mark(a);
    char *keep = arena_cstr(a, STRL("keep"));
    struct arena_mark m = arena_mark(a);
    size_t used = arena_used(a);
    for (int round = 0; round < 100; round++) {
        for (int i = 0; i < 50; i++)
            memset(arena_alloc(a, (size_t)(i * 97)), round, (size_t)(i * 97));
        arena_reset(a, m);
        ck_assert_uint_eq(arena_used(a), used);
        ck_assert_str_eq(keep, "keep");
    }
    arena_reset(a, empty);
    ck_assert_uint_eq(arena_used(a), 0);
    arena_free(&a);
}
END_TEST

/* Random allocations, marks and resets against a shadow that remembers what each
 * allocation must hold. */
START_TEST(test_random)
{
    unit_seed();
    enum { LIVE_MAX = 4000, MARKS_MAX = 20 };
    static struct {
        uint8_t *p;
        size_t n;
        uint8_t fill;
    } live[LIVE_MAX];
    static struct {
        struct arena_mark mark;
        size_t live;
    } marks[MARKS_MAX];
    size_t n = 0, n_marks = 0;
    struct arena *a = arena_new();
    for (int step = 0; step < 30000; step++) {
        uint64_t what = rng_below(100);
        if (what < 5 && n_marks < MARKS_MAX) {
            marks[n_marks].mark = arena_mark(a);
            marks[n_marks++].live = n;
        } else if ((what < 8 || n == LIVE_MAX) && n_marks > 0) {
            n_marks -= 1 + rng_below(n_marks);
            arena_reset(a, marks[n_marks].mark);
            n = marks[n_marks].live;
        } else if (n == LIVE_MAX || rng_below(5000) == 0) {
            arena_clear(a);
            n = n_marks = 0;
        } else {
            size_t size = rng_below(20) ? rng_below(300) : rng_below(100000);
            live[n].p = arena_alloc(a, size);
            live[n].n = size;
            live[n].fill = (uint8_t)rng_next();
            memset(live[n].p, live[n].fill, size);
            n++;
        }
        if (n == 0)
            continue;
        size_t at = rng_below(n);
        for (size_t i = 0; i < live[at].n; i += 1 + live[at].n / 16)
            ck_assert_uint_eq(live[at].p[i], live[at].fill);
    }
    for (size_t at = 0; at < n; at++)
        for (size_t i = 0; i < live[at].n; i++)
            if (live[at].p[i] != live[at].fill)
                ck_abort_msg("allocation %zu was overwritten", at);
    arena_free(&a);
}
END_TEST

UNIT_MAIN("arena", test_basics, test_grow, test_mark_reset, test_random)
