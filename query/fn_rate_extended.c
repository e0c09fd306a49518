/* rate, increase and delta with the anchored and smoothed modifiers.
 *
 * Nothing is extrapolated.  The windows reach further than the range; the value at an edge
 * is the sample just before it (anchored) or interpolated between its neighbours
 * (smoothed), and the result is the difference of the two edges. */
#include "query/fn_priv.h"

/* One step: positions in the floats or histograms of the series. */
struct edges {
    const int64_t *t;
    size_t first, last;
    int64_t start, end;
    bool smoothed;
};

/* The first sample in [lo, hi) with t > at, or t >= at if `reached`; hi if none. */
static size_t
search(const int64_t *t, size_t lo, size_t hi, int64_t at, bool reached)
{
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (reached ? t[mid] >= at : t[mid] > at)
            hi = mid;
        else
            lo = mid + 1;
    }
    return lo;
}

/* Finds the samples at the edges of the window [lo, hi); false if it has no result. */
static bool
find_edges(struct edges *w, const struct fn_call *fc, size_t step, size_t lo, size_t hi)
{
    size_t last = hi - 1;

    w->end = fn_end(fc, step);
    w->start = w->end - fc->range_ms;
    w->smoothed = fc->smoothed;
    size_t behind = search(w->t, lo, last, w->start, false);
    w->first = behind > lo ? behind - 1 : lo;
    w->last = w->smoothed ? search(w->t, lo, last, w->end, true) : last;
    if (w->t[w->last] <= w->start)
        return false;
    return !w->smoothed || w->t[w->first] <= w->end;
}

static bool
interpolates_left(const struct edges *w)
{
    return w->smoothed && w->t[w->first] < w->start;
}

/* `lo` is where the window's samples begin: without one before there is nothing to
 * interpolate with. */
static bool
interpolates_right(const struct edges *w, size_t lo)
{
    return w->smoothed && w->last > lo && w->t[w->last] > w->end;
}

static double
interpolate(const struct fn_split *s, size_t k, int64_t t, bool counter)
{
    double from = s->f[k], to = s->f[k + 1];
    if (counter && to < from)
        from = 0;
    return from + (to - from) * (double)(t - s->ft[k]) / (double)(s->ft[k + 1] - s->ft[k]);
}

static void
float_step(const struct fn_call *fc, const struct fn_split *s, struct fn_rate_kind kind,
           size_t step, struct row *out)
{
    struct fn_window win = fn_split_window(s, step);
    struct edges w = {.t = s->ft};

    if (!find_edges(&w, fc, step, win.f_lo, win.f_hi))
        return;
    double left =
        interpolates_left(&w) ? interpolate(s, w.first, w.start, kind.counter) : s->f[w.first];
    double right = interpolates_right(&w, win.f_lo)
                       ? interpolate(s, w.last - 1, w.end, kind.counter)
                       : s->f[w.last];
    double result = right - left;
    if (kind.counter) {
        /* Resets strictly inside; the edges took care of theirs. */
        size_t from = w.first + (w.t[w.first] <= w.start);
        size_t to = w.last + (w.t[w.last] < w.end);
        double prev = left, correction = 0;
        for (size_t k = from; k < to; k++) {
            if (s->f[k] < prev)
                correction += prev;
            prev = s->f[k];
        }
        if (right < prev)
            correction += prev;
        result += correction;
    }
    if (kind.per_second)
        result /= fn_seconds(fc->range_ms);
    out->v[step] = result;
}

/* --- histograms --- */

struct extended {
    const struct fn_call *fc;
    const struct fn_split *s;
    struct fn_rate_kind kind;
    unsigned notes;
};

/* x + y or x - y; NULL if they do not fit. */
static struct histogram *
combine(struct extended *x, const struct histogram *a, const struct histogram *b, bool subtract)
{
    struct arena *arena = x->fc->scratch;
    struct histogram_sum r = subtract ? histogram_sub(arena, a, b) : histogram_add(arena, a, b);

    if (r.fit == HISTOGRAM_INCOMPATIBLE)
        x->notes |= NOTE_BIT(NOTE_MIXED_SCHEMAS);
    if (r.fit == HISTOGRAM_RECONCILED)
        x->notes |= NOTE_BIT(subtract ? NOTE_RECONCILED_SUB : NOTE_RECONCILED_ADD);
    return r.h;
}

static struct histogram *
between(struct extended *x, size_t k, int64_t t)
{
    const struct histogram *from = x->s->h[k], *to = x->s->h[k + 1];
    int64_t from_t = x->s->ht[k], to_t = x->s->ht[k + 1];

    if (t == from_t || t == to_t)
        return histogram_copy(x->fc->scratch, t == from_t ? from : to);
    double fraction = (double)(t - from_t) / (double)(to_t - from_t);
    if (x->kind.counter && histogram_is_reset(from, to))
        return histogram_mul(x->fc->scratch, to, fraction);
    struct histogram *d = combine(x, to, from, true);
    if (d == NULL)
        return NULL;
    histogram_mul_in_place(d, fraction);
    return combine(x, d, from, false);
}

static bool
check_range(struct extended *x, const struct edges *w)
{
    bool custom = histogram_is_custom(x->s->h[w->first]);

    for (size_t k = w->first; k <= w->last; k++) {
        if (histogram_is_custom(x->s->h[k]) != custom) {
            x->notes |= NOTE_BIT(NOTE_MIXED_SCHEMAS);
            return false;
        }
        if (x->kind.counter && x->s->h[k]->reset == RESET_GAUGE)
            x->notes |= NOTE_BIT(NOTE_NOT_COUNTER);
    }
    return true;
}

/* Adds to *result what was counted before each reset inside; false if that fails. */
static bool
add_resets(struct extended *x, const struct edges *w, const struct histogram *left,
           const struct histogram *right, struct histogram **result)
{
    struct histogram *const *h = x->s->h;
    const struct histogram *prev = left;
    struct histogram *sum = NULL;
    size_t k = w->first + 1;

    if (interpolates_left(w) && histogram_is_reset(h[w->first], h[w->first + 1])) {
        prev = h[w->first + 1]; /* the left edge has taken care of this one */
        k++;
    }
    if (k > w->last)
        return true;
    for (; k <= w->last; k++) {
        const struct histogram *now = k < w->last ? h[k] : right;
        if (histogram_is_reset(prev, now)) {
            sum = sum ? combine(x, sum, prev, false) : histogram_copy(x->fc->scratch, prev);
            if (sum == NULL)
                return false;
        }
        prev = now;
    }
    if (sum)
        *result = combine(x, *result, sum, false);
    return *result != NULL;
}

static void
histogram_step(struct extended *x, size_t step, struct row *out)
{
    const struct fn_call *fc = x->fc;
    struct fn_window win = fn_split_window(x->s, step);
    struct edges w = {.t = x->s->ht};

    if (!find_edges(&w, fc, step, win.h_lo, win.h_hi) || !check_range(x, &w))
        return;
    struct histogram *left = interpolates_left(&w) ? between(x, w.first, w.start)
                                                   : histogram_copy(fc->scratch, x->s->h[w.first]);
    if (left == NULL)
        return;
    struct histogram *right = interpolates_right(&w, win.h_lo)
                                  ? between(x, w.last - 1, w.end)
                                  : histogram_copy(fc->scratch, x->s->h[w.last]);
    if (right == NULL)
        return;
    if (!x->kind.counter && (left->reset != RESET_GAUGE || right->reset != RESET_GAUGE))
        x->notes |= NOTE_BIT(NOTE_NOT_GAUGE);
    struct histogram *result = combine(x, right, left, true);
    if (result == NULL || (x->kind.counter && !add_resets(x, &w, left, right, &result)))
        return;
    result = histogram_compact(fc->arena, result, 0);
    if (x->kind.per_second)
        histogram_div_in_place(result, fn_seconds(fc->range_ms));
    result->reset = RESET_GAUGE;
    fn_row_histograms(fc, out);
    out->h[step] = result;
}

void
fn_rate_extended(const struct fn_call *fc, const struct fn_split *s, struct fn_rate_kind kind,
                 struct row *out)
{
    struct extended x = {.fc = fc, .s = s, .kind = kind};

    for (size_t i = 0; i < fc->grid->steps; i++) {
        struct fn_window w = fn_split_window(s, i);
        if (w.f_hi > w.f_lo && w.h_hi > w.h_lo)
            x.notes |= NOTE_BIT(NOTE_MIXED_KINDS);
        else if (w.h_hi > w.h_lo) {
            struct arena_mark mark = arena_mark(fc->scratch);
            histogram_step(&x, i, out);
            arena_reset(fc->scratch, mark);
        } else if (w.f_hi > w.f_lo)
            float_step(fc, s, kind, i, out);
    }
    fn_say(fc, x.notes);
}
