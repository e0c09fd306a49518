/* group.c - one tick of a group: its rules in order, each seeing what those before it
 * wrote. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/panic.h"
#include "server/rules/rules_priv.h"

int64_t
rule_group_slot_ns(const struct rule_group *g, int64_t now_ns)
{
    struct label v[] = {{STRL("file"), g->file}, {STRL("name"), g->name}};
    uint64_t interval = (uint64_t)g->interval_ms * 1000000;
    int64_t offset = (int64_t)(labels_hash_stable((struct labels){v, 2}) % interval);
    int64_t adjusted = now_ns - offset;

    return adjusted - adjusted % (int64_t)interval + offset;
}

static double
seconds_since(int64_t mono_ns)
{
    return (double)(clock_mono_ns() - mono_ns) / 1e9;
}

/* The result as a vector: a scalar is one element without labels. */
static bool
result_vector(const struct value *v, struct arena *a, struct vec *out, struct err *e)
{
    if (v->type == VALUE_VECTOR) {
        *out = v->vec;
        return true;
    }
    if (v->type != VALUE_SCALAR)
        return err_set(e, ERR_EXEC, "rule result is not a vector or scalar");
    struct row *r = ARENA_NEW(a, struct row);
    r->v = ARENA_NEW(a, double);
    r->v[0] = v->scalar;
    *out = (struct vec){.v = r, .n = 1, .cap = 1};
    return true;
}

static bool
queue_sample(struct append *b, const struct rule_sample *s, int64_t t, series_id *id, struct err *e)
{
    if (!append_series(b, s->labels, id, e))
        return false;
    if (s->h)
        return append_histogram(b, *id, 0, t, s->h) || err_set(e, ERR_INTERNAL, "series %u is gone", *id);
    return append_float(b, *id, t, s->v) || err_set(e, ERR_INTERNAL, "series %u is gone", *id);
}

/* Stale markers for what was written last time and is not now; both lists are sorted. */
static void
queue_stale(struct append *b, const struct written *before, struct labels *now, size_t now_n, int64_t t)
{
    size_t k = 0;

    for (size_t i = 0; i < before->n; i++) {
        while (k < now_n && labels_cmp(now[k], before->v[i]) < 0)
            k++;
        if (k < now_n && labels_eq(now[k], before->v[i]))
            continue;
        series_id id = append_find(b, before->v[i]);
        if (id)
            (void)append_float(b, id, t, value_stale());
    }
}

static int
compare_labels(const void *a, const void *b)
{
    return labels_cmp(*(const struct labels *)a, *(const struct labels *)b);
}

static const char *
refusal_text(enum append_verdict v)
{
    switch (v) {
    case APPEND_DUPLICATE: return "duplicate sample for timestamp";
    case APPEND_OUT_OF_ORDER: return "out of order sample";
    case APPEND_OUT_OF_BOUNDS: return "out of bounds";
    case APPEND_TOO_OLD: return "too old sample";
    case APPEND_ACCEPTED: break;
    }
    return "";
}

/* Writes the rule's samples and stale markers as one batch, and remembers what it wrote.
 * A refused sample is the rule's error; the others are written all the same. */
static bool
write_output(const struct rule_tick *t, const struct rule_output *out, struct err *e)
{
    struct append *b = t->group->batch;
    struct rule *r = t->rule;
    struct written now = {.arena = arena_new()};
    struct append_result res;
    series_id id;

    now.v = ARENA_ARRAY(now.arena, struct labels, out->n);
    bool ok = true;
    for (size_t i = 0; ok && i < out->n; i++) {
        ok = queue_sample(b, &out->v[i], t->query_ms, &id, e);
        if (ok)
            now.v[now.n++] = labels_copy(now.arena, out->v[i].labels);
    }
    if (now.n)
        qsort(now.v, now.n, sizeof *now.v, compare_labels);
    if (ok)
        queue_stale(b, &r->written, now.v, now.n, t->query_ms);
    bool last = r == &t->group->v[t->group->n - 1];
    ok = ok && append_commit(b, last ? APPEND_DURABLE : APPEND_LAZY, false, &res, e);
    if (!ok) {
        append_rollback(b);
        arena_free(&now.arena);
        return false;
    }
    arena_free(&r->written.arena);
    r->written = now;
    for (size_t i = 0; res.verdict && i < out->n; i++)
        if (res.verdict[i] != APPEND_ACCEPTED)
            return err_set(e, ERR_OUT_OF_ORDER, "%s", refusal_text(res.verdict[i]));
    return true;
}

static bool
run_query(struct rule_tick *t, struct query **q, struct vec *vec, struct err *e)
{
    struct query_request r = {
        .text = t->rule->query,
        .start = t->query_ms,
        .end = t->query_ms,
        .for_rule = true,
        .origin_json = arena_printf(t->arena, "{\"ruleGroup\":{\"file\":\"%.*s\",\"name\":\"%.*s\"}}",
                                    STR_ARG(t->group->file), STR_ARG(t->group->name)),
    };

    if (!engine_run(t->group->rules->opts.engine, &r, q, e) || !result_vector(query_value(*q), t->arena, vec, e))
        return false;
    t->vec = vec;
    return true;
}

static void
note_result(struct rule_tick *t, bool ok, const struct err *e, double seconds, int64_t start_ns)
{
    struct rule *r = t->rule;

    mutex_lock(&t->group->rules->mu);
    r->health = ok ? RULE_OK : RULE_ERR;
    buf_clear(&r->last_error);
    if (!ok)
        buf_put(&r->last_error, err_str(e));
    r->eval_seconds = seconds;
    r->last_eval_ns = start_ns;
    mutex_unlock(&t->group->rules->mu);
}

/* Evaluates and writes one rule; returns the samples it gave. */
static size_t
eval_rule(struct rule_tick *t)
{
    int64_t mono = clock_mono_ns(), start_ns = clock_now_ns();
    struct rule_output out = {0};
    struct query *q = NULL;
    struct vec vec = {0};
    struct err e = ERR_INIT;

    METRIC_INC1(RULE_EVALUATIONS_TOTAL, t->group->key);
    bool ok = run_query(t, &q, &vec, &e);
    ok = ok && (t->rule->def->alerting ? rule_alert(t, &out, &e) : rule_record(t, &out, &e));
    bool evaluated = ok;
    if (ok && t->rule->def->alerting)
        rule_alert_send(t);
    ok = ok && write_output(t, &out, &e);
    query_free(&q);
    if (!ok) {
        METRIC_INC1(RULE_EVALUATION_FAILURES_TOTAL, t->group->key);
        LOG_WARN(evaluated ? "Rule sample appending failed" : "Evaluating rule failed", KV_STR("file", t->group->file),
                 KV_STR("group", t->group->name), KV_STR("name", t->rule->def->name), KV_ERR(&e));
    }
    double seconds = seconds_since(mono);
    metric_observe(metric_one(METRIC_RULE_EVALUATION_DURATION_SECONDS), seconds);
    note_result(t, ok, &e, seconds, start_ns);
    return evaluated ? out.n : 0;
}

void
rule_group_mark_orphans(struct rule_group *g, int64_t ts_ns)
{
    struct append_result res;
    struct err e = ERR_INIT;

    for (size_t i = 0; i < g->orphans_n; i++) {
        series_id id = append_find(g->batch, g->orphans[i]);
        if (id)
            (void)append_float(g->batch, id, ts_ns / 1000000 - g->offset_ms, value_stale());
    }
    g->orphans_n = 0;
    if (append_count(g->batch) > 0 && !append_commit(g->batch, APPEND_LAZY, false, &res, &e))
        LOG_WARN("Stale sample appending for previous configuration failed", KV_STR("group", g->name), KV_ERR(&e));
    append_rollback(g->batch);
}

static void
note_tick(struct rule_group *g, size_t samples, double seconds, int64_t start_ns)
{
    metric_observe(metric_one(METRIC_RULE_GROUP_DURATION_SECONDS), seconds);
    metric_set(metric_child(METRIC_RULE_GROUP_LAST_DURATION_SECONDS, &g->key, 1), seconds);
    metric_set(metric_child(METRIC_RULE_GROUP_LAST_EVALUATION_SAMPLES, &g->key, 1), (double)samples);
    metric_set(metric_child(METRIC_RULE_GROUP_LAST_EVALUATION_TIMESTAMP_SECONDS, &g->key, 1), (double)start_ns / 1e9);
    mutex_lock(&g->rules->mu);
    g->eval_seconds = seconds;
    g->last_eval_ns = start_ns;
    mutex_unlock(&g->rules->mu);
}

void
rule_group_tick(struct rule_group *g, int64_t ts_ns)
{
    int64_t mono = clock_mono_ns(), start_ns = clock_now_ns();
    struct arena *arena = arena_new();
    size_t samples = 0;

    CHECK_MAGIC(g, RULE_GROUP_MAGIC);
    METRIC_INC1(RULE_GROUP_ITERATIONS_TOTAL, g->key);
    for (size_t i = 0; i < g->n; i++) {
        struct rule_tick t = {.group = g, .rule = &g->v[i], .ts_ns = ts_ns, .arena = arena,
                              .query_ms = ts_ns / 1000000 - g->offset_ms};
        samples += eval_rule(&t);
        arena_clear(arena);
    }
    if (g->orphans_n)
        rule_group_mark_orphans(g, ts_ns);
    arena_free(&arena);
    note_tick(g, samples, seconds_since(mono), start_ns);
}

/* --- reload -------------------------------------------------------------------------------- */

static bool
same_rule(const struct rule *a, const struct rule *b)
{
    return str_eq(a->def->name, b->def->name) && labels_eq(a->labels, b->labels);
}

static void
move_rule(struct rule *to, struct rule *from)
{
    to->written = from->written;
    from->written = (struct written){0};
    if (!to->def->alerting || !from->def->alerting)
        return;
    to->active = from->active;
    to->active_n = from->active_n;
    to->active_cap = from->active_cap;
    from->active = NULL;
    from->active_n = from->active_cap = 0;
}

static void
add_orphans(struct rule_group *g, const struct labels *v, size_t n)
{
    struct labels *grown = ARENA_ARRAY(g->arena, struct labels, g->orphans_n + n);

    if (g->orphans_n)
        memcpy(grown, g->orphans, g->orphans_n * sizeof *grown);
    for (size_t i = 0; i < n; i++)
        grown[g->orphans_n + i] = labels_copy(g->arena, v[i]);
    g->orphans = grown;
    g->orphans_n += n;
}

void
rule_group_take_state(struct rule_group *g, struct rule_group *from)
{
    bool *taken = ARENA_ZARRAY(g->arena, bool, from->n + 1);

    g->eval_seconds = from->eval_seconds;
    g->last_eval_ns = from->last_eval_ns;
    for (size_t i = 0; i < g->n; i++) {
        for (size_t k = 0; k < from->n; k++) {
            if (taken[k] || !same_rule(&g->v[i], &from->v[k]))
                continue;
            taken[k] = true;
            move_rule(&g->v[i], &from->v[k]);
            break;
        }
    }
    add_orphans(g, from->orphans, from->orphans_n);
    for (size_t k = 0; k < from->n; k++)
        if (!taken[k])
            add_orphans(g, from->v[k].written.v, from->v[k].written.n);
}
