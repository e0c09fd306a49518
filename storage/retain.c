#include "storage/retain.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/metric.h"

/* Indices of the blocks that count, the newest end first. */
struct order {
    struct block *block;
    size_t index;
};

static int
newest_first(const void *x, const void *y)
{
    const struct block_meta *a = block_meta(((const struct order *)x)->block),
                            *b = block_meta(((const struct order *)y)->block);
    if (a->maxt != b->maxt)
        return a->maxt > b->maxt ? -1 : 1;
    return strcmp(b->ulid, a->ulid);
}

static uint64_t
head_bytes(struct tsdb *db)
{
    struct wal_stats w = {0};
    if (db->wal)
        wal_stats(db->wal, &w);
    return w.bytes + head_file_bytes(db->head.file);
}

static uint64_t
size_limit(struct tsdb *db, const struct tsdb_opts *o)
{
    uint64_t free_bytes, total;
    struct err e;
    if (o->retention_percent > 0 && io_free_space(db->dir, &free_bytes, &total, &e))
        return (uint64_t)((double)total * o->retention_percent / 100);
    return o->retention_bytes;
}

void
retain_choose(struct tsdb *db, struct block **v, size_t n, bool *drop)
{
    struct order *o = MEM_ARRAY(struct order, n + 1);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (!drop[i])
            o[kept++] = (struct order){.block = v[i], .index = i};
    qsort(o, kept, sizeof(*o), newest_first);
    struct tsdb_opts opts = tsdb_opts_now(db);
    int64_t keep_ms = opts.retention_ms;
    uint64_t limit = size_limit(db, &opts), used = head_bytes(db);
    bool by_time = false, by_size = false;
    for (size_t i = 0; i < kept; i++) {
        int64_t age = block_meta(o[0].block)->maxt - block_meta(o[i].block)->maxt;
        used += block_size_bytes(o[i].block);
        if (keep_ms > 0 && i > 0 && age >= keep_ms)
            by_time = true;
        if (limit > 0 && used > limit)
            by_size = true;
        drop[o[i].index] = by_time || by_size;
    }
    if (by_time)
        METRIC_INC(TSDB_TIME_RETENTIONS_TOTAL);
    if (by_size)
        METRIC_INC(TSDB_SIZE_RETENTIONS_TOTAL);
    mem_free(o);
}
