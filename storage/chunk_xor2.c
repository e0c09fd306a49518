/* chunk_xor2.c - encoding 4: XOR with a joint prefix for time and value, and start times.
 *
 *   OFFSET  SIZE  FIELD
 *        0     2  count, big-endian
 *        2     1  0x80 the first sample has a start time | 0x7f index of the first change
 *        3     *  bits
 *   sample 0    varint t | v:64 | varint t-st if 0x80
 *   sample 1    uvarint delta | value | varbit prev_t-st if the first change is here
 *   others      joint | start
 *     joint     0 same dod and value | 10 dod 0, value-nz | 110+13 | 1110+20 | 11110+64 dod, value
 *               | 11111 dod 0, stale marker              (dod two's complement)
 *     value     0 same | 10 in the last window | 110 new window | 111 stale marker
 *     value-nz  0 in the last window | 1 new window
 *     start     from the first change on: varbit prev_t-st, then its differences
 * A stale marker does not become the base of the next XOR.  An unset first change is
 * forced at sample 127, the last index the byte can name.
 */
#include "storage/chunk.h"

#include "base/mem.h"
#include "base/panic.h"
#include "storage/chunk_priv.h"

#define ST_HEADER_BYTES 1
#define ST_KNOWN 0x80
#define ST_CHANGE_MAX 0x7f

void
chunk_xor2_init(struct chunk_xor2 *c, uint8_t *p, size_t cap)
{
    *c = (struct chunk_xor2){.st = 0};
    chunk_xor_init(&c->x, p, cap);
    c->x.bits += ST_HEADER_BYTES * 8;
}

/* A sample is put together here first, so that one test finds whether it has room:
 * pieces of at most 64 bits, eight in the worst case. */
struct pieces {
    struct {
        uint64_t v;
        unsigned n;
    } of[10];
    unsigned n, bits;
};

static void
piece(struct pieces *s, uint64_t v, unsigned n)
{
    if (n == 0)
        return;
    CHECK(s->n < ARRAY_LEN(s->of));
    s->of[s->n].v = v;
    s->of[s->n++].n = n;
    s->bits += n;
}

static void
piece_bytes(struct pieces *s, const uint8_t *p, unsigned n)
{
    for (unsigned at = 0; at < n; at += 5) {
        uint64_t v = 0;
        unsigned k = MIN(n - at, 5);
        for (unsigned i = 0; i < k; i++)
            v = v << 8 | p[at + i];
        piece(s, v, k * 8);
    }
}

static void
piece_varbit(struct pieces *s, int64_t v)
{
    struct bits_varbit x = bits_varbit(v);
    piece(s, x.prefix, x.prefix_n);
    piece(s, x.rest, x.rest_n);
}

struct window {
    uint8_t leading, trailing;
};

/* The control bits in front of an XOR: for one in the last window, for one in a new. */
struct controls {
    uint8_t last, last_n, fresh, fresh_n;
};
static const struct controls in_value = {2, 2, 6, 3};
static const struct controls in_value_nz = {0, 1, 1, 1};

static void
piece_xor(struct pieces *s, uint64_t x, struct window *w, const struct controls *k)
{
    uint8_t lead = (uint8_t)MIN(__builtin_clzll(x), 31);
    uint8_t trail = (uint8_t)__builtin_ctzll(x);
    if (w->leading != BITS_NO_WINDOW && lead >= w->leading && trail >= w->trailing) {
        piece(s, k->last, k->last_n);
        piece(s, x >> w->trailing, 64u - w->leading - w->trailing);
        return;
    }
    unsigned sig = 64u - lead - trail;
    *w = (struct window){lead, trail};
    piece(s, k->fresh, k->fresh_n);
    piece(s, (uint64_t)lead << 6 | (sig & 63), 11);
    piece(s, x >> trail, sig);
}

static void
piece_value(struct pieces *s, uint64_t value, uint64_t base, struct window *w)
{
    if (value == STALE_NAN_BITS)
        piece(s, 7, 3);
    else if (value == base)
        piece(s, 0, 1);
    else
        piece_xor(s, value ^ base, w, &in_value);
}

static void
piece_joint(struct pieces *s, int64_t dod, uint64_t value, uint64_t base, struct window *w)
{
    if (dod == 0) {
        if (value == STALE_NAN_BITS) {
            piece(s, 31, 5);
        } else if (value == base) {
            piece(s, 0, 1);
        } else {
            piece(s, 2, 2);
            piece_xor(s, value ^ base, w, &in_value_nz);
        }
        return;
    }
    if (dod >= -(1 << 12) && dod < 1 << 12) {
        piece(s, 6u << 13 | ((uint64_t)dod & 0x1fff), 16);
    } else if (dod >= -(1 << 19) && dod < 1 << 19) {
        piece(s, 14u << 20 | ((uint64_t)dod & 0xfffff), 24);
    } else {
        piece(s, 30, 5);
        piece(s, (uint64_t)dod, 64);
    }
    piece_value(s, value, base, w);
}

/* Puts the start time of sample `at` and updates c's view of it. */
static void
piece_start(struct pieces *s, struct chunk_xor2 *c, int64_t st, unsigned at)
{
    int64_t diff = (int64_t)((uint64_t)c->x.t - (uint64_t)st);
    if (c->st_change != 0) {
        piece_varbit(s, (int64_t)((uint64_t)diff - (uint64_t)c->st_diff));
        c->st_diff = diff;
    } else if (st != c->st || at == ST_CHANGE_MAX) {
        c->st_change = (uint16_t)at;
        c->st_diff = diff;
        piece_varbit(s, diff);
    }
    c->st = st;
}

static void
piece_first(struct pieces *s, struct chunk_xor2 *c, int64_t st, int64_t t, uint64_t value)
{
    uint8_t varint[10];
    piece_bytes(s, varint, bits_varint_bytes(t, varint));
    piece(s, value, 64);
    if (st == 0)
        return;
    piece_bytes(s, varint, bits_varint_bytes((int64_t)((uint64_t)t - (uint64_t)st), varint));
    c->st_known = true;
    c->st = st;
}

static bool
put_pieces(struct chunk_xor *x, const struct pieces *s)
{
    if ((size_t)x->bits + s->bits > (size_t)x->cap * 8)
        return false;
    for (unsigned i = 0; i < s->n; i++) {
        bits_put(x->p, x->cap, x->bits, s->of[i].v, s->of[i].n);
        x->bits = (uint16_t)(x->bits + s->of[i].n);
    }
    return true;
}

bool
chunk_xor2_append(struct chunk_xor2 *c, int64_t st, int64_t t, double v)
{
    CHECK(c->x.samples < CHUNK_XOR2_SAMPLES_MAX);
    struct chunk_xor2 next = *c;
    struct pieces s = {.n = 0};
    uint64_t value = f64_bits(v);
    struct window w = {c->x.leading, c->x.trailing};
    int64_t delta = (int64_t)((uint64_t)t - (uint64_t)c->x.t);
    if (c->x.samples == 0) {
        delta = 0;
        piece_first(&s, &next, st, t, value);
    } else if (c->x.samples == 1) {
        uint8_t varint[10];
        piece_bytes(&s, varint, bits_uvarint_bytes((uint64_t)delta, varint));
        piece_value(&s, value, c->x.value, &w);
        piece_start(&s, &next, st, 1);
    } else {
        int64_t dod = (int64_t)((uint64_t)delta - (uint64_t)c->x.delta);
        piece_joint(&s, dod, value, c->x.value, &w);
        piece_start(&s, &next, st, c->x.samples);
    }
    if (!put_pieces(&next.x, &s))
        return false;
    next.x.t = t;
    next.x.delta = delta;
    next.x.leading = w.leading;
    next.x.trailing = w.trailing;
    if (value != STALE_NAN_BITS)
        next.x.value = value;
    next.x.samples++;
    *c = next;
    return true;
}

void
chunk_xor2_put(struct chunk_xor2 *c, int64_t st, int64_t t, double v)
{
    while (!chunk_xor2_append(c, st, t, v))
        chunk_xor_grow(&c->x);
}

void
chunk_xor2_copy(const struct chunk_xor2 *c, uint8_t *out)
{
    if (c->x.samples == 0)
        return;
    chunk_xor_copy(&c->x, out);
    out[CHUNK_HEADER_BYTES] = (uint8_t)((c->st_known ? ST_KNOWN : 0) | c->st_change);
}

struct xor2_read {
    struct bits in;
    int64_t t, delta, st, st_diff;
    uint64_t value, base; /* base: the newest that is not stale */
    uint8_t leading, trailing;
    uint8_t header;
};

static inline void
take(struct xor2_read *s, uint64_t value)
{
    s->base = s->value = value;
}

/* The XOR itself; `fresh`: a new window precedes it. */
static inline bool
read_xor(struct xor2_read *s, bool fresh)
{
    if (fresh) {
        uint64_t w = bits_get_short(&s->in, 11);
        unsigned lead = (unsigned)(w >> 6), sig = (unsigned)(w & 63);
        sig = sig ? sig : 64;
        if (lead + sig > 64)
            return false;
        s->leading = (uint8_t)lead;
        s->trailing = (uint8_t)(64 - lead - sig);
    } else if (s->leading == BITS_NO_WINDOW) {
        s->leading = 0;
    }
    uint64_t x = bits_get(&s->in, 64u - s->leading - s->trailing);
    take(s, s->base ^ x << s->trailing);
    return true;
}

static inline bool
read_value(struct xor2_read *s)
{
    uint64_t w = bits_peek(&s->in) >> 61;
    if (w < 4) {
        s->in.at += 1;
        s->value = s->base;
        return true;
    }
    if (w < 6) {
        s->in.at += 2;
        return read_xor(s, false);
    }
    s->in.at += 3;
    if (w == 6)
        return read_xor(s, true);
    s->value = STALE_NAN_BITS;
    return true;
}

static inline int64_t
sign_extend(uint64_t v, unsigned n)
{
    return (int64_t)(v << (64 - n)) >> (64 - n);
}

static inline bool
read_joint(struct xor2_read *s)
{
    uint64_t w = bits_peek(&s->in);
    unsigned ones = ~w ? (unsigned)__builtin_clzll(~w) : 64;
    int64_t dod = 0;
    bool good = true;
    switch (ones) {
    case 0:
        s->in.at += 1;
        s->value = s->base;
        break;
    case 1:
        s->in.at += 3;
        good = read_xor(s, w >> 61 & 1);
        break;
    case 2:
        s->in.at += 16;
        dod = sign_extend(w >> 48, 13);
        good = read_value(s);
        break;
    case 3:
        s->in.at += 24;
        dod = sign_extend(w >> 40, 20);
        good = read_value(s);
        break;
    case 4:
        s->in.at += 5;
        dod = (int64_t)bits_get(&s->in, 64);
        good = read_value(s);
        break;
    default:
        s->in.at += 5;
        s->value = STALE_NAN_BITS;
        break;
    }
    s->delta = (int64_t)((uint64_t)s->delta + (uint64_t)dod);
    return good;
}

static bool
read_first(struct xor2_read *s, str data)
{
    *s = (struct xor2_read){.in = bits_of(data, CHUNK_HEADER_BYTES + ST_HEADER_BYTES),
                            .leading = BITS_NO_WINDOW};
    if (data.n < CHUNK_HEADER_BYTES + ST_HEADER_BYTES)
        return false;
    s->header = (uint8_t)data.p[CHUNK_HEADER_BYTES];
    s->t = bits_get_varint(&s->in);
    s->value = bits_get(&s->in, 64);
    s->base = s->value == STALE_NAN_BITS ? 0 : s->value;
    if (s->header & ST_KNOWN)
        s->st = (int64_t)((uint64_t)s->t - (uint64_t)bits_get_varint(&s->in));
    return !bits_bad(&s->in);
}

/* Sample `at`, from the second on. */
static inline bool
read_next(struct xor2_read *s, unsigned at)
{
    int64_t before = s->t;
    bool good;
    if (at == 1) {
        s->delta = (int64_t)bits_get_uvarint(&s->in);
        good = read_value(s);
    } else {
        good = read_joint(s);
    }
    s->t = (int64_t)((uint64_t)s->t + (uint64_t)s->delta);
    unsigned change = s->header & ST_CHANGE_MAX;
    if (change != 0 && at >= change) {
        uint64_t x = (uint64_t)bits_get_varbit(&s->in);
        s->st_diff = (int64_t)(at == change ? x : (uint64_t)s->st_diff + x);
        s->st = (int64_t)((uint64_t)before - (uint64_t)s->st_diff);
    }
    return good && !bits_bad(&s->in);
}

bool
chunk_xor2_decode(str data, const struct chunk_range *r)
{
    unsigned count = chunk_count(data);
    if (count == 0)
        return true;
    struct xor2_read s;
    if (!read_first(&s, data))
        return false;
    if (s.header != 0)
        chunk_want_start_times(r->out, r->a);
    struct chunk_sink k = chunk_sink_of(r, count);
    size_t from = k.n;
    int64_t *starts = arena_array(r->a, s.header ? count : 1, sizeof *starts);
    bool good = true;
    for (unsigned i = 0;;) {
        size_t row = k.n;
        if (s.header != 0)
            starts[row - from] = s.st;
        if (!chunk_sink_put(&k, s.t, s.value) || ++i == count)
            break;
        good = read_next(&s, i);
        if (!good)
            break;
    }
    chunk_sink_end(&k, r);
    if (s.header != 0)
        memcpy(r->out->st + from, starts, (k.n - from) * sizeof *starts);
    return good;
}

bool
chunk_xor2_resume(struct chunk_xor2 *c, str data, struct err *e)
{
    chunk_xor2_init(c, NULL, 0);
    unsigned count = chunk_samples(CHUNK_XOR2, data);
    if (count == 0 || count > CHUNK_XOR2_SAMPLES_MAX || data.n > CHUNK_XOR_CAP_MAX)
        return err_set(e, ERR_CORRUPT, "open chunk of %zu bytes and %u samples", data.n, count);
    struct xor2_read s;
    bool good = read_first(&s, data);
    for (unsigned i = 1; good && i < count; i++) {
        int64_t t = s.t;
        good = read_next(&s, i) && s.t > t;
    }
    if (!good || (s.in.at + 7) / 8 != data.n)
        return err_set(e, ERR_CORRUPT, "open chunk of %zu bytes does not hold its %u samples",
                       data.n, count);
    c->x = (struct chunk_xor){.t = s.t,
                              .delta = s.delta,
                              .value = s.base,
                              .bits = (uint16_t)s.in.at,
                              .samples = (uint16_t)count,
                              .leading = s.leading,
                              .trailing = s.trailing};
    c->st = s.st;
    c->st_diff = s.st_diff;
    c->st_known = s.header & ST_KNOWN;
    c->st_change = s.header & ST_CHANGE_MAX;
    while (c->x.cap < data.n)
        chunk_xor_grow(&c->x);
    memcpy(c->x.p, data.p, data.n);
    return true;
}
