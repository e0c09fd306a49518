/* notify_priv.h - the notifier as its files share it.
 *
 * WALK OF AN ALERT.  notifier_post merges it into the store and puts it into the group of
 * every route it takes (under mu, memory only).  The dispatch thread makes the log
 * durable, then flushes groups whose timer has come: it filters (inhibited, muted), and
 * for each integration compares with what was sent last; what is due becomes a delivery.
 * Delivery threads take deliveries whose time has come, send them, and write down what
 * was sent; a failure that may pass is tried again until the group's deadline.
 *
 * A group that has deliveries under way is not flushed again, so messages of one group
 * never overtake each other, and each carries the newest state.
 */
#pragma once
#include "base/sync.h"
#include "base/thread.h"
#include "server/config/config.h"
#include "server/net/http_client.h"
#include "server/notify/alert_store.h"
#include "server/notify/notify.h"
#include "server/notify/notify_log.h"
#include "server/notify/outside.h"
#include "server/notify/route.h"
#include "server/template/template.h"

/* One configuration at work; counted, since deliveries outlive a reload. */
struct plan {
    _Atomic unsigned refs;        /* the notifier, groups, deliveries */
    struct arena *arena;
    struct config *config;        /* referenced */
    const struct config_notify *conf;
    struct route *root;
    struct target **targets;      /* what integrations of each receiver send through */
    size_t targets_n;
    struct template_set *templates; /* defaults and the user's files; NULL without receivers */
};

/* One integration of one receiver, ready to send. */
struct sender;                    /* sender.h */
struct target {
    const struct config_receiver *receiver;
    const struct config_integration *conf;
    struct http_client *http;     /* NULL for kinds that are not HTTP */
    const struct sender *sender;
};

struct group {
    struct group *next;           /* all groups, under mu */
    struct plan *plan;            /* referenced */
    const struct route *route;
    struct labels labels;         /* heap */
    char *key;                    /* group key */
    struct held_alert **v;        /* referenced; sorted by fingerprint */
    size_t n, cap;
    int64_t next_ms;              /* wall time of the next flush */
    bool flushed;
    unsigned under_way;           /* deliveries */
    bool failed;                  /* one of them did not make it */
};

/* One message to be. */
struct delivery {
    struct delivery *next;
    struct arena *arena;          /* everything below */
    struct plan *plan;            /* referenced */
    struct group *group;
    const struct route *route;
    const struct target *target;
    str group_key;
    struct labels group_labels;
    struct held_alert **alerts;   /* referenced: those the message shows */
    size_t alerts_n;
    struct held_alert **all;      /* referenced: those of the group; only for routes with labels */
    size_t all_n;
    struct sent_entry entry;      /* to be written on success */
    const char *reason;           /* "first notification", … */
    int64_t now_ms;               /* when it was decided: what firing means */
    int64_t due_ms, deadline_ms;  /* monotonic */
    int64_t backoff_ms;
    bool send;                    /* false: nothing to send, only to write down */
};

/* The last message of each integration of each group. */
struct sent_table {
    struct sent_slot {
        uint64_t hash;
        struct buf memory;        /* what entry points into */
        struct sent_entry entry;
    } *v;
    size_t n, cap;
};

struct notifier {
    unsigned magic;
#define NOTIFIER_MAGIC 0x16e7b0d4
    struct notifier_opts opts;    /* fixed; strings owned */
    char *dir, *external_url;
    struct notify_log *log;       /* has locks of its own */
    struct outside *outside;      /* external Alertmanagers; has locks of its own */
    struct thread *dispatcher;
    struct thread *senders[4];

    struct mutex mu;              /* LOCK_NOTIFY */
    struct cond dispatch;         /* something became due, or the end */
    struct cond deliver;
    struct config *config;        /* under mu; referenced */
    struct plan *plan;            /* under mu; NULL: nothing is notified by us */
    struct alert_store store;     /* under mu */
    struct group *groups;         /* under mu */
    struct sent_table sent;       /* under mu */
    struct delivery *queue;       /* under mu; unordered */
    bool log_dirty;               /* under mu: alerts put that are not durable yet */
    bool rules_ready, stop;       /* under mu */
    int64_t start_ms;             /* monotonic */
};

/* group.c, under n->mu. */
void group_insert(struct notifier *n, struct plan *p, const struct route *r, struct held_alert *a);
struct group *group_flush_due(struct notifier *n, int64_t now_ms, int64_t *next_ms);
/* Decides what of a group is due and queues deliveries; frees an empty group. */
void group_flush(struct notifier *n, struct group *g, int64_t now_ms);
/* After a delivery: the last one lets the group's resolved alerts go. */
void group_delivered(struct notifier *n, struct delivery *d, bool ok);
void group_free(struct group *g);
void groups_clear(struct notifier *n);

/* sent.c, under n->mu. */
const struct sent_entry *sent_find(const struct sent_table *t, str group_key, str receiver, str integration,
                                   unsigned index);
void sent_put(struct sent_table *t, const struct sent_entry *e);
void sent_sweep(struct sent_table *t, int64_t now_ms);
void sent_fini(struct sent_table *t);

/* inhibit.c: is the alert muted by a firing one? */
bool inhibited(const struct plan *p, const struct alert_store *s, const struct held_alert *a, int64_t now_ms);

/* deliver.c: the threads that send. */
void deliver_thread(void *arg);
void delivery_free(struct delivery *d);

/* plan.c */
bool plan_new(struct plan **out, struct config *c, struct err *e);
struct plan *plan_ref(struct plan *p);
void plan_unref(struct plan **p);
