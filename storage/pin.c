#include "storage/pin.h"

#include "base/panic.h"

void
pins_init(struct pins *ps)
{
    *ps = (struct pins){.now = 1};
    mutex_init(&ps->mu, LOCK_LEAF);
}

void
pins_fini(struct pins *ps)
{
    CHECK(ps->first == NULL);
    mutex_fini(&ps->mu);
}

void
pin_enter(struct pins *ps, struct pin *p)
{
    CHECK(p->at == 0);
    mutex_lock(&ps->mu);
    p->at = ps->now;
    p->prev = ps->last;
    p->next = NULL;
    if (ps->last)
        ps->last->next = p;
    else
        ps->first = p;
    ps->last = p;
    mutex_unlock(&ps->mu);
}

void
pin_leave(struct pins *ps, struct pin *p)
{
    if (p->at == 0)
        return;
    mutex_lock(&ps->mu);
    if (p->prev)
        p->prev->next = p->next;
    else
        ps->first = p->next;
    if (p->next)
        p->next->prev = p->prev;
    else
        ps->last = p->prev;
    p->at = 0;
    mutex_unlock(&ps->mu);
}

uint64_t
pins_advance(struct pins *ps)
{
    mutex_lock(&ps->mu);
    uint64_t was = ps->now++;
    mutex_unlock(&ps->mu);
    return was;
}

bool
pins_passed(struct pins *ps, uint64_t stamp)
{
    mutex_lock(&ps->mu);
    bool passed = ps->first == NULL || ps->first->at > stamp;
    mutex_unlock(&ps->mu);
    return passed;
}
