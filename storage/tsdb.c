#include "storage/tsdb.h"

#include "base/mem.h"
#include "base/panic.h"
#include "storage/db.h"

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

struct block_list *
block_list_new(size_t n)
{
    struct block_list *l = mem_zalloc(sizeof(*l) + n * sizeof(l->v[0]));
    atomic_init(&l->refs, 1);
    l->n = n;
    return l;
}

struct block_list *
block_list_ref(struct block_list *l)
{
    atomic_fetch_add(&l->refs, 1);
    return l;
}

void
block_list_unref(struct block_list **lp)
{
    struct block_list *l = *lp;
    *lp = NULL;
    if (l == NULL || atomic_fetch_sub(&l->refs, 1) != 1)
        return;
    for (size_t i = 0; i < l->n; i++)
        block_unref(&l->v[i]);
    mem_free(l);
}

bool
tsdb_open(struct tsdb **out, const struct tsdb_opts *o, struct err *e)
{
    struct tsdb *db = MEM_NEW(struct tsdb);
    db->magic = TSDB_MAGIC;
    db->opts = *o;
    db->dir = o->dir ? mem_cstr(str_of(o->dir)) : NULL;
    db->opts.dir = db->dir;
    db->blocks = block_list_new(0);
    struct head_opts h = {.block_ms = o->block_min_ms, .ooo_ms = o->out_of_order_ms,
                          .bounded = o->dir != NULL, .xor2 = o->xor2,
                          .start_times = o->store_start_times};
    if (head_init(&db->head, &h, e)) {
        *out = db;
        return true;
    }
    block_list_unref(&db->blocks);
    mem_free(db->dir);
    mem_free(db);
    return false;
}

void
tsdb_close(struct tsdb **dbp)
{
    struct tsdb *db = *dbp;
    *dbp = NULL;
    if (db == NULL)
        return;
    CHECK_MAGIC(db, TSDB_MAGIC);
    head_fini(&db->head);
    block_list_unref(&db->blocks);
    mem_free(db->dir);
    db->magic = 0;
    mem_free(db);
}

void
tsdb_options(struct tsdb *db, struct tsdb_opts *out)
{
    CHECK_MAGIC(db, TSDB_MAGIC);
    *out = db->opts;
}
