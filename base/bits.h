/* bits.h - bit cursors for Gorilla chunks: most significant bit first, as Go's bstream.
 *
 * The writer fills caller-owned memory through struct bit_writer and never grows it:
 * callers ask bit_writer_room first.  The reader is sticky like struct dec.
 */
#pragma once
#include "base/base.h"

struct bit_writer {
    uint8_t *p;      /* start of the bytes; bytes past the end are kept zero */
    size_t bits;     /* bits written */
    size_t cap_bits; /* capacity */
};
/* Appends the low n (0..64) bits of v; the caller has checked the room. */
void bit_put(struct bit_writer *w, uint64_t v, unsigned n);
static inline size_t
bit_writer_bytes(const struct bit_writer *w)
{
    return (w->bits + 7) / 8;
}

struct bit_reader {
    const uint8_t *p;
    const uint8_t *end;
    uint64_t acc;   /* unread bits, left-aligned */
    unsigned have;  /* how many of acc are valid */
    bool bad;       /* read past the end */
};
static inline struct bit_reader
bit_reader_of(const uint8_t *p, size_t n)
{
    return (struct bit_reader){.p = p, .end = p + n};
}
void bit_refill(struct bit_reader *r);
/* Next n (0..64) bits, or 0 with bad set. */
static inline uint64_t
bit_get(struct bit_reader *r, unsigned n)
{
    if (n == 0)
        return 0;
    if (UNLIKELY(n > 56)) {
        unsigned low = n - 32;
        uint64_t hi = bit_get(r, 32);
        return hi << low | bit_get(r, low);
    }
    if (r->have < n)
        bit_refill(r);
    if (UNLIKELY(r->have < n)) {
        r->bad = true;
        r->acc = 0;
        r->have = 0;
        return 0;
    }
    uint64_t v = r->acc >> (64 - n);
    r->acc <<= n;
    r->have -= n;
    return v;
}
