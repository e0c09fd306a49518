#include "server/template/template_value.h"

#include <stdlib.h>

#include "base/num.h"
#include "base/zone.h"
#include "server/template/template_priv.h"

struct tvalue
tvalue_list(const struct tvalue *v, size_t n)
{
    return (struct tvalue){.kind = T_LIST, .u.list = {v, n}};
}

struct tvalue
tvalue_struct(struct arena *a, const char *type, const str *key, const struct tvalue *value, size_t n)
{
    struct tfields *f = ARENA_NEW(a, struct tfields);
    *f = (struct tfields){.key = key, .value = value, .n = n};
    return (struct tvalue){.kind = T_STRUCT, .type = type, .u.fields = f};
}

struct tvalue
tvalue_string_map(struct arena *a, struct labels ls)
{
    struct tfields *f = ARENA_NEW(a, struct tfields);
    str *key = ARENA_ARRAY(a, str, ls.n + 1);
    struct tvalue *value = ARENA_ARRAY(a, struct tvalue, ls.n + 1);

    for (size_t i = 0; i < ls.n; i++) {
        key[i] = ls.v[i].name;
        value[i] = tvalue_str(ls.v[i].value);
    }
    *f = (struct tfields){.key = key, .value = value, .n = ls.n, .strings = true};
    return (struct tvalue){.kind = T_MAP, .type = "map[string]string", .u.fields = f};
}

const struct tvalue *
tvalue_field(const struct tvalue *v, str key)
{
    for (size_t i = 0; i < v->u.fields->n; i++)
        if (str_eq(v->u.fields->key[i], key))
            return &v->u.fields->value[i];
    return NULL;
}

/* --- Alertmanager's KV and friends ------------------------------------------------------- */

static struct tvalue
list_of(struct texec *x, const struct tfields *f, bool names)
{
    struct tvalue *v = ARENA_ARRAY(x->arena, struct tvalue, f->n + 1);
    for (size_t i = 0; i < f->n; i++)
        v[i] = names ? tvalue_str(f->key[i]) : f->value[i];
    struct tvalue out = tvalue_list(v, f->n);
    out.type = "[]string";
    return out;
}

static bool
pairs_method(struct texec *x, const struct tvalue *self, str name, const struct tvalue *args, size_t n,
             struct tvalue *out, bool *failed, struct err *e)
{
    bool names = str_eq(name, STRL("Names"));
    struct tvalue *v = ARENA_ARRAY(x->arena, struct tvalue, self->u.list.n + 1);
    (void)args, (void)n, (void)failed, (void)e;

    if (!names && !str_eq(name, STRL("Values")))
        return false;
    for (size_t i = 0; i < self->u.list.n; i++)
        v[i] = *tvalue_field(&self->u.list.v[i], names ? STRL("Name") : STRL("Value"));
    *out = tvalue_list(v, self->u.list.n);
    out->type = "[]string";
    return true;
}

/* Pairs in name order, alertname first. */
static struct tvalue
sorted_pairs(struct texec *x, const struct tfields *f)
{
    static const str fields[] = {{"Name", 4}, {"Value", 5}};
    struct tvalue *v = ARENA_ARRAY(x->arena, struct tvalue, f->n + 1);
    size_t n = 0;

    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < f->n; i++) {
            if (str_eq(f->key[i], STRL("alertname")) != (pass == 0))
                continue;
            struct tvalue *pair = ARENA_ARRAY(x->arena, struct tvalue, 2);
            pair[0] = tvalue_str(f->key[i]);
            pair[1] = f->value[i];
            v[n++] = tvalue_struct(x->arena, "template.Pair", fields, pair, 2);
        }
    }
    struct tvalue out = tvalue_list(v, n);
    out.type = "template.Pairs";
    out.method = pairs_method;
    return out;
}

static bool
is_among(str s, const struct tvalue *list)
{
    for (size_t i = 0; i < list->u.list.n; i++)
        if (str_eq(list->u.list.v[i].u.s, s))
            return true;
    return false;
}

static bool
kv_method(struct texec *x, const struct tvalue *self, str name, const struct tvalue *args, size_t n,
          struct tvalue *out, bool *failed, struct err *e)
{
    const struct tfields *f = self->u.fields;

    if (str_eq(name, STRL("SortedPairs"))) {
        *out = sorted_pairs(x, f);
    } else if (str_eq(name, STRL("Names")) || str_eq(name, STRL("Values"))) {
        *out = list_of(x, f, str_eq(name, STRL("Names")));
    } else if (str_eq(name, STRL("Remove"))) {
        if (n != 1 || args[0].kind != T_LIST) {
            *failed = !err_set(e, ERR_EXEC, "wrong number of args for Remove: want 1 got %zu", n);
            return true;
        }
        struct label *kept = ARENA_ARRAY(x->arena, struct label, f->n + 1);
        size_t k = 0;
        for (size_t i = 0; i < f->n; i++)
            if (!is_among(f->key[i], &args[0]))
                kept[k++] = (struct label){f->key[i], f->value[i].u.s};
        *out = tvalue_kv(x->arena, (struct labels){kept, k});
    } else {
        return false;
    }
    return true;
}

struct tvalue
tvalue_kv(struct arena *a, struct labels ls)
{
    struct tvalue v = tvalue_string_map(a, ls);
    v.type = "template.KV";
    v.method = kv_method;
    return v;
}

void
template_value_vector(struct arena *a, const struct labels *ls, const double *v, size_t n, struct tvalue *out)
{
    static const str fields[] = {{"Labels", 6}, {"Value", 5}};
    struct tvalue *list = ARENA_ARRAY(a, struct tvalue, n + 1);

    for (size_t i = 0; i < n; i++) {
        struct tvalue *sample = ARENA_ARRAY(a, struct tvalue, 2);
        sample[0] = tvalue_string_map(a, ls[i]);
        sample[1] = tvalue_float(v[i]);
        list[i] = tvalue_struct(a, "*template.sample", fields, sample, 2);
    }
    *out = tvalue_list(list, n);
    out->type = "template.queryResult";
}

static bool
alerts_method(struct texec *x, const struct tvalue *self, str name, const struct tvalue *args, size_t n,
              struct tvalue *out, bool *failed, struct err *e)
{
    bool firing = str_eq(name, STRL("Firing"));
    struct tvalue *v = ARENA_ARRAY(x->arena, struct tvalue, self->u.list.n + 1);
    size_t k = 0;
    (void)args, (void)n, (void)failed, (void)e;

    if (!firing && !str_eq(name, STRL("Resolved")))
        return false;
    for (size_t i = 0; i < self->u.list.n; i++) {
        str status = tvalue_field(&self->u.list.v[i], STRL("Status"))->u.s;
        if (str_eq(status, STRL("firing")) == firing)
            v[k++] = self->u.list.v[i];
    }
    *out = tvalue_list(v, k);
    out->type = "[]template.Alert";
    return true;
}

static struct tvalue
alert_value(struct arena *a, const struct template_notified *al)
{
    static const str fields[] = {{"Status", 6},       {"Labels", 6},  {"Annotations", 11}, {"StartsAt", 8},
                                 {"EndsAt", 6},       {"GeneratorURL", 12}, {"Fingerprint", 11}};
    struct tvalue *v = ARENA_ARRAY(a, struct tvalue, ARRAY_LEN(fields));

    v[0] = tvalue_str(al->resolved ? STRL("resolved") : STRL("firing"));
    v[1] = tvalue_kv(a, al->labels);
    v[2] = tvalue_kv(a, al->annotations);
    v[3] = tvalue_time(al->starts_ms * 1000000);
    v[4] = tvalue_time(al->ends_ms ? al->ends_ms * 1000000 : INT64_MIN);
    v[5] = tvalue_str(al->url);
    v[6] = tvalue_str(arena_printf(a, "%016llx", (unsigned long long)labels_fingerprint(al->labels)));
    return tvalue_struct(a, "template.Alert", fields, v, ARRAY_LEN(fields));
}

struct labels
template_common(struct arena *a, const struct template_notified *v, size_t n, bool annotations)
{
    struct labels first = n == 0 ? LABELS_EMPTY : annotations ? v[0].annotations : v[0].labels;
    struct label *kept = ARENA_ARRAY(a, struct label, first.n + 1);
    size_t k = 0;

    for (size_t i = 0; i < first.n; i++) {
        bool common = true;
        for (size_t j = 1; common && j < n; j++) {
            struct labels ls = annotations ? v[j].annotations : v[j].labels;
            common = labels_has(ls, first.v[i].name) && str_eq(labels_get(ls, first.v[i].name), first.v[i].value);
        }
        if (common)
            kept[k++] = first.v[i];
    }
    return (struct labels){kept, k};
}

struct tvalue
template_value_notification(struct arena *a, const struct template_notification *d)
{
    static const str fields[] = {{"Receiver", 8},     {"Status", 6},       {"Alerts", 6},
                                 {"GroupLabels", 11}, {"CommonLabels", 12}, {"CommonAnnotations", 17},
                                 {"RouteLabels", 11}, {"ExternalURL", 11}, {"NotificationReason", 18}};
    struct tvalue *v = ARENA_ARRAY(a, struct tvalue, ARRAY_LEN(fields));
    struct tvalue *alerts = ARENA_ARRAY(a, struct tvalue, d->n + 1);
    bool firing = false;

    for (size_t i = 0; i < d->n; i++) {
        alerts[i] = alert_value(a, &d->alerts[i]);
        firing |= !d->alerts[i].resolved;
    }
    v[0] = tvalue_str(d->receiver);
    v[1] = tvalue_str(firing ? STRL("firing") : STRL("resolved"));
    v[2] = tvalue_list(alerts, d->n);
    v[2].type = "template.Alerts";
    v[2].method = alerts_method;
    v[3] = tvalue_kv(a, d->group_labels);
    v[4] = tvalue_kv(a, template_common(a, d->alerts, d->n, false));
    v[5] = tvalue_kv(a, template_common(a, d->alerts, d->n, true));
    v[6] = tvalue_kv(a, d->route_labels);
    v[7] = tvalue_str(d->external_url);
    v[8] = tvalue_str(d->reason);
    return tvalue_struct(a, "*template.Data", fields, v, ARRAY_LEN(fields));
}

/* --- printing ------------------------------------------------------------------------------- */

const char *
tvalue_type(const struct tvalue *v)
{
    static const char *const names[] = {"nil", "bool", "int", "float64", "string", "[]interface {}",
                                        "map[string]interface {}", "struct {}", "time.Time", "time.Duration", "func"};
    return v->type ? v->type : names[v->kind];
}

bool
tvalue_truth(const struct tvalue *v)
{
    switch (v->kind) {
    case T_NIL: return false;
    case T_BOOL: return v->u.b;
    case T_INT:
    case T_DURATION: return v->u.i != 0;
    case T_FLOAT: return v->u.f != 0;
    case T_STR: return v->u.s.n > 0;
    case T_LIST: return v->u.list.n > 0;
    case T_MAP: return v->u.fields->n > 0;
    case T_STRUCT:
    case T_TIME:
    case T_FUNC: return true;
    }
    return false;
}

static void
print_fields(struct buf *out, const struct tvalue *v)
{
    bool map = v->kind == T_MAP;

    buf_put(out, map ? STRL("map[") : STRL("{"));
    for (size_t i = 0; i < v->u.fields->n; i++) {
        if (i)
            buf_byte(out, ' ');
        if (map) {
            buf_put(out, v->u.fields->key[i]);
            buf_byte(out, ':');
        }
        tvalue_print(out, &v->u.fields->value[i]);
    }
    buf_byte(out, map ? ']' : '}');
}

void
tvalue_print(struct buf *out, const struct tvalue *v)
{
    char text[NUM_TEXT_MAX];

    switch (v->kind) {
    case T_NIL: buf_lit(out, "<no value>"); break;
    case T_BOOL: buf_put(out, v->u.b ? STRL("true") : STRL("false")); break;
    case T_INT: buf_i64(out, v->u.i); break;
    case T_FLOAT: buf_put(out, STR(text, num_format_g(v->u.f, text))); break;
    case T_STR: buf_put(out, v->u.s); break;
    case T_DURATION: num_put_go_duration(out, v->u.i); break;
    case T_TIME: tvalue_put_time(out, v->u.i, 0, STRL("UTC"), STRL("2006-01-02 15:04:05.999999999 -0700 MST")); break;
    case T_LIST:
        buf_byte(out, '[');
        for (size_t i = 0; i < v->u.list.n; i++) {
            if (i)
                buf_byte(out, ' ');
            tvalue_print(out, &v->u.list.v[i]);
        }
        buf_byte(out, ']');
        break;
    case T_MAP:
    case T_STRUCT: print_fields(out, v); break;
    case T_FUNC: buf_lit(out, "func"); break;
    }
}
