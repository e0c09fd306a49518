/* id_table.h - a hash table from 32-bit hash to 32-bit id, 8 bytes a slot.
 *
 * The keys live with their owner (label text, label sets); the table yields the ids
 * whose hash agrees and the owner compares.  Open addressing, linear probing, filled to
 * at most 3/4; an id is removed by moving its followers up, so there are no tombstones
 * and lookups stay short however much churn there was.  Growing needs no key: 32 bits
 * of hash lie in the slot.
 *
 *     uint32_t id;
 *     for (struct id_probe p = id_table_probe(t, hash); (id = id_table_next(&p)) != 0;)
 *         if (equal(id, key))
 *             return id;
 *
 * THREADS.  None: the owner locks.
 */
#pragma once
#include "base/base.h"

struct id_table {
    uint64_t *slots; /* hash << 32 | id; 0 is free */
    size_t mask;     /* slots - 1 */
    size_t n;
};
void id_table_init(struct id_table *t);
void id_table_fini(struct id_table *t);
void id_table_put(struct id_table *t, uint32_t hash, uint32_t id); /* id > 0, not present */
static inline void
id_table_prefetch(const struct id_table *t, uint32_t hash)
{
    __builtin_prefetch(&t->slots[hash & t->mask], 1);
}
void id_table_del(struct id_table *t, uint32_t hash, uint32_t id); /* must be present */
/* Makes room for n ids without growing on the way. */
void id_table_reserve(struct id_table *t, size_t n);

struct id_probe {
    const struct id_table *t;
    uint32_t hash;
    size_t at;
};
static inline struct id_probe
id_table_probe(const struct id_table *t, uint32_t hash)
{
    return (struct id_probe){.t = t, .hash = hash, .at = hash & t->mask};
}
static inline uint32_t
id_table_next(struct id_probe *p)
{
    for (;;) {
        uint64_t slot = p->t->slots[p->at];
        if (slot == 0)
            return 0;
        p->at = (p->at + 1) & p->t->mask;
        if ((uint32_t)(slot >> 32) == p->hash)
            return (uint32_t)slot;
    }
}
