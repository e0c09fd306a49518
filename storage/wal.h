/* wal.h - the write-ahead log: what was acknowledged survives.
 *
 * A commit queues its record while it holds the head's gate, so the log's order is the
 * order in which the head changed; it does no I/O.  One thread, the flusher, packs what
 * is queued (record.h, lz4, checksum), writes it, syncs it and wakes those who wait.  While
 * it syncs, the next batches gather: that is the group commit.
 *
 *   LAZY      written within 100 ms, synced within 1 s (or 1 MiB)
 *   DURABLE   wal_wait returns after the fdatasync that covers the record; syncs start at
 *             least 2 ms apart, so that many small writers share them
 *   WAL_SYNC_ALWAYS syncs after every write, WAL_SYNC_OS never (weak: the power may fail)
 *
 * FAILURE.  What is not yet synced stays in memory.  When a write or sync fails, that file
 * is never written again nor its sync believed (Linux may have dropped the pages): the
 * unsynced records go to a new segment, which is synced.  If that fails too, the log is
 * read-only: wal_accepts and wal_wait fail, queries go on, and the flusher tries again
 * every few seconds until a new segment takes the records.  Then all goes on by itself.
 * Segments are preallocated, so a full disk shows when one is made, not in a record.
 *
 * Records written twice that way keep their sequence number, and recovery takes the first.
 *
 * THREADS.  Any; wal_put REQUIRES the gate (exclusive), which orders the records.
 */
#pragma once
#include "base/err.h"
#include "storage/head_file.h"
#include "storage/record.h"
#include "storage/tsdb.h"

struct wal;

struct wal_opts {
    const char *dir;
    uint64_t segment_bytes;
    enum wal_sync sync;
    uint64_t next_seq;     /* of the first record to come */
    uint32_t next_segment; /* numbers below are taken */
    struct head_file *pages; /* full pages are written by the flusher too; borrowed */
};
/* Never fails for want of space: then it starts read-only. */
bool wal_open(struct wal **out, const struct wal_opts *o, struct err *e) MUST_USE;
/* Writes and syncs what is queued, if the disk lets it. */
void wal_close(struct wal **w);

/* Whether a batch may be started: false while read-only (ERR_UNAVAILABLE, with the
 * reason).  Waits while too much is queued.  Call without locks. */
bool wal_accepts(struct wal *w, struct err *e) MUST_USE;
/* An empty record; gives. */
struct record *wal_record(struct wal *w);
/* Takes the record (from wal_record) and returns its sequence number; an empty one is put
 * back and 0 returned. */
uint64_t wal_put(struct wal *w, struct record *r);
/* Returns when the record is durable; false if the disk failed. */
bool wal_wait(struct wal *w, uint64_t seq, struct err *e) MUST_USE;
/* Makes all that is queued durable. */
bool wal_sync_all(struct wal *w, struct err *e) MUST_USE;
/* Sequence number of the next record.  REQUIRES the gate for a meaning. */
uint64_t wal_next_seq(struct wal *w);

struct wal_position {
    uint32_t segment;
    uint64_t at;  /* of the record with this number */
    uint64_t seq;
};
/* A place at or before record seq, to start reading at; segment 0 if none is known. */
struct wal_position wal_position(struct wal *w, uint64_t seq);
/* Tells of segments that recovery found, oldest first, for wal_forget and wal_stats. */
void wal_adopt(struct wal *w, uint32_t number, uint64_t last_seq, uint64_t bytes);
/* Removes segments all of whose records are below seq. */
void wal_forget(struct wal *w, uint64_t seq);

struct wal_stats {
    uint64_t bytes;        /* on disk */
    uint64_t written;      /* since open */
    uint32_t segment;      /* being written */
    bool read_only;
    char reason[256];
};
void wal_stats(struct wal *w, struct wal_stats *out);
