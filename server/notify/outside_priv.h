/* outside_priv.h - sections, endpoints and queued alerts, for the outside_*.c files. */
#pragma once
#include "base/sync.h"
#include "server/config/config.h"
#include "server/discovery/discovery.h"
#include "server/net/http_client.h"
#include "server/notify/outside.h"

/* An alert as the API takes it, made once for all queues that hold it. */
struct posted {
    _Atomic unsigned refs; /* queues and batches */
    size_t n;
    char json[];
};
struct posted *posted_new(const struct alert *a);
struct posted *posted_ref(struct posted *p);
void posted_unref(struct posted *p);

/* One entry of `alertmanagers:`; immutable but for what says otherwise. */
struct section {
    _Atomic unsigned refs;       /* struct sections, endpoints */
    struct config *config;       /* a reference */
    const struct config_alertmanager *conf;
    char *key;                   /* "config-0" */
    struct http_client *client;
    struct target_set *targets;  /* loop's thread: what its endpoints were made of */
    bool has_inherited;          /* loop's thread: from a section before a reload */
    char **dropped;              /* under o->mu: URLs that relabelling dropped */
    size_t dropped_n, dropped_cap;
};
bool section_new(struct section **out, struct config *c, size_t i, struct err *e) MUST_USE;
struct section *section_ref(struct section *s);
void section_unref(struct section *s);

struct sections {
    struct section **v;
    size_t n;
};
void sections_free(struct sections *s);

struct endpoint {
    struct endpoint *next;       /* under o->mu */
    struct outside *o;
    struct section *section;     /* under o->mu; a reference */
    char *url;                   /* fixed */
    struct posted **ring;        /* under o->mu */
    size_t cap, head, n;         /* under o->mu */
    bool gone;                   /* under o->mu: sends what it holds, then ends */

    /* owned by the loop's thread */
    bool busy;                   /* a batch is on its way */
    bool failed;                 /* the last batch did not make it */
    size_t batch_n;
    struct buf body;
    int64_t start_ns;
};
struct endpoint *endpoint_new(struct outside *o, struct section *s, str url);
/* Under o->mu.  Takes a reference of its own; a full queue loses its oldest. */
void endpoint_put(struct endpoint *ep, struct posted *p);
void endpoint_discard(struct endpoint *ep); /* under o->mu: all that is queued */
/* Loop's thread: posts the next batch if none is on its way. */
void endpoint_send(struct endpoint *ep);
void endpoint_free(struct endpoint *ep);

struct outside {
    unsigned magic;
#define OUTSIDE_MAGIC 0x5d17c0a8
    size_t queue_capacity, batch_size; /* fixed */
    struct discovery *discovery;       /* fixed */
    struct http_loop *loop;            /* fixed */
    struct thread *thread;
    _Atomic bool changed;              /* discovery has something new */

    struct mutex mu;                   /* LOCK_INBOX */
    struct cond taken;                 /* `next` has become `sections` */
    struct sections sections;          /* under mu; changed by the loop's thread */
    struct sections next;              /* under mu */
    bool has_next, stop, drain;        /* under mu */
    struct endpoint *endpoints;        /* under mu; changed by the loop's thread */
};
/* outside_targets.c, on the loop's thread: takes `next`, and makes endpoints of what
 * discovery has now. */
void outside_sync(struct outside *o);
