/* The selectors of Kubernetes' API: their grammar, and what keys and values may be. */
#include "base/num.h"
#include "server/config/schema_discovery.h"

#define LABEL_MAX 63
#define SUBDOMAIN_MAX 253
#define NAME_RE "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
#define DNS_RE "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
#define NAME_WORDS                                                                       \
    "consist of alphanumeric characters, '-', '_' or '.', and must start and end with "  \
    "an alphanumeric character"
#define NAME_MUST                                                                        \
    "must " NAME_WORDS " (e.g. 'MyName',  or 'my.name',  or '123-abc', "                 \
    "regex used for validation is '" NAME_RE "')"
#define VALUE_MUST                                                                       \
    "a valid label must be an empty string or " NAME_WORDS " (e.g. 'MyValue',  or "      \
    "'my_value',  or '12345', regex used for validation is '(" NAME_RE ")?')"
#define SUBDOMAIN_MUST                                                                   \
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric "            \
    "characters, '-' or '.', and must start and end with an alphanumeric character "     \
    "(e.g. 'example.com', regex used for validation is '" DNS_RE "(\\." DNS_RE ")*')"

/* Field selectors: fields := [ term { "," term } ]   term := key ("=" | "==" | "!=") value
 * A backslash keeps a comma, an equals sign or a backslash. */
static size_t
next_term(str s, size_t from)
{
    size_t i = from;
    while (i < s.n && s.p[i] != ',')
        i += s.p[i] == '\\' ? 2 : 1;
    return MIN(i, s.n);
}

static bool
check_term(str all, str term, struct err *e)
{
    int64_t at = str_find_char(term, '=', 0);
    if (at < 0)
        return err_set(e, ERR_CONFIG, "invalid selector: '%.*s'; can't understand '%.*s'",
                       STR_ARG(all), STR_ARG(term));
    str value = str_from(term, (size_t)at + 1);
    bool negated = at > 0 && term.p[at - 1] == '!';
    if (!negated && value.n > 0 && value.p[0] == '=')
        value = str_from(value, 1);
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] == '=')
            return err_set(e, ERR_CONFIG,
                           "invalid field selector: unescaped character in value: %d", '=');
        if (value.p[i] != '\\')
            continue;
        i++;
        if (i >= value.n || strchr("\\,=", value.p[i]) == NULL) {
            /* The whole character after the backslash. */
            size_t n = i;
            while (n < value.n && (n == i || ((unsigned char)value.p[n] & 0xc0) == 0x80))
                n++;
            return err_set(e, ERR_CONFIG,
                           "invalid field selector: invalid escape sequence: \\%.*s",
                           (int)(n - MIN(i, value.n)), value.p + MIN(i, value.n));
        }
    }
    return true;
}

/* The smallest bad term is the one that is told. */
bool
config_k8s_check_field_selector(str s, struct err *e)
{
    str worst = STR_EMPTY;
    bool good = true;
    for (size_t from = 0; from <= s.n;) {
        size_t to = next_term(s, from);
        str term = STR(s.p + from, to - from);
        struct err one;
        from = to + 1;
        if (term.n == 0 || check_term(s, term, &one))
            continue;
        if (good || str_cmp(term, worst) < 0) {
            worst = term;
            *e = one;
        }
        good = false;
    }
    return good;
}

/* Keys and values of labels. */

static bool
is_alnum(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

static bool
is_name(str s)
{
    if (s.n == 0 || !is_alnum(s.p[0]) || !is_alnum(s.p[s.n - 1]))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '_' && s.p[i] != '.')
            return false;
    return true;
}

static bool
is_subdomain(str s)
{
    for (size_t i = 0, from = 0; i <= s.n; i++) {
        if (i < s.n && s.p[i] != '.') {
            bool lower = (s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9');
            if (!lower && s.p[i] != '-')
                return false;
            continue;
        }
        if (i == from || s.p[from] == '-' || s.p[i - 1] == '-')
            return false;
        from = i + 1;
    }
    return true;
}

static void
add(struct buf *list, const char *separator, const char *text)
{
    buf_printf(list, "%s%s", list->n ? separator : "", text);
}

static bool
check_key(struct arena *a, str key, struct err *e)
{
    struct buf list = {0};
    int64_t slash = str_find_char(key, '/', 0);
    str name = slash < 0 ? key : str_from(key, (size_t)slash + 1);
    if (slash >= 0 && str_find_char(name, '/', 0) >= 0) {
        add(&list, "; ", "a valid label key " NAME_MUST " with an optional DNS subdomain prefix and "
                         "'/' (e.g. 'example.com/MyName')");
    } else {
        str prefix = STR(key.p, slash < 0 ? 0 : (size_t)slash);
        if (slash == 0)
            add(&list, "; ", "prefix part must be non-empty");
        if (prefix.n > SUBDOMAIN_MAX)
            add(&list, "; ", "prefix part must be no more than 253 bytes");
        if (prefix.n > 0 && !is_subdomain(prefix))
            add(&list, "; ", "prefix part " SUBDOMAIN_MUST);
        if (name.n == 0)
            add(&list, "; ", "name part must be non-empty");
        if (name.n > LABEL_MAX)
            add(&list, "; ", "name part must be no more than 63 bytes");
        if (!is_name(name))
            add(&list, "; ", "name part " NAME_MUST);
    }
    bool good = list.n == 0;
    if (!good)
        err_set(e, ERR_CONFIG, "<nil>: Invalid value: %.*s: %s", STR_ARG(config_quoted(a, key)),
                buf_cstr(&list));
    buf_free(&list);
    return good;
}

/* Label selectors: a scanner and a reader of requirements. */
struct scan {
    struct arena *a;
    str rest;
    str token; /* empty at the end */
};

static bool
is_special(char c)
{
    return c != '\0' && strchr("=!(),<>", c) != NULL;
}

static bool
is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void
next_token(struct scan *s)
{
    while (s->rest.n > 0 && is_space(s->rest.p[0]))
        s->rest = str_from(s->rest, 1);
    size_t n = 0;
    if (s->rest.n > 0 && is_special(s->rest.p[0])) {
        n = 1;
        char c = s->rest.p[0];
        if ((c == '=' || c == '!') && s->rest.n > 1 && s->rest.p[1] == '=')
            n = 2;
    } else {
        while (n < s->rest.n && !is_special(s->rest.p[n]) && !is_space(s->rest.p[n]) &&
               s->rest.p[n] != '\0')
            n++;
    }
    s->token = STR(s->rest.p, n);
    s->rest = str_from(s->rest, n);
}

static bool
token_is(const struct scan *s, const char *text)
{
    return str_eq(s->token, str_of(text));
}

static bool
token_is_word(const struct scan *s)
{
    return s->token.n > 0 && !is_special(s->token.p[0]);
}

static bool
expected(const struct scan *s, const char *what, struct err *e)
{
    return err_set(e, ERR_CONFIG, "found '%.*s', expected: %s", STR_ARG(s->token), what);
}

/* The values of a requirement, sorted and each once. */
struct values {
    str *v;
    size_t n, cap;
};

static void
values_add(struct arena *a, struct values *to, str s)
{
    size_t at = to->n;
    while (at > 0 && str_cmp(to->v[at - 1], s) >= 0)
        at--;
    if (at < to->n && str_eq(to->v[at], s))
        return;
    if (to->n == to->cap) {
        struct values more = {.cap = to->cap * 2 + 8};
        more.v = ARENA_ZARRAY(a, str, more.cap);
        for (; more.n < to->n; more.n++)
            more.v[more.n] = to->v[more.n];
        *to = more;
    }
    for (size_t i = to->n++; i > at; i--)
        to->v[i] = to->v[i - 1];
    to->v[at] = s;
}

static bool
check_values(struct arena *a, str key, const struct values *values, bool number, struct err *e)
{
    struct buf list = {0};
    size_t problems = 0;
    for (size_t pass = number ? 0 : 1; pass < 2; pass++) {
        for (size_t i = 0; i < values->n; i++) {
            str v = values->v[i];
            int64_t integer;
            bool wrong = pass == 0 ? !num_parse_i64(v, &integer)
                                   : v.n > LABEL_MAX || (v.n > 0 && !is_name(v));
            if (!wrong)
                continue;
            buf_printf(&list, "%svalues[%zu]", problems++ ? ", " : "", i);
            if (pass == 1)
                buf_printf(&list, "[%.*s]", STR_ARG(key));
            buf_printf(&list, ": Invalid value: %.*s: ", STR_ARG(config_quoted(a, v)));
            if (pass == 0)
                buf_lit(&list, "for 'Gt', 'Lt' operators, the value must be an integer");
            else
                buf_printf(&list, "%s%s%s", v.n > LABEL_MAX ? "must be no more than 63 bytes" : "",
                           v.n > LABEL_MAX && !is_name(v) ? "; " : "",
                           is_name(v) ? "" : VALUE_MUST);
        }
    }
    if (problems > 0)
        err_set(e, ERR_CONFIG, problems > 1 ? "[%s]" : "%s", buf_cstr(&list));
    buf_free(&list);
    return problems == 0;
}

/* "(" [ word { "," word } ] ")", where a word may be missing. */
static bool
read_values(struct scan *s, struct values *values, struct err *e)
{
    if (!token_is(s, "("))
        return err_set(e, ERR_CONFIG, "found '%.*s' expected: '('", STR_ARG(s->token));
    next_token(s);
    if (token_is(s, ")"))
        values_add(s->a, values, STR_EMPTY);
    else if (!token_is_word(s) && !token_is(s, ","))
        return expected(s, "',', ')' or identifier", e);
    while (!token_is(s, ")")) {
        if (token_is_word(s)) {
            values_add(s->a, values, s->token);
            next_token(s);
            if (!token_is(s, ",") && !token_is(s, ")"))
                return expected(s, "',' or ')'", e);
        } else if (token_is(s, ",")) {
            if (values->n == 0)
                values_add(s->a, values, STR_EMPTY);
            next_token(s);
            if (token_is(s, ")") || token_is(s, ","))
                values_add(s->a, values, STR_EMPTY);
        } else {
            return expected(s, "',', or identifier", e);
        }
    }
    next_token(s);
    return true;
}

/* [ "!" ] key [ ("=" | "==" | "!=" | "<" | ">") value | ("in" | "notin") values ] */
static bool
read_requirement(struct scan *s, struct err *e)
{
    struct values values = {0};
    bool absent = token_is(s, "!");
    if (absent)
        next_token(s);
    if (!token_is_word(s))
        return expected(s, "identifier", e);
    str key = s->token;
    if (!check_key(s->a, key, e))
        return false;
    next_token(s);
    if (absent || s->token.n == 0 || token_is(s, ","))
        return true;
    if (token_is(s, "in") || token_is(s, "notin")) {
        next_token(s);
        return read_values(s, &values, e) && check_values(s->a, key, &values, false, e);
    }
    bool order = token_is(s, "<") || token_is(s, ">");
    if (!order && !token_is(s, "=") && !token_is(s, "==") && !token_is(s, "!="))
        return expected(s, "in, notin, =, ==, !=, gt, lt", e);
    next_token(s);
    if (token_is_word(s) || s->token.n == 0 || token_is(s, ","))
        values_add(s->a, &values, token_is_word(s) ? s->token : STR_EMPTY);
    else
        return expected(s, "identifier", e);
    if (token_is_word(s))
        next_token(s);
    return check_values(s->a, key, &values, order, e);
}

bool
config_k8s_check_selector(struct arena *a, str text, struct err *e)
{
    struct scan s = {.a = a, .rest = text};
    next_token(&s);
    if (s.token.n > 0 && !token_is_word(&s) && !token_is(&s, "!"))
        return expected(&s, "!, identifier, or 'end of string'", e);
    while (s.token.n > 0) {
        if (!read_requirement(&s, e))
            return err_prefix(e, "unable to parse requirement: ");
        if (s.token.n == 0)
            break;
        if (!token_is(&s, ","))
            return expected(&s, "',' or 'end of string'", e);
        next_token(&s);
        if (!token_is_word(&s) && !token_is(&s, "!"))
            return expected(&s, "identifier after ','", e);
    }
    return true;
}
