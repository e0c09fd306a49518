/* rules.h - recording and alerting rules: groups, ticks, states, views.
 *
 * The manager runs each group on its own schedule (hash-derived phase, aligned
 * timestamps, missed ticks counted) on a few rule threads.  A rule's results of one tick
 * are one append batch, visible to the rules after it in its group; the group's tick
 * ends with a durable one.
 * Semantics: reference/prometheus.md 5 and 12 (10-17).
 *
 * THREADS.  Views are snapshots in the caller's arena.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "model/labels.h"
#include "query/engine.h"
#include "storage/tsdb.h"

struct rules;
struct config;
struct notifier;

struct rules_opts {
    struct tsdb *db;
    struct engine *engine;
    struct notifier *notifier;     /* may be NULL */
    const char *external_url;
    int64_t outage_tolerance_ms, grace_period_ms, resend_delay_ms;
    unsigned max_concurrent;
    bool concurrent_rules;         /* concurrent-rule-eval */
};
bool rules_new(struct rules **out, const struct rules_opts *o, struct err *e) MUST_USE;
/* Loads the rule files of a new generation; unchanged groups keep running and state is
 * carried over by name and labels.  Whole or not at all. */
bool rules_apply(struct rules *r, struct config *c, struct err *e) MUST_USE;
void rules_free(struct rules **r);

enum rule_health { RULE_UNKNOWN, RULE_OK, RULE_ERR };
enum alert_state { ALERT_UNKNOWN, ALERT_INACTIVE, ALERT_PENDING, ALERT_FIRING };
struct alert_view {
    struct labels labels, annotations;
    enum alert_state state;
    int64_t active_ns, keep_firing_since_ns; /* wall; 0: not set */
    double value;
};
struct rule_view {
    bool alerting;
    str name, query, last_error;
    struct labels labels, annotations;
    enum rule_health health;
    enum alert_state state;
    int64_t hold_ms, keep_firing_ms, last_eval_ns; /* wall, 0: never */
    double eval_seconds;
    struct alert_view *alerts;
    size_t alerts_n;
};
struct group_view {
    str name, file;
    int64_t interval_ms, limit, last_eval_ns;
    double eval_seconds;
    struct rule_view *rules;
    size_t rules_n;
};
size_t rules_view(struct rules *r, struct arena *a, struct group_view **out);
