/* db_model.h - a naive database beside the real one: every sample it should have, in sorted
 * arrays, the order rules written down once more as plainly as they read. */
#pragma once
#include "storage/append.h"
#include "storage/select.h"

#define MODEL_SERIES 60

struct model_series {
    struct labels labels;
    int64_t *t; /* ascending */
    double *v;
    size_t n, cap;
    bool has;
    int64_t newest; /* in order */
    double newest_v;
};
struct model {
    struct arena *a;
    struct model_series s[MODEL_SERIES];
    bool bounded;
    int64_t block_ms, ooo_ms;
    int64_t maxt; /* INT64_MIN when empty */
    int64_t batch_maxt, batch_oldest;
    bool steady_values; /* a value follows from series and time, so that doubles agree */
};
void model_init(struct model *m);
void model_fini(struct model *m);
/* A deep copy, to go back to. */
void model_copy(struct model *to, const struct model *from);
void model_begin(struct model *m, int64_t t);
enum append_verdict model_put(struct model *m, unsigned series, int64_t t, double v);
void model_delete(struct model *m, const struct matcher *ms, size_t n, int64_t mint, int64_t maxt);

/* One batch of random samples around `now`, on both sides; sometimes rolled back. */
void model_batch(struct append *a, struct model *m, int64_t now, enum append_durability how);
/* Random matchers (room for 4); matcher_fini each. */
size_t model_matchers(struct matcher *m);
/* Compares a selection. */
void model_check(struct tsdb *db, const struct model *m, const struct matcher *ms, size_t n,
                 int64_t mint, int64_t maxt);
/* Names and values of labels, for random matchers; every series must have had a sample and
 * none be deleted whole. */
void model_check_labels(struct tsdb *db, const struct model *m);
void model_check_random(struct tsdb *db, const struct model *m, int64_t now);
void model_check_all(struct tsdb *db, const struct model *m);
