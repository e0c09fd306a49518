/* Floats to text.  Reading is num_parse.c; times and sizes are num_duration.c, num_time.c. */
#include "base/num.h"

#include "base/codec.h"
#include "base/digits.h"
#include "base/num_text.h"
#include "base/panic.h"

#include <math.h>

#define EXACT_INT_MAX 1e15   /* 15 digits: see fast_plain */
#define G_DIGITS_MAX 800     /* no double has more significant digits */

static size_t
put_special(double v, char *out)
{
    if (isnan(v)) {
        memcpy(out, "NaN", 3);
        return 3;
    }
    memcpy(out, v < 0 ? "-Inf" : "+Inf", 4);
    return 4;
}

/* k / 10^places, k's trailing zeros cut.  The callers pass constants, so that the
 * divisions become multiplications. */
static inline size_t
put_decimal(char *out, uint64_t k, uint64_t unit, unsigned places)
{
    uint64_t whole = k / unit, part = k % unit;
    unsigned n = digits_count(whole);
    digits_put(out, whole, n);
    out[n] = '.';
    digits_put(out + n + 1, part, places);
    size_t end = n + 1 + places;
    while (out[end - 1] == '0')
        end--;
    return end;
}

/* The common values: whole numbers and short decimals from 1e-6 up to 1e15, without the
 * general algorithm.  Returns 0 for others.
 *
 * Why this is the shortest form, bit for bit: any decimal of at most 15 significant digits
 * survives the way to double and back, so two of them never share a double.  k / 10^p
 * below has at most 15 digits and rounds to v (the division is correctly rounded and both
 * operands are exact), hence it is the only decimal of at most 15 digits that does. */
static size_t
fast_plain(double v, char *out)
{
    double a = fabs(v);
    if (!(a < EXACT_INT_MAX))
        return 0;
    size_t sign = f64_bits(v) >> 63;
    out[0] = '-';
    uint64_t whole = (uint64_t)a;
    if ((double)whole == a) {
        unsigned n = digits_count(whole);
        digits_put(out + sign, whole, n);
        return sign + n;
    }
    if (a < 1e-6)
        return 0;
    if (a < 1e6) {
        uint64_t k = (uint64_t)(a * 1e9 + 0.5);
        return (double)k / 1e9 == a ? sign + put_decimal(out + sign, k, 1000000000, 9) : 0;
    }
    if (a < 1e9) {
        uint64_t k = (uint64_t)(a * 1e6 + 0.5);
        return (double)k / 1e6 == a ? sign + put_decimal(out + sign, k, 1000000, 6) : 0;
    }
    if (a < 1e12) {
        uint64_t k = (uint64_t)(a * 1e3 + 0.5);
        return (double)k / 1e3 == a ? sign + put_decimal(out + sign, k, 1000, 3) : 0;
    }
    return 0;
}

/* Digits and point as d.ddde±NN. */
static size_t
put_exponent(char *out, const char *d, int n, int point, char mark)
{
    char *p = out;
    *p++ = n > 0 ? d[0] : '0';
    if (n > 1) {
        *p++ = '.';
        memcpy(p, d + 1, (size_t)n - 1);
        p += n - 1;
    }
    *p++ = mark;
    int exp = n > 0 ? point - 1 : 0;
    *p++ = exp < 0 ? '-' : '+';
    unsigned e = (unsigned)(exp < 0 ? -exp : exp);
    unsigned width = e >= 100 ? 3 : 2;
    digits_put(p, e, width);
    return (size_t)(p + width - out);
}

/* Digits and point as plain decimal. */
static size_t
put_plain(char *out, const char *d, int n, int point)
{
    char *p = out;
    int whole = MIN(MAX(point, 0), n);
    if (point <= 0) {
        *p++ = '0';
    } else {
        memcpy(p, d, (size_t)whole);
        memset(p + whole, '0', (size_t)(point - whole));
        p += point;
    }
    if (n > whole) {
        *p++ = '.';
        int zeros = MAX(-point, 0);
        memset(p, '0', (size_t)zeros);
        memcpy(p + zeros, d + whole, (size_t)(n - whole));
        p += zeros + n - whole;
    }
    return (size_t)(p - out);
}

enum layout { LAYOUT_API, LAYOUT_PLAIN, LAYOUT_G, LAYOUT_E };

/* strconv's 'g' decides with a precision of 6 when the form is the shortest. */
static bool
wants_exponent(double a, enum layout layout)
{
    switch (layout) {
    case LAYOUT_API:
        return a != 0 && (a < 1e-6 || a >= 1e21);
    case LAYOUT_PLAIN:
        return false;
    case LAYOUT_G:
        return a != 0 && (a < 1e-4 || a >= 1e6);
    case LAYOUT_E:
        return true;
    }
    UNREACHABLE();
}

static size_t
format_shortest(double v, enum layout layout, char mark, char *out)
{
    double a = fabs(v);
    bool exponent = wants_exponent(a, layout);
    size_t n = exponent ? 0 : fast_plain(v, out);
    if (LIKELY(n > 0))
        return n;
    if (!isfinite(v))
        return put_special(v, out);
    size_t sign = f64_bits(v) >> 63;
    out[0] = '-';
    struct num_digits digits = {.n = 0, .point = 0};
    if (a != 0)
        num_text_shortest(a, &digits);
    if (exponent)
        return sign + put_exponent(out + sign, digits.d, digits.n, digits.point, mark);
    return sign + put_plain(out + sign, digits.d, digits.n, digits.point);
}

size_t
num_format_api(double v, char *out)
{
    return format_shortest(v, LAYOUT_API, 'e', out);
}

size_t
num_format_plain(double v, char *out)
{
    return format_shortest(v, LAYOUT_PLAIN, 'e', out);
}

size_t
num_format_g(double v, char *out)
{
    return format_shortest(v, LAYOUT_G, 'e', out);
}

size_t
num_format_om(double v, char *out)
{
    if (v == 0)
        v = 0; /* both zeros are "0.0" */
    size_t n = num_format_g(v, out);
    if (!isfinite(v) || memchr(out, '.', n) != NULL || memchr(out, 'e', n) != NULL)
        return n;
    memcpy(out + n, ".0", 2);
    return n + 2;
}

/* 'g' with a precision: that many significant digits, trailing zeros cut, and the exponent
 * form when the point lies outside of them. */
static size_t
format_g(double v, int precision, char mark, char *out)
{
    char text[G_DIGITS_MAX + 16], *d = text;
    precision = MIN(MAX(precision, 1), G_DIGITS_MAX);
    size_t len = num_text_scientific(fabs(v), precision - 1, text, sizeof(text));
    size_t e = len - 4;
    if (text[e] != 'e')
        e--;
    int exp = 0;
    for (size_t i = e + 2; i < len; i++)
        exp = exp * 10 + (text[i] - '0');
    int point = (text[e + 1] == '-' ? -exp : exp) + 1;
    int n = (int)e;
    if (n > 1) {
        /* The first digit takes the place of the point. */
        text[1] = text[0];
        d = text + 1;
        n--;
    }
    while (n > 0 && d[n - 1] == '0')
        n--;
    if (n == 0)
        point = 0;
    int threshold = precision > n && n >= point ? n : precision;
    size_t sign = f64_bits(v) >> 63;
    out[0] = '-';
    if (point - 1 < -4 || point - 1 >= threshold)
        return sign + put_exponent(out + sign, d, n, point, mark);
    return sign + put_plain(out + sign, d, n, point);
}

static size_t
format_e(double v, int precision, char mark, char *out)
{
    size_t n = num_text_scientific(v, precision, out, NUM_TEXT_MAX + (size_t)precision);
    char *e = out + n - 4;
    if (*e != 'e')
        e--;
    *e = mark;
    return n;
}

size_t
num_format(double v, char verb, int precision, char *out)
{
    char mark = verb == 'E' || verb == 'G' ? 'E' : 'e';
    if (!isfinite(v))
        return put_special(v, out);
    switch (verb) {
    case 'e':
    case 'E':
        return precision < 0 ? format_shortest(v, LAYOUT_E, mark, out)
                             : format_e(v, precision, mark, out);
    case 'f':
    case 'F':
        return precision < 0
                   ? num_format_plain(v, out)
                   : num_text_fixed(v, precision, out, NUM_TEXT_MAX + (size_t)precision);
    case 'g':
    case 'G':
        return precision < 0 ? format_shortest(v, LAYOUT_G, mark, out)
                             : format_g(v, precision, mark, out);
    }
    PANIC("no such verb: %c", verb);
}
