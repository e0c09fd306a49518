#include "server/scrape/target.h"

#include <math.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/panic.h"
#include "base/url.h"
#include "model/histogram.h"

#define ADDRESS STRL("__address__")
#define SCHEME STRL("__scheme__")
#define PATH STRL("__metrics_path__")
#define INTERVAL STRL("__scrape_interval__")
#define TIMEOUT STRL("__scrape_timeout__")
#define PARAM STRL("__param_")
#define META STRL("__meta_")
#define NHCB STRL("__convert_classic_histograms_to_nhcb__")
#define CLASSIC STRL("__always_scrape_classic_histograms__")
#define NATIVE STRL("__scrape_native_histograms__")

/* --- labels ------------------------------------------------------------------------ */

static str
duration_text(struct arena *a, int64_t ms)
{
    struct buf b = {0};

    num_put_duration_ms(&b, ms);
    str s = arena_str(a, buf_str(&b));
    buf_free(&b);
    return s;
}

static str
bool_text(enum config_opt v)
{
    return v == CONFIG_TRUE ? STRL("true") : STRL("false");
}

static void
set_default(struct labels_builder *b, str name, str value)
{
    if (labels_builder_get(b, name).n == 0)
        labels_builder_set(b, name, value);
}

struct labels
target_discovered(const struct config_scrape *s, struct labels group, struct labels own,
                  struct arena *a)
{
    struct labels_builder b;

    labels_builder_init(&b, a, own);
    for (size_t i = 0; i < group.n; i++)
        if (!labels_has(own, group.v[i].name))
            labels_builder_set(&b, group.v[i].name, group.v[i].value);
    set_default(&b, STRL("job"), s->job_name);
    set_default(&b, INTERVAL, duration_text(a, s->scrape_interval_ms));
    set_default(&b, TIMEOUT, duration_text(a, s->scrape_timeout_ms));
    set_default(&b, PATH, s->metrics_path);
    set_default(&b, SCHEME, s->scheme);
    set_default(&b, NHCB, bool_text(s->convert_classic_histograms_to_nhcb));
    set_default(&b, CLASSIC, bool_text(s->always_scrape_classic_histograms));
    set_default(&b, NATIVE, bool_text(s->scrape_native_histograms));
    for (size_t i = 0; i < s->params.n; i++) {
        const struct config_multi *p = &s->params.v[i];
        if (p->values.n)
            set_default(&b, arena_printf(a, "__param_%.*s", STR_ARG(p->key)), p->values.v[0]);
    }
    return labels_builder_done(&b);
}

static const char *
quoted(struct arena *a, str s)
{
    struct buf b = {0};

    unicode_put_quoted(&b, s);
    const char *c = arena_cstr(a, buf_str(&b));
    buf_free(&b);
    return c;
}

static bool
check_duration(struct labels_builder *b, str label, const char *what, int64_t *out, struct err *e)
{
    if (!num_parse_duration_ms(labels_builder_get(b, label), out, e))
        return err_prefix(e, "error parsing scrape %s: ", what);
    if (*out == 0)
        return err_set(e, ERR_BAD_DATA, "scrape %s cannot be 0", what);
    return true;
}

/* strconv.ParseBool. */
static bool
parse_bool(str s, bool *out)
{
    static const char *const words[2][6] = {{"0", "f", "F", "FALSE", "false", "False"},
                                            {"1", "t", "T", "TRUE", "true", "True"}};
    for (int v = 0; v < 2; v++)
        for (size_t i = 0; i < 6; i++)
            if (str_eq(s, str_of(words[v][i]))) {
                *out = v;
                return true;
            }
    return false;
}

static bool
check_bool(struct labels_builder *b, str label, const char *what, struct err *e)
{
    str v = labels_builder_get(b, label);
    bool ignored;

    if (v.n == 0 || parse_bool(v, &ignored))
        return true;
    return err_set(e, ERR_BAD_DATA, "error parsing %s: strconv.ParseBool: parsing %s: invalid syntax", what,
                   quoted(b->a, v));
}

static bool
check(struct labels_builder *b, struct err *e)
{
    str address = labels_builder_get(b, ADDRESS);
    int64_t interval, timeout;

    if (address.n == 0)
        return err_set(e, ERR_BAD_DATA, "no address");
    if (str_find_char(address, '/', 0) >= 0)
        return err_set(e, ERR_BAD_DATA, "%s is not a valid hostname", quoted(b->a, address));
    if (!check_duration(b, INTERVAL, "interval", &interval, e) ||
        !check_duration(b, TIMEOUT, "timeout", &timeout, e))
        return false;
    if (timeout > interval)
        return err_set(e, ERR_BAD_DATA, "scrape timeout cannot be greater than scrape interval (%s > %s)",
                       quoted(b->a, labels_builder_get(b, TIMEOUT)),
                       quoted(b->a, labels_builder_get(b, INTERVAL)));
    return check_bool(b, NHCB, "convert classic histograms to nhcb", e) &&
           check_bool(b, CLASSIC, "always scrape classic histograms", e) &&
           check_bool(b, NATIVE, "scrape native histograms", e);
}

bool
target_relabel(const struct config_scrape *s, struct labels discovered, struct arena *a,
               struct labels *out, struct err *e)
{
    struct labels_builder b;

    *out = LABELS_EMPTY;
    labels_builder_init(&b, a, discovered);
    if (!relabel_apply(s->relabel.v, s->relabel.n, &b))
        return true;
    if (!check(&b, e))
        return false;
    struct labels all = labels_builder_done(&b);
    for (size_t i = 0; i < all.n; i++)
        if (str_starts(all.v[i].name, META))
            labels_builder_del(&b, all.v[i].name);
    set_default(&b, STRL("instance"), labels_builder_get(&b, ADDRESS));
    all = labels_builder_done(&b);
    for (size_t i = 0; i < all.n; i++)
        if (!utf8_valid(all.v[i].value))
            return err_set(e, ERR_BAD_DATA, "invalid label value for %s: %s", quoted(a, all.v[i].name),
                           quoted(a, all.v[i].value));
    *out = all;
    return true;
}

/* --- URLs -------------------------------------------------------------------------- */

struct param {
    str key;
    const struct config_strs *values; /* NULL: only first */
    str first;                        /* p NULL: as configured */
};

static int
by_key(const void *x, const void *y)
{
    return str_cmp(((const struct param *)x)->key, ((const struct param *)y)->key);
}

static size_t
collect_params(const struct config_scrape *s, struct labels labels, struct param *v)
{
    size_t n = 0;

    for (size_t i = 0; i < s->params.n; i++)
        v[n++] = (struct param){.key = s->params.v[i].key, .values = &s->params.v[i].values};
    for (size_t i = 0; i < labels.n; i++) {
        if (!str_starts(labels.v[i].name, PARAM))
            continue;
        str key = str_from(labels.v[i].name, PARAM.n);
        size_t k = 0;
        while (k < n && !str_eq(v[k].key, key))
            k++;
        if (k == n)
            v[n++] = (struct param){.key = key};
        v[k].first = labels.v[i].value;
    }
    qsort(v, n, sizeof v[0], by_key);
    return n;
}

static void
put_param(struct buf *b, str key, str value)
{
    if (b->n)
        buf_byte(b, '&');
    url_put_query_escaped(b, key);
    buf_byte(b, '=');
    url_put_query_escaped(b, value);
}

str
target_url(const struct config_scrape *s, struct labels labels, struct arena *a)
{
    struct buf query = {0};
    struct param *v = ARENA_ARRAY(a, struct param, s->params.n + labels.n + 1);
    size_t n = collect_params(s, labels, v);

    for (size_t i = 0; i < n; i++) {
        size_t count = v[i].values ? v[i].values->n : 0;
        if (v[i].first.p)
            put_param(&query, v[i].key, v[i].first);
        for (size_t k = v[i].first.p ? 1 : 0; k < count; k++)
            put_param(&query, v[i].key, v[i].values->v[k]);
    }
    struct url u = {
        .scheme = labels_get(labels, SCHEME),
        .host = labels_get(labels, ADDRESS),
        .path = labels_get(labels, PATH),
        .query = arena_str(a, buf_str(&query)),
    };
    buf_free(&query);
    return url_text(&u, a, false);
}

uint64_t
target_hash(struct labels labels, str url)
{
    struct buf b = {0};

    buf_printf(&b, "%016llu", (unsigned long long)labels_hash_stable(labels));
    buf_put(&b, url);
    uint64_t hash = hash_fnv64a(buf_str(&b));
    buf_free(&b);
    return hash;
}

/* --- jobs -------------------------------------------------------------------------- */

static const char *
escaping_name(enum config_escaping x)
{
    switch (x) {
    case ESCAPING_UNDERSCORES: return "underscores";
    case ESCAPING_DOTS: return "dots";
    case ESCAPING_VALUES: return "values";
    case ESCAPING_UNSET:
    case ESCAPING_ALLOW_UTF8: break;
    }
    return "allow-utf-8";
}

/* The protocols in the order of preference, then anything. */
static char *
accept_header(const struct config_scrape *s)
{
    struct buf b = {0};
    int weight = 6;

    for (size_t i = 0; i < s->protocols_n; i++) {
        enum config_protocol p = s->protocols[i];
        buf_put(&b, str_of(config_protocol_media_type(p)));
        if (p == PROTOCOL_PROMETHEUS_TEXT_1_0_0 || p == PROTOCOL_OPENMETRICS_TEXT_1_0_0)
            buf_printf(&b, ";escaping=%s", escaping_name(s->escaping));
        buf_printf(&b, ";q=0.%d,", weight--);
    }
    buf_printf(&b, "*/*;q=0.%d", weight);
    return buf_cstr(&b);
}

/* The finest schema whose buckets grow by at least the factor. */
static int
schema_of_factor(double factor)
{
    double schema = floor(-log2(log2(factor <= 1 ? 1.00271 : factor)));

    return schema >= HISTOGRAM_SCHEMA_MAX   ? HISTOGRAM_SCHEMA_MAX
           : schema <= HISTOGRAM_SCHEMA_MIN ? HISTOGRAM_SCHEMA_MIN
                                            : (int)schema;
}

bool
job_new(struct job **out, struct config *c, const struct config_scrape *s,
        struct failure_log *failures, struct err *e)
{
    struct http_client *client;

    if (!http_client_new(&client, &s->http, e))
        return err_prefix(e, "error creating HTTP client: ");
    struct job *j = MEM_NEW(struct job);
    j->magic = JOB_MAGIC;
    atomic_init(&j->refs, 1);
    j->c = config_ref(c);
    j->s = s;
    j->client = client;
    j->accept = accept_header(s);
    j->failures = failures ? failure_log_ref(failures) : NULL;
    j->max_schema = schema_of_factor(s->native_histogram_min_bucket_factor);
    *out = j;
    return true;
}

struct job *
job_ref(struct job *j)
{
    CHECK_MAGIC(j, JOB_MAGIC);
    atomic_fetch_add(&j->refs, 1);
    return j;
}

void
job_unref(struct job **out)
{
    struct job *j = *out;

    *out = NULL;
    if (!j)
        return;
    CHECK_MAGIC(j, JOB_MAGIC);
    if (atomic_fetch_sub(&j->refs, 1) != 1)
        return;
    http_client_unref(&j->client);
    config_unref(&j->c);
    mem_free(j->accept);
    failure_log_unref(&j->failures);
    j->magic = 0;
    mem_free(j);
}

/* --- targets ----------------------------------------------------------------------- */

static bool
is_private(str name)
{
    return str_starts(name, STRL("__"));
}

/* Labels in one block: their array, the array of the public ones, the strings. */
static void
own_labels(struct target *t, struct labels from)
{
    size_t bytes = 0, public_n = 0;

    for (size_t i = 0; i < from.n; i++) {
        bytes += from.v[i].name.n + from.v[i].value.n;
        public_n += !is_private(from.v[i].name);
    }
    struct label *v = mem_alloc((from.n + public_n) * sizeof *v + bytes + 1);
    struct label *public = v + from.n;
    char *at = (char *)(public + public_n);
    t->labels = (struct labels){v, from.n};
    t->public = (struct labels){public, public_n};
    for (size_t i = 0; i < from.n; i++) {
        str name = from.v[i].name, value = from.v[i].value;
        v[i] = (struct label){STR(at, name.n), STR(at + name.n, value.n)};
        memcpy(at, name.p, name.n);
        memcpy(at + name.n, value.p, value.n);
        at += name.n + value.n;
        if (!is_private(name))
            *public++ = v[i];
    }
}

static bool
bool_label(struct labels ls, str name, enum config_opt otherwise)
{
    bool v;

    return parse_bool(labels_get(ls, name), &v) ? v : otherwise == CONFIG_TRUE;
}

struct target *
target_new(struct labels labels, str url, uint64_t hash, struct job *j)
{
    struct target *t = MEM_NEW(struct target);
    struct err e;

    t->magic = TARGET_MAGIC;
    atomic_init(&t->refs, 1);
    own_labels(t, labels);
    t->url = mem_cstr(url);
    t->hash = hash;
    t->lasting = hash_mix(labels_hash(t->public), hash64(str_of(t->url)));
    t->job = job_ref(j);
    t->heap_at = SIZE_MAX;
    CHECK(num_parse_duration_ms(labels_get(labels, INTERVAL), &t->interval_ms, &e));
    CHECK(num_parse_duration_ms(labels_get(labels, TIMEOUT), &t->timeout_ms, &e));
    t->native = bool_label(labels, NATIVE, j->s->scrape_native_histograms);
    t->classic = bool_label(labels, CLASSIC, j->s->always_scrape_classic_histograms);
    t->nhcb = bool_label(labels, NHCB, j->s->convert_classic_histograms_to_nhcb);
    return t;
}

struct target *
target_ref(struct target *t)
{
    CHECK_MAGIC(t, TARGET_MAGIC);
    atomic_fetch_add(&t->refs, 1);
    return t;
}

void
target_unref(struct target **out)
{
    struct target *t = *out;

    *out = NULL;
    if (!t)
        return;
    CHECK_MAGIC(t, TARGET_MAGIC);
    if (atomic_fetch_sub(&t->refs, 1) != 1)
        return;
    CHECK(t->cache.lines == NULL); /* the shard has taken it */
    job_unref(&t->job);
    mem_free((void *)(uintptr_t)t->labels.v);
    mem_free(t->url);
    mem_free(t->forced_error);
    mem_free(t->last_error);
    t->magic = 0;
    mem_free(t);
}

int64_t
target_offset_ns(const struct target *t, int64_t now_ns, uint64_t seed)
{
    int64_t interval = t->interval_ms * 1000000;
    int64_t base = interval - now_ns % interval;
    int64_t next = base + (int64_t)((t->hash ^ seed) % (uint64_t)interval);

    return next > interval ? next - interval : next;
}
