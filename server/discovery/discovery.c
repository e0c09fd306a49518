/* discovery.c - the thread that keeps providers running and publishes what they find.
 *
 * discovery_apply leaves a plan in the inbox of one and waits until the thread has taken
 * it; from then on the plan, the providers and their state are the thread's alone.  Only
 * the published sets are shared, under the lock.
 */
#include "server/discovery/discovery.h"

#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/panic.h"
#include "base/thread.h"
#include "server/discovery/discovery_priv.h"

#define UPDATE_INTERVAL_MS 5000
#define WATCH_DELAY_MS 100 /* editors and copies make several events of one change */
#define IDLE_MS 60000

struct section {
    str key;                  /* in the plan's arena */
    struct provider **providers;
    size_t n;
};
struct plan {
    struct arena *arena;
    struct config *c;         /* a reference */
    struct discovery_section *v;
    size_t n;
};
struct published {
    str key;                  /* owned */
    struct target_set *set;   /* a reference */
};
struct watch {
    int wd;
    struct provider *p;
};

struct discovery {
    unsigned magic;
#define DISCOVERY_MAGIC 0x2ad7c06b
    /* fixed after new */
    char *name;
    void (*changed)(void *arg);
    void *arg;
    int64_t interval_ms;
    struct http_loop *loop;
    struct thread *thread;
    /* under mu */
    struct mutex mu;
    struct cond taken;
    struct plan *pending;
    bool stop;
    struct published *published;
    size_t published_n, published_cap;
    /* owned by the thread */
    int inotify;              /* -1: no watches, only refresh intervals */
    struct plan *plan;
    struct section *sections; /* in the plan's arena */
    struct provider **providers;
    size_t providers_n, providers_cap;
    struct watch *watches;
    size_t watches_n, watches_cap;
    bool dirty;
    int64_t publish_ms;       /* not before */
    int64_t hold_ms;          /* until then a section waits for all of its providers */
};

/* --- sets -------------------------------------------------------------------------- */

void
target_set_unref(struct target_set **out)
{
    struct target_set *s = *out;

    *out = NULL;
    if (!s)
        return;
    CHECK_MAGIC(s, TARGET_SET_MAGIC);
    if (atomic_fetch_sub(&s->refs, 1) != 1)
        return;
    for (size_t i = 0; i < s->parts_n; i++)
        sd_result_unref(&s->parts[i]);
    mem_free(s->parts);
    mem_free(s->groups);
    s->magic = 0;
    mem_free(s);
}

static struct target_set *
set_of_section(const struct section *x)
{
    struct target_set *s = MEM_NEW(struct target_set);
    size_t groups = 0;

    s->magic = TARGET_SET_MAGIC;
    atomic_init(&s->refs, 1);
    s->parts = MEM_ARRAY(struct sd_result *, x->n + 1);
    for (size_t i = 0; i < x->n; i++)
        groups += x->providers[i]->result ? x->providers[i]->result->n : 0;
    s->groups = MEM_ARRAY(const struct target_group *, groups + 1);
    for (size_t i = 0; i < x->n; i++) {
        struct sd_result *r = x->providers[i]->result;
        if (!r)
            continue;
        s->parts[s->parts_n++] = sd_result_ref(r);
        for (size_t k = 0; k < r->n; k++)
            s->groups[s->n++] = &r->groups[k];
    }
    return s;
}

static bool
set_is_of(const struct target_set *s, const struct section *x)
{
    size_t k = 0;

    for (size_t i = 0; i < x->n; i++) {
        struct sd_result *r = x->providers[i]->result;
        if (r && (k == s->parts_n || s->parts[k++] != r))
            return false;
    }
    return k == s->parts_n;
}

/* --- publishing -------------------------------------------------------------------- */

/* REQUIRES mu. */
static struct published *
find_published(struct discovery *d, str key)
{
    for (size_t i = 0; i < d->published_n; i++)
        if (str_eq(d->published[i].key, key))
            return &d->published[i];
    return NULL;
}

static bool
settled(const struct section *x)
{
    for (size_t i = 0; i < x->n; i++)
        if (!x->providers[i]->answered)
            return false;
    return true;
}

static void
count_targets(struct discovery *d, const struct section *x)
{
    size_t n = 0;

    for (size_t i = 0; i < x->n; i++)
        for (size_t k = 0; x->providers[i]->result && k < x->providers[i]->result->n; k++)
            n += x->providers[i]->result->groups[k].targets_n;
    const str labels[] = {str_of(d->name), x->key};
    metric_set(metric_child(METRIC_SD_DISCOVERED_TARGETS, labels, 2), (double)n);
}

/* Returns whether the section has a new set. */
static bool
publish_section(struct discovery *d, const struct section *x, int64_t now)
{
    struct target_set *old = NULL;

    mutex_lock(&d->mu);
    struct published *p = find_published(d, x->key);
    bool keep = p && (set_is_of(p->set, x) || (!settled(x) && now < d->hold_ms));
    mutex_unlock(&d->mu);
    if (keep)
        return false;
    struct target_set *s = set_of_section(x);
    mutex_lock(&d->mu);
    p = find_published(d, x->key);
    if (!p) {
        mem_grow(&d->published, &d->published_cap, d->published_n + 1, sizeof d->published[0]);
        p = &d->published[d->published_n++];
        *p = (struct published){.key = mem_str(x->key)};
    }
    old = p->set;
    p->set = s;
    mutex_unlock(&d->mu);
    target_set_unref(&old);
    count_targets(d, x);
    return true;
}

static bool
in_plan(const struct plan *p, str key)
{
    for (size_t i = 0; i < p->n; i++)
        if (str_eq(p->v[i].key, key))
            return true;
    return false;
}

static void
drop_gone_sections(struct discovery *d)
{
    size_t kept = 0;

    mutex_lock(&d->mu);
    for (size_t i = 0; i < d->published_n; i++) {
        struct published *p = &d->published[i];
        if (in_plan(d->plan, p->key)) {
            d->published[kept++] = *p;
            continue;
        }
        const str labels[] = {str_of(d->name), p->key};
        metric_set(metric_child(METRIC_SD_DISCOVERED_TARGETS, labels, 2), 0);
        target_set_unref(&p->set);
        mem_free((void *)(uintptr_t)p->key.p);
    }
    d->published_n = kept;
    mutex_unlock(&d->mu);
}

static void
publish(struct discovery *d, bool now_in_any_case)
{
    int64_t now = clock_mono_ms();
    bool any = false, waiting = false;

    if (!d->plan || (!now_in_any_case && (!d->dirty || now < d->publish_ms)))
        return;
    for (size_t i = 0; i < d->plan->n; i++) {
        any = publish_section(d, &d->sections[i], now) || any;
        waiting = waiting || (now < d->hold_ms && !settled(&d->sections[i]));
    }
    d->dirty = waiting; /* look again when the others have answered, or have not */
    if (waiting)
        d->publish_ms = now + WATCH_DELAY_MS;
    else if (any && !now_in_any_case)
        d->publish_ms = now + d->interval_ms;
    if (!any)
        return;
    const str name = str_of(d->name);
    metric_inc(metric_child(METRIC_SD_UPDATES_TOTAL, &name, 1));
    if (d->changed && !now_in_any_case)
        d->changed(d->arg);
}

struct target_set *
discovery_get(struct discovery *d, str key)
{
    struct target_set *s = NULL;

    CHECK_MAGIC(d, DISCOVERY_MAGIC);
    mutex_lock(&d->mu);
    struct published *p = find_published(d, key);
    if (p) {
        s = p->set;
        atomic_fetch_add(&s->refs, 1);
    }
    mutex_unlock(&d->mu);
    return s;
}

/* --- providers --------------------------------------------------------------------- */

static bool
static_start(struct provider *p, struct err *e)
{
    struct sd_result *r = sd_result_new();

    (void)e;
    for (size_t i = 0; i < p->sd->statics.n; i++) {
        const struct config_static *s = p->sd->statics.v[i];
        struct target_group *g = sd_result_group(r, STR_EMPTY, i);
        struct labels *targets = ARENA_ARRAY(r->arena, struct labels, s->targets.n);
        for (size_t k = 0; k < s->targets.n; k++) {
            struct label *l = ARENA_NEW(r->arena, struct label);
            *l = (struct label){STRL("__address__"), arena_str(r->arena, s->targets.v[k])};
            targets[k] = (struct labels){l, 1};
        }
        g->labels = labels_copy(r->arena, s->labels);
        g->targets = targets;
        g->targets_n = s->targets.n;
    }
    provider_answer(p, r);
    return true;
}

static void
static_refresh(struct provider *p)
{
    p->next_ms = INT64_MAX;
}

static void
static_stop(struct provider *p)
{
    (void)p;
}

const struct sd_mechanism sd_static = {static_start, static_refresh, static_stop};

static const struct sd_mechanism *
mechanism(enum config_sd_kind kind)
{
    switch (kind) {
    case SD_STATIC: return &sd_static;
    case SD_FILE: return &sd_file;
    case SD_HTTP: return &sd_http;
    case SD_DNS:
    case SD_KUBERNETES:
    case SD_CONSUL:
    case SD_DOCKER:
    case SD_DOCKERSWARM: break;
    }
    return NULL;
}

static bool
result_equal(const struct sd_result *a, const struct sd_result *b)
{
    if (a->n != b->n)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        const struct target_group *x = &a->groups[i], *y = &b->groups[i];
        if (x->targets_n != y->targets_n || !str_eq(x->source, y->source) ||
            !labels_eq(x->labels, y->labels))
            return false;
        for (size_t k = 0; k < x->targets_n; k++)
            if (!labels_eq(x->targets[k], y->targets[k]))
                return false;
    }
    return true;
}

void
provider_answer(struct provider *p, struct sd_result *found)
{
    const str name = str_of(p->d->name);

    p->d->dirty = p->d->dirty || !p->answered;
    p->answered = true;
    if (!found)
        return;
    metric_inc(metric_child(METRIC_SD_RECEIVED_UPDATES_TOTAL, &name, 1));
    if (p->result && result_equal(p->result, found)) {
        sd_result_unref(&found);
        return;
    }
    sd_result_unref(&p->result);
    p->result = found;
    p->d->dirty = true;
}

void
provider_count_refresh(const struct provider *p, double seconds, bool ok)
{
    for (size_t i = 0; i < p->sections_n; i++) {
        const str labels[] = {str_of(p->sd->name), p->sections[i]};
        metric_observe(metric_child(METRIC_SD_REFRESH_DURATION_SECONDS, labels, 2), seconds);
        metric_add(metric_child(METRIC_SD_REFRESH_FAILURES_TOTAL, labels, 2), ok ? 0 : 1);
    }
}

struct http_loop *
discovery_loop(struct discovery *d)
{
    return d->loop;
}

static struct provider *
provider_of(struct discovery *d, const struct config_sd *sd)
{
    for (size_t i = 0; i < d->providers_n; i++)
        if (d->providers[i]->sd->kind == sd->kind && str_eq(d->providers[i]->sd->identity, sd->identity))
            return d->providers[i];
    struct provider *p = MEM_NEW(struct provider);
    p->d = d;
    p->sd = sd;
    p->c = config_ref(d->plan->c);
    p->next_ms = INT64_MIN; /* not started */
    mem_grow(&d->providers, &d->providers_cap, d->providers_n + 1, sizeof(struct provider *));
    d->providers[d->providers_n++] = p;
    return p;
}

static void
provider_start(struct discovery *d, struct provider *p)
{
    const struct sd_mechanism *m = mechanism(p->sd->kind);
    const str name = str_of(d->name);
    struct err e = ERR_INIT;

    p->next_ms = INT64_MAX;
    if (m && m->start(p, &e))
        return;
    if (m)
        LOG_ERROR("Cannot create service discovery", KV("type", p->sd->name), KV_ERR(&e));
    else
        LOG_WARN("Targets of this discovery mechanism are not served", KV("type", p->sd->name),
                 KV_STR("config", p->sections_n ? p->sections[0] : STR_EMPTY));
    metric_add(metric_child(METRIC_SD_FAILED_CONFIGS, &name, 1), 1);
    p->answered = true;
}

static void
provider_free(struct provider *p)
{
    const struct sd_mechanism *m = mechanism(p->sd->kind);

    if (m)
        m->stop(p);
    sd_result_unref(&p->result);
    config_unref(&p->c);
    mem_free(p);
}

/* --- plans ------------------------------------------------------------------------- */

static void
plan_free(struct plan **out)
{
    struct plan *p = *out;

    *out = NULL;
    if (!p)
        return;
    config_unref(&p->c);
    arena_free(&p->arena);
    mem_free(p);
}

static void
plan_section(struct discovery *d, size_t i)
{
    struct arena *a = d->plan->arena;
    const struct config_discovery *what = d->plan->v[i].what;
    struct section *x = &d->sections[i];

    *x = (struct section){.key = d->plan->v[i].key};
    x->providers = ARENA_ARRAY(a, struct provider *, what->n);
    for (size_t k = 0; k < what->n; k++) {
        struct provider *p = provider_of(d, &what->v[k]);
        size_t cap = p->sections_n;
        p->wanted = true;
        arena_grow(a, &p->sections, &cap, p->sections_n + 1, sizeof(str));
        p->sections[p->sections_n++] = x->key;
        x->providers[x->n++] = p;
    }
}

static void
take_plan(struct discovery *d, struct plan *plan)
{
    struct plan *old = d->plan;
    size_t kept = 0;
    const str name = str_of(d->name);

    d->plan = plan;
    metric_set(metric_child(METRIC_SD_FAILED_CONFIGS, &name, 1), 0);
    for (size_t i = 0; i < d->providers_n; i++) {
        d->providers[i]->wanted = false;
        d->providers[i]->sections = NULL;
        d->providers[i]->sections_n = 0;
    }
    d->sections = ARENA_ARRAY(plan->arena, struct section, plan->n);
    for (size_t i = 0; i < plan->n; i++)
        plan_section(d, i);
    for (size_t i = 0; i < d->providers_n; i++) {
        if (d->providers[i]->wanted)
            d->providers[kept++] = d->providers[i];
        else
            provider_free(d->providers[i]);
    }
    d->providers_n = kept;
    for (size_t i = 0; i < kept; i++)
        if (d->providers[i]->next_ms == INT64_MIN)
            provider_start(d, d->providers[i]);
    plan_free(&old);
    d->hold_ms = clock_mono_ms() + UPDATE_INTERVAL_MS;
    drop_gone_sections(d);
    publish(d, true);
}

/* --- watches ----------------------------------------------------------------------- */

void
discovery_watch(struct discovery *d, struct provider *p, const char *path)
{
    const char *slash = strrchr(path, '/');
    char *dir = slash ? mem_cstr(STR(path, (size_t)(slash - path) + 1)) : mem_cstr(STRL("./"));
    int wd = -1;

    if (d->inotify >= 0)
        wd = inotify_add_watch(d->inotify, dir, IN_CREATE | IN_CLOSE_WRITE | IN_MODIFY | IN_MOVED_FROM |
                                                    IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF);
    mem_free(dir);
    if (wd < 0)
        return; /* the refresh interval finds the change */
    for (size_t i = 0; i < d->watches_n; i++)
        if (d->watches[i].wd == wd && d->watches[i].p == p)
            return;
    mem_grow(&d->watches, &d->watches_cap, d->watches_n + 1, sizeof d->watches[0]);
    d->watches[d->watches_n++] = (struct watch){wd, p};
}

void
discovery_unwatch(struct discovery *d, struct provider *p)
{
    size_t kept = 0;

    for (size_t i = 0; i < d->watches_n; i++) {
        struct watch w = d->watches[i];
        bool shared = false;
        if (w.p != p) {
            d->watches[kept++] = w;
            continue;
        }
        for (size_t k = 0; k < d->watches_n; k++)
            shared = shared || (d->watches[k].wd == w.wd && d->watches[k].p != p);
        if (!shared)
            inotify_rm_watch(d->inotify, w.wd);
    }
    d->watches_n = kept;
}

static void
read_watches(struct discovery *d)
{
    _Alignas(struct inotify_event) char events[4096];
    int64_t soon = clock_mono_ms() + WATCH_DELAY_MS;
    ssize_t got;

    while ((got = read(d->inotify, events, sizeof events)) > 0) {
        const char *at = events;
        while (at < events + got) {
            const struct inotify_event *x = (const struct inotify_event *)(const void *)at;
            for (size_t i = 0; i < d->watches_n; i++)
                if (d->watches[i].wd == x->wd || (x->mask & IN_Q_OVERFLOW))
                    d->watches[i].p->next_ms = MIN(d->watches[i].p->next_ms, soon);
            at += sizeof *x + x->len;
        }
    }
}

/* --- the thread -------------------------------------------------------------------- */

/* Whether to go on. */
static bool
take_pending(struct discovery *d)
{
    mutex_lock(&d->mu);
    struct plan *p = d->pending;
    bool stop = d->stop;
    mutex_unlock(&d->mu);
    if (p && !stop) {
        take_plan(d, p);
        mutex_lock(&d->mu);
        d->pending = NULL;
        cond_broadcast(&d->taken);
        mutex_unlock(&d->mu);
    }
    return !stop;
}

static int64_t
run_due(struct discovery *d)
{
    int64_t next = clock_mono_ms() + IDLE_MS;

    for (size_t i = 0; i < d->providers_n; i++) {
        struct provider *p = d->providers[i];
        if (p->next_ms <= clock_mono_ms())
            mechanism(p->sd->kind)->refresh(p);
        next = MIN(next, p->next_ms);
    }
    return next;
}

static void
discovery_run(void *arg)
{
    struct discovery *d = arg;

    while (take_pending(d)) {
        int64_t next = run_due(d);
        publish(d, false);
        if (d->dirty)
            next = MIN(next, d->publish_ms);
        struct pollfd own = {.fd = d->inotify, .events = POLLIN};
        http_loop_run_with(d->loop, MAX(next - clock_mono_ms(), 0), &own, d->inotify >= 0 ? 1 : 0);
        if (d->inotify >= 0)
            read_watches(d);
    }
}

bool
discovery_new(struct discovery **out, const struct discovery_opts *o, struct err *e)
{
    struct discovery *d = MEM_NEW(struct discovery);

    d->magic = DISCOVERY_MAGIC;
    d->name = mem_cstr(str_of(o->name));
    d->changed = o->changed;
    d->arg = o->arg;
    d->interval_ms = o->update_interval_ms ? o->update_interval_ms : UPDATE_INTERVAL_MS;
    d->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    mutex_init(&d->mu, LOCK_DISCOVERY);
    cond_init(&d->taken);
    if (!http_loop_new(&d->loop, e) || !thread_start(&d->thread, "discovery", discovery_run, d, e)) {
        discovery_free(&d);
        return false;
    }
    *out = d;
    return true;
}

void
discovery_apply(struct discovery *d, struct config *c, const struct discovery_section *v, size_t n)
{
    CHECK_MAGIC(d, DISCOVERY_MAGIC);
    struct plan *p = MEM_NEW(struct plan);
    p->arena = arena_new();
    p->c = config_ref(c);
    p->n = n;
    p->v = ARENA_ARRAY(p->arena, struct discovery_section, n);
    for (size_t i = 0; i < n; i++)
        p->v[i] = (struct discovery_section){arena_str(p->arena, v[i].key), v[i].what};

    mutex_lock(&d->mu);
    d->pending = p;
    http_loop_wake(d->loop);
    while (d->pending)
        cond_wait(&d->taken, &d->mu);
    mutex_unlock(&d->mu);
}

static void
free_thread_state(struct discovery *d)
{
    for (size_t i = 0; i < d->providers_n; i++)
        provider_free(d->providers[i]);
    http_loop_free(&d->loop);
    plan_free(&d->plan);
    for (size_t i = 0; i < d->published_n; i++) {
        target_set_unref(&d->published[i].set);
        mem_free((void *)(uintptr_t)d->published[i].key.p);
    }
    mem_free(d->published);
    mem_free(d->providers);
    mem_free(d->watches);
}

void
discovery_free(struct discovery **out)
{
    struct discovery *d = *out;

    *out = NULL;
    if (!d)
        return;
    CHECK_MAGIC(d, DISCOVERY_MAGIC);
    if (d->thread) {
        mutex_lock(&d->mu);
        d->stop = true;
        mutex_unlock(&d->mu);
        http_loop_wake(d->loop);
        thread_join(&d->thread);
    }
    free_thread_state(d);
    if (d->inotify >= 0)
        close(d->inotify);
    cond_fini(&d->taken);
    mutex_fini(&d->mu);
    mem_free(d->name);
    d->magic = 0;
    mem_free(d);
}
