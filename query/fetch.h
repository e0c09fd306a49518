/* fetch.h - from a series' column to what operators want: a row, or windows.
 *
 * INSTANT.  A row takes, for each step, the newest sample at or before the step's
 * reference time and less than the lookback old; a stale marker there means nothing.
 * Both times ascend, so one pass with two positions does all steps.
 *
 * WINDOWS.  The samples of (end - range, end] for each step, as positions in the column.
 * Series that were scraped together have equal times, so the windows of one are tried on
 * the next before they are searched anew.
 *
 * THREADS.  Pure functions on the caller's memory.
 */
#pragma once
#include "query/value.h"

/* Step i looks at t0 + i * dt; dt is 0 under @. */
struct fetch_steps {
    int64_t t0, dt;
    size_t n;
};

enum fetch_want { FETCH_VALUES, FETCH_TIMES = 1, FETCH_STARTS = 2 }; /* row.t, row.st too */

/* Fills the arrays of *out in the arena and returns how many steps have a sample; with
 * none nothing is allocated.  Histograms are copied.  weight_out: samples as Prometheus
 * weighs them. */
size_t fetch_instant(const struct column *c, const struct fetch_steps *s, int64_t lookback_ms,
                     unsigned want, struct arena *a, struct row *out, uint64_t *weight_out);
/* As fetch_instant for a `smoothed` selector: interpolates between the samples around the
 * reference time, lookback_ms to either side. */
struct fetch_smooth {
    int64_t lookback_ms;
    struct annotations *notes;
    int64_t pos;
    str metric;
};
size_t fetch_smoothed(const struct column *c, const struct fetch_steps *s,
                      const struct fetch_smooth *o, struct arena *a, struct row *out);

/* Removes stale markers in place. */
void fetch_drop_stale(struct column *c);

/* Leaves of histograms only count and sum, and says by hints where the buckets, which are
 * gone, showed a reset. */
void fetch_stats_only(struct column *c, struct arena *a);

struct fetch_windows {
    uint32_t *lo, *hi; /* steps values each, the caller's */
    uint64_t sum;      /* samples in all windows */
    uint64_t most;     /* in the largest */
    uint64_t last;     /* in the last step's */
    uint64_t fresh;    /* that were not in the window of the step before */
};
/* The windows (end - reach, end] for the ends of s. */
void fetch_windows(const struct column *c, const struct fetch_steps *s, int64_t reach_ms,
                   struct fetch_windows *w);
/* Prometheus counts a histogram as (its bytes + 8) / 16 samples: corrects the counts of a
 * column with histograms. */
void fetch_windows_weigh(const struct column *c, const struct fetch_steps *s,
                         struct arena *scratch, struct fetch_windows *w);
uint64_t fetch_weight(const struct column *c, size_t i);
/* Adds each step's window, and what is fresh in it, to arrays that may be NULL. */
void fetch_windows_add(const struct column *c, const struct fetch_windows *w,
                       const struct fetch_steps *s, uint64_t *total, uint64_t *fresh);

/* A row as a column of the samples it has. */
void fetch_row_samples(const struct row *r, const struct grid *g, struct arena *a,
                       struct column *out);
/* One row of a subquery's result for a range function: hints "reset" and "not reset" of
 * histograms are forgotten, for samples between the steps are missing. */
void fetch_row_column(const struct row *r, const struct grid *g, struct arena *a,
                      struct column *out);
