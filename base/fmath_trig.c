/* Trigonometric and hyperbolic functions; see fmath.h. */
#include "base/fmath.h"

#include <math.h>

#include "base/codec.h"

#define PI 3.14159265358979323846264338327950288419716939937510582097494459
#define LN2 0.693147180559945309417232121458176568075500134360255254120680009

/* An angle as octant and rest, |z| <= pi/4. */
struct octant {
    uint64_t j;
    double z;
};

/* For large x: multiplies the mantissa by the 192 bits of 4/pi that matter. */
static struct octant
reduce_large(double x)
{
    static const uint64_t four_over_pi[] = {
        0x0000000000000001, 0x45f306dc9c882a53, 0xf84eafa3ea69bb81, 0xb6c52b3278872083,
        0xfca2c757bd778ac3, 0x6e48dc74849ba5c0, 0x0c925dd413a32439, 0xfc3bd63962534e7d,
        0xd1046bea5d768909, 0xd338e04d68befc82, 0x7323ac7306a673e9, 0x3908bf177bf25076,
        0x3ff12fffbc0b301f, 0xde5e2316b414da3e, 0xda6cfd9e4f96136e, 0x9e8c7ecd3cbfd45a,
        0xea4f758fd7cbe2f6, 0x7a0e73ef14a525d4, 0xd7f6bf623f1aba10, 0xac06608df8f6d757,
    };
    uint64_t bits = f64_bits(x), z[3];
    int exp = (int)(bits >> 52 & 0x7ff) - 1023 - 52;
    uint64_t mantissa = (bits & ((1ull << 52) - 1)) | 1ull << 52;
    unsigned digit = (unsigned)(exp + 61) / 64, shift = (unsigned)(exp + 61) % 64;

    for (unsigned k = 0; k < 3; k++) {
        z[k] = four_over_pi[digit + k] << shift;
        if (shift > 0)
            z[k] |= four_over_pi[digit + k + 1] >> (64 - shift);
    }
    unsigned __int128 mid = (unsigned __int128)z[1] * mantissa;
    unsigned __int128 low = (unsigned __int128)z[2] * mantissa;
    unsigned __int128 sum =
        mid + (uint64_t)(low >> 64) + ((unsigned __int128)(z[0] * mantissa) << 64);
    uint64_t hi = (uint64_t)(sum >> 64), lo = (uint64_t)sum;

    struct octant o = {.j = hi >> 61};
    hi = hi << 3 | lo >> 61;
    unsigned zeros = hi ? (unsigned)__builtin_clzll(hi) : 64;
    uint64_t e = 1023 - (zeros + 1);
    hi = (zeros + 1 < 64 ? hi << (zeros + 1) : 0) | (lo >> (64 - (zeros + 1)));
    hi >>= 64 - 52;
    hi |= e << 52;
    o.z = f64_from_bits(hi);
    if (o.j & 1) {
        o.j = (o.j + 1) & 7;
        o.z--;
    }
    o.z *= PI / 4;
    return o;
}

static struct octant
reduce(double x)
{
    if (x >= 0x1p29)
        return reduce_large(x);
    struct octant o = {.j = (uint64_t)(x * (4 / PI))};
    double y = (double)o.j;
    if (o.j & 1) {
        o.j++;
        y++;
    }
    o.j &= 7;
    /* pi/4 in three parts of 24 bits and less, so that the products are exact */
    o.z = ((x - y * 7.85398125648498535156e-1) - y * 3.77489470793079817668e-8) -
          y * 2.69515142907905952645e-15;
    return o;
}

static double
poly(const double *c, size_t n, double x)
{
    double r = c[0];
    for (size_t i = 1; i < n; i++)
        r = r * x + c[i];
    return r;
}

static double
sin_near(double z)
{
    static const double c[] = {1.58962301576546568060e-10, -2.50507477628578072866e-8,
                               2.75573136213857245213e-6,  -1.98412698295895385996e-4,
                               8.33333333332211858878e-3,  -1.66666666666666307295e-1};
    double zz = z * z;
    return z + z * zz * poly(c, 6, zz);
}

static double
cos_near(double z)
{
    static const double c[] = {-1.13585365213876817300e-11, 2.08757008419747316778e-9,
                               -2.75573141792967388112e-7,  2.48015872888517045348e-5,
                               -1.38888888888730564116e-3,  4.16666666666665929218e-2};
    double zz = z * z;
    return 1.0 - 0.5 * zz + zz * zz * poly(c, 6, zz);
}

double
fmath_cos(double x)
{
    if (!isfinite(x))
        return NAN;
    struct octant o = reduce(fabs(x));
    bool negative = o.j > 3;
    if (negative)
        o.j -= 4;
    if (o.j > 1)
        negative = !negative;
    double y = o.j == 1 || o.j == 2 ? sin_near(o.z) : cos_near(o.z);
    return negative ? -y : y;
}

double
fmath_sin(double x)
{
    if (x == 0)
        return x;
    if (!isfinite(x))
        return NAN;
    struct octant o = reduce(fabs(x));
    bool negative = (x < 0) != (o.j > 3);
    if (o.j > 3)
        o.j -= 4;
    double y = o.j == 1 || o.j == 2 ? cos_near(o.z) : sin_near(o.z);
    return negative ? -y : y;
}

double
fmath_tan(double x)
{
    static const double p[] = {-1.30936939181383777646e4, 1.15351664838587416140e6,
                               -1.79565251976484877988e7};
    static const double q[] = {1.0, 1.36812963470692954678e4, -1.32089234440210967447e6,
                               2.50083801823357915839e7, -5.38695755929454629881e7};
    if (x == 0)
        return x;
    if (!isfinite(x))
        return NAN;
    struct octant o = reduce(fabs(x));
    double z = o.z, zz = z * z, y = z;
    if (zz > 1e-14)
        y = z + z * (zz * poly(p, 3, zz) / poly(q, 5, zz));
    if (o.j & 2)
        y = -1 / y;
    return x < 0 ? -y : y;
}

static double
atan_near(double x)
{
    static const double p[] = {-8.750608600031904122785e-01, -1.615753718733365076637e+01,
                               -7.500855792314704667340e+01, -1.228866684490136173410e+02,
                               -6.485021904942025371773e+01};
    static const double q[] = {1.0,
                               +2.485846490142306297962e+01,
                               +1.650270098316988542046e+02,
                               +4.328810604912902668951e+02,
                               +4.853903996359136964868e+02,
                               +1.945506571482613964425e+02};
    double z = x * x;
    z = z * poly(p, 5, z) / poly(q, 6, z);
    return x * z + x;
}

/* x >= 0 or NaN */
static double
atan_positive(double x)
{
    const double more_bits = 6.123233995736765886130e-17; /* what pi/2 lacks as a double */
    if (x <= 0.66)
        return atan_near(x);
    if (x > 2.41421356237309504880)
        return PI / 2 - atan_near(1 / x) + more_bits;
    return PI / 4 + atan_near((x - 1) / (x + 1)) + 0.5 * more_bits;
}

double
fmath_atan(double x)
{
    if (x == 0)
        return x;
    return x > 0 ? atan_positive(x) : -atan_positive(-x);
}

double
fmath_asin(double x)
{
    if (x == 0)
        return x;
    double a = fabs(x);
    if (!(a <= 1))
        return NAN;
    double t = sqrt(1 - a * a);
    t = a > 0.7 ? PI / 2 - atan_positive(t / a) : atan_positive(a / t);
    return x < 0 ? -t : t;
}

double
fmath_acos(double x)
{
    return PI / 2 - fmath_asin(x);
}

double
fmath_atan2(double y, double x)
{
    if (isnan(y) || isnan(x))
        return NAN;
    if (y == 0)
        return copysign(signbit(x) ? PI : 0, y);
    if (x == 0)
        return copysign(PI / 2, y);
    if (isinf(x) && isinf(y))
        return copysign(x > 0 ? PI / 4 : 3 * PI / 4, y);
    if (isinf(x))
        return copysign(x > 0 ? 0 : PI, y);
    if (isinf(y))
        return copysign(PI / 2, y);
    double q = fmath_atan(y / x);
    if (x < 0)
        return q <= 0 ? q + PI : q - PI;
    return q;
}

/* |x|, but -0 stays: the odd functions pass it through. */
static double
positive(double x)
{
    return x < 0 ? -x : x;
}

double
fmath_sinh(double x)
{
    static const double p[] = {-0.2630563213397497062819489e+2, -0.2894211355989563807284660366e+4,
                               -0.8991272022039509355398013511e+5,
                               -0.6307673640497716991184787251e+6};
    static const double q[] = {1.0, -0.173678953558233699533450911e+3,
                               0.1521517378790019070696485176e+5,
                               -0.6307673640497716991212077277e+6};
    double a = positive(x), t;

    if (a > 21) {
        t = fmath_exp(a) * 0.5;
    } else if (a > 0.5) {
        double e = fmath_exp(a);
        t = (e - 1 / e) * 0.5;
    } else {
        double sq = a * a;
        t = poly(p, 4, sq) * a;
        t = t / poly(q, 4, sq);
    }
    return x < 0 ? -t : t;
}

double
fmath_cosh(double x)
{
    double e = fmath_exp(fabs(x));
    if (fabs(x) > 21)
        return e * 0.5;
    return (e + 1 / e) * 0.5;
}

double
fmath_tanh(double x)
{
    static const double p[] = {-9.64399179425052238628e-1, -9.92877231001918586564e1,
                               -1.61468768441708447952e3};
    static const double q[] = {1.0, 1.12811678491632931402e2, 2.23548839060100448583e3,
                               4.84406305325125486048e3};
    double z = fabs(x);

    if (z > 0.5 * 8.8029691931113054295988e+01)
        return x < 0 ? -1 : 1;
    if (z >= 0.625) {
        z = 1 - 2 / (fmath_exp(2 * z) + 1);
        return x < 0 ? -z : z;
    }
    if (x == 0)
        return x;
    double s = x * x;
    return x + x * s * poly(p, 3, s) / poly(q, 4, s);
}

double
fmath_asinh(double x)
{
    double a = positive(x), t;

    if (!isfinite(x))
        return x;
    if (a > 0x1p28)
        t = fmath_log(a) + LN2;
    else if (a > 2)
        t = fmath_log(2 * a + 1 / (sqrt(a * a + 1) + a));
    else if (a < 0x1p-28)
        t = a;
    else
        t = fmath_log1p(a + a * a / (1 + sqrt(1 + a * a)));
    return x < 0 ? -t : t;
}

double
fmath_acosh(double x)
{
    if (!(x >= 1))
        return NAN;
    if (x == 1)
        return 0;
    if (x >= 0x1p28)
        return fmath_log(x) + LN2;
    if (x > 2)
        return fmath_log(2 * x - 1 / (x + sqrt(x * x - 1)));
    double t = x - 1;
    return fmath_log1p(t + sqrt(2 * t + t * t));
}

double
fmath_atanh(double x)
{
    double a = positive(x), t;

    if (!(a <= 1))
        return NAN;
    if (a == 1)
        return copysign(INFINITY, x);
    if (a < 0x1p-28) {
        t = a;
    } else if (a < 0.5) {
        t = a + a;
        t = 0.5 * fmath_log1p(t + t * a / (1 - a));
    } else {
        t = 0.5 * fmath_log1p((a + a) / (1 - a));
    }
    return x < 0 ? -t : t;
}
