#include "web/encode.h"

#include "base/num.h"
#include "base/panic.h"

#define PIECE_BYTES (64u << 10)

struct encoder {
    const struct value *v;
    struct arena *a;
    str *stamps;      /* "[1.5,\"" of each step, made once */
    size_t series;    /* how many will be written */
    size_t at;        /* next series */
    bool opened, truncated;
};

static void
put_number(struct buf *out, double v)
{
    buf_reserve(out, NUM_TEXT_MAX);
    out->n += num_format_api(v, out->p + out->n);
}

static void
put_quoted_number(struct buf *out, double v)
{
    buf_byte(out, '"');
    put_number(out, v);
    buf_byte(out, '"');
}

void
encode_labels(struct buf *out, struct labels ls)
{
    buf_byte(out, '{');
    for (size_t i = 0; i < ls.n; i++) {
        if (i)
            buf_byte(out, ',');
        json_escape(out, ls.v[i].name, false);
        buf_byte(out, ':');
        json_escape(out, ls.v[i].value, false);
    }
    buf_byte(out, '}');
}

/* Which ends of a bucket belong to it: 0 (lo,hi], 1 [lo,hi), 2 open, 3 closed. */
static char
bucket_rule(const struct histogram_bucket *b)
{
    if (b->lower_closed)
        return b->upper_closed ? '3' : '1';
    return b->upper_closed ? '0' : '2';
}

void
encode_histogram(struct buf *out, const struct histogram *h, struct arena *scratch)
{
    struct arena_mark mark = arena_mark(scratch);
    struct histogram_bucket *b;
    size_t n = histogram_buckets(scratch, h, &b);
    bool any = false;

    buf_lit(out, "{\"count\":");
    put_quoted_number(out, h->count);
    buf_lit(out, ",\"sum\":");
    put_quoted_number(out, h->sum);
    for (size_t i = 0; i < n; i++) {
        if (b[i].count == 0)
            continue;
        if (any)
            buf_byte(out, ',');
        else
            buf_lit(out, ",\"buckets\":[");
        any = true;
        buf_byte(out, '[');
        buf_byte(out, bucket_rule(&b[i]));
        buf_byte(out, ',');
        put_quoted_number(out, b[i].lower);
        buf_byte(out, ',');
        put_quoted_number(out, b[i].upper);
        buf_byte(out, ',');
        put_quoted_number(out, b[i].count);
        buf_byte(out, ']');
    }
    if (any)
        buf_byte(out, ']');
    buf_byte(out, '}');
    arena_reset(scratch, mark);
}

void
encode_exemplar(struct json *j, const struct exemplar *x)
{
    json_open_object(j);
    json_key_lit(j, "labels");
    json_raw(j);
    encode_labels(j->out, x->labels);
    json_key_lit(j, "value");
    json_raw(j);
    put_quoted_number(j->out, x->value);
    json_key_lit(j, "timestamp");
    json_raw(j);
    num_put_timestamp(j->out, x->t);
    json_close_object(j);
}

/* One point after its stamp: 1.5"] or {histogram}]. */
static void
put_float_point(struct buf *out, str stamp, double v)
{
    buf_reserve(out, stamp.n + NUM_TEXT_MAX + 3);
    char *p = out->p + out->n;
    memcpy(p, stamp.p, stamp.n);
    p += stamp.n;
    *p++ = '"';
    p += num_format_api(v, p);
    *p++ = '"';
    *p++ = ']';
    out->n = (size_t)(p - out->p);
}

static str
make_stamp(struct arena *a, int64_t t)
{
    struct buf b = {0};

    buf_byte(&b, '[');
    num_put_timestamp(&b, t);
    buf_byte(&b, ',');
    str s = arena_str(a, buf_str(&b));
    buf_free(&b);
    return s;
}

static void
put_row_floats(struct encoder *en, struct buf *out, const struct row *r)
{
    bool any = false;

    for (size_t i = 0; i < en->v->grid.steps; i++) {
        if (value_absent(r->v[i]) || (r->h && r->h[i]))
            continue;
        if (any)
            buf_byte(out, ',');
        else
            buf_lit(out, ",\"values\":[");
        any = true;
        put_float_point(out, en->stamps[i], r->v[i]);
    }
    if (any)
        buf_byte(out, ']');
}

static void
put_row_histograms(struct encoder *en, struct buf *out, const struct row *r)
{
    bool any = false;

    for (size_t i = 0; r->h && i < en->v->grid.steps; i++) {
        if (!r->h[i])
            continue;
        if (any)
            buf_byte(out, ',');
        else
            buf_lit(out, ",\"histograms\":[");
        any = true;
        buf_put(out, en->stamps[i]);
        encode_histogram(out, r->h[i], en->a);
        buf_byte(out, ']');
    }
    if (any)
        buf_byte(out, ']');
}

static void
put_column(struct encoder *en, struct buf *out, const struct column *c)
{
    struct buf stamp = {0};

    for (int histograms = 0; histograms < 2; histograms++) {
        bool any = false;
        for (size_t i = 0; i < c->n; i++) {
            if ((c->h && c->h[i]) != (histograms == 1))
                continue;
            if (any)
                buf_byte(out, ',');
            else
                buf_put(out, histograms ? STRL(",\"histograms\":[") : STRL(",\"values\":["));
            any = true;
            buf_clear(&stamp);
            buf_byte(&stamp, '[');
            num_put_timestamp(&stamp, c->t[i]);
            buf_byte(&stamp, ',');
            if (histograms) {
                buf_put(out, buf_str(&stamp));
                encode_histogram(out, c->h[i], en->a);
                buf_byte(out, ']');
            } else {
                put_float_point(out, buf_str(&stamp), c->v[i]);
            }
        }
        if (any)
            buf_byte(out, ']');
    }
    buf_free(&stamp);
}

static void
put_vector_point(struct encoder *en, struct buf *out, const struct row *r)
{
    if (r->h && r->h[0]) {
        buf_lit(out, ",\"histogram\":");
        buf_put(out, en->stamps[0]);
        encode_histogram(out, r->h[0], en->a);
        buf_byte(out, ']');
    } else {
        buf_lit(out, ",\"value\":");
        put_float_point(out, en->stamps[0], r->v[0]);
    }
}

static void
put_series(struct encoder *en, struct buf *out, size_t i)
{
    const struct value *v = en->v;
    bool columns = v->type == VALUE_MATRIX && !v->range;

    buf_lit(out, "{\"metric\":");
    encode_labels(out, columns ? v->columns[i].labels : v->vec.v[i].labels);
    if (columns) {
        put_column(en, out, &v->columns[i].col);
    } else if (v->range) {
        put_row_floats(en, out, &v->vec.v[i]);
        put_row_histograms(en, out, &v->vec.v[i]);
    } else {
        put_vector_point(en, out, &v->vec.v[i]);
    }
    buf_byte(out, '}');
}

/* [seconds,…: the time of scalars and strings is an ordinary JSON number. */
static void
put_plain_time(struct buf *out, int64_t t)
{
    struct json j = json_to(out);
    buf_byte(out, '[');
    json_f64(&j, (double)t / 1000);
    buf_byte(out, ',');
}

static void
put_single(struct encoder *en, struct buf *out)
{
    const struct value *v = en->v;

    put_plain_time(out, v->scalar_t);
    if (v->type == VALUE_STRING) {
        json_escape(out, v->string, true);
    } else {
        buf_byte(out, '"');
        buf_reserve(out, NUM_TEXT_MAX);
        out->n += num_format_plain(v->scalar, out->p + out->n);
        buf_byte(out, '"');
    }
    buf_byte(out, ']');
}

struct encoder *
encoder_new(const struct value *v, size_t limit, struct arena *a)
{
    struct encoder *en = ARENA_NEW(a, struct encoder);
    bool columns = v->type == VALUE_MATRIX && !v->range;

    en->v = v;
    en->a = a;
    en->series = columns ? v->columns_n : v->vec.n;
    if (limit > 0 && en->series > limit) {
        en->series = limit;
        en->truncated = true;
    }
    if (!columns && en->series > 0) {
        en->stamps = ARENA_ARRAY(a, str, v->grid.steps);
        for (size_t i = 0; i < v->grid.steps; i++)
            en->stamps[i] = make_stamp(a, grid_time(&v->grid, i));
    }
    return en;
}

bool
encoder_more(struct encoder *en, struct buf *out)
{
    size_t start = out->n;

    if (!en->v->range && (en->v->type == VALUE_SCALAR || en->v->type == VALUE_STRING)) {
        put_single(en, out);
        return false;
    }
    if (!en->opened)
        buf_byte(out, '[');
    en->opened = true;
    while (en->at < en->series && out->n - start < PIECE_BYTES) {
        if (en->at)
            buf_byte(out, ',');
        put_series(en, out, en->at++);
    }
    if (en->at < en->series)
        return true;
    buf_byte(out, ']');
    return false;
}

bool
encoder_truncated(const struct encoder *en)
{
    return en->truncated;
}
