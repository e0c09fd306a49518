/* tsdb_metrics.c - gauges and counters of the database, read when somebody asks. */
#include "base/metric.h"
#include "storage/db.h"

static void
set_pair(enum metric ms, enum metric s, int64_t t, int64_t none)
{
    metric_set(metric_one(ms), t == none ? 0 : (double)t);
    metric_set(metric_one(s), t == none ? 0 : (double)t / 1000);
}

static void
collect_head(struct tsdb *db)
{
    struct head *h = &db->head;
    head_enter_read(h);
    METRIC_SET(TSDB_HEAD_CHUNKS, (double)h->chunks);
    METRIC_SET(TSDB_HEAD_CHUNKS_CREATED_TOTAL, (double)h->chunks_created);
    METRIC_SET(TSDB_HEAD_CHUNKS_REMOVED_TOTAL, (double)h->chunks_removed);
    metric_set(metric_child(METRIC_TSDB_HEAD_SAMPLES_APPENDED_TOTAL, &STRL("float"), 1),
               (double)(h->samples - h->histogram_samples));
    metric_set(metric_child(METRIC_TSDB_HEAD_SAMPLES_APPENDED_TOTAL, &STRL("histogram"), 1),
               (double)h->histogram_samples);
    metric_set(metric_child(METRIC_TSDB_HEAD_OUT_OF_ORDER_SAMPLES_APPENDED_TOTAL, &STRL("float"), 1),
               (double)h->late_samples);
    set_pair(METRIC_TSDB_HEAD_MIN_TIME, METRIC_TSDB_HEAD_MIN_TIME_SECONDS, h->mint, INT64_MAX);
    set_pair(METRIC_TSDB_HEAD_MAX_TIME, METRIC_TSDB_HEAD_MAX_TIME_SECONDS, h->maxt, INT64_MIN);
    int64_t lowest = db->blocks->n ? block_meta(db->blocks->v[0])->mint : h->mint;
    set_pair(METRIC_TSDB_LOWEST_TIMESTAMP, METRIC_TSDB_LOWEST_TIMESTAMP_SECONDS, lowest, INT64_MAX);
    METRIC_SET(TSDB_RETENTION_LIMIT_BYTES, (double)db->opts.retention_bytes);
    METRIC_SET(TSDB_RETENTION_LIMIT_SECONDS, (double)db->opts.retention_ms / 1000);
    METRIC_SET(TSDB_HEAD_STALE_SERIES, (double)h->stale_series);
    rwlock_read(&h->index);
    METRIC_SET(TSDB_HEAD_SERIES, h->series.live);
    METRIC_SET(TSDB_HEAD_SERIES_CREATED_TOTAL, (double)h->series.created);
    rwlock_unlock(&h->index);
    rwlock_unlock(&h->gate);
    METRIC_SET(TSDB_HEAD_CHUNKS_STORAGE_SIZE_BYTES, (double)head_file_bytes(h->file));
}

static void
collect(void *arg)
{
    struct tsdb *db = arg;
    struct wal_stats w;
    collect_head(db);
    if (db->wal == NULL)
        return;
    wal_stats(db->wal, &w);
    METRIC_SET(TSDB_WAL_STORAGE_SIZE_BYTES, (double)w.bytes);
    METRIC_SET(TSDB_READ_ONLY, w.read_only);
}

void
tsdb_metrics_start(struct tsdb *db)
{
    metric_collector(collect, db);
}

void
tsdb_metrics_stop(struct tsdb *db)
{
    metric_collector_drop(collect, db);
}
