#include "db_model.h"

#include <check.h>
#include <stdlib.h>

#include "base/codec.h"
#include "base/mem.h"
#include "base/rng.h"

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

void
model_init(struct model *m)
{
    *m = (struct model){.a = arena_new(), .maxt = INT64_MIN};
    for (unsigned i = 0; i < MODEL_SERIES; i++)
        m->s[i].labels = model_labels(m->a, i);
}

void
model_fini(struct model *m)
{
    for (unsigned i = 0; i < MODEL_SERIES; i++) {
        mem_free(m->s[i].t);
        mem_free(m->s[i].v);
    }
    arena_free(&m->a);
}

void
model_copy(struct model *to, const struct model *from)
{
    *to = *from;
    to->a = arena_new();
    for (unsigned i = 0; i < MODEL_SERIES; i++) {
        struct model_series *s = &to->s[i];
        s->labels = model_labels(to->a, i);
        s->cap = s->n;
        s->t = mem_alloc(s->n * sizeof(*s->t) + 1);
        s->v = mem_alloc(s->n * sizeof(*s->v) + 1);
        if (s->n) {
            memcpy(s->t, from->s[i].t, s->n * sizeof(*s->t));
            memcpy(s->v, from->s[i].v, s->n * sizeof(*s->v));
        }
    }
}

void
model_begin(struct model *m, int64_t t)
{
    m->batch_maxt = m->maxt == INT64_MIN ? t : m->maxt;
    m->batch_oldest = m->bounded ? m->batch_maxt - m->block_ms / 2 : INT64_MIN;
}

static void
model_insert(struct model_series *s, int64_t t, double v)
{
    size_t at = s->n;
    while (at > 0 && s->t[at - 1] > t)
        at--;
    if (at > 0 && s->t[at - 1] == t)
        return;
    if (s->n == s->cap) {
        s->cap = s->cap ? s->cap * 2 : 64;
        s->t = mem_realloc(s->t, s->cap * sizeof(*s->t));
        s->v = mem_realloc(s->v, s->cap * sizeof(*s->v));
    }
    memmove(s->t + at + 1, s->t + at, (s->n - at) * sizeof(*s->t));
    memmove(s->v + at + 1, s->v + at, (s->n - at) * sizeof(*s->v));
    s->t[at] = t;
    s->v[at] = v;
    s->n++;
}

enum append_verdict
model_put(struct model *m, unsigned series, int64_t t, double v)
{
    struct model_series *s = &m->s[series];
    if (t >= m->batch_oldest) {
        if (!s->has || t > s->newest) {
            s->has = true;
            s->newest = t;
            s->newest_v = v;
            m->maxt = t > m->maxt ? t : m->maxt;
            model_insert(s, t, v);
            return APPEND_ACCEPTED;
        }
        if (t == s->newest)
            return f64_bits(v) == f64_bits(s->newest_v) ? APPEND_ACCEPTED : APPEND_DUPLICATE;
    }
    if (m->ooo_ms > 0) {
        if (t < m->batch_maxt - m->ooo_ms)
            return APPEND_TOO_OLD;
        model_insert(s, t, v);
        return APPEND_ACCEPTED;
    }
    return t < m->batch_oldest ? APPEND_OUT_OF_BOUNDS : APPEND_OUT_OF_ORDER;
}

static bool
model_matches(const struct model_series *s, const struct matcher *m, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!matcher_matches(&m[i], labels_get(s->labels, m[i].name)))
            return false;
    return true;
}

void
model_delete(struct model *m, const struct matcher *ms, size_t n, int64_t mint, int64_t maxt)
{
    for (unsigned i = 0; i < MODEL_SERIES; i++) {
        struct model_series *s = &m->s[i];
        if (!model_matches(s, ms, n))
            continue;
        size_t kept = 0;
        for (size_t k = 0; k < s->n; k++) {
            if (s->t[k] >= mint && s->t[k] <= maxt)
                continue;
            s->t[kept] = s->t[k];
            s->v[kept++] = s->v[k];
        }
        s->n = kept;
    }
}

static double
random_value(const struct model *m, unsigned series, int64_t t)
{
    if (m->steady_values)
        return (double)series + (double)(t % 977) / 8;
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

static int64_t
random_time(const struct model *m, int64_t now)
{
    if (rng_below(10) > 0)
        return now + (int64_t)rng_below(3) * 1000;
    /* Late, sometimes beyond all windows. */
    int64_t span = m->ooo_ms ? m->ooo_ms * 5 / 4 : 20000;
    return now - (int64_t)rng_below((uint64_t)span);
}

void
model_batch(struct append *a, struct model *m, int64_t now, enum append_durability how)
{
    struct err e = ERR_INIT;
    struct append_result r;
    size_t n = rng_below(80), accepted = 0;
    unsigned which[80];
    int64_t t[80];
    double v[80];
    bool roll_back = rng_below(8) == 0;
    for (size_t i = 0; i < n; i++) {
        series_id id;
        which[i] = (unsigned)rng_below(MODEL_SERIES);
        t[i] = random_time(m, now);
        v[i] = random_value(m, which[i], t[i]);
        ck_assert(append_series(a, m->s[which[i]].labels, &id, &e));
        ck_assert(append_float(a, id, t[i], v[i]));
    }
    ck_assert_uint_eq(append_count(a), n);
    if (roll_back) {
        append_rollback(a);
        return;
    }
    ck_assert_msg(append_commit(a, how, false, &r, &e), "%s", e.text);
    if (n)
        model_begin(m, t[0]);
    for (size_t i = 0; i < n; i++) {
        enum append_verdict want = model_put(m, which[i], t[i], v[i]);
        accepted += want == APPEND_ACCEPTED;
        ck_assert_int_eq(r.verdict ? r.verdict[i] : APPEND_ACCEPTED, want);
    }
    ck_assert_uint_eq(r.accepted, accepted);
}

size_t
model_matchers(struct matcher *m)
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
describe(struct buf *b, const struct model_series *s, const struct matcher *ms, size_t n)
{
    labels_put(b, s->labels);
    buf_lit(b, " in");
    for (size_t i = 0; i < n; i++) {
        buf_byte(b, ' ');
        matcher_put(b, &ms[i]);
    }
}

/* The samples of one series; the model's may be none. */
static void
check_series(const struct view *view, const struct selected *got, const struct model_series *want,
             int64_t mint, int64_t maxt)
{
    struct arena *a = arena_new();
    struct column c;
    struct err e = ERR_INIT;
    ck_assert_msg(view_read(view, 0, got, mint, maxt, a, &c, &e), "%s", e.text);
    size_t at = 0;
    for (size_t i = 0; i < want->n; i++) {
        if (want->t[i] < mint || want->t[i] > maxt)
            continue;
        ck_assert_msg(at < c.n, "sample at %lld is missing", (long long)want->t[i]);
        ck_assert_int_eq(c.t[at], want->t[i]);
        ck_assert(f64_bits(c.v[at]) == f64_bits(want->v[i]));
        at++;
    }
    ck_assert_msg(at == c.n, "a sample at %lld too many", at < c.n ? (long long)c.t[at] : 0);
    ck_assert_uint_le(c.n, view_estimate(view, 0, got, mint, maxt));
    arena_free(&a);
}

static bool
has_samples(const struct model_series *s, int64_t mint, int64_t maxt)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->t[i] >= mint && s->t[i] <= maxt)
            return true;
    return false;
}

void
model_check(struct tsdb *db, const struct model *m, const struct matcher *ms, size_t n,
            int64_t mint, int64_t maxt)
{
    struct selection_spec spec = {.m = ms, .n = n, .mint = mint, .maxt = maxt};
    struct view *view;
    struct err e = ERR_INIT;
    ck_assert_msg(view_open(&view, db, &spec, 1, 0, &e), "%s", e.text);
    struct selection sel = view_selection(view, 0);
    for (size_t i = 1; i < sel.n; i++)
        ck_assert_int_lt(labels_cmp(sel.v[i - 1].labels, sel.v[i].labels), 0);
    size_t found = 0;
    for (unsigned k = 0; k < MODEL_SERIES; k++) {
        const struct model_series *s = &m->s[k];
        size_t i = 0;
        while (i < sel.n && labels_cmp(sel.v[i].labels, s->labels) != 0)
            i++;
        bool wanted = model_matches(s, ms, n);
        if (i == sel.n && !(wanted && has_samples(s, mint, maxt)))
            continue; /* a series without samples in the range may be there or not */
        if (i == sel.n || !wanted) {
            struct buf b = {0};
            describe(&b, s, ms, n);
            ck_abort_msg("%s %s", i == sel.n ? "missing:" : "not wanted:", buf_cstr(&b));
        }
        found++;
        check_series(view, &sel.v[i], s, mint, maxt);
    }
    ck_assert_uint_eq(sel.n, found);
    view_close(&view);
}

static int
text_cmp(const void *x, const void *y)
{
    return str_cmp(*(const str *)x, *(const str *)y);
}

/* Names (name empty) or values of the series that match, from the model; sorted, once. */
static size_t
model_texts(const struct model *m, const struct matcher *ms, size_t n, str name, struct arena *a,
            str **out)
{
    size_t count = 0, kept = 0;
    *out = ARENA_ARRAY(a, str, MODEL_SERIES * 8);
    for (unsigned i = 0; i < MODEL_SERIES; i++) {
        const struct model_series *s = &m->s[i];
        if (s->n == 0 || !model_matches(s, ms, n))
            continue;
        for (size_t k = 0; k < s->labels.n; k++)
            if (name.n == 0)
                (*out)[count++] = s->labels.v[k].name;
            else if (str_eq(s->labels.v[k].name, name))
                (*out)[count++] = s->labels.v[k].value;
    }
    qsort(*out, count, sizeof(**out), text_cmp);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || !str_eq((*out)[i], (*out)[kept - 1]))
            (*out)[kept++] = (*out)[i];
    return kept;
}

void
model_check_labels(struct tsdb *db, const struct model *m)
{
    struct matcher ms[4];
    struct arena *a = arena_new();
    struct err e = ERR_INIT;
    size_t n = model_matchers(ms), got_n;
    str names[] = {STR_EMPTY, LABEL_NAME, STRL("instance"), STRL("extra"), STRL("nothing")};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        str *want, *got;
        size_t want_n = model_texts(m, ms, n, names[i], a, &want);
        bool ok = names[i].n ? select_label_values(db, names[i], ms, n, INT64_MIN, INT64_MAX, 0, a,
                                                   &got, &got_n, &e)
                             : select_label_names(db, ms, n, INT64_MIN, INT64_MAX, 0, a, &got,
                                                  &got_n, &e);
        ck_assert_msg(ok, "%s", e.text);
        ck_assert_uint_eq(got_n, want_n);
        for (size_t k = 0; k < want_n; k++)
            ck_assert(str_eq(got[k], want[k]));
    }
    for (size_t i = 0; i < n; i++)
        matcher_fini(&ms[i]);
    arena_free(&a);
}

void
model_check_random(struct tsdb *db, const struct model *m, int64_t now)
{
    struct matcher ms[4];
    size_t n = model_matchers(ms);
    int64_t mint = (int64_t)rng_below((uint64_t)now), maxt = mint + (int64_t)rng_below(40000000);
    model_check(db, m, ms, n, mint, maxt);
    for (size_t i = 0; i < n; i++)
        matcher_fini(&ms[i]);
}

void
model_check_all(struct tsdb *db, const struct model *m)
{
    model_check(db, m, NULL, 0, INT64_MIN, INT64_MAX);
}
