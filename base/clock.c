#include "base/clock.h"

#include <errno.h>
#include <stdatomic.h>
#include <time.h>

#include "base/panic.h"

static _Atomic bool faked;
static _Atomic int64_t fake_wall_ns;
static _Atomic int64_t fake_mono_ns;

static int64_t
read_ns(clockid_t id)
{
    struct timespec ts;
    CHECK(clock_gettime(id, &ts) == 0);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t
clock_now_ns(void)
{
    return UNLIKELY(atomic_load(&faked)) ? atomic_load(&fake_wall_ns) : read_ns(CLOCK_REALTIME);
}

/* Rounds down, before 1970 too. */
int64_t
clock_now_ms(void)
{
    int64_t ns = clock_now_ns();
    return ns / 1000000 - (ns % 1000000 < 0);
}

int64_t
clock_mono_ns(void)
{
    return UNLIKELY(atomic_load(&faked)) ? atomic_load(&fake_mono_ns) : read_ns(CLOCK_MONOTONIC);
}

void
clock_sleep_ms(int64_t ms)
{
    clock_sleep_ns(ms * 1000000);
}

void
clock_sleep_ns(int64_t ns)
{
    if (ns <= 0)
        return;
    if (atomic_load(&faked)) {
        clock_fake_advance_ms((ns + 999999) / 1000000);
        return;
    }
    struct timespec left = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR)
        ;
}

int64_t
clock_thread_cpu_ns(void)
{
    return read_ns(CLOCK_THREAD_CPUTIME_ID);
}

void
clock_fake_set_ms(int64_t wall_ms)
{
    if (!atomic_load(&faked))
        atomic_store(&fake_mono_ns, read_ns(CLOCK_MONOTONIC));
    atomic_store(&fake_wall_ns, wall_ms * 1000000);
    atomic_store(&faked, true);
}

void
clock_fake_advance_ms(int64_t ms)
{
    CHECK(atomic_load(&faked));
    atomic_fetch_add(&fake_wall_ns, ms * 1000000);
    atomic_fetch_add(&fake_mono_ns, ms * 1000000);
}

void
clock_fake_off(void)
{
    atomic_store(&faked, false);
}
