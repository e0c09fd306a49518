#include "base/bits.h"

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
