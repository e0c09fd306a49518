/* The files that a configuration depends on. */
#include <unistd.h>

#include "base/io.h"
#include "base/mem.h"
#include "server/config/config.h"
#include "server/config/schema_types.h"

struct paths {
    struct arena *a;
    str *v;
    size_t n, cap;
};

static void
add_path(struct paths *p, str path)
{
    arena_grow(p->a, &p->v, &p->cap, p->n + 1, sizeof *p->v);
    p->v[p->n++] = arena_str(p->a, path);
}

static bool
add_glob(struct paths *p, str glob, const char *what, struct err *e)
{
    char *pattern = mem_cstr(glob);
    char **found = NULL;
    size_t n = 0;
    bool ok = io_glob(pattern, &found, &n, e);
    if (!ok)
        err_set(e, ERR_CONFIG, "error retrieving %s files for %.*s: syntax error in pattern", what,
                STR_ARG(glob));
    for (size_t i = 0; ok && i < n; i++)
        add_path(p, str_of(found[i]));
    io_glob_free(&found, n);
    mem_free(pattern);
    return ok;
}

bool
config_rule_paths(const struct config *c, struct arena *a, str **out, size_t *n, struct err *e)
{
    struct paths p = {.a = a};
    for (size_t i = 0; i < c->rule_files.n; i++)
        if (!add_glob(&p, c->rule_files.v[i], "rule", e))
            return false;
    *out = p.v;
    *n = p.n;
    return true;
}

bool
config_watch_paths(const struct config *c, struct arena *a, str **out, size_t *n, struct err *e)
{
    struct paths p = {.a = a};
    add_path(&p, c->path);
    if (c->alerting.config_file.n > 0)
        add_path(&p, c->alerting.config_file);
    for (size_t i = 0; i < c->rule_files.n; i++)
        if (!add_glob(&p, c->rule_files.v[i], "rule", e))
            return false;
    for (size_t i = 0; i < c->scrape_config_files.n; i++)
        if (!add_glob(&p, c->scrape_config_files.v[i], "scrape config", e))
            return false;
    *out = p.v;
    *n = p.n;
    return true;
}

str
config_dir_of(str path)
{
    const char *slash = path.n ? memrchr(path.p, '/', path.n) : NULL;
    if (slash == NULL)
        return STRL(".");
    return slash == path.p ? STRL("/") : STR(path.p, (size_t)(slash - path.p));
}

str
config_absolute(struct arena *a, str path)
{
    char cwd[4096];
    if ((path.n > 0 && path.p[0] == '/') || getcwd(cwd, sizeof cwd) == NULL)
        return arena_str(a, path);
    return config_join_dir(a, str_of(cwd), path);
}

bool
config_open_error(const char *path, const struct err *why, struct err *e)
{
    /* io says "PATH: Reason"; Go says "open PATH: reason". */
    str text = err_str(why), head = str_of(path);
    if (str_starts(text, head) && text.n > head.n + 2) {
        str reason = str_from(text, head.n + 2);
        char first = reason.p[0] >= 'A' && reason.p[0] <= 'Z' ? (char)(reason.p[0] | 0x20) : reason.p[0];
        const char *verb = str_eq(reason, STRL("Is a directory")) ? "read" : "open";
        return err_set(e, why->kind, "%s %s: %c%.*s", verb, path, first, STR_ARG(str_from(reason, 1)));
    }
    return err_set(e, why->kind, "open %s", why->text);
}
