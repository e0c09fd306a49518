#include "base/yaml.h"

#include <math.h>

#include "base/num.h"
#include "base/panic.h"

/* Go's yaml resolves a plain scalar by its text: a fixed list of words first, then
 * timestamps, integers in Go's notations, floats. */

enum kind {
    KIND_STR,
    KIND_NULL,
    KIND_BOOL,
    KIND_INT,
    KIND_UINT,
    KIND_FLOAT,
    KIND_TIME,
    KIND_MERGE
};

struct value {
    enum kind kind;
    bool b;
    int64_t i;
    uint64_t u;
    double f;
};

static bool
one_of(str s, const char *list)
{
    for (const char *p = list; *p != '\0';) {
        size_t n = strcspn(p, " ");
        if (str_eq(s, STR(p, n)))
            return true;
        p += n + (p[n] == ' ');
    }
    return false;
}

static bool
resolve_word(str s, bool v2, struct value *out)
{
    out->b = one_of(s, "true True TRUE") || (v2 && one_of(s, "y Y yes Yes YES on On ON"));
    out->kind = KIND_BOOL;
    if (out->b || one_of(s, "false False FALSE") || (v2 && one_of(s, "n N no No NO off Off OFF")))
        return true;
    out->kind = KIND_NULL;
    if (s.n == 0 || one_of(s, "~ null Null NULL"))
        return true;
    out->kind = KIND_FLOAT;
    out->f = NAN;
    if (one_of(s, ".nan .NaN .NAN"))
        return true;
    out->f = INFINITY;
    if (one_of(s, ".inf .Inf .INF +.inf +.Inf +.INF"))
        return true;
    out->f = -INFINITY;
    if (one_of(s, "-.inf -.Inf -.INF"))
        return true;
    out->kind = KIND_MERGE;
    return !v2 && str_eq(s, STRL("<<")); /* yaml.v2 knows it as a key only */
}

static int
digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'z' ? c - 'a' + 10 : 99;
}

static bool
parse_magnitude(str s, unsigned base, uint64_t *out)
{
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned d = (unsigned)digit_of(s.p[i]);
        if (d >= base || v > (UINT64_MAX - d) / base)
            return false;
        v = v * base + d;
    }
    *out = v;
    return s.n > 0;
}

/* strconv.ParseInt(s, 0, 64), or if that is too large and unsigned, ParseUint. */
static bool
resolve_int(str s, struct value *out)
{
    bool sign = s.n > 0 && (s.p[0] == '-' || s.p[0] == '+');
    bool negative = sign && s.p[0] == '-';
    uint64_t v;
    s = str_from(s, sign);
    unsigned base = 10;
    if (s.n > 1 && s.p[0] == '0') {
        char c = s.p[1] | 0x20;
        base = c == 'x' ? 16 : c == 'b' ? 2 : 8;
        s = str_from(s, c == 'x' || c == 'b' || c == 'o' ? 2 : 1);
    }
    if (!parse_magnitude(s, base, &v))
        return false;
    if (v <= (uint64_t)INT64_MAX + negative) {
        out->kind = KIND_INT;
        out->i = negative ? (int64_t)(0 - v) : (int64_t)v;
        return true;
    }
    out->kind = KIND_UINT;
    out->u = v;
    return !sign;
}

static size_t
digits(str s, size_t at)
{
    size_t n = 0;
    while (at + n < s.n && s.p[at + n] >= '0' && s.p[at + n] <= '9')
        n++;
    return n;
}

/* ^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$ */
static bool
looks_float(str s)
{
    size_t at = s.n > 0 && (s.p[0] == '-' || s.p[0] == '+');
    size_t whole = digits(s, at), part = 0;
    at += whole;
    if (at < s.n && s.p[at] == '.') {
        part = digits(s, at + 1);
        at += 1 + part;
    }
    if (whole == 0 && part == 0)
        return false;
    if (at < s.n && (s.p[at] | 0x20) == 'e') {
        at++;
        at += at < s.n && (s.p[at] == '-' || s.p[at] == '+');
        size_t exponent = digits(s, at);
        if (exponent == 0)
            return false;
        at += exponent;
    }
    return at == s.n;
}

/* Dates, alone or before a time; what Go's four layouts take, read loosely. */
static bool
looks_time(str s)
{
    if (digits(s, 0) != 4 || s.n < 8 || s.p[4] != '-')
        return false;
    size_t month = digits(s, 5);
    size_t at = 5 + month;
    if (month < 1 || month > 2 || at >= s.n || s.p[at] != '-')
        return false;
    size_t day = digits(s, at + 1);
    at += 1 + day;
    if (day < 1 || day > 2)
        return false;
    if (at == s.n)
        return true;
    if (s.p[at] != 'T' && s.p[at] != 't' && s.p[at] != ' ')
        return false;
    size_t hour = digits(s, at + 1);
    at += 1 + hour;
    return hour >= 1 && hour <= 2 && at < s.n && s.p[at] == ':';
}

static void
resolve_number(str s, struct value *out)
{
    char plain[128];
    size_t n = 0;
    if (looks_time(s)) {
        out->kind = KIND_TIME;
        return;
    }
    out->kind = KIND_STR;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '_')
            continue;
        if (n == sizeof(plain))
            return; /* no number anyone writes */
        plain[n++] = s.p[i];
    }
    str p = STR(plain, n);
    if (resolve_int(p, out))
        return;
    out->kind = KIND_STR;
    if (looks_float(p) && num_parse_go(p, &out->f))
        out->kind = KIND_FLOAT;
}

static struct value
resolve_plain(str s, bool v2)
{
    struct value v = {0};
    if (resolve_word(s, v2, &v))
        return v;
    v = (struct value){.kind = KIND_STR};
    char c = s.p[0];
    if (c == '.' && num_parse_go(s, &v.f))
        v.kind = KIND_FLOAT;
    else if (c == '+' || c == '-' || (c >= '0' && c <= '9'))
        resolve_number(s, &v);
    return v;
}

static struct value
resolve(const struct yaml_node *n)
{
    struct value v = {.kind = KIND_STR};
    if (n->type == YAML_NULL_NODE)
        v.kind = KIND_NULL;
    if (n->type != YAML_SCALAR || str_eq(n->tag, STRL("!!str")))
        return v;
    if (n->tag.n == 0 && n->quoted)
        return v;
    if (n->tag.n > 0 && !one_of(n->tag, "!!bool !!int !!float !!null !!timestamp"))
        return v;
    v = resolve_plain(n->text, n->v2);
    if (v.kind == KIND_INT && str_eq(n->tag, STRL("!!float"))) {
        v.f = (double)v.i;
        v.kind = KIND_FLOAT;
    }
    return v;
}

bool
yaml_is_null(const struct yaml_node *n)
{
    return n == NULL || resolve(n).kind == KIND_NULL;
}

str
yaml_resolved_tag(const struct yaml_node *n)
{
    static const char *const names[] = {"!!str", "!!null",  "!!bool",      "!!int",
                                        "!!int", "!!float", "!!timestamp", "!!merge"};
    if (n == NULL)
        return STRL("!!null");
    if (n->tag.n > 0)
        return n->tag;
    if (n->type == YAML_LIST)
        return STRL("!!seq");
    if (n->type == YAML_MAP)
        return STRL("!!map");
    return str_of(names[resolve(n).kind]);
}

/* yaml.v3 still takes YAML 1.1's words, but only where a boolean is asked for. */
bool
yaml_bool(const struct yaml_node *n, bool *out)
{
    if (n == NULL || n->type != YAML_SCALAR)
        return false;
    struct value v = resolve(n);
    if (v.kind == KIND_BOOL) {
        *out = v.b;
        return true;
    }
    if (n->v2 || v.kind != KIND_STR)
        return false;
    bool yes = one_of(n->text, "y Y yes Yes YES on On ON");
    if (!yes && !one_of(n->text, "n N no No NO off Off OFF"))
        return false;
    *out = yes;
    return true;
}

bool
yaml_int(const struct yaml_node *n, int64_t *out)
{
    if (n == NULL)
        return false;
    struct value v = resolve(n);
    if (v.kind == KIND_INT)
        *out = v.i;
    else if (v.kind == KIND_FLOAT && v.f > -0x1p63 && v.f < 0x1p63)
        *out = (int64_t)v.f;
    else
        return false;
    return true;
}

bool
yaml_uint(const struct yaml_node *n, uint64_t *out)
{
    if (n == NULL)
        return false;
    struct value v = resolve(n);
    if (v.kind == KIND_INT && v.i >= 0)
        *out = (uint64_t)v.i;
    else if (v.kind == KIND_UINT)
        *out = v.u;
    else if (v.kind == KIND_FLOAT && v.f >= 0 && v.f < 0x1p64)
        *out = (uint64_t)v.f;
    else
        return false;
    return true;
}

bool
yaml_float(const struct yaml_node *n, double *out)
{
    if (n == NULL)
        return false;
    struct value v = resolve(n);
    if (v.kind == KIND_INT)
        *out = (double)v.i;
    else if (v.kind == KIND_UINT)
        *out = (double)v.u;
    else if (v.kind == KIND_FLOAT)
        *out = v.f;
    else
        return false;
    return true;
}
