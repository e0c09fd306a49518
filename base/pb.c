#include "base/pb.h"

#include "base/panic.h"

static void
skip_value(struct pb *p)
{
    switch (p->wire) {
    case PB_VARINT:
        dec_uvarint(&p->d);
        break;
    case PB_FIXED64:
        dec_skip(&p->d, 8);
        break;
    case PB_BYTES:
        dec_uvarint_str(&p->d);
        break;
    case PB_FIXED32:
        dec_skip(&p->d, 4);
        break;
    default: /* groups are not in any message we read */
        p->d.bad = true;
    }
}

bool
pb_next(struct pb *p)
{
    if (p->pending)
        skip_value(p);
    p->pending = false;
    if (p->d.bad || p->d.p == p->d.end)
        return false;
    uint64_t key = dec_uvarint(&p->d);
    p->field = (uint32_t)(key >> 3);
    p->wire = (enum pb_wire)(key & 7);
    if (p->d.bad || key >> 3 == 0 || key >> 3 > 536870911u) {
        p->d.bad = true;
        return false;
    }
    p->pending = true;
    return true;
}

static bool
take(struct pb *p, enum pb_wire want)
{
    CHECK(p->pending);
    p->pending = false;
    if (p->wire != want)
        p->d.bad = true;
    return !p->d.bad;
}

uint64_t
pb_u64(struct pb *p)
{
    return take(p, PB_VARINT) ? dec_uvarint(&p->d) : 0;
}

int64_t
pb_i64(struct pb *p)
{
    return (int64_t)pb_u64(p);
}

int64_t
pb_s64(struct pb *p)
{
    return take(p, PB_VARINT) ? dec_varint(&p->d) : 0;
}

double
pb_f64(struct pb *p)
{
    return take(p, PB_FIXED64) ? dec_f64_le(&p->d) : 0;
}

float
pb_f32(struct pb *p)
{
    uint32_t u = pb_fixed32(p);
    float f;

    memcpy(&f, &u, 4);
    return f;
}

uint32_t
pb_fixed32(struct pb *p)
{
    return take(p, PB_FIXED32) ? dec_u32_le(&p->d) : 0;
}

uint64_t
pb_fixed64(struct pb *p)
{
    return take(p, PB_FIXED64) ? dec_u64_le(&p->d) : 0;
}

str
pb_bytes(struct pb *p)
{
    return take(p, PB_BYTES) ? dec_uvarint_str(&p->d) : STR_EMPTY;
}

/* The packed values of this occurrence, or an empty cursor and the single one read. */
static struct dec
packed(struct pb *p)
{
    struct dec d = dec_of(pb_bytes(p));
    d.bad = p->d.bad;
    return d;
}

void
pb_each_f64(struct pb *p, void (*fn)(void *arg, double v), void *arg)
{
    if (p->wire == PB_FIXED64) {
        fn(arg, pb_f64(p));
        return;
    }
    struct dec d = packed(p);
    while (!d.bad && d.p < d.end) {
        double v = dec_f64_le(&d);
        if (!d.bad)
            fn(arg, v);
    }
    p->d.bad |= d.bad;
}

void
pb_each_s64(struct pb *p, void (*fn)(void *arg, int64_t v), void *arg)
{
    if (p->wire == PB_VARINT) {
        fn(arg, pb_s64(p));
        return;
    }
    struct dec d = packed(p);
    while (!d.bad && d.p < d.end) {
        int64_t v = dec_varint(&d);
        if (!d.bad)
            fn(arg, v);
    }
    p->d.bad |= d.bad;
}

void
pb_each_u64(struct pb *p, void (*fn)(void *arg, uint64_t v), void *arg)
{
    if (p->wire == PB_VARINT) {
        fn(arg, pb_u64(p));
        return;
    }
    struct dec d = packed(p);
    while (!d.bad && d.p < d.end) {
        uint64_t v = dec_uvarint(&d);
        if (!d.bad)
            fn(arg, v);
    }
    p->d.bad |= d.bad;
}

void
pb_put_u64(struct buf *b, uint32_t field, uint64_t v)
{
    enc_uvarint(b, (uint64_t)field << 3 | PB_VARINT);
    enc_uvarint(b, v);
}

void
pb_put_s64(struct buf *b, uint32_t field, int64_t v)
{
    enc_uvarint(b, (uint64_t)field << 3 | PB_VARINT);
    enc_varint(b, v);
}

void
pb_put_f64(struct buf *b, uint32_t field, double v)
{
    enc_uvarint(b, (uint64_t)field << 3 | PB_FIXED64);
    enc_f64_le(b, v);
}

void
pb_put_bytes(struct buf *b, uint32_t field, str v)
{
    enc_uvarint(b, (uint64_t)field << 3 | PB_BYTES);
    enc_uvarint_str(b, v);
}

size_t
pb_begin(struct buf *b, uint32_t field)
{
    enc_uvarint(b, (uint64_t)field << 3 | PB_BYTES);
    buf_byte(b, '\0'); /* most messages are short: one byte of length */
    return b->n;
}

void
pb_end(struct buf *b, size_t mark)
{
    size_t n = b->n - mark, extra = 0;

    CHECK(mark >= 1 && mark <= b->n);
    for (uint64_t v = n; v >= 0x80; v >>= 7)
        extra++;
    if (extra) {
        buf_extend(b, extra);
        memmove(b->p + mark + extra, b->p + mark, n);
    }
    uint64_t v = n;
    char *p = b->p + mark - 1;
    for (; v >= 0x80; v >>= 7)
        *p++ = (char)(v | 0x80);
    *p = (char)v;
}
