/* engine.h - runs queries: slots, deadlines, budgets, cancel, journal, log.
 *
 * One engine per server.  engine_run evaluates on the caller's thread plus the engine's
 * worker pool; callers are HTTP threads and rule threads.  Rules keep a share of the
 * memory budget and their own slots, so that user queries cannot starve alerts.
 */
#pragma once
#include "base/err.h"
#include "query/parse.h"
#include "query/value.h"
#include "storage/tsdb.h"

#include <stdatomic.h>

struct engine;
struct engine_opts {
    int64_t timeout_ms;          /* --query.timeout, 2 min */
    size_t max_concurrency;      /* --query.max-concurrency, 20 */
    uint64_t max_samples;        /* --query.max-samples, 50 M */
    int64_t lookback_ms;         /* --query.lookback-delta, 5 min */
    int64_t subquery_step_ms;    /* global.evaluation_interval */
    uint64_t query_bytes_max;    /* one query's memory */
    uint64_t total_bytes_max;    /* all queries' memory; rules keep a quarter */
    unsigned workers;            /* threads that evaluate; 0: one per CPU */
    struct parse_opts parse;
    bool delayed_name_removal;
    bool use_start_times;
    bool type_unit_labels;
    bool per_step_stats;
    const char *journal_dir;     /* queries.active; NULL: none */
};
void engine_opts_default(struct engine_opts *o);
bool engine_new(struct engine **out, struct tsdb *db, const struct engine_opts *o,
                struct err *e) MUST_USE;
void engine_free(struct engine **en);
void engine_set_subquery_step(struct engine *en, int64_t ms); /* on reload */
/* JSON lines; NULL switches off.  Reopens the file. */
bool engine_set_query_log(struct engine *en, const char *path, struct err *e) MUST_USE;
/* The options in force. */
struct engine_opts engine_options(const struct engine *en);

struct query_request {
    str text;
    bool range;
    int64_t start, end, step;    /* instant: start is the time */
    int64_t lookback_ms;         /* 0: the engine's */
    int64_t timeout_ms;          /* 0: the engine's; larger is cut */
    bool for_rule;               /* uses the rules' share */
    bool stats_all;
    bool explain;
    const _Atomic bool *cancel;  /* polled; may be NULL */
    str origin_json;             /* a JSON object for the query log, e.g. the HTTP client
                                    or the rule group; may be empty */
};

struct query_stats {
    double eval_total_s, sort_s, prepare_s, inner_eval_s, queue_s, total_s;
    uint64_t samples_total, samples_read, samples_peak;
    const uint64_t *total_per_step, *read_per_step; /* grid.steps values, or NULL unless
                                                       asked for and enabled */
};

struct query; /* owns everything the value borrows: arenas and the view */
/* On success *out is to be freed with query_free once the answer is encoded.  On failure
 * *out may still be set and carry warnings. */
bool engine_run(struct engine *en, const struct query_request *r, struct query **out,
                struct err *e) MUST_USE;
void query_free(struct query **q);
const struct value *query_value(const struct query *q);
const struct expr *query_expr(const struct query *q);
/* Annotation texts ready for the API ("PromQL info: … (1:6)"), capped at
 * LIMIT_ANNOTATIONS plus one line that counts the rest. */
size_t query_annotations(const struct query *q, enum annotation_level level, str **out);
const struct query_stats *query_stats(const struct query *q);

/* EXPLAIN: what each node of the plan cost, in the order of evaluation, children after
 * their parent.  Nodes that work series by series together (abs(rate(x[5m]))) share one
 * entry, beside one for the selector below them, whose time is in theirs.  Filled if the
 * request asked for it. */
struct query_node {
    const struct expr *e;        /* e->start, e->end: its part of the text */
    unsigned depth;
    const char *what;            /* "selector", "rate", "sum", "+", … */
    double seconds;              /* wall clock, children included */
    uint64_t series, samples;    /* it read (selectors) or yielded */
    uint64_t bytes;              /* memory it held at its end */
    bool reused;                 /* an equal expression had been evaluated */
};
size_t query_explain(const struct query *q, const struct query_node **out);

/* RUNNING QUERIES, waiting ones included, oldest first; copied into the arena. */
struct engine_query {
    uint64_t id;
    str text, origin_json;
    bool range, for_rule, waiting;
    int64_t start, end, step;
    int64_t started_ms;          /* wall clock */
    double elapsed_s;
    uint64_t samples, bytes;     /* so far: read; held */
};
size_t engine_queries(struct engine *en, struct arena *a, struct engine_query **out);
/* The query ends within 100 ms as canceled; false if none has this id. */
bool engine_cancel(struct engine *en, uint64_t id);
