/* thread.h - named threads, a bounded inbox, and a small worker pool.
 *
 * All threads are made here, with every signal blocked (main alone takes signals).
 */
#pragma once
#include "base/base.h"
#include "base/err.h"
#include "base/sync.h"

struct thread;
bool thread_start(struct thread **out, const char *name, void (*run)(void *), void *arg,
                  struct err *e) MUST_USE;
void thread_join(struct thread **t); /* waits; sets NULL; accepts NULL */
unsigned thread_count(void);         /* threads started here and not yet joined, and main */
unsigned thread_cpu_count(void);     /* from affinity and cgroup quota, at least 1 */

/* A bounded FIFO of pointers; the one way to hand work to another thread. */
struct inbox;
struct inbox *inbox_new(size_t max);
void inbox_free(struct inbox **b); /* must be empty */
/* False (nothing taken) when full or closed. */
bool inbox_post(struct inbox *b, void *item);
/* Posts in any case: drops and returns the oldest item when full, else NULL. */
void *inbox_post_drop_oldest(struct inbox *b, void *item);
/* NULL when nothing came within timeout_ms (<0: for ever; real time, whatever the clock
 * of tests says) or when closed and empty.  Items are never NULL. */
void *inbox_take(struct inbox *b, int64_t timeout_ms);
void inbox_close(struct inbox *b);
size_t inbox_count(struct inbox *b);

/* Runs fn(arg, i) for i in 0..n-1 over the pool's workers and the caller; returns when
 * all are done.  Work is handed out in index order, one at a time.  Several callers may use
 * a pool at once, and fn may call pool_for on it again: a caller always works on its own. */
struct pool;
bool pool_new(struct pool **out, const char *name, unsigned workers, struct err *e) MUST_USE;
void pool_free(struct pool **p);
void pool_for(struct pool *p, size_t n, void (*fn)(void *arg, size_t i), void *arg);
unsigned pool_workers(const struct pool *p); /* including the caller */
