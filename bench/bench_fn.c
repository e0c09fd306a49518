/* Nanoseconds of range functions per sample of a day (every 15 s) and per step of a minute,
 * with windows of five minutes and an hour. */
#include <stdio.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "query/annotation.h"
#include "query/fn_over_time.h"
#include "query/fn_rate.h"

#define SAMPLES 5760
#define STEPS 1440
#define ROUNDS 20

static const struct {
    const char *name;
    fn_range *fn;
} functions[] = {
    {"rate", fn_rate},
    {"increase", fn_increase},
    {"delta", fn_delta},
    {"irate", fn_irate},
    {"resets", fn_resets},
    {"changes", fn_changes},
    {"count_over_time", fn_count_over_time},
    {"last_over_time", fn_last_over_time},
    {"sum_over_time", fn_sum_over_time},
    {"avg_over_time", fn_avg_over_time},
    {"min_over_time", fn_min_over_time},
    {"max_over_time", fn_max_over_time},
    {"stddev_over_time", fn_stddev_over_time},
    {"quantile_over_time", fn_quantile_over_time},
    {"mad_over_time", fn_mad_over_time},
    {"deriv", fn_deriv},
    {"predict_linear", fn_predict_linear},
};

struct input {
    struct column c;
    uint32_t lo[STEPS], hi[STEPS];
    double scalar[STEPS];
    struct grid g;
};

static void
find_windows(struct input *in, int64_t range)
{
    size_t lo = 0, hi = 0;
    for (size_t i = 0; i < STEPS; i++) {
        int64_t end = grid_time(&in->g, i);
        while (lo < SAMPLES && in->c.t[lo] <= end - range)
            lo++;
        while (hi < SAMPLES && in->c.t[hi] <= end)
            hi++;
        in->lo[i] = (uint32_t)lo;
        in->hi[i] = (uint32_t)hi;
    }
}

static void
measure(struct input *in, const char *kind, int64_t range, size_t f)
{
    struct arena *a = arena_new(), *scratch = arena_new();
    struct expr sel = {.type = EXPR_SELECTOR}, *args[3] = {&sel, &sel, &sel};
    struct expr call = {.type = EXPR_CALL, .u.call = {.args = args, .n = 3}};
    struct fn_arg fa[3] = {{.scalar = in->scalar}, {.scalar = in->scalar}, {.scalar = in->scalar}};
    struct annotations *notes = annotations_new(STRL("x"));
    struct fn_call fc = {.arena = a,
                         .scratch = scratch,
                         .grid = &in->g,
                         .call = &call,
                         .args = fa,
                         .args_n = 3,
                         .notes = notes,
                         .range_ms = range,
                         .end0 = in->g.start,
                         .lo = in->lo,
                         .hi = in->hi};
    double sum = 0;
    int64_t best = INT64_MAX;

    find_windows(in, range);
    for (int i = 0; i < ROUNDS; i++) {
        struct row out;
        struct err e;
        int64_t start = clock_mono_ns();
        if (!functions[f].fn(&fc, &in->c, &out, &e))
            printf("%s\n", e.text);
        best = MIN(best, clock_mono_ns() - start);
        sum += out.v[STEPS / 2];
        arena_clear(a);
        arena_clear(scratch);
    }
    printf("%-20s %-8s %3lldm %7.2f ns/sample %8.1f ns/step %s\n", functions[f].name, kind,
           (long long)(range / 60000), (double)best / SAMPLES, (double)best / STEPS,
           sum == 42 ? "!" : "");
    annotations_free(&notes);
    arena_free(&a);
    arena_free(&scratch);
}

/* Counter histograms of 80 buckets, all of one layout. */
static void
fill_histograms(struct column *c, struct arena *a)
{
    const struct histogram *prev = NULL;

    c->h = ARENA_ARRAY(a, struct histogram *, SAMPLES);
    for (size_t k = 0; k < SAMPLES; k++) {
        struct histogram *h = ARENA_NEW(a, struct histogram);
        h->schema = 3;
        h->zero_threshold = 1e-128;
        h->pos_n = 80;
        h->pos = ARENA_ZARRAY(a, double, h->pos_n);
        h->pos_spans = ARENA_NEW(a, struct histogram_span);
        *h->pos_spans = (struct histogram_span){-40, 80};
        h->pos_spans_n = 1;
        for (size_t i = 0; i < h->pos_n; i++) {
            h->pos[i] = (prev ? prev->pos[i] : 0) + (double)rng_below(5);
            h->count += h->pos[i];
        }
        h->sum = h->count * 0.7;
        c->h[k] = h;
        prev = h;
    }
}

int
main(void)
{
    static struct input in;
    in.c = (struct column){
        .n = SAMPLES, .t = MEM_ARRAY(int64_t, SAMPLES), .v = MEM_ARRAY(double, SAMPLES)};
    in.g = (struct grid){.start = 1700000000000, .step = 60000, .steps = STEPS};
    for (size_t i = 0; i < STEPS; i++)
        in.scalar[i] = 0.9;
    for (int kind = 0; kind < 2; kind++) {
        double v = 0;
        for (size_t k = 0; k < SAMPLES; k++) {
            in.c.t[k] = in.g.start + (int64_t)k * 15000;
            v = kind ? rng_unit() * 100 : rng_below(2000) ? v + (double)rng_below(50) : 0;
            in.c.v[k] = v;
        }
        for (size_t f = 0; f < ARRAY_LEN(functions); f++) {
            measure(&in, kind ? "gauge" : "counter", 300000, f);
            measure(&in, kind ? "gauge" : "counter", 3600000, f);
        }
    }
    struct arena *a = arena_new();
    fill_histograms(&in.c, a);
    for (size_t f = 0; f < ARRAY_LEN(functions); f++) {
        fn_range *fn = functions[f].fn;
        if (fn == fn_rate || fn == fn_irate || fn == fn_sum_over_time || fn == fn_avg_over_time)
            measure(&in, "native", 300000, f);
    }
    arena_free(&a);
    mem_free(in.c.t);
    mem_free(in.c.v);
    return 0;
}
