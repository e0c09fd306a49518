/* head_file.h - where sealed chunks of the head go.
 *
 * A sealed chunk never changes, so it does not belong on the heap: chunks are packed into
 * pages of 256 KiB, pages are written to files by the WAL's flusher and then read through
 * a mapping, and the kernel decides what stays in memory.  Nothing here is written under
 * a lock: a commit puts the chunk into the page under construction and goes on.
 *
 * The chunks of one series form a list from the newest back: each names its predecessor,
 * and the series keeps one reference.  Chunks do not overlap within a list, so a reader
 * stops at the first that ends before its range.  (An array of references per series was
 * 20 bytes a chunk; the list is free because its links lie beside the data.)
 *
 * A reference is page << 18 | offset; page numbers start at 1 and never repeat, so 0 is
 * "none" and a reference to a dropped page is known to be one.
 *
 * CHUNK (little-endian)
 *   OFFSET  SIZE  FIELD
 *        0     4  crc32c of the rest
 *        4     3  size of data
 *        7     1  encoding (chunk.h)
 *        8     4  series id
 *       12     4  maxt - mint
 *       16     8  mint
 *       24     8  reference of the predecessor, 0 none
 *       32     *  data
 * A page ends at the first chunk whose size is 0 or that does not check.
 *
 * FILES  <dir>/00000001 …: HEAD_FILE_PAGES pages each, file k holds the pages from
 * (k-1) * HEAD_FILE_PAGES + 1 on.  Only a checkpoint makes them durable (head_file_sync);
 * what is newer comes again from the WAL.  A page is only ever appended to.
 *
 * READERS take the head_map of the moment: an immutable, refcounted table of pages.  A
 * page moves from heap to mapping by a new table, so readers need no lock and a page goes
 * when its last reader does.  Bytes of a page beyond what was there at that moment may be
 * written meanwhile; no reference leads there.
 */
#pragma once
#include "base/err.h"
#include "base/sync.h"
#include "storage/chunk.h"

#define HEAD_PAGE_BITS 18
#define HEAD_PAGE_BYTES (1u << HEAD_PAGE_BITS)
#define HEAD_FILE_PAGES 256u /* 64 MiB */
#define HEAD_CHUNK_HEADER 32u

struct head_chunk {
    enum chunk_encoding encoding;
    uint32_t series;
    int64_t mint, maxt;
    uint64_t prev;
    str data;
};

struct head_file;
struct head_map;

/* dir NULL: pages stay on the heap; read_only: too, but existing files are read.  gate is
 * the head's, used as said below.  Files are looked at only by head_file_resume. */
bool head_file_open(struct head_file **out, const char *dir, bool read_only, struct rwlock *gate,
                    struct err *e) MUST_USE;
void head_file_close(struct head_file **f);

/* Reserves a chunk of c->data.n bytes and returns where its bytes go; c->data.p is not
 * looked at.  head_file_seal finishes it.  REQUIRES the gate, exclusive; no I/O. */
uint8_t *head_file_reserve(struct head_file *f, const struct head_chunk *c, uint64_t *ref);
void head_file_seal(struct head_file *f, uint64_t ref);
/* Where the next chunk goes at the earliest: all references so far are below.  REQUIRES the
 * gate. */
uint64_t head_file_end_ref(struct head_file *f);

/* REQUIRES the gate; the reference taken outlives it. */
struct head_map *head_file_map(struct head_file *f);
void head_map_unref(struct head_map **m);
enum head_map_result { HEAD_MAP_OK, HEAD_MAP_GONE, HEAD_MAP_CORRUPT };
/* Data is borrowed from the map. */
enum head_map_result head_map_get(const struct head_map *m, uint64_t ref, struct head_chunk *out);

/* Drops leading pages whose chunks all end before mint and that lie before keep_ref
 * (0: no such bound).  REQUIRES the gate, exclusive; no I/O: files go by head_file_purge. */
void head_file_truncate(struct head_file *f, int64_t mint, uint64_t keep_ref);

/* The rest does I/O under a lock of its own (HEAD_FILE).  It takes the gate for moments: to
 * look at the page under construction and to put mapped pages into the table. */
/* Full pages waiting for the disk. */
size_t head_file_waiting(struct head_file *f);
/* Writes full pages (or, with `all`, what there is), so that their heap can go. */
bool head_file_write(struct head_file *f, bool all, struct err *e) MUST_USE;
/* Makes all that was written durable. */
bool head_file_sync(struct head_file *f, struct err *e) MUST_USE;
/* Unlinks files whose pages were all dropped. */
void head_file_purge(struct head_file *f);
uint64_t head_file_bytes(struct head_file *f); /* on disk */
/* First live page and the one after the last: what a checkpoint notes.  REQUIRES the
 * gate. */
void head_file_range(struct head_file *f, uint32_t *first, uint32_t *end);
/* Newest time in a page: INT64_MIN if there is no such page; setting is for recovery. */
int64_t head_file_page_maxt(struct head_file *f, uint32_t page);
void head_file_set_page_maxt(struct head_file *f, uint32_t page, int64_t maxt);
/* On a fresh object: pages first…end-1 of existing files hold chunks and are mapped, other
 * files are removed, new chunks go to pages from `end` on.  Files that are missing or
 * short leave their pages out (HEAD_MAP_GONE); one that the disk does not give is ERR_IO. */
bool head_file_resume(struct head_file *f, uint32_t first, uint32_t end, struct err *e) MUST_USE;
