/* sent.h - the table of what was sent last, by group and integration.
 *
 * THREADS.  Under the notifier's mutex. */
#pragma once
#include "server/notify/notify_log.h"

struct sent_slot {
    uint64_t hash;
    struct buf memory;            /* what entry points into */
    struct sent_entry entry;
};
struct sent_table {
    struct sent_slot **slot;      /* open addressing */
    size_t cap, n;
};
/* Of the same group, receiver and integration. */
bool sent_same(const struct sent_entry *a, const struct sent_entry *b);
/* How long an entry is kept: so long that a repeat finds it, and that an incident which
 * was opened is closed though the receiver could not be reached for days. */
int64_t sent_expiry_ms(int64_t now_ms, int64_t repeat_interval_ms);
/* Borrowed until the table changes; NULL: nothing was sent. */
const struct sent_entry *sent_find(const struct sent_table *t, const struct sent_entry *like);
/* Takes a copy in place of the entry of the same group and integration. */
void sent_put(struct sent_table *t, const struct sent_entry *e);
void sent_sweep(struct sent_table *t, int64_t now_ms); /* forgets what has expired */
void sent_fini(struct sent_table *t);
