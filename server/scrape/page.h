/* page.h - what becomes of a scraped page: samples, stale markers, report series.
 *
 * One scrape is one batch.  For each series of the page the target's cache knows what it
 * stands for; if it does not, the series goes through the whole pipeline: target labels
 * (honor_labels, exported_…), metric_relabel_configs, validity, limits, storage.  If
 * anything about the page is wrong, all of it is rolled back and the batch holds stale
 * markers for what was there before and `up` 0 instead (reference/prometheus.md 3.4, 3.5).
 *
 * A worker is the memory that the pages of one thread share.
 */
#pragma once
#include "server/scrape/target.h"
#include "storage/append.h"

struct page_worker;
struct page_worker_opts {
    struct tsdb *db;
    struct family_pool *families;
    bool exemplars;
};
struct page_worker *page_worker_new(const struct page_worker_opts *o);
void page_worker_free(struct page_worker **w);

struct page {
    int64_t t;               /* the scrape's time, Unix milliseconds */
    int64_t start_ns;        /* monotonic time at which it began */
    const struct err *failed; /* there is no page, and this is why; NULL: there is one */
    str body;                /* decompressed */
    str content_type;
    int64_t body_bytes;      /* as reported: -1 over body_size_limit, 0 failed */
};
struct page_result {
    bool ok;
    struct err e;            /* why not */
    double seconds;
    size_t scraped, added, series_added;
};
/* The target's job must not change meanwhile. */
void page_scrape(struct page_worker *w, struct target *t, const struct page *p,
                 struct page_result *out);
/* Marks everything a target had stale at time t: its series and its report series. */
void page_end_of_run(struct page_worker *w, const struct cache *c, const uint32_t *report, int64_t t);
