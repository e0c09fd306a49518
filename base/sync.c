#include "base/sync.h"

#include <errno.h>
#include <time.h>

#include "base/panic.h"

/* Every lock a thread holds, newest last: what the rank rule is checked against. */
#define HELD_MAX 32
#ifdef NARTHEX_DEBUG
static _Thread_local struct held {
    const void *lock;
    int rank;
    const char *name;
} held[HELD_MAX];
static _Thread_local unsigned held_count;

static const struct {
    int rank;
    const char *name;
} lock_classes[] = {
#define LOCK_CLASS(name, rank, what) {rank, #name},
#include "base/locks.def"
#undef LOCK_CLASS
};

/* Called before blocking, so that an order bug aborts instead of hanging. */
static void
rank_enter(const void *lock, enum lock_class class)
{
    int rank = lock_classes[class].rank;
    for (unsigned i = 0; i < held_count; i++) {
        if (held[i].rank >= rank)
            PANIC("lock order: taking %s (rank %d) while holding %s (rank %d)",
                  lock_classes[class].name, rank, held[i].name, held[i].rank);
    }
    CHECK(held_count < HELD_MAX);
    held[held_count++] = (struct held){lock, rank, lock_classes[class].name};
}

static void
rank_leave(const void *lock)
{
    for (unsigned i = held_count; i-- > 0;) {
        if (held[i].lock != lock)
            continue;
        memmove(&held[i], &held[i + 1], (held_count - i - 1) * sizeof(held[0]));
        held_count--;
        return;
    }
    PANIC("lock released by a thread that does not hold it");
}
#else
static void
rank_enter(const void *lock UNUSED, enum lock_class class UNUSED)
{
}
static void
rank_leave(const void *lock UNUSED)
{
}
#endif

/* A thread is named by the address of its own copy of this byte. */
static uintptr_t
thread_self(void)
{
    static _Thread_local char self;
    return (uintptr_t)&self;
}

void
mutex_init(struct mutex *m, enum lock_class class)
{
    CHECK(pthread_mutex_init(&m->m, NULL) == 0);
    m->class = class;
    atomic_init(&m->holder, 0);
}

void
mutex_fini(struct mutex *m)
{
    CHECK(atomic_load_explicit(&m->holder, memory_order_relaxed) == 0);
    CHECK(pthread_mutex_destroy(&m->m) == 0);
}

void
mutex_lock(struct mutex *m)
{
    CHECK(atomic_load_explicit(&m->holder, memory_order_relaxed) != thread_self());
    rank_enter(m, m->class);
    CHECK(pthread_mutex_lock(&m->m) == 0);
    atomic_store_explicit(&m->holder, thread_self(), memory_order_relaxed);
}

void
mutex_unlock(struct mutex *m)
{
    mutex_assert_held(m);
    atomic_store_explicit(&m->holder, 0, memory_order_relaxed);
    CHECK(pthread_mutex_unlock(&m->m) == 0);
    rank_leave(m);
}

void
mutex_assert_held(const struct mutex *m)
{
    CHECK(atomic_load_explicit(&m->holder, memory_order_relaxed) == thread_self());
}

/* glibc's default lets readers starve writers; a reload or a commit must get in. */
void
rwlock_init(struct rwlock *l, enum lock_class class)
{
    pthread_rwlockattr_t attr;
    CHECK(pthread_rwlockattr_init(&attr) == 0);
    CHECK(pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP) == 0);
    CHECK(pthread_rwlock_init(&l->l, &attr) == 0);
    pthread_rwlockattr_destroy(&attr);
    l->class = class;
}

void
rwlock_fini(struct rwlock *l)
{
    CHECK(pthread_rwlock_destroy(&l->l) == 0);
}

void
rwlock_read(struct rwlock *l)
{
    rank_enter(l, l->class);
    CHECK(pthread_rwlock_rdlock(&l->l) == 0);
}

void
rwlock_write(struct rwlock *l)
{
    rank_enter(l, l->class);
    CHECK(pthread_rwlock_wrlock(&l->l) == 0);
}

void
rwlock_unlock(struct rwlock *l)
{
    CHECK(pthread_rwlock_unlock(&l->l) == 0);
    rank_leave(l);
}

void
cond_init(struct cond *c)
{
    pthread_condattr_t attr;
    CHECK(pthread_condattr_init(&attr) == 0);
    CHECK(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC) == 0);
    CHECK(pthread_cond_init(&c->c, &attr) == 0);
    pthread_condattr_destroy(&attr);
}

void
cond_fini(struct cond *c)
{
    CHECK(pthread_cond_destroy(&c->c) == 0);
}

void
cond_wait(struct cond *c, struct mutex *m)
{
    mutex_assert_held(m);
    atomic_store_explicit(&m->holder, 0, memory_order_relaxed);
    CHECK(pthread_cond_wait(&c->c, &m->m) == 0);
    atomic_store_explicit(&m->holder, thread_self(), memory_order_relaxed);
}

static struct timespec
deadline_after_ms(int64_t ms)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    if (ms < 0)
        ms = 0;
    ts.tv_sec += (time_t)MIN(ms / 1000, (int64_t)1 << 32);
    ts.tv_nsec += (long)(ms % 1000) * 1000000;
    if (ts.tv_nsec >= 1000000000) {
        ts.tv_nsec -= 1000000000;
        ts.tv_sec++;
    }
    return ts;
}

/* Waits in real time even under a fake clock: a wait that ends by a signal must not
 * depend on somebody moving the clock. */
bool
cond_wait_ms(struct cond *c, struct mutex *m, int64_t timeout_ms)
{
    struct timespec ts = deadline_after_ms(timeout_ms);
    mutex_assert_held(m);
    atomic_store_explicit(&m->holder, 0, memory_order_relaxed);
    int rc = pthread_cond_timedwait(&c->c, &m->m, &ts);
    atomic_store_explicit(&m->holder, thread_self(), memory_order_relaxed);
    CHECK(rc == 0 || rc == ETIMEDOUT);
    return rc == 0;
}

void
cond_signal(struct cond *c)
{
    CHECK(pthread_cond_signal(&c->c) == 0);
}

void
cond_broadcast(struct cond *c)
{
    CHECK(pthread_cond_broadcast(&c->c) == 0);
}
