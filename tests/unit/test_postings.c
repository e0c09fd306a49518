/* test_postings.c - the head's tables and sets against the plainest versions of themselves. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "storage/exemplar.h"
#include "storage/id_table.h"
#include "storage/label_sort.h"
#include "storage/postings.h"
#include "storage/series.h"

#define UNIVERSE 400

static void
seed(void)
{
    uint64_t s = (uint64_t)clock_now_ns();
    printf("seed %llu\n", (unsigned long long)s);
    fflush(stdout);
    rng_seed(s);
}

START_TEST(test_id_table)
{
    seed();
    struct id_table t;
    uint32_t hash_of[UNIVERSE] = {0};
    bool in[UNIVERSE] = {false};
    id_table_init(&t);
    for (int i = 0; i < 20000; i++) {
        uint32_t id = (uint32_t)rng_below(UNIVERSE - 1) + 1;
        if (in[id]) {
            id_table_del(&t, hash_of[id], id);
        } else {
            hash_of[id] = (uint32_t)rng_below(rng_below(2) ? 40 : UINT32_MAX);
            id_table_put(&t, hash_of[id], id);
        }
        in[id] = !in[id];
        uint32_t probe = (uint32_t)rng_below(UNIVERSE - 1) + 1, got;
        bool found = false;
        for (struct id_probe p = id_table_probe(&t, hash_of[probe]); (got = id_table_next(&p)) != 0;) {
            ck_assert(in[got] && hash_of[got] == hash_of[probe]);
            found = found || got == probe;
        }
        ck_assert(found == in[probe]);
    }
    size_t n = 0;
    for (int i = 0; i < UNIVERSE; i++)
        n += in[i];
    ck_assert_uint_eq(t.n, n);
    id_table_fini(&t);
}
END_TEST

static struct ids
random_set(struct arena *a, bool *in, uint32_t scale)
{
    struct ids s = {.v = ARENA_ARRAY(a, uint32_t, UNIVERSE)};
    uint64_t density = rng_below(20) + 1;
    for (uint32_t i = 0; i < UNIVERSE; i++) {
        in[i] = rng_below(density) == 0;
        if (in[i])
            s.v[s.n++] = i * scale + 1;
    }
    return s;
}

START_TEST(test_set_algebra)
{
    seed();
    for (int round = 0; round < 500; round++) {
        struct arena *arena = arena_new();
        bool x[UNIVERSE], y[UNIVERSE], z[UNIVERSE];
        uint32_t scale = rng_below(2) ? 1 : 1000003; /* dense, and far apart */
        struct ids sets[3] = {random_set(arena, x, scale), random_set(arena, y, scale),
                              random_set(arena, z, scale)};
        struct ids both = ids_copy(arena, sets[0]), only = ids_copy(arena, sets[0]);
        ids_intersect(&both, sets[1]);
        ids_subtract(&only, sets[1]);
        struct ids any = ids_union(arena, sets, 3);
        size_t b = 0, o = 0, u = 0;
        for (uint32_t i = 0; i < UNIVERSE; i++) {
            if (x[i] && y[i])
                ck_assert(b < both.n && both.v[b++] == i * scale + 1);
            if (x[i] && !y[i])
                ck_assert(o < only.n && only.v[o++] == i * scale + 1);
            if (x[i] || y[i] || z[i])
                ck_assert(u < any.n && any.v[u++] == i * scale + 1);
        }
        ck_assert(b == both.n && o == only.n && u == any.n);
        struct ids mixed = {.v = ARENA_ARRAY(arena, uint32_t, UNIVERSE), .n = rng_below(UNIVERSE)};
        for (size_t i = 0; i < mixed.n; i++)
            mixed.v[i] = (uint32_t)rng_below(300) * 77777;
        ids_sort(arena, &mixed);
        for (size_t i = 1; i < mixed.n; i++)
            ck_assert(mixed.v[i - 1] < mixed.v[i]);
        arena_free(&arena);
    }
}
END_TEST

static bool
is_third(const void *arg, uint32_t id)
{
    return id % *(const uint32_t *)arg == 0;
}

START_TEST(test_posting_list)
{
    struct posting_list l = {0};
    uint32_t three = 3, one = 1;
    for (uint32_t i = 1; i <= 1000; i++)
        posting_list_add(&l, i ^ 1); /* pairs swapped: not quite ascending */
    for (uint32_t i = 1; i < l.n; i++)
        ck_assert(posting_list_ids(&l).v[i - 1] < posting_list_ids(&l).v[i]);
    posting_list_prune(&l, is_third, &three);
    for (uint32_t i = 0; i < l.n; i++)
        ck_assert(posting_list_ids(&l).v[i] % 3 != 0);
    posting_list_prune(&l, is_third, &one);
    ck_assert(l.n == 0 && l.cap == 0);
    posting_list_add(&l, 5);
    ck_assert(l.cap == 0 && posting_list_ids(&l).v[0] == 5);
    posting_list_free(&l);
}
END_TEST

static struct labels
random_labels(struct arena *a)
{
    struct labels_builder b;
    labels_builder_init(&b, a, LABELS_EMPTY);
    for (uint64_t n = rng_below(5) + 1; n > 0; n--)
        labels_builder_set(&b, arena_printf(a, "n%llu", (unsigned long long)rng_below(6)),
                           arena_printf(a, "value-%llu", (unsigned long long)rng_below(40)));
    return labels_builder_done(&b);
}

START_TEST(test_label_sort)
{
    seed();
    for (int round = 0; round < 30; round++) {
        struct arena *a = arena_new();
        struct symbols s;
        size_t n = rng_below(600);
        struct labels *ls = ARENA_ARRAY(a, struct labels, n);
        struct label_sort *v = ARENA_ARRAY(a, struct label_sort, n);
        symbols_init(&s);
        for (size_t i = 0; i < n; i++) {
            ls[i] = random_labels(a);
            uint32_t *pairs = ARENA_ARRAY(a, uint32_t, ls[i].n);
            for (size_t k = 0; k < ls[i].n; k++)
                pairs[k] = symbols_intern(&s, symbols_intern_name(&s, ls[i].v[k].name),
                                          ls[i].v[k].value);
            v[i] = (struct label_sort){.pairs = pairs, .n = (uint32_t)ls[i].n, .tag = (uint32_t)i};
        }
        label_sort(&s, v, n);
        for (size_t i = 1; i < n; i++)
            ck_assert_int_le(labels_cmp(ls[v[i - 1].tag], ls[v[i].tag]), 0);
        symbols_fini(&s);
        arena_free(&a);
    }
}
END_TEST

/* Series come and go; what a pin still looks at stays readable. */
START_TEST(test_collection)
{
    struct series_table t;
    struct pins pins;
    struct pin pin = {0};
    struct arena *a = arena_new();
    struct label l[2] = {{STRL("a"), STRL("1")}, {STRL("b"), STRL("2")}};
    struct labels first = {.v = l, .n = 2}, second = {.v = l, .n = 1};
    series_table_init(&t);
    pins_init(&pins);
    uint32_t x = series_create(&t, first, 7), y = series_create(&t, second, 7), slots[2];
    ck_assert(series_find(&t, first, 7) == x && series_find(&t, second, 7) == y);
    pin_enter(&pins, &pin);
    uint32_t slot = series_slot(&t, x);
    const uint32_t *pairs = series_cold(&t, slot)->pairs;
    series_doom(&t, x);
    series_doom(&t, y);
    ck_assert(series_revive(&t, y)); /* a batch wants it after all */
    uint32_t both[2] = {x, y};
    struct ids ids = {.v = both, .n = 2};
    ck_assert_uint_eq(series_reap(&t, ids, pins_advance(&pins), slots), 1);
    ck_assert_uint_eq(slots[0], slot);
    series_free_slots(&t, slots, 1);
    ck_assert(series_find(&t, first, 7) == 0 && series_find(&t, second, 7) == y);
    ck_assert(!series_revive(&t, x));
    ck_assert_uint_eq(symbols_find_name(&t.symbols, STRL("b")), 0);
    series_sweep(&t, &pins);
    struct labels seen = series_labels(&t, pairs, 2, a);
    ck_assert(str_eq(seen.v[1].name, STRL("b")) && str_eq(seen.v[1].value, STRL("2")));
    pin_leave(&pins, &pin);
    series_sweep(&t, &pins);
    ck_assert(t.limbo_n == 0 && t.symbols.limbo_n == 0);
    uint32_t again = series_create(&t, first, 7);
    ck_assert(again > y && series_slot(&t, again) == slot); /* a new id, an old slot */
    pins_fini(&pins);
    series_table_fini(&t);
    arena_free(&a);
}
END_TEST

/* The ring keeps the newest, in order, whatever its size was before. */
START_TEST(test_exemplars)
{
    struct exemplar_ring *r = exemplar_ring_new(4);
    struct label s[3] = {{STRL("s"), STRL("1")}, {STRL("s"), STRL("2")}, {STRL("s"), STRL("3")}};
    struct label trace = {STRL("trace_id"), STRL("abc")};
    struct exemplar e = {.labels = {.v = &trace, .n = 1}};
    for (int i = 0; i < 9; i++) {
        e.t = i;
        e.value = i;
        ck_assert_int_eq(exemplar_ring_add(r, (struct labels){.v = &s[i % 3], .n = 1}, &e),
                         EXEMPLAR_STORED);
        ck_assert_int_eq(exemplar_ring_add(r, (struct labels){.v = &s[i % 3], .n = 1}, &e),
                         EXEMPLAR_DUPLICATE);
    }
    e.t = 1;
    ck_assert_int_eq(exemplar_ring_add(r, (struct labels){.v = &s[2], .n = 1}, &e),
                     EXEMPLAR_OUT_OF_ORDER);
    ck_assert_uint_eq(exemplar_ring_count(r), 4);
    struct arena *a = arena_new();
    struct exemplar_series *out;
    struct selection_spec all = {0};
    ck_assert_uint_eq(exemplar_ring_select(r, &all, 1, 0, 100, a, &out), 3);
    ck_assert(out[2].n == 2 && out[2].v[0].t == 5 && out[2].v[1].t == 8);
    exemplar_ring_resize(r, 2);
    ck_assert_uint_eq(exemplar_ring_select(r, &all, 1, 0, 100, a, &out), 2);
    ck_assert(out[0].v[0].t == 7 && out[1].v[0].t == 8);
    exemplar_ring_resize(r, 10);
    e.t = 9;
    ck_assert_int_eq(exemplar_ring_add(r, (struct labels){.v = &s[0], .n = 1}, &e), EXEMPLAR_STORED);
    ck_assert_uint_eq(exemplar_ring_count(r), 3);
    exemplar_ring_resize(r, 0);
    ck_assert_int_eq(exemplar_ring_add(r, (struct labels){.v = &s[0], .n = 1}, &e), EXEMPLAR_OFF);
    exemplar_ring_free(&r);
    arena_free(&a);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("postings");
    TCase *t = tcase_create("postings");
    tcase_set_timeout(t, 30);
    tcase_add_test(t, test_id_table);
    tcase_add_test(t, test_set_algebra);
    tcase_add_test(t, test_posting_list);
    tcase_add_test(t, test_label_sort);
    tcase_add_test(t, test_collection);
    tcase_add_test(t, test_exemplars);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
