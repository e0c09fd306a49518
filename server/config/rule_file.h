/* rule_file.h - rule files: groups of recording and alerting rules, with positions.
 *
 * Read as Prometheus' rulefmt does: strict keys, durations, limits; every error names
 * file, line and column.  Expressions are checked as they are loaded, and templates by
 * the function that the caller gives (this floor knows no templates).
 *
 *   rule_file_load → struct rule_file, or a list of errors (all that are found)
 *
 * `red:` and `slo:` blocks beside `groups:` keep their YAML nodes for the generator.
 *
 * LIFETIME.  Everything is in the file's own arena; rule_file_free ends it.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/yaml.h"
#include "server/config/config_types.h"

struct rule_def {
    bool alerting;
    str name; /* record or alert */
    str expr;
    int64_t for_ms, keep_firing_for_ms;
    struct config_map labels, annotations; /* templates in alerting rules */
    int line, column;           /* of the rule */
    int expr_line, expr_column; /* of the expression's text */
};

struct rule_group_def {
    str name;
    int64_t interval_ms;     /* 0: global evaluation_interval */
    bool has_query_offset;
    int64_t query_offset_ms; /* else global rule_query_offset */
    int64_t limit;           /* 0: none */
    struct config_map labels;
    struct rule_def *rules;
    size_t rules_n;
    int line, column;
};

struct rule_file {
    unsigned magic;
#define RULE_FILE_MAGIC 0x52f11e05
    struct arena *arena;
    str path;
    struct rule_group_def *groups;
    size_t groups_n;
    const struct yaml_node *red, *slo; /* or NULL; borrowed from doc */
    struct yaml_doc *doc;              /* owned */
    bool more_documents; /* a second document was there and is not read */
};

struct parse_opts; /* query/parse.h */

struct rule_file_opts {
    bool ignore_unknown_fields;
    config_check_template *check_template; /* template_check_alert; NULL: not looked at */
    bool legacy_names;                     /* global metric_name_validation_scheme: legacy */
    const struct parse_opts *parse;        /* PromQL options; NULL: the defaults */
};

/* Errors in the order Prometheus finds them, each a full line of text
 * ("PATH: 4:9: group \"g\", rule 1, \"x\": could not parse expression: …"). */
struct rule_errors {
    str *v; /* in the arena given to rule_file_load */
    size_t n;
};
/* On success *out is the caller's and errors->n is 0. */
bool rule_file_load(const char *path, const struct rule_file_opts *o, struct arena *a,
                    struct rule_file **out, struct rule_errors *errors) MUST_USE;
bool rule_file_parse(const char *name, str text, const struct rule_file_opts *o, struct arena *a,
                     struct rule_file **out, struct rule_errors *errors) MUST_USE;
void rule_file_free(struct rule_file **f);

/* Lint: rules of one file that have the same name and labels. */
struct rule_duplicate {
    str name;
    struct config_map labels; /* of group and rule together */
};
size_t rule_file_duplicates(const struct rule_file *f, struct arena *a, struct rule_duplicate **out);
size_t rule_file_rules(const struct rule_file *f); /* how many in all groups */
