#include "server/notify/timers.h"

#include "base/mem.h"

static void
place(struct timers *t, struct timer *m, size_t i)
{
    t->v[i] = m;
    m->place = i + 1;
}

static void
rise(struct timers *t, struct timer *m, size_t i)
{
    for (; i > 0 && t->v[(i - 1) / 2]->at_ms > m->at_ms; i = (i - 1) / 2)
        place(t, t->v[(i - 1) / 2], i);
    place(t, m, i);
}

static void
sink(struct timers *t, struct timer *m, size_t i)
{
    for (;;) {
        size_t child = 2 * i + 1;
        if (child + 1 < t->n && t->v[child + 1]->at_ms < t->v[child]->at_ms)
            child++;
        if (child >= t->n || t->v[child]->at_ms >= m->at_ms)
            break;
        place(t, t->v[child], i);
        i = child;
    }
    place(t, m, i);
}

void
timers_set(struct timers *t, struct timer *m, int64_t at_ms)
{
    bool later = at_ms > m->at_ms;

    m->at_ms = at_ms;
    if (m->place == 0) {
        mem_grow(&t->v, &t->cap, t->n + 1, sizeof(struct timer *));
        rise(t, m, t->n++);
    } else if (later) {
        sink(t, m, m->place - 1);
    } else {
        rise(t, m, m->place - 1);
    }
}

void
timers_drop(struct timers *t, struct timer *m)
{
    if (m->place == 0)
        return;
    size_t i = m->place - 1;
    struct timer *last = t->v[--t->n];
    m->place = 0;
    if (last == m)
        return;
    if (last->at_ms > m->at_ms)
        sink(t, last, i);
    else
        rise(t, last, i);
}

void
timers_fini(struct timers *t)
{
    mem_free(t->v);
    *t = (struct timers){0};
}
