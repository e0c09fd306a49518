#include "base/url.h"

#include <arpa/inet.h>

#include "base/unicode.h"

/* What is being escaped decides what needs it. */
enum part { PART_PATH, PART_SEGMENT, PART_HOST, PART_ZONE, PART_USER, PART_QUERY, PART_FRAGMENT };

static bool
is_hex(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f');
}

static unsigned
hex_value(char c)
{
    return c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a' + 10);
}

static bool
one_of(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

static bool
reserved_needs_escape(char c, enum part part)
{
    switch (part) {
    case PART_PATH:
        return c == '?';
    case PART_SEGMENT:
        return one_of(c, "/;,?");
    case PART_USER:
        return one_of(c, "@/?:");
    case PART_QUERY:
        return true;
    default:
        return false;
    }
}

static bool
needs_escape(char c, enum part part)
{
    if ((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || one_of(c, "-_.~"))
        return false;
    if ((part == PART_HOST || part == PART_ZONE) && one_of(c, "!$&'()*+,;=:[]<>\""))
        return false;
    if (one_of(c, "$&+,/:;=?@"))
        return (part == PART_HOST || part == PART_ZONE) || reserved_needs_escape(c, part);
    return part != PART_FRAGMENT || !one_of(c, "!()*");
}

static void
put_escaped(struct buf *out, str s, enum part part)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == ' ' && part == PART_QUERY)
            buf_byte(out, '+');
        else if (needs_escape(s.p[i], part))
            buf_printf(out, "%%%02X", (unsigned char)s.p[i]);
        else
            buf_byte(out, s.p[i]);
    }
}

static bool
bad_escape(struct err *e, str at)
{
    struct buf q = {0};
    unicode_put_quoted(&q, STR(at.p, MIN(at.n, 3)));
    err_set(e, ERR_BAD_DATA, "invalid URL escape %.*s", STR_ARG(buf_str(&q)));
    buf_free(&q);
    return false;
}

static bool
check_escape(str s, size_t i, enum part part, struct err *e)
{
    if (i + 2 >= s.n || !is_hex(s.p[i + 1]) || !is_hex(s.p[i + 2]))
        return bad_escape(e, str_from(s, i));
    bool percent = s.p[i + 1] == '2' && s.p[i + 2] == '5';
    /* In a host only bytes beyond ASCII may be escaped; a zone may have blanks too. */
    if (part == PART_HOST && hex_value(s.p[i + 1]) < 8 && !percent)
        return bad_escape(e, str_from(s, i));
    char v = (char)(hex_value(s.p[i + 1]) << 4 | hex_value(s.p[i + 2]));
    if (part == PART_ZONE && !percent && v != ' ' && needs_escape(v, PART_HOST))
        return bad_escape(e, str_from(s, i));
    return true;
}

static bool
unescape(str s, enum part part, struct arena *a, str *out, struct err *e)
{
    size_t escapes = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '%') {
            if (!check_escape(s, i, part, e))
                return false;
            escapes++;
            i += 2;
        } else if ((part == PART_HOST || part == PART_ZONE) && (unsigned char)s.p[i] < 0x80 &&
                   needs_escape(s.p[i], part)) {
            struct buf q = {0};
            unicode_put_quoted(&q, STR(s.p + i, 1));
            err_set(e, ERR_BAD_DATA, "invalid character %.*s in host name", STR_ARG(buf_str(&q)));
            buf_free(&q);
            return false;
        }
    }
    *out = s;
    if (escapes == 0)
        return true;
    char *to = arena_alloc(a, s.n);
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '%') {
            to[n++] = (char)(hex_value(s.p[i + 1]) << 4 | hex_value(s.p[i + 2]));
            i += 2;
        } else {
            to[n++] = s.p[i];
        }
    }
    *out = STR(to, n);
    return true;
}

/* [a-zA-Z][a-zA-Z0-9+.-]* ":" ; without it the whole is the rest. */
static bool
split_scheme(str s, struct arena *a, struct url *u, str *rest, struct err *e)
{
    *rest = s;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
            continue;
        if ((c >= '0' && c <= '9') || one_of(c, "+-.")) {
            if (i == 0)
                return true;
            continue;
        }
        if (c != ':')
            return true;
        if (i == 0)
            return err_set(e, ERR_BAD_DATA, "missing protocol scheme");
        char *low = arena_alloc(a, i);
        for (size_t k = 0; k < i; k++)
            low[k] = s.p[k] >= 'A' && s.p[k] <= 'Z' ? (char)(s.p[k] | 0x20) : s.p[k];
        u->scheme = STR(low, i);
        *rest = str_from(s, i + 1);
        return true;
    }
    return true;
}

static bool
check_port(str colon_port, struct err *e)
{
    bool ok = colon_port.n == 0 || colon_port.p[0] == ':';
    for (size_t i = 1; ok && i < colon_port.n; i++)
        ok = colon_port.p[i] >= '0' && colon_port.p[i] <= '9';
    if (ok)
        return true;
    struct buf q = {0};
    unicode_put_quoted(&q, colon_port);
    err_set(e, ERR_BAD_DATA, "invalid port %.*s after host", STR_ARG(buf_str(&q)));
    buf_free(&q);
    return false;
}

static ptrdiff_t
find_last(str s, char c)
{
    const char *hit = s.n ? memrchr(s.p, c, s.n) : NULL;
    return hit ? hit - s.p : -1;
}

/* "[" IPv6 [ "%25" zone ] "]" [ ":" port ] */
static bool
parse_literal(str host, struct arena *a, str *out, struct err *e)
{
    ptrdiff_t close = find_last(host, ']');
    if (close < 0)
        return err_set(e, ERR_BAD_DATA, "missing ']' in host");
    str port = str_from(host, (size_t)close + 1);
    if (!check_port(port, e))
        return false;
    str name = STR(host.p + 1, (size_t)close - 1), zone = STR_EMPTY;
    const char *mark = name.n ? memmem(name.p, name.n, "%25", 3) : NULL;
    if (mark != NULL) {
        if (!unescape(str_from(name, (size_t)(mark - name.p)), PART_ZONE, a, &zone, e))
            return false;
        name.n = (size_t)(mark - name.p);
    }
    if (!unescape(name, PART_HOST, a, &name, e))
        return false;
    struct in6_addr addr;
    char text[INET6_ADDRSTRLEN];
    bool ok = name.n < sizeof text;
    if (ok) {
        memcpy(text, name.p ? name.p : "", name.n);
        text[name.n] = '\0';
        ok = inet_pton(AF_INET6, text, &addr) == 1;
    }
    if (!ok)
        return err_set(e, ERR_BAD_DATA, "invalid IP-literal");
    *out = arena_printf(a, "[%.*s%.*s]%.*s", STR_ARG(name), STR_ARG(zone), STR_ARG(port));
    return true;
}

static bool
parse_host(str host, struct arena *a, struct url *u, struct err *e)
{
    ptrdiff_t open = find_last(host, '[');
    if (open > 0)
        return err_set(e, ERR_BAD_DATA, "invalid IP-literal");
    if (open == 0)
        return parse_literal(host, a, &u->host, e);
    ptrdiff_t colon = str_find_char(host, ':', 0);
    /* Lists of hosts with ports are known from database URLs; http is strict. */
    if (colon >= 0 && !str_eq(u->scheme, STRL("http")) && !str_eq(u->scheme, STRL("https")))
        colon = find_last(host, ':');
    if (colon >= 0 && !check_port(str_from(host, (size_t)colon), e))
        return false;
    return unescape(host, PART_HOST, a, &u->host, e);
}

static bool
parse_authority(str s, struct arena *a, struct url *u, struct err *e)
{
    ptrdiff_t at = find_last(s, '@');
    if (!parse_host(at < 0 ? s : str_from(s, (size_t)at + 1), a, u, e))
        return false;
    if (at < 0)
        return true;
    str user = STR(s.p, (size_t)at);
    for (size_t i = 0; i < user.n; i++) {
        char c = user.p[i];
        if (!(c >= '0' && c <= '9') && !((c | 0x20) >= 'a' && (c | 0x20) <= 'z') &&
            !one_of(c, "-._:~!$&'()*+,;=%@"))
            return err_set(e, ERR_BAD_DATA, "net/url: invalid userinfo");
    }
    u->has_user = true;
    ptrdiff_t colon = str_find_char(user, ':', 0);
    if (colon >= 0) {
        u->has_password = true;
        if (!unescape(str_from(user, (size_t)colon + 1), PART_USER, a, &u->password, e))
            return false;
        user.n = (size_t)colon;
    }
    return unescape(user, PART_USER, a, &u->user, e);
}

static bool
split_query(str s, struct url *u, str *rest)
{
    ptrdiff_t q = str_find_char(s, '?', 0);
    *rest = s;
    if (q < 0)
        return true;
    rest->n = (size_t)q;
    u->query = str_from(s, (size_t)q + 1);
    u->force_query = u->query.n == 0;
    return true;
}

static bool
parse(str s, struct arena *a, struct url *u, struct err *e)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
            return err_set(e, ERR_BAD_DATA, "net/url: invalid control character in URL");
    if (str_eq(s, STRL("*"))) {
        u->path = u->raw_path = s;
        return true;
    }
    str rest;
    if (!split_scheme(s, a, u, &rest, e) || !split_query(rest, u, &rest))
        return false;
    if (!str_starts(rest, STRL("/"))) {
        if (u->scheme.n > 0) {
            u->opaque = rest;
            return true;
        }
        ptrdiff_t slash = str_find_char(rest, '/', 0);
        str first = STR(rest.p, slash < 0 ? rest.n : (size_t)slash);
        if (str_find_char(first, ':', 0) >= 0)
            return err_set(e, ERR_BAD_DATA, "first path segment in URL cannot contain colon");
    }
    if (str_starts(rest, STRL("//")) && (u->scheme.n > 0 || !str_starts(rest, STRL("///")))) {
        str authority = str_from(rest, 2);
        ptrdiff_t slash = str_find_char(authority, '/', 0);
        rest = slash < 0 ? STR_EMPTY : str_from(authority, (size_t)slash);
        if (slash >= 0)
            authority.n = (size_t)slash;
        if (!parse_authority(authority, a, u, e))
            return false;
    } else if (u->scheme.n > 0) {
        u->omit_host = true;
    }
    u->raw_path = rest;
    return unescape(rest, PART_PATH, a, &u->path, e);
}

bool
url_parse(str s, struct arena *a, struct url *out, struct err *e)
{
    struct url u = {0};
    ptrdiff_t hash = str_find_char(s, '#', 0);
    str head = hash < 0 ? s : STR(s.p, (size_t)hash);
    bool ok = parse(head, a, &u, e);
    if (ok && hash >= 0) {
        head = s;
        u.raw_fragment = str_from(s, (size_t)hash + 1);
        ok = unescape(u.raw_fragment, PART_FRAGMENT, a, &u.fragment, e);
    }
    if (!ok) {
        struct buf q = {0};
        unicode_put_quoted(&q, head);
        err_prefix(e, "parse %.*s: ", STR_ARG(buf_str(&q)));
        buf_free(&q);
        return false;
    }
    *out = u;
    return true;
}

/* What was written, where it is a valid encoding; else the decoded text escaped anew. */
static void
put_as_written(struct buf *out, str raw, str decoded, enum part part)
{
    bool valid = raw.n > 0;
    for (size_t i = 0; valid && i < raw.n; i++)
        valid = one_of(raw.p[i], "!$&'()*+,;=:@[]%") || !needs_escape(raw.p[i], part);
    if (valid)
        buf_put(out, raw);
    else
        put_escaped(out, decoded, part);
}

static void
put_path(struct buf *out, const struct url *u)
{
    struct buf path = {0};
    put_as_written(&path, u->raw_path, u->path, PART_PATH);
    str p = buf_str(&path);
    if (p.n > 0 && p.p[0] != '/' && u->host.n > 0)
        buf_byte(out, '/');
    ptrdiff_t slash = str_find_char(p, '/', 0);
    if (out->n == 0 && str_find_char(STR(p.p, slash < 0 ? p.n : (size_t)slash), ':', 0) >= 0)
        buf_lit(out, "./");
    buf_put(out, p);
    buf_free(&path);
}

static void
put_authority(struct buf *out, const struct url *u, bool redact)
{
    if (u->omit_host && u->host.n == 0 && !u->has_user)
        return;
    if (u->host.n > 0 || u->path.n > 0 || u->has_user)
        buf_lit(out, "//");
    if (u->has_user) {
        put_escaped(out, u->user, PART_USER);
        if (u->has_password) {
            buf_byte(out, ':');
            put_escaped(out, redact ? STRL("xxxxx") : u->password, PART_USER);
        }
        buf_byte(out, '@');
    }
    put_escaped(out, u->host, PART_HOST);
}

str
url_text(const struct url *u, struct arena *a, bool redact)
{
    struct buf out = {0};
    if (u->scheme.n > 0) {
        buf_put(&out, u->scheme);
        buf_byte(&out, ':');
    }
    if (u->opaque.n > 0) {
        buf_put(&out, u->opaque);
    } else {
        if (u->scheme.n > 0 || u->host.n > 0 || u->has_user)
            put_authority(&out, u, redact);
        put_path(&out, u);
    }
    if (u->force_query || u->query.n > 0) {
        buf_byte(&out, '?');
        buf_put(&out, u->query);
    }
    if (u->fragment.n > 0) {
        buf_byte(&out, '#');
        put_as_written(&out, u->raw_fragment, u->fragment, PART_FRAGMENT);
    }
    str text = arena_str(a, buf_str(&out));
    if (text.p == NULL)
        text.p = "";
    buf_free(&out);
    return text;
}

str
url_hostname(const struct url *u)
{
    str h = u->host;
    if (str_starts(h, STRL("["))) {
        ptrdiff_t close = find_last(h, ']');
        return STR(h.p + 1, (size_t)close - 1);
    }
    ptrdiff_t colon = find_last(h, ':');
    return colon < 0 ? h : STR(h.p, (size_t)colon);
}

str
url_port(const struct url *u)
{
    ptrdiff_t close = find_last(u->host, ']');
    ptrdiff_t colon = find_last(u->host, ':');
    return colon > close ? str_from(u->host, (size_t)colon + 1) : STR_EMPTY;
}

void
url_put_query_escaped(struct buf *out, str s)
{
    put_escaped(out, s, PART_QUERY);
}

void
url_put_path_escaped(struct buf *out, str s)
{
    put_escaped(out, s, PART_SEGMENT);
}
