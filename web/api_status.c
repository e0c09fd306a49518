/* api_status.c - what the server is, runs with, and holds. */
#include <limits.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/thread.h"
#include "base/version.h"
#include "server/config/config.h"
#include "server/config/flags.h"
#include "web/api_json.h"
#include "web/api_priv.h"

#define TOP_DEFAULT 10
#define TOP_MAX 10000

bool
api_status_config(struct api *a, struct err *e)
{
    struct config *c = a->w->opts.config(a->w->opts.arg);
    (void)e;

    json_open_object(&a->json);
    put_key_str(&a->json, "yaml", c ? c->text : STR_EMPTY);
    json_close_object(&a->json);
    config_unref(&c);
    return true;
}

bool
api_status_flags(struct api *a, struct err *e)
{
    struct flag_view *v;
    size_t n = flags_view(a->w->opts.flags, a->arena, &v);
    (void)e;

    json_open_object(&a->json);
    for (size_t i = 0; i < n; i++) {
        json_key(&a->json, v[i].name);
        json_str(&a->json, v[i].value);
    }
    json_close_object(&a->json);
    return true;
}

void
web_put_buildinfo(struct json *j)
{
    json_open_object(j);
    put_key_str(j, "version", STRL(PROMETHEUS_VERSION));
    put_key_str(j, "revision", STRL("narthex-" NARTHEX_VERSION));
    put_key_str(j, "branch", STRL("main"));
    put_key_str(j, "buildUser", STRL("narthex"));
    put_key_str(j, "buildDate", STR_EMPTY);
    put_key_str(j, "goVersion", STRL("none (C, gcc " __VERSION__ ")"));
    json_close_object(j);
}

bool
api_status_buildinfo(struct api *a, struct err *e)
{
    (void)e;
    web_put_buildinfo(&a->json);
    return true;
}

/* "15d or 512MiB or 80%". */
static str
retention_text(struct api *a)
{
    struct tsdb_opts o;
    struct buf b = {0};
    char percent[NUM_TEXT_MAX];

    if (!a->w->layers.db)
        return STR_EMPTY;
    tsdb_options(a->w->layers.db, &o);
    if (o.retention_ms)
        num_put_duration_ms(&b, o.retention_ms);
    if (o.retention_bytes) {
        if (b.n)
            buf_lit(&b, " or ");
        num_put_size(&b, o.retention_bytes);
    }
    if (o.retention_percent > 0) {
        if (b.n)
            buf_lit(&b, " or ");
        buf_put(&b, STR(percent, num_format_g(o.retention_percent, percent)));
        buf_byte(&b, '%');
    }
    str s = arena_str(a->arena, buf_str(&b));
    buf_free(&b);
    return s;
}

bool
api_status_runtimeinfo(struct api *a, struct err *e)
{
    struct json *j = &a->json;
    struct web *w = a->w;
    struct utsname host;
    struct tsdb_stats stats = {0};
    char cwd[PATH_MAX];
    (void)e;

    if (w->layers.db)
        tsdb_stats(w->layers.db, &stats);
    json_open_object(j);
    put_key_time_ns(j, "startTime", w->start_ms * 1000000);
    put_key_str(j, "CWD", str_of(getcwd(cwd, sizeof cwd) ? cwd : ""));
    put_key_str(j, "hostname", str_of(uname(&host) == 0 ? host.nodename : ""));
    put_key_time_ns(j, "serverTime", clock_now_ns());
    put_key_bool(j, "reloadConfigSuccess", atomic_load(&w->reload_ok));
    put_key_time_ns(j, "lastConfigTime", atomic_load(&w->reload_ms) / 1000 * 1000000000);
    put_key_u64(j, "corruptionCount", stats.corruptions);
    put_key_u64(j, "goroutineCount", thread_count());
    put_key_u64(j, "GOMAXPROCS", thread_cpu_count());
    put_key_u64(j, "GOMEMLIMIT", mem_system_limit_bytes());
    put_key_str(j, "GOGC", STR_EMPTY);
    put_key_str(j, "GODEBUG", STR_EMPTY);
    put_key_str(j, "storageRetention", retention_text(a));
    json_close_object(j);
    return true;
}

static void
put_top(struct json *j, const char *key, const struct tsdb_top *v, size_t n)
{
    json_key(j, str_of(key));
    json_open_array(j);
    for (size_t i = 0; i < n; i++) {
        json_open_object(j);
        put_key_str(j, "name", v[i].name);
        put_key_u64(j, "value", v[i].value);
        json_close_object(j);
    }
    json_close_array(j);
}

static bool
read_top_limit(struct api *a, int64_t *out, struct err *e)
{
    str v = api_form(a, "limit");

    *out = TOP_DEFAULT;
    if (v.n == 0)
        return true;
    if (!num_parse_i64(v, out) || *out < 1)
        return err_set(e, ERR_BAD_DATA, "limit must be a positive number");
    if (*out > TOP_MAX)
        return err_set(e, ERR_BAD_DATA, "limit must not exceed %d", TOP_MAX);
    return true;
}

bool
api_status_tsdb(struct api *a, struct err *e)
{
    struct json *j = &a->json;
    struct tsdb_stats s;
    struct tsdb_top_lists top;
    int64_t limit;

    if (!read_top_limit(a, &limit, e))
        return false;
    tsdb_stats(a->w->layers.db, &s);
    tsdb_top_lists(a->w->layers.db, a->arena, (size_t)limit, &top);
    json_open_object(j);
    json_key_lit(j, "headStats");
    json_open_object(j);
    put_key_u64(j, "numSeries", s.head_series);
    put_key_u64(j, "numLabelPairs", s.head_label_pairs);
    put_key_u64(j, "chunkCount", s.head_chunks);
    put_key_i64(j, "minTime", s.head_mint);
    put_key_i64(j, "maxTime", s.head_maxt);
    json_close_object(j);
    put_top(j, "seriesCountByMetricName", top.series_by_metric, top.series_by_metric_n);
    put_top(j, "labelValueCountByLabelName", top.values_by_label, top.values_by_label_n);
    put_top(j, "memoryInBytesByLabelName", top.memory_by_label, top.memory_by_label_n);
    put_top(j, "seriesCountByLabelValuePair", top.series_by_pair, top.series_by_pair_n);
    json_close_object(j);
    return true;
}

static void
put_block(struct json *j, const struct tsdb_block_meta *b)
{
    json_open_object(j);
    put_key_str(j, "ulid", str_of(b->ulid));
    put_key_i64(j, "minTime", b->mint);
    put_key_i64(j, "maxTime", b->maxt);
    json_key_lit(j, "stats");
    json_open_object(j);
    put_key_u64(j, "numSamples", b->samples);
    put_key_u64(j, "numSeries", b->series);
    put_key_u64(j, "numChunks", b->chunks);
    if (b->tombstones)
        put_key_u64(j, "numTombstones", b->tombstones);
    json_close_object(j);
    json_key_lit(j, "compaction");
    json_open_object(j);
    put_key_u64(j, "level", b->level);
    json_close_object(j);
    put_key_u64(j, "version", 1);
    json_close_object(j);
}

bool
api_status_tsdb_blocks(struct api *a, struct err *e)
{
    struct tsdb_block_meta *v;
    size_t n = tsdb_blocks(a->w->layers.db, a->arena, &v);
    (void)e;

    json_open_object(&a->json);
    json_key_lit(&a->json, "blocks");
    json_open_array(&a->json);
    for (size_t i = 0; i < n; i++)
        put_block(&a->json, &v[i]);
    json_close_array(&a->json);
    json_close_object(&a->json);
    return true;
}

/* Segments to read, read so far: recovery is over before the API is asked. */
bool
api_status_walreplay(struct api *a, struct err *e)
{
    struct tsdb_stats s = {0};
    (void)e;

    if (a->w->layers.db)
        tsdb_stats(a->w->layers.db, &s);
    json_open_object(&a->json);
    put_key_u64(&a->json, "min", 0);
    put_key_u64(&a->json, "max", s.wal_segment);
    put_key_u64(&a->json, "current", s.wal_segment);
    json_close_object(&a->json);
    return true;
}

bool
api_notifications(struct api *a, struct err *e)
{
    (void)e;
    json_open_array(&a->json);
    json_close_array(&a->json);
    return true;
}
