#include "model/strings.h"

#include "base/unicode.h"

static int
digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'z' ? c - 'a' + 10 : 99;
}

/* n digits of the base at s.p[at]; false if one is missing. */
static bool
read_digits(str s, size_t at, size_t n, int base, uint32_t *out)
{
    uint32_t v = 0;

    if (s.n < n || at > s.n - n)
        return false;
    for (size_t i = 0; i < n; i++) {
        int d = digit_value(s.p[at + i]);
        if (d >= base)
            return false;
        v = v * (uint32_t)base + (uint32_t)d;
    }
    *out = v;
    return true;
}

/* \x41, \101, \u0041, \U00000041; returns the length after the backslash, 0 on a fault. */
static size_t
numeric_escape(str s, size_t at, struct buf *out)
{
    uint32_t v;

    switch (s.p[at]) {
    case 'x':
        if (!read_digits(s, at + 1, 2, 16, &v))
            return 0;
        buf_byte(out, (char)v);
        return 3;
    case 'u':
    case 'U': {
        size_t n = s.p[at] == 'u' ? 4 : 8;
        if (!read_digits(s, at + 1, n, 16, &v) || v > 0x10ffff || (v >= 0xd800 && v < 0xe000))
            return 0;
        utf8_put(out, v);
        return n + 1;
    }
    default:
        if (!read_digits(s, at, 3, 8, &v) || v > 255)
            return 0;
        buf_byte(out, (char)v);
        return 3;
    }
}

/* One escape at s.p[at], which follows a backslash. */
static size_t
escape(str s, size_t at, char quote, struct buf *out)
{
    static const char from[] = "abfnrtv\\", to[] = "\a\b\f\n\r\t\v\\";
    char c = s.p[at];
    const char *simple = strchr(from, c);

    if (c && simple) {
        buf_byte(out, to[simple - from]);
        return 1;
    }
    if (c == '\'' || c == '"') {
        if (c != quote)
            return 0;
        buf_byte(out, c);
        return 1;
    }
    if (c == 'x' || c == 'u' || c == 'U' || (c >= '0' && c <= '7'))
        return numeric_escape(s, at, out);
    return 0;
}

bool
strings_unquote(str s, char quote, struct arena *a, str *out, struct err *e)
{
    struct buf b = {0};
    bool ok = true;

    for (size_t i = 0; ok && i < s.n;) {
        if (s.p[i] == quote || s.p[i] == '\n') {
            ok = false;
        } else if (s.p[i] != '\\') {
            buf_byte(&b, s.p[i++]);
        } else {
            size_t n = i + 1 < s.n ? escape(s, i + 1, quote, &b) : 0;
            ok = n > 0;
            i += 1 + n;
        }
    }
    if (ok)
        *out = arena_str(a, buf_str(&b));
    buf_free(&b);
    return ok || err_set(e, ERR_PARSE, "invalid syntax");
}

bool
strings_parse_go_int(str s, int64_t *out)
{
    bool negative = s.n && s.p[0] == '-', prefixed = false;
    size_t i = s.n && (s.p[0] == '-' || s.p[0] == '+');
    int base = 10;
    uint64_t v = 0, max = (uint64_t)INT64_MAX + negative;

    if (i < s.n && s.p[i] == '0' && i + 1 < s.n) {
        char c = (char)(s.p[i + 1] | 0x20);
        base = c == 'x' ? 16 : c == 'o' ? 8 : c == 'b' ? 2 : 8;
        i += c == 'x' || c == 'o' || c == 'b' ? 2 : 1;
        prefixed = true;
    }
    bool digit = prefixed && base == 8 && s.p[i - 1] == '0', any = digit;
    for (; i < s.n; i++) {
        if (s.p[i] == '_') {
            if (!digit && !prefixed)
                return false;
            digit = false;
            continue;
        }
        int d = digit_value(s.p[i]);
        if (d >= base || __builtin_mul_overflow(v, (uint64_t)base, &v) || __builtin_add_overflow(v, (uint64_t)d, &v) || v > max)
            return false;
        digit = any = true;
    }
    if (!any || !digit)
        return false;
    *out = negative ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}
