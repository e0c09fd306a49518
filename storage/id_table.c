#include "storage/id_table.h"

#include "base/mem.h"
#include "base/panic.h"

#define SLOTS_MIN 16

void
id_table_init(struct id_table *t)
{
    *t = (struct id_table){.slots = MEM_ARRAY(uint64_t, SLOTS_MIN), .mask = SLOTS_MIN - 1};
}

void
id_table_fini(struct id_table *t)
{
    mem_free(t->slots);
    *t = (struct id_table){0};
}

static void
id_table_place(struct id_table *t, uint64_t slot)
{
    size_t i = (size_t)(slot >> 32) & t->mask;
    while (t->slots[i] != 0)
        i = (i + 1) & t->mask;
    t->slots[i] = slot;
}

static void
id_table_resize(struct id_table *t, size_t slots)
{
    uint64_t *old = t->slots;
    size_t old_n = t->mask + 1;
    t->slots = MEM_ARRAY(uint64_t, slots);
    mem_huge(t->slots, slots * sizeof(uint64_t));
    t->mask = slots - 1;
    for (size_t i = 0; i < old_n; i++)
        if (old[i] != 0)
            id_table_place(t, old[i]);
    mem_free(old);
}

void
id_table_reserve(struct id_table *t, size_t n)
{
    size_t slots = t->mask + 1;
    while (n + 1 > slots / 4 * 3)
        slots *= 2;
    if (slots != t->mask + 1)
        id_table_resize(t, slots);
}

void
id_table_put(struct id_table *t, uint32_t hash, uint32_t id)
{
    DCHECK(id != 0);
    id_table_reserve(t, t->n + 1);
    id_table_place(t, (uint64_t)hash << 32 | id);
    t->n++;
}

void
id_table_del(struct id_table *t, uint32_t hash, uint32_t id)
{
    uint64_t slot = (uint64_t)hash << 32 | id;
    size_t i = hash & t->mask;
    while (t->slots[i] != slot) {
        CHECK(t->slots[i] != 0);
        i = (i + 1) & t->mask;
    }
    /* Move up every follower that would no longer be reachable over the hole: one whose
     * home does not lie cyclically in (hole, follower]. */
    for (size_t j = i;;) {
        t->slots[i] = 0;
        for (;;) {
            j = (j + 1) & t->mask;
            if (t->slots[j] == 0) {
                t->n--;
                return;
            }
            size_t home = (size_t)(t->slots[j] >> 32) & t->mask;
            if (((j - home) & t->mask) >= ((j - i) & t->mask))
                break;
        }
        t->slots[i] = t->slots[j];
        i = j;
    }
}
