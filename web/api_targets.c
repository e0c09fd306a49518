/* api_targets.c - targets, their metadata, scrape pools, Alertmanagers. */
#include <stdlib.h>

#include "base/num.h"
#include "query/parse.h"
#include "server/scrape/scraper.h"
#include "web/api_json.h"
#include "web/api_priv.h"

static void
put_active(struct json *j, const struct target_view *t)
{
    static const char *const health[] = {"unknown", "up", "down"};

    json_open_object(j);
    put_key_labels(j, "discoveredLabels", t->discovered);
    put_key_labels(j, "labels", t->labels);
    put_key_str(j, "scrapePool", t->pool);
    put_key_str(j, "scrapeUrl", t->url);
    put_key_str(j, "globalUrl", t->global_url);
    put_key_str(j, "lastError", t->last_error);
    put_key_time_ns(j, "lastScrape", t->last_scrape_ns);
    json_key_lit(j, "lastScrapeDuration");
    json_f64(j, t->last_seconds);
    put_key_str(j, "health", str_of(health[t->health]));
    put_key_str(j, "scrapeInterval", t->interval);
    put_key_str(j, "scrapeTimeout", t->timeout);
    json_close_object(j);
}

static void
put_active_targets(struct api *a, str pool, bool show)
{
    struct json *j = &a->json;
    struct target_view *v = NULL;
    size_t n = show && a->w->layers.scraper ? scraper_active(a->w->layers.scraper, pool, a->arena, &v) : 0;

    json_key_lit(j, "activeTargets");
    json_open_array(j);
    for (size_t i = 0; i < n; i++)
        put_active(j, &v[i]);
    json_close_array(j);
}

static void
put_dropped_targets(struct api *a, str pool, bool show)
{
    struct json *j = &a->json;
    struct target_view *v = NULL;
    struct dropped_count *counts = NULL;
    size_t n = 0, counts_n = 0;

    if (show && a->w->layers.scraper)
        n = scraper_dropped(a->w->layers.scraper, pool, a->arena, &v, &counts, &counts_n);
    json_key_lit(j, "droppedTargets");
    json_open_array(j);
    for (size_t i = 0; i < n; i++) {
        json_open_object(j);
        put_key_labels(j, "discoveredLabels", v[i].discovered);
        put_key_str(j, "scrapePool", v[i].pool);
        json_close_object(j);
    }
    json_close_array(j);
    json_key_lit(j, "droppedTargetCounts");
    if (!show) {
        json_null(j);
        return;
    }
    json_open_object(j);
    for (size_t i = 0; i < counts_n; i++) {
        json_key(j, counts[i].pool);
        json_u64(j, counts[i].n);
    }
    json_close_object(j);
}

static bool
equal_fold(str s, const char *word)
{
    str w = str_of(word);

    if (s.n != w.n)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c >= 'A' && c <= 'Z')
            c |= 0x20;
        if (c != w.p[i])
            return false;
    }
    return true;
}

bool
api_targets(struct api *a, struct err *e)
{
    str state = api_form(a, "state"), pool = api_form(a, "scrapePool");
    bool any = state.n == 0 || equal_fold(state, "any");
    (void)e;

    json_open_object(&a->json);
    put_active_targets(a, pool, any || equal_fold(state, "active"));
    put_dropped_targets(a, pool, any || equal_fold(state, "dropped"));
    json_close_object(&a->json);
    return true;
}

/* strconv.Atoi with a message of the endpoint's own. */
static bool
number_param(struct api *a, const char *name, int64_t *out, struct err *e)
{
    str v = api_form(a, name);

    *out = -1;
    if (v.n == 0 || num_parse_i64(v, out))
        return true;
    return err_set(e, ERR_BAD_DATA, "%s must be a number", name);
}

static bool
all_match(struct labels ls, const struct matcher *m, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!matcher_matches(&m[i], labels_get(ls, m[i].name)))
            return false;
    return true;
}

static void
put_target_metadata(struct api *a, const struct metadata_view *m, bool with_name)
{
    struct json *j = &a->json;

    json_open_object(j);
    put_key_labels(j, "target", m->target);
    if (with_name)
        put_key_str(j, "metric", m->metric);
    put_key_str(j, "type", str_of(metric_kind_name(m->kind)));
    put_key_str(j, "help", m->help);
    put_key_str(j, "unit", m->unit);
    json_close_object(j);
}

bool
api_targets_metadata(struct api *a, struct err *e)
{
    struct engine_opts o = engine_options(a->w->layers.engine);
    struct matcher_set set = {0};
    struct metadata_view *v = NULL;
    int64_t limit, written = 0;
    str match = api_form(a, "match_target"), metric = api_form(a, "metric");

    if (!number_param(a, "limit", &limit, e))
        return false;
    if (match.n && !parse_selector(match, &o.parse, a->arena, &set.m, &set.n, e))
        return api_invalid_param(e, "match_target");
    size_t n = a->w->layers.scraper ? scraper_metadata(a->w->layers.scraper, metric, a->arena, &v) : 0;
    json_open_array(&a->json);
    for (size_t i = 0; i < n && (limit < 0 || written < limit); i++) {
        if (!all_match(v[i].target, set.m, set.n))
            continue;
        put_target_metadata(a, &v[i], metric.n == 0);
        written++;
    }
    json_close_array(&a->json);
    api_match_free(&set, 1);
    return true;
}

static int
compare_metadata(const void *x, const void *y)
{
    const struct metadata_view *a = x, *b = y;
    int c = str_cmp(a->metric, b->metric);

    c = c ? c : (int)a->kind - (int)b->kind;
    c = c ? c : str_cmp(a->help, b->help);
    return c ? c : str_cmp(a->unit, b->unit);
}

/* One metric's entries, v[0..n) being equal in name: without repetition, cut to max. */
static void
put_metric(struct json *j, const struct metadata_view *v, size_t n, int64_t max)
{
    int64_t written = 0;

    json_key(j, v[0].metric);
    json_open_array(j);
    for (size_t i = 0; i < n && (max <= 0 || written < max); i++) {
        if (i > 0 && compare_metadata(&v[i], &v[i - 1]) == 0)
            continue;
        json_open_object(j);
        put_key_str(j, "type", str_of(metric_kind_name(v[i].kind)));
        put_key_str(j, "unit", v[i].unit);
        put_key_str(j, "help", v[i].help);
        json_close_object(j);
        written++;
    }
    json_close_array(j);
}

bool
api_metadata(struct api *a, struct err *e)
{
    struct metadata_view *v = NULL;
    int64_t limit, per_metric, metrics = 0;

    if (!number_param(a, "limit", &limit, e) || !number_param(a, "limit_per_metric", &per_metric, e))
        return false;
    size_t n = a->w->layers.scraper
                   ? scraper_metadata(a->w->layers.scraper, api_form(a, "metric"), a->arena, &v)
                   : 0;
    if (n)
        qsort(v, n, sizeof *v, compare_metadata);
    json_open_object(&a->json);
    for (size_t i = 0, end; i < n && (limit < 0 || metrics < limit); i = end, metrics++) {
        for (end = i + 1; end < n && str_eq(v[end].metric, v[i].metric);)
            end++;
        put_metric(&a->json, v + i, end - i, per_metric);
    }
    json_close_object(&a->json);
    return true;
}

bool
api_scrape_pools(struct api *a, struct err *e)
{
    str *v = NULL;
    size_t n = a->w->layers.scraper ? scraper_pools(a->w->layers.scraper, a->arena, &v) : 0;
    (void)e;

    json_open_object(&a->json);
    json_key_lit(&a->json, "scrapePools");
    json_open_array(&a->json);
    for (size_t i = 0; i < n; i++)
        json_str(&a->json, v[i]);
    json_close_array(&a->json);
    json_close_object(&a->json);
    return true;
}

bool
api_scrape_pools_config(struct api *a, struct err *e)
{
    str pool = api_form(a, "scrapePool"), text;

    if (!a->w->layers.scraper || !scraper_pool_config(a->w->layers.scraper, pool, a->arena, &text))
        return err_set(e, ERR_NOT_FOUND, "scrape pool \"%.*s\" not found", STR_ARG(pool));
    json_open_object(&a->json);
    put_key_str(&a->json, "yaml", text);
    json_close_object(&a->json);
    return true;
}
