/* page_priv.h - what the files of a page share: entries, their sources, the pass. */
#pragma once
#include "server/scrape/page.h"

enum page_format { PAGE_TEXT, PAGE_OPENMETRICS, PAGE_PROTOBUF };
/* The parser for a Content-Type header.  False: the scrape fails, with Prometheus' words. */
bool page_format(struct arena *a, str header, enum config_protocol fallback, enum page_format *out,
                 struct err *e) MUST_USE;

enum page_step { PAGE_END, PAGE_ERROR, PAGE_SAMPLE, PAGE_META, PAGE_COMMENT };

struct page_exemplar {
    struct labels labels; /* sorted */
    double v;
    bool has_t;
    int64_t t;
};
struct page_entry {
    str key;                   /* what identifies the series, or the whole line; borrowed */
    double v;
    const struct histogram *h; /* a native histogram; else NULL */
    bool has_t;
    int64_t t;
    struct page_exemplar *exemplars;
    size_t exemplars_n;
    struct metadata_entry meta;
};

/* Where entries come from: a text page, a protobuf page, or either of them with classic
 * histograms made native. */
struct page_source {
    enum page_step (*next)(struct page_source *s, struct page_entry *out, struct err *e);
    /* The labels of the sample just read, with __name__, in any order. */
    struct label *(*labels)(struct page_source *s, size_t *n);
    struct arena *a;           /* lives as long as the page */
};
struct text_source {
    struct page_source base;
    struct expo *x;            /* borrowed */
};
void text_source_init(struct text_source *s, struct expo *x, struct arena *a);

/* The protobuf format; a is reset after each entry, kept lives as long as the page. */
struct page_source *proto_source_new(str page, const struct target *t, struct arena *a,
                                     struct arena *kept);
struct nhcb_source;
/* a is reset while the source is idle, kept lives as long as the page. */
struct nhcb_source *nhcb_source_new(struct text_source *inner, bool keep_classic, struct arena *a,
                                    struct arena *kept);
void nhcb_source_fini(struct nhcb_source *s);
struct page_source *nhcb_source(struct nhcb_source *s);
/* No histogram is being collected or due: lines may pass by. */
bool nhcb_idle(const struct nhcb_source *s);

struct page_worker {
    unsigned magic;
#define PAGE_WORKER_MAGIC 0x5c2f9d80
    struct append *batch;
    struct arena *arena;       /* of an entry of the page */
    struct arena *kept;        /* of the page */
    struct family_pool *families; /* borrowed */
    struct expo x;
    struct cache_work cache;
    uint32_t *queued;          /* per sample of the batch: its line, or QUEUED_SILENT */
    size_t queued_cap;
    bool exemplars;
};
#define QUEUED_TIMED 0x80000000u /* beside the line: the sample has a timestamp of its own */
#define QUEUED_SILENT UINT32_MAX /* a stale marker or a report sample */

/* One page on its way into the batch. */
struct pass {
    struct page_worker *w;
    struct target *t;
    const struct config_scrape *s;
    struct cache *c;
    struct expo *hot;          /* the page, if it is text: its known lines pass by */
    struct nhcb_source *nhcb;  /* NULL: classic histograms stay as they are */
    int64_t time;              /* of samples without one */
    int64_t time_max;          /* samples later than this are out of bounds */
    size_t scraped, added, series_added;
    size_t appended;           /* as sample_limit counts */
    size_t refused_series;     /* new ones, for want of room */
    size_t duplicate, out_of_order, out_of_bounds;
    bool over_samples, over_buckets;
};

/* What the pipeline makes of a series' own labels. */
enum sample_verdict { SAMPLE_KEEP, SAMPLE_DROP, SAMPLE_ERROR };
enum sample_verdict sample_labels(const struct pass *g, struct label *own, size_t n,
                                  struct labels *out, struct err *e);
/* The labels of a report series. */
struct labels report_labels(const struct target *t, str name, struct arena *a);
