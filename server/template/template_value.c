#include "server/template/template_value.h"

#include "base/mem.h"
#include "server/template/template_priv.h"

#define SIMPLE(id, text, k) const struct ttype ttype_##id = {.name = text, .kind = k}
SIMPLE(bool, "bool", T_BOOL);
SIMPLE(int, "int", T_INT);
SIMPLE(int32, "int32", T_INT);
SIMPLE(int64, "int64", T_INT);
SIMPLE(uint8, "uint8", T_UINT);
SIMPLE(uint32, "uint32", T_UINT);
SIMPLE(float, "float64", T_FLOAT);
SIMPLE(complex, "complex128", T_COMPLEX);
SIMPLE(string, "string", T_STR);
SIMPLE(any, "interface {}", T_ANY);
SIMPLE(reflect, "reflect.Value", T_REFLECT);
SIMPLE(html, "template.HTML", T_STR);
SIMPLE(url, "template.URL", T_STR);
#define COMPOUND(id, text, k, of) const struct ttype ttype_##id = {.name = text, .kind = k, .elem = &ttype_##of}
COMPOUND(anys, "[]interface {}", T_LIST, any);
COMPOUND(strings, "[]string", T_LIST, string);
COMPOUND(bytes, "[]uint8", T_LIST, uint8);
COMPOUND(floats, "[]float64", T_LIST, float);
COMPOUND(string_map, "map[string]string", T_MAP, string);
COMPOUND(any_map, "map[string]interface {}", T_MAP, any);

struct tvalue
tvalue_bool(bool b)
{
    return (struct tvalue){.type = &ttype_bool, .u.b = b};
}

struct tvalue
tvalue_int(int64_t i)
{
    return (struct tvalue){.type = &ttype_int, .u.i = i};
}

struct tvalue
tvalue_float(double f)
{
    return (struct tvalue){.type = &ttype_float, .u.f = f};
}

struct tvalue
tvalue_str(str s)
{
    return (struct tvalue){.type = &ttype_string, .u.s = s};
}

struct tvalue
tvalue_str_as(const struct ttype *type, str s)
{
    return (struct tvalue){.type = type, .u.s = s};
}

struct tvalue
tvalue_list(const struct ttype *type, const struct tvalue *v, size_t n)
{
    return (struct tvalue){.type = type, .u.list = {v, n}};
}

struct tvalue
tvalue_struct(const struct ttype *type, const struct tvalue *field)
{
    return (struct tvalue){.type = type, .u.field = field};
}

struct tvalue
tvalue_pointer(struct arena *a, const struct ttype *type, struct tvalue to)
{
    struct tvalue *p = ARENA_NEW(a, struct tvalue);
    *p = to;
    return (struct tvalue){.type = type, .u.ptr = p};
}

struct tvalue
tvalue_map(struct arena *a, const struct ttype *type, const str *key, const struct tvalue *v, size_t n)
{
    struct tmap *m = ARENA_NEW(a, struct tmap);
    *m = (struct tmap){key, v, n};
    return (struct tvalue){.type = type, .u.map = m};
}

struct tvalue
tvalue_string_map(struct arena *a, const struct ttype *type, struct labels ls)
{
    str *key = ARENA_ARRAY(a, str, ls.n + 1);
    struct tvalue *value = ARENA_ARRAY(a, struct tvalue, ls.n + 1);

    for (size_t i = 0; i < ls.n; i++) {
        key[i] = ls.v[i].name;
        value[i] = tvalue_str(ls.v[i].value);
    }
    return tvalue_map(a, type, key, value, ls.n);
}

/* --- types ---------------------------------------------------------------------------------- */

const char *
tvalue_type_name(const struct tvalue *v)
{
    return v->iface ? ttype_any.name : v->type ? v->type->name : "<nil>";
}

static bool
is_named(const struct ttype *t)
{
    return t->name[0] != '[' && strncmp(t->name, "map[", 4) != 0;
}

bool
tvalue_assignable(const struct ttype *from, const struct ttype *to)
{
    if (from == to || to->kind == T_ANY || to->kind == T_REFLECT)
        return true;
    return from->kind == to->kind && (from->kind == T_LIST || from->kind == T_MAP) && from->elem == to->elem &&
           (!is_named(from) || !is_named(to));
}

struct tvalue
tvalue_zero(const struct ttype *t)
{
    struct tvalue v = {.type = t};

    if (t->kind == T_ANY)
        v = (struct tvalue){.iface = true};
    else if (t->kind == T_REFLECT)
        v = TVALUE_NIL;
    else if (t->kind == T_LIST || t->kind == T_MAP || t->kind == T_PTR)
        v.nil = true;
    return v;
}

struct tvalue
tvalue_indirect(struct tvalue v)
{
    v.iface = false;
    while (tvalue_kind(&v) == T_PTR && !v.nil)
        v = *v.u.ptr;
    return v;
}

static struct tvalue
held_as(struct tvalue v, const struct ttype *type)
{
    v.iface = type->kind == T_ANY;
    return v;
}

struct tvalue
tvalue_at(const struct tvalue *list, size_t i)
{
    return held_as(list->u.list.v[i], list->type->elem);
}

bool
tvalue_get(const struct tvalue *map, str key, struct tvalue *out)
{
    const struct tmap *m = map->u.map;
    size_t lo = 0, hi = map->nil ? 0 : m->n;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = str_cmp(m->key[mid], key);
        if (c == 0) {
            *out = held_as(m->value[mid], map->type->elem);
            return true;
        }
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return false;
}

struct tvalue
tvalue_member(const struct tvalue *s, size_t i)
{
    return held_as(s->u.field[i], s->type->field[i].type);
}

bool
tvalue_truth(const struct tvalue *v)
{
    switch (tvalue_kind(v)) {
    case T_BOOL: return v->u.b;
    case T_INT:
    case T_UINT: return v->u.i != 0;
    case T_FLOAT: return v->u.f != 0;
    case T_COMPLEX: return v->u.c.re != 0 || v->u.c.im != 0;
    case T_STR: return v->u.s.n > 0;
    case T_LIST: return v->u.list.n > 0;
    case T_MAP: return !v->nil && v->u.map->n > 0;
    case T_PTR: return !v->nil;
    case T_STRUCT: return true;
    default: return false;
    }
}

/* == of two values of one comparable type, or of two types. */
bool
tvalue_equal(const struct tvalue *a, const struct tvalue *b)
{
    if (a->type != b->type)
        return false;
    switch (tvalue_kind(a)) {
    case T_NIL: return true;
    case T_BOOL: return a->u.b == b->u.b;
    case T_INT:
    case T_UINT: return a->u.i == b->u.i;
    case T_FLOAT: return a->u.f == b->u.f;
    case T_COMPLEX: return a->u.c.re == b->u.c.re && a->u.c.im == b->u.c.im;
    case T_STR: return str_eq(a->u.s, b->u.s);
    case T_PTR: return a->nil == b->nil && a->u.ptr == b->u.ptr;
    case T_STRUCT: break;
    default: return false;
    }
    if (a->type == &ttype_time)
        return a->u.time->s == b->u.time->s && a->u.time->ns == b->u.time->ns &&
               str_eq(a->u.time->location, b->u.time->location);
    for (size_t i = 0; i < a->type->field_n; i++)
        if (!tvalue_equal(&a->u.field[i], &b->u.field[i]))
            return false;
    return true;
}

struct tvalue
template_printable(struct tvalue v)
{
    struct tvalue to = tvalue_kind(&v) == T_PTR ? tvalue_indirect(v) : v;

    /* What prints itself through its pointer keeps the pointer. */
    if (tvalue_kind(&v) == T_PTR && to.type && to.type->string_of_pointer)
        return v;
    to.iface = v.iface;
    if (!to.type && !to.iface)
        return tvalue_str(STRL("<no value>"));
    return to;
}

struct tvalue
template_text(struct texec *x, struct buf *b)
{
    struct tvalue v = tvalue_str(arena_str(x->arena, buf_str(b)));
    buf_free(b);
    return v;
}
