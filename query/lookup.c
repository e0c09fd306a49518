#include "query/lookup.h"

#include "base/panic.h"

static void
put(struct lookup_slot *slots, size_t cap, struct lookup_slot s)
{
    size_t at = s.hash & (cap - 1);
    while (slots[at].index1 != 0)
        at = (at + 1) & (cap - 1);
    slots[at] = s;
}

static void
grow(struct lookup *l)
{
    size_t cap = l->cap ? l->cap * 2 : 16;
    struct lookup_slot *slots = ARENA_ZARRAY(l->arena, struct lookup_slot, cap);
    for (size_t i = 0; i < l->cap; i++)
        if (l->slots[i].index1 != 0)
            put(slots, cap, l->slots[i]);
    l->slots = slots;
    l->cap = cap;
}

void
lookup_add(struct lookup *l, uint64_t hash, size_t index)
{
    CHECK(index < UINT32_MAX);
    if ((l->n + 1) * 4 > l->cap * 3)
        grow(l);
    put(l->slots, l->cap, (struct lookup_slot){.hash = hash, .index1 = (uint32_t)index + 1});
    l->n++;
}
