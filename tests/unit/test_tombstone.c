/* Tombstones against a bit per millisecond and series. */
#include <check.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"
#include "storage/tombstone.h"

/* For inner loops: ck_assert notes its place in a file each time. */
#define HOLDS(x) ((x) ? (void)0 : ck_abort_msg("%s:%d: %s", __FILE__, __LINE__, #x))

#define REFS 6
#define SPAN 400

static struct err e;

struct shadow {
    bool gone[REFS][SPAN];
};

static size_t
shadow_intervals(const bool *gone)
{
    size_t n = 0;
    for (int t = 0; t < SPAN; t++)
        n += gone[t] && (t == 0 || !gone[t - 1]);
    return n;
}

static void
compare(const struct tombstones *t, const struct shadow *s)
{
    size_t total = 0;
    for (uint64_t ref = 0; ref < REFS; ref++) {
        struct intervals iv = tombstones_get(t, ref);
        ck_assert_uint_eq(iv.n, shadow_intervals(s->gone[ref]));
        total += iv.n;
        for (int at = 0; at < SPAN; at++) {
            bool in = intervals_touch(iv, at, at);
            HOLDS(in == s->gone[ref][at] && in == intervals_cover(iv, at, at));
        }
    }
    ck_assert_uint_eq(tombstones_count(t), total);
}

static void
compare_apply(const struct tombstones *t, const struct shadow *s)
{
    int64_t times[SPAN], starts[SPAN];
    double values[SPAN];
    uint64_t ref = rng_below(REFS);
    struct column c = {.n = SPAN, .t = times, .v = values, .st = starts};
    for (int i = 0; i < SPAN; i++) {
        times[i] = i;
        values[i] = i;
        starts[i] = -i;
    }
    intervals_apply(tombstones_get(t, ref), &c, 3);
    size_t at = 3;
    for (int i = 3; i < SPAN; i++) {
        if (s->gone[ref][i])
            continue;
        HOLDS(times[at] == i && values[at] == i && starts[at] == -i);
        at++;
    }
    ck_assert_uint_eq(c.n, at);
}

START_TEST(random_operations)
{
    rng_seed(500 + (uint64_t)_i);
    struct tombstones *t = tombstones_new();
    struct shadow s = {{{false}}};
    for (int op = 0; op < 100; op++) {
        uint64_t ref = rng_below(REFS);
        int from = (int)rng_below(SPAN), to = from + (int)rng_below(MIN(SPAN - from, 40));
        switch (rng_below(12)) {
        case 0:
            tombstones_remove(t, ref);
            memset(s.gone[ref], 0, SPAN);
            break;
        case 1:
            tombstones_truncate(t, from / 8);
            for (ref = 0; ref < REFS; ref++)
                for (int i = 0; i < SPAN; i++) {
                    int end = i;
                    while (end + 1 < SPAN && s.gone[ref][end + 1])
                        end++;
                    if (s.gone[ref][i] && end < from / 8)
                        s.gone[ref][i] = false;
                }
            break;
        default:
            tombstones_add(t, ref, from, to);
            memset(s.gone[ref] + from, 1, (size_t)(to - from + 1));
        }
        compare(t, &s);
        compare_apply(t, &s);
        struct buf image = {0};
        struct tombstones *copy = tombstones_copy(t), *back;
        compare(copy, &s);
        tombstones_encode(t, &image);
        ck_assert_msg(tombstones_decode(buf_str(&image), &back, &e), "%s", e.text);
        compare(back, &s);
        buf_free(&image);
        tombstones_free(&copy);
        tombstones_free(&back);
    }
    tombstones_free(&t);
}
END_TEST

START_TEST(far_ends)
{
    struct tombstones *t = tombstones_new();
    tombstones_add(t, 1, INT64_MIN, 5);
    tombstones_add(t, 1, 7, INT64_MAX);
    ck_assert_uint_eq(tombstones_count(t), 2);
    tombstones_add(t, 1, 6, 6);
    struct intervals iv = tombstones_get(t, 1);
    ck_assert(iv.n == 1 && iv.v[0].mint == INT64_MIN && iv.v[0].maxt == INT64_MAX);
    tombstones_free(&t);
}
END_TEST

/* The header's example of the file, and all ways to break it. */
START_TEST(damage)
{
    static const uint8_t want[] = {0x01, 0x30, 0xba, 0x30, 1,    7,    0xd0,
                                   0x0f, 0xa0, 0x1f, 0x7b, 0xc2, 0xe7, 0x88};
    struct tombstones *t = tombstones_new(), *back;
    tombstones_add(t, 7, 1000, 2000);
    struct buf image = {0};
    tombstones_encode(t, &image);
    tombstones_free(&t);
    for (size_t i = 0; i < MIN(image.n, sizeof want); i++)
        ck_assert_msg((uint8_t)image.p[i] == want[i], "byte %zu is %02x", i, (uint8_t)image.p[i]);
    ck_assert_uint_eq(image.n, sizeof want);
    for (size_t n = 0; n < image.n; n++)
        ck_assert(!tombstones_decode(STR(image.p, n), &back, &e) && e.kind == ERR_CORRUPT);
    for (size_t bit = 0; bit < image.n * 8; bit++) {
        image.p[bit / 8] = (char)(image.p[bit / 8] ^ 1 << bit % 8);
        ck_assert(!tombstones_decode(buf_str(&image), &back, &e));
        image.p[bit / 8] = (char)(image.p[bit / 8] ^ 1 << bit % 8);
    }
    buf_free(&image);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("tombstone");
    TCase *t = tcase_create("tombstone");
    tcase_set_timeout(t, 60);
    tcase_add_loop_test(t, random_operations, 0, 2);
    tcase_add_test(t, far_ends);
    tcase_add_test(t, damage);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
