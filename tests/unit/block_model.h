/* block_model.h - the naive picture of a block that tests of blocks compare with:
 * a list of series with their samples, all in memory, searched one by one. */
#pragma once
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "base/rng.h"
#include "storage/block.h"
#include "storage/block_write.h"

/* For inner loops: ck_assert notes its place in a file each time. */
#define HOLDS(x) ((x) ? (void)0 : ck_abort_msg("%s:%d: %s", __FILE__, __LINE__, #x))

struct model_series {
    struct labels labels;
    struct column c;
};
struct model {
    struct arena *a;
    struct model_series *v; /* in label order, no set twice */
    size_t n, cap;
    int64_t mint, maxt; /* of the block, maxt exclusive */
};

static inline char *
model_tmp_dir(void)
{
    /* In memory where possible: these tests sync more often than a disk likes. */
    const char *base = getenv("TMPDIR");
    char path[4096];
    if (base == NULL)
        base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(path, sizeof path, "%s/narthex-block-XXXXXX", base);
    ck_assert_ptr_nonnull(mkdtemp(path));
    return mem_cstr(str_of(path));
}

static inline void
model_tmp_drop(char **dir)
{
    struct err e;
    if (!io_remove_tree(*dir, &e))
        fprintf(stderr, "%s\n", e.text);
    mem_free(*dir);
    *dir = NULL;
}

static inline double
model_value(double before)
{
    static const uint64_t special[] = {
        STALE_NAN_BITS, NORMAL_NAN_BITS, 0x7ff0000000000000, 0, 0x8000000000000000, 1};
    switch (rng_below(8)) {
    case 0:
        return f64_from_bits(special[rng_below(ARRAY_LEN(special))]);
    case 1:
        return f64_from_bits(rng_next());
    case 2:
    case 3:
        return before;
    default:
        return (double)rng_below(1000);
    }
}

static inline int
model_compare(const void *x, const void *y)
{
    return labels_cmp(((const struct model_series *)x)->labels,
                      ((const struct model_series *)y)->labels);
}

/* Labels over small pools, so that sets share names and values, and lack some. */
static inline struct labels
model_labels(struct arena *a, unsigned spread)
{
    static const char *const names[] = {"__name__", "dc", "host", "instance", "job", "le", "pod"};
    struct labels_builder b;
    labels_builder_init(&b, a, LABELS_EMPTY);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (i == 0 || rng_below(3))
            labels_builder_set(&b, str_of(names[i]),
                               arena_printf(a, "%s%llu", rng_below(2) ? "v" : "w",
                                            (unsigned long long)rng_below(i == 3 ? spread : 5)));
    return labels_builder_done(&b);
}

static inline struct column
model_column(struct arena *a, int64_t from, int64_t to, unsigned samples_max)
{
    struct column c = {.n = 0};
    size_t n = 1 + rng_below(samples_max);
    int64_t t = from + (int64_t)rng_below(1000), step = MAX((to - from - 2000) / (int64_t)n, 1);
    double v = 0;
    column_reserve(&c, a, n);
    for (size_t i = 0; i < n && t < to; i++) {
        v = model_value(v);
        c.t[c.n] = t;
        c.v[c.n++] = v;
        t += rng_below(4) ? step : 1 + (int64_t)rng_below((uint64_t)step);
    }
    return c;
}

static inline void
model_make(struct model *m, size_t series, unsigned samples_max, int64_t mint, int64_t maxt)
{
    m->a = arena_new();
    m->mint = mint;
    m->maxt = maxt;
    m->v = ARENA_ZARRAY(m->a, struct model_series, series);
    for (size_t i = 0; i < series; i++)
        m->v[i].labels = model_labels(m->a, (unsigned)series);
    qsort(m->v, series, sizeof *m->v, model_compare);
    m->n = 0;
    for (size_t i = 0; i < series; i++)
        if (m->n == 0 || labels_cmp(m->v[m->n - 1].labels, m->v[i].labels) != 0)
            m->v[m->n++] = m->v[i];
    for (size_t i = 0; i < m->n; i++)
        m->v[i].c = model_column(m->a, mint, maxt, samples_max);
}

static inline void
model_free(struct model *m)
{
    arena_free(&m->a);
}

/* Writes the model as a block below dir and opens it. */
static inline struct block *
model_write(const struct model *m, const char *dir)
{
    struct err e;
    struct block_writer *w;
    struct block_write_opts o = {.dir = dir,
                                 .mint = m->mint,
                                 .maxt = m->maxt,
                                 .segment_bytes = 20000,
                                 .postings_bytes = 400};
    char ulid[ULID_TEXT + 1];
    ck_assert_msg(block_writer_begin(&w, &o, &e), "%s", e.text);
    for (size_t i = 0; i < m->n; i++)
        ck_assert_msg(block_writer_add_column(w, m->v[i].labels, &m->v[i].c, i % 3 == 0, &e), "%s",
                      e.text);
    ck_assert_msg(block_writer_finish(&w, ulid, &e), "%s", e.text);
    ck_assert_uint_eq(strlen(ulid), ULID_TEXT);
    char *path = io_join(dir, ulid);
    struct block *b;
    ck_assert_msg(block_open(&b, path, &e), "%s", e.text);
    mem_free(path);
    return b;
}

/* Deletes from the model what block_delete should delete from the block. */
static inline bool
model_matches(const struct model_series *s, const struct matcher *m, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!matcher_matches(&m[i], labels_get(s->labels, m[i].name)))
            return false;
    return true;
}

static inline void
model_delete(struct model *m, const struct matcher *ms, size_t n, int64_t mint, int64_t maxt)
{
    for (size_t i = 0; i < m->n; i++) {
        struct column *c = &m->v[i].c;
        size_t kept = 0;
        if (!model_matches(&m->v[i], ms, n))
            continue;
        for (size_t k = 0; k < c->n; k++) {
            if (c->t[k] >= mint && c->t[k] <= maxt)
                continue;
            c->t[kept] = c->t[k];
            c->v[kept++] = c->v[k];
        }
        c->n = kept;
    }
}

static inline void
model_check_column(const struct column *got, const struct column *want, int64_t mint, int64_t maxt)
{
    size_t at = 0;
    for (size_t i = 0; i < want->n; i++) {
        if (want->t[i] < mint || want->t[i] > maxt)
            continue;
        HOLDS(at < got->n && got->t[at] == want->t[i]);
        HOLDS(f64_bits(got->v[at]) == f64_bits(want->v[i]));
        at++;
    }
    ck_assert_uint_eq(at, got->n);
}

/* Every series of the model, in order, with the samples of [mint, maxt]. Series of the
 * model without samples may be absent from the block. */
static inline void
model_check(const struct model *m, struct block *b, int64_t mint, int64_t maxt)
{
    struct err e;
    struct arena *a = arena_new();
    uint32_t *refs;
    size_t n, at = 0;
    ck_assert_msg(block_postings(b, NULL, 0, a, &refs, &n, &e), "%s", e.text);
    for (size_t i = 0; i < m->n; i++) {
        struct block_series s = {.ref = 0};
        bool there = at < n;
        if (there)
            HOLDS(block_series_get(b, refs[at], mint, maxt, a, &s, &e));
        if (m->v[i].c.n == 0 && (!there || !labels_eq(s.labels, m->v[i].labels)))
            continue;
        HOLDS(there && labels_eq(s.labels, m->v[i].labels));
        struct column c = {.n = 0};
        HOLDS(block_read(b, &s, mint, maxt, a, &c, &e));
        model_check_column(&c, &m->v[i].c, mint, maxt);
        HOLDS(block_estimate(b, &s, mint, maxt) >= c.n);
        at++;
    }
    ck_assert_uint_eq(at, n);
    arena_free(&a);
}
