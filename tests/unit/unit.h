/* unit.h - what every unit test shares: a main, a seed, golden files.
 *
 *     START_TEST(test_of_something) { … } END_TEST
 *     UNIT_MAIN("arena", test_of_something, …)
 *
 * Random tests call unit_seed() first: it prints the seed, and NARTHEX_TEST_SEED repeats it.
 */
#pragma once
#include "base/base.h"
#include "base/rng.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static inline int
unit_run(const char *name, const TTest *const *tests, size_t n)
{
    Suite *suite = suite_create(name);
    TCase *tc = tcase_create(name);
    tcase_set_timeout(tc, 60);
    for (size_t i = 0; i < n; i++)
        tcase_add_test(tc, tests[i]);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

#define UNIT_MAIN(name, ...)                                                             \
    int main(void)                                                                       \
    {                                                                                    \
        const TTest *const unit_tests_[] = {__VA_ARGS__};                                \
        return unit_run((name), unit_tests_, ARRAY_LEN(unit_tests_));                    \
    }

/* Seeds rng_next of this thread. */
static inline void
unit_seed(void)
{
    const char *given = getenv("NARTHEX_TEST_SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    fprintf(stderr, "NARTHEX_TEST_SEED=%llu\n", (unsigned long long)seed);
    rng_seed(seed);
}

/* tests/golden/NAME, wherever the build tree is. */
static inline FILE *
unit_golden(const char *name)
{
    const char *top = getenv("srcdir");
    char path[4096];
    snprintf(path, sizeof(path), "%s/tests/golden/%s", top ? top : ".", name);
    FILE *f = fopen(path, "re");
    if (f == NULL)
        ck_abort_msg("%s cannot be read (srcdir is set by make check)", path);
    return f;
}

#define ck_str(got, want)                                                                \
    do {                                                                                 \
        str got_ = (got), want_ = (want);                                                \
        if (!str_eq(got_, want_))                                                        \
            ck_abort_msg("got «%.*s», want «%.*s»", STR_ARG(got_), STR_ARG(want_));      \
    } while (0)
#define ck_lit(got, lit) ck_str((got), STRL(lit))
