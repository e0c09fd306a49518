/* The parser against Prometheus 3.14: tests/golden/parse.jsonl holds expressions, good and
 * broken, with its answers, [query, error] or [query, formatted, tree or ""];
 * tests/golden/series.jsonl lines of load blocks, [line, error, labels and values]. */
#include "base/json.h"
#include "base/limits.h"
#include "base/num.h"
#include "model/histogram.h"
#include "query/parse.h"
#include "query/print.h"
#include "tests/unit/unit.h"

static const struct parse_opts all = {true, true, true};

/* Calls fn with each line of a golden file. */
static void
each_line(const char *name, void (*fn)(const struct json_node *row))
{
    FILE *f = unit_golden(name);
    char *line = NULL;
    size_t cap = 0, rows = 0;
    for (ssize_t n; (n = getline(&line, &cap, f)) > 0; rows++) {
        struct json_doc *d;
        struct err e;
        if (!json_parse(STR(line, (size_t)n), &d, &e))
            ck_abort_msg("%s: %s", name, e.text);
        fn(json_root(d));
        json_doc_free(&d);
    }
    free(line);
    fclose(f);
    ck_assert_uint_gt(rows, 100);
}

static str
field(const struct json_node *row, size_t i)
{
    return json_text(json_at(row, i));
}

static void
check_text(str query, const char *what, const struct buf *got, str want)
{
    if (!str_eq(buf_str(got), want))
        ck_abort_msg("%.*s\n%s: %.*s\n    want: %.*s", STR_ARG(query), what, STR_ARG(buf_str(got)),
                     STR_ARG(want));
}

static void
put_json(struct buf *b, const struct json_node *n)
{
    buf_printf(b, "<%d %.*s %g", (int)json_type(n), STR_ARG(json_text(n)), json_number(n));
    for (size_t i = 0; i < json_size(n); i++) {
        str key = STR_EMPTY;
        const struct json_node *v = json_at(n, i);
        if (json_type(n) == JSON_OBJ)
            json_entry(n, i, &key, &v);
        buf_printf(b, " %.*s=", STR_ARG(key));
        put_json(b, v);
    }
    buf_byte(b, '>');
}

/* Compared as read, so that the escapes of < and > do not matter. */
static void
check_tree(str query, const struct buf *got, str want)
{
    struct json_doc *g, *w;
    struct err e;
    struct buf gb = {0}, wb = {0};
    ck_assert(json_parse(buf_str(got), &g, &e) && json_parse(want, &w, &e));
    put_json(&gb, json_root(g));
    put_json(&wb, json_root(w));
    check_text(query, "tree", &gb, buf_str(&wb));
    buf_free(&gb);
    buf_free(&wb);
    json_doc_free(&g);
    json_doc_free(&w);
}

/* A tree's text, parsed again, gives the same text; so does the formatted text.  Not so
 * with offsets, whose parentheses around a literal Prometheus' printer loses:
 * `a offset (1s) - 2s` becomes `a offset 1s - 2s`. */
static void
check_round_trip(str query, const struct expr *e, void (*print)(struct buf *, const struct expr *))
{
    struct buf text = {0}, first = {0}, second = {0};
    struct arena *a = arena_new();
    struct expr *again;
    struct err bad;
    print(&text, e);
    if (text.n && memmem(text.p, text.n, " offset ", 8)) {
        buf_free(&text);
        arena_free(&a);
        return;
    }
    if (!parse_expr(buf_str(&text), &all, a, &again, &bad))
        ck_abort_msg("%.*s\nprinted: %.*s\n%s", STR_ARG(query), STR_ARG(buf_str(&text)), bad.text);
    print(&first, e);
    print(&second, again);
    check_text(query, "printed twice", &second, buf_str(&first));
    parse_free_regexes(again);
    arena_free(&a);
    buf_free(&text);
    buf_free(&first);
    buf_free(&second);
}

static void
check_good(str query, const struct json_node *row, const struct expr *e)
{
    struct buf b = {0};
    struct json j = json_to(&b);
    if (json_size(row) != 3)
        ck_abort_msg("%.*s\nparsed, want: %.*s", STR_ARG(query), STR_ARG(field(row, 1)));
    print_pretty(&b, e);
    check_text(query, "formatted", &b, field(row, 1));
    buf_clear(&b);
    print_json(&j, e);
    if (field(row, 2).n)
        check_tree(query, &b, field(row, 2));
    buf_free(&b);
    check_round_trip(query, e, print_expr);
    check_round_trip(query, e, print_pretty);
}

static void
check_row(const struct json_node *row)
{
    str query = field(row, 0);
    struct arena *a = arena_new();
    struct expr *e;
    struct err bad;
    if (parse_expr(query, &all, a, &e, &bad)) {
        check_good(query, row, e);
        parse_free_regexes(e);
    } else {
        struct buf got = {0};
        buf_put(&got, err_str(&bad));
        check_text(query, "error", &got, field(row, 1));
        ck_assert_int_eq(bad.kind, ERR_PARSE);
        ck_assert(bad.pos >= 0 && bad.pos <= (int64_t)query.n);
        buf_free(&got);
    }
    arena_free(&a);
}

START_TEST(test_as_prometheus)
{
    each_line("parse.jsonl", check_row);
}
END_TEST

static void
put_value(struct buf *b, const struct series_value *v)
{
    char text[NUM_TEXT_MAX];
    buf_byte(b, ' ');
    if (v->omitted) {
        buf_byte(b, '_');
    } else if (v->h) {
        histogram_put_test(b, v->h);
        buf_printf(b, "/%s/%d/%d", v->reset_given ? "true" : "false", v->h->reset, v->h->schema);
    } else {
        buf_put(b, STR(text, num_format_g(v->v, text)));
    }
}

static void
check_series(const struct json_node *row)
{
    str line = field(row, 0);
    struct arena *a = arena_new();
    struct labels labels;
    struct series_value *v;
    size_t n;
    struct buf got = {0};
    struct err bad;
    if (parse_series_line(line, a, &labels, &v, &n, &bad)) {
        labels_put(&got, labels);
        for (size_t i = 0; i < n; i++)
            put_value(&got, &v[i]);
        check_text(line, "values", &got, field(row, 2));
    } else {
        buf_put(&got, err_str(&bad));
        check_text(line, "error", &got, field(row, 1));
    }
    buf_free(&got);
    arena_free(&a);
}

START_TEST(test_series_lines)
{
    each_line("series.jsonl", check_series);
}
END_TEST

static void
parse_anything(str text)
{
    struct arena *a = arena_new();
    struct expr *e;
    struct err bad;
    if (parse_expr(text, &all, a, &e, &bad))
        parse_free_regexes(e);
    struct matcher *m;
    size_t n;
    if (parse_selector(text, &all, a, &m, &n, &bad)) {
        for (size_t i = 0; i < n; i++)
            matcher_fini(&m[i]);
    }
    struct labels labels;
    struct series_value *v;
    if (parse_metric(text, a, &labels, &bad) && parse_series_line(text, a, &labels, &v, &n, &bad))
        ck_assert_uint_le(n, LIMIT_SERIES_LINE_VALUES);
    arena_free(&a);
}

/* Every truncation and every flipped bit; the copy is exact, so that overruns show. */
static void
damage(const struct json_node *row)
{
    str text = field(row, 0);
    char *copy = malloc(text.n + 1);
    if (text.n > 60 || rng_next() % 4 != 0) {
        free(copy);
        return;
    }
    for (size_t cut = 0; cut < text.n; cut++) {
        char *piece = malloc(cut ? cut : 1);
        memcpy(piece, text.p, cut);
        parse_anything(STR(piece, cut));
        free(piece);
    }
    memcpy(copy, text.p, text.n);
    for (size_t bit = 0; bit < text.n * 8; bit++) {
        copy[bit / 8] ^= (char)(1 << bit % 8);
        parse_anything(STR(copy, text.n));
        copy[bit / 8] ^= (char)(1 << bit % 8);
    }
    free(copy);
}

START_TEST(test_damage)
{
    unit_seed();
    each_line("parse.jsonl", damage);
}
END_TEST

static struct err
error_of(str text, const struct parse_opts *o)
{
    struct arena *a = arena_new();
    struct expr *e;
    struct err bad = ERR_INIT;
    if (parse_expr(text, o, a, &e, &bad))
        parse_free_regexes(e);
    arena_free(&a);
    return bad;
}

START_TEST(test_options)
{
    static const struct parse_opts none = {0};
    static const struct {
        const char *query, *error;
    } rows[] = {
        {"limitk(1, a)", "1:1: parse error: limitk() is experimental and must be enabled with "
                         "--enable-feature=promql-experimental-functions"},
        {"1 + sort_by_label(a, \"b\")", "1:5: parse error: function \"sort_by_label\" is not enabled"},
        {"rate(a[5m] anchored)", "1:6: parse error: anchored modifier is experimental and not enabled"},
        {"a smoothed", "1:1: parse error: smoothed modifier is experimental and not enabled"},
        {"a + fill(1) b", "1:1: parse error: binop fill modifiers are experimental and not enabled"},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct err bad = error_of(str_of(rows[i].query), &none);
        ck_str(err_str(&bad), str_of(rows[i].error));
        bad = error_of(str_of(rows[i].query), &all);
        ck_assert_int_eq(bad.kind, ERR_NONE);
    }
}
END_TEST

/* text: before, n times the middle, after. */
static struct err
error_of_repeated(const char *before, const char *middle, const char *after, size_t n)
{
    struct buf b = {0};
    buf_put(&b, str_of(before));
    for (size_t i = 0; i < n; i++)
        buf_put(&b, str_of(middle));
    buf_put(&b, str_of(after));
    struct err bad = error_of(buf_str(&b), &all);
    buf_free(&b);
    return bad;
}

START_TEST(test_depth_is_bounded)
{
    static const char *const middles[] = {"(", "-", "1 + ", "a ^ ", "sum(", "a[", "a offset ("};
    for (size_t i = 0; i < ARRAY_LEN(middles); i++) {
        struct err bad = error_of_repeated("", middles[i], "1", 100000);
        ck_assert_int_eq(bad.kind, ERR_PARSE);
    }
    struct err bad = error_of_repeated("1", " + 1", "", LIMIT_QUERY_DEPTH - 1);
    ck_assert_int_eq(bad.kind, ERR_NONE);
    bad = error_of_repeated("1", " + 1", "", LIMIT_QUERY_DEPTH);
    ck_str(err_str(&bad), STRL("1:1: parse error: expression is nested too deeply (limit 1000)"));
    bad = error_of_repeated("\"", "x", "\"", LIMIT_QUERY_TEXT_BYTES);
    ck_str(err_str(&bad), STRL("1:1: parse error: query is longer than 1048576 bytes"));
}
END_TEST

START_TEST(test_positions)
{
    str text = STRL("ab\ncd\n");
    static const int want[][2] = {{1, 1}, {1, 2}, {1, 3}, {2, 1}, {2, 2}, {2, 3}, {3, 1}};
    for (size_t i = 0; i < ARRAY_LEN(want); i++) {
        int line, col;
        parse_position(text, (int64_t)i, &line, &col);
        ck_assert_int_eq(line, want[i][0]);
        ck_assert_int_eq(col, want[i][1]);
    }
    struct arena *a = arena_new();
    struct expr *e;
    struct err bad;
    ck_assert(parse_expr(STRL(" rate( x{a=\"b\"} [5m] offset 1m ) + on() -(y)"), &all, a, &e, &bad));
    const struct expr *call = e->u.binary.l, *minus = e->u.binary.r, *arg = call->u.call.args[0];
    ck_assert(call->start == 1 && call->end == 32 && e->start == 1 && e->end == 44);
    ck_assert(arg->start == 7 && arg->end == 30);
    ck_assert(minus->start == 40 && minus->end == 44 && minus->u.unary.e->start == 41);
    ck_assert(e->u.binary.op_start == 33 && e->u.binary.op_end == 34 && e->u.binary.on);
    arena_free(&a);
}
END_TEST

START_TEST(test_metric)
{
    struct arena *a = arena_new();
    struct labels labels;
    struct err bad;
    struct buf b = {0};
    ck_assert(parse_metric(STRL("up{job=\"a\", \"x.y\"='z', empty=``, job=\"b\"}"), a, &labels, &bad));
    labels_put(&b, labels);
    ck_lit(buf_str(&b), "{__name__=\"up\", job=\"b\", \"x.y\"=\"z\"}");
    ck_assert(!parse_metric(STRL("up{job}"), a, &labels, &bad));
    ck_lit(err_str(&bad), "1:7: parse error: unexpected \"}\" in label set, expected \"=\"");
    buf_free(&b);
    arena_free(&a);
}
END_TEST

UNIT_MAIN("parse", test_as_prometheus, test_series_lines, test_damage, test_options,
          test_depth_is_bounded, test_positions, test_metric)
