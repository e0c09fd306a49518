#include "query/fetch.h"

#include "base/panic.h"

static uint64_t
histogram_samples(const struct histogram *h)
{
    return (histogram_weight(h) + 8) / 16;
}

uint64_t
fetch_weight(const struct column *c, size_t i)
{
    return c->h != NULL && c->h[i] != NULL ? histogram_samples(c->h[i]) : 1;
}

/* --- instant --- */

/* Floats only.  A stale marker is copied: its bits mean absent. */
static size_t
instant_floats(const struct column *c, const struct fetch_steps *s, int64_t lookback, double *v)
{
    const double absent = value_stale();
    size_t j = 0, count = 0;
    for (size_t i = 0; i < s->n; i++) {
        int64_t ref = s->t0 + (int64_t)i * s->dt;
        while (j < c->n && c->t[j] <= ref)
            j++;
        v[i] = j > 0 && ref - c->t[j - 1] < lookback ? c->v[j - 1] : absent;
        count += !value_absent(v[i]);
    }
    return count;
}

/* at[i]: index of step i's sample + 1, or 0. */
static size_t
instant_positions(const struct column *c, const struct fetch_steps *s, int64_t lookback,
                  uint32_t *at)
{
    size_t j = 0, count = 0;
    for (size_t i = 0; i < s->n; i++) {
        int64_t ref = s->t0 + (int64_t)i * s->dt;
        while (j < c->n && c->t[j] <= ref)
            j++;
        at[i] = 0;
        if (j == 0 || ref - c->t[j - 1] >= lookback)
            continue;
        const struct histogram *h = c->h ? c->h[j - 1] : NULL;
        if (h ? histogram_is_stale(h) : value_is_stale(c->v[j - 1]))
            continue;
        at[i] = (uint32_t)j;
        count++;
    }
    return count;
}

static void
row_alloc(struct row *r, size_t steps, bool histograms, struct arena *a)
{
    r->v = ARENA_ARRAY(a, double, steps);
    for (size_t i = 0; i < steps; i++)
        r->v[i] = value_stale();
    if (histograms)
        r->h = ARENA_ZARRAY(a, struct histogram *, steps);
}

/* The general form: histograms, or the samples' own times. */
static uint64_t
instant_fill(const struct column *c, const uint32_t *at, size_t steps, unsigned want,
             struct arena *a, struct row *out)
{
    uint64_t weight = 0;
    row_alloc(out, steps, c->h != NULL, a);
    if (want & FETCH_TIMES)
        out->t = ARENA_ZARRAY(a, int64_t, steps);
    if (want & FETCH_STARTS)
        out->st = ARENA_ZARRAY(a, int64_t, steps);
    struct histogram *copy = NULL;
    for (size_t i = 0; i < steps; i++) {
        if (at[i] == 0)
            continue;
        size_t j = at[i] - 1;
        if (c->h && c->h[j]) {
            bool same = copy != NULL && i > 0 && at[i - 1] == at[i];
            copy = same ? copy : histogram_copy(a, c->h[j]);
            out->h[i] = copy;
        } else {
            out->v[i] = c->v[j];
        }
        weight += fetch_weight(c, j);
        if (out->t)
            out->t[i] = c->t[j];
        if (out->st && c->st)
            out->st[i] = c->st[j];
    }
    return weight;
}

size_t
fetch_instant(const struct column *c, const struct fetch_steps *s, int64_t lookback_ms,
              unsigned want, struct arena *a, struct row *out, uint64_t *weight_out)
{
    CHECK(c->n < UINT32_MAX);
    *weight_out = 0;
    if (c->n == 0)
        return 0;
    struct arena_mark mark = arena_mark(a);
    size_t count;
    if (c->h == NULL && want == FETCH_VALUES) {
        out->v = ARENA_ARRAY(a, double, s->n);
        count = instant_floats(c, s, lookback_ms, out->v);
        *weight_out = count;
    } else {
        uint32_t *at = ARENA_ARRAY(a, uint32_t, s->n);
        count = instant_positions(c, s, lookback_ms, at);
        if (count > 0)
            *weight_out = instant_fill(c, at, s->n, want, a, out);
    }
    if (count == 0) {
        arena_reset(a, mark);
        out->v = NULL;
    }
    return count;
}

/* --- windows --- */

void
fetch_drop_stale(struct column *c)
{
    size_t i = 0;
    if (c->h == NULL)
        while (i < c->n && !value_is_stale(c->v[i]))
            i++;
    size_t kept = i;
    for (; i < c->n; i++) {
        const struct histogram *h = c->h ? c->h[i] : NULL;
        if (h ? histogram_is_stale(h) : value_is_stale(c->v[i]))
            continue;
        c->t[kept] = c->t[i];
        c->v[kept] = c->v[i];
        if (c->h)
            c->h[kept] = c->h[i];
        if (c->st)
            c->st[kept] = c->st[i];
        kept++;
    }
    c->n = kept;
}

void
fetch_stats_only(struct column *c, struct arena *a)
{
    const struct histogram *last = NULL;
    for (size_t i = 0; c->h != NULL && i < c->n; i++) {
        const struct histogram *h = c->h[i];
        if (h == NULL || histogram_is_stale(h))
            continue;
        struct histogram *bare = ARENA_NEW(a, struct histogram);
        *bare = (struct histogram){.reset = h->reset, .schema = h->schema, .count = h->count,
                                   .sum = h->sum};
        if (h->reset == RESET_UNKNOWN && last != NULL)
            bare->reset = histogram_is_reset(last, h) ? RESET_YES : RESET_NO;
        c->h[i] = bare;
        last = h;
    }
}

void
fetch_windows(const struct column *c, const struct fetch_steps *s, int64_t reach_ms,
              struct fetch_windows *w)
{
    CHECK(c->n < UINT32_MAX);
    uint32_t lo = 0, hi = 0, n = (uint32_t)c->n, before = 0;
    w->sum = w->most = w->last = w->fresh = 0;
    for (size_t i = 0; i < s->n; i++) {
        int64_t end = s->t0 + (int64_t)i * s->dt;
        while (hi < n && c->t[hi] <= end)
            hi++;
        while (lo < hi && end - c->t[lo] >= reach_ms)
            lo++;
        w->lo[i] = lo;
        w->hi[i] = hi;
        uint64_t size = hi - lo;
        w->sum += size;
        w->most = MAX(w->most, size);
        w->last = size;
        if (i == 0 || s->dt != 0)
            w->fresh += hi - MAX(lo, before);
        before = hi;
    }
}

/* Replaces the counts of a column with histograms by weights. */
static void
weigh(const struct column *c, struct fetch_windows *w, const struct fetch_steps *s,
      uint64_t *upto)
{
    upto[0] = 0;
    for (size_t i = 0; i < c->n; i++)
        upto[i + 1] = upto[i] + fetch_weight(c, i);
    uint32_t before = 0;
    w->sum = w->most = w->last = w->fresh = 0;
    for (size_t i = 0; i < s->n; i++) {
        uint64_t size = upto[w->hi[i]] - upto[w->lo[i]];
        w->sum += size;
        w->most = MAX(w->most, size);
        w->last = size;
        if (i == 0 || s->dt != 0)
            w->fresh += upto[w->hi[i]] - upto[MAX(w->lo[i], before)];
        before = MAX(before, w->hi[i]);
    }
}

void
fetch_windows_weigh(const struct column *c, const struct fetch_steps *s, struct arena *scratch,
                    struct fetch_windows *w)
{
    if (c->h != NULL)
        weigh(c, w, s, ARENA_ARRAY(scratch, uint64_t, c->n + 1));
}

void
fetch_windows_add(const struct column *c, const struct fetch_windows *w,
                  const struct fetch_steps *s, uint64_t *total, uint64_t *fresh)
{
    uint32_t before = 0;
    for (size_t i = 0; i < s->n; i++) {
        uint64_t all = 0, new = 0;
        for (uint32_t k = w->lo[i]; k < w->hi[i]; k++) {
            uint64_t weight = fetch_weight(c, k);
            all += weight;
            new += k >= before ? weight : 0;
        }
        if (total != NULL)
            total[i] += all;
        if (fresh != NULL && (i == 0 || s->dt != 0))
            fresh[i] += new;
        before = MAX(before, w->hi[i]);
    }
}

/* --- subqueries --- */

static struct histogram *
without_hint(struct arena *a, struct histogram *h)
{
    if (h->reset != RESET_YES && h->reset != RESET_NO)
        return h;
    struct histogram *copy = ARENA_NEW(a, struct histogram);
    *copy = *h;
    copy->reset = RESET_UNKNOWN;
    return copy;
}

void
fetch_row_samples(const struct row *r, const struct grid *g, struct arena *a, struct column *out)
{
    *out = (struct column){.t = ARENA_ARRAY(a, int64_t, g->steps),
                           .v = ARENA_ARRAY(a, double, g->steps)};
    if (r->h != NULL)
        out->h = ARENA_ARRAY(a, struct histogram *, g->steps);
    for (size_t i = 0; i < g->steps; i++) {
        if (!row_has(r, i))
            continue;
        out->t[out->n] = grid_time(g, i);
        out->v[out->n] = r->v[i];
        if (r->h != NULL)
            out->h[out->n] = r->h[i];
        out->n++;
    }
}

void
fetch_row_column(const struct row *r, const struct grid *g, struct arena *a, struct column *out)
{
    fetch_row_samples(r, g, a, out);
    for (size_t i = 0; out->h != NULL && i < out->n; i++)
        if (out->h[i] != NULL)
            out->h[i] = without_hint(a, out->h[i]);
}
