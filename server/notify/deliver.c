/* deliver.c - the threads that send, and how often they try. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/metric.h"
#include "base/num.h"
#include "base/panic.h"
#include "base/rng.h"
#include "server/notify/notify_priv.h"

#define BACKOFF_FIRST_MS 500
#define BACKOFF_MAX_MS 60000
#define WAIT_MAX_MS (5 * 60 * 1000) /* the longest Retry-After we follow */
#define ANSWER_BYTES_MAX (64u << 10)
#define IDLE_MS 60000

void
delivery_free(struct delivery *d)
{
    struct arena *a = d->arena;

    for (size_t i = 0; i < d->alerts_n; i++)
        held_unref(&d->alerts[i]);
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

static const char *
failure_reason(const struct err *e)
{
    switch (e->kind) {
    case ERR_BAD_DATA: return "clientError";
    case ERR_LIMIT: return "rateLimited";
    case ERR_UNAVAILABLE: return "serverError";
    case ERR_TIMEOUT: return "contextDeadlineExceeded";
    case ERR_CANCELED: return "contextCanceled";
    default: return "other";
    }
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
finish(struct notifier *n, struct delivery *d, bool ok, const struct err *e)
{
    str v[] = {d->entry.integration};
    str f[] = {d->entry.integration, str_of(failure_reason(e))};

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
    bool retry = false, ok = true;
    int64_t wait_ms = 0, start = clock_mono_ns();

    mutex_unlock(&n->mu);
    if (d->send) {
        ok = d->target->sender->send(n, d, &retry, &wait_ms, &e);
        count_attempt(d, ok, (double)(clock_mono_ns() - start) / 1e9);
    }
    mutex_lock(&n->mu);
    if (!ok && retry && again_later(n, d, wait_ms)) {
        log_result(d, false, false, &e);
        return;
    }
    log_result(d, ok, true, &e);
    finish(n, d, ok, &e);
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

/* --- the common HTTP way ------------------------------------------------------------------- */

/* Seconds or an HTTP date; dates are rare and count as unknown. */
static int64_t
retry_after_ms(const struct http_response *r)
{
    uint64_t s;
    return num_parse_u64(buf_str(&r->retry_after), &s) && s < 86400 ? (int64_t)s * 1000 : 0;
}

static bool
judge_status(const struct http_response *r, bool *retry, int64_t *wait_ms, struct err *e)
{
    int s = r->status;

    if (s >= 200 && s < 300)
        return true;
    *retry = s == 408 || s == 429 || s >= 500;
    *wait_ms = *retry ? retry_after_ms(r) : 0;
    str body = buf_str(&r->body);
    return err_set(e, s == 429 ? ERR_LIMIT : s >= 500 ? ERR_UNAVAILABLE : ERR_BAD_DATA,
                   "unexpected status code %d: %.*s", s, (int)MIN(body.n, (size_t)256), body.n ? body.p : "");
}

/* A network error names the URL, and a receiver's URL is a secret. */
static void
hide_url(struct err *e)
{
    const char *quote = strchr(e->text, '"');
    const char *end = quote ? strstr(quote + 1, "\": ") : NULL;

    if (!end)
        return;
    struct buf b = {0};
    buf_printf(&b, "%.*s<redacted>%s", (int)(quote + 1 - e->text), e->text, end);
    err_set(e, e->kind, "%.*s", STR_ARG(buf_str(&b)));
    buf_free(&b);
}

bool
post_json(const struct delivery *d, str url, const struct buf *body, int64_t timeout_ms, bool *retry,
          int64_t *wait_ms, struct buf *answer, struct err *e)
{
    struct http_header headers[] = {{STRL("Content-Type"), STRL("application/json")},
                                    {STRL("User-Agent"), STRL("Alertmanager/0.34.0")}};
    struct http_request r = {
        .method = "POST",
        .url = arena_cstr(d->arena, url),
        .headers = headers,
        .headers_n = ARRAY_LEN(headers),
        .body = buf_str(body),
        .timeout_ms = timeout_ms,
        .body_max = ANSWER_BYTES_MAX,
    };
    struct http_response got = {0};

    if (!http_do(d->target->http, &r, &got, e)) {
        hide_url(e);
        *retry = true;
        return false;
    }
    bool ok = judge_status(&got, retry, wait_ms, e);
    if (answer)
        buf_put(answer, buf_str(&got.body));
    http_response_fini(&got);
    return ok;
}
