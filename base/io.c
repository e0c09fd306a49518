#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/mem.h"
#include "base/panic.h"

#define IO_FILE_MAGIC 0x10f11e5a
#define IO_CHUNK_BYTES (1u << 30) /* Linux moves at most 2 GiB a call */

static int
open_flags(enum io_mode mode)
{
    switch (mode) {
    case IO_READ:
        return O_RDONLY;
    case IO_WRITE_NEW:
        return O_RDWR | O_CREAT | O_EXCL;
    case IO_WRITE_EXISTING:
        return O_RDWR;
    case IO_WRITE_CREATE:
        return O_RDWR | O_CREAT;
    }
    UNREACHABLE();
}

/* A data file on descriptor 2 would be written to by the next message to stderr. */
static int
above_standard(int fd)
{
    if (fd < 0 || fd > 2)
        return fd;
    int moved = fcntl(fd, F_DUPFD_CLOEXEC, 3);
    int saved = errno;
    close(fd);
    errno = saved;
    return moved;
}

static int
open_fd(const char *path, int flags)
{
    int failed = fault_hit(FAULT_IO_OPEN);
    if (failed) {
        errno = failed;
        return -1;
    }
    int fd;
    do {
        fd = open(path, flags | O_CLOEXEC, 0666);
    } while (fd < 0 && errno == EINTR);
    return above_standard(fd);
}

bool
io_open(struct io_file **out, const char *path, enum io_mode mode, struct err *e)
{
    CHECK(path != NULL);
    int fd = open_fd(path, open_flags(mode));
    if (fd < 0)
        return err_errno(e, errno, "%s", path);
    struct io_file *f = MEM_NEW(struct io_file);
    f->magic = IO_FILE_MAGIC;
    f->fd = fd;
    f->path = mem_cstr(str_of(path));
    *out = f;
    return true;
}

void
io_close(struct io_file **f_ptr)
{
    struct io_file *f = *f_ptr;
    if (f == NULL)
        return;
    CHECK_MAGIC(f, IO_FILE_MAGIC);
    close(f->fd);
    f->magic = 0;
    mem_free(f->path);
    mem_free(f);
    *f_ptr = NULL;
}

bool
io_pread(struct io_file *f, void *out, size_t n, uint64_t at, size_t *got, struct err *e)
{
    CHECK_MAGIC(f, IO_FILE_MAGIC);
    size_t done = 0;
    *got = 0;
    while (done < n) {
        int failed = fault_hit(FAULT_IO_READ);
        if (failed)
            return err_errno(e, failed, "%s", f->path);
        size_t want = MIN(n - done, (size_t)IO_CHUNK_BYTES);
        ssize_t r = pread(f->fd, (char *)out + done, want, (off_t)(at + done));
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return err_errno(e, errno, "%s", f->path);
        if (r == 0)
            break;
        done += (size_t)r;
    }
    *got = done;
    return true;
}

static bool
pwrite_all(int fd, str data, uint64_t at)
{
    while (data.n > 0) {
        ssize_t w = pwrite(fd, data.p, MIN(data.n, (size_t)IO_CHUNK_BYTES), (off_t)at);
        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0)
            return false;
        if (w == 0) {
            errno = EIO;
            return false;
        }
        data = str_from(data, (size_t)w);
        at += (uint64_t)w;
    }
    return true;
}

bool
io_pwrite(struct io_file *f, str data, uint64_t at, struct err *e)
{
    CHECK_MAGIC(f, IO_FILE_MAGIC);
    int failed = fault_hit(FAULT_IO_WRITE);
    if (failed)
        return err_errno(e, failed, "%s", f->path);
    failed = fault_hit(FAULT_IO_SHORT_WRITE);
    if (failed) {
        (void)pwrite_all(f->fd, STR(data.p, data.n / 2), at);
        return err_errno(e, failed, "%s", f->path);
    }
    if (!pwrite_all(f->fd, data, at))
        return err_errno(e, errno, "%s", f->path);
    return true;
}

static bool
sync_fd(int fd, int (*sync)(int), const char *path, struct err *e)
{
    int rc = 0;
    int failed = fault_hit(FAULT_IO_SYNC);
    if (failed)
        return err_errno(e, failed, "%s", path);
    do {
        rc = sync(fd);
    } while (rc != 0 && errno == EINTR);
    return rc == 0 || err_errno(e, errno, "%s", path);
}

bool
io_datasync(struct io_file *f, struct err *e)
{
    CHECK_MAGIC(f, IO_FILE_MAGIC);
    return sync_fd(f->fd, fdatasync, f->path, e);
}

bool
io_sync(struct io_file *f, struct err *e)
{
    CHECK_MAGIC(f, IO_FILE_MAGIC);
    return sync_fd(f->fd, fsync, f->path, e);
}

bool
io_truncate(struct io_file *f, uint64_t size, struct err *e)
{
    CHECK_MAGIC(f, IO_FILE_MAGIC);
    int rc = fault_hit(FAULT_IO_TRUNCATE);
    if (rc)
        return err_errno(e, rc, "%s", f->path);
    do {
        rc = ftruncate(f->fd, (off_t)size);
    } while (rc != 0 && errno == EINTR);
    return rc == 0 || err_errno(e, errno, "%s", f->path);
}

/* posix_fallocate writes the blocks itself where the filesystem cannot reserve them. */
bool
io_allocate(struct io_file *f, uint64_t size, struct err *e)
{
    CHECK_MAGIC(f, IO_FILE_MAGIC);
    int rc = fault_hit(FAULT_IO_ALLOCATE);
    if (rc)
        return err_errno(e, rc, "%s", f->path);
    do {
        rc = posix_fallocate(f->fd, 0, (off_t)size);
    } while (rc == EINTR);
    return rc == 0 || err_errno(e, rc, "%s", f->path);
}

bool
io_size(struct io_file *f, uint64_t *out, struct err *e)
{
    CHECK_MAGIC(f, IO_FILE_MAGIC);
    struct stat st;
    if (fstat(f->fd, &st) != 0)
        return err_errno(e, errno, "%s", f->path);
    *out = (uint64_t)st.st_size;
    return true;
}

/* Appends to out until the end of the file, whatever size the file claims to have:
 * those of /proc say 0, and a log may grow while it is read. */
static bool
read_to_end(int fd, const char *path, size_t max, struct buf *out, struct err *e)
{
    size_t start = out->n;
    for (;;) {
        int failed = fault_hit(FAULT_IO_READ);
        if (failed)
            return err_errno(e, failed, "%s", path);
        buf_reserve(out, 4096);
        ssize_t r = read(fd, out->p + out->n, MIN(out->cap - out->n, (size_t)IO_CHUNK_BYTES));
        if (r < 0 && errno == EINTR)
            continue;
        if (r < 0)
            return err_errno(e, errno, "%s", path);
        if (r == 0)
            return true;
        out->n += (size_t)r;
        if (out->n - start > max)
            return err_set(e, ERR_LIMIT, "%s: larger than %zu bytes", path, max);
    }
}

bool
io_read_file(const char *path, size_t max, struct buf *out, struct err *e)
{
    int fd = open_fd(path, O_RDONLY);
    if (fd < 0)
        return err_errno(e, errno, "%s", path);
    struct stat st;
    size_t start = out->n;
    bool ok = true;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        if ((uint64_t)st.st_size > max)
            ok = err_set(e, ERR_LIMIT, "%s: larger than %zu bytes", path, max);
        else
            buf_reserve(out, (size_t)st.st_size + 4096);
    }
    ok = ok && read_to_end(fd, path, max, out, e);
    close(fd);
    if (!ok)
        out->n = start;
    return ok;
}

static bool
write_new(const char *path, str data, struct err *e)
{
    struct io_file *f = NULL;
    if (!io_open(&f, path, IO_WRITE_CREATE, e))
        return false;
    bool ok = io_truncate(f, 0, e) && io_pwrite(f, data, 0, e) && io_sync(f, e);
    io_close(&f);
    return ok;
}

static char *
parent_dir(const char *path)
{
    str s = str_of(path);
    while (s.n > 1 && s.p[s.n - 1] == '/')
        s.n--;
    while (s.n > 0 && s.p[s.n - 1] != '/')
        s.n--;
    while (s.n > 1 && s.p[s.n - 1] == '/')
        s.n--;
    return s.n == 0 ? mem_cstr(STRL(".")) : mem_cstr(s);
}

bool
io_replace(const char *path, str data, struct err *e)
{
    struct buf tmp = {0};
    buf_printf(&tmp, "%s.tmp", path);
    const char *tmp_path = buf_cstr(&tmp);
    char *dir = parent_dir(path);
    bool ok = write_new(tmp_path, data, e) && io_rename(tmp_path, path, e);
    if (!ok)
        (void)unlink(tmp_path);
    ok = ok && io_sync_dir(dir, e);
    mem_free(dir);
    buf_free(&tmp);
    return ok;
}

/* flock, not a POSIX lock: it belongs to the open file, so that closing another
 * descriptor of the same file does not drop it, and it is the lock Prometheus takes. */
bool
io_lock(struct io_file **out, const char *path, struct err *e)
{
    struct io_file *f = NULL;
    if (!io_open(&f, path, IO_WRITE_CREATE, e))
        return false;
    int rc;
    do {
        rc = flock(f->fd, LOCK_EX | LOCK_NB);
    } while (rc != 0 && errno == EINTR);
    if (rc == 0) {
        *out = f;
        return true;
    }
    int failed = errno;
    io_close(&f);
    if (failed == EWOULDBLOCK)
        return err_set(e, ERR_UNAVAILABLE, "%s: locked by another process", path);
    return err_errno(e, failed, "%s", path);
}
