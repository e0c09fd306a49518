/* outside_endpoint.c - one Alertmanager's queue, and how its batches are sent. */
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/num.h"
#include "base/panic.h"
#include "server/notify/outside_priv.h"

#define ANSWER_BYTES_MAX (1u << 20)
#define COMPLAIN_MS 10000

/* --- alerts -------------------------------------------------------------------------------- */

static void
put_labels(struct json *j, str key, struct labels ls)
{
    json_key(j, key);
    json_open_object(j);
    for (size_t i = 0; i < ls.n; i++) {
        json_key(j, ls.v[i].name);
        json_str(j, ls.v[i].value);
    }
    json_close_object(j);
}

/* Always with milliseconds. */
static void
put_time(struct json *j, str key, int64_t ms)
{
    int64_t fraction = ((ms % 1000) + 1000) % 1000;

    json_key(j, key);
    json_raw(j);
    buf_byte(j->out, '"');
    num_put_rfc3339(j->out, (ms - fraction) / 1000, 0);
    CHECK(j->out->p[j->out->n - 1] == 'Z');
    j->out->n--;
    buf_printf(j->out, ".%03dZ\"", (int)fraction);
}

struct posted *
posted_new(const struct alert *a)
{
    struct buf b = {0};
    struct json j = json_to(&b);

    json_open_object(&j);
    if (a->annotations.n)
        put_labels(&j, STRL("annotations"), a->annotations);
    put_time(&j, STRL("endsAt"), a->ends_ms);
    put_time(&j, STRL("startsAt"), a->starts_ms);
    if (a->generator_url.n) {
        json_key_lit(&j, "generatorURL");
        json_str(&j, a->generator_url);
    }
    put_labels(&j, STRL("labels"), a->labels);
    json_close_object(&j);
    struct posted *p = mem_alloc(sizeof *p + b.n);
    p->refs = 1;
    p->n = b.n;
    memcpy(p->json, b.p, b.n);
    buf_free(&b);
    return p;
}

struct posted *
posted_ref(struct posted *p)
{
    atomic_fetch_add(&p->refs, 1);
    return p;
}

void
posted_unref(struct posted *p)
{
    if (atomic_fetch_sub(&p->refs, 1) == 1)
        mem_free(p);
}

/* --- the queue ------------------------------------------------------------------------------ */

static struct metric_child *
child(const struct endpoint *ep, enum metric m)
{
    str v[] = {str_of(ep->url)};
    return metric_child(m, v, 1);
}

struct endpoint *
endpoint_new(struct outside *o, struct section *s, str url)
{
    struct endpoint *ep = MEM_NEW(struct endpoint);

    ep->o = o;
    ep->section = section_ref(s);
    ep->url = mem_cstr(url);
    metric_add(child(ep, METRIC_NOTIFICATIONS_DROPPED_TOTAL), 0);
    metric_add(child(ep, METRIC_NOTIFICATIONS_ERRORS_TOTAL), 0);
    metric_add(child(ep, METRIC_NOTIFICATIONS_SENT_TOTAL), 0);
    metric_set(child(ep, METRIC_NOTIFICATIONS_QUEUE_LENGTH), 0);
    return ep;
}

static struct posted *
take_oldest(struct endpoint *ep)
{
    struct posted *p = ep->ring[ep->head];

    ep->head = (ep->head + 1) % ep->cap;
    ep->n--;
    return p;
}

static void
grow(struct endpoint *ep, size_t max)
{
    size_t cap = MIN(MAX(2 * ep->cap, (size_t)64), max);
    struct posted **ring = MEM_ARRAY(struct posted *, cap);

    for (size_t i = 0; i < ep->n; i++)
        ring[i] = ep->ring[(ep->head + i) % ep->cap];
    mem_free(ep->ring);
    ep->ring = ring;
    ep->cap = cap;
    ep->head = 0;
}

void
endpoint_put(struct endpoint *ep, struct posted *p)
{
    static struct log_limit limit;
    size_t max = MAX(ep->o->queue_capacity, (size_t)1);

    mutex_assert_held(&ep->o->mu);
    if (ep->n == max) {
        posted_unref(take_oldest(ep));
        metric_inc(child(ep, METRIC_NOTIFICATIONS_DROPPED_TOTAL));
        if (log_limit_pass(&limit, COMPLAIN_MS))
            LOG_WARN("Alert notification queue full, dropping alerts", KV("component", "notifier"),
                     KV("alertmanager", ep->url));
    } else if (ep->n == ep->cap) {
        grow(ep, max);
    }
    ep->ring[(ep->head + ep->n++) % ep->cap] = posted_ref(p);
    metric_set(child(ep, METRIC_NOTIFICATIONS_QUEUE_LENGTH), (double)ep->n);
}

void
endpoint_discard(struct endpoint *ep)
{
    mutex_assert_held(&ep->o->mu);
    if (ep->n == 0)
        return;
    LOG_WARN("Alert notification queue not drained, dropping alerts", KV("component", "notifier"),
             KV("alertmanager", ep->url), KV_I64("count", ep->n));
    metric_add(child(ep, METRIC_NOTIFICATIONS_DROPPED_TOTAL), (double)ep->n);
    while (ep->n)
        posted_unref(take_oldest(ep));
}

void
endpoint_free(struct endpoint *ep)
{
    CHECK(!ep->busy);
    while (ep->n)
        posted_unref(take_oldest(ep));
    section_unref(ep->section);
    buf_free(&ep->body);
    mem_free(ep->ring);
    mem_free(ep->url);
    mem_free(ep);
}

/* --- sending --------------------------------------------------------------------------------- */

static void
settle(struct endpoint *ep, const struct err *e)
{
    double n = (double)ep->batch_n;

    ep->busy = false;
    ep->failed = e != NULL;
    if (e) {
        LOG_ERROR("Error sending alerts", KV("component", "notifier"), KV("alertmanager", ep->url),
                  KV_I64("count", ep->batch_n), KV_ERR(e));
        metric_add(child(ep, METRIC_NOTIFICATIONS_ERRORS_TOTAL), n);
        metric_add(child(ep, METRIC_NOTIFICATIONS_DROPPED_TOTAL), n);
        return;
    }
    metric_observe(child(ep, METRIC_NOTIFICATIONS_LATENCY_SECONDS), (double)(clock_mono_ns() - ep->start_ns) / 1e9);
    metric_add(child(ep, METRIC_NOTIFICATIONS_SENT_TOTAL), n);
}

static void
batch_done(void *arg, bool ok, struct http_response *r, const struct err *e)
{
    struct endpoint *ep = arg;
    struct err bad;

    if (!ok) {
        settle(ep, e);
    } else if (r->status / 100 != 2) {
        err_set(&bad, ERR_NET, "bad response status %.*s", STR_ARG(buf_str(&r->status_text)));
        settle(ep, &bad);
    } else {
        settle(ep, NULL);
    }
}

static void
take_batch(struct endpoint *ep)
{
    buf_clear(&ep->body);
    buf_byte(&ep->body, '[');
    ep->batch_n = 0;
    while (ep->n && ep->batch_n < MAX(ep->o->batch_size, (size_t)1)) {
        struct posted *p = take_oldest(ep);
        if (ep->batch_n++)
            buf_byte(&ep->body, ',');
        buf_put(&ep->body, STR(p->json, p->n));
        posted_unref(p);
    }
    buf_byte(&ep->body, ']');
    metric_set(child(ep, METRIC_NOTIFICATIONS_QUEUE_LENGTH), (double)ep->n);
}

void
endpoint_send(struct endpoint *ep)
{
    static const struct http_header type[] = {{{"Content-Type", 12}, {"application/json", 16}}};
    struct err e = ERR_INIT;

    mutex_lock(&ep->o->mu);
    if (ep->busy || ep->n == 0) {
        mutex_unlock(&ep->o->mu);
        return;
    }
    take_batch(ep);
    struct section *s = section_ref(ep->section);
    mutex_unlock(&ep->o->mu);
    struct http_request r = {
        .method = "POST",
        .url = ep->url,
        .headers = type,
        .headers_n = ARRAY_LEN(type),
        .body = buf_str(&ep->body),
        .timeout_ms = s->conf->timeout_ms,
        .body_max = ANSWER_BYTES_MAX,
    };
    ep->busy = true;
    ep->start_ns = clock_mono_ns();
    if (!http_loop_start(ep->o->loop, s->client, &r, batch_done, ep, &e))
        settle(ep, &e);
    section_unref(s);
}
