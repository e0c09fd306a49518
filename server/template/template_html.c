#include "server/template/template_html.h"

#include <strings.h>

#include "base/unicode.h"
#include "base/url.h"
#include "server/template/template_json.h"

#define FAILSAFE STRL("ZgotmplZ")

/* --- following the text ---------------------------------------------------------------------------------- */

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\f' || c == '\r';
}

static bool
is_alpha(char c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool
is_alphanumeric(char c)
{
    return is_alpha(c) || (c >= '0' && c <= '9');
}

static bool
starts_folded(str s, str word)
{
    return s.n >= word.n && strncasecmp(s.p, word.p, word.n) == 0;
}

/* Of a tag's name at s, 0 if there is none. */
static size_t
name_length(str s)
{
    size_t n = 1;

    if (s.n == 0 || !is_alpha(s.p[0]))
        return 0;
    while (n < s.n) {
        if (is_alphanumeric(s.p[n]))
            n++;
        else if ((s.p[n] == ':' || s.p[n] == '-') && n + 1 < s.n && is_alphanumeric(s.p[n + 1]))
            n += 2;
        else
            break;
    }
    return n;
}

static int
element_of(str name)
{
    static const struct {
        const char *name;
        int element;
    } elements[] = {
        {"script", ELEMENT_SCRIPT}, {"style", ELEMENT_STYLE}, {"textarea", ELEMENT_TEXTAREA},
        {"title", ELEMENT_TITLE},   {"meta", ELEMENT_META},
    };

    for (size_t i = 0; i < ARRAY_LEN(elements); i++)
        if (name.n == strlen(elements[i].name) && starts_folded(name, str_of(elements[i].name)))
            return elements[i].element;
    return ELEMENT_NONE;
}

static bool
holds(str s, const char *word)
{
    return memmem(s.p, s.n, word, strlen(word)) != NULL;
}

static int
attr_of(str name)
{
    static const char *const urls[] = {"action", "archive", "background", "cite", "classid", "codebase", "data",
                                       "formaction", "href", "icon", "longdesc", "manifest", "poster", "profile",
                                       "src", "usemap", "xmlns"};
    char lower[64];

    for (size_t i = 0; i < name.n && i < sizeof lower; i++)
        lower[i] = (char)(name.p[i] >= 'A' && name.p[i] <= 'Z' ? name.p[i] | 0x20 : name.p[i]);
    str s = STR(lower, MIN(name.n, sizeof lower));
    ptrdiff_t colon = str_find_char(s, ':', 0);
    if (str_starts(s, STRL("data-")))
        s = str_from(s, 5);
    else if (str_starts(s, STRL("xmlns:")))
        return ATTR_URL;
    else if (colon >= 0)
        s = str_from(s, (size_t)colon + 1);
    if (str_eq(s, STRL("style")))
        return ATTR_STYLE;
    for (size_t i = 0; i < ARRAY_LEN(urls); i++)
        if (str_eq(s, str_of(urls[i])))
            return ATTR_URL;
    if (str_starts(s, STRL("on")))
        return ATTR_SCRIPT;
    if (str_starts(s, STRL("srclang")) || str_starts(s, STRL("srcdoc")))
        return ATTR_PLAIN;
    return holds(s, "src") || holds(s, "uri") || holds(s, "url") ? ATTR_URL : ATTR_PLAIN;
}

/* Up to and with the name of the next tag, or all. */
static size_t
pass_text(struct html_place *at, struct buf *out, str s)
{
    ptrdiff_t i = str_find_char(s, '<', 0);
    size_t n = i < 0 ? s.n : (size_t)i;

    buf_put(out, STR(s.p, n));
    if (i < 0)
        return n;
    str tag = str_from(s, n);
    if (str_starts(tag, STRL("<!--"))) {
        *at = (struct html_place){.state = HTML_COMMENT};
        return n + 4;
    }
    bool closes = tag.n > 1 && tag.p[1] == '/';
    size_t name = name_length(str_from(tag, 1 + closes));
    if (name == 0) {
        buf_put(out, starts_folded(tag, STRL("<!DOCTYPE")) ? STRL("<") : STRL("&lt;"));
        return n + 1;
    }
    *at = (struct html_place){.state = HTML_TAG};
    at->element = closes ? ELEMENT_NONE : element_of(STR(tag.p + 1, name));
    buf_put(out, STR(tag.p, 1 + closes + name));
    return n + 1 + closes + name;
}

static size_t
pass_tag(struct html_place *at, str s)
{
    size_t n = 0;

    while (n < s.n && is_blank(s.p[n]))
        n++;
    if (n == s.n)
        return n;
    if (s.p[n] == '>') {
        bool body = at->element != ELEMENT_NONE && at->element != ELEMENT_META;
        *at = (struct html_place){.state = body ? HTML_BODY : HTML_TEXT, .element = body ? at->element : ELEMENT_NONE};
        return n + 1;
    }
    size_t start = n;
    while (n < s.n && !is_blank(s.p[n]) && s.p[n] != '=' && s.p[n] != '>')
        n++;
    at->attr = attr_of(STR(s.p + start, n - start));
    at->state = n == s.n ? HTML_ATTR_NAME : HTML_AFTER_NAME;
    return n == start ? n + 1 : n;
}

static size_t
pass_name(struct html_place *at, str s)
{
    size_t n = 0;

    while (n < s.n && !is_blank(s.p[n]) && s.p[n] != '=' && s.p[n] != '>')
        n++;
    if (n < s.n)
        at->state = HTML_AFTER_NAME;
    return n;
}

static size_t
pass_after_name(struct html_place *at, str s)
{
    size_t n = 0;

    while (n < s.n && is_blank(s.p[n]))
        n++;
    if (n == s.n)
        return n;
    at->state = s.p[n] == '=' ? HTML_BEFORE_VALUE : HTML_TAG;
    return n + (s.p[n] == '=');
}

static size_t
pass_before_value(struct html_place *at, str s)
{
    size_t n = 0;

    while (n < s.n && is_blank(s.p[n]))
        n++;
    if (n == s.n)
        return n;
    bool quoted = s.p[n] == '"' || s.p[n] == '\'';
    at->state = HTML_VALUE;
    at->delim = quoted ? s.p[n] : ' ';
    at->url_begun = at->url_query = false;
    at->quote = 0;
    return n + quoted;
}

/* String literals of scripts and styles. */
static void
follow_quotes(struct html_place *at, str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\\' && at->quote)
            i++;
        else if (at->quote && s.p[i] == at->quote)
            at->quote = 0;
        else if (!at->quote && (s.p[i] == '"' || s.p[i] == '\'' || s.p[i] == '`'))
            at->quote = s.p[i];
    }
}

static size_t
pass_value(struct html_place *at, str s)
{
    size_t n = 0;

    while (n < s.n && (at->delim == ' ' ? !is_blank(s.p[n]) && s.p[n] != '>' : s.p[n] != at->delim))
        n++;
    str part = STR(s.p, n);
    for (size_t i = 0; i < n; i++) {
        at->url_begun |= !is_blank(part.p[i]);
        at->url_query |= part.p[i] == '?' || part.p[i] == '#';
    }
    if (at->attr == ATTR_SCRIPT || at->attr == ATTR_STYLE)
        follow_quotes(at, part);
    if (n == s.n)
        return n;
    n += at->delim != ' ';
    *at = (struct html_place){.state = HTML_TAG, .element = at->element};
    return n;
}

/* The body of an element that ends with its end tag only. */
static size_t
pass_body(struct html_place *at, struct buf *out, str s)
{
    static const char *const ends[] = {"", "</script", "</style", "</textarea", "</title"};
    str end = str_of(ends[at->element]);
    bool rcdata = at->element == ELEMENT_TEXTAREA || at->element == ELEMENT_TITLE;
    size_t n = 0;

    while (n < s.n && !starts_folded(str_from(s, n), end))
        n++;
    for (size_t i = 0; i < n; i++) {
        if (rcdata && s.p[i] == '<')
            buf_lit(out, "&lt;");
        else
            buf_byte(out, s.p[i]);
    }
    if (!rcdata)
        follow_quotes(at, STR(s.p, n));
    if (n < s.n)
        *at = (struct html_place){.state = HTML_TEXT};
    return n;
}

static size_t
pass_comment(struct html_place *at, str s)
{
    const char *end = memmem(s.p, s.n, "-->", 3);

    if (!end)
        return s.n;
    *at = (struct html_place){.state = HTML_TEXT};
    return (size_t)(end - s.p) + 3;
}

void
template_html_text(struct html_place *at, struct buf *out, str s)
{
    while (s.n) {
        size_t n = 0;
        bool written = false;
        switch (at->state) {
        case HTML_TEXT: n = pass_text(at, out, s); written = true; break;
        case HTML_BODY: n = pass_body(at, out, s); written = true; break;
        case HTML_COMMENT: n = pass_comment(at, s); written = true; break;
        case HTML_TAG: n = pass_tag(at, s); break;
        case HTML_ATTR_NAME: n = pass_name(at, s); break;
        case HTML_AFTER_NAME: n = pass_after_name(at, s); break;
        case HTML_BEFORE_VALUE: n = pass_before_value(at, s); break;
        case HTML_VALUE: n = pass_value(at, s); break;
        }
        n = MIN(n, s.n);
        if (!written)
            buf_put(out, STR(s.p, n));
        s = str_from(s, n);
    }
}

/* --- values ------------------------------------------------------------------------------------------------ */

enum table { TABLE_FULL, TABLE_NORM, TABLE_NOSPACE, TABLE_NOSPACE_NORM };

static void
put_escaped(struct buf *out, str s, enum table t)
{
    bool nospace = t >= TABLE_NOSPACE, norm = t == TABLE_NORM || t == TABLE_NOSPACE_NORM;

    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        switch (c) {
        case '\0': buf_put(out, nospace ? STRL("&#xfffd;") : STRL("\xef\xbf\xbd")); break;
        case '"': buf_lit(out, "&#34;"); break;
        case '\'': buf_lit(out, "&#39;"); break;
        case '+': buf_lit(out, "&#43;"); break;
        case '<': buf_lit(out, "&lt;"); break;
        case '>': buf_lit(out, "&gt;"); break;
        case '&': buf_put(out, norm ? STRL("&") : STRL("&amp;")); break;
        default:
            if (nospace && ((c >= '\t' && c <= '\r') || c == ' ' || c == '=' || c == '`'))
                buf_printf(out, "&#%d;", c);
            else
                buf_byte(out, c);
            break;
        }
    }
}

/* The text of trusted HTML without its tags. */
static void
strip_tags(struct buf *out, str s)
{
    struct html_place at = {.state = HTML_TEXT};

    while (s.n) {
        struct buf text = {0};
        size_t n;
        bool was_text = at.state == HTML_TEXT || at.state == HTML_BODY;
        if (at.state == HTML_TEXT) {
            ptrdiff_t open = str_find_char(s, '<', 0);
            n = pass_text(&at, &text, s);
            size_t plain = open < 0 ? s.n : at.state == HTML_TEXT ? n : (size_t)open;
            buf_put(out, STR(s.p, plain));
        } else {
            n = at.state == HTML_BODY ? pass_body(&at, &text, s) : at.state == HTML_COMMENT ? pass_comment(&at, s)
                : at.state == HTML_TAG ? pass_tag(&at, s) : at.state == HTML_ATTR_NAME ? pass_name(&at, s)
                : at.state == HTML_AFTER_NAME ? pass_after_name(&at, s)
                : at.state == HTML_BEFORE_VALUE ? pass_before_value(&at, s) : pass_value(&at, s);
            if (was_text)
                buf_put(out, STR(s.p, MIN(n, s.n)));
        }
        buf_free(&text);
        s = str_from(s, n);
    }
}

static bool
is_hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static bool
url_is_safe(str s)
{
    ptrdiff_t colon = str_find_char(s, ':', 0);
    str scheme = STR(s.p, colon < 0 ? 0 : (size_t)colon);

    if (colon < 0 || str_find_char(scheme, '/', 0) >= 0)
        return true;
    return (scheme.n == 4 && starts_folded(scheme, STRL("http"))) ||
           (scheme.n == 5 && starts_folded(scheme, STRL("https"))) ||
           (scheme.n == 6 && starts_folded(scheme, STRL("mailto")));
}

/* norm: reserved octets and escapes stay. */
static void
put_url(struct buf *out, str s, bool norm)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        bool reserved = c && strchr("!#$&*+,/:;=?@[]", c), plain = is_alphanumeric(c) || (c && strchr("-._~", c));
        bool escape = c == '%' && i + 2 < s.n && is_hex(s.p[i + 1]) && is_hex(s.p[i + 2]);
        if (plain || (norm && (reserved || escape)))
            buf_byte(out, c);
        else
            buf_printf(out, "%%%02x", (unsigned char)c);
    }
}

static void
put_url_value(struct buf *out, const struct html_place *at, str s, bool trusted, enum html_escaper last)
{
    if (!at->url_query && !at->url_begun && !trusted && !url_is_safe(s))
        s = STRL("#ZgotmplZ");
    if (last == ESCAPER_URLQUERY)
        url_put_query_escaped(out, s);
    else
        put_url(out, s, trusted || !at->url_query);
}

/* A value of a style that cannot start anything else. */
static void
put_style_value(struct buf *out, str s)
{
    bool safe = true;
    char id[64];
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        safe &= c && !strchr("\"'()/;@[\\]`{}<>", c) && !(c == '-' && i > 0 && s.p[i - 1] == '-');
        if (n < sizeof id - 1 && is_alphanumeric(c))
            id[n++] = (char)(c | 0x20);
    }
    id[n] = '\0';
    safe &= !strstr(id, "expression") && !strstr(id, "mozbinding");
    buf_put(out, safe ? s : FAILSAFE);
}

static void
put_style_string(struct buf *out, str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (is_alphanumeric(c) || (unsigned char)c >= 0x80 || (c && strchr(" -_.,!#$%=?@^|~", c)))
            buf_byte(out, c);
        else
            buf_printf(out, "\\%x ", (unsigned char)c);
    }
}

static void
put_script_string(struct buf *out, str s)
{
    size_t len;

    for (; s.n; s = str_from(s, len)) {
        uint32_t r = utf8_decode(s, &len);
        if (r == '\\' || r == '/')
            buf_printf(out, "\\%c", (char)r);
        else if (r == '\t' || r == '\n' || r == '\f' || r == '\r')
            buf_printf(out, "\\%c", "tn?fr"[r - '\t']);
        else if (r < ' ' || r == 0x7f || (r < 0x80 && strchr("\"'&+<>`", (int)r)) || r == 0x2028 || r == 0x2029)
            buf_printf(out, r < 0x80 && r != 0x7f ? "\\u%04x" : "\\u%04x", r);
        else
            buf_put(out, STR(s.p, len));
    }
}

static bool
put_script_value(struct buf *out, const struct tvalue *v, struct err *e)
{
    struct buf json = {0}, text = {0};
    struct tvalue shown = *v;

    if (v->type && v->type->string && v->type != &ttype_time) {
        v->type->string(&text, v);
        shown = tvalue_str(buf_str(&text));
    }
    bool ok = template_to_json(&json, &shown, e);
    buf_free(&text);
    if (ok) {
        /* A word needs room so that it does not grow together with its neighbours. */
        bool word = json.n && (is_alphanumeric(json.p[0]) || json.p[0] == '-');
        buf_put(out, word ? STRL(" ") : STR_EMPTY);
        buf_put(out, buf_str(&json));
        buf_put(out, word ? STRL(" ") : STR_EMPTY);
    }
    buf_free(&json);
    return ok;
}

/* The value before the attribute's own escaping. */
static bool
put_for_attr(struct buf *out, const struct html_place *at, const struct tvalue *v, str s, enum html_escaper last,
             struct err *e)
{
    bool script = at->attr == ATTR_SCRIPT || (at->state == HTML_BODY && at->element == ELEMENT_SCRIPT);

    if (script && at->quote)
        put_script_string(out, s);
    else if (script)
        return put_script_value(out, v, e);
    else if (at->attr == ATTR_URL)
        put_url_value(out, at, s, v->type == &ttype_url, last);
    else if (at->quote)
        put_style_string(out, s);
    else
        put_style_value(out, s);
    return true;
}

/* As html/template's stringify: nothing for no value. */
static str
text_of(struct buf *b, struct tvalue v)
{
    if (tvalue_kind(&v) == T_STR && !v.type->string)
        return v.u.s;
    if (v.type) {
        v = template_printable(v);
        template_sprint(b, &v, 1);
    }
    return buf_str(b);
}

static void
put_attr_text(struct buf *out, const struct html_place *at, str s, bool html, enum html_escaper last)
{
    struct buf stripped = {0};

    if (last == ESCAPER_HTML) {
        template_put_html(out, s);
        return;
    }
    if (html)
        strip_tags(&stripped, s);
    if (at->delim == ' ' && s.n == 0)
        buf_put(out, FAILSAFE);
    else if (at->delim == ' ')
        put_escaped(out, html ? buf_str(&stripped) : s, html ? TABLE_NOSPACE_NORM : TABLE_NOSPACE);
    else
        put_escaped(out, html ? buf_str(&stripped) : s, html ? TABLE_NORM : TABLE_FULL);
    buf_free(&stripped);
}

/* A name of an attribute: harmless words only. */
static void
put_name(struct buf *out, str s)
{
    bool safe = s.n > 0 && attr_of(s) == ATTR_PLAIN;

    for (size_t i = 0; i < s.n; i++)
        safe &= is_alphanumeric(s.p[i]);
    buf_put(out, safe ? s : FAILSAFE);
}

bool
template_html_replaces(const struct html_place *at, enum html_escaper last)
{
    if (last == ESCAPER_URLQUERY)
        return (at->state == HTML_VALUE || at->state == HTML_BEFORE_VALUE) && at->attr == ATTR_URL;
    return last == ESCAPER_HTML &&
           (at->state == HTML_TEXT || (at->state == HTML_VALUE && at->delim != ' ') ||
            (at->state == HTML_BODY && (at->element == ELEMENT_TITLE || at->element == ELEMENT_TEXTAREA)));
}

/* Text that is no attribute's. */
static void
put_text(struct buf *out, str s, bool html, enum table table, enum html_escaper last)
{
    if (last == ESCAPER_HTML)
        template_put_html(out, s);
    else if (html && table == TABLE_FULL)
        buf_put(out, s);
    else
        put_escaped(out, s, html ? table : TABLE_FULL);
}

bool
template_html_value(struct html_place *at, struct buf *out, struct tvalue v, enum html_escaper last, struct err *e)
{
    struct buf b = {0}, inner = {0};
    str s = text_of(&b, v);
    bool html = v.type == &ttype_html, ok = true;

    if (at->state == HTML_TAG || at->state == HTML_AFTER_NAME) {
        at->state = HTML_ATTR_NAME;
    } else if (at->state == HTML_BEFORE_VALUE) {
        at->state = HTML_VALUE;
        at->delim = ' ';
    }
    switch (at->state) {
    case HTML_TEXT: put_text(out, s, html, TABLE_FULL, last); break;
    case HTML_BODY:
        if (at->element == ELEMENT_TITLE || at->element == ELEMENT_TEXTAREA)
            put_text(out, s, html, TABLE_NORM, last);
        else
            ok = put_for_attr(out, at, &v, s, last, e);
        break;
    case HTML_VALUE:
        if (at->attr == ATTR_PLAIN)
            put_attr_text(out, at, s, html, last);
        else if ((ok = put_for_attr(&inner, at, &v, s, last, e)) == true)
            put_attr_text(out, at, buf_str(&inner), false, last);
        break;
    case HTML_COMMENT: break;
    default: put_name(out, s); break;
    }
    buf_free(&b);
    buf_free(&inner);
    return ok;
}
