/* deliver.c - the threads that send, and how often they try.
 *
 * Deliveries wait at their target, and targets that have something to send wait for their
 * turn: so finding what is next is cheap, a target that all threads could hang on holds
 * only its share of them, and a receiver that asks for a pause gets it for all it has. */
#include "base/clock.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/panic.h"
#include "base/rng.h"
#include "server/notify/sender.h"

#define BACKOFF_FIRST_MS 500
#define BACKOFF_MAX_MS 60000
#define LIMITED_FIRST_MS 30000      /* told "too many" without a time to wait */
#define WAIT_MAX_MS (5 * 60 * 1000) /* the longest Retry-After we follow, and back-off then */
#define IDLE_MS 60000

static void deliver_thread(void *arg);

/* --- what waits --------------------------------------------------------------------------- */

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

/* After any change of what waits at a target. */
static void
set_turn(struct notifier *n, struct target *t)
{
    const struct timer *first = timers_first(&t->waiting);

    if (first && t->flying < NOTIFY_PER_TARGET_MAX)
        timers_set(&n->turns, &t->turn, MAX(first->at_ms, t->paused_ms));
    else
        timers_drop(&n->turns, &t->turn);
}

static void
unlink_delivery(struct delivery **list, struct delivery *d)
{
    while (*list != d)
        list = &(*list)->next;
    *list = d->next;
}

static void
wait_at_target(struct notifier *n, struct delivery *d, int64_t due_ms)
{
    d->next = d->group->waiting;
    d->group->waiting = d;
    timers_set(&d->target->waiting, &d->due, due_ms);
    set_turn(n, d->target);
}

/* Sees to it that somebody takes what is due or soon will be. */
static void
call_sender(struct notifier *n)
{
    struct err e = ERR_INIT;

    if (n->idle_n == 0 && n->senders_n < ARRAY_LEN(n->senders)) {
        if (thread_start(&n->senders[n->senders_n], "notify-send", deliver_thread, n, &e))
            n->senders_n++;
        else
            LOG_ERROR("Starting a thread for notifications failed", KV_ERR(&e));
    }
    cond_signal(&n->deliver);
}

void
deliver_queue(struct notifier *n, struct delivery *d, int64_t due_ms)
{
    mutex_assert_held(&n->mu);
    d->group->under_way++;
    wait_at_target(n, d, due_ms);
    call_sender(n);
}

void
deliver_discard(struct notifier *n, struct delivery *d)
{
    mutex_assert_held(&n->mu);
    unlink_delivery(&d->group->waiting, d);
    d->group->under_way--;
    timers_drop(&d->target->waiting, &d->due);
    set_turn(n, d->target);
    delivery_free(d);
}

/* Takes the delivery that is due first, or says how long until there is one. */
static struct delivery *
take_due(struct notifier *n, int64_t *wait_ms)
{
    const struct timer *first = timers_first(&n->turns);
    int64_t now = clock_mono_ms();

    *wait_ms = first ? MAX(first->at_ms - now, 0) : IDLE_MS;
    if (!first || *wait_ms > 0)
        return NULL;
    struct target *t = TIMER_OWNER(first, struct target, turn);
    struct delivery *d = TIMER_OWNER(timers_first(&t->waiting), struct delivery, due);
    timers_drop(&t->waiting, &d->due);
    unlink_delivery(&d->group->waiting, d);
    d->next = n->flying;
    n->flying = d;
    t->flying++;
    set_turn(n, t);
    return d;
}

/* --- outcomes -------------------------------------------------------------------------------- */

static void
count_attempt(const struct delivery *d, bool ok, double seconds)
{
    str v[] = {d->target->kind};

    metric_inc(metric_child(METRIC_ALERTMANAGER_NOTIFICATION_REQUESTS_TOTAL, v, 1));
    if (!ok)
        metric_inc(metric_child(METRIC_ALERTMANAGER_NOTIFICATION_REQUESTS_FAILED_TOTAL, v, 1));
    metric_observe(metric_child(METRIC_ALERTMANAGER_NOTIFICATION_LATENCY_SECONDS, v, 1), seconds);
}

static void
count_outcome(const struct delivery *d, bool ok, const char *reason)
{
    str v[] = {d->target->kind, str_of(reason)};

    metric_inc(metric_child(METRIC_ALERTMANAGER_NOTIFICATIONS_TOTAL, v, 1));
    if (!ok)
        metric_inc(metric_child(METRIC_ALERTMANAGER_NOTIFICATIONS_FAILED_TOTAL, v, 2));
}

static void
log_attempt(const struct delivery *d, bool ok, bool final, const struct err *e)
{
    if (ok)
        LOG_DEBUG("Notify success", KV("component", "dispatcher"), KV_STR("receiver", d->entry.receiver),
                  KV_STR("integration", d->target->kind), KV_STR("aggrGroup", d->group_key), KV("reason", d->reason),
                  KV_I64("attempts", d->attempts));
    else if (final)
        LOG_ERROR("Notify for alerts failed", KV("component", "dispatcher"), KV_STR("receiver", d->entry.receiver),
                  KV_STR("integration", d->target->kind), KV_STR("aggrGroup", d->group_key),
                  KV_I64("num_alerts", d->alerts_n), KV_I64("attempts", d->attempts), KV_ERR(e));
    else if (d->attempts == 1)
        LOG_WARN("Notify attempt failed, will retry later", KV("component", "dispatcher"),
                 KV_STR("receiver", d->entry.receiver), KV_STR("integration", d->target->kind),
                 KV_STR("aggrGroup", d->group_key), KV_I64("attempts", d->attempts), KV_ERR(e));
}

/* How long until the next try: what the receiver asked for, or half again as long as the
 * last time, give or take a half, so that many do not come at once. */
static int64_t
next_wait_ms(struct delivery *d, const struct attempt *t)
{
    if (t->wait_ms > 0)
        return MIN(t->wait_ms, WAIT_MAX_MS);
    if (t->limited) {
        d->backoff_ms = d->backoff_ms ? MIN(2 * d->backoff_ms, WAIT_MAX_MS) : LIMITED_FIRST_MS;
        return d->backoff_ms;
    }
    d->backoff_ms = d->backoff_ms ? MIN(d->backoff_ms * 3 / 2, BACKOFF_MAX_MS) : BACKOFF_FIRST_MS;
    return d->backoff_ms / 2 + (int64_t)rng_below((uint64_t)d->backoff_ms + 1);
}

/* Puts it back for another try; false when its time is over, or a reload has ended its
 * group. */
static bool
again_later(struct notifier *n, struct delivery *d, const struct attempt *t)
{
    int64_t now = clock_mono_ms(), due = now + next_wait_ms(d, t);

    d->asked = t->wait_ms > 0;
    if (t->limited)
        d->target->paused_ms = due;
    if (n->stop || !d->group || due > d->deadline_ms)
        return false;
    wait_at_target(n, d, due);
    cond_signal(&n->deliver);
    return true;
}

static void
land(struct notifier *n, struct delivery *d)
{
    unlink_delivery(&n->flying, d);
    d->target->flying--;
    set_turn(n, d->target);
}

/* What was sent is written down and durable before anything else is decided. */
static void
write_down(struct notifier *n, struct delivery *d)
{
    struct err e = ERR_INIT;

    d->entry.sent_ms = clock_now_ms();
    d->entry.expires_ms = sent_expiry_ms(d->entry.sent_ms, d->route->repeat_interval_ms);
    sent_put(&n->sent, &d->entry);
    notify_log_put_sent(n->log, &d->entry);
    mutex_unlock(&n->mu);
    if (!notify_log_flush(n->log, &e))
        LOG_ERROR("Writing the notification log failed; a restart may repeat a notification", KV_ERR(&e));
    mutex_lock(&n->mu);
}

/* Sends without the lock, then settles the outcome under it. */
static void
run_delivery(struct notifier *n, struct delivery *d)
{
    struct err e = ERR_INIT;
    struct attempt t;
    int64_t start = clock_mono_ns();

    d->attempts++;
    mutex_unlock(&n->mu);
    bool ok = attempt_run(&t, n, d, &e);
    count_attempt(d, ok, (double)(clock_mono_ns() - start) / 1e9);
    mutex_lock(&n->mu);
    if (ok) {
        if (t.memo.n)
            d->entry.memo = t.memo;
        write_down(n, d);
    }
    land(n, d);
    bool again = !ok && t.retry && again_later(n, d, &t);
    log_attempt(d, ok, !again, &e);
    if (again)
        return;
    count_outcome(d, ok, t.reason);
    group_delivered(n, d, ok);
    delivery_free(d);
}

static void
deliver_thread(void *arg)
{
    struct notifier *n = arg;

    mutex_lock(&n->mu);
    while (!n->stop) {
        int64_t wait_ms;
        struct delivery *d = take_due(n, &wait_ms);
        if (d) {
            if (timers_first(&n->turns))
                call_sender(n); /* this one may take long */
            run_delivery(n, d);
            continue;
        }
        n->idle_n++;
        cond_wait_ms(&n->deliver, &n->mu, MAX(wait_ms, 1));
        n->idle_n--;
    }
    mutex_unlock(&n->mu);
}
