#include "server/config/am_matcher.h"

#include <stdlib.h>

#include "base/unicode.h"
#include "model/labels.h"

struct list {
    struct arena *a;
    struct matcher *v;
    size_t n, cap;
};

bool
am_regex_compile(str text, const char *open, struct arena *a, struct regex **out, struct err *e)
{
    if (regex_compile(text, REGEX_ANCHORED, out, e))
        return true;
    struct regex *whole;
    struct err words;
    str pattern = arena_printf(a, "%s%.*s)$", open, STR_ARG(text));
    if (regex_compile(pattern, REGEX_SEARCH, &whole, &words))
        regex_free(&whole);
    else
        *e = words;
    return false;
}

bool
am_matcher_init(struct matcher *m, enum matcher_type type, str name, str value, struct arena *a,
                struct err *e)
{
    *m = (struct matcher){.type = type, .name = name, .value = value};
    if (type == MATCH_EQ || type == MATCH_NE)
        return true;
    if (!am_regex_compile(value, "^(?:", a, &m->re, e))
        return false;
    struct regex *dot_stops;
    struct err ignored;
    str own = arena_printf(a, "(?-s:%.*s)", STR_ARG(value));
    if (memchr(value.n ? value.p : "", '.', value.n) != NULL &&
        regex_compile(own, REGEX_ANCHORED, &dot_stops, &ignored)) {
        regex_free(&m->re);
        m->re = dot_stops;
    }
    return true;
}

static void
discard(struct list *l)
{
    for (size_t i = 0; i < l->n; i++)
        matcher_fini(&l->v[i]);
    l->n = 0;
}

static bool
append(struct list *l, enum matcher_type type, str name, str value, struct err *e)
{
    arena_grow(l->a, &l->v, &l->cap, l->n + 1, sizeof *l->v);
    if (!am_matcher_init(&l->v[l->n], type, name, value, l->a, e))
        return false;
    l->n++;
    return true;
}

static bool
is_space(uint32_t c)
{
    return c == ' ' || (c >= '\t' && c <= '\r') || c == 0x85 || c == 0xa0 || c == 0x1680 ||
           (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
           c == 0x3000;
}

static bool
is_reserved(uint32_t c)
{
    return is_space(c) || (c > 0 && c < 0x80 && strchr("{}!=~,\\\"'`", (int)c) != NULL);
}

/* The UTF-8 grammar.  Its own words never reach anyone (the classic reader's do), so it
 * only says whether. */

enum token { T_BAD, T_END, T_OPEN, T_CLOSE, T_COMMA, T_EQ, T_NE, T_RE, T_NRE, T_QUOTED, T_BARE };

struct lexer {
    str rest;
    enum token kind;
    str text;
};

static size_t
quoted_length(str s)
{
    for (size_t i = 1; i < s.n; i++) {
        if (s.p[i] == '\\')
            i++;
        else if (s.p[i] == '"')
            return i + 1;
    }
    return 0;
}

static size_t
bare_length(str s)
{
    size_t n = 0;
    while (n < s.n) {
        size_t size;
        if (is_reserved(utf8_decode(str_from(s, n), &size)))
            break;
        n += size;
    }
    return n;
}

static void
next_token(struct lexer *l)
{
    size_t n = 0, size;
    while (l->rest.n > 0 && is_space(utf8_decode(l->rest, &size)))
        l->rest = str_from(l->rest, size);
    str s = l->rest;
    char c = s.n > 0 ? s.p[0] : '\0', d = s.n > 1 ? s.p[1] : '\0';
    if (s.n == 0) {
        l->kind = T_END;
    } else if (c == '{' || c == '}' || c == ',') {
        l->kind = c == '{' ? T_OPEN : c == '}' ? T_CLOSE : T_COMMA;
        n = 1;
    } else if (c == '=') {
        l->kind = d == '~' ? T_RE : T_EQ;
        n = d == '~' ? 2 : 1;
    } else if (c == '!') {
        l->kind = d == '=' ? T_NE : d == '~' ? T_NRE : T_BAD;
        n = 2;
    } else if (c == '"') {
        n = quoted_length(s);
        l->kind = n > 0 ? T_QUOTED : T_BAD;
    } else {
        n = bare_length(s);
        l->kind = n > 0 ? T_BARE : T_BAD;
    }
    l->text = STR(s.p, MIN(n, s.n));
    l->rest = str_from(s, n);
}

static int
hex_run(str s, size_t at, size_t digits, uint32_t *out)
{
    *out = 0;
    for (size_t i = 0; i < digits; i++) {
        char c = at + i < s.n ? s.p[at + i] : '\0';
        uint32_t v = c >= '0' && c <= '9' ? (uint32_t)(c - '0')
                     : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (uint32_t)((c | 0x20) - 'a' + 10)
                                                              : 16;
        if (v == 16)
            return -1;
        *out = *out << 4 | v;
    }
    return (int)digits;
}

/* One escape of a Go string; *at is behind the backslash and moves past it. */
static bool
unquote_escape(str s, size_t *at, struct buf *out)
{
    static const char from[] = "abfnrtv\\\"", to[] = "\a\b\f\n\r\t\v\\\"";
    char c = s.p[*at];
    uint32_t v;
    const char *simple = c ? strchr(from, c) : NULL;
    if (simple != NULL) {
        buf_byte(out, to[simple - from]);
        ++*at;
        return true;
    }
    if (c >= '0' && c <= '7') {
        v = 0;
        for (size_t i = 0; i < 3; i++, ++*at) {
            if (*at >= s.n || s.p[*at] < '0' || s.p[*at] > '7')
                return false;
            v = v * 8 + (uint32_t)(s.p[*at] - '0');
        }
        buf_byte(out, (char)v);
        return v < 256;
    }
    size_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    if (digits == 0 || hex_run(s, *at + 1, digits, &v) < 0)
        return false;
    *at += 1 + digits;
    if (c == 'x')
        buf_byte(out, (char)v);
    else if (v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
        return false;
    else
        utf8_put(out, v);
    return true;
}

/* strconv.Unquote of a string in double quotes, to valid UTF-8. */
static bool
unquote(str s, struct arena *a, str *out)
{
    struct buf b = {0};
    bool ok = true;
    s = STR(s.p + 1, s.n - 2);
    for (size_t i = 0; ok && i < s.n;) {
        if (s.p[i] == '\n') {
            ok = false;
        } else if (s.p[i] == '\\') {
            i++;
            ok = i < s.n && unquote_escape(s, &i, &b);
        } else {
            buf_byte(&b, s.p[i++]);
        }
    }
    ok = ok && utf8_valid(buf_str(&b));
    if (ok)
        *out = arena_str(a, buf_str(&b));
    buf_free(&b);
    return ok;
}

static bool
token_text(const struct lexer *l, struct arena *a, str *out)
{
    if (l->kind == T_QUOTED)
        return unquote(l->text, a, out);
    *out = arena_str(a, l->text);
    return l->kind == T_BARE;
}

static bool
parse_one_utf8(struct lexer *l, struct list *out)
{
    str name, value;
    struct err e;
    if (!token_text(l, out->a, &name))
        return false;
    next_token(l);
    if (l->kind < T_EQ || l->kind > T_NRE)
        return false;
    enum matcher_type type = l->kind == T_EQ   ? MATCH_EQ
                             : l->kind == T_NE ? MATCH_NE
                             : l->kind == T_RE ? MATCH_RE
                                               : MATCH_NRE;
    next_token(l);
    if (!token_text(l, out->a, &value) || !append(out, type, name, value, &e))
        return false;
    next_token(l);
    return true;
}

static bool
parse_utf8(str text, struct list *out)
{
    struct lexer l = {.rest = text};
    next_token(&l);
    bool open = l.kind == T_OPEN;
    if (open)
        next_token(&l);
    else if (l.kind == T_END)
        return true;
    while (l.kind != T_CLOSE && l.kind != T_END) {
        if (!parse_one_utf8(&l, out))
            return false;
        if (l.kind != T_COMMA)
            break;
        next_token(&l);
    }
    if (open != (l.kind == T_CLOSE))
        return false;
    if (open)
        next_token(&l);
    return l.kind == T_END;
}

/* The classic grammar. */

static str
trim(str s)
{
    while (s.n && (s.p[0] == ' ' || (s.p[0] >= '\t' && s.p[0] <= '\r')))
        s = str_from(s, 1);
    while (s.n && (s.p[s.n - 1] == ' ' || (s.p[s.n - 1] >= '\t' && s.p[s.n - 1] <= '\r')))
        s.n--;
    return s;
}

static bool
classic_value(str raw, struct arena *a, str *out, struct err *e)
{
    str s = raw;
    bool quoted = s.n > 0 && s.p[0] == '"';
    struct buf b = {0};
    if (quoted)
        s = str_from(s, 1);
    if (!utf8_valid(s))
        return err_set(e, ERR_CONFIG, "matcher value not valid UTF-8: %.*s", STR_ARG(raw));
    bool bad = false;
    for (size_t i = 0; i < s.n && !bad; i++) {
        char c = s.p[i];
        if (c == '\\' && i + 1 < s.n) {
            c = s.p[++i];
            if (c == 'n')
                c = '\n';
            else if (c != '"' && c != '\\')
                buf_byte(&b, '\\');
            buf_byte(&b, c);
        } else if (c == '"') {
            bad = !quoted || i + 1 < s.n;
            quoted = false;
        } else {
            buf_byte(&b, c);
        }
    }
    bad |= quoted;
    if (bad)
        err_set(e, ERR_CONFIG, "matcher value contains unescaped double quote: %.*s", STR_ARG(raw));
    else
        *out = arena_str(a, buf_str(&b));
    buf_free(&b);
    return !bad;
}

/* \s* name \s* op \s* value \s* */
static bool
parse_one_classic(str text, struct list *out, struct err *e)
{
    str s = trim(text), value;
    size_t n = 0;
    while (n < s.n && (s.p[n] == '_' || s.p[n] == ':' || ((s.p[n] | 0x20) >= 'a' && (s.p[n] | 0x20) <= 'z') ||
                       (n > 0 && s.p[n] >= '0' && s.p[n] <= '9')))
        n++;
    str name = STR(s.p, n);
    s = trim(str_from(s, n));
    char c = s.n > 0 ? s.p[0] : '\0', d = s.n > 1 ? s.p[1] : '\0';
    if (n == 0 || !(c == '=' || (c == '!' && (d == '=' || d == '~'))))
        return err_set(e, ERR_CONFIG, "bad matcher format: %.*s", STR_ARG(text));
    enum matcher_type type = c == '=' ? (d == '~' ? MATCH_RE : MATCH_EQ)
                                      : (d == '~' ? MATCH_NRE : MATCH_NE);
    s = trim(str_from(s, type == MATCH_EQ ? 1 : 2));
    return classic_value(s, out->a, &value, e) &&
           append(out, type, arena_str(out->a, name), value, e);
}

static bool
parse_classic(str s, struct list *out, struct err *e)
{
    if (str_starts(s, STRL("{")))
        s = str_from(s, 1);
    if (str_ends(s, STRL("}")))
        s.n--;
    bool quotes = false, escaped = false;
    size_t from = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == ',' && !quotes) {
            if (!parse_one_classic(STR(s.p + from, i - from), out, e))
                return false;
            from = i + 1;
            continue;
        }
        if (c == '"') {
            quotes ^= !escaped;
            escaped = false;
        } else {
            escaped = c == '\\' && !escaped;
        }
    }
    str last = trim(str_from(s, from));
    return last.n == 0 || parse_one_classic(last, out, e);
}

static bool
same(const struct list *x, const struct list *y)
{
    if (x->n != y->n)
        return false;
    for (size_t i = 0; i < x->n; i++)
        if (x->v[i].type != y->v[i].type || !str_eq(x->v[i].name, y->v[i].name) ||
            !str_eq(x->v[i].value, y->v[i].value))
            return false;
    return true;
}

bool
am_matchers_parse(str text, struct arena *a, struct matcher **out, size_t *n, struct err *e)
{
    struct list utf8 = {.a = a}, classic = {.a = a};
    bool new_ok = parse_utf8(text, &utf8);
    bool old_ok = parse_classic(text, &classic, e);
    if (!new_ok && !old_ok) {
        discard(&utf8);
        discard(&classic);
        return false;
    }
    bool use_old = !new_ok || (old_ok && !same(&utf8, &classic));
    discard(use_old ? &utf8 : &classic);
    *out = use_old ? classic.v : utf8.v;
    *n = use_old ? classic.n : utf8.n;
    return true;
}

bool
am_matcher_parse(str text, struct arena *a, struct matcher *out, struct err *e)
{
    struct list utf8 = {.a = a}, classic = {.a = a};
    if (str_starts(text, STRL("{")) || str_ends(text, STRL("}")))
        return err_set(e, ERR_CONFIG, "unexpected open or close brace: %.*s", STR_ARG(text));
    bool new_ok = parse_utf8(text, &utf8) && utf8.n == 1;
    bool old_ok = parse_one_classic(text, &classic, e); /* a comma is part of its value */
    if (!new_ok && !old_ok) {
        discard(&utf8);
        discard(&classic);
        return false;
    }
    bool use_old = !new_ok || (old_ok && !same(&utf8, &classic));
    discard(use_old ? &utf8 : &classic);
    *out = use_old ? classic.v[0] : utf8.v[0];
    return true;
}

void
am_matcher_put(struct buf *out, const struct matcher *m)
{
    bool quote = false;
    for (str rest = m->name; rest.n > 0 && !quote;) {
        size_t size;
        quote = is_reserved(utf8_decode(rest, &size));
        rest = str_from(rest, size);
    }
    if (quote) {
        labels_put_quoted(out, m->name);
        buf_put(out, str_of(matcher_type_text(m->type)));
        labels_put_quoted(out, m->value);
        return;
    }
    buf_put(out, m->name);
    buf_put(out, str_of(matcher_type_text(m->type)));
    buf_byte(out, '"');
    for (size_t i = 0; i < m->value.n; i++) {
        char c = m->value.p[i];
        if (c == '\\' || c == '"' || c == '\n')
            buf_byte(out, '\\');
        buf_byte(out, c == '\n' ? 'n' : c);
    }
    buf_byte(out, '"');
}

void
am_matchers_put(struct buf *out, const struct matcher *v, size_t n)
{
    buf_byte(out, '{');
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_byte(out, ',');
        am_matcher_put(out, &v[i]);
    }
    buf_byte(out, '}');
}

static int
compare(const void *x, const void *y)
{
    const struct matcher *a = x, *b = y;
    int c = str_cmp(a->name, b->name);
    if (c == 0)
        c = str_cmp(a->value, b->value);
    return c ? c : (a->type > b->type) - (a->type < b->type);
}

void
am_matchers_sort(struct matcher *v, size_t n)
{
    if (n > 1)
        qsort(v, n, sizeof *v, compare);
}
