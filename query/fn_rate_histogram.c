/* rate, increase and delta over native histograms. */
#include "query/fn_priv.h"

/* A histogram of nothing that fits h: stands for the one before a reset. */
static struct histogram *
empty_like(struct arena *a, const struct histogram *h)
{
    struct histogram *zero = ARENA_NEW(a, struct histogram);
    zero->schema = h->schema;
    zero->custom = h->custom;
    zero->custom_n = h->custom_n;
    return zero;
}

struct history {
    const struct fn_histograms *s;
    size_t lo, hi;
    const struct histogram *first; /* the first sample, or nothing if a reset follows it */
    bool custom;
    unsigned notes;
};

/* Looks over the samples in between: whether they fit, and the smallest schema.  A misfit
 * takes the place of all other notes. */
static bool
check_middle(struct history *w, bool counter, int *schema)
{
    for (size_t k = w->lo + 1; counter && k + 1 < w->hi; k++) {
        const struct histogram *h = w->s->h[k];
        if (h->reset == RESET_GAUGE)
            w->notes |= NOTE_BIT(NOTE_NOT_COUNTER);
        if (h->schema < *schema)
            *schema = h->schema;
        if (histogram_is_custom(h) != w->custom) {
            w->notes = NOTE_BIT(NOTE_MIXED_SCHEMAS);
            return false;
        }
    }
    return true;
}

/* Adds what was counted before each reset. */
static struct histogram *
add_resets(struct arena *a, struct history *w, struct histogram *h)
{
    const struct fn_histograms *s = w->s;
    const struct histogram *prev = w->first;

    for (size_t k = w->lo + 1; k < w->hi; k++) {
        bool reset = s->resets[k];
        if (k == w->lo + 1 && prev != s->h[w->lo])
            reset = (s->start_resets && s->start_resets[k]) || histogram_is_reset(prev, s->h[k]);
        if (reset) {
            struct histogram_sum sum = histogram_add(a, h, prev);
            if (sum.fit == HISTOGRAM_INCOMPATIBLE) {
                w->notes = NOTE_BIT(NOTE_MIXED_SCHEMAS);
                return NULL;
            }
            if (sum.fit == HISTOGRAM_RECONCILED)
                w->notes |= NOTE_BIT(NOTE_RECONCILED_ADD);
            h = sum.h;
        }
        prev = s->h[k];
    }
    return h;
}

static struct histogram *
difference(struct arena *a, struct history *w, bool counter)
{
    const struct histogram *first = w->s->h[w->lo], *last = w->s->h[w->hi - 1];

    if (counter && (first->reset == RESET_GAUGE || last->reset == RESET_GAUGE))
        w->notes |= NOTE_BIT(NOTE_NOT_COUNTER);
    w->first = first;
    w->custom = histogram_is_custom(first);
    if (counter && w->s->resets[w->lo + 1]) {
        /* Of the first sample nothing counts, so its layout need not fit either. */
        w->first = empty_like(a, w->s->h[w->lo + 1]);
        w->custom = histogram_is_custom(w->first);
    }
    if (histogram_is_custom(last) != w->custom) {
        w->notes |= NOTE_BIT(NOTE_MIXED_SCHEMAS);
        return NULL;
    }
    int schema = MIN(last->schema, w->first->schema);
    if (!check_middle(w, counter, &schema))
        return NULL;
    if (schema < last->schema)
        last = histogram_reduce(a, last, schema);
    struct histogram_sum d = histogram_sub(a, last, w->first);
    if (d.fit == HISTOGRAM_RECONCILED)
        w->notes |= NOTE_BIT(NOTE_RECONCILED_SUB);
    if (counter)
        return add_resets(a, w, d.h);
    if (first->reset != RESET_GAUGE || last->reset != RESET_GAUGE)
        w->notes |= NOTE_BIT(NOTE_NOT_GAUGE);
    return d.h;
}

struct histogram *
fn_rate_histogram(struct arena *a, const struct fn_histograms *s, size_t lo, size_t hi,
                  bool counter, unsigned *notes)
{
    struct history w = {.s = s, .lo = lo, .hi = hi};
    struct histogram *h = difference(a, &w, counter);

    *notes |= w.notes;
    if (h == NULL)
        return NULL;
    h = histogram_compact(a, h, 0);
    h->reset = RESET_GAUGE;
    return h;
}
