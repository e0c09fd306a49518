/* test_eval.c - the columnar evaluator against a naive one that walks the tree anew for
 * each step, sample by sample, over random series with gaps, stale markers, NaN and Inf. */
#include "tests/unit/unit.h"

#include <math.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/mem.h"
#include "model/kahan.h"
#include "query/engine.h"
#include "query/function.h"
#include "storage/append.h"

enum { SERIES = 48, LOOKBACK = 300000, STEP = 30000, ITEMS = 400 };
#define T0 ((int64_t)1700000000000)

/* --- data --- */

struct series {
    struct labels labels;
    int64_t t[400];
    double v[400];
    size_t n;
};
static struct series *all; /* sorted by labels */
static struct arena *mem;
static struct tsdb *db;

static struct labels
series_labels(unsigned i)
{
    struct labels_builder b;
    labels_builder_init(&b, mem, LABELS_EMPTY);
    labels_builder_set(&b, LABEL_NAME, i % 3 == 0 ? STRL("a") : i % 3 == 1 ? STRL("b") : STRL("c"));
    labels_builder_set(&b, STRL("host"), arena_printf(mem, "h%u", i / 3 % 8));
    labels_builder_set(&b, STRL("job"), i % 2 ? STRL("x") : STRL("y"));
    if (i / 24 == 1)
        labels_builder_set(&b, STRL("zone"), STRL("z"));
    return labels_builder_done(&b);
}

static double
random_value(unsigned kind, double last)
{
    switch (rng_below(kind == 0 ? 60 : 20)) {
    case 0:
        return NAN;
    case 1:
        return rng_below(2) ? INFINITY : -INFINITY;
    case 2:
        return value_stale();
    case 3:
        return -0.0;
    default:
        return kind == 2 ? floor(last) + (double)rng_below(3) : rng_unit() * 100 - 30;
    }
}

static void
fill(struct series *s, unsigned kind)
{
    int64_t t = T0 + (int64_t)rng_below(600000);
    double last = 0;
    while (s->n < ARRAY_LEN(s->t) && t < T0 + 5400000) {
        double v = random_value(kind, last);
        s->t[s->n] = t;
        s->v[s->n++] = v;
        last = isfinite(v) ? v : 0;
        t += rng_below(12) == 0 ? 60000 + (int64_t)rng_below(900000)
                                : 14900 + (int64_t)rng_below(200);
    }
}

static int
by_labels(const void *a, const void *b)
{
    return labels_cmp(((const struct series *)a)->labels, ((const struct series *)b)->labels);
}

static void
data_init(void)
{
    struct tsdb_opts o;
    struct err e;
    mem = arena_new();
    all = ARENA_ZARRAY(mem, struct series, SERIES);
    tsdb_opts_default(&o);
    o.dir = NULL;
    ck_assert_msg(tsdb_open(&db, &o, &e), "%s", e.text);
    for (unsigned i = 0; i < SERIES; i++) {
        all[i].labels = series_labels(i);
        fill(&all[i], i % 4);
    }
    qsort(all, SERIES, sizeof(*all), by_labels);
    struct append *a = append_new(db);
    struct append_result r;
    for (unsigned i = 0; i < SERIES; i++) {
        series_id id;
        ck_assert(append_series(a, all[i].labels, &id, &e));
        for (size_t k = 0; k < all[i].n; k++)
            ck_assert(append_float(a, id, all[i].t[k], all[i].v[k]));
    }
    ck_assert(append_commit(a, APPEND_LAZY, false, &r, &e));
    append_free(&a);
}

static void
data_fini(void)
{
    tsdb_close(&db);
    arena_free(&mem);
}

/* --- the naive evaluator --- */

struct item {
    struct labels labels;
    double v;
};
struct items {
    struct item v[ITEMS];
    size_t n;
    char error[1024];
    bool scalar;
};

static struct items *naive(const struct expr *e, int64_t t);

static void
add(struct items *out, struct labels ls, double v)
{
    ck_assert(out->n < ITEMS);
    out->v[out->n++] = (struct item){ls, v};
}

static struct items *
items_new(void)
{
    return ARENA_NEW(mem, struct items);
}

static bool
selects(const struct expr *sel, const struct series *s)
{
    for (size_t i = 0; i < sel->u.selector.n; i++)
        if (!matcher_matches(&sel->u.selector.m[i], labels_get(s->labels, sel->u.selector.m[i].name)))
            return false;
    return true;
}

static struct items *
naive_selector(const struct expr *e, int64_t t)
{
    struct items *out = items_new();
    int64_t ref = (e->u.selector.at == AT_TIME ? e->u.selector.at_ms : t) - e->u.selector.offset_ms;
    for (unsigned i = 0; i < SERIES; i++) {
        const struct series *s = &all[i];
        size_t k = s->n;
        if (!selects(e, s))
            continue;
        while (k > 0 && s->t[k - 1] > ref)
            k--;
        if (k > 0 && s->t[k - 1] > ref - LOOKBACK && !value_is_stale(s->v[k - 1]))
            add(out, s->labels, s->v[k - 1]);
    }
    return out;
}

static struct labels
without_name(struct labels ls)
{
    struct labels_builder b;
    labels_builder_init(&b, mem, ls);
    labels_builder_del(&b, LABEL_NAME);
    return labels_builder_done(&b);
}

static bool
same_labels_twice(const struct items *x)
{
    for (size_t i = 0; i < x->n; i++)
        for (size_t k = 0; k < i; k++)
            if (labels_eq(x->v[i].labels, x->v[k].labels))
                return true;
    return false;
}

static double
operate(enum binop op, double l, double r)
{
    double of[] = {[BIN_ADD] = l + r, [BIN_SUB] = l - r, [BIN_MUL] = l * r, [BIN_DIV] = l / r,
                   [BIN_LT] = l < r,  [BIN_GT] = l > r,  [BIN_LE] = l <= r, [BIN_EQ] = l == r};
    return of[op];
}

static void
naive_result(struct items *out, const struct expr *e, struct labels ls, double l, double r,
             double kept)
{
    enum binop op = e->u.binary.op;
    bool compare = op >= BIN_EQ && op <= BIN_GE;
    double v = operate(op, l, r);
    if (compare && !e->u.binary.return_bool) {
        if (v != 0)
            add(out, ls, kept);
        return;
    }
    add(out, ls, v);
}

static struct items *
naive_scalar_op(const struct expr *e, const struct items *l, const struct items *r)
{
    struct items *out = items_new();
    bool compare = e->u.binary.op >= BIN_EQ && !e->u.binary.return_bool;
    const struct items *vec = l->scalar ? r : l;
    for (size_t i = 0; i < vec->n; i++) {
        double x = vec->v[i].v, s = l->scalar ? l->v[0].v : r->v[0].v;
        struct labels ls = compare ? vec->v[i].labels : without_name(vec->v[i].labels);
        naive_result(out, e, ls, l->scalar ? s : x, l->scalar ? x : s, x);
    }
    if (same_labels_twice(out))
        strcpy(out->error, "vector cannot contain metrics with the same labelset");
    return out;
}

static bool
in_list(const str *names, size_t n, str name)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(names[i], name))
            return true;
    return false;
}

static struct labels
group(struct labels ls, bool on, const str *names, size_t n)
{
    struct labels_builder b;
    labels_builder_init(&b, mem, ls);
    for (size_t i = 0; i < ls.n; i++)
        if (in_list(names, n, ls.v[i].name) != on || (!on && str_eq(ls.v[i].name, LABEL_NAME)))
            labels_builder_del(&b, ls.v[i].name);
    return labels_builder_done(&b);
}

static struct labels
signature(const struct expr *e, struct labels ls)
{
    return group(ls, e->u.binary.on, e->u.binary.labels, e->u.binary.labels_n);
}

static const struct item *
find_signature(const struct expr *e, const struct items *in, struct labels sig)
{
    for (size_t i = 0; i < in->n; i++)
        if (labels_eq(signature(e, in->v[i].labels), sig))
            return &in->v[i];
    return NULL;
}

static struct items *
naive_set(const struct expr *e, const struct items *l, const struct items *r)
{
    struct items *out = items_new();
    enum binop op = e->u.binary.op;
    for (size_t i = 0; i < l->n; i++) {
        bool there = find_signature(e, r, signature(e, l->v[i].labels)) != NULL;
        if (op == BIN_OR || there == (op == BIN_AND))
            add(out, l->v[i].labels, l->v[i].v);
    }
    for (size_t i = 0; op == BIN_OR && i < r->n; i++)
        if (!find_signature(e, l, signature(e, r->v[i].labels)))
            add(out, r->v[i].labels, r->v[i].v);
    return out;
}

static bool
duplicate_on_one_side(const struct expr *e, const struct items *one, struct items *out)
{
    for (size_t i = 0; i < one->n; i++) {
        struct labels sig = signature(e, one->v[i].labels);
        const struct item *first = find_signature(e, one, sig);
        if (first == &one->v[i])
            continue;
        struct buf b = {0};
        buf_lit(&b, "found duplicate series for the match group ");
        labels_put(&b, sig);
        buf_printf(&b, " on the %s hand-side of the operation: [",
                   e->u.binary.card == CARD_ONE_TO_MANY ? "left" : "right");
        labels_put(&b, first->labels); /* the lesser one, as rows come sorted */
        buf_lit(&b, ", ");
        labels_put(&b, one->v[i].labels);
        buf_lit(&b, "];many-to-many matching not allowed: matching labels must be unique on one side");
        snprintf(out->error, sizeof(out->error), "%s", buf_cstr(&b));
        buf_free(&b);
        return true;
    }
    return false;
}

static struct labels
result_labels(const struct expr *e, struct labels many, struct labels one)
{
    struct labels ls = many;
    if (e->u.binary.op <= BIN_ATAN2 || e->u.binary.return_bool)
        ls = without_name(ls);
    struct labels_builder b;
    labels_builder_init(&b, mem, ls);
    for (size_t i = 0; i < ls.n && e->u.binary.card == CARD_ONE_TO_ONE; i++)
        if (in_list(e->u.binary.labels, e->u.binary.labels_n, ls.v[i].name) != e->u.binary.on)
            labels_builder_del(&b, ls.v[i].name);
    for (size_t i = 0; i < e->u.binary.include_n; i++)
        labels_builder_set(&b, e->u.binary.include[i], labels_get(one, e->u.binary.include[i]));
    return labels_builder_done(&b);
}

static struct items *
naive_match(const struct expr *e, const struct items *l, const struct items *r)
{
    struct items *out = items_new();
    bool swap = e->u.binary.card == CARD_ONE_TO_MANY, one_to_one = e->u.binary.card == CARD_ONE_TO_ONE;
    const struct items *many = swap ? r : l, *one = swap ? l : r;
    struct labels used[ITEMS], used_sig[ITEMS];
    size_t used_n = 0;
    if (l->n == 0 || r->n == 0 || duplicate_on_one_side(e, one, out))
        return out;
    for (size_t i = 0; i < many->n; i++) {
        struct labels sig = signature(e, many->v[i].labels);
        const struct item *o = find_signature(e, one, sig);
        if (o == NULL)
            continue;
        struct labels ls = result_labels(e, many->v[i].labels, o->labels);
        for (size_t k = 0; k < used_n; k++) {
            if (!labels_eq(used_sig[k], sig) || (!one_to_one && !labels_eq(used[k], ls)))
                continue;
            snprintf(out->error, sizeof(out->error), "multiple matches for labels: %s",
                     one_to_one ? "many-to-one matching must be explicit (group_left/group_right)"
                                : "grouping labels must ensure unique matches");
            return out;
        }
        used[used_n] = ls;
        used_sig[used_n++] = sig;
        double x = many->v[i].v, y = o->v;
        naive_result(out, e, ls, swap ? y : x, swap ? x : y, swap ? y : x);
    }
    if (same_labels_twice(out))
        strcpy(out->error, "vector cannot contain metrics with the same labelset");
    return out;
}

static struct items *
naive_binary(const struct expr *e, int64_t t)
{
    struct items *l = naive(e->u.binary.l, t), *r = naive(e->u.binary.r, t);
    if (l->error[0] || r->error[0])
        return l->error[0] ? l : r;
    if (l->scalar && r->scalar) {
        struct items *out = items_new();
        out->scalar = true;
        add(out, LABELS_EMPTY, operate(e->u.binary.op, l->v[0].v, r->v[0].v));
        return out;
    }
    if (l->scalar || r->scalar)
        return naive_scalar_op(e, l, r);
    return e->u.binary.op >= BIN_AND ? naive_set(e, l, r) : naive_match(e, l, r);
}

static double
naive_mean(const double *v, size_t n)
{
    double sum = v[0], c = 0, mean = 0;
    bool incremental = false;
    for (size_t i = 1; i < n; i++) {
        double count = (double)i + 1, q = (double)i / count, s = sum, cc = c;
        if (!incremental) {
            kahan_inc(v[i], &s, &cc);
            if (!isinf(s)) {
                sum = s, c = cc;
                continue;
            }
            incremental = true;
            mean = sum / (double)i;
            c /= (double)i;
        }
        mean *= q;
        c *= q;
        kahan_inc(v[i] / count, &mean, &c);
    }
    return incremental ? mean + c : sum / (double)n + c / (double)n;
}

static int
ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return isnan(x) || isnan(y) ? isnan(y) - isnan(x) : (x > y) - (x < y);
}

static double
naive_of(const struct expr *e, double *v, size_t n)
{
    double sum = v[0], c = 0, best = v[0], mean = v[0], m2 = isfinite(v[0]) ? 0 : NAN;
    enum aggregation op = e->u.aggregate.op;
    for (size_t i = 1; i < n; i++) {
        double delta = v[i] - mean;
        kahan_inc(v[i], &sum, &c);
        if ((op == AGG_MIN ? best > v[i] : best < v[i]) || isnan(best))
            best = v[i];
        mean += delta / (double)(i + 1);
        m2 += delta * (v[i] - mean);
    }
    switch (op) {
    case AGG_SUM:
        return sum + c;
    case AGG_AVG:
        return naive_mean(v, n);
    case AGG_COUNT:
        return (double)n;
    case AGG_GROUP:
        return 1;
    case AGG_STDVAR:
        return m2 / (double)n;
    case AGG_STDDEV:
        return sqrt(m2 / (double)n);
    case AGG_QUANTILE: {
        qsort(v, n, sizeof(*v), ascending);
        double rank = 0.3 * (double)(n - 1), w = rank - floor(rank);
        size_t lower = (size_t)floor(rank), upper = MIN(n - 1, lower + 1);
        return v[lower] * (1 - w) + v[upper] * w;
    }
    default:
        return best;
    }
}

static void
naive_best(const struct expr *e, const struct items *in, const size_t *member, size_t n,
           struct items *out)
{
    bool taken[ITEMS] = {false};
    bool top = e->u.aggregate.op == AGG_TOPK;
    size_t k = (size_t)e->u.aggregate.param->u.number.v;
    for (size_t round = 0; round < MIN(k, n); round++) {
        size_t best = SIZE_MAX;
        for (size_t i = 0; i < n; i++) {
            double x = in->v[member[i]].v;
            double b = best == SIZE_MAX ? 0 : in->v[member[best]].v;
            if (taken[i])
                continue;
            if (best == SIZE_MAX || (isnan(b) && !isnan(x)) || (top ? x > b : x < b))
                best = i;
        }
        taken[best] = true;
        add(out, in->v[member[best]].labels, in->v[member[best]].v);
    }
}

static struct items *
naive_aggregate(const struct expr *e, int64_t t)
{
    struct items *in = naive(e->u.aggregate.e, t), *out = items_new();
    bool done[ITEMS] = {false};
    if (in->error[0])
        return in;
    for (size_t i = 0; i < in->n; i++) {
        struct labels key = group(in->v[i].labels, !e->u.aggregate.without,
                                  e->u.aggregate.grouping, e->u.aggregate.grouping_n);
        double v[ITEMS];
        size_t member[ITEMS], n = 0;
        for (size_t k = i; k < in->n; k++) {
            struct labels other = group(in->v[k].labels, !e->u.aggregate.without,
                                        e->u.aggregate.grouping, e->u.aggregate.grouping_n);
            if (done[k] || !labels_eq(key, other))
                continue;
            done[k] = true;
            member[n] = k;
            v[n++] = in->v[k].v;
        }
        if (n == 0)
            continue;
        if (e->u.aggregate.op == AGG_TOPK || e->u.aggregate.op == AGG_BOTTOMK)
            naive_best(e, in, member, n, out);
        else
            add(out, key, naive_of(e, v, n));
    }
    return out;
}

/* last_over_time, count_over_time, max_over_time of one series' samples. */
static void
naive_over(const struct expr *e, struct labels ls, const double *v, size_t n, struct items *out)
{
    const char *name = e->u.call.fn->name;
    if (n == 0)
        return;
    double best = v[0];
    for (size_t i = 1; i < n; i++)
        best = v[i] > best || isnan(best) ? v[i] : best;
    if (name[0] == 'l')
        add(out, ls, v[n - 1]);
    else
        add(out, without_name(ls), name[0] == 'c' ? (double)n : best);
}

static struct items *
naive_range(const struct expr *e, const struct expr *m, int64_t t)
{
    struct items *out = items_new();
    const struct expr *sel = m->u.matrix.selector;
    int64_t end = (sel->u.selector.at == AT_TIME ? sel->u.selector.at_ms : t) - sel->u.selector.offset_ms;
    for (unsigned i = 0; i < SERIES; i++) {
        double v[400];
        size_t n = 0;
        for (size_t k = 0; k < all[i].n && selects(sel, &all[i]); k++)
            if (all[i].t[k] > end - m->u.matrix.range_ms && all[i].t[k] <= end &&
                !value_is_stale(all[i].v[k]))
                v[n++] = all[i].v[k];
        naive_over(e, all[i].labels, v, n, out);
    }
    if (same_labels_twice(out))
        strcpy(out->error, "vector cannot contain metrics with the same labelset");
    return out;
}

static struct items *
naive_subquery(const struct expr *e, const struct expr *q, int64_t t)
{
    struct items *out = items_new(), *steps[400];
    int64_t end = (q->u.subquery.at == AT_TIME ? q->u.subquery.at_ms : t) - q->u.subquery.offset_ms;
    int64_t step = q->u.subquery.step_ms ? q->u.subquery.step_ms : 60000;
    size_t n = 0;
    for (int64_t at = end / step * step; at > end - q->u.subquery.range_ms; at -= step)
        steps[n++] = naive(q->u.subquery.e, at);
    struct labels seen[ITEMS];
    size_t seen_n = 0;
    for (size_t i = n; i-- > 0;)
        for (size_t k = 0; k < steps[i]->n; k++) {
            struct labels ls = steps[i]->v[k].labels;
            size_t at = 0, m = 0;
            double v[400];
            while (at < seen_n && !labels_eq(seen[at], ls))
                at++;
            if (at < seen_n)
                continue;
            seen[seen_n++] = ls;
            for (size_t s = n; s-- > 0;)
                for (size_t j = 0; j < steps[s]->n; j++)
                    if (labels_eq(steps[s]->v[j].labels, ls))
                        v[m++] = steps[s]->v[j].v;
            naive_over(e, ls, v, m, out);
        }
    return out;
}

static struct items *
naive(const struct expr *e, int64_t t)
{
    struct items *out;
    switch (e->type) {
    case EXPR_PAREN:
        return naive(e->u.inner, t);
    case EXPR_NUMBER:
        out = items_new();
        out->scalar = true;
        add(out, LABELS_EMPTY, e->u.number.v);
        return out;
    case EXPR_SELECTOR:
        return naive_selector(e, t);
    case EXPR_UNARY:
        out = naive(e->u.unary.e, t);
        for (size_t i = 0; i < out->n && e->u.unary.negate; i++) {
            out->v[i].labels = without_name(out->v[i].labels);
            out->v[i].v = -out->v[i].v;
        }
        if (same_labels_twice(out))
            strcpy(out->error, "vector cannot contain metrics with the same labelset");
        return out;
    case EXPR_BINARY:
        return naive_binary(e, t);
    case EXPR_AGGREGATE:
        return naive_aggregate(e, t);
    case EXPR_CALL:
        return e->u.call.args[0]->type == EXPR_MATRIX
                   ? naive_range(e, e->u.call.args[0], t)
                   : naive_subquery(e, e->u.call.args[0], t);
    default:
        ck_abort_msg("no such node");
    }
}

/* --- comparing --- */

static struct engine *
engine_with(unsigned workers)
{
    struct engine_opts o;
    struct engine *en;
    struct err e;
    engine_opts_default(&o);
    o.workers = workers;
    o.parse.experimental_functions = o.parse.extended_range_selectors = true;
    o.parse.binop_fill_modifiers = true;
    ck_assert_msg(engine_new(&en, db, &o, &e), "%s", e.text);
    return en;
}

static bool
same(double a, double b)
{
    if (isnan(a) || isnan(b))
        return isnan(a) && isnan(b);
    return f64_bits(a) == f64_bits(b) || fabs(a - b) <= 1e-11 * fmax(fabs(a), fabs(b));
}

static const struct row *
row_of(const struct vec *v, struct labels ls)
{
    for (size_t i = 0; i < v->n; i++)
        if (labels_eq(v->v[i].labels, ls))
            return &v->v[i];
    return NULL;
}

/* Which of equal samples topk keeps is a matter of its heap: compares the values alone. */
static void
compare_values(const char *text, const struct vec *v, size_t i, const struct items *want)
{
    double got[ITEMS], wanted[ITEMS];
    size_t n = 0;
    for (size_t k = 0; k < v->n; k++)
        if (row_has(&v->v[k], i))
            got[n++] = v->v[k].v[i];
    for (size_t k = 0; k < want->n; k++)
        wanted[k] = want->v[k].v;
    ck_assert_msg(n == want->n, "%s: step %zu: %zu samples, not %zu", text, i, n, want->n);
    qsort(got, n, sizeof(*got), ascending);
    qsort(wanted, n, sizeof(*wanted), ascending);
    for (size_t k = 0; k < n; k++)
        ck_assert_msg(same(got[k], wanted[k]), "%s: step %zu", text, i);
}

static void
compare_step(const char *text, const struct vec *v, size_t i, const struct items *want)
{
    size_t have = 0;
    if (strncmp(text, "topk", 4) == 0 || strncmp(text, "bottomk", 7) == 0) {
        compare_values(text, v, i, want);
        return;
    }
    for (size_t k = 0; k < v->n; k++)
        have += row_has(&v->v[k], i);
    for (size_t k = 0; k < want->n; k++) {
        const struct row *r = row_of(v, want->v[k].labels);
        struct buf b = {0};
        labels_put(&b, want->v[k].labels);
        if (r == NULL || value_absent(r->v[i]))
            ck_abort_msg("%s: step %zu: no %s", text, i, buf_cstr(&b));
        if (!same(r->v[i], want->v[k].v))
            ck_abort_msg("%s: step %zu: %s is %.17g, not %.17g", text, i, buf_cstr(&b), r->v[i],
                         want->v[k].v);
        buf_free(&b);
    }
    ck_assert_msg(have == want->n, "%s: step %zu: %zu samples, not %zu", text, i, have, want->n);
}

static void
compare(struct engine *en, const char *text, int64_t start, size_t steps, int64_t step)
{
    struct query_request r = {.text = str_of(text), .range = steps > 1, .start = start,
                              .step = step};
    struct query *q = NULL;
    struct err e, pe;
    struct expr *tree;
    struct arena_mark mark = arena_mark(mem);
    struct parse_opts po = {true, true, true};
    r.end = r.start + (int64_t)(steps - 1) * step;
    bool ok = engine_run(en, &r, &q, &e);
    ck_assert_msg(parse_expr(r.text, &po, mem, &tree, &pe), "%s", pe.text);
    for (size_t i = 0; i < steps; i++) {
        struct items *want = naive(tree, r.start + (int64_t)i * step);
        if (want->error[0] && !ok) {
            ck_assert_msg(strcmp(want->error, e.text) == 0, "%s: %s\nnot %s", text, e.text,
                          want->error);
            break;
        }
        ck_assert_msg(!want->error[0], "%s: no error, but %s", text, want->error);
        if (ok)
            compare_step(text, &query_value(q)->vec, i, want);
        else if (i + 1 == steps)
            ck_abort_msg("%s: %s", text, e.text);
    }
    parse_free_regexes(tree);
    query_free(&q);
    arena_reset(mem, mark);
}

static const char *const queries[] = {
    "a", "{job=\"x\"}", "a offset 3m", "a @ 1700001000", "a @ 1700001000 offset -1m",
    "-a", "-{job=\"x\"}", "a * 2", "2 - a", "a > 10", "10 > a", "a > bool 10", "{zone=\"z\"} / 3",
    "(a + 1) * 3 > 20", "a == a", "a + b", "a - on(host, job, zone) b", "a / ignoring(zone) b",
    "a * on(host) group_left b", "b * on(host) group_right(zone) a",
    "a * on(host, job) group_left(zone) b", "a > b", "a <= bool b", "a + on(job) b",
    "a and b", "a or b", "a unless b", "a and on(host) b{job=\"x\"}", "{job=\"x\"} or on(host) a",
    "a unless on(job) b{zone=\"z\"}", "a > 0 or b > 0", "a > 20 or -b", "(a > 10) + (b < 10)",
    "sum(a)", "sum by(job) (a)", "avg without(host) (a)", "avg({job=\"x\"})", "min by(host) (a)",
    "max by(host, zone) ({host=~\"h[1-4]\"})", "count(a > 0)", "group by(zone) (a)",
    "stddev by(job) (a)", "stdvar({zone=\"\",job=\"y\"})", "quantile by(job) (0.3, a)", "topk(3, a)",
    "bottomk by(job) (2, a)", "sum by(job) (a + b)", "sum(a) by (job) / count(a) by (job)",
    "last_over_time(a[2m])", "count_over_time(b[5m])",
    "max_over_time({job=\"x\"}[3m])", "max_over_time(a[5m:1m])", "count_over_time((a > 0)[7m:90s])",
    "last_over_time(sum by(job) (a)[10m:2m])", "max_over_time(a[3m] offset 2m)",
    "last_over_time(a[5m] @ 1700002000)", "max_over_time(max_over_time(a[2m])[6m:1m])",
    "sum by(zone) (max_over_time(b[4m]))", "a + a", "sum(a) + sum(a) * count(a)",
    "count_over_time({__name__=~\"a|b\", job=\"x\"}[1m])", "a + on(host) group_left a",
    "avg by(host) (a * 1e308)", "sum by(job) (a * 1e308)",
};

static void
compare_all(unsigned workers)
{
    struct engine *en = engine_with(workers);
    for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
        compare(en, queries[i], T0 + 700000, 60, STEP);
        compare(en, queries[i], T0 + 700000, 7, 317000);
        compare(en, queries[i], T0 + 700000, 1, 1);
        compare(en, queries[i], T0 + 5450000, 1, 1); /* where the newest samples are */
    }
    engine_free(&en);
}

START_TEST(test_against_naive)
{
    unit_seed();
    data_init();
    compare_all(1);
    data_fini();
}
END_TEST

START_TEST(test_against_naive_threads)
{
    unit_seed();
    data_init();
    compare_all(4);
    data_fini();
}
END_TEST

/* The same bits whatever the number of workers. */
START_TEST(test_worker_independence)
{
    unit_seed();
    data_init();
    struct engine *one = engine_with(1), *four = engine_with(5);
    for (size_t i = 0; i < ARRAY_LEN(queries); i++) {
        struct query_request r = {.text = str_of(queries[i]), .range = true, .start = T0 + 600000,
                                  .end = T0 + 5000000, .step = 1000};
        struct query *x = NULL, *y = NULL;
        struct err ex, ey;
        bool ok = engine_run(one, &r, &x, &ex);
        ck_assert(engine_run(four, &r, &y, &ey) == ok);
        if (!ok)
            ck_assert_str_eq(ex.text, ey.text);
        const struct vec *a = &query_value(x)->vec, *b = &query_value(y)->vec;
        ck_assert(!ok || a->n == b->n);
        for (size_t k = 0; ok && k < a->n; k++) {
            ck_assert(labels_eq(a->v[k].labels, b->v[k].labels));
            ck_assert(memcmp(a->v[k].v, b->v[k].v,
                             query_value(x)->grid.steps * sizeof(double)) == 0);
        }
        const struct query_stats *sx = query_stats(x), *sy = query_stats(y);
        ck_assert_msg(!ok || (sx->samples_peak == sy->samples_peak &&
                              sx->samples_total == sy->samples_total),
                      "%s", queries[i]);
        query_free(&x);
        query_free(&y);
    }
    engine_free(&one);
    engine_free(&four);
    data_fini();
}
END_TEST

UNIT_MAIN("eval", test_against_naive, test_against_naive_threads, test_worker_independence)
