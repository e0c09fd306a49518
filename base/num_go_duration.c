/* time.ParseDuration. */
#include "base/num.h"

static const struct {
    const char *name;
    uint64_t ns;
} units[] = {
    {"ns", 1},
    {"us", 1000},
    {"\xc2\xb5s", 1000}, /* U+00B5, the micro sign */
    {"\xce\xbcs", 1000}, /* U+03BC, the Greek mu */
    {"ms", 1000000},
    {"s", 1000000000},
    {"m", UINT64_C(60) * 1000000000},
    {"h", UINT64_C(3600) * 1000000000},
};

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The time package quotes in its own way: bytes beyond ASCII in hex. */
static void
put_quoted(struct buf *out, str s)
{
    buf_byte(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < ' ' || c >= 0x80) {
            buf_printf(out, "\\x%02x", c);
            continue;
        }
        if (c == '"' || c == '\\')
            buf_byte(out, '\\');
        buf_byte(out, (char)c);
    }
    buf_byte(out, '"');
}

static bool
refuse(struct err *e, const char *what, str unit, str s)
{
    struct buf text = {0};
    buf_printf(&text, "time: %s", what);
    if (unit.p != NULL)
        put_quoted(&text, unit);
    buf_put(&text, unit.p != NULL ? STRL(" in duration ") : STRL(" "));
    put_quoted(&text, s);
    err_set(e, ERR_BAD_DATA, "%s", buf_cstr(&text));
    buf_free(&text);
    return false;
}

/* Digits before the point; false past 2^63. */
static bool
take_whole(str *s, uint64_t *out)
{
    *out = 0;
    size_t i = 0;
    for (; i < s->n && is_digit(s->p[i]); i++) {
        if (*out > (UINT64_C(1) << 63) / 10)
            return false;
        *out = *out * 10 + (uint64_t)(s->p[i] - '0');
        if (*out > UINT64_C(1) << 63)
            return false;
    }
    *s = str_from(*s, i);
    return true;
}

/* Digits after the point; more than fit are dropped, as they do not count. */
static void
take_fraction(str *s, uint64_t *out, double *scale)
{
    *out = 0;
    *scale = 1;
    size_t i = 0;
    bool full = false;
    for (; i < s->n && is_digit(s->p[i]); i++) {
        if (full || *out > (UINT64_MAX >> 1) / 10) {
            full = true;
            continue;
        }
        *out = *out * 10 + (uint64_t)(s->p[i] - '0');
        *scale *= 10;
    }
    *s = str_from(*s, i);
}

/* One "number unit". */
static bool
take_part(str whole, str *s, uint64_t *total, struct err *e)
{
    uint64_t v, f = 0;
    double scale = 1;
    size_t before = s->n;
    if (s->p[0] != '.' && !is_digit(s->p[0]))
        return refuse(e, "invalid duration", STR_EMPTY, whole);
    if (!take_whole(s, &v))
        return refuse(e, "invalid duration", STR_EMPTY, whole);
    bool digits = s->n < before;
    if (s->n > 0 && s->p[0] == '.') {
        *s = str_from(*s, 1);
        before = s->n;
        take_fraction(s, &f, &scale);
        digits |= s->n < before;
    }
    if (!digits)
        return refuse(e, "invalid duration", STR_EMPTY, whole);
    size_t n = 0;
    while (n < s->n && s->p[n] != '.' && !is_digit(s->p[n]))
        n++;
    str name = STR(s->p, n);
    if (n == 0)
        return refuse(e, "missing unit in duration", STR_EMPTY, whole);
    *s = str_from(*s, n);
    uint64_t unit = 0;
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (str_eq(name, str_of(units[i].name)))
            unit = units[i].ns;
    if (unit == 0)
        return refuse(e, "unknown unit ", name, whole);
    if (v > (UINT64_C(1) << 63) / unit)
        return refuse(e, "invalid duration", STR_EMPTY, whole);
    v = v * unit + (uint64_t)((double)f * ((double)unit / scale));
    *total += v;
    if (v > UINT64_C(1) << 63 || *total > UINT64_C(1) << 63)
        return refuse(e, "invalid duration", STR_EMPTY, whole);
    return true;
}

bool
num_parse_go_duration(str s, int64_t *ns, struct err *e)
{
    str rest = s;
    bool minus = s.n > 0 && s.p[0] == '-';
    if (minus || (s.n > 0 && s.p[0] == '+'))
        rest = str_from(s, 1);
    if (str_eq(rest, STRL("0"))) {
        *ns = 0;
        return true;
    }
    if (rest.n == 0)
        return refuse(e, "invalid duration", STR_EMPTY, s);
    uint64_t total = 0;
    while (rest.n > 0)
        if (!take_part(s, &rest, &total, e))
            return false;
    if (!minus && total > INT64_MAX)
        return refuse(e, "invalid duration", STR_EMPTY, s);
    *ns = minus ? (int64_t)(0 - total) : (int64_t)total;
    return true;
}
