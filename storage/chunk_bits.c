#include "storage/chunk_bits.h"

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
    return (struct bits_varbit){.prefix = bits_mask(class) << 1,
                                .prefix_n = class + 1,
                                .rest = v & bits_mask(n),
                                .rest_n = n};
}

struct bits_varbit
bits_varbit(int64_t v)
{
    unsigned class = 0;
    if (v != 0)
        for (class = 1; class < 8 && !bits_fit(v, varbit_bits[class]); class ++)
            ;
    return varbit_of((uint64_t)v, class);
}

struct bits_varbit
bits_varbit_u(uint64_t v)
{
    unsigned class = 0;
    if (v != 0)
        for (class = 1; class < 8 && v >> varbit_bits[class] != 0; class ++)
            ;
    return varbit_of(v, class);
}
