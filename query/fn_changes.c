/* resets, changes, irate, idelta: what lies between neighbours. */
#include "query/fn_rate.h"

#include <math.h>

#include "query/fn_priv.h"

typedef bool differs_fn(const struct fn_call *fc, const struct column *in, size_t k);

static bool
is_histogram(const struct column *in, size_t k)
{
    return in->h && in->h[k];
}

static bool
has_reset(const struct fn_call *fc, const struct column *in, size_t k)
{
    if (is_histogram(in, k - 1) != is_histogram(in, k))
        return true;
    if (fc->use_start_times && in->st && fn_start_reset(in->st, in->t, k))
        return true;
    return is_histogram(in, k) ? histogram_is_reset(in->h[k - 1], in->h[k])
                               : in->v[k] < in->v[k - 1];
}

static bool
has_changed(const struct fn_call *fc, const struct column *in, size_t k)
{
    (void)fc;
    if (is_histogram(in, k - 1) != is_histogram(in, k))
        return true;
    if (is_histogram(in, k))
        return !histogram_equal(in->h[k], in->h[k - 1]);
    return in->v[k] != in->v[k - 1] && !(isnan(in->v[k]) && isnan(in->v[k - 1]));
}

/* Where an anchored window begins: at the last sample not behind its start; false if no
 * sample is behind it. */
static bool
anchor(const struct fn_call *fc, const struct column *in, size_t step, size_t *lo)
{
    int64_t start = fn_end(fc, step) - fc->range_ms;
    size_t hi = fc->hi[step];

    if (in->t[hi - 1] <= start)
        return false;
    while (*lo + 1 < hi && in->t[*lo + 1] <= start)
        (*lo)++;
    return true;
}

/* Counts neighbours that differ, by prefix sums over all the windows. */
static void
count_differences(const struct fn_call *fc, const struct column *in, differs_fn *differs,
                  struct row *out)
{
    size_t steps = fc->grid->steps, base = fc->lo[0], end = fc->hi[steps - 1];
    uint32_t *sum = ARENA_ARRAY(fc->scratch, uint32_t, end - base + 1);

    *out = fn_row_new(fc, fc->labels);
    sum[0] = 0;
    for (size_t k = base + 1; k < end; k++)
        sum[k - base] = sum[k - base - 1] + differs(fc, in, k);
    for (size_t i = 0; i < steps; i++) {
        size_t lo = fc->lo[i], hi = fc->hi[i];
        if (lo == hi || (fc->anchored && !anchor(fc, in, i, &lo)))
            continue;
        out->v[i] = sum[hi - 1 - base] - sum[lo - base];
    }
}

bool
fn_resets(const struct fn_call *fc, const struct column *in, struct row *out, struct err *e)
{
    (void)e;
    count_differences(fc, in, has_reset, out);
    return true;
}

bool
fn_changes(const struct fn_call *fc, const struct column *in, struct row *out, struct err *e)
{
    (void)e;
    count_differences(fc, in, has_changed, out);
    return true;
}

/* The difference of two histograms, or the later one after a reset. */
static struct histogram *
last_histograms(const struct fn_call *fc, const struct column *in, size_t k, bool counter,
                unsigned *notes)
{
    const struct histogram *a = in->h[k - 1], *b = in->h[k];
    bool gauge_a = a->reset == RESET_GAUGE, gauge_b = b->reset == RESET_GAUGE;
    struct histogram_sum r = {.h = NULL};

    if (counter && (gauge_a || gauge_b))
        *notes |= NOTE_BIT(NOTE_NOT_COUNTER);
    if (!counter && !(gauge_a && gauge_b))
        *notes |= NOTE_BIT(NOTE_NOT_GAUGE);
    if (!counter || !has_reset(fc, in, k)) {
        r = histogram_sub(fc->scratch, b, a);
        if (r.fit == HISTOGRAM_INCOMPATIBLE) {
            *notes |= NOTE_BIT(NOTE_MIXED_SCHEMAS);
            return NULL;
        }
        if (r.fit == HISTOGRAM_RECONCILED)
            *notes |= NOTE_BIT(NOTE_RECONCILED_SUB);
    }
    struct histogram *h = histogram_compact(fc->arena, r.h ? r.h : b, 0);
    h->integer = false;
    h->reset = RESET_GAUGE;
    return h;
}

static void
instant(const struct fn_call *fc, const struct column *in, bool counter, struct row *out)
{
    unsigned notes = 0;

    *out = fn_row_new(fc, fc->labels);
    for (size_t i = 0; i < fc->grid->steps; i++) {
        if (fc->hi[i] - fc->lo[i] < 2)
            continue;
        size_t k = fc->hi[i] - 1;
        double seconds = (double)(in->t[k] - in->t[k - 1]) / 1000;
        if (in->t[k] == in->t[k - 1])
            continue;
        if (is_histogram(in, k - 1) != is_histogram(in, k)) {
            notes |= NOTE_BIT(NOTE_MIXED_KINDS);
        } else if (is_histogram(in, k)) {
            struct arena_mark mark = arena_mark(fc->scratch);
            struct histogram *h = last_histograms(fc, in, k, counter, &notes);
            arena_reset(fc->scratch, mark);
            if (h == NULL)
                continue;
            if (counter)
                histogram_div_in_place(h, seconds);
            fn_row_histograms(fc, out);
            out->h[i] = h;
        } else {
            bool reset = counter && has_reset(fc, in, k);
            double v = reset ? in->v[k] : in->v[k] - in->v[k - 1];
            out->v[i] = counter ? v / seconds : v;
        }
    }
    fn_say(fc, notes);
}

bool
fn_irate(const struct fn_call *fc, const struct column *in, struct row *out, struct err *e)
{
    (void)e;
    instant(fc, in, true, out);
    return true;
}

bool
fn_idelta(const struct fn_call *fc, const struct column *in, struct row *out, struct err *e)
{
    (void)e;
    instant(fc, in, false, out);
    return true;
}
