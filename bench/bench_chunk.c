/* Nanoseconds per sample of appending to and decoding XOR chunks, and their size. */
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "storage/chunk.h"

#define SERIES 20000
#define SAMPLES 120

static double
next_value(int kind, double v)
{
    switch (kind) {
    case 0: /* constant */
        return 1;
    case 1: /* request counter */
        return v + (double)rng_below(50);
    case 2: /* gauge with two decimals */
        return (double)(int64_t)(rng_unit() * 10000) / 100;
    default: /* full random bits */
        return rng_unit();
    }
}

static void
measure(const char *name, int kind, bool xor2)
{
    struct chunk_xor2 *c = MEM_ARRAY(struct chunk_xor2, SERIES);
    double *v = MEM_ARRAY(double, SERIES *SAMPLES);
    for (size_t i = 0; i < SERIES; i++) {
        chunk_xor2_init(&c[i], NULL, 0);
        if (!xor2)
            chunk_xor_init(&c[i].x, NULL, 0);
        for (size_t k = 0; k < SAMPLES; k++)
            v[i * SAMPLES + k] = next_value(kind, k ? v[i * SAMPLES + k - 1] : 0);
    }
    /* Scrape by scrape, so that each append finds its series cold, as a head does. */
    int64_t start = clock_mono_ns();
    for (size_t k = 0; k < SAMPLES; k++)
        for (size_t i = 0; i < SERIES; i++) {
            int64_t t = 1700000000000 + (int64_t)k * 15000 + (int64_t)(i & 3);
            if (xor2)
                chunk_xor2_put(&c[i], 0, t, v[i * SAMPLES + k]);
            else
                chunk_xor_put(&c[i].x, t, v[i * SAMPLES + k]);
        }
    double append_ns = (double)(clock_mono_ns() - start) / SERIES / SAMPLES;
    struct arena *a = arena_new();
    size_t bytes = 0;
    int64_t decode_ns = 0;
    double sum = 0;
    for (size_t i = 0; i < SERIES; i++) {
        uint8_t data[8192];
        size_t n = chunk_xor_size(&c[i].x);
        if (xor2)
            chunk_xor2_copy(&c[i], data);
        else
            chunk_xor_copy(&c[i].x, data);
        bytes += n;
        struct column col = {.n = 0};
        struct err e;
        start = clock_mono_ns();
        bool good = chunk_decode(xor2 ? CHUNK_XOR2 : CHUNK_XOR, STR(data, n), INT64_MIN, INT64_MAX,
                                 a, &col, &e);
        decode_ns += clock_mono_ns() - start;
        sum += good ? col.v[col.n - 1] : 0;
        arena_clear(a);
        mem_free(c[i].x.p);
    }
    printf("chunk_%s_append %.1f ns/sample\n", name, append_ns);
    printf("chunk_%s_decode %.1f ns/sample\n", name, (double)decode_ns / SERIES / SAMPLES);
    printf("chunk_%s_size %.2f bytes/sample (sum %g)\n", name, (double)bytes / SERIES / SAMPLES,
           sum);
    arena_free(&a);
    mem_free(c);
    mem_free(v);
}

int
main(void)
{
    rng_seed(1);
    measure("xor_constant", 0, false);
    measure("xor_counter", 1, false);
    measure("xor_gauge", 2, false);
    measure("xor_random", 3, false);
    measure("xor2_counter", 1, true);
    measure("xor2_gauge", 2, true);
    return 0;
}
