/* Elementary functions against Go's answers, bit for bit.  Lines of tests/golden/fmath.txt:
 * function, argument, second argument, result; numbers as bits in hex. */
#include <check.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/codec.h"
#include "base/fmath.h"

static const struct {
    const char *name;
    double (*one)(double);
    double (*two)(double, double);
} functions[] = {
    {"exp", fmath_exp, NULL},     {"exp2", fmath_exp2, NULL},   {"log", fmath_log, NULL},
    {"log2", fmath_log2, NULL},   {"log10", fmath_log10, NULL}, {"log1p", fmath_log1p, NULL},
    {"sin", fmath_sin, NULL},     {"cos", fmath_cos, NULL},     {"tan", fmath_tan, NULL},
    {"asin", fmath_asin, NULL},   {"acos", fmath_acos, NULL},   {"atan", fmath_atan, NULL},
    {"sinh", fmath_sinh, NULL},   {"cosh", fmath_cosh, NULL},   {"tanh", fmath_tanh, NULL},
    {"asinh", fmath_asinh, NULL}, {"acosh", fmath_acosh, NULL}, {"atanh", fmath_atanh, NULL},
    {"pow", NULL, fmath_pow},     {"atan2", NULL, fmath_atan2}, {"max", NULL, fmath_max},
    {"min", NULL, fmath_min},     {"mod", NULL, fmod},
};

static double
call(const char *name, double x, double y)
{
    for (size_t i = 0; i < ARRAY_LEN(functions); i++)
        if (strcmp(functions[i].name, name) == 0)
            return functions[i].one ? functions[i].one(x) : functions[i].two(x, y);
    ck_abort_msg("no function %s", name);
}

START_TEST(golden)
{
    FILE *f = fopen(GOLDEN_DIR "/fmath.txt", "r");
    uint64_t x, y, want;
    char name[32];
    size_t lines = 0;

    ck_assert_msg(f != NULL, "no golden file");
    while (fscanf(f, "%31s %" SCNx64 " %" SCNx64 " %" SCNx64, name, &x, &y, &want) == 4) {
        double got = call(name, f64_from_bits(x), f64_from_bits(y));
        bool same = isnan(got) ? isnan(f64_from_bits(want)) : f64_bits(got) == want;
        ck_assert_msg(same, "%s(%a, %a) = %a, want %a", name, f64_from_bits(x), f64_from_bits(y),
                      got, f64_from_bits(want));
        lines++;
    }
    ck_assert_uint_gt(lines, 1000);
    fclose(f);
}
END_TEST

START_TEST(to_i64)
{
    ck_assert_int_eq(fmath_to_i64(-1.9), -1);
    ck_assert_int_eq(fmath_to_i64(1e18), 1000000000000000000);
    ck_assert_int_eq(fmath_to_i64(NAN), INT64_MIN);
    ck_assert_int_eq(fmath_to_i64(1e19), INT64_MIN);
    ck_assert_int_eq(fmath_to_i64(-INFINITY), INT64_MIN);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("fmath");
    TCase *tc = tcase_create("fmath");
    tcase_add_test(tc, golden);
    tcase_add_test(tc, to_i64);
    suite_add_tcase(s, tc);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
