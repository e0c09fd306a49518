/* Plans by example, merged blocks against a naive merge. */
#include "tests/unit/block_model.h"

#include "storage/compact.h"
#include "storage/merge.h"

#define HOUR 3600000ll

static char *dir;
static struct err e;

static void
setup(void)
{
    dir = model_tmp_dir();
}

static void
teardown(void)
{
    model_tmp_drop(&dir);
}

/* A plan's blocks as "mint-maxt" with marks: f failed, sN series, tN tombstones, S stale. */
static size_t
parse_blocks(const char *text, struct block_meta *m)
{
    size_t n = 0;
    for (const char *p = text; *p;) {
        char *end;
        m[n] = (struct block_meta){.level = 1};
        m[n].mint = strtoll(p, &end, 10);
        m[n].maxt = strtoll(end + 1, &end, 10);
        for (p = end; *p && *p != ' ';) {
            char mark = *p++;
            long v = 0;
            for (; *p >= '0' && *p <= '9'; p++)
                v = v * 10 + *p - '0';
            m[n].failed |= mark == 'f';
            m[n].stale_series |= mark == 'S';
            if (mark == 's')
                m[n].series = (uint64_t)v;
            if (mark == 't')
                m[n].tombstones = (uint64_t)v;
        }
        while (*p == ' ')
            p++;
        n++;
    }
    return n;
}

static const struct {
    const char *blocks, *want;
} plans[] = {
    {"", ""},
    {"0-20", ""},
    {"0-20 20-40", ""},
    {"0-20 20-40 40-60", ""},
    /* Three of 20 fill 60, and a newer one is there. */
    {"0-20 20-40 40-60 60-80", "0 1 2"},
    {"0-20 20-40 40-60 60-80 80-100", "0 1 2"},
    /* In any order of the list. */
    {"60-80 40-60 0-20 20-40", "2 3 1"},
    /* A gap at the end of the window: merged once newer blocks stand behind it. */
    {"0-20 20-40 60-80", ""},
    {"0-20 20-40 60-80 80-100", "0 1"},
    {"20-40 40-60 60-80", ""},
    {"20-40 40-60 60-80 80-100", "0 1"},
    /* 60s grow to 180. */
    {"0-60 60-120 120-180 180-200 200-220", "0 1 2"},
    {"0-60 60-120 180-240 240-260", "0 1"},
    {"0-180 180-200 200-220 220-240 240-260", "1 2 3"},
    {"-20-0 0-20 20-40 40-60 60-80", "1 2 3"},
    {"-60--40 -40--20 -20-0 0-20", "0 1 2"},
    /* A failed block spoils its window, not the next. */
    {"0-20 20-40f 40-60 60-80 80-100 100-120 120-140", "3 4 5"},
    {"0-20 20-40f 40-60 60-80", ""},
    /* Overlaps come first, the first group of them, even the newest. */
    {"0-20 19-40 40-60", "0 1"},
    {"0-20 20-40 20-40", "1 2"},
    {"0-20 10-30 25-50 60-80 70-90", "0 1 2"},
    {"0-60 20-40 50-70 80-90", "0 1 2"},
    {"0-20 20-40 40-60 60-80 70-90", "3 4"},
    /* Many tombstones: at least the middle range, or all of a block. */
    {"0-540s10t3 540-560", "0"},
    {"0-180s10t1 180-200", "0"},
    {"0-180s100t5 180-200", ""},
    {"0-180s100t6 180-200", "0"},
    {"0-60s10t9 60-80", ""},
    {"0-60s10t10 60-80", "0"},
    {"0-540s10t3", ""},
    /* Blocks of a part of the head stay among themselves. */
    {"0-20 0-20S", ""},
    {"0-20 10-30S 15-40S", "1 2"},
    {"0-20 10-30 10-30S 15-40S", "0 1"},
};

START_TEST(plan_examples)
{
    static const int64_t ranges[] = {20, 60, 180, 540, 1620};
    struct block_meta m[16];
    const struct block_meta *list[16];
    size_t picked[16];
    size_t n = parse_blocks(plans[_i].blocks, m);
    for (size_t i = 0; i < n; i++)
        list[i] = &m[i];
    size_t k = compact_plan(list, n, ranges, 3 + 1, picked);
    struct buf got = {0};
    for (size_t i = 0; i < k; i++)
        buf_printf(&got, "%s%zu", i ? " " : "", picked[i]);
    ck_assert_msg(strcmp(buf_cstr(&got), plans[_i].want) == 0, "%s: [%s], want [%s]",
                  plans[_i].blocks, buf_cstr(&got), plans[_i].want);
    buf_free(&got);
}
END_TEST

START_TEST(ranges)
{
    int64_t r[COMPACT_RANGES_MAX];
    ck_assert_uint_eq(compact_ranges(2 * HOUR, 36 * HOUR, r), 3);
    ck_assert(r[0] == 2 * HOUR && r[1] == 6 * HOUR && r[2] == 18 * HOUR);
    ck_assert_uint_eq(compact_ranges(2 * HOUR, HOUR, r), 1);
    ck_assert_uint_eq(compact_ranges(1, INT64_MAX / 4, r), COMPACT_RANGES_MAX);
}
END_TEST

START_TEST(superseded)
{
    struct block_meta m[3] = {{.ulid = "01ARZ3NDEKTSV4RRFFQ69G5FA0"},
                              {.ulid = "01ARZ3NDEKTSV4RRFFQ69G5FA1"},
                              {.ulid = "01ARZ3NDEKTSV4RRFFQ69G5FA2"}};
    struct block_desc parent = {.ulid = "01ARZ3NDEKTSV4RRFFQ69G5FA0"};
    const struct block_meta *list[] = {&m[0], &m[1], &m[2]};
    size_t out[3];
    ck_assert_uint_eq(compact_superseded(list, 3, out), 0);
    m[1].parents = &parent;
    m[1].parents_n = 1;
    m[2].deletable = true;
    ck_assert_uint_eq(compact_superseded(list, 3, out), 2);
    ck_assert(out[0] == 0 && out[1] == 2);
}
END_TEST

/* The naive merge: all series of all models, samples united; the first model wins. */
static void
merge_models(const struct model *in, size_t n, struct model *out)
{
    size_t total = 0;
    out->a = arena_new();
    for (size_t i = 0; i < n; i++)
        total += in[i].n;
    out->v = ARENA_ZARRAY(out->a, struct model_series, total);
    out->n = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < in[i].n; k++)
            out->v[out->n++].labels = in[i].v[k].labels;
    qsort(out->v, out->n, sizeof *out->v, model_compare);
    size_t kept = 0;
    for (size_t i = 0; i < out->n; i++)
        if (kept == 0 || labels_cmp(out->v[kept - 1].labels, out->v[i].labels) != 0)
            out->v[kept++] = out->v[i];
    out->n = kept;
    for (size_t s = 0; s < kept; s++) {
        const struct column *cols[8];
        size_t m = 0;
        for (size_t i = 0; i < n; i++)
            for (size_t k = 0; k < in[i].n; k++)
                if (labels_eq(in[i].v[k].labels, out->v[s].labels))
                    cols[m++] = &in[i].v[k].c;
        column_merge(out->a, cols, m, &out->v[s].c);
    }
}

static void
random_delete(struct model *m, struct block *b)
{
    struct matcher ms;
    int64_t from = m->mint + (int64_t)rng_below((uint64_t)(m->maxt - m->mint));
    int64_t to = from + (int64_t)rng_below(HOUR);
    char value[8];
    snprintf(value, sizeof value, "%c%d", rng_below(2) ? 'v' : 'w', (int)rng_below(5));
    if (rng_below(4) == 0) {
        from = INT64_MIN;
        to = INT64_MAX;
    }
    ck_assert(
        matcher_init(&ms, MATCH_EQ, rng_below(2) ? STRL("job") : STRL("dc"), str_of(value), &e));
    ck_assert_msg(block_delete(b, &ms, 1, from, to, &e), "%s", e.text);
    model_delete(m, &ms, 1, from, to);
    matcher_fini(&ms);
}

static struct block *
open_result(const struct compact_result *r)
{
    struct block *b;
    char *path = io_join(dir, r->ulid);
    ck_assert_msg(block_open(&b, path, &e), "%s", e.text);
    ck_assert_msg(block_verify(b, &e), "%s", e.text);
    mem_free(path);
    return b;
}

/* Series that lost all samples are gone from a compacted block. */
static void
drop_empty(struct model *m)
{
    size_t kept = 0;
    for (size_t i = 0; i < m->n; i++)
        if (m->v[i].c.n > 0)
            m->v[kept++] = m->v[i];
    m->n = kept;
}

START_TEST(random_merges)
{
    struct model in[3], want;
    struct block *blocks[3];
    size_t n = 1 + (size_t)_i % 3;
    bool apart = _i % 2;
    rng_seed(1000 + (uint64_t)_i);
    for (size_t i = 0; i < n; i++) {
        int64_t mint = (int64_t)i * (apart ? 2 * HOUR : HOUR / 2);
        model_make(&in[i], 60, 500, mint, mint + 2 * HOUR);
        /* Half of the series are the same in all blocks, some with the same samples. */
        for (size_t k = 0; i > 0 && !apart && k < MIN(in[0].n, in[i].n); k += 2)
            if (rng_below(2))
                in[i].v[k].c = model_column(in[i].a, mint, mint + 2 * HOUR, 300);
        blocks[i] = model_write(&in[i], dir);
        for (int d = 0; d < _i % 4; d++)
            random_delete(&in[i], blocks[i]);
    }
    struct compact_job job = {.dir = dir, .blocks = blocks, .n = n, .xor2 = _i % 5 == 0};
    struct compact_result r;
    ck_assert_msg(compact_run(&job, &r, &e), "%s", e.text);
    struct block *b = open_result(&r);
    merge_models(in, n, &want);
    drop_empty(&want);
    model_check(&want, b, INT64_MIN, INT64_MAX);
    const struct block_meta *m = block_meta(b);
    ck_assert(m->series == want.n && m->level == 2 && m->parents_n == n && m->sources_n == n);
    ck_assert_uint_eq(block_tombstones(b), 0);
    ck_assert_int_eq(r.vertical, n > 1 && !apart);
    if (apart && _i % 4 == 0)
        ck_assert_uint_eq(r.chunks_encoded, 0);
    block_unref(&b);
    for (size_t i = 0; i < n; i++) {
        block_unref(&blocks[i]);
        model_free(&in[i]);
    }
    model_free(&want);
}
END_TEST

/* The same data twice is copied, not decoded. */
START_TEST(identical_blocks)
{
    struct model m;
    rng_seed(3);
    model_make(&m, 50, 300, 0, HOUR);
    struct block *blocks[] = {model_write(&m, dir), model_write(&m, dir)};
    struct compact_job job = {.dir = dir, .blocks = blocks, .n = 2};
    struct compact_result r;
    ck_assert(compact_run(&job, &r, &e));
    ck_assert(r.vertical && r.chunks_encoded == 0);
    ck_assert_uint_eq(r.chunks_copied, block_meta(blocks[0])->chunks);
    struct block *b = open_result(&r);
    model_check(&m, b, INT64_MIN, INT64_MAX);
    block_unref(&b);
    block_unref(&blocks[0]);
    block_unref(&blocks[1]);
    model_free(&m);
}
END_TEST

START_TEST(clean_tombstones)
{
    struct model m;
    rng_seed(8);
    model_make(&m, 50, 300, 0, HOUR);
    struct block *b = model_write(&m, dir), *c;
    struct compact_job job = {.dir = dir, .blocks = &b, .n = 1, .clean = true};
    struct compact_result r;
    for (int i = 0; i < 3; i++)
        random_delete(&m, b);
    drop_empty(&m);
    ck_assert(compact_run(&job, &r, &e));
    c = open_result(&r);
    model_check(&m, c, INT64_MIN, INT64_MAX);
    ck_assert_uint_eq(block_meta(c)->level, 1);
    ck_assert_str_eq(block_meta(c)->sources[0], r.ulid);
    ck_assert_str_eq(block_meta(c)->parents[0].ulid, block_meta(b)->ulid);
    block_unref(&c);
    /* Nothing left: no block. */
    struct matcher all;
    ck_assert(matcher_init(&all, MATCH_NE, STRL("nothing"), STRL("x"), &e));
    ck_assert(block_delete(b, &all, 1, INT64_MIN, INT64_MAX, &e));
    matcher_fini(&all);
    ck_assert(compact_run(&job, &r, &e));
    ck_assert_str_eq(r.ulid, "");
    block_unref(&b);
    model_free(&m);
}
END_TEST

START_TEST(canceled)
{
    struct model m;
    atomic_bool stop = true;
    struct io_entry *list;
    size_t n;
    rng_seed(8);
    model_make(&m, 5, 30, 0, HOUR);
    struct block *b = model_write(&m, dir);
    struct compact_job job = {.dir = dir, .blocks = &b, .n = 1, .cancel = &stop};
    struct compact_result r;
    ck_assert(!compact_run(&job, &r, &e) && e.kind == ERR_CANCELED);
    ck_assert(io_list(dir, &list, &n, &e));
    ck_assert_uint_eq(n, 1);
    io_list_free(&list, n);
    block_unref(&b);
    model_free(&m);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("compact");
    TCase *t = tcase_create("compact");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, plan_examples, 0, (int)ARRAY_LEN(plans));
    tcase_add_test(t, ranges);
    tcase_add_test(t, superseded);
    tcase_add_loop_test(t, random_merges, 0, 9);
    tcase_add_test(t, identical_blocks);
    tcase_add_test(t, clean_tombstones);
    tcase_add_test(t, canceled);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
