#include "base/regex_priv.h"

#include <errno.h>

#include "base/mem.h"
#include "base/thread.h"
#include "base/unicode.h"
#include "tests/unit/unit.h"

/* tests/golden/regex.txt was written by Go's regexp:
 *   P <mode> <pattern>            mode A anchored, S search, R relabel
 *   E <text>                      refused with this sentence, or
 *   M <input> 0|1 <offsets>       matches or not; of the groups, -1 for unset
 *   R <input> <template> <text>   ReplaceAllString
 *   U <class> <runes> <sum>       how many runes a class has, and a checksum of its ranges
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

static size_t
split(char *line, char **field, size_t max)
{
    size_t n = 0;
    line[strcspn(line, "\n")] = '\0';
    while (n < max && line != NULL)
        field[n++] = strsep(&line, "\t");
    return n;
}

struct golden {
    struct regex *regex;
    struct err refused;
    bool ok;
    struct buf shown;
};

static enum regex_flags
mode_of(char c)
{
    return c == 'A' ? REGEX_ANCHORED : c == 'S' ? REGEX_SEARCH : REGEX_RELABEL;
}

static void
groups_text(const struct regex *r, str s, struct buf *out)
{
    str groups[64];
    size_t n = regex_capture(r, s, 0, groups, ARRAY_LEN(groups));
    for (size_t i = 0; i < n; i++) {
        if (i > 0)
            buf_byte(out, ',');
        if (groups[i].p == NULL)
            buf_lit(out, "-1,-1");
        else
            buf_printf(out, "%td,%td", groups[i].p - s.p, groups[i].p + groups[i].n - s.p);
    }
}

/* The same by the engine and by the simulation, whatever path the regex itself takes. */
static void
check_both_engines(const struct golden *g, str s, bool want)
{
    struct regex_tree tree;
    struct err e;
    struct arena *a = arena_new();
    bool anchored = regex_flags_of(g->regex) == REGEX_ANCHORED;
    ck_assert(regex_tree_of(g->regex, a, &tree, &e));
    if (s.n % 2 == 0)
        tree.root = regex_factor(tree.root, a);
    struct regex_vm *vm = regex_vm_new(&tree, anchored);
    if (regex_vm_run(vm, s, 0, NULL, 0) != want)
        ck_abort_msg("vm: %s on '%.*s' should be %d", buf_cstr((struct buf *)&g->shown), STR_ARG(s),
                     want);
    regex_vm_free(&vm);
    struct regex_engine *en = regex_engine_new(tree.root, anchored);
    if (en == NULL) { /* too large for it */
        arena_free(&a);
        return;
    }
    enum regex_verdict wrong = want ? REGEX_NO : REGEX_YES;
    if (utf8_valid(s) && regex_engine_run(en, s, 0, NULL, 0) == wrong)
        ck_abort_msg("engine: %s on '%.*s' should be %d", buf_cstr((struct buf *)&g->shown),
                     STR_ARG(s), want);
    regex_engine_free(&en);
    arena_free(&a);
}

static void
check_match(struct golden *g, char **field, size_t n)
{
    str s = unescape(field[1]);
    bool want = field[2][0] == '1';
    struct buf got = {0};
    if (regex_match(g->regex, s) != want)
        ck_abort_msg("%s on '%s' should be %d", buf_cstr(&g->shown), field[1], want);
    groups_text(g->regex, s, &got);
    if (!str_eq(buf_str(&got), n > 3 ? str_of(field[3]) : STR_EMPTY))
        ck_abort_msg("%s on '%s': groups %s, want %s", buf_cstr(&g->shown), field[1],
                     buf_cstr(&got), n > 3 ? field[3] : "none");
    buf_free(&got);
    check_both_engines(g, s, want);
}

static void
check_replace(struct golden *g, char **field)
{
    struct buf got = {0};
    regex_replace_all(g->regex, unescape(field[1]), unescape(field[2]), &got);
    if (!str_eq(buf_str(&got), unescape(field[3])))
        ck_abort_msg("%s replacing: got '%s', want '%s'", buf_cstr(&g->shown), buf_cstr(&got),
                     field[3]);
    buf_free(&got);
}

static void
golden_pattern(struct golden *g, char **field)
{
    regex_free(&g->regex);
    buf_clear(&g->shown);
    buf_printf(&g->shown, "%s /%s/", field[1], field[2]);
    g->ok = regex_compile(unescape(field[2]), mode_of(field[1][0]), &g->regex, &g->refused);
}

static void
check_class(char **field)
{
    struct regex_tree tree;
    struct err e;
    struct arena *a = arena_new();
    uint64_t runes = 0, sum = 0;
    if (!regex_parse(unescape(field[1]), 0, a, &tree, &e))
        ck_abort_msg("%s", e.text);
    ck_assert_int_eq(tree.root->op, RE_CLASS);
    for (size_t i = 0; i < tree.root->class.n; i++) {
        const struct regex_range *r = &tree.root->class.range[i];
        runes += r->hi - r->lo + 1;
        sum = (sum * 31 + r->lo) * 31 + r->hi;
    }
    if (runes != strtoull(field[2], NULL, 10) || sum != strtoull(field[3], NULL, 10))
        ck_abort_msg("%s has %llu runes, want %s", field[1], (unsigned long long)runes, field[2]);
    arena_free(&a);
}

static void
golden_line(struct golden *g, char **field, size_t n)
{
    if (field[0][0] == 'P') {
        golden_pattern(g, field);
        return;
    }
    if (field[0][0] == 'U') {
        check_class(field);
        return;
    }
    if (field[0][0] == 'E') {
        if (g->ok || !str_eq(err_str(&g->refused), unescape(field[1])))
            ck_abort_msg("%s: %s, want %s", buf_cstr(&g->shown), g->ok ? "taken" : g->refused.text,
                         field[1]);
        return;
    }
    if (!g->ok)
        ck_abort_msg("%s: refused: %s", buf_cstr(&g->shown), g->refused.text);
    if (field[0][0] == 'M')
        check_match(g, field, n);
    else
        check_replace(g, field);
}

START_TEST(test_as_go)
{
    const char *other = getenv("NARTHEX_REGEX_GOLDEN");
    FILE *f = other ? fopen(other, "re") : unit_golden("regex.txt");
    struct golden g = {0};
    char *line = NULL;
    size_t cap = 0, lines = 0;
    ck_assert_ptr_nonnull(f);
    while (getline(&line, &cap, f) > 0) {
        char *field[4] = {0};
        size_t n = split(line, field, ARRAY_LEN(field));
        golden_line(&g, field, n);
        lines++;
    }
    ck_assert_uint_gt(lines, 1000);
    free(line);
    fclose(f);
    regex_free(&g.regex);
    buf_free(&g.shown);
}
END_TEST

/* Whatever way a regex takes, it answers as the other two engines do. */
static void
random_pattern(struct buf *out, int depth)
{
    static const char *const atoms[] = {"a",    "b",    "ab",   ".",    ".*",        ".+",
                                        "[ab]", "[^a]", "c",    "a?",   "é",         "^",
                                        "$",    "\\b",  "x{2}", "(?:)", "[a-c]{1,2}"};
    switch (depth > 0 ? rng_below(6) : 0) {
    default:
        buf_put(out, str_of(atoms[rng_below(ARRAY_LEN(atoms))]));
        return;
    case 2:
    case 3:
        random_pattern(out, depth - 1);
        random_pattern(out, depth - 1);
        return;
    case 4:
        buf_lit(out, "(?:");
        random_pattern(out, depth - 1);
        buf_byte(out, '|');
        random_pattern(out, depth - 1);
        buf_byte(out, ')');
        return;
    case 5:
        buf_byte(out, '(');
        random_pattern(out, depth - 1);
        buf_put(out, str_of(rng_below(2) ? ")" : ")*"));
        return;
    }
}

static void
random_text(struct buf *out)
{
    static const char *const parts[] = {"a", "b", "c", "x", "é", "\n", " ", "\xff", "ab", "abc"};
    buf_clear(out);
    for (uint64_t n = rng_below(7); n > 0; n--)
        buf_put(out, str_of(parts[rng_below(ARRAY_LEN(parts))]));
}

static void
compare_paths(str pattern, enum regex_flags flags)
{
    struct golden g = {0};
    struct err e;
    struct buf text = {0};
    buf_put(&g.shown, pattern);
    if (!regex_compile(pattern, flags, &g.regex, &e))
        goto out; /* a{2}* and such */
    for (int i = 0; i < 8; i++) {
        random_text(&text);
        check_both_engines(&g, buf_str(&text), regex_match(g.regex, buf_str(&text)));
    }
out:
    buf_free(&text);
    buf_free(&g.shown);
    regex_free(&g.regex);
}

static struct regex *
compiled(const char *pattern, enum regex_flags flags)
{
    struct regex *r = NULL;
    struct err e;
    if (!regex_compile(str_of(pattern), flags, &r, &e))
        ck_abort_msg("%s: %s", pattern, e.text);
    return r;
}

START_TEST(test_search_start)
{
    struct regex *r = compiled("(?:.|\\b).*[ab]", REGEX_SEARCH);
    ck_assert(regex_match(r, STRL("acx")));
    regex_free(&r);
}
END_TEST

START_TEST(test_paths_agree)
{
    static const enum regex_flags modes[] = {REGEX_ANCHORED, REGEX_SEARCH, REGEX_RELABEL};
    struct buf pattern = {0};
    unit_seed();
    for (int i = 0; i < 1500; i++) {
        buf_clear(&pattern);
        random_pattern(&pattern, 4);
        compare_paths(buf_str(&pattern), modes[rng_below(3)]);
    }
    buf_free(&pattern);
}
END_TEST

START_TEST(test_shape)
{
    static const struct {
        const char *pattern;
        bool any, any_non_empty;
        const char *prefix;
        const char *set; /* joined by spaces; NULL for none */
    } cases[] = {
        {".*", true, false, "", NULL},
        {"(.*)", true, false, "", NULL},
        {".*.*", true, false, "", NULL},
        {"a|.*", true, false, "", NULL},
        {".+", false, true, "", NULL},
        {".*.+", false, true, "", NULL},
        {"^.+$", false, true, "", NULL},
        {"foo", false, false, "foo", "foo"},
        {"", false, false, "", ""},
        {"foo|", false, false, "", " foo"},
        {"b|a|b", false, false, "", "a b"},
        {"foo(bar|baz)", false, false, "fooba", "foobar foobaz"},
        {"5[01]{2}", false, false, "5", "500 501 510 511"},
        {"colou?r", false, false, "colo", "color colour"},
        {"foo.*", false, false, "foo", NULL},
        {"foo.*bar|foox.+", false, false, "foo", NULL},
        {"foo[^x]+", false, false, "foo", NULL},
        {"(foo\\d)+", false, false, "", NULL},
        {"(?i)foo", false, false, "", NULL},
        {"(?i)123", false, false, "123", "123"},
        {"\\.", false, false, ".", "."},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct regex *r = compiled(cases[i].pattern, REGEX_ANCHORED);
        const struct regex_shape *s = regex_shape(r);
        struct buf set = {0};
        for (size_t k = 0; k < s->set_n; k++) {
            buf_put(&set, str_of(k ? " " : ""));
            buf_put(&set, s->set[k]);
        }
        if (s->any != cases[i].any || s->any_non_empty != cases[i].any_non_empty ||
            !str_eq(s->prefix, str_of(cases[i].prefix)) ||
            (s->set_n > 0) != (cases[i].set != NULL) ||
            !str_eq(buf_str(&set), str_of(cases[i].set)))
            ck_abort_msg("%s: any %d non-empty %d prefix '%.*s' set '%s'", cases[i].pattern, s->any,
                         s->any_non_empty, STR_ARG(s->prefix), buf_cstr(&set));
        buf_free(&set);
        regex_free(&r);
    }
}
END_TEST

/* Backtracking would take longer than the universe has. */
START_TEST(test_no_pattern_hangs)
{
    static const char *const patterns[] = {"(x+x+)+y",       "(x*)*y",
                                           "(?:x|xx|xxx)*y", "([x-z]*)*[0-9]y",
                                           "(x?){30}x{30}y", "[x-z]*[w-x]*x*[x-y]*[v-x]*y"};
    struct buf text = {0};
    for (int i = 0; i < 3000; i++)
        buf_byte(&text, 'x');
    buf_lit(&text, "yx");
    for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
        struct regex *r = compiled(patterns[i], REGEX_ANCHORED);
        str groups[2];
        ck_assert(!regex_match(r, buf_str(&text)));
        ck_assert_uint_eq(regex_capture(r, buf_str(&text), 0, groups, 2), 0);
        regex_free(&r);
    }
    buf_free(&text);
}
END_TEST

START_TEST(test_long_alternation)
{
    struct buf pattern = {0}, text = {0};
    for (int i = 0; i < 4000; i++)
        buf_printf(&pattern, "%shost-%04d.example.com", i ? "|" : "", i);
    struct regex *r = compiled(buf_cstr(&pattern), REGEX_ANCHORED);
    for (int i = 0; i < 4000; i += 97) {
        buf_clear(&text);
        buf_printf(&text, "host-%04dXexample.com", i);
        ck_assert(regex_match(r, buf_str(&text)));
        buf_byte(&text, 'X');
        ck_assert(!regex_match(r, buf_str(&text)));
    }
    ck_assert(!regex_match(r, STRL("host-4000.example.com")));
    regex_free(&r);
    buf_free(&pattern);
    buf_free(&text);
}
END_TEST

static void
match_many(void *arg, size_t i)
{
    struct regex *r = (struct regex *)arg;
    char text[32];
    snprintf(text, sizeof(text), "job-%zu", i);
    ck_assert_int_eq(regex_match(r, str_of(text)), i % 2 == 0);
    str groups[2];
    ck_assert_uint_eq(regex_capture(r, str_of(text), 0, groups, 2), i % 2 == 0 ? 2 : 0);
}

/* The engines are made by whichever thread comes first. */
START_TEST(test_threads)
{
    struct pool *p = NULL;
    struct err e;
    ck_assert(pool_new(&p, "regex", 3, &e));
    for (int round = 0; round < 20; round++) {
        struct regex *r = compiled(round % 2 ? "job-([0-9]*[02468])" : "job-((?:[0-9]?)*[02468])",
                                   REGEX_ANCHORED);
        pool_for(p, 64, match_many, r);
        regex_free(&r);
    }
    pool_free(&p);
}
END_TEST

START_TEST(test_names)
{
    struct regex *r = compiled("(?P<a>x)(y)(?<b>z)", REGEX_SEARCH);
    ck_assert_uint_eq(regex_group_count(r), 3);
    ck_assert_int_eq(regex_group_index(r, STRL("a")), 1);
    ck_assert_int_eq(regex_group_index(r, STRL("b")), 3);
    ck_assert_int_eq(regex_group_index(r, STRL("c")), -1);
    ck_assert_int_eq(regex_group_index(r, STR_EMPTY), -1);
    ck_lit(regex_group_name(r, 2), "");
    struct regex *other = regex_ref(r);
    regex_free(&r);
    ck_assert_ptr_null(r);
    ck_lit(regex_pattern(other), "(?P<a>x)(y)(?<b>z)");
    regex_free(&other);
}
END_TEST

UNIT_MAIN("regex", test_as_go, test_search_start, test_paths_agree, test_shape,
          test_no_pattern_hangs, test_long_alternation, test_threads, test_names)
