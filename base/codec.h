/* codec.h - cursors to write and read binary formats.
 *
 * struct enc appends to a struct buf and cannot fail.  struct dec reads a
 * borrowed slice and carries its first error: after a fault `bad` is set, every
 * read yields zero or an empty slice, and one test at the end is enough.
 *
 * Little endian is _le, big endian _be.  uvarint and varint (zig-zag) are those
 * of Go's encoding/binary and of protobuf: at most 10 bytes.
 */
#pragma once
#include "base/base.h"
#include "base/buf.h"

struct dec {
    const uint8_t *p;
    const uint8_t *end;
    bool bad;
};

static inline struct dec
dec_of(str s)
{
    return (struct dec){.p = (const uint8_t *)s.p, .end = (const uint8_t *)s.p + s.n};
}
static inline size_t
dec_left(const struct dec *d)
{
    return (size_t)(d->end - d->p);
}
/* Whole and exhausted: the usual last test. */
static inline bool
dec_done(const struct dec *d)
{
    return !d->bad && d->p == d->end;
}

uint8_t dec_u8(struct dec *d);
uint16_t dec_u16_le(struct dec *d);
uint32_t dec_u32_le(struct dec *d);
uint64_t dec_u64_le(struct dec *d);
uint16_t dec_u16_be(struct dec *d);
uint32_t dec_u32_be(struct dec *d);
uint64_t dec_u64_be(struct dec *d);
uint64_t dec_uvarint(struct dec *d);
int64_t dec_varint(struct dec *d);
double dec_f64_le(struct dec *d); /* bits untouched */
double dec_f64_be(struct dec *d);
str dec_bytes(struct dec *d, size_t n);   /* borrowed */
str dec_uvarint_str(struct dec *d);       /* uvarint length, then bytes; borrowed */
void dec_skip(struct dec *d, size_t n);

void enc_u8(struct buf *b, uint8_t v);
void enc_u16_le(struct buf *b, uint16_t v);
void enc_u32_le(struct buf *b, uint32_t v);
void enc_u64_le(struct buf *b, uint64_t v);
void enc_u16_be(struct buf *b, uint16_t v);
void enc_u32_be(struct buf *b, uint32_t v);
void enc_u64_be(struct buf *b, uint64_t v);
void enc_uvarint(struct buf *b, uint64_t v);
void enc_varint(struct buf *b, int64_t v);
void enc_f64_le(struct buf *b, double v);
void enc_f64_be(struct buf *b, double v);
void enc_uvarint_str(struct buf *b, str s);
/* Overwrites bytes written earlier. */
void enc_u32_le_at(struct buf *b, size_t at, uint32_t v);
void enc_u32_be_at(struct buf *b, size_t at, uint32_t v);

static inline uint64_t
f64_bits(double v)
{
    uint64_t u;
    memcpy(&u, &v, 8);
    return u;
}
static inline double
f64_from_bits(uint64_t u)
{
    double v;
    memcpy(&v, &u, 8);
    return v;
}
