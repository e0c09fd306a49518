/* Merging columns and label lists against sorting everything. */
#include <check.h>
#include <stdlib.h>

#include "base/rng.h"
#include "storage/chunk.h"
#include "storage/merge.h"

/* For inner loops: ck_assert notes its place in a file each time. */
#define HOLDS(x) ((x) ? (void)0 : ck_abort_msg("%s:%d: %s", __FILE__, __LINE__, #x))

#define COLUMNS 6

static struct histogram some_histogram;

static struct column
random_column(struct arena *a, int64_t tag)
{
    struct column c = {.n = 0};
    size_t n = rng_below(60);
    int64_t t = (int64_t)rng_below(100);
    bool h = rng_below(3) == 0, st = rng_below(3) == 0;
    column_reserve(&c, a, n);
    if (h)
        c.h = ARENA_ZARRAY(a, struct histogram *, c.cap);
    if (st)
        c.st = ARENA_ARRAY(a, int64_t, c.cap);
    for (; c.n < n; c.n++) {
        c.t[c.n] = t;
        c.v[c.n] = (double)(tag * 1000 + (int64_t)c.n);
        if (h)
            c.h[c.n] = rng_below(2) ? &some_histogram : NULL;
        if (st)
            c.st[c.n] = t - tag;
        t += 1 + (int64_t)rng_below(rng_below(4) ? 3 : 50);
    }
    return c;
}

START_TEST(columns)
{
    struct arena *a = arena_new();
    rng_seed(9);
    for (int round = 0; round < 500; round++) {
        struct column c[COLUMNS], out = {.n = 0};
        const struct column *in[COLUMNS];
        size_t n = rng_below(COLUMNS + 1), at[COLUMNS] = {0}, row = 0;
        for (size_t i = 0; i < n; i++) {
            c[i] = random_column(a, (int64_t)i);
            in[i] = &c[i];
        }
        column_merge(a, in, n, &out);
        for (int64_t t = 0; t < 4000; t++) {
            size_t winner = n;
            for (size_t i = n; i-- > 0;)
                if (at[i] < c[i].n && c[i].t[at[i]] == t)
                    winner = i;
            if (winner == n)
                continue;
            size_t k = at[winner];
            HOLDS(row < out.n && out.t[row] == t);
            HOLDS(out.v[row] == c[winner].v[k]);
            HOLDS((out.h ? out.h[row] : NULL) == (c[winner].h ? c[winner].h[k] : NULL));
            HOLDS((out.st ? out.st[row] : 0) == (c[winner].st ? c[winner].st[k] : 0));
            row++;
            for (size_t i = 0; i < n; i++)
                at[i] += at[i] < c[i].n && c[i].t[at[i]] == t;
        }
        ck_assert_uint_eq(row, out.n);
        arena_clear(a);
    }
    arena_free(&a);
}
END_TEST

static struct labels
one_label(struct arena *a, uint64_t v)
{
    struct label *l = ARENA_NEW(a, struct label);
    *l = (struct label){STRL("a"), arena_printf(a, "%03llu", (unsigned long long)v)};
    return (struct labels){l, 1};
}

START_TEST(label_lists)
{
    struct arena *a = arena_new();
    rng_seed(10);
    for (int round = 0; round < 300; round++) {
        uint64_t has[COLUMNS][50], want[50];
        uint32_t inputs[COLUMNS], at[COLUMNS] = {0};
        struct merge_labels m;
        size_t n = 1 + rng_below(COLUMNS), seen = 0, total = 0;
        merge_labels_init(&m, a, n);
        memset(want, 0, sizeof want);
        for (size_t i = 0; i < n; i++)
            for (size_t v = 0; v < 50; v++) {
                has[i][v] = rng_below(3) == 0;
                want[v] |= has[i][v] << i;
            }
        for (size_t i = 0; i < n; i++) {
            while (at[i] < 50 && !has[i][at[i]])
                at[i]++;
            if (at[i] < 50)
                merge_labels_push(&m, (uint32_t)i, one_label(a, at[i]));
        }
        for (size_t v = 0; v < 50; v++)
            total += want[v] != 0;
        struct labels ls;
        size_t k;
        while ((k = merge_labels_pop(&m, &ls, inputs)) > 0) {
            uint64_t v = strtoull(arena_cstr(a, ls.v[0].value), NULL, 10), got = 0;
            seen++;
            for (size_t i = 0; i < k; i++) {
                ck_assert(i == 0 || inputs[i - 1] < inputs[i]);
                got |= 1ull << inputs[i];
                uint32_t *p = &at[inputs[i]];
                do
                    (*p)++;
                while (*p < 50 && !has[inputs[i]][*p]);
                if (*p < 50)
                    merge_labels_push(&m, inputs[i], one_label(a, *p));
            }
            ck_assert_uint_eq(got, want[v]);
        }
        ck_assert_uint_eq(seen, total);
        arena_clear(a);
    }
    arena_free(&a);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("merge");
    TCase *t = tcase_create("merge");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, columns);
    tcase_add_test(t, label_lists);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
