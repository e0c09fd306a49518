#include "storage/tsdb.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/panic.h"
#include "storage/db.h"
#include "storage/checkpoint.h"
#include "storage/recover.h"

void
tsdb_opts_default(struct tsdb_opts *o)
{
    *o = (struct tsdb_opts){
        .retention_ms = 15LL * 24 * 3600 * 1000,
        .block_min_ms = 2LL * 3600 * 1000,
        .block_max_ms = 36LL * 3600 * 1000, /* a tenth of the retention */
        .wal_sync = WAL_SYNC_INTERVAL,
        .wal_segment_bytes = 128u << 20,
    };
}

static bool
tsdb_head_init(struct tsdb *db, struct err *e)
{
    char *chunks = db->head_dir ? io_join(db->head_dir, "chunks") : NULL;
    struct head_opts h = {.chunk_dir = chunks,
                          .read_only = db->opts.read_only,
                          .block_ms = db->opts.block_min_ms,
                          .ooo_ms = db->opts.out_of_order_ms,
                          .bounded = db->dir != NULL,
                          .xor2 = db->opts.xor2,
                          .start_times = db->opts.store_start_times};
    bool ok = head_init(&db->head, &h, e);
    db->exemplars = ok ? exemplar_ring_new(db->opts.exemplars_max) : NULL;
    mem_free(chunks);
    return ok;
}

bool
tsdb_head_renew(struct tsdb *db, struct err *e)
{
    head_fini(&db->head);
    exemplar_ring_free(&db->exemplars);
    return tsdb_head_init(db, e);
}

struct tsdb_opts
tsdb_opts_now(struct tsdb *db)
{
    head_enter_read(&db->head);
    struct tsdb_opts o = db->opts;
    rwlock_unlock(&db->head.gate);
    return o;
}

static struct tsdb *
tsdb_new(const struct tsdb_opts *o)
{
    struct tsdb *db = MEM_NEW(struct tsdb);
    db->magic = TSDB_MAGIC;
    db->opts = *o;
    db->dir = o->dir ? mem_cstr(str_of(o->dir)) : NULL;
    db->head_dir = o->dir ? io_join(o->dir, "head") : NULL;
    db->opts.dir = db->dir;
    db->blocks = block_list_new(0);
    mutex_init(&db->maintain, LOCK_COMPACT);
    mutex_init(&db->wake_mu, LOCK_LEAF);
    cond_init(&db->wake);
    return db;
}

static void
tsdb_free(struct tsdb *db)
{
    block_list_unref(&db->blocks);
    io_close(&db->lock);
    cond_fini(&db->wake);
    mutex_fini(&db->wake_mu);
    mutex_fini(&db->maintain);
    mem_free(db->doomed);
    mem_free(db->head_dir);
    mem_free(db->dir);
    db->magic = 0;
    mem_free(db);
}

/* The folder is ours from here on. */
static bool
tsdb_claim(struct tsdb *db, struct err *e)
{
    if (db->opts.read_only)
        return true;
    if (!io_mkdir_all(db->head_dir, e))
        return false;
    char *path = io_join(db->dir, "lock");
    METRIC_SET(TSDB_CLEAN_START, db->opts.no_lockfile ? -1 : !io_exists(path));
    bool ok = db->opts.no_lockfile || io_lock(&db->lock, path, e);
    mem_free(path);
    if (ok)
        blocks_clean_folder(db);
    return ok || err_prefix(e, "lock DB directory: ");
}

/* Segments are preallocated: on a small disk, or under a small budget, they are smaller. */
#define SEGMENT_BYTES_MIN (4u << 20)

static uint64_t
tsdb_segment_bytes(const struct tsdb *db)
{
    uint64_t room = db->opts.retention_bytes ? db->opts.retention_bytes : UINT64_MAX;
    uint64_t free_bytes, total;
    struct err e;
    if (io_free_space(db->dir, &free_bytes, &total, &e))
        room = MIN(room, free_bytes);
    return MIN(db->opts.wal_segment_bytes, MAX(room / 16, (uint64_t)SEGMENT_BYTES_MIN));
}

static bool
tsdb_start_log(struct tsdb *db, const struct recovered *r, struct err *e)
{
    char *dir = io_join(db->head_dir, "wal");
    struct wal_opts o = {.dir = dir,
                         .segment_bytes = tsdb_segment_bytes(db),
                         .sync = db->opts.wal_sync,
                         .next_seq = r->next_seq,
                         .next_segment = r->next_segment,
                         .pages = db->head.file};
    bool ok = wal_open(&db->wal, &o, e);
    mem_free(dir);
    for (size_t i = 0; i < r->segments_n && ok; i++)
        wal_adopt(db->wal, r->segments[i].number, r->segments[i].last_seq, r->segments[i].bytes);
    return ok;
}

/* From this id on the series are numbered anew at the next start. */
#define RENUMBER_AT (1u << 31)

struct renumber {
    struct ids old; /* id - 1 to former id */
    struct tombstones *fresh;
};

static void
renumber_deleted(void *arg, uint64_t ref, struct intervals iv)
{
    struct renumber *r = arg;
    size_t lo = 0, hi = r->old.n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (r->old.v[mid] < ref)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (size_t i = 0; i < iv.n && lo < r->old.n && r->old.v[lo] == ref; i++)
        tombstones_add(r->fresh, lo + 1, iv.v[i].mint, iv.v[i].maxt);
}

bool
tsdb_renumber(struct tsdb *db, struct err *e)
{
    struct head *h = &db->head;
    struct renumber r = {.old = series_renumber(&h->series), .fresh = tombstones_new()};
    tombstones_each(h->tombstones, renumber_deleted, &r);
    tombstones_free(&h->tombstones);
    h->tombstones = r.fresh;
    mem_free(r.old.v);
    LOG_INFO("Series were numbered anew", KV_I64("series", h->series.live));
    return checkpoint_write_only(db, e);
}

static bool
tsdb_open_dir(struct tsdb *db, struct err *e)
{
    struct recovered r = {0};
    int64_t start = clock_mono_ns();
    if (!tsdb_claim(db, e) || !recover_run(db, &r, e)) {
        recovered_fini(&r);
        return false;
    }
    db->corruptions += r.damaged_ranges;
    mutex_lock(&db->maintain);
    bool ok = blocks_reload(db, e);
    mutex_unlock(&db->maintain);
    /* A head without samples takes up where the blocks end, as in Prometheus.  One that has
     * some knows by itself what is closed. */
    if (ok && db->head.maxt == INT64_MIN)
        db->head.min_valid = MAX(db->head.min_valid, blocks_end(db->blocks));
    METRIC_SET(TSDB_DATA_REPLAY_DURATION_SECONDS, (double)(clock_mono_ns() - start) / 1e9);
    if (ok && !db->opts.read_only) {
        ok = tsdb_start_log(db, &r, e);
        /* Damage or a long log: the compactor's first round writes a checkpoint. */
        db->checkpoint_seq = r.replayed_records || r.damaged_ranges ? 0 : r.next_seq;
        db->checkpoint_at_ms = clock_mono_ms();
        if (ok && db->head.series.next_id >= RENUMBER_AT) {
            mutex_lock(&db->maintain);
            ok = tsdb_renumber(db, e);
            mutex_unlock(&db->maintain);
        }
        ok = ok && thread_start(&db->compactor, "compactor", compactor_run, db, e);
    }
    recovered_fini(&r);
    return ok;
}

bool
tsdb_open(struct tsdb **out, const struct tsdb_opts *o, struct err *e)
{
    struct tsdb *db = tsdb_new(o);
    if (!tsdb_head_init(db, e)) {
        tsdb_free(db);
        return false;
    }
    if (o->dir && !tsdb_open_dir(db, e)) {
        wal_close(&db->wal);
        head_fini(&db->head);
        exemplar_ring_free(&db->exemplars);
        tsdb_free(db);
        return false;
    }
    if (o->dir)
        tsdb_metrics_start(db);
    *out = db;
    return true;
}

void
tsdb_close(struct tsdb **dbp)
{
    struct tsdb *db = *dbp;
    struct err e;
    *dbp = NULL;
    if (db == NULL)
        return;
    CHECK_MAGIC(db, TSDB_MAGIC);
    if (db->dir)
        tsdb_metrics_stop(db);
    atomic_store(&db->cancel, true);
    mutex_lock(&db->wake_mu);
    db->stop = true;
    cond_broadcast(&db->wake);
    mutex_unlock(&db->wake_mu);
    thread_join(&db->compactor);
    if (db->wal) {
        mutex_lock(&db->maintain);
        if (wal_next_seq(db->wal) != db->checkpoint_seq && !checkpoint_write(db, &e))
            LOG_ERROR("Shutdown checkpoint failed; the log will be replayed", KV_ERR(&e));
        mutex_unlock(&db->maintain);
    }
    wal_close(&db->wal);
    head_fini(&db->head);
    exemplar_ring_free(&db->exemplars);
    tsdb_free(db);
}

bool
tsdb_accepts(struct tsdb *db, struct err *e)
{
    if (db->opts.read_only)
        return err_set(e, ERR_UNAVAILABLE, "the database is open read-only");
    return db->wal == NULL || wal_accepts(db->wal, e);
}

void
tsdb_reconfigure(struct tsdb *db, const struct tsdb_opts *o)
{
    CHECK_MAGIC(db, TSDB_MAGIC);
    head_enter_write(&db->head);
    rwlock_write(&db->head.index);
    db->opts.retention_ms = o->retention_ms;
    db->opts.retention_bytes = o->retention_bytes;
    db->opts.retention_percent = o->retention_percent;
    db->opts.out_of_order_ms = db->head.ooo_ms = o->out_of_order_ms;
    db->opts.series_max = o->series_max;
    db->opts.memory_limit_bytes = o->memory_limit_bytes;
    rwlock_unlock(&db->head.index);
    rwlock_unlock(&db->head.gate);
    exemplar_ring_resize(db->exemplars, o->exemplars_max);
}

void
tsdb_options(struct tsdb *db, struct tsdb_opts *out)
{
    CHECK_MAGIC(db, TSDB_MAGIC);
    *out = db->opts;
}
