/* chunk_bits.h - the bit forms that several chunk encodings share.
 *
 * Varbit is Prometheus' variable-length integer: 0 | 10+3 | 110+6 | 1110+9 | 11110+12 |
 * 111110+18 | 1111110+25 | 11111110+56 | 11111111+64 bits.  The XORed double is that of
 * Gorilla with 5 bits for the leading zeros and 6 for the significant bits.
 */
#pragma once
#include "base/bits.h"

/* Sign of an n-bit field that holds -(2^(n-1)-1) … 2^(n-1). */
static inline int64_t
bits_signed_high(uint64_t v, unsigned n)
{
    return v > 1ull << (n - 1) ? (int64_t)(v - (1ull << n)) : (int64_t)v;
}

/* True if x fits such a field. */
static inline bool
bits_fit(int64_t x, unsigned n)
{
    return -((1ll << (n - 1)) - 1) <= x && x <= 1ll << (n - 1);
}

uint64_t bits_get_varbit_u(struct bits *b);
int64_t bits_get_varbit(struct bits *b);

/* Varbit forms for writing: up to 72 bits as `prefix` (prefix_n, 1..57) then `rest`
 * (rest_n, 0..64). */
struct bits_varbit {
    uint64_t prefix, rest;
    unsigned prefix_n, rest_n;
};
struct bits_varbit bits_varbit(int64_t v);
struct bits_varbit bits_varbit_u(uint64_t v);

/* The window before one was set.  Writers then never write "in the last window", but
 * Prometheus' may after a restart, and mean all 64 bits. */
#define BITS_NO_WINDOW 0xff

/* An XORed double as encodings 1 to 3 write it: the window is updated by the caller
 * only when the sample is really written. */
struct bits_xor {
    uint64_t head;             /* control bits and window */
    uint64_t sig;              /* significant bits */
    uint8_t head_n;            /* 1, 2 or 13 */
    uint8_t sig_n;             /* 0..64 */
    uint8_t leading, trailing; /* window after this value */
};
static inline struct bits_xor
bits_xor_of(uint64_t value, uint64_t before, uint8_t leading, uint8_t trailing)
{
    uint64_t x = value ^ before;
    if (x == 0)
        return (struct bits_xor){.head_n = 1, .leading = leading, .trailing = trailing};
    uint8_t lead = (uint8_t)MIN(__builtin_clzll(x), 31);
    uint8_t trail = (uint8_t)__builtin_ctzll(x);
    if (leading != BITS_NO_WINDOW && lead >= leading && trail >= trailing) {
        return (struct bits_xor){.head = 2,
                                 .head_n = 2,
                                 .sig = x >> trailing,
                                 .sig_n = (uint8_t)(64 - leading - trailing),
                                 .leading = leading,
                                 .trailing = trailing};
    }
    uint8_t sig = (uint8_t)(64 - lead - trail);
    return (struct bits_xor){.head = 3u << 11 | (uint64_t)lead << 6 | (sig & 63),
                             .head_n = 13,
                             .sig = x >> trail,
                             .sig_n = sig,
                             .leading = lead,
                             .trailing = trail};
}

/* Reads one into *value, moving the window; false on an impossible window. */
static inline bool
bits_get_xor(struct bits *b, uint64_t *value, uint8_t *leading, uint8_t *trailing)
{
    uint64_t w = bits_peek(b);
    if (!(w >> 63)) {
        b->at += 1;
        return true;
    }
    unsigned sig;
    if (w >> 62 & 1) {
        unsigned lead = (unsigned)(w >> 57 & 31);
        sig = (unsigned)(w >> 51 & 63);
        sig = sig ? sig : 64;
        if (UNLIKELY(lead + sig > 64))
            return false;
        *leading = (uint8_t)lead;
        *trailing = (uint8_t)(64 - lead - sig);
        b->at += 13;
    } else {
        if (UNLIKELY(*leading == BITS_NO_WINDOW))
            *leading = 0;
        sig = 64u - *leading - *trailing;
        b->at += 2;
    }
    *value ^= bits_get(b, sig) << *trailing;
    return true;
}
