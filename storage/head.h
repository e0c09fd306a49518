/* head.h - the newest samples, in memory: append, seal, truncate, collect.
 *
 * A series' samples are its sealed chunks (head_file.h), its open chunk (in the record)
 * and perhaps late samples (ooo.h).  A chunk is cut by Prometheus' rules: near 120
 * samples, evenly within a block range, never across a range's boundary, so that a
 * block takes the head's chunks as they are.
 *
 * LOCKS.  gate (HEAD_GATE): a commit holds it exclusively while it judges and applies a
 * whole batch, a view holds it shared while it copies what it needs: that is all there is
 * to isolation.  index (HEAD_INDEX): labels, ids, postings.  Neither is held across I/O.
 *
 *   commit    gate exclusive: head_begin, head_append_… per sample, WAL queue
 *   create    index exclusive: series_create
 *   view      gate shared, index shared: head_select, head_snapshot
 *   collect   head_mark (gate shared) … pins pass … head_collect (both exclusive)
 *
 * TURNS.  The gate prefers writers, so commits that follow each other closely would keep
 * views out for ever (measured: 50 ms on average with four busy writers).  Whoever wants the
 * gate takes `turn` first and waits for the gate with it, so a view waits for about as many
 * commits as there are threads.
 *
 * TIME BOUNDS.  With `bounded` a sample must not be older than half a block range before
 * the newest, nor than what became a block (min_valid): that range is closed.
 */
#pragma once
#include "base/sync.h"
#include "storage/head_file.h"
#include "storage/ooo.h"
#include "storage/pin.h"
#include "storage/series.h"
#include "storage/tombstone.h"

struct series_extra {
    struct ooo *ooo;
    struct chunk_xor2 *xor2;      /* the open chunk when encoding is XOR2 */
    struct chunk_histogram *hist; /* the open chunk when it holds histograms */
    bool end_computed;            /* next_at of the histogram chunk was predicted */
};

struct head {
    struct mutex turn;
    struct rwlock gate;
    struct rwlock index;
    struct pins pins;
    struct series_table series;
    /* under the gate */
    struct head_file *file;
    struct tombstones *tombstones; /* by series id */
    int64_t block_ms;
    int64_t ooo_ms;
    bool bounded;
    bool xor2;                     /* write XOR2 */
    bool start_times;              /* keep them (implies XOR2) */
    int64_t mint, maxt;            /* of all samples; INT64_MAX, INT64_MIN when empty */
    int64_t min_valid;             /* before this is closed */
    int64_t ooo_mint;              /* oldest late sample not yet in a block */
    uint64_t late_floor;           /* late chunks before this reference are in blocks */
    int64_t batch_oldest;          /* bounds of the commit going on */
    int64_t batch_maxt;
    uint64_t chunks;               /* open and sealed */
    uint64_t chunks_created, chunks_removed;
    uint64_t samples, late_samples, histogram_samples; /* stored since start */
    uint64_t stale_series;
};

struct head_opts {
    const char *chunk_dir; /* NULL: memory only */
    bool read_only;        /* never write to chunk_dir */
    int64_t block_ms;
    int64_t ooo_ms;
    bool bounded;
    bool xor2;
    bool start_times;
};
bool head_init(struct head *h, const struct head_opts *o, struct err *e) MUST_USE;
void head_fini(struct head *h);

/* The gate, in turn; rwlock_unlock(&h->gate) lets go. */
static inline void
head_enter_read(struct head *h)
{
    mutex_lock(&h->turn);
    rwlock_read(&h->gate);
    mutex_unlock(&h->turn);
}
static inline void
head_enter_write(struct head *h)
{
    mutex_lock(&h->turn);
    rwlock_write(&h->gate);
    mutex_unlock(&h->turn);
}

enum head_verdict {
    HEAD_STORED,   /* in order */
    HEAD_LATE,     /* stored among the late ones */
    HEAD_SAME,     /* accepted, nothing to store */
    HEAD_DUPLICATE, HEAD_OUT_OF_ORDER, HEAD_OUT_OF_BOUNDS, HEAD_TOO_OLD,
};
static inline bool
head_accepts(enum head_verdict v)
{
    return v <= HEAD_SAME;
}

/* All of these REQUIRE the gate, exclusive. */

/* Starts a batch whose first sample is at t: its bounds are those of this moment. */
void head_begin(struct head *h, int64_t t);
/* What head_append_… would say, given the newest time of the series (or none). */
enum head_verdict head_judge(const struct head *h, bool has_sample, int64_t newest, int64_t t);
enum head_verdict head_append_float(struct head *h, uint32_t slot, int64_t st, int64_t t, double v);
/* hist is valid; copied as needed. */
enum head_verdict head_append_histogram(struct head *h, uint32_t slot, int64_t st, int64_t t,
                                        const struct histogram *hist);
/* True if the newest sample of the series, known to be at its x.t, is this one. */
bool head_newest_is(struct head *h, uint32_t slot, double v, const struct histogram *hist);
/* As logged: in order if newer than all, else dropped; late: stored in any case. */
void head_replay_float(struct head *h, uint32_t slot, bool late, int64_t st, int64_t t, double v);
void head_replay_histogram(struct head *h, uint32_t slot, bool late, int64_t st, int64_t t,
                           const struct histogram *hist);

/* Oldest time an in-order append may have; INT64_MIN without bound.  REQUIRES the gate. */
int64_t head_oldest_allowed(const struct head *h);
struct series_extra *head_extra(struct head *h, uint32_t slot);
/* Seals the open chunk, if there is one. */
void head_seal(struct head *h, uint32_t slot);
/* Frees the samples of a record (its slot is about to be given back). */
void head_drop_samples(struct head *h, uint32_t slot);
/* End of the block range that t lies in. */
int64_t head_range_end(int64_t t, int64_t width);
