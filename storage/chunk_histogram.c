/* chunk_histogram.c - encodings 2, 3, 5 and 6: the samples of histogram chunks.
 *
 *   OFFSET  SIZE  FIELD
 *        0     2  count, big-endian
 *        2     1  reset flags in the top two bits: 0 unknown, 1 none, 2 reset, 3 gauge
 *        3     *  bits: layout, then samples
 *   layout    zero threshold: byte 0 is 0; e in 1…254 is 2^(e-244); 255 and a raw double
 *             varbit schema | spans | spans | bounds if schema is -53
 *   spans     varbit-u n | (varbit-u length, varbit offset)*
 *   bounds    varbit-u n | bound*: varbit-u of 1000*b + 1 where that is whole and small
 *             enough, else 0 and a raw double
 *   integer   t, count, zero count, sum, buckets (as differences to the neighbour):
 *     first   varbit t | varbit-u count | varbit-u zeros | sum:64 | varbit each
 *     others  varbit of each one's delta of deltas; the sum is XORed as in encoding 1
 *   float     the same fields, absolute buckets, raw doubles first and XORed then
 * A stale sample has only t, counts and the sum, which is the marker.
 *
 * Encodings 5 and 6 are 2 and 3 with start times (st).  Their header is
 *
 *        0     2  reset flags in the top two bits, then the count
 *        2     1  0x80: the first sample has one; 0x7f: index of the first sample whose
 *                 st differs from the one before, 0 for none
 *
 * and behind a sample stands
 *   first     varint (in bytes, not aligned) t-st if 0x80
 *   at the index and later   varbit of previous t - st; after the first its difference
 * The index is at most 127: from there on each sample has its st even if it never differs.
 */
#include "storage/chunk.h"

#include <math.h>

#include "base/mem.h"
#include "base/panic.h"
#include "storage/chunk_priv.h"

#define SCHEMA_RESERVED_MIN (-9)
#define SCHEMA_RESERVED_MAX 52
#define BOUND_VARBIT_MAX 33554430.0 /* what four bytes of varbit hold, less one */

/* Writing. */

static void
put(struct hist_bytes *b, uint64_t v, unsigned n)
{
    if (n == 0)
        return;
    size_t need = (b->bits + n + 7) / 8 + 8;
    if (need > b->cap) {
        b->cap = MAX(need, b->cap + b->cap / 2 + 64);
        b->p = mem_realloc(b->p, b->cap);
    }
    bits_put(b->p, b->cap, b->bits, v, n);
    b->bits += n;
}

static void
put_varbit(struct hist_bytes *b, int64_t v)
{
    struct bits_varbit x = bits_varbit(v);
    put(b, x.prefix, x.prefix_n);
    put(b, x.rest, x.rest_n);
}

static void
put_varbit_u(struct hist_bytes *b, uint64_t v)
{
    struct bits_varbit x = bits_varbit_u(v);
    put(b, x.prefix, x.prefix_n);
    put(b, x.rest, x.rest_n);
}

static void
put_zero_threshold(struct hist_bytes *b, double z)
{
    if (z == 0) {
        put(b, 0, 8);
        return;
    }
    int exp;
    if (frexp(z, &exp) == 0.5 && exp >= -242 && exp <= 11) {
        put(b, (uint64_t)(exp + 243), 8);
        return;
    }
    put(b, 255, 8);
    put(b, f64_bits(z), 64);
}

static void
put_spans(struct hist_bytes *b, const struct histogram_span *s, size_t n)
{
    put_varbit_u(b, n);
    for (size_t i = 0; i < n; i++) {
        put_varbit_u(b, s[i].length);
        put_varbit(b, s[i].offset);
    }
}

static void
put_bound(struct hist_bytes *b, double v)
{
    double m = v * 1000;
    if (m >= 0 && m <= BOUND_VARBIT_MAX && round(m) / 1000 == v) {
        put_varbit_u(b, (uint64_t)round(m) + 1);
        return;
    }
    put(b, 0, 1);
    put(b, f64_bits(v), 64);
}

static void
put_layout(struct hist_bytes *b, const struct histogram *l)
{
    put_zero_threshold(b, l->zero_threshold);
    put_varbit(b, l->schema);
    put_spans(b, l->pos_spans, l->pos_spans_n);
    put_spans(b, l->neg_spans, l->neg_spans_n);
    if (l->schema != HISTOGRAM_CUSTOM)
        return;
    put_varbit_u(b, l->custom_n);
    for (size_t i = 0; i < l->custom_n; i++)
        put_bound(b, l->custom[i]);
}

static void
put_xor(struct hist_bytes *b, struct hist_value *x, double v)
{
    struct bits_xor d = bits_xor_of(f64_bits(v), x->v, x->w.leading, x->w.trailing);
    put(b, d.head, d.head_n);
    put(b, d.sig, d.sig_n);
    x->v = f64_bits(v);
    x->w.leading = d.leading;
    x->w.trailing = d.trailing;
}

static void
put_raw(struct hist_bytes *b, struct hist_value *x, double v)
{
    put(b, f64_bits(v), 64);
    *x = (struct hist_value){.v = f64_bits(v), .w = {.leading = BITS_NO_WINDOW}};
}

/* Counts are whole and below 2^63; anything else is kept in range, since converting it
 * would be undefined. */
static int64_t
whole(double v)
{
    return v > -9.2e18 && v < 9.2e18 ? (int64_t)v : 0;
}

static void
put_delta(struct hist_bytes *b, struct hist_value *x, int64_t v)
{
    int64_t delta = (int64_t)((uint64_t)v - x->v);
    put_varbit(b, (int64_t)((uint64_t)delta - (uint64_t)x->delta));
    x->v = (uint64_t)v;
    x->delta = delta;
}

static void
put_buckets(struct hist_bytes *b, const struct hist_state *s, struct hist_value *x, const double *v,
            size_t n)
{
    int64_t before = 0;
    for (size_t i = 0; i < n; i++) {
        if (!s->integer) {
            if (s->samples == 0)
                put_raw(b, &x[i], v[i]);
            else
                put_xor(b, &x[i], v[i]);
            continue;
        }
        int64_t now = whole(v[i]);
        int64_t d = (int64_t)((uint64_t)now - (uint64_t)before);
        before = now;
        if (s->samples == 0) {
            put_varbit(b, d);
            x[i] = (struct hist_value){.v = (uint64_t)d};
        } else {
            put_delta(b, &x[i], d);
        }
    }
}

static void
write_first(struct hist_bytes *b, struct hist_state *s, int64_t t, const struct histogram *h)
{
    put_layout(b, &s->l);
    put_varbit(b, t);
    if (s->integer) {
        s->count = (struct hist_value){.v = (uint64_t)whole(h->count)};
        s->zero = (struct hist_value){.v = (uint64_t)whole(h->zero_count)};
        put_varbit_u(b, s->count.v);
        put_varbit_u(b, s->zero.v);
    } else {
        put_raw(b, &s->count, h->count);
        put_raw(b, &s->zero, h->zero_count);
    }
    put_raw(b, &s->sum, h->sum);
    s->t_delta = 0;
}

static void
write_next(struct hist_bytes *b, struct hist_state *s, int64_t t, const struct histogram *h)
{
    int64_t delta = (int64_t)((uint64_t)t - (uint64_t)s->t);
    put_varbit(b, (int64_t)((uint64_t)delta - (uint64_t)s->t_delta));
    s->t_delta = delta;
    if (!s->integer) {
        put_xor(b, &s->count, h->count);
        put_xor(b, &s->zero, h->zero_count);
    } else if (value_is_stale(h->sum)) {
        put(b, 0, 2); /* no change of either delta; nothing but stale samples follows */
    } else {
        put_delta(b, &s->count, whole(h->count));
        put_delta(b, &s->zero, whole(h->zero_count));
    }
    put_xor(b, &s->sum, h->sum);
}

static int64_t
minus(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

/* The start time of sample number s->samples - 1, at t; before is the time of the last. */
static void
write_start(struct hist_bytes *b, struct hist_state *s, int64_t before, int64_t t, int64_t st)
{
    unsigned at = s->samples - 1;
    if (at == 0) {
        uint8_t bytes[10];
        unsigned n = st ? bits_varint_bytes(minus(t, st), bytes) : 0;
        for (unsigned i = 0; i < n; i++)
            put(b, bytes[i], 8);
        s->st_known = st != 0;
    } else if (s->st_change) {
        int64_t diff = minus(before, st);
        put_varbit(b, minus(diff, s->st_diff));
        s->st_diff = diff;
    } else if (st != s->st || at == HIST_ST_CHANGE_MAX) {
        s->st_diff = minus(before, st);
        s->st_change = (uint8_t)at;
        put_varbit(b, s->st_diff);
    }
    s->st = st;
}

static void
write_header(uint8_t *p, const struct hist_state *s)
{
    p[0] = (uint8_t)(s->samples >> 8);
    p[1] = (uint8_t)s->samples;
    if (s->starts) {
        p[0] |= s->reset;
        p[CHUNK_HEADER_BYTES] = (uint8_t)((s->st_known ? 0x80 : 0) | s->st_change);
    } else {
        p[CHUNK_HEADER_BYTES] = s->reset;
    }
}

void
hist_write(struct hist_bytes *b, struct hist_state *s, struct hist_sample x, const double *pos,
           const double *neg)
{
    int64_t before = s->t;
    if (s->samples == 0) {
        b->bits = 0;
        put(b, 0, HIST_HEADER_BYTES * 8);
        write_first(b, s, x.t, x.h);
        s->st_change = 0;
    } else {
        write_next(b, s, x.t, x.h);
    }
    if (!value_is_stale(x.h->sum)) {
        put_buckets(b, s, s->pos, pos, s->l.pos_n);
        put_buckets(b, s, s->neg, neg, s->l.neg_n);
    }
    s->t = x.t;
    s->samples++;
    if (s->starts)
        write_start(b, s, before, x.t, x.st);
    write_header(b->p, s);
}

/* Reading. */

static double
get_zero_threshold(struct bits *in)
{
    uint64_t byte = bits_get(in, 8);
    if (byte == 0)
        return 0;
    if (byte == 255)
        return f64_from_bits(bits_get(in, 64));
    return ldexp(0.5, (int)byte - 243);
}

/* Each claimed item takes bits that must be there, so a lie cannot make us allocate more
 * than a small multiple of the chunk. */
static bool
get_spans(struct bits *in, struct arena *a, struct histogram_span **out, size_t *out_n,
          size_t *buckets)
{
    uint64_t n = bits_get_varbit_u(in);
    if (n > bits_left(in) / 2)
        return false;
    struct histogram_span *s = n ? ARENA_ARRAY(a, struct histogram_span, n) : NULL;
    uint64_t total = 0;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t length = bits_get_varbit_u(in);
        int64_t offset = bits_get_varbit(in);
        if (length > bits_left(in) || offset < (i ? 0 : INT32_MIN) || offset > INT32_MAX)
            return false;
        s[i] = (struct histogram_span){.offset = (int32_t)offset, .length = (uint32_t)length};
        total += length;
    }
    *out = s;
    *out_n = n;
    *buckets = total;
    return !bits_bad(in);
}

static bool
get_bounds(struct bits *in, struct arena *a, struct histogram *l)
{
    uint64_t n = bits_get_varbit_u(in);
    if (n > bits_left(in))
        return false;
    l->custom_n = n;
    l->custom = n ? ARENA_ARRAY(a, double, n) : NULL;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t v = bits_get_varbit_u(in);
        l->custom[i] = v ? (double)(v - 1) / 1000 : f64_from_bits(bits_get(in, 64));
    }
    return !bits_bad(in);
}

/* Custom buckets must have bounds: whoever reads them indexes with them. */
static bool
custom_in_bounds(const struct histogram *l)
{
    int64_t end = 0;
    for (size_t i = 0; i < l->pos_spans_n; i++) {
        if (end + l->pos_spans[i].offset < 0)
            return false;
        end += (int64_t)l->pos_spans[i].offset + l->pos_spans[i].length;
    }
    return l->neg_spans_n == 0 && end <= (int64_t)l->custom_n + 1;
}

static bool
get_layout(struct bits *in, struct histogram *l, struct arena *a)
{
    l->zero_threshold = get_zero_threshold(in);
    int64_t schema = bits_get_varbit(in);
    if (schema != HISTOGRAM_CUSTOM &&
        (schema < SCHEMA_RESERVED_MIN || schema > SCHEMA_RESERVED_MAX))
        return false;
    l->schema = (int8_t)schema;
    if (!get_spans(in, a, &l->pos_spans, &l->pos_spans_n, &l->pos_n) ||
        !get_spans(in, a, &l->neg_spans, &l->neg_spans_n, &l->neg_n))
        return false;
    if (schema == HISTOGRAM_CUSTOM && (!get_bounds(in, a, l) || !custom_in_bounds(l)))
        return false;
    return l->pos_n + l->neg_n <= bits_left(in);
}

static void
get_raw(struct bits *in, struct hist_value *x)
{
    *x = (struct hist_value){.v = bits_get(in, 64), .w = {.leading = BITS_NO_WINDOW}};
}

static void
first_buckets(struct bits *in, bool integer, struct hist_value *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (integer)
            x[i] = (struct hist_value){.v = (uint64_t)bits_get_varbit(in)};
        else
            get_raw(in, &x[i]);
    }
}

struct hist_state
hist_open(enum chunk_encoding encoding, str data, unsigned *count)
{
    uint8_t last = (uint8_t)data.p[CHUNK_HEADER_BYTES];
    struct hist_state s = {.integer = encoding == CHUNK_HISTOGRAM || encoding == CHUNK_HISTOGRAM_ST,
                           .starts = chunk_has_starts(encoding)};
    *count = chunk_samples(encoding, data);
    if (s.starts) {
        s.reset = (uint8_t)data.p[0] & HIST_GAUGE;
        s.st_known = last & 0x80;
        s.st_change = last & HIST_ST_CHANGE_MAX;
    } else {
        s.reset = last & HIST_GAUGE;
    }
    return s;
}

/* The start time of sample number s->samples - 1; before is the time of the last. */
static void
read_start(struct bits *in, struct hist_state *s, int64_t before)
{
    unsigned at = s->samples - 1;
    if (at == 0) {
        s->st = s->st_known ? minus(s->t, bits_get_varint(in)) : 0;
    } else if (s->st_change && at >= s->st_change) {
        int64_t x = bits_get_varbit(in);
        s->st_diff = at == s->st_change ? x : (int64_t)((uint64_t)s->st_diff + (uint64_t)x);
        s->st = minus(before, s->st_diff);
    }
}

bool
hist_read_first(struct bits *in, struct hist_state *s, struct arena *a)
{
    if (!get_layout(in, &s->l, a))
        return false;
    s->l.integer = s->integer;
    s->pos = ARENA_ARRAY(a, struct hist_value, s->l.pos_n);
    s->neg = ARENA_ARRAY(a, struct hist_value, s->l.neg_n);
    s->t = bits_get_varbit(in);
    s->t_delta = 0;
    if (s->integer) {
        s->count = (struct hist_value){.v = bits_get_varbit_u(in)};
        s->zero = (struct hist_value){.v = bits_get_varbit_u(in)};
    } else {
        get_raw(in, &s->count);
        get_raw(in, &s->zero);
    }
    get_raw(in, &s->sum);
    first_buckets(in, s->integer, s->pos, s->l.pos_n);
    first_buckets(in, s->integer, s->neg, s->l.neg_n);
    s->samples = 1;
    if (s->starts)
        read_start(in, s, 0);
    return !bits_bad(in);
}

static bool
next_value(struct bits *in, bool integer, struct hist_value *x)
{
    if (!integer)
        return bits_get_xor(in, &x->v, &x->w.leading, &x->w.trailing);
    x->delta = (int64_t)((uint64_t)x->delta + (uint64_t)bits_get_varbit(in));
    x->v += (uint64_t)x->delta;
    return true;
}

static bool
next_buckets(struct bits *in, bool integer, struct hist_value *x, size_t n)
{
    bool good = true;
    for (size_t i = 0; i < n && good; i++)
        good = next_value(in, integer, &x[i]);
    return good;
}

bool
hist_read_next(struct bits *in, struct hist_state *s)
{
    int64_t before = s->t;
    s->t_delta = (int64_t)((uint64_t)s->t_delta + (uint64_t)bits_get_varbit(in));
    s->t = (int64_t)((uint64_t)s->t + (uint64_t)s->t_delta);
    if (!next_value(in, s->integer, &s->count) || !next_value(in, s->integer, &s->zero) ||
        !next_value(in, false, &s->sum))
        return false;
    if (s->sum.v != STALE_NAN_BITS && (!next_buckets(in, s->integer, s->pos, s->l.pos_n) ||
                                       !next_buckets(in, s->integer, s->neg, s->l.neg_n)))
        return false;
    s->samples++;
    if (s->starts)
        read_start(in, s, before);
    return !bits_bad(in);
}

static double *
get_buckets(const struct hist_state *s, const struct hist_value *x, size_t n, struct arena *a)
{
    double *out = ARENA_ARRAY(a, double, n);
    uint64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += x[i].v;
        out[i] = s->integer ? (double)(int64_t)sum : f64_from_bits(x[i].v);
    }
    return out;
}

static enum histogram_reset
reset_hint(const struct hist_state *s)
{
    if (s->reset == HIST_GAUGE)
        return RESET_GAUGE;
    /* The chunk before this one may be gone, so its first sample says nothing. */
    return s->samples > 1 ? RESET_NO : RESET_UNKNOWN;
}

struct histogram *
hist_get(const struct hist_state *s, struct arena *a)
{
    struct histogram *h = ARENA_NEW(a, struct histogram);
    if (s->sum.v == STALE_NAN_BITS) {
        h->integer = s->integer;
        h->sum = value_stale();
        return h;
    }
    *h = s->l;
    h->reset = (uint8_t)reset_hint(s);
    h->count = s->integer ? (double)s->count.v : f64_from_bits(s->count.v);
    h->zero_count = s->integer ? (double)s->zero.v : f64_from_bits(s->zero.v);
    h->sum = f64_from_bits(s->sum.v);
    h->pos = get_buckets(s, s->pos, s->l.pos_n, a);
    h->neg = get_buckets(s, s->neg, s->l.neg_n, a);
    /* Written by something newer: bring it to what the query language knows. */
    if (h->schema > HISTOGRAM_SCHEMA_MAX)
        h = histogram_reduce(a, h, HISTOGRAM_SCHEMA_MAX);
    return h;
}

static void
keep(const struct hist_state *s, const struct chunk_range *r, int64_t *next)
{
    if (s->t < *next)
        return;
    struct column *c = r->out;
    column_reserve(c, r->a, 1);
    chunk_want_histograms(c, r->a);
    c->t[c->n] = s->t;
    c->v[c->n] = f64_from_bits(s->sum.v);
    c->h[c->n] = hist_get(s, r->a);
    if (s->st != 0)
        chunk_want_start_times(c, r->a);
    if (c->st != NULL)
        c->st[c->n] = s->st;
    c->n++;
    *next = s->t == INT64_MAX ? INT64_MAX : s->t + 1;
}

bool
chunk_histogram_decode(enum chunk_encoding encoding, str data, const struct chunk_range *r)
{
    unsigned count = chunk_samples(encoding, data);
    if (count == 0)
        return true;
    if (data.n < HIST_HEADER_BYTES)
        return false;
    struct hist_state s = hist_open(encoding, data, &count);
    struct bits in = bits_of(data, HIST_HEADER_BYTES);
    int64_t next = r->mint;
    if (!hist_read_first(&in, &s, r->a))
        return false;
    while (s.t <= r->maxt) {
        keep(&s, r, &next);
        if (s.samples == count)
            break;
        if (!hist_read_next(&in, &s))
            return false;
    }
    return true;
}
