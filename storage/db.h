/* db.h - the inside of struct tsdb, for the files that carry it out: tsdb.c (open, close),
 * append.c, select.c, blocks.c (the list of blocks), compactor.c (maintenance), delete.c.
 *
 * FOLDER
 *   <dir>/lock              flock of the process that has it open
 *   <dir>/01J…/             blocks (Prometheus' format)
 *   <dir>/head/             checkpoint.*, wal/, chunks/
 *   <dir>/quarantine/       damaged bytes, for somebody to look at
 *   <dir>/snapshots/
 *
 * LISTS THAT READERS SHARE.  The blocks are an immutable, refcounted list; a view takes a
 * reference under the gate.  Whoever changes the list builds a new one and swaps it under
 * the gate, exclusively, in the same moment in which the head moves its min_valid: so a
 * sample is seen in the head or in its block, never in neither.
 *
 * WHAT THE FOLDER MUST SURVIVE.  There is no list of what is live beside the things
 * themselves, because each says it: a block is live when its folder has its final name and no
 * other names it as a parent; a checkpoint when it ends with END; the log's records by their
 * numbers.  So no two files can disagree after a crash.  The order that keeps it so:
 *   publish     write aside, sync files and folder, rename, sync the parent
 *   remove      rename to *.tmp-for-deletion, sync the parent, unlink
 *   head→block  block durable, list swapped and CLOSED logged, head truncated, checkpoint
 *               durable, and only then the log before the checkpoint before that is let go
 *   admin       a deletion is synced in the log, or in the block, when the call returns
 * A crash between any two of these leaves samples twice at worst, and equal times are merged.
 *
 * MAINTENANCE.  All that changes blocks, collects series or writes checkpoints holds the
 * `maintain` lock; it is taken by the compactor's thread and by admin calls, held across
 * I/O, and no query or commit ever takes it.
 */
#pragma once
#include "base/io.h"
#include "base/thread.h"
#include "storage/append.h"
#include "storage/block.h"
#include "storage/exemplar.h"
#include "storage/head.h"
#include "storage/tsdb.h"
#include "storage/wal.h"

struct block_list {
    atomic_uint refs;
    size_t n;
    struct block *v[]; /* one reference each; ascending mint */
};

struct tsdb {
    unsigned magic;
#define TSDB_MAGIC 0x75db1e57u
    /* fixed after open */
    char *dir;      /* NULL: memory only */
    char *head_dir;
    struct io_file *lock;
    struct wal *wal; /* NULL: memory only or read-only */
    struct exemplar_ring *exemplars;
    struct thread *compactor;
    /* under the gate; series_max also under the index lock */
    struct tsdb_opts opts;
    struct head head;
    struct block_list *blocks;
    /* atomic */
    atomic_bool memory_full; /* near memory_limit_bytes */
    atomic_bool cancel;      /* closing: end what takes long */
    atomic_ulong corruptions;
    /* under maintain */
    struct mutex maintain;
    uint64_t checkpoint_seq;    /* next record when the last checkpoint was written */
    int64_t checkpoint_at_ms;
    uint64_t checkpoint_bytes;  /* written to the log by then */
    uint64_t doomed_stamp;      /* series marked at this moment wait in `doomed` */
    uint32_t *doomed;
    size_t doomed_n;
    /* under wake_mu */
    struct mutex wake_mu;
    struct cond wake;
    bool stop;
};

struct block_list *block_list_new(size_t n);
struct block_list *block_list_ref(struct block_list *l);
void block_list_unref(struct block_list **l);
/* The list of the moment, with a reference. */
struct block_list *tsdb_block_list(struct tsdb *db);

/* The options of the moment; retention and limits may be reconfigured. */
struct tsdb_opts tsdb_opts_now(struct tsdb *db);

/* A fresh head in place of one that recovery could not fill. */
bool tsdb_head_renew(struct tsdb *db, struct err *e) MUST_USE;
/* Numbers the series anew and makes that durable, before anybody holds an id.  REQUIRES
 * maintain. */
bool tsdb_renumber(struct tsdb *db, struct err *e) MUST_USE;
/* Whether a batch may be committed now. */
bool tsdb_accepts(struct tsdb *db, struct err *e) MUST_USE;

/* blocks.c; REQUIRE maintain. */
/* Opens what is new in the folder, drops what is superseded or beyond retention, swaps the
 * list.  Blocks that cannot be opened are left where they are, logged and counted. */
bool blocks_reload(struct tsdb *db, struct err *e) MUST_USE;
/* As blocks_reload, and closes the head before min_valid in the same moment. */
bool blocks_reload_and_close(struct tsdb *db, int64_t min_valid, struct err *e) MUST_USE;
/* The end of what in-order blocks cover; INT64_MIN if there are none. */
int64_t blocks_end(const struct block_list *l);
/* Removes folders that a crash left half-made. */
void blocks_clean_folder(struct tsdb *db);

/* tsdb_metrics.c */
void tsdb_metrics_start(struct tsdb *db);
void tsdb_metrics_stop(struct tsdb *db);

/* compactor.c */
void compactor_run(void *db);
