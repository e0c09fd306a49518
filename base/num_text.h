/* num_text.h - the C++ library's exact float conversions, for base/num*.c only.
 *
 * std::to_chars finds the shortest decimal that reads back as the same double, and
 * exact decimals of any precision; std::from_chars rounds correctly.  Nothing here
 * knows spelling: Go's layout is base/num.c.
 */
#pragma once
#include "base/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The value 0.d1d2d3… × 10^point, without trailing zeros. */
struct num_digits {
    char d[20];
    int n;
    int point;
};

/* Shortest digits of a finite v > 0. */
void num_text_shortest(double v, struct num_digits *out);
/* "d.ddde±NN" and "ddd.ddd" of a finite v; out holds cap bytes, which must be enough:
 * 320 and the precision. */
size_t num_text_scientific(double v, int precision, char *out, size_t cap);
size_t num_text_fixed(double v, int precision, char *out, size_t cap);
/* Unsigned decimal text of checked syntax; false if too large or too small for a double. */
bool num_text_parse(const char *p, size_t n, double *out);

#ifdef __cplusplus
}
#endif
