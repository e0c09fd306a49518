/* block_index.h - the `index` file of a block, read in place.
 *
 * FORMAT, Prometheus' (integers big-endian; a section is len:4, len bytes, crc32c:4)
 *   OFFSET  SIZE  FIELD
 *        0     4  magic baaad700
 *        4     1  version 2 (3 has the same bytes for us; 1 is refused)
 *        *     *  symbols: section of count:4, (uvarint len, bytes)* ascending
 *        *     *  series, each at a multiple of 16: uvarint len, entry, crc32c:4
 *        *     *  postings: sections of count:4, (ref:4)* ascending, 4-byte aligned
 *        *     *  postings table: section of count:4, (uvarint 2, name, value, uvarint
 *                 offset of the postings)*, strings with uvarint lengths, ascending
 *      -52     *  contents: offsets:8 of symbols, series, label indices, their table,
 *                 postings, postings table; crc32c:4
 *   entry         uvarint labels, (uvarint name, uvarint value)*: symbol numbers;
 *                 uvarint chunks, first (varint mint, uvarint maxt-mint, uvarint ref),
 *                 others (uvarint mint - last maxt, uvarint maxt-mint, varint ref - last)
 *   A ref of a series is its offset / 16.  The postings of ("", "") are all series.
 *
 * IN MEMORY.  The place of every 8th symbol, every 32nd value, and one record a label
 * name.  Opening reads symbols and postings table once, checks their CRC and order, and
 * every later walk relies on that.
 *
 * All functions read the map: callers run them under io_map_guard_run.
 */
#pragma once
#include "base/codec.h"
#include "base/err.h"
#include "storage/block.h"

#define INDEX_MAGIC 0xbaaad700u
#define INDEX_VERSION 2
#define INDEX_SYMBOL_STEP 8
#define INDEX_VALUE_STEP 32
#define INDEX_TOC_BYTES 52
#define INDEX_SERIES_ALIGN 16

struct index_name {
    str name;        /* in the map */
    uint32_t values; /* how many */
    uint32_t mark;   /* its first in marks */
};
struct block_index {
    str file;               /* the map */
    const uint8_t *symbols; /* behind the count */
    const uint8_t *symbols_end;
    uint32_t symbols_n;
    uint32_t *symbol_marks; /* owned; offsets from symbols */
    const uint8_t *table;   /* the postings table behind its count */
    const uint8_t *table_end;
    struct index_name *names; /* owned; ascending */
    size_t names_n, names_cap;
    uint32_t *marks; /* owned; offsets from table, per name every 32nd value */
    size_t marks_n, marks_cap;
    uint64_t series_at, series_end; /* file offsets between which series lie */
};

bool index_open(struct block_index *x, str file, struct err *e) MUST_USE;
void index_close(struct block_index *x);

/* Borrowed from the map; false if there is no such symbol. */
bool index_symbol(const struct block_index *x, uint32_t id, str *out);

/* A postings list in the map, CRC checked. */
struct index_list {
    const uint8_t *p;
    size_t n;
};
static inline uint32_t
index_ref(const struct index_list *l, size_t i)
{
    uint32_t v;
    memcpy(&v, l->p + 4 * i, 4);
    return __builtin_bswap32(v);
}
bool index_list(const struct block_index *x, uint64_t offset, struct index_list *out,
                struct err *e);
/* Number of entries, read without checking the list. */
size_t index_list_count(const struct block_index *x, uint64_t offset);

const struct index_name *index_name(const struct block_index *x, str name); /* or NULL */
/* The values of a name in order, from the first that is not below `from`. */
struct index_values {
    struct dec in;
    uint32_t left;
};
struct index_values index_values(const struct block_index *x, const struct index_name *n, str from);
bool index_values_next(struct index_values *v, str *value, uint64_t *offset);
/* Offset of the postings of name=value; false if there are none. */
bool index_value(const struct block_index *x, str name, str value, uint64_t *offset);

/* A series' entry without its labels resolved; CRC checked. */
struct index_entry {
    struct dec labels; /* uvarint pairs */
    size_t labels_n;
    struct dec chunks;
    size_t chunks_n;
};
bool index_entry(const struct block_index *x, uint32_t ref, struct index_entry *out, struct err *e);
/* The symbols of the next pair of a copy of entry.labels. */
bool index_entry_label(const struct block_index *x, struct dec *labels, struct label *out,
                       struct err *e);
/* The next chunk; *c is the one before, zeroed at first. */
bool index_entry_chunk(struct dec *chunks, bool first, struct block_chunk *c, struct err *e);
