/* lookup.h - from a 64-bit hash to an index, for tables of label sets and signatures.
 *
 * Open addressing with linear probing; the caller keeps the elements in an array of its
 * own, hashes them, and compares candidates itself:
 *
 *     for (struct lookup_walk w = lookup_walk(&l, hash); lookup_next(&l, &w);)
 *         if (same(&array[w.index], key))
 *             return w.index;
 *     lookup_add(&l, hash, array_n);
 *
 * Memory is the arena's.  One thread at a time.
 */
#pragma once
#include "base/arena.h"

struct lookup {
    struct arena *arena;
    struct lookup_slot {
        uint64_t hash;
        uint32_t index1; /* index + 1; 0: free */
    } *slots;
    size_t cap; /* 0 or a power of two */
    size_t n;
};
struct lookup_walk {
    uint64_t hash;
    size_t at;
    uint32_t index; /* the candidate */
};

static inline struct lookup
lookup_new(struct arena *a)
{
    return (struct lookup){.arena = a};
}
/* A hash may be added several times with different indexes. */
void lookup_add(struct lookup *l, uint64_t hash, size_t index);

static inline struct lookup_walk
lookup_walk(const struct lookup *l, uint64_t hash)
{
    return (struct lookup_walk){.hash = hash, .at = l->cap ? hash & (l->cap - 1) : 0};
}
/* Moves to the next element with this hash; false at the end. */
static inline bool
lookup_next(const struct lookup *l, struct lookup_walk *w)
{
    if (l->cap == 0)
        return false;
    while (l->slots[w->at].index1 != 0) {
        const struct lookup_slot *s = &l->slots[w->at];
        w->at = (w->at + 1) & (l->cap - 1);
        if (s->hash == w->hash) {
            w->index = s->index1 - 1;
            return true;
        }
    }
    return false;
}
