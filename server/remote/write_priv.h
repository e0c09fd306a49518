/* write_priv.h - what both versions of the receiver share. */
#pragma once
#include "base/pb.h"
#include "base/sync.h"
#include "model/histogram.h"
#include "server/remote/write.h"

#define RECEIVER_BATCHES 16

struct remote_receiver {
    unsigned magic;
#define REMOTE_RECEIVER_MAGIC 0x35d8e6c2
    struct tsdb *db;
    struct mutex mu;                        /* LOCK_POOL */
    struct append *idle[RECEIVER_BATCHES];  /* under mu */
    size_t idle_n;
};
struct append *receiver_take(struct remote_receiver *r);
void receiver_give(struct remote_receiver *r, struct append *a);

/* Label arrays grow in place, so a request costs one array. */
struct label_list {
    struct label *v;
    size_t n, cap;
};
/* Sorts, drops empty values.  False: invalid UTF-8, no __name__, or a name twice. */
bool label_list_finish(struct label_list *l, struct labels *out);
/* Prometheus' words for a verdict. */
const char *verdict_text(enum append_verdict v);

struct remote_histogram {
    int64_t t, st;
    struct histogram *h;
};
/* One Histogram message (both versions number their fields alike; v2 adds the start
 * timestamp as field 17). */
bool remote_read_histogram(str message, struct arena *a, struct remote_histogram *out, struct err *e);
