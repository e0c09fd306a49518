/* fn_priv.h - what the files query/fn_*.c share.
 *
 * SPLIT.  Range functions look at floats and histograms of a series apart.  A column
 * without histograms is used as it is; one with both is taken apart once per call, and a
 * window of the column becomes a window of each part.
 *
 * NOTES.  A function may meet the same oddity in every window; each is said once a call.
 */
#pragma once
#include "query/function.h"

/* The samples the windows of a call cover, by kind. */
struct fn_split {
    const int64_t *ft, *fst; /* floats: times, start times (NULL: none) */
    const double *f;
    size_t f_n;
    const int64_t *ht, *hst; /* histograms */
    struct histogram *const *h;
    size_t h_n;
    const uint32_t *lo, *hi; /* the call's windows */
    size_t base;             /* column index of the first sample */
    const uint32_t *floats;  /* floats before each sample from base on; NULL: all are */
};
struct fn_window {
    size_t f_lo, f_hi, h_lo, h_hi;
};
void fn_split_init(struct fn_split *s, const struct fn_call *fc, const struct column *in);
static inline struct fn_window
fn_split_window(const struct fn_split *s, size_t step)
{
    size_t lo = s->lo[step] - s->base, hi = s->hi[step] - s->base;
    if (s->floats == NULL)
        return (struct fn_window){lo, hi, 0, 0};
    size_t f_lo = s->floats[lo], f_hi = s->floats[hi];
    return (struct fn_window){f_lo, f_hi, lo - f_lo, hi - f_hi};
}
static inline bool
fn_window_empty(const struct fn_window *w)
{
    return w->f_lo == w->f_hi && w->h_lo == w->h_hi;
}

enum fn_note {
    NOTE_MIXED_KINDS,   /* floats and histograms in a function that cannot mix them */
    NOTE_MIXED_SCHEMAS, /* exponential and custom buckets */
    NOTE_NOT_COUNTER,
    NOTE_NOT_GAUGE,
    NOTE_IGNORED, /* histograms left out of a range that has both */
    NOTE_RESET_COLLISION,
    NOTE_RECONCILED_ADD, /* custom bounds intersected */
    NOTE_RECONCILED_SUB,
    NOTE_RECONCILED_AGG,
};
#define NOTE_BIT(note) (1u << (note))
/* Says each note of the set, about fc's series and first argument. */
void fn_say(const struct fn_call *fc, unsigned notes);
/* Where annotations about argument i point to. */
int64_t fn_arg_pos(const struct fn_call *fc, size_t i);
str fn_quoted(struct arena *a, str s); /* Go's %q */
/* " for metric name %q", or empty without a name. */
str fn_for_metric(const struct fn_call *fc, str name);

/* Seconds of a duration as Go's Duration.Seconds rounds them. */
double fn_seconds(int64_t ms);
/* Window end of a step. */
static inline int64_t
fn_end(const struct fn_call *fc, size_t step)
{
    return fc->end0 + (int64_t)step * fc->grid->step;
}
/* The sample's start time says that the counter began anew after the one before. */
bool fn_start_reset(const int64_t *st, const int64_t *t, size_t k);
bool fn_start_overlaps(const int64_t *st, const int64_t *t, size_t k);

struct fn_rate_kind {
    bool counter, per_second;
};
/* rate, increase and delta of floats without start times (fn_rate_float.c); true if any
 * step has a result. */
bool fn_rate_floats(const struct fn_call *fc, const struct column *in, struct fn_rate_kind kind,
                    struct row *out);
/* anchored and smoothed rate, increase and delta (fn_rate_extended.c). */
void fn_rate_extended(const struct fn_call *fc, const struct fn_split *s, struct fn_rate_kind kind,
                      struct row *out);
/* The difference over histograms lo … hi - 1 with resets made up for, compacted; NULL if
 * they do not fit together.  `resets` marks the histograms before which there is one,
 * `start_resets` those a start time tells of (NULL: none).  Adds to *notes. */
struct fn_histograms {
    struct histogram *const *h;
    const bool *resets, *start_resets;
};
struct histogram *fn_rate_histogram(struct arena *a, const struct fn_histograms *s, size_t lo,
                                    size_t hi, bool counter, unsigned *notes);

/* Quantile of values in ascending order (NaN first); n > 0. */
double fn_quantile_sorted(double q, const double *v, size_t n);
void fn_sort_values(double *v, size_t n); /* ascending, NaN first */
