#include "base/io.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/mem.h"
#include "base/panic.h"

/* The live maps, for the signal handler: slots are claimed and given back by whoever maps,
 * blocks of slots are only ever added. */
#define SLOTS 256
struct slot {
    _Atomic uintptr_t start; /* 0: free */
    _Atomic size_t n;
};
struct slots {
    struct slot v[SLOTS];
    _Atomic(struct slots *) next;
};
static struct slots first_slots;

static struct slots *
next_slots(struct slots *s)
{
    struct slots *next = atomic_load(&s->next);
    if (next != NULL)
        return next;
    struct slots *fresh = MEM_NEW(struct slots);
    if (atomic_compare_exchange_strong(&s->next, &next, fresh))
        return fresh;
    mem_free(fresh);
    return next;
}

static void
note_map(const void *p, size_t n)
{
    for (struct slots *s = &first_slots;; s = next_slots(s))
        for (size_t i = 0; i < SLOTS; i++) {
            uintptr_t was = 0;
            if (atomic_compare_exchange_strong(&s->v[i].start, &was, (uintptr_t)p)) {
                atomic_store(&s->v[i].n, n);
                return;
            }
        }
}

static void
forget_map(const void *p)
{
    for (struct slots *s = &first_slots; s != NULL; s = atomic_load(&s->next))
        for (size_t i = 0; i < SLOTS; i++)
            if (atomic_load(&s->v[i].start) == (uintptr_t)p) {
                atomic_store(&s->v[i].n, 0);
                atomic_store(&s->v[i].start, 0);
                return;
            }
}

static bool
in_a_map(uintptr_t at)
{
    for (struct slots *s = &first_slots; s != NULL; s = atomic_load(&s->next))
        for (size_t i = 0; i < SLOTS; i++) {
            uintptr_t start = atomic_load(&s->v[i].start);
            if (start != 0 && at >= start && at - start < atomic_load(&s->v[i].n))
                return true;
        }
    return false;
}

static pthread_once_t guard_once = PTHREAD_ONCE_INIT;

/* Where SIGBUS returns to on this thread; NULL outside a guard. */
static _Thread_local sigjmp_buf *volatile guard;

static void
on_bus_error(int sig, siginfo_t *info, void *context UNUSED)
{
    if (guard != NULL && info->si_code == BUS_ADRERR)
        siglongjmp(*guard, 1);
    /* Outside a guard only what was read and checked before is touched again, such as a
     * label's text.  Zeros there are better than the end of the process. */
    uintptr_t at = (uintptr_t)info->si_addr;
    if (info->si_code == BUS_ADRERR && in_a_map(at)) {
        size_t page = (size_t)sysconf(_SC_PAGESIZE);
        void *p = (void *)(at & ~(uintptr_t)(page - 1));
        if (mmap(p, page, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p)
            return;
    }
    /* Not ours: die as if we had not looked. */
    signal(sig, SIG_DFL);
    raise(sig);
}

/* SA_NODEFER, because leaving by siglongjmp must not leave SIGBUS blocked, and saving
 * the mask in every sigsetjmp would cost a system call each. */
static void
guard_install(void)
{
    struct sigaction sa = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigemptyset(&sa.sa_mask);
    CHECK(sigaction(SIGBUS, &sa, NULL) == 0);
}

bool
io_map_open(struct io_map *out, const char *path, struct err *e)
{
    struct io_file *f = NULL;
    uint64_t size = 0;
    *out = (struct io_map){0};
    CHECK(pthread_once(&guard_once, guard_install) == 0);
    if (!io_open(&f, path, IO_READ, e))
        return false;
    int failed = 0;
    bool ok = io_size(f, &size, e);
    if (ok && size > 0) {
        failed = fault_hit(FAULT_IO_MMAP);
        void *p = MAP_FAILED;
        if (!failed) {
            p = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, f->fd, 0);
            failed = p == MAP_FAILED ? errno : 0;
        }
        if (failed)
            ok = err_errno(e, failed, "%s", path);
        else
            *out = (struct io_map){.p = (const uint8_t *)p, .n = (size_t)size};
        if (!failed)
            note_map(p, (size_t)size);
    }
    io_close(&f);
    return ok;
}

void
io_map_close(struct io_map *m)
{
    if (m->p != NULL) {
        forget_map(m->p);
        CHECK(munmap((void *)m->p, m->n) == 0);
    }
    *m = (struct io_map){0};
}

bool
io_map_guard_run(void (*fn)(void *arg), void *arg)
{
    CHECK(pthread_once(&guard_once, guard_install) == 0);
    sigjmp_buf here;
    sigjmp_buf *volatile outer = guard;
    if (sigsetjmp(here, 0) != 0) {
        guard = outer;
        return false;
    }
    guard = &here;
    fn(arg);
    guard = outer;
    return true;
}
