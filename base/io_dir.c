#include "base/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/mem.h"
#include "base/panic.h"

static bool
is_dir(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Makes one directory and its name durable; an existing one is fine. */
static bool
mkdir_one(const char *path, const char *parent, struct err *e)
{
    if (is_dir(path))
        return true;
    int rc = fault_hit(FAULT_IO_MKDIR);
    if (rc)
        return err_errno(e, rc, "%s", path);
    if (mkdir(path, 0777) != 0) {
        rc = errno;
        return (rc == EEXIST && is_dir(path)) || err_errno(e, rc, "%s", path);
    }
    return io_sync_dir(parent, e);
}

bool
io_mkdir_all(const char *path, struct err *e)
{
    char *part = mem_cstr(str_of(path));
    char *parent = mem_cstr(str_of(path[0] == '/' ? "/" : "."));
    bool ok = true;
    for (char *at = part; ok;) {
        at += strspn(at, "/");
        if (*at == '\0')
            break;
        at += strcspn(at, "/");
        char cut = *at;
        *at = '\0';
        ok = mkdir_one(part, parent, e);
        mem_free(parent);
        parent = mem_cstr(str_of(part));
        *at = cut;
    }
    mem_free(parent);
    mem_free(part);
    return ok;
}

bool
io_rename(const char *from, const char *to, struct err *e)
{
    int failed = fault_hit(FAULT_IO_RENAME);
    if (failed)
        return err_errno(e, failed, "%s", from);
    return rename(from, to) == 0 || err_errno(e, errno, "%s", from);
}

bool
io_unlink(const char *path, struct err *e)
{
    int failed = fault_hit(FAULT_IO_UNLINK);
    if (failed)
        return err_errno(e, failed, "%s", path);
    return unlink(path) == 0 || err_errno(e, errno, "%s", path);
}

bool
io_link(const char *from, const char *to, struct err *e)
{
    int failed = fault_hit(FAULT_IO_LINK);
    if (failed)
        return err_errno(e, failed, "%s", to);
    return link(from, to) == 0 || err_errno(e, errno, "%s", to);
}

static bool remove_at(int dir_fd, const char *name, const char *shown, struct err *e);

static bool
remove_children(DIR *d, const char *shown, struct err *e)
{
    struct dirent *entry;
    while (errno = 0, (entry = readdir(d)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        char *child = io_join(shown, entry->d_name);
        bool ok = remove_at(dirfd(d), entry->d_name, child, e);
        mem_free(child);
        if (!ok)
            return false;
    }
    return errno == 0 || err_errno(e, errno, "%s", shown);
}

/* Relative to an open directory and without following links, so that a link planted
 * meanwhile cannot lead the removal elsewhere. */
static bool
remove_at(int dir_fd, const char *name, const char *shown, struct err *e)
{
    int failed = fault_hit(FAULT_IO_UNLINK);
    if (failed)
        return err_errno(e, failed, "%s", shown);
    if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
        return true;
    if (errno != EISDIR && errno != EPERM)
        return err_errno(e, errno, "%s", shown);
    int fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return err_errno(e, errno, "%s", shown);
    DIR *d = fdopendir(fd);
    if (d == NULL) {
        failed = errno;
        close(fd);
        return err_errno(e, failed, "%s", shown);
    }
    bool ok = remove_children(d, shown, e);
    closedir(d);
    if (!ok)
        return false;
    if (unlinkat(dir_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return true;
    return err_errno(e, errno, "%s", shown);
}

bool
io_remove_tree(const char *path, struct err *e)
{
    return remove_at(AT_FDCWD, path, path, e);
}

bool
io_sync_dir(const char *path, struct err *e)
{
    int failed = fault_hit(FAULT_IO_SYNC);
    if (failed)
        return err_errno(e, failed, "%s", path);
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return err_errno(e, errno, "%s", path);
    int rc = fsync(fd);
    failed = errno;
    close(fd);
    /* Some network filesystems cannot sync a directory and say EINVAL. */
    return rc == 0 || failed == EINVAL || err_errno(e, failed, "%s", path);
}

static int
entry_cmp(const void *a, const void *b)
{
    return strcmp(((const struct io_entry *)a)->name, ((const struct io_entry *)b)->name);
}

static struct io_entry
entry_of(int dir_fd, const char *name)
{
    struct io_entry made = {.name = mem_cstr(str_of(name))};
    struct stat st;
    if (fstatat(dir_fd, name, &st, 0) == 0) {
        made.is_dir = S_ISDIR(st.st_mode);
        made.size = (uint64_t)st.st_size;
    }
    return made;
}

bool
io_list(const char *dir, struct io_entry **out, size_t *n, struct err *e)
{
    struct io_entry *list = NULL;
    size_t cap = 0, count = 0;
    int failed = fault_hit(FAULT_IO_OPEN);
    DIR *d = failed ? NULL : opendir(dir);
    if (d == NULL)
        return err_errno(e, failed ? failed : errno, "%s", dir);
    struct dirent *entry;
    while (errno = 0, (entry = readdir(d)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        mem_grow(&list, &cap, count + 1, sizeof(*list));
        list[count++] = entry_of(dirfd(d), entry->d_name);
    }
    failed = errno;
    closedir(d);
    if (failed) {
        io_list_free(&list, count);
        return err_errno(e, failed, "%s", dir);
    }
    if (count > 0)
        qsort(list, count, sizeof(*list), entry_cmp);
    *out = list;
    *n = count;
    return true;
}

void
io_list_free(struct io_entry **list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        mem_free((*list)[i].name);
    mem_free(*list);
    *list = NULL;
}

bool
io_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool
io_free_space(const char *path, uint64_t *free_bytes, uint64_t *total_bytes, struct err *e)
{
    struct statvfs v;
    if (statvfs(path, &v) != 0)
        return err_errno(e, errno, "%s", path);
    *free_bytes = (uint64_t)v.f_bavail * v.f_frsize;
    *total_bytes = (uint64_t)v.f_blocks * v.f_frsize;
    return true;
}

char *
io_join(const char *dir, const char *name)
{
    size_t n = strlen(dir);
    size_t m = strlen(name);
    bool slash = n > 0 && dir[n - 1] != '/';
    char *joined = (char *)mem_alloc(n + slash + m + 1);
    memcpy(joined, dir, n);
    if (slash)
        joined[n] = '/';
    memcpy(joined + n + slash, name, m + 1);
    return joined;
}
