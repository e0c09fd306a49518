/* scraper_priv.h - the scraper as scraper.c and views.c see it.
 *
 * LOCKS.  sync_mu: one reload or sync at a time; it guards the list of pools against
 * change and comes before discovery's lock.  mu: pools and their targets, for whoever
 * changes or views them.
 */
#pragma once
#include "base/sync.h"
#include "server/scrape/pool.h"

struct scraper {
    unsigned magic;
#define SCRAPER_MAGIC 0x4df6a87e
    /* fixed after new */
    struct shard **shards;
    unsigned shards_n;
    struct discovery *discovery;
    char *external_url, *listen_address;
    /* under sync_mu */
    struct mutex sync_mu;
    struct buf own_name;
    struct target_set **sets;  /* on their way to the pools */
    /* under mu; the list changes under both */
    struct mutex mu;
    struct scrape_pool **pools;       /* by name */
    size_t pools_n;
};
