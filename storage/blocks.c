/* blocks.c - the list of open blocks: load, drop, swap. */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/panic.h"
#include "storage/block_write.h"
#include "storage/compact_plan.h"
#include "storage/db.h"
#include "storage/retain.h"

#define DELETION_SUFFIX ".tmp-for-deletion"

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

struct block_list *
tsdb_block_list(struct tsdb *db)
{
    head_enter_read(&db->head);
    struct block_list *l = block_list_ref(db->blocks);
    rwlock_unlock(&db->head.gate);
    return l;
}

/* Only names of our own making are removed. */
static bool
is_leftover(const char *name)
{
    str s = str_of(name);
    str suffixes[] = {STRL(BLOCK_TMP_SUFFIX), STRL(DELETION_SUFFIX)};
    for (size_t i = 0; i < ARRAY_LEN(suffixes); i++)
        if (str_ends(s, suffixes[i]) && ulid_valid(STR(s.p, s.n - suffixes[i].n)))
            return true;
    return false;
}

void
blocks_clean_folder(struct tsdb *db)
{
    struct io_entry *list = NULL;
    size_t n = 0;
    struct err e;
    if (!io_list(db->dir, &list, &n, &e))
        return;
    for (size_t i = 0; i < n; i++) {
        if (!list[i].is_dir || !is_leftover(list[i].name))
            continue;
        char *path = io_join(db->dir, list[i].name);
        if (!io_remove_tree(path, &e))
            LOG_WARN("Removing a half-made block failed", KV_ERR(&e));
        mem_free(path);
    }
    io_list_free(&list, n);
}

static struct block *
find_open(const struct block_list *l, const char *ulid)
{
    for (size_t i = 0; i < l->n; i++)
        if (strcmp(block_meta(l->v[i])->ulid, ulid) == 0)
            return l->v[i];
    return NULL;
}

/* Every block of the folder, opened once. */
static bool
blocks_find(struct tsdb *db, struct block ***out, size_t *n, struct err *e)
{
    struct io_entry *list = NULL;
    size_t entries = 0;
    if (!io_list(db->dir, &list, &entries, e))
        return false;
    *out = MEM_ARRAY(struct block *, entries + 1);
    *n = 0;
    for (size_t i = 0; i < entries; i++) {
        if (!list[i].is_dir || !ulid_valid(str_of(list[i].name)))
            continue;
        struct block *b = find_open(db->blocks, list[i].name);
        char *path = io_join(db->dir, list[i].name);
        struct err why;
        if (b) {
            (*out)[(*n)++] = block_ref(b);
        } else if (block_open(&b, path, &why)) {
            (*out)[(*n)++] = b;
        } else {
            static struct log_limit limit;
            if (log_limit_pass(&limit, 3600 * 1000))
                LOG_ERROR("A block cannot be read and is left out", KV_ERR(&why));
            atomic_fetch_add(&db->corruptions, 1);
            METRIC_INC(TSDB_RELOADS_FAILURES_TOTAL);
        }
        mem_free(path);
    }
    io_list_free(&list, entries);
    return true;
}

/* Renamed first: a crash half-way leaves a name that is removed at start. */
static void
block_remove(struct tsdb *db, struct block *b)
{
    struct buf name = {0};
    struct err e;
    buf_printf(&name, "%s%s", block_meta(b)->ulid, DELETION_SUFFIX);
    char *to = io_join(db->dir, buf_cstr(&name));
    LOG_INFO("Deleting obsolete block", KV("block", block_meta(b)->ulid));
    if (!io_rename(block_dir(b), to, &e) || !io_sync_dir(db->dir, &e) || !io_remove_tree(to, &e))
        LOG_WARN("Deleting a block failed", KV_ERR(&e));
    mem_free(to);
    buf_free(&name);
}

static int
by_mint(const void *x, const void *y)
{
    const struct block_meta *a = block_meta(*(struct block *const *)x),
                            *b = block_meta(*(struct block *const *)y);
    if (a->mint != b->mint)
        return a->mint < b->mint ? -1 : 1;
    return strcmp(a->ulid, b->ulid);
}

/* Marks in `drop` what is superseded or beyond retention. */
static void
blocks_choose(struct tsdb *db, struct block **v, size_t n, bool *drop)
{
    const struct block_meta **metas = MEM_ARRAY(const struct block_meta *, n + 1);
    size_t *picked = MEM_ARRAY(size_t, n + 1);
    for (size_t i = 0; i < n; i++)
        metas[i] = block_meta(v[i]);
    size_t gone = compact_superseded(metas, n, picked);
    for (size_t i = 0; i < gone; i++)
        drop[picked[i]] = true;
    mem_free(metas);
    mem_free(picked);
    retain_choose(db, v, n, drop);
}

int64_t
blocks_end(const struct block_list *l)
{
    int64_t end = INT64_MIN;
    for (size_t i = 0; i < l->n; i++)
        if (!block_meta(l->v[i])->out_of_order)
            end = MAX(end, block_meta(l->v[i])->maxt);
    return end;
}

static void
blocks_swap(struct tsdb *db, struct block_list *fresh, int64_t min_valid)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < fresh->n; i++)
        bytes += block_size_bytes(fresh->v[i]);
    METRIC_SET(TSDB_BLOCKS_LOADED, (double)fresh->n);
    METRIC_SET(TSDB_STORAGE_BLOCKS_BYTES, (double)bytes);
    head_enter_write(&db->head);
    struct block_list *old = db->blocks;
    db->blocks = fresh;
    db->head.min_valid = MAX(db->head.min_valid, min_valid);
    rwlock_unlock(&db->head.gate);
    block_list_unref(&old);
}

bool
blocks_reload_and_close(struct tsdb *db, int64_t min_valid, struct err *e)
{
    struct block **v = NULL;
    size_t n = 0;
    METRIC_INC(TSDB_RELOADS_TOTAL);
    if (!blocks_find(db, &v, &n, e)) {
        METRIC_INC(TSDB_RELOADS_FAILURES_TOTAL);
        return false;
    }
    qsort(v, n, sizeof(*v), by_mint);
    bool *drop = MEM_ARRAY(bool, n + 1);
    if (!db->opts.read_only)
        blocks_choose(db, v, n, drop);
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        kept += !drop[i];
    struct block_list *fresh = block_list_new(kept);
    for (size_t i = 0, at = 0; i < n; i++)
        if (!drop[i])
            fresh->v[at++] = v[i];
    blocks_swap(db, fresh, min_valid);
    for (size_t i = 0; i < n; i++) {
        if (!drop[i])
            continue;
        block_remove(db, v[i]);
        block_unref(&v[i]);
    }
    mem_free(drop);
    mem_free(v);
    return true;
}

bool
blocks_reload(struct tsdb *db, struct err *e)
{
    return blocks_reload_and_close(db, INT64_MIN, e);
}
