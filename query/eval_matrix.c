/* An instant query for raw samples: x[5m], or a subquery's result as it is. */
#include "base/panic.h"
#include "query/eval_priv.h"
#include "query/fetch.h"

static double
between(const struct column *c, size_t at, int64_t t)
{
    double x = c->v[at], y = c->v[at + 1];
    return x + (y - x) * (double)(t - c->t[at]) / (double)(c->t[at + 1] - c->t[at]);
}

/* What anchored and smoothed make of the samples around (mint, maxt]: one at each bound and
 * those inside. */
static void
extend(struct column *c, int64_t mint, int64_t maxt, bool smoothed, struct arena *a)
{
    size_t last = c->n - 1, first = 0;
    while (first < last && c->t[first] <= mint)
        first++;
    if (first > 0)
        first--;
    if (smoothed) {
        size_t end = 0;
        while (end < last && c->t[end] < maxt)
            end++;
        last = end;
    }
    struct column out = {.t = ARENA_ARRAY(a, int64_t, c->n + 2),
                         .v = ARENA_ARRAY(a, double, c->n + 2)};
    if (c->t[last] <= mint) {
        *c = out;
        return;
    }
    bool cut_left = smoothed && c->t[first] < mint;
    bool cut_right = smoothed && last > 0 && c->t[last] > maxt;
    out.t[0] = mint;
    out.v[0] = cut_left ? between(c, first, mint) : c->v[first];
    double right = cut_right ? between(c, last - 1, maxt) : c->v[last];
    out.n = 1;
    for (size_t i = first; i <= last; i++)
        if (c->t[i] > mint && c->t[i] < maxt) {
            out.t[out.n] = c->t[i];
            out.v[out.n++] = c->v[i];
        }
    out.t[out.n] = maxt;
    out.v[out.n++] = right;
    *c = out;
}

struct raw {
    struct eval *ev;
    const struct scope *s;
    const struct expr *sel;
    int64_t mint, maxt; /* the window: (mint, maxt] */
    struct arena *a;
};

static bool
raw_extended(const struct raw *r, struct column *c, struct err *err)
{
    bool smoothed = r->sel->u.selector.smoothed;
    if (!smoothed && !r->sel->u.selector.anchored)
        return true;
    if (c->h != NULL)
        return err_set(err, ERR_EXEC, "%s modifier is not supported with histograms",
                       smoothed ? "smoothed" : "anchored");
    if (c->n > 0)
        extend(c, r->mint, r->maxt, smoothed, r->a);
    return true;
}

static bool
raw_series(const struct raw *r, const struct selected *series, struct column *c, struct err *err)
{
    struct eval *ev = r->ev;
    size_t id = r->sel->u.selector.id;
    int64_t lookback = ev->o.lookback_ms, mint = r->mint + 1, maxt = r->maxt;
    if (r->sel->u.selector.anchored || r->sel->u.selector.smoothed)
        mint -= lookback;
    if (r->sel->u.selector.smoothed)
        maxt += lookback;
    *c = (struct column){0};
    if (!eval_poll(ev, err) ||
        !budget_room(ev->budget, view_estimate(ev->view, id, series, mint, maxt), 16,
                     place_of(r->sel), err) ||
        !view_read(ev->view, id, series, mint, maxt, r->a, c, err))
        return false;
    fetch_drop_stale(c);
    uint64_t weight = 0;
    if (!raw_extended(r, c, err))
        return false;
    for (size_t i = 0; i < c->n; i++)
        weight += fetch_weight(c, i);
    r->s->tally->total += weight;
    r->s->tally->read += weight;
    if (r->s->tally->total_step != NULL) {
        r->s->tally->total_step[0] += weight;
        r->s->tally->read_step[0] += weight;
    }
    ev->cur += weight;
    return account_check(ev, err) && budget_count(ev->budget, &ev->main, place_of(r->sel), err);
}

static bool
matrix_selector(struct eval *ev, const struct scope *s, const struct expr *e, struct value *out,
                struct err *err)
{
    const struct expr *sel = e->u.matrix.selector;
    struct selection found = view_selection(ev->view, sel->u.selector.id);
    struct raw r = {.ev = ev, .s = s, .sel = sel, .a = ev->main.arena};
    r.maxt = plan_selector_time(sel, s->grid.start);
    r.mint = r.maxt - e->u.matrix.range_ms;
    out->columns = ARENA_ARRAY(r.a, struct selected_column, found.n);
    for (size_t i = 0; i < found.n; i++) {
        struct selected_column *c = &out->columns[out->columns_n];
        c->labels = found.v[i].labels;
        if (!raw_series(&r, &found.v[i], &c->col, err))
            return false;
        out->columns_n += c->col.n > 0;
    }
    return true;
}

static bool
matrix_subquery(struct eval *ev, const struct scope *s, const struct expr *e, struct value *out,
                struct err *err)
{
    struct arena *a = ev->main.arena;
    struct vec v;
    struct grid g;
    if (!scope_subquery(ev, s, e, false, &v, &g, err) ||
        (ev->o.delayed_names && !vec_clean_names(ev, &v, g.steps, err)))
        return false;
    out->columns = ARENA_ARRAY(a, struct selected_column, v.n);
    for (size_t i = 0; i < v.n; i++) {
        struct selected_column *c = &out->columns[out->columns_n];
        if (!budget_room(ev->budget, g.steps, 16, place_of(e), err))
            return false;
        struct row *r = &v.v[i];
        c->labels = r->labels;
        fetch_row_samples(r, &g, a, &c->col);
        out->columns_n += c->col.n > 0;
    }
    return budget_count(ev->budget, &ev->main, place_of(e), err);
}

bool
eval_matrix(struct eval *ev, const struct scope *s, const struct expr *e, struct value *out,
            struct err *err)
{
    while (e->type == EXPR_PAREN || e->type == EXPR_STEP_INVARIANT)
        e = e->u.inner;
    if (e->type == EXPR_SUBQUERY)
        return matrix_subquery(ev, s, e, out, err);
    CHECK(e->type == EXPR_MATRIX);
    return matrix_selector(ev, s, e, out, err);
}
