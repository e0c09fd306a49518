/* digits.h - decimal digits of integers, two at a time; for the writers of base/ only. */
#pragma once
#include "base/base.h"

static inline unsigned
digits_count(uint64_t v)
{
    unsigned n = 1;
    for (; v >= 10000; v /= 10000)
        n += 4;
    return n + (v >= 10) + (v >= 100) + (v >= 1000);
}

/* v in exactly n digits, with leading zeros; higher digits are lost. */
static inline void
digits_put(char *out, uint64_t v, unsigned n)
{
    static const char pairs[] = "00010203040506070809101112131415161718192021222324"
                                "25262728293031323334353637383940414243444546474849"
                                "50515253545556575859606162636465666768697071727374"
                                "75767778798081828384858687888990919293949596979899";
    char *p = out + n;
    for (; p - out >= 2; v /= 100) {
        p -= 2;
        memcpy(p, pairs + 2 * (v % 100), 2);
    }
    if (p > out)
        *out = (char)('0' + v % 10);
}
