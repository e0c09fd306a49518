/* block.h - an immutable block of samples, read.
 *
 * A block is a folder named by its ULID: meta.json, index, chunks/000001…, tombstones;
 * Prometheus' formats (block_index.h and block_chunks.h have the bytes).
 *
 * OPENING maps the files and makes a small table in memory: every 8th symbol and every
 * 32nd value of each label.  The table of contents, the postings table and the symbols
 * are checked against their CRCs here; every other section, series and chunk is
 * checked whenever it is read, and failing gives ERR_CORRUPT that names the block,
 * never a wrong number.
 *
 * LIFETIME.  Refcounted; holders are the database's list, each open view, a compaction.
 * block_open gives one reference.  Label strings point into the map and live as long as
 * the reference.  The folder may be removed while references live.  If a file shrinks
 * underneath, calls fail with ERR_IO and strings handed out before read as zeros.
 *
 * THREADS.  All reading functions may run in parallel and take no lock, but for a short
 * one around the pointer to the tombstones while there are any.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "model/labels.h"
#include "model/matcher.h"
#include "model/sample.h"
#include "storage/chunk.h"
#include "storage/tombstone.h"

#define ULID_TEXT 26
/* A new ULID for this millisecond, NUL-terminated; ascending within the process. */
void ulid_new(char out[ULID_TEXT + 1]);
bool ulid_valid(str s);
/* Milliseconds since 1970 in the first ten characters. */
int64_t ulid_time_ms(const char *ulid);

struct block_desc {
    char ulid[ULID_TEXT + 1];
    int64_t mint, maxt;
};
/* meta.json. */
struct block_meta {
    char ulid[ULID_TEXT + 1];
    int64_t mint, maxt; /* maxt is exclusive */
    uint64_t samples, float_samples, histogram_samples, series, chunks, tombstones;
    unsigned level;
    char (*sources)[ULID_TEXT + 1]; /* owned */
    size_t sources_n;
    struct block_desc *parents; /* owned */
    size_t parents_n;
    bool deletable, failed;
    bool out_of_order; /* hint from-out-of-order */
    bool stale_series; /* hint from-stale-series */
    bool selected;     /* hint from-selected-series */
};
bool block_meta_read(const char *dir, struct block_meta *out, struct err *e) MUST_USE;
bool block_meta_write(const struct block_meta *m, const char *dir,
                      struct err *e) MUST_USE; /* durable */
void block_meta_copy(struct block_meta *to, const struct block_meta *from);
void block_meta_fini(struct block_meta *m);

struct block;
bool block_open(struct block **out, const char *dir, struct err *e) MUST_USE;
struct block *block_ref(struct block *b);
void block_unref(struct block **b); /* *b may be NULL */
/* Fixed but for `tombstones`, which block_delete moves: read it by block_tombstones. */
const struct block_meta *block_meta(const struct block *b);
const char *block_dir(const struct block *b);
uint64_t block_size_bytes(const struct block *b); /* of all its files */
uint64_t block_tombstones(const struct block *b);
/* Checks every byte: all sections, series and chunks (tsdb verify, the scrubber). */
bool block_verify(struct block *b, struct err *e) MUST_USE;

/* Sorted references (in label order) of the series that all matchers accept; n 0 gives
 * all.  A regular expression sees each distinct value once.  An absent label is "". */
bool block_postings(struct block *b, const struct matcher *m, size_t n, struct arena *a,
                    uint32_t **out, size_t *out_n, struct err *e) MUST_USE;

struct block_chunk {
    int64_t mint, maxt; /* both inclusive */
    uint64_t ref;       /* segment << 32 | offset */
};
struct block_series {
    uint32_t ref;
    struct labels labels;       /* strings in the map, array in the arena */
    struct block_chunk *chunks; /* in the arena; ascending mint */
    size_t chunks_n;
};
/* Reads one entry.  Only chunks overlapping [mint, maxt] are listed. */
bool block_series_get(struct block *b, uint32_t ref, int64_t mint, int64_t maxt, struct arena *a,
                      struct block_series *out, struct err *e) MUST_USE;
/* Appends its samples in [mint, maxt] minus deleted ones to out (arrays in the arena),
 * ascending, equal times once; out must end before mint. */
bool block_read(struct block *b, const struct block_series *s, int64_t mint, int64_t maxt,
                struct arena *a, struct column *out, struct err *e) MUST_USE;
/* Upper bound on what block_read yields, from the chunk headers. */
uint64_t block_estimate(struct block *b, const struct block_series *s, int64_t mint, int64_t maxt);
/* One chunk as stored, CRC checked; data is borrowed from the map. */
bool block_chunk_get(struct block *b, const struct block_chunk *c, enum chunk_encoding *encoding,
                     str *data, struct err *e) MUST_USE;
/* The deleted ranges of a series, copied into the arena. */
struct intervals block_deleted(struct block *b, uint32_t ref, struct arena *a);

/* Sorted; arrays in the arena, strings in the map.  With matchers only names and values
 * of series they accept.  limit 0: all, else at most limit. */
bool block_label_names(struct block *b, const struct matcher *m, size_t n, struct arena *a,
                       str **out, size_t *out_n, struct err *e) MUST_USE;
bool block_label_values(struct block *b, str name, const struct matcher *m, size_t n, size_t limit,
                        struct arena *a, str **out, size_t *out_n, struct err *e) MUST_USE;

/* Deletes [mint, maxt] of the series the matchers accept: tombstones and meta.json are
 * durable on return.  One caller at a time; readers see old or new. */
bool block_delete(struct block *b, const struct matcher *m, size_t n, int64_t mint, int64_t maxt,
                  struct err *e) MUST_USE;
/* Sets compaction.failed or .deletable in meta.json, durably. */
bool block_mark(struct block *b, bool failed, bool deletable, struct err *e) MUST_USE;
