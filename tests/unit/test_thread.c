#include "base/thread.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fault.h"
#include "base/io.h"
#include "base/rng.h"
#include "tests/unit/unit.h"

struct seen {
    char name[32];
    bool term_blocked, segv_blocked;
    size_t stack_used;
};

/* Goes deep enough for the evaluator's recursion. */
static size_t
deep(int n)
{
    volatile char frame[4096];
    frame[0] = (char)n;
    return n == 0 ? sizeof(frame) : deep(n - 1) + sizeof(frame) + (size_t)(frame[0] - (char)n);
}

static void
look(void *arg)
{
    struct seen *s = (struct seen *)arg;
    sigset_t set;
    pthread_getname_np(pthread_self(), s->name, sizeof(s->name));
    pthread_sigmask(SIG_BLOCK, NULL, &set);
    s->term_blocked = sigismember(&set, SIGTERM) && sigismember(&set, SIGCHLD);
    s->segv_blocked = sigismember(&set, SIGSEGV) || sigismember(&set, SIGBUS);
    s->stack_used = deep(1000);
}

START_TEST(test_start)
{
    struct seen s = {0};
    struct thread *t = NULL;
    struct err e;
    sigset_t set;
    ck_assert(thread_start(&t, "a-name-that-is-too-long", look, &s, &e));
    thread_join(&t);
    ck_assert_ptr_null(t);
    thread_join(&t);
    ck_assert_str_eq(s.name, "a-name-that-is-");
    ck_assert(s.term_blocked);
    ck_assert(!s.segv_blocked);
    ck_assert_uint_gt(s.stack_used, 4000000);
    pthread_sigmask(SIG_BLOCK, NULL, &set);
    ck_assert(!sigismember(&set, SIGTERM));
}
END_TEST

START_TEST(test_start_fails)
{
    struct thread *t = NULL;
    struct pool *p = NULL;
    struct err e;
    fault_arm(FAULT_THREAD_START, 0, EAGAIN, false);
    ck_assert(!thread_start(&t, "x", look, NULL, &e));
    ck_assert_ptr_null(t);
    ck_lit(err_str(&e), "thread x: Resource temporarily unavailable");
    fault_arm(FAULT_THREAD_START, 2, EAGAIN, true);
    ck_assert(!pool_new(&p, "p", 4, &e));
    ck_assert_ptr_null(p);
    fault_disarm_all();
}
END_TEST

START_TEST(test_cpu_count)
{
    unsigned n = thread_cpu_count();
    ck_assert_uint_ge(n, 1);
    ck_assert_uint_le(n, (unsigned)sysconf(_SC_NPROCESSORS_CONF));
}
END_TEST

START_TEST(test_inbox)
{
    struct inbox *b = inbox_new(3);
    char items[8];
    for (int i = 0; i < 3; i++)
        ck_assert(inbox_post(b, &items[i]));
    ck_assert(!inbox_post(b, &items[3]));
    ck_assert_ptr_eq(inbox_post_drop_oldest(b, &items[3]), &items[0]);
    ck_assert_uint_eq(inbox_count(b), 3);
    for (int i = 1; i < 4; i++)
        ck_assert_ptr_eq(inbox_take(b, 0), &items[i]);
    ck_assert_ptr_null(inbox_take(b, 0));
    int64_t start = clock_mono_ms();
    ck_assert_ptr_null(inbox_take(b, 20));
    ck_assert_int_ge(clock_mono_ms() - start, 19);
    ck_assert_ptr_null(inbox_post_drop_oldest(b, &items[4]));
    inbox_close(b);
    ck_assert(!inbox_post(b, &items[5]));
    ck_assert_ptr_eq(inbox_post_drop_oldest(b, &items[5]), &items[5]);
    ck_assert_ptr_eq(inbox_take(b, -1), &items[4]);
    ck_assert_ptr_null(inbox_take(b, -1));
    inbox_free(&b);
    ck_assert_ptr_null(b);
    inbox_free(&b);
}
END_TEST

/* A plain queue beside it, and the ring wrapping at all sizes. */
START_TEST(test_inbox_order)
{
    enum { MAX = 40 };
    struct inbox *b = inbox_new(MAX);
    uintptr_t next = 1, oldest = 1;
    unit_seed();
    for (int i = 0; i < 20000; i++) {
        if (rng_below(2)) {
            bool full = next - oldest == MAX;
            ck_assert_int_eq(inbox_post(b, (void *)next), !full);
            next += !full;
        } else {
            void *got = inbox_take(b, 0);
            ck_assert_uint_eq((uintptr_t)got, oldest < next ? oldest : 0);
            oldest += got != NULL;
        }
        ck_assert_uint_eq(inbox_count(b), next - oldest);
    }
    while (inbox_take(b, 0) != NULL)
        ;
    inbox_free(&b);
}
END_TEST

struct relay {
    struct inbox *in;
    _Atomic uint64_t sum, taken;
};

static void
relay_run(void *arg)
{
    struct relay *r = (struct relay *)arg;
    uintptr_t item;
    while ((item = (uintptr_t)inbox_take(r->in, -1)) != 0) {
        r->sum += item;
        r->taken++;
    }
}

START_TEST(test_inbox_threads)
{
    struct relay r = {.in = inbox_new(16)};
    struct thread *t[3] = {0};
    struct err e;
    uint64_t want = 0;
    for (int i = 0; i < 3; i++)
        ck_assert(thread_start(&t[i], "relay", relay_run, &r, &e));
    for (uintptr_t i = 1; i <= 5000; i++) {
        want += i;
        while (!inbox_post(r.in, (void *)i))
            sched_yield();
    }
    inbox_close(r.in);
    for (int i = 0; i < 3; i++)
        thread_join(&t[i]);
    ck_assert_uint_eq(r.taken, 5000);
    ck_assert_uint_eq(r.sum, want);
    inbox_free(&r.in);
}
END_TEST

struct work {
    struct pool *pool;
    _Atomic unsigned char done[1000];
    _Atomic long inner;
};

static void
mark(void *arg, size_t i)
{
    ((struct work *)arg)->done[i]++;
}

START_TEST(test_pool)
{
    struct work w = {0};
    struct err e;
    for (unsigned workers = 0; workers < 4; workers++) {
        ck_assert(pool_new(&w.pool, "pool", workers, &e));
        ck_assert_uint_eq(pool_workers(w.pool), workers + 1);
        for (size_t n = 0; n <= 1000; n += 1 + n / 3) {
            memset((void *)w.done, 0, sizeof(w.done));
            pool_for(w.pool, n, mark, &w);
            for (size_t i = 0; i < 1000; i++)
                ck_assert_uint_eq(w.done[i], i < n);
        }
        pool_free(&w.pool);
    }
}
END_TEST

static void
inner(void *arg, size_t i)
{
    ((struct work *)arg)->inner += (long)i;
}

static void
nested(void *arg, size_t i)
{
    struct work *w = (struct work *)arg;
    w->done[i]++;
    pool_for(w->pool, 20, inner, w);
}

static void
caller(void *arg)
{
    for (int i = 0; i < 20; i++)
        pool_for(((struct work *)arg)->pool, 30, nested, arg);
}

/* Several callers at once, whose work calls the pool again. */
START_TEST(test_pool_callers)
{
    struct work w = {0};
    struct thread *t[4] = {0};
    struct err e;
    ck_assert(pool_new(&w.pool, "pool", 2, &e));
    for (int i = 0; i < 4; i++)
        ck_assert(thread_start(&t[i], "caller", caller, &w, &e));
    for (int i = 0; i < 4; i++)
        thread_join(&t[i]);
    for (int i = 0; i < 30; i++)
        ck_assert_uint_eq(w.done[i], 80);
    ck_assert_int_eq(w.inner, 4L * 20 * 30 * 190);
    pool_free(&w.pool);
}
END_TEST

UNIT_MAIN("thread", test_start, test_start_fails, test_cpu_count, test_inbox, test_inbox_order,
          test_inbox_threads, test_pool, test_pool_callers)
