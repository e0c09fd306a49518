/* sample.h - the value types.
 *
 * A stale marker is the one NaN with the bits STALE_NAN_BITS; it is data that travels
 * by its bits through WAL, chunks and remote write.  Test with value_is_stale, never
 * with isnan.  Text parsers write NORMAL_NAN_BITS for any NaN, so that an exporter
 * cannot forge the marker.
 */
#pragma once
#include "base/base.h"
#include "base/codec.h"

#define STALE_NAN_BITS 0x7ff0000000000002ull
#define NORMAL_NAN_BITS 0x7ff8000000000001ull

static inline bool
value_is_stale(double v)
{
    return f64_bits(v) == STALE_NAN_BITS;
}
static inline double
value_stale(void)
{
    return f64_from_bits(STALE_NAN_BITS);
}

struct histogram;

/* A run of samples of one series in ascending time: what a selection reads into and
 * functions work on.  Arrays belong to the arena of whoever asked. */
struct column {
    size_t n;
    size_t cap;             /* room in the arrays, for whoever appends; less than n means n */
    int64_t *t;           /* milliseconds */
    double *v;            /* undefined where h[i] is set */
    struct histogram **h; /* NULL when all samples are floats; else NULL per float */
    int64_t *st;          /* start timestamps; NULL when none is stored */
};
