/* block_write.h - writing a block as a stream of series.
 *
 * block_writer_begin, block_writer_add for each series in ascending label order, then
 * block_writer_finish or block_writer_abort.
 *
 * HOW.  Chunk bytes go to the segment files at once.  The index wants its symbols first
 * and its postings last, so each series is noted in a spill file meanwhile, with numbers
 * for its label pairs; finish sorts the symbols, writes the series in a second pass and
 * the postings in as many further passes as keep the lists under construction within
 * BLOCK_WRITER_POSTINGS_BYTES.  Memory grows with the number of distinct label pairs
 * (about 60 bytes each) and by 4 bytes a series, not with samples.
 *
 * DURABILITY.  All is written in <dir>/<ulid>.tmp-for-creation, every file and folder is
 * synced, the folder renamed to its final name and <dir> synced.  A crash leaves the
 * whole block or a folder that the database removes at start.  After a failure of any
 * call the writer only accepts block_writer_abort.
 */
#pragma once
#include "base/err.h"
#include "model/labels.h"
#include "storage/block.h"
#include "storage/chunk.h"

#define BLOCK_WRITER_POSTINGS_BYTES (32u << 20)
#define BLOCK_SEGMENT_BYTES (512u << 20) /* Prometheus' limit of a chunk segment */
#define BLOCK_TMP_SUFFIX ".tmp-for-creation"

struct block_writer;

struct block_write_opts {
    const char *dir;                         /* the parent of block folders; copied */
    int64_t mint, maxt;                      /* the block's bounds, maxt exclusive */
    unsigned level;                          /* 0 means 1 */
    const struct block_meta *const *parents; /* blocks this one is made of; their sources */
    size_t parents_n;                        /* are united.  None: its own source. Borrowed */
                                             /* during begin. */
    bool out_of_order;                       /* hints */
    bool stale_series;
    bool selected;
    bool own_source;        /* parents are named, but the source is itself (clean tombstones) */
    uint64_t segment_bytes; /* 0: BLOCK_SEGMENT_BYTES; tests make both small */
    size_t postings_bytes;  /* 0: BLOCK_WRITER_POSTINGS_BYTES */
};
bool block_writer_begin(struct block_writer **out, const struct block_write_opts *o,
                        struct err *e) MUST_USE;

struct block_writer_chunk {
    enum chunk_encoding encoding;
    int64_t mint, maxt; /* of its first and last sample */
    str data;           /* borrowed for the call */
};
/* Series must ascend by labels_cmp, chunks by mint without overlap: else ERR_CORRUPT, as
 * both may come from another's files.  A series without chunks is left out.  Label
 * strings are borrowed until finish or abort: they live in the head or in mapped blocks. */
bool block_writer_add(struct block_writer *w, struct labels labels,
                      const struct block_writer_chunk *c, size_t n, struct err *e) MUST_USE;
/* Publishes.  ulid_out is the block's name, or "" when no series was added and therefore
 * no block made.  Ends the writer in any case. */
bool block_writer_finish(struct block_writer **w, char ulid_out[ULID_TEXT + 1],
                         struct err *e) MUST_USE;
void block_writer_abort(struct block_writer **w); /* removes what was written; *w may be NULL */

/* Cuts a column into chunks of CHUNK_TARGET_SAMPLES and adds the series: for callers that
 * hold samples, not chunks (out-of-order head, backfill, re-encoding).  Floats become
 * XOR, or XOR2 if xor2; columns with start times become XOR2. */
bool block_writer_add_column(struct block_writer *w, struct labels labels, const struct column *c,
                             bool xor2, struct err *e) MUST_USE;
/* The cutting alone: chunks in the arena; returns how many. */
size_t block_writer_cut(struct arena *a, const struct column *c, bool xor2,
                        struct block_writer_chunk **out);
