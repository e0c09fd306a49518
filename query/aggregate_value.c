/* quantile and count_values: what needs all values of a step. */
#include <math.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/num.h"
#include "base/panic.h"
#include "query/aggregate_priv.h"

/* --- quantile --- */

static int
ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void
swap(double *v, size_t i, size_t j)
{
    double t = v[i];
    v[i] = v[j];
    v[j] = t;
}

/* The middle one of three, as a pivot. */
static double
pivot_of(const double *v, size_t n)
{
    double a = v[0], b = v[n / 2], c = v[n - 1];
    if (a > b)
        return b > c ? b : MIN(a, c);
    return a > c ? a : MIN(b, c);
}

/* Puts what would be v[k] if v were sorted there, nothing greater before and nothing less
 * behind it.  No NaN. */
static void
select_nth(double *v, size_t n, size_t k)
{
    for (unsigned rounds = 0; n > 16; rounds++) {
        if (rounds > 64)
            break; /* unlucky pivots: sort the rest */
        double pivot = pivot_of(v, n);
        size_t i = 0, j = n - 1;
        for (;;) {
            while (v[i] < pivot)
                i++;
            while (v[j] > pivot)
                j--;
            if (i >= j)
                break;
            swap(v, i++, j--);
        }
        size_t right = j + 1; /* v[0 … j] <= pivot <= v[right …] */
        if (k < right) {
            n = right;
        } else {
            v += right;
            n -= right;
            k -= right;
        }
    }
    qsort(v, n, sizeof(*v), ascending);
}

/* NaN counts as least; they come to the front. */
static size_t
nans_first(double *v, size_t n)
{
    size_t nans = 0;
    for (size_t i = 0; i < n; i++)
        if (isnan(v[i]))
            swap(v, i, nans++);
    return nans;
}

/* values are moved about. */
static double
quantile(double q, double *values, size_t n)
{
    if (n == 0 || isnan(q))
        return NAN;
    if (q < 0)
        return -INFINITY;
    if (q > 1)
        return INFINITY;
    double rank = q * (double)(n - 1), whole = floor(rank), weight = rank - whole;
    size_t lower = (size_t)whole, upper = MIN(n - 1, lower + 1), nans = nans_first(values, n);
    if (lower >= nans)
        select_nth(values + nans, n - nans, lower - nans);
    if (upper >= nans && upper != lower)
        select_nth(values + upper, n - upper, 0);
    return values[lower] * (1 - weight) + values[upper] * weight;
}

struct quantiles {
    struct aggregation_run *g;
    struct row *out; /* one per group */
    struct err *err; /* one per range */
    bool *failed;
};

static void
quantile_group(struct quantiles *q, struct range *r, size_t k, double *values)
{
    struct aggregation_run *g = q->g;
    struct group *from = &g->groups[k];
    for (size_t i = r->from; i < r->to; i++) {
        size_t n = 0;
        for (size_t at = 0; at < from->rows_n; at++) {
            const struct row *row = from->rows[at];
            if (!value_absent(row->v[i]))
                values[n++] = row->v[i];
            else if (row->h != NULL && row->h[i] != NULL)
                aggregate_ignored(g);
        }
        q->out[k].v[i] = n > 0 ? quantile(g->param[i], values, n) : value_stale();
    }
}

static void
quantile_range(void *arg, size_t at)
{
    struct quantiles *q = (struct quantiles *)arg;
    struct range *r = &q->g->ranges[at];
    for (size_t k = 0; k < q->g->groups_n; k++) {
        double *values = ARENA_ARRAY(r->region.arena, double, q->g->groups[k].rows_n + 1);
        q->failed[at] = !eval_poll(q->g->ev, &q->err[at]);
        if (q->failed[at])
            return;
        quantile_group(q, r, k, values);
    }
}

bool
aggregate_finish_quantile(struct aggregation_run *g, struct vec *out, struct err *err)
{
    struct arena *a = g->arena;
    struct quantiles q = {.g = g, .out = ARENA_ZARRAY(a, struct row, g->groups_n + 1),
                          .err = ARENA_ARRAY(a, struct err, g->ranges_n),
                          .failed = ARENA_ZARRAY(a, bool, g->ranges_n)};
    for (size_t k = 0; k < g->groups_n; k++)
        q.out[k] = (struct row){.labels = g->groups[k].labels,
                                .drop_name = g->groups[k].drop_name,
                                .v = ARENA_ARRAY(a, double, g->steps)};
    pool_for(g->ev->pool, g->ranges_n, quantile_range, &q);
    for (size_t i = 0; i < g->ranges_n; i++)
        if (q.failed[i]) {
            *err = q.err[i];
            return false;
        }
    for (size_t k = 0; k < g->groups_n; k++)
        for (size_t i = 0; i < g->steps; i++)
            if (row_has(&q.out[k], i)) {
                vec_add(a, out, q.out[k]);
                break;
            }
    return true;
}

/* --- count_values --- */

/* One value of one group, as a row of counts. */
struct counted {
    uint32_t group;
    uint64_t bits; /* of the float */
    str text;      /* of the histogram; empty for floats */
    struct row row;
};

static struct counted *
counted_new(struct aggregation_run *g, const struct counted *key)
{
    struct arena *a = g->arena;
    arena_grow(a, &g->counted, &g->counted_cap, g->counted_n + 1, sizeof(*g->counted));
    struct counted *c = &g->counted[g->counted_n++];
    *c = *key;
    char text[NUM_TEXT_MAX];
    str value = key->text;
    if (value.n == 0)
        value = STR(text, num_format_plain(f64_from_bits(key->bits), text));
    value = c->text = arena_str(a, value);
    if (key->text.n == 0)
        c->text = STR_EMPTY;
    struct labels_builder b;
    labels_builder_init(&b, a, g->groups[key->group].labels);
    if (!g->value_dropped)
        labels_builder_set(&b, g->value_label, value);
    c->row = (struct row){.labels = labels_builder_done(&b)};
    c->row.v = ARENA_ARRAY(a, double, g->steps);
    for (size_t i = 0; i < g->steps; i++)
        c->row.v[i] = value_stale();
    return c;
}

static struct counted *
counted_find(struct aggregation_run *g, const struct counted *key)
{
    uint64_t hash = hash_mix(hash_mix(key->bits, key->group), key->text.n ? hash64(key->text) : 0);
    for (struct lookup_walk w = lookup_walk(&g->by_value, hash); lookup_next(&g->by_value, &w);) {
        struct counted *c = &g->counted[w.index];
        if (c->group == key->group && c->bits == key->bits && str_eq(c->text, key->text))
            return c;
    }
    lookup_add(&g->by_value, hash, g->counted_n);
    return counted_new(g, key);
}

static void
count_up(struct counted *c, size_t i)
{
    c->row.v[i] = value_absent(c->row.v[i]) ? 1 : c->row.v[i] + 1;
}

static void
count_row(struct aggregation_run *g, const struct row *row, uint32_t group)
{
    struct counted *last = NULL;
    for (size_t i = 0; i < g->steps; i++) {
        struct counted key = {.group = group};
        struct buf text = {0};
        if (row->h != NULL && row->h[i] != NULL)
            histogram_put_text(&text, row->h[i]);
        else if (value_absent(row->v[i]))
            continue;
        else
            key.bits = isnan(row->v[i]) ? NORMAL_NAN_BITS : f64_bits(row->v[i]);
        key.text = buf_str(&text);
        if (g->value_dropped)
            key = (struct counted){.group = group};
        if (last == NULL || last->bits != key.bits || !str_eq(last->text, key.text))
            last = counted_find(g, &key);
        count_up(last, i);
        buf_free(&text);
    }
}

bool
aggregate_count_values(struct aggregation_run *g, struct err *err)
{
    for (size_t k = 0; k < g->rows_n; k++) {
        count_row(g, &g->rows[k], g->group_of[k]);
        account_steps(&g->rows[k], g->steps, g->in);
        if (!eval_poll(g->ev, err) ||
            !budget_count(g->ev->budget, &g->ev->main, place_of(g->e), err))
            return false;
    }
    return true;
}

void
aggregate_finish_values(struct aggregation_run *g, struct vec *out)
{
    for (size_t i = 0; i < g->counted_n; i++)
        vec_add(g->arena, out, g->counted[i].row);
}
