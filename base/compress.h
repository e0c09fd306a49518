/* compress.h - the compressions of the wire and the disk, each bounded on output.
 *
 * libdeflate (gzip, zlib), zlib's streaming inflate where the size is unknown is not
 * needed: decoders take a max and fail with ERR_LIMIT when the output would pass it
 * or when the ratio passes COMPRESS_RATIO_MAX.
 * Contexts are kept per thread; nothing here locks.
 */
#pragma once
#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"

/* Each appends to out. */
bool gzip_inflate(str in, size_t max, struct buf *out, struct err *e) MUST_USE;
void gzip_deflate(str in, int level, struct buf *out);
bool zlib_inflate(str in, size_t max, struct buf *out, struct err *e) MUST_USE;
void zlib_deflate(str in, int level, struct buf *out);
/* Snappy block format (remote write, Prometheus WAL). */
bool snappy_decode(str in, size_t max, struct buf *out, struct err *e) MUST_USE;
void snappy_encode(str in, struct buf *out);
/* zstd frames. */
bool zstd_decode(str in, size_t max, struct buf *out, struct err *e) MUST_USE;
void zstd_encode(str in, int level, struct buf *out);
/* LZ4 block with the plain size known to the reader. */
void lz4_encode(str in, struct buf *out);
bool lz4_decode(str in, size_t plain_size, struct buf *out, struct err *e) MUST_USE;
void base64_encode(str in, struct buf *out);
bool base64_decode(str in, struct buf *out);
