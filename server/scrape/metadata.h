/* metadata.h - TYPE, HELP and UNIT of the families a target exposes.
 *
 * Thousands of targets expose the same families with the same words.  So a family's
 * metadata is an immutable, counted record in a pool, one per shard, and a target has an
 * array of pointers to them.  A family that is exposed no more stays for ten scrapes.
 *
 * THREADS.  The shard's thread writes, holding the shard's lock (the pool's `mu`) while
 * it changes what views may be reading; the thread itself reads without.
 */
#pragma once
#include "base/sync.h"
#include "server/scrape/exposition.h"

struct family {
    uint32_t refs;       /* slots of targets */
    enum metric_kind kind;
    uint64_t name_hash;
    uint64_t hash;       /* of everything */
    str name, help, unit; /* behind the record */
};

struct family_pool {
    struct mutex *mu;    /* the shard's */
    struct family **table; /* open addressing by hash */
    size_t n, size;
};
void family_pool_fini(struct family_pool *p); /* must be empty */

struct metadata_slot {
    struct family *f;    /* NULL: free */
    uint32_t last_pass;  /* that saw it; kept up while `gone` */
    bool gone, seen;
};
struct metadata {
    struct metadata_slot *v;
    uint32_t n, cap, used;
    uint32_t gone_n;
    uint32_t free_from;  /* no free slot is below */
    bool conflict;       /* lines of the page contradict each other: all must be read */
    bool conflict_now;   /* in this pass */
};
/* A table of slots by name, made when first needed in a pass. */
struct metadata_work {
    uint32_t *index;
    size_t size, cap;
};

enum metadata_what { METADATA_TYPE, METADATA_HELP, METADATA_UNIT };
struct metadata_entry {
    enum metadata_what what;
    str family;
    str text;            /* HELP, UNIT */
    enum metric_kind kind;
};

void metadata_fini(struct metadata *m, struct family_pool *p);
void metadata_begin(struct metadata_work *w);
/* Notes one entry, of several for a family the last counts; returns the family's slot, which stays its own while it is seen. */
uint32_t metadata_set(struct metadata *m, struct metadata_work *w, struct family_pool *p,
                      const struct metadata_entry *x);
/* A slot was seen again, its line being known; only needed in loose passes. */
static inline void
metadata_see(struct metadata *m, uint32_t slot)
{
    m->v[slot].seen = true;
}
struct metadata_pass {
    uint32_t number;
    bool loose; /* slots not seen are gone; else nothing has changed */
    bool flush; /* those gone for more than ten passes are dropped */
};
void metadata_end(struct metadata *m, struct family_pool *p, const struct metadata_pass *pass);
size_t metadata_bytes(const struct metadata *m);
