/* rules_priv.h - groups and rules as the files of server/rules share them.
 *
 * OWNERSHIP.  A group belongs to the manager; while `running` is set its evaluating
 * thread owns it all but the fields under mu.  Views and reloads read and write those
 * fields under the manager's mutex.
 */
#pragma once
#include "base/sync.h"
#include "base/thread.h"
#include "server/config/config.h"
#include "server/config/rule_file.h"
#include "server/rules/rules.h"
#include "storage/append.h"

struct active_alert {
    struct labels labels, annotations; /* each with its strings in one allocation */
    enum alert_state state;            /* INACTIVE: resolved, kept to be sent again */
    double value;
    int64_t active_ns, fired_ns, resolved_ns, keep_firing_since_ns, last_sent_ns; /* 0: unset */
};

/* The label sets a rule wrote in its last evaluation, sorted; for stale markers. */
struct written {
    struct arena *arena;
    struct labels *v;
    size_t n;
};

struct rule {
    const struct rule_def *def;    /* in the group's file */
    str query;                     /* canonical expression */
    struct labels labels;          /* the group's and the rule's, sorted */
    struct labels annotations;
    struct written written;        /* owned by the evaluating thread */

    /* under mu */
    enum rule_health health;
    struct buf last_error;
    double eval_seconds;
    int64_t last_eval_ns;
    bool restored;                 /* alerting: its series may be written */
    struct active_alert *active;   /* sorted by labels */
    size_t active_n, active_cap;
};

struct rule_group {
    unsigned magic;
#define RULE_GROUP_MAGIC 0x6a1d09f3
    struct rules *rules;
    struct config *config;         /* referenced: external labels */
    struct rule_source *source;    /* referenced: the file's arena */
    const struct rule_group_def *def;
    str file, name, key;           /* key: "file;name" as in metrics */
    str identity;                  /* equal text: the same group */
    int64_t interval_ms, offset_ms;
    struct rule *v;
    size_t n;
    struct labels *orphans;        /* series of rules that are gone; marked stale next */
    size_t orphans_n;
    struct arena *arena;           /* of all of the above */
    struct append *batch;

    /* under mu */
    bool running, stopping, dying; /* dying: removed, waits to mark its series stale */
    bool restore;                  /* restore the `for` state after the second tick */
    unsigned ticks;
    int64_t next_ns;               /* wall time of the next tick */
    int64_t last_tick_ns;
    double eval_seconds;
    int64_t last_eval_ns;
};

/* A loaded rule file, shared by its groups. */
struct rule_source {
    _Atomic unsigned refs; /* its groups and the load under way */
    struct rule_file *file;
    struct arena *arena;
};

struct rules {
    unsigned magic;
#define RULES_MAGIC 0x2e90b54d
    struct rules_opts opts;
    char *external_url, *path_prefix;
    struct thread **threads;
    size_t threads_n;

    struct mutex mu;               /* LOCK_RULES */
    struct cond changed;           /* a group is due sooner, stopped running, or the end */
    struct rule_group **groups;         /* under mu; sorted by file and name */
    size_t groups_n;
    struct rule_group **dying;          /* under mu */
    size_t dying_n, dying_cap;
    bool stop, loaded;             /* under mu */
    bool told_ready;               /* under mu: the notifier knows that all have run once */
};

/* rules_load.c: files to groups, all or none. */
bool rules_load(struct rules *r, struct config *c, struct rule_group ***out, size_t *n, struct err *e);
void rule_group_free(struct rule_group **g);

/* group.c: one tick at ts (nanoseconds); the group is marked running. */
void rule_group_tick(struct rule_group *g, int64_t ts_ns);
void rule_group_mark_orphans(struct rule_group *g, int64_t ts_ns);
/* Wall time of the tick at or before now. */
int64_t rule_group_slot_ns(const struct rule_group *g, int64_t now_ns);
/* Takes over the state of the group it replaces (stopped). */
void rule_group_take_state(struct rule_group *g, struct rule_group *from);

/* One sample a rule wants written. */
struct rule_sample {
    struct labels labels;
    double v;
    const struct histogram *h; /* or NULL */
};
struct rule_output {
    struct rule_sample *v;
    size_t n, cap;
};
/* What every evaluation is given. */
struct rule_tick {
    struct rule_group *group;
    struct rule *rule;
    int64_t ts_ns;
    int64_t query_ms;      /* ts less the query offset */
    struct arena *arena;
    const struct vec *vec; /* the query's result; values at step 0 */
};
/* rule_record.c, rule_alert.c: result to samples; false leaves the state as the header of
 * each says. */
bool rule_record(const struct rule_tick *t, struct rule_output *out, struct err *e);
bool rule_alert(const struct rule_tick *t, struct rule_output *out, struct err *e);
/* Posts the alerts that are due to be sent. */
void rule_alert_send(const struct rule_tick *t);
/* Reads ALERTS_FOR_STATE back after a restart (group.c calls it once). */
void rule_alert_restore(struct rule_group *g, int64_t now_ns);
void rule_output_add(struct rule_output *out, struct arena *a, struct rule_sample s);
void active_clear(struct rule *r);
