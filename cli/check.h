/* check.h - what `check config` and `check rules` share. */
#pragma once
#include "query/parse.h"
#include "server/config/rule_file.h"

#define CHECK_OK 0
#define CHECK_FAILED 1
#define CHECK_LINT 3

struct check_lint {
    bool duplicate_rules;
    bool fatal;                 /* lint alone fails, with CHECK_LINT */
    bool ignore_unknown_fields;
    int64_t lookback_ms;        /* scrape intervals from this on are too long; 0: not looked at */
    struct parse_opts parse;
};
struct check_outcome {
    bool failed; /* something was wrong, be it lint */
    bool errors; /* something else than lint */
};
int check_status(const struct check_outcome *o, const struct check_lint *lint);

/* Reads --lint and --enable-feature, warning about words that nobody knows. */
void check_lint_parse(struct check_lint *l, const char *options, bool with_scrape);
struct arg_list;
void check_features(struct check_lint *l, const struct arg_list *features);

/* Checks rule files one by one, printing as promtool does. */
void check_rule_files(const char *const *paths, size_t n, const struct check_lint *lint,
                      struct check_outcome *out);
