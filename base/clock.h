/* clock.h - the one door to time.  Tests replace it. */
#pragma once
#include "base/base.h"

int64_t clock_now_ms(void);       /* wall clock, Unix milliseconds */
int64_t clock_now_ns(void);       /* wall clock, Unix nanoseconds */
int64_t clock_mono_ns(void);      /* monotonic nanoseconds */
static inline int64_t
clock_mono_ms(void)
{
    return clock_mono_ns() / 1000000;
}
void clock_sleep_ms(int64_t ms);
void clock_sleep_ns(int64_t ns);
int64_t clock_thread_cpu_ns(void);

/* Tests: a fake wall and monotonic clock that moves only by clock_fake_advance_ms.
 * clock_sleep_ms then returns at once after advancing. */
void clock_fake_set_ms(int64_t wall_ms);
void clock_fake_advance_ms(int64_t ms);
void clock_fake_off(void);
