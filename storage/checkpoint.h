/* checkpoint.h - the head on disk, so that starting does not depend on how long the server
 * ran: recovery loads the newest checkpoint and replays only the log after it.
 *
 * WRITING does not stop the world.  The record number S of the log is noted first; then
 * series are copied a few hundred at a time under the gate (shared).  A series is thus
 * seen at some moment after S, and replaying from S brings all to the same state: a
 * sample in order that is there already is not newer and is left out, a late one is the
 * same sample twice and merged when read.  Before the checkpoint gets its name, the chunk
 * files are synced and the log is synced too, so that nothing in it is newer than the log.
 *
 * FILE <dir>/checkpoint.<S, 16 hex digits>, written as .tmp and renamed.  Little-endian.
 *   OFFSET  SIZE  FIELD
 *        0     8  "NRTXCKP1"
 *        8     *  blocks
 * BLOCK  0     4  crc32c of the rest
 *        4     4  size as stored
 *        8     4  size unpacked; larger than stored: lz4
 *       12     1  kind
 *       13     *  bytes
 *   kind 1 PAIRS       (u32 pair, str name, str value)*: numbers are this file's own
 *        2 SERIES      series in ascending order of ids (checkpoint.c has the bytes)
 *        3 TOMBSTONES  tombstones_encode
 *        4 EXEMPLARS   (labels series, labels, f64 v, varint t)*
 *        5 STATE       bounds of the head, pages of the chunk file, place in the log
 *        6 END         u64 series: the file is whole
 *        7 SIZES       u32 series, u32 pairs: about how many to make room for; comes first
 * A file without END, or with a block that fails its checksum, is no checkpoint.
 *
 * Two are kept, and the log from the older one on: if the newer cannot be read, the older
 * does.
 */
#pragma once
#include "storage/db.h"
#include "storage/wal.h"

/* Writes one; then drops the oldest of more than two and the log before what is left.
 * One thread at a time, which is also the one that collects series. */
bool checkpoint_write(struct tsdb *db, struct err *e) MUST_USE;

/* As checkpoint_write, and lets go of every other checkpoint and all of the log before: for
 * when they must not be read together with what is written from now on. */
bool checkpoint_write_only(struct tsdb *db, struct err *e) MUST_USE;

struct checkpoint_info {
    uint64_t seq;              /* replay starts with this record */
    struct wal_position place; /* where it is, if known */
    uint64_t series;
};
/* Fills a fresh head (and exemplars) from one file.  After ERR_CORRUPT the head is partly
 * filled and must be made anew. */
bool checkpoint_load(struct tsdb *db, const char *path, struct checkpoint_info *out,
                     struct err *e) MUST_USE;
/* Record numbers of the checkpoints in the folder, ascending. */
bool checkpoint_list(const char *dir, uint64_t **seqs, size_t *n, struct err *e) MUST_USE;
char *checkpoint_path(const char *dir, uint64_t seq);
