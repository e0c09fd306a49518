/* outside.c - the thread that serves all endpoints; alerts in, start and end. */
#include "server/notify/outside.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/panic.h"
#include "base/thread.h"
#include "server/notify/outside_priv.h"

#define IDLE_MS 60000
#define DRAIN_MS 20000 /* well within what service managers wait for */

/* --- the thread ---------------------------------------------------------------------------- */

/* Another endpoint of that URL: they share metrics. */
static bool
url_lives_on(const struct outside *o, const struct endpoint *ep)
{
    for (const struct endpoint *x = o->endpoints; x; x = x->next)
        if (x != ep && strcmp(x->url, ep->url) == 0)
            return true;
    return false;
}

static void
forget_metrics(const struct endpoint *ep)
{
    static const enum metric all[] = {
        METRIC_NOTIFICATIONS_DROPPED_TOTAL, METRIC_NOTIFICATIONS_ERRORS_TOTAL,
        METRIC_NOTIFICATIONS_LATENCY_SECONDS, METRIC_NOTIFICATIONS_QUEUE_LENGTH,
        METRIC_NOTIFICATIONS_SENT_TOTAL,
    };
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        metric_drop(all[i], str_of(ep->url));
}

/* Frees endpoints that are gone and have nothing left to send. */
static void
bury_gone(struct outside *o)
{
    mutex_lock(&o->mu);
    for (struct endpoint **p = &o->endpoints; *p;) {
        struct endpoint *ep = *p;
        if (ep->gone && ep->failed)
            endpoint_discard(ep);
        if (!ep->gone || ep->busy || ep->n) {
            p = &ep->next;
            continue;
        }
        *p = ep->next;
        if (!url_lives_on(o, ep))
            forget_metrics(ep);
        endpoint_free(ep);
    }
    mutex_unlock(&o->mu);
}

static void
send_all(struct outside *o)
{
    for (struct endpoint *ep = o->endpoints; ep; ep = ep->next) /* only this thread changes it */
        endpoint_send(ep);
}

/* At the end: whoever has failed is given up. */
static bool
drained(struct outside *o)
{
    bool all = true;

    mutex_lock(&o->mu);
    for (struct endpoint *ep = o->endpoints; ep; ep = ep->next) {
        if (!o->drain || (ep->failed && !ep->busy))
            endpoint_discard(ep);
        all &= ep->n == 0 && (!ep->busy || !o->drain);
    }
    mutex_unlock(&o->mu);
    return all;
}

static bool
stopping(struct outside *o)
{
    mutex_lock(&o->mu);
    bool stop = o->stop;
    mutex_unlock(&o->mu);
    return stop;
}

static bool
has_news(struct outside *o)
{
    mutex_lock(&o->mu);
    bool news = o->has_next;
    mutex_unlock(&o->mu);
    return atomic_exchange(&o->changed, false) || news;
}

static void
outside_thread(void *arg)
{
    struct outside *o = arg;

    while (!stopping(o)) {
        if (has_news(o))
            outside_sync(o);
        send_all(o);
        bury_gone(o);
        http_loop_run(o->loop, IDLE_MS);
    }
    int64_t end = clock_mono_ms() + DRAIN_MS;
    while (!drained(o) && clock_mono_ms() < end) {
        send_all(o);
        http_loop_run(o->loop, MAX(end - clock_mono_ms(), 1));
    }
}

/* --- alerts ----------------------------------------------------------------------------------- */

static bool
has_endpoints(const struct outside *o, const struct section *s)
{
    for (const struct endpoint *ep = o->endpoints; ep; ep = ep->next)
        if (ep->section == s && !ep->gone)
            return true;
    return false;
}

/* The section's own relabelling; false: dropped for it. */
static bool
relabelled(const struct section *s, const struct alert *in, struct arena *a, struct alert *out)
{
    struct labels_builder b;

    *out = *in;
    labels_builder_init(&b, a, in->labels);
    if (!relabel_apply(s->conf->alert_relabel.v, s->conf->alert_relabel.n, &b))
        return false;
    out->labels = labels_builder_done(&b);
    return true;
}

static void
post_to(struct outside *o, const struct section *s, const struct alert *v, size_t n)
{
    struct arena *a = arena_new();

    for (size_t i = 0; i < n; i++) {
        struct alert mine;
        if (!relabelled(s, &v[i], a, &mine))
            continue;
        struct posted *p = posted_new(&mine);
        for (struct endpoint *ep = o->endpoints; ep; ep = ep->next)
            if (ep->section == s && !ep->gone)
                endpoint_put(ep, p);
        posted_unref(p);
        arena_clear(a);
    }
    arena_free(&a);
}

void
outside_post(struct outside *o, const struct alert *v, size_t n)
{
    CHECK_MAGIC(o, OUTSIDE_MAGIC);
    mutex_lock(&o->mu);
    for (size_t i = 0; !o->stop && i < o->sections.n; i++)
        if (has_endpoints(o, o->sections.v[i]))
            post_to(o, o->sections.v[i], v, n);
    bool any = o->endpoints != NULL;
    mutex_unlock(&o->mu);
    if (any)
        http_loop_wake(o->loop);
}

size_t
outside_peers(struct outside *o, struct arena *a, struct notifier_peer **out)
{
    struct notifier_peer *v = NULL;
    size_t n = 0, cap = 0;

    CHECK_MAGIC(o, OUTSIDE_MAGIC);
    mutex_lock(&o->mu);
    for (struct endpoint *ep = o->endpoints; ep; ep = ep->next) {
        if (ep->gone)
            continue;
        arena_grow(a, &v, &cap, n + 1, sizeof *v);
        v[n++] = (struct notifier_peer){.url = arena_str(a, str_of(ep->url))};
    }
    for (size_t i = 0; i < o->sections.n; i++) {
        const struct section *s = o->sections.v[i];
        for (size_t k = 0; k < s->dropped_n; k++) {
            arena_grow(a, &v, &cap, n + 1, sizeof *v);
            v[n++] = (struct notifier_peer){.url = arena_str(a, str_of(s->dropped[k])), .dropped = true};
        }
    }
    mutex_unlock(&o->mu);
    *out = v;
    return n;
}

/* --- configuration ------------------------------------------------------------------------------ */

static bool
make_sections(struct sections *out, struct config *c, struct err *e)
{
    size_t n = c->alerting.alertmanagers.n;

    *out = (struct sections){.v = MEM_ARRAY(struct section *, n + 1)};
    for (size_t i = 0; i < n; i++) {
        if (!section_new(&out->v[i], c, i, e)) {
            sections_free(out);
            return false;
        }
        out->n++;
    }
    return true;
}

bool
outside_apply(struct outside *o, struct config *c, struct err *e)
{
    struct sections made;

    CHECK_MAGIC(o, OUTSIDE_MAGIC);
    if (!make_sections(&made, c, e))
        return false;
    struct discovery_section *v = MEM_ARRAY(struct discovery_section, made.n + 1);
    for (size_t i = 0; i < made.n; i++)
        v[i] = (struct discovery_section){str_of(made.v[i]->key), &made.v[i]->conf->discovery};
    discovery_apply(o->discovery, c, v, made.n);
    mem_free(v);

    mutex_lock(&o->mu);
    CHECK(!o->has_next);
    o->next = made;
    o->has_next = true;
    http_loop_wake(o->loop);
    while (o->has_next && !o->stop)
        cond_wait(&o->taken, &o->mu);
    mutex_unlock(&o->mu);
    return true;
}

/* --- start and end ------------------------------------------------------------------------------- */

static void
discovery_changed(void *arg)
{
    struct outside *o = arg;

    atomic_store(&o->changed, true);
    http_loop_wake(o->loop);
}

bool
outside_new(struct outside **out, const struct notifier_opts *opts, struct err *e)
{
    struct outside *o = MEM_NEW(struct outside);
    struct discovery_opts d = {.name = "notify", .changed = discovery_changed, .arg = o};

    o->magic = OUTSIDE_MAGIC;
    o->queue_capacity = opts->queue_capacity;
    o->batch_size = opts->batch_size;
    mutex_init(&o->mu, LOCK_INBOX);
    cond_init(&o->taken);
    if (http_loop_new(&o->loop, e) && discovery_new(&o->discovery, &d, e) &&
        thread_start(&o->thread, "notify-outside", outside_thread, o, e)) {
        *out = o;
        return true;
    }
    outside_free(&o, false);
    return false;
}

void
outside_free(struct outside **out, bool drain)
{
    struct outside *o = *out;

    if (!o)
        return;
    CHECK_MAGIC(o, OUTSIDE_MAGIC);
    mutex_lock(&o->mu);
    o->stop = true;
    o->drain = drain;
    mutex_unlock(&o->mu);
    if (o->thread)
        http_loop_wake(o->loop);
    thread_join(&o->thread);
    discovery_free(&o->discovery);
    if (o->loop)
        http_loop_free(&o->loop); /* endpoints hear of what is cancelled */
    while (o->endpoints) {
        struct endpoint *ep = o->endpoints;
        o->endpoints = ep->next;
        endpoint_free(ep);
    }
    sections_free(&o->sections);
    sections_free(&o->next);
    cond_fini(&o->taken);
    mutex_fini(&o->mu);
    o->magic = 0;
    mem_free(o);
    *out = NULL;
}
