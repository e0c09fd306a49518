/* base.h - the few words every file uses: byte slices, attributes, small macros.
 *
 * Text inside narthex is a `str`: a borrowed slice of bytes, not NUL-terminated,
 * with a length.  Only base/io and the edges to libraries convert to C strings.
 * Growable text is struct buf (base/buf.h); text that lives as long as a request
 * sits in a struct arena (base/arena.h).
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
#define MUST_USE
#else
#define MUST_USE __attribute__((warn_unused_result))
#endif
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define NORETURN __attribute__((noreturn))
#define UNUSED __attribute__((unused))
#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* A borrowed slice of bytes.  p may be NULL only if n is 0. */
typedef struct {
    const char *p;
    size_t n;
} str;

#define STR(ptr, len) ((str){.p = (const char *)(ptr), .n = (len)})
#define STRL(lit) ((str){.p = "" lit, .n = sizeof(lit) - 1})
#define STR_EMPTY ((str){.p = NULL, .n = 0})
/* For printf: "%.*s", STR_ARG(s) */
#define STR_ARG(s) (int)(s).n, (s).n ? (s).p : ""

static inline str
str_of(const char *c)
{
    return (str){.p = c, .n = c ? strlen(c) : 0};
}

static inline bool
str_eq(str a, str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Byte order, the shorter first: the order of Go strings and of our indexes. */
static inline int
str_cmp(str a, str b)
{
    size_t n = MIN(a.n, b.n);
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

static inline bool
str_starts(str s, str prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

static inline bool
str_ends(str s, str suffix)
{
    return s.n >= suffix.n &&
           (suffix.n == 0 || memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0);
}

/* The slice from byte `from` (clamped) to the end. */
static inline str
str_from(str s, size_t from)
{
    size_t at = MIN(from, s.n);
    return (str){.p = s.p + at, .n = s.n - at};
}

/* Index of the first c at or after `from`, or -1. */
static inline ptrdiff_t
str_find_char(str s, char c, size_t from)
{
    if (from >= s.n)
        return -1;
    const char *hit = (const char *)memchr(s.p + from, c, s.n - from);
    return hit ? hit - s.p : -1;
}
