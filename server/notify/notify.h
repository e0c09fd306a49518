/* notify.h - from alerts to messages: Alertmanager built in, and Alertmanagers outside.
 *
 * Rules post alerts (notify knows no rules).  Each alert goes
 *   - to every external Alertmanager (queue, batches, API v2), and
 *   - if `route:` is configured, through inbox → route → group → inhibit → silence →
 *     dedup against the durable notification log → outbox → receiver.
 * The state machine is Alertmanager's (reference/alerting-and-ui.md A8); delivery is at
 * least once with stable ids, retried with Retry-After honoured, and the log survives
 * kill -9: a restart neither repeats nor forgets a notification.
 *
 * THREADS.  notify_post may be called from any thread; the notifier owns one thread for
 * dispatch and a few for delivery.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "model/labels.h"

struct notifier;
struct config;

struct alert {
    struct labels labels;      /* incl. alertname */
    struct labels annotations;
    int64_t starts_ms;
    int64_t ends_ms;           /* when it resolves if nothing more is heard, or resolved */
    int starts_offset_s, ends_offset_s; /* zones the times were written in, for showing them */
    bool timeout;              /* ends_ms was not given: starts_ms and resolve_timeout */
    str generator_url;
};

struct notifier_opts {
    const char *dir;           /* <data>/notify: log, silences, outbox; NULL: in memory */
    size_t queue_capacity;     /* --alertmanager.notification-queue-capacity */
    size_t batch_size;
    bool drain_on_shutdown;
    str external_url;          /* copied */
};
bool notifier_new(struct notifier **out, const struct notifier_opts *o, struct err *e) MUST_USE;
/* Takes a new configuration generation whole, or keeps the old one and says why. */
bool notifier_apply(struct notifier *n, struct config *c, struct err *e) MUST_USE;
/* Alerts are copied. External labels and alert_relabel_configs are applied here. */
void notifier_post(struct notifier *n, const struct alert *alerts, size_t count);
/* After a start dispatch waits for the first full evaluation of every rule group, so
 * that inhibitors exist before their targets; the rule manager says when. */
void notifier_rules_ready(struct notifier *n);
void notifier_free(struct notifier **n); /* drains within the configured time */

/* /api/v1/alertmanagers */
struct notifier_peer {
    str url;
    bool dropped;
};
size_t notifier_peers(struct notifier *n, struct arena *a, struct notifier_peer **out);
