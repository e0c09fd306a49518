#include "storage/wal.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/panic.h"
#include "base/sync.h"
#include "base/thread.h"
#include "storage/wal_segment.h"

#define WRITE_WITHIN_MS 100
#define SYNC_WITHIN_MS 1000
#define SYNC_BYTES (1u << 20)
#define SYNC_APART_MS 2
#define WAKE_BYTES (256u << 10) /* queued: do not wait for the tick */
#define QUEUE_BYTES (64u << 20) /* commits wait above this */
#define PAGES_WAITING 256u      /* 64 MiB of sealed chunks: likewise */
#define RETRY_MS 2000
#define MARK_BYTES (1u << 20)   /* distance of remembered positions */
#define RECORDS_KEPT 16         /* empty records kept for reuse */

struct wal {
    /* fixed after open */
    char *dir;
    uint64_t segment_bytes;
    enum wal_sync sync;
    struct head_file *pages;
    struct thread *thread;
    /* under mu */
    struct mutex mu;
    struct cond work; /* for the flusher */
    struct cond done; /* for those who wait */
    struct record *queue, *queue_last;
    size_t queue_bytes;
    struct record *spare;
    size_t spare_n;
    uint64_t next_seq;
    uint64_t synced;   /* all records up to here are durable */
    uint64_t wanted;   /* somebody waits for this one */
    uint64_t failures; /* counts the times that no file took the tail */
    bool stop;
    bool log_failed, pages_failed;
    uint64_t written;
    char reason[256];
    struct wal_segment **segments; /* old to new; the flusher writes the last of them */
    size_t segments_n, segments_cap;
    struct wal_position *marks;    /* ascending */
    size_t marks_n, marks_cap;
    /* the flusher's */
    struct wal_segment *segment;   /* being written; NULL before the first */
    struct buf tail;               /* records that are not known to be durable */
    uint64_t tail_first;           /* number of the first of them, or of the next to come */
    uint64_t tail_last;
    size_t tail_written;           /* bytes of it in the segment */
    struct buf plain;
    uint32_t next_segment;
    int64_t synced_at_ms;
    int64_t dirty_since_ms;        /* 0: nothing unsynced */
    int64_t retry_at_ms;           /* 0: the log works */
    bool broken;                   /* the segment must not be written any more */
};

static void
wal_add_segment(struct wal *w, struct wal_segment *s)
{
    mutex_lock(&w->mu);
    mem_grow(&w->segments, &w->segments_cap, w->segments_n + 1, sizeof(struct wal_segment *));
    w->segments[w->segments_n++] = s;
    mutex_unlock(&w->mu);
}

/* A new segment, which the unsynced records go to. */
static bool
wal_new_segment(struct wal *w, struct err *e)
{
    struct wal_segment *s;
    uint64_t size = MAX(w->segment_bytes, WAL_SEGMENT_HEADER + (uint64_t)w->tail.n);
    if (!wal_segment_create(&s, w->dir, w->next_segment, w->tail_first, size, e))
        return false;
    w->next_segment++;
    if (w->segment)
        wal_segment_seal(w->segment);
    w->segment = s;
    w->tail_written = 0;
    w->broken = false;
    wal_frames_reseal(&w->tail, s);
    wal_add_segment(w, s);
    METRIC_SET(TSDB_WAL_SEGMENT_CURRENT, s->number);
    return true;
}

/* Remembers where record seq is about to be written. */
static void
wal_mark(struct wal *w, uint64_t seq)
{
    mutex_lock(&w->mu);
    const struct wal_position *last = w->marks_n ? &w->marks[w->marks_n - 1] : NULL;
    if (!last || last->segment != w->segment->number || w->segment->end - last->at >= MARK_BYTES) {
        mem_grow(&w->marks, &w->marks_cap, w->marks_n + 1, sizeof(*w->marks));
        w->marks[w->marks_n++] = (struct wal_position){
            .segment = w->segment->number, .at = w->segment->end, .seq = seq};
    }
    mutex_unlock(&w->mu);
}

static bool
wal_write_tail(struct wal *w, struct err *e)
{
    size_t more = w->tail.n - w->tail_written;
    if (more == 0)
        return true;
    if (!io_pwrite(w->segment->file, STR(w->tail.p + w->tail_written, more), w->segment->end, e))
        return false;
    if (w->tail_written == 0)
        wal_mark(w, w->tail_first);
    mutex_lock(&w->mu);
    w->segment->end += more;
    w->written += more;
    w->segment->last_seq = w->tail_last;
    mutex_unlock(&w->mu);
    w->tail_written = w->tail.n;
    if (w->dirty_since_ms == 0)
        w->dirty_since_ms = clock_mono_ms();
    return true;
}

static bool
wal_sync_tail(struct wal *w, struct err *e)
{
    int64_t start = clock_mono_ns();
    if (w->sync != WAL_SYNC_OS && !io_datasync(w->segment->file, e))
        return false;
    int64_t end = clock_mono_ns();
    metric_observe(metric_one(METRIC_TSDB_WAL_FSYNC_DURATION_SECONDS), (double)(end - start) / 1e9);
    w->synced_at_ms = end / 1000000;
    w->dirty_since_ms = 0;
    buf_clear(&w->tail);
    w->tail_written = 0;
    w->tail_first = w->tail_last + 1;
    mutex_lock(&w->mu);
    w->synced = w->tail_last;
    cond_broadcast(&w->done);
    mutex_unlock(&w->mu);
    return true;
}

static void
wal_set_failed(struct wal *w, bool *which, const struct err *e)
{
    mutex_lock(&w->mu);
    bool was = w->log_failed || w->pages_failed;
    *which = e != NULL;
    bool is = w->log_failed || w->pages_failed;
    if (e) {
        w->failures += which == &w->log_failed;
        snprintf(w->reason, sizeof(w->reason), "%.255s", e->text);
    }
    cond_broadcast(&w->done);
    mutex_unlock(&w->mu);
    if (e)
        METRIC_INC(TSDB_WAL_WRITES_FAILED_TOTAL);
    if (is && !was)
        LOG_ERROR("Storage is read-only until the disk recovers", KV_STR("err", err_str(e)));
    else if (was && !is)
        LOG_INFO("Storage can be written again");
}

/* Brings the tail to disk: into this segment, or, when that is full or fails, all of it into
 * a new one.  What the old one has of it is then there twice and needs no sync. */
static void
wal_place_tail(struct wal *w, bool sync)
{
    struct err e = ERR_INIT;
    bool fits = !w->broken && w->segment &&
                w->segment->end + (w->tail.n - w->tail_written) <= w->segment->size;
    if (fits && wal_write_tail(w, &e) && (!sync || wal_sync_tail(w, &e)))
        return;
    if (e.kind != ERR_NONE)
        LOG_WARN("A WAL segment failed; its unsynced records go to a new one", KV_ERR(&e));
    w->broken = true;
    if (wal_new_segment(w, &e) && wal_write_tail(w, &e) && wal_sync_tail(w, &e)) {
        w->retry_at_ms = 0;
        wal_set_failed(w, &w->log_failed, NULL);
        return;
    }
    w->broken = true;
    w->retry_at_ms = clock_mono_ms() + RETRY_MS;
    wal_set_failed(w, &w->log_failed, &e);
}

/* One frame, or, if it would be too large for one, several with the same number. */
static void
wal_pack_record(struct wal *w, const struct record *r)
{
    static const struct wal_segment none; /* resealed when there is one */
    const struct wal_segment *s = w->segment ? w->segment : &none;
    buf_clear(&w->plain);
    record_encode(r, &w->plain);
    str rest = buf_str(&w->plain);
    for (; rest.n > LIMIT_WAL_RECORD_BYTES; rest = str_from(rest, LIMIT_WAL_RECORD_BYTES))
        wal_frame_put(&w->tail, s, r->seq, WAL_BATCH_PART, STR(rest.p, LIMIT_WAL_RECORD_BYTES));
    wal_frame_put(&w->tail, s, r->seq, WAL_BATCH, rest);
    w->tail_last = r->seq;
}

/* Packs records into the tail and puts them back for reuse. */
static void
wal_pack(struct wal *w, struct record *list)
{
    struct record *last = list;
    size_t n = 0;
    for (struct record *r = list; r; r = r->next) {
        wal_pack_record(w, r);
        record_clear(r);
        last = r;
        n++;
    }
    if (n == 0)
        return;
    mutex_lock(&w->mu);
    last->next = w->spare;
    w->spare = list;
    w->spare_n += n;
    struct record *drop = NULL;
    while (w->spare_n > RECORDS_KEPT) {
        struct record *r = w->spare;
        w->spare = r->next;
        w->spare_n--;
        r->next = drop;
        drop = r;
    }
    mutex_unlock(&w->mu);
    for (struct record *r; (r = drop) != NULL;) {
        drop = r->next;
        record_fini(r);
        mem_free(r);
    }
}

/* Sealed chunks on their way to the disk: their heap is bounded like the log's. */
static void
wal_write_pages(struct wal *w)
{
    struct err e = ERR_INIT;
    if (w->pages == NULL || head_file_waiting(w->pages) == 0)
        return;
    if (head_file_write(w->pages, false, &e)) {
        if (w->pages_failed)
            wal_set_failed(w, &w->pages_failed, NULL);
        return;
    }
    if (head_file_waiting(w->pages) > PAGES_WAITING / 2)
        wal_set_failed(w, &w->pages_failed, &e);
}

static bool
wal_sync_due(const struct wal *w, uint64_t wanted, bool stop)
{
    if (w->tail.n == 0)
        return false;
    return stop || w->sync != WAL_SYNC_INTERVAL || wanted >= w->tail_first ||
           w->tail.n >= SYNC_BYTES ||
           (w->dirty_since_ms && clock_mono_ms() - w->dirty_since_ms >= SYNC_WITHIN_MS);
}

static void
wal_run(void *arg)
{
    struct wal *w = arg;
    for (bool stop = false; !stop;) {
        mutex_lock(&w->mu);
        if (!w->stop && w->wanted <= w->synced && w->queue_bytes < WAKE_BYTES)
            cond_wait_ms(&w->work, &w->mu, WRITE_WITHIN_MS);
        else if (!w->stop && w->log_failed)
            cond_wait_ms(&w->work, &w->mu, RETRY_MS / 4);
        if (!w->stop && w->wanted > w->synced && clock_mono_ms() - w->synced_at_ms < SYNC_APART_MS)
            cond_wait_ms(&w->work, &w->mu, SYNC_APART_MS);
        struct record *list = w->queue;
        w->queue = w->queue_last = NULL;
        w->queue_bytes = 0;
        stop = w->stop;
        uint64_t wanted = w->wanted;
        cond_broadcast(&w->done);
        mutex_unlock(&w->mu);
        wal_pack(w, list);
        bool retry = w->retry_at_ms == 0 || stop || clock_mono_ms() >= w->retry_at_ms;
        bool due = w->tail.n > w->tail_written || wal_sync_due(w, wanted, stop) || w->retry_at_ms;
        if (retry && due)
            wal_place_tail(w, wal_sync_due(w, wanted, stop));
        wal_write_pages(w);
    }
}

bool
wal_open(struct wal **out, const struct wal_opts *o, struct err *e)
{
    if (!io_mkdir_all(o->dir, e))
        return false;
    struct wal *w = MEM_NEW(struct wal);
    w->dir = mem_cstr(str_of(o->dir));
    w->segment_bytes = o->segment_bytes;
    w->sync = o->sync;
    w->pages = o->pages;
    w->next_seq = w->tail_first = o->next_seq;
    w->synced = w->tail_last = o->next_seq - 1;
    w->next_segment = o->next_segment;
    mutex_init(&w->mu, LOCK_WAL);
    cond_init(&w->work);
    cond_init(&w->done);
    wal_place_tail(w, false); /* the first segment, or read-only */
    if (thread_start(&w->thread, "wal", wal_run, w, e)) {
        *out = w;
        return true;
    }
    wal_close(&w);
    return false;
}

void
wal_close(struct wal **wp)
{
    struct wal *w = *wp;
    *wp = NULL;
    if (w == NULL)
        return;
    mutex_lock(&w->mu);
    w->stop = true;
    cond_signal(&w->work);
    mutex_unlock(&w->mu);
    thread_join(&w->thread);
    if (w->tail.n)
        LOG_ERROR("Records are lost: the disk did not take them",
                  KV_I64("records", w->tail_last - w->tail_first + 1));
    for (struct record *r; (r = w->spare) != NULL;) {
        w->spare = r->next;
        record_fini(r);
        mem_free(r);
    }
    for (size_t i = 0; i < w->segments_n; i++)
        wal_segment_free(&w->segments[i]);
    buf_free(&w->tail);
    buf_free(&w->plain);
    cond_fini(&w->work);
    cond_fini(&w->done);
    mutex_fini(&w->mu);
    mem_free(w->segments);
    mem_free(w->marks);
    mem_free(w->dir);
    mem_free(w);
}

/* REQUIRES mu. */
static bool
wal_read_only(struct wal *w, struct err *e)
{
    if (!w->log_failed && !w->pages_failed)
        return false;
    return !err_set(e, ERR_UNAVAILABLE, "storage is read-only: %s", w->reason);
}

bool
wal_accepts(struct wal *w, struct err *e)
{
    mutex_lock(&w->mu);
    bool ok;
    while ((ok = !wal_read_only(w, e)) &&
           (w->queue_bytes > QUEUE_BYTES || head_file_waiting(w->pages) > PAGES_WAITING)) {
        cond_signal(&w->work);
        cond_wait_ms(&w->done, &w->mu, WRITE_WITHIN_MS);
    }
    mutex_unlock(&w->mu);
    return ok;
}

struct record *
wal_record(struct wal *w)
{
    mutex_lock(&w->mu);
    struct record *r = w->spare;
    if (r) {
        w->spare = r->next;
        w->spare_n--;
    }
    mutex_unlock(&w->mu);
    if (r == NULL) {
        r = MEM_NEW(struct record);
        record_init(r);
    }
    r->next = NULL;
    return r;
}

uint64_t
wal_put(struct wal *w, struct record *r)
{
    size_t bytes = record_bytes(r);
    uint64_t seq = 0;
    r->next = NULL;
    mutex_lock(&w->mu);
    if (bytes == 0) {
        r->next = w->spare;
        w->spare = r;
        w->spare_n++;
    } else {
        seq = r->seq = w->next_seq++;
        if (w->queue_last)
            w->queue_last->next = r;
        else
            w->queue = r;
        w->queue_last = r;
        w->queue_bytes += bytes;
        if (w->queue_bytes >= WAKE_BYTES)
            cond_signal(&w->work);
    }
    mutex_unlock(&w->mu);
    return seq;
}

bool
wal_wait(struct wal *w, uint64_t seq, struct err *e)
{
    mutex_lock(&w->mu);
    w->wanted = MAX(w->wanted, seq);
    uint64_t failures = w->failures;
    if (w->synced < seq)
        cond_signal(&w->work);
    bool failed = wal_read_only(w, e);
    while (w->synced < seq && !failed) {
        cond_wait(&w->done, &w->mu);
        failed = w->failures != failures;
    }
    bool ok = w->synced >= seq;
    if (!ok)
        (void)err_set(e, ERR_UNAVAILABLE, "storage is read-only: %s", w->reason);
    mutex_unlock(&w->mu);
    return ok;
}

uint64_t
wal_next_seq(struct wal *w)
{
    mutex_lock(&w->mu);
    uint64_t seq = w->next_seq;
    mutex_unlock(&w->mu);
    return seq;
}

bool
wal_sync_all(struct wal *w, struct err *e)
{
    uint64_t next = wal_next_seq(w);
    return wal_wait(w, next - 1, e);
}

struct wal_position
wal_position(struct wal *w, uint64_t seq)
{
    struct wal_position p = {0};
    mutex_lock(&w->mu);
    for (size_t i = 0; i < w->marks_n && w->marks[i].seq <= seq; i++)
        p = w->marks[i];
    mutex_unlock(&w->mu);
    return p;
}

void
wal_adopt(struct wal *w, uint32_t number, uint64_t last_seq, uint64_t bytes)
{
    struct wal_segment *s = MEM_NEW(struct wal_segment);
    s->path = wal_segment_path(w->dir, number);
    s->number = number;
    s->last_seq = last_seq;
    s->size = s->end = bytes;
    mutex_lock(&w->mu);
    mem_grow(&w->segments, &w->segments_cap, w->segments_n + 1, sizeof(struct wal_segment *));
    /* In order of numbers, before those that this process made. */
    size_t at = w->segments_n;
    while (at > 0 && w->segments[at - 1]->number > number)
        at--;
    if (at < w->segments_n)
        memmove(w->segments + at + 1, w->segments + at, (w->segments_n - at) * sizeof(*w->segments));
    w->segments[at] = s;
    w->segments_n++;
    mutex_unlock(&w->mu);
}

void
wal_forget(struct wal *w, uint64_t seq)
{
    struct wal_segment *gone = NULL;
    do {
        struct err e;
        gone = NULL;
        mutex_lock(&w->mu);
        if (w->segments_n > 1 && w->segments[0]->last_seq < seq) {
            gone = w->segments[0];
            w->segments_n--;
            memmove(w->segments, w->segments + 1, w->segments_n * sizeof(*w->segments));
            size_t drop = 0;
            while (drop < w->marks_n && w->marks[drop].segment <= gone->number)
                drop++;
            w->marks_n -= drop;
            if (drop)
                memmove(w->marks, w->marks + drop, w->marks_n * sizeof(*w->marks));
        }
        mutex_unlock(&w->mu);
        if (gone && !io_unlink(gone->path, &e)) {
            LOG_WARN("Removing an old WAL segment failed", KV_ERR(&e));
            METRIC_INC(TSDB_WAL_TRUNCATIONS_FAILED_TOTAL);
        }
        wal_segment_free(&gone);
    } while (gone);
}

void
wal_stats(struct wal *w, struct wal_stats *out)
{
    *out = (struct wal_stats){0};
    mutex_lock(&w->mu);
    for (size_t i = 0; i < w->segments_n; i++) {
        out->bytes += w->segments[i]->size;
        out->segment = w->segments[i]->number;
    }
    out->written = w->written;
    out->read_only = w->log_failed || w->pages_failed;
    snprintf(out->reason, sizeof(out->reason), "%s", out->read_only ? w->reason : "");
    mutex_unlock(&w->mu);
}
