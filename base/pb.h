/* pb.h - reading and writing protobuf fields, without generated code.
 *
 *     struct pb p = pb_of(bytes);
 *     while (pb_next(&p))
 *         switch (p.field) { case 1: name = pb_bytes(&p); … }
 *     if (p.d.bad) → malformed
 *
 * A field that is not read is skipped by the next pb_next.  Wrong wire types make the
 * cursor bad.  Reading is sticky like struct dec.
 */
#pragma once
#include "base/codec.h"

enum pb_wire { PB_VARINT = 0, PB_FIXED64 = 1, PB_BYTES = 2, PB_FIXED32 = 5 };

struct pb {
    struct dec d;
    uint32_t field;
    enum pb_wire wire;
    bool pending; /* the field's value has not been read */
};

static inline struct pb
pb_of(str bytes)
{
    return (struct pb){.d = dec_of(bytes)};
}
/* Moves to the next field; false at the end or on a fault. */
bool pb_next(struct pb *p);
uint64_t pb_u64(struct pb *p);
int64_t pb_i64(struct pb *p);   /* int64, int32, enum, bool */
int64_t pb_s64(struct pb *p);   /* sint64, sint32: zig-zag */
double pb_f64(struct pb *p);
float pb_f32(struct pb *p);
uint32_t pb_fixed32(struct pb *p);
uint64_t pb_fixed64(struct pb *p);
str pb_bytes(struct pb *p);     /* borrowed; strings and messages too */

/* Repeated numbers come packed or one by one: returns the next value's cursor state.
 * Calls take() for each value of this field occurrence. */
void pb_each_f64(struct pb *p, void (*take)(void *arg, double v), void *arg);
void pb_each_s64(struct pb *p, void (*take)(void *arg, int64_t v), void *arg);
void pb_each_u64(struct pb *p, void (*take)(void *arg, uint64_t v), void *arg);

/* Writing: zero values are written too; leave fields out at the caller. */
void pb_put_u64(struct buf *b, uint32_t field, uint64_t v);
void pb_put_s64(struct buf *b, uint32_t field, int64_t v);
void pb_put_f64(struct buf *b, uint32_t field, double v);
void pb_put_bytes(struct buf *b, uint32_t field, str v);
/* A nested message whose length is not known yet: begin returns a mark, end fills the
 * length in (moving the bytes when it needs more than one). */
size_t pb_begin(struct buf *b, uint32_t field);
void pb_end(struct buf *b, size_t mark);
