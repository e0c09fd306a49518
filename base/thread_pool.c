#include "base/thread.h"

#include <stdio.h>

#include "base/mem.h"
#include "base/panic.h"

/* One pool_for: it lives on its caller's stack.  Indexes are claimed without the lock;
 * the lock guards only who is looking at the job.  The caller works on its own job until
 * no index is left, so a job never waits for a free worker, and a job started from
 * inside another cannot starve: its caller is a running thread. */
struct job {
    struct job *next;
    void (*fn)(void *arg, size_t i);
    void *arg;
    size_t n;
    _Atomic size_t claimed;
    unsigned helpers; /* workers inside; under the pool's mu */
    struct cond idle; /* helpers fell to 0 */
};

struct pool {
    unsigned magic;
#define POOL_MAGIC 0x70001b5d
    /* fixed after new */
    unsigned workers;
    struct thread **threads;
    struct mutex mu;
    struct cond work;
    /* under mu */
    struct job *first; /* jobs with indexes left, oldest first */
    struct job **last;
    bool stop;
};

static bool
job_run_one(struct job *j)
{
    size_t i = atomic_fetch_add_explicit(&j->claimed, 1, memory_order_relaxed);
    if (i >= j->n)
        return false;
    j->fn(j->arg, i);
    return true;
}

static void
job_unlist(struct pool *p, struct job *j)
{
    for (struct job **at = &p->first; *at != NULL; at = &(*at)->next) {
        if (*at != j)
            continue;
        *at = j->next;
        if (p->last == &j->next)
            p->last = at;
        return;
    }
}

static void
worker_main(void *arg)
{
    struct pool *p = (struct pool *)arg;
    mutex_lock(&p->mu);
    for (;;) {
        while (p->first == NULL && !p->stop)
            cond_wait(&p->work, &p->mu);
        if (p->first == NULL)
            break;
        struct job *j = p->first;
        j->helpers++;
        mutex_unlock(&p->mu);
        while (job_run_one(j))
            ;
        mutex_lock(&p->mu);
        job_unlist(p, j); /* exhausted: nobody else need look at it */
        if (--j->helpers == 0)
            cond_signal(&j->idle);
    }
    mutex_unlock(&p->mu);
}

bool
pool_new(struct pool **out, const char *name, unsigned workers, struct err *e)
{
    struct pool *p = MEM_NEW(struct pool);
    p->magic = POOL_MAGIC;
    p->threads = MEM_ARRAY(struct thread *, MAX(workers, 1u));
    p->last = &p->first;
    mutex_init(&p->mu, LOCK_POOL);
    cond_init(&p->work);
    for (; p->workers < workers; p->workers++) {
        char label[32];
        snprintf(label, sizeof(label), "%.11s/%u", name, p->workers);
        if (!thread_start(&p->threads[p->workers], label, worker_main, p, e)) {
            pool_free(&p);
            return false;
        }
    }
    *out = p;
    return true;
}

void
pool_free(struct pool **p_ptr)
{
    struct pool *p = *p_ptr;
    if (p == NULL)
        return;
    CHECK_MAGIC(p, POOL_MAGIC);
    mutex_lock(&p->mu);
    CHECK(p->first == NULL);
    p->stop = true;
    cond_broadcast(&p->work);
    mutex_unlock(&p->mu);
    for (unsigned i = 0; i < p->workers; i++)
        thread_join(&p->threads[i]);
    p->magic = 0;
    cond_fini(&p->work);
    mutex_fini(&p->mu);
    mem_free(p->threads);
    mem_free(p);
    *p_ptr = NULL;
}

static void
pool_share(struct pool *p, struct job *j)
{
    cond_init(&j->idle);
    mutex_lock(&p->mu);
    *p->last = j;
    p->last = &j->next;
    for (size_t i = 1; i < j->n && i <= p->workers; i++)
        cond_signal(&p->work);
    mutex_unlock(&p->mu);

    while (job_run_one(j))
        ;

    mutex_lock(&p->mu);
    job_unlist(p, j);
    while (j->helpers > 0)
        cond_wait(&j->idle, &p->mu);
    mutex_unlock(&p->mu);
    cond_fini(&j->idle);
}

void
pool_for(struct pool *p, size_t n, void (*fn)(void *arg, size_t i), void *arg)
{
    CHECK_MAGIC(p, POOL_MAGIC);
    struct job j = {.fn = fn, .arg = arg, .n = n};
    if (n <= 1 || p->workers == 0) {
        while (job_run_one(&j))
            ;
        return;
    }
    pool_share(p, &j);
}

unsigned
pool_workers(const struct pool *p)
{
    CHECK_MAGIC(p, POOL_MAGIC);
    return p->workers + 1;
}
