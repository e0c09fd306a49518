/* test_head.c - the head in memory against a naive model: random batches, random
 * selections; the model keeps every sample it should have accepted in a plain array. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/codec.h"
#include "base/mem.h"
#include "base/rng.h"
#include "storage/append.h"
#include "storage/select.h"

#define MODEL_SERIES 60

struct model_series {
    struct labels labels;
    int64_t *t;
    double *v;
    size_t n, cap;
};
struct model {
    struct arena *a;
    struct model_series s[MODEL_SERIES];
};

static struct labels
model_labels(struct arena *a, unsigned i)
{
    struct labels_builder b;
    labels_builder_init(&b, a, LABELS_EMPTY);
    labels_builder_set(&b, LABEL_NAME, arena_printf(a, "metric_%u", i % 3));
    labels_builder_set(&b, STRL("instance"), arena_printf(a, "host-%u", i / 3));
    labels_builder_set(&b, STRL("job"), i % 2 ? STRL("node") : STRL("app"));
    if (i % 5 == 0)
        labels_builder_set(&b, STRL("extra"), arena_printf(a, "x%u", i % 10));
    return labels_builder_done(&b);
}

static void
model_init(struct model *m)
{
    *m = (struct model){.a = arena_new()};
    for (unsigned i = 0; i < MODEL_SERIES; i++)
        m->s[i].labels = model_labels(m->a, i);
}

static void
model_fini(struct model *m)
{
    for (unsigned i = 0; i < MODEL_SERIES; i++) {
        mem_free(m->s[i].t);
        mem_free(m->s[i].v);
    }
    arena_free(&m->a);
}

static enum append_verdict
model_put(struct model_series *s, int64_t t, double v)
{
    if (s->n && t < s->t[s->n - 1])
        return APPEND_OUT_OF_ORDER;
    if (s->n && t == s->t[s->n - 1])
        return f64_bits(v) == f64_bits(s->v[s->n - 1]) ? APPEND_ACCEPTED : APPEND_DUPLICATE;
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 64;
        s->t = mem_realloc(s->t, s->cap * sizeof(*s->t));
        s->v = mem_realloc(s->v, s->cap * sizeof(*s->v));
    }
    s->t[s->n] = t;
    s->v[s->n++] = v;
    return APPEND_ACCEPTED;
}

static bool
model_matches(const struct model_series *s, const struct matcher *m, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!matcher_matches(&m[i], labels_get(s->labels, m[i].name)))
            return false;
    return true;
}

static double
random_value(void)
{
    switch (rng_below(5)) {
    case 0:
        return value_stale();
    case 1:
        return (double)rng_below(4);
    case 2:
        return f64_from_bits(rng_next());
    default:
        return rng_unit() * 1000;
    }
}

static struct tsdb *
open_memory(void)
{
    struct tsdb_opts o;
    struct err e;
    struct tsdb *db;
    tsdb_opts_default(&o);
    ck_assert(tsdb_open(&db, &o, &e));
    return db;
}

/* One batch of random samples, committed or rolled back, on both sides. */
static void
random_batch(struct append *a, struct model *m, int64_t now)
{
    struct err e = ERR_INIT;
    struct append_result r;
    size_t n = rng_below(80);
    unsigned which[80];
    int64_t t[80];
    double v[80];
    bool roll_back = rng_below(8) == 0;
    for (size_t i = 0; i < n; i++) {
        series_id id;
        which[i] = (unsigned)rng_below(MODEL_SERIES);
        t[i] = now + (int64_t)rng_below(3) * 1000 - 1000;
        v[i] = random_value();
        ck_assert(append_series(a, m->s[which[i]].labels, &id, &e));
        ck_assert(append_float(a, id, t[i], v[i]));
    }
    ck_assert_uint_eq(append_count(a), n);
    if (roll_back) {
        append_rollback(a);
        return;
    }
    ck_assert(append_commit(a, APPEND_LAZY, false, &r, &e));
    size_t accepted = 0;
    for (size_t i = 0; i < n; i++) {
        enum append_verdict want = model_put(&m->s[which[i]], t[i], v[i]);
        accepted += want == APPEND_ACCEPTED;
        ck_assert_int_eq(r.verdict ? r.verdict[i] : APPEND_ACCEPTED, want);
    }
    ck_assert_uint_eq(r.accepted, accepted);
}

static size_t
random_matchers(struct matcher *m)
{
    static const struct {
        const char *name, *value;
    } choices[] = {
        {"__name__", "metric_1"},     {"__name__", "metric_.*"}, {"__name__", "metric_0|metric_2"},
        {"job", "node"},              {"job", "app|node"},       {"job", ".+"},
        {"instance", "host-1.*"},     {"instance", "host-3"},    {"instance", "host-1|host-4|host-99"},
        {"extra", ""},                {"extra", "x0"},           {"extra", "x.*|"},
        {"nothing", ""},              {"nothing", ".*"},         {"nothing", "x"},
        {"instance", ".*[02468]"},    {"extra", "(x5)?"},        {"job", ".*"},
    };
    size_t n = rng_below(4);
    for (size_t i = 0; i < n; i++) {
        size_t k = rng_below(sizeof(choices) / sizeof(choices[0]));
        struct err e;
        ck_assert(matcher_init(&m[i], (enum matcher_type)rng_below(4), str_of(choices[k].name),
                               str_of(choices[k].value), &e));
    }
    return n;
}

static void
check_series(const struct view *view, const struct selected *got, const struct model_series *want,
             int64_t mint, int64_t maxt)
{
    struct arena *a = arena_new();
    struct column c;
    struct err e = ERR_INIT;
    ck_assert(view_read(view, 0, got, mint, maxt, a, &c, &e));
    size_t at = 0;
    for (size_t i = 0; i < want->n; i++) {
        if (want->t[i] < mint || want->t[i] > maxt)
            continue;
        ck_assert_uint_lt(at, c.n);
        ck_assert_int_eq(c.t[at], want->t[i]);
        ck_assert(f64_bits(c.v[at]) == f64_bits(want->v[i]));
        at++;
    }
    ck_assert_uint_eq(at, c.n);
    ck_assert_uint_le(c.n, view_estimate(view, 0, got, mint, maxt));
    arena_free(&a);
}

static void
random_select(struct tsdb *db, struct model *m, int64_t now)
{
    struct matcher ms[4];
    size_t n = random_matchers(ms);
    int64_t mint = (int64_t)rng_below((uint64_t)now), maxt = mint + (int64_t)rng_below(4000000);
    struct selection_spec spec = {.m = ms, .n = n, .mint = mint, .maxt = maxt};
    struct view *view;
    struct err e = ERR_INIT;
    ck_assert(view_open(&view, db, &spec, 1, 0, &e));
    struct selection sel = view_selection(view, 0);
    for (size_t i = 1; i < sel.n; i++)
        ck_assert_int_lt(labels_cmp(sel.v[i - 1].labels, sel.v[i].labels), 0);
    size_t found = 0;
    for (unsigned k = 0; k < MODEL_SERIES; k++) {
        const struct model_series *s = &m->s[k];
        bool overlap = s->n && s->t[0] <= maxt && s->t[s->n - 1] >= mint;
        if (!overlap || !model_matches(s, ms, n))
            continue;
        found++;
        size_t i = 0;
        while (i < sel.n && labels_cmp(sel.v[i].labels, s->labels) != 0)
            i++;
        ck_assert_msg(i < sel.n, "series %u is missing", k);
        check_series(view, &sel.v[i], s, mint, maxt);
    }
    ck_assert_uint_eq(sel.n, found);
    view_close(&view);
    for (size_t i = 0; i < n; i++)
        matcher_fini(&ms[i]);
}

START_TEST(test_random)
{
    uint64_t seed = (uint64_t)clock_now_ns();
    printf("seed %llu\n", (unsigned long long)seed);
    rng_seed(seed);
    struct model m;
    model_init(&m);
    struct tsdb *db = open_memory();
    struct append *a = append_new(db);
    int64_t now = 1000000;
    for (int i = 0; i < 3000; i++) {
        now += (int64_t)rng_below(15000);
        random_batch(a, &m, now);
        if (i % 10 == 0)
            random_select(db, &m, now);
    }
    append_free(&a);
    tsdb_close(&db);
    model_fini(&m);
}
END_TEST

/* A batch is refused whole when asked for, also by what it holds itself. */
START_TEST(test_all_or_nothing)
{
    struct tsdb *db = open_memory();
    struct append *a = append_new(db);
    struct arena *arena = arena_new();
    struct labels ls = model_labels(arena, 1);
    struct append_result r;
    struct err e;
    series_id id;
    ck_assert(append_series(a, ls, &id, &e));
    ck_assert(append_series_is_new(a, id));
    ck_assert(append_float(a, id, 1000, 1));
    ck_assert(append_float(a, id, 2000, 2));
    ck_assert(append_float(a, id, 2000, 3));
    ck_assert(append_commit(a, APPEND_DURABLE, true, &r, &e));
    ck_assert_uint_eq(r.accepted, 2);
    ck_assert_uint_eq(r.duplicate, 1);
    ck_assert_int_eq(r.verdict[2], APPEND_DUPLICATE);
    ck_assert(append_float(a, id, 500, 1));
    ck_assert(append_float(a, id, 2000, 2));
    ck_assert(append_float(a, id, 2000, 2));
    ck_assert(append_commit(a, APPEND_DURABLE, true, &r, &e));
    ck_assert_uint_eq(r.accepted, 3);
    ck_assert(append_float(a, id, 1999, 2));
    ck_assert(append_float(a, id, 2001, 2));
    ck_assert(append_commit(a, APPEND_DURABLE, true, &r, &e));
    ck_assert_uint_eq(r.out_of_order, 1);
    ck_assert(append_float(a, id, 2000, 2));
    ck_assert(append_commit(a, APPEND_DURABLE, false, &r, &e));
    ck_assert_uint_eq(r.accepted, 1);
    ck_assert_ptr_null(r.verdict);
    ck_assert(append_find(a, ls) == id);
    ck_assert(!append_series_is_new(a, id));
    ck_assert(!append_float(a, 77, 1, 1));
    ck_assert(!append_float(a, 0, 1, 1));
    append_rollback(a);
    arena_free(&arena);
    append_free(&a);
    tsdb_close(&db);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("head");
    TCase *t = tcase_create("head");
    tcase_set_timeout(t, 30);
    tcase_add_test(t, test_random);
    tcase_add_test(t, test_all_or_nothing);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
