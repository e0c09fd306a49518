/* notify_api.h - what API v2 of Alertmanager shows of the notifier, and changes.
 *
 * A view is a picture of a moment in an arena: alerts and silences in it are referenced
 * until view_free, so nothing is copied and no lock is held while it is written out.
 * Statuses are what would become of an alert now, not what the last flush made of it.
 *
 * THREADS.  Any.
 */
#pragma once
#include "base/arena.h"
#include "base/regex.h"
#include "server/notify/alert_store.h"
#include "server/notify/notify.h"
#include "server/notify/silence.h"

struct config_receiver;

struct view_filter {
    const struct matcher *labels;         /* all must match */
    size_t labels_n;
    const struct regex *receiver;         /* one of the receivers' names; NULL: any */
    const struct matcher *receiver_labels;
    size_t receiver_labels_n;
    bool active, silenced, inhibited, muted; /* false: not such */
};
struct alert_view {
    struct held_alert *alert;
    const str *receivers;
    size_t receivers_n;
    const str *silenced_by;               /* ids */
    size_t silenced_by_n;
    uint64_t inhibited_by;                /* a fingerprint */
    bool inhibited;
};
struct group_view {
    str receiver;
    unsigned route;                       /* its number */
    struct labels labels, route_labels;
    const str *muted_by;                  /* time intervals */
    size_t muted_by_n;
    struct alert_view *v;                 /* in the order of notifications */
    size_t n;
};
struct view {
    struct notifier *notifier;
    struct arena *arena;
    struct plan *plan;
    struct alert_view *alerts;            /* by fingerprint */
    size_t alerts_n;
    struct group_view *groups;            /* by labels, then receiver */
    size_t groups_n;
    struct held_alert **held;             /* what is referenced */
    size_t held_n;
};
/* False when nothing is configured to be notified. */
bool view_alerts(struct view *v, struct notifier *n, const struct view_filter *f, struct arena *a) MUST_USE;
bool view_groups(struct view *v, struct notifier *n, const struct view_filter *f, struct arena *a) MUST_USE;
void view_free(struct view *v);

/* The configuration in force, with a reference; NULL when nothing is to be notified. */
struct config *notifier_config(struct notifier *n);
bool receiver_matches(const struct config_receiver *r, const struct matcher *m, size_t n);

/* Alerts from outside: as they are, without external labels or relabelling, and not sent
 * on to other Alertmanagers. */
void notifier_take(struct notifier *n, const struct alert *alerts, size_t count);

/* Silences, referenced for the caller (silence_unref each); array in the arena. */
size_t notifier_silences(struct notifier *n, struct arena *a, struct silence ***out);
struct silence *notifier_silence(struct notifier *n, str id); /* NULL: none; referenced */
/* Both are durable on return.  silences_set tells what they mean and what fails. */
bool notifier_silence_set(struct notifier *n, struct silence *s, struct err *e) MUST_USE;
bool notifier_silence_expire(struct notifier *n, str id, struct err *e) MUST_USE;
