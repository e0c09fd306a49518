#include "base/codec.h"
#include "base/num.h"
#include "tests/unit/unit.h"

#include <math.h>

enum { COLUMNS_MAX = 5 };

static size_t
format(double v, char verb, int precision, char *out)
{
    if (verb == 'a')
        return num_format_api(v, out);
    if (verb == 'm')
        return num_format_om(v, out);
    if (verb == 'f' && precision < 0)
        return num_format_plain(v, out);
    if (verb == 'g' && precision < 0)
        return num_format_g(v, out);
    return num_format(v, verb, precision, out);
}

/* Answers a golden line's question: the result in out, false if the text is refused. */
static bool
answer(str kind, str in, struct buf *out)
{
    double f = 12345.5;
    int64_t i = 0;
    uint64_t u = 0;
    struct err e = ERR_INIT;
    bool ok = true;
    if (str_eq(kind, STRL("float")) || str_eq(kind, STRL("sample"))) {
        ok = kind.p[0] == 'f' ? num_parse_go(in, &f) : num_parse_sample(in, &f);
        if (f != 12345.5)
            buf_printf(out, "%016llx", (unsigned long long)f64_bits(f));
    } else if (str_eq(kind, STRL("duration"))) {
        ok = num_parse_duration_ms(in, &i, &e);
        ok ? buf_i64(out, i) : buf_put(out, err_str(&e));
    } else if (str_eq(kind, STRL("size"))) {
        ok = num_parse_size(in, &u, &e);
        ok ? buf_u64(out, u) : buf_put(out, err_str(&e));
    } else if (str_eq(kind, STRL("rfc3339"))) {
        ok = num_parse_rfc3339(in, &i);
        if (ok)
            buf_i64(out, i);
    } else if (str_eq(kind, STRL("i64"))) {
        ok = num_parse_i64(in, &i);
        if (ok)
            buf_i64(out, i);
    } else if (str_eq(kind, STRL("u64"))) {
        ok = num_parse_u64(in, &u);
        if (ok)
            buf_u64(out, u);
    } else if (str_eq(kind, STRL("rfc3339_text"))) {
        ptrdiff_t space = str_find_char(in, ' ', 0);
        int64_t nsec = 0;
        ck_assert(num_parse_i64(STR(in.p, space), &i));
        ck_assert(num_parse_i64(str_from(in, (size_t)space + 1), &nsec));
        num_put_rfc3339(out, i, (int32_t)nsec);
    } else {
        ck_assert(num_parse_i64(in, &i));
        if (str_eq(kind, STRL("duration_text")))
            num_put_duration_ms(out, i);
        else if (str_eq(kind, STRL("go_duration_text")))
            num_put_go_duration(out, i);
        else if (str_eq(kind, STRL("size_text")))
            num_put_size(out, (uint64_t)i);
        else
            ck_abort_msg("unknown kind %.*s", STR_ARG(kind));
    }
    return ok;
}

static void
check_format(const str *c)
{
    char out[NUM_TEXT_MAX + 1000];
    double v = f64_from_bits(strtoull(c[1].p, NULL, 16));
    size_t n = format(v, c[2].p[0], atoi(c[3].p), out);
    if (!str_eq(STR(out, n), c[4]))
        ck_abort_msg("%a %c %s: got %.*s, want %s", v, c[2].p[0], c[3].p, (int)n, out, c[4].p);
}

static void
check_answer(const str *c)
{
    struct buf out = {0};
    bool ok = answer(c[0], c[1], &out);
    if (ok != (c[2].p[0] == '1') || !str_eq(buf_str(&out), c[3]))
        ck_abort_msg("%s «%s»: got %d %s, want %s %s", c[0].p, c[1].p, ok, buf_cstr(&out),
                     c[2].p, c[3].p);
    buf_free(&out);
}

START_TEST(test_golden)
{
    FILE *f = unit_golden("go_text.txt");
    char *line = NULL;
    size_t cap = 0, lines = 0;
    for (ssize_t n; (n = getline(&line, &cap, f)) > 0;) {
        line[n - 1] = '\0';
        if (line[0] == '#')
            continue;
        str c[COLUMNS_MAX] = {{0}};
        char *rest = line;
        for (size_t i = 0; i < COLUMNS_MAX && rest != NULL; i++)
            c[i] = str_of(strsep(&rest, "\t"));
        if (str_eq(c[0], STRL("format")))
            check_format(c);
        else
            check_answer(c);
        lines++;
    }
    free(line);
    fclose(f);
    ck_assert_uint_gt(lines, 2000);
}
END_TEST

static double
random_double(void)
{
    switch (rng_below(5)) {
    case 0:
        return f64_from_bits(rng_next());
    case 1:
        return (double)(int64_t)(rng_next() >> rng_below(64));
    case 2:
        return (double)rng_below(1000000000) / pow(10, (double)rng_below(12));
    case 3:
        return nextafter((double)rng_below(1000000) / 1000, (double)rng_below(2) * 1e9);
    default:
        return rng_unit() * pow(10, (double)rng_below(30) - 10);
    }
}

/* The naive shortest form: the first precision that reads back. */
static size_t
naive_shortest(double v, char *out, size_t cap)
{
    for (int p = 0; p < 17; p++) {
        int n = snprintf(out, cap, "%.*e", p, v);
        if (strtod(out, NULL) == v)
            return (size_t)n;
    }
    ck_abort_msg("%a does not round trip", v);
}

START_TEST(test_shortest)
{
    unit_seed();
    for (int i = 0; i < 30000; i++) {
        double v = random_double();
        /* Above a power of two the gaps differ and the naive form may be off. */
        if (!isfinite(v) || (f64_bits(v) & ((UINT64_C(1) << 52) - 1)) == 0)
            continue;
        char got[NUM_TEXT_MAX], want[64], want_api[1000];
        size_t n = num_format(v, 'e', -1, got);
        size_t digits = naive_shortest(v, want, sizeof(want));
        ck_str(STR(got, n), STR(want, digits));
        /* The plain form must be the same digits, laid out: reading gives v back, and as
         * many digits as needed. */
        n = num_format_api(v, got);
        double back = 0;
        ck_assert(num_parse_sample(STR(got, n), &back));
        ck_assert_uint_eq(f64_bits(back), f64_bits(v));
        char *e = memchr(want, 'e', digits);
        int exp = atoi(e + 1), after = (int)(e - want) - (want[0] == '-') - 2 - exp;
        bool plain = fabs(v) >= 1e-6 && fabs(v) < 1e17;
        if (plain) {
            int m = snprintf(want_api, sizeof(want_api), "%.*f", MAX(after, 0), v);
            if (after >= 0 || exp < 15)
                ck_str(STR(got, n), STR(want_api, m));
        }
    }
}
END_TEST

START_TEST(test_parse_against_libc)
{
    unit_seed();
    for (int i = 0; i < 30000; i++) {
        char text[1200];
        double v = random_double(), got = 0;
        if (!isfinite(v))
            continue;
        int n = rng_below(2) ? snprintf(text, sizeof(text), "%.*e", (int)rng_below(40), v)
                             : snprintf(text, sizeof(text), "%.*f", (int)rng_below(20), v);
        double want = strtod(text, NULL);
        ck_assert_int_eq(num_parse_go(STR(text, n), &got), isfinite(want));
        ck_assert_uint_eq(f64_bits(got), f64_bits(want));
        n = snprintf(text, sizeof(text), "%a", v);
        ck_assert(num_parse_go(STR(text, n), &got));
        ck_assert_uint_eq(f64_bits(got), f64_bits(v));
        ck_assert(!num_parse_sample(STR(text, n), &got));
    }
}
END_TEST

START_TEST(test_nan)
{
    double v = 0;
    ck_assert(num_parse_go(STRL("NaN"), &v));
    ck_assert_uint_eq(f64_bits(v), UINT64_C(0x7ff8000000000001));
    ck_assert(num_parse_sample(STRL("nan"), &v));
    ck_assert_uint_eq(f64_bits(v), UINT64_C(0x7ff8000000000001));
}
END_TEST

static void
check_timestamp(int64_t ms, const char *want)
{
    struct buf b = {0};
    num_put_timestamp(&b, ms);
    ck_assert_str_eq(buf_cstr(&b), want);
    buf_free(&b);
}

START_TEST(test_timestamp)
{
    check_timestamp(0, "0");
    check_timestamp(1500, "1.500");
    check_timestamp(1001, "1.001");
    check_timestamp(-1, "-0.001");
    check_timestamp(-1000, "-1");
    check_timestamp(INT64_MIN, "-9223372036854775.808");
    check_timestamp(INT64_MAX, "9223372036854775.807");
}
END_TEST

/* Every day of four centuries there and back. */
START_TEST(test_calendar)
{
    struct buf b = {0};
    for (int64_t day = -146097; day < 146097; day++) {
        buf_clear(&b);
        int64_t sec = day * 86400 + (day & 0xffff), ms = 0;
        num_put_rfc3339(&b, sec, 0);
        ck_assert(num_parse_rfc3339(buf_str(&b), &ms));
        ck_assert_int_eq(ms, sec * 1000);
    }
    buf_free(&b);
}
END_TEST

/* Whatever the precision, at most NUM_TEXT_MAX and the precision are written. */
START_TEST(test_room)
{
    static const double widest[] = {-1.7976931348623157e308, -5e-324, -2.2250738585072014e-308};
    for (size_t i = 0; i < ARRAY_LEN(widest); i++)
        for (int p = -1; p < 1200; p += 13)
            for (const char *verb = "efgEG"; *verb; verb++) {
                char *out = malloc(NUM_TEXT_MAX + (size_t)MAX(p, 0));
                size_t n = num_format(widest[i], *verb, p, out);
                ck_assert_uint_le(n, NUM_TEXT_MAX + (size_t)MAX(p, 0));
                free(out);
            }
}
END_TEST

UNIT_MAIN("num", test_golden, test_shortest, test_parse_against_libc, test_nan, test_timestamp,
          test_calendar, test_room)
