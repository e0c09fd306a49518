#include "base/clock.h"
#include "base/rng.h"
#include "storage/block.h"

#include <stdatomic.h>

/* Crockford's base 32: no I, L, O, U. */
static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

#define ULID_TIME_CHARS 10

static int
digit_value(char c)
{
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

void
ulid_new(char out[ULID_TEXT + 1])
{
    static _Atomic int64_t last_ms;
    int64_t before = atomic_load(&last_ms), ms;
    do {
        ms = MAX(clock_now_ms(), before + 1);
    } while (!atomic_compare_exchange_weak(&last_ms, &before, ms));
    for (int i = ULID_TIME_CHARS - 1; i >= 0; i--, ms >>= 5)
        out[i] = digits[ms & 31];
    uint8_t random[ULID_TEXT - ULID_TIME_CHARS];
    rng_secret(random, sizeof random);
    for (size_t i = 0; i < sizeof random; i++)
        out[ULID_TIME_CHARS + i] = digits[random[i] & 31];
    out[ULID_TEXT] = 0;
}

bool
ulid_valid(str s)
{
    /* 26 digits are 130 bits; the first may only use three of its five. */
    if (s.n != ULID_TEXT || s.p[0] > '7')
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (digit_value(s.p[i]) < 0)
            return false;
    return true;
}

int64_t
ulid_time_ms(const char *ulid)
{
    int64_t ms = 0;
    for (int i = 0; i < ULID_TIME_CHARS; i++)
        ms = ms << 5 | (digit_value(ulid[i]) & 31);
    return ms;
}
