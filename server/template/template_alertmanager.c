/* template_alertmanager.c - the functions of Alertmanager's templates. */
#include <stdlib.h>

#include "base/compress.h"
#include "base/unicode.h"
#include "server/template/template_json.h"

#define FUNCTION(name) static bool name(struct texec *x, const struct tvalue *args, size_t n, struct tvalue *out, struct err *e)
#define IGNORE (void)x, (void)args, (void)n, (void)e

/* --- text ---------------------------------------------------------------------------------------------- */

FUNCTION(fn_to_upper)
{
    struct buf b = {0};
    IGNORE;
    unicode_put_upper(&b, args[0].u.s);
    *out = template_text(x, &b);
    return true;
}

FUNCTION(fn_to_lower)
{
    struct buf b = {0};
    IGNORE;
    unicode_put_lower(&b, args[0].u.s);
    *out = template_text(x, &b);
    return true;
}

FUNCTION(fn_title)
{
    struct buf b = {0};
    IGNORE;
    template_put_title(&b, args[0].u.s, true);
    *out = template_text(x, &b);
    return true;
}

/* unicode.IsSpace. */
static bool
is_space(uint32_t r)
{
    return (r >= '\t' && r <= '\r') || r == ' ' || r == 0x85 || r == 0xa0 || r == 0x1680 ||
           (r >= 0x2000 && r <= 0x200a) || r == 0x2028 || r == 0x2029 || r == 0x202f || r == 0x205f || r == 0x3000;
}

FUNCTION(fn_trim_space)
{
    str s = args[0].u.s;
    size_t len, at = 0, end = 0;
    IGNORE;

    while (s.n && is_space(utf8_decode(s, &len)))
        s = str_from(s, len);
    for (; at < s.n; at += len)
        if (!is_space(utf8_decode(str_from(s, at), &len)))
            end = at + len;
    *out = tvalue_str(STR(s.p, end));
    return true;
}

FUNCTION(fn_join)
{
    struct buf b = {0};
    IGNORE;
    for (size_t i = 0; i < args[1].u.list.n; i++) {
        if (i)
            buf_put(&b, args[0].u.s);
        buf_put(&b, args[1].u.list.v[i].u.s);
    }
    *out = template_text(x, &b);
    return true;
}

FUNCTION(fn_safe_html)
{
    IGNORE;
    *out = tvalue_str_as(&ttype_html, args[0].u.s);
    return true;
}

FUNCTION(fn_safe_url)
{
    IGNORE;
    *out = tvalue_str_as(&ttype_url, args[0].u.s);
    return true;
}

static int
hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

FUNCTION(fn_url_unescape)
{
    str s = args[0].u.s;
    struct buf b = {0};
    IGNORE;

    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '+') {
            buf_byte(&b, ' ');
        } else if (s.p[i] != '%') {
            buf_byte(&b, s.p[i]);
        } else if (i + 2 < s.n && hex_digit(s.p[i + 1]) >= 0 && hex_digit(s.p[i + 2]) >= 0) {
            buf_byte(&b, (char)(hex_digit(s.p[i + 1]) << 4 | hex_digit(s.p[i + 2])));
            i += 2;
        } else {
            buf_clear(&b);
            unicode_put_quoted(&b, STR(s.p + i, MIN(s.n - i, (size_t)3)));
            err_set(e, ERR_EXEC, "invalid URL escape %.*s", STR_ARG(buf_str(&b)));
            buf_free(&b);
            return false;
        }
    }
    *out = template_text(x, &b);
    return true;
}

FUNCTION(fn_base64_encode)
{
    struct buf b = {0};
    IGNORE;
    base64_encode(args[0].u.s, &b);
    for (size_t i = 0; i < b.n; i++)
        b.p[i] = b.p[i] == '+' ? '-' : b.p[i] == '/' ? '_' : b.p[i];
    *out = template_text(x, &b);
    return true;
}

static bool
is_newline(char c)
{
    return c == '\r' || c == '\n';
}

static bool
is_base64_digit(char c)
{
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || c == '-' || c == '_';
}

/* The padding of a group of four after `digits` of it, s.p[at - 1] being the first sign. */
static bool
base64_padding(str s, size_t at, size_t digits, size_t *fault)
{
    *fault = at - 1;
    if (digits < 2)
        return false;
    while (at < s.n && is_newline(s.p[at]))
        at++;
    if (digits == 2) {
        *fault = at == s.n ? s.n : at - 1;
        if (at == s.n || s.p[at] != '=')
            return false;
        at++;
    }
    while (at < s.n && is_newline(s.p[at]))
        at++;
    *fault = at;
    return at == s.n;
}

/* Whether the text is URL-safe base64 with padding, and else where that fails. */
static bool
is_base64(str s, size_t *fault)
{
    size_t digits = 0;

    for (size_t i = 0; i < s.n; i++) {
        if (is_newline(s.p[i]))
            continue;
        if (s.p[i] == '=')
            return base64_padding(s, i + 1, digits, fault);
        *fault = i;
        if (!is_base64_digit(s.p[i]))
            return false;
        digits = (digits + 1) % 4;
    }
    *fault = s.n - digits;
    return digits == 0;
}

FUNCTION(fn_base64_decode)
{
    str s = args[0].u.s;
    size_t fault;
    struct buf text = {0}, b = {0};
    IGNORE;

    for (size_t i = 0; i < s.n; i++)
        if (!is_newline(s.p[i]))
            buf_byte(&text, s.p[i] == '-' ? '+' : s.p[i] == '_' ? '/' : s.p[i]);
    bool ok = is_base64(s, &fault) && base64_decode(buf_str(&text), &b);
    buf_free(&text);
    if (ok)
        *out = template_text(x, &b);
    else
        err_set(e, ERR_EXEC, "illegal base64 data at input byte %zu", fault);
    buf_free(&b);
    return ok;
}

FUNCTION(fn_to_json)
{
    struct buf b = {0};
    bool ok = template_to_json(&b, &args[0], e);
    (void)n;
    if (ok)
        *out = template_text(x, &b);
    buf_free(&b);
    return ok;
}

/* --- time ------------------------------------------------------------------------------------------------- */

FUNCTION(fn_date)
{
    struct buf b = {0};
    IGNORE;
    template_put_time(&b, args[1].u.time, args[0].u.s);
    *out = template_text(x, &b);
    return true;
}

FUNCTION(fn_tz)
{
    struct ttime t = *args[1].u.time;
    str name = args[0].u.s;
    IGNORE;

    if (name.n && (name.p[0] == '/' || name.p[0] == '\\' || memmem(name.p, name.n, "..", 2)))
        return err_set(e, ERR_EXEC, "time: invalid location name");
    if (!ttime_in(&t, name, x->arena))
        return err_set(e, ERR_EXEC, "unknown time zone %.*s", STR_ARG(name));
    *out = tvalue_time(x->arena, t);
    return true;
}

static struct ttime
now(struct texec *x)
{
    int64_t ms = x->env->now_ms, s = ms / 1000 - (ms % 1000 < 0);
    struct ttime t = {.s = s, .ns = (int32_t)(ms - s * 1000) * 1000000};

    if (!ttime_in(&t, STRL("Local"), x->arena))
        ttime_in(&t, STRL("UTC"), x->arena);
    return t;
}

FUNCTION(fn_now)
{
    IGNORE;
    *out = tvalue_time(x->arena, now(x));
    return true;
}

FUNCTION(fn_since)
{
    struct ttime t = now(x);
    IGNORE;
    *out = (struct tvalue){.type = &ttype_duration, .u.i = ttime_sub(&t, args[0].u.time)};
    return true;
}

FUNCTION(fn_to_date)
{
    struct ttime t = {.s = TIME_ZERO_S, .zone = STRL("UTC"), .location = STRL("UTC")};
    struct err inner;
    IGNORE;

    if (!template_parse_time(args[0].u.s, args[1].u.s, x->arena, &t, &inner))
        t = (struct ttime){.s = TIME_ZERO_S, .zone = STRL("UTC"), .location = STRL("UTC")};
    *out = tvalue_time(x->arena, t);
    return true;
}

FUNCTION(fn_must_to_date)
{
    struct ttime t;
    IGNORE;
    if (!template_parse_time(args[0].u.s, args[1].u.s, x->arena, &t, e))
        return false;
    *out = tvalue_time(x->arena, t);
    return true;
}

/* --- lists and maps ------------------------------------------------------------------------------------------- */

FUNCTION(fn_string_slice)
{
    IGNORE;
    *out = tvalue_list(&ttype_strings, args, n);
    out->nil = n == 0;
    return true;
}

FUNCTION(fn_list)
{
    IGNORE;
    *out = tvalue_list(&ttype_anys, args, n);
    return true;
}

FUNCTION(fn_append)
{
    size_t had = args[0].u.list.n;
    struct tvalue *v = ARENA_ARRAY(x->arena, struct tvalue, had + n);
    IGNORE;

    for (size_t i = 0; i < had; i++)
        v[i] = args[0].u.list.v[i];
    for (size_t i = 1; i < n; i++)
        v[had + i - 1] = args[i];
    *out = tvalue_list(&ttype_anys, v, had + n - 1);
    out->nil = args[0].nil && n == 1;
    return true;
}

struct entry {
    str key;
    size_t i;
};

static int
compare_entries(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int c = str_cmp(x->key, y->key);
    return c ? c : (x->i > y->i) - (x->i < y->i);
}

FUNCTION(fn_dict)
{
    struct entry *entries = ARENA_ARRAY(x->arena, struct entry, n / 2 + 1);
    str *key = ARENA_ARRAY(x->arena, str, n / 2 + 1);
    struct tvalue *value = ARENA_ARRAY(x->arena, struct tvalue, n / 2 + 1);
    size_t kept = 0;

    if (n % 2)
        return err_set(e, ERR_EXEC, "dict requires an even number of arguments");
    for (size_t i = 0; i < n; i += 2) {
        if (args[i].type != &ttype_string)
            return err_set(e, ERR_EXEC, "dict keys must be strings");
        entries[i / 2] = (struct entry){args[i].u.s, i};
    }
    if (n)
        qsort(entries, n / 2, sizeof *entries, compare_entries);
    for (size_t i = 0; i < n / 2; i++) {
        if (i + 1 < n / 2 && str_eq(entries[i].key, entries[i + 1].key))
            continue; /* the last of equal keys counts */
        key[kept] = entries[i].key;
        value[kept++] = args[entries[i].i + 1];
    }
    *out = tvalue_map(x->arena, &ttype_any_map, key, value, kept);
    return true;
}

/* --- routeLabels -------------------------------------------------------------------------------------------------- */

/* A label being rendered, the innermost first. */
struct troute {
    struct troute *up;
    str name;
};

static bool
route_cycle(struct texec *x, str name, struct err *e)
{
    struct buf b = {0}, path = {0};

    for (struct troute *r = x->routes; r; r = r->up) {
        buf_clear(&b);
        buf_put(&b, r->name);
        buf_lit(&b, " -> ");
        buf_put(&b, buf_str(&path));
        buf_clear(&path);
        buf_put(&path, buf_str(&b));
    }
    buf_put(&path, name);
    err_set(e, ERR_EXEC, "route label cycle detected: %.*s", STR_ARG(buf_str(&path)));
    buf_free(&b);
    buf_free(&path);
    return false;
}

/* A route's label; while it is not rendered yet its value is a template over the same data. */
FUNCTION(fn_route_labels)
{
    struct tvalue data = tvalue_indirect(x->data), labels = TVALUE_NIL, value, rendered = TVALUE_NIL;
    struct troute self = {x->routes, args[0].u.s};
    struct buf b = {0};
    (void)n;

    *out = tvalue_str(STR_EMPTY);
    for (size_t i = 0; tvalue_kind(&data) == T_STRUCT && i < data.type->field_n; i++) {
        if (strcmp(data.type->field[i].name, "RouteLabels") == 0)
            labels = data.u.field[i];
        if (strcmp(data.type->field[i].name, "routeLabelsRendered") == 0)
            rendered = data.u.field[i];
    }
    if (!labels.type || !tvalue_get(&labels, self.name, &value))
        return true;
    if (tvalue_truth(&rendered)) {
        *out = value;
        return true;
    }
    for (struct troute *r = x->routes; r; r = r->up)
        if (str_eq(r->name, self.name))
            return route_cycle(x, self.name, e);
    x->routes = &self;
    bool ok = template_run_nested(x, value.u.s, &b, e);
    x->routes = self.up;
    if (ok)
        *out = template_text(x, &b);
    buf_free(&b);
    return ok;
}

#define TEXTS(k) .in_n = k, .in = {&ttype_string, &ttype_string, &ttype_string}
#define ANY .in_n = 1, .in = {&ttype_any}
const struct tfunc template_alertmanager[] = {
    {.name = "toUpper", .call = fn_to_upper, TEXTS(1)},
    {.name = "toLower", .call = fn_to_lower, TEXTS(1)},
    {.name = "title", .call = fn_title, TEXTS(1)},
    {.name = "trimSpace", .call = fn_trim_space, TEXTS(1)},
    {.name = "join", .call = fn_join, .in_n = 2, .in = {&ttype_string, &ttype_strings}},
    {.name = "match", .call = template_match, TEXTS(2)},
    {.name = "safeHtml", .call = fn_safe_html, TEXTS(1)},
    {.name = "safeUrl", .call = fn_safe_url, TEXTS(1)},
    {.name = "urlUnescape", .call = fn_url_unescape, TEXTS(1)},
    {.name = "reReplaceAll", .call = template_replace_all, TEXTS(3)},
    {.name = "stringSlice", .call = fn_string_slice, TEXTS(1), .variadic = true},
    {.name = "routeLabels", .call = fn_route_labels, TEXTS(1)},
    {.name = "date", .call = fn_date, .in_n = 2, .in = {&ttype_string, &ttype_time}},
    {.name = "tz", .call = fn_tz, .in_n = 2, .in = {&ttype_string, &ttype_time}},
    {.name = "now", .call = fn_now},
    {.name = "since", .call = fn_since, .in_n = 1, .in = {&ttype_time}},
    {.name = "humanizeDuration", .call = template_humanize_duration, ANY},
    {.name = "toDate", .call = fn_to_date, TEXTS(2)},
    {.name = "mustToDate", .call = fn_must_to_date, TEXTS(2)},
    {.name = "toJson", .call = fn_to_json, ANY},
    {.name = "base64encode", .call = fn_base64_encode, TEXTS(1)},
    {.name = "base64decode", .call = fn_base64_decode, TEXTS(1)},
    {.name = "list", .call = fn_list, ANY, .variadic = true},
    {.name = "append", .call = fn_append, .in_n = 2, .in = {&ttype_anys, &ttype_any}, .variadic = true},
    {.name = "dict", .call = fn_dict, ANY, .variadic = true},
    {0},
};
