/* Histograms as text: FloatHistogram.String and the form of test files. */
#include "model/histogram.h"

#include <limits.h>

#include "base/num.h"
#include "model/histogram_priv.h"

static void
put_number(struct buf *out, double v)
{
    char text[NUM_TEXT_MAX];
    buf_put(out, STR(text, num_format(v, 'g', -1, text)));
}

static void
put_bucket(struct buf *out, const struct histogram_bucket *b)
{
    buf_lit(out, ", ");
    buf_byte(out, b->lower_closed ? '[' : '(');
    put_number(out, b->lower);
    buf_byte(out, ',');
    put_number(out, b->upper);
    buf_byte(out, b->upper_closed ? ']' : ')');
    buf_byte(out, ':');
    put_number(out, b->count);
}

void
histogram_put_text(struct buf *out, const struct histogram *h)
{
    struct histogram_iter it;
    struct histogram_bucket b;

    buf_lit(out, "{count:");
    put_number(out, h->count);
    buf_lit(out, ", sum:");
    put_number(out, h->sum);
    /* Unlike histogram_walk, bounds are not clipped at the zero bucket here. */
    histogram_iter_init_back(&it, h, false);
    while (histogram_iter_back(&it)) {
        b = histogram_bucket_at(h, &it, false);
        if (b.count != 0)
            put_bucket(out, &b);
    }
    b = histogram_bucket_zero(h);
    if (b.count != 0)
        put_bucket(out, &b);
    histogram_iter_init(&it, h, true);
    while (histogram_iter_next(&it)) {
        b = histogram_bucket_at(h, &it, true);
        if (b.count != 0)
            put_bucket(out, &b);
    }
    buf_byte(out, '}');
}

/* Writes " key:" with the blank only between fields. */
static void
put_key(struct buf *out, const char *key)
{
    if (out->p[out->n - 1] != '{')
        buf_byte(out, ' ');
    buf_put(out, str_of(key));
    buf_byte(out, ':');
}

static void
put_field(struct buf *out, const char *key, double v)
{
    if (v == 0)
        return;
    put_key(out, key);
    put_number(out, v);
}

static void
put_list(struct buf *out, const double *v, size_t n)
{
    buf_byte(out, '[');
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_byte(out, ' ');
        put_number(out, v[i]);
    }
    buf_byte(out, ']');
}

static void
put_half(struct buf *out, const char *offset_key, const char *key, const struct histogram *h,
         bool positive)
{
    const struct histogram_span *s = positive ? h->pos_spans : h->neg_spans;
    size_t n = positive ? h->pos_n : h->neg_n;

    if (n == 0)
        return;
    if (s[0].offset != 0) {
        put_key(out, offset_key);
        buf_i64(out, s[0].offset);
    }
    put_key(out, key);
    put_list(out, positive ? h->pos : h->neg, n);
}

void
histogram_put_test(struct buf *out, const struct histogram *h)
{
    static const char *const hint[] = {NULL, "reset", "not_reset", "gauge"};
    struct arena *a = arena_new();
    const struct histogram *one = histogram_compact(a, h, INT_MAX); /* one span a side */

    buf_lit(out, "{{");
    if (h->schema != 0) {
        put_key(out, "schema");
        buf_i64(out, h->schema);
    }
    put_field(out, "count", h->count);
    put_field(out, "sum", h->sum);
    put_field(out, "z_bucket", h->zero_count);
    put_field(out, "z_bucket_w", h->zero_threshold);
    if (histogram_is_custom(h)) {
        put_key(out, "custom_values");
        put_list(out, h->custom, h->custom_n);
    }
    if (hint[h->reset]) {
        put_key(out, "counter_reset_hint");
        buf_put(out, str_of(hint[h->reset]));
    }
    put_half(out, "offset", "buckets", one, true);
    put_half(out, "n_offset", "n_buckets", one, false);
    buf_lit(out, "}}");
    arena_free(&a);
}
