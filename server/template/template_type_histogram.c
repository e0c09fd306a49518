/* template_type_histogram.c - native histograms as templates see them: Go's
 * *histogram.FloatHistogram with its fields. */
#include "server/template/template_priv.h"

static const struct tfield span_fields[] = {{"Offset", &ttype_int32, false, NULL}, {"Length", &ttype_uint32, false, NULL}};
static const struct ttype ttype_span = {.name = "histogram.Span", .kind = T_STRUCT, .field = span_fields,
                                        .field_n = ARRAY_LEN(span_fields)};
static const struct ttype ttype_spans = {.name = "[]histogram.Span", .kind = T_LIST, .elem = &ttype_span};
static const struct ttype ttype_hint = {.name = "histogram.CounterResetHint", .kind = T_UINT};

static const struct tfield histogram_fields[] = {
    {"CounterResetHint", &ttype_hint, false, NULL}, {"Schema", &ttype_int32, false, NULL},
    {"ZeroThreshold", &ttype_float, false, NULL},   {"ZeroCount", &ttype_float, false, NULL},
    {"Count", &ttype_float, false, NULL},           {"Sum", &ttype_float, false, NULL},
    {"PositiveSpans", &ttype_spans, false, NULL},   {"NegativeSpans", &ttype_spans, false, NULL},
    {"PositiveBuckets", &ttype_floats, false, NULL}, {"NegativeBuckets", &ttype_floats, false, NULL},
    {"CustomValues", &ttype_floats, false, NULL},
};

/* The histogram itself follows its fields. */
static const struct histogram *
histogram_of(const struct tvalue *v)
{
    return v->u.field[ARRAY_LEN(histogram_fields)].u.histogram;
}

static void
put_histogram(struct buf *out, const struct tvalue *v)
{
    histogram_put_text(out, histogram_of(v));
}

static bool
histogram_string(struct texec *x, const struct tvalue *args, size_t n, struct tvalue *out, struct err *e)
{
    struct buf b = {0};
    (void)n, (void)e;
    put_histogram(&b, &args[0]);
    *out = template_text(x, &b);
    return true;
}

static const struct tfunc histogram_methods[] = {{.name = "String", .call = histogram_string}, {0}};

static const struct ttype ttype_histogram = {
    .name = "histogram.FloatHistogram",
    .kind = T_STRUCT,
    .field = histogram_fields,
    .field_n = ARRAY_LEN(histogram_fields),
    .method = histogram_methods,
    .string = put_histogram,
    .string_of_pointer = true,
    .incomparable = true,
};
const struct ttype ttype_histogram_ptr = {
    .name = "*histogram.FloatHistogram", .kind = T_PTR, .elem = &ttype_histogram};

static struct tvalue
spans_value(struct arena *a, const struct histogram_span *s, size_t n)
{
    struct tvalue *v = ARENA_ARRAY(a, struct tvalue, n + 1);

    for (size_t i = 0; i < n; i++) {
        struct tvalue *f = ARENA_ARRAY(a, struct tvalue, 2);
        f[0] = (struct tvalue){.type = &ttype_int32, .u.i = s[i].offset};
        f[1] = (struct tvalue){.type = &ttype_uint32, .u.i = s[i].length};
        v[i] = tvalue_struct(&ttype_span, f);
    }
    struct tvalue list = tvalue_list(&ttype_spans, v, n);
    list.nil = n == 0;
    return list;
}

static struct tvalue
floats_value(struct arena *a, const double *d, size_t n)
{
    struct tvalue *v = ARENA_ARRAY(a, struct tvalue, n + 1);

    for (size_t i = 0; i < n; i++)
        v[i] = tvalue_float(d[i]);
    struct tvalue list = tvalue_list(&ttype_floats, v, n);
    list.nil = n == 0;
    return list;
}

struct tvalue
tvalue_histogram(struct arena *a, const struct histogram *h)
{
    struct tvalue *f = ARENA_ARRAY(a, struct tvalue, ARRAY_LEN(histogram_fields) + 1);

    f[0] = (struct tvalue){.type = &ttype_hint, .u.i = h->reset};
    f[1] = (struct tvalue){.type = &ttype_int32, .u.i = h->schema};
    f[2] = tvalue_float(h->zero_threshold);
    f[3] = tvalue_float(h->zero_count);
    f[4] = tvalue_float(h->count);
    f[5] = tvalue_float(h->sum);
    f[6] = spans_value(a, h->pos_spans, h->pos_spans_n);
    f[7] = spans_value(a, h->neg_spans, h->neg_spans_n);
    f[8] = floats_value(a, h->pos, h->pos_n);
    f[9] = floats_value(a, h->neg, h->neg_n);
    f[10] = floats_value(a, h->custom, h->custom_n);
    f[11] = (struct tvalue){.u.histogram = histogram_copy(a, h)};
    return tvalue_pointer(a, &ttype_histogram_ptr, tvalue_struct(&ttype_histogram, f));
}
