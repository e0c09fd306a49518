#include <math.h>
#include <stdlib.h>

#include "base/fmath.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/panic.h"
#include "query/aggregate_priv.h"

enum {
    RANGE_STEPS_MIN = 64,
    ALONE_POINTS = 50000, /* a batch below this is added by one thread */
};

const char *
aggregation_text(enum aggregation op)
{
    static const char *const text[] = {
        [AGG_SUM] = "sum",           [AGG_AVG] = "avg",
        [AGG_COUNT] = "count",       [AGG_MIN] = "min",
        [AGG_MAX] = "max",           [AGG_GROUP] = "group",
        [AGG_STDDEV] = "stddev",     [AGG_STDVAR] = "stdvar",
        [AGG_TOPK] = "topk",         [AGG_BOTTOMK] = "bottomk",
        [AGG_QUANTILE] = "quantile", [AGG_COUNT_VALUES] = "count_values",
        [AGG_LIMITK] = "limitk",     [AGG_LIMIT_RATIO] = "limit_ratio",
    };
    return text[op];
}

bool
aggregation_picks(enum aggregation op)
{
    return op == AGG_TOPK || op == AGG_BOTTOMK || op == AGG_LIMITK;
}

void
aggregate_ignored(struct aggregation_run *g)
{
    if (atomic_exchange(&g->ignored, true))
        return;
    const struct expr *at = aggregation_picks(g->op) ? g->e : g->e->u.aggregate.e;
    annotate(g->ev->notes, ANNOTATION_INFO, at->start, "ignored histogram in %s aggregation",
             aggregation_text(g->op));
}

/* --- groups --- */

static bool
in_names(const struct aggregation_run *g, str name)
{
    for (size_t i = 0; i < g->names_n; i++)
        if (str_eq(g->names[i], name))
            return true;
    return false;
}

/* Labels that tell groups apart; they are also the result's. */
static bool
counts(const struct aggregation_run *g, str name)
{
    if (g->value_label.n > 0 && str_eq(name, g->value_label))
        return false;
    if (g->e->u.aggregate.without)
        return !str_eq(name, LABEL_NAME) && !in_names(g, name);
    return in_names(g, name);
}

struct labels
aggregate_labels(struct aggregation_run *g, struct labels member)
{
    struct label *v = ARENA_ARRAY(g->arena, struct label, member.n + 1);
    size_t n = 0;
    for (size_t i = 0; i < member.n; i++)
        if (counts(g, member.v[i].name))
            v[n++] = member.v[i];
    return (struct labels){.v = v, .n = n};
}

static bool
is_member(const struct aggregation_run *g, struct labels group, struct labels ls)
{
    size_t at = 0;
    for (size_t i = 0; i < ls.n; i++) {
        if (!counts(g, ls.v[i].name))
            continue;
        if (at == group.n || !str_eq(group.v[at].name, ls.v[i].name) ||
            !str_eq(group.v[at].value, ls.v[i].value))
            return false;
        at++;
    }
    return at == group.n;
}

static uint64_t
key_hash(const struct aggregation_run *g, struct labels ls)
{
    if (g->e->u.aggregate.without)
        return labels_hash_without(ls, g->names, g->names_n);
    return g->names_n == 0 ? 0 : labels_hash_for(ls, g->names, g->names_n);
}

static void
group_init(struct aggregation_run *g, struct group *to)
{
    struct arena *a = g->arena;
    if (g->op == AGG_COUNT_VALUES || g->op == AGG_LIMIT_RATIO || g->op == AGG_QUANTILE)
        return;
    if (aggregation_picks(g->op)) {
        to->picks = ARENA_ZARRAY(a, struct pick, g->steps);
        return;
    }
    to->n = ARENA_ZARRAY(a, uint32_t, g->steps);
    to->v = ARENA_ARRAY(a, double, g->steps);
    bool sum = g->op == AGG_SUM || g->op == AGG_AVG;
    for (size_t i = 0; i < g->steps; i++)
        to->v[i] = -0.0; /* -0 + x is x, also for x = -0 */
    if (sum)
        to->c = ARENA_ZARRAY(a, double, g->steps);
    if (g->op == AGG_STDDEV || g->op == AGG_STDVAR || g->op == AGG_AVG)
        to->mean = ARENA_ZARRAY(a, double, g->steps);
    if (sum)
        to->flags = ARENA_ZARRAY(a, uint8_t, g->steps);
}

size_t
aggregate_group(struct aggregation_run *g, struct labels member)
{
    uint64_t hash = key_hash(g, member);
    for (struct lookup_walk w = lookup_walk(&g->by_key, hash); lookup_next(&g->by_key, &w);)
        if (is_member(g, g->groups[w.index].labels, member))
            return w.index;
    arena_grow(g->arena, &g->groups, &g->groups_cap, g->groups_n + 1, sizeof(*g->groups));
    struct group *new = &g->groups[g->groups_n];
    *new = (struct group){.labels = aggregate_labels(g, member)};
    group_init(g, new);
    lookup_add(&g->by_key, hash, g->groups_n);
    return g->groups_n++;
}

/* --- batches --- */

static void
range_add(void *arg, size_t i)
{
    struct aggregation_run *g = (struct aggregation_run *)arg;
    if (aggregation_picks(g->op))
        aggregate_picks(g, &g->ranges[i]);
    else
        aggregate_floats(g, &g->ranges[i]);
}

static bool
batch_add(struct aggregation_run *g, struct err *err)
{
    struct eval *ev = g->ev;
    if (g->rows_n * g->steps < ALONE_POINTS)
        for (size_t i = 0; i < g->ranges_n; i++)
            range_add(g, i);
    else
        pool_for(ev->pool, g->ranges_n, range_add, g);
    for (size_t i = 0; i < g->ranges_n; i++)
        if (!budget_count(ev->budget, &g->ranges[i].region, place_of(g->e), err))
            return false;
    if (aggregation_picks(g->op))
        aggregate_pick_labels(g);
    return true;
}

static void
keep_rows(struct aggregation_run *g)
{
    struct row *copies = ARENA_ARRAY(g->arena, struct row, g->rows_n);
    for (size_t i = 0; i < g->rows_n; i++) {
        struct group *to = &g->groups[g->group_of[i]];
        copies[i] = g->rows[i];
        arena_grow(g->arena, &to->rows, &to->rows_cap, to->rows_n + 1, sizeof(*to->rows));
        to->rows[to->rows_n++] = &copies[i];
    }
}

static bool
batch_groups(struct aggregation_run *g, struct err *err)
{
    bool sums = g->op == AGG_SUM || g->op == AGG_AVG;
    arena_grow(g->arena, &g->group_of, &g->group_of_cap, g->rows_n, sizeof(*g->group_of));
    for (size_t i = 0; i < g->rows_n; i++) {
        size_t at = aggregate_group(g, g->rows[i].labels);
        g->group_of[i] = (uint32_t)at;
        g->groups[at].drop_name |= g->rows[i].drop_name;
        if (g->rows[i].h != NULL && sums && g->groups[at].acc == NULL)
            g->groups[at].acc = ARENA_ZARRAY(g->arena, struct histogram_acc *, g->steps);
    }
    return budget_count(g->ev->budget, &g->ev->main, place_of(g->e), err);
}

static bool
take(struct sink *k, struct row *rows, size_t n, struct err *err)
{
    struct aggregation_run *g = (struct aggregation_run *)k;
    g->rows = rows;
    g->rows_n = n;
    bool ok = g->op == AGG_LIMIT_RATIO ? aggregate_limit_ratio(g, err) : batch_groups(g, err);
    if (ok && g->op == AGG_COUNT_VALUES)
        ok = aggregate_count_values(g, err);
    else if (ok && g->op == AGG_QUANTILE)
        keep_rows(g);
    else if (ok && g->op != AGG_LIMIT_RATIO)
        ok = batch_add(g, err);
    g->rows_before += n;
    return ok;
}

static bool
discard(struct sink *k, struct row *rows, size_t n, struct err *err)
{
    (void)k, (void)rows, (void)n, (void)err;
    return true;
}

/* --- parameters --- */

struct param_bounds {
    double min, max;
    bool nan;
};

static struct param_bounds
bounds(const struct aggregation_run *g)
{
    struct param_bounds b = {.min = 1.7976931348623157e308, .max = -1.7976931348623157e308};
    for (size_t i = 0; i < g->steps; i++) {
        b.min = fmath_min(b.min, g->param[i]);
        b.max = fmath_max(b.max, g->param[i]);
        b.nan = b.nan || isnan(g->param[i]);
    }
    return b;
}

enum verdict { GO_ON, NOTHING, REFUSED };

static enum verdict
check_k(const struct param_bounds *b, struct err *err)
{
    char text[NUM_TEXT_MAX];
    if (b->max < 1)
        return NOTHING;
    if (b->nan)
        err_set(err, ERR_EXEC, "Parameter value is NaN");
    else if (b->min <= -9223372036854775808.0)
        err_set(err, ERR_EXEC, "Scalar value %.*s underflows int64",
                (int)num_format_g(b->min, text), text);
    else if (b->max >= 9223372036854774784.0)
        err_set(err, ERR_EXEC, "Scalar value %.*s overflows int64",
                (int)num_format_g(b->max, text), text);
    else
        return GO_ON;
    return REFUSED;
}

static void
warn_bound(const struct aggregation_run *g, const char *what, double got, const char *more)
{
    char text[NUM_TEXT_MAX];
    int n = (int)num_format_g(got, text);
    annotate(g->ev->notes, ANNOTATION_WARNING, g->e->u.aggregate.param->start, "%s, got %.*s%s",
             what, n, text, more);
}

static enum verdict
check_ratio(const struct aggregation_run *g, const struct param_bounds *b, struct err *err)
{
    const char *what = "ratio value should be between -1 and 1";
    if (b->max == 0 && b->min == 0)
        return NOTHING;
    if (b->nan) {
        err_set(err, ERR_EXEC, "Ratio value is NaN");
        return REFUSED;
    }
    if (b->max > 1)
        warn_bound(g, what, b->max, ", capping to 1");
    if (b->min < -1)
        warn_bound(g, what, b->min, ", capping to -1");
    return GO_ON;
}

static void
check_quantile(const struct aggregation_run *g, const struct param_bounds *b)
{
    const char *what = "quantile value should be between 0 and 1";
    if (b->nan)
        warn_bound(g, what, NAN, "");
    if (b->max > 1)
        warn_bound(g, what, b->max, "");
    if (b->min < 0)
        warn_bound(g, what, b->min, "");
}

static enum verdict
check_param(const struct aggregation_run *g, struct err *err)
{
    if (g->param == NULL)
        return GO_ON;
    struct param_bounds b = bounds(g);
    if (aggregation_picks(g->op))
        return check_k(&b, err);
    if (g->op == AGG_LIMIT_RATIO)
        return check_ratio(g, &b, err);
    check_quantile(g, &b);
    return GO_ON;
}

static const struct expr *
literal(const struct expr *e)
{
    while (e->type == EXPR_PAREN || e->type == EXPR_STEP_INVARIANT)
        e = e->u.inner;
    return e;
}

static bool
eval_param(struct aggregation_run *g, struct err *err)
{
    const struct expr *param = g->e->u.aggregate.param;
    if (g->op == AGG_COUNT_VALUES) {
        g->value_label = literal(param)->u.string;
        if (g->value_label.n > 0 && utf8_valid(g->value_label))
            return true;
        struct buf b = {0};
        labels_put_quoted(&b, g->value_label);
        err_set(err, ERR_EXEC, "invalid label name %.*s", STR_ARG(buf_str(&b)));
        buf_free(&b);
        return false;
    }
    return param == NULL || eval_scalar(g->ev, g->s, param, &g->param, err);
}

/* --- the whole --- */

static int
by_name(const void *a, const void *b)
{
    return str_cmp(*(const str *)a, *(const str *)b);
}

static void
names_init(struct aggregation_run *g)
{
    const struct expr *e = g->e;
    g->names = ARENA_ARRAY(g->arena, str, e->u.aggregate.grouping_n + 1);
    for (size_t i = 0; i < e->u.aggregate.grouping_n; i++) {
        str name = e->u.aggregate.grouping[i];
        if (g->value_label.n > 0 && str_eq(name, g->value_label)) {
            g->value_dropped = e->u.aggregate.without;
            if (!g->value_dropped)
                continue;
        }
        g->names[g->names_n++] = name;
    }
    /* The label of the values is no part of the key, which they are added to. */
    if (e->u.aggregate.without && g->value_label.n > 0 && !g->value_dropped)
        g->names[g->names_n++] = g->value_label;
    if (g->names_n > 1)
        qsort(g->names, g->names_n, sizeof(*g->names), by_name);
}

static void
ranges_init(struct aggregation_run *g)
{
    size_t max = (size_t)pool_workers(g->ev->pool) * 2;
    size_t n = MAX(MIN(g->steps / RANGE_STEPS_MIN, max), (size_t)1);
    g->ranges = ARENA_ZARRAY(g->arena, struct range, n);
    for (size_t i = 0, at = 0; i < n; i++) {
        g->ranges[i].from = at;
        g->ranges[i].to = at += (g->steps - at) / (n - i);
        g->ranges[i].region = region_new();
    }
    g->ranges_n = n;
}

static void
ranges_fini(struct aggregation_run *g, bool keep)
{
    struct eval *ev = g->ev;
    for (size_t i = 0; i < g->ranges_n; i++) {
        if (!keep) {
            region_free(ev->budget, &g->ranges[i].region);
            continue;
        }
        mem_grow(&ev->kept, &ev->kept_cap, ev->kept_n + 1, sizeof(*ev->kept));
        ev->kept[ev->kept_n++] = g->ranges[i].region;
    }
}

static bool
finish(struct aggregation_run *g, struct vec *out, struct err *err)
{
    if (g->op == AGG_QUANTILE)
        return aggregate_finish_quantile(g, out, err);
    if (aggregation_picks(g->op))
        return aggregate_finish_picks(g, out, err);
    if (g->op == AGG_COUNT_VALUES) {
        aggregate_finish_values(g, out);
        return true;
    }
    if (g->op == AGG_LIMIT_RATIO) {
        *out = g->out;
        return true;
    }
    return aggregate_finish_floats(g, out, err);
}

static bool
run(struct aggregation_run *g, struct vec *out, struct err *err)
{
    struct err refused;
    struct sink nowhere = {.take = discard};
    enum verdict v = check_param(g, &refused);
    if (!eval_rows(g->ev, g->s, g->e->u.aggregate.e, v == GO_ON ? &g->sink : &nowhere, err))
        return false;
    if (v == REFUSED) {
        *err = refused;
        return false;
    }
    return v == NOTHING || finish(g, out, err);
}

/* count_values counts like an operator: its operand stays until all steps are done. */
static bool
account(struct aggregation_run *g, uint64_t before, const struct vec *out, struct err *err)
{
    uint64_t total = account_rows(out, g->steps);
    if (g->op != AGG_COUNT_VALUES) {
        g->ev->cur = before + total;
        return account_check(g->ev, err);
    }
    uint32_t *made = ARENA_ZARRAY(g->arena, uint32_t, g->steps);
    for (size_t i = 0; i < out->n; i++)
        account_steps(&out->v[i], g->steps, made);
    struct account_step step = {.before = before, .out_total = total, .in = g->in, .out = made,
                                .steps = g->steps};
    return account_operator(g->ev, &step, err);
}

bool
aggregate(struct eval *ev, const struct scope *s, const struct expr *e, struct vec *out,
          struct err *err)
{
    uint64_t before = ev->cur;
    struct aggregation_run g = {.sink.take = take, .ev = ev, .s = s, .e = e,
                                .arena = ev->main.arena, .op = e->u.aggregate.op,
                                .steps = s->grid.steps};
    g.sink.keeps = g.op == AGG_QUANTILE;
    g.by_key = g.by_value = lookup_new(g.arena);
    *out = (struct vec){0};
    if (!eval_param(&g, err))
        return false;
    names_init(&g);
    ranges_init(&g);
    g.in = ARENA_ZARRAY(g.arena, uint32_t, g.op == AGG_COUNT_VALUES ? g.steps : 0);
    bool ok = run(&g, out, err);
    ranges_fini(&g, ok);
    return ok && account(&g, before, out, err) &&
           budget_count(ev->budget, &ev->main, place_of(e), err);
}
