#include "storage/chunk_bits.h"

uint64_t
bits_get_uvarint(struct bits *b)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
        uint64_t byte = bits_get_short(b, 8);
        if (byte < 0x80) {
            if (shift == 63 && byte > 1)
                break;
            return v | byte << shift;
        }
        v |= (byte & 0x7f) << (shift < 64 ? shift : 63);
    }
    b->at = b->n * 8 + 1;
    return 0;
}

int64_t
bits_get_varint(struct bits *b)
{
    uint64_t u = bits_get_uvarint(b);
    return (int64_t)(u >> 1 ^ -(u & 1));
}

static const uint8_t varbit_bits[] = {0, 3, 6, 9, 12, 18, 25, 56, 64};

/* Reads the unary class, 0…8. */
static unsigned
varbit_class(struct bits *b)
{
    uint64_t w = bits_peek(b);
    unsigned ones = ~w ? (unsigned)__builtin_clzll(~w) : 64;
    if (ones >= 8) {
        b->at += 8;
        return 8;
    }
    b->at += ones + 1;
    return ones;
}

uint64_t
bits_get_varbit_u(struct bits *b)
{
    return bits_get(b, varbit_bits[varbit_class(b)]);
}

int64_t
bits_get_varbit(struct bits *b)
{
    unsigned n = varbit_bits[varbit_class(b)];
    uint64_t v = bits_get(b, n);
    return n == 0 || n == 64 ? (int64_t)v : bits_signed_high(v, n);
}

static struct bits_varbit
varbit_of(uint64_t v, unsigned class)
{
    unsigned n = varbit_bits[class];
    if (class == 0)
        return (struct bits_varbit){.prefix = 0, .prefix_n = 1};
    if (class == 8)
        return (struct bits_varbit){.prefix = 0xff, .prefix_n = 8, .rest = v, .rest_n = 64};
    return (struct bits_varbit){.prefix = bits_mask(class) << 1, .prefix_n = class + 1,
                                .rest = v & bits_mask(n), .rest_n = n};
}

struct bits_varbit
bits_varbit(int64_t v)
{
    unsigned class = 0;
    if (v != 0)
        for (class = 1; class < 8 && !bits_fit(v, varbit_bits[class]); class++)
            ;
    return varbit_of((uint64_t)v, class);
}

struct bits_varbit
bits_varbit_u(uint64_t v)
{
    unsigned class = 0;
    if (v != 0)
        for (class = 1; class < 8 && v >> varbit_bits[class] != 0; class++)
            ;
    return varbit_of(v, class);
}

unsigned
bits_uvarint_bytes(uint64_t v, uint8_t out[10])
{
    unsigned n = 0;
    while (v >= 0x80) {
        out[n++] = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    out[n++] = (uint8_t)v;
    return n;
}

unsigned
bits_varint_bytes(int64_t v, uint8_t out[10])
{
    return bits_uvarint_bytes((uint64_t)v << 1 ^ (uint64_t)(v >> 63), out);
}
