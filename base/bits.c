#include "base/bits.h"

#include "base/panic.h"

static uint64_t
load_be64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return __builtin_bswap64(v);
}

static void
store_be64(uint8_t *p, uint64_t v)
{
    v = __builtin_bswap64(v);
    memcpy(p, &v, 8);
}

void
bit_put(struct bit_writer *w, uint64_t v, unsigned n)
{
    CHECK(n <= 64 && w->cap_bits - w->bits >= n);
    if (n == 0)
        return;
    uint8_t *p = w->p + w->bits / 8;
    unsigned skip = w->bits % 8;
    size_t room = w->cap_bits / 8 - w->bits / 8;
    w->bits += n;
    /* Left-aligned, then moved behind the bits already in the first byte. */
    uint64_t left = v << (64 - n);
    if (LIKELY(room >= 9)) {
        store_be64(p, load_be64(p) | left >> skip);
        if (skip + n > 64)
            p[8] |= (uint8_t)(left << (64 - skip) >> 56);
        return;
    }
    p[0] |= (uint8_t)(left >> 56 >> skip);
    unsigned done = 8 - skip;
    for (left <<= done; done < n; done += 8, left <<= 8)
        *++p |= (uint8_t)(left >> 56);
}

void
bit_refill(struct bit_reader *r)
{
    size_t left = (size_t)(r->end - r->p);
    if (LIKELY(left >= 8)) {
        unsigned bytes = (64 - r->have) / 8;
        if (bytes == 0)
            return;
        /* Bits of acc beyond `have` stay zero. */
        uint64_t v = load_be64(r->p) >> (64 - 8 * bytes);
        r->acc |= v << (64 - r->have - 8 * bytes);
        r->p += bytes;
        r->have += 8 * bytes;
        return;
    }
    while (r->have <= 56 && r->p < r->end) {
        r->acc |= (uint64_t)*r->p++ << (56 - r->have);
        r->have += 8;
    }
}
