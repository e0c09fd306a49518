/* append.h - writing: one batch is one scrape, one remote-write request, one rule group.
 *
 * A struct append collects samples as columns and commits them whole or not at all:
 * queries see all of a batch or nothing of it, and so does recovery (one WAL record).
 * Nothing is allocated per sample; a batch is reused after commit or rollback.
 *
 * SERIES IDS are 32-bit and never reused while the process lives.  Keep them (the
 * scrape cache does); an id whose series left the head is refused by append_float,
 * and the caller asks append_series again.
 *
 * ORDER RULES, judged at commit per sample (reference/prometheus.md 11.20):
 *   same time, same bits as the newest          ACCEPTED silently, nothing stored
 *   same time, other value                      DUPLICATE
 *   older than the newest                       OUT_OF_ORDER, or stored when inside the
 *                                               out-of-order window, or TOO_OLD
 *   older than the head allows                  OUT_OF_BOUNDS
 * Times ahead of now are the caller's to refuse (LIMIT_FUTURE_MS).
 *
 * THREADS.  One thread per struct append; any number of them at once.
 */
#pragma once
#include "base/err.h"
#include "model/histogram.h"
#include "model/labels.h"
#include "storage/tsdb.h"

struct append;
typedef uint32_t series_id; /* 0 is never a series */

struct append *append_new(struct tsdb *db);
void append_free(struct append **a); /* rolls back */

/* Finds or creates.  Fails with ERR_LIMIT when the series is new and refused
 * (series_max, memory), ERR_UNAVAILABLE when read-only.  Labels are copied. */
bool append_series(struct append *a, struct labels ls, series_id *out, struct err *e) MUST_USE;
/* As append_series, but only finds: 0 if there is no such series. */
series_id append_find(struct append *a, struct labels ls);
/* append_find for many sets at once: ids[i] is 0 where there is no such series.  A look-up
 * waits for memory five times; side by side these waits overlap, which makes each two to
 * three times as fast once there are more series than the caches hold. */
void append_find_many(struct append *a, const struct labels *ls, size_t n, series_id *ids);
/* True if this batch made the series (scrape_series_added); also after commit, until the
 * batch is used again. */
bool append_series_is_new(const struct append *a, series_id id);

/* Queues a sample; false if id names no live series. st is the start time or 0. */
bool append_float(struct append *a, series_id id, int64_t t, double v);
bool append_float_st(struct append *a, series_id id, int64_t st, int64_t t, double v);
bool append_histogram(struct append *a, series_id id, int64_t st, int64_t t, const struct histogram *h);
/* False also if the labels are longer than an exemplar's may be. */
bool append_exemplar(struct append *a, series_id id, struct labels ls, int64_t t, double v);
size_t append_count(const struct append *a); /* samples queued */

enum append_verdict {
    APPEND_ACCEPTED, APPEND_DUPLICATE, APPEND_OUT_OF_ORDER, APPEND_OUT_OF_BOUNDS, APPEND_TOO_OLD,
};
struct append_result {
    size_t accepted, duplicate, out_of_order, out_of_bounds, too_old;
    const uint8_t *verdict; /* one enum append_verdict per queued sample, in order; NULL if
                             * all were accepted; borrowed until the next use of the batch */
};
enum append_durability {
    APPEND_LAZY,    /* durable within the WAL's interval (scrapes: at most 1 s) */
    APPEND_DURABLE, /* returns after fdatasync (remote write, rules), group-committed */
};
/* Applies the batch.  Refused samples are left out, the rest is committed.
 * If `all_or_nothing` and any sample would be refused, nothing is written (true is
 * returned with the verdicts).  False: the disk failed; nothing may be acknowledged. */
bool append_commit(struct append *a, enum append_durability how, bool all_or_nothing,
                   struct append_result *out, struct err *e) MUST_USE;
void append_rollback(struct append *a);

/* The series of a queued sample, for messages; borrowed until the batch is reused. */
struct labels append_labels_of(struct append *a, series_id id, struct arena *arena);

/* What commit would say now if this sample were all of the batch (hist NULL: a float). A
 * scrape has to know before it commits whether a series counts as added.  id 0, or of a
 * series that is gone: a series without samples. */
enum append_verdict append_judge(struct append *a, series_id id, int64_t t, double v,
                                 const struct histogram *hist);
/* True if the series lives and has no sample at t or later, stored: where a stale marker
 * may go. */
bool append_is_after(struct append *a, series_id id, int64_t t);

/* Newest time in the head and the oldest time an in-order append may have. */
int64_t append_oldest_allowed_ms(struct append *a);
