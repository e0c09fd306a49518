#include "query/query_log.h"

#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/num.h"
#include "base/sync.h"

struct query_log {
    struct mutex mu;
    /* under mu */
    struct io_file *file; /* NULL: off */
    struct log_limit complaint;
};

struct query_log *
query_log_new(void)
{
    struct query_log *l = MEM_NEW(struct query_log);
    mutex_init(&l->mu, LOCK_LEAF);
    return l;
}

void
query_log_free(struct query_log **l_ptr)
{
    struct query_log *l = *l_ptr;
    if (l == NULL)
        return;
    io_close(&l->file);
    mutex_fini(&l->mu);
    mem_free(l);
    *l_ptr = NULL;
}

bool
query_log_set(struct query_log *l, const char *path, struct err *e)
{
    struct io_file *file = NULL;
    if (path != NULL && path[0] != '\0' && !io_open(&file, path, IO_WRITE_CREATE, e)) {
        err_prefix(e, "can't create json log file: ");
        return false;
    }
    mutex_lock(&l->mu);
    struct io_file *old = l->file;
    l->file = file;
    mutex_unlock(&l->mu);
    io_close(&old);
    METRIC_SET(ENGINE_QUERY_LOG_ENABLED, file != NULL);
    return true;
}

/* "2006-01-02T15:04:05.000Z" */
static void
put_time(struct json *j, int64_t ms)
{
    struct buf b = {0};
    int64_t part = ms % 1000;
    if (part < 0)
        part += 1000;
    num_put_rfc3339(&b, (ms - part) / 1000, 0);
    b.n--; /* the Z */
    buf_printf(&b, ".%03dZ", (int)part);
    json_str(j, buf_str(&b));
    buf_free(&b);
}

static void
put_params(struct json *j, const struct query_request *r)
{
    json_key_lit(j, "params");
    json_open_object(j);
    json_key_lit(j, "end");
    put_time(j, r->range ? r->end : r->start);
    json_key_lit(j, "query");
    json_str(j, r->text);
    json_key_lit(j, "start");
    put_time(j, r->start);
    json_key_lit(j, "step");
    json_i64(j, r->range ? r->step / 1000 : 0);
    json_close_object(j);
}

static void
put_stats(struct json *j, const struct query_stats *s)
{
    const struct {
        str key;
        double v;
    } timings[] = {
        {STRL("evalTotalTime"), s->eval_total_s},     {STRL("resultSortTime"), s->sort_s},
        {STRL("queryPreparationTime"), s->prepare_s}, {STRL("innerEvalTime"), s->inner_eval_s},
        {STRL("execQueueTime"), s->queue_s},          {STRL("execTotalTime"), s->total_s},
    };
    json_key_lit(j, "stats");
    json_open_object(j);
    json_key_lit(j, "timings");
    json_open_object(j);
    for (size_t i = 0; i < ARRAY_LEN(timings); i++) {
        json_key(j, timings[i].key);
        json_f64(j, timings[i].v);
    }
    json_close_object(j);
    json_key_lit(j, "samples");
    json_open_object(j);
    json_key_lit(j, "totalQueryableSamples");
    json_u64(j, s->samples_total);
    json_key_lit(j, "samplesRead");
    json_u64(j, s->samples_read);
    json_key_lit(j, "peakSamples");
    json_u64(j, s->samples_peak);
    json_close_object(j);
    json_close_object(j);
}

/* The members of the origin object become members of the line. */
static void
put_origin(struct json *j, str origin)
{
    while (origin.n > 0 && origin.p[origin.n - 1] != '}')
        origin.n--;
    if (origin.n <= 2 || origin.p[0] != '{')
        return;
    buf_byte(j->out, ',');
    buf_put(j->out, STR(origin.p + 1, origin.n - 2));
}

static bool
append_line(struct io_file *f, str line, struct err *e)
{
    uint64_t size;
    return io_size(f, &size, e) && io_pwrite(f, line, size, e);
}

void
query_log_write(struct query_log *l, const struct query_request *r, const struct query_stats *s,
                str error)
{
    struct buf b = {0};
    struct json j = json_to(&b);
    struct err e;
    mutex_lock(&l->mu);
    bool on = l->file != NULL;
    mutex_unlock(&l->mu);
    if (!on)
        return;
    json_open_object(&j);
    json_key_lit(&j, "time");
    put_time(&j, clock_now_ms());
    json_key_lit(&j, "level");
    json_str(&j, STRL("INFO"));
    json_key_lit(&j, "msg");
    json_str(&j, STRL("promql query logged"));
    put_params(&j, r);
    if (error.n > 0) {
        json_key_lit(&j, "error");
        json_str(&j, error);
    }
    put_stats(&j, s);
    put_origin(&j, r->origin_json);
    json_close_object(&j);
    buf_byte(&b, '\n');
    mutex_lock(&l->mu);
    bool ok = l->file == NULL || append_line(l->file, buf_str(&b), &e);
    mutex_unlock(&l->mu);
    if (!ok) {
        METRIC_INC(ENGINE_QUERY_LOG_FAILURES_TOTAL);
        if (log_limit_pass(&l->complaint, 60000))
            LOG_ERROR("can't log query", KV_ERR(&e));
    }
    buf_free(&b);
}
