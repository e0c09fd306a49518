/* postings.h - sorted lists of series ids and their set algebra.
 *
 * A posting_list is the head's list of one label pair.  Ids are handed out in ascending
 * order, so adding is appending and every list is sorted by construction.  A pair with
 * one series (pod names, ids) keeps the id in place and owns no memory.
 *
 * struct ids is a sorted set in an arena, no id twice; the set operations work in place
 * on the left one, so a query touches no more memory than its smallest list:
 *   intersection and difference walk the short side and gallop through the long one,
 *   union marks bits when the ids are dense and sorts by radix when they are not.
 *
 * THREADS.  None: lists are under the head's index lock, sets belong to one query.
 */
#pragma once
#include "base/arena.h"

struct posting_list {
    uint32_t n, cap; /* cap 0: at most one id, in `one` */
    union {
        uint32_t one;
        uint32_t *v;
    };
};
/* Not in the list yet; cheapest at the end, where it nearly always belongs. */
void posting_list_add(struct posting_list *l, uint32_t id);
void posting_list_free(struct posting_list *l);
/* Removes the ids for which dead() is true, and gives memory back. */
void posting_list_prune(struct posting_list *l, bool (*dead)(const void *arg, uint32_t id),
                        const void *arg);
size_t posting_list_bytes(const struct posting_list *l);

struct ids {
    uint32_t *v;
    size_t n;
};
/* The list as a borrowed set; do not change it. */
static inline struct ids
posting_list_ids(const struct posting_list *l)
{
    return (struct ids){.v = l->cap ? l->v : (uint32_t *)&l->one, .n = l->n};
}
struct ids ids_copy(struct arena *a, struct ids of);
void ids_intersect(struct ids *with, struct ids other);
void ids_subtract(struct ids *from, struct ids other);
/* Union of n sets. */
struct ids ids_union(struct arena *a, const struct ids *sets, size_t n);
/* Ascending, duplicates removed, in place; scratch from the arena. */
void ids_sort(struct arena *a, struct ids *s);
