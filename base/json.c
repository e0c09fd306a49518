/* The writer; the reader is json_read.c. */
#include "base/json.h"

#include "base/num.h"
#include "base/unicode.h"

#include <math.h>

static void
before_value(struct json *j)
{
    if (j->comma)
        buf_byte(j->out, ',');
    j->comma = true;
}

static void
open_level(struct json *j, char c)
{
    before_value(j);
    buf_byte(j->out, c);
    j->comma = false;
}

static void
close_level(struct json *j, char c)
{
    buf_byte(j->out, c);
    j->comma = true;
}

void
json_open_object(struct json *j)
{
    open_level(j, '{');
}

void
json_close_object(struct json *j)
{
    close_level(j, '}');
}

void
json_open_array(struct json *j)
{
    open_level(j, '[');
}

void
json_close_array(struct json *j)
{
    close_level(j, ']');
}

void
json_key(struct json *j, str key)
{
    before_value(j);
    json_escape(j->out, key, true);
    buf_byte(j->out, ':');
    j->comma = false;
}

void
json_str(struct json *j, str s)
{
    before_value(j);
    json_escape(j->out, s, true);
}

void
json_str_plain(struct json *j, str s)
{
    before_value(j);
    json_escape(j->out, s, false);
}

void
json_i64(struct json *j, int64_t v)
{
    before_value(j);
    buf_i64(j->out, v);
}

void
json_u64(struct json *j, uint64_t v)
{
    before_value(j);
    buf_u64(j->out, v);
}

void
json_bool(struct json *j, bool v)
{
    before_value(j);
    if (v)
        buf_lit(j->out, "true");
    else
        buf_lit(j->out, "false");
}

void
json_null(struct json *j)
{
    before_value(j);
    buf_lit(j->out, "null");
}

void
json_f64(struct json *j, double v)
{
    before_value(j);
    if (!isfinite(v)) {
        buf_lit(j->out, "null");
        return;
    }
    buf_reserve(j->out, NUM_TEXT_MAX);
    j->out->n += num_format_api(v, j->out->p + j->out->n);
}

void
json_raw(struct json *j)
{
    before_value(j);
}

/* What becomes of a byte: */
enum { COPY, ESCAPE, HTML, LEAD };
static const uint8_t class_of[256] = {
    [0 ... 0x1f] = ESCAPE, ['"'] = ESCAPE, ['\\'] = ESCAPE, [0x7f] = COPY,
    ['<'] = HTML,          ['>'] = HTML,   ['&'] = HTML,    [0x80 ... 0xff] = LEAD,
};

static void
put_escape(struct buf *out, uint8_t c)
{
    static const char hex[] = "0123456789abcdef";
    switch (c) {
    case '"':
    case '\\':
        buf_byte(out, '\\');
        buf_byte(out, (char)c);
        return;
    case '\n':
        buf_lit(out, "\\n");
        return;
    case '\r':
        buf_lit(out, "\\r");
        return;
    case '\t':
        buf_lit(out, "\\t");
        return;
    }
    buf_lit(out, "\\u00");
    buf_byte(out, hex[c >> 4]);
    buf_byte(out, hex[c & 15]);
}

/* One multi-byte character, or one bad byte; returns how many bytes it read. */
static size_t
put_lead(struct buf *out, const uint8_t *p, size_t n, bool html)
{
    size_t len;
    uint32_t rune = utf8_decode(STR(p, n), &len);
    if (len == 1)
        buf_lit(out, "\\ufffd");
    else if (html && rune == 0x2028)
        buf_lit(out, "\\u2028");
    else if (html && rune == 0x2029)
        buf_lit(out, "\\u2029");
    else
        buf_put(out, STR(p, len));
    return len;
}

void
json_escape(struct buf *out, str s, bool html)
{
    const uint8_t *p = (const uint8_t *)s.p, *end = p + s.n;
    buf_reserve(out, s.n + 2);
    buf_byte(out, '"');
    while (p < end) {
        const uint8_t *run = p;
        while (p < end && (class_of[*p] == COPY || (class_of[*p] == HTML && !html)))
            p++;
        buf_put(out, STR(run, p - run));
        if (p == end)
            break;
        if (class_of[*p] == LEAD)
            p += put_lead(out, p, (size_t)(end - p), html);
        else
            put_escape(out, *p++);
    }
    buf_byte(out, '"');
}
