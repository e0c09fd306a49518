#include "server/scrape/page.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/panic.h"
#include "model/sample.h"
#include "server/scrape/page_priv.h"

static const char *const report_names[REPORT_SERIES] = {
    "up", "scrape_duration_seconds", "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling", "scrape_series_added",
    "scrape_timeout_seconds", "scrape_sample_limit", "scrape_body_size_bytes",
};
#define REPORT_ALWAYS 5 /* the rest with extra_scrape_metrics */

struct page_worker *
page_worker_new(const struct page_worker_opts *o)
{
    struct page_worker *w = MEM_NEW(struct page_worker);

    w->magic = PAGE_WORKER_MAGIC;
    w->batch = append_new(o->db);
    w->arena = arena_new();
    w->kept = arena_new();
    w->families = o->families;
    w->exemplars = o->exemplars;
    return w;
}

void
page_worker_free(struct page_worker **out)
{
    struct page_worker *w = *out;

    *out = NULL;
    if (!w)
        return;
    CHECK_MAGIC(w, PAGE_WORKER_MAGIC);
    append_free(&w->batch);
    arena_free(&w->arena);
    arena_free(&w->kept);
    cache_work_fini(&w->cache);
    mem_free(w->queued);
    w->magic = 0;
    mem_free(w);
}

/* --- one sample -------------------------------------------------------------------- */

/* Notes which line the sample queued last belongs to. */
static void
note_queued(struct page_worker *w, uint32_t line)
{
    size_t n = append_count(w->batch);

    if (UNLIKELY(n > w->queued_cap))
        mem_grow(&w->queued, &w->queued_cap, n, sizeof w->queued[0]);
    w->queued[n - 1] = line;
}

static bool
queue(struct pass *g, uint32_t id, const struct page_entry *x, int64_t t)
{
    return x->h ? append_histogram(g->w->batch, id, 0, t, x->h) : append_float(g->w->batch, id, t, x->v);
}

static void
count_refusal(struct pass *g, enum append_verdict v)
{
    switch (v) {
    case APPEND_ACCEPTED: break;
    case APPEND_DUPLICATE: g->duplicate++; break;
    case APPEND_OUT_OF_ORDER: g->out_of_order++; break;
    case APPEND_OUT_OF_BOUNDS:
    case APPEND_TOO_OLD: g->out_of_bounds++; break;
    }
}

/* The checks that come before storage is asked. */
static bool
admit(struct pass *g, int64_t t)
{
    g->appended++;
    if (g->s->limit.sample && g->appended > g->s->limit.sample) {
        g->over_samples = true;
        return false;
    }
    if (t > g->time_max) {
        g->out_of_bounds++;
        return false;
    }
    return true;
}

static void
put_exemplars(struct pass *g, uint32_t id, const struct page_entry *x, int64_t t)
{
    for (size_t i = 0; g->w->exemplars && i < x->exemplars_n; i++) {
        const struct page_exemplar *p = &x->exemplars[i];
        if (p->has_t || !x->h)
            append_exemplar(g->w->batch, id, p->labels, p->has_t ? p->t : t, p->v);
    }
}

/* Asks storage now, before commit: for samples whose fate the page has to know. */
static bool
storage_takes(struct pass *g, uint32_t id, const struct page_entry *x, int64_t t)
{
    enum append_verdict v = append_judge(g->w->batch, id, t, x->v, x->h);

    count_refusal(g, v);
    return v == APPEND_ACCEPTED;
}

static enum sample_verdict
labels_of(struct pass *g, struct page_source *src, struct labels *out, struct err *e)
{
    size_t n;
    struct label *own = src->labels(src, &n);

    return sample_labels(g, own, n, out, e);
}

/* Finds or makes the series of new labels; 0 if the sample is not to be stored. */
static bool
find_series(struct pass *g, struct labels ls, const struct page_entry *x, int64_t t, uint32_t *id,
            struct err *e)
{
    struct err why;

    *id = append_find(g->w->batch, ls);
    if ((*id || t != g->time) && !storage_takes(g, *id, x, t)) {
        *id = 0;
        return true;
    }
    if (*id || append_series(g->w->batch, ls, id, &why))
        return true;
    *id = 0;
    if (why.kind != ERR_LIMIT) {
        *e = why;
        return false;
    }
    g->refused_series++;
    return true;
}

/* Histograms finer or larger than the job wants are made coarser; *fits is false where that
 * cannot be.  False: it is not a histogram that storage takes. */
static bool
fit_histogram(struct pass *g, struct page_entry *x, bool *fits, struct err *e)
{
    const struct histogram *h = x->h;
    uint64_t limit = g->s->native_histogram_bucket_limit;

    *fits = true;
    if (!h)
        return true;
    if (!histogram_is_custom(h) && h->schema > g->t->job->max_schema)
        h = histogram_reduce(g->w->arena, h, g->t->job->max_schema);
    while (limit && h->pos_n + h->neg_n > limit) {
        if (histogram_is_custom(h) || h->schema <= HISTOGRAM_SCHEMA_MIN) {
            g->over_buckets = true;
            *fits = false;
            return true;
        }
        h = histogram_reduce(g->w->arena, h, h->schema - 1);
    }
    x->h = h;
    return histogram_validate(h, e);
}

/* A series the cache does not know. */
static bool
put_new(struct pass *g, struct page_source *src, struct page_entry *x, struct err *e)
{
    bool has_t = x->has_t && g->s->honor_timestamps;
    int64_t t = has_t ? x->t : g->time;
    struct labels ls;
    uint32_t id;
    bool fits;

    switch (labels_of(g, src, &ls, e)) {
    case SAMPLE_ERROR: return false;
    case SAMPLE_DROP:
        cache_add(g->c, &g->w->cache, CACHE_DROPPED, x->key, 0);
        return true;
    case SAMPLE_KEEP: break;
    }
    g->added++;
    if (!fit_histogram(g, x, &fits, e))
        return false;
    if (!fits || !admit(g, t))
        return true;
    if (!find_series(g, ls, x, t, &id, e))
        return false;
    if (id == 0)
        return true;
    CHECK(queue(g, id, x, t));
    struct cache_line *l = cache_add(g->c, &g->w->cache, CACHE_SERIES, x->key, id);
    bool tracked = !has_t || g->s->track_timestamps_staleness;
    if (tracked)
        l->bits |= CACHE_TRACKED;
    note_queued(g->w, (uint32_t)(l - g->c->lines) | (has_t ? QUEUED_TIMED : 0));
    g->series_added += !g->over_samples && !g->over_buckets;
    put_exemplars(g, id, x, t);
    return true;
}

/* A known line whose series has left the head: makes it again under the same labels. */
static bool
revive(struct pass *g, struct page_source *src, struct cache_line *l, struct err *e)
{
    struct labels ls;

    if (labels_of(g, src, &ls, e) != SAMPLE_KEEP)
        return err_set(e, ERR_INTERNAL, "a known series has lost its labels");
    if (append_series(g->w->batch, ls, &l->id, e))
        return true;
    if (e->kind != ERR_LIMIT)
        return false;
    g->refused_series++;
    l->id = 0;
    return true;
}

static bool
put_known(struct pass *g, struct page_source *src, struct cache_line *l, struct page_entry *x,
          struct err *e)
{
    bool has_t = x->has_t && g->s->honor_timestamps, track = g->s->track_timestamps_staleness;
    int64_t t = has_t ? x->t : g->time;
    uint32_t line = (uint32_t)(l - g->c->lines);
    bool fits;

    g->added++;
    if (cache_visited(g->c, l) && !has_t) {
        g->duplicate++;
        return true;
    }
    bool ask = has_t && (track || x->exemplars_n); /* before commit */
    if (!fit_histogram(g, x, &fits, e))
        return false;
    bool stored = fits && admit(g, t) && (!ask || storage_takes(g, l->id, x, t));
    if (stored && !queue(g, l->id, x, t)) {
        if (!revive(g, src, l, e))
            return false;
        stored = l->id && queue(g, l->id, x, t);
    }
    if (stored) {
        note_queued(g->w, line | (has_t ? QUEUED_TIMED : 0));
        put_exemplars(g, l->id, x, t);
    }
    cache_visit(g->c, &g->w->cache, l, stored && (!has_t || track));
    return true;
}

static bool
on_sample(struct pass *g, struct page_source *src, struct page_entry *x, struct err *e)
{
    struct cache_line *l = cache_expected(g->c);

    g->scraped++;
    if (x->key.n > CACHE_LENGTH)
        return err_set(e, ERR_LIMIT, "a series of %zu bytes: at most %u", x->key.n, CACHE_LENGTH);
    if (!l || !cache_is(l, x->key))
        l = cache_find(g->c, &g->w->cache, x->key);
    if (l && cache_kind(l) == CACHE_DROPPED) {
        cache_visit(g->c, &g->w->cache, l, false);
        return true;
    }
    return l ? put_known(g, src, l, x, e) : put_new(g, src, x, e);
}

/* --- other lines ------------------------------------------------------------------- */

static void
on_meta(struct pass *g, const struct page_entry *x)
{
    struct cache_work *w = &g->w->cache;
    struct cache_line *l = cache_expected(g->c);

    bool settled = !g->c->loose && !g->c->metadata.conflict;
    if (settled && l && x->key.n && cache_kind(l) == CACHE_META && cache_is(l, x->key) &&
        cache_visit(g->c, w, l, true))
        return; /* the same line as last time */
    cache_loosen(g->c, w);
    uint32_t slot = metadata_set(&g->c->metadata, &w->metadata, g->w->families, &x->meta);
    uint32_t id = slot;
    if (x->meta.what == METADATA_TYPE)
        id |= ((uint32_t)x->meta.kind + 1) << CACHE_META_KIND_SHIFT;
    if (x->key.n == 0 || x->key.n > CACHE_LENGTH || slot > CACHE_META_SLOT)
        return;
    l = cache_find(g->c, w, x->key);
    if (!l) {
        cache_add(g->c, w, CACHE_META, x->key, id);
        return;
    }
    l->id = id;
    cache_visit(g->c, w, l, true);
}

static void
on_comment(struct pass *g, const struct page_entry *x)
{
    struct cache_work *w = &g->w->cache;

    if (x->key.n == 0 || x->key.n > CACHE_LENGTH)
        return;
    struct cache_line *l = cache_find(g->c, w, x->key);
    if (l)
        cache_visit(g->c, w, l, false);
    else
        cache_add(g->c, w, CACHE_COMMENT, x->key, 0);
}

/* --- the fast path ----------------------------------------------------------------- */

/* A whole line that is as expected: TYPE, HELP, UNIT, comment. */
static bool
skip_line(struct pass *g, struct expo *x, struct cache_line *l)
{
    size_t n = l->bits & CACHE_LENGTH;
    str rest = expo_rest(x);

    if (rest.n < n || rest.p[0] != '#' || !cache_is(l, STR(rest.p, n)))
        return false;
    uint32_t kind = cache_kind(l) == CACHE_META ? l->id >> CACHE_META_KIND_SHIFT : 0;
    if (kind && g->nhcb)
        return false; /* which wants to know */
    if (cache_kind(l) == CACHE_META && (g->c->loose || g->c->metadata.conflict))
        return false; /* what it says may be news again */
    if (kind)
        x->kind = (enum metric_kind)(kind - 1);
    if (!cache_visit(g->c, &g->w->cache, l, cache_kind(l) == CACHE_META))
        return false;
    expo_skip(x, n);
    return true;
}

/* The line expected next, if that is what comes and it is a plain sample: its value is all
 * that is read.  False: nothing has been done. */
static bool
hot_line(struct pass *g, struct expo *x)
{
    struct cache_line *l = cache_expected(g->c);
    double v;

    if (UNLIKELY(!l))
        return false;
    enum cache_kind kind = cache_kind(l);
    if (kind > CACHE_DROPPED)
        return skip_line(g, x, l);
    size_t n = l->bits & CACHE_LENGTH;
    str rest = expo_rest(x);
    if (rest.n <= n || rest.p[n] != ' ' || !cache_is(l, STR(rest.p, n)) || cache_visited(g->c, l))
        return false;
    size_t bytes = expo_plain_value(STR(rest.p + n + 1, rest.n - n - 1), &v);
    if (UNLIKELY(bytes == 0))
        return false;
    if (kind == CACHE_SERIES) {
        if (UNLIKELY(g->s->limit.sample && g->appended >= g->s->limit.sample))
            return false;
        uint32_t line = g->c->at;
        if (UNLIKELY(!append_float(g->w->batch, l->id, g->time, v)))
            return false;
        note_queued(g->w, line);
        g->appended++;
        g->added++;
    }
    g->scraped++;
    cache_visit(g->c, &g->w->cache, l, kind == CACHE_SERIES);
    expo_skip(x, n + 1 + bytes);
    return true;
}

/* --- the page ---------------------------------------------------------------------- */

static bool
read_entry(struct pass *g, struct page_source *src, bool *end, struct err *e)
{
    struct page_entry x = {0};

    switch (src->next(src, &x, e)) {
    case PAGE_END: *end = true; return true;
    case PAGE_ERROR: return false;
    case PAGE_SAMPLE: return on_sample(g, src, &x, e);
    case PAGE_META: on_meta(g, &x); return true;
    case PAGE_COMMENT: on_comment(g, &x); return true;
    }
    UNREACHABLE();
}

static bool
read_page(struct pass *g, struct page_source *src, struct err *e)
{
    struct arena_mark start = arena_mark(g->w->arena);
    bool ok = true, end = false;

    while (ok && !end) {
        bool idle = !g->nhcb || nhcb_idle(g->nhcb);
        if (g->hot && idle && LIKELY(hot_line(g, g->hot)))
            continue;
        ok = read_entry(g, src, &end, e);
        if (!g->nhcb || nhcb_idle(g->nhcb))
            arena_reset(g->w->arena, start);
    }
    return ok;
}

static bool
parse_page(struct pass *g, const struct page *p, struct err *e)
{
    struct arena *a = g->w->arena;
    enum page_format format;
    struct text_source text;

    if (!page_format(a, p->content_type, g->s->fallback, &format, e))
        return false;
    if (format == PAGE_PROTOBUF)
        return read_page(g, proto_source_new(p->body, g->t, a, g->w->kept), e);
    g->hot = &g->w->x;
    expo_init(g->hot, p->body, format == PAGE_TEXT ? EXPO_TEXT : EXPO_OPENMETRICS);
    text_source_init(&text, g->hot, a);
    if (!g->t->nhcb)
        return read_page(g, &text.base, e);
    g->nhcb = nhcb_source_new(&text, g->t->classic, a, g->w->kept);
    bool ok = read_page(g, nhcb_source(g->nhcb), e);
    nhcb_source_fini(g->nhcb);
    return ok;
}

static bool
append_page(struct pass *g, const struct page *p, struct err *e)
{
    bool ok = parse_page(g, p, e);

    if (g->over_samples) {
        METRIC_INC(TARGET_SCRAPES_EXCEEDED_SAMPLE_LIMIT_TOTAL);
        ok = ok && err_set(e, ERR_LIMIT, "sample limit exceeded");
    }
    if (g->over_buckets) {
        METRIC_INC(TARGET_SCRAPES_EXCEEDED_NATIVE_HISTOGRAM_BUCKET_LIMIT_TOTAL);
        ok = ok && err_set(e, ERR_LIMIT, "histogram bucket limit exceeded");
    }
    return ok;
}

/* --- what goes with it ------------------------------------------------------------- */

struct stale_marks {
    struct page_worker *w;
    int64_t t;
};

static void
mark_stale(void *arg, uint32_t id)
{
    const struct stale_marks *m = arg;

    /* Where another target's sample stands, ours may not follow. */
    if (append_is_after(m->w->batch, id, m->t) && append_float(m->w->batch, id, m->t, value_stale()))
        note_queued(m->w, QUEUED_SILENT);
}

static void
put_report_sample(struct pass *g, size_t i, double v)
{
    struct page_worker *w = g->w;
    uint32_t *id = &g->t->report[i];
    struct err e;

    if (*id && append_float(w->batch, *id, g->time, v)) {
        note_queued(w, QUEUED_SILENT);
        return;
    }
    struct labels ls = report_labels(g->t, str_of(report_names[i]), w->arena);
    if (!append_series(w->batch, ls, id, &e)) {
        static struct log_limit limit;
        *id = 0;
        if (log_limit_pass(&limit, 10000))
            LOG_WARN("Appending scrape report failed", KV("target", g->t->url), KV_ERR(&e));
        return;
    }
    CHECK(append_float(w->batch, *id, g->time, v));
    note_queued(w, QUEUED_SILENT);
}

static void
put_report(struct pass *g, const struct page *p, const struct page_result *r)
{
    const double values[REPORT_SERIES] = {
        r->ok, r->seconds, (double)g->scraped, (double)g->added, (double)g->series_added,
        (double)g->t->timeout_ms / 1000, (double)g->s->limit.sample, (double)p->body_bytes,
    };
    size_t n = g->s->extra_scrape_metrics == CONFIG_TRUE ? REPORT_SERIES : REPORT_ALWAYS;

    for (size_t i = 0; i < n; i++)
        put_report_sample(g, i, values[i]);
}

/* A series whose sample was refused is not tracked, unless the sample only came behind
 * another of the same page: Prometheus asks storage before it has stored either. */
static void
judge(struct pass *g, const struct append_result *r, size_t n)
{
    struct id_set accepted;

    if (!r->verdict)
        return;
    id_set_begin(&accepted, &g->w->cache, n);
    for (size_t i = 0; i < n; i++) {
        enum append_verdict v = (enum append_verdict)r->verdict[i];
        uint32_t line = g->w->queued[i];
        if (line == QUEUED_SILENT)
            continue;
        uint32_t id = g->c->lines[line & ~QUEUED_TIMED].id;
        if (v == APPEND_ACCEPTED) {
            id_set_add(&accepted, id);
        } else if (!id_set_has(&accepted, id)) {
            count_refusal(g, v);
            if (!(line & QUEUED_TIMED))
                cache_untrack(g->c, &g->w->cache, line);
        }
    }
}

static void
log_refusals(const struct pass *g)
{
    if (g->out_of_order) {
        METRIC_ADD(TARGET_SCRAPES_SAMPLE_OUT_OF_ORDER_TOTAL, (double)g->out_of_order);
        LOG_WARN("Error on ingesting out-of-order samples", KV("target", g->t->url),
                 KV_I64("num_dropped", g->out_of_order));
    }
    if (g->duplicate) {
        METRIC_ADD(TARGET_SCRAPES_SAMPLE_DUPLICATE_TIMESTAMP_TOTAL, (double)g->duplicate);
        LOG_WARN("Error on ingesting samples with different value but same timestamp",
                 KV("target", g->t->url), KV_I64("num_dropped", g->duplicate));
    }
    if (g->out_of_bounds) {
        METRIC_ADD(TARGET_SCRAPES_SAMPLE_OUT_OF_BOUNDS_TOTAL, (double)g->out_of_bounds);
        LOG_WARN("Error on ingesting samples that are too old or are too far into the future",
                 KV("target", g->t->url), KV_I64("num_dropped", g->out_of_bounds));
    }
    if (g->refused_series)
        LOG_WARN("New series refused: no room", KV("target", g->t->url),
                 KV_I64("num_dropped", g->refused_series));
}

static void
commit(struct pass *g)
{
    struct append_result r;
    struct err e;
    size_t n = append_count(g->w->batch);

    if (append_commit(g->w->batch, APPEND_LAZY, false, &r, &e))
        judge(g, &r, n);
    else
        LOG_ERROR("Scrape commit failed", KV("target", g->t->url), KV_ERR(&e));
}

void
page_scrape(struct page_worker *w, struct target *t, const struct page *p, struct page_result *out)
{
    CHECK_MAGIC(w, PAGE_WORKER_MAGIC);
    CHECK_MAGIC(t, TARGET_MAGIC);
    struct pass g = {.w = w, .t = t, .s = t->job->s, .c = &t->cache, .time = p->t,
                     .time_max = clock_now_ms() + LIMIT_FUTURE_MS};
    bool read = false;

    arena_clear(w->arena);
    arena_clear(w->kept);
    cache_begin(g.c, &w->cache);
    out->ok = p->failed == NULL;
    if (p->failed) {
        out->e = *p->failed;
    } else if (p->body.n > 0) {
        read = out->ok = append_page(&g, p, &out->e);
        if (!read)
            append_rollback(w->batch);
    }
    cache_each_stale(g.c, &w->cache, mark_stale, &(struct stale_marks){w, p->t});
    out->seconds = (double)(clock_mono_ns() - p->start_ns) * 1e-9;
    put_report(&g, p, out);
    commit(&g);
    cache_end(g.c, &w->cache, w->families, read);
    log_refusals(&g);
    out->scraped = g.scraped;
    out->added = g.added;
    out->series_added = g.series_added;
}

void
page_end_of_run(struct page_worker *w, const struct cache *c, const uint32_t *report, int64_t t)
{
    struct stale_marks m = {w, t};
    struct append_result r;
    struct err e;

    CHECK_MAGIC(w, PAGE_WORKER_MAGIC);
    cache_each_tracked(c, mark_stale, &m);
    for (size_t i = 0; i < REPORT_SERIES; i++)
        if (report[i])
            mark_stale(&m, report[i]);
    if (!append_commit(w->batch, APPEND_LAZY, false, &r, &e))
        LOG_WARN("Stale commit failed", KV_ERR(&e));
}
