/* block_chunks.h - the chunk segment files of a block, read in place.
 *
 * FORMAT of chunks/000001, 000002 …, Prometheus' (integers big-endian)
 *   OFFSET  SIZE  FIELD
 *        0     4  magic 85bd40dd
 *        4     1  version 1
 *        5     3  zero
 *        8     *  chunks: uvarint len, encoding:1, data:len, crc32c:4 of encoding and data
 * A reference is the segment's place in the list << 32 | offset of the chunk's len.
 *
 * Reading a chunk reads the map: run it under io_map_guard_run.
 */
#pragma once
#include "base/err.h"
#include "base/io.h"
#include "storage/chunk.h"

#define CHUNKS_MAGIC 0x85bd40ddu
#define CHUNKS_VERSION 1
#define CHUNKS_HEADER_BYTES 8

struct block_chunks {
    struct io_map *maps; /* owned */
    size_t n;
    uint64_t bytes;
};
/* Maps <dir>/chunks; an empty or missing folder has no segments. */
bool chunks_open(struct block_chunks *c, const char *dir, struct err *e) MUST_USE;
void chunks_close(struct block_chunks *c);
/* Data is borrowed from the map. */
bool chunks_get(const struct block_chunks *c, uint64_t ref, enum chunk_encoding *encoding,
                str *data, struct err *e) MUST_USE;
/* The samples its header claims, without checking it; 0 if there is no chunk. */
unsigned chunks_samples(const struct block_chunks *c, uint64_t ref);
