#include "query/engine.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/panic.h"
#include "query/annotation.h"
#include "query/eval.h"
#include "query/gate.h"
#include "query/journal.h"
#include "query/query_log.h"

struct engine {
    unsigned magic;
#define ENGINE_MAGIC 0xe2614e00
    /* fixed after new */
    struct tsdb *db;
    struct engine_opts o;
    struct pool *pool;
    struct gate *gate;
    struct journal *journal; /* NULL: none */
    struct query_log *log;
    struct purse purse;
    /* atomic */
    _Atomic int64_t subquery_step_ms;
};

struct query {
    unsigned magic;
#define QUERY_MAGIC 0x90e21000
    struct arena *arena;     /* text, tree, plan */
    str text;
    struct expr *parsed;
    struct plan plan;
    struct view *view;
    struct budget budget;
    struct annotations *notes;
    struct eval *eval;
    struct value value;
    struct query_stats stats;
};

void
engine_opts_default(struct engine_opts *o)
{
    *o = (struct engine_opts){
        .timeout_ms = 2 * 60 * 1000,
        .max_concurrency = 20,
        .max_samples = 50000000,
        .lookback_ms = 5 * 60 * 1000,
        .subquery_step_ms = 60 * 1000,
        .query_bytes_max = mem_system_limit_bytes() / 4,
        .total_bytes_max = mem_system_limit_bytes() / 2,
    };
}

bool
engine_new(struct engine **out, struct tsdb *db, const struct engine_opts *o, struct err *e)
{
    struct engine *en = MEM_NEW(struct engine);
    unsigned workers = o->workers ? o->workers : thread_cpu_count();
    en->magic = ENGINE_MAGIC;
    en->db = db;
    en->o = *o;
    en->o.journal_dir = NULL;
    atomic_init(&en->subquery_step_ms, o->subquery_step_ms);
    en->gate = gate_new(o->max_concurrency);
    en->log = query_log_new();
    en->purse.total_bytes = o->total_bytes_max;
    en->purse.rules_bytes = o->total_bytes_max / 4;
    size_t slots = MAX(o->max_concurrency, (size_t)1) * 2;
    if (!pool_new(&en->pool, "query", workers - 1, e) ||
        (o->journal_dir != NULL && !journal_open(&en->journal, o->journal_dir, slots, e))) {
        engine_free(&en);
        return false;
    }
    METRIC_SET(ENGINE_QUERIES_CONCURRENT_MAX, (double)o->max_concurrency);
    *out = en;
    return true;
}

void
engine_free(struct engine **en_ptr)
{
    struct engine *en = *en_ptr;
    if (en == NULL)
        return;
    CHECK_MAGIC(en, ENGINE_MAGIC);
    gate_free(&en->gate);
    pool_free(&en->pool);
    journal_close(&en->journal);
    query_log_free(&en->log);
    CHECK(atomic_load(&en->purse.used) == 0); /* queries are freed first */
    en->magic = 0;
    mem_free(en);
    *en_ptr = NULL;
}

void
engine_set_subquery_step(struct engine *en, int64_t ms)
{
    CHECK_MAGIC(en, ENGINE_MAGIC);
    CHECK(ms > 0);
    atomic_store(&en->subquery_step_ms, ms);
}

bool
engine_set_query_log(struct engine *en, const char *path, struct err *e)
{
    CHECK_MAGIC(en, ENGINE_MAGIC);
    return query_log_set(en->log, path, e);
}

struct engine_opts
engine_options(const struct engine *en)
{
    CHECK_MAGIC(en, ENGINE_MAGIC);
    struct engine_opts o = en->o;
    o.subquery_step_ms = atomic_load(&en->subquery_step_ms);
    return o;
}

size_t
engine_queries(struct engine *en, struct arena *a, struct engine_query **out)
{
    CHECK_MAGIC(en, ENGINE_MAGIC);
    return gate_list(en->gate, a, out);
}

bool
engine_cancel(struct engine *en, uint64_t id)
{
    CHECK_MAGIC(en, ENGINE_MAGIC);
    return gate_cancel(en->gate, id);
}

/* --- one query --- */

static double
seconds_since(int64_t ns)
{
    return (double)(clock_mono_ns() - ns) / 1e9;
}

static void
observe(const char *slice, double seconds)
{
    str label = str_of(slice);
    metric_observe(metric_child(METRIC_ENGINE_QUERY_DURATION_SECONDS, &label, 1), seconds);
    metric_observe(metric_child(METRIC_ENGINE_QUERY_DURATION_HISTOGRAM_SECONDS, &label, 1),
                   seconds);
}

static struct query *
query_new(struct engine *en, const struct query_request *r)
{
    struct query *q = MEM_NEW(struct query);
    int64_t timeout = en->o.timeout_ms;
    if (r->timeout_ms > 0)
        timeout = MIN(timeout, r->timeout_ms);
    q->magic = QUERY_MAGIC;
    q->arena = arena_new();
    q->text = arena_str(q->arena, r->text);
    q->notes = annotations_new(q->text);
    struct budget_opts o = {.text = q->text, .cancel = r->cancel, .for_rule = r->for_rule,
                            .deadline_ns = clock_mono_ns() + timeout * 1000000,
                            .bytes_max = en->o.query_bytes_max};
    budget_init(&q->budget, &en->purse, &o);
    return q;
}

void
query_free(struct query **q_ptr)
{
    struct query *q = *q_ptr;
    if (q == NULL)
        return;
    CHECK_MAGIC(q, QUERY_MAGIC);
    eval_free(&q->eval);
    if (q->view != NULL)
        view_close(&q->view);
    plan_fini(&q->plan);
    if (q->parsed != NULL)
        parse_free_regexes(q->parsed);
    annotations_free(&q->notes);
    budget_fini(&q->budget);
    arena_free(&q->arena);
    q->magic = 0;
    mem_free(q);
    *q_ptr = NULL;
}

static bool
query_parse(struct engine *en, struct query *q, const struct query_request *r, struct err *e)
{
    if (!parse_expr(q->text, &en->o.parse, q->arena, &q->parsed, e))
        return false;
    enum value_type t = q->parsed->value;
    if (r->range && t != VALUE_VECTOR && t != VALUE_SCALAR)
        return err_set(e, ERR_PARSE,
                       "invalid expression type \"%s\" for range query, must be Scalar or instant "
                       "Vector",
                       value_type_text(t));
    struct plan_opts o = {.range = r->range, .start = r->start, .end = r->range ? r->end : r->start,
                          .step = r->range ? r->step : 0,
                          .lookback_ms = r->lookback_ms > 0 ? r->lookback_ms : en->o.lookback_ms,
                          .subquery_step_ms = atomic_load(&en->subquery_step_ms)};
    return plan_make(&q->plan, q->parsed, &o, q->arena, e);
}

static bool
query_prepare(struct engine *en, struct query *q, const struct query_request *r, struct err *e)
{
    enum { SERIES_BYTES = 64 };
    int64_t start_ns = clock_mono_ns();
    size_t series_max = en->o.query_bytes_max / SERIES_BYTES;
    bool ok = view_open(&q->view, en->db, q->plan.specs, q->plan.specs_n, series_max, e);
    q->stats.prepare_s = seconds_since(start_ns);
    observe("prepare_time", q->stats.prepare_s);
    if (!ok)
        return false;
    struct eval_opts o = {.samples_max = en->o.max_samples,
                          .lookback_ms = q->plan.opts.lookback_ms,
                          .delayed_names = en->o.delayed_name_removal,
                          .use_start_times = en->o.use_start_times,
                          .type_unit_labels = en->o.type_unit_labels,
                          .per_step = en->o.per_step_stats && r->stats_all,
                          .explain = r->explain};
    struct eval_env env = {.plan = &q->plan, .view = q->view, .pool = en->pool,
                           .budget = &q->budget, .notes = q->notes};
    q->eval = eval_new(&env, &o);
    return true;
}

static bool
query_eval(struct query *q, struct err *e)
{
    int64_t start_ns = clock_mono_ns();
    bool ok = eval_run(q->eval, &q->value, e);
    q->stats.inner_eval_s = seconds_since(start_ns);
    observe("inner_eval", q->stats.inner_eval_s);
    if (ok && (q->value.range || q->value.columns_n > 0)) {
        int64_t sort_ns = clock_mono_ns();
        eval_sort(&q->value);
        q->stats.sort_s = seconds_since(sort_ns);
        observe("result_sort", q->stats.sort_s);
    }
    eval_stats(q->eval, &q->stats);
    METRIC_ADD(ENGINE_QUERY_SAMPLES_TOTAL, (double)q->stats.samples_total);
    METRIC_ADD(ENGINE_QUERY_SAMPLES_READ_TOTAL, (double)q->stats.samples_read);
    return ok;
}

static bool
query_run(struct engine *en, struct query *q, const struct query_request *r, size_t slot,
          struct err *e)
{
    int64_t start_ns = clock_mono_ns();
    if (en->journal != NULL)
        journal_enter(en->journal, slot, q->text);
    bool ok = budget_poll(&q->budget, "query execution", e) && query_prepare(en, q, r, e) &&
              query_eval(q, e);
    if (en->journal != NULL)
        journal_leave(en->journal, slot);
    q->stats.eval_total_s = seconds_since(start_ns);
    return ok;
}

bool
engine_run(struct engine *en, const struct query_request *r, struct query **out, struct err *e)
{
    CHECK_MAGIC(en, ENGINE_MAGIC);
    CHECK(!r->range || r->step > 0);
    struct query *q = *out = query_new(en, r);
    if (!query_parse(en, q, r, e))
        return false;
    struct gate_entry entry = {.request = r, .budget = &q->budget, .started_ms = clock_now_ms(),
                               .started_ns = clock_mono_ns()};
    metric_add(metric_one(METRIC_ENGINE_QUERIES), 1);
    bool ok = gate_enter(en->gate, &entry, e);
    q->stats.queue_s = seconds_since(entry.started_ns);
    observe("queue_time", q->stats.queue_s);
    ok = ok && query_run(en, q, r, entry.slot, e);
    gate_leave(en->gate, &entry);
    q->stats.total_s = seconds_since(entry.started_ns);
    metric_add(metric_one(METRIC_ENGINE_QUERIES), -1);
    query_log_write(en->log, r, &q->stats, ok ? STR_EMPTY : err_str(e));
    return ok;
}

/* --- what came of it --- */

const struct value *
query_value(const struct query *q)
{
    CHECK_MAGIC(q, QUERY_MAGIC);
    return &q->value;
}

const struct expr *
query_expr(const struct query *q)
{
    CHECK_MAGIC(q, QUERY_MAGIC);
    return q->plan.root ? q->plan.root : q->parsed;
}

size_t
query_annotations(const struct query *q, enum annotation_level level, str **out)
{
    CHECK_MAGIC(q, QUERY_MAGIC);
    return annotations_texts(q->notes, level, LIMIT_ANNOTATIONS, q->arena, out);
}

const struct query_stats *
query_stats(const struct query *q)
{
    CHECK_MAGIC(q, QUERY_MAGIC);
    return &q->stats;
}

size_t
query_explain(const struct query *q, const struct query_node **out)
{
    CHECK_MAGIC(q, QUERY_MAGIC);
    *out = NULL;
    return q->eval != NULL ? eval_explain(q->eval, out) : 0;
}
