/* http_request.c - request targets and forms to parameters, as Go's net/url reads them. */
#include "web/http_priv.h"

#include <strings.h>

#include "base/compress.h"
#include "base/panic.h"

static int
hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool
url_unescape(str in, bool plus, struct arena *a, str *out)
{
    char *p = arena_alloc(a, in.n + 1);
    size_t n = 0;

    for (size_t i = 0; i < in.n; i++) {
        char c = in.p[i];
        if (c == '%') {
            if (in.n - i < 3 || hex_value(in.p[i + 1]) < 0 || hex_value(in.p[i + 2]) < 0)
                return false;
            c = (char)(hex_value(in.p[i + 1]) << 4 | hex_value(in.p[i + 2]));
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        p[n++] = c;
    }
    p[n] = '\0';
    *out = STR(p, n);
    return true;
}

/* key=value&key=value; a pair with ';' or a bad escape is an error in Go, which keeps
 * the pairs that are right and reports the first error. */
static bool
parse_form(str form, struct arena *a, struct param **params, size_t *n, size_t *cap)
{
    bool ok = true;

    for (size_t at = 0; at < form.n;) {
        ptrdiff_t amp = str_find_char(form, '&', at);
        size_t end = amp < 0 ? form.n : (size_t)amp;
        str pair = STR(form.p + at, end - at);
        at = end + 1;
        if (pair.n == 0)
            continue;
        ptrdiff_t eq = str_find_char(pair, '=', 0);
        str name = eq < 0 ? pair : STR(pair.p, (size_t)eq);
        str value = eq < 0 ? STR_EMPTY : str_from(pair, (size_t)eq + 1);
        struct param p;
        if (str_find_char(pair, ';', 0) >= 0 || !url_unescape(name, true, a, &p.name) ||
            !url_unescape(value, true, a, &p.value)) {
            ok = false;
            continue;
        }
        arena_grow(a, params, cap, *n + 1, sizeof(struct param));
        (*params)[(*n)++] = p;
    }
    return ok;
}

static bool
is_form(str content_type)
{
    str form = STRL("application/x-www-form-urlencoded");

    return content_type.n >= form.n && strncasecmp(content_type.p, form.p, form.n) == 0 &&
           (content_type.n == form.n || content_type.p[form.n] == ';' ||
            content_type.p[form.n] == ' ');
}

bool
exchange_parse(struct exchange *x, str content_type)
{
    struct req *r = &x->req;
    str target = str_of(x->uri);
    ptrdiff_t q = str_find_char(target, '?', 0);
    str path = q < 0 ? target : STR(target.p, (size_t)q);
    struct param *params = NULL;
    size_t n = 0, cap = 0;

    r->raw_query = q < 0 ? STR_EMPTY : str_from(target, (size_t)q + 1);
    r->raw_path = path;
    r->body = buf_str(&x->body);
    if (!url_unescape(path, false, x->arena, &r->path))
        return false;
    bool ok = true;
    if (is_form(content_type)) {
        ok = parse_form(r->body, x->arena, &params, &n, &cap);
        r->body = STR_EMPTY;
    }
    ok &= parse_form(r->raw_query, x->arena, &params, &n, &cap);
    r->params = params;
    r->params_n = n;
    r->form_error = !ok;
    return true;
}

bool
req_param(const struct req *r, const char *name, str *out)
{
    str want = str_of(name);

    for (size_t i = 0; i < r->params_n; i++) {
        if (str_eq(r->params[i].name, want)) {
            *out = r->params[i].value;
            return true;
        }
    }
    return false;
}

void
resp_header(struct resp *r, const char *name, str value)
{
    CHECK(r->headers_n < ARRAY_LEN(r->headers));
    r->headers[r->headers_n].name = name;
    r->headers[r->headers_n].value = value;
    r->headers_n++;
}

/* The first of gzip and deflate in Accept-Encoding, as Prometheus' handler picks. */
static const char *
pick_encoding(str accept)
{
    for (size_t at = 0; at < accept.n;) {
        ptrdiff_t comma = str_find_char(accept, ',', at);
        size_t end = comma < 0 ? accept.n : (size_t)comma;
        str item = STR(accept.p + at, end - at);
        at = end + 1;
        while (item.n && item.p[0] == ' ')
            item = str_from(item, 1);
        while (item.n && item.p[item.n - 1] == ' ')
            item.n--;
        if (str_eq(item, STRL("gzip")))
            return "gzip";
        if (str_eq(item, STRL("deflate")))
            return "deflate";
    }
    return NULL;
}

void
exchange_compress(struct exchange *x)
{
    struct resp *r = &x->resp;

    if (r->no_compress || r->more || r->body.n == 0)
        return;
    const char *encoding = pick_encoding(req_header(&x->req, "Accept-Encoding"));
    if (!encoding)
        return;
    struct buf packed = {0};
    if (encoding[0] == 'g')
        gzip_deflate(buf_str(&r->body), 1, &packed);
    else
        zlib_deflate(buf_str(&r->body), 1, &packed);
    buf_free(&r->body);
    r->body = packed;
    resp_header(r, "Content-Encoding", str_of(encoding));
}
