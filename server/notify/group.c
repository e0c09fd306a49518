/* group.c - groups of alerts and their timers (reference/alerting-and-ui.md A8). */
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/panic.h"
#include "base/unicode.h"
#include "server/notify/interval.h"
#include "server/notify/notify_priv.h"

#define BUCKETS_MIN 64
#define LATE_MS 1000 /* a flush that is later moves the rhythm */

/* --- the table ------------------------------------------------------------------------------ */

static uint64_t
group_hash(const struct route *r, struct labels ls)
{
    return hash_mix(labels_hash(ls), (uint64_t)(uintptr_t)r);
}

static struct group *
find_group(const struct groups *t, const struct route *r, struct labels ls)
{
    uint64_t hash = group_hash(r, ls);

    for (struct group *g = t->cap ? t->bucket[hash & (t->cap - 1)] : NULL; g; g = g->next)
        if (g->hash == hash && g->route == r && labels_eq(g->labels, ls))
            return g;
    return NULL;
}

static void
link_group(struct groups *t, struct group *g)
{
    struct group **b = &t->bucket[g->hash & (t->cap - 1)];

    g->next = *b;
    *b = g;
}

static void
table_put(struct groups *t, struct group *g)
{
    if (t->n >= t->cap) {
        struct groups old = *t;
        t->cap = MAX(2 * old.cap, (size_t)BUCKETS_MIN);
        t->bucket = MEM_ARRAY(struct group *, t->cap);
        for (size_t i = 0; i < old.cap; i++) {
            while (old.bucket[i]) {
                struct group *x = old.bucket[i];
                old.bucket[i] = x->next;
                link_group(t, x);
            }
        }
        mem_free(old.bucket);
    }
    link_group(t, g);
    t->n++;
}

static void
table_drop(struct groups *t, struct group *g)
{
    struct group **p = &t->bucket[g->hash & (t->cap - 1)];

    while (*p != g)
        p = &(*p)->next;
    *p = g->next;
    t->n--;
}

/* --- life ------------------------------------------------------------------------------------- */

/* The route's part and the labels as Go prints a label set, where names have no quotes. */
static char *
group_key(const struct route *r, struct labels ls)
{
    struct buf key = {0};

    buf_put(&key, r->key);
    buf_lit(&key, ":{");
    for (size_t i = 0; i < ls.n; i++) {
        if (i)
            buf_lit(&key, ", ");
        buf_put(&key, ls.v[i].name);
        buf_byte(&key, '=');
        unicode_put_quoted(&key, ls.v[i].value);
    }
    buf_byte(&key, '}');
    char *text = mem_cstr(buf_str(&key));
    buf_free(&key);
    return text;
}

/* group_wait counts from the first alert's start: one that has fired for longer goes at
 * once.  Alerts that join a group that waits do not hurry it. */
static struct group *
new_group(struct notifier *n, struct plan *p, const struct route *r, struct labels ls, const struct held_alert *first)
{
    struct group *g = MEM_NEW(struct group);
    int64_t now = clock_now_ms();

    g->hash = group_hash(r, ls);
    g->plan = plan_ref(p);
    g->route = r;
    g->labels = labels_keep(ls);
    g->key = group_key(r, ls);
    table_put(&n->groups, g);
    timers_set(&n->flushes, &g->flush, first->starts_ms + r->group_wait_ms < now ? now : now + r->group_wait_ms);
    return g;
}

static void
set_muted_by(struct group *g, const str *v, size_t n)
{
    mem_free((void *)(uintptr_t)g->muted_by);
    str *copy = n ? MEM_ARRAY(str, n) : NULL;
    if (n)
        memcpy(copy, v, n * sizeof *v); /* the texts are the plan's */
    g->muted_by = copy;
    g->muted_by_n = n;
}

static void
group_free(struct notifier *n, struct group *g)
{
    while (g->waiting)
        deliver_discard(n, g->waiting);
    timers_drop(&n->flushes, &g->flush);
    for (size_t i = 0; i < g->n; i++)
        held_unref(&g->v[i]);
    mem_free(g->v);
    labels_release(&g->labels);
    mem_free(g->key);
    set_muted_by(g, NULL, 0);
    plan_unref(&g->plan);
    mem_free(g);
}

void
groups_clear(struct notifier *n)
{
    for (struct delivery *d = n->flying; d; d = d->next)
        d->group = NULL;
    for (size_t i = 0; i < n->groups.cap; i++) {
        while (n->groups.bucket[i]) {
            struct group *g = n->groups.bucket[i];
            n->groups.bucket[i] = g->next;
            group_free(n, g);
        }
    }
    mem_free(n->groups.bucket);
    n->groups = (struct groups){0};
}

static size_t
position(const struct group *g, uint64_t fingerprint)
{
    size_t low = 0, high = g->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (g->v[mid]->fingerprint < fingerprint)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

void
group_insert(struct notifier *n, struct plan *p, const struct route *r, struct held_alert *a)
{
    struct arena *arena = arena_new();
    struct labels ls = route_group_labels(r, a->labels, arena);
    struct group *g = find_group(&n->groups, r, ls);

    if (!g)
        g = new_group(n, p, r, ls, a);
    arena_free(&arena);
    size_t i = position(g, a->fingerprint);
    if (i < g->n && g->v[i]->fingerprint == a->fingerprint) {
        held_unref(&g->v[i]);
        g->v[i] = held_ref(a);
        return;
    }
    mem_grow(&g->v, &g->cap, g->n + 1, sizeof(struct held_alert *));
    memmove(&g->v[i + 1], &g->v[i], (g->n - i) * sizeof(struct held_alert *));
    g->v[i] = held_ref(a);
    g->n++;
}

/* --- flushing ------------------------------------------------------------------------------------ */

static void
count_suppressed(const char *reason, size_t n)
{
    str v[] = {str_of(reason)};

    if (n)
        metric_add(metric_child(METRIC_ALERTMANAGER_NOTIFICATIONS_SUPPRESSED_TOTAL, v, 1), (double)n);
}

static bool
silenced(const struct notifier *n, const struct held_alert *a, int64_t now_ms)
{
    const struct silence *one;
    return silences_muting(&n->silences, a->labels, now_ms, &one, 1) > 0;
}

/* Outside all of its active intervals, or inside a mute interval. */
static bool
muted_by_time(struct group *g, int64_t now_ms, size_t alerts)
{
    const struct config_strs *active = &g->route->conf->active_time_intervals;
    const struct config_strs *mute = &g->route->conf->mute_time_intervals;
    str *now = MEM_ARRAY(str, MAX(active->n, mute->n) + 1);
    bool inactive = active->n && intervals_now(g->plan->conf, active, now_ms, now) == 0;
    size_t n = inactive ? 0 : intervals_now(g->plan->conf, mute, now_ms, now);

    if (inactive) {
        count_suppressed("active_time_interval", alerts);
        set_muted_by(g, active->v, active->n);
    } else {
        if (n)
            count_suppressed("mute_time_interval", alerts);
        set_muted_by(g, now, n);
    }
    mem_free(now);
    return inactive || n > 0;
}

/* Alerts that neither inhibition nor time nor a silence mutes, in that order. */
static size_t
audible(struct notifier *n, struct group *g, int64_t now_ms, struct held_alert **out)
{
    size_t free_n = 0, kept = 0;

    for (size_t i = 0; i < g->n; i++)
        if (!inhibitor_find(&n->inhibitor, &n->store, g->v[i], now_ms))
            out[free_n++] = g->v[i];
    count_suppressed("inhibition", g->n - free_n);
    if (free_n == 0 || muted_by_time(g, now_ms, free_n))
        return 0;
    for (size_t i = 0; i < free_n; i++)
        if (!silenced(n, out[i], now_ms))
            out[kept++] = out[i];
    count_suppressed("silence", free_n - kept);
    return kept;
}

/* Lets go of alerts that were resolved then and have not been heard of since. */
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

/* All that was due is done: what is resolved may go, told or muted. */
static void
settle(struct notifier *n, struct group *g)
{
    if (!g->failed)
        drop_resolved(g, g->flushed_ms);
    if (g->n > 0)
        return;
    table_drop(&n->groups, g);
    group_free(n, g);
}

void
group_flush(struct notifier *n, struct group *g, int64_t now_ms)
{
    int64_t tick_ms = now_ms - g->flush.at_ms < LATE_MS ? g->flush.at_ms : now_ms;
    struct held_alert **alerts = MEM_ARRAY(struct held_alert *, g->n + 1);
    size_t count = audible(n, g, now_ms, alerts);

    timers_set(&n->flushes, &g->flush, tick_ms + g->route->group_interval_ms);
    g->failed = g->missed = false;
    g->flushed_ms = now_ms;
    if (count)
        decide(n, g, alerts, count, tick_ms);
    while (!count && g->waiting)
        deliver_discard(n, g->waiting);
    mem_free(alerts);
    if (g->under_way == 0)
        settle(n, g);
}

/* A flush that found this delivery on its way is made up for. */
static void
flush_again(struct notifier *n, struct group *g)
{
    g->missed = false;
    timers_set(&n->flushes, &g->flush, clock_now_ms());
    cond_signal(&n->dispatch);
}

/* The group that took the place of one that a reload has ended. */
static struct group *
find_heir(struct notifier *n, str key)
{
    for (size_t i = 0; i < n->groups.cap; i++)
        for (struct group *g = n->groups.bucket[i]; g; g = g->next)
            if (g->missed && str_eq(str_of(g->key), key))
                return g;
    return NULL;
}

void
group_delivered(struct notifier *n, struct delivery *d, bool ok)
{
    struct group *g = d->group;

    if (!g) {
        g = find_heir(n, d->group_key);
        if (g)
            flush_again(n, g);
        return;
    }
    CHECK(g->under_way > 0);
    g->under_way--;
    g->failed |= !ok;
    if (g->missed)
        flush_again(n, g);
    else if (g->under_way == 0)
        settle(n, g);
}
