#include "model/escape.h"

#include "base/buf.h"
#include "base/unicode.h"

#define CODE_DIGITS_MAX 5 /* what Prometheus' reader takes */

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Reads "HEX_" at *at (after the underscore); false if it is no code point. */
static bool
read_code(str s, size_t *at, struct buf *out)
{
    uint32_t code = 0;

    for (size_t digits = 0; *at < s.n; digits++, (*at)++) {
        if (digits > CODE_DIGITS_MAX)
            return false;
        if (s.p[*at] == '_') {
            bool valid = code < 0xd800 || (code > 0xdfff && code <= 0x10ffff);
            if (valid)
                utf8_put(out, code);
            return valid;
        }
        int d = hex_digit(s.p[*at]);
        if (d < 0)
            return false;
        code = code * 16 + (uint32_t)d;
    }
    return false;
}

static bool
undo(str s, struct buf *out)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != '_') {
            buf_byte(out, s.p[i]);
            continue;
        }
        if (++i >= s.n)
            return false;
        if (s.p[i] == '_')
            buf_byte(out, '_');
        else if (!read_code(s, &i, out))
            return false;
    }
    return true;
}

str
escape_undo_values(struct arena *a, str name)
{
    struct buf out = {0};

    if (str_starts(name, STRL("U__")) && undo(str_from(name, 3), &out))
        name = arena_str(a, buf_str(&out));
    buf_free(&out);
    return name;
}
