/* Pages against what Prometheus' parsers made of them (tests/golden/exposition.txt), and
 * the fast path against the slow one.
 *
 * A case is "= FORMAT BASE64" and lines for its entries: T type, H help, U unit, C comment,
 * S series (text, value's bits, time, labels), X exemplar, then "." or E with the error. */
#include "tests/unit/unit.h"

#include <inttypes.h>

#include "base/compress.h"
#include "base/mem.h"
#include "base/unicode.h"
#include "model/sample.h"
#include "server/scrape/exposition.h"

static int
label_cmp(const void *x, const void *y)
{
    return str_cmp(((const struct label *)x)->name, ((const struct label *)y)->name);
}

static void
put_label(struct buf *out, str name, str value)
{
    buf_byte(out, ' ');
    unicode_put_quoted(out, name);
    buf_byte(out, '=');
    unicode_put_quoted(out, value);
}

static void
put_sorted(struct buf *out, struct label *v, size_t n)
{
    /* By insertion: equal names keep their order. */
    for (size_t i = 1; i < n; i++)
        for (size_t k = i; k > 0 && label_cmp(&v[k], &v[k - 1]) < 0; k--) {
            struct label t = v[k];
            v[k] = v[k - 1];
            v[k - 1] = t;
        }
    for (size_t i = 0; i < n; i++)
        put_label(out, v[i].name, v[i].value);
}

static void
put_series(struct buf *out, const struct expo *x, struct arena *a)
{
    size_t n;
    buf_lit(out, "S ");
    unicode_put_quoted(out, x->series);
    buf_printf(out, " %016" PRIx64 " ", f64_bits(x->v));
    if (x->has_t)
        buf_i64(out, x->t);
    else
        buf_byte(out, '-');
    struct label *v = expo_labels(x, a, &n);
    put_sorted(out, v, n);
    buf_byte(out, '\n');
    if (!x->has_exemplar)
        return;
    buf_printf(out, "X %016" PRIx64 " ", f64_bits(x->exemplar_v));
    if (x->exemplar_has_t)
        buf_i64(out, x->exemplar_t);
    else
        buf_byte(out, '-');
    v = ARENA_ARRAY(a, struct label, x->exemplar_n + 1);
    for (size_t i = 0; i < x->exemplar_n; i++)
        v[i] = (struct label){x->exemplar[i].name, x->exemplar[i].value};
    put_sorted(out, v, x->exemplar_n);
    buf_byte(out, '\n');
}

static void
put_two(struct buf *out, char what, str a, str b)
{
    buf_byte(out, what);
    buf_byte(out, ' ');
    unicode_put_quoted(out, a);
    buf_byte(out, ' ');
    unicode_put_quoted(out, b);
    buf_byte(out, '\n');
}

static void
dump(str page, enum expo_format format, struct buf *out, struct arena *a)
{
    struct expo *x = MEM_NEW(struct expo);
    struct err e;

    expo_init(x, page, format);
    for (;;) {
        switch (expo_next(x, &e)) {
        case EXPO_END:
            buf_lit(out, ".\n");
            mem_free(x);
            return;
        case EXPO_ERROR:
            buf_lit(out, "E ");
            unicode_put_quoted(out, err_str(&e));
            buf_byte(out, '\n');
            mem_free(x);
            return;
        case EXPO_SERIES:
            put_series(out, x, a);
            break;
        case EXPO_TYPE:
            buf_lit(out, "T ");
            unicode_put_quoted(out, x->family);
            buf_printf(out, " %s\n", metric_kind_name(x->kind));
            break;
        case EXPO_HELP:
            put_two(out, 'H', x->family, expo_help(x, a));
            break;
        case EXPO_UNIT:
            put_two(out, 'U', x->family, x->unit);
            break;
        case EXPO_COMMENT:
            buf_lit(out, "C ");
            unicode_put_quoted(out, x->text);
            buf_byte(out, '\n');
            break;
        }
        arena_clear(a);
    }
}

static unsigned
check_case(const char *head, str want)
{
    struct buf page = {0}, got = {0};
    struct arena *a = arena_new();
    enum expo_format format = strncmp(head, "om", 2) == 0 ? EXPO_OPENMETRICS : EXPO_TEXT;
    str code = str_of(strchr(head, ' ') + 1);

    while (code.n && code.p[code.n - 1] == '\n')
        code.n--;
    ck_assert(base64_decode(code, &page));
    /* An exact heap copy, so that a sanitizer sees reads past the end. */
    str exact = mem_str(buf_str(&page));
    dump(exact, format, &got, a);
    unsigned bad = !str_eq(buf_str(&got), want);
    if (bad) {
        struct buf q = {0};
        unicode_put_quoted(&q, buf_str(&page));
        fprintf(stderr, "%.4s %.*s\n  got\n%.*s  want\n%.*s", head, STR_ARG(buf_str(&q)),
                STR_ARG(buf_str(&got)), STR_ARG(want));
        buf_free(&q);
    }
    mem_free((void *)(uintptr_t)exact.p);
    buf_free(&page);
    buf_free(&got);
    arena_free(&a);
    return bad;
}

START_TEST(test_golden)
{
    FILE *f = unit_golden("exposition.txt");
    char *line = NULL, *head = NULL;
    size_t cap = 0;
    ssize_t n;
    struct buf want = {0};
    unsigned cases = 0, bad = 0;

    for (;;) {
        n = getline(&line, &cap, f);
        if ((n <= 0 || line[0] == '=') && head) {
            cases++;
            bad += check_case(head, buf_str(&want));
            free(head);
            head = NULL;
        }
        if (n <= 0)
            break;
        if (line[0] == '=') {
            buf_clear(&want);
            head = strdup(line + 2);
        } else {
            buf_put(&want, STR(line, n));
        }
    }
    free(line);
    fclose(f);
    buf_free(&want);
    fprintf(stderr, "%u pages\n", cases);
    ck_assert_msg(bad == 0, "%u of %u pages differ", bad, cases);
    ck_assert_uint_gt(cases, 1000);
}
END_TEST

UNIT_MAIN("exposition", test_golden)
