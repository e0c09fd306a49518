#include "base/regex_syntax_priv.h"

#include "base/unicode.h"

static bool
is_alnum(uint32_t c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z' && c < 0x80);
}

static int
hex_value(uint32_t c)
{
    if (c >= '0' && c <= '9')
        return (int)c - '0';
    if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f' && c < 0x80)
        return (int)(c | 0x20) - 'a' + 10;
    return -1;
}

static bool
is_octal(str s)
{
    return s.n > 0 && s.p[0] >= '0' && s.p[0] <= '7';
}

/* Up to three octal digits, of which the first is read. */
static uint32_t
octal(str *t, uint32_t first)
{
    uint32_t v = first - '0';
    for (int i = 1; i < 3 && is_octal(*t); i++) {
        v = v * 8 + (uint32_t)(t->p[0] - '0');
        *t = str_from(*t, 1);
    }
    return v;
}

/* After \x: two digits or any number in braces.  *good is false where the escape is none;
 * the result is false on bad UTF-8. */
static bool
hex(struct regex_parser *p, str *t, uint32_t *rune, bool *good)
{
    uint32_t c, d;
    *good = false;
    if (t->n == 0)
        return true;
    if (!regex_syntax_rune(p, t, &c))
        return false;
    if (c != '{') {
        if (t->n == 0)
            d = 0;
        else if (!regex_syntax_rune(p, t, &d))
            return false;
        *good = hex_value(c) >= 0 && hex_value(d) >= 0;
        *rune = (uint32_t)(hex_value(c) * 16 + hex_value(d));
        return true;
    }
    uint32_t v = 0;
    for (size_t digits = 0; t->n > 0; digits++) {
        if (!regex_syntax_rune(p, t, &c))
            return false;
        if (c == '}') {
            *good = digits > 0;
            *rune = v;
            return true;
        }
        if (hex_value(c) < 0)
            return true;
        v = v * 16 + (uint32_t)hex_value(c);
        if (v > 0x10FFFF)
            return true;
    }
    return true;
}

static bool
escape_rune(struct regex_parser *p, uint32_t c, str *t, uint32_t *rune, bool *good)
{
    static const char letters[] = "afnrtv", controls[] = "\a\f\n\r\t\v";
    const char *at;
    *good = true;
    if (c == '0' || (c >= '1' && c <= '7' && is_octal(*t))) {
        *rune = octal(t, c);
        return true;
    }
    if (c == 'x')
        return hex(p, t, rune, good);
    if (c != 0 && c < 0x80 && (at = strchr(letters, (int)c)) != NULL) {
        *rune = (uint32_t)controls[at - letters];
        return true;
    }
    *rune = c;
    *good = c < 0x80 && !is_alnum(c);
    return true;
}

bool
regex_syntax_escape(struct regex_parser *p, str *rest, uint32_t *rune)
{
    str t = str_from(*rest, 1);
    uint32_t c;
    bool good;
    if (t.n == 0)
        return regex_syntax_fail(p, "trailing backslash at end of expression", STR_EMPTY);
    if (!regex_syntax_rune(p, &t, &c) || !escape_rune(p, c, &t, rune, &good))
        return false;
    if (!good)
        return regex_syntax_fail(p, "invalid escape sequence", STR(rest->p, rest->n - t.n));
    *rest = t;
    return true;
}

struct named_class {
    const char *name;
    const char *ranges; /* pairs of first and last byte */
};
static const struct named_class posix_classes[] = {
    {"alnum", "09AZaz"},
    {"alpha", "AZaz"},
    {"ascii", "\x00\x7f"},
    {"blank", "\t\t  "},
    {"cntrl", "\x00\x1f\x7f\x7f"},
    {"digit", "09"},
    {"graph", "!~"},
    {"lower", "az"},
    {"print", " ~"},
    {"punct", "!/:@[`{~"},
    {"space", "\t\r  "},
    {"upper", "AZ"},
    {"word", "09AZaz__"},
    {"xdigit", "09AFaf"},
};

static void
add_ranges(struct regex_class *c, const char *ranges, size_t n)
{
    for (size_t i = 0; i < n; i += 2)
        regex_class_add(c, (unsigned char)ranges[i], (unsigned char)ranges[i + 1]);
}

/* Adds to `to`, folded as the flags say and then negated, as Go's appendGroup. */
static void
add_group(struct regex_parser *p, struct regex_class *to, struct regex_class *group, bool negated)
{
    struct regex_class tmp = {.arena = p->arena};
    regex_class_add_class(&tmp, group, p->flags & REGEX_SYNTAX_FOLD);
    if (negated)
        regex_class_negate(&tmp);
    else
        regex_class_clean(&tmp);
    regex_class_add_class(to, &tmp, false);
}

static bool
perl_class(struct regex_parser *p, char c, struct regex_class *to)
{
    struct regex_class group = {.arena = p->arena};
    switch (c | 0x20) {
    case 'd':
        add_ranges(&group, "09", 2);
        break;
    case 's':
        add_ranges(&group, "\t\n\f\r  ", 6);
        break;
    case 'w':
        add_ranges(&group, "09AZ__az", 8);
        break;
    default:
        return false;
    }
    add_group(p, to, &group, !(c & 0x20));
    return true;
}

/* \pX, \p{Name}, \p{^Name}, and with P; p stands at the backslash. */
static bool
unicode_class(struct regex_parser *p, str *rest, struct regex_class *to)
{
    bool negated = rest->p[1] == 'P';
    str t = str_from(*rest, 2), name;
    uint32_t c;
    if (t.n == 0)
        return regex_syntax_fail(p, "invalid character class range", *rest);
    if (!regex_syntax_rune(p, &t, &c))
        return false;
    name = STR(rest->p + 2, rest->n - t.n - 2);
    if (c == '{') {
        ptrdiff_t end = str_find_char(*rest, '}', 0);
        if (end < 0)
            return regex_syntax_check_utf8(p, *rest) &&
                   regex_syntax_fail(p, "invalid character class range", *rest);
        name = STR(rest->p + 3, (size_t)end - 3);
        t = str_from(*rest, (size_t)end + 1);
        if (!regex_syntax_check_utf8(p, name))
            return false;
    }
    str whole = STR(rest->p, rest->n - t.n);
    if (name.n > 0 && name.p[0] == '^') {
        negated = !negated;
        name = str_from(name, 1);
    }
    struct regex_class tmp = {.arena = p->arena};
    if (!regex_class_add_unicode(&tmp, name, p->flags & REGEX_SYNTAX_FOLD))
        return regex_syntax_fail(p, "invalid character class range", whole);
    if (negated)
        regex_class_negate(&tmp);
    regex_class_add_class(to, &tmp, false);
    *rest = t;
    return true;
}

bool
regex_syntax_class_escape(struct regex_parser *p, str *rest, struct regex_class *to, bool *done)
{
    *done = false;
    if (rest->n < 2 || rest->p[0] != '\\')
        return true;
    *done = true;
    if (rest->p[1] == 'p' || rest->p[1] == 'P')
        return unicode_class(p, rest, to);
    *done = perl_class(p, rest->p[1], to);
    if (*done)
        *rest = str_from(*rest, 2);
    return true;
}

/* [:name:] or [:^name:] inside brackets, if one is there (*done). */
static bool
posix_class(struct regex_parser *p, str *t, struct regex_class *to, bool *done)
{
    *done = false;
    if (t->n <= 2 || t->p[0] != '[' || t->p[1] != ':')
        return true;
    const char *end = memmem(t->p + 2, t->n - 2, ":]", 2);
    if (end == NULL)
        return true;
    str whole = STR(t->p, (size_t)(end + 2 - t->p));
    str name = STR(whole.p + 2, whole.n - 4);
    bool negated = name.n > 0 && name.p[0] == '^';
    name = str_from(name, negated);
    for (size_t i = 0; i < ARRAY_LEN(posix_classes); i++) {
        const struct named_class *known = &posix_classes[i];
        if (!str_eq(name, str_of(known->name)))
            continue;
        struct regex_class group = {.arena = p->arena};
        /* "ascii" and "cntrl" begin with a NUL byte. */
        size_t n = known->ranges[0] ? strlen(known->ranges) : name.p[0] == 'a' ? 2 : 4;
        add_ranges(&group, known->ranges, n);
        add_group(p, to, &group, negated);
        *t = str_from(*t, whole.n);
        *done = true;
        return true;
    }
    return regex_syntax_fail(p, "invalid character class range", whole);
}

static bool
class_rune(struct regex_parser *p, str *t, str whole, uint32_t *rune)
{
    if (t->n == 0)
        return regex_syntax_fail(p, "missing closing ]", whole);
    if (t->p[0] == '\\')
        return regex_syntax_escape(p, t, rune);
    return regex_syntax_rune(p, t, rune);
}

static bool
class_range(struct regex_parser *p, str *t, struct regex_class *to)
{
    str from = *t;
    uint32_t lo, hi;
    if (!class_rune(p, t, p->rest, &lo))
        return false;
    hi = lo;
    if (t->n >= 2 && t->p[0] == '-' && t->p[1] != ']') {
        *t = str_from(*t, 1);
        if (!class_rune(p, t, p->rest, &hi))
            return false;
        if (hi < lo)
            return regex_syntax_fail(p, "invalid character class range",
                                     STR(from.p, from.n - t->n));
    }
    if (p->flags & REGEX_SYNTAX_FOLD)
        regex_class_add_folded(to, lo, hi);
    else
        regex_class_add(to, lo, hi);
    return true;
}

bool
regex_syntax_bracket(struct regex_parser *p, struct regex_class *to)
{
    str t = str_from(p->rest, 1);
    bool negated = t.n > 0 && t.p[0] == '^';
    t = str_from(t, negated);
    /* A bracket right after the opening one is an ordinary character. */
    for (bool first = true; t.n == 0 || t.p[0] != ']' || first; first = false) {
        bool done;
        if (!posix_class(p, &t, to, &done))
            return false;
        if (!done && !regex_syntax_class_escape(p, &t, to, &done))
            return false;
        if (!done && !class_range(p, &t, to))
            return false;
    }
    p->rest = str_from(t, 1);
    if (negated)
        regex_class_negate(to);
    else
        regex_class_clean(to);
    return true;
}

static bool
valid_name(str name)
{
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] != '_' && !is_alnum((unsigned char)name.p[i]))
            return false;
    return name.n > 0;
}

/* (?P<name> or (?<name>, whose name starts at byte `at`. */
static bool
named_group(struct regex_parser *p, size_t at)
{
    str t = p->rest;
    ptrdiff_t end = str_find_char(t, '>', 0);
    if (end < 0)
        return regex_syntax_check_utf8(p, t) && regex_syntax_fail(p, "invalid named capture", t);
    str name = STR(t.p + at, (size_t)end - at);
    if (!regex_syntax_check_utf8(p, name))
        return false;
    if (!valid_name(name))
        return regex_syntax_fail(p, "invalid named capture", STR(t.p, (size_t)end + 1));
    p->rest = str_from(t, (size_t)end + 1);
    return regex_syntax_open(p, ++p->groups, name);
}

static unsigned
flag_of(uint32_t c)
{
    switch (c) {
    case 'i':
        return REGEX_SYNTAX_FOLD;
    case 'm':
        return REGEX_SYNTAX_MULTI_LINE;
    case 's':
        return REGEX_SYNTAX_DOT_NL;
    case 'U':
        return REGEX_SYNTAX_LAZY;
    default:
        return 0;
    }
}

bool
regex_syntax_perl_group(struct regex_parser *p)
{
    str t = p->rest;
    if (t.n > 4 && t.p[2] == 'P' && t.p[3] == '<')
        return named_group(p, 4);
    if (t.n > 3 && t.p[2] == '<')
        return named_group(p, 3);
    unsigned flags = p->flags;
    bool off = false, saw = false;
    t = str_from(t, 2);
    while (t.n > 0) {
        uint32_t c;
        if (!regex_syntax_rune(p, &t, &c))
            return false;
        unsigned flag = flag_of(c);
        if (flag != 0) {
            flags = off ? flags & ~flag : flags | flag;
            saw = true;
        } else if (c == '-' && !off) {
            off = true;
            saw = false;
        } else if ((c == ':' || c == ')') && (!off || saw)) {
            p->rest = t;
            bool ok = c == ')' || regex_syntax_open(p, 0, STR_EMPTY);
            p->flags = flags;
            return ok;
        } else {
            break;
        }
    }
    return regex_syntax_fail(p, "invalid or unsupported Perl syntax",
                             STR(p->rest.p, p->rest.n - t.n));
}
