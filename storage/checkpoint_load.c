/* checkpoint_load.c - a head from disk (checkpoint_priv.h has the bytes). */
#include "base/codec.h"
#include "base/compress.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/panic.h"
#include "storage/checkpoint_priv.h"
#include "storage/record.h"

struct loader {
    struct tsdb *db;
    struct io_file *file;
    uint64_t at, size;
    struct buf raw, plain;
    str block;            /* the unpacked bytes, in one of these */
    uint32_t *pairs;      /* of the file to those of the head */
    size_t pairs_cap;
    uint64_t series;
    bool ended;
    struct checkpoint_info *out;
    struct arena *arena;  /* cleared after each block */
};

static bool
load_exactly(struct loader *l, char *to, size_t n, struct err *e)
{
    size_t got = 0;
    if (n <= l->size - l->at && !io_pread(l->file, to, n, l->at, &got, e))
        return false;
    if (got != n)
        return err_set(e, ERR_CORRUPT, "%s: ends early", l->file->path);
    l->at += n;
    return true;
}

/* Reads one block. */
static bool
load_block(struct loader *l, uint8_t *kind, struct err *e)
{
    buf_clear(&l->raw);
    buf_clear(&l->plain);
    char *head = buf_extend(&l->raw, CHECKPOINT_BLOCK_HEADER);
    if (!load_exactly(l, head, CHECKPOINT_BLOCK_HEADER, e))
        return false;
    struct dec d = dec_of(buf_str(&l->raw));
    uint32_t crc = dec_u32_le(&d), stored = dec_u32_le(&d), plain = dec_u32_le(&d);
    *kind = dec_u8(&d);
    if (stored > CHECKPOINT_BLOCK_MAX || plain > CHECKPOINT_BLOCK_MAX)
        return err_set(e, ERR_CORRUPT, "%s: impossible block size", l->file->path);
    if (!load_exactly(l, buf_extend(&l->raw, stored), stored, e))
        return false;
    if (crc != crc32c(0, str_from(buf_str(&l->raw), 4)))
        return err_set(e, ERR_CORRUPT, "%s: block at %llu fails its checksum", l->file->path,
                       (unsigned long long)(l->at - stored));
    l->block = str_from(buf_str(&l->raw), CHECKPOINT_BLOCK_HEADER);
    if (plain == stored)
        return true;
    bool ok = lz4_decode(l->block, plain, &l->plain, e);
    l->block = buf_str(&l->plain);
    return ok;
}

static void
load_sizes(struct loader *l, struct dec *d)
{
    struct series_table *t = &l->db->head.series;
    uint32_t series = dec_u32_le(d), pairs = dec_u32_le(d);
    if (d->bad || series > SERIES_SLOT_PAGE * SERIES_SLOT_PAGES ||
        pairs > SYMBOLS_PAGE * SYMBOLS_PAGES)
        return; /* only a hint */
    id_table_reserve(&t->by_labels, series);
    id_table_reserve(&t->symbols.pair_table, pairs);
}

static void
load_pairs(struct loader *l, struct dec *d)
{
    struct symbols *s = &l->db->head.series.symbols;
    while (dec_left(d) && !d->bad) {
        uint32_t pair = dec_u32_le(d);
        str name = dec_uvarint_str(d), value = dec_uvarint_str(d);
        if (d->bad || name.n == 0 || value.n == 0 || pair >= SYMBOLS_PAGE * SYMBOLS_PAGES) {
            d->bad = true;
            return;
        }
        size_t was = l->pairs_cap;
        mem_grow(&l->pairs, &l->pairs_cap, pair + 1, sizeof(*l->pairs));
        if (l->pairs_cap > was)
            memset(l->pairs + was, 0, (l->pairs_cap - was) * sizeof(*l->pairs));
        l->pairs[pair] = symbols_intern(s, symbols_intern_name(s, name), value);
    }
}

/* Room for the chunk as it is and some samples more. */
static bool
load_xor(struct dec *d, struct series *s, uint32_t size)
{
    struct chunk_xor *x = &s->x;
    int64_t t = x->t;
    uint64_t value = x->value;
    size_t cap = (size + 16u + 15u) & ~(size_t)15;
    if (size > CHUNK_XOR_SAMPLES_MAX * 18u)
        return false;
    chunk_xor_init(x, mem_alloc(cap), cap);
    x->t = t;
    x->value = value;
    x->delta = (int64_t)dec_u64_le(d);
    x->bits = dec_u16_le(d);
    x->samples = dec_u16_le(d);
    x->leading = dec_u8(d);
    x->trailing = dec_u8(d);
    str bytes = dec_bytes(d, size);
    if (d->bad || (x->bits + 7u) / 8 != size || x->samples == 0 ||
        x->samples >= CHUNK_XOR_SAMPLES_MAX)
        return false;
    memcpy(x->p, bytes.p, size);
    return true;
}

static bool
load_open_chunk(struct loader *l, struct dec *d, uint32_t slot, uint8_t encoding)
{
    struct head *h = &l->db->head;
    struct series *s = series_hot(&h->series, slot);
    struct err e;
    series_cold(&h->series, slot)->open_mint = (int64_t)dec_u64_le(d);
    s->next_at = (int64_t)dec_u64_le(d);
    uint32_t size = dec_u32_le(d);
    bool ok;
    if (encoding == CHUNK_XOR) {
        ok = load_xor(d, s, size);
    } else {
        str data = dec_bytes(d, size);
        struct series_extra *x = head_extra(h, slot);
        ok = !d->bad;
        if (ok && encoding == CHUNK_XOR2) {
            x->xor2 = MEM_NEW(struct chunk_xor2);
            ok = chunk_xor2_resume(x->xor2, data, &e);
        } else if (ok) {
            x->hist = chunk_histogram_resume((enum chunk_encoding)encoding, data, &e);
            ok = x->hist != NULL;
        }
    }
    if (!ok)
        return false;
    s->encoding = encoding;
    h->chunks++;
    return true;
}

static void
load_late(struct loader *l, struct dec *d, uint32_t slot)
{
    if (dec_u8(d) == 0)
        return;
    struct ooo *o = ooo_new();
    head_extra(&l->db->head, slot)->ooo = o;
    o->sealed = dec_u64_le(d);
    o->sealed_n = dec_u32_le(d);
    int64_t mint = (int64_t)dec_u64_le(d), maxt = (int64_t)dec_u64_le(d);
    uint32_t n = dec_u32_le(d);
    for (uint32_t i = 0; i < n && !d->bad && o->n < OOO_BUFFER; i++) {
        struct ooo_sample s = {.t = (int64_t)dec_u64_le(d), .st = (int64_t)dec_u64_le(d)};
        if (dec_u8(d))
            s.h = record_get_histogram_body(d, l->arena);
        else
            s.v = dec_f64_le(d);
        if (!d->bad)
            (void)ooo_insert(o, s);
    }
    o->mint = mint;
    o->maxt = maxt;
    l->db->head.chunks += o->sealed_n;
}

/* Creates the record; UINT32_MAX when its labels make no sense. */
static uint32_t
load_record(struct loader *l, struct dec *d, uint32_t id, uint16_t labels_n)
{
    struct series_table *t = &l->db->head.series;
    uint32_t *pairs = ARENA_ARRAY(l->arena, uint32_t, labels_n);
    for (uint16_t i = 0; i < labels_n; i++) {
        uint32_t pair = dec_u32_le(d);
        pairs[i] = pair < l->pairs_cap ? l->pairs[pair] : 0;
        if (pairs[i] == 0)
            d->bad = true;
    }
    if (d->bad || id == 0 || id == UINT32_MAX || series_word(t, id) ||
        !series_restore(t, id, pairs, labels_n, true)) {
        d->bad = true;
        return UINT32_MAX;
    }
    return series_slot(t, id);
}

static void
load_series(struct loader *l, struct dec *d)
{
    struct head *h = &l->db->head;
    while (dec_left(d) && !d->bad) {
        uint32_t id = dec_u32_le(d);
        uint16_t labels_n = dec_u16_le(d);
        uint8_t encoding = dec_u8(d), flags = dec_u8(d);
        uint32_t slot = load_record(l, d, id, labels_n);
        if (slot == UINT32_MAX)
            return;
        struct series *s = series_hot(&h->series, slot);
        struct series_cold *c = series_cold(&h->series, slot);
        s->x.t = (int64_t)dec_u64_le(d);
        s->x.value = dec_u64_le(d);
        c->mint = (int64_t)dec_u64_le(d);
        c->sealed = dec_u64_le(d);
        c->sealed_n = dec_u32_le(d);
        s->flags = flags;
        h->stale_series += !!(flags & SERIES_STALE);
        h->chunks += c->sealed_n;
        if (encoding && (!chunk_encoding_known(encoding) || d->bad ||
                         !load_open_chunk(l, d, slot, encoding))) {
            d->bad = true;
            return;
        }
        load_late(l, d, slot);
        l->series++;
    }
}

static struct labels
load_labels(struct loader *l, struct dec *d)
{
    uint64_t n = dec_uvarint(d);
    if (n > LIMIT_LABELS_PER_SERIES) {
        d->bad = true;
        return LABELS_EMPTY;
    }
    struct label *v = ARENA_ARRAY(l->arena, struct label, n);
    for (uint64_t i = 0; i < n; i++)
        v[i] = (struct label){.name = dec_uvarint_str(d), .value = dec_uvarint_str(d)};
    return (struct labels){.v = v, .n = n};
}

static void
load_exemplars(struct loader *l, struct dec *d)
{
    while (dec_left(d) && !d->bad) {
        struct labels series = load_labels(l, d);
        struct exemplar x = {.labels = load_labels(l, d)};
        x.value = dec_f64_le(d);
        x.t = dec_varint(d);
        if (!d->bad)
            (void)exemplar_ring_add(l->db->exemplars, series, &x);
    }
}

static bool
load_state(struct loader *l, struct dec *d, struct err *e)
{
    struct head *h = &l->db->head;
    l->out->seq = dec_u64_le(d);
    l->out->place.segment = dec_u32_le(d);
    l->out->place.at = dec_u64_le(d);
    l->out->place.seq = dec_u64_le(d);
    h->mint = (int64_t)dec_u64_le(d);
    h->maxt = (int64_t)dec_u64_le(d);
    h->min_valid = (int64_t)dec_u64_le(d);
    h->ooo_mint = (int64_t)dec_u64_le(d);
    h->late_floor = dec_u64_le(d);
    h->samples = dec_u64_le(d);
    uint32_t next_id = dec_u32_le(d);
    uint32_t first = dec_u32_le(d), end = dec_u32_le(d);
    if (d->bad || first == 0 || first > end || dec_left(d) != (end - first) * 8ull) {
        d->bad = true;
        return true;
    }
    h->series.next_id = MAX(h->series.next_id, next_id);
    bool ok = head_file_resume(h->file, first, end, e);
    for (uint32_t i = first; i < end; i++)
        head_file_set_page_maxt(h->file, i, (int64_t)dec_u64_le(d));
    return ok;
}

static bool
load_kind(struct loader *l, uint8_t kind, struct err *e)
{
    struct dec d = dec_of(l->block);
    switch (kind) {
    case CHECKPOINT_PAIRS:
        load_pairs(l, &d);
        break;
    case CHECKPOINT_SERIES:
        load_series(l, &d);
        break;
    case CHECKPOINT_TOMBSTONES:
        tombstones_free(&l->db->head.tombstones);
        if (!tombstones_decode(l->block, &l->db->head.tombstones, e)) {
            l->db->head.tombstones = tombstones_new();
            return false;
        }
        break;
    case CHECKPOINT_EXEMPLARS:
        load_exemplars(l, &d);
        break;
    case CHECKPOINT_STATE:
        if (!load_state(l, &d, e))
            return false;
        break;
    case CHECKPOINT_SIZES:
        load_sizes(l, &d);
        break;
    case CHECKPOINT_END:
        l->ended = dec_u64_le(&d) == l->series;
        break;
    default:
        break; /* of a newer version */
    }
    arena_clear(l->arena);
    return !d.bad || err_set(e, ERR_CORRUPT, "%s: a block makes no sense", l->file->path);
}

static bool
load_all(struct loader *l, struct err *e)
{
    char magic[8];
    uint8_t kind;
    if (!io_size(l->file, &l->size, e) || !load_exactly(l, magic, sizeof(magic), e))
        return false;
    if (!str_eq(STR(magic, sizeof(magic)), STRL(CHECKPOINT_MAGIC)))
        return err_set(e, ERR_CORRUPT, "%s: not a checkpoint", l->file->path);
    while (!l->ended) {
        if (!load_block(l, &kind, e) || !load_kind(l, kind, e))
            return false;
        if (kind == CHECKPOINT_END && !l->ended)
            return err_set(e, ERR_CORRUPT, "%s: series are missing", l->file->path);
    }
    series_index_restored(&l->db->head.series);
    return l->out->seq > 0 || err_set(e, ERR_CORRUPT, "%s: has no state", l->file->path);
}

bool
checkpoint_load(struct tsdb *db, const char *path, struct checkpoint_info *out, struct err *e)
{
    struct loader l = {.db = db, .out = out};
    *out = (struct checkpoint_info){0};
    if (!io_open(&l.file, path, IO_READ, e))
        return false;
    l.arena = arena_new();
    bool ok = load_all(&l, e);
    out->series = l.series;
    io_close(&l.file);
    arena_free(&l.arena);
    buf_free(&l.raw);
    buf_free(&l.plain);
    mem_free(l.pairs);
    return ok;
}

/* 16 lower-case hex digits. */
static bool
parse_hex(str s, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
        *out = *out << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    return s.n == 16;
}

bool
checkpoint_list(const char *dir, uint64_t **seqs, size_t *n, struct err *e)
{
    struct io_entry *list = NULL;
    size_t entries = 0;
    *seqs = NULL;
    *n = 0;
    if (!io_list(dir, &list, &entries, e))
        return false;
    *seqs = MEM_ARRAY(uint64_t, entries + 1);
    for (size_t i = 0; i < entries; i++) {
        str name = str_of(list[i].name);
        if (str_starts(name, STRL("checkpoint.")) && parse_hex(str_from(name, 11), &(*seqs)[*n]))
            (*n)++;
    }
    io_list_free(&list, entries);
    return true;
}
