/* checkpoint_write.c - the head to disk (checkpoint.h has the plan and the bytes). */
#include <stdio.h>

#include "base/codec.h"
#include "base/compress.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/panic.h"
#include "storage/checkpoint_priv.h"
#include "storage/record.h"

#define SLICE_SERIES 256 /* under one hold of the gate: tens of microseconds */
#define SLICE_PAIRS 4096

struct writer {
    struct tsdb *db;
    struct io_file *file;
    uint64_t at;
    struct buf body, out;
    uint64_t series;
    struct err *e;
    bool bad; /* e is set */
};

/* Writes w->body as one block and empties it. */
static void
put_block(struct writer *w, enum checkpoint_kind kind, bool pack)
{
    if (w->bad || (w->body.n == 0 && kind != CHECKPOINT_END))
        return;
    CHECK(w->body.n <= CHECKPOINT_BLOCK_MAX);
    buf_clear(&w->out);
    buf_extend(&w->out, CHECKPOINT_BLOCK_HEADER);
    if (pack)
        lz4_encode(buf_str(&w->body), &w->out);
    if (!pack || w->out.n - CHECKPOINT_BLOCK_HEADER >= w->body.n) {
        w->out.n = CHECKPOINT_BLOCK_HEADER;
        buf_put(&w->out, buf_str(&w->body));
    }
    struct buf h = {.p = w->out.p, .n = 4, .cap = CHECKPOINT_BLOCK_HEADER};
    enc_u32_le(&h, (uint32_t)(w->out.n - CHECKPOINT_BLOCK_HEADER));
    enc_u32_le(&h, (uint32_t)w->body.n);
    enc_u8(&h, (uint8_t)kind);
    enc_u32_le_at(&w->out, 0, crc32c(0, str_from(buf_str(&w->out), 4)));
    w->bad = !io_pwrite(w->file, buf_str(&w->out), w->at, w->e);
    w->at += w->out.n;
    buf_clear(&w->body);
}

static void
put_block_if_full(struct writer *w, enum checkpoint_kind kind, bool pack)
{
    if (w->body.n >= CHECKPOINT_BLOCK_BYTES)
        put_block(w, kind, pack);
}

static void
put_pairs(struct writer *w)
{
    struct head *h = &w->db->head;
    const struct symbols *s = &h->series.symbols;
    bool more = true;
    for (uint32_t next = 1; more && !w->bad;) {
        rwlock_read(&h->index);
        uint32_t end = MIN(next + SLICE_PAIRS, s->pairs_n + 1);
        for (; next < end; next++) {
            if (symbols_pair(s, next)->series.n == 0)
                continue;
            struct label l = symbols_label(s, next);
            enc_u32_le(&w->body, next);
            enc_uvarint_str(&w->body, l.name);
            enc_uvarint_str(&w->body, l.value);
        }
        more = next <= s->pairs_n;
        rwlock_unlock(&h->index);
        put_block_if_full(w, CHECKPOINT_PAIRS, true);
    }
    put_block(w, CHECKPOINT_PAIRS, true);
}

static void
put_open_chunk(struct buf *b, const struct series *s, const struct series_cold *c)
{
    enc_u64_le(b, (uint64_t)c->open_mint);
    enc_u64_le(b, (uint64_t)s->next_at);
    if (s->encoding == CHUNK_XOR) {
        size_t n = chunk_xor_size(&s->x);
        enc_u32_le(b, (uint32_t)n);
        enc_u64_le(b, (uint64_t)s->x.delta);
        enc_u16_le(b, s->x.bits);
        enc_u16_le(b, s->x.samples);
        enc_u8(b, s->x.leading);
        enc_u8(b, s->x.trailing);
        memcpy(buf_extend(b, n), s->x.p, n);
        b->p[b->n - n] = b->p[b->n - n + 1] = 0; /* the count, not kept up while open */
    } else if (s->encoding == CHUNK_XOR2) {
        size_t n = chunk_xor_size(&s->extra->xor2->x);
        enc_u32_le(b, (uint32_t)n);
        chunk_xor2_copy(s->extra->xor2, (uint8_t *)buf_extend(b, n));
    } else {
        str data = chunk_histogram_data(s->extra->hist);
        enc_u32_le(b, (uint32_t)data.n);
        buf_put(b, data);
    }
}

static void
put_late(struct buf *b, const struct ooo *o)
{
    enc_u8(b, o != NULL);
    if (o == NULL)
        return;
    enc_u64_le(b, o->sealed);
    enc_u32_le(b, o->sealed_n);
    enc_u64_le(b, (uint64_t)o->mint);
    enc_u64_le(b, (uint64_t)o->maxt);
    enc_u32_le(b, o->n);
    for (uint32_t i = 0; i < o->n; i++) {
        enc_u64_le(b, (uint64_t)o->v[i].t);
        enc_u64_le(b, (uint64_t)o->v[i].st);
        enc_u8(b, o->v[i].h != NULL);
        if (o->v[i].h)
            record_put_histogram_body(b, o->v[i].h);
        else
            enc_f64_le(b, o->v[i].v);
    }
}

static void
put_series(struct buf *b, const struct series *s, const struct series_cold *c)
{
    enc_u32_le(b, s->id);
    enc_u16_le(b, s->labels_n);
    enc_u8(b, s->encoding);
    enc_u8(b, s->flags);
    memcpy(buf_extend(b, s->labels_n * 4u), c->pairs, s->labels_n * 4u);
    enc_u64_le(b, (uint64_t)s->x.t);
    enc_u64_le(b, s->x.value);
    enc_u64_le(b, (uint64_t)c->mint);
    enc_u64_le(b, c->sealed);
    enc_u32_le(b, c->sealed_n);
    if (s->encoding)
        put_open_chunk(b, s, c);
    put_late(b, s->extra ? s->extra->ooo : NULL);
}

/* The ids there are now; later ones are in the log after S. */
static struct ids
all_ids(struct head *h, struct arena *a, uint32_t *pairs_n)
{
    rwlock_read(&h->index);
    struct ids ids = ids_copy(a, posting_list_ids(&h->series.all));
    *pairs_n = (uint32_t)symbols_pairs_live(&h->series.symbols);
    rwlock_unlock(&h->index);
    return ids;
}

static void
put_all_series(struct writer *w, struct ids ids)
{
    struct head *h = &w->db->head;
    for (size_t at = 0; at < ids.n && !w->bad;) {
        head_enter_read(h);
        for (size_t end = MIN(at + SLICE_SERIES, ids.n); at < end; at++) {
            uint32_t slot = series_slot(&h->series, ids.v[at]);
            const struct series *s = series_hot(&h->series, slot);
            if (!(s->flags & SERIES_LOGGED))
                continue; /* when it gets a sample, the log says who it is */
            put_series(&w->body, s, series_cold(&h->series, slot));
            w->series++;
        }
        rwlock_unlock(&h->gate);
        put_block_if_full(w, CHECKPOINT_SERIES, false);
    }
    put_block(w, CHECKPOINT_SERIES, false);
}

static void
put_exemplar(void *arg, struct labels series, const struct exemplar *x)
{
    struct buf *b = arg;
    struct labels sets[2] = {series, x->labels};
    for (int k = 0; k < 2; k++) {
        enc_uvarint(b, sets[k].n);
        for (size_t i = 0; i < sets[k].n; i++) {
            enc_uvarint_str(b, sets[k].v[i].name);
            enc_uvarint_str(b, sets[k].v[i].value);
        }
    }
    enc_f64_le(b, x->value);
    enc_varint(b, x->t);
}

static void
put_state(struct writer *w, uint64_t seq, struct wal_position place)
{
    struct head *h = &w->db->head;
    struct buf *b = &w->body;
    uint32_t first, end;
    head_enter_read(h);
    enc_u64_le(b, seq);
    enc_u32_le(b, place.segment);
    enc_u64_le(b, place.at);
    enc_u64_le(b, place.seq);
    enc_u64_le(b, (uint64_t)h->mint);
    enc_u64_le(b, (uint64_t)h->maxt);
    enc_u64_le(b, (uint64_t)h->min_valid);
    enc_u64_le(b, (uint64_t)h->ooo_mint);
    enc_u64_le(b, h->late_floor);
    enc_u64_le(b, h->samples);
    rwlock_read(&h->index);
    enc_u32_le(b, h->series.next_id);
    rwlock_unlock(&h->index);
    head_file_range(h->file, &first, &end);
    enc_u32_le(b, first);
    enc_u32_le(b, end);
    for (uint32_t i = first; i < end; i++)
        enc_u64_le(b, (uint64_t)head_file_page_maxt(h->file, i));
    rwlock_unlock(&h->gate);
    put_block(w, CHECKPOINT_STATE, true);
}

static void
put_everything(struct writer *w, uint64_t seq)
{
    struct head *h = &w->db->head;
    struct arena *a = arena_new();
    uint32_t pairs_n;
    struct ids ids = all_ids(h, a, &pairs_n);
    buf_lit(&w->body, CHECKPOINT_MAGIC);
    w->bad = !io_pwrite(w->file, buf_str(&w->body), 0, w->e);
    w->at = w->body.n;
    buf_clear(&w->body);
    enc_u32_le(&w->body, (uint32_t)ids.n);
    enc_u32_le(&w->body, pairs_n);
    put_block(w, CHECKPOINT_SIZES, false);
    put_pairs(w);
    put_all_series(w, ids);
    head_enter_read(h);
    if (tombstones_count(h->tombstones))
        tombstones_encode(h->tombstones, &w->body);
    rwlock_unlock(&h->gate);
    put_block(w, CHECKPOINT_TOMBSTONES, true);
    exemplar_ring_each(w->db->exemplars, put_exemplar, &w->body);
    put_block(w, CHECKPOINT_EXEMPLARS, true);
    put_state(w, seq, wal_position(w->db->wal, seq));
    enc_u64_le(&w->body, w->series);
    put_block(w, CHECKPOINT_END, false);
    arena_free(&a);
}

char *
checkpoint_path(const char *dir, uint64_t seq)
{
    char name[32];
    snprintf(name, sizeof(name), "checkpoint.%016llx", (unsigned long long)seq);
    return io_join(dir, name);
}

/* Keeps the newest checkpoints, and the log from the oldest of them on. */
static void
drop_old(struct tsdb *db, size_t keep)
{
    uint64_t *seqs = NULL;
    size_t n = 0;
    struct err e;
    if (!checkpoint_list(db->head_dir, &seqs, &n, &e))
        return;
    for (size_t i = 0; i + keep < n; i++) {
        char *path = checkpoint_path(db->head_dir, seqs[i]);
        METRIC_INC(TSDB_CHECKPOINT_DELETIONS_TOTAL);
        if (!io_unlink(path, &e)) {
            METRIC_INC(TSDB_CHECKPOINT_DELETIONS_FAILED_TOTAL);
            LOG_WARN("Removing an old checkpoint failed", KV_ERR(&e));
        }
        mem_free(path);
    }
    if (n >= keep) {
        METRIC_INC(TSDB_WAL_TRUNCATIONS_TOTAL);
        wal_forget(db->wal, seqs[n - keep]);
    }
    mem_free(seqs);
}

static bool
write_and_keep(struct tsdb *db, size_t keep, struct err *e)
{
    struct head *h = &db->head;
    char *tmp = io_join(db->head_dir, "checkpoint.tmp");
    struct writer w = {.db = db, .e = e};
    METRIC_INC(TSDB_CHECKPOINT_CREATIONS_TOTAL);
    head_enter_read(h);
    uint64_t seq = wal_next_seq(db->wal);
    rwlock_unlock(&h->gate);
    char *path = checkpoint_path(db->head_dir, seq);
    w.bad = !io_open(&w.file, tmp, IO_WRITE_CREATE, e) || !io_truncate(w.file, 0, e);
    if (!w.bad)
        put_everything(&w, seq);
    bool ok = !w.bad && io_sync(w.file, e) && head_file_write(h->file, true, e) &&
              head_file_sync(h->file, e) && wal_sync_all(db->wal, e);
    io_close(&w.file);
    ok = ok && io_rename(tmp, path, e) && io_sync_dir(db->head_dir, e);
    buf_free(&w.body);
    buf_free(&w.out);
    if (ok) {
        drop_old(db, keep);
        head_file_purge(h->file);
    } else {
        METRIC_INC(TSDB_CHECKPOINT_CREATIONS_FAILED_TOTAL);
        (void)err_prefix(e, "checkpoint: ");
    }
    mem_free(tmp);
    mem_free(path);
    return ok;
}

bool
checkpoint_write(struct tsdb *db, struct err *e)
{
    return write_and_keep(db, 2, e);
}

bool
checkpoint_write_only(struct tsdb *db, struct err *e)
{
    return write_and_keep(db, 1, e);
}
