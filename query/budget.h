/* budget.h - what one query may use, and whether it may go on.
 *
 * Time and will: a query ends when its deadline passes, its asker's flag is raised or
 * somebody cancels it by id.  Whoever works asks budget_poll at least once a series or
 * every ~10,000 values, so a query ends within some milliseconds.
 *
 * Memory: arenas are counted, not limited (arena_alloc never fails), so they are held
 * against the budget after each series or before a large allocation, and a query may
 * overshoot by what one series needs.  All queries share one purse; user queries may not
 * take the part that is kept for rules, so that a dashboard cannot silence an alert.
 * From the purse a query takes whole grains, to keep the shared counter cool.
 *
 * THREADS.  Everything here may be called by all threads of a query at once.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"

#include <stdatomic.h>

/* Shared by the queries of an engine. */
struct purse {
    uint64_t total_bytes, rules_bytes; /* fixed after init; total 0: unlimited */
    _Atomic uint64_t used;             /* in grains */
};
#define BUDGET_GRAIN_BYTES (1u << 20)

struct budget {
    /* fixed after init */
    str text;                    /* the query, for naming sub-expressions */
    const _Atomic bool *cancel;  /* the asker's flag; may be NULL */
    int64_t deadline_ns;         /* clock_mono_ns */
    uint64_t bytes_max;          /* 0: unlimited */
    bool for_rule;
    struct purse *purse;
    /* atomic */
    _Atomic bool killed;         /* by budget_kill */
    _Atomic uint64_t bytes;      /* held now */
    _Atomic uint64_t bytes_peak;
    _Atomic uint64_t taken;      /* from the purse */
    _Atomic uint64_t samples;    /* read so far, for the list of running queries */
};

struct budget_opts {
    str text;
    const _Atomic bool *cancel;
    int64_t deadline_ns;
    uint64_t bytes_max;
    bool for_rule;
};
void budget_init(struct budget *b, struct purse *p, const struct budget_opts *o);
void budget_fini(struct budget *b); /* gives everything back to the purse */

void budget_kill(struct budget *b);
/* False and e ("query timed out in <where>", "query was canceled in <where>") when the
 * query is to end. */
bool budget_poll(const struct budget *b, const char *where, struct err *e) MUST_USE;

/* An arena whose bytes are counted. */
struct region {
    struct arena *arena;
    size_t counted;
};
struct region region_new(void);
/* Forgets the contents, keeping a block for reuse, and uncounts them. */
void region_clear(struct budget *b, struct region *r);
void region_free(struct budget *b, struct region *r);

/* Where in the query memory is wanted: byte offsets of a sub-expression. */
struct budget_place {
    uint32_t start, end;
};
/* Counts what the arena grew by, if it is more than a little; false and e if that is more
 * than the query, or all queries together, may hold. */
bool budget_count(struct budget *b, struct region *r, struct budget_place at,
                  struct err *e) MUST_USE;
/* Asks before allocating n elements of `size` bytes; counts nothing. */
bool budget_room(const struct budget *b, uint64_t n, uint64_t size, struct budget_place at,
                 struct err *e) MUST_USE;
