/* fn_lanes.h - the same computation on several windows abreast.
 *
 * Compensated sums are chains of additions, each waiting for the one before; four windows
 * side by side, two to a vector register, keep the adders busy.
 *
 * The error of an addition is found here by Knuth's TwoSum instead of Neumaier's comparison
 * of magnitudes: as long as nothing overflows both yield the exact error, which is one
 * number, so the results are equal in every bit.  Callers look for infinities and NaN in
 * sum and compensation afterwards and then compute that window anew the careful way.
 */
#pragma once
#include "query/fn_priv.h"

#define LANES 4
typedef double lane_pair __attribute__((vector_size(16)));
struct lanes {
    lane_pair v[LANES / 2];
};
struct lanes_kahan {
    struct lanes sum, c;
};

/* Up to LANES windows of one split, waiting to be computed together. */
struct lanes_windows {
    size_t n;
    size_t step[LANES];
    size_t lo[LANES], len[LANES]; /* in the floats */
    size_t common;                /* the shortest length */
};

static inline bool
lanes_full(struct lanes_windows *w, size_t step, const struct fn_window *win)
{
    w->step[w->n] = step;
    w->lo[w->n] = win->f_lo;
    w->len[w->n] = win->f_hi - win->f_lo;
    w->common = w->n == 0 ? w->len[0] : MIN(w->common, w->len[w->n]);
    return ++w->n == LANES;
}

static inline struct lanes
lanes_load(const double *f, const size_t lo[LANES], size_t k)
{
    return (struct lanes){{{f[lo[0] + k], f[lo[1] + k]}, {f[lo[2] + k], f[lo[3] + k]}}};
}

static inline struct lanes
lanes_all(double v)
{
    return (struct lanes){{{v, v}, {v, v}}};
}

static inline void
lanes_add(struct lanes_kahan *s, struct lanes x)
{
    for (size_t i = 0; i < LANES / 2; i++) {
        lane_pair t = s->sum.v[i] + x.v[i], part = t - s->sum.v[i];
        s->c.v[i] += (s->sum.v[i] - (t - part)) + (x.v[i] - part);
        s->sum.v[i] = t;
    }
}

static inline double
lanes_get(const struct lanes *l, size_t lane)
{
    return l->v[lane / 2][lane % 2];
}
