#include "base/rng.h"

#include <errno.h>
#include <sys/random.h>

#include "base/panic.h"

/* xoshiro256** by Blackman and Vigna (public domain): 32 bytes of state a thread. */
static _Thread_local uint64_t state[4];
static _Thread_local bool seeded;

void
rng_secret(void *out, size_t n)
{
    char *p = (char *)out;
    while (n > 0) {
        ssize_t got = getrandom(p, n, 0);
        if (got < 0 && errno == EINTR)
            continue;
        CHECK(got > 0);
        p += got;
        n -= (size_t)got;
    }
}

static uint64_t
rotate_left(uint64_t x, int k)
{
    return x << k | x >> (64 - k);
}

uint64_t
rng_next(void)
{
    if (UNLIKELY(!seeded)) {
        rng_secret(state, sizeof(state));
        state[0] |= 1; /* never all zero */
        seeded = true;
    }
    uint64_t result = rotate_left(state[1] * 5, 7) * 9;
    uint64_t t = state[1] << 17;
    state[2] ^= state[0];
    state[3] ^= state[1];
    state[1] ^= state[2];
    state[0] ^= state[3];
    state[2] ^= t;
    state[3] = rotate_left(state[3], 45);
    return result;
}

/* Multiply-shift with rejection of the low part: no modulo bias. */
uint64_t
rng_below(uint64_t bound)
{
    CHECK(bound > 0);
    uint64_t floor = -bound % bound;
    for (;;) {
        unsigned __int128 m = (unsigned __int128)rng_next() * bound;
        if ((uint64_t)m >= floor)
            return (uint64_t)(m >> 64);
    }
}

double
rng_unit(void)
{
    return (double)(rng_next() >> 11) * 0x1p-53;
}

/* splitmix64 spreads the seed over the state, as the generator's authors advise. */
void
rng_seed(uint64_t seed)
{
    for (size_t i = 0; i < ARRAY_LEN(state); i++) {
        seed += 0x9e3779b97f4a7c15;
        uint64_t z = seed;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
        z = (z ^ z >> 27) * 0x94d049bb133111eb;
        state[i] = z ^ z >> 31;
    }
    seeded = true;
}
