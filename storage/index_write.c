#include "storage/index_write.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/panic.h"
#include "storage/block_index.h"
#include "storage/file_out.h"

struct pair {
    uint32_t name, value; /* symbol numbers: first in order of appearance, then sorted */
    uint32_t count;       /* series that have it */
};

/* An open-addressed set of numbers; what they stand for is the caller's. */
struct id_set {
    uint32_t *slots; /* number + 1, 0 is free */
    size_t cap;      /* a power of two, or 0 */
    size_t n;
};

struct index_writer {
    unsigned magic;
#define INDEX_WRITER_MAGIC 0x5e01d77a
    char *path, *spill_path;
    size_t postings_max; /* references per batch */
    struct file_out spill, out;
    struct buf record;
    str *symbols;
    size_t symbols_n, symbols_cap;
    struct id_set symbol_set;
    struct pair *pairs;
    size_t pairs_n, pairs_cap;
    struct id_set pair_set;
    struct label *last; /* labels of the series before, and their pairs */
    uint32_t *last_pairs;
    size_t last_n, last_cap, last_pairs_cap;
    uint32_t *refs; /* of the series, in the order of the spill */
    size_t series_n;
    uint64_t spill_bytes;
    /* made by finish */
    uint32_t *order; /* pair numbers, sorted by label */
    uint64_t toc_symbols, toc_series, toc_labels, toc_postings, toc_table;
};

bool
index_writer_open(struct index_writer **out, const char *dir, size_t postings_bytes, struct err *e)
{
    struct index_writer *w = MEM_NEW(struct index_writer);
    w->magic = INDEX_WRITER_MAGIC;
    w->path = io_join(dir, "index");
    w->spill_path = io_join(dir, "index.spill");
    w->postings_max = MAX(postings_bytes / sizeof(uint32_t), 1);
    *out = w;
    if (file_out_open(&w->spill, w->spill_path, e) && file_out_open(&w->out, w->path, e))
        return true;
    index_writer_close(out);
    return false;
}

void
index_writer_close(struct index_writer **wp)
{
    struct index_writer *w = *wp;
    if (w == NULL)
        return;
    CHECK_MAGIC(w, INDEX_WRITER_MAGIC);
    file_out_close(&w->spill);
    file_out_close(&w->out);
    buf_free(&w->record);
    mem_free(w->symbols);
    mem_free(w->symbol_set.slots);
    mem_free(w->pairs);
    mem_free(w->pair_set.slots);
    mem_free(w->last);
    mem_free(w->last_pairs);
    mem_free(w->refs);
    mem_free(w->order);
    mem_free(w->path);
    mem_free(w->spill_path);
    w->magic = 0;
    mem_free(w);
    *wp = NULL;
}

/* Numbering symbols and pairs. */

static uint64_t
symbol_hash(const struct index_writer *w, uint32_t id)
{
    return hash64(w->symbols[id]);
}

static uint64_t
pair_hash(const struct index_writer *w, uint32_t id)
{
    return hash_mix(w->pairs[id].name, w->pairs[id].value);
}

/* Makes room for one more, so that at most 3/4 of the slots are used. */
static void
set_room(struct id_set *s, const struct index_writer *w,
         uint64_t (*hash)(const struct index_writer *w, uint32_t id))
{
    if ((s->n + 1) * 4 <= s->cap * 3)
        return;
    size_t cap = MAX(s->cap * 2, (size_t)1024);
    uint32_t *slots = MEM_ARRAY(uint32_t, cap);
    for (size_t i = 0; i < s->cap; i++) {
        if (s->slots[i] == 0)
            continue;
        size_t at = hash(w, s->slots[i] - 1) & (cap - 1);
        while (slots[at] != 0)
            at = (at + 1) & (cap - 1);
        slots[at] = s->slots[i];
    }
    mem_free(s->slots);
    s->slots = slots;
    s->cap = cap;
}

static uint32_t
symbol_id(struct index_writer *w, str s)
{
    set_room(&w->symbol_set, w, symbol_hash);
    size_t at = hash64(s) & (w->symbol_set.cap - 1);
    for (; w->symbol_set.slots[at] != 0; at = (at + 1) & (w->symbol_set.cap - 1))
        if (str_eq(w->symbols[w->symbol_set.slots[at] - 1], s))
            return w->symbol_set.slots[at] - 1;
    mem_grow(&w->symbols, &w->symbols_cap, w->symbols_n + 1, sizeof *w->symbols);
    w->symbols[w->symbols_n++] = s;
    w->symbol_set.slots[at] = (uint32_t)w->symbols_n;
    w->symbol_set.n++;
    return (uint32_t)w->symbols_n - 1;
}

static uint32_t
pair_id(struct index_writer *w, const struct label *l)
{
    uint32_t name = symbol_id(w, l->name), value = symbol_id(w, l->value);
    set_room(&w->pair_set, w, pair_hash);
    size_t at = hash_mix(name, value) & (w->pair_set.cap - 1);
    for (; w->pair_set.slots[at] != 0; at = (at + 1) & (w->pair_set.cap - 1)) {
        const struct pair *p = &w->pairs[w->pair_set.slots[at] - 1];
        if (p->name == name && p->value == value)
            return w->pair_set.slots[at] - 1;
    }
    mem_grow(&w->pairs, &w->pairs_cap, w->pairs_n + 1, sizeof *w->pairs);
    w->pairs[w->pairs_n++] = (struct pair){.name = name, .value = value};
    w->pair_set.slots[at] = (uint32_t)w->pairs_n;
    w->pair_set.n++;
    return (uint32_t)w->pairs_n - 1;
}

/* Neighbours in label order share most labels, often the very same bytes. */
static bool
same_bytes(const struct label *x, const struct label *y)
{
    return x->name.p == y->name.p && x->name.n == y->name.n && x->value.p == y->value.p &&
           x->value.n == y->value.n;
}

static void
note_labels(struct index_writer *w, struct labels labels)
{
    mem_grow(&w->last, &w->last_cap, labels.n, sizeof *w->last);
    mem_grow(&w->last_pairs, &w->last_pairs_cap, labels.n, sizeof *w->last_pairs);
    for (size_t i = 0; i < labels.n; i++) {
        if (i >= w->last_n || !same_bytes(&w->last[i], &labels.v[i]))
            w->last_pairs[i] = pair_id(w, &labels.v[i]);
        w->last[i] = labels.v[i];
        w->pairs[w->last_pairs[i]].count++;
    }
    w->last_n = labels.n;
}

static void
put_chunks(struct buf *b, const struct block_chunk *c, size_t n)
{
    enc_uvarint(b, n);
    for (size_t i = 0; i < n; i++) {
        if (i == 0) {
            enc_varint(b, c[0].mint);
            enc_uvarint(b, (uint64_t)c[0].maxt - (uint64_t)c[0].mint);
            enc_uvarint(b, c[0].ref);
            continue;
        }
        enc_uvarint(b, (uint64_t)c[i].mint - (uint64_t)c[i - 1].maxt);
        enc_uvarint(b, (uint64_t)c[i].maxt - (uint64_t)c[i].mint);
        enc_varint(b, (int64_t)(c[i].ref - c[i - 1].ref));
    }
}

static bool
in_order(const struct index_writer *w, struct labels labels)
{
    return w->series_n == 0 || labels_cmp((struct labels){w->last, w->last_n}, labels) < 0;
}

/* A spilled record: size:4, labels:4, pair:4 each, the chunk list. */
bool
index_writer_add(struct index_writer *w, struct labels labels, const struct block_chunk *chunks,
                 size_t n, struct err *e)
{
    CHECK_MAGIC(w, INDEX_WRITER_MAGIC);
    if (!in_order(w, labels))
        return err_set(e, ERR_CORRUPT, "series are out of order");
    if (w->series_n == UINT32_MAX)
        return err_set(e, ERR_LIMIT, "more series than an index can hold");
    note_labels(w, labels);
    struct buf *b = &w->record;
    buf_clear(b);
    enc_u32_le(b, 0);
    enc_u32_le(b, (uint32_t)labels.n);
    for (size_t i = 0; i < labels.n; i++)
        enc_u32_le(b, w->last_pairs[i]);
    put_chunks(b, chunks, n);
    enc_u32_le_at(b, 0, (uint32_t)(b->n - 4));
    file_out_put(&w->spill, buf_str(b));
    w->series_n++;
    if (w->spill.failed)
        *e = w->spill.why;
    return !w->spill.failed;
}

/* Reading the spill. */

struct record {
    struct dec pairs;
    uint32_t labels;
    str chunks;
};

static bool
next_record(struct file_in *in, struct record *r, struct err *e)
{
    str head, body;
    if (!file_in_peek(in, 4, &head, e))
        return false;
    struct dec d = dec_of(head);
    uint32_t n = dec_u32_le(&d);
    if (!file_in_peek(in, (size_t)n + 4, &body, e))
        return false;
    d = dec_of(STR(body.p, MIN(body.n, (size_t)n + 4)));
    dec_skip(&d, 4);
    r->labels = dec_u32_le(&d);
    r->pairs = dec_of(dec_bytes(&d, (size_t)r->labels * 4));
    r->chunks = dec_bytes(&d, dec_left(&d));
    if (d.bad)
        return err_set(e, ERR_CORRUPT, "%s: a record changed since it was written", in->f->path);
    file_in_skip(in, (size_t)n + 4);
    return true;
}

/* Writing the index. */

struct sorted_symbol {
    str s;
    uint32_t was;
};

static int
compare_symbols(const void *x, const void *y)
{
    return str_cmp(((const struct sorted_symbol *)x)->s, ((const struct sorted_symbol *)y)->s);
}

static unsigned
uvarint_size(uint64_t v)
{
    unsigned n = 1;
    while (v >>= 7)
        n++;
    return n;
}

/* Sorts the symbols and renumbers those of the pairs. */
static void
sort_symbols(struct index_writer *w)
{
    struct sorted_symbol *v = MEM_ARRAY(struct sorted_symbol, MAX(w->symbols_n, 1));
    uint32_t *now = MEM_ARRAY(uint32_t, MAX(w->symbols_n, 1));
    for (size_t i = 0; i < w->symbols_n; i++)
        v[i] = (struct sorted_symbol){w->symbols[i], (uint32_t)i};
    qsort(v, w->symbols_n, sizeof *v, compare_symbols);
    for (size_t i = 0; i < w->symbols_n; i++) {
        w->symbols[i] = v[i].s;
        now[v[i].was] = (uint32_t)i;
    }
    for (size_t i = 0; i < w->pairs_n; i++) {
        w->pairs[i].name = now[w->pairs[i].name];
        w->pairs[i].value = now[w->pairs[i].value];
    }
    mem_free(v);
    mem_free(now);
}

static bool
write_symbols(struct index_writer *w, struct err *e)
{
    uint64_t bytes = 4;
    for (size_t i = 0; i < w->symbols_n; i++)
        bytes += uvarint_size(w->symbols[i].n) + w->symbols[i].n;
    if (bytes > UINT32_MAX)
        return err_set(e, ERR_LIMIT, "symbol table size exceeds %u bytes: %llu", UINT32_MAX,
                       (unsigned long long)bytes);
    w->toc_symbols = file_out_pos(&w->out);
    file_out_u32_be(&w->out, (uint32_t)bytes);
    file_out_crc_start(&w->out);
    file_out_u32_be(&w->out, (uint32_t)w->symbols_n);
    for (size_t i = 0; i < w->symbols_n; i++) {
        file_out_uvarint(&w->out, w->symbols[i].n);
        file_out_put(&w->out, w->symbols[i]);
    }
    file_out_crc_end(&w->out);
    return true;
}

static void
write_entry(struct index_writer *w, struct record *r)
{
    struct buf *b = &w->record;
    buf_clear(b);
    enc_uvarint(b, r->labels);
    for (uint32_t i = 0; i < r->labels; i++) {
        const struct pair *p = &w->pairs[dec_u32_le(&r->pairs)];
        enc_uvarint(b, p->name);
        enc_uvarint(b, p->value);
    }
    buf_put(b, r->chunks);
    file_out_uvarint(&w->out, b->n);
    file_out_crc_start(&w->out);
    file_out_put(&w->out, buf_str(b));
    file_out_crc_end(&w->out);
}

static bool
write_series(struct index_writer *w, struct err *e)
{
    w->refs = MEM_ARRAY(uint32_t, MAX(w->series_n, 1));
    struct file_in in;
    file_in_init(&in, w->spill.f, w->spill_bytes);
    bool good = true;
    file_out_pad(&w->out, INDEX_SERIES_ALIGN);
    w->toc_series = file_out_pos(&w->out);
    for (size_t i = 0; i < w->series_n && good; i++) {
        struct record r;
        file_out_pad(&w->out, INDEX_SERIES_ALIGN);
        uint64_t ref = file_out_pos(&w->out) / INDEX_SERIES_ALIGN;
        w->refs[i] = (uint32_t)ref;
        good = next_record(&in, &r, e);
        if (good && ref > UINT32_MAX)
            good = err_set(e, ERR_LIMIT, "index exceeds its maximal size of 64 GiB");
        if (good)
            write_entry(w, &r);
    }
    file_in_fini(&in);
    return good;
}

static void
write_list(struct index_writer *w, const uint32_t *refs, size_t n)
{
    file_out_u32_be(&w->out, (uint32_t)(4 + 4 * n));
    file_out_crc_start(&w->out);
    file_out_u32_be(&w->out, (uint32_t)n);
    for (size_t i = 0; i < n;) {
        uint32_t big[256];
        size_t k = MIN(n - i, ARRAY_LEN(big));
        for (size_t j = 0; j < k; j++)
            big[j] = __builtin_bswap32(refs[i + j]);
        file_out_put(&w->out, STR(big, k * sizeof *big));
        i += k;
    }
    file_out_crc_end(&w->out);
}

/* Bytes of a list; a multiple of 4, so lists follow each other without padding. */
static uint64_t
list_bytes(uint64_t n)
{
    return 4 + 4 + 4 * n + 4;
}

static int
compare_pairs(const void *x, const void *y, void *arg)
{
    const struct pair *pairs = arg;
    const struct pair *a = &pairs[*(const uint32_t *)x], *b = &pairs[*(const uint32_t *)y];
    if (a->name != b->name)
        return a->name < b->name ? -1 : 1;
    return (a->value > b->value) - (a->value < b->value);
}

/* The lists of order[from, to), gathered in one reading of the spill. */
static bool
write_batch(struct index_writer *w, const uint32_t *rank, size_t from, size_t to, struct err *e)
{
    size_t total = 0;
    size_t *at = MEM_ARRAY(size_t, to - from + 1);
    for (size_t i = from; i < to; i++) {
        at[i - from] = total;
        total += w->pairs[w->order[i]].count;
    }
    uint32_t *refs = MEM_ARRAY(uint32_t, MAX(total, 1));
    struct file_in in;
    file_in_init(&in, w->spill.f, w->spill_bytes);
    bool good = true;
    for (size_t i = 0; i < w->series_n && good; i++) {
        struct record r;
        good = next_record(&in, &r, e);
        for (uint32_t k = 0; good && k < r.labels; k++) {
            uint32_t place = rank[dec_u32_le(&r.pairs)];
            if (place >= from && place < to)
                refs[at[place - from]++] = w->refs[i];
        }
    }
    /* Each cursor has arrived at the start of the next list. */
    for (size_t i = from; i < to && good; i++) {
        size_t n = w->pairs[w->order[i]].count;
        write_list(w, refs + at[i - from] - n, n);
    }
    file_in_fini(&in);
    mem_free(refs);
    mem_free(at);
    return good;
}

static bool
write_postings(struct index_writer *w, struct err *e)
{
    w->order = MEM_ARRAY(uint32_t, MAX(w->pairs_n, 1));
    for (size_t i = 0; i < w->pairs_n; i++)
        w->order[i] = (uint32_t)i;
    qsort_r(w->order, w->pairs_n, sizeof *w->order, compare_pairs, w->pairs);
    uint32_t *rank = MEM_ARRAY(uint32_t, MAX(w->pairs_n, 1));
    for (size_t i = 0; i < w->pairs_n; i++)
        rank[w->order[i]] = (uint32_t)i;

    w->toc_labels = file_out_pos(&w->out);
    file_out_pad(&w->out, 4);
    w->toc_postings = file_out_pos(&w->out);
    write_list(w, w->refs, w->series_n);
    bool good = true;
    for (size_t from = 0, to; from < w->pairs_n && good; from = to) {
        size_t total = w->pairs[w->order[from]].count;
        for (to = from + 1; to < w->pairs_n; to++) {
            total += w->pairs[w->order[to]].count;
            if (total > w->postings_max)
                break;
        }
        good = write_batch(w, rank, from, to, e);
    }
    mem_free(rank);
    return good;
}

static void
put_table_entry(struct buf *b, str name, str value, uint64_t offset)
{
    buf_clear(b);
    enc_uvarint(b, 2);
    enc_uvarint_str(b, name);
    enc_uvarint_str(b, value);
    enc_uvarint(b, offset);
}

/* Calls file_out_put for each entry, or only adds up their sizes. */
static uint64_t
table_entries(struct index_writer *w, bool write)
{
    uint64_t bytes = 0, offset = w->toc_postings;
    for (size_t i = 0; i <= w->pairs_n; i++) {
        const struct pair *p = i ? &w->pairs[w->order[i - 1]] : NULL;
        put_table_entry(&w->record, p ? w->symbols[p->name] : STR_EMPTY,
                        p ? w->symbols[p->value] : STR_EMPTY, offset);
        bytes += w->record.n;
        if (write)
            file_out_put(&w->out, buf_str(&w->record));
        offset += list_bytes(p ? p->count : w->series_n);
    }
    return bytes;
}

static bool
write_table(struct index_writer *w, struct err *e)
{
    uint64_t bytes = 4 + table_entries(w, false);
    if (bytes > UINT32_MAX)
        return err_set(e, ERR_LIMIT, "postings offset table size exceeds %u bytes: %llu",
                       UINT32_MAX, (unsigned long long)bytes);
    w->toc_table = file_out_pos(&w->out);
    file_out_u32_be(&w->out, (uint32_t)bytes);
    file_out_crc_start(&w->out);
    file_out_u32_be(&w->out, (uint32_t)w->pairs_n + 1);
    table_entries(w, true);
    file_out_crc_end(&w->out);
    return true;
}

static void
write_toc(struct index_writer *w)
{
    struct buf *b = &w->record;
    buf_clear(b);
    enc_u64_be(b, w->toc_symbols);
    enc_u64_be(b, w->toc_series);
    enc_u64_be(b, w->toc_labels);
    enc_u64_be(b, w->toc_table); /* label indices are no longer written: an empty range */
    enc_u64_be(b, w->toc_postings);
    enc_u64_be(b, w->toc_table);
    file_out_crc_start(&w->out);
    file_out_put(&w->out, buf_str(b));
    file_out_crc_end(&w->out);
}

bool
index_writer_finish(struct index_writer *w, struct err *e)
{
    CHECK_MAGIC(w, INDEX_WRITER_MAGIC);
    if (!file_out_end(&w->spill, false, e))
        return false;
    w->spill_bytes = file_out_pos(&w->spill);
    file_out_u32_be(&w->out, INDEX_MAGIC);
    file_out_put(&w->out, STRL("\2"));
    sort_symbols(w);
    if (!write_symbols(w, e) || !write_series(w, e) || !write_postings(w, e) || !write_table(w, e))
        return false;
    write_toc(w);
    return file_out_end(&w->out, true, e) && io_unlink(w->spill_path, e);
}
