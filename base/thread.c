#include "base/thread.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/panic.h"

/* The evaluator, the parsers and the tree walkers recurse to bounded depths that
 * musl-sized stacks would not hold. */
#define STACK_BYTES (8u << 20)
#define NAME_MAX_BYTES 15 /* the kernel's */

struct thread {
    unsigned magic;
#define THREAD_MAGIC 0x7472641a
    pthread_t id;
    char name[NAME_MAX_BYTES + 1];
    void (*run)(void *);
    void *arg;
};

static atomic_uint started; /* and not yet joined */

static void *
thread_main(void *arg)
{
    struct thread *t = (struct thread *)arg;
    pthread_setname_np(pthread_self(), t->name);
    t->run(t->arg);
    return NULL;
}

/* All but those a fault raises in the thread itself: blocking them would turn the
 * guard of a mapping, or a report of a crash, into a silent kill. */
static void
background_signals(sigset_t *set)
{
    static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS};
    sigfillset(set);
    for (size_t i = 0; i < ARRAY_LEN(own); i++)
        sigdelset(set, own[i]);
}

static int
create(struct thread *t)
{
    int rc = fault_hit(FAULT_THREAD_START);
    if (rc != 0)
        return rc;
    pthread_attr_t attr;
    CHECK(pthread_attr_init(&attr) == 0);
    CHECK(pthread_attr_setstacksize(&attr, STACK_BYTES) == 0);
    sigset_t blocked, before;
    background_signals(&blocked);
    CHECK(pthread_sigmask(SIG_BLOCK, &blocked, &before) == 0);
    rc = pthread_create(&t->id, &attr, thread_main, t);
    CHECK(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    pthread_attr_destroy(&attr);
    return rc;
}

bool
thread_start(struct thread **out, const char *name, void (*run)(void *), void *arg, struct err *e)
{
    CHECK(run != NULL);
    struct thread *t = MEM_NEW(struct thread);
    t->magic = THREAD_MAGIC;
    t->run = run;
    t->arg = arg;
    snprintf(t->name, sizeof(t->name), "%s", name);
    int rc = create(t);
    if (rc != 0) {
        mem_free(t);
        return err_errno(e, rc, "thread %s", name);
    }
    atomic_fetch_add(&started, 1);
    *out = t;
    return true;
}

void
thread_join(struct thread **t_ptr)
{
    struct thread *t = *t_ptr;
    if (t == NULL)
        return;
    CHECK_MAGIC(t, THREAD_MAGIC);
    CHECK(pthread_join(t->id, NULL) == 0);
    atomic_fetch_sub(&started, 1);
    t->magic = 0;
    mem_free(t);
    *t_ptr = NULL;
}

unsigned
thread_count(void)
{
    return atomic_load(&started) + 1;
}

/* Reads "quota period" of one cgroup v2 directory; 0 where there is no limit. */
static double
quota_v2(const char *dir)
{
    struct buf path = {0}, text = {0};
    struct err e = ERR_INIT;
    buf_printf(&path, "/sys/fs/cgroup%s/cpu.max", dir);
    double cpus = 0;
    double quota, period;
    if (io_read_file(buf_cstr(&path), 4096, &text, &e) &&
        sscanf(buf_cstr(&text), "%lf %lf", &quota, &period) == 2 && quota > 0 && period > 0)
        cpus = quota / period;
    buf_free(&path);
    buf_free(&text);
    return cpus;
}

static double
read_number(const char *path)
{
    struct buf text = {0};
    struct err e = ERR_INIT;
    double v = 0;
    if (!io_read_file(path, 4096, &text, &e) || sscanf(buf_cstr(&text), "%lf", &v) != 1)
        v = 0;
    buf_free(&text);
    return v;
}

/* The smallest quota of our cgroup and of those above it. */
static double
cgroup_cpus(void)
{
    struct buf own = {0};
    struct err e = ERR_INIT;
    double least = 0;
    char *path = NULL;
    if (io_read_file("/proc/self/cgroup", 65536, &own, &e))
        path = strstr(buf_cstr(&own), "0::");
    if (path != NULL) {
        path += 3;
        path[strcspn(path, "\n")] = '\0';
        for (;;) {
            double cpus = quota_v2(strcmp(path, "/") == 0 ? "" : path);
            if (cpus > 0 && (least == 0 || cpus < least))
                least = cpus;
            char *slash = strrchr(path, '/');
            if (slash == NULL || path[0] == '\0')
                break;
            *slash = '\0';
        }
    }
    buf_free(&own);
    double quota = read_number("/sys/fs/cgroup/cpu/cpu.cfs_quota_us");
    double period = read_number("/sys/fs/cgroup/cpu/cpu.cfs_period_us");
    if (quota > 0 && period > 0 && (least == 0 || quota / period < least))
        least = quota / period;
    return least;
}

unsigned
thread_cpu_count(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    unsigned n = 1;
    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        n = (unsigned)MAX(CPU_COUNT(&set), 1);
    double quota = cgroup_cpus();
    /* Part of a CPU is a CPU: threads beyond the quota only throttle each other. */
    if (quota > 0 && quota < n)
        n = (unsigned)quota + (quota > (unsigned)quota);
    return MAX(n, 1u);
}
