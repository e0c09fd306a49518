/* check config: prometheus.yml and the files that it names. */
#include "cli/check.h"

#include <stdio.h>

#include "base/io.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/num.h"
#include "cli/args.h"
#include "cli/command.h"
#include "server/config/config.h"
#include "server/config/schema_types.h"
#include "server/config/target_file.h"
#include "server/template/template.h"

int
check_status(const struct check_outcome *o, const struct check_lint *lint)
{
    if (o->failed && o->errors)
        return CHECK_FAILED;
    return o->failed && lint->fatal ? CHECK_LINT : CHECK_OK;
}

static void
unknown_option(str word)
{
    struct buf q = {0};
    labels_put_quoted(&q, word);
    printf("WARNING: unknown lint option: %s\n", buf_cstr(&q));
    buf_free(&q);
}

void
check_lint_parse(struct check_lint *l, const char *options, bool with_scrape)
{
    int64_t lookback_ms = l->lookback_ms;
    bool none = false;
    l->lookback_ms = 0;
    str rest = str_of(options);
    while (rest.p != NULL) {
        ptrdiff_t comma = str_find_char(rest, ',', 0);
        str word = comma < 0 ? rest : STR(rest.p, (size_t)comma);
        rest = comma < 0 ? STR_EMPTY : str_from(rest, (size_t)comma + 1);
        bool all = str_eq(word, STRL("all"));
        bool scrape = with_scrape && (all || str_eq(word, STRL("too-long-scrape-interval")));
        if (scrape)
            l->lookback_ms = lookback_ms;
        if (all || str_eq(word, STRL("duplicate-rules")))
            l->duplicate_rules = true;
        else if (str_eq(word, STRL("none")))
            none = true;
        else if (!scrape && word.n > 0)
            unknown_option(word);
    }
    /* In check config `none` wins over everything beside it. */
    if (none && with_scrape) {
        l->duplicate_rules = false;
        l->lookback_ms = 0;
    }
}

void
check_features(struct check_lint *l, const struct arg_list *features)
{
    for (size_t i = 0; i < features->n; i++) {
        str rest = str_of(features->v[i]);
        while (rest.n > 0) {
            ptrdiff_t comma = str_find_char(rest, ',', 0);
            str word = comma < 0 ? rest : STR(rest.p, (size_t)comma);
            rest = comma < 0 ? STR_EMPTY : str_from(rest, (size_t)comma + 1);
            if (str_eq(word, STRL("promql-experimental-functions")))
                l->parse.experimental_functions = true;
            else if (str_eq(word, STRL("promql-extended-range-selectors")))
                l->parse.extended_range_selectors = true;
            else if (str_eq(word, STRL("promql-binop-fill-modifiers")))
                l->parse.binop_fill_modifiers = true;
            else if (word.n > 0 && !str_eq(word, STRL("promql-delayed-name-removal")) &&
                     !str_eq(word, STRL("promql-duration-expr")))
                printf("  WARNING: Unknown feature passed to --enable-feature: %.*s", STR_ARG(word));
        }
    }
}

/* The files that a configuration names; each function false with e set. */

static bool
file_exists(str path, struct err *e)
{
    char *p = mem_cstr(path);
    bool ok = path.n == 0 || io_exists(p);
    if (!ok)
        err_set(e, ERR_NOT_FOUND, "stat %s: no such file or directory", p);
    mem_free(p);
    return ok;
}

struct found {
    struct arena *a;
    const char **rule_files;
    size_t n, cap;
};

static bool
find_rule_files(const struct config *c, struct found *f, struct err *e)
{
    for (size_t i = 0; i < c->rule_files.n; i++) {
        str glob = c->rule_files.v[i];
        char **paths = NULL;
        size_t n = 0;
        char *pattern = mem_cstr(glob);
        bool ok = io_glob(pattern, &paths, &n, e);
        mem_free(pattern);
        if (!ok)
            return err_set(e, ERR_CONFIG, "syntax error in pattern");
        if (n == 0 && str_find_char(glob, '*', 0) < 0)
            return err_set(e, ERR_CONFIG, "%.*s does not point to an existing file",
                           STR_ARG(config_quoted(f->a, glob)));
        for (size_t k = 0; k < n; k++) {
            arena_grow(f->a, &f->rule_files, &f->cap, f->n + 1, sizeof *f->rule_files);
            f->rule_files[f->n++] = arena_cstr(f->a, str_of(paths[k]));
        }
        io_glob_free(&paths, n);
    }
    return true;
}

static bool
check_addresses(const struct config_static *const *groups, size_t n, struct arena *a, struct err *e)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < groups[i]->targets.n; k++)
            if (str_find_char(groups[i]->targets.v[k], '/', 0) >= 0)
                return err_set(e, ERR_CONFIG, "%.*s is not a valid hostname",
                               STR_ARG(config_quoted(a, groups[i]->targets.v[k])));
    return true;
}

static bool
check_sd_file(const char *path, bool relabelled, struct arena *a, struct err *e)
{
    struct config_static **groups;
    size_t n;
    return config_target_file_load(path, a, &groups, &n, e) &&
           (relabelled || check_addresses((const struct config_static *const *)groups, n, a, e));
}

static bool
check_file_sd(const struct config_sd_file *sd, bool relabelled, const char *where, struct arena *a,
              struct err *e)
{
    for (size_t i = 0; i < sd->files.n; i++) {
        str glob = sd->files.v[i], quoted = config_quoted(a, glob);
        char **paths = NULL;
        size_t n = 0;
        char *pattern = mem_cstr(glob);
        bool ok = io_glob(pattern, &paths, &n, e);
        mem_free(pattern);
        if (!ok)
            return err_set(e, ERR_CONFIG, "syntax error in pattern");
        if (n == 0)
            printf("  WARNING: file %.*s for file_sd in %s does not exist\n", STR_ARG(quoted), where);
        for (size_t k = 0; k < n && ok; k++) {
            ok = check_sd_file(paths[k], relabelled, a, e);
            if (!ok && !str_ends(err_str(e), STRL("is not a valid hostname")))
                err_prefix(e, "checking SD file %.*s: ", STR_ARG(quoted));
        }
        io_glob_free(&paths, n);
        if (!ok)
            return false;
    }
    return true;
}

static bool
check_discovery(const struct config_discovery *d, bool relabelled, const char *where, struct arena *a,
                struct err *e)
{
    for (size_t i = 0; i < d->n; i++)
        if (d->v[i].kind == SD_FILE && !check_file_sd(d->v[i].file, relabelled, where, a, e))
            return false;
    return true;
}

static bool
check_client_files(const struct config_http *h, struct arena *a, struct err *e)
{
    if (h->authorization != NULL && !file_exists(h->authorization->credentials_file, e))
        return err_prefix(e, "error checking authorization credentials or bearer token file %.*s: ",
                          STR_ARG(config_quoted(a, h->authorization->credentials_file)));
    if (!file_exists(h->tls.cert_file, e))
        return err_prefix(e, "error checking client cert file %.*s: ",
                          STR_ARG(config_quoted(a, h->tls.cert_file)));
    if (!file_exists(h->tls.key_file, e))
        return err_prefix(e, "error checking client key file %.*s: ",
                          STR_ARG(config_quoted(a, h->tls.key_file)));
    return true;
}

static bool
check_jobs(const struct config *c, struct arena *a, struct err *e)
{
    for (size_t i = 0; i < c->jobs_n; i++) {
        const struct config_scrape *s = c->jobs[i];
        str where = arena_printf(a, "scrape job %.*s", STR_ARG(config_quoted(a, s->job_name)));
        if (!check_client_files(&s->http, a, e) ||
            !check_discovery(&s->discovery, s->relabel.n > 0, arena_cstr(a, where), a, e))
            return false;
    }
    for (size_t i = 0; i < c->alerting.alertmanagers.n; i++) {
        const struct config_alertmanager *am = c->alerting.alertmanagers.v[i];
        if (!check_discovery(&am->discovery, am->relabel.n > 0, "alertmanager config", a, e))
            return false;
    }
    return true;
}

static bool
lint_jobs(const struct config *c, const struct check_lint *lint)
{
    for (size_t i = 0; lint->lookback_ms > 0 && i < c->jobs_n; i++) {
        if (c->jobs[i]->scrape_interval_ms < lint->lookback_ms)
            continue;
        struct buf b = {0};
        num_put_duration_ms(&b, c->jobs[i]->scrape_interval_ms);
        fflush(stdout);
        fprintf(stderr,
                "  FAILED: too long scrape interval found, data point will be marked as stale - job: "
                "%.*s, interval: %s\n",
                STR_ARG(c->jobs[i]->job_name), buf_cstr(&b));
        buf_free(&b);
        return false;
    }
    return true;
}

struct check_flags {
    bool agent, syntax_only;
};

/* Loads and checks one file; *out is the generation even if something it names is bad. */
static bool
check_one(const char *path, const struct check_flags *flags, struct found *f, struct config **out,
          struct config_place *place, struct err *e)
{
    struct config_opts o = {.agent = flags->agent, .main_only = true, .place = place,
                            .check_template = template_check_text};
    struct config *main_only, *whole;
    if (!config_load(path, &o, &main_only, e))
        return false;
    if (flags->syntax_only) {
        *out = main_only;
        return true;
    }
    if (!find_rule_files(main_only, f, e)) {
        config_unref(&main_only);
        return false;
    }
    if (main_only->scrape_config_files.n == 0 && main_only->alerting.config_file.n == 0) {
        *out = main_only;
        return check_jobs(main_only, f->a, e);
    }
    config_unref(&main_only);
    o.main_only = false;
    if (!config_load(path, &o, &whole, e)) {
        if (str_starts(err_str(e), STRL("\"")) || str_starts(err_str(e), STRL("error retrieving")))
            err_prefix(e, "error loading scrape configs: ");
        return false;
    }
    *out = whole;
    return check_jobs(whole, f->a, e);
}

static void
print_failure(const struct err *e, const struct config_place *place)
{
    fflush(stdout);
    fprintf(stderr, "  FAILED: %s\n", e->text);
    /* Problems with lines in their text need no more; failures have only words. */
    if (place->line > 0 && strstr(e->text, "\n  line ") == NULL && strstr(e->text, "yaml: ") == NULL)
        fprintf(stderr, "    at %s:%d%s%s\n", place->file, place->line, place->key[0] ? ": " : "",
                place->key);
}

static void
check_file(const char *path, const struct check_flags *flags, const struct check_lint *lint,
           struct check_outcome *out)
{
    struct arena *a = arena_new();
    struct found f = {.a = a};
    struct config *c = NULL;
    struct config_place place = {.line = 0};
    struct err e;
    printf("Checking %s\n", path);
    bool ok = check_one(path, flags, &f, &c, &place, &e);
    if (!ok) {
        print_failure(&e, &place);
        out->failed = out->errors = true;
    } else {
        if (f.n > 0)
            printf("  SUCCESS: %zu rule files found\n", f.n);
        printf(" SUCCESS: %s is valid prometheus config file syntax\n", path);
    }
    printf("\n");
    if (ok && !flags->syntax_only) {
        out->failed |= !lint_jobs(c, lint);
        check_rule_files(f.rule_files, f.n, lint, out);
    }
    config_unref(&c);
    arena_free(&a);
}

int
command_check_config(int argc, char **argv)
{
    struct check_lint lint = {.lookback_ms = 5 * 60 * 1000};
    struct check_flags flags = {0};
    struct arg_list features = {0};
    const char *options = "duplicate-rules", *lookback = "5m";
    bool experimental = false;
    const struct arg_flag table[] = {
        {"syntax-only", 0, ARG_BOOL, &flags.syntax_only,
         "Look at the file only, not at the files it names."},
        {"lint", 0, ARG_STR, &options,
         "Lint checks: all, duplicate-rules, too-long-scrape-interval, none. Default duplicate-rules."},
        {"lint-fatal", 0, ARG_BOOL, &lint.fatal, "Exit with 3 on lint."},
        {"ignore-unknown-fields", 0, ARG_BOOL, &lint.ignore_unknown_fields,
         "Ignore unknown keys in rule files."},
        {"agent", 0, ARG_BOOL, &flags.agent, "Check for agent mode."},
        {"query.lookback-delta", 0, ARG_STR, &lookback, "The server's lookback. Default 5m."},
        {"enable-feature", 0, ARG_LIST, &features, "Features, comma-separated."},
        {"experimental", 0, ARG_BOOL, &experimental, "Accepted as promtool does."},
    };
    struct args args = {.flags = table, .flags_n = ARRAY_LEN(table),
                        .usage = "check config [<flags>] FILE..."};
    struct err e;
    int64_t lookback_ns;
    if (!args_parse(&args, argc, argv))
        return args.status;
    if (args.plain_n == 0)
        return args_fail("required argument 'config-files' not provided");
    if (!num_parse_go_duration(str_of(lookback), &lookback_ns, &e))
        return args_fail("%s", e.text);
    if (!args_files_exist(&args))
        return CHECK_FAILED;
    lint.lookback_ms = lookback_ns / 1000000;
    check_lint_parse(&lint, options, true);
    check_features(&lint, &features);
    struct check_outcome out = {0};
    for (size_t i = 0; i < args.plain_n; i++)
        check_file(args.plain[i], &flags, &lint, &out);
    return check_status(&out, &lint);
}
