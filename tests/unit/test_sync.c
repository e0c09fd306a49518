#include "base/sync.h"

#include <signal.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/thread.h"
#include "tests/unit/unit.h"

struct shared {
    struct mutex mu;
    struct rwlock rw;
    struct cond cond;
    long counter;
    int turn;
    _Atomic int readers, most_readers;
    _Atomic bool writer_waits, writer_in;
};

static void
shared_init(struct shared *s)
{
    memset(s, 0, sizeof(*s));
    mutex_init(&s->mu, LOCK_LEAF);
    rwlock_init(&s->rw, LOCK_LEAF);
    cond_init(&s->cond);
}

static void
shared_fini(struct shared *s)
{
    mutex_fini(&s->mu);
    rwlock_fini(&s->rw);
    cond_fini(&s->cond);
}

static void
run_all(void (*run)(void *), void *arg, size_t n)
{
    struct thread *t[8] = {0};
    struct err e;
    ck_assert_uint_le(n, ARRAY_LEN(t));
    for (size_t i = 0; i < n; i++)
        ck_assert(thread_start(&t[i], "test", run, arg, &e));
    for (size_t i = 0; i < n; i++)
        thread_join(&t[i]);
}

static void
count_up(void *arg)
{
    struct shared *s = (struct shared *)arg;
    for (int i = 0; i < 20000; i++) {
        mutex_lock(&s->mu);
        mutex_assert_held(&s->mu);
        s->counter++;
        mutex_unlock(&s->mu);
    }
}

START_TEST(test_mutex)
{
    struct shared s;
    shared_init(&s);
    run_all(count_up, &s, 4);
    ck_assert_int_eq(s.counter, 80000);
    shared_fini(&s);
}
END_TEST

static void
write_some(void *arg)
{
    struct shared *s = (struct shared *)arg;
    for (int i = 0; i < 2000; i++) {
        rwlock_write(&s->rw);
        s->counter++;
        rwlock_unlock(&s->rw);
        rwlock_read(&s->rw);
        long seen = s->counter;
        rwlock_unlock(&s->rw);
        ck_assert_int_gt(seen, 0);
    }
}

START_TEST(test_rwlock)
{
    struct shared s;
    shared_init(&s);
    run_all(write_some, &s, 4);
    ck_assert_int_eq(s.counter, 8000);
    shared_fini(&s);
}
END_TEST

static void
writer(void *arg)
{
    struct shared *s = (struct shared *)arg;
    s->writer_waits = true;
    rwlock_write(&s->rw);
    s->writer_in = true;
    rwlock_unlock(&s->rw);
}

static void
late_reader(void *arg)
{
    struct shared *s = (struct shared *)arg;
    rwlock_read(&s->rw);
    ck_assert(s->writer_in);
    rwlock_unlock(&s->rw);
}

/* A reader that comes after a waiting writer goes in after it. */
START_TEST(test_writers_first)
{
    struct shared s;
    struct thread *w = NULL, *r = NULL;
    struct err e;
    shared_init(&s);
    rwlock_read(&s.rw);
    ck_assert(thread_start(&w, "writer", writer, &s, &e));
    while (!s.writer_waits)
        clock_sleep_ms(1);
    clock_sleep_ms(50);
    ck_assert(thread_start(&r, "reader", late_reader, &s, &e));
    clock_sleep_ms(50);
    rwlock_unlock(&s.rw);
    thread_join(&w);
    thread_join(&r);
    shared_fini(&s);
}
END_TEST

static void
take_turns(void *arg)
{
    struct shared *s = (struct shared *)arg;
    mutex_lock(&s->mu);
    for (int i = 0; i < 200; i++) {
        int mine = s->turn++;
        cond_broadcast(&s->cond);
        while (s->turn == mine + 1 && s->turn < 390)
            cond_wait(&s->cond, &s->mu);
        mutex_assert_held(&s->mu);
    }
    mutex_unlock(&s->mu);
}

START_TEST(test_cond)
{
    struct shared s;
    shared_init(&s);
    run_all(take_turns, &s, 2);
    ck_assert_int_eq(s.turn, 400);
    mutex_lock(&s.mu);
    int64_t start = clock_mono_ms();
    while (cond_wait_ms(&s.cond, &s.mu, 30))
        ;
    ck_assert_int_ge(clock_mono_ms() - start, 25);
    mutex_unlock(&s.mu);
    shared_fini(&s);
}
END_TEST

START_TEST(test_recursive_lock_aborts)
{
    struct shared s;
    shared_init(&s);
    mutex_lock(&s.mu);
    mutex_lock(&s.mu);
}
END_TEST

START_TEST(test_foreign_unlock_aborts)
{
    struct shared s;
    shared_init(&s);
    mutex_unlock(&s.mu);
}
END_TEST

#ifdef NARTHEX_DEBUG
START_TEST(test_wrong_order_aborts)
{
    struct mutex low, high;
    mutex_init(&low, LOCK_CONFIG);
    mutex_init(&high, LOCK_LOG);
    mutex_lock(&high);
    mutex_lock(&low);
}
END_TEST

START_TEST(test_equal_rank_aborts)
{
    struct rwlock a, b;
    rwlock_init(&a, LOCK_BLOCKS);
    rwlock_init(&b, LOCK_BLOCKS);
    rwlock_read(&a);
    rwlock_read(&b);
}
END_TEST
#endif

/* Locks may be given back in any order, and a wait keeps its place. */
START_TEST(test_right_order)
{
    struct mutex low, high;
    struct rwlock middle;
    mutex_init(&low, LOCK_CONFIG);
    rwlock_init(&middle, LOCK_BLOCKS);
    mutex_init(&high, LOCK_LOG);
    for (int i = 0; i < 3; i++) {
        mutex_lock(&low);
        rwlock_read(&middle);
        mutex_lock(&high);
        mutex_unlock(&low);
        mutex_unlock(&high);
        rwlock_unlock(&middle);
    }
    mutex_fini(&low);
    mutex_fini(&high);
    rwlock_fini(&middle);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("sync");
    TCase *tc = tcase_create("sync");
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, test_mutex);
    tcase_add_test(tc, test_rwlock);
    tcase_add_test(tc, test_writers_first);
    tcase_add_test(tc, test_cond);
    tcase_add_test(tc, test_right_order);
    tcase_add_test_raise_signal(tc, test_recursive_lock_aborts, SIGABRT);
    tcase_add_test_raise_signal(tc, test_foreign_unlock_aborts, SIGABRT);
#ifdef NARTHEX_DEBUG
    tcase_add_test_raise_signal(tc, test_wrong_order_aborts, SIGABRT);
    tcase_add_test_raise_signal(tc, test_equal_rank_aborts, SIGABRT);
#endif
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
