/* check alertmanager-config: as amtool check-config. */
#include <stdio.h>

#include "base/io.h"
#include "base/limits.h"
#include "base/mem.h"
#include "cli/args.h"
#include "cli/command.h"
#include "server/config/config.h"
#include "server/config/schema_types.h"
#include "server/template/template.h"

static bool
check_template_file(struct template_set *set, const char *path, struct err *e)
{
    struct buf text = {0};
    struct err why;
    const char *slash = strrchr(path, '/');
    bool ok = io_read_file(path, LIMIT_YAML_BYTES, &text, &why)
                  ? template_set_add(set, str_of(slash ? slash + 1 : path), buf_str(&text), e)
                  : config_open_error(path, &why, e);
    buf_free(&text);
    return ok;
}

static bool
read_templates(struct template_set *set, const struct config_notify *c, struct err *e)
{
    for (size_t i = 0; i < c->templates.n; i++) {
        char *pattern = mem_cstr(c->templates.v[i]), **paths = NULL;
        size_t n = 0;
        bool ok = io_glob(pattern, &paths, &n, e);
        mem_free(pattern);
        if (!ok)
            return err_set(e, ERR_CONFIG, "syntax error in pattern");
        for (size_t k = 0; k < n && ok; k++)
            ok = check_template_file(set, paths[k], e);
        io_glob_free(&paths, n);
        if (!ok)
            return false;
    }
    return true;
}

static bool
check_templates(const struct config_notify *c, struct err *e)
{
    struct template_set *set;
    bool ok = template_set_new(&set, STR_EMPTY, STR_EMPTY, false, e) && read_templates(set, c, e);
    template_set_free(&set);
    return ok;
}

static size_t
check_file(const char *path)
{
    struct config_notify_file f;
    struct config_place place = {.line = 0};
    struct config_opts o = {.place = &place, .check_template = template_check_text};
    struct err e;
    size_t failed = 0;
    printf("Checking '%s'", path);
    if (!config_notify_load(path, &o, &f, &e)) {
        printf("  FAILED: %s\n", e.text);
        if (place.line > 0 && strstr(e.text, "yaml: ") == NULL)
            printf("    at %s:%d%s%s\n", path, place.line, place.key[0] ? ": " : "", place.key);
        printf("\n");
        return 1;
    }
    printf("  SUCCESS\nFound:\n - global config\n - route\n");
    printf(" - %zu inhibit rules\n - %zu receivers\n - %zu templates\n", f.notify->inhibit_rules.n,
           f.notify->receivers.n, f.notify->templates.n);
    if (f.notify->templates.n > 0) {
        failed = !check_templates(f.notify, &e);
        if (failed)
            printf("  FAILED: %s\n", e.text);
        else
            printf("  SUCCESS\n");
    }
    printf("\n");
    config_notify_close(&f);
    return failed;
}

int
command_check_alertmanager(int argc, char **argv)
{
    struct args args = {.usage = "check alertmanager-config FILE..."};
    if (!args_parse(&args, argc, argv))
        return args.status;
    if (args.plain_n == 0)
        return args_fail("required argument 'check-files' not provided");
    if (!args_files_exist(&args))
        return 1;
    size_t failed = 0;
    for (size_t i = 0; i < args.plain_n; i++)
        failed += check_file(args.plain[i]);
    if (failed > 0) {
        fflush(stdout);
        fprintf(stderr, "narthex: error: failed to validate %zu file(s)\n\n", failed);
    }
    return failed > 0;
}
