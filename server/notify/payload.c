/* payload.c - values of any shape: custom webhook bodies, PagerDuty details.
 *
 * A text of the configuration is rendered, and what comes out is read as YAML once more:
 * that is how a template yields a number, a list or null.  What that reading yields is
 * final, so a text of an alert's label is never taken for a template. */
#include <math.h>
#include <stdlib.h>

#include "base/num.h"
#include "base/yaml.h"
#include "server/notify/sender.h"

/* --- from YAML ------------------------------------------------------------------------------ */

static struct config_any from_yaml(struct arena *a, const struct yaml_node *n);

static struct config_any
from_scalar(struct arena *a, const struct yaml_node *n)
{
    struct config_any v = {.type = ANY_STR};
    str tag = yaml_resolved_tag(n);

    if (yaml_is_null(n))
        v.type = ANY_NULL;
    else if (str_eq(tag, STRL("!!bool")) && yaml_bool(n, &v.b))
        v.type = ANY_BOOL;
    else if (str_eq(tag, STRL("!!int")) && yaml_int(n, &v.i))
        v.type = ANY_INT;
    else if ((str_eq(tag, STRL("!!float")) || str_eq(tag, STRL("!!int"))) && yaml_float(n, &v.f))
        v.type = ANY_FLOAT;
    else
        v.s = arena_str(a, n->text);
    return v;
}

/* Sets a pair, keeping the keys sorted; a key that comes again replaces. */
static void
put_pair(struct config_any *map, str key, const struct config_any *item)
{
    size_t at = map->n;

    while (at > 0 && str_cmp(map->keys[at - 1], key) > 0)
        at--;
    if (at > 0 && str_eq(map->keys[at - 1], key)) {
        map->items[at - 1] = *item;
        return;
    }
    memmove(&map->keys[at + 1], &map->keys[at], (map->n - at) * sizeof *map->keys);
    memmove(&map->items[at + 1], &map->items[at], (map->n - at) * sizeof *map->items);
    map->keys[at] = key;
    map->items[at] = *item;
    map->n++;
}

static struct config_any
empty_map(struct arena *a, size_t max)
{
    return (struct config_any){
        .type = ANY_MAP,
        .keys = ARENA_ARRAY(a, str, max + 1),
        .items = ARENA_ARRAY(a, struct config_any, max + 1),
    };
}

static struct config_any
from_yaml(struct arena *a, const struct yaml_node *n)
{
    if (n->type == YAML_MAP) {
        struct config_any v = empty_map(a, n->n);
        for (size_t i = 0; i < n->n; i++) {
            if (n->key[i]->type != YAML_SCALAR || !str_eq(yaml_resolved_tag(n->key[i]), STRL("!!str")))
                continue;
            struct config_any item = from_yaml(a, n->item[i]);
            put_pair(&v, arena_str(a, n->key[i]->text), &item);
        }
        return v;
    }
    if (n->type == YAML_LIST) {
        struct config_any v = {.type = ANY_LIST, .n = n->n, .items = ARENA_ARRAY(a, struct config_any, n->n + 1)};
        for (size_t i = 0; i < n->n; i++)
            v.items[i] = from_yaml(a, n->item[i]);
        return v;
    }
    return from_scalar(a, n);
}

/* --- rendering --------------------------------------------------------------------------------- */

static struct config_any
read_again(struct arena *a, str text)
{
    struct config_any v = {.type = ANY_STR, .s = text};
    struct yaml_doc *doc;
    struct err ignored;

    if (!yaml_parse_v2(text, &doc, &ignored))
        return v;
    struct config_any read = from_yaml(a, yaml_root(doc));
    yaml_free(&doc);
    return read.type == ANY_STR ? v : read;
}

bool
attempt_any(struct attempt *t, const struct config_any *in, struct config_any *out)
{
    *out = *in;
    if (in->type == ANY_STR) {
        str text = attempt_text(t, in->s);
        if (!t->failed)
            *out = read_again(t->arena, text);
        return !t->failed;
    }
    if (in->type == ANY_LIST) {
        out->items = ARENA_ARRAY(t->arena, struct config_any, in->n + 1);
        for (size_t i = 0; i < in->n; i++)
            if (!attempt_any(t, &in->items[i], &out->items[i]))
                return false;
    }
    if (in->type == ANY_MAP) {
        *out = empty_map(t->arena, in->n);
        for (size_t i = 0; i < in->n; i++) {
            struct config_any item;
            if (in->items[i].odd_key)
                continue; /* as Alertmanager leaves it out */
            str key = attempt_text(t, in->keys[i]);
            if (t->failed || !attempt_any(t, &in->items[i], &item))
                return false;
            put_pair(out, key, &item);
        }
    }
    return true;
}

/* --- to JSON ------------------------------------------------------------------------------------ */

/* As Go's encoding/json: the API's form, but one digit is enough for an exponent. */
static void
put_float(struct json *j, double f)
{
    char text[NUM_TEXT_MAX];
    str s = STR(text, num_format_api(f, text));
    ptrdiff_t e = str_find_char(s, 'e', 0);

    json_raw(j);
    if (e >= 0 && (size_t)e + 4 == s.n && s.p[e + 2] == '0') {
        buf_put(j->out, STR(s.p, (size_t)e + 2));
        buf_byte(j->out, s.p[s.n - 1]);
    } else {
        buf_put(j->out, s);
    }
}

static bool
put_list(struct attempt *t, struct json *j, const struct config_any *v)
{
    bool ok = true;

    json_open_array(j);
    for (size_t i = 0; i < v->n; i++)
        ok &= attempt_put_any(t, j, &v->items[i]);
    json_close_array(j);
    return ok;
}

static bool
put_map(struct attempt *t, struct json *j, const struct config_any *v)
{
    bool ok = true;

    json_open_object(j);
    for (size_t i = 0; i < v->n; i++) {
        json_key(j, v->keys[i]);
        ok &= attempt_put_any(t, j, &v->items[i]);
    }
    json_close_object(j);
    return ok;
}

bool
attempt_put_any(struct attempt *t, struct json *j, const struct config_any *v)
{
    switch (v->type) {
    case ANY_NULL: json_null(j); return true;
    case ANY_BOOL: json_bool(j, v->b); return true;
    case ANY_INT: json_i64(j, v->i); return true;
    case ANY_STR: json_str(j, v->s); return true;
    case ANY_LIST: return put_list(t, j, v);
    case ANY_MAP: return put_map(t, j, v);
    case ANY_FLOAT: break;
    }
    if (!isfinite(v->f)) {
        json_null(j);
        return err_set(t->e, ERR_EXEC, "json: unsupported value: %s", isnan(v->f) ? "NaN" : v->f > 0 ? "+Inf" : "-Inf");
    }
    put_float(j, v->f);
    return true;
}
