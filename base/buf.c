#include "base/buf.h"

#include "base/digits.h"
#include "base/mem.h"
#include "base/panic.h"

#include <stdio.h>

#define CAP_MIN 64

void
buf_free(struct buf *b)
{
    mem_free(b->p);
    *b = (struct buf){0};
}

void
buf_reserve(struct buf *b, size_t more)
{
    if (LIKELY(b->cap - b->n >= more))
        return;
    CHECK(more <= SIZE_MAX / 4 && b->n <= SIZE_MAX / 4);
    size_t to = MAX(MAX(b->n + more, b->cap * 2), (size_t)CAP_MIN);
    b->p = mem_realloc(b->p, to);
    b->cap = to;
}

char *
buf_extend(struct buf *b, size_t n)
{
    buf_reserve(b, MAX(n, (size_t)1));
    char *p = b->p + b->n;
    b->n += n;
    return p;
}

void
buf_put(struct buf *b, str s)
{
    if (s.n == 0)
        return;
    buf_reserve(b, s.n);
    memcpy(b->p + b->n, s.p, s.n);
    b->n += s.n;
}

void
buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
    va_list again;
    va_copy(again, ap);
    buf_reserve(b, CAP_MIN);
    size_t room = b->cap - b->n;
    int n = vsnprintf(b->p + b->n, room, fmt, ap);
    CHECK(n >= 0);
    if ((size_t)n >= room) {
        buf_reserve(b, (size_t)n + 1);
        vsnprintf(b->p + b->n, (size_t)n + 1, fmt, again);
    }
    va_end(again);
    b->n += (size_t)n;
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(b, fmt, ap);
    va_end(ap);
}

void
buf_u64(struct buf *b, uint64_t v)
{
    unsigned n = digits_count(v);
    digits_put(buf_extend(b, n), v, n);
}

void
buf_i64(struct buf *b, int64_t v)
{
    if (v < 0)
        buf_byte(b, '-');
    buf_u64(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

char *
buf_cstr(struct buf *b)
{
    buf_reserve(b, 1);
    b->p[b->n] = '\0';
    return b->p;
}
