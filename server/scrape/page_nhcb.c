/* page_nhcb.c - classic histograms of a text page made native, with custom buckets.
 *
 * A source over a source.  Series of a histogram (name_bucket, name_sum, name_count below
 * `TYPE name histogram`) that follow one another with the same labels are collected; when
 * something else comes, the histogram made of them comes before it.  The series themselves
 * are kept only on request.
 */
#include <math.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/panic.h"
#include "model/histogram_convert.h"
#include "server/scrape/page_priv.h"

#define LE STRL("le")
/* More bounds than this are no histogram; sorting them in would take for ever. */
#define BUCKETS_MAX 65536

/* The exemplars of the histogram being collected, kept as Prometheus keeps them: places
 * are used again without being cleared, so that an exemplar without a time has that of the
 * last one in its place, and after a histogram that could not be made the next one's come
 * behind the places that count. */
struct places {
    struct page_exemplar *v;
    size_t n, cap;   /* taken, room */
    size_t count;    /* filled, of this histogram */
};

enum nhcb_state { NHCB_START, NHCB_COLLECTING, NHCB_EMITTING };

struct nhcb_source {
    struct page_source base;
    struct text_source *inner;   /* borrowed */
    struct arena *kept;          /* borrowed; labels of exemplars, for the whole page */
    bool keep_classic;
    enum nhcb_state state;
    /* the entry read last, and its labels if it is a sample */
    enum page_step step;
    struct page_entry entry;
    struct labels labels;
    bool emitting;               /* labels() is asked for those of the histogram */
    /* the last TYPE */
    str family;
    enum metric_kind kind;
    /* the histogram being collected */
    struct histogram_collector c;
    struct err ce;
    str name;
    uint64_t labels_hash;
    struct labels hist_labels;
    struct places exemplars;
};

bool
nhcb_idle(const struct nhcb_source *s)
{
    return s->state == NHCB_START && s->kind != KIND_HISTOGRAM;
}

/* In the order of names, with all there is: an empty label tells two histograms apart. */
static struct labels
sorted(struct label *v, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct label x = v[i];
        size_t k = i;
        for (; k > 0 && str_cmp(x.name, v[k - 1].name) < 0; k--)
            v[k] = v[k - 1];
        v[k] = x;
    }
    return (struct labels){v, n};
}

static uint64_t
hash_without_le(struct labels ls)
{
    const str le = LE;
    return labels_hash_without(ls, &le, 1);
}

static void
start_collecting(struct nhcb_source *s, str name)
{
    s->name = name;
    s->labels_hash = hash_without_le(s->labels);
    s->hist_labels = histogram_base_labels(s->base.a, s->labels, name);
    s->state = NHCB_COLLECTING;
}

static void
reset_collector(struct nhcb_source *s)
{
    histogram_collector_init(&s->c, s->base.a, &s->ce);
    s->exemplars.count = 0;
}

static struct page_exemplar *
next_place(struct places *p)
{
    if (p->n && p->count == p->n - 1)
        return &p->v[p->n - 1]; /* taken before and not filled */
    if (p->n == p->cap) {
        size_t cap = p->cap ? p->cap * 2 : 1;
        p->v = mem_realloc(p->v, cap * sizeof p->v[0]);
        memset(p->v + p->cap, 0, (cap - p->cap) * sizeof p->v[0]);
        p->cap = cap;
    }
    return &p->v[p->n++];
}

/* The exemplars of a series become those of its histogram. */
static void
move_exemplars(struct nhcb_source *s)
{
    struct page_exemplar *to = next_place(&s->exemplars);

    for (size_t i = 0; i < s->entry.exemplars_n; i++) {
        struct page_exemplar x = s->entry.exemplars[i];
        to->labels = labels_copy(s->kept, x.labels);
        to->v = x.v;
        if (x.has_t) {
            to->has_t = true;
            to->t = x.t;
        }
        s->exemplars.count++;
        to = next_place(&s->exemplars);
    }
    s->entry.exemplars_n = 0;
}

/* Takes the sample into the histogram being collected, if it is part of one. */
static bool
collect(struct nhcb_source *s)
{
    str base;
    double le = 0;

    if (s->kind != KIND_HISTOGRAM)
        return false;
    enum histogram_suffix suffix = histogram_suffix(labels_get(s->labels, LABEL_NAME), &base);
    if (suffix == SUFFIX_NONE || !str_eq(base, s->family))
        return false;
    if (suffix == SUFFIX_BUCKET &&
        (!labels_has(s->labels, LE) || !num_parse_go(labels_get(s->labels, LE), &le) || isnan(le)))
        return false;
    if (s->state != NHCB_COLLECTING)
        start_collecting(s, base);
    move_exemplars(s);
    if (suffix == SUFFIX_COUNT)
        histogram_collector_count(&s->c, s->entry.v);
    else if (suffix == SUFFIX_SUM)
        histogram_collector_sum(&s->c, s->entry.v);
    else if (s->c.n < BUCKETS_MAX)
        histogram_collector_bucket(&s->c, le, s->entry.v);
    else
        s->c.failed = true;
    return true;
}

static bool
other_histogram(const struct nhcb_source *s)
{
    str base;

    if (s->kind != KIND_HISTOGRAM)
        return true;
    histogram_suffix(labels_get(s->labels, LABEL_NAME), &base);
    return !str_eq(base, s->name) || hash_without_le(s->labels) != s->labels_hash;
}

/* name{a="b",c="d"}: what identifies the histogram in the cache. */
static str
key_of(struct nhcb_source *s)
{
    struct buf b = {0};
    struct labels ls = s->hist_labels;
    bool first = true;

    buf_put(&b, labels_get(ls, LABEL_NAME));
    for (size_t i = 0; i < ls.n; i++) {
        if (str_eq(ls.v[i].name, LABEL_NAME))
            continue;
        buf_byte(&b, first ? '{' : ',');
        if (label_name_legacy_valid(ls.v[i].name))
            buf_put(&b, ls.v[i].name);
        else
            labels_put_quoted(&b, ls.v[i].name);
        buf_byte(&b, '=');
        labels_put_quoted(&b, ls.v[i].value);
        first = false;
    }
    if (!first)
        buf_byte(&b, '}');
    str key = arena_str(s->base.a, buf_str(&b));
    buf_free(&b);
    return key;
}

/* Makes the histogram of what was collected; it has the time of the sample read last, as
 * in Prometheus.  False: there is none. */
static bool
convert(struct nhcb_source *s, struct page_entry *out)
{
    struct err e;

    if (s->state != NHCB_COLLECTING)
        return false;
    struct histogram_collector before = s->c;
    struct histogram *h = histogram_collector_done(&s->c, s->base.a);
    if (h && !histogram_validate(h, &e)) {
        s->c = before; /* and go on collecting, as Prometheus does */
        return false;
    }
    s->state = h ? NHCB_EMITTING : NHCB_START;
    if (h) {
        *out = (struct page_entry){.key = key_of(s), .h = h, .has_t = s->entry.has_t, .t = s->entry.t,
                                   .exemplars = s->exemplars.v, .exemplars_n = s->exemplars.count};
        s->exemplars.n = 0;
    }
    reset_collector(s);
    return h != NULL;
}

/* The entry that waited while the histogram went first. */
static enum page_step
pending(struct nhcb_source *s, struct page_entry *out, bool *skip)
{
    s->state = NHCB_START;
    s->emitting = false;
    *skip = s->step == PAGE_SAMPLE && collect(s) && !s->keep_classic;
    *out = s->entry;
    return s->step;
}

/* Reads the next entry of the page itself; true: it is to be passed on, or a histogram
 * before it. */
static bool
take_next(struct nhcb_source *s, struct page_entry *out, struct err *e)
{
    struct page_entry x = {0};
    size_t n;

    s->step = s->inner->base.next(&s->inner->base, &x, e);
    if (s->step != PAGE_SAMPLE) {
        /* The time of the last sample stays: a histogram may need it. */
        x.has_t = s->entry.has_t;
        x.t = s->entry.t;
        s->entry = x;
        if (s->step == PAGE_META && x.meta.what == METADATA_TYPE) {
            s->family = x.meta.family;
            s->kind = x.meta.kind;
        }
        if (s->step != PAGE_ERROR)
            convert(s, out); /* before what was read, which waits */
        return true;
    }
    s->entry = x;
    struct label *v = s->inner->base.labels(&s->inner->base, &n);
    s->labels = sorted(v, n);
    if (s->state == NHCB_COLLECTING && other_histogram(s) && convert(s, out))
        return true;
    return !collect(s) || s->keep_classic;
}

static enum page_step
nhcb_next(struct page_source *base, struct page_entry *out, struct err *e)
{
    struct nhcb_source *s = (struct nhcb_source *)base;
    bool skip;

    for (;;) {
        if (s->state == NHCB_EMITTING) {
            enum page_step step = pending(s, out, &skip);
            if (!skip)
                return step;
            continue;
        }
        if (!take_next(s, out, e))
            continue;
        s->emitting = s->state == NHCB_EMITTING;
        if (s->emitting)
            return PAGE_SAMPLE;
        *out = s->entry;
        return s->step;
    }
}

static struct label *
nhcb_labels(struct page_source *base, size_t *n)
{
    struct nhcb_source *s = (struct nhcb_source *)base;
    struct labels ls = s->emitting ? s->hist_labels : s->labels;
    struct label *v = ARENA_ARRAY(base->a, struct label, ls.n + 1);

    if (ls.n)
        memcpy(v, ls.v, ls.n * sizeof v[0]);
    *n = ls.n;
    return v;
}

struct nhcb_source *
nhcb_source_new(struct text_source *inner, bool keep_classic, struct arena *a, struct arena *kept)
{
    struct nhcb_source *s = ARENA_NEW(a, struct nhcb_source);

    s->base = (struct page_source){.next = nhcb_next, .labels = nhcb_labels, .a = a};
    s->inner = inner;
    s->keep_classic = keep_classic;
    s->kept = kept;
    reset_collector(s);
    return s;
}

void
nhcb_source_fini(struct nhcb_source *s)
{
    mem_free(s->exemplars.v);
}

struct page_source *
nhcb_source(struct nhcb_source *s)
{
    return &s->base;
}
