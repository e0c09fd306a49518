/* bench_num.c - ns to write and to read a number, by what the number looks like.
 * Lines are "name value unit"; the best of many rounds, so that other load shows least. */
#include "base/clock.h"
#include "base/num.h"
#include "base/rng.h"

#include <stdio.h>

enum { VALUES = 4096, ROUNDS = 50, KINDS = 4 };

static double values[VALUES];
static char texts[VALUES][32];
static size_t lengths[VALUES];
static volatile size_t sink;

static double
value_of(int kind)
{
    switch (kind) {
    case 0:
        return (double)rng_below(1000);
    case 1:
        return (double)(rng_next() >> 24);
    case 2:
        return (double)rng_below(1000000) / 1000;
    default:
        return rng_unit() * 1e6;
    }
}

static int64_t
write_all(void)
{
    char out[NUM_TEXT_MAX];
    int64_t start = clock_mono_ns();
    for (size_t i = 0; i < VALUES; i++)
        sink += num_format_api(values[i], out);
    return clock_mono_ns() - start;
}

static int64_t
read_all(void)
{
    int64_t start = clock_mono_ns();
    double v = 0;
    for (size_t i = 0; i < VALUES; i++)
        sink += num_parse_sample(STR(texts[i], lengths[i]), &v);
    return clock_mono_ns() - start;
}

static double
best_of(int64_t (*run)(void))
{
    int64_t best = INT64_MAX;
    for (int i = 0; i < ROUNDS; i++) {
        int64_t took = run();
        best = MIN(best, took);
    }
    return (double)best / VALUES;
}

int
main(void)
{
    static const char *const names[KINDS] = {"small_int", "large_int", "short_decimal", "ratio"};
    rng_seed(1);
    for (int kind = 0; kind < KINDS; kind++) {
        for (size_t i = 0; i < VALUES; i++) {
            values[i] = value_of(kind);
            lengths[i] = num_format_api(values[i], texts[i]);
        }
        printf("num_write_%s %.1f ns\n", names[kind], best_of(write_all));
        printf("num_read_%s %.1f ns\n", names[kind], best_of(read_all));
    }
    return 0;
}
