/* tsdb.h - the time series database: open, maintain, describe, close.
 *
 * One directory holds Prometheus-format blocks, our WAL and checkpoint.  Writers use
 * storage/append.h, readers storage/select.h; both take the struct tsdb made here.
 *
 * THREADS.  Everything here may be called from any thread unless it says otherwise.
 * The database runs two threads of its own: the WAL flusher (group commit) and the
 * compactor (head to block, block compaction, retention, checkpoints).
 *
 * WITHOUT A DIRECTORY (opts.dir NULL) the database is a head in memory: no WAL, no
 * blocks, no threads, no time bounds on appends.  Tests of rules and queries use it.
 */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "model/labels.h"
#include "model/matcher.h"

struct tsdb;

enum wal_sync { WAL_SYNC_ALWAYS, WAL_SYNC_INTERVAL, WAL_SYNC_OS };

struct tsdb_opts {
    const char *dir;               /* copied; NULL: memory only */
    int64_t retention_ms;          /* 0: unlimited */
    uint64_t retention_bytes;      /* 0: unlimited */
    double retention_percent;      /* of the file system; 0: unlimited */
    int64_t block_min_ms;          /* head block range; 2 h */
    int64_t block_max_ms;          /* largest compacted range */
    int64_t out_of_order_ms;       /* out_of_order_time_window; 0: off */
    enum wal_sync wal_sync;
    uint64_t wal_segment_bytes;
    uint64_t series_max;           /* global active series bound; 0: unlimited */
    uint64_t memory_limit_bytes;   /* new series are refused near it; 0: unlimited */
    size_t exemplars_max;          /* 0: exemplars off */
    bool no_lockfile;
    bool xor2;                     /* write XOR2 chunks */
    bool store_start_times;        /* st-storage */
    bool read_only;
};
/* Prometheus' defaults. */
void tsdb_opts_default(struct tsdb_opts *o);

/* Opens or creates; recovers from any crash (tail cut, damage set aside and logged).
 * Fails only if the directory cannot be used or another process holds it, and if a file of
 * the head exists that the disk does not give (ERR_IO names it; going on without would let
 * go of it).  Blocks that cannot be read are left out and tried again. */
bool tsdb_open(struct tsdb **out, const struct tsdb_opts *o, struct err *e) MUST_USE;
/* Stops the threads, makes all acknowledged data durable, writes the shutdown
 * checkpoint.  All appenders and views must be closed. */
void tsdb_close(struct tsdb **db);
/* Retention, out-of-order window and limits from a new configuration. */
void tsdb_reconfigure(struct tsdb *db, const struct tsdb_opts *o);
/* The options in force; dir is borrowed. */
void tsdb_options(struct tsdb *db, struct tsdb_opts *out);

/* Runs the compactor's due work now, on the caller's thread (tests, admin API). */
bool tsdb_compact(struct tsdb *db, struct err *e) MUST_USE;

/* Admin. Matchers are ANDed; times inclusive. Durable on return. */
bool tsdb_delete(struct tsdb *db, const struct matcher *m, size_t n, int64_t mint, int64_t maxt,
                 struct err *e) MUST_USE;
bool tsdb_clean_tombstones(struct tsdb *db, struct err *e) MUST_USE;
/* Writes <dir>/snapshots/<name> of hard links plus, unless skip_head, the head as a
 * block; name is chosen (UTC time and 16 hex digits) and appended to name_out. */
bool tsdb_snapshot(struct tsdb *db, bool skip_head, struct buf *name_out, struct err *e) MUST_USE;

struct tsdb_block_meta {
    char ulid[27];
    int64_t mint, maxt;
    uint64_t series, chunks, samples, tombstones, size_bytes;
    unsigned level;
};
struct tsdb_stats {
    uint64_t head_series, head_chunks, head_label_pairs;
    int64_t head_mint, head_maxt;  /* INT64_MAX / INT64_MIN when empty, as Prometheus */
    uint64_t samples_appended, wal_bytes, wal_segment, blocks, corruptions;
    bool read_only;                /* appends are refused: disk full or failing */
    char read_only_reason[256];
};
void tsdb_stats(struct tsdb *db, struct tsdb_stats *out);
/* Array in the arena. */
size_t tsdb_blocks(struct tsdb *db, struct arena *a, struct tsdb_block_meta **out);

/* The four top lists of status/tsdb. */
struct tsdb_top {
    str name;
    uint64_t value;
};
struct tsdb_top_lists {
    struct tsdb_top *series_by_metric, *values_by_label, *memory_by_label, *series_by_pair;
    size_t series_by_metric_n, values_by_label_n, memory_by_label_n, series_by_pair_n;
};
void tsdb_top_lists(struct tsdb *db, struct arena *a, size_t limit, struct tsdb_top_lists *out);
