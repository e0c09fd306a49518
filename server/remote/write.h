/* write.h - receiving remote write: a decoded request into one append batch.
 *
 * v1 (prometheus.WriteRequest): series with invalid labels are skipped, the first sample
 * that the head refuses fails the request and nothing of it is stored.
 * v2 (io.prometheus.write.v2.Request): good samples are stored, the bad ones are named
 * together in one 400.  (reference/prometheus.md 7.2)
 *
 * Samples are durable when the call returns: the answer may be an acknowledgement.
 * Errors: ERR_BAD_DATA and ERR_OUT_OF_ORDER are the sender's (400), anything else ours.
 *
 * THREADS.  Any number of requests at once; batches are pooled in the receiver.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "storage/append.h"

struct remote_receiver;
struct remote_receiver *remote_receiver_new(struct tsdb *db);
void remote_receiver_free(struct remote_receiver **r);

struct remote_written {
    size_t samples, histograms, exemplars;
};
/* body: the protobuf message.  Strings are borrowed during the call only. */
bool remote_write_v1(struct remote_receiver *r, str body, struct arena *a,
                     struct remote_written *out, struct err *e) MUST_USE;
bool remote_write_v2(struct remote_receiver *r, str body, struct arena *a,
                     struct remote_written *out, struct err *e) MUST_USE;
