#include "model/histogram.h"

#include <math.h>

#include "base/num.h"
#include "model/histogram_priv.h"

#define TEXT_NEGATIVE_OFFSET "histogram has a span whose offset is negative"
#define TEXT_SPANS_MISMATCH "histogram spans specify different number of buckets than provided"
#define TEXT_NEGATIVE_BUCKET "histogram has a bucket whose observation count is negative"
#define TEXT_COUNT_FIELD "%s observations found in buckets, but the Count field is %s: %s"

/* A number as Go's %v or %f shows it, for use in a format. */
struct text {
    char s[NUM_TEXT_MAX + 1];
};

static struct text
number(double v, char verb, int precision)
{
    struct text t;
    t.s[num_format(v, verb, precision, t.s)] = '\0';
    return t;
}

/* Integer counts show all digits, floats the shortest form. */
static struct text
count_text(const struct histogram *h, double v)
{
    return h->integer ? number(v, 'f', 0) : number(v, 'g', -1);
}

static bool
check_spans(const struct histogram_span *spans, size_t n, size_t counts_n, bool first_too,
            struct err *e)
{
    size_t need = 0;
    for (size_t i = 0; i < n; i++) {
        if ((i > 0 || first_too) && spans[i].offset < 0)
            return err_set(e, ERR_BAD_DATA, "span number %zu with offset %d: " TEXT_NEGATIVE_OFFSET,
                           i + 1, spans[i].offset);
        need += spans[i].length;
    }
    if (need != counts_n)
        return err_set(e, ERR_BAD_DATA,
                       "spans need %zu buckets, have %zu buckets: " TEXT_SPANS_MISMATCH, need,
                       counts_n);
    return true;
}

static bool
check_counts(const struct histogram *h, const double *v, size_t n, double *sum, struct err *e)
{
    for (size_t i = 0; i < n; i++) {
        if (v[i] < 0)
            return err_set(e, ERR_BAD_DATA,
                           "bucket number %zu has observation count of %s: " TEXT_NEGATIVE_BUCKET,
                           i + 1, count_text(h, v[i]).s);
        *sum += v[i];
    }
    return true;
}

static bool
check_bounds(const struct histogram *h, struct err *e)
{
    for (size_t i = 0; i < h->custom_n; i++) {
        double bound = h->custom[i];
        if (isnan(bound))
            return err_set(e, ERR_BAD_DATA, "histogram custom bounds must not be NaN");
        if (i > 0 && bound <= h->custom[i - 1])
            return err_set(
                e, ERR_BAD_DATA,
                "previous bound is %s and current is %s: histogram custom bounds must be "
                "in strictly increasing order",
                number(h->custom[i - 1], 'f', 6).s, number(bound, 'f', 6).s);
    }
    if (h->custom_n > 0 && h->custom[h->custom_n - 1] == INFINITY)
        return err_set(e, ERR_BAD_DATA,
                       "last +Inf bound must not be explicitly defined: histogram custom bounds "
                       "must be finite");
    return true;
}

static bool
check_custom_layout(const struct histogram *h, struct err *e)
{
    size_t length = 0;

    if (!check_bounds(h, e) || !check_spans(h->pos_spans, h->pos_spans_n, h->pos_n, true, e))
        return false;
    for (size_t i = 0; i < h->pos_spans_n; i++)
        length += (size_t)h->pos_spans[i].length + (size_t)h->pos_spans[i].offset;
    if (h->custom_n + 1 < length)
        return err_set(e, ERR_BAD_DATA,
                       "only %zu custom bounds defined which is insufficient to cover total span "
                       "length of %zu: histogram custom bounds are too few",
                       h->custom_n, length);
    return true;
}

static bool
check_custom(const struct histogram *h, struct err *e)
{
    if (!check_custom_layout(h, e))
        return err_prefix(e, "custom buckets: ");
    if (h->zero_count != 0)
        return err_set(e, ERR_BAD_DATA, "custom buckets: must have zero count of 0");
    if (h->zero_threshold != 0)
        return err_set(e, ERR_BAD_DATA, "custom buckets: must have zero threshold of 0");
    if (h->neg_spans_n > 0)
        return err_set(e, ERR_BAD_DATA, "custom buckets: must not have negative spans");
    if (h->neg_n > 0)
        return err_set(e, ERR_BAD_DATA, "custom buckets: must not have negative buckets");
    return true;
}

static bool
check_exponential(const struct histogram *h, double *sum, struct err *e)
{
    if (!check_spans(h->pos_spans, h->pos_spans_n, h->pos_n, false, e))
        return err_prefix(e, "positive side: ");
    if (!check_spans(h->neg_spans, h->neg_spans_n, h->neg_n, false, e) ||
        !check_counts(h, h->neg, h->neg_n, sum, e))
        return err_prefix(e, "negative side: ");
    if (h->zero_count < 0)
        return err_set(e, ERR_BAD_DATA,
                       "zero bucket has observation count of %s: " TEXT_NEGATIVE_BUCKET,
                       count_text(h, h->zero_count).s);
    if (h->custom_n > 0)
        return err_set(e, ERR_BAD_DATA,
                       "histogram with exponential schema must not have custom bounds");
    return true;
}

/* Counts of integer histograms must add up; NaN observations are in no bucket. */
static bool
check_total(const struct histogram *h, double found, struct err *e)
{
    if (isnan(h->sum) && found > h->count)
        return err_set(
            e, ERR_BAD_DATA, TEXT_COUNT_FIELD, count_text(h, found).s, count_text(h, h->count).s,
            "histogram's observation count should be at least the number of observations "
            "found in the buckets");
    if (!isnan(h->sum) && found != h->count)
        return err_set(
            e, ERR_BAD_DATA, TEXT_COUNT_FIELD, count_text(h, found).s, count_text(h, h->count).s,
            "histogram's observation count should equal the number of observations found "
            "in the buckets (in absence of NaN)");
    return true;
}

bool
histogram_validate(const struct histogram *h, struct err *e)
{
    double found = h->zero_count;

    if (histogram_is_custom(h)) {
        if (!check_custom(h, e))
            return false;
    } else if (h->schema >= HISTOGRAM_SCHEMA_MIN && h->schema <= HISTOGRAM_SCHEMA_MAX) {
        if (!check_exponential(h, &found, e))
            return false;
    } else {
        return err_set(e, ERR_BAD_DATA,
                       "histogram has an invalid schema, which must be between %d and %d for "
                       "exponential buckets, or %d for custom buckets, got schema %d",
                       HISTOGRAM_SCHEMA_MIN, HISTOGRAM_SCHEMA_MAX, HISTOGRAM_CUSTOM, h->schema);
    }
    if (!h->integer && h->count < 0)
        return err_set(e, ERR_BAD_DATA,
                       "observation count is  %s: histogram's observation count is negative",
                       number(h->count, 'g', -1).s);
    if (!check_counts(h, h->pos, h->pos_n, &found, e))
        return err_prefix(e, "positive side: ");
    return !h->integer || check_total(h, found, e);
}
