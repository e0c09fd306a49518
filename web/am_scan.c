#include "web/am_scan.h"

#include "base/unicode.h"

#define DEPTH_MAX 10000 /* encoding/json's */

struct scan {
    str text;
    size_t at;
    struct buf open;     /* '{' and '[' that are not closed */
    struct err *e;
};

static bool
more(const struct scan *s)
{
    return s->at < s->text.n;
}

/* strconv's form of a character, in single quotes. */
static void
put_char(struct buf *b, unsigned char c)
{
    struct buf rune = {0}, quoted = {0};

    if (c == '\'' || c == '"') {
        buf_printf(b, c == '"' ? "'\"'" : "'\\''");
        return;
    }
    utf8_put(&rune, c); /* Go takes the byte for a rune */
    unicode_put_quoted(&quoted, buf_str(&rune));
    buf_printf(b, "'%.*s'", (int)quoted.n - 2, quoted.p + 1);
    buf_free(&rune);
    buf_free(&quoted);
}

static bool
bad(struct scan *s, const char *context)
{
    struct buf b = {0};

    if (!more(s))
        return err_set(s->e, ERR_PARSE, "unexpected EOF");
    put_char(&b, (unsigned char)s->text.p[s->at]);
    err_set(s->e, ERR_PARSE, "invalid character %.*s %s", STR_ARG(buf_str(&b)), context);
    buf_free(&b);
    return false;
}

static void
skip_space(struct scan *s)
{
    while (more(s) && strchr(" \t\r\n", s->text.p[s->at]) && s->text.p[s->at])
        s->at++;
}

static bool
is_digit(const struct scan *s)
{
    return more(s) && s->text.p[s->at] >= '0' && s->text.p[s->at] <= '9';
}

static bool
take(struct scan *s, char c)
{
    bool is = more(s) && s->text.p[s->at] == c;
    s->at += is;
    return is;
}

static bool
scan_escape(struct scan *s)
{
    if (!more(s) || !strchr("bfnrt\\/\"u", s->text.p[s->at]))
        return bad(s, "in string escape code");
    if (s->text.p[s->at++] != 'u')
        return true;
    for (int i = 0; i < 4; i++, s->at++)
        if (!more(s) || !strchr("0123456789abcdefABCDEF", s->text.p[s->at]) || !s->text.p[s->at])
            return bad(s, "in \\u hexadecimal character escape");
    return true;
}

static bool
scan_string(struct scan *s)
{
    for (s->at++; more(s); ) {
        unsigned char c = (unsigned char)s->text.p[s->at];
        if (c == '"') {
            s->at++;
            return true;
        }
        if (c < ' ')
            return bad(s, "in string literal");
        s->at++;
        if (c == '\\' && !scan_escape(s))
            return false;
    }
    return bad(s, "");
}

static bool
scan_number(struct scan *s)
{
    if (take(s, '-') && !is_digit(s))
        return bad(s, "in numeric literal");
    if (!take(s, '0'))
        while (is_digit(s))
            s->at++;
    if (take(s, '.')) {
        if (!is_digit(s))
            return bad(s, "after decimal point in numeric literal");
        while (is_digit(s))
            s->at++;
    }
    if (take(s, 'e') || take(s, 'E')) {
        if (!take(s, '+'))
            take(s, '-');
        if (!is_digit(s))
            return bad(s, "in exponent of numeric literal");
        while (is_digit(s))
            s->at++;
    }
    return true;
}

static bool
scan_word(struct scan *s, const char *word)
{
    char context[64];

    for (size_t i = 0; word[i]; i++) {
        if (take(s, word[i]))
            continue;
        struct buf b = {0};
        buf_printf(&b, "in literal %s (expecting '%c')", word, word[i]);
        memcpy(context, buf_cstr(&b), b.n + 1);
        buf_free(&b);
        return bad(s, context);
    }
    return true;
}

static bool
open_level(struct scan *s)
{
    buf_byte(&s->open, s->text.p[s->at++]);
    return s->open.n <= DEPTH_MAX || err_set(s->e, ERR_PARSE, "exceeded max depth");
}

/* A key and its colon. */
static bool
scan_key(struct scan *s)
{
    skip_space(s);
    if (!more(s) || s->text.p[s->at] != '"')
        return bad(s, "looking for beginning of object key string");
    if (!scan_string(s))
        return false;
    skip_space(s);
    return take(s, ':') || bad(s, "after object key");
}

/* Begins a value; *done says that it is whole: a scalar or an empty list or object. */
static bool
begin_value(struct scan *s, bool *done)
{
    char c = more(s) ? s->text.p[s->at] : '\0';

    *done = true;
    switch (c) {
    case '"': return scan_string(s);
    case 't': return scan_word(s, "true");
    case 'f': return scan_word(s, "false");
    case 'n': return scan_word(s, "null");
    case '[':
    case '{':
        if (!open_level(s))
            return false;
        skip_space(s);
        if (take(s, c == '[' ? ']' : '}')) {
            s->open.n--;
            return true;
        }
        *done = false;
        return c == '[' || scan_key(s);
    default: break;
    }
    if (c == '-' || is_digit(s))
        return scan_number(s);
    return bad(s, "looking for beginning of value");
}

/* After a value: closes what ends here, up to the next value or the end of all. */
static bool
end_value(struct scan *s)
{
    while (s->open.n) {
        bool object = s->open.p[s->open.n - 1] == '{';
        skip_space(s);
        if (take(s, ','))
            return !object || scan_key(s);
        if (!take(s, object ? '}' : ']'))
            return bad(s, object ? "after object key:value pair" : "after array element");
        s->open.n--;
    }
    return true;
}

static unsigned
hex4(const char *p)
{
    unsigned v = 0;

    for (int i = 0; i < 4; i++)
        v = v * 16 + (unsigned)(p[i] <= '9' ? p[i] - '0' : (p[i] | 32) - 'a' + 10);
    return v;
}

/* The checked text, with U+FFFD for halves of surrogate pairs that stand alone. */
static void
copy(str text, struct buf *out)
{
    for (size_t i = 0; i < text.n;) {
        if (text.p[i] != '\\') {
            buf_byte(out, text.p[i++]);
            continue;
        }
        size_t n = text.p[i + 1] == 'u' ? 6 : 2;
        unsigned rune = n == 6 ? hex4(text.p + i + 2) : 0;
        bool pair = rune >= 0xd800 && rune < 0xdc00 && i + 12 <= text.n && text.p[i + 6] == '\\' &&
                    text.p[i + 7] == 'u' && hex4(text.p + i + 8) >= 0xdc00 && hex4(text.p + i + 8) < 0xe000;
        n = pair ? 12 : n;
        if (!pair && rune >= 0xd800 && rune < 0xe000)
            buf_lit(out, "\\ufffd");
        else
            buf_put(out, STR(text.p + i, n));
        i += n;
    }
}

bool
am_scan(str text, struct buf *out, struct err *e)
{
    struct scan s = {.text = text, .e = e};
    bool ok = true, done;

    skip_space(&s);
    if (!more(&s))
        return err_set(e, ERR_NOT_FOUND, "EOF");
    size_t start = s.at;
    do {
        skip_space(&s);
        ok = begin_value(&s, &done) && (!done || end_value(&s));
    } while (ok && s.open.n);
    if (ok)
        copy(STR(text.p + start, s.at - start), out);
    buf_free(&s.open);
    return ok;
}
