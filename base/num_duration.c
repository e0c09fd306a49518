/* Durations and sizes. */
#include "base/num.h"

#include "base/unicode.h"

#include <math.h>

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)

static const struct {
    const char *name;
    uint64_t ms;
    bool exact; /* written only if nothing would remain: 90d reads easier than 12w6d */
} units[] = {
    {"y", UINT64_C(365) * 86400000, true},
    {"w", UINT64_C(7) * 86400000, true},
    {"d", 86400000, false},
    {"h", 3600000, false},
    {"m", 60000, false},
    {"s", 1000, false},
    {"ms", 1, false},
};

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Splits digits, or what is none, off the front of s. */
static str
take_run(str *s, bool digits)
{
    size_t n = 0;
    while (n < s->n && is_digit(s->p[n]) == digits)
        n++;
    str run = STR(s->p, n);
    *s = str_from(*s, n);
    return run;
}

static bool
not_a_duration(str s, struct err *e)
{
    struct buf quoted = {0};
    unicode_put_quoted(&quoted, s);
    err_set(e, ERR_BAD_DATA, "not a valid duration string: %s", buf_cstr(&quoted));
    buf_free(&quoted);
    return false;
}

static bool
unknown_unit(str unit, str s, struct err *e)
{
    struct buf text = {0};
    buf_lit(&text, "unknown unit ");
    unicode_put_quoted(&text, unit);
    buf_lit(&text, " in duration ");
    unicode_put_quoted(&text, s);
    err_set(e, ERR_BAD_DATA, "%s", buf_cstr(&text));
    buf_free(&text);
    return false;
}

bool
num_parse_duration_ms(str s, int64_t *out, struct err *e)
{
    if (s.n == 0)
        return err_set(e, ERR_BAD_DATA, "empty duration string");
    str left = s;
    uint64_t ns = 0;
    size_t next = 0; /* units go from large to small, each once */
    if (str_eq(s, STRL("0")))
        left = STR_EMPTY;
    while (left.n > 0) {
        uint64_t v;
        str number = take_run(&left, true);
        str unit = take_run(&left, false);
        if (!num_parse_u64(number, &v) || unit.n == 0)
            return not_a_duration(s, e);
        size_t i = 0;
        while (i < ARRAY_LEN(units) && !str_eq(unit, str_of(units[i].name)))
            i++;
        if (i == ARRAY_LEN(units))
            return unknown_unit(unit, s, e);
        if (i < next)
            return not_a_duration(s, e);
        next = i + 1;
        /* The bound is that of Prometheus' nanoseconds: about 292 years. */
        uint64_t unit_ns = units[i].ms * NS_PER_MS;
        if (v > (UINT64_C(1) << 63) / unit_ns)
            return err_set(e, ERR_BAD_DATA, "duration out of range");
        ns += v * unit_ns;
        if (ns > (uint64_t)INT64_MAX)
            return err_set(e, ERR_BAD_DATA, "duration out of range");
    }
    *out = (int64_t)(ns / NS_PER_MS);
    return true;
}

void
num_put_duration_ms(struct buf *b, int64_t ms)
{
    uint64_t left = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
    if (left == 0) {
        buf_lit(b, "0s");
        return;
    }
    if (ms < 0)
        buf_byte(b, '-');
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        uint64_t v = left / units[i].ms;
        if (v == 0 || (units[i].exact && left % units[i].ms != 0))
            continue;
        buf_u64(b, v);
        buf_put(b, str_of(units[i].name));
        left %= units[i].ms;
    }
}

/* v / 10^places, trailing zeros of the fraction cut. */
static void
put_fraction(struct buf *b, uint64_t v, unsigned places)
{
    uint64_t unit = 1;
    for (unsigned i = 0; i < places; i++)
        unit *= 10;
    buf_u64(b, v / unit);
    uint64_t part = v % unit;
    if (part == 0)
        return;
    buf_byte(b, '.');
    for (unit /= 10; part != 0; part %= unit, unit /= 10) {
        buf_byte(b, (char)('0' + part / unit));
        if (unit == 1)
            break;
    }
}

void
num_put_go_duration(struct buf *b, int64_t ns)
{
    uint64_t u = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    if (u == 0) {
        buf_lit(b, "0s");
        return;
    }
    if (ns < 0)
        buf_byte(b, '-');
    if (u < NS_PER_S) {
        unsigned places = u < 1000 ? 0 : u < NS_PER_MS ? 3 : 6;
        put_fraction(b, u, places);
        buf_put(b, places == 0 ? STRL("ns") : places == 3 ? STRL("\xc2\xb5s") : STRL("ms"));
        return;
    }
    uint64_t minutes = u / (60 * NS_PER_S);
    if (minutes >= 60) {
        buf_u64(b, minutes / 60);
        buf_byte(b, 'h');
    }
    if (minutes > 0) {
        buf_u64(b, minutes % 60);
        buf_byte(b, 'm');
    }
    put_fraction(b, u % (60 * NS_PER_S), 9);
    buf_byte(b, 's');
}

static const char prefixes[] = "KMGTPE";

/* The bytes of a unit spelled prefix and suffix, or 0.  "B" stands alone. */
static double
unit_bytes(str unit, str suffix)
{
    if (str_eq(unit, STRL("B")))
        return 1;
    if (unit.n != 1 + suffix.n || !str_ends(unit, suffix))
        return 0;
    const char *at = strchr(prefixes, unit.p[0]);
    return at && *at ? ldexp(1, 10 * (int)(at - prefixes + 1)) : 0;
}

/* [0-9]*; false if the digits pass the bound that Go's own reader has. */
static bool
leading_int(str *s, uint64_t *v, size_t *digits)
{
    str run = take_run(s, true);
    *v = 0;
    *digits = run.n;
    for (size_t i = 0; i < run.n; i++) {
        if (*v >= (uint64_t)(INT64_MAX - 9) / 10)
            return false;
        *v = *v * 10 + (uint64_t)(run.p[i] - '0');
    }
    return true;
}

/* One number with an optional fraction. */
static bool
take_number(str *s, double *out)
{
    uint64_t v;
    size_t whole, places = 0;
    if (!leading_int(s, &v, &whole))
        return false;
    *out = (double)v;
    if (s->n > 0 && s->p[0] == '.') {
        *s = str_from(*s, 1);
        if (!leading_int(s, &v, &places))
            return false;
        double scale = 1;
        for (size_t i = 0; i < places; i++)
            scale *= 10;
        *out += (double)v / scale;
    }
    return whole + places > 0;
}

/* A sum of numbers with units; all units take the same suffix. */
static bool
parse_size_with(str s, str suffix, uint64_t *out, struct err *e)
{
    str left = s;
    bool negative = left.n > 0 && left.p[0] == '-';
    if (left.n > 0 && (left.p[0] == '-' || left.p[0] == '+'))
        left = str_from(left, 1);
    if (left.n == 0)
        return err_set(e, ERR_BAD_DATA, "units: invalid %.*s", STR_ARG(s));
    double sum = 0;
    if (str_eq(left, STRL("0")))
        left = STR_EMPTY;
    while (left.n > 0) {
        double number;
        if (!take_number(&left, &number))
            return err_set(e, ERR_BAD_DATA, "units: invalid %.*s", STR_ARG(s));
        size_t n = 0;
        while (n < left.n && left.p[n] != '.' && !is_digit(left.p[n]))
            n++;
        str unit = STR(left.p, n);
        left = str_from(left, n);
        double bytes = unit_bytes(unit, suffix);
        if (bytes == 0)
            return err_set(e, ERR_BAD_DATA, "units: unknown unit %.*s in %.*s", STR_ARG(unit),
                           STR_ARG(s));
        sum += number * bytes;
    }
    if (sum >= 0x1p63)
        return err_set(e, ERR_BAD_DATA, "units: overflow parsing unit");
    if (negative && sum >= 1)
        return err_set(e, ERR_BAD_DATA, "units: invalid %.*s", STR_ARG(s));
    *out = (uint64_t)sum;
    return true;
}

bool
num_parse_size(str s, uint64_t *out, struct err *e)
{
    return parse_size_with(s, STRL("iB"), out, e) || parse_size_with(s, STRL("B"), out, e);
}

void
num_put_size(struct buf *b, uint64_t bytes)
{
    if (bytes == 0) {
        buf_lit(b, "0B");
        return;
    }
    for (int i = 6; i >= 0; i--) {
        uint64_t v = bytes >> (10 * i) & 1023;
        if (i == 6)
            v = bytes >> 60;
        if (v == 0)
            continue;
        buf_u64(b, v);
        if (i > 0)
            buf_byte(b, prefixes[i - 1]);
        buf_put(b, i > 0 ? STRL("iB") : STRL("B"));
    }
}
