/* template_builtin.c - the functions that text/template brings along. */
#include "base/unicode.h"
#include "base/url.h"
#include "server/template/template_priv.h"

#define FUNCTION(name) static bool name(struct texec *x, const struct tvalue *args, size_t n, struct tvalue *out, struct err *e)
#define IGNORE (void)x, (void)args, (void)n, (void)e

/* --- comparison ------------------------------------------------------------------------------------- */

static bool
is_basic(enum tkind k)
{
    return k >= T_BOOL && k <= T_STR;
}

static bool
incompatible(const struct tvalue *a, const struct tvalue *b, struct err *e)
{
    return err_set(e, ERR_EXEC, "incompatible types for comparison: %s and %s", a->type->name, b->type->name);
}

static void
put_under_s(struct buf *out, const struct tvalue *v)
{
    template_sprintf(out, STRL("%s"), v, 1);
}

/* == of two values that are not of a basic kind. */
static bool
equal_others(const struct tvalue *a, const struct tvalue *b, bool *out, struct err *e)
{
    struct buf x = {0}, y = {0};
    enum tkind ka = tvalue_kind(a), kb = tvalue_kind(b);
    bool ok = false;

    if (ka != kb && ka != T_NIL && kb != T_NIL) {
        put_under_s(&x, a);
        template_sprint(&y, b, 1);
        err_set(e, ERR_EXEC, "non-comparable types %.*s: %s, %s: %.*s", STR_ARG(buf_str(&x)), a->type->name,
                b->type->name, STR_ARG(buf_str(&y)));
    } else if (ka == T_NIL || kb == T_NIL || a->nil || b->nil) {
        *out = (ka == T_NIL || a->nil) == (kb == T_NIL || b->nil);
        ok = true;
    } else if (kb == T_LIST || kb == T_MAP || b->type->incomparable) {
        put_under_s(&x, b);
        err_set(e, ERR_EXEC, "non-comparable type %.*s: %s", STR_ARG(buf_str(&x)), b->type->name);
    } else {
        *out = tvalue_equal(a, b);
        ok = true;
    }
    buf_free(&x);
    buf_free(&y);
    return ok;
}

static bool
equal(const struct tvalue *a, const struct tvalue *b, bool *out, struct err *e)
{
    enum tkind ka = tvalue_kind(a), kb = tvalue_kind(b);
    bool basic_a = is_basic(ka), basic_b = is_basic(kb);

    *out = false;
    if (!basic_a && !basic_b)
        return equal_others(a, b, out, e);
    if (ka != kb) {
        if ((ka == T_INT && kb == T_UINT) || (ka == T_UINT && kb == T_INT))
            *out = a->u.i == b->u.i && a->u.i >= 0;
        else if (a->type && b->type)
            return incompatible(a, b, e);
        return true;
    }
    switch (ka) {
    case T_BOOL: *out = a->u.b == b->u.b; break;
    case T_FLOAT: *out = a->u.f == b->u.f; break;
    case T_COMPLEX: *out = a->u.c.re == b->u.c.re && a->u.c.im == b->u.c.im; break;
    case T_STR: *out = str_eq(a->u.s, b->u.s); break;
    default: *out = a->u.i == b->u.i; break;
    }
    return true;
}

static bool
less(const struct tvalue *a, const struct tvalue *b, bool *out, struct err *e)
{
    enum tkind ka = tvalue_kind(a), kb = tvalue_kind(b);

    if (!is_basic(ka) || !is_basic(kb))
        return err_set(e, ERR_EXEC, "invalid type for comparison");
    if (ka == T_INT && kb == T_UINT) {
        *out = a->u.i < 0 || (uint64_t)a->u.i < (uint64_t)b->u.i;
        return true;
    }
    if (ka == T_UINT && kb == T_INT) {
        *out = b->u.i >= 0 && (uint64_t)a->u.i < (uint64_t)b->u.i;
        return true;
    }
    if (ka != kb)
        return incompatible(a, b, e);
    switch (ka) {
    case T_INT: *out = a->u.i < b->u.i; return true;
    case T_UINT: *out = (uint64_t)a->u.i < (uint64_t)b->u.i; return true;
    case T_FLOAT: *out = a->u.f < b->u.f; return true;
    case T_STR: *out = str_cmp(a->u.s, b->u.s) < 0; return true;
    default: return err_set(e, ERR_EXEC, "invalid type for comparison");
    }
}

FUNCTION(fn_eq)
{
    bool is = false;
    IGNORE;

    if (n < 2)
        return err_set(e, ERR_EXEC, "missing argument for comparison");
    for (size_t i = 1; i < n && !is; i++)
        if (!equal(&args[0], &args[i], &is, e))
            return false;
    *out = tvalue_bool(is);
    return true;
}

FUNCTION(fn_ne)
{
    bool is;
    IGNORE;
    if (!equal(&args[0], &args[1], &is, e))
        return false;
    *out = tvalue_bool(!is);
    return true;
}

FUNCTION(fn_lt)
{
    bool is;
    IGNORE;
    if (!less(&args[0], &args[1], &is, e))
        return false;
    *out = tvalue_bool(is);
    return true;
}

/* < or ==; > is its opposite, so NaN is greater than all. */
static bool
less_or_equal(const struct tvalue *args, bool *is, struct err *e)
{
    return less(&args[0], &args[1], is, e) && (*is || equal(&args[0], &args[1], is, e));
}

FUNCTION(fn_le)
{
    bool is;
    IGNORE;
    if (!less_or_equal(args, &is, e))
        return false;
    *out = tvalue_bool(is);
    return true;
}

FUNCTION(fn_gt)
{
    bool is;
    IGNORE;
    if (!less_or_equal(args, &is, e))
        return false;
    *out = tvalue_bool(!is);
    return true;
}

FUNCTION(fn_ge)
{
    bool is;
    IGNORE;
    if (!less(&args[0], &args[1], &is, e))
        return false;
    *out = tvalue_bool(!is);
    return true;
}

FUNCTION(fn_not)
{
    IGNORE;
    *out = tvalue_bool(!tvalue_truth(&args[0]));
    return true;
}

/* --- parts -------------------------------------------------------------------------------------------- */

static bool
index_of(const struct tvalue *v, size_t cap, size_t *out, struct err *e)
{
    enum tkind k = tvalue_kind(v);

    if (k == T_NIL && !v->iface)
        return err_set(e, ERR_EXEC, "cannot index slice/array with nil");
    if ((k != T_INT && k != T_UINT) || v->iface)
        return err_set(e, ERR_EXEC, "cannot index slice/array with type %s", tvalue_type_name(v));
    if (v->u.i < 0 || (uint64_t)v->u.i > cap)
        return err_set(e, ERR_EXEC, "index out of range: %lld", (long long)v->u.i);
    *out = (size_t)v->u.i;
    return true;
}

/* The key as a map's: strings only. */
static bool
key_of(const struct tvalue *v, str *out, struct err *e)
{
    if (!v->type)
        return err_set(e, ERR_EXEC, "value is nil; should be of type string");
    if (v->type != &ttype_string)
        return err_set(e, ERR_EXEC, "value has type %s; should be string", v->type->name);
    *out = v->u.s;
    return true;
}

static bool
index_once(struct tvalue *item, const struct tvalue *by, struct err *e)
{
    struct tvalue v = tvalue_indirect(*item);
    size_t i;
    str key;

    if (!v.type || (v.nil && v.type->kind == T_PTR))
        return err_set(e, ERR_EXEC, "index of nil pointer");
    switch (v.type->kind) {
    case T_STR:
        if (!index_of(by, v.u.s.n, &i, e))
            return false;
        if (i == v.u.s.n)
            return err_set(e, ERR_EXEC, "reflect: string index out of range");
        *item = (struct tvalue){.type = &ttype_uint8, .u.i = (unsigned char)v.u.s.p[i]};
        return true;
    case T_LIST:
        if (!index_of(by, v.u.list.n, &i, e))
            return false;
        if (i == v.u.list.n)
            return err_set(e, ERR_EXEC, "reflect: slice index out of range");
        *item = tvalue_at(&v, i);
        return true;
    case T_MAP:
        if (!key_of(by, &key, e))
            return false;
        if (!tvalue_get(&v, key, item))
            *item = tvalue_zero(v.type->elem);
        return true;
    default: return err_set(e, ERR_EXEC, "can't index item of type %s", v.type->name);
    }
}

FUNCTION(fn_index)
{
    IGNORE;
    *out = args[0];
    if (!out->type)
        return err_set(e, ERR_EXEC, "index of untyped nil");
    for (size_t i = 1; i < n; i++) {
        struct tvalue by = args[i];
        by.iface = false; /* unlike slice, it looks into interfaces */
        if (!index_once(out, &by, e))
            return false;
    }
    return true;
}

FUNCTION(fn_slice)
{
    struct tvalue v = tvalue_indirect(args[0]);
    size_t at[3] = {0, 0, 0}, length;
    IGNORE;

    if (!args[0].type)
        return err_set(e, ERR_EXEC, "slice of untyped nil");
    if (v.nil && v.type->kind == T_PTR)
        return err_set(e, ERR_EXEC, "slice of nil pointer");
    if (n > 4)
        return err_set(e, ERR_EXEC, "too many slice indexes: %zu", n - 1);
    if (v.type->kind == T_STR && n == 4)
        return err_set(e, ERR_EXEC, "cannot 3-index slice a string");
    if (v.type->kind != T_STR && v.type->kind != T_LIST)
        return err_set(e, ERR_EXEC, "can't slice item of type %s", v.type->name);
    length = v.type->kind == T_STR ? v.u.s.n : v.u.list.n;
    at[1] = length;
    for (size_t i = 1; i < n; i++)
        if (!index_of(&args[i], length, &at[i - 1], e))
            return false;
    if (at[0] > at[1])
        return err_set(e, ERR_EXEC, "invalid slice index: %zu > %zu", at[0], at[1]);
    if (n == 4 && at[1] > at[2])
        return err_set(e, ERR_EXEC, "invalid slice index: %zu > %zu", at[1], at[2]);
    *out = v;
    if (v.type->kind == T_STR)
        out->u.s = STR(v.u.s.p + at[0], at[1] - at[0]);
    else
        *out = tvalue_list(v.type, v.u.list.v + at[0], at[1] - at[0]);
    return true;
}

FUNCTION(fn_len)
{
    struct tvalue v = tvalue_indirect(args[0]);
    IGNORE;

    switch (tvalue_kind(&v)) {
    case T_STR: *out = tvalue_int((int64_t)v.u.s.n); return true;
    case T_LIST: *out = tvalue_int((int64_t)v.u.list.n); return true;
    case T_MAP: *out = tvalue_int(v.nil ? 0 : (int64_t)v.u.map->n); return true;
    case T_PTR: return err_set(e, ERR_EXEC, "len of nil pointer");
    case T_NIL:
        if (args[0].iface)
            return err_set(e, ERR_EXEC, "len of nil pointer");
        return err_set(e, ERR_EXEC, "reflect: call of reflect.Value.Type on zero Value");
    default: return err_set(e, ERR_EXEC, "len of type %s", v.type->name);
    }
}

/* --- text ------------------------------------------------------------------------------------------------ */

FUNCTION(fn_print)
{
    struct buf b = {0};
    IGNORE;
    template_sprint(&b, args, n);
    *out = template_text(x, &b);
    return true;
}

FUNCTION(fn_println)
{
    struct buf b = {0};
    IGNORE;
    template_sprintln(&b, args, n);
    *out = template_text(x, &b);
    return true;
}

FUNCTION(fn_printf)
{
    struct buf b = {0};
    IGNORE;
    template_sprintf(&b, args[0].u.s, args + 1, n - 1);
    *out = template_text(x, &b);
    return true;
}

/* What the escapers work on: as print, but what is no value is said so. */
static str
joined(struct texec *x, const struct tvalue *args, size_t n)
{
    struct tvalue *v = ARENA_ARRAY(x->arena, struct tvalue, n + 1);
    struct buf b = {0};

    if (n == 1 && args[0].type == &ttype_string)
        return args[0].u.s;
    for (size_t i = 0; i < n; i++)
        v[i] = template_printable(args[i]);
    template_sprint(&b, v, n);
    return template_text(x, &b).u.s;
}

void
template_put_html(struct buf *out, str s)
{
    for (size_t i = 0; i < s.n; i++) {
        switch (s.p[i]) {
        case '\0': buf_lit(out, "\xef\xbf\xbd"); break;
        case '"': buf_lit(out, "&#34;"); break;
        case '\'': buf_lit(out, "&#39;"); break;
        case '&': buf_lit(out, "&amp;"); break;
        case '<': buf_lit(out, "&lt;"); break;
        case '>': buf_lit(out, "&gt;"); break;
        default: buf_byte(out, s.p[i]); break;
        }
    }
}

void
template_put_js(struct buf *out, str s)
{
    size_t len;

    for (; s.n; s = str_from(s, len)) {
        uint32_t r = utf8_decode(s, &len);
        if (r == '\\' || r == '\'' || r == '"') {
            buf_byte(out, '\\');
            buf_byte(out, (char)r);
        } else if (r < ' ' || r == '<' || r == '>' || r == '&' || r == '=') {
            buf_printf(out, "\\u%04X", r);
        } else if (r < 0x80 || unicode_is_print(r)) {
            buf_put(out, STR(s.p, len));
        } else {
            buf_printf(out, "\\u%04X", r);
        }
    }
}

bool
template_joined(struct texec *x, const struct tvalue *args, size_t n, struct tvalue *out, struct err *e)
{
    (void)e;
    *out = tvalue_str(joined(x, args, n));
    return true;
}

FUNCTION(fn_html)
{
    struct buf b = {0};
    IGNORE;
    template_put_html(&b, joined(x, args, n));
    *out = template_text(x, &b);
    return true;
}

FUNCTION(fn_js)
{
    struct buf b = {0};
    IGNORE;
    template_put_js(&b, joined(x, args, n));
    *out = template_text(x, &b);
    return true;
}

FUNCTION(fn_urlquery)
{
    struct buf b = {0};
    IGNORE;
    url_put_query_escaped(&b, joined(x, args, n));
    *out = template_text(x, &b);
    return true;
}

/* No value of ours is a function, so a call can only fail. */
FUNCTION(fn_call)
{
    IGNORE;
    (void)out;
    if (!args[0].type)
        return err_set(e, ERR_EXEC, "call of nil");
    struct buf callee = {0};
    template_put_node(&callee, x->callee);
    err_set(e, ERR_EXEC, "non-function %.*s of type %s", STR_ARG(buf_str(&callee)), args[0].type->name);
    buf_free(&callee);
    return false;
}

#define VALUES(k) .in_n = k, .in = {&ttype_reflect, &ttype_reflect}, .builtin = true
#define ANYS .in_n = 1, .in = {&ttype_any}, .variadic = true, .builtin = true
const struct tfunc template_builtins[] = {
    {.name = "and", VALUES(2), .variadic = true},
    {.name = "or", VALUES(2), .variadic = true},
    {.name = "not", .call = fn_not, VALUES(1)},
    {.name = "eq", .call = fn_eq, VALUES(2), .variadic = true},
    {.name = "ne", .call = fn_ne, VALUES(2)},
    {.name = "lt", .call = fn_lt, VALUES(2)},
    {.name = "le", .call = fn_le, VALUES(2)},
    {.name = "gt", .call = fn_gt, VALUES(2)},
    {.name = "ge", .call = fn_ge, VALUES(2)},
    {.name = "len", .call = fn_len, VALUES(1)},
    {.name = "index", .call = fn_index, VALUES(2), .variadic = true},
    {.name = "slice", .call = fn_slice, VALUES(2), .variadic = true},
    {.name = "call", .call = fn_call, VALUES(2), .variadic = true},
    {.name = "print", .call = fn_print, ANYS},
    {.name = "println", .call = fn_println, ANYS},
    {.name = "printf", .call = fn_printf, .in_n = 2, .in = {&ttype_string, &ttype_any}, .variadic = true, .builtin = true},
    {.name = "html", .call = fn_html, ANYS},
    {.name = "js", .call = fn_js, ANYS},
    {.name = "urlquery", .call = fn_urlquery, ANYS},
    {0},
};
