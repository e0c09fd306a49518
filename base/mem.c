#include "config.h"

#include "base/mem.h"

#include "base/panic.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#if defined(HAVE_JEMALLOC)
#include <jemalloc/jemalloc.h>
#elif defined(NARTHEX_SANITIZED)
/* As <sanitizer/allocator_interface.h> has them; gcc comes without that header. */
size_t __sanitizer_get_heap_size(void);
size_t __sanitizer_get_current_allocated_bytes(void);
#else
#include <malloc.h>
#endif

static NORETURN void
out_of_memory(size_t n)
{
    PANIC("out of memory: cannot allocate %zu bytes", n);
}

void *
mem_alloc(size_t n)
{
    void *p = malloc(n ? n : 1);
    if (UNLIKELY(p == NULL))
        out_of_memory(n);
    return p;
}

void *
mem_zalloc(size_t n)
{
    void *p = calloc(1, n ? n : 1);
    if (UNLIKELY(p == NULL))
        out_of_memory(n);
    return p;
}

void *
mem_array(size_t n, size_t size)
{
    size_t bytes;
    CHECK(!__builtin_mul_overflow(n, size, &bytes));
    return mem_zalloc(bytes);
}

void *
mem_realloc(void *p, size_t n)
{
    void *q = realloc(p, n ? n : 1);
    if (UNLIKELY(q == NULL))
        out_of_memory(n);
    return q;
}

void
mem_grow(void *p_ptr, size_t *cap, size_t need, size_t size)
{
    if (LIKELY(need <= *cap))
        return;
    CHECK(size > 0 && need <= SIZE_MAX / 2 / size);
    size_t to = MAX(MAX(need, *cap * 2), MAX((size_t)64 / size, (size_t)1));
    void **p = p_ptr;
    *p = mem_realloc(*p, to * size);
    *cap = to;
}

void
mem_free(void *p)
{
    free(p);
}

char *
mem_cstr(str s)
{
    char *p = mem_alloc(s.n + 1);
    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return p;
}

str
mem_str(str s)
{
    return STR(mem_cstr(s), s.n);
}

#if defined(HAVE_JEMALLOC)
static size_t
jemalloc_stat(const char *name)
{
    /* Statistics are a snapshot that moves on with the epoch. */
    uint64_t epoch = 1;
    size_t n = sizeof(epoch);
    mallctl("epoch", &epoch, &n, &epoch, n);
    size_t v = 0;
    n = sizeof(v);
    return mallctl(name, &v, &n, NULL, 0) == 0 ? v : 0;
}

size_t
mem_resident_bytes(void)
{
    return jemalloc_stat("stats.resident");
}

size_t
mem_allocated_bytes(void)
{
    return jemalloc_stat("stats.allocated");
}

#define TEXT_OF_(x) #x
#define TEXT_OF(x) TEXT_OF_(x)

void
mem_release_unused(void)
{
    mallctl("arena." TEXT_OF(MALLCTL_ARENAS_ALL) ".purge", NULL, NULL, NULL, 0);
}
#elif defined(NARTHEX_SANITIZED)
size_t
mem_resident_bytes(void)
{
    return __sanitizer_get_heap_size();
}

size_t
mem_allocated_bytes(void)
{
    return __sanitizer_get_current_allocated_bytes();
}

void
mem_release_unused(void)
{
}
#else
size_t
mem_resident_bytes(void)
{
    struct mallinfo2 m = mallinfo2();
    return m.arena + m.hblkhd;
}

size_t
mem_allocated_bytes(void)
{
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

void
mem_release_unused(void)
{
    malloc_trim(0);
}
#endif

/* One number from a cgroup file; "max" and absent files say nothing. */
static uint64_t
read_limit(const char *path)
{
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return UINT64_MAX;
    unsigned long long v;
    bool ok = fscanf(f, "%llu", &v) == 1 && v > 0;
    fclose(f);
    return ok ? v : UINT64_MAX;
}

/* The smallest limit from the group up to the root: each ancestor bounds us too.  Inside
 * a container the path may name a group that is not mounted; the root still speaks. */
static uint64_t
walk_limits(const char *root, char *group, const char *file)
{
    uint64_t least = UINT64_MAX;
    for (;;) {
        char path[PATH_MAX];
        int n = snprintf(path, sizeof(path), "%s%s/%s", root, group, file);
        if (n > 0 && (size_t)n < sizeof(path)) {
            uint64_t v = read_limit(path);
            least = MIN(least, v);
        }
        char *slash = strrchr(group, '/');
        if (slash == NULL)
            return least;
        *slash = '\0';
    }
}

#define HUGE_MIN (4u << 20)
#define HUGE_PAGE ((uintptr_t)2 << 20)

void
mem_huge(void *p, size_t n)
{
    if (n < HUGE_MIN)
        return;
    uintptr_t from = ((uintptr_t)p + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
    uintptr_t to = ((uintptr_t)p + n) & ~(HUGE_PAGE - 1);
    if (from < to)
        (void)madvise((void *)from, to - from, MADV_HUGEPAGE);
}

static uint64_t
cgroup_limit(void)
{
    FILE *f = fopen("/proc/self/cgroup", "re");
    if (f == NULL)
        return UINT64_MAX;
    uint64_t least = UINT64_MAX;
    char line[PATH_MAX];
    while (fgets(line, sizeof(line), f) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        char *names = strchr(line, ':');
        char *group = names ? strchr(names + 1, ':') : NULL;
        if (group == NULL)
            continue;
        *group++ = '\0';
        uint64_t v = UINT64_MAX;
        if (names[1] == '\0')
            v = walk_limits("/sys/fs/cgroup", group, "memory.max");
        else if (strcmp(names + 1, "memory") == 0)
            v = walk_limits("/sys/fs/cgroup/memory", group, "memory.limit_in_bytes");
        least = MIN(least, v);
    }
    fclose(f);
    return least;
}

uint64_t
mem_system_limit_bytes(void)
{
    uint64_t group = cgroup_limit();
    uint64_t physical = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    return MIN(group, physical);
}
