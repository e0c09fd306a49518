/* sync.h - locks that know their holder and their rank.
 *
 * Thin wrappers over pthread.  Each lock names its class of base/locks.def; with
 * NARTHEX_DEBUG taking a lower or equal rank aborts, so a lock-order bug shows on its
 * first run.  rwlocks prefer writers.
 */
#pragma once
#include "base/base.h"

#include <pthread.h>
#include <stdatomic.h>

enum lock_class {
#define LOCK_CLASS(name, rank, what) LOCK_##name,
#include "base/locks.def"
#undef LOCK_CLASS
};

struct mutex {
    pthread_mutex_t m;
    enum lock_class class;
    _Atomic(uintptr_t) holder;
};
void mutex_init(struct mutex *m, enum lock_class class);
void mutex_fini(struct mutex *m);
void mutex_lock(struct mutex *m);
void mutex_unlock(struct mutex *m);
void mutex_assert_held(const struct mutex *m);

struct rwlock {
    pthread_rwlock_t l;
    enum lock_class class;
};
void rwlock_init(struct rwlock *l, enum lock_class class);
void rwlock_fini(struct rwlock *l);
void rwlock_read(struct rwlock *l);
void rwlock_write(struct rwlock *l);
void rwlock_unlock(struct rwlock *l);

struct cond {
    pthread_cond_t c; /* on CLOCK_MONOTONIC */
};
void cond_init(struct cond *c);
void cond_fini(struct cond *c);
void cond_wait(struct cond *c, struct mutex *m);
/* False when timeout_ms passed without a signal (spurious wake-ups return true). */
bool cond_wait_ms(struct cond *c, struct mutex *m, int64_t timeout_ms);
void cond_signal(struct cond *c);
void cond_broadcast(struct cond *c);
