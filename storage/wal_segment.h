/* wal_segment.h - one file of the write-ahead log: its bytes, written and read.
 *
 * SEGMENT <dir>/00000001 …, all integers little-endian, preallocated with zeros
 *   OFFSET  SIZE  FIELD
 *        0     8  "NRTXWAL1"
 *        8     4  format, 1
 *       12     4  segment number, as in the name
 *       16     8  salt, random
 *       24     8  sequence number of the first record
 *       32     8  creation time, Unix milliseconds
 *       40    20  zero
 *       60     4  crc32c of the first 60 bytes
 *       64     *  records, then zeros
 * RECORD
 *        0     2  magic a5c3
 *        2     1  version, 1
 *        3     1  type (enum wal_type), + 128 if the payload is lz4
 *        4     4  size of the payload as stored
 *        8     8  sequence number: one more than the record before
 *       16     4  size of the payload unpacked
 *       20     4  crc32c of the segment's number (4), its salt (8), bytes 0-19, payload
 *       24     *  payload
 *
 * In segment 1 with salt 0102030405060708, record 9 with payload "hi" (checked by a test):
 *   c3a5 01 01 02000000 0900000000000000 02000000 73707571 6869
 *
 * The checksum knows the segment, so bytes that a file system left over from another file
 * are no records.  Lengths are checked before they are used.
 *
 * READING.  A record is valid iff magic, version, sizes and checksum agree.  A MiB of zeros
 * where a record would start, or the end of the file, end the segment.  Anything else is damage:
 * the reader looks for the next valid record byte by byte and reports the range between,
 * or reports up to the end.  Whether that is a torn tail, only the next segment tells:
 * its first sequence number says whether records are missing.
 */
#pragma once
#include "base/buf.h"
#include "base/err.h"
#include "base/io.h"

#define WAL_SEGMENT_HEADER 64u
#define WAL_RECORD_HEADER 24u

enum wal_type {
    WAL_BATCH = 1,
    WAL_BATCH_PART = 2, /* of a payload beyond LIMIT_WAL_RECORD_BYTES: goes on in the next */
};                      /* record, which has the same sequence number */

struct wal_segment {
    struct io_file *file; /* owned; NULL once sealed */
    char *path;           /* owned */
    uint32_t number;
    uint64_t salt;
    uint64_t first_seq;
    uint64_t end;         /* end of the last whole record */
    uint64_t size;
    uint64_t last_seq;    /* of the records in it; first_seq - 1 when none */
};
/* The path of a segment; gives. */
char *wal_segment_path(const char *dir, uint32_t number);
/* Makes a durable empty segment with room for `size` bytes under its final name. */
bool wal_segment_create(struct wal_segment **out, const char *dir, uint32_t number,
                        uint64_t first_seq, uint64_t size, struct err *e) MUST_USE;
/* Closes the file; s stays as a description. */
void wal_segment_seal(struct wal_segment *s);
void wal_segment_free(struct wal_segment **s);

/* Appends a record to out; small or incompressible payloads are stored plain. */
void wal_frame_put(struct buf *out, const struct wal_segment *s, uint64_t seq, enum wal_type type,
                   str plain);
/* Makes the records in frames valid in another segment. */
void wal_frames_reseal(struct buf *frames, const struct wal_segment *s);

struct wal_record {
    uint64_t seq;
    uint8_t type;      /* enum wal_type, or one of a newer version */
    bool packed;
    uint32_t plain_size;
    str payload;       /* borrowed until the next call */
    uint64_t at, end;  /* offsets in the file */
};
enum wal_read { WAL_READ_RECORD, WAL_READ_DAMAGE, WAL_READ_END, WAL_READ_FAILED };

struct wal_reader {
    struct io_file *file; /* owned */
    struct buf image;     /* the file's bytes so far read */
    bool whole;           /* image is all of it */
    bool failed;          /* the disk did not give it: why is in `why` */
    struct err why;
    uint32_t number;
    uint64_t salt, first_seq, at;
    uint64_t bad_from, bad_to; /* after WAL_READ_DAMAGE */
};
/* ERR_CORRUPT if the segment's header is not valid, ERR_IO if it cannot be read.  What cannot
 * be read is not damage: it may be read the next time. */
bool wal_reader_open(struct wal_reader *r, const char *path, struct err *e) MUST_USE;
void wal_reader_close(struct wal_reader *r);
enum wal_read wal_reader_next(struct wal_reader *r, struct wal_record *out);
/* Goes on at this offset if a valid record with this sequence number is there. */
bool wal_reader_seek(struct wal_reader *r, uint64_t at, uint64_t seq);
/* Unpacks the payload, appended to out. */
bool wal_record_plain(const struct wal_record *rec, struct buf *out, struct err *e) MUST_USE;
