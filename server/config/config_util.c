/* Small helpers that several blocks use. */
#include "server/config/schema_types.h"

static const struct {
    const char *unit;
    double bytes;
} units[] = {
    {"B", 1},
    {"KiB", 1024.0},
    {"KB", 1024.0},
    {"MiB", 1048576.0},
    {"MB", 1048576.0},
    {"GiB", 1073741824.0},
    {"GB", 1073741824.0},
    {"TiB", 1099511627776.0},
    {"TB", 1099511627776.0},
    {"PiB", 1125899906842624.0},
    {"PB", 1125899906842624.0},
    {"EiB", 1152921504606846976.0},
    {"EB", 1152921504606846976.0},
};

/* Digits as a number; false on overflow. */
static bool
leading_int(str *s, int64_t *out)
{
    *out = 0;
    size_t i = 0;
    for (; i < s->n && s->p[i] >= '0' && s->p[i] <= '9'; i++) {
        if (*out >= (INT64_MAX - 9) / 10)
            return false;
        *out = *out * 10 + (s->p[i] - '0');
    }
    *s = str_from(*s, i);
    return true;
}

/* [0-9]*(\.[0-9]*)? ; *digits says whether there were any. */
static bool
leading_number(str *s, double *out, bool *digits)
{
    int64_t whole, part;
    size_t before = s->n;
    if (!leading_int(s, &whole))
        return false;
    *out = (double)whole;
    *digits = s->n < before;
    if (s->n == 0 || s->p[0] != '.')
        return true;
    *s = str_from(*s, 1);
    before = s->n;
    if (!leading_int(s, &part))
        return false;
    double scale = 1;
    for (size_t n = before - s->n; n > 0; n--)
        scale *= 10;
    *out += (double)part / scale;
    *digits |= s->n < before;
    return true;
}

static const double *
find_unit(str name)
{
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (str_eq(name, str_of(units[i].unit)))
            return &units[i].bytes;
    return NULL;
}

bool
config_parse_bytes(str text, int64_t *out, struct err *e)
{
    str s = text;
    bool minus = s.n && s.p[0] == '-';
    if (s.n && (s.p[0] == '-' || s.p[0] == '+'))
        s = str_from(s, 1);
    if (str_eq(s, STRL("0"))) {
        *out = 0;
        return true;
    }
    double total = 0;
    bool ok = s.n > 0;
    while (ok && s.n > 0) {
        double number;
        bool digits;
        ok = (s.p[0] == '.' || (s.p[0] >= '0' && s.p[0] <= '9')) &&
             leading_number(&s, &number, &digits) && digits;
        if (!ok)
            break;
        size_t n = 0;
        while (n < s.n && s.p[n] != '.' && !(s.p[n] >= '0' && s.p[n] <= '9'))
            n++;
        const double *unit = find_unit(STR(s.p, n));
        if (unit == NULL)
            return err_set(e, ERR_CONFIG, "units: unknown unit %.*s in %.*s", (int)n, n ? s.p : "",
                           STR_ARG(text));
        total += number * *unit;
        s = str_from(s, n);
    }
    if (!ok)
        return err_set(e, ERR_CONFIG, "units: invalid %.*s", STR_ARG(text));
    if (minus)
        total = -total;
    if (total < -0x1p63 || total >= 0x1p63)
        return err_set(e, ERR_CONFIG, "units: overflow parsing unit");
    *out = (int64_t)total;
    return true;
}

/* "1GiB512MiB": every unit that is not zero. */
void
config_put_bytes(struct buf *out, int64_t bytes)
{
    static const char *const names[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    int64_t part[ARRAY_LEN(names)];
    size_t n = 0;
    int64_t rest = bytes;
    do {
        part[n++] = rest % 1024;
        rest /= 1024;
    } while (rest != 0);
    for (size_t i = n; i-- > 0;)
        if (part[i] != 0 || (i == 0 && bytes == 0))
            buf_printf(out, "%lld%s", (long long)part[i], names[i]);
}

str
config_quoted(struct arena *a, str s)
{
    struct buf b = {0};
    labels_put_quoted(&b, s);
    str out = arena_str(a, buf_str(&b));
    buf_free(&b);
    return out;
}

str
config_join(struct arena *a, const struct config_strs *s)
{
    struct buf b = {0};
    buf_byte(&b, '[');
    for (size_t i = 0; i < s->n; i++) {
        if (i > 0)
            buf_byte(&b, ' ');
        buf_put(&b, s->v[i]);
    }
    buf_byte(&b, ']');
    str out = arena_str(a, buf_str(&b));
    buf_free(&b);
    return out;
}

const str *
config_map_get(const struct config_map *m, str key)
{
    for (size_t i = 0; i < m->n; i++)
        if (str_eq(m->v[i].key, key))
            return &m->v[i].value;
    return NULL;
}

/* path/filepath.Clean of a path that is not empty. */
static void
put_clean(struct buf *out, str path)
{
    bool rooted = path.p[0] == '/';
    size_t base = out->n;
    if (rooted)
        buf_byte(out, '/');
    size_t floor = out->n; /* ".." may not go below */
    for (size_t i = 0; i < path.n;) {
        size_t end = i;
        while (end < path.n && path.p[end] != '/')
            end++;
        str part = STR(path.p + i, end - i);
        i = end + 1;
        if (part.n == 0 || str_eq(part, STRL(".")))
            continue;
        if (str_eq(part, STRL(".."))) {
            if (out->n > floor) {
                while (out->n > floor && out->p[out->n - 1] != '/')
                    out->n--;
                if (out->n > floor)
                    out->n--;
                continue;
            }
            if (rooted)
                continue;
            if (out->n > base)
                buf_byte(out, '/');
            buf_put(out, part);
            floor = out->n;
            continue;
        }
        if (out->n > base + rooted)
            buf_byte(out, '/');
        buf_put(out, part);
    }
    if (out->n == base)
        buf_byte(out, '.');
}

str
config_join_dir(struct arena *a, str dir, str path)
{
    if (path.n == 0 || path.p[0] == '/')
        return path;
    struct buf joined = {0}, clean = {0};
    if (dir.n > 0) {
        buf_put(&joined, dir);
        buf_byte(&joined, '/');
    }
    buf_put(&joined, path);
    put_clean(&clean, buf_str(&joined));
    str out = arena_str(a, buf_str(&clean));
    buf_free(&joined);
    buf_free(&clean);
    return out;
}
