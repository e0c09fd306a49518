/* target.h - one thing to scrape: labels, URL, and the state of its last scrape.
 *
 * What discovery found becomes a target in three steps, whose rules and words are
 * Prometheus' (reference/prometheus.md 3.3): the job's defaults fill in what the group
 * left out (target_discovered), relabelling changes or drops it, and what is left is
 * checked.  Two targets with the same labels and URL are one (target.hash).
 *
 * A job is a scrape config at work: its HTTP client, its request headers.  A reload makes
 * a new one and the targets move over.
 *
 * LIFETIME.  Both are counted.  A target is held by its pool and by its shard, a job by
 * its pool and its targets.
 *
 * THREADS.  See the blocks of struct target; `mu` of the shard guards what views read.
 */
#pragma once
#include "server/config/config.h"
#include "server/discovery/discovery.h"
#include "server/net/http_client.h"
#include "server/scrape/cache.h"
#include "server/scrape/failure_log.h"
#include "server/scrape/scraper.h"

struct job {
    unsigned magic;
#define JOB_MAGIC 0x18e5d36b
    _Atomic unsigned refs;
    struct config *c;               /* a reference */
    const struct config_scrape *s;
    struct http_client *client;
    char *accept;                   /* the request's Accept header */
    struct failure_log *failures;   /* a reference, or NULL */
    int max_schema;                 /* of native histograms, from min_bucket_factor */
};
bool job_new(struct job **out, struct config *c, const struct config_scrape *s,
             struct failure_log *failures, struct err *e) MUST_USE;
struct job *job_ref(struct job *j);
void job_unref(struct job **j);

#define REPORT_SERIES 8

struct target {
    unsigned magic;
#define TARGET_MAGIC 0x90b7ce14
    _Atomic unsigned refs;
    /* fixed after new */
    struct labels labels;           /* after relabelling, those with __ too */
    struct labels public;           /* without them: what goes onto series */
    char *url;
    uint64_t hash;                  /* Prometheus': the phase follows from it */
    uint64_t lasting;               /* hash of URL and public labels alone */
    int64_t interval_ms, timeout_ms;
    bool native, classic, nhcb;     /* histograms: see __scrape_native_histograms__ … */
    unsigned shard;
    /* under the scraper's mu */
    const struct target_group *group;
    size_t index;                   /* in the group */
    bool wanted;                    /* by the sync going on */
    bool scraped;                   /* a shard has it */
    bool bequeathed;                /* it has gone and left its cache to another */
    /* under the shard's mu */
    struct job *job;                /* a reference */
    char *forced_error;             /* target_limit; NULL: none */
    enum target_health health;
    char *last_error;               /* NULL: none */
    int64_t last_scrape_ns;
    double last_seconds;
    /* owned by the shard's thread; cache.metadata is read by views under its mu */
    struct cache cache;
    uint32_t report[REPORT_SERIES]; /* series ids of up …; 0: not known yet */
    int64_t due_ns;                 /* monotonic */
    int64_t aligned_ns;             /* wall: the tick that due_ns stands for */
    int64_t last_start_ns;          /* monotonic, 0: never */
    size_t last_body;               /* bytes, so that the next buffer fits */
    size_t heap_at;                 /* index in the shard's heap of due times; SIZE_MAX: none */
    bool running, stopped;
};

/* The labels a target has before relabelling; array and strings in the arena, or borrowed
 * from the arguments. */
struct labels target_discovered(const struct config_scrape *s, struct labels group,
                                struct labels own, struct arena *a);
/* Its labels after relabelling.  False with e: it cannot be a target.  An empty set: it
 * has been dropped. */
bool target_relabel(const struct config_scrape *s, struct labels discovered, struct arena *a,
                    struct labels *out, struct err *e) MUST_USE;
/* The URL it is scraped at. */
str target_url(const struct config_scrape *s, struct labels labels, struct arena *a);
uint64_t target_hash(struct labels labels, str url);

/* Copies labels and url. */
struct target *target_new(struct labels labels, str url, uint64_t hash, struct job *j);
struct target *target_ref(struct target *t);
void target_unref(struct target **t);
/* Nanoseconds from now until the next tick: a phase of the interval that is the target's
 * own and the same after a restart. */
int64_t target_offset_ns(const struct target *t, int64_t now_ns, uint64_t seed);
