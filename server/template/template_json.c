/* template_json.c - encoding/json.Marshal of templates' values. */
#include <math.h>

#include "base/compress.h"
#include "base/json.h"
#include "base/num.h"
#include "server/template/template_json.h"

static bool put(struct buf *out, struct tvalue v, struct err *e);

/* 'f' in the middle of the scale, else 'e' without a zero before the exponent's digit. */
static bool
put_float(struct buf *out, double v, struct err *e)
{
    char text[NUM_TEXT_MAX];

    if (!isfinite(v))
        return err_set(e, ERR_EXEC, "json: unsupported value: %.*s", (int)num_format_g(v, text), text);
    double size = fabs(v);
    bool exponent = size != 0 && (size < 1e-6 || size >= 1e21);
    size_t n = num_format(v, exponent ? 'e' : 'f', -1, text);
    if (exponent && n >= 4 && text[n - 4] == 'e' && text[n - 3] == '-' && text[n - 2] == '0') {
        text[n - 2] = text[n - 1];
        n--;
    }
    buf_put(out, STR(text, n));
    return true;
}

static bool
put_list(struct buf *out, const struct tvalue *v, struct err *e)
{
    if (v->type->elem == &ttype_uint8) {
        struct buf bytes = {0};
        for (size_t i = 0; i < v->u.list.n; i++)
            buf_byte(&bytes, (char)v->u.list.v[i].u.i);
        buf_byte(out, '"');
        base64_encode(buf_str(&bytes), out);
        buf_byte(out, '"');
        buf_free(&bytes);
        return true;
    }
    buf_byte(out, '[');
    for (size_t i = 0; i < v->u.list.n; i++) {
        if (i)
            buf_byte(out, ',');
        if (!put(out, v->u.list.v[i], e))
            return false;
    }
    buf_byte(out, ']');
    return true;
}

static bool
put_map(struct buf *out, const struct tvalue *v, struct err *e)
{
    buf_byte(out, '{');
    for (size_t i = 0; i < v->u.map->n; i++) {
        if (i)
            buf_byte(out, ',');
        json_escape(out, v->u.map->key[i], true);
        buf_byte(out, ':');
        if (!put(out, v->u.map->value[i], e))
            return false;
    }
    buf_byte(out, '}');
    return true;
}

static bool
put_struct(struct buf *out, const struct tvalue *v, struct err *e)
{
    bool some = false;

    if (v->type == &ttype_time) {
        buf_byte(out, '"');
        template_put_time(out, v->u.time, STRL("2006-01-02T15:04:05.999999999Z07:00"));
        buf_byte(out, '"');
        return true;
    }
    buf_byte(out, '{');
    for (size_t i = 0; i < v->type->field_n; i++) {
        const struct tfield *f = &v->type->field[i];
        if (f->hidden)
            continue;
        if (some)
            buf_byte(out, ',');
        some = true;
        json_escape(out, str_of(f->json ? f->json : f->name), true);
        buf_byte(out, ':');
        if (!put(out, v->u.field[i], e))
            return false;
    }
    buf_byte(out, '}');
    return true;
}

static bool
put(struct buf *out, struct tvalue v, struct err *e)
{
    v = tvalue_indirect(v);
    if (v.nil || !v.type) {
        buf_lit(out, "null");
        return true;
    }
    switch (v.type->kind) {
    case T_BOOL: buf_put(out, v.u.b ? STRL("true") : STRL("false")); return true;
    case T_INT: buf_i64(out, v.u.i); return true;
    case T_UINT: buf_u64(out, (uint64_t)v.u.i); return true;
    case T_FLOAT: return put_float(out, v.u.f, e);
    case T_STR: json_escape(out, v.u.s, true); return true;
    case T_LIST: return put_list(out, &v, e);
    case T_MAP: return put_map(out, &v, e);
    case T_STRUCT: return put_struct(out, &v, e);
    default: return err_set(e, ERR_EXEC, "json: unsupported type: %s", v.type->name);
    }
}

bool
template_to_json(struct buf *out, const struct tvalue *v, struct err *e)
{
    return put(out, *v, e);
}
