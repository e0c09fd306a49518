/* delete.c - admin: delete series, snapshot. */
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/panic.h"
#include "base/rng.h"
#include "storage/db.h"
#include "storage/head_block.h"
#include "storage/head_read.h"

/* The part of [mint, maxt] in which the series has samples now: what comes later is not
 * deleted. */
static bool
clamp_to_series(const struct head *h, uint32_t slot, int64_t *mint, int64_t *maxt)
{
    const struct series *s = series_hot(&h->series, slot);
    const struct series_cold *c = series_cold(&h->series, slot);
    int64_t from = INT64_MAX, to = INT64_MIN;
    if (s->flags & SERIES_HAS_SAMPLE) {
        from = c->mint;
        to = s->x.t;
    }
    if (s->extra && s->extra->ooo) {
        from = MIN(from, s->extra->ooo->mint);
        to = MAX(to, s->extra->ooo->maxt);
    }
    *mint = MAX(*mint, from);
    *maxt = MIN(*maxt, to);
    return *mint <= *maxt;
}

static bool
delete_in_head(struct tsdb *db, const struct matcher *m, size_t n, int64_t mint, int64_t maxt,
               struct err *e)
{
    struct head *h = &db->head;
    struct arena *a = arena_new();
    struct record *r = db->wal ? wal_record(db->wal) : NULL;
    uint64_t seq = 0;
    head_enter_write(h);
    rwlock_read(&h->index);
    struct ids ids = head_select(h, m, n, a);
    rwlock_unlock(&h->index);
    for (size_t i = 0; i < ids.n; i++) {
        uint32_t slot = series_slot(&h->series, ids.v[i]);
        int64_t from = mint, to = maxt;
        if (!clamp_to_series(h, slot, &from, &to))
            continue;
        tombstones_add(h->tombstones, ids.v[i], from, to);
        series_hot(&h->series, slot)->flags |= SERIES_TOMBSTONED;
        if (r)
            record_put_deleted(r, ids.v[i], from, to);
    }
    if (r)
        seq = wal_put(db->wal, r);
    rwlock_unlock(&h->gate);
    arena_free(&a);
    return seq == 0 || wal_wait(db->wal, seq, e);
}

bool
tsdb_delete(struct tsdb *db, const struct matcher *m, size_t n, int64_t mint, int64_t maxt,
            struct err *e)
{
    CHECK_MAGIC(db, TSDB_MAGIC);
    if (!tsdb_accepts(db, e))
        return false;
    mutex_lock(&db->maintain); /* no range moves from head to block meanwhile */
    bool ok = delete_in_head(db, m, n, mint, maxt, e);
    struct block_list *l = tsdb_block_list(db);
    for (size_t i = 0; i < l->n && ok; i++) {
        const struct block_meta *meta = block_meta(l->v[i]);
        if (meta->mint <= maxt && meta->maxt > mint)
            ok = block_delete(l->v[i], m, n, mint, maxt, e);
    }
    block_list_unref(&l);
    mutex_unlock(&db->maintain);
    return ok;
}

/* Links every file of a folder (and its one level of folders) into another. */
static bool
link_tree(const char *from, const char *to, struct err *e)
{
    struct io_entry *list = NULL;
    size_t n = 0;
    if (!io_mkdir_all(to, e) || !io_list(from, &list, &n, e))
        return false;
    bool ok = true;
    for (size_t i = 0; i < n && ok; i++) {
        char *src = io_join(from, list[i].name), *dst = io_join(to, list[i].name);
        ok = list[i].is_dir ? link_tree(src, dst, e) : io_link(src, dst, e);
        mem_free(src);
        mem_free(dst);
    }
    io_list_free(&list, n);
    return ok && io_sync_dir(to, e);
}

/* 20060102T150405Z and 16 hex digits, as Prometheus names them. */
static void
snapshot_name(struct buf *out)
{
    char text[64];
    time_t sec = (time_t)(clock_now_ms() / 1000);
    struct tm tm;
    CHECK(gmtime_r(&sec, &tm));
    snprintf(text, sizeof(text), "%04d%02d%02dT%02d%02d%02dZ-%016llx", tm.tm_year + 1900,
             tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
             (unsigned long long)rng_next());
    buf_put(out, str_of(text));
}

static bool
snapshot_blocks(struct tsdb *db, const char *dir, struct err *e)
{
    struct block_list *l = tsdb_block_list(db);
    bool ok = true;
    for (size_t i = 0; i < l->n && ok; i++) {
        char *to = io_join(dir, block_meta(l->v[i])->ulid);
        ok = link_tree(block_dir(l->v[i]), to, e);
        mem_free(to);
    }
    block_list_unref(&l);
    return ok;
}

static bool
snapshot_head(struct tsdb *db, const char *dir, struct err *e)
{
    struct head *h = &db->head;
    head_enter_read(h);
    struct head_block b = {.dir = dir, .mint = h->mint, .maxt = h->maxt + 1, .late = true};
    bool empty = h->maxt == INT64_MIN;
    rwlock_unlock(&h->gate);
    bool ok = empty || head_block_write(db, &b, e);
    head_block_fini(&b);
    return ok;
}

bool
tsdb_snapshot(struct tsdb *db, bool skip_head, struct buf *name_out, struct err *e)
{
    CHECK_MAGIC(db, TSDB_MAGIC);
    if (db->dir == NULL)
        return err_set(e, ERR_UNAVAILABLE, "a database in memory has no snapshots");
    struct buf name = {0};
    snapshot_name(&name);
    char *parent = io_join(db->dir, "snapshots"), *dir = io_join(parent, buf_cstr(&name));
    mutex_lock(&db->maintain);
    bool ok = io_mkdir_all(dir, e) && snapshot_blocks(db, dir, e) &&
              (skip_head || snapshot_head(db, dir, e)) && io_sync_dir(dir, e) &&
              io_sync_dir(parent, e);
    mutex_unlock(&db->maintain);
    if (ok)
        buf_put(name_out, buf_str(&name));
    buf_free(&name);
    mem_free(dir);
    mem_free(parent);
    return ok;
}
