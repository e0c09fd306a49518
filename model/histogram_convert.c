#include "model/histogram_convert.h"

#include <math.h>

#include "base/fmath.h"
#include "base/num.h"
#include "base/panic.h"

#define LABEL_LE STRL("le")

/* A number as %g shows it, for error texts. */
struct text {
    char s[NUM_TEXT_MAX + 1];
};

static struct text
number(double v)
{
    struct text t;
    t.s[num_format(v, 'g', -1, t.s)] = '\0';
    return t;
}

void
histogram_collector_init(struct histogram_collector *c, struct arena *a, struct err *e)
{
    *c = (struct histogram_collector){.a = a, .e = e};
}

static void
fail_order(struct histogram_collector *c, double count, char sign, double other)
{
    c->failed = true;
    err_set(c->e, ERR_BAD_DATA, "count is not cumulative: %s %c %s", number(count).s, sign,
            number(other).s);
}

void
histogram_collector_bucket(struct histogram_collector *c, double le, double count)
{
    if (c->failed)
        return;
    if (isnan(le)) {
        c->failed = true;
        err_set(c->e, ERR_BAD_DATA, "bucket boundary must not be NaN");
        return;
    }
    if (count < 0) {
        c->failed = true;
        err_set(c->e, ERR_BAD_DATA, "bucket count must be non-negative: le=%s, count=%s",
                number(le).s, number(count).s);
        return;
    }
    size_t i = c->n; /* buckets mostly come in order */
    while (i > 0 && c->v[i - 1].le >= le)
        i--;
    if (i < c->n && c->v[i].le == le)
        return;
    if (i > 0 && count < c->v[i - 1].count) {
        fail_order(c, count, '<', c->v[i - 1].count);
        return;
    }
    if (i < c->n && count > c->v[i].count) {
        fail_order(c, count, '>', c->v[i].count);
        return;
    }
    if (c->n == c->cap)
        arena_grow(c->a, &c->v, &c->cap, c->n + 1, sizeof(c->v[0]));
    memmove(&c->v[i + 1], &c->v[i], (c->n - i) * sizeof(c->v[0]));
    c->v[i] = (struct histogram_collector_bucket){le, count};
    c->n++;
}

void
histogram_collector_count(struct histogram_collector *c, double count)
{
    if (c->failed)
        return;
    if (count < 0) {
        c->failed = true;
        err_set(c->e, ERR_BAD_DATA, "count must be non-negative: count=%s", number(count).s);
        return;
    }
    c->count = count;
    c->has_count = true;
}

void
histogram_collector_sum(struct histogram_collector *c, double sum)
{
    if (!c->failed)
        c->sum = sum;
}

static bool
all_whole(const struct histogram_collector *c)
{
    for (size_t i = 0; i < c->n; i++)
        if (c->v[i].count != (double)fmath_to_i64(round(c->v[i].count)))
            return false;
    return c->count == round(c->count) && c->count < 0x1p64;
}

struct histogram *
histogram_collector_done(struct histogram_collector *c, struct arena *a)
{
    if (c->failed)
        return NULL;
    if (!c->has_count && c->n > 0)
        c->count = c->v[c->n - 1].count;
    if (c->n == 0 || c->v[c->n - 1].le != INFINITY) {
        if (c->n == c->cap)
            arena_grow(c->a, &c->v, &c->cap, c->n + 1, sizeof(c->v[0]));
        c->v[c->n++] = (struct histogram_collector_bucket){INFINITY, c->count};
    }
    double last = c->v[c->n - 1].count;
    bool whole = all_whole(c);
    if (c->count != last) {
        struct text count = number(c->count);
        if (whole)
            count.s[num_format(c->count, 'f', 0, count.s)] = '\0';
        c->failed = true;
        err_set(c->e, ERR_BAD_DATA, "count mismatch: count=%s != le=%s count=%s", count.s,
                number(INFINITY).s, number(last).s);
        return NULL;
    }
    struct histogram_span span = {0, (uint32_t)c->n};
    struct histogram h = {.integer = whole,
                          .schema = HISTOGRAM_CUSTOM,
                          .count = c->count,
                          .sum = c->sum,
                          .pos_spans = &span,
                          .pos_spans_n = 1,
                          .pos = ARENA_ARRAY(a, double, c->n),
                          .pos_n = c->n,
                          .custom = ARENA_ARRAY(a, double, c->n),
                          .custom_n = c->n - 1};
    double before = 0;
    for (size_t i = 0; i < c->n; i++) {
        h.pos[i] = c->v[i].count - before;
        before = c->v[i].count;
        h.custom[i] = c->v[i].le;
    }
    return histogram_compact(a, &h, whole ? 2 : 0);
}

enum histogram_suffix
histogram_suffix(str name, str *base)
{
    static const struct {
        str text;
        enum histogram_suffix suffix;
    } known[] = {{STRL("_bucket"), SUFFIX_BUCKET},
                 {STRL("_sum"), SUFFIX_SUM},
                 {STRL("_count"), SUFFIX_COUNT}};

    *base = name;
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (str_ends(name, known[i].text)) {
            base->n -= known[i].text.n;
            return known[i].suffix;
        }
    }
    return SUFFIX_NONE;
}

struct labels
histogram_base_labels(struct arena *a, struct labels series, str base)
{
    struct labels_builder b;

    labels_builder_init(&b, a, series);
    labels_builder_set(&b, LABEL_NAME, base);
    labels_builder_del(&b, LABEL_LE);
    return labels_builder_done(&b);
}

static struct histogram_classic
classic_part(struct arena *a, struct labels labels, const char *suffix, double value)
{
    str name = labels_get(labels, LABEL_NAME);
    struct labels_builder b;

    labels_builder_init(&b, a, labels);
    labels_builder_set(&b, LABEL_NAME, arena_printf(a, "%.*s%s", STR_ARG(name), suffix));
    return (struct histogram_classic){labels_builder_done(&b), value};
}

static struct histogram_classic
classic_bucket(struct arena *a, struct labels labels, double le, double value)
{
    char text[NUM_TEXT_MAX];
    struct labels_builder b;

    labels_builder_init(&b, a, labels);
    labels_builder_set(&b, LABEL_LE, arena_str(a, STR(text, num_format_om(le, text))));
    return classic_part(a, labels_builder_done(&b), "_bucket", value);
}

size_t
histogram_to_classic(struct arena *a, const struct histogram *h, struct labels labels,
                     struct histogram_classic **out)
{
    CHECK(histogram_is_custom(h));
    struct histogram_classic *v = ARENA_ARRAY(a, struct histogram_classic, h->custom_n + 3);
    double *counts = ARENA_ZARRAY(a, double, h->custom_n + 1);
    size_t at = 0, k = 0, n = 0;

    for (size_t s = 0; s < h->pos_spans_n; s++) {
        at += (size_t)h->pos_spans[s].offset;
        for (uint32_t i = 0; i < h->pos_spans[s].length; i++) {
            CHECK(at <= h->custom_n);
            counts[at++] = h->pos[k++];
        }
    }
    double sum = 0;
    for (size_t i = 0; i <= h->custom_n; i++) {
        sum += counts[i];
        v[n++] = classic_bucket(a, labels, i < h->custom_n ? h->custom[i] : INFINITY, sum);
    }
    v[n++] = classic_part(a, labels, "_count", h->count);
    v[n++] = classic_part(a, labels, "_sum", h->sum);
    *out = v;
    return n;
}
