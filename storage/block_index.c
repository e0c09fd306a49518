#include "storage/block_index.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/panic.h"

/* A section's payload, checked. */
static bool
section(str file, uint64_t at, const char *what, str *out, struct err *e)
{
    if (at > file.n || file.n - at < 8)
        return err_set(e, ERR_CORRUPT, "index: %s lie outside the file", what);
    struct dec d = dec_of(str_from(file, at));
    uint32_t n = dec_u32_be(&d);
    str payload = dec_bytes(&d, n);
    uint32_t crc = dec_u32_be(&d);
    if (d.bad)
        return err_set(e, ERR_CORRUPT, "index: %s are cut off", what);
    if (crc32c(0, payload) != crc)
        return err_set(e, ERR_CORRUPT, "index: checksum of %s does not match", what);
    *out = payload;
    return true;
}

static bool
open_symbols(struct block_index *x, uint64_t at, struct err *e)
{
    str payload;
    if (!section(x->file, at, "symbols", &payload, e))
        return false;
    struct dec d = dec_of(payload);
    x->symbols_n = dec_u32_be(&d);
    x->symbols = d.p;
    x->symbols_end = d.end;
    if (x->symbols_n > dec_left(&d))
        return err_set(e, ERR_CORRUPT, "index: %u symbols in %zu bytes", x->symbols_n, payload.n);
    x->symbol_marks = MEM_ARRAY(uint32_t, x->symbols_n / INDEX_SYMBOL_STEP + 1);
    str before = STR_EMPTY;
    for (uint32_t i = 0; i < x->symbols_n; i++) {
        if (i % INDEX_SYMBOL_STEP == 0)
            x->symbol_marks[i / INDEX_SYMBOL_STEP] = (uint32_t)(d.p - x->symbols);
        str s = dec_uvarint_str(&d);
        if (d.bad || (i > 0 && str_cmp(before, s) >= 0))
            return err_set(e, ERR_CORRUPT, "index: symbol %u is out of order or cut off", i);
        before = s;
    }
    return true;
}

static bool
table_entry(struct dec *d, str *name, str *value, uint64_t *offset)
{
    uint64_t keys = dec_uvarint(d);
    *name = dec_uvarint_str(d);
    *value = dec_uvarint_str(d);
    *offset = dec_uvarint(d);
    return !d->bad && keys == 2;
}

static void
note_value(struct block_index *x, str name, const uint8_t *at)
{
    if (x->names_n == 0 || !str_eq(x->names[x->names_n - 1].name, name)) {
        mem_grow(&x->names, &x->names_cap, x->names_n + 1, sizeof *x->names);
        x->names[x->names_n++] = (struct index_name){.name = name, .mark = (uint32_t)x->marks_n};
    }
    struct index_name *n = &x->names[x->names_n - 1];
    if (n->values++ % INDEX_VALUE_STEP == 0) {
        mem_grow(&x->marks, &x->marks_cap, x->marks_n + 1, sizeof *x->marks);
        x->marks[x->marks_n++] = (uint32_t)(at - x->table);
    }
}

static bool
open_table(struct block_index *x, uint64_t at, struct err *e)
{
    str payload;
    if (!section(x->file, at, "postings offsets", &payload, e))
        return false;
    struct dec d = dec_of(payload);
    uint32_t n = dec_u32_be(&d);
    x->table = d.p;
    x->table_end = d.end;
    str name_before = STR_EMPTY, value_before = STR_EMPTY;
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *entry = d.p;
        str name, value;
        uint64_t offset;
        bool good = table_entry(&d, &name, &value, &offset) && offset <= x->file.n;
        int c = str_cmp(name_before, name);
        if (!good || (i > 0 && (c > 0 || (c == 0 && str_cmp(value_before, value) >= 0))))
            return err_set(e, ERR_CORRUPT, "index: postings offset %u makes no sense", i);
        note_value(x, name, entry);
        name_before = name;
        value_before = value;
    }
    return true;
}

bool
index_open(struct block_index *x, str file, struct err *e)
{
    *x = (struct block_index){.file = file};
    struct dec d = dec_of(file);
    uint32_t magic = dec_u32_be(&d);
    unsigned version = dec_u8(&d);
    if (file.n < 5 + INDEX_TOC_BYTES)
        return err_set(e, ERR_CORRUPT, "index of %zu bytes is too short", file.n);
    if (magic != INDEX_MAGIC)
        return err_set(e, ERR_CORRUPT, "index: invalid magic number %x", magic);
    if (version != INDEX_VERSION && version != 3)
        return err_set(e, ERR_CORRUPT, "unknown index file version %u", version);
    str toc = str_from(file, file.n - INDEX_TOC_BYTES);
    d = dec_of(toc);
    uint64_t symbols = dec_u64_be(&d), series = dec_u64_be(&d), labels = dec_u64_be(&d);
    dec_skip(&d, 16); /* the table of label indices, and where postings start */
    uint64_t table = dec_u64_be(&d);
    if (crc32c(0, STR(toc.p, INDEX_TOC_BYTES - 4)) != dec_u32_be(&d))
        return err_set(e, ERR_CORRUPT, "index: checksum of the contents does not match");
    x->series_at = series;
    x->series_end = labels ? labels : file.n;
    return open_symbols(x, symbols, e) && open_table(x, table, e);
}

void
index_close(struct block_index *x)
{
    mem_free(x->symbol_marks);
    mem_free(x->names);
    mem_free(x->marks);
    *x = (struct block_index){.symbols_n = 0};
}

bool
index_symbol(const struct block_index *x, uint32_t id, str *out)
{
    if (id >= x->symbols_n)
        return false;
    const uint8_t *from = x->symbols + x->symbol_marks[id / INDEX_SYMBOL_STEP];
    struct dec d = {.p = from, .end = x->symbols_end};
    for (uint32_t i = id % INDEX_SYMBOL_STEP; i > 0; i--)
        dec_skip(&d, dec_uvarint(&d));
    *out = dec_uvarint_str(&d);
    return !d.bad;
}

bool
index_list(const struct block_index *x, uint64_t offset, struct index_list *out, struct err *e)
{
    str payload;
    if (!section(x->file, offset, "postings", &payload, e))
        return false;
    struct dec d = dec_of(payload);
    uint32_t n = dec_u32_be(&d);
    if (d.bad || dec_left(&d) != (size_t)n * 4)
        return err_set(e, ERR_CORRUPT, "index: %u postings in %zu bytes", n, payload.n);
    *out = (struct index_list){.p = d.p, .n = n};
    return true;
}

size_t
index_list_count(const struct block_index *x, uint64_t offset)
{
    if (offset > x->file.n || x->file.n - offset < 8)
        return 0;
    struct dec d = dec_of(str_from(x->file, offset + 4));
    return dec_u32_be(&d);
}

const struct index_name *
index_name(const struct block_index *x, str name)
{
    size_t lo = 0, hi = x->names_n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (str_cmp(x->names[mid].name, name) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < x->names_n && str_eq(x->names[lo].name, name) ? &x->names[lo] : NULL;
}

static struct dec
table_at(const struct block_index *x, uint32_t mark)
{
    return (struct dec){.p = x->table + x->marks[mark], .end = x->table_end};
}

struct index_values
index_values(const struct block_index *x, const struct index_name *n, str from)
{
    /* The last mark whose value is not above `from`, or the first mark. */
    uint32_t lo = 0, hi = (n->values + INDEX_VALUE_STEP - 1) / INDEX_VALUE_STEP;
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;
        struct dec d = table_at(x, n->mark + mid);
        str name, value;
        uint64_t offset;
        if (table_entry(&d, &name, &value, &offset) && str_cmp(value, from) <= 0)
            lo = mid;
        else
            hi = mid;
    }
    struct index_values v = {.in = table_at(x, n->mark + lo),
                             .left = n->values - lo * INDEX_VALUE_STEP};
    for (struct index_values next = v;;) {
        str value;
        uint64_t offset;
        if (!index_values_next(&next, &value, &offset) || str_cmp(value, from) >= 0)
            return v;
        v = next;
    }
}

bool
index_values_next(struct index_values *v, str *value, uint64_t *offset)
{
    str name;
    if (v->left == 0 || !table_entry(&v->in, &name, value, offset))
        return false;
    v->left--;
    return true;
}

bool
index_value(const struct block_index *x, str name, str value, uint64_t *offset)
{
    const struct index_name *n = index_name(x, name);
    if (n == NULL)
        return false;
    struct index_values v = index_values(x, n, value);
    str found;
    return index_values_next(&v, &found, offset) && str_eq(found, value);
}

bool
index_entry(const struct block_index *x, uint32_t ref, struct index_entry *out, struct err *e)
{
    uint64_t at = (uint64_t)ref * INDEX_SERIES_ALIGN;
    if (at < x->series_at || at >= x->series_end || x->series_end > x->file.n)
        return err_set(e, ERR_CORRUPT, "index: no series %u", ref);
    struct dec d = dec_of(str_from(x->file, at));
    str entry = dec_uvarint_str(&d);
    uint32_t crc = dec_u32_be(&d);
    if (d.bad || crc32c(0, entry) != crc)
        return err_set(e, ERR_CORRUPT, "index: checksum of series %u does not match", ref);
    d = dec_of(entry);
    uint64_t labels = dec_uvarint(&d);
    out->labels = d;
    out->labels_n = labels;
    for (uint64_t i = 0; i < labels && !d.bad; i++) {
        dec_uvarint(&d);
        dec_uvarint(&d);
    }
    uint64_t chunks = dec_uvarint(&d);
    out->chunks = d;
    out->chunks_n = chunks;
    if (d.bad || chunks > dec_left(&d))
        return err_set(e, ERR_CORRUPT, "index: series %u is cut off", ref);
    return true;
}

bool
index_entry_label(const struct block_index *x, struct dec *labels, struct label *out, struct err *e)
{
    uint64_t name = dec_uvarint(labels), value = dec_uvarint(labels);
    if (labels->bad || name >= x->symbols_n || value >= x->symbols_n ||
        !index_symbol(x, (uint32_t)name, &out->name) ||
        !index_symbol(x, (uint32_t)value, &out->value))
        return err_set(e, ERR_CORRUPT, "index: a series names a symbol that is not there");
    return true;
}

bool
index_entry_chunk(struct dec *chunks, bool first, struct block_chunk *c, struct err *e)
{
    uint64_t mint, span, ref;
    if (first) {
        mint = (uint64_t)dec_varint(chunks);
        span = dec_uvarint(chunks);
        ref = dec_uvarint(chunks);
    } else {
        mint = (uint64_t)c->maxt + dec_uvarint(chunks);
        span = dec_uvarint(chunks);
        ref = c->ref + (uint64_t)dec_varint(chunks);
    }
    *c = (struct block_chunk){.mint = (int64_t)mint, .maxt = (int64_t)(mint + span), .ref = ref};
    if (chunks->bad || c->maxt < c->mint)
        return err_set(e, ERR_CORRUPT, "index: a series' chunk list makes no sense");
    return true;
}
