/* view.c - pictures of alerts and groups for API v2. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/panic.h"
#include "server/notify/notify_api.h"
#include "server/notify/sender.h"

#define SILENCES_SHOWN_MAX 1000 /* of one alert */
#define ROUTES_PER_ALERT_MAX 64

/* --- filters --------------------------------------------------------------------------------- */

static bool
labels_pass(const struct view_filter *f, struct labels ls)
{
    for (size_t i = 0; i < f->labels_n; i++)
        if (!matcher_matches(&f->labels[i], labels_get(ls, f->labels[i].name)))
            return false;
    return true;
}

bool
receiver_matches(const struct config_receiver *r, const struct matcher *m, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        str value = STR_EMPTY;
        for (size_t k = 0; k < r->labels.n; k++)
            if (str_eq(r->labels.v[k].key, m[i].name))
                value = r->labels.v[k].value;
        if (!matcher_matches(&m[i], value))
            return false;
    }
    return true;
}

/* Name and labels need not be those of the same receiver. */
static bool
receivers_pass(const struct view_filter *f, const struct route *const *v, size_t n)
{
    bool named = !f->receiver, labelled = f->receiver_labels_n == 0;

    for (size_t i = 0; i < n; i++) {
        named = named || regex_match(f->receiver, v[i]->receiver->name);
        labelled = labelled || receiver_matches(v[i]->receiver, f->receiver_labels, f->receiver_labels_n);
    }
    return named && labelled;
}

/* What mutes an alert now.  Under n->mu. */
static void
set_status(struct notifier *n, struct alert_view *v, int64_t now_ms, struct arena *a)
{
    const struct silence *found[SILENCES_SHOWN_MAX];
    size_t count = silences_muting(&n->silences, v->alert->labels, now_ms, found, ARRAY_LEN(found));
    const struct held_alert *source = inhibitor_find(&n->inhibitor, &n->store, v->alert, now_ms);
    str *ids = ARENA_ARRAY(a, str, count + 1);

    mutex_assert_held(&n->mu);
    for (size_t i = 0; i < count; i++)
        ids[i] = arena_str(a, str_of(found[i]->id));
    v->silenced_by = ids;
    v->silenced_by_n = count;
    v->inhibited = source != NULL;
    v->inhibited_by = source ? source->fingerprint : 0;
}

static bool
status_passes(const struct view_filter *f, const struct alert_view *v)
{
    bool active = v->silenced_by_n == 0 && !v->inhibited;
    return (f->active || !active) && (f->silenced || v->silenced_by_n == 0) && (f->inhibited || !v->inhibited);
}

static bool
is_over(const struct held_alert *a, int64_t now_ms)
{
    return a->ends_ms < now_ms;
}

/* --- alerts ------------------------------------------------------------------------------------- */

static bool
open_view(struct view *v, struct notifier *n, struct arena *a)
{
    *v = (struct view){.notifier = n, .arena = a};
    mutex_lock(&n->mu);
    v->plan = n->plan ? plan_ref(n->plan) : NULL;
    mutex_unlock(&n->mu);
    return v->plan != NULL;
}

static void
hold_all(struct view *v)
{
    struct notifier *n = v->notifier;

    mutex_lock(&n->mu);
    v->held = ARENA_ARRAY(v->arena, struct held_alert *, n->store.n + 1);
    for (size_t i = 0; i < n->store.cap; i++)
        if (n->store.slot[i])
            v->held[v->held_n++] = held_ref(n->store.slot[i]);
    mutex_unlock(&n->mu);
}

static int
by_fingerprint(const void *x, const void *y)
{
    const struct alert_view *a = x, *b = y;
    return (a->alert->fingerprint > b->alert->fingerprint) - (a->alert->fingerprint < b->alert->fingerprint);
}

static bool
add_alert(struct view *v, const struct view_filter *f, struct held_alert *a)
{
    const struct route *routes[ROUTES_PER_ALERT_MAX];
    size_t n = MIN(route_match(v->plan->root, a->labels, routes, ARRAY_LEN(routes)), ARRAY_LEN(routes));

    if (!receivers_pass(f, routes, n) || !labels_pass(f, a->labels))
        return false;
    str *names = ARENA_ARRAY(v->arena, str, n + 1);
    for (size_t i = 0; i < n; i++)
        names[i] = routes[i]->receiver->name;
    v->alerts[v->alerts_n] = (struct alert_view){.alert = a, .receivers = names, .receivers_n = n};
    return true;
}

bool
view_alerts(struct view *v, struct notifier *n, const struct view_filter *f, struct arena *a)
{
    int64_t now = clock_now_ms();

    if (!open_view(v, n, a))
        return false;
    hold_all(v);
    v->alerts = ARENA_ARRAY(a, struct alert_view, v->held_n + 1);
    for (size_t i = 0; i < v->held_n; i++)
        if (!is_over(v->held[i], now))
            v->alerts_n += add_alert(v, f, v->held[i]);
    size_t kept = 0;
    mutex_lock(&n->mu);
    for (size_t i = 0; i < v->alerts_n; i++) {
        set_status(n, &v->alerts[i], now, a);
        if (status_passes(f, &v->alerts[i]))
            v->alerts[kept++] = v->alerts[i];
    }
    mutex_unlock(&n->mu);
    v->alerts_n = kept;
    qsort(v->alerts, v->alerts_n, sizeof *v->alerts, by_fingerprint);
    return true;
}

/* --- groups --------------------------------------------------------------------------------------- */

static int
by_shown_order(const void *x, const void *y)
{
    const struct alert_view *a = x, *b = y;
    return notify_order(a->alert->labels, b->alert->labels);
}

static int
by_labels(const void *x, const void *y)
{
    const struct group_view *a = x, *b = y;
    int c = labels_size_cmp(a->labels, b->labels);
    c = c ? c : str_cmp(a->receiver, b->receiver);
    return c ? c : (a->route > b->route) - (a->route < b->route);
}

/* Its alerts that pass, and copies of what the group may lose.  Under n->mu. */
static bool
add_group(struct view *v, const struct view_filter *f, const struct group *g, int64_t now_ms)
{
    struct group_view *out = &v->groups[v->groups_n];
    const struct route *routes[] = {g->route};

    if (!receivers_pass(f, routes, 1))
        return false;
    *out = (struct group_view){
        .receiver = g->route->receiver->name,
        .route = g->route->number,
        .v = ARENA_ARRAY(v->arena, struct alert_view, g->n),
    };
    for (size_t i = 0; i < g->n; i++) {
        struct alert_view *a = &out->v[out->n];
        *a = (struct alert_view){.alert = g->v[i]};
        if (is_over(g->v[i], now_ms) || !labels_pass(f, g->v[i]->labels))
            continue;
        set_status(v->notifier, a, now_ms, v->arena);
        out->n += status_passes(f, a);
    }
    if (out->n == 0)
        return false;
    out->labels = labels_copy(v->arena, g->labels);
    str *muted = ARENA_ARRAY(v->arena, str, g->muted_by_n + 1);
    if (g->muted_by_n)
        memcpy(muted, g->muted_by, g->muted_by_n * sizeof *muted);
    out->muted_by = muted;
    out->muted_by_n = g->muted_by_n;
    return true;
}

struct picture { /* of a group whose route has labels, for rendering without the lock */
    const struct route *route;
    struct held_alert **alerts;
    size_t n;
};

static void
hold_group(struct view *v, const struct group *g, struct picture *p)
{
    *p = (struct picture){.route = g->route, .alerts = &v->held[v->held_n], .n = g->n};
    for (size_t i = 0; i < g->n; i++)
        v->held[v->held_n++] = held_ref(g->v[i]);
}

static size_t
members(const struct notifier *n)
{
    size_t total = 0;

    for (size_t i = 0; i < n->groups.cap; i++)
        for (const struct group *g = n->groups.bucket[i]; g; g = g->next)
            total += g->n;
    return total;
}

static struct picture *
take_groups(struct view *v, const struct view_filter *f)
{
    struct notifier *n = v->notifier;
    int64_t now = clock_now_ms();

    mutex_lock(&n->mu);
    struct picture *pictures = ARENA_ARRAY(v->arena, struct picture, n->groups.n + 1);
    v->groups = ARENA_ARRAY(v->arena, struct group_view, n->groups.n + 1);
    v->held = ARENA_ARRAY(v->arena, struct held_alert *, members(n) + 1);
    for (size_t i = 0; i < n->groups.cap; i++) {
        for (const struct group *g = n->groups.bucket[i]; g; g = g->next) {
            if (!add_group(v, f, g, now))
                continue;
            hold_group(v, g, &pictures[v->groups_n++]);
        }
    }
    /* The plan may be another one by now than when the view was opened. */
    struct plan *old = v->plan;
    v->plan = n->plan ? plan_ref(n->plan) : NULL;
    mutex_unlock(&n->mu);
    plan_unref(&old);
    return pictures;
}

struct membership {
    uint64_t fingerprint;
    str receiver;
};

static int
by_member(const void *x, const void *y)
{
    const struct membership *a = x, *b = y;
    int c = (a->fingerprint > b->fingerprint) - (a->fingerprint < b->fingerprint);
    return c ? c : str_cmp(a->receiver, b->receiver);
}

/* Of each alert the receivers of all groups shown that it is in. */
static void
set_receivers(struct view *v)
{
    size_t total = 0, n = 0;

    for (size_t i = 0; i < v->groups_n; i++)
        total += v->groups[i].n;
    struct membership *m = ARENA_ARRAY(v->arena, struct membership, total + 1);
    str *names = ARENA_ARRAY(v->arena, str, total + 1);
    for (size_t i = 0; i < v->groups_n; i++)
        for (size_t k = 0; k < v->groups[i].n; k++)
            m[n++] = (struct membership){v->groups[i].v[k].alert->fingerprint, v->groups[i].receiver};
    qsort(m, n, sizeof *m, by_member);
    for (size_t i = 0; i < n; i++)
        names[i] = m[i].receiver;
    for (size_t i = 0; i < v->groups_n; i++) {
        for (size_t k = 0; k < v->groups[i].n; k++) {
            struct alert_view *a = &v->groups[i].v[k];
            size_t low = 0, high = n;
            while (low < high) {
                size_t mid = (low + high) / 2;
                if (m[mid].fingerprint < a->alert->fingerprint)
                    low = mid + 1;
                else
                    high = mid;
            }
            a->receivers = &names[low];
            while (low + a->receivers_n < n && m[low + a->receivers_n].fingerprint == a->alert->fingerprint)
                a->receivers_n++;
        }
    }
}

bool
view_groups(struct view *v, struct notifier *n, const struct view_filter *f, struct arena *a)
{
    if (!open_view(v, n, a))
        return false;
    struct picture *pictures = take_groups(v, f);
    set_receivers(v);
    size_t kept = 0;
    for (size_t i = 0; v->plan && i < v->groups_n; i++) {
        struct group_view *g = &v->groups[i];
        if (!f->muted && g->muted_by_n)
            continue;
        g->route_labels = route_labels_render(n, v->plan, pictures[i].route, g->labels, pictures[i].alerts,
                                              pictures[i].n, a);
        qsort(g->v, g->n, sizeof *g->v, by_shown_order);
        v->groups[kept++] = *g;
    }
    v->groups_n = kept;
    qsort(v->groups, v->groups_n, sizeof *v->groups, by_labels);
    return true;
}

void
view_free(struct view *v)
{
    if (!v->notifier)
        return;
    mutex_lock(&v->notifier->mu);
    for (size_t i = 0; i < v->held_n; i++)
        held_unref(&v->held[i]);
    mutex_unlock(&v->notifier->mu);
    plan_unref(&v->plan);
}

/* --- silences ----------------------------------------------------------------------------------------- */

size_t
notifier_silences(struct notifier *n, struct arena *a, struct silence ***out)
{
    mutex_lock(&n->mu);
    struct silence **v = ARENA_ARRAY(a, struct silence *, n->silences.n + 1);
    size_t count = n->silences.n;
    for (size_t i = 0; i < count; i++)
        v[i] = silence_ref(n->silences.v[i]);
    mutex_unlock(&n->mu);
    *out = v;
    return count;
}

struct silence *
notifier_silence(struct notifier *n, str id)
{
    mutex_lock(&n->mu);
    struct silence *s = silences_find(&n->silences, id);
    if (s)
        silence_ref(s);
    mutex_unlock(&n->mu);
    return s;
}

bool
notifier_silence_set(struct notifier *n, struct silence *s, struct err *e)
{
    struct silence *expired;

    mutex_lock(&n->mu);
    bool ok = silences_set(&n->silences, s, clock_now_ms(), &expired, e);
    if (ok && expired)
        notify_log_put_silence(n->log, expired);
    if (ok)
        notify_log_put_silence(n->log, s);
    mutex_unlock(&n->mu);
    return ok && notify_log_flush(n->log, e);
}

bool
notifier_silence_expire(struct notifier *n, str id, struct err *e)
{
    struct silence *ended;

    mutex_lock(&n->mu);
    bool found = silences_expire(&n->silences, id, clock_now_ms(), &ended);
    if (ended)
        notify_log_put_silence(n->log, ended);
    mutex_unlock(&n->mu);
    return found ? notify_log_flush(n->log, e) : err_set(e, ERR_NOT_FOUND, "silence not found");
}
