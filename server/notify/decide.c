/* decide.c - what of a group is due to whom: its state against what was sent last
 * (reference/alerting-and-ui.md A8). */
#include "base/clock.h"
#include "base/mem.h"
#include "base/metric.h"
#include "server/notify/notify_priv.h"

#define DEADLINE_MIN_MS 10000

struct state {
    uint64_t *firing, *resolved; /* sorted */
    size_t firing_n, resolved_n;
};

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

static bool
subset(const uint64_t *v, size_t n, const uint64_t *of, size_t of_n)
{
    for (size_t i = 0; i < n; i++)
        if (!contains(of, of_n, v[i]))
            return false;
    return true;
}

/* The reason to send, or NULL. */
static const char *
reason_to_send(const struct sent_entry *last, const struct state *now, bool send_resolved, int64_t repeat_ms,
               int64_t now_ms)
{
    if (!last)
        return now->firing_n ? "first notification" : NULL;
    if (!subset(now->firing, now->firing_n, last->firing, last->firing_n))
        return last->firing_n ? "new alerts added" : "first notification";
    if (now->firing_n == 0) /* also for those who do not want to hear: the entry must say so */
        return last->firing_n > 0 ? "all alerts resolved" : NULL;
    if (send_resolved && !subset(now->resolved, now->resolved_n, last->resolved, last->resolved_n))
        return "some alerts resolved";
    return last->sent_ms + repeat_ms < now_ms ? "repeat interval elapsed" : NULL;
}

static bool
same_state(const struct sent_entry *e, const struct state *s)
{
    return e->firing_n == s->firing_n && e->resolved_n == s->resolved_n &&
           subset(s->firing, s->firing_n, e->firing, e->firing_n) &&
           subset(s->resolved, s->resolved_n, e->resolved, e->resolved_n);
}

/* --- deliveries ------------------------------------------------------------------------------ */

static struct sent_entry
entry_of(const struct group *g, const struct target *t, const struct state *s)
{
    return (struct sent_entry){
        .group_key = str_of(g->key),
        .receiver = t->receiver->name,
        .integration = t->kind,
        .index = t->conf->index,
        .firing = s->firing,
        .resolved = s->resolved,
        .firing_n = s->firing_n,
        .resolved_n = s->resolved_n,
    };
}

static uint64_t *
copy_numbers(struct arena *a, const uint64_t *v, size_t n)
{
    uint64_t *out = ARENA_ARRAY(a, uint64_t, n + 1);
    if (n)
        memcpy(out, v, 8 * n);
    return out;
}

static struct delivery *
delivery_new(struct group *g, struct target *t, const struct state *s, const char *reason)
{
    struct arena *a = arena_new();
    struct delivery *d = ARENA_NEW(a, struct delivery);

    d->arena = a;
    d->plan = plan_ref(g->plan);
    d->group = g;
    d->route = g->route;
    d->target = t;
    d->group_key = arena_str(a, str_of(g->key));
    d->group_labels = labels_copy(a, g->labels);
    d->entry = entry_of(g, t, s);
    d->entry.group_key = d->group_key;
    d->entry.firing = copy_numbers(a, s->firing, s->firing_n);
    d->entry.resolved = copy_numbers(a, s->resolved, s->resolved_n);
    d->reason = reason;
    d->now_ms = g->flushed_ms;
    d->deadline_ms = clock_mono_ms() + MAX(g->route->group_interval_ms, DEADLINE_MIN_MS);
    if (g->route->labels.n) {
        d->all = ARENA_ARRAY(a, struct held_alert *, g->n + 1);
        for (size_t i = 0; i < g->n; i++)
            d->all[d->all_n++] = held_ref(g->v[i]);
    }
    return d;
}

static void
show_alerts(struct delivery *d, struct held_alert **alerts, size_t count)
{
    d->alerts = ARENA_ARRAY(d->arena, struct held_alert *, count + 1);
    for (size_t i = 0; i < count; i++)
        if (d->target->conf->send_resolved || !held_resolved(alerts[i], d->now_ms))
            d->alerts[d->alerts_n++] = held_ref(alerts[i]);
}

/* All is resolved and the receiver does not want to hear: only the log does. */
static void
note_quietly(struct notifier *n, const struct group *g, const struct sent_entry *entry)
{
    struct sent_entry e = *entry;
    str v[] = {e.integration};

    e.sent_ms = g->flushed_ms;
    e.expires_ms = sent_expiry_ms(e.sent_ms, g->route->repeat_interval_ms);
    sent_put(&n->sent, &e);
    notify_log_put_sent(n->log, &e);
    n->log_dirty = true;
    metric_inc(metric_child(METRIC_ALERTMANAGER_NOTIFICATIONS_TOTAL, v, 1));
}

static bool
is_flying(const struct notifier *n, const struct sent_entry *like)
{
    for (const struct delivery *d = n->flying; d; d = d->next)
        if (sent_same(&d->entry, like))
            return true;
    return false;
}

static struct delivery *
find_waiting(const struct group *g, const struct target *t)
{
    for (struct delivery *d = g->waiting; d; d = d->next)
        if (d->target == t)
            return d;
    return NULL;
}

struct decision {
    struct notifier *n;
    struct group *g;
    struct held_alert **alerts;
    size_t count;
    const struct state *state;
    int64_t tick_ms;
};

static void
decide_for(const struct decision *c, struct target *t)
{
    struct group *g = c->g;
    bool send_resolved = t->conf->send_resolved;
    struct sent_entry entry = entry_of(g, t, c->state);
    struct delivery *old = find_waiting(g, t);
    int64_t due_ms = clock_mono_ms();

    if (is_flying(c->n, &entry)) {
        g->missed = true; /* it is compared with what that one leaves behind */
        return;
    }
    const struct sent_entry *last = sent_find(&c->n->sent, &entry);
    const char *reason = reason_to_send(last, c->state, send_resolved, g->route->repeat_interval_ms, c->tick_ms);
    if (last && last->firing_n) /* else what was told is over: the receiver starts anew */
        entry.memo = last->memo;
    if (old && reason && same_state(&old->entry, c->state))
        return;
    if (old) {
        due_ms = old->asked ? MAX(old->due.at_ms, due_ms) : due_ms;
        deliver_discard(c->n, old);
    }
    if (reason && !send_resolved && c->state->firing_n == 0) {
        note_quietly(c->n, g, &entry);
    } else if (reason) {
        struct delivery *d = delivery_new(g, t, c->state, reason);
        d->entry.memo = arena_str(d->arena, entry.memo);
        show_alerts(d, c->alerts, c->count);
        deliver_queue(c->n, d, due_ms);
    }
}

void
decide(struct notifier *n, struct group *g, struct held_alert **alerts, size_t count, int64_t tick_ms)
{
    struct arena *a = arena_new();
    struct state s = {.firing = ARENA_ARRAY(a, uint64_t, count + 1), .resolved = ARENA_ARRAY(a, uint64_t, count + 1)};
    struct decision c = {n, g, alerts, count, &s, tick_ms};

    for (size_t i = 0; i < count; i++) {
        if (held_resolved(alerts[i], g->flushed_ms))
            s.resolved[s.resolved_n++] = alerts[i]->fingerprint;
        else
            s.firing[s.firing_n++] = alerts[i]->fingerprint;
    }
    for (size_t i = 0; i < g->plan->targets_n; i++)
        if (g->plan->targets[i]->receiver == g->route->receiver)
            decide_for(&c, g->plan->targets[i]);
    arena_free(&a);
}
