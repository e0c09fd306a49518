/* schedule.h - shards: threads that scrape.
 *
 * A shard owns its targets: when they are due, their transfers, caches and batches.  It
 * sleeps in its HTTP loop until something is due or arrives.  Pages that have arrived wait
 * in line and are worked on one at a time, and between two of them whatever has become due
 * is started: a large page delays the start of others by one page at most.
 *
 * TIME.  Each target has a phase in its interval, from a hash of its labels and URL and a
 * seed of this server, so that scrapes are spread evenly and stay where they are over a
 * restart.  A scrape that starts within min(2 ms, 1 % of the interval) of its tick is
 * stamped with the tick: stored times are then a whole interval apart.  A tick that passes
 * while the last scrape still runs is made up for at its end, more than one are not.
 *
 * ENDINGS.  When a target goes, its cache stays for two intervals and a tenth, then
 * everything it had gets a stale marker at the time of the first tick it missed; where
 * somebody else has stored later samples meanwhile, none.
 *
 * THREADS.  shard_… may be called from any thread; they leave a message.
 */
#pragma once
#include "server/scrape/target.h"

struct shard;
struct shard_opts {
    struct tsdb *db;
    unsigned number;
    bool exemplars;
};
bool shard_new(struct shard **out, const struct shard_opts *o, struct err *e) MUST_USE;
void shard_free(struct shard **s); /* no endings: a restart goes on */

/* Part of every target's phase; for targets added later. */
void shard_set_seed(struct shard *s, uint64_t seed);
/* Starts to scrape t (a reference is taken).  If `heir_of` is not NULL, t is what that
 * target has become: it is removed without an ending and leaves its cache to t. */
void shard_add(struct shard *s, struct target *t, struct target *heir_of);
/* Ends it. */
void shard_remove(struct shard *s, struct target *t);
/* From the next scrape on t works for job j (a reference is taken).  Without keep_cache
 * the series it had so far come to an end as if it had been removed. */
void shard_update(struct shard *s, struct target *t, struct job *j, bool keep_cache);
/* Every scrape of t fails with this text; empty: no longer. */
void shard_force_error(struct shard *s, struct target *t, str text);

/* Locks out changes of what views read: health, last_…, cache.metadata. */
void shard_lock(struct shard *s);
void shard_unlock(struct shard *s);
