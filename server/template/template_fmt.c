/* template_fmt.c - strings, lists, maps, structs and pointers under all verbs. */
#include "server/template/template_fmt.h"

#include "base/unicode.h"

static void put_value(struct printer *p, struct tvalue v, uint32_t verb, int depth);

void
template_fmt_clear(struct printer *p)
{
    *p = (struct printer){.out = p->out, .erroring = p->erroring};
}

void
template_fmt_bad_verb(struct printer *p, uint32_t verb, struct tvalue arg)
{
    bool erroring = p->erroring;

    p->erroring = true;
    buf_lit(p->out, "%!");
    utf8_put(p->out, verb);
    buf_byte(p->out, '(');
    if (arg.type) {
        buf_put(p->out, str_of(arg.type->name));
        buf_byte(p->out, '=');
        template_fmt_put(p, arg, 'v');
    } else {
        buf_lit(p->out, "<nil>");
    }
    buf_byte(p->out, ')');
    p->erroring = erroring;
}

/* --- strings ---------------------------------------------------------------------------------- */

static str
truncate_runes(const struct printer *p, str s)
{
    size_t at = 0, len;

    if (!p->prec_present)
        return s;
    for (int n = p->prec; at < s.n && n > 0; n--, at += len)
        utf8_decode(str_from(s, at), &len);
    return STR(s.p, at);
}

static bool
can_backquote(str s)
{
    size_t len;

    for (; s.n; s = str_from(s, len)) {
        uint32_t r = utf8_decode(s, &len);
        if (len == 1 ? r == RUNE_ERROR || (r < ' ' && r != '\t') || r == '`' || r == 0x7f : r == 0xfeff)
            return false;
    }
    return true;
}

void
template_put_backquoted(struct buf *out, str s)
{
    if (!can_backquote(s)) {
        unicode_put_quoted(out, s);
        return;
    }
    buf_byte(out, '`');
    buf_put(out, s);
    buf_byte(out, '`');
}

/* strconv.QuoteToASCII: of Quote's output, what is not ASCII as escapes. */
static void
put_ascii(struct buf *out, str quoted)
{
    size_t len;

    for (; quoted.n; quoted = str_from(quoted, len)) {
        uint32_t r = utf8_decode(quoted, &len);
        if (r < 0x80)
            buf_byte(out, (char)r);
        else
            buf_printf(out, r < 0x10000 ? "\\u%04x" : "\\U%08x", r);
    }
}

static void
put_quoted(struct printer *p, str s)
{
    struct buf b = {0}, ascii = {0};

    s = truncate_runes(p, s);
    if (p->sharp && can_backquote(s)) {
        template_put_backquoted(&b, s);
    } else {
        unicode_put_quoted(&b, s);
    }
    if (p->plus && b.p[0] == '"') {
        put_ascii(&ascii, buf_str(&b));
        template_fmt_pad(p, buf_str(&ascii));
    } else {
        template_fmt_pad(p, buf_str(&b));
    }
    buf_free(&b);
    buf_free(&ascii);
}

static void
put_hex(struct printer *p, str s, uint32_t verb)
{
    const char *set = verb == 'X' ? "0123456789ABCDEFX" : "0123456789abcdefx";
    int length = (int)s.n, width;

    if (p->prec_present && p->prec < length)
        length = p->prec;
    width = 2 * length;
    if (width > 0 && p->space)
        width = width * (p->sharp ? 2 : 1) + length - 1;
    else if (width > 0 && p->sharp)
        width += 2;
    int more = p->wid_present ? p->wid - width : 0;
    if (!p->minus || length == 0)
        template_fmt_padding(p, more);
    for (int i = 0; i < length; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (p->space && i)
            buf_byte(p->out, ' ');
        if (p->sharp && (p->space || i == 0)) {
            buf_byte(p->out, '0');
            buf_byte(p->out, set[16]);
        }
        buf_byte(p->out, set[c >> 4]);
        buf_byte(p->out, set[c & 15]);
    }
    if (p->minus && length)
        template_fmt_padding(p, more);
}

static void
put_string(struct printer *p, str s, uint32_t verb, struct tvalue arg)
{
    switch (verb) {
    case 'v':
        if (p->sharp_v)
            put_quoted(p, s);
        else
            template_fmt_pad(p, truncate_runes(p, s));
        break;
    case 's': template_fmt_pad(p, truncate_runes(p, s)); break;
    case 'x':
    case 'X': put_hex(p, s, verb); break;
    case 'q': put_quoted(p, s); break;
    default: template_fmt_bad_verb(p, verb, arg); break;
    }
}

/* --- compounds ---------------------------------------------------------------------------------- */

/* Stringers and GoStringers. */
static bool
put_by_method(struct printer *p, struct tvalue v, uint32_t verb)
{
    bool pointer = tvalue_kind(&v) == T_PTR;
    const struct ttype *t = pointer ? v.type->elem : v.type;

    if (p->erroring || !t || (t->string_of_pointer && !pointer))
        return false;
    void (*method)(struct buf *, const struct tvalue *) = p->sharp_v ? t->go_string : t->string;
    if (!method || (!p->sharp_v && (verb > 0x7f || !strchr("vsxXq", (int)verb))))
        return false;
    if (v.nil && pointer) {
        buf_lit(p->out, "<nil>");
        return true;
    }
    struct buf b = {0};
    struct tvalue to = tvalue_indirect(v);
    method(&b, &to);
    if (p->sharp_v)
        template_fmt_pad(p, truncate_runes(p, buf_str(&b)));
    else
        put_string(p, buf_str(&b), verb, v);
    buf_free(&b);
    return true;
}

static void
separate(struct printer *p, size_t i)
{
    if (i)
        buf_put(p->out, p->sharp_v ? STRL(", ") : STRL(" "));
}

static void
put_bytes(struct printer *p, const struct tvalue *v, uint32_t verb)
{
    struct buf b = {0};

    for (size_t i = 0; i < v->u.list.n; i++)
        buf_byte(&b, (char)v->u.list.v[i].u.i);
    put_string(p, buf_str(&b), verb, *v);
    buf_free(&b);
}

static void
put_list(struct printer *p, const struct tvalue *v, uint32_t verb, int depth)
{
    if (v->type->elem == &ttype_uint8 && verb < 0x80 && strchr("sqxX", (int)verb)) {
        put_bytes(p, v, verb);
        return;
    }
    if (p->sharp_v) {
        buf_put(p->out, str_of(v->type->name));
        if (v->nil) {
            buf_lit(p->out, "(nil)");
            return;
        }
    }
    buf_byte(p->out, p->sharp_v ? '{' : '[');
    for (size_t i = 0; i < v->u.list.n; i++) {
        separate(p, i);
        put_value(p, tvalue_at(v, i), verb, depth + 1);
    }
    buf_byte(p->out, p->sharp_v ? '}' : ']');
}

static void
put_map(struct printer *p, const struct tvalue *v, uint32_t verb, int depth)
{
    if (p->sharp_v) {
        buf_put(p->out, str_of(v->type->name));
        if (v->nil) {
            buf_lit(p->out, "(nil)");
            return;
        }
    }
    buf_put(p->out, p->sharp_v ? STRL("{") : STRL("map["));
    for (size_t i = 0; !v->nil && i < v->u.map->n; i++) {
        struct tvalue value = v->u.map->value[i];
        separate(p, i);
        put_value(p, tvalue_str(v->u.map->key[i]), verb, depth + 1);
        buf_byte(p->out, ':');
        value.iface = v->type->elem->kind == T_ANY;
        put_value(p, value, verb, depth + 1);
    }
    buf_byte(p->out, p->sharp_v ? '}' : ']');
}

/* A moment under a verb that is not for texts shows what time.Time is made of. */
static void
put_time_parts(struct printer *p, const struct ttime *t, uint32_t verb, int depth)
{
    static const struct ttype uint64 = {.name = "uint64", .kind = T_UINT};
    static const struct ttype location = {.name = "time.Location", .kind = T_STRUCT};
    static const struct ttype pointer = {.name = "*time.Location", .kind = T_PTR, .elem = &location};
    bool utc = str_eq(t->location, STRL("UTC"));

    buf_byte(p->out, '{');
    put_value(p, (struct tvalue){.type = &uint64, .u.i = t->ns}, verb, depth + 1);
    buf_byte(p->out, ' ');
    put_value(p, (struct tvalue){.type = &ttype_int64, .u.i = t->s - TIME_ZERO_S}, verb, depth + 1);
    buf_byte(p->out, ' ');
    put_value(p, (struct tvalue){.type = &pointer, .nil = utc, .u.time = t}, verb, depth + 1);
    buf_byte(p->out, '}');
}

static void
put_struct(struct printer *p, const struct tvalue *v, uint32_t verb, int depth)
{
    if (v->type == &ttype_time) {
        put_time_parts(p, v->u.time, verb, depth);
        return;
    }
    if (p->sharp_v)
        buf_put(p->out, str_of(v->type->name));
    buf_byte(p->out, '{');
    for (size_t i = 0; i < v->type->field_n; i++) {
        separate(p, i);
        if (p->plus_v || p->sharp_v) {
            buf_put(p->out, str_of(v->type->field[i].name));
            buf_byte(p->out, ':');
        }
        struct tvalue f = tvalue_member(v, i);
        if (f.type)
            f.iface = false; /* an interface field is looked into */
        put_value(p, f, verb, depth + 1);
    }
    buf_byte(p->out, '}');
}

static void
put_pointer(struct printer *p, struct tvalue v, uint32_t verb)
{
    uint64_t u = v.nil ? 0 : (uint64_t)(uintptr_t)v.u.ptr;
    bool sharp = p->sharp;

    if (verb == 'v' && p->sharp_v) {
        buf_byte(p->out, '(');
        buf_put(p->out, str_of(v.type->name));
        buf_lit(p->out, ")(");
        if (u == 0) {
            buf_lit(p->out, "nil)");
            return;
        }
        p->sharp = true;
        template_fmt_integer(p, u, false, 'x', v);
        buf_byte(p->out, ')');
    } else if (verb == 'v' && u == 0) {
        template_fmt_pad(p, STRL("<nil>"));
    } else if (verb == 'v' || verb == 'p') {
        p->sharp = !sharp;
        template_fmt_integer(p, u, false, 'x', v);
    } else if (verb < 0x80 && strchr("bodxX", (int)verb)) {
        template_fmt_integer(p, u, false, verb, v);
    } else {
        template_fmt_bad_verb(p, verb, v);
    }
    p->sharp = sharp;
}

static void
put_nil(struct printer *p, const struct tvalue *v, uint32_t verb, int depth)
{
    if (v->iface && p->sharp_v)
        buf_lit(p->out, "interface {}(nil)");
    else if (v->iface || verb == 'v')
        buf_lit(p->out, "<nil>");
    else if (depth == 0)
        buf_lit(p->out, "<invalid reflect.Value>");
    else
        template_fmt_bad_verb(p, verb, TVALUE_NIL);
}

static void
put_value(struct printer *p, struct tvalue v, uint32_t verb, int depth)
{
    if (depth > 0 && put_by_method(p, v, verb))
        return;
    switch (tvalue_kind(&v)) {
    case T_BOOL:
        if (verb == 't' || verb == 'v')
            template_fmt_pad(p, v.u.b ? STRL("true") : STRL("false"));
        else
            template_fmt_bad_verb(p, verb, v);
        break;
    case T_INT: template_fmt_integer(p, (uint64_t)v.u.i, true, verb, v); break;
    case T_UINT: template_fmt_integer(p, (uint64_t)v.u.i, false, verb, v); break;
    case T_FLOAT: template_fmt_float(p, v.u.f, verb, v); break;
    case T_COMPLEX: template_fmt_complex(p, v.u.c.re, v.u.c.im, verb, v); break;
    case T_STR: put_string(p, v.u.s, verb, v); break;
    case T_LIST: put_list(p, &v, verb, depth); break;
    case T_MAP: put_map(p, &v, verb, depth); break;
    case T_STRUCT: put_struct(p, &v, verb, depth); break;
    case T_PTR: {
        enum tkind to = v.type->elem->kind;
        if (depth == 0 && !v.nil && (to == T_LIST || to == T_STRUCT || to == T_MAP)) {
            buf_byte(p->out, '&');
            put_value(p, *v.u.ptr, verb, depth + 1);
        } else {
            put_pointer(p, v, verb);
        }
        break;
    }
    default: put_nil(p, &v, verb, depth); break;
    }
}

void
template_fmt_put(struct printer *p, struct tvalue arg, uint32_t verb)
{
    arg.iface = false;
    if (!arg.type) {
        if (verb == 'T' || verb == 'v')
            template_fmt_pad(p, STRL("<nil>"));
        else
            template_fmt_bad_verb(p, verb, arg);
    } else if (verb == 'T') {
        template_fmt_pad(p, truncate_runes(p, str_of(arg.type->name)));
    } else if (verb == 'p') {
        enum tkind k = arg.type->kind;
        if (k == T_PTR || k == T_LIST || k == T_MAP)
            put_pointer(p, arg, verb);
        else
            template_fmt_bad_verb(p, verb, arg);
    } else if (!put_by_method(p, arg, verb)) {
        put_value(p, arg, verb, 0);
    }
}
