/* timers.h - what is due when: a binary heap of timers that sit in their owners.
 *
 * Setting, moving and dropping take O(log n); finding the first takes none.  A zeroed
 * timer is in no heap.  Whoever owns the structs around it keeps it alive while it is in.
 */
#pragma once
#include "base/base.h"

struct timer {
    int64_t at_ms;
    size_t place; /* in the heap, from 1; 0: in none */
};
struct timers {
    struct timer **v;
    size_t n, cap;
};
void timers_set(struct timers *t, struct timer *m, int64_t at_ms); /* puts it in, or moves it */
void timers_drop(struct timers *t, struct timer *m);               /* one that is in none, too */
static inline struct timer *
timers_first(const struct timers *t)
{
    return t->n ? t->v[0] : NULL;
}
void timers_fini(struct timers *t);
#define TIMER_OWNER(m, T, member) ((T *)(void *)((char *)(m) - offsetof(T, member)))
