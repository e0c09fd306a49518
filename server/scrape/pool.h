/* pool.h - the targets of one job, kept in step with what is discovered.
 *
 * scrape_pool_sync makes targets of a target set: those that are new are given to their shards,
 * those that are gone are taken from them.  A target that goes while one with the same
 * URL and public labels comes (a new interval, say) leaves its cache to it.
 *
 * THREADS.  All under the scraper's mu.
 */
#pragma once
#include "server/scrape/schedule.h"

struct dropped_target {
    const struct target_group *group; /* of the pool's set */
    size_t index;
};
struct scrape_pool {
    str name;                    /* of the job's configuration */
    struct job *job;             /* a reference */
    struct target_set *set;      /* a reference: what groups point into; NULL: not synced */
    bool stale;                  /* the job has changed since the sync */
    bool wanted;                 /* by the configuration being applied */
    struct target **targets;     /* a reference each; in the order of discovery */
    size_t n;
    struct dropped_target *dropped;
    size_t dropped_n, dropped_cap; /* those kept */
    size_t dropped_count;
    struct shard **shards;       /* borrowed */
    unsigned shards_n;
};

struct scrape_pool *scrape_pool_new(struct job *j, struct shard **shards, unsigned shards_n);
/* Its targets come to their ends. */
void scrape_pool_stop(struct scrape_pool *p);
/* As scrape_pool_stop, but nothing is marked stale: the server ends. */
void scrape_pool_free(struct scrape_pool **p);
/* A new version of the job (a reference is taken). */
void scrape_pool_reload(struct scrape_pool *p, struct job *j);
/* Takes the reference to set.  Nothing happens if neither it nor the job has changed. */
void scrape_pool_sync(struct scrape_pool *p, struct target_set *set);
