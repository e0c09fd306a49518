/* rule_alert.c - the life of alerts: inactive → pending → firing → resolved.
 *
 *   new result        pending, firing at once when `for` is 0
 *   held for `for`    firing
 *   result is gone    pending: forgotten; firing: kept firing for keep_firing_for, then
 *                     resolved, and kept 15 minutes so that the resolve is sent again
 *   `for` grew        back to pending
 *
 * An evaluation error leaves everything as it was; more alerts than the group's limit
 * forget all of the rule's alerts (reference/prometheus.md 5.2, 12.12).
 */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/panic.h"
#include "base/url.h"
#include "query/engine.h"
#include "server/notify/notify.h"
#include "server/rules/rules_priv.h"
#include "server/template/template.h"
#include "server/template/template_value.h"
#include "storage/select.h"

#define RESOLVED_RETENTION_NS (15LL * 60 * 1000000000)
#define ALERTNAME STRL("alertname")

static void
active_fini(struct active_alert *a)
{
    labels_release(&a->labels);
    labels_release(&a->annotations);
}

void
active_clear(struct rule *r)
{
    for (size_t i = 0; i < r->active_n; i++)
        active_fini(&r->active[i]);
    mem_free(r->active);
    r->active = NULL;
    r->active_n = r->active_cap = 0;
}

/* --- templates ------------------------------------------------------------------------- */

/* The `query` function of templates: an instant query at the tick's time. */
static bool
template_query(void *arg, str expr, struct arena *a, struct tvalue *out, struct err *e)
{
    const struct rule_tick *t = arg;
    struct query_request r = {.text = expr, .start = t->query_ms, .end = t->query_ms, .for_rule = true};
    struct query *q = NULL;

    if (!engine_run(t->group->rules->opts.engine, &r, &q, e)) {
        query_free(&q);
        return false;
    }
    const struct value *v = query_value(q);
    if (v->type != VALUE_VECTOR && v->type != VALUE_SCALAR) {
        query_free(&q);
        return err_set(e, ERR_EXEC, "rule result is not a vector or scalar");
    }
    size_t n = v->type == VALUE_VECTOR ? v->vec.n : 1;
    struct labels *ls = ARENA_ZARRAY(a, struct labels, n + 1);
    double *values = ARENA_ARRAY(a, double, n + 1);
    const struct histogram **h = ARENA_ZARRAY(a, const struct histogram *, n + 1);
    for (size_t i = 0; i < n; i++) {
        bool scalar = v->type == VALUE_SCALAR;
        ls[i] = scalar ? LABELS_EMPTY : labels_copy(a, v->vec.v[i].labels);
        values[i] = scalar ? v->scalar : v->vec.v[i].v[0];
        h[i] = !scalar && v->vec.v[i].h ? v->vec.v[i].h[0] : NULL;
    }
    template_value_vector(a, ls, values, h, n, out);
    query_free(&q);
    return true;
}

static str
expand(const struct rule_tick *t, str text, const struct template_alert *data)
{
    struct rules *r = t->group->rules;
    struct template_env env = {
        .query = template_query,
        .query_arg = (void *)(uintptr_t)t,
        .external_url = str_of(r->external_url),
        .path_prefix = str_of(r->path_prefix),
        .now_ms = t->ts_ns / 1000000,
    };
    struct err e = ERR_INIT;
    str out;

    if (!template_expand_alert(text, data, &env, t->arena, &out, &e))
        LOG_WARN("Expanding alert template failed", KV_STR("file", t->group->file), KV_STR("group", t->group->name),
                 KV_STR("name", t->rule->def->name), KV_ERR(&e));
    return out;
}

/* --- one evaluation ---------------------------------------------------------------------- */

static struct labels
alert_labels(const struct rule_tick *t, struct labels from, const struct template_alert *data)
{
    struct labels_builder b;

    labels_builder_init(&b, t->arena, from);
    labels_builder_del(&b, LABEL_NAME);
    for (size_t i = 0; i < t->rule->labels.n; i++)
        labels_builder_set(&b, t->rule->labels.v[i].name, expand(t, t->rule->labels.v[i].value, data));
    labels_builder_set(&b, ALERTNAME, t->rule->def->name);
    return labels_builder_done(&b);
}

/* Empty annotations stay, so no builder. */
static struct labels
alert_annotations(const struct rule_tick *t, const struct template_alert *data)
{
    struct labels from = t->rule->annotations;
    struct label *v = ARENA_ARRAY(t->arena, struct label, from.n);

    for (size_t i = 0; i < from.n; i++)
        v[i] = (struct label){from.v[i].name, expand(t, from.v[i].value, data)};
    return (struct labels){v, from.n};
}

static int
compare_active(const void *a, const void *b)
{
    return labels_cmp(((const struct active_alert *)a)->labels, ((const struct active_alert *)b)->labels);
}

/* The result as alerts in the arena, sorted; false on two with the same labels. */
static bool
alerts_of_result(const struct rule_tick *t, struct active_alert **out, struct err *e)
{
    size_t n = t->vec->n;
    struct active_alert *v = ARENA_ZARRAY(t->arena, struct active_alert, n + 1);

    for (size_t i = 0; i < n; i++) {
        const struct row *r = &t->vec->v[i];
        bool histogram = r->h && r->h[0];
        struct template_alert data = {
            .name = t->rule->def->name,
            .labels = r->labels,
            .external_labels = t->group->config->global.external_labels,
            .value = histogram ? 0 : r->v[0],
            .histogram = histogram ? r->h[0] : NULL,
        };
        v[i].labels = alert_labels(t, r->labels, &data);
        v[i].annotations = alert_annotations(t, &data);
        v[i].value = data.value;
    }
    if (n)
        qsort(v, n, sizeof *v, compare_active);
    for (size_t i = 1; i < n; i++)
        if (labels_eq(v[i].labels, v[i - 1].labels))
            return err_set(e, ERR_EXEC, "vector contains metrics with the same labelset after applying alert labels");
    *out = v;
    return true;
}

/* An alert whose result is gone; true if it stays active. */
static bool
fade(const struct rule_tick *t, struct active_alert *a, bool *forget)
{
    int64_t keep_ns = t->rule->def->keep_firing_for_ms * 1000000;
    bool keep = false;

    if (a->state == ALERT_FIRING && keep_ns > 0) {
        if (a->keep_firing_since_ns == 0)
            a->keep_firing_since_ns = t->ts_ns;
        keep = t->ts_ns - a->keep_firing_since_ns < keep_ns;
    }
    *forget = a->state == ALERT_PENDING ||
              (a->resolved_ns && t->ts_ns - a->resolved_ns > RESOLVED_RETENTION_NS);
    if (a->state != ALERT_INACTIVE && !keep) {
        a->state = ALERT_INACTIVE;
        a->resolved_ns = t->ts_ns;
    }
    return keep;
}

static void
advance(const struct rule_tick *t, struct active_alert *a)
{
    int64_t hold_ns = t->rule->def->for_ms * 1000000;

    if (a->state == ALERT_PENDING && t->ts_ns - a->active_ns >= hold_ns) {
        a->state = ALERT_FIRING;
        a->fired_ns = t->ts_ns;
    }
    if (a->state == ALERT_FIRING && t->ts_ns - a->active_ns < hold_ns) {
        a->state = ALERT_PENDING;
        a->fired_ns = a->last_sent_ns = a->keep_firing_since_ns = 0;
    }
}

/* ALERTS{…, alertstate} or ALERTS_FOR_STATE{…}.  The rule's own labels lie below, as
 * written: a label that expanded to nothing shows its text here, as in Prometheus. */
static struct labels
series_labels(const struct rule_tick *t, const struct active_alert *a, str name, const char *state)
{
    struct labels_builder b;

    labels_builder_init(&b, t->arena, t->rule->labels);
    for (size_t i = 0; i < a->labels.n; i++)
        labels_builder_set(&b, a->labels.v[i].name, a->labels.v[i].value);
    labels_builder_set(&b, LABEL_NAME, name);
    labels_builder_set(&b, ALERTNAME, t->rule->def->name);
    if (state)
        labels_builder_set(&b, STRL("alertstate"), str_of(state));
    return labels_builder_done(&b);
}

static void
put_series(const struct rule_tick *t, const struct active_alert *a, struct rule_output *out)
{
    const char *state = a->state == ALERT_FIRING ? "firing" : "pending";
    int64_t active_s = a->active_ns / 1000000000;

    rule_output_add(out, t->arena, (struct rule_sample){.labels = series_labels(t, a, STRL("ALERTS"), state), .v = 1});
    rule_output_add(out, t->arena, (struct rule_sample){
        .labels = series_labels(t, a, STRL("ALERTS_FOR_STATE"), NULL), .v = (double)active_s});
}

static void
adopt(struct active_alert *a, const struct active_alert *fresh, bool whole, int64_t ts_ns)
{
    struct labels annotations = labels_keep(fresh->annotations);

    if (whole) {
        *a = (struct active_alert){.labels = labels_keep(fresh->labels), .state = ALERT_PENDING, .active_ns = ts_ns};
    } else {
        labels_release(&a->annotations);
    }
    a->annotations = annotations;
    a->value = fresh->value;
}

/* Merges the sorted result into the sorted active alerts; returns how many are pending or
 * firing. */
static size_t
merge(const struct rule_tick *t, const struct active_alert *fresh, size_t n, struct rule_output *out)
{
    struct rule *r = t->rule;
    size_t cap = r->active_n + n, kept = 0, alive = 0, i = 0, k = 0;
    struct active_alert *v = MEM_ARRAY(struct active_alert, MAX(cap, (size_t)1));

    while (i < r->active_n || k < n) {
        int c = i == r->active_n ? 1 : k == n ? -1 : labels_cmp(r->active[i].labels, fresh[k].labels);
        struct active_alert a = {0};
        bool stays = true, forget = false;
        if (c <= 0)
            a = r->active[i++];
        if (c < 0) {
            stays = fade(t, &a, &forget);
        } else {
            bool whole = c > 0 || a.state == ALERT_INACTIVE;
            if (c == 0 && whole)
                active_fini(&a);
            adopt(&a, &fresh[k++], whole, t->ts_ns);
            a.keep_firing_since_ns = 0;
        }
        if (stays) {
            alive++;
            advance(t, &a);
            if (r->restored)
                put_series(t, &a, out);
        }
        if (forget && !stays)
            active_fini(&a);
        else
            v[kept++] = a;
    }
    mem_free(r->active);
    r->active = v;
    r->active_n = kept;
    r->active_cap = cap;
    return alive;
}

bool
rule_alert(const struct rule_tick *t, struct rule_output *out, struct err *e)
{
    struct active_alert *fresh = NULL;
    int64_t limit = t->group->def->limit;

    if (!alerts_of_result(t, &fresh, e))
        return false;
    mutex_lock(&t->group->rules->mu);
    size_t alive = merge(t, fresh, t->vec->n, out);
    if (limit > 0 && alive > (size_t)limit)
        active_clear(t->rule);
    mutex_unlock(&t->group->rules->mu);
    if (limit > 0 && alive > (size_t)limit)
        return err_set(e, ERR_LIMIT, "exceeded limit of %lld with %zu alerts", (long long)limit, alive);
    return true;
}

/* --- sending ------------------------------------------------------------------------------ */

static bool
needs_sending(const struct active_alert *a, int64_t ts_ns, int64_t resend_ns)
{
    if (a->state == ALERT_PENDING)
        return false;
    if (a->resolved_ns > a->last_sent_ns)
        return true;
    return a->last_sent_ns + resend_ns < ts_ns;
}

void
rule_alert_send(const struct rule_tick *t)
{
    struct rules *r = t->group->rules;
    int64_t resend_ms = r->opts.resend_delay_ms;
    int64_t valid_ms = 4 * MAX(t->group->interval_ms, resend_ms);
    struct alert *v = ARENA_ZARRAY(t->arena, struct alert, t->rule->active_n + 1);
    struct buf url = {0};
    size_t n = 0;

    if (!r->opts.notifier)
        return;
    buf_printf(&url, "%s/graph?g0.expr=", r->external_url);
    url_put_query_escaped(&url, t->rule->query);
    buf_lit(&url, "&g0.tab=1");
    mutex_lock(&r->mu);
    for (size_t i = 0; i < t->rule->active_n; i++) {
        struct active_alert *a = &t->rule->active[i];
        if (!needs_sending(a, t->ts_ns, resend_ms * 1000000))
            continue;
        a->last_sent_ns = t->ts_ns;
        v[n++] = (struct alert){
            .labels = labels_copy(t->arena, a->labels),
            .annotations = labels_copy(t->arena, a->annotations),
            .starts_ms = a->fired_ns / 1000000,
            .ends_ms = a->resolved_ns ? a->resolved_ns / 1000000 : t->ts_ns / 1000000 + valid_ms,
            .generator_url = buf_str(&url),
        };
    }
    mutex_unlock(&r->mu);
    if (n)
        notifier_post(r->opts.notifier, v, n);
    buf_free(&url);
}

/* --- after a restart ------------------------------------------------------------------------ */

/* When the alert became active, judged from its last ALERTS_FOR_STATE sample. */
static void
restore_one(const struct rule_group *g, const struct rule *r, struct active_alert *a, const struct column *c, int64_t now_ns)
{
    double v = c->v[c->n - 1];
    int64_t hold_ns = r->def->for_ms * 1000000, grace_ns = g->rules->opts.grace_period_ms * 1000000;

    if (value_is_stale(v) || !(v > 0 && v < 9e9)) /* it was not active, or no time at all */
        return;
    int64_t down_ns = c->t[c->n - 1] / 1000 * 1000000000;
    int64_t was_active_ns = (int64_t)v * 1000000000;
    int64_t left_ns = hold_ns - (down_ns - was_active_ns);
    if (left_ns <= 0)
        a->active_ns = was_active_ns; /* it was firing already */
    else if (left_ns < grace_ns)
        a->active_ns = now_ns + grace_ns - hold_ns;
    else
        a->active_ns = was_active_ns + (now_ns - down_ns);
}

/* Labels with templates in them have other values in the series. */
static size_t
restore_matchers(const struct rule *r, struct arena *a, struct matcher *m)
{
    struct err e;
    size_t n = 0;

    CHECK(matcher_init(&m[n++], MATCH_EQ, LABEL_NAME, STRL("ALERTS_FOR_STATE"), &e));
    CHECK(matcher_init(&m[n++], MATCH_EQ, ALERTNAME, r->def->name, &e));
    for (size_t i = 0; i < r->labels.n; i++) {
        if (str_eq(r->labels.v[i].name, ALERTNAME) || strstr(arena_cstr(a, r->labels.v[i].value), "{{"))
            continue;
        CHECK(matcher_init(&m[n++], MATCH_EQ, r->labels.v[i].name, r->labels.v[i].value, &e));
    }
    return n;
}

static struct labels
without_name(struct labels ls, struct arena *a)
{
    struct labels_builder b;

    labels_builder_init(&b, a, ls);
    labels_builder_del(&b, LABEL_NAME);
    return labels_builder_done(&b);
}

static void
restore_rule(struct rule_group *g, struct rule *r, int64_t now_ns)
{
    struct arena *a = arena_new();
    struct matcher *m = ARENA_ZARRAY(a, struct matcher, r->labels.n + 2);
    struct selection_spec spec = {.m = m, .n = restore_matchers(r, a, m), .maxt = now_ns / 1000000,
                                  .mint = now_ns / 1000000 - g->rules->opts.outage_tolerance_ms};
    struct view *view = NULL;
    struct err e = ERR_INIT;

    if (view_open(&view, g->rules->opts.db, &spec, 1, 0, &e)) {
        struct selection s = view_selection(view, 0);
        for (size_t i = 0; i < s.n; i++) {
            struct active_alert key = {.labels = without_name(s.v[i].labels, a)};
            struct column c;
            struct active_alert *found =
                r->active_n ? bsearch(&key, r->active, r->active_n, sizeof key, compare_active) : NULL;
            if (found && view_read(view, 0, &s.v[i], spec.mint, spec.maxt, a, &c, &e) && c.n > 0)
                restore_one(g, r, found, &c, now_ns);
        }
    } else {
        LOG_ERROR("Failed to restore 'for' state", KV_STR("alertname", r->def->name), KV_ERR(&e));
    }
    view_close(&view);
    arena_free(&a);
}

void
rule_alert_restore(struct rule_group *g, int64_t now_ns)
{
    for (size_t i = 0; i < g->n; i++) {
        struct rule *r = &g->v[i];
        if (!r->def->alerting)
            continue;
        if (r->def->for_ms >= g->rules->opts.grace_period_ms)
            restore_rule(g, r, now_ns);
        r->restored = true;
    }
}
