/* Many readers of one block while ranges of it are deleted; for the thread sanitizer. */
#include "tests/unit/block_model.h"

#include <pthread.h>
#include <stdatomic.h>

#define HOUR 3600000ll
#define READERS 4

struct reader {
    struct block *b;
    const struct model *before, *after;
    atomic_bool *stop;
    size_t rounds;
};

/* A series read while deleting has all of its samples, or what is left of them. */
static void *
read_all(void *arg)
{
    struct reader *r = arg;
    struct arena *a = arena_new();
    struct err e;
    do {
        uint32_t *refs;
        size_t n;
        ck_assert(block_postings(r->b, NULL, 0, a, &refs, &n, &e));
        ck_assert_uint_eq(n, r->before->n);
        for (size_t i = 0; i < n; i++) {
            struct block_series s;
            struct column c = {.n = 0};
            ck_assert(block_series_get(r->b, refs[i], INT64_MIN, INT64_MAX, a, &s, &e));
            ck_assert(block_read(r->b, &s, INT64_MIN, INT64_MAX, a, &c, &e));
            ck_assert(labels_eq(s.labels, r->before->v[i].labels));
            ck_assert_uint_le(c.n, r->before->v[i].c.n);
            ck_assert_uint_ge(c.n, r->after->v[i].c.n);
        }
        arena_clear(a);
        r->rounds++;
    } while (!atomic_load(r->stop));
    arena_free(&a);
    block_unref(&r->b);
    return NULL;
}

START_TEST(readers_and_deletes)
{
    struct model before, after;
    struct err e;
    char *dir = model_tmp_dir();
    rng_seed(12);
    model_make(&before, 60, 200, 0, HOUR);
    rng_seed(12);
    model_make(&after, 60, 200, 0, HOUR);
    struct matcher m;
    ck_assert(matcher_init(&m, MATCH_NE, STRL("job"), STRL("v1"), &e));
    model_delete(&after, &m, 1, 0, HOUR / 2);
    struct block *b = model_write(&before, dir);
    atomic_bool stop = false;
    struct reader r[READERS];
    pthread_t t[READERS];
    for (size_t i = 0; i < READERS; i++) {
        r[i] = (struct reader){block_ref(b), &before, &after, &stop, 0};
        ck_assert_int_eq(pthread_create(&t[i], NULL, read_all, &r[i]), 0);
    }
    for (int64_t at = 0; at < HOUR / 2; at += HOUR / 60)
        ck_assert_msg(block_delete(b, &m, 1, at, at + HOUR / 60, &e), "%s", e.text);
    atomic_store(&stop, true);
    for (size_t i = 0; i < READERS; i++)
        ck_assert_int_eq(pthread_join(t[i], NULL), 0);
    model_delete(&after, &m, 1, HOUR / 2, HOUR / 2);
    model_check(&after, b, INT64_MIN, INT64_MAX);
    matcher_fini(&m);
    block_unref(&b);
    model_free(&before);
    model_free(&after);
    model_tmp_drop(&dir);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("block_threads");
    TCase *t = tcase_create("block_threads");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, readers_and_deletes);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
