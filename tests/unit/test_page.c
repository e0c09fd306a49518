/* Pages through the cache into storage, against a naive model of what Prometheus' cache
 * and pipeline would do: maps by text, no positions. */
#include "tests/unit/unit.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "model/sample.h"
#include "server/scrape/page.h"
#include "storage/select.h"

#define T0 INT64_C(1700000000000)

struct rig {
    struct config *c;
    struct job *j;
    struct tsdb *db;
    struct mutex mu;
    struct family_pool families;
    struct page_worker *w;
    struct target *t;
};

static void
rig_open(struct rig *r, const char *job_yaml)
{
    struct err e;
    struct buf b = {0};
    struct tsdb_opts o;
    struct arena *a = arena_new();
    struct labels labels;

    *r = (struct rig){0};
    clock_fake_set_ms(T0);
    buf_printf(&b, "scrape_configs:\n- job_name: j\n  static_configs: [{targets: ['x:1']}]\n%s", job_yaml);
    if (!config_parse(buf_str(&b), "/", &(struct config_opts){0}, &r->c, &e) ||
        !job_new(&r->j, r->c, r->c->jobs[0], NULL, &e))
        ck_abort_msg("%s", e.text);
    tsdb_opts_default(&o);
    o.dir = NULL;
    ck_assert(tsdb_open(&r->db, &o, &e));
    mutex_init(&r->mu, LOCK_SCRAPE_SHARD);
    r->families.mu = &r->mu;
    r->w = page_worker_new(&(struct page_worker_opts){.db = r->db, .families = &r->families});
    const struct label own[] = {{STRL("__address__"), STRL("x:1")}};
    struct labels found =
        target_discovered(r->j->s, LABELS_EMPTY, (struct labels){own, ARRAY_LEN(own)}, a);
    ck_assert(target_relabel(r->j->s, found, a, &labels, &e));
    str url = target_url(r->j->s, labels, a);
    r->t = target_new(labels, url, target_hash(labels, url), r->j);
    arena_free(&a);
    buf_free(&b);
}

static void
rig_close(struct rig *r)
{
    cache_fini(&r->t->cache, &r->families);
    target_unref(&r->t);
    page_worker_free(&r->w);
    family_pool_fini(&r->families);
    tsdb_close(&r->db);
    job_unref(&r->j);
    config_unref(&r->c);
    mutex_fini(&r->mu);
    clock_fake_off();
}

static struct page_result
scrape_typed(struct rig *r, int64_t t, const char *body, const char *type)
{
    static struct page_result out;
    char *exact = mem_cstr(str_of(body));
    struct page p = {.t = T0 + t, .start_ns = clock_mono_ns(), .body = str_of(exact),
                     .content_type = str_of(type), .body_bytes = (int64_t)strlen(body)};

    page_scrape(r->w, r->t, &p, &out);
    mem_free(exact);
    return out;
}

static struct page_result
scrape(struct rig *r, int64_t t, const char *body)
{
    return scrape_typed(r, t, body, "text/plain");
}

/* All samples as text: "name{labels} t=v t=v …" a line, without the times of scrapes;
 * stale markers as S. */
static void
dump(struct rig *r, const char *metric, struct buf *out)
{
    struct matcher m;
    struct view *v;
    struct err e;
    struct arena *a = arena_new();

    ck_assert(matcher_init(&m, metric ? MATCH_EQ : MATCH_NRE, LABEL_NAME,
                           metric ? str_of(metric) : STRL("up|scrape_.*"), &e));
    struct selection_spec spec = {&m, 1, INT64_MIN, INT64_MAX};
    ck_assert(view_open(&v, r->db, &spec, 1, 0, &e));
    struct selection s = view_selection(v, 0);
    for (size_t i = 0; i < s.n; i++) {
        struct column c;
        labels_put_metric(out, s.v[i].labels);
        ck_assert(view_read(v, 0, &s.v[i], INT64_MIN, INT64_MAX, a, &c, &e));
        for (size_t k = 0; k < c.n; k++) {
            buf_printf(out, " %lld=", (long long)(c.t[k] - T0));
            if (value_is_stale(c.v[k]))
                buf_byte(out, 'S');
            else
                buf_printf(out, "%g", c.v[k]);
        }
        buf_byte(out, '\n');
    }
    view_close(&v);
    matcher_fini(&m);
    arena_free(&a);
}

static void
expect(struct rig *r, const char *metric, const char *want)
{
    struct buf b = {0};
    dump(r, metric, &b);
    ck_str(buf_str(&b), str_of(want));
    buf_free(&b);
}

#define JI "instance=\"x:1\", job=\"j\""

START_TEST(test_samples_and_staleness)
{
    struct rig r;
    rig_open(&r, "");
    struct page_result p = scrape(&r, 0, "# HELP a b\n# TYPE a gauge\na 1\nb{x=\"y\"} 2\n");
    ck_assert(p.ok);
    ck_assert_uint_eq(p.scraped, 2);
    ck_assert_uint_eq(p.series_added, 2);
    p = scrape(&r, 10, "# HELP a b\n# TYPE a gauge\na 3\nb{x=\"y\"} 2\n");
    ck_assert_uint_eq(p.series_added, 0);
    p = scrape(&r, 20, "b{x=\"y\"} 4\nc 5\n");
    ck_assert_uint_eq(p.series_added, 1);
    p = scrape(&r, 30, "b{x=\"y\"} 4\nc 5\nb{x= 3");
    ck_assert(!p.ok);
    ck_assert_uint_eq(p.scraped, 2);
    p = scrape(&r, 40, "");
    ck_assert(p.ok);
    expect(&r, NULL,
           "a{" JI "} 0=1 10=3 20=S\n"
           "b{" JI ", x=\"y\"} 0=2 10=2 20=4 40=S\n"
           "c{" JI "} 20=5 40=S\n");
    expect(&r, "up", "up{" JI "} 0=1 10=1 20=1 30=0 40=1\n");
    expect(&r, "scrape_samples_scraped", "scrape_samples_scraped{" JI "} 0=2 10=2 20=2 30=2 40=0\n");
    expect(&r, "scrape_series_added", "scrape_series_added{" JI "} 0=2 10=0 20=1 30=0 40=0\n");
    rig_close(&r);
}
END_TEST

START_TEST(test_conflicts_and_order)
{
    struct rig r;
    rig_open(&r, "");
    scrape(&r, 0, "a{job=\"k\",exported_job=\"l\",instance=\"\"} 1\na{x=\"1\",y=\"2\"} 1\na{y=\"2\",x=\"1\"} 2\n");
    /* One of the two spellings of a series goes: it is still there. */
    scrape(&r, 10, "a{y=\"2\",x=\"1\"} 3\n");
    scrape(&r, 20, "z 1\n");
    expect(&r, "a",
           "a{exported_exported_job=\"k\", exported_job=\"l\", " JI "} 0=1 10=S\n"
           "a{" JI ", x=\"1\", y=\"2\"} 0=1 10=3 20=S\n");
    expect(&r, "scrape_series_added", "scrape_series_added{" JI "} 0=3 10=0 20=1\n");
    rig_close(&r);

    rig_open(&r, "  honor_labels: true\n");
    scrape(&r, 0, "a{job=\"k\",instance=\"\"} 1\n");
    expect(&r, "a", "a{job=\"k\"} 0=1\n");
    rig_close(&r);
}
END_TEST

START_TEST(test_timestamps)
{
    struct rig r;
    rig_open(&r, "");
    scrape(&r, 100000, "a 1 1700000000050\nb 1\n");
    scrape(&r, 110000, "b 1\n");
    scrape(&r, 120000, "b 1 1700000110500\n");
    expect(&r, "a", "a{" JI "} 50=1\n");
    expect(&r, "b", "b{" JI "} 100000=1 110000=1 110500=1 120000=S\n");
    rig_close(&r);

    rig_open(&r, "  track_timestamps_staleness: true\n");
    scrape(&r, 100000, "a 1 1700000000050\n");
    scrape(&r, 110000, "a 1 1700000000050\n"); /* the same sample: still there */
    scrape(&r, 120000, "a 2 1700000000050\n"); /* another at its time: refused */
    expect(&r, "a", "a{" JI "} 50=1 120000=S\n");
    rig_close(&r);

    rig_open(&r, "  honor_timestamps: false\n");
    scrape(&r, 100000, "a 1 1700000000050\n");
    scrape(&r, 110000, "b 1 1700000000050\n");
    expect(&r, NULL, "a{" JI "} 100000=1 110000=S\nb{" JI "} 110000=1\n");
    rig_close(&r);
}
END_TEST

static void
fails(const char *yaml, const char *body, const char *error)
{
    struct rig r;
    rig_open(&r, yaml);
    struct page_result p = scrape(&r, 0, body);
    ck_assert(!p.ok);
    ck_str(err_str(&p.e), str_of(error));
    expect(&r, NULL, "");
    expect(&r, "up", "up{" JI "} 0=0\n");
    rig_close(&r);
}

START_TEST(test_limits)
{
    fails("  sample_limit: 2\n", "a 1\nb 1\nc 1\n", "sample limit exceeded");
    fails("  label_limit: 3\n", "a{b=\"c\"} 1\n",
          "label_limit exceeded (metric: a, number of labels: 4, limit: 3)");
    fails("  label_name_length_limit: 8\n", "a{bbbbbbbbb=\"c\"} 1\n",
          "label_name_length_limit exceeded (metric: a, label name: bbbbbbbbb, length: 9, limit: 8)");
    fails("  label_value_length_limit: 4\n", "a{b=\"ccccc\"} 1\n",
          "label_value_length_limit exceeded (metric: a, label name: b, value: \"ccccc\", length: 5, limit: 4)");
    fails("  metric_name_validation_scheme: legacy\n  metric_name_escaping_scheme: underscores\n",
          "{\"a.b\"} 1\n",
          "invalid metric name or label names: {__name__=\"a.b\", " JI "}");
    fails("  metric_relabel_configs: [{action: labeldrop, regex: __name__}]\n", "a 1\n",
          "missing metric name (__name__ label)");
    fails("", "a{b=\"1\",b=\"2\"} 1\n", "label name \"b\" is not unique: invalid sample");
}
END_TEST

START_TEST(test_content_types)
{
    static const struct {
        const char *type, *error;
    } cases[] = {
        {"text/plain; version=0.0.4; charset=utf-8", NULL},
        {"TEXT/Plain", NULL},
        {"text/plain;;", "cannot parse Content-Type \"text/plain;;\" and no fallback_scrape_protocol for "
                         "target\nmime: invalid media parameter"},
        {"text/plain;", NULL},
        {"text/plain; a=b; a=c", "cannot parse Content-Type \"text/plain; a=b; a=c\" and no "
                                 "fallback_scrape_protocol for target\nmime: duplicate parameter name"},
        {"text/plain; version=\"0.0.4", "cannot parse Content-Type \"text/plain; version=\\\"0.0.4\" and no "
                                        "fallback_scrape_protocol for target\nmime: invalid media parameter"},
        {"text", "received unsupported Content-Type \"text\" and no fallback_scrape_protocol specified for target"},
        {"", "non-compliant scrape target sending blank Content-Type and no fallback_scrape_protocol "
             "specified for target"},
        {"text /plain", "cannot parse Content-Type \"text /plain\" and no fallback_scrape_protocol for "
                        "target\nmime: expected slash after first token"},
        {"*/*", "received unsupported Content-Type \"*/*\" and no fallback_scrape_protocol specified for target"},
    };
    struct rig r;
    rig_open(&r, "");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct page_result p = scrape_typed(&r, (int64_t)i * 10, "a 1\n", cases[i].type);
        ck_assert_msg(p.ok == !cases[i].error, "%s: %s", cases[i].type, p.ok ? "taken" : p.e.text);
        if (cases[i].error)
            ck_str(err_str(&p.e), str_of(cases[i].error));
    }
    ck_assert(scrape_typed(&r, 1000, "", "").ok);
    rig_close(&r);
    rig_open(&r, "  fallback_scrape_protocol: OpenMetricsText1.0.0\n");
    ck_assert(scrape_typed(&r, 0, "a 1\n# EOF\n", "text/html").ok);
    ck_assert(!scrape_typed(&r, 10, "a 1\n", "").ok);
    rig_close(&r);
}
END_TEST

/* --- the naive model --------------------------------------------------------------- */

struct entry {
    char text[32];
    int series;        /* -1: dropped */
    int seen;          /* pass */
};
struct model {
    struct entry entries[200];
    int n, pass;
    bool cur[64], prev[64]; /* tracked series */
    bool exists[64];
    int64_t newest[64];
    double value[64];
    bool has[64];
    struct buf samples[64];
    size_t scraped, added, series_added;
};

struct page_line {
    int series, spelling;
    double v;
    int64_t t; /* 0: none */
    bool bad;
};

/* Series k is a{k="K"}, of which spelling 1 has an empty label too; every seventh is
 * dropped by relabelling. */
static void
put_text(char *out, size_t n, const struct page_line *l)
{
    const char *name = l->series % 7 == 6 ? "drop" : "a";
    snprintf(out, n, l->spelling ? "%s{k=\"%d\",e=\"\"}" : "%s{k=\"%d\"}", name, l->series);
}

static struct entry *
model_find(struct model *m, const char *text)
{
    for (int i = 0; i < m->n; i++)
        if (strcmp(m->entries[i].text, text) == 0)
            return &m->entries[i];
    return NULL;
}

static void
model_store(struct model *m, int s, int64_t t, double v)
{
    if (m->has[s] && t <= m->newest[s])
        return;
    m->has[s] = true;
    m->newest[s] = t;
    m->value[s] = v;
    buf_printf(&m->samples[s], " %lld=", (long long)(t - T0));
    if (value_is_stale(v))
        buf_byte(&m->samples[s], 'S');
    else
        buf_printf(&m->samples[s], "%g", v);
}

static bool
model_accepts(const struct model *m, int s, int64_t t, double v)
{
    return !m->has[s] || t > m->newest[s] ||
           (t == m->newest[s] && f64_bits(v) == f64_bits(m->value[s]));
}

struct queued {
    int s;
    int64_t t;
    double v;
};

static void
model_flush(struct model *m)
{
    int kept = 0;
    for (int i = 0; i < m->n; i++)
        if (m->entries[i].seen == m->pass)
            m->entries[kept++] = m->entries[i];
    m->n = kept;
}

static void
model_scrape(struct model *m, const struct page_line *v, size_t n, int64_t t, bool track)
{
    struct queued q[256];
    size_t q_n = 0;
    bool failed = false;

    m->scraped = m->added = m->series_added = 0;
    m->pass++;
    for (size_t i = 0; i < n && !failed; i++) {
        char text[32];
        if (v[i].bad) {
            failed = true;
            break;
        }
        put_text(text, sizeof text, &v[i]);
        int64_t at = v[i].t ? v[i].t : t;
        struct entry *e = model_find(m, text);
        bool known = e != NULL, again = e && e->seen == m->pass;
        m->scraped++;
        if (e)
            e->seen = m->pass;
        if (v[i].series % 7 == 6) {
            if (!e) {
                m->entries[m->n] = (struct entry){.series = -1, .seen = m->pass};
                strcpy(m->entries[m->n++].text, text);
            }
            continue;
        }
        m->added++;
        if (again && !v[i].t)
            continue;
        if (!model_accepts(m, v[i].series, at, v[i].v))
            continue;
        q[q_n++] = (struct queued){v[i].series, at, v[i].v};
        if (!known) {
            m->entries[m->n] = (struct entry){.series = v[i].series, .seen = m->pass};
            strcpy(m->entries[m->n++].text, text);
            m->series_added++;
        }
        if (!v[i].t || track)
            m->cur[v[i].series] = true;
    }
    if (failed)
        q_n = 0;
    for (size_t i = 0; i < q_n; i++)
        model_store(m, q[i].s, q[i].t, q[i].v);
    for (int s = 0; s < 64; s++)
        if (m->prev[s] && !m->cur[s])
            model_store(m, s, t, value_stale());
    if (!failed && n > 0)
        model_flush(m);
    memcpy(m->prev, m->cur, sizeof m->prev);
    memset(m->cur, 0, sizeof m->cur);
}

static size_t
random_page(struct page_line *v, size_t n, int64_t t)
{
    /* Most pages are like the one before. */
    switch (rng_below(8)) {
    case 0:
        n = 0;
        break;
    case 1:
        if (n < 60) {
            size_t at = rng_below(n + 1);
            memmove(v + at + 1, v + at, (n - at) * sizeof *v);
            v[at] = (struct page_line){.series = (int)rng_below(40), .spelling = rng_below(4) == 0};
            n++;
        }
        break;
    case 2:
        if (n) {
            size_t at = rng_below(n);
            memmove(v + at, v + at + 1, (n - at - 1) * sizeof *v);
            n--;
        }
        break;
    case 3:
        for (size_t i = 0; i + 1 < n && rng_below(2); i++) {
            size_t k = rng_below(n);
            struct page_line x = v[i];
            v[i] = v[k];
            v[k] = x;
        }
        break;
    case 4:
        while (n < 20)
            v[n++] = (struct page_line){.series = (int)rng_below(40), .spelling = rng_below(4) == 0};
        break;
    default:
        break;
    }
    for (size_t i = 0; i < n; i++) {
        v[i].v = (double)rng_below(5);
        v[i].bad = rng_below(100) == 0;
        v[i].t = rng_below(12) == 0 ? t - 30 + (int64_t)rng_below(40) : 0;
    }
    return n;
}

static void
ck_same_lines(const char *got, const char *want)
{
    while (*got || *want) {
        size_t g = strcspn(got, "\n"), w = strcspn(want, "\n"), k = 0;
        while (k < g && k < w && got[k] == want[k])
            k++;
        if (g != w || k != g) {
            size_t from = k > 60 ? k - 60 : 0;
            ck_abort_msg("%.40s\n got …%.200s\nwant …%.200s", want, got + from, want + from);
        }
        got += g + (got[g] != '\0');
        want += w + (want[w] != '\0');
    }
}

static void
random_run(bool track)
{
    struct rig r;
    static struct model m;
    struct page_line v[64];
    size_t n = 0;
    struct buf body = {0}, want = {0}, got = {0};

    memset(&m, 0, sizeof m);
    rig_open(&r, track ? "  track_timestamps_staleness: true\n"
                         "  metric_relabel_configs: [{source_labels: [__name__], regex: drop, action: drop}]\n"
                       : "  metric_relabel_configs: [{source_labels: [__name__], regex: drop, action: drop}]\n");
    for (int i = 0; i < 400; i++) {
        int64_t t = T0 + i * 10;
        n = random_page(v, n, t);
        buf_clear(&body);
        if (n && rng_below(2))
            buf_lit(&body, "# HELP a help\n# TYPE a gauge\n");
        for (size_t k = 0; k < n; k++) {
            char text[32];
            put_text(text, sizeof text, &v[k]);
            buf_printf(&body, "%s %s%g", text, v[k].bad ? "x" : "", v[k].v);
            if (v[k].t)
                buf_printf(&body, " %lld", (long long)v[k].t);
            buf_byte(&body, '\n');
        }
        struct page_result p = scrape(&r, t - T0, buf_cstr(&body));
        model_scrape(&m, v, n, t, track);
        if (p.scraped != m.scraped || p.added != m.added || p.series_added != m.series_added)
            ck_abort_msg("pass %d: scraped %zu/%zu added %zu/%zu series %zu/%zu\n%s", i, p.scraped, m.scraped,
                         p.added, m.added, p.series_added, m.series_added, buf_cstr(&body));
    }
    dump(&r, "a", &got);
    for (int s = 0; s < 64; s++) {
        /* In the order of label values, as selected. */
        static int order[64];
        for (int k = 0; s == 0 && k < 64; k++)
            order[k] = k;
        for (int x = 0; s == 0 && x < 64; x++)
            for (int y = x + 1; y < 64; y++) {
                char a[8], b[8];
                snprintf(a, sizeof a, "%d", order[x]);
                snprintf(b, sizeof b, "%d", order[y]);
                if (strcmp(a, b) > 0) {
                    int z = order[x];
                    order[x] = order[y];
                    order[y] = z;
                }
            }
        if (m.samples[order[s]].n)
            buf_printf(&want, "a{" JI ", k=\"%d\"}%s\n", order[s], buf_cstr(&m.samples[order[s]]));
    }
    ck_same_lines(buf_cstr(&got), buf_cstr(&want));
    for (int s = 0; s < 64; s++)
        buf_free(&m.samples[s]);
    buf_free(&body);
    buf_free(&got);
    buf_free(&want);
    rig_close(&r);
}

START_TEST(test_random)
{
    unit_seed();
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
    for (int i = 0; i < 20; i++)
        random_run(i % 2);
}
END_TEST

UNIT_MAIN("page", test_samples_and_staleness, test_conflicts_and_order, test_timestamps, test_limits,
          test_content_types, test_random)
