#include "server/config/schema_types.h"

#include "base/num.h"
#include "base/panic.h"
#include "base/url.h"

static const char *
go_name(const struct schema_field *f)
{
    return f->go != NULL ? f->go : f->type->go;
}

static void
put_secret(const struct schema_printer *p, str s)
{
    if (s.n == 0)
        yaml_out_plain(p->out, STRL("null"));
    else
        yaml_out_str(p->out, p->secrets ? s : STRL("<secret>"));
}

/* Strings and secrets. */

static bool
read_str(struct schema_reader *r, const struct yaml_node *n, const struct schema_field *f, void *out)
{
    return schema_read_text(r, n, go_name(f), out);
}

static void
print_str(const struct schema_printer *p, const struct schema_field *f UNUSED, const void *v)
{
    yaml_out_str(p->out, *(const str *)v);
}

static void
print_secret(const struct schema_printer *p, const struct schema_field *f UNUSED, const void *v)
{
    put_secret(p, *(const str *)v);
}

static bool
str_empty(const struct schema_field *f UNUSED, const void *v)
{
    return ((const str *)v)->n == 0;
}

const struct schema_type schema_str = {"string", sizeof(str), read_str, print_str, str_empty, NULL};
const struct schema_type schema_secret = {
    "config.plain", sizeof(str), read_str, print_secret, str_empty, NULL};

/* Booleans. */

static bool
read_bool(struct schema_reader *r, const struct yaml_node *n, const struct schema_field *f, void *out)
{
    return yaml_bool(n, out) || schema_bad_type(r, n, go_name(f));
}

static void
print_bool(const struct schema_printer *p, const struct schema_field *f UNUSED, const void *v)
{
    yaml_out_plain(p->out, *(const bool *)v ? STRL("true") : STRL("false"));
}

static bool
bool_empty(const struct schema_field *f UNUSED, const void *v)
{
    return !*(const bool *)v;
}

const struct schema_type schema_bool = {
    "bool", sizeof(bool), read_bool, print_bool, bool_empty, NULL};

static bool
read_opt_bool(struct schema_reader *r, const struct yaml_node *n, const struct schema_field *f,
              void *out)
{
    bool b;
    if (!yaml_bool(n, &b))
        return schema_bad_type(r, n, go_name(f));
    *(enum config_opt *)out = b ? CONFIG_TRUE : CONFIG_FALSE;
    return true;
}

static void
print_opt_bool(const struct schema_printer *p, const struct schema_field *f UNUSED, const void *v)
{
    static const char *const text[] = {"null", "false", "true"};
    yaml_out_plain(p->out, str_of(text[*(const enum config_opt *)v]));
}

static bool
opt_bool_empty(const struct schema_field *f UNUSED, const void *v)
{
    return *(const enum config_opt *)v == CONFIG_UNSET;
}

const struct schema_type schema_opt_bool = {
    "bool", sizeof(enum config_opt), read_opt_bool, print_opt_bool, opt_bool_empty, NULL};

/* Numbers. */

static bool
read_int(struct schema_reader *r, const struct yaml_node *n, const struct schema_field *f, void *out)
{
    return yaml_int(n, out) || schema_bad_type(r, n, go_name(f));
}

static void
print_int(const struct schema_printer *p, const struct schema_field *f UNUSED, const void *v)
{
    struct buf b = {0};
    buf_i64(&b, *(const int64_t *)v);
    yaml_out_plain(p->out, buf_str(&b));
    buf_free(&b);
}

static bool
int_empty(const struct schema_field *f UNUSED, const void *v)
{
    return *(const int64_t *)v == 0;
}

const struct schema_type schema_int = {
    "int", sizeof(int64_t), read_int, print_int, int_empty, NULL};

static bool
read_uint(struct schema_reader *r, const struct yaml_node *n, const struct schema_field *f, void *out)
{
    return yaml_uint(n, out) || schema_bad_type(r, n, go_name(f));
}

static void
print_uint(const struct schema_printer *p, const struct schema_field *f UNUSED, const void *v)
{
    struct buf b = {0};
    buf_u64(&b, *(const uint64_t *)v);
    yaml_out_plain(p->out, buf_str(&b));
    buf_free(&b);
}

const struct schema_type schema_uint = {
    "uint", sizeof(uint64_t), read_uint, print_uint, int_empty, NULL};

static bool
read_float(struct schema_reader *r, const struct yaml_node *n, const struct schema_field *f, void *out)
{
    return yaml_float(n, out) || schema_bad_type(r, n, go_name(f));
}

static void
print_float(const struct schema_printer *p, const struct schema_field *f UNUSED, const void *v)
{
    double x = *(const double *)v;
    char text[NUM_TEXT_MAX];
    str s = x != x ? STRL(".nan") : x - x != 0 ? (x > 0 ? STRL(".inf") : STRL("-.inf"))
                                              : STR(text, num_format_g(x, text));
    yaml_out_plain(p->out, s);
}

static bool
float_empty(const struct schema_field *f UNUSED, const void *v)
{
    return *(const double *)v == 0;
}

const struct schema_type schema_float = {
    "float64", sizeof(double), read_float, print_float, float_empty, NULL};

/* Durations. */

static bool
read_duration(struct schema_reader *r, const struct yaml_node *n, const struct schema_field *f,
              void *out)
{
    str text;
    struct err e;
    if (!schema_read_text(r, n, go_name(f), &text))
        return false;
    return num_parse_duration_ms(text, out, &e) || schema_fail_err(r, n, &e);
}

static void
print_duration(const struct schema_printer *p, const struct schema_field *f UNUSED, const void *v)
{
    struct buf b = {0};
    num_put_duration_ms(&b, *(const int64_t *)v);
    yaml_out_str(p->out, buf_str(&b));
    buf_free(&b);
}

const struct schema_type schema_duration = {
    "string", sizeof(int64_t), read_duration, print_duration, int_empty, NULL};

static void
unset_duration(void *out)
{
    *(int64_t *)out = -1;
}

static bool
duration_unset(const struct schema_field *f UNUSED, const void *v)
{
    return *(const int64_t *)v < 0;
}

const struct schema_type schema_opt_duration = {
    "string", sizeof(int64_t), read_duration, print_duration, duration_unset, unset_duration};

/* time.Duration: a Go duration in a string, or a number of nanoseconds. */
static bool
read_go_duration(struct schema_reader *r, const struct yaml_node *n, const struct schema_field *f,
                 void *out)
{
    struct err e;
    if (n->type == YAML_SCALAR && (yaml_int(n, out) || num_parse_go_duration(n->text, out, &e)))
        return true;
    return schema_bad_type(r, n, go_name(f));
}

static void
print_go_duration(const struct schema_printer *p, const struct schema_field *f UNUSED, const void *v)
{
    struct buf b = {0};
    num_put_go_duration(&b, *(const int64_t *)v);
    yaml_out_str(p->out, buf_str(&b));
    buf_free(&b);
}

const struct schema_type schema_go_duration = {
    "time.Duration", sizeof(int64_t), read_go_duration, print_go_duration, int_empty, NULL};

static bool
read_text_duration(struct schema_reader *r, const struct yaml_node *n, const struct schema_field *f,
                   void *out)
{
    struct err e;
    if (n->type != YAML_SCALAR)
        return schema_bad_type(r, n, go_name(f));
    return num_parse_go_duration(n->text, out, &e) || schema_fail_err(r, n, &e);
}

const struct schema_type schema_text_duration = {
    "config.duration", sizeof(int64_t), read_text_duration, print_go_duration, int_empty, NULL};

/* Sizes. */

static bool
read_bytes(struct schema_reader *r, const struct yaml_node *n, const struct schema_field *f, void *out)
{
    struct err e;
    if (n->type != YAML_SCALAR)
        return schema_bad_type(r, n, go_name(f));
    return config_parse_bytes(n->text, out, &e) || schema_fail_err(r, n, &e);
}

static void
print_bytes(const struct schema_printer *p, const struct schema_field *f UNUSED, const void *v)
{
    struct buf b = {0};
    config_put_bytes(&b, *(const int64_t *)v);
    yaml_out_str(p->out, buf_str(&b));
    buf_free(&b);
}

const struct schema_type schema_bytes = {
    "units.Base2Bytes", sizeof(int64_t), read_bytes, print_bytes, int_empty, NULL};

/* URLs. */

static bool
read_url(struct schema_reader *r, const struct yaml_node *n, const struct schema_field *f, void *out)
{
    struct config_url *to = out;
    struct url u;
    struct err e;
    str text;
    if (!schema_read_text(r, n, go_name(f), &text))
        return false;
    if (!url_parse(text, r->a, &u, &e))
        return schema_fail_err(r, n, &e);
    to->text = url_text(&u, r->a, false);
    to->redacted = url_text(&u, r->a, true);
    return true;
}

/* Alertmanager's: only http and https, with a host. */
static bool
read_http_url(struct schema_reader *r, const struct yaml_node *n, const struct schema_field *f,
              void *out)
{
    struct config_url *to = out;
    struct url u;
    struct err e;
    str text;
    if (!schema_read_text(r, n, go_name(f), &text))
        return false;
    if (f->type == &schema_secret_url && str_eq(text, STRL("<secret>"))) {
        to->text = to->redacted = STRL("");
        return true;
    }
    if (!config_parse_http_url(text, r->a, &u, &e))
        return schema_fail_err(r, n, &e);
    to->text = url_text(&u, r->a, false);
    to->redacted = to->text;
    return true;
}

bool
config_parse_http_url(str text, struct arena *a, struct url *out, struct err *e)
{
    if (!url_parse(text, a, out, e))
        return false;
    if (!str_eq(out->scheme, STRL("http")) && !str_eq(out->scheme, STRL("https")))
        return err_set(e, ERR_CONFIG, "unsupported scheme \"%.*s\" for URL", STR_ARG(out->scheme));
    if (out->host.n == 0)
        return err_set(e, ERR_CONFIG, "missing host for URL");
    return true;
}

static void
print_url(const struct schema_printer *p, const struct schema_field *f UNUSED, const void *v)
{
    const struct config_url *u = v;
    if (u->text.p == NULL)
        yaml_out_plain(p->out, STRL("null"));
    else
        yaml_out_str(p->out, p->secrets ? u->text : u->redacted);
}

static void
print_secret_url(const struct schema_printer *p, const struct schema_field *f UNUSED, const void *v)
{
    const struct config_url *u = v;
    if (u->text.p == NULL)
        yaml_out_plain(p->out, STRL("null"));
    else
        yaml_out_str(p->out, p->secrets ? u->text : STRL("<secret>"));
}

static bool
url_empty(const struct schema_field *f UNUSED, const void *v)
{
    return ((const struct config_url *)v)->text.p == NULL;
}

const struct schema_type schema_url = {
    "string", sizeof(struct config_url), read_url, print_url, url_empty, NULL};
const struct schema_type schema_am_url = {
    "string", sizeof(struct config_url), read_http_url, print_url, url_empty, NULL};
const struct schema_type schema_secret_url = {
    "string", sizeof(struct config_url), read_http_url, print_secret_url, url_empty, NULL};
