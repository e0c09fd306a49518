/* route.h - the routing tree at work: which routes an alert takes, and group keys.
 *
 * Depth first, left to right; `continue` tries the siblings too; a node without a
 * matching child handles the alert itself (reference/alerting-and-ui.md A2).  Options are
 * inherited at compile time; muting and active intervals are not.
 */
#pragma once
#include "base/arena.h"
#include "server/config/config_notify.h"

struct route {
    const struct config_route *conf;
    unsigned number;           /* children before their parent: the order groups are shown in */
    const struct config_receiver *receiver;
    struct config_strs group_by;
    bool group_by_all;
    int64_t group_wait_ms, group_interval_ms, repeat_interval_ms;
    struct config_map labels;  /* parent's and own, templates */
    str key;                   /* "{}/{a="b"}": the route part of group keys */
    struct route **child;
    size_t n;
};

/* The tree of a configuration, in its arena; borrows from it. */
struct route *route_compile(const struct config_notify *c, struct arena *a);
/* The routes of an alert, at most max; returns how many there are. */
size_t route_match(const struct route *root, struct labels ls, const struct route **out, size_t max);
/* The labels an alert is grouped by. */
struct labels route_group_labels(const struct route *r, struct labels ls, struct arena *a);
