#include "base/url.h"

#include "base/num.h"
#include "tests/unit/unit.h"

/* tests/golden/url.txt was written by Go's net/url and time:
 *   U <url> <String> <Redacted> <Host> <Hostname> <Port>, or U <url> E <error>
 *   Q <text> <QueryEscape> <PathEscape>
 *   D <duration> <nanoseconds>, or D <duration> E <error>
 * Fields are separated by tabs; \\ \n \t \xNN stand for bytes. */

static str
unescape(char *field)
{
    char *w = field;
    for (const char *p = field; *p != '\0';) {
        if (*p != '\\') {
            *w++ = *p++;
        } else if (p[1] == 'x') {
            *w++ = (char)strtol((char[]){p[2], p[3], '\0'}, NULL, 16);
            p += 4;
        } else {
            *w++ = p[1] == 'n' ? '\n' : p[1] == 't' ? '\t' : '\\';
            p += 2;
        }
    }
    return STR(field, (size_t)(w - field));
}

static void
same(str of, const char *what, str got, str want)
{
    if (!str_eq(got, want))
        ck_abort_msg("%.*s: %s is %.*s, not %.*s", STR_ARG(of), what, STR_ARG(got), STR_ARG(want));
}

static void
check_url(struct arena *a, str *f, size_t n)
{
    struct url u;
    struct err e;
    if (!url_parse(f[1], a, &u, &e)) {
        ck_assert_msg(str_eq(f[2], STRL("E")) && n == 4, "%.*s: %s", STR_ARG(f[1]), e.text);
        /* What is wrong with an address in brackets has more words in Go. */
        if (memmem(f[3].p, f[3].n, "invalid host: ParseAddr", 23) == NULL)
            same(f[1], "error", err_str(&e), f[3]);
        return;
    }
    ck_assert_msg(n == 7, "%.*s is taken; %.*s", STR_ARG(f[1]), STR_ARG(f[3]));
    same(f[1], "text", url_text(&u, a, false), f[2]);
    same(f[1], "redacted", url_text(&u, a, true), f[3]);
    same(f[1], "host", u.host, f[4]);
    same(f[1], "hostname", url_hostname(&u), f[5]);
    same(f[1], "port", url_port(&u), f[6]);
}

static void
check_duration(str *f, size_t n)
{
    struct err e;
    int64_t ns, want;
    bool ok = num_parse_go_duration(f[1], &ns, &e);
    if (n == 4) {
        ck_assert_msg(!ok, "%.*s is taken", STR_ARG(f[1]));
        same(f[1], "error", err_str(&e), f[3]);
        return;
    }
    ck_assert_msg(ok, "%.*s: %s", STR_ARG(f[1]), e.text);
    ck_assert(num_parse_i64(f[2], &want));
    ck_assert_msg(ns == want, "%.*s: %lld", STR_ARG(f[1]), (long long)ns);
}

START_TEST(test_golden)
{
    FILE *file = unit_golden("url.txt");
    static char line[4096];
    size_t count = 0;
    while (fgets(line, sizeof(line), file) != NULL) {
        struct arena *a = arena_new();
        char *field[8];
        str f[8];
        size_t n = 0;
        line[strcspn(line, "\n")] = '\0';
        for (char *p = line; n < 8; p += strlen(p) + 1) {
            field[n++] = p;
            char *tab = strchr(p, '\t');
            if (tab == NULL)
                break;
            *tab = '\0';
        }
        for (size_t i = 0; i < n; i++)
            f[i] = unescape(field[i]);
        if (f[0].p[0] == 'U') {
            check_url(a, f, n);
        } else if (f[0].p[0] == 'D') {
            check_duration(f, n);
        } else {
            struct buf q = {0}, p = {0};
            url_put_query_escaped(&q, f[1]);
            url_put_path_escaped(&p, f[1]);
            same(f[1], "query", buf_str(&q), f[2]);
            same(f[1], "path", buf_str(&p), f[3]);
            buf_free(&q);
            buf_free(&p);
        }
        arena_free(&a);
        count++;
    }
    fclose(file);
    ck_assert(count > 2000);
}
END_TEST

UNIT_MAIN("url", test_golden)
