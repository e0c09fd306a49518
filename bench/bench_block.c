/* Writing, opening, searching, reading and compacting a block of many series. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/panic.h"
#include "base/rng.h"
#include "storage/block.h"
#include "storage/block_write.h"
#include "storage/compact.h"

#define TARGETS 500
#define PER_TARGET 400
#define SAMPLES 480 /* 2 h of 15 s */

static struct err e;

#define MUST(x) ((x) ? (void)0 : PANIC("%s", e.text))

static double
ms_since(int64_t start)
{
    return (double)(clock_mono_ns() - start) / 1e6;
}

/* Series in label order: metric, then instance. */
static void
write_block(const char *dir, int64_t mint, char ulid[ULID_TEXT + 1])
{
    struct arena *a = arena_new();
    struct block_writer *w;
    struct block_write_opts o = {.dir = dir, .mint = mint, .maxt = mint + SAMPLES * 15000};
    struct chunk_xor x[4];
    struct block_writer_chunk c[4];
    MUST(block_writer_begin(&w, &o, &e));
    for (unsigned k = 0; k < 4; k++) {
        chunk_xor_init(&x[k], NULL, 0);
        for (unsigned i = 0; i < SAMPLES / 4; i++)
            chunk_xor_put(&x[k], mint + (k * (SAMPLES / 4) + i) * 15000, (double)rng_below(50));
        uint8_t *p = arena_alloc(a, chunk_xor_size(&x[k]));
        chunk_xor_copy(&x[k], p);
        int64_t t0 = mint + k * (SAMPLES / 4) * 15000;
        c[k] = (struct block_writer_chunk){CHUNK_XOR, t0, x[k].t, STR(p, chunk_xor_size(&x[k]))};
        mem_free(x[k].p);
    }
    str *instances = ARENA_ARRAY(a, str, TARGETS);
    for (unsigned t = 0; t < TARGETS; t++)
        instances[t] = arena_printf(a, "10.0.%03u.%03u:9100", t / 250, t % 250);
    int64_t start = clock_mono_ns();
    static const char *const modes[] = {"idle", "irq", "system", "user"};
    for (unsigned m = 0; m < PER_TARGET / ARRAY_LEN(modes); m++) {
        str name = arena_printf(a, "node_metric_%03u_total", m);
        for (unsigned t = 0; t < TARGETS * ARRAY_LEN(modes); t++) {
            struct label l[] = {{STRL("__name__"), name},
                                {STRL("cluster"), STRL("prod")},
                                {STRL("instance"), instances[t / ARRAY_LEN(modes)]},
                                {STRL("job"), STRL("node")},
                                {STRL("mode"), str_of(modes[t % ARRAY_LEN(modes)])}};
            MUST(block_writer_add(w, (struct labels){l, ARRAY_LEN(l)}, c, 4, &e));
        }
    }
    double add_ms = ms_since(start);
    start = clock_mono_ns();
    MUST(block_writer_finish(&w, ulid, &e));
    printf("block_write_add %.2f us/series\n", add_ms * 1e3 / TARGETS / PER_TARGET);
    printf("block_write_finish %.0f ms\n", ms_since(start));
    arena_free(&a);
}

static void
search(struct block *b, const char *name, const struct matcher *m, size_t n)
{
    struct arena *a = arena_new();
    uint32_t *refs;
    size_t k = 0;
    int64_t start = clock_mono_ns();
    for (int i = 0; i < 20; i++) {
        arena_clear(a);
        MUST(block_postings(b, m, n, a, &refs, &k, &e));
    }
    printf("block_postings_%s %.3f ms (%zu series)\n", name, ms_since(start) / 20, k);
    arena_free(&a);
}

static void
read_metric(struct block *b, const struct matcher *m)
{
    struct arena *a = arena_new();
    uint32_t *refs;
    size_t n, samples = 0;
    MUST(block_postings(b, m, 1, a, &refs, &n, &e));
    struct block_series *s = ARENA_ARRAY(a, struct block_series, n);
    int64_t start = clock_mono_ns();
    for (size_t i = 0; i < n; i++)
        MUST(block_series_get(b, refs[i], INT64_MIN, INT64_MAX, a, &s[i], &e));
    printf("block_series %.2f us/series\n", ms_since(start) * 1e3 / (double)n);
    start = clock_mono_ns();
    struct arena *cols = arena_new();
    for (size_t i = 0; i < n; i++) {
        struct column c = {.n = 0};
        arena_clear(cols);
        MUST(block_read(b, &s[i], INT64_MIN, INT64_MAX, cols, &c, &e));
        samples += c.n;
    }
    printf("block_read %.1f ns/sample (%zu)\n", ms_since(start) * 1e6 / (double)samples, samples);
    arena_free(&cols);
    arena_free(&a);
}

static struct block *
open_block(const char *dir, const char *ulid)
{
    struct block *b;
    char *path = io_join(dir, ulid);
    int64_t start = clock_mono_ns();
    MUST(block_open(&b, path, &e));
    printf("block_open %.2f ms\n", ms_since(start));
    mem_free(path);
    return b;
}

int
main(void)
{
    char dir[] = "/tmp/narthex-bench-XXXXXX";
    char ulid[ULID_TEXT + 1];
    CHECK(mkdtemp(dir) != NULL);
    struct block *b[3];
    for (int i = 0; i < 3; i++) {
        write_block(dir, (int64_t)i * SAMPLES * 15000, ulid);
        b[i] = open_block(dir, ulid);
    }
    printf("block_size %.1f MB\n", (double)block_size_bytes(b[0]) / 1e6);
    struct matcher m[4];
    MUST(matcher_init(&m[0], MATCH_EQ, STRL("__name__"), STRL("node_metric_007_total"), &e));
    MUST(matcher_init(&m[1], MATCH_RE, STRL("instance"), STRL("10\\.0\\.00[01]\\.1.*"), &e));
    MUST(matcher_init(&m[2], MATCH_NE, STRL("mode"), STRL("idle"), &e));
    MUST(matcher_init(&m[3], MATCH_RE, STRL("__name__"), STRL("node_.*_total"), &e));
    search(b[0], "eq", m, 1);
    search(b[0], "eq_regex_ne", m, 3);
    search(b[0], "regex_all", &m[3], 1);
    read_metric(b[0], m);
    struct compact_job job = {.dir = dir, .blocks = b, .n = 3};
    struct compact_result r;
    int64_t start = clock_mono_ns();
    MUST(compact_run(&job, &r, &e));
    double ms = ms_since(start);
    printf("compact %.0f ms (%llu chunks copied, %.1f M samples/s)\n", ms,
           (unsigned long long)r.chunks_copied, 3.0 * TARGETS * PER_TARGET * SAMPLES / ms / 1e3);
    printf("resident %.0f MB\n", (double)mem_resident_bytes() / 1e6);
    for (int i = 0; i < 4; i++)
        matcher_fini(&m[i]);
    for (int i = 0; i < 3; i++)
        block_unref(&b[i]);
    MUST(io_remove_tree(dir, &e));
    return 0;
}
