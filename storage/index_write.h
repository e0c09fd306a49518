/* index_write.h - building the `index` file of a block from a stream of series.
 *
 * The format (block_index.h) wants symbols before series and postings behind them.  So
 * each series is first noted in a spill file with the numbers of its label pairs and its
 * chunk list as it will stand in the index; index_writer_finish sorts the symbols, writes
 * symbols, then series from the spill, then postings in batches: for each batch of
 * pairs whose lists fit `postings_bytes` the spill is read once more.
 */
#pragma once
#include "base/err.h"
#include "model/labels.h"
#include "storage/block.h"

struct index_writer;

/* Files are <dir>/index and, until finish, <dir>/index.spill. */
bool index_writer_open(struct index_writer **out, const char *dir, size_t postings_bytes,
                       struct err *e) MUST_USE;
/* Label strings are borrowed until the writer is closed. */
bool index_writer_add(struct index_writer *w, struct labels labels,
                      const struct block_chunk *chunks, size_t n, struct err *e) MUST_USE;
/* Writes and syncs the index, removes the spill. */
bool index_writer_finish(struct index_writer *w, struct err *e) MUST_USE;
void index_writer_close(struct index_writer **w); /* *w may be NULL */
