/* template_prometheus.c - the functions of Prometheus' templates. */
#include <math.h>
#include <stdlib.h>

#include "base/fmath.h"
#include "base/num.h"
#include "base/regex.h"
#include "base/unicode.h"
#include "base/url.h"
#include "server/template/template_priv.h"

#define FUNCTION(name) static bool name(struct texec *x, const struct tvalue *args, size_t n, struct tvalue *out, struct err *e)
#define IGNORE (void)x, (void)args, (void)n, (void)e

/* --- numbers ------------------------------------------------------------------------------------------ */

static bool
parse_float(str s, double *out, struct err *e)
{
    struct buf quoted = {0};
    double v = 0;
    bool ok = num_parse_go(s, &v), range = !ok && isinf(v);

    *out = v;
    if (ok)
        return true;
    unicode_put_quoted(&quoted, s);
    err_set(e, ERR_EXEC, "strconv.ParseFloat: parsing %.*s: %s", STR_ARG(buf_str(&quoted)),
            range ? "value out of range" : "invalid syntax");
    buf_free(&quoted);
    return false;
}

bool
template_want_float(const struct tvalue *v, double *out, struct err *e)
{
    if (v->type == &ttype_float)
        *out = v->u.f;
    else if (v->type == &ttype_string)
        return parse_float(v->u.s, out, e);
    else if (v->type == &ttype_int || v->type == &ttype_int64)
        *out = (double)v->u.i;
    else if (v->type == &ttype_duration)
        *out = (double)(v->u.i / 1000000000) + (double)(v->u.i % 1000000000) / 1e9;
    else
        return err_set(e, ERR_EXEC, "can't convert %s to float", v->type ? v->type->name : "<nil>");
    return true;
}

static struct tvalue
formatted(struct texec *x, const char *format, double v, const char *suffix)
{
    struct buf b = {0};
    struct tvalue arg = tvalue_float(v);

    template_sprintf(&b, str_of(format), &arg, 1);
    buf_put(&b, str_of(suffix));
    return template_text(x, &b);
}

static const char *const small[] = {"m", "u", "n", "p", "f", "a", "z", "y"};

/* Multiplies v up to 1 or more; the prefix it then has. */
static const char *
scale_up(double *v)
{
    const char *prefix = "";
    for (size_t i = 0; i < ARRAY_LEN(small) && fabs(*v) < 1; i++) {
        prefix = small[i];
        *v *= 1000;
    }
    return prefix;
}

static const char *
scale_down(double *v, double by, const char *const *names, size_t n)
{
    const char *prefix = "";
    for (size_t i = 0; i < n && fabs(*v) >= by; i++) {
        prefix = names[i];
        *v /= by;
    }
    return prefix;
}

FUNCTION(fn_humanize)
{
    static const char *const large[] = {"k", "M", "G", "T", "P", "E", "Z", "Y"};
    double v;
    const char *prefix = "";
    IGNORE;

    if (!template_want_float(&args[0], &v, e))
        return false;
    if (v != 0 && isfinite(v))
        prefix = fabs(v) >= 1 ? scale_down(&v, 1000, large, ARRAY_LEN(large)) : scale_up(&v);
    *out = formatted(x, "%.4g", v, prefix);
    return true;
}

FUNCTION(fn_humanize1024)
{
    static const char *const large[] = {"ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"};
    double v;
    const char *prefix = "";
    IGNORE;

    if (!template_want_float(&args[0], &v, e))
        return false;
    if (isfinite(v) && fabs(v) > 1)
        prefix = scale_down(&v, 1024, large, ARRAY_LEN(large));
    *out = formatted(x, "%.4g", v, prefix);
    return true;
}

FUNCTION(fn_humanize_percentage)
{
    double v;
    IGNORE;
    if (!template_want_float(&args[0], &v, e))
        return false;
    *out = formatted(x, "%.4g", v * 100, "%");
    return true;
}

bool
template_humanize_duration(struct texec *x, const struct tvalue *args, size_t n, struct tvalue *out, struct err *e)
{
    double v;
    struct buf b = {0};
    (void)n;

    if (!template_want_float(&args[0], &v, e))
        return false;
    if (!isfinite(v)) {
        *out = formatted(x, "%.4g", v, "");
        return true;
    }
    if (fabs(v) < 1) {
        struct buf unit = {0};
        buf_printf(&unit, "%ss", v == 0 ? "" : scale_up(&v));
        *out = formatted(x, "%.4g", v, buf_cstr(&unit));
        buf_free(&unit);
        return true;
    }
    if (v < 0)
        buf_byte(&b, '-');
    v = fabs(v);
    int64_t s = fmath_to_i64(v); /* overflows as Go's does */
    int64_t minutes = s / 60 % 60, hours = s / 60 / 60 % 24, days = s / 60 / 60 / 24;
    if (days)
        buf_printf(&b, "%lldd ", (long long)days);
    if (days || hours)
        buf_printf(&b, "%lldh ", (long long)hours);
    if (days || hours || minutes) {
        buf_printf(&b, "%lldm %llds", (long long)minutes, (long long)(s % 60));
    } else {
        struct tvalue f = tvalue_float(v);
        template_sprintf(&b, STRL("%.4gs"), &f, 1);
    }
    *out = template_text(x, &b);
    return true;
}

/* --- time ------------------------------------------------------------------------------------------------- */

static bool
float_to_time(struct texec *x, double v, struct tvalue *out, struct err *e)
{
    double ns = v * 1e9;
    char text[NUM_TEXT_MAX];

    if (!isfinite(v))
        return err_set(e, ERR_EXEC, "value is NaN or Inf");
    if (ns > 9223372036854775807.0 || ns < -9223372036854775808.0)
        return err_set(e, ERR_EXEC, "%.*s cannot be represented as a nanoseconds timestamp since it overflows int64",
                       (int)num_format_g(v, text), text);
    int64_t i = fmath_to_i64(ns) / 1000000; /* a model.Time has milliseconds */
    int64_t s = i / 1000 - (i % 1000 < 0);
    *out = tvalue_pointer(x->arena, &ttype_time_ptr, tvalue_time_utc(x->arena, s, (int32_t)(i - s * 1000) * 1000000));
    return true;
}

FUNCTION(fn_humanize_timestamp)
{
    double v;
    struct buf b = {0};
    struct tvalue t;
    IGNORE;

    if (!template_want_float(&args[0], &v, e))
        return false;
    if (!isfinite(v)) {
        *out = formatted(x, "%.4g", v, "");
        return true;
    }
    if (!float_to_time(x, v, &t, e))
        return false;
    template_sprint(&b, &t, 1);
    *out = template_text(x, &b);
    return true;
}

FUNCTION(fn_to_time)
{
    double v;
    IGNORE;
    return template_want_float(&args[0], &v, e) && float_to_time(x, v, out, e);
}

FUNCTION(fn_to_duration)
{
    double v;
    IGNORE;
    if (!template_want_float(&args[0], &v, e))
        return false;
    struct tvalue d = {.type = &ttype_duration, .u.i = fmath_to_i64(v * 1e9)};
    *out = tvalue_pointer(x->arena, &ttype_duration_ptr, d);
    return true;
}

FUNCTION(fn_now)
{
    IGNORE;
    *out = tvalue_float((double)x->env->now_ms / 1000.0);
    return true;
}

FUNCTION(fn_parse_duration)
{
    str s = args[0].u.s;
    bool negative = s.n && s.p[0] == '-';
    int64_t ms;
    IGNORE;

    if (!num_parse_duration_ms(str_from(s, negative), &ms, e))
        return false;
    *out = tvalue_float((double)(negative ? -ms : ms) / 1000);
    return true;
}

/* --- query results ------------------------------------------------------------------------------------------ */

FUNCTION(fn_query)
{
    IGNORE;
    if (!x->env->query)
        return err_set(e, ERR_EXEC, "no queries here");
    return x->env->query(x->env->query_arg, args[0].u.s, x->arena, out, e);
}

FUNCTION(fn_first)
{
    IGNORE;
    if (args[0].u.list.n == 0)
        return err_set(e, ERR_EXEC, "first() called on vector with no elements");
    *out = args[0].u.list.v[0];
    return true;
}

/* Member i of the sample behind the pointer. */
static bool
sample_member(const struct tvalue *v, size_t i, struct tvalue *out, struct err *e)
{
    if (v->nil)
        return err_set(e, ERR_EXEC, "runtime error: invalid memory address or nil pointer dereference");
    *out = v->u.ptr->u.field[i];
    return true;
}

static bool
sample_label(const struct tvalue *v, str name, struct tvalue *out, struct err *e)
{
    struct tvalue labels;

    if (!sample_member(v, 0, &labels, e))
        return false;
    if (!tvalue_get(&labels, name, out))
        *out = tvalue_str(STR_EMPTY);
    return true;
}

FUNCTION(fn_label)
{
    IGNORE;
    return sample_label(&args[1], args[0].u.s, out, e);
}

FUNCTION(fn_value)
{
    IGNORE;
    return sample_member(&args[0], 1, out, e);
}

FUNCTION(fn_strvalue)
{
    IGNORE;
    return sample_label(&args[0], STRL("__value__"), out, e);
}

struct by_label {
    str value;
    size_t i; /* keeps equal ones in order */
};

static int
compare_by_label(const void *a, const void *b)
{
    const struct by_label *x = a, *y = b;
    int c = str_cmp(x->value, y->value);
    return c ? c : (x->i > y->i) - (x->i < y->i);
}

FUNCTION(fn_sort_by_label)
{
    const struct tvalue *list = &args[1];
    struct by_label *keys = ARENA_ARRAY(x->arena, struct by_label, list->u.list.n + 1);
    struct tvalue *v = ARENA_ARRAY(x->arena, struct tvalue, list->u.list.n + 1), label;
    IGNORE;

    for (size_t i = 0; i < list->u.list.n; i++) {
        if (!sample_label(&list->u.list.v[i], args[0].u.s, &label, e))
            return false;
        keys[i] = (struct by_label){label.u.s, i};
    }
    if (list->u.list.n)
        qsort(keys, list->u.list.n, sizeof *keys, compare_by_label);
    for (size_t i = 0; i < list->u.list.n; i++)
        v[i] = list->u.list.v[keys[i].i];
    *out = tvalue_list(&ttype_query_result, v, list->u.list.n);
    return true;
}

static int
compare_keys(const void *a, const void *b)
{
    return str_cmp(*(const str *)a, *(const str *)b);
}

/* {"arg0": …, "arg1": …}, in the order of the names: arg10 comes before arg2. */
FUNCTION(fn_args)
{
    str *key = ARENA_ARRAY(x->arena, str, n + 1);
    struct tvalue *value = ARENA_ARRAY(x->arena, struct tvalue, n + 1);
    uint64_t i;
    IGNORE;

    for (size_t k = 0; k < n; k++)
        key[k] = arena_printf(x->arena, "arg%zu", k);
    if (n)
        qsort(key, n, sizeof *key, compare_keys);
    for (size_t k = 0; k < n; k++)
        value[k] = num_parse_u64(str_from(key[k], 3), &i) ? args[i] : TVALUE_NIL;
    *out = tvalue_map(x->arena, &ttype_any_map, key, value, n);
    return true;
}

/* --- text ------------------------------------------------------------------------------------------------------ */

bool
template_match(struct texec *x, const struct tvalue *args, size_t n, struct tvalue *out, struct err *e)
{
    struct regex *r;
    (void)x, (void)n;

    if (!regex_compile(args[0].u.s, REGEX_SEARCH, &r, e))
        return false;
    *out = tvalue_bool(regex_match(r, args[1].u.s));
    regex_free(&r);
    return true;
}

/* A bad pattern panics in MustCompile, and its words are those of the panic. */
bool
template_replace_all(struct texec *x, const struct tvalue *args, size_t n, struct tvalue *out, struct err *e)
{
    struct regex *r;
    struct buf b = {0};
    struct err inner;
    (void)n;

    if (!regex_compile(args[0].u.s, REGEX_SEARCH, &r, &inner)) {
        template_put_backquoted(&b, args[0].u.s);
        err_set(e, ERR_EXEC, "regexp: Compile(%.*s): %s", STR_ARG(buf_str(&b)), inner.text);
        buf_free(&b);
        return false;
    }
    regex_replace_all(r, args[2].u.s, args[1].u.s, &b);
    regex_free(&r);
    *out = template_text(x, &b);
    return true;
}

FUNCTION(fn_safe_html)
{
    IGNORE;
    *out = tvalue_str_as(&ttype_html, args[0].u.s);
    return true;
}

FUNCTION(fn_title)
{
    struct buf b = {0};
    IGNORE;
    template_put_title(&b, args[0].u.s, false);
    *out = template_text(x, &b);
    return true;
}

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

static struct tvalue
graph_link(struct texec *x, str expr, const char *tab)
{
    struct buf b = {0};

    buf_lit(&b, "/graph?g0.expr=");
    url_put_query_escaped(&b, expr);
    buf_printf(&b, "&g0.tab=%s", tab);
    return template_text(x, &b);
}

FUNCTION(fn_graph_link)
{
    IGNORE;
    *out = graph_link(x, args[0].u.s, "0");
    return true;
}

FUNCTION(fn_table_link)
{
    IGNORE;
    *out = graph_link(x, args[0].u.s, "1");
    return true;
}

FUNCTION(fn_external_url)
{
    IGNORE;
    *out = tvalue_str(x->env->external_url);
    return true;
}

FUNCTION(fn_path_prefix)
{
    IGNORE;
    *out = tvalue_str(x->env->path_prefix);
    return true;
}

FUNCTION(fn_url_query_escape)
{
    struct buf b = {0};
    IGNORE;
    url_put_query_escaped(&b, args[0].u.s);
    *out = template_text(x, &b);
    return true;
}

FUNCTION(fn_strip_port)
{
    str host, port;
    IGNORE;
    *out = args[0];
    if (url_split_host_port(args[0].u.s, &host, &port))
        out->u.s = host;
    return true;
}

FUNCTION(fn_strip_domain)
{
    str host, port = STR_EMPTY;
    struct buf b = {0};
    IGNORE;

    *out = args[0];
    if (!url_split_host_port(args[0].u.s, &host, &port))
        host = args[0].u.s;
    if (url_is_ip(host))
        return true;
    ptrdiff_t dot = str_find_char(host, '.', 0);
    if (dot >= 0)
        host.n = (size_t)dot;
    bool colon = str_find_char(host, ':', 0) >= 0 && port.n;
    buf_put(&b, colon ? STRL("[") : STR_EMPTY);
    buf_put(&b, host);
    buf_put(&b, colon ? STRL("]") : STR_EMPTY);
    if (port.n) {
        buf_byte(&b, ':');
        buf_put(&b, port);
    }
    *out = template_text(x, &b);
    return true;
}

#define ANY .in_n = 1, .in = {&ttype_any}
#define TEXT .in_n = 1, .in = {&ttype_string}
const struct tfunc template_prometheus[] = {
    {.name = "query", .call = fn_query, TEXT},
    {.name = "first", .call = fn_first, .in_n = 1, .in = {&ttype_query_result}},
    {.name = "label", .call = fn_label, .in_n = 2, .in = {&ttype_string, &ttype_sample_ptr}},
    {.name = "value", .call = fn_value, .in_n = 1, .in = {&ttype_sample_ptr}, .returns_any = true},
    {.name = "strvalue", .call = fn_strvalue, .in_n = 1, .in = {&ttype_sample_ptr}},
    {.name = "sortByLabel", .call = fn_sort_by_label, .in_n = 2, .in = {&ttype_string, &ttype_query_result}},
    {.name = "args", .call = fn_args, ANY, .variadic = true},
    {.name = "reReplaceAll", .call = template_replace_all, .in_n = 3, .in = {&ttype_string, &ttype_string, &ttype_string}},
    {.name = "safeHtml", .call = fn_safe_html, TEXT},
    {.name = "match", .call = template_match, .in_n = 2, .in = {&ttype_string, &ttype_string}},
    {.name = "title", .call = fn_title, TEXT},
    {.name = "toUpper", .call = fn_to_upper, TEXT},
    {.name = "toLower", .call = fn_to_lower, TEXT},
    {.name = "graphLink", .call = fn_graph_link, TEXT},
    {.name = "tableLink", .call = fn_table_link, TEXT},
    {.name = "stripPort", .call = fn_strip_port, TEXT},
    {.name = "stripDomain", .call = fn_strip_domain, TEXT},
    {.name = "humanize", .call = fn_humanize, ANY},
    {.name = "humanize1024", .call = fn_humanize1024, ANY},
    {.name = "humanizeDuration", .call = template_humanize_duration, ANY},
    {.name = "humanizePercentage", .call = fn_humanize_percentage, ANY},
    {.name = "humanizeTimestamp", .call = fn_humanize_timestamp, ANY},
    {.name = "toTime", .call = fn_to_time, ANY},
    {.name = "toDuration", .call = fn_to_duration, ANY},
    {.name = "now", .call = fn_now},
    {.name = "pathPrefix", .call = fn_path_prefix},
    {.name = "externalURL", .call = fn_external_url},
    {.name = "parseDuration", .call = fn_parse_duration, TEXT},
    {.name = "urlQueryEscape", .call = fn_url_query_escape, TEXT},
    {0},
};
