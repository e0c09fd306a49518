#include "base/unicode.h"

struct range {
    uint32_t lo, hi;
};
struct case_range {
    uint32_t lo, hi;
    uint8_t stride;
    int32_t delta;
};

static const struct range printable[] = {
#define UNICODE_PRINT(lo, hi) {lo, hi},
#include "base/unicode.def"
#undef UNICODE_PRINT
};
static const struct case_range lower[] = {
#define UNICODE_LOWER(lo, hi, stride, delta) {lo, hi, stride, delta},
#include "base/unicode.def"
#undef UNICODE_LOWER
};
static const struct case_range upper[] = {
#define UNICODE_UPPER(lo, hi, stride, delta) {lo, hi, stride, delta},
#include "base/unicode.def"
#undef UNICODE_UPPER
};

/* Bytes that may follow a first byte: how many, and the bounds of the second one,
 * which alone exclude overlong forms, surrogates and what lies above U+10FFFF. */
struct lead {
    uint8_t len, lo, hi;
};

static struct lead
lead_of(uint8_t c)
{
    if (c < 0x80)
        return (struct lead){1, 0, 0};
    if (c < 0xc2 || c > 0xf4)
        return (struct lead){0, 0, 0};
    if (c < 0xe0)
        return (struct lead){2, 0x80, 0xbf};
    if (c < 0xf0)
        return (struct lead){3, c == 0xe0 ? 0xa0 : 0x80, c == 0xed ? 0x9f : 0xbf};
    return (struct lead){4, c == 0xf0 ? 0x90 : 0x80, c == 0xf4 ? 0x8f : 0xbf};
}

uint32_t
utf8_decode(str s, size_t *len)
{
    const uint8_t *p = (const uint8_t *)s.p;
    struct lead l = lead_of(p[0]);

    *len = 1;
    if (l.len == 1)
        return p[0];
    if (l.len == 0 || s.n < l.len || p[1] < l.lo || p[1] > l.hi)
        return RUNE_ERROR;
    uint32_t r = p[0] & (0x7fu >> l.len);
    r = r << 6 | (p[1] & 0x3f);
    for (size_t i = 2; i < l.len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return RUNE_ERROR;
        r = r << 6 | (p[i] & 0x3f);
    }
    *len = l.len;
    return r;
}

bool
utf8_valid(str s)
{
    size_t i = 0;
    while (i < s.n) {
        uint64_t w;
        if (s.n - i >= 8 && (memcpy(&w, s.p + i, 8), (w & 0x8080808080808080ull) == 0)) {
            i += 8;
            continue;
        }
        if ((uint8_t)s.p[i] < 0x80) {
            i++;
            continue;
        }
        size_t len;
        uint32_t r = utf8_decode(STR(s.p + i, s.n - i), &len);
        if (r == RUNE_ERROR && len == 1)
            return false;
        i += len;
    }
    return true;
}

void
utf8_put(struct buf *out, uint32_t r)
{
    if (r < 0x80) {
        buf_byte(out, (char)r);
    } else if (r < 0x800) {
        buf_byte(out, (char)(0xc0 | r >> 6));
        buf_byte(out, (char)(0x80 | (r & 0x3f)));
    } else if (r < 0x10000) {
        buf_byte(out, (char)(0xe0 | r >> 12));
        buf_byte(out, (char)(0x80 | (r >> 6 & 0x3f)));
        buf_byte(out, (char)(0x80 | (r & 0x3f)));
    } else {
        buf_byte(out, (char)(0xf0 | r >> 18));
        buf_byte(out, (char)(0x80 | (r >> 12 & 0x3f)));
        buf_byte(out, (char)(0x80 | (r >> 6 & 0x3f)));
        buf_byte(out, (char)(0x80 | (r & 0x3f)));
    }
}

bool
unicode_is_print(uint32_t rune)
{
    if (rune < 0x7f)
        return rune >= 0x20;
    size_t lo = 0, hi = ARRAY_LEN(printable);
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (rune > printable[mid].hi)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < ARRAY_LEN(printable) && rune >= printable[lo].lo;
}

static uint32_t
map_case(const struct case_range *table, size_t n, uint32_t rune)
{
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (rune > table[mid].hi)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == n || rune < table[lo].lo || (rune - table[lo].lo) % table[lo].stride)
        return rune;
    return (uint32_t)((int32_t)rune + table[lo].delta);
}

uint32_t
unicode_to_lower(uint32_t rune)
{
    return map_case(lower, ARRAY_LEN(lower), rune);
}

uint32_t
unicode_to_upper(uint32_t rune)
{
    return map_case(upper, ARRAY_LEN(upper), rune);
}

static void
put_mapped(struct buf *out, str s, const struct case_range *table, size_t n)
{
    size_t len;
    for (size_t i = 0; i < s.n; i += len)
        utf8_put(out, map_case(table, n, utf8_decode(STR(s.p + i, s.n - i), &len)));
}

void
unicode_put_lower(struct buf *out, str s)
{
    put_mapped(out, s, lower, ARRAY_LEN(lower));
}

void
unicode_put_upper(struct buf *out, str s)
{
    put_mapped(out, s, upper, ARRAY_LEN(upper));
}

static void
put_escaped(struct buf *out, uint32_t rune)
{
    static const char letter[] = "abtnvfr"; /* for bytes 7 to 13 */

    if (rune == '"' || rune == '\\') {
        buf_byte(out, '\\');
        buf_byte(out, (char)rune);
    } else if (unicode_is_print(rune)) {
        utf8_put(out, rune);
    } else if (rune >= 7 && rune <= 13) {
        buf_byte(out, '\\');
        buf_byte(out, letter[rune - 7]);
    } else if (rune < ' ' || rune == 0x7f) {
        buf_printf(out, "\\x%02x", rune);
    } else if (rune < 0x10000) {
        buf_printf(out, "\\u%04x", rune);
    } else {
        buf_printf(out, "\\U%08x", rune);
    }
}

void
unicode_put_quoted(struct buf *out, str s)
{
    size_t len;
    buf_byte(out, '"');
    for (size_t i = 0; i < s.n; i += len) {
        uint32_t rune = utf8_decode(STR(s.p + i, s.n - i), &len);
        if (rune == RUNE_ERROR && len == 1)
            buf_printf(out, "\\x%02x", (uint8_t)s.p[i]);
        else
            put_escaped(out, rune);
    }
    buf_byte(out, '"');
}
