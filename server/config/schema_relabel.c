/* Relabelling rules: keys of model/relabel's Config. */
#include <pthread.h>

#include "base/panic.h"
#include "server/config/am_matcher.h"
#include "server/config/schema_types.h"

/* `action:` without a value; refused when the section is checked. */
#define NO_ACTION ((enum relabel_action)-1)

static bool
read_action(struct schema_reader *r, const struct yaml_node *n, const struct schema_field *f, void *out)
{
    str s;
    struct err e;
    if (!schema_read_text(r, n, f->type->go, &s))
        return false;
    return relabel_action_parse(s, out, &e) || schema_fail_err(r, n, &e);
}

static void
print_action(const struct schema_printer *p, const struct schema_field *f UNUSED, const void *v)
{
    yaml_out_str(p->out, str_of(relabel_action_text(*(const enum relabel_action *)v)));
}

static void
no_action(void *out)
{
    *(enum relabel_action *)out = NO_ACTION;
}

static bool
never_empty(const struct schema_field *f UNUSED, const void *v UNUSED)
{
    return false;
}

static const struct schema_type schema_action = {
    "string", sizeof(enum relabel_action), read_action, print_action, never_empty, no_action};

static bool
read_regex(struct schema_reader *r, const struct yaml_node *n, const struct schema_field *f, void *out)
{
    str s;
    struct err e;
    struct regex *re;
    if (!schema_read_text(r, n, f->type->go, &s))
        return false;
    if (!am_regex_compile(s, "^(?s:", r->a, &re, &e))
        return schema_fail_err(r, n, &e);
    schema_own_regex(r, re);
    *(struct regex **)out = re;
    return true;
}

static struct regex *default_regex;

static void
compile_default(void)
{
    struct err e;
    CHECK(regex_compile(STRL("(.*)"), REGEX_ANCHORED, &default_regex, &e));
}

static void
print_regex(const struct schema_printer *p, const struct schema_field *f UNUSED, const void *v)
{
    yaml_out_str(p->out, regex_pattern(*(struct regex *const *)v));
}

static bool
regex_is_default(const struct schema_field *f UNUSED, const void *v)
{
    return *(struct regex *const *)v == default_regex;
}

static const struct schema_type schema_regex = {
    "string", sizeof(struct regex *), read_regex, print_regex, regex_is_default, NULL};

/* The rule as read: a struct relabel and what is needed to print it. */
static bool
read_source(struct schema_reader *r, const struct yaml_node *n, const struct schema_field *f, void *out)
{
    struct config_strs names = {0};
    struct relabel *rule = (struct relabel *)((char *)out - f->offset);
    if (!schema_label_names.read(r, n, f, &names))
        return false;
    /* An empty list is not the same as none to labeldrop; NULL is none. */
    rule->source = names.v;
    rule->source_n = names.n;
    return true;
}

static void
print_source(const struct schema_printer *p, const struct schema_field *f, const void *v)
{
    const struct relabel *rule = (const struct relabel *)((const char *)v - f->offset);
    yaml_out_flow_list(p->out);
    for (size_t i = 0; i < rule->source_n; i++)
        yaml_out_str(p->out, rule->source[i]);
    yaml_out_end(p->out);
}

static bool
source_empty(const struct schema_field *f, const void *v)
{
    return ((const struct relabel *)((const char *)v - f->offset))->source_n == 0;
}

static void
no_source(void *out)
{
    struct relabel *rule = (struct relabel *)((char *)out - offsetof(struct relabel, source));
    rule->source = NULL;
    rule->source_n = 0;
}

static const struct schema_type schema_source = {
    "model.LabelNames", sizeof(str *), read_source, print_source, source_empty, no_source};

#define OMIT .flags = SCHEMA_OMITEMPTY
#define F(name, member, t, ...) SCHEMA_FIELD(struct relabel, name, member, t, __VA_ARGS__)
static const struct schema_field relabel_fields[] = {
    F("source_labels", source, schema_source, OMIT),
    F("separator", separator, schema_str),
    F("regex", regex, schema_regex, OMIT),
    F("modulus", modulus, schema_uint, OMIT, .go = "uint64"),
    F("target_label", target, schema_str, OMIT),
    F("replacement", replacement, schema_str),
    F("action", action, schema_action, OMIT),
};

static void
init_relabel(struct schema_reader *r UNUSED, void *obj)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, compile_default);
    *(struct relabel *)obj = (struct relabel){
        .action = RELABEL_REPLACE,
        .separator = STRL(";"),
        .regex = default_regex,
        .replacement = STRL("$1"),
    };
}

static bool
check_relabel(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    struct relabel *rule = obj;
    struct err e;
    if (rule->regex == NULL) {
        if (!regex_compile(STR_EMPTY, REGEX_ANCHORED, &rule->regex, &e))
            return schema_fail_err(r, n, &e);
        schema_own_regex(r, rule->regex);
    }
    rule->regex_default = rule->regex == default_regex;
    return true;
}

static const struct schema schema_relabel = {
    .go = "relabel.plain",
    .size = sizeof(struct relabel),
    .fields = relabel_fields,
    .fields_n = ARRAY_LEN(relabel_fields),
    .init = init_relabel,
    .check = check_relabel,
};

static bool
read_relabels(struct schema_reader *r, const struct yaml_node *n, const struct schema_field *f,
              void *out)
{
    const struct schema_field list = {
        .key = f->key, .type = &schema_list, .sub = &schema_relabel, .go = "[]*relabel.Config"};
    return schema_list.read(r, n, &list, out);
}

static void
print_relabels(const struct schema_printer *p, const struct schema_field *f UNUSED, const void *v)
{
    const struct config_relabels *rules = v;
    yaml_out_list(p->out);
    for (size_t i = 0; i < rules->n; i++)
        schema_print_block(p, &schema_relabel, &rules->v[i]);
    yaml_out_end(p->out);
}

static bool
relabels_empty(const struct schema_field *f UNUSED, const void *v)
{
    return ((const struct config_relabels *)v)->n == 0;
}

const struct schema_type schema_relabels = {
    "[]*relabel.Config", sizeof(struct config_relabels), read_relabels, print_relabels,
    relabels_empty, NULL};

bool
config_relabels_null(const struct config_relabels *rules)
{
    for (size_t i = 0; i < rules->n; i++)
        if (rules->v[i].regex == NULL)
            return true;
    return false;
}

bool
config_relabels_check(struct schema_reader *r, struct config_relabels *rules, bool legacy)
{
    for (size_t i = 0; i < rules->n; i++) {
        struct err e;
        rules->v[i].legacy_names = legacy;
        schema_enter(r, STR_EMPTY, i);
        if (rules->v[i].action == NO_ACTION)
            return schema_fail(r, NULL, "relabel action cannot be empty");
        if (!relabel_validate(&rules->v[i], &e))
            return schema_fail_err(r, NULL, &e);
        schema_leave(r);
    }
    return true;
}
