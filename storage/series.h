/* series.h - the head's series: records, ids and the table by label set.
 *
 * An id is handed out once and never again while the process lives, so that a scrape
 * cache may keep it; a slot is where the record lies, and slots are used again.  One
 * atomic word per id leads from one to the other:
 *
 *     index[id] = slot + 1 | SERIES_DOOMED      0: no such series (any more)
 *
 * A record is split: 64 bytes that every append touches (one cache line: the open chunk's
 * state), 40 bytes needed when a chunk is cut and when somebody reads.  With labels at 4
 * bytes each, postings likewise, 8 / 0.6 bytes of table and 4 of index, a series with
 * ten labels takes about 230 bytes besides its open chunk.
 *
 * GARBAGE COLLECTION has two steps, because batches hold ids without a lock.  series_doom
 * marks a series; series_find_live and series_revive take the mark off again.  When all
 * batches that were open at the marking are gone (storage/pin.h), series_reap removes
 * those that still carry it.  The order of the atomics makes that safe: a batch pins
 * itself, then looks at the word; the collector marks, then looks at the pins.
 *
 * THREADS.  Label sides (table, symbols, pairs): the index lock.  Sample sides (struct
 * series, struct series_cold but for pairs): the gate.  index: atomic.
 */
#pragma once
#include "base/arena.h"
#include "base/panic.h"
#include "storage/chunk.h"
#include "storage/pin.h"
#include "storage/symbols.h"

#include <stdatomic.h>

struct series_extra; /* head.h: histograms, XOR2, out-of-order samples */

struct series {
    struct chunk_xor x;         /* open float chunk; x.t and x.value are the newest sample's */
    int64_t next_at;            /* a sample from here on starts a new chunk */
    struct series_extra *extra; /* owned; NULL for plain floats in order */
    uint32_t id;                /* 0: the slot is free */
    uint16_t labels_n;
    uint8_t encoding;           /* enum chunk_encoding of the open chunk; 0: none open */
    uint8_t flags;
};
#define SERIES_HAS_SAMPLE 1 /* x.t is valid */
#define SERIES_LOGGED 2     /* the WAL or a checkpoint has its labels */
#define SERIES_STALE 4      /* the newest sample is a stale marker */
#define SERIES_TOMBSTONED 8 /* the head's tombstones have an entry */
_Static_assert(sizeof(struct series) == 64, "one cache line an append");

struct series_cold {
    uint32_t *pairs;      /* owned; sorted by name */
    int64_t open_mint;    /* first time in the open chunk */
    int64_t mint;         /* oldest time in any chunk of the head */
    uint64_t sealed;      /* newest sealed chunk (head_file.h), 0 none */
    uint32_t hash;
    uint32_t sealed_n;    /* sealed chunks not yet truncated */
};

#define SERIES_DOOMED 0x80000000u
#define SERIES_INDEX_PAGE 16384u
#define SERIES_SLOT_PAGE 65536u
#define SERIES_SLOT_PAGES 1024u /* 64 Mi series at a time */

struct series_page {
    struct series hot[SERIES_SLOT_PAGE];
    struct series_cold cold[SERIES_SLOT_PAGE];
};
struct series_table {
    struct symbols symbols;
    struct id_table by_labels;
    struct posting_list all;            /* every series */
    _Atomic(_Atomic(uint32_t) *) *index;
    uint32_t *index_live;               /* per index page: live ids */
    struct series_page **pages;
    uint32_t next_id;
    uint32_t slots_n;                   /* slots ever used */
    uint32_t *free_slots;
    size_t free_slots_n, free_slots_cap;
    uint32_t live;
    uint64_t created;
    struct series_limbo {
        uint64_t stamp;
        void *memory;                   /* label array or index page */
    } *limbo;
    size_t limbo_n, limbo_cap;
};

void series_table_init(struct series_table *t);
/* The owner has freed every record's chunk and extra. */
void series_table_fini(struct series_table *t);

static inline struct series *
series_hot(const struct series_table *t, uint32_t slot)
{
    return &t->pages[slot / SERIES_SLOT_PAGE]->hot[slot % SERIES_SLOT_PAGE];
}
static inline struct series_cold *
series_cold(const struct series_table *t, uint32_t slot)
{
    return &t->pages[slot / SERIES_SLOT_PAGE]->cold[slot % SERIES_SLOT_PAGE];
}
static inline uint32_t
series_word(const struct series_table *t, uint32_t id)
{
    _Atomic(uint32_t) *page = atomic_load_explicit(&t->index[id / SERIES_INDEX_PAGE],
                                                   memory_order_acquire);
    return page ? atomic_load_explicit(&page[id % SERIES_INDEX_PAGE], memory_order_seq_cst) : 0;
}
/* The slot of a series that is known to live (doomed or not). */
static inline uint32_t
series_slot(const struct series_table *t, uint32_t id)
{
    uint32_t word = series_word(t, id);
    CHECK(word != 0);
    return (word & ~SERIES_DOOMED) - 1;
}
/* False if id names no series.  Takes a doom mark off. */
bool series_revive(struct series_table *t, uint32_t id);

/* 0 if unknown; REQUIRES the index lock, shared. hash is (uint32_t)labels_hash(ls). */
uint32_t series_find(const struct series_table *t, struct labels ls, uint32_t hash);
/* series_find for up to SERIES_FIND_MANY sets, with the waits for memory overlapped. */
#define SERIES_FIND_MANY 32u
void series_find_many(const struct series_table *t, const struct labels *ls, const uint32_t *hashes,
                      size_t n, uint32_t *ids);
/* Adds a series that series_find did not find; 0 when ids, slots or pairs are used up.
 * REQUIRES the index lock. */
uint32_t series_create(struct series_table *t, struct labels ls, uint32_t hash);
/* As series_create from pair ids, under a given id that is not in use (recovery).  With
 * `later` it cannot be found by its labels until series_index_restored, which does that for
 * all at once and so without waiting for memory at each. */
uint32_t series_restore(struct series_table *t, uint32_t id, const uint32_t *pairs, size_t n,
                        bool later);
void series_index_restored(struct series_table *t);
/* The labels of n pairs; strings live while a pin is held, array in the arena.  A view
 * that pinned while the series lived may do this later, without a lock. */
struct labels series_labels(const struct series_table *t, const uint32_t *pairs, size_t n,
                            struct arena *a);

/* Gives the series the ids 1, 2, 3 … in their order, before anybody holds one: a process
 * hands out 2^32 at most, and the numbering must not run out over its successors.  Returns
 * the former ids (gives): that of id k is at k - 1. */
struct ids series_renumber(struct series_table *t);

void series_doom(struct series_table *t, uint32_t id);
/* Removes the doomed among ids (ascending); returns how many and their slots, whose
 * chunks and extras the caller has to free and then give to series_free_slots.
 * REQUIRES gate and index lock, both exclusive. */
size_t series_reap(struct series_table *t, struct ids ids, uint64_t stamp, uint32_t *slots);
void series_free_slots(struct series_table *t, const uint32_t *slots, size_t n);
void series_sweep(struct series_table *t, struct pins *pins);
