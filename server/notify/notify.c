/* notify.c - the notifier: alerts in, the dispatch thread, start and end. */
#include "server/notify/notify.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/panic.h"
#include "server/notify/notify_api.h"
#include "server/notify/notify_priv.h"

#define ROUTES_PER_ALERT_MAX 64
#define SWEEP_MS 60000
#define RULES_WAIT_MS (2 * 60 * 1000) /* dispatch does not wait longer for the rules */
#define LOG_SYNC_MS 1000
#define LOG_RETRY_MS 10000

/* --- alerts in ----------------------------------------------------------------------------- */

static void
dispatch_alert(struct notifier *n, struct held_alert *a)
{
    const struct route *routes[ROUTES_PER_ALERT_MAX];
    size_t count = route_match(n->plan->root, a->labels, routes, ARRAY_LEN(routes));

    for (size_t i = 0; i < MIN(count, ARRAY_LEN(routes)); i++)
        group_insert(n, n->plan, routes[i], a);
}

static void
take_alert(struct notifier *n, const struct alert *a)
{
    static struct log_limit limit;
    size_t before = n->store.n;
    struct held_alert *held = alert_store_put(&n->store, a, clock_now_ms());

    if (!held) {
        if (log_limit_pass(&limit, 60000))
            LOG_ERROR("Too many alerts; new ones are dropped", KV_I64("limit", LIMIT_NOTIFY_ALERTS));
        return;
    }
    if (n->store.n > before)
        inhibitor_add(&n->inhibitor, held);
    notify_log_put_alert(n->log, held);
    n->log_dirty = true;
    dispatch_alert(n, held);
}

/* External labels where absent, then alert_relabel_configs; false: dropped. */
static bool
relabelled(const struct config *c, const struct alert *in, struct arena *a, struct alert *out)
{
    struct labels_builder b;

    labels_builder_init(&b, a, in->labels);
    for (size_t i = 0; i < c->global.external_labels.n; i++) {
        const struct label *l = &c->global.external_labels.v[i];
        if (labels_builder_get(&b, l->name).n == 0)
            labels_builder_set(&b, l->name, l->value);
    }
    if (!relabel_apply(c->alerting.alert_relabel.v, c->alerting.alert_relabel.n, &b))
        return false;
    *out = *in;
    out->labels = labels_builder_done(&b);
    return out->labels.n > 0;
}

void
notifier_post(struct notifier *n, const struct alert *alerts, size_t count)
{
    struct arena *a = arena_new();
    struct alert *v = ARENA_ARRAY(a, struct alert, count + 1);
    size_t kept = 0;

    CHECK_MAGIC(n, NOTIFIER_MAGIC);
    mutex_lock(&n->mu);
    struct config *c = n->config ? config_ref(n->config) : NULL;
    mutex_unlock(&n->mu);
    for (size_t i = 0; c && i < count; i++)
        kept += relabelled(c, &alerts[i], a, &v[kept]);
    if (kept) {
        outside_post(n->outside, v, kept);
        mutex_lock(&n->mu);
        for (size_t i = 0; n->plan && i < kept; i++)
            take_alert(n, &v[i]);
        cond_signal(&n->dispatch);
        mutex_unlock(&n->mu);
    }
    config_unref(&c);
    arena_free(&a);
}

void
notifier_take(struct notifier *n, const struct alert *alerts, size_t count)
{
    CHECK_MAGIC(n, NOTIFIER_MAGIC);
    mutex_lock(&n->mu);
    for (size_t i = 0; n->plan && i < count; i++)
        take_alert(n, &alerts[i]);
    cond_signal(&n->dispatch);
    mutex_unlock(&n->mu);
}

struct config *
notifier_config(struct notifier *n)
{
    CHECK_MAGIC(n, NOTIFIER_MAGIC);
    mutex_lock(&n->mu);
    struct config *c = n->plan ? config_ref(n->plan->config) : NULL;
    mutex_unlock(&n->mu);
    return c;
}

void
notifier_rules_ready(struct notifier *n)
{
    CHECK_MAGIC(n, NOTIFIER_MAGIC);
    mutex_lock(&n->mu);
    n->rules_ready = true;
    cond_signal(&n->dispatch);
    mutex_unlock(&n->mu);
}

size_t
notifier_peers(struct notifier *n, struct arena *a, struct notifier_peer **out)
{
    CHECK_MAGIC(n, NOTIFIER_MAGIC);
    return outside_peers(n->outside, a, out);
}

/* --- dispatch ------------------------------------------------------------------------------- */

static bool
may_dispatch(const struct notifier *n)
{
    return n->rules_ready || clock_mono_ms() - n->start_ms > RULES_WAIT_MS;
}

/* Alerts that nobody refreshes end by themselves; what is over and told is forgotten. */
static void
sweep(struct notifier *n)
{
    int64_t now = clock_now_ms();

    if (alert_store_sweep(&n->store, now) && n->plan)
        inhibitor_reset(&n->inhibitor, n->plan->conf, &n->store);
    sent_sweep(&n->sent, now);
    silences_sweep(&n->silences, now);
}

static void
queue_rewrite(struct notifier *n)
{
    notify_log_rewrite(n->log);
    for (size_t i = 0; i < n->store.cap; i++)
        if (n->store.slot[i])
            notify_log_put_alert(n->log, n->store.slot[i]);
    for (size_t i = 0; i < n->sent.cap; i++)
        if (n->sent.slot[i])
            notify_log_put_sent(n->log, &n->sent.slot[i]->entry);
    for (size_t i = 0; i < n->silences.n; i++)
        notify_log_put_silence(n->log, n->silences.v[i]);
    n->log_dirty = true;
}

/* A log that cannot be written keeps nobody from being told: it is tried again later. */
static void
sync_log(struct notifier *n)
{
    struct err e = ERR_INIT;

    n->log_dirty = false;
    mutex_unlock(&n->mu);
    bool ok = notify_log_flush(n->log, &e);
    bool rewrite = ok && notify_log_wants_rewrite(n->log);
    mutex_lock(&n->mu);
    if (!ok)
        LOG_ERROR("Writing the notification log failed; a restart may forget or repeat notifications", KV_ERR(&e));
    n->log_failed_ms = ok ? 0 : clock_mono_ms();
    n->log_dirty |= !ok;
    if (rewrite)
        queue_rewrite(n);
}

/* What a message says is durable first, unless the log is broken. */
static bool
wants_sync(const struct notifier *n, bool before_flush, int64_t last_ms)
{
    int64_t now = clock_mono_ms();

    if (!n->log_dirty || (n->log_failed_ms && now - n->log_failed_ms < LOG_RETRY_MS))
        return false;
    return before_flush || now - last_ms >= LOG_SYNC_MS;
}

static void
dispatch_thread(void *arg)
{
    struct notifier *n = arg;
    int64_t next_sweep = clock_mono_ms() + SWEEP_MS, synced = 0;

    mutex_lock(&n->mu);
    while (!n->stop) {
        const struct timer *first = may_dispatch(n) ? timers_first(&n->flushes) : NULL;
        int64_t now = clock_now_ms();
        bool due = first && first->at_ms <= now;
        if (wants_sync(n, due, synced)) {
            sync_log(n);
            synced = clock_mono_ms();
        } else if (due) {
            group_flush(n, TIMER_OWNER(first, struct group, flush), now);
        } else {
            cond_wait_ms(&n->dispatch, &n->mu, first ? MIN(first->at_ms - now, LOG_SYNC_MS) : LOG_SYNC_MS);
        }
        if (clock_mono_ms() >= next_sweep) {
            sweep(n);
            next_sweep = clock_mono_ms() + SWEEP_MS;
        }
    }
    mutex_unlock(&n->mu);
}

/* --- configuration ---------------------------------------------------------------------------- */

/* Moves to another plan: groups are made anew from the alerts held; what was sent is in
 * the table, so nothing is repeated. */
static void
swap_plan(struct notifier *n, struct plan *p)
{
    struct plan *old = n->plan;

    groups_clear(n);
    n->plan = p;
    inhibitor_reset(&n->inhibitor, p ? p->conf : NULL, &n->store);
    for (size_t i = 0; p && i < n->store.cap; i++)
        if (n->store.slot[i])
            dispatch_alert(n, n->store.slot[i]);
    plan_unref(&old);
}

bool
notifier_apply(struct notifier *n, struct config *c, struct err *e)
{
    struct plan *p = NULL;

    CHECK_MAGIC(n, NOTIFIER_MAGIC);
    if (c->alerting.notify && !plan_new(&p, c, e))
        return false;
    if (!outside_apply(n->outside, c, e)) {
        plan_unref(&p);
        return false;
    }
    mutex_lock(&n->mu);
    struct config *old = n->config;
    n->config = config_ref(c);
    swap_plan(n, p);
    cond_signal(&n->dispatch);
    mutex_unlock(&n->mu);
    config_unref(&old);
    return true;
}

/* --- start and end ------------------------------------------------------------------------------ */

static void
load_alert(void *arg, const struct alert *a, int64_t updated_ms)
{
    struct notifier *n = arg;

    alert_store_load(&n->store, a, updated_ms); /* merged already when it was written */
}

static void
load_silence(void *arg, struct silence *s)
{
    struct notifier *n = arg;

    silences_load(&n->silences, s);
}

static void
load_sent(void *arg, const struct sent_entry *s)
{
    struct notifier *n = arg;

    if (s->expires_ms > clock_now_ms())
        sent_put(&n->sent, s);
}

bool
notifier_new(struct notifier **out, const struct notifier_opts *o, struct err *e)
{
    struct notifier *n = MEM_NEW(struct notifier);
    struct notify_log_reader reader = {load_alert, load_sent, load_silence, n};

    n->magic = NOTIFIER_MAGIC;
    n->opts = *o;
    n->dir = o->dir ? mem_cstr(str_of(o->dir)) : NULL;
    n->external_url = mem_cstr(o->external_url);
    n->opts.external_url = str_of(n->external_url);
    n->start_ms = clock_mono_ms();
    mutex_init(&n->mu, LOCK_NOTIFY);
    cond_init(&n->dispatch);
    cond_init(&n->deliver);
    METRIC_SET(NOTIFICATIONS_QUEUE_CAPACITY, (double)o->queue_capacity);
    if (notify_log_open(&n->log, n->dir, &reader, e) && outside_new(&n->outside, &n->opts, e) && 
        thread_start(&n->dispatcher, "notify", dispatch_thread, n, e)) {
        *out = n;
        return true;
    }
    notifier_free(&n);
    return false;
}

static void
stop_threads(struct notifier *n)
{
    mutex_lock(&n->mu);
    n->stop = true;
    cond_broadcast(&n->dispatch);
    cond_broadcast(&n->deliver);
    mutex_unlock(&n->mu);
    thread_join(&n->dispatcher); /* nobody else starts senders */
    for (size_t i = 0; i < n->senders_n; i++)
        thread_join(&n->senders[i]);
}

void
notifier_free(struct notifier **out)
{
    struct notifier *n = *out;

    if (!n)
        return;
    CHECK_MAGIC(n, NOTIFIER_MAGIC);
    stop_threads(n);
    outside_free(&n->outside, n->opts.drain_on_shutdown);
    notify_log_close(&n->log);
    groups_clear(n);
    timers_fini(&n->flushes);
    timers_fini(&n->turns);
    inhibitor_fini(&n->inhibitor);
    alert_store_fini(&n->store);
    sent_fini(&n->sent);
    silences_fini(&n->silences);
    plan_unref(&n->plan);
    config_unref(&n->config);
    mem_free(n->dir);
    mem_free(n->external_url);
    cond_fini(&n->dispatch);
    cond_fini(&n->deliver);
    mutex_fini(&n->mu);
    n->magic = 0;
    mem_free(n);
    *out = NULL;
}
