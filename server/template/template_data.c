/* template_data.c - what templates are about: alerts, samples, and Alertmanager's
 * notification with the methods of its types. */
#include "server/template/template_priv.h"

/* --- samples and alerts of rules ---------------------------------------------------------- */

static const struct tfield sample_fields[] = {{"Labels", &ttype_string_map, false, NULL}, {"Value", &ttype_any, false, NULL}};
const struct ttype ttype_sample = {.name = "template.sample", .kind = T_STRUCT, .field = sample_fields,
                                   .field_n = ARRAY_LEN(sample_fields), .incomparable = true};
const struct ttype ttype_sample_ptr = {.name = "*template.sample", .kind = T_PTR, .elem = &ttype_sample};
const struct ttype ttype_query_result = {.name = "template.queryResult", .kind = T_LIST, .elem = &ttype_sample_ptr};

static const struct tfield alert_data_fields[] = {
    {"Labels", &ttype_string_map, false, NULL},
    {"ExternalLabels", &ttype_string_map, false, NULL},
    {"ExternalURL", &ttype_string, false, NULL},
    {"Value", &ttype_any, false, NULL},
};
static const struct ttype ttype_alert_data = {
    .name = "struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; "
            "Value interface {} }",
    .kind = T_STRUCT,
    .field = alert_data_fields,
    .field_n = ARRAY_LEN(alert_data_fields),
    .incomparable = true,
};

void
template_value_vector(struct arena *a, const struct labels *ls, const double *v, const struct histogram *const *h,
                      size_t n, struct tvalue *out)
{
    struct tvalue *list = ARENA_ARRAY(a, struct tvalue, n + 1);

    for (size_t i = 0; i < n; i++) {
        struct tvalue *sample = ARENA_ARRAY(a, struct tvalue, ARRAY_LEN(sample_fields));
        sample[0] = tvalue_string_map(a, &ttype_string_map, ls[i]);
        sample[1] = h && h[i] ? tvalue_histogram(a, h[i]) : tvalue_float(v[i]);
        list[i] = tvalue_pointer(a, &ttype_sample_ptr, tvalue_struct(&ttype_sample, sample));
    }
    *out = tvalue_list(&ttype_query_result, list, n);
}

struct tvalue
template_value_alert(struct arena *a, const struct template_alert *d, str external_url)
{
    struct tvalue *v = ARENA_ARRAY(a, struct tvalue, ARRAY_LEN(alert_data_fields));

    v[0] = tvalue_string_map(a, &ttype_string_map, d->labels);
    v[1] = tvalue_string_map(a, &ttype_string_map, d->external_labels);
    v[2] = tvalue_str(external_url);
    v[3] = d->histogram ? tvalue_histogram(a, d->histogram) : tvalue_float(d->value);
    return tvalue_struct(&ttype_alert_data, v);
}

/* --- Alertmanager's types ------------------------------------------------------------------- */

static const struct ttype ttype_kv, ttype_pairs, ttype_pair, ttype_strings_named, ttype_alert, ttype_alerts,
    ttype_alert_list;

static void
put_pairs(struct buf *out, const struct tvalue *pairs)
{
    for (size_t i = 0; i < pairs->u.list.n; i++) {
        const struct tvalue *pair = pairs->u.list.v[i].u.field;
        if (i)
            buf_lit(out, ", ");
        buf_put(out, pair[0].u.s);
        buf_byte(out, '=');
        buf_put(out, pair[1].u.s);
    }
}

static struct tvalue
pairs_column(struct texec *x, const struct tvalue *pairs, size_t column)
{
    struct tvalue *v = ARENA_ARRAY(x->arena, struct tvalue, pairs->u.list.n + 1);

    for (size_t i = 0; i < pairs->u.list.n; i++)
        v[i] = pairs->u.list.v[i].u.field[column];
    return tvalue_list(&ttype_strings_named, v, pairs->u.list.n);
}

/* alertname first, the others in order. */
static struct tvalue
sorted_pairs(struct arena *a, const struct tvalue *kv)
{
    static const struct tmap none;
    const struct tmap *m = kv->nil ? &none : kv->u.map;
    struct tvalue *v = ARENA_ARRAY(a, struct tvalue, m->n + 1);
    size_t n = 0;

    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < m->n; i++) {
            if (str_eq(m->key[i], STRL("alertname")) != (pass == 0))
                continue;
            struct tvalue *pair = ARENA_ARRAY(a, struct tvalue, 2);
            pair[0] = tvalue_str(m->key[i]);
            pair[1] = m->value[i];
            v[n++] = tvalue_struct(&ttype_pair, pair);
        }
    }
    return tvalue_list(&ttype_pairs, v, n);
}

static void
put_kv(struct buf *out, const struct tvalue *v)
{
    struct arena *a = arena_new();
    struct tvalue pairs = sorted_pairs(a, v);
    put_pairs(out, &pairs);
    arena_free(&a);
}

static bool
pairs_names(struct texec *x, const struct tvalue *args, size_t n, struct tvalue *out, struct err *e)
{
    (void)n, (void)e;
    *out = pairs_column(x, &args[0], 0);
    return true;
}

static bool
pairs_values(struct texec *x, const struct tvalue *args, size_t n, struct tvalue *out, struct err *e)
{
    (void)n, (void)e;
    *out = pairs_column(x, &args[0], 1);
    return true;
}

static bool
pairs_string(struct texec *x, const struct tvalue *args, size_t n, struct tvalue *out, struct err *e)
{
    struct buf b = {0};
    (void)n, (void)e;
    args[0].type->string(&b, &args[0]);
    *out = template_text(x, &b);
    return true;
}

static bool
strings_join(struct texec *x, const struct tvalue *args, size_t n, struct tvalue *out, struct err *e)
{
    struct buf b = {0};
    (void)n, (void)e;
    for (size_t i = 0; i < args[0].u.list.n; i++) {
        if (i)
            buf_put(&b, args[1].u.s);
        buf_put(&b, args[0].u.list.v[i].u.s);
    }
    *out = template_text(x, &b);
    return true;
}

static bool
kv_sorted_pairs(struct texec *x, const struct tvalue *args, size_t n, struct tvalue *out, struct err *e)
{
    (void)n, (void)e;
    *out = sorted_pairs(x->arena, &args[0]);
    return true;
}

static bool
kv_names(struct texec *x, const struct tvalue *args, size_t n, struct tvalue *out, struct err *e)
{
    struct tvalue pairs = sorted_pairs(x->arena, &args[0]);
    return pairs_names(x, &pairs, n, out, e);
}

static bool
kv_values(struct texec *x, const struct tvalue *args, size_t n, struct tvalue *out, struct err *e)
{
    struct tvalue pairs = sorted_pairs(x->arena, &args[0]);
    return pairs_values(x, &pairs, n, out, e);
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
kv_remove(struct texec *x, const struct tvalue *args, size_t n, struct tvalue *out, struct err *e)
{
    static const struct tmap none;
    const struct tmap *m = args[0].nil ? &none : args[0].u.map;
    str *key = ARENA_ARRAY(x->arena, str, m->n + 1);
    struct tvalue *value = ARENA_ARRAY(x->arena, struct tvalue, m->n + 1);
    size_t kept = 0;
    (void)n, (void)e;

    for (size_t i = 0; i < m->n; i++) {
        if (is_among(m->key[i], &args[1]))
            continue;
        key[kept] = m->key[i];
        value[kept++] = m->value[i];
    }
    *out = tvalue_map(x->arena, &ttype_kv, key, value, kept);
    return true;
}

static struct tvalue
alerts_with_status(struct texec *x, const struct tvalue *alerts, str status)
{
    struct tvalue *v = ARENA_ARRAY(x->arena, struct tvalue, alerts->u.list.n + 1);
    size_t n = 0;

    for (size_t i = 0; i < alerts->u.list.n; i++)
        if (str_eq(alerts->u.list.v[i].u.field[0].u.s, status))
            v[n++] = alerts->u.list.v[i];
    return tvalue_list(&ttype_alert_list, v, n);
}

static bool
alerts_firing(struct texec *x, const struct tvalue *args, size_t n, struct tvalue *out, struct err *e)
{
    (void)n, (void)e;
    *out = alerts_with_status(x, &args[0], STRL("firing"));
    return true;
}

static bool
alerts_resolved(struct texec *x, const struct tvalue *args, size_t n, struct tvalue *out, struct err *e)
{
    (void)n, (void)e;
    *out = alerts_with_status(x, &args[0], STRL("resolved"));
    return true;
}

static const struct tfunc pairs_methods[] = {
    {.name = "Names", .call = pairs_names},
    {.name = "Values", .call = pairs_values},
    {.name = "String", .call = pairs_string},
    {0},
};
static const struct tfunc strings_methods[] = {
    {.name = "Join", .call = strings_join, .in_n = 1, .in = {&ttype_string}},
    {0},
};
static const struct tfunc kv_methods[] = {
    {.name = "SortedPairs", .call = kv_sorted_pairs},
    {.name = "Remove", .call = kv_remove, .in_n = 1, .in = {&ttype_strings}},
    {.name = "Names", .call = kv_names},
    {.name = "Values", .call = kv_values},
    {.name = "String", .call = pairs_string},
    {0},
};
static const struct tfunc alerts_methods[] = {
    {.name = "Firing", .call = alerts_firing},
    {.name = "Resolved", .call = alerts_resolved},
    {0},
};

static const struct tfield pair_fields[] = {{"Name", &ttype_string, false, NULL}, {"Value", &ttype_string, false, NULL}};
static const struct ttype ttype_pair = {.name = "template.Pair", .kind = T_STRUCT, .field = pair_fields,
                                        .field_n = ARRAY_LEN(pair_fields)};
static const struct ttype ttype_pairs = {.name = "template.Pairs", .kind = T_LIST, .elem = &ttype_pair,
                                         .method = pairs_methods, .string = put_pairs};
static const struct ttype ttype_strings_named = {.name = "template.Strings", .kind = T_LIST,
                                                 .elem = &ttype_string, .method = strings_methods};
static const struct ttype ttype_kv = {.name = "template.KV", .kind = T_MAP, .elem = &ttype_string,
                                      .method = kv_methods, .string = put_kv};

static const struct tfield alert_fields[] = {
    {"Status", &ttype_string, false, "status"},
    {"Labels", &ttype_kv, false, "labels"},
    {"Annotations", &ttype_kv, false, "annotations"},
    {"StartsAt", &ttype_time, false, "startsAt"},
    {"EndsAt", &ttype_time, false, "endsAt"},
    {"GeneratorURL", &ttype_string, false, "generatorURL"},
    {"Fingerprint", &ttype_string, false, "fingerprint"},
};
static const struct ttype ttype_alert = {.name = "template.Alert", .kind = T_STRUCT, .field = alert_fields,
                                         .field_n = ARRAY_LEN(alert_fields), .incomparable = true};
static const struct ttype ttype_alert_list = {.name = "[]template.Alert", .kind = T_LIST, .elem = &ttype_alert};
static const struct ttype ttype_alerts = {.name = "template.Alerts", .kind = T_LIST, .elem = &ttype_alert,
                                          .method = alerts_methods};

static const struct tfield data_fields[] = {
    {"Receiver", &ttype_string, false, "receiver"},
    {"Status", &ttype_string, false, "status"},
    {"Alerts", &ttype_alerts, false, "alerts"},
    {"NotificationReason", &ttype_string, false, "notification_reason"},
    {"GroupLabels", &ttype_kv, false, "groupLabels"},
    {"CommonLabels", &ttype_kv, false, "commonLabels"},
    {"CommonAnnotations", &ttype_kv, false, "commonAnnotations"},
    {"RouteLabels", &ttype_kv, false, "routeLabels"},
    {"ExternalURL", &ttype_string, false, "externalURL"},
    {"routeLabelsRendered", &ttype_bool, true, NULL},
};
static const struct ttype ttype_data = {.name = "template.Data", .kind = T_STRUCT, .field = data_fields,
                                        .field_n = ARRAY_LEN(data_fields), .incomparable = true};
static const struct ttype ttype_data_ptr = {.name = "*template.Data", .kind = T_PTR, .elem = &ttype_data};

/* --- the notification ----------------------------------------------------------------------- */

static struct tvalue
alert_value(struct arena *a, const struct template_notified *al)
{
    struct tvalue *v = ARENA_ARRAY(a, struct tvalue, ARRAY_LEN(alert_fields));
    int64_t starts_s = al->starts_ms / 1000 - (al->starts_ms % 1000 < 0);
    int64_t ends_s = al->ends_ms / 1000 - (al->ends_ms % 1000 < 0);

    v[0] = tvalue_str(al->resolved ? STRL("resolved") : STRL("firing"));
    v[1] = tvalue_string_map(a, &ttype_kv, al->labels);
    v[2] = tvalue_string_map(a, &ttype_kv, al->annotations);
    v[3] = tvalue_time_utc(a, starts_s, (int32_t)(al->starts_ms - starts_s * 1000) * 1000000);
    v[4] = al->ends_ms ? tvalue_time_utc(a, ends_s, (int32_t)(al->ends_ms - ends_s * 1000) * 1000000)
                       : tvalue_time_utc(a, TIME_ZERO_S, 0);
    v[5] = tvalue_str(al->url);
    v[6] = tvalue_str(arena_printf(a, "%016llx", (unsigned long long)labels_fingerprint(al->labels)));
    return tvalue_struct(&ttype_alert, v);
}

struct labels
template_common(struct arena *a, const struct template_notified *v, size_t n, bool annotations)
{
    struct labels first = n == 0 ? LABELS_EMPTY : annotations ? v[0].annotations : v[0].labels;
    struct label *kept = ARENA_ARRAY(a, struct label, first.n + 1);
    size_t k = 0;

    for (size_t i = 0; i < first.n; i++) {
        bool common = true;
        /* An empty value also agrees with none. */
        for (size_t j = 1; common && j < n; j++)
            common = str_eq(labels_get(annotations ? v[j].annotations : v[j].labels, first.v[i].name),
                            first.v[i].value);
        if (common)
            kept[k++] = first.v[i];
    }
    return (struct labels){kept, k};
}

struct tvalue
template_value_notification(struct arena *a, const struct template_notification *d)
{
    struct tvalue *v = ARENA_ARRAY(a, struct tvalue, ARRAY_LEN(data_fields));
    struct tvalue *alerts = ARENA_ARRAY(a, struct tvalue, d->n + 1);
    bool firing = false;

    for (size_t i = 0; i < d->n; i++) {
        alerts[i] = alert_value(a, &d->alerts[i]);
        firing |= !d->alerts[i].resolved;
    }
    v[0] = tvalue_str(d->receiver);
    v[1] = tvalue_str(firing ? STRL("firing") : STRL("resolved"));
    v[2] = tvalue_list(&ttype_alerts, alerts, d->n);
    v[3] = tvalue_str(d->reason);
    v[4] = tvalue_string_map(a, &ttype_kv, d->group_labels);
    v[5] = tvalue_string_map(a, &ttype_kv, template_common(a, d->alerts, d->n, false));
    v[6] = tvalue_string_map(a, &ttype_kv, template_common(a, d->alerts, d->n, true));
    v[7] = tvalue_string_map(a, &ttype_kv, d->route_labels);
    v[8] = tvalue_str(d->external_url);
    v[9] = tvalue_bool(d->route_labels_rendered);
    return tvalue_pointer(a, &ttype_data_ptr, tvalue_struct(&ttype_data, v));
}
