/* file_out.h - writing and rereading a file in one direction, through a buffer.
 *
 * For block files: sequential, megabytes at a time, with a running CRC where a section
 * has one.  The first failure sticks: later calls do nothing, file_out_end reports it.
 */
#pragma once
#include "base/buf.h"
#include "base/codec.h"
#include "base/err.h"
#include "base/io.h"

struct file_out {
    struct io_file *f;
    struct buf b; /* not yet written */
    uint64_t at;  /* file offset where b goes */
    uint32_t crc; /* of what was put since file_out_crc_start */
    bool failed;
    struct err why;
};
/* Creates path.  After false only file_out_close may be called. */
bool file_out_open(struct file_out *o, const char *path, struct err *e) MUST_USE;
void file_out_put(struct file_out *o, str s);
void file_out_u32_be(struct file_out *o, uint32_t v);
void file_out_uvarint(struct file_out *o, uint64_t v);
/* Zero bytes up to a multiple of align. */
void file_out_pad(struct file_out *o, unsigned align);
static inline uint64_t
file_out_pos(const struct file_out *o)
{
    return o->at + o->b.n;
}
static inline void
file_out_crc_start(struct file_out *o)
{
    o->crc = 0;
}
/* Writes the CRC since the start. */
void file_out_crc_end(struct file_out *o);
/* Flushes, and syncs if asked. */
bool file_out_end(struct file_out *o, bool sync, struct err *e) MUST_USE;
void file_out_close(struct file_out *o); /* of a zeroed one too */

/* Records read back: `want` contiguous bytes at a time. */
struct file_in {
    struct io_file *f; /* borrowed */
    struct buf b;
    size_t used;      /* of b */
    uint64_t at, end; /* file offset behind b; how far to read */
};
void file_in_init(struct file_in *i, struct io_file *f, uint64_t end);
/* Up to `want` bytes from here on, fewer at the end of the file; borrowed until the next
 * call.  False: reading failed. */
bool file_in_peek(struct file_in *i, size_t want, str *out, struct err *e) MUST_USE;
void file_in_skip(struct file_in *i, size_t n); /* at most what was peeked */
void file_in_fini(struct file_in *i);
