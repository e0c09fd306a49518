#include "query/annotation.h"
#include "query/fetch.h"

/* What a smoothed selector sees at one step: the samples around the reference time. */
struct around {
    const struct column *c;
    uint32_t lo, hi;
    uint32_t at; /* the first sample not before ref; hi if none */
    int64_t ref;
};

static struct histogram *
between(const struct around *w, const struct fetch_smooth *o, struct arena *a)
{
    const struct histogram *x = w->c->h[w->at - 1], *y = w->c->h[w->at];
    if (histogram_is_custom(x) != histogram_is_custom(y)) {
        annotate_mixed_schemas(o->notes, o->pos, o->metric);
        return NULL;
    }
    int64_t t = w->c->t[w->at - 1];
    double fraction = (double)(w->ref - t) / (double)(w->c->t[w->at] - t);
    bool counter = x->reset != RESET_GAUGE || y->reset != RESET_GAUGE;
    if (counter && histogram_is_reset(x, y))
        return histogram_mul(a, y, fraction); /* as if it had started from zero */
    struct histogram_sum d = histogram_sub(a, y, x);
    if (d.fit == HISTOGRAM_RECONCILED)
        annotate(o->notes, ANNOTATION_INFO, o->pos,
                 "mismatched custom buckets were reconciled during subtraction");
    struct histogram_sum s = histogram_add(a, histogram_mul(a, d.h, fraction), x);
    if (s.fit == HISTOGRAM_RECONCILED)
        annotate(o->notes, ANNOTATION_INFO, o->pos,
                 "mismatched custom buckets were reconciled during addition");
    return s.h;
}

static struct histogram *
smooth_histogram(const struct around *w, const struct fetch_smooth *o, struct arena *a)
{
    if (w->at < w->hi && w->c->t[w->at] == w->ref)
        return histogram_copy(a, w->c->h[w->at]);
    if (w->at == w->lo)
        return NULL; /* nothing before it yet */
    if (w->at < w->hi)
        return between(w, o, a);
    struct histogram *h = histogram_copy(a, w->c->h[w->at - 1]);
    h->reset = RESET_UNKNOWN;
    return h;
}

static double
smooth_float(const struct around *w)
{
    const struct column *c = w->c;
    if (w->at < w->hi && c->t[w->at] == w->ref)
        return c->v[w->at];
    if (w->at == w->lo)
        return value_stale();
    double x = c->v[w->at - 1];
    if (w->at == w->hi)
        return x;
    int64_t t = c->t[w->at - 1];
    return x + (c->v[w->at] - x) * (double)(w->ref - t) / (double)(c->t[w->at] - t);
}

/* 1: floats, 2: histograms, 3: both. */
static unsigned
kinds(const struct around *w)
{
    if (w->c->h == NULL)
        return w->hi > w->lo ? 1 : 0;
    unsigned k = 0;
    for (uint32_t i = w->lo; i < w->hi; i++)
        k |= w->c->h[i] != NULL ? 2 : 1;
    return k;
}

static void
smooth_step(const struct around *w, size_t i, const struct fetch_smooth *o, struct arena *a,
            struct row *out)
{
    unsigned k = kinds(w);
    if (k == 1)
        out->v[i] = smooth_float(w);
    else if (k == 2)
        out->h[i] = smooth_histogram(w, o, a);
    else if (k == 3)
        annotate(o->notes, ANNOTATION_WARNING, o->pos,
                 "encountered a mix of histograms and floats for metric name %.*s",
                 STR_ARG(annotation_quoted(a, o->metric)));
}

size_t
fetch_smoothed(const struct column *c, const struct fetch_steps *s, const struct fetch_smooth *o,
               struct arena *a, struct row *out)
{
    if (c->n == 0)
        return 0;
    out->v = ARENA_ARRAY(a, double, s->n);
    out->h = c->h ? ARENA_ZARRAY(a, struct histogram *, s->n) : NULL;
    struct fetch_windows w = {.lo = ARENA_ARRAY(a, uint32_t, s->n),
                              .hi = ARENA_ARRAY(a, uint32_t, s->n)};
    struct fetch_steps ends = {.t0 = s->t0 + o->lookback_ms, .dt = s->dt, .n = s->n};
    fetch_windows(c, &ends, 2 * o->lookback_ms, &w);
    size_t count = 0;
    for (size_t i = 0; i < s->n; i++) {
        struct around at = {.c = c, .lo = w.lo[i], .hi = w.hi[i], .at = w.lo[i],
                            .ref = s->t0 + (int64_t)i * s->dt};
        while (at.at < at.hi && c->t[at.at] < at.ref)
            at.at++;
        out->v[i] = value_stale();
        smooth_step(&at, i, o, a, out);
        count += row_has(out, i);
    }
    return count;
}
