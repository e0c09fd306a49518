/* record_histogram.c - a histogram in a record (record.h has the bytes). */
#include "base/codec.h"
#include "storage/record.h"

#define FLAG_INTEGER 1

static void
put_number(struct buf *b, bool integer, double v)
{
    if (integer)
        enc_uvarint(b, (uint64_t)v);
    else
        enc_f64_le(b, v);
}

static double
get_number(struct dec *d, bool integer)
{
    return integer ? (double)dec_uvarint(d) : dec_f64_le(d);
}

static void
put_spans(struct buf *b, const struct histogram_span *v, size_t n)
{
    enc_uvarint(b, n);
    for (size_t i = 0; i < n; i++) {
        enc_varint(b, v[i].offset);
        enc_uvarint(b, v[i].length);
    }
}

static void
put_numbers(struct buf *b, bool integer, const double *v, size_t n)
{
    enc_uvarint(b, n);
    for (size_t i = 0; i < n; i++)
        put_number(b, integer, v[i]);
}

void
record_put_histogram_body(struct buf *b, const struct histogram *h)
{
    enc_u8(b, (uint8_t)((h->integer ? FLAG_INTEGER : 0) | h->reset << 1));
    enc_u8(b, (uint8_t)h->schema);
    enc_f64_le(b, h->zero_threshold);
    put_number(b, h->integer, h->zero_count);
    put_number(b, h->integer, h->count);
    enc_f64_le(b, h->sum);
    put_spans(b, h->pos_spans, h->pos_spans_n);
    put_spans(b, h->neg_spans, h->neg_spans_n);
    put_numbers(b, h->integer, h->pos, h->pos_n);
    put_numbers(b, h->integer, h->neg, h->neg_n);
    put_numbers(b, false, h->custom, h->custom_n);
}

/* A count of things that take at least `least` bytes each. */
static size_t
get_count(struct dec *d, size_t least)
{
    uint64_t n = dec_uvarint(d);
    if (n > dec_left(d) / least) {
        d->bad = true;
        return 0;
    }
    return (size_t)n;
}

static struct histogram_span *
get_spans(struct dec *d, struct arena *a, size_t *n)
{
    *n = get_count(d, 2);
    struct histogram_span *v = ARENA_ARRAY(a, struct histogram_span, *n);
    for (size_t i = 0; i < *n; i++)
        v[i] = (struct histogram_span){.offset = (int32_t)dec_varint(d),
                                       .length = (uint32_t)dec_uvarint(d)};
    return v;
}

static double *
get_numbers(struct dec *d, bool integer, struct arena *a, size_t *n)
{
    *n = get_count(d, integer ? 1 : 8);
    double *v = ARENA_ARRAY(a, double, *n);
    for (size_t i = 0; i < *n; i++)
        v[i] = get_number(d, integer);
    return v;
}

struct histogram *
record_get_histogram_body(struct dec *d, struct arena *a)
{
    struct histogram *h = ARENA_NEW(a, struct histogram);
    uint8_t flags = dec_u8(d);
    h->integer = flags & FLAG_INTEGER;
    h->reset = flags >> 1 & 3;
    h->schema = (int8_t)dec_u8(d);
    h->zero_threshold = dec_f64_le(d);
    h->zero_count = get_number(d, h->integer);
    h->count = get_number(d, h->integer);
    h->sum = dec_f64_le(d);
    h->pos_spans = get_spans(d, a, &h->pos_spans_n);
    h->neg_spans = get_spans(d, a, &h->neg_spans_n);
    h->pos = get_numbers(d, h->integer, a, &h->pos_n);
    h->neg = get_numbers(d, h->integer, a, &h->neg_n);
    h->custom = get_numbers(d, false, a, &h->custom_n);
    return h;
}
