/* rng.h - the one door to chance.  rng_secret is from the kernel; rng_next is a fast
 * per-thread generator (not for secrets), seedable in tests. */
#pragma once
#include "base/base.h"

void rng_secret(void *out, size_t n);
uint64_t rng_next(void);
uint64_t rng_below(uint64_t bound); /* bound > 0 */
double rng_unit(void);              /* [0, 1) */
void rng_seed(uint64_t seed);       /* this thread only */
