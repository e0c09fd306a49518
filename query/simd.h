/* simd.h - four values abreast, where the machine can.
 *
 * Loops over rows have a plain form and one for AVX2, chosen at run time; both compute the
 * same operations in the same order for each element, so results are equal in every bit
 * (AVX2 brings no fused multiply-add).  Rows are only aligned to 8 bytes.
 *
 *     static SIMD_AVX2 size_t
 *     add_avx2(double *a, const double *b, size_t n)     how far it came: whole fours
 *     …
 *     for (size_t i = simd_avx2() ? add_avx2(a, b, n) : 0; i < n; i++) plain
 */
#pragma once
#include "query/value.h"

typedef double simd_f64 __attribute__((vector_size(32), aligned(8), may_alias));
typedef int64_t simd_i64 __attribute__((vector_size(32), aligned(8), may_alias));
typedef uint32_t simd_u32 __attribute__((vector_size(16), aligned(4), may_alias));

#ifdef __x86_64__
#define SIMD_AVX2 __attribute__((target("avx2")))
static inline bool
simd_avx2(void)
{
    return __builtin_cpu_supports("avx2");
}
#else
#define SIMD_AVX2
static inline bool
simd_avx2(void)
{
    return false;
}
#endif

#define SIMD_WIDTH ((size_t)4)
#define SIMD_AT(p) (*(simd_f64 *)(p))
#define SIMD_CONST_AT(p) (*(const simd_f64 *)(p))
/* All bits set where the value is absent. */
#define SIMD_ABSENT(x) ((simd_i64)(x) == (int64_t)VALUE_ABSENT_BITS)
#define SIMD_INFINITE(x) (((simd_i64)(x) & INT64_MAX) == 0x7ff0000000000000ll)
/* a where the mask is set, else b. */
#define SIMD_SELECT(mask, a, b)                                                             \
    ((simd_f64)(((simd_i64)(a) & (mask)) | ((simd_i64)(b) & ~(mask))))
