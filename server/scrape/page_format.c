/* page_format.c - which parser a Content-Type asks for: Go's mime.ParseMediaType, then the
 * three types we know, then the job's fallback. */
#include "base/panic.h"
#include "base/unicode.h"
#include "server/scrape/page_priv.h"

static bool
is_token_char(char c)
{
    return c > ' ' && c < 0x7f && !strchr("()<>@,;:\\\"/[]?=", c);
}

static bool
is_special(char c)
{
    return c != '\0' && strchr("()<>@,;:\\\"/[]?=", c) != NULL;
}

static str
skip_space(str s)
{
    while (s.n && strchr(" \t\n\v\f\r", s.p[0]) && s.p[0])
        s = str_from(s, 1);
    return s;
}

static str
lower(struct arena *a, str s)
{
    char *p = arena_alloc(a, s.n);

    for (size_t i = 0; i < s.n; i++)
        p[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] | 0x20) : s.p[i];
    return STR(p, s.n);
}

static str
take_token(str *s)
{
    size_t n = 0;

    while (n < s->n && is_token_char(s->p[n]))
        n++;
    str token = STR(s->p, n);
    *s = str_from(*s, n);
    return token;
}

/* A token or a quoted string; false where there is neither. */
static bool
take_value(struct arena *a, str *s, str *out)
{
    if (s->n == 0)
        return false;
    if (s->p[0] != '"') {
        *out = take_token(s);
        return out->n > 0;
    }
    char *p = arena_alloc(a, s->n);
    size_t n = 0;
    for (size_t i = 1; i < s->n; i++) {
        char c = s->p[i];
        if (c == '"') {
            *out = STR(p, n);
            *s = str_from(*s, i + 1);
            return true;
        }
        if (c == '\\' && i + 1 < s->n && is_special(s->p[i + 1]))
            c = s->p[++i];
        else if (c == '\r' || c == '\n')
            return false;
        p[n++] = c;
    }
    return false;
}

struct param {
    str key, value;
    struct param *next;
};

/* "; key=value" from *s on; false where that is not what follows. */
static bool
take_param(struct arena *a, str *s, struct param *out)
{
    str rest = skip_space(*s);

    if (rest.n == 0 || rest.p[0] != ';')
        return false;
    rest = skip_space(str_from(rest, 1));
    out->key = lower(a, take_token(&rest));
    rest = skip_space(rest);
    if (out->key.n == 0 || rest.n == 0 || rest.p[0] != '=')
        return false;
    rest = skip_space(str_from(rest, 1));
    if (!take_value(a, &rest, &out->value))
        return false;
    *s = rest;
    return true;
}

static bool
check_params(struct arena *a, str s, struct err *e)
{
    struct param *seen = NULL;

    for (s = skip_space(s); s.n; s = skip_space(s)) {
        struct param *p = ARENA_NEW(a, struct param);
        if (!take_param(a, &s, p)) {
            if (s.p[0] == ';' && skip_space(str_from(s, 1)).n == 0)
                return true;
            return err_set(e, ERR_PARSE, "mime: invalid media parameter");
        }
        for (const struct param *q = seen; q; q = q->next)
            if (str_eq(q->key, p->key) && !str_eq(q->value, p->value))
                return err_set(e, ERR_PARSE, "mime: duplicate parameter name");
        p->next = seen;
        seen = p;
    }
    return true;
}

static bool
check_type(str s, struct err *e)
{
    if (take_token(&s).n == 0)
        return err_set(e, ERR_PARSE, "mime: no media type");
    if (s.n == 0)
        return true;
    if (s.p[0] != '/')
        return err_set(e, ERR_PARSE, "mime: expected slash after first token");
    s = str_from(s, 1);
    if (take_token(&s).n == 0)
        return err_set(e, ERR_PARSE, "mime: expected token after slash");
    return s.n == 0 || err_set(e, ERR_PARSE, "mime: unexpected content after media subtype");
}

static bool
parse_media_type(struct arena *a, str header, str *type, struct err *e)
{
    ptrdiff_t semicolon = str_find_char(header, ';', 0);
    str base = semicolon < 0 ? header : STR(header.p, (size_t)semicolon);
    str rest = str_from(header, base.n);

    base = skip_space(base);
    while (base.n && strchr(" \t\n\v\f\r", base.p[base.n - 1]))
        base.n--;
    *type = lower(a, base);
    return check_type(*type, e) && check_params(a, rest, e);
}

static bool
fail(struct arena *a, const char *before, str header, const char *after, struct err *e)
{
    struct buf b = {0};

    (void)a;
    unicode_put_quoted(&b, header);
    err_set(e, ERR_PARSE, "%s %s %s", before, buf_cstr(&b), after);
    buf_free(&b);
    return false;
}

static enum page_format
format_of(enum config_protocol p)
{
    switch (p) {
    case PROTOCOL_PROMETHEUS_PROTO: return PAGE_PROTOBUF;
    case PROTOCOL_OPENMETRICS_TEXT_0_0_1:
    case PROTOCOL_OPENMETRICS_TEXT_1_0_0: return PAGE_OPENMETRICS;
    case PROTOCOL_PROMETHEUS_TEXT_0_0_4:
    case PROTOCOL_PROMETHEUS_TEXT_1_0_0: return PAGE_TEXT;
    case PROTOCOL_NONE: break;
    }
    UNREACHABLE();
}

bool
page_format(struct arena *a, str header, enum config_protocol fallback, enum page_format *out,
            struct err *e)
{
    struct err why;
    str type;

    if (fallback != PROTOCOL_NONE)
        *out = format_of(fallback);
    if (header.n == 0)
        return fallback != PROTOCOL_NONE ||
               err_set(e, ERR_PARSE, "non-compliant scrape target sending blank Content-Type and no "
                                     "fallback_scrape_protocol specified for target");
    if (!parse_media_type(a, header, &type, &why)) {
        if (fallback != PROTOCOL_NONE)
            return true;
        char after[256];
        struct buf b = {0};
        buf_printf(&b, "and no fallback_scrape_protocol for target\n%.100s", why.text);
        memcpy(after, buf_cstr(&b), b.n + 1);
        buf_free(&b);
        return fail(a, "cannot parse Content-Type", header, after, e);
    }
    if (str_eq(type, STRL("application/openmetrics-text")))
        *out = PAGE_OPENMETRICS;
    else if (str_eq(type, STRL("application/vnd.google.protobuf")))
        *out = PAGE_PROTOBUF;
    else if (str_eq(type, STRL("text/plain")))
        *out = PAGE_TEXT;
    else
        return fallback != PROTOCOL_NONE ||
               fail(a, "received unsupported Content-Type", header,
                    "and no fallback_scrape_protocol specified for target", e);
    return true;
}
