/* group.c - groups of alerts, their timers, and the decision what to send
 * (reference/alerting-and-ui.md A8). */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/panic.h"
#include "server/notify/interval.h"
#include "server/notify/notify_priv.h"

#define DEADLINE_MIN_MS 10000
#define LOG_KEEP_MS (120LL * 3600 * 1000) /* Alertmanager's data.retention */

void
group_free(struct group *g)
{
    for (size_t i = 0; i < g->n; i++)
        held_unref(&g->v[i]);
    mem_free(g->v);
    labels_release(&g->labels);
    mem_free(g->key);
    plan_unref(&g->plan);
    mem_free(g);
}

void
groups_clear(struct notifier *n)
{
    while (n->groups) {
        struct group *g = n->groups;
        n->groups = g->next;
        group_free(g);
    }
}

static struct group *
find_group(struct notifier *n, const struct route *r, struct labels ls)
{
    for (struct group *g = n->groups; g; g = g->next)
        if (g->route == r && labels_eq(g->labels, ls))
            return g;
    return NULL;
}

static bool
contains(const uint64_t *v, size_t n, uint64_t x)
{
    size_t low = 0, high = n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (v[mid] < x)
            low = mid + 1;
        else
            high = mid;
    }
    return low < n && v[low] == x;
}

static char *
group_key(const struct route *r, struct labels ls)
{
    struct buf key = {0};

    buf_put(&key, r->key);
    buf_byte(&key, ':');
    labels_put(&key, ls);
    char *text = mem_cstr(buf_str(&key));
    buf_free(&key);
    return text;
}

/* Was any integration of the receiver told that this alert fires? */
static bool
was_told(struct notifier *n, const struct plan *p, const struct route *r, str key, uint64_t fingerprint)
{
    for (size_t i = 0; i < p->targets_n; i++) {
        const struct target *t = p->targets[i];
        const struct sent_entry *e = t->receiver != r->receiver
                                         ? NULL
                                         : sent_find(&n->sent, key, t->receiver->name,
                                                     str_of(config_receiver_kind_name(t->conf->kind)), t->conf->index);
        if (e && contains(e->firing, e->firing_n, fingerprint))
            return true;
    }
    return false;
}

/* A group for an alert.  One that is over already needs none, unless somebody was told of
 * it (before a restart, say) and waits for the resolve. */
static struct group *
new_group(struct notifier *n, struct plan *p, const struct route *r, struct labels ls, const struct held_alert *a)
{
    char *key = group_key(r, ls);

    if (held_resolved(a, clock_now_ms()) && !was_told(n, p, r, str_of(key), a->fingerprint)) {
        mem_free(key);
        return NULL;
    }
    struct group *g = MEM_NEW(struct group);
    g->plan = plan_ref(p);
    g->route = r;
    g->labels = labels_keep(ls);
    g->key = key;
    g->next_ms = INT64_MAX;
    g->next = n->groups;
    n->groups = g;
    return g;
}

static size_t
position(const struct group *g, uint64_t fingerprint)
{
    size_t i = 0;
    while (i < g->n && g->v[i]->fingerprint < fingerprint)
        i++;
    return i;
}

void
group_insert(struct notifier *n, struct plan *p, const struct route *r, struct held_alert *a)
{
    struct arena *arena = arena_new();
    struct labels ls = route_group_labels(r, a->labels, arena);
    struct group *g = find_group(n, r, ls);
    int64_t now = clock_now_ms();

    if (!g)
        g = new_group(n, p, r, ls, a);
    arena_free(&arena);
    if (!g)
        return;
    size_t i = position(g, a->fingerprint);
    if (i < g->n && g->v[i]->fingerprint == a->fingerprint) {
        held_unref(&g->v[i]);
        g->v[i] = held_ref(a);
    } else {
        mem_grow(&g->v, &g->cap, g->n + 1, sizeof *g->v);
        memmove(&g->v[i + 1], &g->v[i], (g->n - i) * sizeof *g->v);
        g->v[i] = held_ref(a);
        g->n++;
    }
    if (g->flushed)
        return;
    /* group_wait counts from the alert's start: one that has fired for long goes at once */
    int64_t due = a->starts_ms + r->group_wait_ms < now ? now : now + r->group_wait_ms;
    g->next_ms = MIN(g->next_ms, due);
}

struct group *
group_flush_due(struct notifier *n, int64_t now_ms, int64_t *next_ms)
{
    for (struct group *g = n->groups; g; g = g->next) {
        if (g->under_way)
            continue;
        if (g->next_ms <= now_ms)
            return g;
        *next_ms = MIN(*next_ms, g->next_ms);
    }
    return NULL;
}

/* --- what is due ------------------------------------------------------------------------ */

struct state {
    uint64_t *firing, *resolved;
    size_t firing_n, resolved_n;
};

static bool
subset(const uint64_t *v, size_t n, const uint64_t *of, size_t of_n)
{
    for (size_t i = 0; i < n; i++)
        if (!contains(of, of_n, v[i]))
            return false;
    return true;
}

/* The reason to send, or NULL.  *quiet: nothing is to be sent, but the log must say that
 * all is resolved. */
static const char *
reason_to_send(const struct sent_entry *last, const struct state *now, bool send_resolved, int64_t repeat_ms,
               int64_t now_ms, bool *quiet)
{
    *quiet = false;
    if (!last)
        return now->firing_n ? "first notification" : NULL;
    if (!subset(now->firing, now->firing_n, last->firing, last->firing_n))
        return last->firing_n ? "new alerts added" : "first notification";
    if (now->firing_n == 0) {
        *quiet = last->firing_n > 0 && !send_resolved;
        return last->firing_n > 0 ? "all alerts resolved" : NULL;
    }
    if (send_resolved && !subset(now->resolved, now->resolved_n, last->resolved, last->resolved_n))
        return "some alerts resolved";
    return last->sent_ms + repeat_ms < now_ms ? "repeat interval elapsed" : NULL;
}

static void
queue_delivery(struct notifier *n, struct group *g, const struct target *t, const struct state *s, const char *reason,
               bool quiet, struct held_alert **alerts, size_t alerts_n, int64_t now_ms)
{
    struct arena *a = arena_new();
    struct delivery *d = ARENA_NEW(a, struct delivery);
    int64_t mono = clock_mono_ms();

    d->arena = a;
    d->plan = plan_ref(g->plan);
    d->group = g;
    d->route = g->route;
    d->target = t;
    d->group_key = arena_str(a, str_of(g->key));
    d->group_labels = labels_copy(a, g->labels);
    d->alerts = ARENA_ARRAY(a, struct held_alert *, alerts_n + 1);
    for (size_t i = 0; i < alerts_n; i++)
        if (t->conf->send_resolved || !held_resolved(alerts[i], now_ms))
            d->alerts[d->alerts_n++] = held_ref(alerts[i]);
    if (g->route->labels.n) {
        d->all = ARENA_ARRAY(a, struct held_alert *, g->n + 1);
        for (size_t i = 0; i < g->n; i++)
            d->all[d->all_n++] = held_ref(g->v[i]);
    }
    d->entry = (struct sent_entry){
        .group_key = d->group_key,
        .receiver = t->receiver->name,
        .integration = str_of(config_receiver_kind_name(t->conf->kind)),
        .index = t->conf->index,
        .expires_ms = now_ms + MAX(2 * g->route->repeat_interval_ms, LOG_KEEP_MS),
        .firing = memcpy(ARENA_ARRAY(a, uint64_t, s->firing_n + 1), s->firing, 8 * s->firing_n),
        .firing_n = s->firing_n,
        .resolved = memcpy(ARENA_ARRAY(a, uint64_t, s->resolved_n + 1), s->resolved, 8 * s->resolved_n),
        .resolved_n = s->resolved_n,
    };
    d->reason = reason;
    d->send = !quiet && d->alerts_n > 0;
    d->now_ms = now_ms;
    d->due_ms = mono;
    d->deadline_ms = mono + MAX(g->route->group_interval_ms, DEADLINE_MIN_MS);
    d->next = n->queue;
    n->queue = d;
    g->under_way++;
    cond_signal(&n->deliver);
}

/* Alerts that neither inhibition nor time mutes. */
static size_t
audible(struct notifier *n, struct group *g, int64_t now_ms, struct held_alert **out)
{
    const struct config_route *c = g->route->conf;
    size_t kept = 0;

    if ((c->active_time_intervals.n && !interval_any(g->plan->conf, &c->active_time_intervals, now_ms)) ||
        interval_any(g->plan->conf, &c->mute_time_intervals, now_ms))
        return 0;
    for (size_t i = 0; i < g->n; i++)
        if (!inhibited(g->plan, &n->store, g->v[i], now_ms))
            out[kept++] = g->v[i];
    return kept;
}

static void
decide(struct notifier *n, struct group *g, struct held_alert **alerts, size_t count, int64_t now_ms)
{
    struct arena *a = arena_new();
    struct state s = {.firing = ARENA_ARRAY(a, uint64_t, count + 1), .resolved = ARENA_ARRAY(a, uint64_t, count + 1)};

    for (size_t i = 0; i < count; i++) {
        if (held_resolved(alerts[i], now_ms))
            s.resolved[s.resolved_n++] = alerts[i]->fingerprint;
        else
            s.firing[s.firing_n++] = alerts[i]->fingerprint;
    }
    for (size_t i = 0; i < g->plan->targets_n; i++) {
        const struct target *t = g->plan->targets[i];
        if (t->receiver != g->route->receiver)
            continue;
        const struct sent_entry *last = sent_find(&n->sent, str_of(g->key), t->receiver->name,
                                                  str_of(config_receiver_kind_name(t->conf->kind)), t->conf->index);
        bool quiet;
        const char *reason = reason_to_send(last, &s, t->conf->send_resolved, g->route->repeat_interval_ms, now_ms, &quiet);
        if (reason)
            queue_delivery(n, g, t, &s, reason, quiet, alerts, count, now_ms);
    }
    arena_free(&a);
}

/* Resolved alerts that every receiver has been told of leave. */
static void
drop_resolved(struct group *g, int64_t as_of_ms)
{
    size_t kept = 0;

    for (size_t i = 0; i < g->n; i++) {
        if (held_resolved(g->v[i], as_of_ms) && g->v[i]->updated_ms <= as_of_ms)
            held_unref(&g->v[i]);
        else
            g->v[kept++] = g->v[i];
    }
    g->n = kept;
}

static void
remove_group(struct notifier *n, struct group *g)
{
    for (struct group **p = &n->groups; *p; p = &(*p)->next) {
        if (*p != g)
            continue;
        *p = g->next;
        group_free(g);
        return;
    }
}

void
group_flush(struct notifier *n, struct group *g, int64_t now_ms)
{
    struct held_alert **alerts = MEM_ARRAY(struct held_alert *, g->n + 1);
    size_t count = audible(n, g, now_ms, alerts);

    g->flushed = true;
    g->failed = false;
    g->next_ms = now_ms + g->route->group_interval_ms;
    if (count)
        decide(n, g, alerts, count, now_ms);
    mem_free(alerts);
    if (g->under_way == 0 && count == g->n)
        drop_resolved(g, now_ms);
    if (g->under_way == 0 && g->n == 0)
        remove_group(n, g);
}

void
group_delivered(struct notifier *n, struct delivery *d, bool ok)
{
    struct group *g = d->group;

    CHECK(g->under_way > 0);
    g->under_way--;
    g->failed |= !ok;
    if (g->under_way > 0)
        return;
    if (!g->failed)
        drop_resolved(g, d->now_ms);
    cond_signal(&n->dispatch); /* its timer may have come meanwhile */
}
