/* topk, bottomk, limitk: per group and step a heap of at most k samples, the worst on
 * top.  Heap and final order are those of Go's container/heap and of an insertion sort,
 * so that ties come out as in Prometheus. */
#include <math.h>

#include "base/hash.h"
#include "base/panic.h"
#include "query/aggregate_priv.h"

static bool
worse(enum aggregation op, const struct picked *a, const struct picked *b)
{
    if (isnan(a->v))
        return true;
    return op == AGG_BOTTOMK ? a->v > b->v : a->v < b->v;
}

static void
swap(struct picked *a, struct picked *b)
{
    struct picked t = *a;
    *a = *b;
    *b = t;
}

static void
heap_up(enum aggregation op, struct picked *v, size_t j)
{
    while (j > 0 && worse(op, &v[j], &v[(j - 1) / 2])) {
        swap(&v[j], &v[(j - 1) / 2]);
        j = (j - 1) / 2;
    }
}

static void
heap_down(enum aggregation op, struct picked *v, size_t n)
{
    for (size_t i = 0, j; (j = 2 * i + 1) < n; i = j) {
        if (j + 1 < n && worse(op, &v[j + 1], &v[j]))
            j++;
        if (!worse(op, &v[j], &v[i]))
            return;
        swap(&v[j], &v[i]);
    }
}

/* False if the sample is not among the best so far. */
static bool
pick_add(struct aggregation_run *g, struct range *r, struct pick *p, const struct picked *x,
         size_t k)
{
    if (p->n < k) {
        arena_grow(r->region.arena, &p->v, &p->cap, p->n + 1, sizeof(*p->v));
        p->v[p->n] = *x;
        if (x->h != NULL)
            p->v[p->n].h = histogram_copy(r->region.arena, x->h);
        if (g->op != AGG_LIMITK)
            heap_up(g->op, p->v, p->n);
        p->n++;
        return true;
    }
    if (g->op == AGG_LIMITK)
        return false;
    const struct picked *top = &p->v[0];
    bool better = g->op == AGG_TOPK ? top->v < x->v : top->v > x->v;
    if (!better && !(isnan(top->v) && !isnan(x->v)))
        return false;
    p->v[0] = *x;
    heap_down(g->op, p->v, p->n);
    return true;
}

void
aggregate_picks(struct aggregation_run *g, struct range *r)
{
    arena_grow(r->region.arena, &r->used, &r->used_cap, g->rows_n, sizeof(*r->used));
    memset(r->used, 0, g->rows_n * sizeof(*r->used));
    for (size_t at = 0; at < g->rows_n; at++) {
        const struct row *row = &g->rows[at];
        struct group *to = &g->groups[g->group_of[at]];
        for (size_t i = r->from; i < r->to; i++) {
            struct picked x = {.v = row->v[i], .h = row->h ? row->h[i] : NULL,
                               .row = (uint32_t)(g->rows_before + at)};
            if ((value_absent(x.v) && x.h == NULL) || g->param[i] < 1)
                continue;
            if (x.h != NULL && g->op != AGG_LIMITK)
                aggregate_ignored(g);
            else if (pick_add(g, r, &to->picks[i], &x, (size_t)g->param[i]))
                r->used[at] = true;
        }
    }
}

void
aggregate_pick_labels(struct aggregation_run *g)
{
    struct arena *a = g->arena;
    size_t all = g->rows_before + g->rows_n;
    CHECK(all < UINT32_MAX);
    arena_grow(a, &g->picked_rows, &g->picked_cap, all, sizeof(*g->picked_rows));
    for (size_t at = 0; at < g->rows_n; at++) {
        struct picked_row *p = &g->picked_rows[g->rows_before + at];
        const struct row *row = &g->rows[at];
        *p = (struct picked_row){.drop_name = row->drop_name};
        for (size_t i = 0; i < g->ranges_n; i++)
            p->used = p->used || g->ranges[i].used[at];
        if (!p->used)
            continue;
        struct label *v = ARENA_ARRAY(a, struct label, row->labels.n + 1);
        for (size_t i = 0; i < row->labels.n; i++)
            v[i] = row->labels.v[i];
        p->labels = (struct labels){.v = v, .n = row->labels.n};
    }
}

/* --- results --- */

static void
merge(enum aggregation op, struct picked *v, struct picked *tmp, size_t n)
{
    size_t half = n / 2, i = 0, j = half, at = 0;
    while (i < half && j < n)
        tmp[at++] = worse(op, &v[i], &v[j]) ? v[j++] : v[i++];
    while (i < half)
        tmp[at++] = v[i++];
    while (j < n)
        tmp[at++] = v[j++];
    memcpy(v, tmp, n * sizeof(*v));
}

static void
sort_best_first(enum aggregation op, struct picked *v, struct picked *tmp, size_t n)
{
    enum { INSERTION_MAX = 12 };
    if (n > INSERTION_MAX) {
        sort_best_first(op, v, tmp, n / 2);
        sort_best_first(op, v + n / 2, tmp, n - n / 2);
        merge(op, v, tmp, n);
        return;
    }
    for (size_t i = 1; i < n; i++)
        for (size_t j = i; j > 0 && worse(op, &v[j - 1], &v[j]); j--)
            swap(&v[j - 1], &v[j]);
}

struct pick_rows {
    struct aggregation_run *g;
    struct vec *out;
    uint32_t *at; /* per number of a row: its place in out + 1 */
};

static void
place(struct pick_rows *p, const struct picked *x, size_t i)
{
    struct aggregation_run *g = p->g;
    if (p->at[x->row] == 0) {
        const struct picked_row *from = &g->picked_rows[x->row];
        struct row r = {.labels = from->labels, .drop_name = from->drop_name};
        r.v = ARENA_ARRAY(g->arena, double, g->steps);
        for (size_t k = 0; k < g->steps; k++)
            r.v[k] = value_stale();
        vec_add(g->arena, p->out, r);
        p->at[x->row] = (uint32_t)p->out->n;
    }
    struct row *to = &p->out->v[p->at[x->row] - 1];
    if (x->h == NULL) {
        to->v[i] = x->v;
        return;
    }
    if (to->h == NULL)
        to->h = ARENA_ZARRAY(g->arena, struct histogram *, g->steps);
    to->h[i] = x->h;
}

bool
aggregate_finish_picks(struct aggregation_run *g, struct vec *out, struct err *err)
{
    struct pick_rows p = {.g = g, .out = out};
    p.at = ARENA_ZARRAY(g->arena, uint32_t, g->rows_before + 1);
    for (size_t k = 0; k < g->groups_n; k++) {
        for (size_t i = 0; i < g->steps; i++) {
            struct pick *best = &g->groups[k].picks[i];
            if (g->steps == 1 && g->op != AGG_LIMITK)
                sort_best_first(g->op, best->v, ARENA_ARRAY(g->arena, struct picked, best->n),
                                best->n);
            for (size_t j = 0; j < best->n; j++)
                place(&p, &best->v[j], i);
        }
        if (!eval_poll(g->ev, err) ||
            !budget_count(g->ev->budget, &g->ev->main, place_of(g->e), err))
            return false;
    }
    return true;
}

/* --- limit_ratio: a series is in or out by the hash of its labels --- */

static bool
in_ratio(double ratio, double offset)
{
    ratio = ratio > 1 ? 1 : ratio < -1 ? -1 : ratio;
    return ratio >= 0 ? offset < ratio : offset >= 1 + ratio;
}

static void
ratio_row(struct aggregation_run *g, const struct row *row)
{
    double offset = (double)labels_hash_stable(row->labels) / 18446744073709551615.0;
    struct row out = {.drop_name = row->drop_name};
    bool any = false;
    for (size_t i = 0; i < g->steps && !any; i++)
        any = row_has(row, i) && g->param[i] != 0 && in_ratio(g->param[i], offset);
    if (!any)
        return;
    out.v = ARENA_ARRAY(g->arena, double, g->steps);
    if (row->h != NULL)
        out.h = ARENA_ZARRAY(g->arena, struct histogram *, g->steps);
    for (size_t i = 0; i < g->steps; i++) {
        bool in = g->param[i] != 0 && in_ratio(g->param[i], offset);
        out.v[i] = in ? row->v[i] : value_stale();
        if (in && row->h != NULL && row->h[i] != NULL)
            out.h[i] = histogram_copy(g->arena, row->h[i]);
    }
    struct label *v = ARENA_ARRAY(g->arena, struct label, row->labels.n + 1);
    for (size_t i = 0; i < row->labels.n; i++)
        v[i] = row->labels.v[i];
    out.labels = (struct labels){.v = v, .n = row->labels.n};
    vec_add(g->arena, &g->out, out);
}

bool
aggregate_limit_ratio(struct aggregation_run *g, struct err *err)
{
    for (size_t i = 0; i < g->rows_n; i++)
        ratio_row(g, &g->rows[i]);
    return budget_count(g->ev->budget, &g->ev->main, place_of(g->e), err);
}
