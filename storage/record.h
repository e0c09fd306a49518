/* record.h - what a WAL record says: series, samples, deletions of one batch.
 *
 * A record is written by the head's commit as columns and packed later by the WAL's
 * flusher, so that a commit costs a pointer swap.  It is self-contained: nothing in it
 * refers to values in records before it, so a damaged record loses itself and no other.
 *
 * PLAIN FORM (little-endian; lz4 makes it small): sections until the end,
 *     u8 kind | uvarint size | body
 * An unknown kind is skipped, so that an older program reads a newer log.
 *
 *   1 SERIES             (uvarint id, uvarint labels, (str name, str value)*)*
 *   2 FLOATS             uvarint n, u8 flags, varint t if flags & 1,
 *   3 FLOATS_LATE        ids: 4 planes, t unless flags & 1: 8 planes, v: 8 planes,
 *                        start times if flags & 2: 8 planes
 *   4 HISTOGRAMS         (uvarint id, varint t, varint st, histogram)*
 *   5 HISTOGRAMS_LATE
 *   6 DELETED            (uvarint id, varint mint, varint maxt)*
 *   7 EXEMPLARS          (uvarint id, varint t, f64 v, uvarint labels, (str, str)*)*
 *   8 CLOSED             varint min_valid: what is before it is in blocks
 *
 * str is uvarint length and bytes.  A histogram is
 *     u8 flags (1 integer, 2 reset known …: reset << 1), i8 schema, f64 zero threshold,
 *     counts zero, count: number; f64 sum; spans positive, negative: uvarint n, (varint
 *     offset, uvarint length)*; buckets positive, negative: uvarint n, number*;
 *     custom bounds: uvarint n, f64*
 * where a number is uvarint if the histogram is of integers, f64 if not.
 *
 * PLANES.  A column of n words is stored as n first bytes, n second bytes … (least
 * significant first).  ids are stored as the difference to the one before, times too.  A
 * scrape's ids and times thus become runs of equal bytes, and of values the zero bytes
 * of whole numbers and the alike exponents: 2 to 4 bytes a sample after lz4, at 3 ns.
 *
 * Two samples, ids 7 and 8, both at t = 1000, values 1.0 and 2.0 (checked by a test):
 *   02 1c          FLOATS, 28 bytes
 *   02 01 d00f     n = 2, one time, 1000
 *   0701 0000 0000 0000                     ids 7, +1
 *   0000 0000 0000 0000 0000 0000 f000 3f40 values
 */
#pragma once
#include "base/arena.h"
#include "base/codec.h"
#include "base/err.h"
#include "model/histogram.h"
#include "model/labels.h"

struct record_floats {
    size_t n, cap;
    uint32_t *ids;
    int64_t *t;
    double *v;
    int64_t *st; /* NULL: none */
};
struct record {
    struct record *next;           /* the WAL's queue */
    uint64_t seq;                  /* set by the WAL */
    struct buf series;             /* bodies of the sections, as the head encodes them */
    struct record_floats floats, late;
    struct buf histograms, late_histograms;
    struct buf deleted, exemplars, closed;
};
void record_init(struct record *r);
void record_fini(struct record *r);
/* Empty, keeping its memory. */
void record_clear(struct record *r);
bool record_is_empty(const struct record *r);
/* About how many bytes it holds. */
size_t record_bytes(const struct record *r);
void record_put_float(struct record_floats *f, uint32_t id, int64_t st, int64_t t, double v);
void record_put_series(struct record *r, uint32_t id, struct labels ls);
void record_put_histogram(struct buf *to, uint32_t id, int64_t st, int64_t t,
                          const struct histogram *h);
void record_put_deleted(struct record *r, uint32_t id, int64_t mint, int64_t maxt);
void record_put_exemplar(struct record *r, uint32_t id, struct labels ls, int64_t t, double v);
void record_put_closed(struct record *r, int64_t min_valid);
/* Appends the plain form. */
void record_encode(const struct record *r, struct buf *out);

/* Who reads a record: called section by section; all arguments are borrowed. */
struct record_sink {
    void (*series)(void *arg, uint32_t id, struct labels ls);
    void (*floats)(void *arg, bool late, const struct record_floats *f);
    void (*histogram)(void *arg, bool late, uint32_t id, int64_t st, int64_t t,
                      const struct histogram *h);
    void (*deleted)(void *arg, uint32_t id, int64_t mint, int64_t maxt);
    void (*exemplar)(void *arg, uint32_t id, struct labels ls, int64_t t, double v);
    void (*closed)(void *arg, int64_t min_valid);
};
/* Decodes a plain form; memory is the arena's.  ERR_CORRUPT if it makes no sense; what came
 * before the fault was delivered (a record has a CRC: this is a bug or a newer format). */
bool record_decode(str plain, const struct record_sink *sink, void *arg, struct arena *a,
                   struct err *e) MUST_USE;

/* The histogram of the byte table, also used by the checkpoint. */
void record_put_histogram_body(struct buf *to, const struct histogram *h);
struct histogram *record_get_histogram_body(struct dec *d, struct arena *a);
