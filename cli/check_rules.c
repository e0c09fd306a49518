/* check rules: rule files, or standard input. */
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/log.h"
#include "cli/args.h"
#include "cli/check.h"
#include "cli/command.h"
#include "server/template/template.h"

static void
print_duplicates(const struct rule_duplicate *v, size_t n)
{
    fflush(stdout);
    fprintf(stderr, "  FAILED:\nlint error %zu duplicate rule(s) found.\n", n);
    for (size_t i = 0; i < n; i++) {
        fprintf(stderr, "Metric: %.*s\nLabel(s):\n", STR_ARG(v[i].name));
        for (size_t k = 0; k < v[i].labels.n; k++)
            fprintf(stderr, "\t%.*s: %.*s\n", STR_ARG(v[i].labels.v[k].key),
                    STR_ARG(v[i].labels.v[k].value));
    }
    fprintf(stderr, "Might cause inconsistency while recording expressions\n");
}

/* What came of reading one file: prints it and frees it. */
static void
judge(struct rule_file *f, const struct rule_errors *errors, struct arena *a,
      const struct check_lint *lint, struct check_outcome *out)
{
    if (f == NULL) {
        fflush(stdout);
        fprintf(stderr, "  FAILED:\n");
        for (size_t i = 0; i < errors->n; i++)
            fprintf(stderr, "%.*s\n", STR_ARG(errors->v[i]));
        out->failed = out->errors = true;
        return;
    }
    struct rule_duplicate *twice = NULL;
    size_t n = lint->duplicate_rules ? rule_file_duplicates(f, a, &twice) : 0;
    if (f->more_documents)
        LOG_WARN("Multiple document yaml rules files are not supported, only the first document is "
                 "processed");
    if (n > 0) {
        print_duplicates(twice, n);
        out->failed = true;
    } else {
        printf("  SUCCESS: %zu rules found\n", rule_file_rules(f));
    }
    printf("\n");
    rule_file_free(&f);
}

static struct rule_file_opts
options_of(const struct check_lint *lint)
{
    return (struct rule_file_opts){.ignore_unknown_fields = lint->ignore_unknown_fields,
                                   .check_template = template_check_alert,
                                   .parse = &lint->parse};
}

void
check_rule_files(const char *const *paths, size_t n, const struct check_lint *lint,
                 struct check_outcome *out)
{
    struct rule_file_opts o = options_of(lint);
    for (size_t i = 0; i < n; i++) {
        struct arena *a = arena_new();
        struct rule_file *f = NULL;
        struct rule_errors errors;
        printf("Checking %s\n", paths[i]);
        if (!rule_file_load(paths[i], &o, a, &f, &errors))
            f = NULL;
        judge(f, &errors, a, lint, out);
        arena_free(&a);
    }
}

static bool
read_stdin(struct buf *b)
{
    for (;;) {
        if (b->n > LIMIT_YAML_BYTES)
            return false;
        buf_reserve(b, 65536);
        ssize_t n = read(STDIN_FILENO, b->p + b->n, 65536);
        if (n <= 0)
            return n == 0;
        b->n += (size_t)n;
    }
}

static void
check_stdin(const struct check_lint *lint, struct check_outcome *out)
{
    struct rule_file_opts o = options_of(lint);
    struct buf text = {0};
    struct arena *a = arena_new();
    struct rule_file *f = NULL;
    struct rule_errors errors = {0};
    printf("Checking standard input\n");
    if (!read_stdin(&text)) {
        fprintf(stderr, "  FAILED: standard input cannot be read\n");
        out->failed = out->errors = true;
    } else {
        if (!rule_file_parse("", buf_str(&text), &o, a, &f, &errors))
            f = NULL;
        /* Without a file's name its colon goes, too. */
        for (size_t i = 0; i < errors.n; i++)
            errors.v[i] = str_from(errors.v[i], 2);
        judge(f, &errors, a, lint, out);
    }
    buf_free(&text);
    arena_free(&a);
}

int
command_check_rules(int argc, char **argv)
{
    struct check_lint lint = {0};
    struct arg_list features = {0};
    const char *options = "duplicate-rules", *lookback = "5m";
    bool experimental = false;
    const struct arg_flag table[] = {
        {"lint", 0, ARG_STR, &options,
         "Lint checks: all, duplicate-rules, none. Default duplicate-rules."},
        {"lint-fatal", 0, ARG_BOOL, &lint.fatal, "Exit with 3 on lint."},
        {"ignore-unknown-fields", 0, ARG_BOOL, &lint.ignore_unknown_fields, "Ignore unknown keys."},
        {"query.lookback-delta", 0, ARG_STR, &lookback, "The server's lookback. Default 5m."},
        {"enable-feature", 0, ARG_LIST, &features, "Features, comma-separated."},
        {"experimental", 0, ARG_BOOL, &experimental, "Accepted as promtool does."},
    };
    struct args args = {.flags = table, .flags_n = ARRAY_LEN(table),
                        .usage = "check rules [<flags>] [FILE...]"};
    if (!args_parse(&args, argc, argv))
        return args.status;
    if (!args_files_exist(&args))
        return CHECK_FAILED;
    check_lint_parse(&lint, options, false);
    check_features(&lint, &features);
    struct check_outcome out = {0};
    if (args.plain_n == 0)
        check_stdin(&lint, &out);
    else
        check_rule_files(args.plain, args.plain_n, &lint, &out);
    return check_status(&out, &lint);
}
