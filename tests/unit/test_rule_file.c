#include "server/config/rule_file.h"

#include "tests/unit/config_util.h"

/* Joins the errors, or says "ok". */
static void
says(const char *text, const char *want)
{
    struct arena *a = arena_new();
    struct rule_file *f = NULL;
    struct rule_errors errors;
    struct buf b = {0};
    if (rule_file_parse("f", str_of(text), NULL, a, &f, &errors)) {
        buf_lit(&b, "ok");
        ck_assert_uint_eq(errors.n, 0);
    }
    for (size_t i = 0; i < errors.n; i++)
        buf_printf(&b, "%s%.*s", i ? "\n" : "", STR_ARG(errors.v[i]));
    ck_assert_msg(strcmp(buf_cstr(&b), want) == 0, "%s\nsays %s\nnot  %s", text, buf_cstr(&b), want);
    buf_free(&b);
    rule_file_free(&f);
    arena_free(&a);
}

START_TEST(test_errors)
{
    says("", "ok");
    says("groups: [null]", "ok");
    says("groups:\n- name: g\n  rules:\n  - {record: a, expr: 'up{'}\n",
         "f: 4:23: group \"g\", rule 1, \"a\": could not parse expression: 1:4: parse error: unexpected "
         "end of input inside braces");
    says("groups:\n- name: g\n  rules:\n  - null\n  - {alert: A}\n",
         "f: 0:0: group \"g\", rule 1, \"A\": field 'expr' must be set in rule");
    says("groups: [{name: g}, {name: g}]",
         "f: 0:0: groupname: \"g\" is repeated in the same file");
    says("groups: a",
         "f: yaml: unmarshal errors:\n  line 1: cannot unmarshal !!str `a` into []rulefmt.RuleGroup\n"
         "f: yaml: unmarshal errors:\n  line 1: cannot unmarshal !!str `a` into "
         "[]rulefmt.RuleGroupNode");
    says("groups: [{name: g, foo: 1}]",
         "f: yaml: unmarshal errors:\n  line 1: field foo not found in type rulefmt.RuleGroup");
    says("groups: [{name: g, foo: {a: 1, a: 2}}, {name: h, limit: 1, limit: 2}]",
         "f: yaml: unmarshal errors:\n  line 1: field foo not found in type rulefmt.RuleGroup\n"
         "  line 1: mapping key \"limit\" already defined at line 1\n"
         "f: yaml: unmarshal errors:\n  line 1: mapping key \"limit\" already defined at line 1");
    says("groups: [{name: g, rules: [{record: a, expr: up, for: 5m}]}]",
         "f: 1:37: group \"g\", rule 1, \"a\": invalid field 'for' in recording rule");
}
END_TEST

static bool
no_braces(str name, str text, struct err *e)
{
    return memmem(text.p, text.n, "{{x}}", 5) == NULL ||
           err_set(e, ERR_PARSE, "template: __alert_%.*s:1: braces", STR_ARG(name));
}

START_TEST(test_values)
{
    static const char text[] = "groups:\n"
                               "- name: g\n"
                               "  interval: 30s\n"
                               "  query_offset: 1m\n"
                               "  limit: 5.7\n"
                               "  labels: {team: t}\n"
                               "  rules:\n"
                               "  - record: r\n"
                               "    expr: |\n"
                               "      up\n"
                               "  -\n"
                               "  - {alert: A, expr: up == 0, for: 5m, keep_firing_for: 1h, labels: {b: x, a: y}}\n"
                               "slo: [{name: s}]\n";
    struct rule_file_opts o = {.check_template = no_braces};
    struct arena *a = arena_new();
    struct rule_file *f;
    struct rule_errors errors;
    ck_assert(rule_file_parse("f", str_of(text), &o, a, &f, &errors));
    const struct rule_group_def *g = &f->groups[0];
    ck_assert(g->interval_ms == 30000 && g->has_query_offset && g->query_offset_ms == 60000);
    ck_assert(g->limit == 5 && g->rules_n == 2 && g->line == 2);
    ck_assert(!g->rules[0].alerting && g->rules[0].line == 8 && g->rules[0].expr_line == 9);
    ck_assert(g->rules[1].alerting && g->rules[1].for_ms == 300000 && g->rules[1].line == 12);
    ck_assert(str_eq(g->rules[1].labels.v[0].key, STRL("a")));
    ck_assert(f->slo != NULL && f->slo->type == YAML_LIST && f->red == NULL);
    ck_assert(!f->more_documents);
    rule_file_free(&f);

    ck_assert(!rule_file_parse("f", STRL("groups: [{name: g, rules: [{alert: A, expr: up, "
                                         "labels: {l: '{{x}}'}}]}]"),
                               &o, a, &f, &errors));
    ck_assert(str_eq(errors.v[0], STRL("f: group \"g\", rule 1, \"A\": label \"l\": template: "
                                       "__alert_A:1: braces")));
    ck_assert(rule_file_parse("f", STRL("groups: []\n---\ngroups: a\n"), &o, a, &f, &errors));
    ck_assert(f->more_documents);
    rule_file_free(&f);
    arena_free(&a);
}
END_TEST

START_TEST(test_duplicates)
{
    static const char text[] = "groups:\n"
                               "- {name: g, labels: {x: y}, rules: [{record: a, expr: up}, "
                               "{record: a, expr: up, labels: {x: z}}, {record: b, expr: up}]}\n"
                               "- {name: h, rules: [{record: a, expr: up, labels: {x: y}}, "
                               "{alert: b, expr: up}, {record: b, expr: up}]}\n";
    struct arena *a = arena_new();
    struct rule_file *f;
    struct rule_errors errors;
    struct rule_duplicate *twice;
    ck_assert(rule_file_parse("f", str_of(text), NULL, a, &f, &errors));
    ck_assert_uint_eq(rule_file_rules(f), 6);
    ck_assert_uint_eq(rule_file_duplicates(f, a, &twice), 2);
    ck_assert(str_eq(twice[0].name, STRL("a")) && twice[0].labels.n == 1);
    ck_assert(str_eq(twice[1].name, STRL("b")) && twice[1].labels.n == 0);
    rule_file_free(&f);
    arena_free(&a);
}
END_TEST

START_TEST(test_conformance)
{
    static const struct {
        const char *name;
        bool good;
    } files[] = {
        {"rules.yml", true},          {"rules_large.yml", true},     {"rules_multiple.yaml", true},
        {"invalid_rules.yaml", false}, {"rules_extrafields.yml", false},
        {"bad-promql.yml", false},    {"alert_rule.yaml", true},     {"rules_multi_doc.yaml", true},
        {"long-period.yml", false},   {"negative-offset.yml", true}, {"at-modifier.yml", true},
    };
    char *dir = conformance_folder("promtool");
    if (dir == NULL)
        return;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        struct arena *a = arena_new();
        struct rule_file *f = NULL;
        struct rule_errors errors;
        char *path = io_join(dir, files[i].name);
        bool ok = rule_file_load(path, NULL, a, &f, &errors);
        ck_assert_msg(ok == files[i].good, "%s: %.*s", path,
                      STR_ARG(errors.n ? errors.v[0] : STRL("is taken")));
        rule_file_free(&f);
        arena_free(&a);
        mem_free(path);
    }
    mem_free(dir);
}
END_TEST

UNIT_MAIN("rule_file", test_errors, test_values, test_duplicates, test_conformance)
