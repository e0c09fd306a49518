/* tombstone.h - deleted time ranges of series.
 *
 * A set maps a series reference (of a block's index or of the head) to a sorted list of
 * disjoint closed intervals.  Adding merges intervals that touch (maxt + 1 == mint).
 *
 * FILE `tombstones` of a block, Prometheus' (integers big-endian):
 *   OFFSET  SIZE  FIELD
 *        0     4  magic 0130ba30
 *        4     1  version 1
 *        5     *  (uvarint ref, varint mint, varint maxt)*
 *       -4     4  crc32c of the entries (without magic and version)
 * Series 7 without [1000, 2000] is 0130ba30 01 07 d00f a01f 7bc2e788.
 * A missing file is an empty set.  Anything that fails its checks is ERR_CORRUPT.
 *
 * THREADS.  None: owners copy, change the copy and swap pointers.
 */
#pragma once
#include "base/err.h"
#include "model/sample.h"

struct interval {
    int64_t mint, maxt; /* both inclusive */
};
struct intervals {
    const struct interval *v;
    size_t n;
};

struct tombstones;
struct tombstones *tombstones_new(void);
struct tombstones *tombstones_copy(const struct tombstones *t);
void tombstones_free(struct tombstones **t);
void tombstones_add(struct tombstones *t, uint64_t ref, int64_t mint, int64_t maxt);
void tombstones_remove(struct tombstones *t, uint64_t ref);
/* Drops intervals that end before `before`. */
void tombstones_truncate(struct tombstones *t, int64_t before);
/* Borrowed until the next change; n 0 if there are none. */
struct intervals tombstones_get(const struct tombstones *t, uint64_t ref);
/* Intervals of all series: what meta.json calls numTombstones. */
size_t tombstones_count(const struct tombstones *t);
/* Calls fn for each series in order of references. */
void tombstones_each(const struct tombstones *t,
                     void (*fn)(void *arg, uint64_t ref, struct intervals iv), void *arg);

/* <dir>/tombstones.  Writing is durable (io_replace). */
bool tombstones_read(const char *dir, struct tombstones **out, struct err *e) MUST_USE;
bool tombstones_write(const struct tombstones *t, const char *dir, struct err *e) MUST_USE;
/* The file's image, also a payload for the head's checkpoint. */
void tombstones_encode(const struct tombstones *t, struct buf *out);
bool tombstones_decode(str image, struct tombstones **out, struct err *e) MUST_USE;

/* True if [mint, maxt] lies in one interval. */
bool intervals_cover(struct intervals iv, int64_t mint, int64_t maxt);
bool intervals_touch(struct intervals iv, int64_t mint, int64_t maxt);
/* Removes covered samples from index `from` on, in place. */
void intervals_apply(struct intervals iv, struct column *c, size_t from);
