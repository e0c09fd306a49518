/* select.h - reading: a consistent view of some selections.
 *
 * A query names all its selections up front and opens one view: the series that match,
 * pinned at one instant between commits, so every selection of the query sees the same
 * scrapes.  Blocks are referenced and open head chunks copied; nothing a writer does
 * later shows, and no lock is held after view_open returns.
 *
 * view_read decodes one series in a time range into columns; it may be called by many
 * threads at once (each with its own arena).  Samples of head and blocks are merged,
 * equal times are kept once.  Deleted ranges (tombstones) are left out.
 *
 * LIFETIME.  Label strings and series handles live until view_close.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "model/labels.h"
#include "model/matcher.h"
#include "model/sample.h"
#include "storage/tsdb.h"

struct view;

struct selection_spec {
    const struct matcher *m; /* ANDed; borrowed during view_open */
    size_t n;
    int64_t mint, maxt;      /* inclusive */
    bool newest;             /* only the newest sample at or before maxt matters: view_read may
                                leave out those before it, and often need not decode any */
};
struct selected {
    struct labels labels;
    uint64_t handle;         /* opaque */
    uint64_t order;          /* ascending in the order in which Prometheus lists series: that
                              * of their creation where all are in the head, else of labels */
};
struct selection {
    const struct selected *v; /* sorted by labels, no set twice */
    size_t n;
};

/* series_max bounds the series of all selections together (0: none; over it
 * ERR_LIMIT). */
bool view_open(struct view **out, struct tsdb *db, const struct selection_spec *specs, size_t n,
               size_t series_max, struct err *e) MUST_USE;
void view_close(struct view **v);
/* i is the index of the spec.  Only series with a chunk overlapping [mint, maxt]. */
struct selection view_selection(const struct view *v, size_t i);
/* Reads the samples of series s of selection i with mint <= t <= maxt into out, arrays
 * in the arena.  ERR_CORRUPT or ERR_IO names the block. */
bool view_read(const struct view *v, size_t i, const struct selected *s, int64_t mint, int64_t maxt,
               struct arena *a, struct column *out, struct err *e) MUST_USE;
/* Upper bound on the samples view_read would yield, from chunk headers alone. */
uint64_t view_estimate(const struct view *v, size_t i, const struct selected *s, int64_t mint,
                       int64_t maxt);

/* Names and values of labels of series that match (all if n == 0) and have samples in
 * [mint, maxt] as far as block and head bounds tell; sorted, in the arena.
 * limit 0: all; one more than limit may be returned so that the caller can tell. */
bool select_label_names(struct tsdb *db, const struct matcher *m, size_t n, int64_t mint, int64_t maxt,
                        size_t limit, struct arena *a, str **out, size_t *out_n, struct err *e) MUST_USE;
bool select_label_values(struct tsdb *db, str name, const struct matcher *m, size_t n, int64_t mint,
                         int64_t maxt, size_t limit, struct arena *a, str **out, size_t *out_n,
                         struct err *e) MUST_USE;

/* Exemplars of series that match any of the matcher sets, by series then time. */
struct exemplar {
    struct labels labels;
    double value;
    int64_t t;
};
struct exemplar_series {
    struct labels series;
    struct exemplar *v;
    size_t n;
};
size_t select_exemplars(struct tsdb *db, const struct selection_spec *specs, size_t n, int64_t mint,
                        int64_t maxt, struct arena *a, struct exemplar_series **out);
