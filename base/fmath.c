/* Exponentials, logarithms, powers.  The trigonometric half is fmath_trig.c. */
#include "base/fmath.h"

#include <math.h>

#include "base/codec.h"

#define LN2_HI 6.93147180369123816490e-01
#define LN2_LO 1.90821492927058770002e-10

/* e^fraction * 2^k with the exponent k out of an int's range of doubles handled in two
 * multiplications, so that a subnormal result is rounded as by the hardware. */
static double
exp_scale(double y, int64_t k)
{
    int64_t biased = k + 0x3ff;
    if (biased > 0)
        return biased >= 0x7ff ? INFINITY : y * f64_from_bits((uint64_t)biased << 52);
    if (biased < -52)
        return 0;
    return y * f64_from_bits((uint64_t)(biased + 0x3fe) << 52) * f64_from_bits(1ull << 52);
}

double
fmath_exp(double x)
{
    /* Taylor coefficients 1/8! … 1/3!, 1/2!. */
    static const double c[] = {2.4801587301587301587e-5,
                               1.9841269841269841270e-4,
                               1.3888888888888888889e-3,
                               8.3333333333333333333e-3,
                               4.1666666666666666667e-2,
                               1.6666666666666666667e-1,
                               0.5,
                               1.0};
    if (isnan(x) || x == INFINITY)
        return x;
    if (x > 7.09782712893384e+02)
        return INFINITY;
    if (x < -2000)
        return 0;

    /* x = k ln 2 + r; e^(r/16) by the series, then squared four times as 1 + z. */
    double k = rint(x * 1.4426950408889634073599246810018920);
    double r = fma(-0.69314718055966295651160180568695068359375, k, x);
    r = fma(-0.28235290563031577122588448175013436025525412068e-12, k, r);
    r *= 0.0625;
    double p = c[0];
    for (size_t i = 1; i < ARRAY_LEN(c); i++)
        p = fma(r, p, c[i]);
    double z = r * p;
    for (int i = 0; i < 3; i++)
        z = z * (z + 2.0);
    z = fma(z + 2.0, z, 1.0);
    return exp_scale(z, (int64_t)k);
}

/* e^(hi - lo) * 2^k by a rational approximation, |hi - lo| <= ln(2)/2. */
static double
exp_multi(double hi, double lo, int k)
{
    const double p1 = 1.66666666666666657415e-01, p2 = -2.77777777770155933842e-03,
                 p3 = 6.61375632143793436117e-05, p4 = -1.65339022054652515390e-06,
                 p5 = 4.13813679705723846039e-08;
    double r = hi - lo, t = r * r;
    double c = r - t * (p1 + t * (p2 + t * (p3 + t * (p4 + t * p5))));
    return ldexp(1 - ((lo - (r * c) / (2 - c)) - hi), k);
}

double
fmath_exp2(double x)
{
    if (isnan(x))
        return x;
    if (x > 1.0239999999999999e+03)
        return INFINITY;
    if (x < -1.0740e+03)
        return 0;
    int k = x > 0 ? (int)(x + 0.5) : x < 0 ? (int)(x - 0.5) : 0;
    double t = x - k;
    return exp_multi(t * LN2_HI, -t * LN2_LO, k);
}

double
fmath_log(double x)
{
    const double l1 = 6.666666666666735130e-01, l2 = 3.999999999940941908e-01,
                 l3 = 2.857142874366239149e-01, l4 = 2.222219843214978396e-01,
                 l5 = 1.818357216161805012e-01, l6 = 1.531383769920937332e-01,
                 l7 = 1.479819860511658591e-01;
    if (x == 0)
        return -INFINITY;
    if (x < 0)
        return NAN;
    if (isnan(x) || isinf(x))
        return x;

    /* The exponent is taken from the bits; subnormals are not normalised first. */
    uint64_t bits = f64_bits(x);
    double f1 = f64_from_bits((bits & 0x000fffffffffffffull) | 0x3fe0000000000000ull);
    double k = (double)((int64_t)(bits >> 52 & 0x7ff) - 0x3fe);
    if (f1 <= 7.07106781186547524401e-01) {
        k -= 1;
        f1 *= 2;
    }
    double f = f1 - 1, s = f / (2 + f), s2 = s * s, s4 = s2 * s2;
    double t1 = s2 * (l1 + s4 * (l3 + s4 * (l5 + s4 * l7)));
    double t2 = s4 * (l2 + s4 * (l4 + s4 * l6));
    double r = t1 + t2, hfsq = 0.5 * f * f;
    return k * LN2_HI - ((hfsq - (s * (hfsq + r) + k * LN2_LO)) - f);
}

double
fmath_log10(double x)
{
    return fmath_log(x) * 0.43429448190325182765112891891660508229439700580367;
}

double
fmath_log2(double x)
{
    int exp;
    if (!isfinite(x) || x == 0)
        return fmath_log(x);
    double frac = frexp(x, &exp);
    if (frac == 0.5) /* powers of two come out exact */
        return exp - 1;
    return fmath_log(frac) * 1.44269504088896340735992468100189213742664595415299 + exp;
}

/* The series of log(1+f) after reduction; c corrects the rounding of 1+x. */
static double
log1p_tail(double f, double k, double c, bool tiny)
{
    const double lp[] = {1.479819860511658591e-01, 1.531383769920937332e-01,
                         1.818357216161805012e-01, 2.222219843214978396e-01,
                         2.857142874366239149e-01, 3.999999999940941908e-01,
                         6.666666666666735130e-01};
    double hfsq = 0.5 * f * f;

    if (tiny) { /* |f| < 2^-20 */
        if (f == 0) {
            if (k == 0)
                return 0;
            c += k * LN2_LO;
            return k * LN2_HI + c;
        }
        double r = hfsq * (1.0 - 0.66666666666666666 * f);
        if (k == 0)
            return f - r;
        return k * LN2_HI - ((r - (k * LN2_LO + c)) - f);
    }
    double s = f / (2.0 + f), z = s * s, r = lp[0];
    for (size_t i = 1; i < ARRAY_LEN(lp); i++)
        r = lp[i] + z * r;
    r = z * r;
    if (k == 0)
        return f - (hfsq - s * (hfsq + r));
    return k * LN2_HI - ((hfsq - (s * (hfsq + r) + (k * LN2_LO + c))) - f);
}

double
fmath_log1p(double x)
{
    if (x < -1 || isnan(x))
        return NAN;
    if (x == -1)
        return -INFINITY;
    if (x == INFINITY)
        return x;
    double absx = fabs(x);
    if (absx < 0x1p-54)
        return x;
    if (absx < 0x1p-29)
        return x - x * x * 0.5;
    if (absx < 4.142135623730950488017e-01 && x > -2.928932188134524755992e-01)
        return log1p_tail(x, 0, 0, false);

    double c = 0, u = absx < 0x1p53 ? 1.0 + x : x;
    uint64_t bits = f64_bits(u);
    int k = (int)(bits >> 52) - 1023;
    if (absx < 0x1p53) {
        c = k > 0 ? 1.0 - (u - x) : x - (u - 1.0);
        c /= u;
    }
    bits &= 0x000fffffffffffffull;
    if (bits < 0x0006a09e667f3bcdull) { /* below sqrt(2) */
        u = f64_from_bits(bits | 0x3ff0000000000000ull);
    } else {
        k++;
        u = f64_from_bits(bits | 0x3fe0000000000000ull);
        bits = (0x0010000000000000ull - bits) >> 2;
    }
    return log1p_tail(u - 1.0, k, c, bits == 0);
}

static bool
is_odd_int(double x)
{
    return fabs(x) < 0x1p53 && x == trunc(x) && ((int64_t)x & 1);
}

static double
pow_of_zero(double x, double y)
{
    bool negative = signbit(x) && is_odd_int(y);
    if (y < 0)
        return negative ? -INFINITY : INFINITY;
    return negative ? x : 0;
}

/* |x|^±huge or ±infinity. */
static double
pow_huge(double x, bool y_positive)
{
    if (x == -1)
        return 1;
    return (fabs(x) < 1) == y_positive ? 0 : INFINITY;
}

static double
pow_finite(double x, double y)
{
    double yi, yf = modf(fabs(y), &yi);
    if (yf != 0 && x < 0)
        return NAN;
    if (yi >= 0x1p63)
        return pow_huge(x, y > 0);

    /* x^y = a * 2^e: the fraction by exp and log, the integer part by squarings. */
    double a = 1;
    int64_t e = 0;
    int xe;
    if (yf != 0) {
        if (yf > 0.5) {
            yf--;
            yi++;
        }
        a = fmath_exp(yf * fmath_log(x));
    }
    double x1 = frexp(x, &xe);
    for (int64_t i = (int64_t)yi; i != 0; i >>= 1) {
        if (xe < -(1 << 12) || xe > 1 << 12) {
            e += xe; /* over- or underflows for certain */
            break;
        }
        if (i & 1) {
            a *= x1;
            e += xe;
        }
        x1 *= x1;
        xe *= 2;
        if (x1 < .5) {
            x1 += x1;
            xe--;
        }
    }
    if (y < 0) {
        a = 1 / a;
        e = -e;
    }
    return ldexp(a, (int)e);
}

double
fmath_pow(double x, double y)
{
    if (y == 0 || x == 1)
        return 1;
    if (y == 1)
        return x;
    if (isnan(x) || isnan(y))
        return NAN;
    if (x == 0)
        return pow_of_zero(x, y);
    if (isinf(y))
        return pow_huge(x, y > 0);
    if (isinf(x))
        return x < 0 ? fmath_pow(1 / x, -y) : y < 0 ? 0 : INFINITY;
    if (y == 0.5)
        return x < 0 ? NAN : sqrt(x);
    if (y == -0.5)
        return x < 0 ? NAN : 1 / sqrt(x);
    return pow_finite(x, y);
}

double
fmath_max(double x, double y)
{
    if (x == INFINITY || y == INFINITY)
        return INFINITY;
    if (isnan(x) || isnan(y))
        return NAN;
    if (x == 0 && x == y)
        return signbit(x) ? y : x;
    return x > y ? x : y;
}

double
fmath_min(double x, double y)
{
    if (x == -INFINITY || y == -INFINITY)
        return -INFINITY;
    if (isnan(x) || isnan(y))
        return NAN;
    if (x == 0 && x == y)
        return signbit(x) ? x : y;
    return x < y ? x : y;
}

int64_t
fmath_to_i64(double x)
{
    if (!(x >= -0x1p63 && x < 0x1p63))
        return INT64_MIN;
    return (int64_t)x;
}
