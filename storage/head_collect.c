/* head_collect.c - the head lets go: of samples that are in blocks, of series without
 * samples (head_block.h says when). */
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/panic.h"
#include "storage/head_block.h"

#define SLICE 256          /* series under one hold of the gate */
#define COLLECT_SLICE 32768 /* each costs one pass over the lists it touches */

/* Drops an open chunk whose range is closed. */
static void
drop_open(struct head *h, uint32_t slot)
{
    struct series *s = series_hot(&h->series, slot);
    if (s->encoding == 0 || s->x.t >= h->min_valid)
        return;
    int64_t t = s->x.t;
    uint64_t value = s->x.value;
    mem_free(s->x.p);
    chunk_xor_init(&s->x, NULL, 0);
    s->x.t = t;
    s->x.value = value;
    if (s->extra) {
        chunk_histogram_free(&s->extra->hist);
        if (s->extra->xor2)
            mem_free(s->extra->xor2->x.p);
        mem_free(s->extra->xor2);
        s->extra->xor2 = NULL;
    }
    s->encoding = 0;
    h->chunks--;
    h->chunks_removed++;
}

static struct ids
all_ids(struct head *h, struct arena *a)
{
    rwlock_read(&h->index);
    struct ids ids = ids_copy(a, posting_list_ids(&h->series.all));
    rwlock_unlock(&h->index);
    return ids;
}

static void
truncate_series(struct head *h, struct ids ids)
{
    for (size_t at = 0; at < ids.n;) {
        head_enter_write(h);
        for (size_t end = MIN(at + SLICE, ids.n); at < end; at++) {
            uint32_t slot = series_slot(&h->series, ids.v[at]);
            struct series_cold *c = series_cold(&h->series, slot);
            drop_open(h, slot);
            if (c->mint < h->min_valid)
                c->mint = h->min_valid;
        }
        rwlock_unlock(&h->gate);
    }
}

static void
count_moved(struct head *h, const struct head_block *b)
{
    for (size_t at = 0; at < b->n;) {
        head_enter_write(h);
        for (size_t end = MIN(at + SLICE, b->n); at < end; at++) {
            struct series_cold *c = series_cold(&h->series, series_slot(&h->series, b->ids[at]));
            uint32_t moved = MIN(b->moved[at], c->sealed_n);
            c->sealed_n -= moved;
            h->chunks -= moved;
            h->chunks_removed += moved;
        }
        rwlock_unlock(&h->gate);
    }
}

void
head_truncate(struct tsdb *db, const struct head_block *b)
{
    struct head *h = &db->head;
    struct arena *a = arena_new();
    METRIC_INC(TSDB_HEAD_TRUNCATIONS_TOTAL);
    if (b)
        count_moved(h, b);
    truncate_series(h, all_ids(h, a));
    head_enter_write(h);
    tombstones_truncate(h->tombstones, MIN(h->min_valid, h->ooo_mint));
    if (h->mint != INT64_MAX)
        h->mint = MIN(MAX(h->mint, h->min_valid), h->ooo_mint);
    head_file_truncate(h->file, h->min_valid, h->ooo_mint == INT64_MAX ? 0 : MAX(h->late_floor, 1));
    rwlock_unlock(&h->gate);
    head_file_purge(h->file);
    arena_free(&a);
}

/* REQUIRES the gate. */
static bool
is_empty(const struct head *h, uint32_t slot)
{
    const struct series *s = series_hot(&h->series, slot);
    const struct series_cold *c = series_cold(&h->series, slot);
    bool ordered = s->flags & SERIES_HAS_SAMPLE && (s->encoding || c->sealed) &&
                   s->x.t >= h->min_valid;
    return !ordered && !(s->extra && s->extra->ooo);
}

void
head_mark(struct tsdb *db)
{
    struct head *h = &db->head;
    struct arena *a = arena_new();
    struct ids ids = all_ids(h, a);
    size_t n = 0;
    for (size_t at = 0; at < ids.n;) {
        head_enter_read(h);
        for (size_t end = MIN(at + SLICE, ids.n); at < end; at++) {
            if (!is_empty(h, series_slot(&h->series, ids.v[at])))
                continue;
            series_doom(&h->series, ids.v[at]);
            ids.v[n++] = ids.v[at];
        }
        rwlock_unlock(&h->gate);
    }
    mem_free(db->doomed);
    db->doomed = MEM_ARRAY(uint32_t, n + 1);
    if (n)
        memcpy(db->doomed, ids.v, n * sizeof(*ids.v));
    db->doomed_n = n;
    db->doomed_stamp = pins_advance(&h->pins);
    arena_free(&a);
}

/* Takes out the ids that are still marked and still empty. */
static size_t
collect_slice(struct head *h, struct ids ids, uint32_t *slots)
{
    uint64_t stamp = pins_advance(&h->pins);
    size_t kept = 0;
    head_enter_write(h);
    rwlock_write(&h->index);
    for (size_t i = 0; i < ids.n; i++) {
        if (is_empty(h, series_slot(&h->series, ids.v[i])))
            ids.v[kept++] = ids.v[i];
        else
            CHECK(series_revive(&h->series, ids.v[i])); /* a batch that was open gave it one */
    }
    ids.n = kept;
    size_t n = series_reap(&h->series, ids, stamp, slots);
    for (size_t i = 0; i < n; i++) {
        struct series_cold *c = series_cold(&h->series, slots[i]);
        h->chunks -= MIN(h->chunks, c->sealed_n);
        h->chunks_removed += c->sealed_n;
        head_drop_samples(h, slots[i]);
    }
    for (size_t i = 0; i < ids.n; i++)
        if (series_word(&h->series, ids.v[i]) == 0)
            tombstones_remove(h->tombstones, ids.v[i]);
    series_free_slots(&h->series, slots, n);
    rwlock_unlock(&h->index);
    rwlock_unlock(&h->gate);
    return n;
}

bool
head_collect(struct tsdb *db)
{
    struct head *h = &db->head;
    rwlock_write(&h->index);
    series_sweep(&h->series, &h->pins);
    bool swept = h->series.limbo_n == 0;
    rwlock_unlock(&h->index);
    if (db->doomed_n == 0)
        return swept;
    if (!pins_passed(&h->pins, db->doomed_stamp))
        return false;
    uint32_t *slots = MEM_ARRAY(uint32_t, COLLECT_SLICE);
    size_t removed = 0;
    for (size_t at = 0; at < db->doomed_n; at += COLLECT_SLICE)
        removed += collect_slice(h,
                                 (struct ids){.v = db->doomed + at,
                                              .n = MIN(db->doomed_n - at, (size_t)COLLECT_SLICE)},
                                 slots);
    METRIC_ADD(TSDB_HEAD_SERIES_REMOVED_TOTAL, (double)removed);
    mem_free(slots);
    mem_free(db->doomed);
    db->doomed = NULL;
    db->doomed_n = 0;
    return false;
}
