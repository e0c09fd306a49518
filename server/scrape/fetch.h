/* fetch.h - the HTTP side of a scrape: request out, page in.
 *
 * A transfer runs on the shard's loop; what came of it is kept as an arrival until the
 * shard has time for it.  fetch_judge makes a page of an arrival: status, decompression,
 * size limits, with Prometheus' words for what is wrong.
 */
#pragma once
#include "server/scrape/page.h"

struct arrival {
    struct target *t;        /* a reference */
    struct job *job;         /* a reference: the transfer uses its client */
    struct http_response r;  /* owned */
    bool ok;
    bool forced;             /* not even asked (target_limit) */
    struct err e;            /* why not */
    int64_t time_ms;         /* stamp of the samples */
    int64_t start_ns;        /* monotonic */
    int64_t start_wall_ns;
    struct arrival *next;
    void (*done)(struct arrival *a);
    void *shard;
};

/* Starts a scrape of t; a->done is called from the loop, or at once if it cannot start. */
void fetch_start(struct http_loop *l, struct arrival *a);
/* Fills p: borrowed from a and, when the page was compressed, from plain. */
void fetch_judge(struct arrival *a, struct buf *plain, struct page *p);
void arrival_free(struct arrival **a);
