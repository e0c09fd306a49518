/* notify_log.h - what notify must not forget: alerts, silences, and what was sent.
 *
 * An append-only file.  An alert is in it before its notification is sent, an entry of a
 * sent notification is in it right after the receiver took it; so a restart neither
 * forgets one nor, but for the instant between those two, repeats one.  A silence is in it
 * before whoever made it gets an answer.
 *
 * FORMAT (little-endian; strings and counts are uvarint-prefixed)
 *
 *   file    0  8  "NTXNLOG1"          record  0  4  crc32c of the rest
 *           8  *  records                     4  4  bytes after this field
 *                                             8  1  type: 1 alert, 2 sent, 3 silence
 *                                             9  *  payload
 *   alert   starts i64, ends i64, updated i64 (ms), flags u8 (1: the end is made up),
 *           offsets of the zones of start and end i32 (s), url, labels, annotations
 *   sent    group key, receiver, integration, index uvarint, memo, time i64, expires i64,
 *           firing fingerprints (count, u64 each), resolved fingerprints
 *   silence id, starts i64, ends i64, updated i64, created by, comment, annotations as
 *           labels, matchers (count, then type u8: 0 =, 1 !=, 2 =~, 3 !~, name, value)
 *   labels  count, then name and value each
 *
 * A record counts iff its checksum holds; the first that does not ends the file and is cut
 * off at open (a torn write).  Later records of an alert or notification replace earlier
 * ones.  When most of the file is history it is rewritten (io_replace).
 *
 * THREADS.  The put functions are called under the notifier's mutex and touch memory
 * only; notify_log_flush does the I/O, with no lock of the notifier held.
 */
#pragma once
#include "base/err.h"
#include "server/notify/alert_store.h"
#include "server/notify/silence.h"

struct notify_log;

/* The state of one integration of one group. */
struct sent_entry {
    str group_key, receiver, integration;
    unsigned index;
    str memo;                          /* what the receiver wants to know next time */
    int64_t sent_ms, expires_ms;
    const uint64_t *firing, *resolved; /* fingerprints, sorted */
    size_t firing_n, resolved_n;
};

struct notify_log_reader {
    void (*alert)(void *arg, const struct alert *a, int64_t updated_ms);
    void (*sent)(void *arg, const struct sent_entry *s);
    void (*silence)(void *arg, struct silence *s); /* takes the reference */
    void *arg;
};
/* Reads the file (borrowed values in the callbacks), cuts a torn tail, opens for
 * appending.  dir NULL: nothing is kept. */
bool notify_log_open(struct notify_log **out, const char *dir, const struct notify_log_reader *r,
                     struct err *e) MUST_USE;
void notify_log_close(struct notify_log **l); /* flushes */

void notify_log_put_alert(struct notify_log *l, const struct held_alert *a);
void notify_log_put_sent(struct notify_log *l, const struct sent_entry *s);
void notify_log_put_silence(struct notify_log *l, const struct silence *s);
/* Makes everything put so far durable.  After a failure the records stay queued and the
 * next flush tries again on a rewritten file. */
bool notify_log_flush(struct notify_log *l, struct err *e) MUST_USE;
/* True when a rewrite pays; the caller then puts all that is alive between begin and
 * commit (under its mutex), and the next flush replaces the file. */
bool notify_log_wants_rewrite(struct notify_log *l);
void notify_log_rewrite(struct notify_log *l);
