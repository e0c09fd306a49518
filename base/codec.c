#include "base/codec.h"

#include "base/panic.h"

/* The next n bytes, or NULL with bad set; a bad cursor stays at its end. */
static const uint8_t *
take(struct dec *d, size_t n)
{
    if (UNLIKELY(d->bad || dec_left(d) < n)) {
        d->bad = true;
        return NULL;
    }
    const uint8_t *p = d->p;
    d->p += n;
    return p;
}

uint8_t
dec_u8(struct dec *d)
{
    const uint8_t *p = take(d, 1);
    return p ? *p : 0;
}

uint16_t
dec_u16_le(struct dec *d)
{
    const uint8_t *p = take(d, 2);
    return p ? (uint16_t)(p[0] | p[1] << 8) : 0;
}

uint16_t
dec_u16_be(struct dec *d)
{
    const uint8_t *p = take(d, 2);
    return p ? (uint16_t)(p[1] | p[0] << 8) : 0;
}

/* x86-64 and arm64 are little endian; the swaps are for _be. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "loads below assume it");

uint32_t
dec_u32_le(struct dec *d)
{
    uint32_t v = 0;
    const uint8_t *p = take(d, 4);
    if (LIKELY(p != NULL))
        memcpy(&v, p, 4);
    return v;
}

uint32_t
dec_u32_be(struct dec *d)
{
    return __builtin_bswap32(dec_u32_le(d));
}

uint64_t
dec_u64_le(struct dec *d)
{
    uint64_t v = 0;
    const uint8_t *p = take(d, 8);
    if (LIKELY(p != NULL))
        memcpy(&v, p, 8);
    return v;
}

uint64_t
dec_u64_be(struct dec *d)
{
    return __builtin_bswap64(dec_u64_le(d));
}

uint64_t
dec_uvarint(struct dec *d)
{
    if (UNLIKELY(d->bad))
        return 0;
    uint64_t v = 0;
    const uint8_t *p = d->p;
    for (unsigned shift = 0; shift < 70 && p < d->end; shift += 7) {
        uint8_t c = *p++;
        /* The tenth byte has room for one bit. */
        if (shift == 63 && c > 1)
            break;
        v |= (uint64_t)(c & 0x7f) << shift;
        if (c < 0x80) {
            d->p = p;
            return v;
        }
    }
    d->bad = true;
    return 0;
}

int64_t
dec_varint(struct dec *d)
{
    uint64_t u = dec_uvarint(d);
    return (int64_t)(u >> 1 ^ (0 - (u & 1)));
}

double
dec_f64_le(struct dec *d)
{
    return f64_from_bits(dec_u64_le(d));
}

double
dec_f64_be(struct dec *d)
{
    return f64_from_bits(dec_u64_be(d));
}

str
dec_bytes(struct dec *d, size_t n)
{
    const uint8_t *p = take(d, n);
    return p ? STR(p, n) : STR_EMPTY;
}

str
dec_uvarint_str(struct dec *d)
{
    uint64_t n = dec_uvarint(d);
    if (n > dec_left(d)) {
        d->bad = true;
        return STR_EMPTY;
    }
    return dec_bytes(d, (size_t)n);
}

void
dec_skip(struct dec *d, size_t n)
{
    take(d, n);
}

void
enc_u8(struct buf *b, uint8_t v)
{
    buf_byte(b, (char)v);
}

void
enc_u16_le(struct buf *b, uint16_t v)
{
    memcpy(buf_extend(b, 2), &v, 2);
}

void
enc_u32_le(struct buf *b, uint32_t v)
{
    memcpy(buf_extend(b, 4), &v, 4);
}

void
enc_u64_le(struct buf *b, uint64_t v)
{
    memcpy(buf_extend(b, 8), &v, 8);
}

void
enc_u16_be(struct buf *b, uint16_t v)
{
    enc_u16_le(b, __builtin_bswap16(v));
}

void
enc_u32_be(struct buf *b, uint32_t v)
{
    enc_u32_le(b, __builtin_bswap32(v));
}

void
enc_u64_be(struct buf *b, uint64_t v)
{
    enc_u64_le(b, __builtin_bswap64(v));
}

void
enc_uvarint(struct buf *b, uint64_t v)
{
    buf_reserve(b, 10);
    char *p = b->p + b->n;
    while (v >= 0x80) {
        *p++ = (char)(v | 0x80);
        v >>= 7;
    }
    *p++ = (char)v;
    b->n = (size_t)(p - b->p);
}

void
enc_varint(struct buf *b, int64_t v)
{
    enc_uvarint(b, (uint64_t)v << 1 ^ (uint64_t)(v >> 63));
}

void
enc_f64_le(struct buf *b, double v)
{
    enc_u64_le(b, f64_bits(v));
}

void
enc_f64_be(struct buf *b, double v)
{
    enc_u64_be(b, f64_bits(v));
}

void
enc_uvarint_str(struct buf *b, str s)
{
    enc_uvarint(b, s.n);
    buf_put(b, s);
}

void
enc_u32_le_at(struct buf *b, size_t at, uint32_t v)
{
    CHECK(at <= b->n && b->n - at >= 4);
    memcpy(b->p + at, &v, 4);
}

void
enc_u32_be_at(struct buf *b, size_t at, uint32_t v)
{
    enc_u32_le_at(b, at, __builtin_bswap32(v));
}
