/* compactor.c - maintenance: checkpoints, head to block, compaction, retention.
 *
 * One thread looks every second.  What is due is decided by the state, not by a schedule
 * that could be missed:
 *   checkpoint   CHECKPOINT_MS after the last or CHECKPOINT_BYTES of log since, whichever
 *                comes first; at once after the head was truncated
 *   head         when it spans one and a half block ranges
 *   blocks       after that, and every RELOAD_MS: new folders, retention, the planner's work
 *   collection   when the pins of the moment of marking are gone
 * A failure is logged and tried again later, at growing distances; inputs are untouched.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/panic.h"
#include "storage/checkpoint.h"
#include "storage/compact.h"
#include "storage/head_block.h"

#define TICK_MS 1000
#define CHECKPOINT_MS (5 * 60 * 1000)
#define CHECKPOINT_BYTES (32u << 20)
#define RELOAD_MS (60 * 1000)
#define BACKOFF_MS 60000
#define BACKOFF_MAX_MS (60 * 60000)

/* The blocks that compact_plan picks, as one job. */
static bool
compact_picked(struct tsdb *db, struct block_list *l, const size_t *picked, size_t n,
               const struct compact_job *how, struct err *e)
{
    struct block **v = MEM_ARRAY(struct block *, n);
    size_t filled = 0;
    for (int late = 0; late < 2; late++) /* of equal times the first one's sample is kept */
        for (size_t i = 0; i < n; i++)
            if (block_meta(l->v[picked[i]])->out_of_order == (bool)late)
                v[filled++] = l->v[picked[i]];
    struct compact_job job = *how;
    struct compact_result r;
    job.dir = db->dir;
    job.blocks = v;
    job.n = n;
    job.xor2 = db->opts.xor2;
    job.cancel = &db->cancel;
    int64_t start = clock_mono_ns();
    bool ok = compact_run(&job, &r, e);
    METRIC_INC(TSDB_COMPACTIONS_TRIGGERED_TOTAL);
    metric_observe(metric_one(METRIC_TSDB_COMPACTION_DURATION_SECONDS),
                   (double)(clock_mono_ns() - start) / 1e9);
    if (ok) {
        METRIC_INC(TSDB_COMPACTIONS_TOTAL);
        if (r.vertical)
            METRIC_INC(TSDB_VERTICAL_COMPACTIONS_TOTAL);
        LOG_INFO("Compacted blocks", KV_I64("blocks", n), KV("ulid", r.ulid),
                 KV_F64("seconds", (double)(clock_mono_ns() - start) / 1e9));
        for (size_t i = 0; i < n && ok && (r.ulid[0] == 0 || how->clean); i++)
            ok = block_mark(v[i], false, true, e); /* nothing was left, or it has a successor */
    } else if (e->kind == ERR_CORRUPT) {
        struct err ignored;
        for (size_t i = 0; i < n; i++)
            if (!block_mark(v[i], true, false, &ignored))
                LOG_WARN("Marking a block as failed failed", KV_ERR(&ignored));
    }
    mem_free(v);
    return ok;
}

/* One step of the planner's; *did says whether there was one. */
static bool
compact_step(struct tsdb *db, bool *did, struct err *e)
{
    int64_t ranges[COMPACT_RANGES_MAX];
    size_t ranges_n = compact_ranges(db->opts.block_min_ms, db->opts.block_max_ms, ranges);
    struct block_list *l = tsdb_block_list(db);
    const struct block_meta **metas = MEM_ARRAY(const struct block_meta *, l->n + 1);
    size_t *picked = MEM_ARRAY(size_t, l->n + 1);
    for (size_t i = 0; i < l->n; i++)
        metas[i] = block_meta(l->v[i]);
    size_t n = compact_plan(metas, l->n, ranges, ranges_n, picked);
    struct compact_job how = {0};
    bool ok = n == 0 || compact_picked(db, l, picked, n, &how, e);
    *did = n > 0;
    mem_free(metas);
    mem_free(picked);
    block_list_unref(&l);
    return ok && (n == 0 || blocks_reload(db, e));
}

static bool
compact_blocks(struct tsdb *db, struct err *e)
{
    bool did = true, ok = true;
    while (did && ok && !atomic_load(&db->cancel))
        ok = compact_step(db, &did, e);
    return ok;
}

static bool
write_checkpoint(struct tsdb *db, struct err *e)
{
    struct wal_stats s;
    uint64_t seq = wal_next_seq(db->wal);
    if (!checkpoint_write(db, e))
        return false;
    wal_stats(db->wal, &s);
    db->checkpoint_seq = seq;
    db->checkpoint_at_ms = clock_mono_ms();
    db->checkpoint_bytes = s.written;
    return true;
}

static bool
checkpoint_due(struct tsdb *db)
{
    struct wal_stats s;
    if (wal_next_seq(db->wal) == db->checkpoint_seq)
        return false;
    wal_stats(db->wal, &s);
    return db->checkpoint_seq == 0 || s.written - db->checkpoint_bytes >= CHECKPOINT_BYTES ||
           clock_mono_ms() - db->checkpoint_at_ms >= CHECKPOINT_MS;
}

/* The first block range of the head, if it may be closed. */
static bool
head_due(struct tsdb *db, int64_t *mint, int64_t *maxt)
{
    struct head *h = &db->head;
    head_enter_read(h);
    int64_t width = h->block_ms, from = MAX(h->min_valid, h->mint);
    bool due = h->maxt != INT64_MIN && from <= h->maxt && h->maxt - from > width / 2 * 3;
    *maxt = due ? head_range_end(from, width) : 0;
    *mint = *maxt - width;
    rwlock_unlock(&h->gate);
    return due;
}

/* Says in the log that the block is there, so that a replay does not bring its samples back
 * into the head.  Without it they would be there twice, and be merged. */
static void
log_closed(struct tsdb *db, int64_t min_valid)
{
    struct record *r = wal_record(db->wal);
    record_put_closed(r, min_valid);
    head_enter_write(&db->head);
    wal_put(db->wal, r);
    rwlock_unlock(&db->head.gate);
}

/* Moves one range of the head into a block. */
static bool
compact_head(struct tsdb *db, int64_t mint, int64_t maxt, struct err *e)
{
    struct head_block b = {.dir = db->dir, .mint = mint, .maxt = maxt};
    int64_t start = clock_mono_ns();
    METRIC_INC(TSDB_COMPACTIONS_TRIGGERED_TOTAL);
    bool ok = head_block_write(db, &b, e) && blocks_reload_and_close(db, maxt, e);
    if (ok) {
        METRIC_INC(TSDB_COMPACTIONS_TOTAL);
        log_closed(db, maxt);
        head_truncate(db, &b);
        LOG_INFO("Head became a block", KV("ulid", b.ulid), KV_I64("mint", mint),
                 KV_I64("maxt", maxt), KV_I64("series", b.n),
                 KV_F64("seconds", (double)(clock_mono_ns() - start) / 1e9));
    }
    metric_observe(metric_one(METRIC_TSDB_COMPACTION_DURATION_SECONDS),
                   (double)(clock_mono_ns() - start) / 1e9);
    head_block_fini(&b);
    return ok;
}

/* Everything that is due; REQUIRES maintain. */
static bool
compact_all(struct tsdb *db, struct err *e)
{
    int64_t mint, maxt;
    bool moved = false;
    if (!blocks_reload(db, e)) /* first of all what retention gives back */
        return false;
    while (!atomic_load(&db->cancel) && head_due(db, &mint, &maxt)) {
        if (!compact_head(db, mint, maxt, e))
            return false;
        moved = true;
    }
    if (moved) {
        if (!late_blocks_compact(db, e))
            return false;
        head_truncate(db, NULL);
        if (!write_checkpoint(db, e))
            return false;
        head_mark(db);
    }
    return compact_blocks(db, e);
}

bool
tsdb_compact(struct tsdb *db, struct err *e)
{
    CHECK_MAGIC(db, TSDB_MAGIC);
    if (db->wal == NULL)
        return true;
    mutex_lock(&db->maintain);
    bool ok = compact_all(db, e);
    while (ok && db->doomed_n && pins_passed(&db->head.pins, db->doomed_stamp))
        (void)head_collect(db);
    mutex_unlock(&db->maintain);
    return ok;
}

static void
watch_memory(struct tsdb *db)
{
    uint64_t limit = tsdb_opts_now(db).memory_limit_bytes;
    bool full = limit && mem_resident_bytes() > limit / 10 * 9;
    if (atomic_exchange(&db->memory_full, full) != full) {
        if (full)
            LOG_WARN("Memory is nearly used up: new series are refused");
        else
            LOG_INFO("New series are accepted again");
    }
}

/* When to try again what failed, and what to do in a round. */
struct rounds {
    int64_t compact_at_ms;
    int64_t checkpoint_at_ms;
    int64_t backoff_ms;
};

static void
round_failed(struct rounds *r, int64_t *at, const struct err *e)
{
    r->backoff_ms = r->backoff_ms ? MIN(r->backoff_ms * 2, BACKOFF_MAX_MS) : BACKOFF_MS;
    *at = clock_mono_ms() + r->backoff_ms;
    METRIC_INC(TSDB_COMPACTIONS_FAILED_TOTAL);
    LOG_ERROR("Storage maintenance failed", KV_ERR(e), KV_I64("retry_ms", r->backoff_ms));
}

static void
round_run(struct tsdb *db, struct rounds *r)
{
    struct err e = ERR_INIT;
    int64_t now = clock_mono_ms(), mint, maxt;
    if (now >= r->compact_at_ms || (r->backoff_ms == 0 && head_due(db, &mint, &maxt))) {
        r->compact_at_ms = now + RELOAD_MS;
        if (compact_all(db, &e))
            r->backoff_ms = 0;
        else if (e.kind != ERR_CANCELED)
            round_failed(r, &r->compact_at_ms, &e);
    }
    (void)head_collect(db);
    if (now >= r->checkpoint_at_ms && checkpoint_due(db) && !write_checkpoint(db, &e))
        round_failed(r, &r->checkpoint_at_ms, &e);
}

void
compactor_run(void *arg)
{
    struct tsdb *db = arg;
    struct rounds r = {.compact_at_ms = clock_mono_ms() + RELOAD_MS};
    for (;;) {
        mutex_lock(&db->wake_mu);
        if (!db->stop)
            cond_wait_ms(&db->wake, &db->wake_mu, TICK_MS);
        bool stop = db->stop;
        mutex_unlock(&db->wake_mu);
        if (stop)
            return;
        watch_memory(db);
        mutex_lock(&db->maintain);
        round_run(db, &r);
        mutex_unlock(&db->maintain);
    }
}

/* Admin: applies deletions to blocks for good. */
bool
tsdb_clean_tombstones(struct tsdb *db, struct err *e)
{
    CHECK_MAGIC(db, TSDB_MAGIC);
    if (db->wal == NULL)
        return true;
    bool ok = true;
    mutex_lock(&db->maintain);
    struct block_list *l = tsdb_block_list(db);
    for (size_t i = 0; i < l->n && ok; i++) {
        struct compact_job how = {.clean = true};
        if (block_tombstones(l->v[i]))
            ok = compact_picked(db, l, &i, 1, &how, e);
    }
    block_list_unref(&l);
    ok = ok && blocks_reload(db, e);
    mutex_unlock(&db->maintain);
    return ok;
}
