/* kahan.h - compensated summation (Neumaier's form of Kahan's).
 *
 * The sum is sum + c; results must equal Prometheus' to the last digit, so the order of
 * the additions here is part of the contract and the build forbids contraction.
 */
#pragma once
#include <float.h>
#include <math.h>

#include "base/base.h"

struct kahan {
    double sum, c;
};

static inline void
kahan_inc(double inc, double *sum, double *c)
{
    double t = *sum + inc;
    if (t > DBL_MAX || t < -DBL_MAX)
        *c = 0;
    else if (fabs(*sum) >= fabs(inc))
        *c += (*sum - t) + inc;
    else
        *c += (inc - t) + *sum;
    *sum = t;
}

static inline void
kahan_add(struct kahan *k, double inc)
{
    kahan_inc(inc, &k->sum, &k->c);
}
