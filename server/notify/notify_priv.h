/* notify_priv.h - the notifier as its files share it.
 *
 * WALK OF AN ALERT.  notifier_post merges it into the store and puts it into the group of
 * every route it takes (under mu, memory only).  The dispatch thread makes the log
 * durable, then flushes groups whose timer has come: it filters (inhibited, muted), and
 * for each integration compares with what was sent last; what is due becomes a delivery.
 * Delivery threads take deliveries whose time has come, send them, and write down what
 * was sent; a failure that may pass is tried again until the group's deadline.
 *
 * ORDER.  Of one group and integration at most one delivery exists.  A group is flushed
 * at every group_interval also while deliveries are under way: one that waits for its
 * next try is replaced if the group's state has changed; one that is being sent is left
 * alone, and the group flushed again right after it.  So messages never overtake each
 * other, and each carries the newest state.
 */
#pragma once
#include "base/sync.h"
#include "base/thread.h"
#include "server/config/config.h"
#include "server/net/http_client.h"
#include "server/notify/alert_store.h"
#include "server/notify/inhibit.h"
#include "server/notify/notify.h"
#include "server/notify/notify_log.h"
#include "server/notify/outside.h"
#include "server/notify/route.h"
#include "server/notify/sent.h"
#include "server/notify/silence.h"
#include "server/notify/timers.h"
#include "server/template/template.h"

struct sender; /* sender.h */

#define NOTIFY_SENDERS_MAX 64
#define NOTIFY_PER_TARGET_MAX 8

/* One configuration at work; counted, since deliveries outlive a reload. */
struct plan {
    _Atomic unsigned refs;        /* the notifier, groups, deliveries */
    struct arena *arena;
    struct config *config;        /* referenced */
    const struct config_notify *conf;
    struct route *root;
    struct target **targets;      /* what integrations of each receiver send through */
    size_t targets_n;
    struct template_set *templates; /* defaults and the user's files */
};
bool plan_new(struct plan **out, struct config *c, struct err *e) MUST_USE;
struct plan *plan_ref(struct plan *p);
void plan_unref(struct plan **p);

/* One integration of one receiver, ready to send. */
struct target {
    const struct config_receiver *receiver;
    const struct config_integration *conf;
    str kind;                     /* "webhook", … */
    struct http_client *http;     /* NULL for kinds that are not HTTP */
    const struct sender *sender;

    /* under n->mu */
    unsigned flying;              /* attempts on their way */
    struct timers waiting;        /* deliveries by when they are due */
    struct timer turn;            /* in n->turns, if one is due and there is a place for it */
    int64_t paused_ms;            /* monotonic: the receiver wants nothing before */
    char *token;                  /* of receivers with a log-in of their own; heap */
    int64_t token_until_ms;       /* monotonic */
};

struct group {
    struct group *next;           /* of its bucket */
    uint64_t hash;                /* of route and labels */
    struct plan *plan;            /* referenced */
    const struct route *route;
    struct labels labels;         /* heap */
    char *key;                    /* group key */
    struct held_alert **v;        /* referenced; sorted by fingerprint */
    size_t n, cap;
    const str *muted_by;          /* intervals that muted it at the last flush; heap */
    size_t muted_by_n;
    struct timer flush;           /* wall time */
    int64_t flushed_ms;           /* when it was last decided what is due */
    struct delivery *waiting;     /* for their next try */
    unsigned under_way;           /* deliveries waiting or flying */
    bool missed;                  /* the last flush left out one that was flying */
    bool failed;                  /* some delivery since the last flush did not make it */
};
struct groups {
    struct group **bucket;
    size_t cap, n;
};

/* One message to be. */
struct delivery {
    struct arena *arena;          /* everything below */
    struct plan *plan;            /* referenced */
    struct group *group;          /* NULL when a reload has ended it */
    struct delivery *next;        /* in group->waiting, or n->flying */
    struct target *target;
    const struct route *route;
    str group_key;
    struct labels group_labels;
    struct held_alert **alerts;   /* referenced: those the message shows */
    size_t alerts_n;
    struct held_alert **all;      /* referenced: those of the group; only for routes with labels */
    size_t all_n;
    struct sent_entry entry;      /* to be written on success */
    const char *reason;           /* "first notification", … */
    int64_t now_ms;               /* when it was decided: what firing means */
    struct timer due;             /* monotonic time of the next try */
    int64_t deadline_ms;          /* monotonic */
    int64_t backoff_ms;
    unsigned attempts;
    bool asked;                   /* the receiver said when to come again */
};

struct notifier {
    unsigned magic;
#define NOTIFIER_MAGIC 0x16e7b0d4
    struct notifier_opts opts;    /* fixed; strings owned */
    char *dir, *external_url;
    struct notify_log *log;       /* has locks of its own */
    struct outside *outside;      /* external Alertmanagers; has locks of its own */
    struct thread *dispatcher;

    struct mutex mu;              /* LOCK_NOTIFY */
    struct cond dispatch;         /* something became due, or the end */
    struct cond deliver;
    struct config *config;        /* under mu; referenced */
    struct plan *plan;            /* under mu; NULL: nothing is notified by us */
    struct alert_store store;     /* under mu */
    struct inhibitor inhibitor;   /* under mu */
    struct silences silences;     /* under mu */
    struct groups groups;         /* under mu */
    struct timers flushes;        /* under mu: groups */
    struct sent_table sent;       /* under mu */
    struct timers turns;          /* under mu: targets that have something to send */
    struct delivery *flying;      /* under mu */
    struct thread *senders[NOTIFY_SENDERS_MAX]; /* under mu until the end */
    size_t senders_n, idle_n;     /* under mu */
    bool log_dirty;               /* under mu: something put that is not durable yet */
    int64_t log_failed_ms;        /* under mu: monotonic time of the last failure; 0: it works */
    bool rules_ready, stop;       /* under mu */
    int64_t start_ms;             /* monotonic */
};

/* group.c, under n->mu. */
void group_insert(struct notifier *n, struct plan *p, const struct route *r, struct held_alert *a);
/* Decides what of a group is due and queues deliveries; frees an empty group. */
void group_flush(struct notifier *n, struct group *g, int64_t now_ms);
/* After a delivery: the last one lets the group's resolved alerts go. */
void group_delivered(struct notifier *n, struct delivery *d, bool ok);
/* Ends all groups and what waits; what is flying goes on without a group. */
void groups_clear(struct notifier *n);

/* decide.c, under n->mu: compares a group's state (as of flushed_ms) with what was sent,
 * and queues.  tick_ms is when the flush was due: repeats keep its rhythm. */
void decide(struct notifier *n, struct group *g, struct held_alert **alerts, size_t count, int64_t tick_ms);

/* deliver.c.  Threads are started as work asks for them; one target has no more than
 * NOTIFY_PER_TARGET_MAX of them, so that a receiver that hangs holds up itself alone. */
void deliver_queue(struct notifier *n, struct delivery *d, int64_t due_ms); /* under n->mu; takes */
void deliver_discard(struct notifier *n, struct delivery *d);  /* under n->mu: one that waits */
void delivery_free(struct delivery *d);
