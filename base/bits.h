/* bits.h - bit input and output for chunk codecs, most significant bit first, as Go's
 * bstream.
 *
 * Writing: bits_put stores at a bit position of memory whose room the caller has
 * checked, and masks what it finds there, so bytes need no zeroing.  Reading: the
 * position may run past the end, where zeros are read; a codec tests bits_bad once a
 * sample.  That keeps the loops free of bounds tests without a byte read outside.
 */
#pragma once
#include "base/base.h"

static inline uint64_t
bits_load(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return __builtin_bswap64(v);
}

static inline void
bits_store(uint8_t *p, uint64_t v)
{
    v = __builtin_bswap64(v);
    memcpy(p, &v, 8);
}

static inline uint64_t
bits_mask(unsigned n)
{
    return n >= 64 ? UINT64_MAX : (1ull << n) - 1;
}

/* Writes the low n (1..57) bits of v at bit `at`; p has cap bytes, enough for them. */
static inline void
bits_put_short(uint8_t *p, size_t cap, size_t at, uint64_t v, unsigned n)
{
    size_t byte = at >> 3;
    unsigned off = (unsigned)(at & 7);
    uint64_t word = (v & bits_mask(n)) << (64 - n - off);
    if (off)
        word |= (uint64_t)(p[byte] & (0xff00u >> off)) << 56;
    if (LIKELY(byte + 8 <= cap)) {
        bits_store(p + byte, word);
        return;
    }
    for (size_t left = (off + n + 7) / 8; left > 0; left--, word <<= 8)
        p[byte++] = (uint8_t)(word >> 56);
}

/* The same for n in 1..64. */
static inline void
bits_put(uint8_t *p, size_t cap, size_t at, uint64_t v, unsigned n)
{
    if (UNLIKELY(n > 57)) {
        bits_put_short(p, cap, at, v >> 32, n - 32);
        at += n - 32;
        n = 32;
    }
    bits_put_short(p, cap, at, v, n);
}

struct bits {
    const uint8_t *p;
    size_t n;  /* bytes */
    size_t at; /* next bit */
};

static inline struct bits
bits_of(str data, size_t from_byte)
{
    return (struct bits){.p = (const uint8_t *)data.p, .n = data.n, .at = from_byte * 8};
}

/* True if more was read than there is. */
static inline bool
bits_bad(const struct bits *b)
{
    return b->at > b->n * 8;
}

static inline size_t
bits_left(const struct bits *b)
{
    return bits_bad(b) ? 0 : b->n * 8 - b->at;
}

/* What lies ahead, left-aligned: at least 57 bits are valid, zeros past the end. */
static inline uint64_t
bits_peek(const struct bits *b)
{
    size_t byte = b->at >> 3;
    uint64_t w = 0;
    if (LIKELY(byte + 8 <= b->n)) {
        w = bits_load(b->p + byte);
    } else if (byte < b->n) {
        for (size_t i = 0; i < b->n - byte; i++)
            w |= (uint64_t)b->p[byte + i] << (56 - 8 * i);
    }
    return w << (b->at & 7);
}

/* Reads n (1..57) bits. */
static inline uint64_t
bits_get_short(struct bits *b, unsigned n)
{
    uint64_t w = bits_peek(b) >> (64 - n);
    b->at += n;
    return w;
}

/* Reads n (0..64) bits. */
static inline uint64_t
bits_get(struct bits *b, unsigned n)
{
    if (n == 0)
        return 0;
    if (UNLIKELY(n > 57)) {
        uint64_t hi = bits_get_short(b, n - 32);
        return hi << 32 | bits_get_short(b, 32);
    }
    return bits_get_short(b, n);
}

/* Go's varints at any bit position.  An overlong one reads past the end: bad. */
uint64_t bits_get_uvarint(struct bits *b);
int64_t bits_get_varint(struct bits *b);
/* Bytes of a Go varint at out (room for 10); returns how many. */
unsigned bits_varint_bytes(int64_t v, uint8_t out[10]);
unsigned bits_uvarint_bytes(uint64_t v, uint8_t out[10]);
