#include <stdlib.h>

#include "base/hash.h"
#include "base/panic.h"
#include "query/function.h"
#include "query/lookup.h"
#include "query/plan_priv.h"
#include "query/print.h"

/* --- selections --- */

static bool
matcher_eq(const struct matcher *a, const struct matcher *b)
{
    return a->type == b->type && str_eq(a->name, b->name) && str_eq(a->value, b->value);
}

/* Equal as sets; lists are short. */
static bool
matchers_eq(const struct selection_spec *a, const struct selection_spec *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        size_t j = 0;
        while (j < b->n && !matcher_eq(&a->m[i], &b->m[j]))
            j++;
        if (j == b->n)
            return false;
    }
    return true;
}

static uint64_t
length(int64_t mint, int64_t maxt)
{
    return (uint64_t)maxt - (uint64_t)mint;
}

/* Worth one search: the ranges overlap, or the gap between them is not the larger part. */
static bool
near(const struct selection_spec *a, const struct selection_spec *b)
{
    int64_t mint = MIN(a->mint, b->mint), maxt = MAX(a->maxt, b->maxt);
    uint64_t parts = length(a->mint, a->maxt) / 2 + length(b->mint, b->maxt) / 2;
    return length(mint, maxt) / 4 <= parts;
}

static size_t
selection_add(struct planner *p, struct selection_spec spec)
{
    struct plan *plan = p->plan;
    for (size_t i = 0; i < plan->specs_n; i++) {
        struct selection_spec *s = &plan->specs[i];
        if (!matchers_eq(s, &spec) || !near(s, &spec))
            continue;
        s->newest = s->newest && spec.newest && s->mint == spec.mint && s->maxt == spec.maxt;
        s->mint = MIN(s->mint, spec.mint);
        s->maxt = MAX(s->maxt, spec.maxt);
        return i;
    }
    arena_grow(p->arena, &plan->specs, &plan->specs_cap, plan->specs_n + 1, sizeof(*plan->specs));
    plan->specs[plan->specs_n] = spec;
    return plan->specs_n++;
}

static int64_t
back(int64_t t, int64_t by)
{
    int64_t r;
    return __builtin_sub_overflow(t, by, &r) ? INT64_MIN : r;
}

static int64_t
ahead(int64_t t, int64_t by)
{
    int64_t r;
    return __builtin_add_overflow(t, by, &r) ? INT64_MAX : r;
}

/* Windows are left-open, hence the one millisecond less. */
static void
select_selector(struct planner *p, struct expr *e, int64_t range_ms, const struct grid *g)
{
    int64_t lookback = p->plan->opts.lookback_ms;
    bool extended = e->u.selector.anchored || e->u.selector.smoothed;
    int64_t first = plan_selector_time(e, g->start);
    int64_t last = plan_selector_time(e, g->steps ? grid_time(g, g->steps - 1) : g->start);
    int64_t reach = range_ms == 0 ? lookback : range_ms;
    if (range_ms != 0 && extended)
        reach = ahead(reach, lookback);
    if (e->u.selector.smoothed)
        last = ahead(last, lookback);
    e->u.selector.id = selection_add(
        p, (struct selection_spec){.m = e->u.selector.m, .n = e->u.selector.n,
                                   .mint = back(first, reach - 1), .maxt = MAX(last, first),
                                   .newest = range_ms == 0 && !extended && first == last &&
                                             !p->starts});
}

/* --- info() --- */

static bool
info_name_matchers(const struct expr *sel, bool *positive)
{
    bool any = false;
    *positive = false;
    for (size_t i = 0; sel != NULL && i < sel->u.selector.n; i++) {
        const struct matcher *m = &sel->u.selector.m[i];
        if (!str_eq(m->name, LABEL_NAME))
            continue;
        any = true;
        *positive = *positive || m->type == MATCH_EQ || m->type == MATCH_RE;
    }
    return any;
}

/* Moves *t to where the first selector below e looks; false if there is none. */
static bool
first_selector_time(const struct expr *e, int64_t *t)
{
    struct expr **child[2];
    int64_t at = *t;
    if (e->type == EXPR_SELECTOR) {
        *t = plan_selector_time(e, at);
        return true;
    }
    if (e->type == EXPR_SUBQUERY)
        *t = plan_subquery_time(e, at);
    for (size_t i = 0; e->type == EXPR_CALL && i < e->u.call.n; i++)
        if (first_selector_time(e->u.call.args[i], t))
            return true;
    size_t n = plan_children((struct expr *)e, child);
    for (size_t i = 0; i < n; i++)
        if (first_selector_time(*child[i], t))
            return true;
    *t = at;
    return false;
}

int64_t
plan_info_time(const struct expr *call, int64_t t)
{
    first_selector_time(call->u.call.args[0], &t);
    return t;
}

/* Info metrics: those the data selector names; all …_info but what it excludes;
 * target_info if it says nothing. */
static bool
select_info(struct planner *p, const struct expr *call, const struct grid *g, struct err *err)
{
    const struct expr *sel = call->u.call.n > 1 ? plan_unparen(call->u.call.args[1]) : NULL;
    size_t given = sel != NULL ? sel->u.selector.n : 0;
    struct matcher *m = ARENA_ZARRAY(p->arena, struct matcher, given + 1);
    struct plan_info info = {.call = call};
    size_t n = given;
    bool positive;
    if (given > 0)
        memcpy(m, sel->u.selector.m, given * sizeof(*m));
    bool named = info_name_matchers(sel, &positive);
    if (!positive) {
        str value = named ? STRL(".+_info") : STRL("target_info");
        if (!matcher_init(&m[n], named ? MATCH_RE : MATCH_EQ, LABEL_NAME, value, err))
            return false;
        info.owned = &m[n++];
    }
    struct plan *plan = p->plan;
    int64_t first = plan_info_time(call, g->start);
    int64_t last = plan_info_time(call, g->steps ? grid_time(g, g->steps - 1) : g->start);
    info.id = selection_add(p, (struct selection_spec){
                                   .m = m, .n = n, .maxt = last,
                                   .mint = back(first, plan->opts.lookback_ms - 1)});
    arena_grow(p->arena, &plan->infos, &plan->infos_cap, plan->infos_n + 1, sizeof(*plan->infos));
    plan->infos[plan->infos_n++] = info;
    return true;
}

size_t
plan_info_id(const struct plan *p, const struct expr *call)
{
    for (size_t i = 0; i < p->infos_n; i++)
        if (p->infos[i].call == call)
            return p->infos[i].id;
    UNREACHABLE();
}

static bool
select_call(struct planner *p, struct expr *e, const struct grid *g, struct err *err)
{
    struct expr **args = e->u.call.args;
    size_t n = e->u.call.n;
    if (plan_call_is(e, "info")) {
        if (!select_info(p, e, g, err))
            return false;
        n = 1;
    }
    /* A selector with @ under timestamp() is read at the time of the @, its offset
     * notwithstanding. */
    if ((e->u.call.fn->flags & (FN_TIMES | FN_ST)) && n > 0 && args[0]->type == EXPR_SELECTOR &&
        args[0]->u.selector.at == AT_TIME)
        args[0]->u.selector.offset_ms = 0;
    bool starts = p->starts;
    p->starts = starts || (e->u.call.fn->flags & FN_ST);
    bool ok = true;
    for (size_t i = 0; i < n && ok; i++)
        ok = plan_select(p, args[i], g, err);
    p->starts = starts;
    return ok;
}

bool
plan_select(struct planner *p, struct expr *e, const struct grid *g, struct err *err)
{
    struct grid inner = *g;
    switch (e->type) {
    case EXPR_SELECTOR:
        select_selector(p, e, 0, g);
        return true;
    case EXPR_MATRIX:
        select_selector(p, e->u.matrix.selector, e->u.matrix.range_ms, g);
        return true;
    case EXPR_CALL:
        return select_call(p, e, g, err);
    case EXPR_SUBQUERY:
        inner = plan_subquery_grid(&p->plan->opts, e, g);
        break;
    case EXPR_STEP_INVARIANT:
        inner = plan_first_step(g);
        break;
    default:
        break;
    }
    struct expr **child[2];
    size_t n = plan_children(e, child);
    for (size_t i = 0; i < n; i++)
        if (!plan_select(p, *child[i], &inner, err))
            return false;
    return true;
}

/* --- equal sub-expressions --- */

enum {
    SHARE_NODES_MAX = 500, /* printing each is quadratic in the depth */
    SHARE_TEXT_MAX = 20000,
};

struct seen {
    struct expr *e;
    struct grid grid;
    str text;
    size_t slot; /* SIZE_MAX until met again */
};

struct sharing {
    struct planner *p;
    struct seen *v;
    size_t n, cap;
    struct lookup by_text;
    struct plan_shared *marks;
    size_t marks_n, marks_cap;
};

static bool
shareable(const struct expr *e)
{
    if (e->value != VALUE_VECTOR)
        return false;
    return e->type == EXPR_SELECTOR || e->type == EXPR_CALL || e->type == EXPR_AGGREGATE ||
           e->type == EXPR_BINARY;
}

static void
mark(struct sharing *s, const struct expr *e, size_t slot)
{
    arena_grow(s->p->arena, &s->marks, &s->marks_cap, s->marks_n + 1, sizeof(*s->marks));
    s->marks[s->marks_n++] = (struct plan_shared){.e = e, .slot = slot};
}

/* What the text does not tell: whether selectors leave out buckets. */
static void
put_marks(struct buf *b, struct expr *e)
{
    struct expr **child[2];
    if (e->type == EXPR_SELECTOR)
        buf_byte(b, e->u.selector.stats_only ? '1' : '0');
    for (size_t i = 0; e->type == EXPR_CALL && i < e->u.call.n; i++)
        put_marks(b, e->u.call.args[i]);
    size_t n = plan_children(e, child);
    for (size_t i = 0; i < n; i++)
        put_marks(b, *child[i]);
}

static str
node_text(struct sharing *s, struct expr *e)
{
    struct buf b = {0};
    print_expr(&b, e);
    put_marks(&b, e);
    str text = arena_str(s->p->arena, buf_str(&b));
    buf_free(&b);
    return text;
}

/* True if an equal node has been met: there is no need to look below this one. */
static bool
meet(struct sharing *s, struct expr *e, const struct grid *g)
{
    str text = node_text(s, e);
    uint64_t hash = hash_mix(hash_mix(hash64(text), (uint64_t)g->start), g->steps);
    for (struct lookup_walk w = lookup_walk(&s->by_text, hash); lookup_next(&s->by_text, &w);) {
        struct seen *old = &s->v[w.index];
        if (old->grid.start != g->start || old->grid.step != g->step ||
            old->grid.steps != g->steps || !str_eq(old->text, text))
            continue;
        if (old->slot == SIZE_MAX) {
            old->slot = s->p->plan->slots_n++;
            mark(s, old->e, old->slot);
        }
        mark(s, e, old->slot);
        return true;
    }
    arena_grow(s->p->arena, &s->v, &s->cap, s->n + 1, sizeof(*s->v));
    lookup_add(&s->by_text, hash, s->n);
    s->v[s->n++] = (struct seen){.e = e, .grid = *g, .text = text, .slot = SIZE_MAX};
    return false;
}

static void
share(struct sharing *s, struct expr *e, const struct grid *g)
{
    if (s->n >= SHARE_NODES_MAX || (shareable(e) && meet(s, e, g)))
        return;
    struct grid inner = *g;
    if (e->type == EXPR_CALL) {
        for (size_t i = 0; i < e->u.call.n; i++)
            share(s, e->u.call.args[i], g);
        return;
    }
    if (e->type == EXPR_MATRIX)
        return; /* its selector is not evaluated as an instant one */
    if (e->type == EXPR_SUBQUERY)
        inner = plan_subquery_grid(&s->p->plan->opts, e, g);
    else if (e->type == EXPR_STEP_INVARIANT)
        inner = plan_first_step(g);
    struct expr **child[2];
    size_t n = plan_children(e, child);
    for (size_t i = 0; i < n; i++)
        share(s, *child[i], &inner);
}

static int
by_node(const void *a, const void *b)
{
    uintptr_t x = (uintptr_t)((const struct plan_shared *)a)->e;
    uintptr_t y = (uintptr_t)((const struct plan_shared *)b)->e;
    return (x > y) - (x < y);
}

void
plan_share(struct planner *p)
{
    struct sharing s = {.p = p, .by_text = lookup_new(p->arena)};
    struct buf all = {0};
    print_expr(&all, p->plan->root);
    bool too_long = all.n > SHARE_TEXT_MAX;
    buf_free(&all);
    if (too_long)
        return;
    share(&s, p->plan->root, &p->plan->grid);
    if (s.marks_n > 1)
        qsort(s.marks, s.marks_n, sizeof(*s.marks), by_node);
    p->plan->shared = s.marks;
    p->plan->shared_n = s.marks_n;
}

size_t
plan_slot(const struct plan *p, const struct expr *e)
{
    if (p->shared_n == 0)
        return SIZE_MAX;
    struct plan_shared key = {.e = e};
    const struct plan_shared *hit =
        bsearch(&key, p->shared, p->shared_n, sizeof(*p->shared), by_node);
    return hit ? hit->slot : SIZE_MAX;
}
