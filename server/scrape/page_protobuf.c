/* page_protobuf.c - entries of the protobuf format: each metric as the series that a text
 * page would have for it, a native histogram as one. */
#include <math.h>

#include "base/num.h"
#include "base/panic.h"
#include "model/histogram_convert.h"
#include "server/scrape/page_priv.h"
#include "server/scrape/protobuf.h"

enum stage { STAGE_FAMILY, STAGE_HELP, STAGE_UNIT, STAGE_TYPE, STAGE_METRIC, STAGE_NATIVE,
             STAGE_SERIES, STAGE_CONVERTED };

struct proto_source {
    struct page_source base;
    str rest;                   /* of the page */
    struct arena *kept;         /* borrowed: family and metric */
    struct arena_mark page_mark, family_mark;
    bool native, classic, convert;
    enum stage stage;
    struct proto_family f;
    struct proto_metric m;
    size_t metric;              /* next of the family */
    size_t part;                /* next of the metric's series */
    struct label *labels;       /* of the sample just read, sorted */
    size_t labels_n;
};

static bool
is_histogram(const struct proto_source *s)
{
    return s->f.type == PROTO_HISTOGRAM || s->f.type == PROTO_GAUGE_HISTOGRAM;
}

static bool
is_native(const struct proto_source *s)
{
    return is_histogram(s) && s->native && proto_is_native(&s->m);
}

/* --- labels and keys --------------------------------------------------------------- */

static void
set_labels(struct proto_source *s, const char *suffix, str bound_name, double bound)
{
    struct arena *a = s->base.a;
    struct label *v = ARENA_ARRAY(a, struct label, s->m.labels_n + 2);
    size_t n = 0;
    char text[NUM_TEXT_MAX];

    v[n++] = (struct label){LABEL_NAME, arena_printf(a, "%.*s%s", STR_ARG(s->f.name), suffix)};
    for (size_t i = 0; i < s->m.labels_n; i++)
        v[n++] = s->m.labels[i];
    if (bound_name.n)
        v[n++] = (struct label){bound_name, arena_str(a, STR(text, num_format_om(bound, text)))};
    for (size_t i = 1; i < n; i++) {
        struct label x = v[i];
        size_t k = i;
        for (; k > 0 && str_cmp(x.name, v[k - 1].name) < 0; k--)
            v[k] = v[k - 1];
        v[k] = x;
    }
    s->labels = v;
    s->labels_n = n;
}

/* name FF label FF value …: no text page has such a key. */
static str
key_of(const struct proto_source *s)
{
    struct buf b = {0};

    for (size_t i = 0; i < s->labels_n; i++) {
        if (!str_eq(s->labels[i].name, LABEL_NAME)) {
            buf_byte(&b, '\xff');
            buf_put(&b, s->labels[i].name);
            buf_byte(&b, '\xff');
        }
        buf_put(&b, s->labels[i].value);
    }
    str key = arena_str(s->base.a, buf_str(&b));
    buf_free(&b);
    return key;
}

static void
fill(struct proto_source *s, struct page_entry *out, double v)
{
    *out = (struct page_entry){.key = key_of(s), .v = v, .has_t = s->m.t != 0, .t = s->m.t};
}

/* --- exemplars --------------------------------------------------------------------- */

static void
add_exemplar(struct proto_source *s, struct page_entry *out, const struct proto_exemplar *x)
{
    struct labels_builder b;
    size_t cap = out->exemplars_n;

    labels_builder_init(&b, s->base.a, LABELS_EMPTY);
    for (size_t i = 0; i < x->labels_n; i++)
        labels_builder_set(&b, x->labels[i].name, x->labels[i].value);
    arena_grow(s->base.a, &out->exemplars, &cap, out->exemplars_n + 1, sizeof out->exemplars[0]);
    out->exemplars[out->exemplars_n++] =
        (struct page_exemplar){labels_builder_done(&b), x->v, x->has_t, x->t};
}

/* A native histogram's own exemplars, else those of its classic buckets; only with a time. */
static void
add_native_exemplars(struct proto_source *s, struct page_entry *out)
{
    for (size_t i = 0; i < s->m.exemplars_n; i++)
        if (s->m.exemplars[i].has_t)
            add_exemplar(s, out, &s->m.exemplars[i]);
    for (size_t i = 0; s->m.exemplars_n == 0 && i < s->m.buckets_n; i++)
        if (s->m.buckets[i].exemplar && s->m.buckets[i].exemplar->has_t)
            add_exemplar(s, out, s->m.buckets[i].exemplar);
}

/* --- one metric -------------------------------------------------------------------- */

static double
classic_count(const struct proto_metric *m)
{
    return m->count_float != 0 ? m->count_float : (double)m->count;
}

/* Series number `part` of a summary: count, sum, quantiles; false behind the last. */
static bool
summary_part(struct proto_source *s, size_t part, struct page_entry *out)
{
    const struct proto_metric *m = &s->m;

    if (part >= m->quantiles_n + 2)
        return false;
    if (part < 2) {
        set_labels(s, part == 0 ? "_count" : "_sum", STR_EMPTY, 0);
        fill(s, out, part == 0 ? m->summary_count : m->summary_sum);
        return true;
    }
    set_labels(s, "", STRL("quantile"), m->quantiles[part - 2].quantile);
    fill(s, out, m->quantiles[part - 2].v);
    return true;
}

/* The same of a classic histogram: count, sum, buckets up to +Inf, which is made up if it
 * is not there. */
static bool
histogram_part(struct proto_source *s, size_t part, struct page_entry *out)
{
    const struct proto_metric *m = &s->m;

    if (part < 2) {
        set_labels(s, part == 0 ? "_count" : "_sum", STR_EMPTY, 0);
        fill(s, out, part == 0 ? classic_count(m) : m->sum);
        return true;
    }
    size_t i = part - 2;
    if (i > m->buckets_n || (i > 0 && m->buckets[i - 1].upper == INFINITY))
        return false;
    bool made_up = i == m->buckets_n;
    set_labels(s, "_bucket", STRL("le"), made_up ? INFINITY : m->buckets[i].upper);
    fill(s, out, made_up ? classic_count(m) : m->buckets[i].count);
    if (!made_up && m->buckets[i].exemplar)
        add_exemplar(s, out, m->buckets[i].exemplar);
    return true;
}

static bool
single_part(struct proto_source *s, size_t part, struct page_entry *out)
{
    if (part > 0)
        return false;
    set_labels(s, "", STR_EMPTY, 0);
    fill(s, out, s->f.type == PROTO_COUNTER ? s->m.counter
                 : s->f.type == PROTO_GAUGE ? s->m.gauge
                                            : s->m.untyped);
    if (s->f.type == PROTO_COUNTER && s->m.exemplar)
        add_exemplar(s, out, s->m.exemplar);
    return true;
}

static bool
next_series(struct proto_source *s, struct page_entry *out)
{
    size_t part = s->part++;

    if (s->f.type == PROTO_SUMMARY)
        return summary_part(s, part, out);
    return is_histogram(s) ? histogram_part(s, part, out) : single_part(s, part, out);
}

static bool
native(struct proto_source *s, struct page_entry *out, struct err *e)
{
    struct histogram *h;

    if (!proto_histogram(&s->m, s->f.type == PROTO_GAUGE_HISTOGRAM, s->base.a, &h, e)) {
        struct buf b = {0};
        unicode_put_quoted(&b, s->f.name);
        err_prefix(e, "histogram %s: ", buf_cstr(&b));
        buf_free(&b);
        return false;
    }
    set_labels(s, "", STR_EMPTY, 0);
    fill(s, out, 0);
    out->h = h;
    add_native_exemplars(s, out);
    return true;
}

static bool
converted(struct proto_source *s, struct page_entry *out, struct err *e)
{
    struct histogram_collector c;

    histogram_collector_init(&c, s->base.a, e);
    histogram_collector_count(&c, classic_count(&s->m));
    histogram_collector_sum(&c, s->m.sum);
    for (size_t i = 0; i < s->m.buckets_n; i++)
        histogram_collector_bucket(&c, s->m.buckets[i].upper, s->m.buckets[i].count);
    struct histogram *h = histogram_collector_done(&c, s->base.a);
    if (!h)
        return false;
    if (s->f.type == PROTO_GAUGE_HISTOGRAM)
        h->reset = RESET_GAUGE;
    set_labels(s, "", STR_EMPTY, 0);
    fill(s, out, 0);
    out->h = h;
    add_native_exemplars(s, out);
    return true;
}

/* --- families ---------------------------------------------------------------------- */

static enum metric_kind
kind_of(int64_t type)
{
    switch (type) {
    case PROTO_COUNTER: return KIND_COUNTER;
    case PROTO_GAUGE: return KIND_GAUGE;
    case PROTO_SUMMARY: return KIND_SUMMARY;
    case PROTO_HISTOGRAM: return KIND_HISTOGRAM;
    case PROTO_GAUGE_HISTOGRAM: return KIND_GAUGEHISTOGRAM;
    default: return KIND_UNKNOWN;
    }
}

static enum page_step
meta(struct proto_source *s, struct page_entry *out, enum metadata_what what, str text)
{
    enum metric_kind kind = kind_of(s->f.type);

    *out = (struct page_entry){
        .key = arena_printf(s->base.a, "#%d\xff%.*s\xff%d\xff%.*s", what, STR_ARG(s->f.name),
                            what == METADATA_TYPE ? (int)kind : 0, STR_ARG(text)),
        .meta = {.what = what, .family = s->f.name, .text = text, .kind = kind}};
    return PAGE_META;
}

static bool
check_family(const struct proto_source *s, struct err *e)
{
    const struct proto_family *f = &s->f;
    struct buf b = {0};

    if (f->name.n == 0 || !utf8_valid(f->name))
        return err_set(e, ERR_PARSE, "invalid metric name: %.*s", STR_ARG(f->name));
    unicode_put_quoted(&b, f->name);
    bool ok = true;
    if (!utf8_valid(f->help))
        ok = err_set(e, ERR_PARSE, "invalid help for metric %s: %.*s", buf_cstr(&b), STR_ARG(f->help));
    else if (f->type < PROTO_COUNTER || f->type > PROTO_GAUGE_HISTOGRAM)
        ok = err_set(e, ERR_PARSE, "unknown metric type for metric %s: %lld", buf_cstr(&b), (long long)f->type);
    buf_free(&b);
    return ok;
}

/* The next family that has metrics. */
static enum page_step
next_family(struct proto_source *s, struct err *e)
{
    bool end;

    do {
        arena_reset(s->kept, s->page_mark);
        if (!proto_next_family(&s->rest, s->kept, &s->f, &end, e))
            return end ? PAGE_END : PAGE_ERROR;
    } while (s->f.metrics_n == 0);
    s->family_mark = arena_mark(s->kept);
    s->metric = 0;
    s->stage = STAGE_HELP;
    /* The first metric is read before anything is said of the family. */
    if (!proto_read_metric(s->f.metrics[0], s->kept, &s->m, e) || !check_family(s, e))
        return PAGE_ERROR;
    return PAGE_META;
}

static bool
next_metric(struct proto_source *s, struct err *e)
{
    size_t i = s->metric++;

    if (i > 0) {
        arena_reset(s->kept, s->family_mark);
        if (!proto_read_metric(s->f.metrics[i], s->kept, &s->m, e))
            return false;
    }
    if (!proto_read_labels(&s->m, e))
        return false;
    s->part = 0;
    if (is_native(s))
        s->stage = STAGE_NATIVE;
    else if (is_histogram(s) && s->convert && !s->classic)
        s->stage = STAGE_CONVERTED;
    else
        s->stage = STAGE_SERIES;
    return true;
}

static enum page_step
proto_next(struct page_source *base, struct page_entry *out, struct err *e)
{
    struct proto_source *s = (struct proto_source *)base;

    for (;;)
        switch (s->stage) {
        case STAGE_FAMILY: {
            enum page_step step = next_family(s, e);
            if (step != PAGE_META)
                return step;
            break;
        }
        case STAGE_HELP:
            s->stage = STAGE_UNIT;
            return meta(s, out, METADATA_HELP, s->f.help);
        case STAGE_UNIT:
            s->stage = STAGE_TYPE;
            if (s->f.unit.n)
                return meta(s, out, METADATA_UNIT, s->f.unit);
            break;
        case STAGE_TYPE:
            s->stage = STAGE_METRIC;
            return meta(s, out, METADATA_TYPE, STR_EMPTY);
        case STAGE_METRIC:
            if (s->metric == s->f.metrics_n)
                s->stage = STAGE_FAMILY;
            else if (!next_metric(s, e))
                return PAGE_ERROR;
            break;
        case STAGE_NATIVE:
            s->stage = s->classic && s->m.buckets_n ? STAGE_SERIES : STAGE_METRIC;
            return native(s, out, e) ? PAGE_SAMPLE : PAGE_ERROR;
        case STAGE_SERIES:
            if (next_series(s, out))
                return PAGE_SAMPLE;
            s->stage = is_histogram(s) && s->convert && !is_native(s) ? STAGE_CONVERTED : STAGE_METRIC;
            break;
        case STAGE_CONVERTED:
            s->stage = STAGE_METRIC;
            return converted(s, out, e) ? PAGE_SAMPLE : PAGE_ERROR;
        }
}

static struct label *
proto_labels(struct page_source *base, size_t *n)
{
    struct proto_source *s = (struct proto_source *)base;

    *n = s->labels_n;
    return s->labels;
}

struct page_source *
proto_source_new(str page, const struct target *t, struct arena *a, struct arena *kept)
{
    struct proto_source *s = ARENA_NEW(kept, struct proto_source);

    s->base = (struct page_source){.next = proto_next, .labels = proto_labels, .a = a};
    s->rest = page;
    s->kept = kept;
    s->page_mark = arena_mark(kept);
    s->native = t->native;
    s->classic = t->classic;
    s->convert = t->nhcb;
    return &s->base;
}
