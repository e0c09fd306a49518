/* Labels, text and relabelling against golden answers of the reference.
 *
 * Lines of tests/golden/labels.txt; strings in hex, "-" for empty; a set is its length and
 * pairs.  A rule is: action, sources, separator, target, replacement, modulus, regex,
 * regex left at the default, legacy names. */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/unicode.h"
#include "model/labels.h"
#include "model/matcher.h"
#include "model/relabel.h"

struct line {
    char *p;
    struct arena *a;
};

static char *
word(struct line *l)
{
    char *start = l->p + strspn(l->p, " ");
    l->p = start + strcspn(start, " ");
    if (*l->p)
        *l->p++ = '\0';
    return start;
}

static str
text(struct line *l)
{
    const char *w = word(l);
    size_t n = strcmp(w, "-") == 0 ? 0 : strlen(w) / 2;
    char *out = arena_alloc(l->a, n + 1);
    for (size_t i = 0; i < n; i++) {
        unsigned byte;
        ck_assert_int_eq(sscanf(w + 2 * i, "%2x", &byte), 1);
        out[i] = (char)byte;
    }
    out[n] = '\0';
    return STR(out, n);
}

static struct labels
set(struct line *l)
{
    size_t n = strtoul(word(l), NULL, 10);
    struct label *v = ARENA_ARRAY(l->a, struct label, n);
    for (size_t i = 0; i < n; i++) {
        v[i].name = text(l);
        v[i].value = text(l);
    }
    return (struct labels){v, n};
}

static void
same_text(str got, str want)
{
    ck_assert_msg(str_eq(got, want), "got %.*s, want %.*s", STR_ARG(got), STR_ARG(want));
}

static void
same_put(void (*put)(struct buf *, struct labels), struct labels ls, str want)
{
    struct buf b = {0};
    put(&b, ls);
    same_text(buf_str(&b), want);
    buf_free(&b);
}

static void
try_set(struct line *l)
{
    struct labels ls = set(l), copy = labels_copy(l->a, ls);
    ck_assert_uint_eq(labels_hash_stable(ls), strtoull(word(l), NULL, 16));
    ck_assert_uint_eq(labels_fingerprint(ls), strtoull(word(l), NULL, 16));
    same_put(labels_put, ls, text(l));
    same_put(labels_put_metric, ls, text(l));
    ck_assert(labels_eq(ls, copy));
    ck_assert_uint_eq(labels_hash(ls), labels_hash(copy));
    ck_assert_uint_eq(labels_hash_without(ls, NULL, 0) == labels_hash(ls),
                      !labels_has(ls, LABEL_NAME));
    for (size_t i = 0; i < ls.n; i++)
        same_text(labels_get(ls, ls.v[i].name), ls.v[i].value);
    ck_assert(!labels_has(ls, STRL("absent")));
}

static void
try_cmp(struct line *l)
{
    struct labels a = set(l), b = set(l);
    int want = atoi(word(l)), got = labels_cmp(a, b);
    ck_assert_int_eq((got > 0) - (got < 0), want);
    ck_assert_int_eq(labels_eq(a, b), want == 0);
}

static void
try_case(struct line *l)
{
    str s = text(l);
    struct buf b = {0};
    unicode_put_lower(&b, s);
    same_text(buf_str(&b), text(l));
    buf_clear(&b);
    unicode_put_upper(&b, s);
    same_text(buf_str(&b), text(l));
    buf_free(&b);
    ck_assert_int_eq(utf8_valid(s), atoi(word(l)));
}

static struct relabel
rule(struct line *l)
{
    struct err e = ERR_INIT;
    struct relabel r = {0};

    ck_assert(relabel_action_parse(str_of(word(l)), &r.action, &e));
    r.source_n = strtoul(word(l), NULL, 10);
    r.source = r.source_n ? ARENA_ARRAY(l->a, str, r.source_n) : NULL;
    for (size_t i = 0; i < r.source_n; i++)
        r.source[i] = text(l);
    r.separator = text(l);
    r.target = text(l);
    r.replacement = text(l);
    r.modulus = strtoull(word(l), NULL, 10);
    ck_assert(regex_compile(text(l), REGEX_ANCHORED, &r.regex, &e));
    r.regex_default = atoi(word(l)) == 1;
    r.legacy_names = atoi(word(l)) == 1;
    return r;
}

static void
try_rule(const char *op, struct line *l)
{
    struct err e = ERR_INIT;
    struct relabel r = rule(l);

    if (strcmp(op, "invalid") == 0) {
        ck_assert(!relabel_validate(&r, &e));
        ck_assert_str_eq(e.text, text(l).p);
        regex_free(&r.regex);
        return;
    }
    ck_assert_msg(relabel_validate(&r, &e), "%s", e.text);
    struct labels_builder b;
    labels_builder_init(&b, l->a, set(l));
    if (atoi(word(l)) == 1) {
        labels_builder_set(&b, STRL("a"), STRL("set"));
        labels_builder_set(&b, STRL("zz"), STRL("9"));
    }
    bool keep = relabel_apply(&r, 1, &b);
    ck_assert_int_eq(keep, strcmp(op, "apply") == 0);
    if (keep) {
        struct labels got = labels_builder_done(&b), want = set(l);
        struct buf g = {0}, w = {0};
        labels_put(&g, got);
        labels_put(&w, want);
        ck_assert_str_eq(buf_cstr(&g), buf_cstr(&w));
        buf_free(&g);
        buf_free(&w);
    }
    regex_free(&r.regex);
}

START_TEST(golden)
{
    char *raw = NULL;
    size_t cap = 0, lines = 0;
    FILE *f = fopen(GOLDEN_DIR "/labels.txt", "r");

    ck_assert_msg(f != NULL, "no golden file");
    while (getline(&raw, &cap, f) > 0) {
        struct line l = {.p = raw, .a = arena_new()};
        raw[strcspn(raw, "\n")] = '\0';
        if (getenv("VERBOSE"))
            fprintf(stderr, "%s\n", raw);
        const char *op = word(&l);
        if (strcmp(op, "set") == 0)
            try_set(&l);
        else if (strcmp(op, "cmp") == 0)
            try_cmp(&l);
        else if (strcmp(op, "case") == 0)
            try_case(&l);
        else
            try_rule(op, &l);
        lines++;
        arena_free(&l.a);
    }
    ck_assert_uint_gt(lines, 1000);
    free(raw);
    fclose(f);
}
END_TEST

START_TEST(matchers)
{
    static const struct {
        enum matcher_type type;
        str name, value, input;
        bool matches, empty;
        const char *text;
    } t[] = {
        {MATCH_EQ, STRL("a"), STRL("x"), STRL("x"), true, false, "a=\"x\""},
        {MATCH_NE, STRL("a"), STRL("x"), STRL("x"), false, true, "a!=\"x\""},
        {MATCH_EQ, STRL("a"), STRL(""), STRL("x"), false, true, "a=\"\""},
        {MATCH_RE, STRL("a.b"), STRL("x|y.*"), STRL("yes\n"), true, false, "\"a.b\"=~\"x|y.*\""},
        {MATCH_NRE, STRL("a"), STRL("x+"), STRL("xx"), false, true, "a!~\"x+\""},
        {MATCH_RE, STRL("a"), STRL(".*"), STRL("z"), true, true, "a=~\".*\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        struct err e = ERR_INIT;
        struct matcher m;
        struct buf b = {0};
        ck_assert(matcher_init(&m, t[i].type, t[i].name, t[i].value, &e));
        ck_assert_int_eq(matcher_matches(&m, t[i].input), t[i].matches);
        ck_assert_int_eq(matcher_matches_empty(&m), t[i].empty);
        matcher_put(&b, &m);
        ck_assert_str_eq(buf_cstr(&b), t[i].text);
        buf_free(&b);
        matcher_fini(&m);
    }
    struct err e = ERR_INIT;
    struct matcher m;
    ck_assert(!matcher_init(&m, MATCH_RE, STRL("a"), STRL("("), &e));
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("labels");
    TCase *tc = tcase_create("labels");
    tcase_add_test(tc, golden);
    tcase_add_test(tc, matchers);
    suite_add_tcase(s, tc);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? 1 : 0;
}
