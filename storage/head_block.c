#include "storage/head_block.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/panic.h"
#include "storage/block_write.h"
#include "storage/head_read.h"
#include "storage/label_sort.h"

#define SLICE 128 /* series under one hold of the gate */

/* The series with samples in [mint, maxt), in label order. */
struct series_list {
    struct label_sort *v; /* tag is the id */
    size_t n, cap;
};

static bool
has_in_order(const struct head *h, uint32_t slot, int64_t mint, int64_t maxt)
{
    const struct series *s = series_hot(&h->series, slot);
    const struct series_cold *c = series_cold(&h->series, slot);
    return s->flags & SERIES_HAS_SAMPLE && (s->encoding || c->sealed) && s->x.t >= mint &&
           s->x.t >= h->min_valid && c->mint < maxt;
}

static const struct ooo *
late_of(const struct head *h, uint32_t slot)
{
    const struct series *s = series_hot(&h->series, slot);
    return s->extra ? s->extra->ooo : NULL;
}

enum wanted { IN_ORDER = 1, LATE = 2 };

static void
list_series(struct head *h, int64_t mint, int64_t maxt, int wanted, struct series_list *out)
{
    struct arena *a = arena_new();
    rwlock_read(&h->index);
    struct ids ids = ids_copy(a, posting_list_ids(&h->series.all));
    rwlock_unlock(&h->index);
    for (size_t at = 0; at < ids.n;) {
        head_enter_read(h);
        for (size_t end = MIN(at + SLICE * 8, ids.n); at < end; at++) {
            uint32_t slot = series_slot(&h->series, ids.v[at]);
            const struct ooo *late = wanted & LATE ? late_of(h, slot) : NULL;
            if (!(wanted & IN_ORDER && has_in_order(h, slot, mint, maxt)) &&
                !(late && late->maxt >= mint && late->mint < maxt))
                continue;
            mem_grow(&out->v, &out->cap, out->n + 1, sizeof(*out->v));
            out->v[out->n++] = (struct label_sort){.pairs = series_cold(&h->series, slot)->pairs,
                                                   .n = series_hot(&h->series, slot)->labels_n,
                                                   .tag = ids.v[at]};
        }
        rwlock_unlock(&h->gate);
    }
    arena_free(&a);
    label_sort(&h->series.symbols, out->v, out->n);
}

/* Copies what it takes of a slice of series, as a view does. */
static size_t
snapshot_slice(struct head *h, const struct label_sort *v, size_t n, const struct head_block *b,
               struct arena *a, struct head_series *out, struct head_map **map)
{
    struct head_want want = {.mint = b->mint, .maxt = b->maxt - 1};
    size_t got = 0;
    head_enter_read(h);
    *map = head_file_map(h->file);
    for (size_t i = 0; i < n; i++) {
        if (!head_snapshot(h, v[i].tag, &want, a, &out[got]))
            continue;
        out[got].lenient = true; /* one damaged chunk must not stop all others */
        if (!b->late) {
            out[got].late = NULL;
            out[got].late_sealed = 0;
        }
        got++;
    }
    rwlock_unlock(&h->gate);
    return got;
}

/* True if the series' chunks can be copied as they are. */
static bool
chunks_whole(const struct head_series *s, const struct head_block *b, const struct head_chunks *c)
{
    if (s->late || s->late_sealed || intervals_touch(s->deleted, b->mint, b->maxt - 1))
        return false;
    for (size_t i = 0; i < c->n; i++)
        if (c->v[i].mint < b->mint || c->v[i].maxt >= b->maxt)
            return false;
    return true;
}

static bool
add_series(struct block_writer *w, struct tsdb *db, const struct head_series *s,
           const struct head_map *map, struct head_block *b, struct arena *a, struct err *e)
{
    struct labels ls = series_labels(&db->head.series, s->pairs, s->labels_n, a);
    struct head_chunks c;
    if (!head_series_chunks(s, map, b->mint, b->maxt - 1, a, &c, e))
        return false;
    b->ids[b->n] = s->id;
    b->moved[b->n++] = (uint32_t)c.sealed_n;
    if (!chunks_whole(s, b, &c)) {
        struct column col = {0};
        return head_series_read(s, map, b->mint, b->maxt - 1, a, &col, e) &&
               (col.n == 0 || block_writer_add_column(w, ls, &col, db->opts.xor2, e));
    }
    struct block_writer_chunk *out = ARENA_ARRAY(a, struct block_writer_chunk, c.n);
    for (size_t i = 0; i < c.n; i++)
        out[i] = (struct block_writer_chunk){.encoding = c.v[i].encoding, .mint = c.v[i].mint,
                                             .maxt = c.v[i].maxt, .data = c.v[i].data};
    return block_writer_add(w, ls, out, c.n, e);
}

static bool
write_slices(struct tsdb *db, struct block_writer *w, const struct series_list *list,
             struct head_block *b, struct err *e)
{
    struct arena *a = arena_new();
    struct head_series *s = mem_alloc(SLICE * sizeof(*s));
    bool ok = true;
    for (size_t at = 0; at < list->n && ok; at += SLICE) {
        struct head_map *map;
        size_t n = snapshot_slice(&db->head, list->v + at, MIN(list->n - at, (size_t)SLICE), b, a,
                                  s, &map);
        for (size_t i = 0; i < n && ok; i++)
            ok = add_series(w, db, &s[i], map, b, a, e);
        head_map_unref(&map);
        arena_clear(a);
        if (ok && atomic_load(&db->cancel))
            ok = err_set(e, ERR_CANCELED, "the database is closing");
    }
    mem_free(s);
    arena_free(&a);
    return ok;
}

bool
head_block_write(struct tsdb *db, struct head_block *b, struct err *e)
{
    struct head *h = &db->head;
    struct series_list list = {0};
    struct block_writer *w = NULL;
    struct pin pin = {0};
    struct block_write_opts o = {.dir = b->dir, .mint = b->mint, .maxt = b->maxt};
    b->ulid[0] = 0;
    pin_enter(&h->pins, &pin); /* label texts are read without a lock */
    list_series(h, b->mint, b->maxt, b->late ? IN_ORDER | LATE : IN_ORDER, &list);
    b->ids = MEM_ARRAY(uint32_t, list.n + 1);
    b->moved = MEM_ARRAY(uint32_t, list.n + 1);
    bool ok = block_writer_begin(&w, &o, e);
    ok = ok && write_slices(db, w, &list, b, e) && block_writer_finish(&w, b->ulid, e);
    if (!ok && w)
        block_writer_abort(&w);
    pin_leave(&h->pins, &pin);
    mem_free(list.v);
    return ok || err_prefix(e, "write head block: ");
}

void
head_block_fini(struct head_block *b)
{
    mem_free(b->ids);
    mem_free(b->moved);
    b->ids = b->moved = NULL;
}

/* Moves all late samples into sealed chunks and returns the reference that all of those
 * lie before. */
static uint64_t
seal_late(struct head *h, const struct series_list *list)
{
    uint64_t end = 0;
    for (size_t at = 0; at < list->n || at == 0;) {
        head_enter_write(h);
        for (size_t stop = MIN(at + SLICE, list->n); at < stop; at++) {
            uint32_t slot = series_slot(&h->series, list->v[at].tag);
            struct ooo *o = series_hot(&h->series, slot)->extra->ooo;
            unsigned chunks = ooo_seal(o, h->file, list->v[at].tag);
            h->chunks += chunks;
            h->chunks_created += chunks;
        }
        end = head_file_end_ref(h->file);
        rwlock_unlock(&h->gate);
        if (list->n == 0)
            break;
    }
    return end;
}

/* One block of late samples in [mint, maxt) that lie in chunks before `end`. */
static bool
late_block_write(struct tsdb *db, const struct series_list *list, int64_t mint, int64_t maxt,
                 uint64_t end, struct err *e)
{
    struct head *h = &db->head;
    struct block_write_opts o = {.dir = db->dir, .mint = mint, .maxt = maxt, .out_of_order = true};
    struct block_writer *w = NULL;
    struct arena *a = arena_new();
    char ulid[ULID_TEXT + 1];
    bool ok = block_writer_begin(&w, &o, e);
    for (size_t i = 0; i < list->n && ok; i++) {
        struct head_series s;
        struct column col = {0};
        head_enter_read(h);
        struct head_map *map = head_file_map(h->file);
        bool has = head_snapshot_late(h, list->v[i].tag, mint, maxt - 1, end, a, &s);
        rwlock_unlock(&h->gate);
        s.lenient = true;
        ok = !has || head_series_read(&s, map, mint, maxt - 1, a, &col, e);
        if (ok && col.n)
            ok = block_writer_add_column(
                w, series_labels(&h->series, list->v[i].pairs, list->v[i].n, a), &col,
                db->opts.xor2, e);
        head_map_unref(&map);
        arena_clear(a);
    }
    ok = ok && block_writer_finish(&w, ulid, e);
    if (!ok && w)
        block_writer_abort(&w);
    arena_free(&a);
    return ok || err_prefix(e, "write out-of-order block: ");
}

/* Lets go of late chunks before `end`: they are in blocks that are in the list. */
static void
drop_late(struct head *h, const struct series_list *list, uint64_t end)
{
    int64_t oldest = INT64_MAX;
    for (size_t at = 0; at < list->n;) {
        head_enter_write(h);
        for (size_t stop = MIN(at + SLICE, list->n); at < stop; at++) {
            uint32_t slot = series_slot(&h->series, list->v[at].tag);
            struct series_extra *x = series_hot(&h->series, slot)->extra;
            struct ooo *o = x->ooo;
            if (o->sealed >= end || o->n) {
                oldest = MIN(oldest, o->mint); /* more came meanwhile */
                continue;
            }
            h->chunks -= MIN(h->chunks, o->sealed_n);
            h->chunks_removed += o->sealed_n;
            ooo_free(&x->ooo);
        }
        rwlock_unlock(&h->gate);
    }
    head_enter_write(h);
    h->late_floor = end;
    h->ooo_mint = oldest;
    rwlock_unlock(&h->gate);
}

bool
late_blocks_compact(struct tsdb *db, struct err *e)
{
    struct head *h = &db->head;
    struct series_list list = {0};
    struct pin pin = {0};
    head_enter_read(h);
    int64_t mint = h->ooo_mint, maxt = h->maxt;
    rwlock_unlock(&h->gate);
    if (mint == INT64_MAX)
        return true;
    pin_enter(&h->pins, &pin);
    list_series(h, INT64_MIN, INT64_MAX, LATE, &list);
    uint64_t end = seal_late(h, &list);
    bool ok = true;
    int64_t width = db->opts.block_min_ms;
    for (int64_t from = head_range_end(mint, width) - width; from <= maxt && ok; from += width)
        ok = late_block_write(db, &list, from, from + width, end, e);
    if (ok && blocks_reload(db, e))
        drop_late(h, &list, end);
    else
        ok = false;
    pin_leave(&h->pins, &pin);
    mem_free(list.v);
    return ok;
}
