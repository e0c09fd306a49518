/* append_priv.h - the batch, for append.c and append_commit.c. */
#pragma once
#include "storage/append.h"
#include "storage/db.h"

struct append_exemplar {
    series_id id;
    struct labels labels; /* in the arena */
    int64_t t;
    double v;
};
struct append {
    unsigned magic;
#define APPEND_MAGIC 0xa99e4d01u
    struct tsdb *db;
    struct pin pin;       /* held while the batch has ids */
    struct arena *arena;  /* histograms and exemplars */
    /* columns, n of each */
    size_t n, cap;
    uint32_t *ids;
    int64_t *t;
    double *v;
    int64_t *st;          /* NULL until a sample has one */
    struct histogram **h; /* NULL until a sample is one */
    uint8_t *verdict;     /* enum head_verdict while committing, then append_verdict */
    size_t verdict_cap;
    uint32_t *created;    /* ids made by this batch, ascending */
    size_t created_n, created_cap;
    struct append_exemplar *exemplars;
    size_t exemplars_n, exemplars_cap;
};
/* Ready for the next batch; drops the pin. */
void append_reset(struct append *a);
