#include "server/config/rule_file.h"

#include <stdlib.h>

#include "base/io.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/panic.h"
#include "base/unicode.h"
#include "query/parse.h"
#include "server/config/schema_types.h"

/* Prometheus reads a file twice: strictly into what runs, and once more loosely for the
 * positions of nodes.  Both readings' problems are reported, so both are made here. */

struct read_rule {
    str record, alert, expr;
    int64_t for_ms, keep_firing_for_ms;
    struct config_map labels, annotations;
};
struct read_group {
    str name;
    int64_t interval_ms, query_offset_ms, limit;
    CONFIG_LIST(struct read_rule) rules;
    struct config_map labels;
};
struct read_file {
    CONFIG_LIST(struct read_group) groups;
    const struct yaml_node *red, *slo;
};

/* A key whose value is kept as it stands. */
static bool
read_node(struct schema_reader *r, const struct yaml_node *n, const struct schema_field *f UNUSED,
          void *out)
{
    *(const struct yaml_node **)out = n;
    r->problems += yaml_duplicates(n, true, &r->problem_text);
    return true;
}

static void
print_node(const struct schema_printer *p UNUSED, const struct schema_field *f UNUSED,
           const void *v UNUSED)
{
}

static bool
node_empty(const struct schema_field *f UNUSED, const void *v UNUSED)
{
    return true;
}

static const struct schema_type schema_node = {
    "yaml.Node", sizeof(struct yaml_node *), read_node, print_node, node_empty, NULL};

#define LIST .flags = SCHEMA_SKIP_NULL
#define FIELDS(list) .fields = list, .fields_n = ARRAY_LEN(list)

#define F(name, member, t, ...) SCHEMA_FIELD(struct read_rule, name, member, t, __VA_ARGS__)
static const struct schema_field rule_fields[] = {
    F("record", record, schema_str),
    F("alert", alert, schema_str),
    F("expr", expr, schema_str),
    F("for", for_ms, schema_duration),
    F("keep_firing_for", keep_firing_for_ms, schema_duration),
    F("labels", labels, schema_map),
    F("annotations", annotations, schema_map),
};
#undef F
static const struct schema schema_rule = {
    .go = "rulefmt.Rule", .size = sizeof(struct read_rule), FIELDS(rule_fields)};

#define F(name, member, t, ...) SCHEMA_FIELD(struct read_group, name, member, t, __VA_ARGS__)
#define GROUP_FIELDS(rule_schema, rules_go)                                              \
    {                                                                                    \
        F("name", name, schema_str), F("interval", interval_ms, schema_duration),        \
            F("query_offset", query_offset_ms, schema_opt_duration),                     \
            F("limit", limit, schema_int), F("labels", labels, schema_map),              \
            SCHEMA_BLOCK(struct read_group, "rules", rules, schema_list, rule_schema,    \
                         .go = rules_go, LIST),                                          \
    }
static const struct read_group group_default = {.query_offset_ms = -1};
static const struct schema_field group_fields[] = GROUP_FIELDS(schema_rule, "[]rulefmt.Rule");
static const struct schema schema_group = {
    .go = "rulefmt.RuleGroup", .size = sizeof(struct read_group), FIELDS(group_fields),
    .defaults = &group_default};

static const struct schema_field file_fields[] = {
    SCHEMA_BLOCK(struct read_file, "groups", groups, schema_list, schema_group,
                 .go = "[]rulefmt.RuleGroup", LIST),
    SCHEMA_FIELD(struct read_file, "red", red, schema_node),
    SCHEMA_FIELD(struct read_file, "slo", slo, schema_node),
};
static const struct schema schema_file = {
    .go = "rulefmt.RuleGroups", .size = sizeof(struct read_file), FIELDS(file_fields)};

/* The second reading: the three texts of a rule may be anything, keys too. */
static const struct schema_field rule_node_fields[] = {
    SCHEMA_FIELD(struct read_rule, "for", for_ms, schema_duration),
    SCHEMA_FIELD(struct read_rule, "keep_firing_for", keep_firing_for_ms, schema_duration),
    SCHEMA_FIELD(struct read_rule, "labels", labels, schema_map),
    SCHEMA_FIELD(struct read_rule, "annotations", annotations, schema_map),
};
static const struct schema schema_rule_node = {
    .go = "rulefmt.RuleNode", .size = sizeof(struct read_rule), FIELDS(rule_node_fields)};
static const struct schema_field group_node_fields[] =
    GROUP_FIELDS(schema_rule_node, "[]rulefmt.RuleNode");
static const struct schema schema_group_node = {
    .go = "rulefmt.RuleGroupNode", .size = sizeof(struct read_group), FIELDS(group_node_fields)};
static const struct schema_field file_node_fields[] = {
    SCHEMA_BLOCK(struct read_file, "groups", groups, schema_list, schema_group_node,
                 .go = "[]rulefmt.RuleGroupNode", LIST),
};
static const struct schema schema_file_node = {
    .go = "rulefmt.ruleGroups", .size = sizeof(struct read_file), FIELDS(file_node_fields)};
#undef F

/* Errors. */

struct report {
    struct arena *a; /* the caller's */
    const char *file;
    struct rule_errors *to;
    size_t cap;
};

static void PRINTF_LIKE(2, 3)
add_error(struct report *r, const char *fmt, ...)
{
    struct buf b = {0};
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    str text = buf_str(&b);
    arena_grow(r->a, &r->to->v, &r->cap, r->to->n + 1, sizeof *r->to->v);
    r->to->v[r->to->n++] = arena_printf(r->a, "%s: %.*s", r->file, STR_ARG(text));
    buf_free(&b);
}

/* Checks.  `at` is the rule's YAML node. */

struct check {
    struct report *report;
    const struct rule_file_opts *o;
    const struct read_group *group;
    size_t rule; /* from 1 */
    const struct read_rule *r;
    const struct yaml_node *at;
};

static const struct yaml_node *
key_node(const struct yaml_node *map, const char *key)
{
    return map != NULL && map->type == YAML_MAP ? yaml_get(map, key) : NULL;
}

static void PRINTF_LIKE(3, 4)
rule_error(const struct check *c, const char *position, const char *fmt, ...)
{
    struct buf b = {0};
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(&b, fmt, ap);
    va_end(ap);
    struct arena *a = c->report->a;
    str name = c->r->alert.n > 0 ? c->r->alert : c->r->record, text = buf_str(&b);
    add_error(c->report, "%sgroup %.*s, rule %zu, %.*s: %.*s", position,
              STR_ARG(config_quoted(a, c->group->name)), c->rule, STR_ARG(config_quoted(a, name)),
              STR_ARG(text));
    buf_free(&b);
}

/* "line:column: " of one key of the rule; 0:0 where it is not written. */
static const char *
position(const struct check *c, const char *key, char out[48])
{
    const struct yaml_node *n = key_node(c->at, key);
    struct buf b = {0};
    buf_printf(&b, "%d:%d: ", n ? n->line : 0, n ? n->column : 0);
    size_t len = MIN(b.n, 47);
    memcpy(out, b.p, len);
    out[len] = '\0';
    buf_free(&b);
    return out;
}

static bool
label_ok(const struct rule_file_opts *o, str name)
{
    return o->legacy_names ? label_name_legacy_valid(name) : name.n > 0 && utf8_valid(name);
}

static bool
metric_ok(const struct rule_file_opts *o, str name)
{
    return o->legacy_names ? metric_name_legacy_valid(name) : name.n > 0 && utf8_valid(name);
}

static str
printable(struct arena *a, str s)
{
    if (utf8_valid(s))
        return s;
    struct buf b = {0};
    while (s.n > 0) {
        size_t size;
        utf8_put(&b, utf8_decode(s, &size));
        s = str_from(s, size);
    }
    str out = arena_str(a, buf_str(&b));
    buf_free(&b);
    return out;
}

static void
check_names(const struct check *c)
{
    char record[48], alert[48];
    const char *both = c->r->record.n > 0 && c->r->alert.n > 0
                           ? "only one of 'record' and 'alert' must be set"
                       : c->r->record.n == 0 && c->r->alert.n == 0
                           ? "one of 'record' or 'alert' must be set"
                           : NULL;
    if (both == NULL)
        return;
    struct buf b = {0};
    buf_printf(&b, "%s%s", position(c, "record", record), position(c, "alert", alert));
    rule_error(c, buf_cstr(&b), "%s", both);
    buf_free(&b);
}

static void
check_expr(const struct check *c)
{
    char at[48];
    if (c->r->expr.n == 0) {
        rule_error(c, position(c, "expr", at), "field 'expr' must be set in rule");
        return;
    }
    static const struct parse_opts plain;
    struct arena *scratch = arena_new();
    struct expr *tree;
    struct err e;
    if (parse_expr(c->r->expr, c->o->parse ? c->o->parse : &plain, scratch, &tree, &e))
        parse_free_regexes(tree);
    else
        rule_error(c, position(c, "expr", at), "could not parse expression: %s", e.text);
    arena_free(&scratch);
}

static void
check_record(const struct check *c)
{
    char at[48];
    const struct read_rule *r = c->r;
    if (r->record.n == 0)
        return;
    position(c, "record", at);
    if (r->annotations.n > 0)
        rule_error(c, at, "invalid field 'annotations' in recording rule");
    if (r->for_ms != 0)
        rule_error(c, at, "invalid field 'for' in recording rule");
    if (r->keep_firing_for_ms != 0)
        rule_error(c, at, "invalid field 'keep_firing_for' in recording rule");
    str shown = printable(c->report->a, r->record);
    if (!metric_ok(c->o, r->record))
        rule_error(c, at, "invalid recording rule name: %.*s", STR_ARG(shown));
    if (str_find_char(r->record, '{', 0) >= 0 || str_find_char(r->record, '}', 0) >= 0)
        rule_error(c, at, "braces present in the recording rule name; should it be in expr?: %.*s",
                   STR_ARG(shown));
}

static void
check_labels(const struct check *c)
{
    struct arena *a = c->report->a;
    for (size_t i = 0; i < c->r->labels.n; i++) {
        const struct config_pair *l = &c->r->labels.v[i];
        if (!label_ok(c->o, l->key) || str_eq(l->key, LABEL_NAME))
            rule_error(c, "", "invalid label name: %.*s", STR_ARG(printable(a, l->key)));
        if (!utf8_valid(l->value))
            rule_error(c, "", "invalid label value: %.*s", STR_ARG(printable(a, l->value)));
    }
    for (size_t i = 0; i < c->r->annotations.n; i++)
        if (!label_ok(c->o, c->r->annotations.v[i].key))
            rule_error(c, "", "invalid annotation name: %.*s",
                       STR_ARG(printable(a, c->r->annotations.v[i].key)));
}

static void
check_templates(const struct check *c, const struct config_map *m, const char *what)
{
    for (size_t i = 0; i < m->n; i++) {
        struct err e;
        if (!c->o->check_template(c->r->alert, m->v[i].value, &e))
            rule_error(c, "", "%s %.*s: %s", what,
                       STR_ARG(config_quoted(c->report->a, m->v[i].key)), e.text);
    }
}

static void
check_rule(const struct check *c)
{
    check_names(c);
    check_expr(c);
    check_record(c);
    check_labels(c);
    if (c->r->alert.n > 0 && c->o->check_template != NULL) {
        check_templates(c, &c->r->labels, "label");
        check_templates(c, &c->r->annotations, "annotation");
    }
}

/* The i-th item of a list that was read: null ones are not counted. */
static const struct yaml_node *
item_at(const struct yaml_node *list, size_t i)
{
    for (size_t k = 0; list != NULL && list->type == YAML_LIST && k < list->n; k++)
        if (!yaml_is_null(list->item[k]) && i-- == 0)
            return list->item[k];
    return NULL;
}

static void
check_group(struct report *r, const struct rule_file_opts *o, const struct read_file *f, size_t g,
            const struct yaml_node *at)
{
    const struct read_group *group = &f->groups.v[g];
    if (group->name.n == 0)
        add_error(r, "0:0: Groupname must not be empty");
    bool repeated = false;
    for (size_t k = 0; k < g; k++)
        repeated |= str_eq(f->groups.v[k].name, group->name);
    if (repeated)
        add_error(r, "0:0: groupname: \"%.*s\" is repeated in the same file", STR_ARG(group->name));
    for (size_t i = 0; i < group->labels.n; i++) {
        const struct config_pair *l = &group->labels.v[i];
        if (!label_ok(o, l->key) || str_eq(l->key, LABEL_NAME))
            add_error(r, "invalid label name: %.*s", STR_ARG(printable(r->a, l->key)));
        if (!utf8_valid(l->value))
            add_error(r, "invalid label value: %.*s", STR_ARG(printable(r->a, l->value)));
    }
    const struct yaml_node *rules = key_node(at, "rules");
    for (size_t i = 0; i < group->rules.n; i++)
        check_rule(&(struct check){.report = r,
                                   .o = o,
                                   .group = group,
                                   .rule = i + 1,
                                   .r = &group->rules.v[i],
                                   .at = item_at(rules, i)});
}

/* What readers get. */

static void
make_rule(struct rule_def *to, const struct read_rule *r, const struct yaml_node *at)
{
    const struct yaml_node *expr = key_node(at, "expr");
    *to = (struct rule_def){
        .alerting = r->alert.n > 0,
        .name = r->alert.n > 0 ? r->alert : r->record,
        .expr = r->expr,
        .for_ms = r->for_ms,
        .keep_firing_for_ms = r->keep_firing_for_ms,
        .labels = r->labels,
        .annotations = r->annotations,
        .line = at ? at->line : 0,
        .column = at ? at->column : 0,
        .expr_line = expr ? expr->line : 0,
        .expr_column = expr ? expr->column : 0,
    };
}

static void
make_groups(struct rule_file *f, const struct read_file *read)
{
    const struct yaml_node *groups = key_node(yaml_root(f->doc), "groups");
    f->groups_n = read->groups.n;
    f->groups = ARENA_ZARRAY(f->arena, struct rule_group_def, f->groups_n);
    for (size_t g = 0; g < f->groups_n; g++) {
        const struct read_group *from = &read->groups.v[g];
        const struct yaml_node *at = item_at(groups, g), *rules = key_node(at, "rules");
        struct rule_group_def *to = &f->groups[g];
        *to = (struct rule_group_def){
            .name = from->name,
            .interval_ms = from->interval_ms,
            .has_query_offset = from->query_offset_ms >= 0,
            .query_offset_ms = MAX(from->query_offset_ms, 0),
            .limit = from->limit,
            .labels = from->labels,
            .rules = ARENA_ZARRAY(f->arena, struct rule_def, from->rules.n),
            .rules_n = from->rules.n,
            .line = at ? at->line : 0,
            .column = at ? at->column : 0,
        };
        for (size_t i = 0; i < to->rules_n; i++)
            make_rule(&to->rules[i], &from->rules.v[i], item_at(rules, i));
    }
}

/* Whether a "---" line follows content: only its first document is read. */
static bool
has_second_document(str text)
{
    bool content = false;
    for (size_t i = 0; i < text.n;) {
        ptrdiff_t end = str_find_char(text, '\n', i);
        str line = STR(text.p + i, (end < 0 ? text.n : (size_t)end) - i);
        i += line.n + 1;
        if (str_starts(line, STRL("---")) && (line.n == 3 || line.p[3] == ' ' || line.p[3] == '\r')) {
            if (content)
                return true;
            content = line.n > 4;
        } else if (line.n > 0 && line.p[0] != '#' && line.p[0] != '%') {
            content = true;
        }
    }
    return false;
}

static void
read_as(struct report *report, struct arena *a, const struct yaml_node *root, const struct schema *s,
        bool lenient, struct read_file *out)
{
    struct schema_reader r;
    struct err e;
    schema_reader_init(&r, a, &e);
    r.lenient = lenient;
    if (!schema_read_doc(&r, root, s, out))
        add_error(report, "%s", e.text);
}

bool
rule_file_parse(const char *name, str text, const struct rule_file_opts *o, struct arena *a,
                struct rule_file **out, struct rule_errors *errors)
{
    static const struct rule_file_opts no_opts;
    struct report report = {.a = a, .file = name, .to = errors};
    struct read_file read = {0}, again = {0};
    struct err e;
    struct rule_file *f = MEM_NEW(struct rule_file);
    o = o ? o : &no_opts;
    *errors = (struct rule_errors){0};
    f->magic = RULE_FILE_MAGIC;
    f->arena = arena_new();
    f->path = arena_str(f->arena, str_of(name));
    if (!yaml_parse_loose(text, &f->doc, &e)) {
        add_error(&report, "%s", e.text);
        add_error(&report, "%s", e.text);
    } else {
        const struct yaml_node *root = yaml_root(f->doc);
        read_as(&report, f->arena, root, &schema_file, o->ignore_unknown_fields, &read);
        read_as(&report, f->arena, root, &schema_file_node, true, &again);
        const struct yaml_node *groups = key_node(root, "groups");
        bool sound = errors->n == 0;
        for (size_t g = 0; sound && g < read.groups.n; g++)
            check_group(&report, o, &read, g, item_at(groups, g));
        f->more_documents = has_second_document(text);
    }
    if (errors->n > 0) {
        rule_file_free(&f);
        return false;
    }
    f->red = read.red;
    f->slo = read.slo;
    make_groups(f, &read);
    *out = f;
    return true;
}

bool
rule_file_load(const char *path, const struct rule_file_opts *o, struct arena *a,
               struct rule_file **out, struct rule_errors *errors)
{
    struct buf text = {0};
    struct err why, e;
    *errors = (struct rule_errors){0};
    if (!io_read_file(path, LIMIT_YAML_BYTES, &text, &why)) {
        struct report report = {.a = a, .file = path, .to = errors};
        config_open_error(path, &why, &e);
        add_error(&report, "%s", e.text);
        buf_free(&text);
        return false;
    }
    bool ok = rule_file_parse(path, buf_str(&text), o, a, out, errors);
    buf_free(&text);
    return ok;
}

void
rule_file_free(struct rule_file **fp)
{
    struct rule_file *f = *fp;
    *fp = NULL;
    if (f == NULL)
        return;
    CHECK_MAGIC(f, RULE_FILE_MAGIC);
    yaml_free(&f->doc);
    arena_free(&f->arena);
    f->magic = 0;
    mem_free(f);
}
