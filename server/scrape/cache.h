/* cache.h - what a target's page looked like last time: the positional scrape cache.
 *
 * A page has the same lines in the same order each time.  So the cache is an array of
 * lines in page order, 16 bytes each: a keyed hash of the text that identifies the line
 * (a series without its value; a whole TYPE, HELP or comment line), its length, and what
 * it stands for.  While the page goes as expected ("tight") nothing is written and nothing
 * looked up: hash the text, compare, take the id.
 *
 *     lines   | # HELP a… | # TYPE a… | a{x="1"} | a{x="2"} | b | …
 *               ^ at: the line expected next
 *
 * The first surprise makes the pass "loose": from then on each line is marked when it is
 * seen and its place is noted, lines are also found by hash, and at the end the array is
 * put into the page's new order without the lines that have gone.
 *
 * STALENESS.  A line is TRACKED when its series, stored without error, is to get a stale
 * marker once it is missing.  Of each line we know whether it was tracked last time and
 * whether it is now; the difference is the markers.  In a tight pass each line is tracked
 * as before.  A series may have several lines (`a{x="1",y="2"}`, `a{y="2",x="1"}`): it is
 * stale when none of them is tracked.
 *
 * A FAILED PASS keeps all lines and forgets none of its new ones, as Prometheus' cache
 * does, up to a bound.
 *
 * The hash's key is random per process, so that no page can make two texts collide.
 *
 * THREADS.  One; metadata is also read by others under the shard's lock (metadata.h).
 */
#pragma once
#include "base/hash.h"
#include "server/scrape/metadata.h"

enum cache_kind {
    CACHE_SERIES,  /* id: the series */
    CACHE_DROPPED, /* a series that relabelling drops */
    CACHE_META,    /* id: the family's slot, and the kind of metric of a TYPE line */
    CACHE_COMMENT,
};

struct cache_line {
    uint64_t hash;
    uint32_t id;
    uint32_t bits; /* CACHE_… below */
};
#define CACHE_LENGTH 0xfffffu     /* of the text, in bytes */
#define CACHE_KIND_SHIFT 20
#define CACHE_VISITED (1u << 24)  /* in this pass; only while it is loose */
#define CACHE_TRACKED (1u << 25)  /* now; only while it is loose; META: seen */
#define CACHE_BEFORE (1u << 26)   /* tracked in the pass before */
#define CACHE_META_SLOT 0xffffffu
#define CACHE_META_KIND_SHIFT 24  /* kind + 1; 0 for HELP and UNIT */

struct cache {
    struct cache_line *lines;
    uint32_t n, cap;
    uint32_t at;
    uint32_t success_n; /* lines and families after the last success */
    uint32_t pass;      /* number of the pass */
    bool loose;
    struct metadata metadata;
};

/* Memory of a pass, shared by all the caches of a thread. */
struct cache_work {
    uint32_t *order;   /* lines in the order they were seen; loose only */
    size_t order_n, order_cap;
    uint32_t *index;   /* line + 1 by hash; made when first needed */
    size_t index_size; /* a power of two; 0: not made */
    size_t index_cap;
    uint32_t *ids;     /* a set of series ids */
    size_t ids_cap;
    struct metadata_work metadata;
};
void cache_work_fini(struct cache_work *w);

/* A set of up to n series ids in the work's memory; one at a time. */
struct id_set {
    uint32_t *v; /* 0: empty */
    size_t mask;
};
void id_set_begin(struct id_set *s, struct cache_work *w, size_t n);
bool id_set_add(struct id_set *s, uint32_t id); /* false: it was in it */
bool id_set_has(const struct id_set *s, uint32_t id);

void cache_fini(struct cache *c, struct family_pool *p);
void cache_begin(struct cache *c, struct cache_work *w);

static inline enum cache_kind
cache_kind(const struct cache_line *l)
{
    return (enum cache_kind)((l->bits >> CACHE_KIND_SHIFT) & 3);
}
/* The line expected next, or NULL. */
static inline struct cache_line *
cache_expected(const struct cache *c)
{
    return c->at < c->n ? &c->lines[c->at] : NULL;
}
/* Whether text is what the line stands for. */
static inline bool
cache_is(const struct cache_line *l, str text)
{
    return text.n == (l->bits & CACHE_LENGTH) && hash64(text) == l->hash;
}

void cache_loosen(struct cache *c, struct cache_work *w);
bool cache_visit_loose(struct cache *c, struct cache_work *w, struct cache_line *l, bool tracked);
/* The line was seen.  Returns false if it has been seen in this pass before. */
static inline bool
cache_visit(struct cache *c, struct cache_work *w, struct cache_line *l, bool tracked)
{
    if (LIKELY(!c->loose && l == &c->lines[c->at] && tracked == !!(l->bits & CACHE_BEFORE))) {
        c->at++;
        return true;
    }
    return cache_visit_loose(c, w, l, tracked);
}
/* Seen in this pass already? */
static inline bool
cache_visited(const struct cache *c, const struct cache_line *l)
{
    return c->loose ? l->bits & CACHE_VISITED : l < &c->lines[c->at];
}
/* A later sample of a line seen before was stored: it is tracked after all. */
void cache_track(struct cache *c, struct cache_work *w, struct cache_line *l);
/* The line of this text, if there is one; makes the pass loose.  Lines move when one is
 * added. */
struct cache_line *cache_find(struct cache *c, struct cache_work *w, str text);
/* A new line, seen; after cache_find has not found it; text at most CACHE_LENGTH long. */
struct cache_line *cache_add(struct cache *c, struct cache_work *w, enum cache_kind kind, str text,
                             uint32_t id);
/* After commit: the sample of a line was refused. */
void cache_untrack(struct cache *c, struct cache_work *w, uint32_t line);

/* The series that were tracked and are no more, each once: calls stale for each. */
void cache_each_stale(struct cache *c, struct cache_work *w, void (*stale)(void *arg, uint32_t id),
                      void *arg);
/* All series tracked by the last pass, without a pass: for a target that has gone. */
void cache_each_tracked(const struct cache *c, void (*stale)(void *arg, uint32_t id), void *arg);
/* Ends the pass.  success: lines that were not seen are forgotten. */
void cache_end(struct cache *c, struct cache_work *w, struct family_pool *p, bool success);
