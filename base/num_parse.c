/* Text to numbers. */
#include "base/num.h"

#include "base/buf.h"
#include "base/codec.h"
#include "base/num_text.h"

#include <math.h>

#define GO_NAN UINT64_C(0x7ff8000000000001) /* math.NaN() */
#define MANTISSA_MAX (UINT64_C(1) << 53)
#define EXP_CAP 10000 /* further digits of an exponent change nothing */

/* What a scan of a number's text finds; the sign is already taken off. */
struct scan {
    uint64_t mantissa; /* of the first digits, leading zeros left out */
    int exp;           /* scale of the mantissa: powers of ten, or of two for hex */
    int magnitude;     /* the value is below base^magnitude */
    bool cut;          /* digits other than zero did not fit the mantissa */
    bool underscores;
};

static char
lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool
equal_fold(str s, const char *word)
{
    if (s.n != strlen(word))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (lower(s.p[i]) != word[i])
            return false;
    return true;
}

/* Takes the sign off; says whether there was one. */
static bool
take_sign(str *s, bool *negative)
{
    *negative = s->n > 0 && s->p[0] == '-';
    if (s->n == 0 || (s->p[0] != '-' && s->p[0] != '+'))
        return false;
    *s = str_from(*s, 1);
    return true;
}

static bool
parse_special(str s, bool sign, bool negative, double *out)
{
    if (equal_fold(s, "inf") || equal_fold(s, "infinity")) {
        *out = negative ? -INFINITY : INFINITY;
        return true;
    }
    if (!sign && equal_fold(s, "nan")) {
        *out = f64_from_bits(GO_NAN);
        return true;
    }
    return false;
}

static int
digit_of(char c, unsigned base)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = lower(c);
    return base == 16 && c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Digits with at most one point; returns where they end, or NULL if there is none. */
static const char *
scan_digits(str s, unsigned base, bool underscores, struct scan *out)
{
    int room = base == 16 ? 16 : 19; /* digits that fit 64 bits */
    int kept = 0, whole = 0;
    bool any = false, point = false;
    const char *p = s.p, *end = s.p + s.n;
    for (; p < end; p++) {
        int d = digit_of(*p, base);
        if (d < 0) {
            if (*p == '.' && !point)
                point = true;
            else if (*p == '_' && underscores)
                out->underscores = true;
            else
                break;
            continue;
        }
        any = true;
        whole += !point;
        if (d == 0 && out->mantissa == 0) {
            /* A leading zero: behind the point it moves what follows. */
            whole -= 1;
            continue;
        }
        if (kept < room) {
            out->mantissa = out->mantissa * base + (unsigned)d;
            kept++;
        } else {
            out->cut |= d != 0;
        }
    }
    out->magnitude = whole;
    out->exp = whole - kept;
    return any ? p : NULL;
}

/* An exponent after its letter: sign and digits; returns its end, or NULL. */
static const char *
scan_exponent(const char *p, const char *end, struct scan *out, int *exp)
{
    bool negative = p < end && *p == '-';
    if (p < end && (*p == '-' || *p == '+'))
        p++;
    if (p == end || *p < '0' || *p > '9')
        return NULL;
    int e = 0;
    for (; p < end && ((*p >= '0' && *p <= '9') || *p == '_'); p++) {
        if (*p == '_')
            out->underscores = true;
        else if (e < EXP_CAP)
            e = e * 10 + (*p - '0');
    }
    *exp = negative ? -e : e;
    return p;
}

/* Go's rule: an underscore stands between digits, or between base prefix and digit. */
static bool
underscores_ok(str s, bool hex)
{
    bool digit_before = hex;
    for (size_t i = 0; i < s.n; i++) {
        bool digit = digit_of(s.p[i], hex ? 16 : 10) >= 0;
        if (s.p[i] == '_') {
            bool digit_after = i + 1 < s.n && digit_of(s.p[i + 1], hex ? 16 : 10) >= 0;
            if (!digit_before || !digit_after)
                return false;
        }
        digit_before = digit;
    }
    return true;
}

static bool
signed_result(double a, bool negative, double *out)
{
    *out = negative ? -a : a;
    return !isinf(a);
}

static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

/* Decimal text whose syntax is known to be right. */
static double
decimal_value(str s, const struct scan *n)
{
    if (n->mantissa == 0)
        return 0;
    /* Both operands are exact, so the one rounding is the right one. */
    if (!n->cut && n->mantissa <= MANTISSA_MAX && n->exp >= -22 && n->exp <= 22) {
        double m = (double)n->mantissa;
        return n->exp < 0 ? m / powers[-n->exp] : m * powers[n->exp];
    }
    double v = 0;
    if (num_text_parse(s.p, s.n, &v))
        return v;
    return n->magnitude > 0 ? INFINITY : 0;
}

static double
decimal_without_underscores(str s, const struct scan *n)
{
    struct buf plain = {0};
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != '_')
            buf_byte(&plain, s.p[i]);
    double v = decimal_value(buf_str(&plain), n);
    buf_free(&plain);
    return v;
}

static bool
parse_decimal(str s, bool negative, bool underscores, double *out)
{
    struct scan n = {0};
    const char *end = s.p + s.n;
    const char *p = scan_digits(s, 10, underscores, &n);
    if (p == NULL)
        return false;
    if (p < end && lower(*p) == 'e') {
        int exp;
        p = scan_exponent(p + 1, end, &n, &exp);
        if (p == NULL)
            return false;
        n.exp += exp;
        n.magnitude += exp;
    }
    if (p != end || (n.underscores && (!underscores || !underscores_ok(s, false))))
        return false;
    double v = n.underscores ? decimal_without_underscores(s, &n) : decimal_value(s, &n);
    return signed_result(v, negative, out);
}

/* m × 2^exp rounded to nearest even, once, also where the result is subnormal. */
static double
binary_value(uint64_t m, int exp, bool cut)
{
    if (m == 0)
        return 0;
    int zeros = __builtin_clzll(m);
    m <<= zeros;
    exp -= zeros;
    /* The value is m × 2^exp with the top bit set: a double keeps 53 bits, or fewer when
     * its last bit would be below 2^-1074. */
    int drop = MAX(11, -1074 - exp);
    if (exp > 1024)
        return INFINITY;
    if (drop > 64)
        return 0;
    uint64_t kept = drop == 64 ? 0 : m >> drop;
    uint64_t half = UINT64_C(1) << (drop - 1);
    uint64_t rest = m & (half * 2 - 1);
    bool up = rest > half || (rest == half && (cut || (kept & 1)));
    return ldexp((double)(kept + up), exp + drop);
}

/* After "0x": digits and a binary exponent, which must be there. */
static bool
parse_hex(str s, bool negative, double *out)
{
    struct scan n = {0};
    const char *end = s.p + s.n;
    const char *p = scan_digits(s, 16, true, &n);
    if (p == NULL || p == end || lower(*p) != 'p')
        return false;
    int exp;
    p = scan_exponent(p + 1, end, &n, &exp);
    if (p != end || (n.underscores && !underscores_ok(s, true)))
        return false;
    return signed_result(binary_value(n.mantissa, n.exp * 4 + exp, n.cut), negative, out);
}

bool
num_parse_go(str s, double *out)
{
    bool negative;
    bool sign = take_sign(&s, &negative);
    if (parse_special(s, sign, negative, out))
        return true;
    if (s.n > 2 && s.p[0] == '0' && lower(s.p[1]) == 'x')
        return parse_hex(str_from(s, 2), negative, out);
    return parse_decimal(s, negative, true, out);
}

/* What most samples are: digits, perhaps a point, and both together exact in a double. */
static inline bool
parse_short(str s, double *out)
{
    const char *p = s.p, *end = s.p + s.n;
    if (UNLIKELY(s.n == 0 || s.n > 20))
        return false;
    bool negative = *p == '-';
    p += negative;
    const char *first = p, *point = end;
    uint64_t m = 0;
    for (; p < end && (unsigned char)(*p - '0') < 10; p++)
        m = m * 10 + (unsigned char)(*p - '0');
    if (p < end && *p == '.') {
        point = p++;
        for (; p < end && (unsigned char)(*p - '0') < 10; p++)
            m = m * 10 + (unsigned char)(*p - '0');
    }
    /* Up to 19 digits fit 64 bits; of a lone point there are none. */
    size_t digits = (size_t)(p - first) - (point != end);
    if (p != end || digits == 0 || digits > 19 || m > MANTISSA_MAX)
        return false;
    double v = (double)(int64_t)m;
    if (point != end)
        v /= powers[end - point - 1];
    *out = negative ? -v : v;
    return true;
}

bool
num_parse_sample(str s, double *out)
{
    if (LIKELY(parse_short(s, out)))
        return true;
    bool negative;
    bool sign = take_sign(&s, &negative);
    if (UNLIKELY(s.n > 0 && s.p[0] > '9'))
        return parse_special(s, sign, negative, out);
    return parse_decimal(s, negative, false, out);
}

bool
num_parse_u64(str s, uint64_t *out)
{
    uint64_t v = 0;
    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c < '0' || c > '9' || __builtin_mul_overflow(v, (uint64_t)10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(c - '0'), &v))
            return false;
    }
    *out = v;
    return true;
}

bool
num_parse_i64(str s, int64_t *out)
{
    bool negative;
    take_sign(&s, &negative);
    uint64_t v;
    if (!num_parse_u64(s, &v) || v > (uint64_t)INT64_MAX + negative)
        return false;
    *out = (int64_t)(negative ? 0 - v : v);
    return true;
}
