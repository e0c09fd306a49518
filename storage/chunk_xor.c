#include "storage/chunk.h"

#include "base/mem.h"
#include "base/panic.h"
#include "storage/chunk_priv.h"

void
chunk_xor_init(struct chunk_xor *c, uint8_t *p, size_t cap)
{
    CHECK(cap <= CHUNK_XOR_CAP_MAX);
    *c = (struct chunk_xor){
        .p = p, .cap = (uint16_t)cap, .bits = CHUNK_HEADER_BYTES * 8, .leading = BITS_NO_WINDOW};
}

/* Classes of 2^k and 1.5 * 2^k, so that at most a third is unused. */
static size_t
size_class_after(size_t cap)
{
    size_t class = 32;
    for (size_t step = 16; class <= cap; class += step)
        if ((class & (class - 1)) == 0)
            step = class / 2;
    return MIN(class, CHUNK_XOR_CAP_MAX);
}

void
chunk_xor_grow(struct chunk_xor *c)
{
    size_t cap = size_class_after(c->cap);
    CHECK(cap > c->cap);
    c->p = mem_realloc(c->p, cap);
    c->cap = (uint16_t)cap;
}

/* The first two samples start at whole bytes with a varint and are rare: apart, so that
 * the common path below stays small. */
static bool
append_first(struct chunk_xor *c, int64_t t, double v)
{
    uint8_t varint[10];
    unsigned n = bits_varint_bytes(t, varint);
    size_t at = CHUNK_HEADER_BYTES;
    if (at + n + 8 > c->cap)
        return false;
    memcpy(c->p + at, varint, n);
    bits_store(c->p + at + n, f64_bits(v));
    c->bits = (uint16_t)((at + n + 8) * 8);
    c->t = t;
    c->value = f64_bits(v);
    c->samples = 1;
    return true;
}

static bool
put_value(struct chunk_xor *c, uint64_t head, unsigned head_n, const struct bits_xor *x)
{
    size_t end = (size_t)c->bits + head_n + x->head_n + x->sig_n;
    if (UNLIKELY(end > (size_t)c->cap * 8))
        return false;
    bits_put_short(c->p, c->cap, c->bits, head << x->head_n | x->head, head_n + x->head_n);
    if (x->sig_n)
        bits_put(c->p, c->cap, end - x->sig_n, x->sig, x->sig_n);
    c->bits = (uint16_t)end;
    c->leading = x->leading;
    c->trailing = x->trailing;
    return true;
}

static bool
append_second(struct chunk_xor *c, int64_t t, const struct bits_xor *x)
{
    uint8_t varint[10];
    unsigned n = bits_uvarint_bytes((uint64_t)t - (uint64_t)c->t, varint);
    uint16_t start = c->bits;
    if ((size_t)start + n * 8 > (size_t)c->cap * 8)
        return false;
    memcpy(c->p + start / 8, varint, n);
    c->bits = (uint16_t)(start + n * 8);
    if (put_value(c, 0, 0, x))
        return true;
    c->bits = start;
    return false;
}

/* A delta of deltas beyond 20 bits: 4 + 64 bits before the value. */
static bool
append_far(struct chunk_xor *c, int64_t dod, const struct bits_xor *x)
{
    uint16_t start = c->bits;
    if ((size_t)start + 68 > (size_t)c->cap * 8)
        return false;
    bits_put_short(c->p, c->cap, start, 15, 4);
    bits_put(c->p, c->cap, start + 4u, (uint64_t)dod, 64);
    c->bits = (uint16_t)(start + 68);
    if (put_value(c, 0, 0, x))
        return true;
    c->bits = start;
    return false;
}

bool
chunk_xor_append(struct chunk_xor *c, int64_t t, double v)
{
    CHECK(c->samples < CHUNK_XOR_SAMPLES_MAX);
    if (UNLIKELY(c->samples == 0))
        return append_first(c, t, v);
    DCHECK(t > c->t);
    struct bits_xor x = bits_xor_of(f64_bits(v), c->value, c->leading, c->trailing);
    int64_t delta = (int64_t)((uint64_t)t - (uint64_t)c->t);
    int64_t dod = (int64_t)((uint64_t)delta - (uint64_t)c->delta);
    bool done;
    if (UNLIKELY(c->samples == 1))
        done = append_second(c, t, &x);
    else if (LIKELY(dod == 0))
        done = put_value(c, 0, 1, &x);
    else if (bits_fit(dod, 14))
        done = put_value(c, 2u << 14 | ((uint64_t)dod & 0x3fff), 16, &x);
    else if (bits_fit(dod, 17))
        done = put_value(c, 6u << 17 | ((uint64_t)dod & 0x1ffff), 20, &x);
    else if (bits_fit(dod, 20))
        done = put_value(c, 14u << 20 | ((uint64_t)dod & 0xfffff), 24, &x);
    else
        done = append_far(c, dod, &x);
    if (UNLIKELY(!done))
        return false;
    c->t = t;
    c->delta = delta;
    c->value = f64_bits(v);
    c->samples++;
    return true;
}

void
chunk_xor_copy(const struct chunk_xor *c, uint8_t *out)
{
    size_t n = chunk_xor_size(c);
    if (n == 0)
        return;
    out[0] = (uint8_t)(c->samples >> 8);
    out[1] = (uint8_t)c->samples;
    memcpy(out + CHUNK_HEADER_BYTES, c->p + CHUNK_HEADER_BYTES, n - CHUNK_HEADER_BYTES);
}

/* State of reading; what it ends with is what appending goes on from. */
struct xor_read {
    struct bits in;
    int64_t t, delta;
    uint64_t value;
    uint8_t leading, trailing;
};

static bool
read_first(struct xor_read *s, str data)
{
    *s = (struct xor_read){.in = bits_of(data, CHUNK_HEADER_BYTES), .leading = BITS_NO_WINDOW};
    s->t = bits_get_varint(&s->in);
    s->value = bits_get(&s->in, 64);
    return !bits_bad(&s->in);
}

static inline bool
read_value(struct xor_read *s)
{
    return bits_get_xor(&s->in, &s->value, &s->leading, &s->trailing);
}

static bool
read_second(struct xor_read *s)
{
    s->delta = (int64_t)bits_get_uvarint(&s->in);
    s->t = (int64_t)((uint64_t)s->t + (uint64_t)s->delta);
    return read_value(s) && !bits_bad(&s->in);
}

static inline int64_t
read_dod(struct bits *in)
{
    uint64_t w = bits_peek(in);
    if (LIKELY(!(w >> 63))) {
        in->at += 1;
        return 0;
    }
    if (!(w >> 62 & 1)) {
        in->at += 16;
        return bits_signed_high(w >> 48 & 0x3fff, 14);
    }
    if (!(w >> 61 & 1)) {
        in->at += 20;
        return bits_signed_high(w >> 44 & 0x1ffff, 17);
    }
    if (!(w >> 60 & 1)) {
        in->at += 24;
        return bits_signed_high(w >> 40 & 0xfffff, 20);
    }
    in->at += 4;
    return (int64_t)bits_get(in, 64);
}

static inline bool
read_next(struct xor_read *s)
{
    s->delta = (int64_t)((uint64_t)s->delta + (uint64_t)read_dod(&s->in));
    s->t = (int64_t)((uint64_t)s->t + (uint64_t)s->delta);
    return LIKELY(read_value(s)) && LIKELY(!bits_bad(&s->in));
}

/* A value's control bits follow no pattern, and a mispredicted branch costs as much as
 * three samples; so the three forms are told apart by masks.  Loads reach up to
 * AHEAD_BYTES past a sample's first byte: 4 + 64 bits of time, 13 of a window, 9 bytes. */
enum { AHEAD_BYTES = 20 };
struct xor_ahead {
    const uint8_t *p;
    size_t n, at;       /* as struct bits */
    int64_t t, delta;
    uint64_t value;
    uint64_t lead, sig; /* window: leading zeros, significant bits */
    uint64_t bad;       /* not 0: a window that is none */
};

static inline __attribute__((always_inline)) void
ahead_next(struct xor_ahead *s)
{
    uint64_t w = bits_load(s->p + (s->at >> 3)) << (s->at & 7);
    if (UNLIKELY(w >> 63)) {
        struct bits in = {.p = s->p, .n = s->n, .at = s->at};
        s->delta = (int64_t)((uint64_t)s->delta + (uint64_t)read_dod(&in));
        s->at = in.at;
        w = bits_load(s->p + (s->at >> 3)) << (s->at & 7);
    } else {
        s->at++;
        w <<= 1;
    }
    s->t = (int64_t)((uint64_t)s->t + (uint64_t)s->delta);
    uint64_t changed = -(w >> 63);                 /* all ones: not the last value again */
    uint64_t window = changed & -(w >> 62 & 1);    /* all ones: a new window comes first */
    uint64_t new_sig = (((w >> 51) - 1) & 63) + 1; /* 0 stands for 64 */
    s->lead = (s->lead & ~window) | ((w >> 57 & 31) & window);
    s->sig = (s->sig & ~window) | (new_sig & window);
    size_t at = s->at + 1 + (changed & 1) + (window & 11), byte = at >> 3;
    unsigned off = (unsigned)(at & 7);
    uint64_t bits = bits_load(s->p + byte) << off | (uint64_t)s->p[byte + 8] >> (8 - off);
    s->value ^= (bits >> (64 - s->sig) << ((64 - s->lead - s->sig) & 63)) & changed;
    s->at = at + (changed & s->sig);
    s->bad |= s->lead + s->sig > 64;
}

/* Reads samples that begin before bit `limit`; false: the rest is not wanted. */
static __attribute__((noinline)) bool
ahead_run(struct xor_ahead *from, size_t limit, unsigned *i, unsigned count,
          struct chunk_sink *sink)
{
    struct xor_ahead s = *from;
    struct chunk_sink k = *sink;
    bool more = true;
    unsigned at = *i;
    for (; at < count && s.at < limit && more; at++) {
        ahead_next(&s);
        more = chunk_sink_put(&k, s.t, s.value);
    }
    *from = s;
    *sink = k;
    *i = at;
    return more;
}

/* Samples from the third on; the last ones from a copy with room behind it. */
static bool
decode_rest(const struct xor_read *r, unsigned count, struct chunk_sink *sink)
{
    bool none = r->leading == BITS_NO_WINDOW;
    struct xor_ahead s = {.p = r->in.p, .n = r->in.n, .at = r->in.at, .t = r->t,
                          .delta = r->delta, .value = r->value, .lead = none ? 0 : r->leading,
                          .sig = none ? 64 : 64u - r->leading - r->trailing};
    unsigned i = 2;
    size_t limit = s.n > AHEAD_BYTES ? (s.n - AHEAD_BYTES) * 8 : 0;
    if (!ahead_run(&s, limit, &i, count, sink) || i == count)
        return s.bad == 0;
    uint8_t tail[3 * AHEAD_BYTES] = {0};
    size_t from = MIN(s.at >> 3, s.n), left = s.n - from;
    CHECK(left <= AHEAD_BYTES + 1);
    memcpy(tail, s.p + from, left);
    s.p = tail;
    s.n = left;
    s.at -= from * 8;
    bool more = ahead_run(&s, left * 8, &i, count, sink);
    return s.bad == 0 && s.at <= left * 8 && (i == count || !more);
}

bool
chunk_xor_decode(str data, const struct chunk_range *r)
{
    unsigned count = chunk_count(data);
    if (count == 0)
        return true;
    struct chunk_sink k = chunk_sink_of(r, count);
    struct xor_read s;
    bool good = read_first(&s, data);
    if (good && chunk_sink_put(&k, s.t, s.value) && count > 1) {
        good = read_second(&s);
        if (good && chunk_sink_put(&k, s.t, s.value))
            good = decode_rest(&s, count, &k);
    }
    chunk_sink_end(&k, r);
    return good;
}

bool
chunk_xor_resume(struct chunk_xor *c, str data, struct err *e)
{
    chunk_xor_init(c, NULL, 0);
    unsigned count = chunk_samples(CHUNK_XOR, data);
    if (count == 0 || count > CHUNK_XOR_SAMPLES_MAX || data.n > CHUNK_XOR_CAP_MAX)
        return err_set(e, ERR_CORRUPT, "open chunk of %zu bytes and %u samples", data.n, count);
    struct xor_read s;
    bool good = read_first(&s, data);
    for (unsigned i = 1; good && i < count; i++) {
        int64_t t = s.t;
        good = (i > 1 ? read_next(&s) : read_second(&s)) && s.t > t;
    }
    if (!good || (s.in.at + 7) / 8 != data.n)
        return err_set(e, ERR_CORRUPT, "open chunk of %zu bytes does not hold its %u samples",
                       data.n, count);
    size_t cap = size_class_after(data.n);
    c->p = memcpy(mem_alloc(cap), data.p, data.n);
    c->cap = (uint16_t)cap;
    c->bits = (uint16_t)s.in.at;
    c->samples = (uint16_t)count;
    c->t = s.t;
    c->delta = s.delta;
    c->value = s.value;
    c->leading = s.leading;
    c->trailing = s.trailing;
    return true;
}
