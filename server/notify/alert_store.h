/* alert_store.h - the alerts that notify holds, by fingerprint.
 *
 * An alert posted again is merged with the one held, as Alertmanager does: if their times
 * overlap the earliest start stays, and a later end that was given, not made up, rules
 * over an earlier one; annotations are the newest.  Alerts are on
 * the heap, one allocation for their strings; whoever keeps a pointer holds a reference.
 *
 * THREADS.  Under the notifier's mutex.
 */
#pragma once
#include "server/notify/notify.h"

struct held_alert {
    uint64_t fingerprint;
    unsigned refs;              /* the store, groups and notifications under way */
    struct labels labels, annotations;
    str url;                    /* generatorURL */
    int64_t starts_ms, ends_ms; /* resolved once ends_ms has passed */
    int64_t updated_ms;
    int starts_offset_s, ends_offset_s; /* the zones they were written in */
    bool timeout;               /* ends_ms was not given by whoever posted it */
};
struct held_alert *held_ref(struct held_alert *a);
void held_unref(struct held_alert **a);
static inline bool
held_resolved(const struct held_alert *a, int64_t now_ms)
{
    return a->ends_ms <= now_ms;
}

/* Fewer labels first; else by the first name, in order, that only one of them has or whose
 * values differ. */
int labels_size_cmp(struct labels a, struct labels b);
/* The order of alerts in a message: by job, then instance, where those without the label
 * come last, then as labels_size_cmp has it. */
int notify_order(struct labels a, struct labels b);

struct alert_store {
    struct held_alert **slot;   /* open addressing by fingerprint */
    size_t cap, n;
};
void alert_store_fini(struct alert_store *s);
struct held_alert *alert_store_find(const struct alert_store *s, uint64_t fingerprint);
/* Merges a copy of the alert in; returns the alert now held (borrowed), or NULL when the
 * store is full (LIMIT_NOTIFY_ALERTS). */
struct held_alert *alert_store_put(struct alert_store *s, const struct alert *a, int64_t now_ms);
/* Takes a copy as it is, in place of the one held. */
void alert_store_load(struct alert_store *s, const struct alert *a, int64_t updated_ms);
/* Drops alerts that are resolved and that nobody but the store holds; true if any. */
bool alert_store_sweep(struct alert_store *s, int64_t now_ms);
