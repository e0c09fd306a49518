/* io.h - the one door to files.
 *
 * Every call loops over EINTR and short transfers, opens with O_CLOEXEC, refuses
 * descriptors below 3, passes the fault points of base/fault.def and reports through
 * struct err ("PATH: reason").  Paths are C strings.
 */
#pragma once
#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"

struct io_file {
    unsigned magic;
    int fd;
    char *path; /* owned */
};

enum io_mode { IO_READ, IO_WRITE_NEW, IO_WRITE_EXISTING, IO_WRITE_CREATE };
bool io_open(struct io_file **out, const char *path, enum io_mode mode, struct err *e) MUST_USE;
void io_close(struct io_file **f); /* no sync */
bool io_pread(struct io_file *f, void *out, size_t n, uint64_t at, size_t *got, struct err *e) MUST_USE;
bool io_pwrite(struct io_file *f, str data, uint64_t at, struct err *e) MUST_USE;
bool io_datasync(struct io_file *f, struct err *e) MUST_USE;
bool io_sync(struct io_file *f, struct err *e) MUST_USE;
bool io_truncate(struct io_file *f, uint64_t size, struct err *e) MUST_USE;
/* Reserves blocks and sets the size, zero-filled. */
bool io_allocate(struct io_file *f, uint64_t size, struct err *e) MUST_USE;
bool io_size(struct io_file *f, uint64_t *out, struct err *e) MUST_USE;

/* Whole files. */
bool io_read_file(const char *path, size_t max, struct buf *out, struct err *e) MUST_USE;
/* Durable replacement: path.tmp, fsync, rename, fsync of the directory. */
bool io_replace(const char *path, str data, struct err *e) MUST_USE;

/* Directories and names. */
bool io_mkdir_all(const char *path, struct err *e) MUST_USE; /* the new names are durable */
bool io_rename(const char *from, const char *to, struct err *e) MUST_USE;
bool io_unlink(const char *path, struct err *e) MUST_USE;
bool io_link(const char *from, const char *to, struct err *e) MUST_USE;
/* Follows no links; a path that is not there is done already. */
bool io_remove_tree(const char *path, struct err *e) MUST_USE;
bool io_sync_dir(const char *path, struct err *e) MUST_USE;
struct io_entry {
    char *name; /* owned by the list */
    bool is_dir;
    uint64_t size;
};
/* Sorted by name, without . and ..; free with io_list_free. */
bool io_list(const char *dir, struct io_entry **out, size_t *n, struct err *e) MUST_USE;
void io_list_free(struct io_entry **list, size_t n);
bool io_exists(const char *path);
/* Patterns of Go's path/filepath: * ? [a-z] [^a-z] and backslash; * takes a leading dot. */
bool io_glob(const char *pattern, char ***out, size_t *n, struct err *e) MUST_USE; /* io_glob_free */
void io_glob_free(char ***paths, size_t n);
bool io_free_space(const char *path, uint64_t *free_bytes, uint64_t *total_bytes, struct err *e) MUST_USE;
/* An exclusive lock held until io_close; fails with ERR_UNAVAILABLE if another holds it. */
bool io_lock(struct io_file **out, const char *path, struct err *e) MUST_USE;

/* Read-only mappings of sealed files.  Reading through a mapping whose file was
 * truncated behind us raises SIGBUS; io_map_guard turns that into an error:
 *     if (!io_map_guard_run(fn, arg)) → ERR_IO
 * Outside a guard the lost page reads as zeros from then on: right for text that was
 * checked when it was handed out, wrong for anything not checked yet.
 * fn must take no locks and allocate nothing outside an arena owned by the caller. */
struct io_map {
    const uint8_t *p;
    size_t n;
    void *priv;
};
bool io_map_open(struct io_map *out, const char *path, struct err *e) MUST_USE;
void io_map_close(struct io_map *m);
bool io_map_guard_run(void (*fn)(void *arg), void *arg);
char *io_join(const char *dir, const char *name); /* gives; mem_free */
