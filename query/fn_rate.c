#include "query/fn_rate.h"

#include <math.h>

#include "query/fn_priv.h"

/* Indexes of samples, ascending, and a position that follows the windows. */
struct marks {
    uint32_t *v;
    size_t n, at;
};

static struct marks
marks_new(struct arena *a, size_t max)
{
    return (struct marks){.v = ARENA_ARRAY(a, uint32_t, max)};
}

/* The first mark behind lo; windows only move on. */
static size_t
marks_seek(struct marks *m, size_t lo)
{
    while (m->at < m->n && m->v[m->at] <= lo)
        m->at++;
    return m->at;
}

struct rate {
    const struct fn_call *fc;
    struct fn_rate_kind kind;
    struct fn_split s;
    struct marks f_resets;   /* floats before which the counter began anew */
    struct marks f_overlaps; /* floats whose start time lies before the sample before */
    struct marks h_overlaps;
    struct fn_histograms h;
    double range_s;
    unsigned notes;
    bool any_float;
};

static void
find_float_marks(struct rate *r)
{
    const struct fn_split *s = &r->s;

    r->f_resets = marks_new(r->fc->scratch, s->f_n);
    r->f_overlaps = marks_new(r->fc->scratch, s->fst ? s->f_n : 0);
    for (size_t k = 1; k < s->f_n; k++) {
        if (s->f[k] < s->f[k - 1] || (s->fst && fn_start_reset(s->fst, s->ft, k)))
            r->f_resets.v[r->f_resets.n++] = (uint32_t)k;
        if (s->fst && fn_start_overlaps(s->fst, s->ft, k))
            r->f_overlaps.v[r->f_overlaps.n++] = (uint32_t)k;
    }
}

static void
find_histogram_marks(struct rate *r)
{
    const struct fn_split *s = &r->s;
    bool *resets = ARENA_ZARRAY(r->fc->scratch, bool, s->h_n + 1);
    bool *starts = s->hst ? ARENA_ZARRAY(r->fc->scratch, bool, s->h_n + 1) : NULL;

    r->h_overlaps = marks_new(r->fc->scratch, s->hst ? s->h_n : 0);
    for (size_t k = 1; k < s->h_n; k++) {
        if (starts) {
            starts[k] = fn_start_reset(s->hst, s->ht, k);
            if (fn_start_overlaps(s->hst, s->ht, k))
                r->h_overlaps.v[r->h_overlaps.n++] = (uint32_t)k;
        }
        resets[k] = (starts && starts[k]) || histogram_is_reset(s->h[k - 1], s->h[k]);
    }
    r->h.resets = resets;
    r->h.start_resets = starts;
}

/* One window's samples, floats or histograms alike. */
struct span {
    int64_t start, end; /* of the window */
    int64_t first_t, last_t;
    int64_t first_st; /* 0: unknown */
    size_t n;
    double first;    /* value, or count of the histogram */
    double increase; /* likewise */
};

/* The counter began inside the window: a sample of value 0 at its start time. */
static bool
starts_inside(const struct rate *r, const struct span *w)
{
    return r->kind.counter && w->first_st != 0 && w->first_st > w->start &&
           w->first_st < w->first_t;
}

/* How far the increase goes on before the first sample: all the way if that is near the
 * edge, else half a step; never below zero for a counter. */
static double
gap_at_start(const struct rate *r, const struct span *w, double sampled, double average)
{
    double gap = (double)(w->first_t - w->start) / 1000;

    if (gap >= average * 1.1)
        gap = average / 2;
    if (r->kind.counter) {
        double to_zero = gap;
        if (w->increase > 0 && w->first >= 0)
            to_zero = sampled * (w->first / w->increase);
        if (to_zero < gap)
            gap = to_zero;
    }
    return gap;
}

/* What the increase is multiplied by; false if one sample is all there is. */
static bool
factor_of(const struct rate *r, const struct span *w, double *factor)
{
    double to_end = (double)(w->end - w->last_t) / 1000;
    double sampled = (double)(w->last_t - w->first_t) / 1000;
    double average = w->n > 1 ? sampled / (double)(w->n - 1) : 0;
    double to_start = 0;

    if (starts_inside(r, w))
        sampled = (double)(w->last_t - w->first_st) / 1000;
    else if (w->n == 1)
        return false;
    else
        to_start = gap_at_start(r, w, sampled, average);
    if (to_end >= average * 1.1)
        to_end = average / 2;
    *factor = sampled != 0 ? (sampled + to_start + to_end) / sampled : 1;
    if (r->kind.per_second)
        *factor /= r->range_s;
    return true;
}

static double
float_increase(struct rate *r, size_t lo, size_t hi)
{
    const double *f = r->s.f;
    double increase = f[hi - 1] - f[lo];

    if (!r->kind.counter)
        return increase;
    for (size_t i = marks_seek(&r->f_resets, lo); i < r->f_resets.n && r->f_resets.v[i] < hi; i++)
        increase += f[r->f_resets.v[i] - 1];
    return increase;
}

/* Tells of a start time that overlaps, once a window. */
static void
say_overlap(struct rate *r, struct marks *m, size_t lo, size_t hi)
{
    if (m->n == 0)
        return;
    size_t i = marks_seek(m, lo);
    if (i < m->n && m->v[i] < hi)
        annotate_start_overlap(r->fc->notes, fn_arg_pos(r->fc, 0),
                               labels_get(r->fc->labels, LABEL_NAME));
}

static void
float_step(struct rate *r, size_t step, const struct fn_window *win, struct row *out)
{
    const struct fn_split *s = &r->s;
    size_t lo = win->f_lo, hi = win->f_hi;
    double factor;
    struct span w = {.start = fn_end(r->fc, step) - r->fc->range_ms,
                     .end = fn_end(r->fc, step),
                     .first_t = s->ft[lo],
                     .last_t = s->ft[hi - 1],
                     .first_st = s->fst ? s->fst[lo] : 0,
                     .n = hi - lo,
                     .first = s->f[lo],
                     .increase = float_increase(r, lo, hi)};
    if (r->kind.counter)
        say_overlap(r, &r->f_overlaps, lo, hi);
    if (!factor_of(r, &w, &factor))
        return;
    if (starts_inside(r, &w))
        w.increase += w.first;
    out->v[step] = w.increase * factor;
    r->any_float = true;
}

static void
histogram_step(struct rate *r, size_t step, const struct fn_window *win, struct row *out)
{
    const struct fn_split *s = &r->s;
    struct arena *a = r->fc->scratch; /* for all but the result */
    size_t lo = win->h_lo, hi = win->h_hi;
    const struct histogram *h = NULL;
    double factor;

    if (hi - lo > 1) {
        h = fn_rate_histogram(a, &r->h, lo, hi, r->kind.counter, &r->notes);
        if (h == NULL)
            return;
        if (r->kind.counter)
            say_overlap(r, &r->h_overlaps, lo, hi);
    }
    struct span w = {.start = fn_end(r->fc, step) - r->fc->range_ms,
                     .end = fn_end(r->fc, step),
                     .first_t = s->ht[lo],
                     .last_t = s->ht[hi - 1],
                     .first_st = s->hst ? s->hst[lo] : 0,
                     .n = hi - lo,
                     .first = s->h[lo]->count,
                     .increase = h ? h->count : 0};
    if (!factor_of(r, &w, &factor))
        return;
    if (starts_inside(r, &w) && h == NULL) {
        h = s->h[lo];
    } else if (starts_inside(r, &w)) {
        struct histogram_sum sum = histogram_add(a, h, s->h[lo]);
        if (sum.fit == HISTOGRAM_INCOMPATIBLE) {
            r->notes |= NOTE_BIT(NOTE_MIXED_SCHEMAS);
            return;
        }
        if (sum.fit == HISTOGRAM_RECONCILED)
            r->notes |= NOTE_BIT(NOTE_RECONCILED_ADD);
        h = sum.h;
    }
    fn_row_histograms(r->fc, out);
    out->h[step] = histogram_mul(r->fc->arena, h, factor);
}

static bool
looks_like_counter(str name)
{
    return str_ends(name, STRL("_total")) || str_ends(name, STRL("_sum")) ||
           str_ends(name, STRL("_count")) || str_ends(name, STRL("_bucket"));
}

/* rate of what is probably a gauge; asked only for series with float results. */
static void
say_non_counter(const struct fn_call *fc)
{
    str name = labels_get(fc->labels, LABEL_NAME), type = labels_get(fc->labels, STRL("__type__"));

    if (name.n == 0)
        return;
    str quoted = fn_quoted(fc->scratch, name);
    if (fc->type_unit_labels) {
        if (!str_eq(type, STRL("counter")) && !str_eq(type, STRL("histogram")))
            annotate(fc->notes, ANNOTATION_INFO, fn_arg_pos(fc, 0),
                     "metric might not be a counter, __type__ label is not set to \"counter\" or "
                     "\"histogram\", got %.*s: %.*s",
                     STR_ARG(fn_quoted(fc->scratch, type)), STR_ARG(quoted));
    } else if (!looks_like_counter(name)) {
        annotate(fc->notes, ANNOTATION_INFO, fn_arg_pos(fc, 0),
                 "metric might not be a counter, name does not end in "
                 "_total/_sum/_count/_bucket: %.*s",
                 STR_ARG(quoted));
    }
}

static bool
any_value(const struct fn_call *fc, const struct row *out)
{
    for (size_t i = 0; i < fc->grid->steps; i++)
        if (!value_absent(out->v[i]))
            return true;
    return false;
}

static void
extrapolated(const struct fn_call *fc, const struct column *in, struct fn_rate_kind kind,
             struct row *out)
{
    struct rate r = {.fc = fc, .kind = kind, .range_s = fn_seconds(fc->range_ms)};

    if (in->h == NULL && !(fc->use_start_times && in->st) && !fc->anchored && !fc->smoothed) {
        if (fn_rate_floats(fc, in, kind, out) && kind.counter)
            say_non_counter(fc);
        return;
    }
    fn_split_init(&r.s, fc, in);
    if (fc->anchored || fc->smoothed) {
        fn_rate_extended(fc, &r.s, kind, out);
        if (kind.counter && any_value(fc, out))
            say_non_counter(fc);
        return;
    }
    r.h.h = r.s.h;
    if (kind.counter) {
        find_float_marks(&r);
        find_histogram_marks(&r);
    }
    for (size_t i = 0; i < fc->grid->steps; i++) {
        struct fn_window w = fn_split_window(&r.s, i);
        if (w.f_hi > w.f_lo && w.h_hi > w.h_lo)
            r.notes |= NOTE_BIT(NOTE_MIXED_KINDS);
        else if (w.f_hi > w.f_lo)
            float_step(&r, i, &w, out);
        else if (w.h_hi > w.h_lo) {
            struct arena_mark mark = arena_mark(fc->scratch);
            histogram_step(&r, i, &w, out);
            arena_reset(fc->scratch, mark);
        }
    }
    fn_say(fc, r.notes);
    if (kind.counter && r.any_float)
        say_non_counter(fc);
}

bool
fn_rate(const struct fn_call *fc, const struct column *in, struct row *out, struct err *e)
{
    (void)e;
    *out = fn_row_new(fc, fc->labels);
    extrapolated(fc, in, (struct fn_rate_kind){.counter = true, .per_second = true}, out);
    return true;
}

bool
fn_increase(const struct fn_call *fc, const struct column *in, struct row *out, struct err *e)
{
    (void)e;
    *out = fn_row_new(fc, fc->labels);
    extrapolated(fc, in, (struct fn_rate_kind){.counter = true}, out);
    return true;
}

bool
fn_delta(const struct fn_call *fc, const struct column *in, struct row *out, struct err *e)
{
    (void)e;
    *out = fn_row_new(fc, fc->labels);
    extrapolated(fc, in, (struct fn_rate_kind){.counter = false}, out);
    return true;
}
