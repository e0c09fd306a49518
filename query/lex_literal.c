/* lex_literal.c - strings, numbers and durations.
 *
 * Numbers are scanned generously; what is malformed in value is the parser's to say.
 */
#include "query/lex_priv.h"

static bool
one_of(int32_t r, const char *set)
{
    return r > 0 && r < 0x80 && strchr(set, r) != NULL;
}

static bool
accept(struct lexer *l, const char *set)
{
    if (one_of(lex_next(l), set))
        return true;
    lex_backup(l);
    return false;
}

static bool
is(struct lexer *l, const char *set)
{
    return one_of(lex_peek(l), set);
}

static uint32_t
digit_value(int32_t r)
{
    if (lex_is_digit(r))
        return (uint32_t)(r - '0');
    if (r >= 'a' && r <= 'f')
        return (uint32_t)(r - 'a' + 10);
    if (r >= 'A' && r <= 'F')
        return (uint32_t)(r - 'A' + 10);
    return 16;
}

/* "unknown escape sequence U+0071 'q'" */
static void
error_code_point(struct lexer *l, const char *before, int32_t r, const char *after)
{
    struct buf b = {0};
    buf_printf(&b, "%s U+%04X", before, (unsigned)r);
    if (unicode_is_print((uint32_t)r)) {
        buf_lit(&b, " '");
        utf8_put(&b, (uint32_t)r);
        buf_lit(&b, "'");
    }
    lex_error(l, "%.*s%s", STR_ARG(buf_str(&b)), after);
    buf_free(&b);
}

/* n digits of a base, the first of which is r; the value must not pass max and must not
 * be a surrogate.  False after an error. */
static bool
lex_escape_digits(struct lexer *l, int32_t r, int n, uint32_t base, uint32_t max)
{
    uint64_t v = 0;
    for (; n > 0; n--) {
        uint32_t d = digit_value(r);
        if (d >= base) {
            if (r == LEX_EOF)
                lex_error(l, "escape sequence not terminated");
            else
                error_code_point(l, "illegal character", r, " in escape sequence");
            return false;
        }
        v = (v * base + d) & UINT32_MAX;
        if (n > 1)
            r = lex_next(l);
    }
    if (v > max || (v >= 0xd800 && v < 0xe000)) {
        lex_error(l, "escape sequence is an invalid Unicode code point");
        return false;
    }
    return true;
}

/* After a backslash; false after an error. */
static bool
lex_escape(struct lexer *l)
{
    int32_t r = lex_next(l);
    if (one_of(r, "abfnrtv\\") || r == l->quote)
        return true;
    if (r >= '0' && r <= '7')
        return lex_escape_digits(l, r, 3, 8, 255);
    switch (r) {
    case 'x': return lex_escape_digits(l, lex_next(l), 2, 16, 255);
    case 'u': return lex_escape_digits(l, lex_next(l), 4, 16, 0x10ffff);
    case 'U': return lex_escape_digits(l, lex_next(l), 8, 16, 0x10ffff);
    case LEX_EOF: lex_error(l, "escape sequence not terminated"); return false;
    default: error_code_point(l, "unknown escape sequence", r, ""); return false;
    }
}

enum lex_state
lex_string(struct lexer *l)
{
    for (;;) {
        int32_t r = lex_next(l);
        if (r == '\\') {
            if (!lex_escape(l))
                return LEX_END;
        } else if (r == RUNE_ERROR) {
            return lex_error(l, "invalid UTF-8 rune");
        } else if (r == LEX_EOF || r == '\n') {
            return lex_error(l, "unterminated quoted string");
        } else if (r == l->quote) {
            lex_emit(l, TOK_STRING);
            return LEX_STATEMENTS;
        }
    }
}

enum lex_state
lex_raw_string(struct lexer *l)
{
    for (;;) {
        int32_t r = lex_next(l);
        if (r == RUNE_ERROR)
            return lex_error(l, "invalid UTF-8 rune");
        if (r == LEX_EOF)
            return lex_error(l, "unterminated raw string");
        if (r == l->quote) {
            lex_emit(l, TOK_STRING);
            return LEX_STATEMENTS;
        }
    }
}

/* A dot: once, not in hexadecimal, not before another dot or an underscore. */
static bool
scan_dot(struct lexer *l, bool hex, bool *seen)
{
    lex_next(l);
    if (*seen)
        return false;
    *seen = true;
    return !accept(l, "_.") && !hex;
}

static bool
scan_exponent(struct lexer *l, bool *seen)
{
    lex_next(l);
    if (*seen)
        return false;
    *seen = true;
    accept(l, "+-");
    return !accept(l, "._eE") && lex_peek(l) != LEX_EOF;
}

static bool
scan_underscore(struct lexer *l)
{
    lex_next(l);
    return !accept(l, "._eE") && lex_peek(l) != LEX_EOF;
}

/* [.][d][d._eE]*, where d is a digit of base 10 or, after 0x, 16.  Series lines have no
 * hexadecimal, because `0x3` repeats zero there. */
static bool
scan_number(struct lexer *l)
{
    uint32_t from = l->pos;
    const char *digits = "0123456789";
    bool dot = false, exponent = false, hex = false;
    if (!l->series && accept(l, "0") && accept(l, "xX")) {
        accept(l, "_");
        digits = "0123456789abcdefABCDEF";
        hex = true;
    }
    accept(l, ".");
    accept(l, digits);
    for (;;) {
        bool good = true;
        if (is(l, "."))
            good = scan_dot(l, hex, &dot);
        else if (is(l, "eE"))
            good = scan_exponent(l, &exponent);
        else if (is(l, "_"))
            good = scan_underscore(l);
        else if (!is(l, digits))
            break;
        if (!good)
            return false;
        while (accept(l, digits)) {
        }
    }
    if (l->pos == from)
        return false;
    int32_t r = lex_peek(l);
    return !lex_is_alnum(r) || (l->series && r == 'x');
}

enum lex_state
lex_number(struct lexer *l)
{
    if (!scan_number(l))
        return lex_error_text(l, "bad number syntax:");
    lex_emit(l, TOK_NUMBER);
    return LEX_STATEMENTS;
}

/* The rest of a duration after its first digits.  Units in a wrong order are found when
 * the value is worked out. */
static bool
scan_duration(struct lexer *l)
{
    if (!accept(l, "smhdwy"))
        return false;
    accept(l, "s");
    while (accept(l, "0123456789")) {
        while (accept(l, "0123456789")) {
        }
        if (!accept(l, "smhdw"))
            return false;
        accept(l, "s");
    }
    return !lex_is_alnum(lex_next(l));
}

enum lex_state
lex_number_or_duration(struct lexer *l)
{
    if (scan_number(l)) {
        lex_emit(l, TOK_NUMBER);
        return LEX_STATEMENTS;
    }
    if (!scan_duration(l))
        return lex_error_text(l, "bad number or duration syntax:");
    lex_backup(l);
    lex_emit(l, TOK_DURATION);
    return LEX_STATEMENTS;
}
