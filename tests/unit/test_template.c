/* Templates against Go's: tests/golden/template.jsonl holds what Prometheus 3.14 (kind p) and
 * Alertmanager 0.34 (t: text, h: HTML) made of templates over the data below. */
#include "tests/unit/unit.h"

#include "base/json.h"
#include "base/mem.h"
#include "server/template/template_value.h"

static const struct template_env env = {
    .external_url = {"http://h:9090/p", 15}, .path_prefix = {"/p", 2}, .now_ms = 1760058000123};

/* "3": three samples. */
static bool
query(void *arg, str expr, struct arena *a, struct tvalue *out, struct err *e)
{
    size_t n = 0;
    (void)arg;

    if (str_starts(expr, STRL("err")))
        return err_set(e, ERR_EXEC, "query failed");
    for (size_t i = 0; i < expr.n && expr.p[i] >= '0' && expr.p[i] <= '9'; i++)
        n = n * 10 + (size_t)(expr.p[i] - '0');
    struct labels *ls = ARENA_ARRAY(a, struct labels, n + 1);
    double *v = ARENA_ARRAY(a, double, n + 1);
    for (size_t i = 0; i < n; i++) {
        struct label *l = ARENA_ARRAY(a, struct label, 3);
        l[0] = (struct label){STRL("__value__"), STRL("sv")};
        l[1] = (struct label){STRL("i"), arena_printf(a, "%zu", i * 7 % 5)};
        l[2] = (struct label){STRL("job"), STRL("j")};
        ls[i] = (struct labels){l, 3};
        v[i] = (double)i * 1.5;
    }
    template_value_vector(a, ls, v, NULL, n, out);
    return true;
}

static str
expand(str text, struct arena *a)
{
    static const struct label labels[] = {{{"__name__", 8}, {"m", 1}},
                                          {{"a", 1}, {"x", 1}},
                                          {{"instance", 8}, {"web-1.example.com:9100", 22}},
                                          {{"q", 1}, {"é\"<b>\\ &'", 10}}};
    static const struct label external[] = {{{"cluster", 7}, {"c1", 2}}, {{"dc é", 5}, {"eu", 2}}};
    struct template_alert d = {
        .name = STRL("T"), .labels = {labels, 4}, .external_labels = {external, 2}, .value = 12345.678};
    struct template_env with_query = env;
    struct err e = ERR_INIT;
    str out;

    with_query.query = query;
    template_expand_alert(text, &d, &with_query, a, &out, &e);
    return out;
}

static struct tvalue
notification(struct arena *a)
{
    static const struct label one[] = {{{"a", 1}, {"<x>", 3}}, {{"alertname", 9}, {"Foo", 3}}, {{"b", 1}, {"y", 1}}};
    static const struct label two[] = {{{"a", 1}, {"z", 1}}, {{"alertname", 9}, {"Foo", 3}}, {{"b", 1}, {"y", 1}}};
    static const struct label notes[] = {{{"summary", 7}, {"s & t", 5}}};
    static const struct label route[] = {{{"team", 4}, {"t-{{ .Status }}", 15}}};
    struct template_notified alerts[] = {
        {.labels = {one, 3}, .annotations = {notes, 1}, .starts_ms = 1760058000123, .url = STRL("http://p/g?x=1&y=2")},
        {.labels = {two, 3},
         .annotations = {notes, 1},
         .resolved = true,
         .starts_ms = 1760050000000,
         .ends_ms = 1760058000000,
         .url = STRL("javascript:alert(1)")},
    };
    struct template_notification d = {
        .receiver = STRL("web\\.hook"),
        .external_url = STRL("http://am:9093"),
        .reason = STRL("why"),
        .group_labels = {one + 1, 1},
        .route_labels = {route, 1},
        .alerts = alerts,
        .n = 2,
    };
    return template_value_notification(a, &d);
}

static struct template_set *
new_set(void)
{
    struct template_set *s;
    struct err e = ERR_INIT;
    const char *url = "{{define \"url\"}}{{ .ExternalURL }}/#/alerts?receiver={{ .Receiver | urlquery }}{{end}}";

    if (!template_set_new(&s, STR_EMPTY, str_of(url), false, &e))
        ck_abort_msg("%s", e.text);
    return s;
}

static str
render(const struct template_set *s, bool html, str text, struct arena *a)
{
    struct tvalue data = notification(a);
    struct err e = ERR_INIT;
    struct buf b = {0};
    bool ok = html ? template_run_html(s, text, &env, &data, a, &b, &e)
                   : template_run_text(s, text, &env, &data, a, &b, &e);
    str out = ok ? arena_str(a, buf_str(&b)) : arena_printf(a, "ERR %s", e.text);

    buf_free(&b);
    return out;
}

static void
check_row(const struct template_set *s, str line, unsigned *n)
{
    struct json_doc *doc = NULL;
    struct err e = ERR_INIT;
    struct arena *a = arena_new();

    ck_assert(json_parse(line, &doc, &e));
    const struct json_node *row = json_root(doc);
    char kind = json_text(json_at(row, 0)).p[0];
    str text = json_text(json_at(row, 1)), want = json_text(json_at(row, 2));
    str got = kind == 'p' ? expand(text, a) : render(s, kind == 'h', text, a);
    /* An error's words are cut at the room an error has. */
    if (!str_eq(got, want) && !(got.n > ERR_TEXT_MAX - 64 && str_starts(want, STR(got.p, ERR_TEXT_MAX - 128))))
        ck_abort_msg("%c %.*s\ngot  %.*s\nwant %.*s", kind, STR_ARG(text), STR_ARG(got), STR_ARG(want));
    json_doc_free(&doc);
    arena_free(&a);
    ++*n;
}

START_TEST(test_as_go)
{
    FILE *f = unit_golden("template.jsonl");
    struct template_set *s = new_set();
    char *line = NULL;
    size_t cap = 0;
    unsigned n = 0;

    for (ssize_t len; (len = getline(&line, &cap, f)) > 0;)
        check_row(s, STR(line, (size_t)len), &n);
    ck_assert_uint_ge(n, 2000);
    free(line);
    fclose(f);
    template_set_free(&s);
}
END_TEST

/* --- bounds ---------------------------------------------------------------------------------------- */

static void
expect_words(const char *text, const char *words)
{
    struct arena *a = arena_new();
    str out = expand(str_of(text), a);

    if (!memmem(out.p, out.n, words, strlen(words)))
        ck_abort_msg("%s: %.*s", text, (int)MIN(out.n, (size_t)500), out.p);
    arena_free(&a);
}

START_TEST(test_endless_templates_end)
{
    expect_words("{{ define \"r\" }}{{ template \"r\" . }}{{ end }}{{ template \"r\" . }}",
                 "exceeded maximum template depth (100000)");
    expect_words("{{ range 9000000000000000000 }}{{ end }}", "exceeded maximum number of steps");
    expect_words("{{ range 1000000 }}0123456789{{ end }}", "exceeded maximum output size");
    expect_words("{{ $x := \"xxxxxxxxxxxxxxxx\" }}{{ range 100 }}{{ $x = print $x $x }}{{ end }}",
                 "exceeded maximum output size");
    expect_words("{{ range 100000 }}{{ $x := printf \"%100000d\" 1 }}{{ end }}", "exceeded maximum memory");
    expect_words("{{ printf \"%1000000[1]d%1000000[1]d%1000000[1]d%1000000[1]d%1000000[1]d%1000000[1]d\" 1 }}",
                 "exceeded maximum output size");
}
END_TEST

START_TEST(test_deep_nesting_is_refused)
{
    struct buf b = {0};

    buf_lit(&b, "{{ ");
    for (int i = 0; i < 100000; i++)
        buf_byte(&b, '(');
    expect_words(buf_cstr(&b), "max expression depth exceeded");
    buf_clear(&b);
    for (int i = 0; i < 100000; i++)
        buf_lit(&b, "{{if 1}}");
    expect_words(buf_cstr(&b), "max nesting depth exceeded");
    buf_free(&b);
}
END_TEST

START_TEST(test_checks_of_loaders)
{
    struct err e = ERR_INIT;

    ck_assert(template_check_alert(STRL("A"), STRL("{{ $labels.x | humanize }} {{ $value }}"), &e));
    ck_assert(!template_check_alert(STRL("A"), STRL("{{ nope }}"), &e));
    ck_lit(err_str(&e), "template: __alert_A:1: function \"nope\" not defined");
}
END_TEST

START_TEST(test_later_definitions_win)
{
    struct template_set *s = new_set();
    struct arena *a = arena_new();
    struct err e = ERR_INIT;

    ck_assert(template_set_add(s, STR_EMPTY, STRL("{{define \"x\"}}1{{end}}"), &e));
    ck_assert(template_set_add(s, STR_EMPTY, STRL("{{define \"x\"}} {{end}}"), &e));
    ck_lit(render(s, false, STRL("{{template \"x\"}}"), a), "1");
    ck_assert(template_set_add(s, STR_EMPTY, STRL("{{define \"x\"}}2{{end}}"), &e));
    ck_lit(render(s, false, STRL("{{template \"x\"}}"), a), "2");
    ck_lit(render(s, false, STRL("{{define \"x\"}}3{{end}}{{template \"x\"}}"), a), "3");
    ck_lit(render(s, false, STRL("{{template \"x\"}}"), a), "2");
    ck_assert(!template_set_add(s, STRL("f.tmpl"), STRL("{{define \"x\"}}\n{{end}"), &e));
    ck_lit(err_str(&e), "template: f.tmpl:2: bad character U+007D '}'");
    template_set_free(&s);
    arena_free(&a);
}
END_TEST

UNIT_MAIN("template", test_as_go, test_endless_templates_end, test_deep_nesting_is_refused, test_checks_of_loaders,
          test_later_definitions_win)
