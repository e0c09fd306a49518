#include "base/io.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/mem.h"
#include "base/panic.h"

bool
io_map_open(struct io_map *out, const char *path, struct err *e)
{
    struct io_file *f = NULL;
    uint64_t size = 0;
    *out = (struct io_map){0};
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
    }
    io_close(&f);
    return ok;
}

void
io_map_close(struct io_map *m)
{
    if (m->p != NULL)
        CHECK(munmap((void *)m->p, m->n) == 0);
    *m = (struct io_map){0};
}

/* Where SIGBUS returns to on this thread; NULL outside a guard. */
static _Thread_local sigjmp_buf *volatile guard;

static void
on_bus_error(int sig, siginfo_t *info, void *context UNUSED)
{
    if (guard != NULL && info->si_code == BUS_ADRERR)
        siglongjmp(*guard, 1);
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
io_map_guard_run(void (*fn)(void *arg), void *arg)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    CHECK(pthread_once(&once, guard_install) == 0);
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
