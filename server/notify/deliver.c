/* deliver.c - the threads that send, and how often they try. */
#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/panic.h"
#include "base/rng.h"
#include "server/notify/sender.h"

#define BACKOFF_FIRST_MS 500
#define BACKOFF_MAX_MS 60000
#define WAIT_MAX_MS (5 * 60 * 1000) /* the longest Retry-After we follow */
#define IDLE_MS 60000

void
delivery_free(struct delivery *d)
{
    struct arena *a = d->arena;

    for (size_t i = 0; i < d->alerts_n; i++)
        held_unref(&d->alerts[i]);
    for (size_t i = 0; i < d->all_n; i++)
        held_unref(&d->all[i]);
    plan_unref(&d->plan);
    arena_free(&a);
}

/* Takes the delivery that is due first off the queue, or says how long until there is
 * one. */
static struct delivery *
take_due(struct notifier *n, int64_t *wait_ms)
{
    struct delivery **best = NULL;
    int64_t now = clock_mono_ms();

    for (struct delivery **p = &n->queue; *p; p = &(*p)->next)
        if (!best || (*p)->due_ms < (*best)->due_ms)
            best = p;
    *wait_ms = best ? MAX((*best)->due_ms - now, 0) : IDLE_MS;
    if (!best || *wait_ms > 0)
        return NULL;
    struct delivery *d = *best;
    *best = d->next;
    return d;
}

static void
count_attempt(const struct delivery *d, bool ok, double seconds)
{
    str v[] = {d->entry.integration};

    metric_inc(metric_child(METRIC_ALERTMANAGER_NOTIFICATION_REQUESTS_TOTAL, v, 1));
    if (!ok)
        metric_inc(metric_child(METRIC_ALERTMANAGER_NOTIFICATION_REQUESTS_FAILED_TOTAL, v, 1));
    metric_observe(metric_child(METRIC_ALERTMANAGER_NOTIFICATION_LATENCY_SECONDS, v, 1), seconds);
}

static void
log_result(const struct delivery *d, bool ok, bool final, const struct err *e)
{
    if (ok) {
        LOG_DEBUG("Notify success", KV_STR("receiver", d->entry.receiver), KV_STR("integration", d->entry.integration),
                  KV_STR("groupKey", d->group_key), KV("reason", d->reason));
        return;
    }
    if (final)
        LOG_ERROR("Notify for alerts failed", KV_STR("receiver", d->entry.receiver),
                  KV_STR("integration", d->entry.integration), KV_I64("num_alerts", d->alerts_n), KV_ERR(e));
    else
        LOG_WARN("Notify attempt failed, will retry later", KV_STR("receiver", d->entry.receiver),
                 KV_STR("integration", d->entry.integration), KV_ERR(e));
}

/* Puts it back for another try; false when its time is over. */
static bool
again_later(struct notifier *n, struct delivery *d, int64_t wait_ms)
{
    if (wait_ms <= 0) {
        d->backoff_ms = d->backoff_ms ? MIN(d->backoff_ms * 3 / 2, BACKOFF_MAX_MS) : BACKOFF_FIRST_MS;
        wait_ms = d->backoff_ms / 2 + (int64_t)rng_below((uint64_t)d->backoff_ms + 1);
    }
    d->due_ms = clock_mono_ms() + MIN(wait_ms, WAIT_MAX_MS);
    if (n->stop || d->due_ms > d->deadline_ms)
        return false;
    d->next = n->queue;
    n->queue = d;
    cond_signal(&n->deliver);
    return true;
}

static void
finish(struct notifier *n, struct delivery *d, bool ok, const char *failure)
{
    str v[] = {d->entry.integration};
    str f[] = {d->entry.integration, str_of(failure)};

    if (ok) {
        d->entry.sent_ms = d->now_ms;
        sent_put(&n->sent, &d->entry);
        notify_log_put_sent(n->log, &d->entry);
    }
    if (d->send) {
        metric_inc(metric_child(METRIC_ALERTMANAGER_NOTIFICATIONS_TOTAL, v, 1));
        if (!ok)
            metric_inc(metric_child(METRIC_ALERTMANAGER_NOTIFICATIONS_FAILED_TOTAL, f, 2));
    }
    group_delivered(n, d, ok);
}

/* Sends without the lock, then settles the outcome under it. */
static void
run_delivery(struct notifier *n, struct delivery *d)
{
    struct err e = ERR_INIT, log_error = ERR_INIT;
    struct attempt t = {.reason = "other"};
    int64_t start = clock_mono_ns();
    bool ok = true;

    mutex_unlock(&n->mu);
    if (d->send) {
        ok = attempt_run(&t, n, d, &e);
        count_attempt(d, ok, (double)(clock_mono_ns() - start) / 1e9);
    }
    mutex_lock(&n->mu);
    if (!ok && t.retry && again_later(n, d, t.wait_ms)) {
        log_result(d, false, false, &e);
        return;
    }
    log_result(d, ok, true, &e);
    finish(n, d, ok, t.reason);
    delivery_free(d);
    if (!ok)
        return;
    mutex_unlock(&n->mu);
    if (!notify_log_flush(n->log, &log_error))
        LOG_ERROR("Writing the notification log failed; a restart may repeat a notification", KV_ERR(&log_error));
    mutex_lock(&n->mu);
}

void
deliver_thread(void *arg)
{
    struct notifier *n = arg;

    mutex_lock(&n->mu);
    while (!n->stop) {
        int64_t wait_ms;
        struct delivery *d = take_due(n, &wait_ms);
        if (d)
            run_delivery(n, d);
        else
            cond_wait_ms(&n->deliver, &n->mu, MAX(wait_ms, 1));
    }
    mutex_unlock(&n->mu);
}
