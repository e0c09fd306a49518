/* parse_literal.c - what numbers, durations and strings stand for. */
#include "query/parse_priv.h"

#include "base/num.h"
#include "base/unicode.h"

#include <math.h>

/* Go's underscores: one between digits, one after a base prefix. */
static bool
underscores_good(str digits, bool after_prefix)
{
    bool digit = after_prefix;
    for (size_t i = 0; i < digits.n; i++) {
        if (digits.p[i] == '_' && !digit)
            return false;
        digit = digits.p[i] != '_';
    }
    return digit;
}

static int
digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

/* strconv.ParseInt(s, 0, 64) of an unsigned text: 12, 0x1F, 017, 0o17, 0b1, 1_000. */
static bool
parse_integer(str s, int64_t *out)
{
    int base = 10;
    bool prefix = s.n > 1 && s.p[0] == '0';
    if (prefix) {
        char c = (char)(s.p[1] | 0x20);
        base = c == 'x' ? 16 : c == 'b' ? 2 : 8;
        s = str_from(s, c == 'x' || c == 'b' || c == 'o' ? 2 : 1);
    }
    if (s.n == 0 || !underscores_good(s, prefix))
        return false;
    int64_t v = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '_')
            continue;
        int d = digit_of(s.p[i]);
        if (d >= base || __builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, d, &v))
            return false;
    }
    *out = v;
    return true;
}

double
parse_number(struct parser *p, const struct token *t)
{
    int64_t whole;
    if (parse_integer(t->text, &whole))
        return (double)whole;
    double v = 0;
    if (!num_parse_go(t->text, &v)) {
        str quoted = parse_quote(p, t->text);
        parse_fail(p, t->start, "error parsing number: strconv.ParseFloat: parsing %.*s: %s",
                   STR_ARG(quoted), isinf(v) ? "value out of range" : "invalid syntax");
    }
    return v;
}

double
parse_seconds(struct parser *p, const struct token *t)
{
    if (t->type != TOK_DURATION)
        return p->failed ? 0 : parse_number(p, t);
    struct err e;
    int64_t ms;
    if (!num_parse_duration_ms(t->text, &ms, &e)) {
        parse_fail(p, t->start, "%s", e.text);
        return 0;
    }
    return (double)(ms / 1000) + (double)(ms % 1000 * 1000000) / 1e9;
}

bool
parse_accept_sign(struct parser *p, struct token *sign)
{
    enum token_type t = parse_peek(p);
    if (t != TOK_ADD && t != TOK_SUB)
        return false;
    *sign = parse_take(p);
    return true;
}

int64_t
parse_float_to_i64(double v)
{
    return v >= -0x1p63 && v < 0x1p63 ? (int64_t)v : INT64_MIN;
}

int64_t
parse_ns(double seconds)
{
    return parse_float_to_i64(round(seconds * 1e9));
}

/* One escape after the backslash at s[0]; returns its bytes, backslash included.  The
 * lexer has refused all malformed ones. */
static size_t
unescape(struct buf *out, str s)
{
    static const char letters[] = "abfnrtv", meaning[] = "\a\b\f\n\r\t\v";
    char c = s.p[1];
    const char *known = strchr(letters, c);
    size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : c >= '0' && c <= '7' ? 3 : 0;
    size_t at = c >= '0' && c <= '7' ? 1 : 2;
    if (known && c) {
        buf_byte(out, meaning[known - letters]);
        return 2;
    }
    if (digits == 0) {
        buf_byte(out, c);
        return 2;
    }
    uint32_t v = 0;
    for (size_t i = 0; i < digits && at + i < s.n; i++)
        v = v * (at == 1 ? 8 : 16) + (uint32_t)digit_of(s.p[at + i]);
    if (c == 'u' || c == 'U')
        utf8_put(out, v);
    else
        buf_byte(out, (char)v);
    return MIN(at + digits, s.n);
}

str
parse_unquote(struct parser *p, const struct token *t)
{
    if (p->failed || t->text.n < 2)
        return STR_EMPTY;
    str s = STR(t->text.p + 1, t->text.n - 2);
    if (t->text.p[0] == '`' || str_find_char(s, '\\', 0) < 0)
        return s;
    struct buf b = {0};
    while (s.n > 0) {
        size_t taken = 1;
        if (s.p[0] == '\\' && s.n > 1)
            taken = unescape(&b, s);
        else
            buf_byte(&b, s.p[0]);
        s = str_from(s, taken);
    }
    str plain = arena_str(p->arena, buf_str(&b));
    buf_free(&b);
    return plain;
}
