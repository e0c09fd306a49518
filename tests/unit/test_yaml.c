#include "base/yaml.h"

#include <math.h>

#include "base/mem.h"
#include "base/num.h"
#include "tests/unit/unit.h"

/* tests/golden/yaml.txt was written by Go's yaml.v2 and yaml.v3:
 *   2|3 <text> <value>   Unmarshal into any: E and the sentence, or the value as dump prints
 *   O <scalar> <text>    yaml.v2's Marshal of {k: scalar, l: [scalar, {scalar: 1}]}
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
escape(struct buf *out, str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c == '\\')
            buf_lit(out, "\\\\");
        else if (c == '\n')
            buf_lit(out, "\\n");
        else if (c == '\t')
            buf_lit(out, "\\t");
        else if (c < ' ' || c >= 0x7F)
            buf_printf(out, "\\x%02x", c);
        else
            buf_byte(out, (char)c);
    }
}

static void dump(struct buf *out, const struct yaml_node *n);

struct pair {
    struct buf key, text; /* text: key:value */
};

static int
pair_cmp(const void *a, const void *b)
{
    return str_cmp(buf_str(&((const struct pair *)a)->text),
                   buf_str(&((const struct pair *)b)->text));
}

/* Go's map keeps the last of equal keys in v2; v3 has none. */
static void
dump_map(struct buf *out, const struct yaml_node *n)
{
    struct pair *pairs = MEM_ARRAY(struct pair, n->n + 1);
    size_t count = 0;
    for (size_t i = 0; i < n->n; i++) {
        struct buf key = {0};
        size_t at = 0;
        dump(&key, n->key[i]);
        while (at < count && !str_eq(buf_str(&pairs[at].key), buf_str(&key)))
            at++;
        count = MAX(count, at + 1);
        buf_free(&pairs[at].key);
        pairs[at].key = key;
        buf_clear(&pairs[at].text);
        buf_put(&pairs[at].text, buf_str(&key));
        buf_byte(&pairs[at].text, ':');
        dump(&pairs[at].text, n->item[i]);
    }
    qsort(pairs, count, sizeof(*pairs), pair_cmp);
    buf_byte(out, '{');
    for (size_t i = 0; i < count; i++) {
        buf_put(out, str_of(i ? "," : ""));
        buf_put(out, buf_str(&pairs[i].text));
        buf_free(&pairs[i].key);
        buf_free(&pairs[i].text);
    }
    buf_byte(out, '}');
    mem_free(pairs);
}

static void
dump_scalar(struct buf *out, const struct yaml_node *n)
{
    str tag = yaml_resolved_tag(n);
    char text[NUM_TEXT_MAX];
    bool b;
    int64_t i;
    uint64_t u;
    double f;
    if (str_eq(tag, STRL("!!null"))) {
        buf_lit(out, "null");
    } else if (str_eq(tag, STRL("!!bool")) && yaml_bool(n, &b)) {
        buf_put(out, str_of(b ? "true" : "false"));
    } else if (str_eq(tag, STRL("!!int")) && yaml_int(n, &i)) {
        buf_printf(out, "i%lld", (long long)i);
    } else if (str_eq(tag, STRL("!!int")) && yaml_uint(n, &u)) {
        buf_printf(out, "u%llu", (unsigned long long)u);
    } else if (str_eq(tag, STRL("!!float")) && yaml_float(n, &f)) {
        buf_byte(out, 'f');
        buf_put(out, STR(text, num_format(f, 'g', isnan(f) ? -1 : 17, text)));
    } else if (str_eq(tag, STRL("!!timestamp")) && !n->v2) {
        buf_byte(out, 'T');
    } else {
        buf_byte(out, '"');
        escape(out, n->text);
        buf_byte(out, '"');
    }
}

static void
dump(struct buf *out, const struct yaml_node *n)
{
    switch (n->type) {
    case YAML_NULL_NODE:
        buf_lit(out, "null");
        return;
    case YAML_SCALAR:
        dump_scalar(out, n);
        return;
    case YAML_LIST:
        buf_byte(out, '[');
        for (size_t i = 0; i < n->n; i++) {
            buf_put(out, str_of(i ? "," : ""));
            dump(out, n->item[i]);
        }
        buf_byte(out, ']');
        return;
    case YAML_MAP:
        dump_map(out, n);
        return;
    }
}

static void
check_read(bool v2, char *text, str want)
{
    struct yaml_doc *d = NULL;
    struct err e;
    struct buf got = {0};
    char *shown = mem_cstr(str_of(text));
    str plain = unescape(text);
    if (v2 ? yaml_parse_v2(plain, &d, &e) : yaml_parse(plain, &d, &e)) {
        dump(&got, yaml_root(d));
    } else {
        buf_byte(&got, 'E');
        buf_put(&got, err_str(&e));
    }
    if (!str_eq(buf_str(&got), want))
        ck_abort_msg("v%d %s\n got %s\nwant %.*s", v2 ? 2 : 3, shown, buf_cstr(&got),
                     STR_ARG(want));
    yaml_free(&d);
    buf_free(&got);
    mem_free(shown);
}

static void
check_write(str scalar, str want)
{
    struct buf got = {0};
    struct yaml_out *o = yaml_out_new(&got);
    yaml_out_map(o);
    yaml_out_key(o, "k");
    yaml_out_str(o, scalar);
    yaml_out_key(o, "l");
    yaml_out_list(o);
    yaml_out_str(o, scalar);
    yaml_out_map(o);
    yaml_out_str(o, scalar);
    yaml_out_plain(o, STRL("1"));
    yaml_out_end(o);
    yaml_out_end(o);
    yaml_out_end(o);
    yaml_out_free(&o);
    ck_str(buf_str(&got), want);
    buf_free(&got);
}

START_TEST(test_as_go)
{
    FILE *f = unit_golden("yaml.txt");
    char *line = NULL;
    size_t cap = 0, lines = 0;
    while (getline(&line, &cap, f) > 0) {
        char *rest = line;
        line[strcspn(line, "\n")] = '\0';
        const char *kind = strsep(&rest, "\t");
        char *text = strsep(&rest, "\t");
        if (kind[0] == 'O')
            check_write(unescape(text), unescape(rest));
        else
            check_read(kind[0] == '2', text, unescape(rest));
        lines++;
    }
    ck_assert_uint_gt(lines, 400);
    free(line);
    fclose(f);
}
END_TEST

static struct yaml_doc *
parsed(const char *text)
{
    struct yaml_doc *d = NULL;
    struct err e;
    if (!yaml_parse(str_of(text), &d, &e))
        ck_abort_msg("%s", e.text);
    return d;
}

START_TEST(test_positions)
{
    struct yaml_doc *d = parsed("a: 1\nb:\n  - x\n  - y: |\n      z\n");
    const struct yaml_node *root = yaml_root(d), *b = yaml_get(root, "b");
    ck_assert_int_eq(root->line, 1);
    ck_assert_int_eq(root->key[1]->line, 2);
    ck_assert_int_eq(root->key[1]->column, 1);
    ck_assert_int_eq(b->line, 3);
    ck_assert_int_eq(b->column, 3);
    ck_assert_int_eq(b->item[1]->key[0]->line, 4);
    ck_assert_int_eq(b->item[1]->key[0]->column, 5);
    ck_assert(b->item[1]->item[0]->quoted);
    ck_lit(b->item[1]->item[0]->text, "z\n");
    ck_assert_ptr_null(yaml_get(root, "c"));
    ck_assert_ptr_null(yaml_get(b, "c"));
    ck_assert(yaml_is_null(yaml_get(root, "c")));
    yaml_free(&d);
    ck_assert_ptr_null(d);
}
END_TEST

START_TEST(test_merge_order)
{
    struct yaml_doc *d =
        parsed("x: &x {a: 1, b: 2}\ny: &y {b: 3, c: 4}\nz: {c: 5, <<: [*y, *x], d: 6}\n");
    const struct yaml_node *z = yaml_get(yaml_root(d), "z");
    static const char *const keys[] = {"c", "d", "b", "a"}, *const values[] = {"5", "6", "3", "1"};
    ck_assert_uint_eq(z->n, 4);
    for (size_t i = 0; i < 4; i++) {
        ck_str(z->key[i]->text, str_of(keys[i]));
        ck_str(z->item[i]->text, str_of(values[i]));
    }
    yaml_free(&d);
}
END_TEST

START_TEST(test_repeats)
{
    struct yaml_doc *d = NULL;
    struct err e;
    str text = STRL("a: 1\nb: {c: 1, c: 2}\na: 3\n");
    ck_assert(!yaml_parse(text, &d, &e));
    ck_lit(err_str(&e),
           "yaml: unmarshal errors:\n  line 3: mapping key \"a\" already defined at line 1");
    ck_assert(yaml_parse_v2(text, &d, &e));
    const struct yaml_node *root = yaml_root(d);
    ck_assert(!yaml_repeats(root, 0) && !yaml_repeats(root, 1) && yaml_repeats(root, 2));
    yaml_free(&d);
    ck_assert(!yaml_parse(STRL("x: {b: 1, b: 2,\n b: 3}\ny: {c: 1, c: 1}\n"), &d, &e));
    ck_lit(err_str(&e), "yaml: unmarshal errors:\n"
                        "  line 1: mapping key \"b\" already defined at line 1\n"
                        "  line 2: mapping key \"b\" already defined at line 1\n"
                        "  line 2: mapping key \"b\" already defined at line 1\n"
                        "  line 3: mapping key \"c\" already defined at line 3");
    struct buf lines = {0};
    ck_assert(yaml_parse_loose(text, &d, &e));
    ck_assert_uint_eq(yaml_duplicates(yaml_root(d), false, &lines), 1);
    ck_assert_uint_eq(yaml_duplicates(yaml_root(d)->item[1], true, &lines), 1);
    ck_assert_str_eq(buf_cstr(&lines), "\n  line 3: mapping key \"a\" already defined at line 1"
                                       "\n  line 2: mapping key \"c\" already defined at line 2");
    buf_free(&lines);
    yaml_free(&d);
}
END_TEST

/* Each level refers to the one below ten times. */
START_TEST(test_bomb)
{
    struct buf text = {0};
    struct yaml_doc *d = NULL;
    struct err e;
    buf_lit(&text, "a0: &a0 [x]\n");
    for (int i = 1; i < 12; i++) {
        buf_printf(&text, "a%d: &a%d [", i, i);
        for (int k = 0; k < 10; k++)
            buf_printf(&text, "%s*a%d", k ? "," : "", i - 1);
        buf_lit(&text, "]\n");
    }
    ck_assert(!yaml_parse(buf_str(&text), &d, &e));
    ck_lit(err_str(&e), "yaml: document contains excessive aliasing");
    buf_clear(&text);
    for (int i = 0; i < 100000; i++)
        buf_byte(&text, '[');
    ck_assert(!yaml_parse(buf_str(&text), &d, &e));
    ck_assert_int_eq(e.kind, ERR_LIMIT);
    ck_assert(!yaml_parse(STRL("a: &a [*a]"), &d, &e));
    ck_lit(err_str(&e), "yaml: anchor 'a' value contains itself");
    buf_free(&text);
}
END_TEST

START_TEST(test_typed)
{
    struct yaml_doc *d =
        parsed("[5.7, 08, 1e3, '5', 18446744073709551615, -3, yes, 'on', maybe, ~]");
    const struct yaml_node *root = yaml_root(d);
    int64_t i = 0;
    uint64_t u = 0;
    bool b = false;
    ck_assert(yaml_int(root->item[0], &i) && i == 5);
    ck_assert(yaml_int(root->item[1], &i) && i == 8);
    ck_assert(yaml_int(root->item[2], &i) && i == 1000);
    ck_assert(!yaml_int(root->item[3], &i));
    ck_assert(!yaml_int(root->item[4], &i));
    ck_assert(yaml_uint(root->item[4], &u) && u == UINT64_MAX);
    ck_assert(yaml_int(root->item[5], &i) && i == -3);
    ck_assert(!yaml_uint(root->item[5], &u));
    ck_assert(yaml_bool(root->item[6], &b) && b);
    ck_assert(yaml_bool(root->item[7], &b) && b);
    ck_assert(!yaml_bool(root->item[8], &b));
    ck_assert(yaml_is_null(root->item[9]));
    yaml_free(&d);
}
END_TEST

/* Any cut and any changed byte ends in a tree or a sentence. */
START_TEST(test_damage)
{
    static const char text[] =
        "a: &x {b: [1, 'two', \"th\\x72ee\"]}\nc:\n- <<: *x\n  d: |\n    e\n? f\n: !!int 3\n";
    char copy[sizeof(text)];
    struct err e;
    unit_seed();
    for (int round = 0; round < 3000; round++) {
        struct yaml_doc *d = NULL;
        size_t n = sizeof(text) - 1;
        memcpy(copy, text, sizeof(text));
        if (round < (int)n)
            n = (size_t)round;
        else
            copy[rng_below(n)] = (char)rng_below(256);
        if (yaml_parse(STR(copy, n), &d, &e)) {
            struct buf out = {0};
            dump(&out, yaml_root(d));
            buf_free(&out);
        } else {
            ck_assert(str_starts(err_str(&e), STRL("yaml: ")));
        }
        yaml_free(&d);
    }
}
END_TEST

START_TEST(test_put_scalar)
{
    static const char *const cases[][2] = {{"a", "a"},           {"", "\"\""},
                                           {"true", "\"true\""}, {"1.5", "\"1.5\""},
                                           {"a: b", "'a: b'"},   {"a\nb", "\"a\\nb\""}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf out = {0};
        yaml_put_scalar(&out, str_of(cases[i][0]));
        ck_str(buf_str(&out), str_of(cases[i][1]));
        buf_free(&out);
    }
}
END_TEST

UNIT_MAIN("yaml", test_as_go, test_positions, test_merge_order, test_repeats, test_bomb, test_typed,
          test_damage, test_put_scalar)
