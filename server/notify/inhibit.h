/* inhibit.h - a firing source alert mutes targets that agree with it on the labels of
 * `equal`.
 *
 * An alert that is source and target of a rule is not muted by another such; an alert
 * that is muted itself still mutes.  A label that both lack counts as equal.
 *
 * INDEX.  Per rule, the alerts that match its source side, by the hash of their labels in
 * `equal`: what a target asks is one bucket.  It holds fingerprints, since an alert's
 * labels never change, and is made anew when alerts leave the store.
 *
 * THREADS.  Under the notifier's mutex.
 */
#pragma once
#include "server/config/config_notify.h"
#include "server/notify/alert_store.h"

struct inhibitor {
    const struct config_notify *conf; /* borrowed; NULL: nothing is inhibited */
    struct inhibit_index *index;      /* one a rule */
};
/* Moves to a configuration (NULL for none) and indexes the store. */
void inhibitor_reset(struct inhibitor *h, const struct config_notify *conf, const struct alert_store *s);
/* An alert that is new in the store. */
void inhibitor_add(struct inhibitor *h, const struct held_alert *a);
/* The alert that mutes this one, or NULL. */
const struct held_alert *inhibitor_find(const struct inhibitor *h, const struct alert_store *s,
                                        const struct held_alert *a, int64_t now_ms);
void inhibitor_fini(struct inhibitor *h);
