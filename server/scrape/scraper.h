/* scraper.h - scrapes every target of every job: the public face.
 *
 * Targets come from discovery, pass relabelling, and are sharded over a few scrape
 * threads; each thread owns its targets (schedule, connection, series cache, batch) and
 * drives their transfers on one http_loop.  A scrape is one append batch: all or nothing.
 * Semantics: reference/prometheus.md 3, 11 (18-23), 12 (1-9).
 *
 * THREADS.  Views are snapshots in the caller's arena.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "model/labels.h"
#include "server/scrape/exposition.h"
#include "storage/tsdb.h"

struct scraper;
struct config;

struct scraper_opts {
    struct tsdb *db;
    unsigned threads;              /* 0: one per CPU */
    bool exemplars, native_histograms, type_unit_labels, start_times, zero_ingestion;
    const char *external_url;      /* for globalUrl; copied, as the next */
    const char *listen_address;    /* "0.0.0.0:9090", the first one */
};
bool scraper_new(struct scraper **out, const struct scraper_opts *o, struct err *e) MUST_USE;
/* Moves to a new generation: unchanged jobs go on undisturbed, jobs whose cache identity
 * is unchanged keep their series caches (no false staleness), gone ones wind down. */
bool scraper_apply(struct scraper *s, struct config *c, struct err *e) MUST_USE;
void scraper_free(struct scraper **s); /* no stale markers: a restart goes on */

enum target_health { TARGET_UNKNOWN, TARGET_UP, TARGET_DOWN };
struct target_view {
    str pool;
    struct labels discovered, labels; /* before relabelling; public labels after */
    str url, global_url, last_error;
    int64_t last_scrape_ns;           /* wall; 0: never */
    double last_seconds;
    enum target_health health;
    str interval, timeout;            /* "15s" */
};
/* Sorted by pool, then by the order of discovery. */
size_t scraper_active(struct scraper *s, str pool_or_empty, struct arena *a, struct target_view **out);
/* Dropped targets kept per keep_dropped_targets, and how many there are in all. */
struct dropped_count {
    str pool;
    size_t n;
};
size_t scraper_dropped(struct scraper *s, str pool_or_empty, struct arena *a, struct target_view **out,
                       struct dropped_count **counts, size_t *counts_n);
size_t scraper_pools(struct scraper *s, struct arena *a, str **out); /* job names, sorted */
/* The pool's configuration as YAML; false if there is no such pool. */
bool scraper_pool_config(struct scraper *s, str pool, struct arena *a, str *out);

/* TYPE, HELP and UNIT as targets expose them. */
struct metadata_view {
    struct labels target;  /* public labels */
    str metric, help, unit;
    enum metric_kind kind;
};
/* metric empty: all. */
size_t scraper_metadata(struct scraper *s, str metric, struct arena *a, struct metadata_view **out);
