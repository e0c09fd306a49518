#include "server/scrape/gzip_fault.h"

#include "base/codec.h"

#define LITERALS_MAX 286
#define DISTANCES_MAX 30
#define WINDOW 32768u
#define END_OF_BLOCK 256

enum fault { FINE, CORRUPT, TRUNCATED };

struct walk {
    const uint8_t *p;
    size_t n, at;      /* at: bytes read */
    uint32_t bits;
    unsigned bits_n;
    size_t out;        /* bytes the stream has made */
    enum fault fault;
};

static unsigned
get_bits(struct walk *w, unsigned n)
{
    while (w->bits_n < n) {
        if (w->at == w->n) {
            w->fault = w->fault ? w->fault : TRUNCATED;
            return 0;
        }
        w->bits |= (uint32_t)w->p[w->at++] << w->bits_n;
        w->bits_n += 8;
    }
    unsigned v = w->bits & ((1u << n) - 1);
    w->bits >>= n;
    w->bits_n -= n;
    return v;
}

static void
corrupt(struct walk *w)
{
    w->fault = w->fault ? w->fault : CORRUPT;
}

/* A canonical code: how many symbols of each length, and the symbols in order. */
struct code {
    uint16_t count[16], symbol[320];
    unsigned min;      /* bits read before a symbol is looked up */
    bool single;       /* one symbol, of one bit */
};

static bool
code_init(struct code *c, const uint8_t *length, unsigned n)
{
    uint16_t offset[16] = {0};
    unsigned max = 0, total = 0;

    memset(c->count, 0, sizeof c->count);
    c->min = 0;
    c->single = false;
    for (unsigned i = 0; i < n; i++) {
        c->count[length[i]]++;
        max = MAX(max, length[i]);
        if (length[i] && (c->min == 0 || length[i] < c->min))
            c->min = length[i];
    }
    c->count[0] = 0;
    if (max == 0)
        return true; /* a symbol of it is what fails */
    for (unsigned i = 1; i <= max; i++) {
        total = total * 2 + c->count[i];
        offset[i] = (uint16_t)(offset[i - 1] + c->count[i - 1]);
    }
    c->single = total == 1 && max == 1;
    if (total != 1u << max && !c->single)
        return false;
    for (unsigned i = 0; i < n; i++)
        if (length[i])
            c->symbol[offset[length[i]]++] = (uint16_t)i;
    return true;
}

static unsigned
get_symbol(struct walk *w, const struct code *c)
{
    int value = 0, first = 0, index = 0;

    /* Go has as many bits at hand as the shortest code before it looks. */
    if (w->bits_n < c->min) {
        uint32_t bits = get_bits(w, c->min);
        w->bits = w->bits << c->min | bits;
        w->bits_n += c->min;
    }
    for (unsigned len = 1; len < 16 && !w->fault; len++) {
        value |= (int)get_bits(w, 1);
        int count = c->count[len];
        if (value - count < first)
            return c->symbol[index + (value - first)];
        index += count;
        first = (first + count) << 1;
        value <<= 1;
        if (c->single)
            break; /* a code of one symbol, and this is the other bit */
    }
    corrupt(w);
    return 0;
}

static void
walk_stored(struct walk *w)
{
    w->bits = w->bits_n = 0;
    unsigned n = get_bits(w, 16), inverse = get_bits(w, 16);
    if (!w->fault && n != (~inverse & 0xffff))
        corrupt(w);
    if (w->fault)
        return;
    size_t have = MIN((size_t)n, w->n - w->at);
    w->at += have;
    w->out += have;
    if (have < n)
        w->fault = TRUNCATED;
}

static void
walk_match(struct walk *w, unsigned symbol, const struct code *distances)
{
    size_t length;

    if (symbol < 265)
        length = symbol - 257 + 3;
    else if (symbol < 285)
        length = ((4 + (symbol - 265) % 4) << ((symbol - 261) / 4)) + 3 + get_bits(w, (symbol - 261) / 4);
    else if (symbol < LITERALS_MAX)
        length = 258;
    else {
        corrupt(w);
        return;
    }
    unsigned d = distances ? get_symbol(w, distances) : 0;
    if (!distances) { /* the fixed code: five bits, highest first */
        unsigned v = get_bits(w, 5);
        for (unsigned i = 0; i < 5; i++)
            d = d << 1 | (v >> i & 1);
    }
    if (w->fault)
        return;
    size_t distance = d + 1;
    if (d >= DISTANCES_MAX)
        corrupt(w);
    else if (d >= 4)
        distance = 1 + ((2 + (size_t)(d & 1)) << ((d - 2) >> 1)) + get_bits(w, (d - 2) >> 1);
    if (!w->fault && distance > MIN(w->out, (size_t)WINDOW))
        corrupt(w);
    w->out += length;
}

static void
walk_codes(struct walk *w, const struct code *literals, const struct code *distances)
{
    while (!w->fault) {
        unsigned symbol = get_symbol(w, literals);
        if (w->fault || symbol == END_OF_BLOCK)
            return;
        if (symbol < 256)
            w->out++;
        else
            walk_match(w, symbol, distances);
    }
}

static void
walk_fixed(struct walk *w)
{
    struct code literals;
    uint8_t length[288];

    for (unsigned i = 0; i < 288; i++)
        length[i] = i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8;
    code_init(&literals, length, 288);
    walk_codes(w, &literals, NULL);
}

/* The lengths of both codes, themselves coded. */
static void
read_lengths(struct walk *w, const struct code *c, uint8_t *length, unsigned n)
{
    for (unsigned i = 0; i < n && !w->fault;) {
        unsigned x = get_symbol(w, c), repeat;
        uint8_t value = 0;
        if (w->fault)
            return;
        if (x < 16) {
            length[i++] = (uint8_t)x;
            continue;
        }
        if (x == 16 && i == 0) {
            corrupt(w);
            return;
        }
        if (x == 16)
            value = length[i - 1];
        repeat = x == 16 ? 3 + get_bits(w, 2) : x == 17 ? 3 + get_bits(w, 3) : 11 + get_bits(w, 7);
        if (!w->fault && i + repeat > n)
            corrupt(w);
        while (!w->fault && repeat--)
            length[i++] = value;
    }
}

static void
walk_dynamic(struct walk *w)
{
    static const uint8_t order[19] = {16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
    uint8_t length[LITERALS_MAX + DISTANCES_MAX] = {0};
    struct code c, literals, distances;

    unsigned head = get_bits(w, 14);
    unsigned literals_n = (head & 31) + 257, distances_n = (head >> 5 & 31) + 1, lengths_n = (head >> 10) + 4;
    if (literals_n > LITERALS_MAX || distances_n > DISTANCES_MAX)
        corrupt(w);
    for (unsigned i = 0; i < lengths_n && !w->fault; i++)
        length[order[i]] = (uint8_t)get_bits(w, 3);
    if (!w->fault && !code_init(&c, length, 19))
        corrupt(w);
    memset(length, 0, sizeof length);
    if (!w->fault)
        read_lengths(w, &c, length, literals_n + distances_n);
    if (w->fault)
        return;
    if (!code_init(&literals, length, literals_n) ||
        !code_init(&distances, length + literals_n, distances_n)) {
        corrupt(w);
        return;
    }
    literals.min = MAX(literals.min, (unsigned)length[END_OF_BLOCK]);
    walk_codes(w, &literals, &distances);
}

static void
walk_deflate(struct walk *w)
{
    bool final = false;

    while (!final && !w->fault) {
        unsigned head = get_bits(w, 3);
        final = head & 1;
        if (w->fault)
            return;
        switch (head >> 1) {
        case 0: walk_stored(w); break;
        case 1: walk_fixed(w); break;
        case 2: walk_dynamic(w); break;
        default: corrupt(w);
        }
    }
}

/* Past a member's header; false if it ends too early. */
static bool
skip_header(str s, size_t *at)
{
    size_t i = 10;
    uint8_t flags = s.n > 3 ? (uint8_t)s.p[3] : 0;

    if (flags & 4) {
        if (i + 2 > s.n)
            return false;
        i += 2 + ((uint8_t)s.p[i] | (size_t)(uint8_t)s.p[i + 1] << 8);
    }
    for (int text = 0; text < 2; text++)
        if (flags & (text ? 16 : 8)) {
            ptrdiff_t end = str_find_char(s, '\0', i);
            if (end < 0)
                return false;
            i = (size_t)end + 1;
        }
    *at = i;
    return i <= s.n;
}

/* One member; where it is sound, *rest is what stands behind it. */
static bool
member_fault(str body, str *rest, struct err *e)
{
    size_t start;

    if (body.n < 10)
        return err_set(e, ERR_NET, "unexpected EOF");
    /* Nobody writes a checksum of the header; with one, the header is what is wrong. */
    if (memcmp(body.p, "\x1f\x8b\x08", 3) != 0 || (body.p[3] & 2))
        return err_set(e, ERR_NET, "gzip: invalid header");
    if (!skip_header(body, &start))
        return err_set(e, ERR_NET, "unexpected EOF");
    struct walk w = {.p = (const uint8_t *)body.p + start, .n = body.n - start};
    walk_deflate(&w);
    if (w.fault == CORRUPT)
        return err_set(e, ERR_NET, "flate: corrupt input before offset %zu", w.at);
    if (w.fault == TRUNCATED || w.n - w.at < 8)
        return err_set(e, ERR_NET, "unexpected EOF");
    struct dec size = dec_of(str_from(body, start + w.at + 4));
    *rest = str_from(body, start + w.at + 8);
    return dec_u32_le(&size) == (uint32_t)w.out || err_set(e, ERR_NET, "gzip: invalid checksum");
}

void
gzip_fault(str body, struct err *e)
{
    str rest = body;

    if (body.n == 0) {
        err_set(e, ERR_NET, "EOF");
        return;
    }
    while (rest.n)
        if (!member_fault(rest, &rest, e))
            return;
    err_set(e, ERR_NET, "gzip: invalid checksum"); /* the length was right */
}
