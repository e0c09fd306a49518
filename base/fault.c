#include "base/fault.h"

#include <stdatomic.h>

#include "base/panic.h"

struct point {
    _Atomic long calls;
    _Atomic long at; /* 1 + the call to fail; 0: not armed */
    _Atomic int errnum;
    _Atomic bool sticky;
};
static struct point points[FAULT_COUNT];
/* One load decides in production, where nothing is ever armed. */
static _Atomic bool armed;

int
fault_hit(enum fault f)
{
    if (LIKELY(!atomic_load_explicit(&armed, memory_order_relaxed)))
        return 0;
    struct point *p = &points[f];
    long call = atomic_fetch_add(&p->calls, 1);
    long at = atomic_load(&p->at);
    if (at == 0 || call < at - 1 || (call > at - 1 && !atomic_load(&p->sticky)))
        return 0;
    return atomic_load(&p->errnum);
}

void
fault_arm(enum fault f, long n, int errnum, bool sticky)
{
    CHECK(f < FAULT_COUNT);
    CHECK(n >= 0);
    CHECK(errnum != 0);
    struct point *p = &points[f];
    atomic_store(&p->calls, 0);
    atomic_store(&p->errnum, errnum);
    atomic_store(&p->sticky, sticky);
    atomic_store(&p->at, n + 1);
    atomic_store(&armed, true);
}

void
fault_disarm_all(void)
{
    for (int f = 0; f < FAULT_COUNT; f++) {
        atomic_store(&points[f].at, 0);
        atomic_store(&points[f].calls, 0);
    }
    atomic_store(&armed, false);
}

long
fault_calls(enum fault f)
{
    CHECK(f < FAULT_COUNT);
    return atomic_load(&points[f].calls);
}
