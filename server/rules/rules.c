/* rules.c - the manager: which group is due, who runs it, and how groups are exchanged. */
#include "server/rules/rules.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/panic.h"
#include "base/url.h"
#include "server/notify/notify.h"
#include "server/rules/rules_priv.h"

/* Groups that may run at once beside those that wait for a slow query. */
#define SPARE_THREADS 2

static void
wait_until(struct rules *r, int64_t wall_ns)
{
    int64_t ms = (wall_ns - clock_now_ns()) / 1000000 + 1;
    cond_wait_ms(&r->changed, &r->mu, MAX(MIN(ms, 60000), 1));
}

/* The idle group that is due first, among the living and the dying. */
static struct rule_group *
first_due(struct rules *r)
{
    struct rule_group *best = NULL;

    for (size_t i = 0; i < r->groups_n + r->dying_n; i++) {
        struct rule_group *g = i < r->groups_n ? r->groups[i] : r->dying[i - r->groups_n];
        if (!g->running && !g->stopping && (!best || g->next_ns < best->next_ns))
            best = g;
    }
    return best;
}

static void
tell_notifier(struct rules *r)
{
    bool all = true;

    for (size_t i = 0; i < r->groups_n; i++)
        all = all && r->groups[i]->ticks > 0;
    if (!all || r->told_ready)
        return;
    r->told_ready = true;
    if (r->opts.notifier) {
        mutex_unlock(&r->mu);
        notifier_rules_ready(r->opts.notifier);
        mutex_lock(&r->mu);
    }
}

/* The tick's time: the newest slot that has come; those before it were missed. */
static int64_t
take_slot(struct rule_group *g, int64_t now_ns)
{
    int64_t interval_ns = g->interval_ms * 1000000;
    int64_t missed = (now_ns - g->next_ns) / interval_ns;

    if (missed > 0 && g->ticks > 0)
        metric_add(metric_child(METRIC_RULE_GROUP_ITERATIONS_MISSED_TOTAL, &g->key, 1), (double)missed);
    int64_t ts = g->next_ns + missed * interval_ns;
    g->next_ns = ts + interval_ns;
    return ts;
}

static void
run_group(struct rules *r, struct rule_group *g)
{
    int64_t ts = take_slot(g, clock_now_ns());
    bool restore = g->restore && g->ticks == 1;

    g->running = true;
    mutex_unlock(&r->mu);
    rule_group_tick(g, ts);
    if (restore)
        rule_alert_restore(g, clock_now_ns());
    mutex_lock(&r->mu);
    g->running = false;
    g->ticks++;
    cond_broadcast(&r->changed);
    tell_notifier(r);
}

/* A removed group's series go stale; then it is gone. */
static void
bury(struct rules *r, struct rule_group *g)
{
    for (size_t i = 0; i < r->dying_n; i++)
        if (r->dying[i] == g)
            r->dying[i--] = r->dying[--r->dying_n];
    mutex_unlock(&r->mu);
    rule_group_mark_orphans(g, g->last_tick_ns);
    rule_group_free(&g);
    mutex_lock(&r->mu);
}

static void
worker(void *arg)
{
    struct rules *r = arg;

    mutex_lock(&r->mu);
    while (!r->stop) {
        struct rule_group *g = first_due(r);
        if (!g)
            cond_wait_ms(&r->changed, &r->mu, 60000);
        else if (g->next_ns > clock_now_ns())
            wait_until(r, g->next_ns);
        else if (g->dying)
            bury(r, g);
        else
            run_group(r, g);
    }
    mutex_unlock(&r->mu);
}

static char *
prefix_of(const char *external_url)
{
    struct arena *a = arena_new();
    struct url u = {0};
    struct err e = ERR_INIT;
    char *out = mem_cstr(url_parse(str_of(external_url), a, &u, &e) ? u.path : STR_EMPTY);

    arena_free(&a);
    return out;
}

bool
rules_new(struct rules **out, const struct rules_opts *o, struct err *e)
{
    struct rules *r = MEM_NEW(struct rules);

    r->magic = RULES_MAGIC;
    r->opts = *o;
    r->external_url = mem_cstr(str_of(o->external_url));
    r->path_prefix = prefix_of(r->external_url);
    mutex_init(&r->mu, LOCK_RULES);
    cond_init(&r->changed);
    r->threads_n = MAX(o->max_concurrent, 1u) + SPARE_THREADS;
    r->threads = MEM_ARRAY(struct thread *, r->threads_n);
    for (size_t i = 0; i < r->threads_n; i++) {
        if (!thread_start(&r->threads[i], "rules", worker, r, e)) {
            rules_free(&r);
            return false;
        }
    }
    *out = r;
    return true;
}

void
rules_free(struct rules **out)
{
    struct rules *r = *out;

    if (!r)
        return;
    CHECK_MAGIC(r, RULES_MAGIC);
    mutex_lock(&r->mu);
    r->stop = true;
    cond_broadcast(&r->changed);
    mutex_unlock(&r->mu);
    for (size_t i = 0; i < r->threads_n; i++)
        thread_join(&r->threads[i]);
    for (size_t i = 0; i < r->groups_n; i++)
        rule_group_free(&r->groups[i]);
    for (size_t i = 0; i < r->dying_n; i++)
        rule_group_free(&r->dying[i]);
    mem_free(r->groups);
    mem_free(r->dying);
    mem_free(r->threads);
    mem_free(r->external_url);
    mem_free(r->path_prefix);
    cond_fini(&r->changed);
    mutex_fini(&r->mu);
    r->magic = 0;
    mem_free(r);
    *out = NULL;
}

/* --- exchange -------------------------------------------------------------------------------- */

static int
compare_groups(const void *a, const void *b)
{
    const struct rule_group *x = *(struct rule_group *const *)a, *y = *(struct rule_group *const *)b;
    int c = str_cmp(x->file, y->file);

    return c ? c : str_cmp(x->name, y->name);
}

static struct rule_group **
find_old(struct rules *r, const struct rule_group *g)
{
    for (size_t i = 0; i < r->groups_n; i++)
        if (r->groups[i] && compare_groups(&r->groups[i], &g) == 0)
            return &r->groups[i];
    return NULL;
}

static void
stop_group(struct rules *r, struct rule_group *g)
{
    g->stopping = true;
    while (g->running)
        cond_wait(&r->changed, &r->mu);
}

/* Keeps the old group if nothing changed, else hands its state to the new one. */
static struct rule_group *
exchange(struct rules *r, struct rule_group *g)
{
    struct rule_group **old = find_old(r, g);

    if (old && str_eq((*old)->identity, g->identity)) {
        struct rule_group *keep = *old;
        *old = NULL;
        rule_group_free(&g);
        return keep;
    }
    g->next_ns = rule_group_slot_ns(g, clock_now_ns()) + g->interval_ms * 1000000;
    if (old) {
        stop_group(r, *old);
        rule_group_take_state(g, *old);
        rule_group_free(old);
    }
    return g;
}

/* A group that is gone marks its series stale after two intervals, so that a renamed one
 * has had time to write them again. */
static void
retire(struct rules *r, struct rule_group *g)
{
    size_t total = 0;

    stop_group(r, g);
    for (size_t i = 0; i < g->n; i++)
        total += g->v[i].written.n;
    struct labels *v = ARENA_ARRAY(g->arena, struct labels, g->orphans_n + total);
    size_t n = g->orphans_n;
    if (n)
        memcpy(v, g->orphans, n * sizeof *v);
    for (size_t i = 0; i < g->n; i++)
        for (size_t k = 0; k < g->v[i].written.n; k++)
            v[n++] = g->v[i].written.v[k];
    g->orphans = v;
    g->orphans_n = n;
    g->dying = true;
    g->stopping = false;
    g->last_tick_ns = clock_now_ns();
    g->next_ns = g->last_tick_ns + 2 * g->interval_ms * 1000000;
    mem_grow(&r->dying, &r->dying_cap, r->dying_n + 1, sizeof *r->dying);
    r->dying[r->dying_n++] = g;
    metric_drop(METRIC_RULE_GROUP_INTERVAL_SECONDS, g->key);
    metric_drop(METRIC_RULE_GROUP_RULES, g->key);
}

static void
expose(const struct rule_group *g)
{
    metric_set(metric_child(METRIC_RULE_GROUP_INTERVAL_SECONDS, &g->key, 1), (double)g->interval_ms / 1000);
    metric_set(metric_child(METRIC_RULE_GROUP_RULES, &g->key, 1), (double)g->n);
    metric_add(metric_child(METRIC_RULE_GROUP_ITERATIONS_MISSED_TOTAL, &g->key, 1), 0);
    metric_add(metric_child(METRIC_RULE_EVALUATION_FAILURES_TOTAL, &g->key, 1), 0);
}

bool
rules_apply(struct rules *r, struct config *c, struct err *e)
{
    struct rule_group **fresh = NULL;
    size_t n = 0;

    CHECK_MAGIC(r, RULES_MAGIC);
    if (!rules_load(r, c, &fresh, &n, e))
        return false;
    mutex_lock(&r->mu);
    for (size_t i = 0; i < n; i++) {
        fresh[i] = exchange(r, fresh[i]);
        expose(fresh[i]);
    }
    for (size_t i = 0; i < r->groups_n; i++)
        if (r->groups[i])
            retire(r, r->groups[i]);
    mem_free(r->groups);
    if (n)
        qsort(fresh, n, sizeof *fresh, compare_groups);
    r->groups = fresh;
    r->groups_n = n;
    r->loaded = true;
    cond_broadcast(&r->changed);
    tell_notifier(r);
    mutex_unlock(&r->mu);
    return true;
}

/* --- views ----------------------------------------------------------------------------------- */

static void
view_alerts(const struct rule *r, struct arena *a, struct rule_view *out)
{
    out->alerts = ARENA_ZARRAY(a, struct alert_view, r->active_n + 1);
    for (size_t i = 0; i < r->active_n; i++) {
        const struct active_alert *x = &r->active[i];
        if (x->resolved_ns)
            continue;
        out->alerts[out->alerts_n++] = (struct alert_view){
            .labels = labels_copy(a, x->labels),
            .annotations = labels_copy(a, x->annotations),
            .state = x->state,
            .active_ns = x->active_ns,
            .keep_firing_since_ns = x->keep_firing_since_ns,
            .value = x->value,
        };
    }
}

static enum alert_state
rule_state(const struct rule *r)
{
    enum alert_state most = r->last_eval_ns ? ALERT_INACTIVE : ALERT_UNKNOWN;

    for (size_t i = 0; r->last_eval_ns && i < r->active_n; i++)
        most = MAX(most, r->active[i].state);
    return most;
}

static void
view_rule(const struct rule *r, struct arena *a, struct rule_view *out)
{
    *out = (struct rule_view){
        .alerting = r->def->alerting,
        .name = arena_str(a, r->def->name),
        .query = arena_str(a, r->query),
        .last_error = arena_str(a, buf_str(&r->last_error)),
        .labels = labels_copy(a, r->labels),
        .annotations = labels_copy(a, r->annotations),
        .health = r->health,
        .state = rule_state(r),
        .hold_ms = r->def->for_ms,
        .keep_firing_ms = r->def->keep_firing_for_ms,
        .last_eval_ns = r->last_eval_ns,
        .eval_seconds = r->eval_seconds,
    };
    if (r->def->alerting)
        view_alerts(r, a, out);
}

size_t
rules_view(struct rules *r, struct arena *a, struct group_view **out)
{
    CHECK_MAGIC(r, RULES_MAGIC);
    mutex_lock(&r->mu);
    size_t n = r->groups_n;
    struct group_view *v = ARENA_ZARRAY(a, struct group_view, n + 1);
    for (size_t i = 0; i < n; i++) {
        const struct rule_group *g = r->groups[i];
        v[i] = (struct group_view){
            .name = arena_str(a, g->name),
            .file = arena_str(a, g->file),
            .interval_ms = g->interval_ms,
            .limit = g->def->limit,
            .last_eval_ns = g->last_eval_ns,
            .eval_seconds = g->eval_seconds,
            .rules = ARENA_ZARRAY(a, struct rule_view, g->n + 1),
            .rules_n = g->n,
        };
        for (size_t k = 0; k < g->n; k++)
            view_rule(&g->v[k], a, &v[i].rules[k]);
    }
    mutex_unlock(&r->mu);
    *out = v;
    return n;
}
