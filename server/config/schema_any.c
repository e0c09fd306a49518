/* YAML values of any shape: webhook payloads, PagerDuty details, Jira fields. */
#include "base/num.h"
#include "server/config/schema_types.h"

static bool read_any_value(struct schema_reader *r, const struct yaml_node *n, struct config_any *to);

static bool
read_scalar(const struct yaml_node *n, struct arena *a, struct config_any *to)
{
    str tag = yaml_resolved_tag(n);
    if (yaml_is_null(n)) {
        to->type = ANY_NULL;
    } else if (str_eq(tag, STRL("!!bool")) && yaml_bool(n, &to->b)) {
        to->type = ANY_BOOL;
    } else if (str_eq(tag, STRL("!!int")) && yaml_int(n, &to->i)) {
        to->type = ANY_INT;
    } else if ((str_eq(tag, STRL("!!float")) || str_eq(tag, STRL("!!int"))) &&
               yaml_float(n, &to->f)) {
        to->type = ANY_FLOAT;
    } else {
        to->type = ANY_STR;
        to->s = arena_str(a, n->text);
    }
    return true;
}

static bool
has_key(const struct config_any *map, str key)
{
    for (size_t i = 0; i < map->n; i++)
        if (str_eq(map->keys[i], key))
            return true;
    return false;
}

static void
insert_item(struct config_any *map, str key, const struct config_any *item)
{
    size_t at = map->n++;
    for (; at > 0 && str_cmp(map->keys[at - 1], key) > 0; at--) {
        map->keys[at] = map->keys[at - 1];
        map->items[at] = map->items[at - 1];
    }
    map->keys[at] = key;
    map->items[at] = *item;
}

/* A value as Go writes it in a program. */
static void
put_go(struct buf *b, struct arena *a, const struct config_any *v)
{
    char number[NUM_TEXT_MAX];
    switch (v->type) {
    case ANY_NULL:
        buf_lit(b, "interface {}(nil)");
        return;
    case ANY_BOOL:
        buf_put(b, v->b ? STRL("true") : STRL("false"));
        return;
    case ANY_INT:
        buf_i64(b, v->i);
        return;
    case ANY_FLOAT:
        buf_put(b, STR(number, num_format_g(v->f, number)));
        return;
    case ANY_STR:
        buf_put(b, config_quoted(a, v->s));
        return;
    case ANY_LIST:
    case ANY_MAP:
        buf_put(b, v->type == ANY_MAP ? STRL("map[interface {}]interface {}{") : STRL("[]interface {}{"));
        for (size_t i = 0; i < v->n; i++) {
            if (i > 0)
                buf_lit(b, ", ");
            if (v->type == ANY_MAP)
                buf_printf(b, "%.*s:", STR_ARG(config_quoted(a, v->keys[i])));
            put_go(b, a, &v->items[i]);
        }
        buf_lit(b, "}");
    }
}

/* A map or list cannot be a key where a scalar of any kind can. */
static bool
refuse_key(struct schema_reader *r, const struct yaml_node *n)
{
    struct config_any key = {0};
    struct buf b = {0};
    if (read_any_value(r, n, &key)) {
        put_go(&b, r->a, &key);
        schema_fail(r, n, "yaml: invalid map key: %s", buf_cstr(&b));
    }
    buf_free(&b);
    return false;
}

/* A key may be any scalar; what it is called is its text. */
static bool
read_any_map(struct schema_reader *r, const struct yaml_node *n, bool top, struct config_any *to)
{
    to->type = ANY_MAP;
    to->keys = ARENA_ZARRAY(r->a, str, n->n);
    to->items = ARENA_ZARRAY(r->a, struct config_any, n->n);
    for (size_t i = 0; i < n->n && !r->failed; i++) {
        str key;
        struct config_any item = {0};
        if (!top && n->key[i]->type != YAML_SCALAR)
            return refuse_key(r, n->key[i]);
        if (!schema_read_text(r, n->key[i], "string", &key))
            continue;
        schema_enter(r, key, 0);
        bool good = read_any_value(r, n->item[i], &item);
        item.odd_key = !top && !str_eq(yaml_resolved_tag(n->key[i]), STRL("!!str"));
        schema_leave(r);
        if (good && yaml_repeats(n, i) && has_key(to, key))
            schema_repeated(r, n->item[i], config_quoted(r->a, key));
        else if (good)
            insert_item(to, key, &item);
    }
    return !r->failed;
}

static bool
read_any_value(struct schema_reader *r, const struct yaml_node *n, struct config_any *to)
{
    if (n->type == YAML_MAP)
        return read_any_map(r, n, false, to);
    if (n->type != YAML_LIST)
        return read_scalar(n, r->a, to);
    to->type = ANY_LIST;
    to->items = ARENA_ZARRAY(r->a, struct config_any, n->n);
    for (size_t i = 0; i < n->n && !r->failed; i++) {
        schema_enter(r, STR_EMPTY, i);
        if (read_any_value(r, n->item[i], &to->items[to->n]))
            to->n++;
        schema_leave(r);
    }
    return !r->failed;
}

static void
print_any_value(const struct schema_printer *p, const struct config_any *v)
{
    struct buf b = {0};
    switch (v->type) {
    case ANY_NULL:
        buf_lit(&b, "null");
        break;
    case ANY_BOOL:
        buf_put(&b, v->b ? STRL("true") : STRL("false"));
        break;
    case ANY_INT:
        buf_i64(&b, v->i);
        break;
    case ANY_FLOAT:
        schema_float.print(p, NULL, &v->f);
        return;
    case ANY_STR:
        yaml_out_str(p->out, v->s);
        return;
    case ANY_LIST:
        yaml_out_list(p->out);
        for (size_t i = 0; i < v->n; i++)
            print_any_value(p, &v->items[i]);
        yaml_out_end(p->out);
        return;
    case ANY_MAP:
        yaml_out_map(p->out);
        for (size_t i = 0; i < v->n; i++) {
            yaml_out_str(p->out, v->keys[i]);
            print_any_value(p, &v->items[i]);
        }
        yaml_out_end(p->out);
        return;
    }
    yaml_out_plain(p->out, buf_str(&b));
    buf_free(&b);
}

static bool
read_any(struct schema_reader *r, const struct yaml_node *n, const struct schema_field *f UNUSED,
         void *out)
{
    struct config_any *v = ARENA_NEW(r->a, struct config_any);
    *(struct config_any **)out = v;
    return read_any_value(r, n, v);
}

static void
print_any(const struct schema_printer *p, const struct schema_field *f UNUSED, const void *v)
{
    print_any_value(p, *(struct config_any *const *)v);
}

static bool
any_empty(const struct schema_field *f UNUSED, const void *v)
{
    return *(struct config_any *const *)v == NULL;
}

const struct schema_type schema_any = {
    "interface {}", sizeof(struct config_any *), read_any, print_any, any_empty, NULL};

static bool
read_any_top_map(struct schema_reader *r, const struct yaml_node *n, const struct schema_field *f,
                 void *out)
{
    struct config_any_map *m = out;
    if (n->type != YAML_MAP)
        return schema_bad_type(r, n, f->type->go);
    m->set = true;
    return read_any_map(r, n, true, &m->value);
}

static void
print_any_map(const struct schema_printer *p, const struct schema_field *f UNUSED, const void *v)
{
    print_any_value(p, &((const struct config_any_map *)v)->value);
}

static bool
any_map_empty(const struct schema_field *f UNUSED, const void *v)
{
    return ((const struct config_any_map *)v)->value.n == 0;
}

const struct schema_type schema_any_map = {
    "map[string]interface {}", sizeof(struct config_any_map), read_any_top_map, print_any_map,
    any_map_empty, NULL};
