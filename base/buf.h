/* buf.h - growable bytes.
 *
 * The builder for all output: JSON, protobuf, exposition text, error pages.
 * Never fails (memory never does); whoever feeds it outsiders' data bounds it.
 * A zeroed struct buf is an empty one.
 */
#pragma once
#include "base/base.h"

#include <stdarg.h>

struct buf {
    char *p;
    size_t n;
    size_t cap;
};

void buf_free(struct buf *b); /* leaves an empty buf */
void buf_reserve(struct buf *b, size_t more);
/* Reserves n bytes, counts them as written and returns where they start. */
char *buf_extend(struct buf *b, size_t n);
void buf_put(struct buf *b, str s);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list ap);
void buf_u64(struct buf *b, uint64_t v); /* decimal */
void buf_i64(struct buf *b, int64_t v);
/* Makes the bytes NUL-terminated (not counted) and returns them. */
char *buf_cstr(struct buf *b);

static inline void
buf_clear(struct buf *b)
{
    b->n = 0;
}
static inline str
buf_str(const struct buf *b)
{
    return STR(b->p, b->n);
}
static inline void
buf_byte(struct buf *b, char c)
{
    if (UNLIKELY(b->n == b->cap))
        buf_reserve(b, 1);
    b->p[b->n++] = c;
}
#define buf_lit(b, lit) buf_put((b), STRL(lit))
