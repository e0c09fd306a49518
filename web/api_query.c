/* api_query.c - query, query_range, format_query, parse_query. */
#include <math.h>

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/panic.h"
#include "query/parse.h"
#include "query/print.h"
#include "web/api_priv.h"
#include "web/encode.h"

/* One answer under way: the query's memory lives until its last byte is encoded. */
struct answer {
    struct query *query;
    struct arena *arena;
    struct encoder *encoder;
    struct buf tail; /* what follows the result: stats, warnings, closing braces */
    bool done;
};

static void
answer_free(void *arg)
{
    struct answer *an = arg;

    query_free(&an->query);
    buf_free(&an->tail);
    arena_free(&an->arena);
    mem_free(an);
}

static bool
answer_more(void *arg, struct buf *out)
{
    struct answer *an = arg;

    if (encoder_more(an->encoder, out))
        return true;
    buf_put(out, buf_str(&an->tail));
    return false;
}

/* [[seconds, count], …] of each step. */
static void
put_per_step(struct json *j, const struct value *v, const uint64_t *counts)
{
    json_open_array(j);
    for (size_t i = 0; i < v->grid.steps; i++) {
        json_open_array(j);
        json_raw(j);
        num_put_timestamp(j->out, grid_time(&v->grid, i));
        json_u64(j, counts[i]);
        json_close_array(j);
    }
    json_close_array(j);
}

static void
put_timings(struct json *j, const struct query_stats *s)
{
    const struct {
        const char *name;
        double v;
    } timings[] = {
        {"evalTotalTime", s->eval_total_s},     {"resultSortTime", s->sort_s},
        {"queryPreparationTime", s->prepare_s}, {"innerEvalTime", s->inner_eval_s},
        {"execQueueTime", s->queue_s},          {"execTotalTime", s->total_s},
    };

    json_open_object(j);
    for (size_t i = 0; i < ARRAY_LEN(timings); i++) {
        json_key(j, str_of(timings[i].name));
        json_f64(j, timings[i].v);
    }
    json_close_object(j);
}

static void
put_samples(struct json *j, const struct query_stats *s, const struct value *v)
{
    json_open_object(j);
    if (s->total_per_step) {
        json_key_lit(j, "totalQueryableSamplesPerStep");
        put_per_step(j, v, s->total_per_step);
    }
    json_key_lit(j, "totalQueryableSamples");
    json_u64(j, s->samples_total);
    if (s->read_per_step) {
        json_key_lit(j, "samplesReadPerStep");
        put_per_step(j, v, s->read_per_step);
    }
    json_key_lit(j, "samplesRead");
    json_u64(j, s->samples_read);
    json_key_lit(j, "peakSamples");
    json_u64(j, s->samples_peak);
    json_close_object(j);
}

static void
put_stats(struct buf *out, const struct query_stats *s, const struct value *v)
{
    struct json j = json_to(out);

    json_open_object(&j);
    json_key_lit(&j, "timings");
    put_timings(&j, s);
    json_key_lit(&j, "samples");
    put_samples(&j, s, v);
    json_close_object(&j);
}

static void
put_texts(struct buf *out, const char *key, const str *own, size_t own_n, const str *more,
          size_t more_n)
{
    struct json j = json_to(out);

    if (own_n + more_n == 0)
        return;
    buf_printf(out, ",\"%s\":", key);
    json_open_array(&j);
    for (size_t i = 0; i < own_n; i++)
        json_str(&j, own[i]);
    for (size_t i = 0; i < more_n; i++)
        json_str(&j, more[i]);
    json_close_array(&j);
}

/* Any other value than "true" and "all" still means statistics, with a word about it. */
static void
warn_stats_value(struct api *a, str stats)
{
    if (stats.n == 0 || str_eq(stats, STRL("true")) || str_eq(stats, STRL("all")))
        return;
    struct buf b = {0};
    labels_put_quoted(&b, stats);
    str text = arena_printf(a->arena,
                            "value %.*s for parameter \"stats\" is deprecated and will be rejected in the "
                            "next major release, use \"true\" or \"all\"",
                            STR_ARG(buf_str(&b)));
    buf_free(&b);
    api_warn(a, arena_cstr(a->arena, text));
}

static void
send_answer(struct api *a, struct query *q, size_t limit)
{
    const struct value *v = query_value(q);
    struct answer *an = MEM_NEW(struct answer);
    struct buf *out = &a->resp->body;
    str stats = api_form(a, "stats");

    an->query = q;
    an->arena = arena_new();
    an->encoder = encoder_new(v, limit, an->arena);
    if (encoder_truncated(an->encoder))
        api_warn(a, "results truncated due to limit");
    warn_stats_value(a, stats);

    buf_clear(out);
    buf_printf(out, "{\"status\":\"success\",\"data\":{\"resultType\":\"%s\",\"result\":",
               v->range ? "matrix" : value_type_name(v->type));
    if (stats.n) {
        buf_lit(&an->tail, ",\"stats\":");
        put_stats(&an->tail, query_stats(q), v);
    }
    buf_byte(&an->tail, '}');
    str *notes;
    size_t n = query_annotations(q, ANNOTATION_WARNING, &notes);
    put_texts(&an->tail, "warnings", notes, n, a->warnings, a->warnings_n);
    n = query_annotations(q, ANNOTATION_INFO, &notes);
    put_texts(&an->tail, "infos", notes, n, NULL, 0);
    buf_byte(&an->tail, '}');

    a->raw = true;
    a->resp->content_type = "application/json";
    /* The first piece goes out whole and compressed if that is all; the rest streams. */
    if (encoder_more(an->encoder, out)) {
        a->resp->more = answer_more;
        a->resp->more_free = answer_free;
        a->resp->more_arg = an;
        return;
    }
    buf_put(out, buf_str(&an->tail));
    answer_free(an);
}

/* lookback_delta, timeout, stats: what both forms of query take. */
static bool
read_options(struct api *a, struct query_request *r, struct err *e)
{
    str v = api_form(a, "timeout");
    int64_t ns;

    if (v.n) {
        if (!api_parse_duration_ns(v, &ns, e))
            return api_invalid_param(e, "timeout");
        r->timeout_ms = MAX(ns / 1000000, 1);
    }
    v = api_form(a, "lookback_delta");
    if (v.n) {
        if (!api_parse_duration_ns(v, &ns, e))
            return err_prefix(e, "error parsing lookback delta duration: ");
        r->lookback_ms = MAX(ns / 1000000, 0);
    }
    r->stats_all = str_eq(api_form(a, "stats"), STRL("all"));
    r->text = api_form(a, "query");
    r->cancel = &a->req->gone;
    r->origin_json = arena_printf(
        a->arena, "{\"httpRequest\":{\"clientIP\":\"%.*s\",\"method\":\"%.*s\",\"path\":\"%.*s\"}}",
        STR_ARG(a->req->remote), STR_ARG(a->req->method), STR_ARG(a->req->path));
    return true;
}

static bool
run_query(struct api *a, const struct query_request *r, size_t limit, struct err *e)
{
    struct query *q = NULL;

    if (!engine_run(a->w->layers.engine, r, &q, e)) {
        query_free(&q);
        if (e->kind == ERR_PARSE)
            return api_invalid_param(e, "query");
        return false;
    }
    send_answer(a, q, limit);
    return true;
}

bool
api_query(struct api *a, struct err *e)
{
    struct query_request r = {0};
    size_t limit;
    struct instant t;

    if (!api_limit(a, &limit, e) ||
        !api_time(a, "time", instant_of_ms(clock_now_ms()), &t, e) || !read_options(a, &r, e))
        return false;
    r.start = r.end = instant_ms(t);
    return run_query(a, &r, limit, e);
}

static bool
required_time(struct api *a, const char *name, struct instant *out, struct err *e)
{
    return api_parse_time(api_form(a, name), out, e) || api_invalid_param(e, name);
}

/* end - start in nanoseconds, saturating as Go's time.Sub does. */
static int64_t
span_ns(struct instant start, struct instant end)
{
    int64_t sec, ns;

    if (__builtin_sub_overflow(end.sec, start.sec, &sec) ||
        __builtin_mul_overflow(sec, (int64_t)1000000000, &ns) ||
        __builtin_add_overflow(ns, end.nsec - start.nsec, &ns))
        return INT64_MAX;
    return ns;
}

bool
api_query_range(struct api *a, struct err *e)
{
    struct query_request r = {.range = true};
    size_t limit;
    struct instant start, end;
    int64_t step_ns;

    if (!api_limit(a, &limit, e) || !required_time(a, "start", &start, e) ||
        !required_time(a, "end", &end, e))
        return false;
    if (instant_before(end, start)) {
        err_set(e, ERR_BAD_DATA, "end timestamp must not be before start time");
        return api_invalid_param(e, "end");
    }
    if (!api_parse_duration_ns(api_form(a, "step"), &step_ns, e))
        return api_invalid_param(e, "step");
    if (step_ns <= 0) {
        err_set(e, ERR_BAD_DATA,
                "zero or negative query resolution step widths are not accepted. Try a positive "
                "integer");
        return api_invalid_param(e, "step");
    }
    if (span_ns(start, end) / step_ns > LIMIT_POINTS_PER_SERIES)
        return err_set(e, ERR_BAD_DATA,
                       "exceeded maximum resolution of 11,000 points per timeseries. Try "
                       "decreasing the query resolution (?step=XX)");
    if (!read_options(a, &r, e))
        return false;
    r.start = instant_ms(start);
    r.end = instant_ms(end);
    r.step = MAX(step_ns / 1000000, 1);
    return run_query(a, &r, limit, e);
}

static struct expr *
parse_param(struct api *a, struct err *e)
{
    struct engine_opts o = engine_options(a->w->layers.engine);
    struct expr *x;

    if (parse_expr(api_form(a, "query"), &o.parse, a->arena, &x, e))
        return x;
    api_invalid_param(e, "query");
    return NULL;
}

bool
api_format_query(struct api *a, struct err *e)
{
    struct expr *x = parse_param(a, e);
    if (!x)
        return false;
    struct buf text = {0};
    print_pretty(&text, x);
    json_str(&a->json, buf_str(&text));
    buf_free(&text);
    parse_free_regexes(x);
    return true;
}

bool
api_parse_query(struct api *a, struct err *e)
{
    struct expr *x = parse_param(a, e);
    if (!x)
        return false;
    print_json(&a->json, x);
    parse_free_regexes(x);
    return true;
}
