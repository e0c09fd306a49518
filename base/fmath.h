/* fmath.h - elementary functions to the last digit of Go's math package.
 *
 * PromQL's results are compared and shown with all digits, and libm's functions round
 * differently from Go's in the last place for a few percent of arguments.  These are the
 * same algorithms (Cephes, FreeBSD's msun, Shibata's exp) evaluated in the same order, as
 * Go runs them on amd64 with FMA.  Special cases are Go's; NaN results are quiet.
 *
 * sqrt, floor, ceil, fabs and fmod are exact in both; use libm's.
 */
#pragma once
#include "base/base.h"

double fmath_exp(double x);
double fmath_exp2(double x);
double fmath_log(double x);
double fmath_log2(double x);
double fmath_log10(double x);
double fmath_log1p(double x);
double fmath_pow(double x, double y);
double fmath_sin(double x);
double fmath_cos(double x);
double fmath_tan(double x);
double fmath_asin(double x);
double fmath_acos(double x);
double fmath_atan(double x);
double fmath_atan2(double y, double x);
double fmath_sinh(double x);
double fmath_cosh(double x);
double fmath_tanh(double x);
double fmath_asinh(double x);
double fmath_acosh(double x);
double fmath_atanh(double x);
/* math.Max and Min: NaN if either is NaN, infinities first, -0 below +0. */
double fmath_max(double x, double y);
double fmath_min(double x, double y);
/* Go's conversion float64 → int64 on amd64: truncates; INT64_MIN when out of range. */
int64_t fmath_to_i64(double x);
