#include "server/notify/mime.h"

#include "base/unicode.h"

#define WORD_OPEN "=?utf-8?q?"
#define WORD_CLOSE "?="
#define WORD_CHARS_MAX (75 - (sizeof WORD_OPEN - 1) - (sizeof WORD_CLOSE - 1))
#define LINE_CHARS_MAX 76

static void
put_hex(struct buf *out, char c)
{
    buf_byte(out, '=');
    buf_byte(out, "0123456789ABCDEF"[(unsigned char)c >> 4]);
    buf_byte(out, "0123456789ABCDEF"[(unsigned char)c & 15]);
}

/* --- headers -------------------------------------------------------------------------------------- */

static bool
needs_encoding(str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((s.p[i] < ' ' || s.p[i] > '~') && s.p[i] != '\t')
            return true;
    return false;
}

static bool
goes_plain(char c)
{
    return c >= '!' && c <= '~' && c != '=' && c != '?' && c != '_';
}

void
mime_put_word(struct buf *out, str s)
{
    size_t used = 0;

    if (!needs_encoding(s)) {
        buf_put(out, s);
        return;
    }
    buf_lit(out, WORD_OPEN);
    for (size_t at = 0, len; at < s.n; at += len) { /* a rune is not torn apart */
        utf8_decode(str_from(s, at), &len);
        size_t width = len > 1 ? 3 * len : goes_plain(s.p[at]) || s.p[at] == ' ' ? 1 : 3;
        if (used + width > WORD_CHARS_MAX) {
            buf_lit(out, WORD_CLOSE "\r\n " WORD_OPEN);
            used = 0;
        }
        for (size_t i = 0; i < len; i++) {
            char c = s.p[at + i];
            if (c == ' ')
                buf_byte(out, '_');
            else if (goes_plain(c))
                buf_byte(out, c);
            else
                put_hex(out, c);
        }
        used += width;
    }
    buf_lit(out, WORD_CLOSE);
}

/* --- bodies ------------------------------------------------------------------------------------------ */

static bool
ends_line(str s, size_t i)
{
    return i == s.n || s.p[i] == '\n' || (s.p[i] == '\r' && i + 1 < s.n && s.p[i + 1] == '\n');
}

/* One line without its end.  A space or tab at the end would be lost on the way. */
static void
put_line(struct buf *out, str line)
{
    size_t column = 0;

    for (size_t i = 0; i < line.n; i++) {
        char c = line.p[i];
        bool last = i + 1 == line.n;
        bool plain = (c >= '!' && c <= '~' && c != '=') || ((c == ' ' || c == '\t') && !last);
        size_t width = plain ? 1 : 3;
        if (column + width > LINE_CHARS_MAX - (size_t)!last) {
            buf_lit(out, "=\r\n");
            column = 0;
        }
        if (plain)
            buf_byte(out, c);
        else
            put_hex(out, c);
        column += width;
    }
}

void
mime_put_quoted_printable(struct buf *out, str s)
{
    size_t start = 0;

    for (size_t i = 0; i <= s.n; i++) {
        if (!ends_line(s, i))
            continue;
        put_line(out, STR(s.p + start, i - start));
        if (i == s.n)
            return;
        buf_lit(out, "\r\n");
        i += s.p[i] == '\r';
        start = i + 1;
    }
}
