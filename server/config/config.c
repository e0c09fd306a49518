#include "server/config/config.h"

#include <stdlib.h>

#include "base/io.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/panic.h"
#include "server/config/schema_alerting.h"
#include "server/config/schema_http.h"
#include "server/config/schema_remote.h"
#include "server/config/schema_scrape.h"

#define OMIT .flags = SCHEMA_OMITEMPTY
#define GOGC_DEFAULT 75

static void
init_config(struct schema_reader *r, void *obj)
{
    struct config *c = obj;
    config_global_default(r, &c->global);
    c->runtime.gogc = GOGC_DEFAULT;
    c->otlp = config_otlp_default;
}

/* [^*]*(\*[^/]*)? : a wildcard only in the last part. */
static bool
glob_ok(str s)
{
    ptrdiff_t star = str_find_char(s, '*', 0);
    return (star < 0 || str_find_char(s, '/', (size_t)star) < 0) && str_find_char(s, '\n', 0) < 0;
}

static bool
check_globs(struct schema_reader *r, const struct yaml_node *n, const struct config_strs *globs,
            const char *what)
{
    for (size_t i = 0; i < globs->n; i++)
        if (!glob_ok(globs->v[i]))
            return schema_fail(r, n, "invalid %s file path %.*s", what,
                               STR_ARG(config_quoted(r->a, globs->v[i])));
    return true;
}

/* The YAML node of a list's item, for the place of a fault found late. */
static const struct yaml_node *
item_node(const struct yaml_node *root, const char *key, size_t i)
{
    const struct yaml_node *list = root->type == YAML_MAP ? yaml_get(root, key) : NULL;
    return list != NULL && list->type == YAML_LIST && i < list->n ? list->item[i] : root;
}

static bool
check_jobs(struct schema_reader *r, const struct yaml_node *n, struct config *c)
{
    schema_enter(r, STRL("scrape_configs"), 0);
    for (size_t i = 0; i < c->scrape_configs.n; i++) {
        const struct yaml_node *at = item_node(n, "scrape_configs", i);
        struct config_scrape *s = c->scrape_configs.v[i];
        schema_enter(r, STR_EMPTY, i);
        if (!config_scrape_complete(r, at, s, &c->global))
            return false;
        for (size_t k = 0; k < i; k++)
            if (str_eq(c->scrape_configs.v[k]->job_name, s->job_name))
                return schema_fail(r, at, "found multiple scrape configs with job name %.*s",
                                   STR_ARG(config_quoted(r->a, s->job_name)));
        schema_leave(r);
    }
    schema_leave(r);
    return true;
}

static bool
check_remote_writes(struct schema_reader *r, const struct yaml_node *n, struct config *c)
{
    schema_enter(r, STRL("remote_write"), 0);
    for (size_t i = 0; i < c->remote_write.n; i++) {
        const struct yaml_node *at = item_node(n, "remote_write", i);
        struct config_remote_write *w = c->remote_write.v[i];
        schema_enter(r, STR_EMPTY, i);
        if (w == NULL)
            return schema_fail(r, at, "empty or null remote write config section");
        for (size_t k = 0; w->name.n > 0 && k < i; k++)
            if (str_eq(c->remote_write.v[k]->name, w->name))
                return schema_fail(r, at, "found multiple remote write configs with job name %.*s",
                                   STR_ARG(config_quoted(r->a, w->name)));
        if (!config_relabels_check(r, &w->relabel, c->global.validation == VALIDATION_LEGACY))
            return false;
        schema_leave(r);
    }
    schema_leave(r);
    return true;
}

static bool
check_remote_reads(struct schema_reader *r, const struct yaml_node *n, struct config *c)
{
    schema_enter(r, STRL("remote_read"), 0);
    for (size_t i = 0; i < c->remote_read.n; i++) {
        const struct yaml_node *at = item_node(n, "remote_read", i);
        struct config_remote_read *x = c->remote_read.v[i];
        schema_enter(r, STR_EMPTY, i);
        if (x == NULL)
            return schema_fail(r, at, "empty or null remote read config section");
        for (size_t k = 0; x->name.n > 0 && k < i; k++)
            if (str_eq(c->remote_read.v[k]->name, x->name))
                return schema_fail(r, at, "found multiple remote read configs with job name %.*s",
                                   STR_ARG(config_quoted(r->a, x->name)));
        schema_leave(r);
    }
    schema_leave(r);
    return true;
}

static bool
check_config(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    struct config *c = obj;
    /* Blocks opened and left empty. */
    if (c->global.scrape_interval_ms == 0)
        config_global_default(r, &c->global);
    if (c->runtime.gogc == 0)
        c->runtime.gogc = GOGC_DEFAULT;
    bool legacy = c->global.validation == VALIDATION_LEGACY;
    return check_globs(r, n, &c->rule_files, "rule") &&
           check_globs(r, n, &c->scrape_config_files, "scrape config") && check_jobs(r, n, c) &&
           config_alerting_complete(r, &c->alerting, legacy) && check_remote_writes(r, n, c) &&
           check_remote_reads(r, n, c);
}

#define F(name, member, t, ...) SCHEMA_FIELD(struct config, name, member, t, __VA_ARGS__)
#define B(name, member, t, block, ...) SCHEMA_BLOCK(struct config, name, member, t, block, __VA_ARGS__)
static const struct schema_field config_fields[] = {
    B("global", global, schema_block, schema_global),
    B("runtime", runtime, schema_block, schema_runtime, OMIT),
    B("alerting", alerting, schema_block, schema_alerting, OMIT),
    F("rule_files", rule_files, schema_strs, OMIT),
    F("scrape_config_files", scrape_config_files, schema_strs, OMIT),
    B("scrape_configs", scrape_configs, schema_ptr_list, schema_scrape, OMIT,
      .go = "[]*config.ScrapeConfig"),
    B("storage", storage, schema_block, schema_storage, OMIT),
    B("tracing", tracing, schema_block, schema_tracing, OMIT),
    B("remote_write", remote_write, schema_ptr_list, schema_remote_write, OMIT,
      .go = "[]*config.RemoteWriteConfig"),
    B("remote_read", remote_read, schema_ptr_list, schema_remote_read, OMIT,
      .go = "[]*config.RemoteReadConfig"),
    B("otlp", otlp, schema_block, schema_otlp, OMIT),
};
#undef F
#undef B
static const struct schema schema_config = {
    .go = "config.plain",
    .size = sizeof(struct config),
    .fields = config_fields,
    .fields_n = ARRAY_LEN(config_fields),
    .init = init_config,
    .check = check_config,
};

/* What the flags say about retention holds where the file says nothing. */
static void
complete_storage(struct config *c, const struct config_opts *o)
{
    if (c->storage.tsdb == NULL)
        c->storage.tsdb = ARENA_NEW(c->arena, struct config_tsdb);
    if (c->storage.tsdb->retention != NULL)
        return;
    struct config_retention *t = ARENA_NEW(c->arena, struct config_retention);
    t->time_ms = o->retention_ms;
    t->size_bytes = o->retention_bytes;
    c->storage.tsdb->retention = t;
}

/* os.Expand: $name, ${name}, and one special character ($$ gives $). */
static size_t
shell_name(str s, str *name)
{
    if (s.n > 0 && s.p[0] == '{') {
        ptrdiff_t end = str_find_char(s, '}', 1);
        if (end < 0) {
            *name = STR_EMPTY;
            return 1;
        }
        *name = STR(s.p + 1, (size_t)end - 1);
        return (size_t)end + 1;
    }
    if (s.n > 0 && s.p[0] != '\0' && strchr("*#$@!?-0123456789", s.p[0]) != NULL) {
        *name = STR(s.p, 1);
        return 1;
    }
    size_t n = 0;
    while (n < s.n && (s.p[n] == '_' || (s.p[n] >= '0' && s.p[n] <= '9') ||
                       ((s.p[n] | 0x20) >= 'a' && (s.p[n] | 0x20) <= 'z')))
        n++;
    *name = STR(s.p, n);
    return n;
}

static str
expand_env(struct arena *a, str s)
{
    if (str_find_char(s, '$', 0) < 0)
        return s;
    struct buf out = {0};
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != '$' || i + 1 == s.n) {
            buf_byte(&out, s.p[i]);
            continue;
        }
        str name;
        size_t used = shell_name(str_from(s, i + 1), &name);
        if (used == 0)
            buf_byte(&out, '$');
        else if (str_eq(name, STRL("$")))
            buf_byte(&out, '$');
        else if (name.n > 0) {
            char *key = mem_cstr(name);
            const char *value = getenv(key);
            if (value == NULL || value[0] == '\0')
                LOG_WARN("Empty environment variable", KV("name", key));
            else
                buf_put(&out, str_of(value));
            mem_free(key);
        }
        i += used;
    }
    str expanded = arena_str(a, buf_str(&out));
    buf_free(&out);
    return expanded;
}

static void
expand_labels(struct config *c)
{
    struct labels ls = c->global.external_labels;
    struct label *v = ARENA_ZARRAY(c->arena, struct label, ls.n);
    for (size_t i = 0; i < ls.n; i++)
        v[i] = (struct label){ls.v[i].name, expand_env(c->arena, ls.v[i].value)};
    c->global.external_labels.v = v;
}

static bool
check_agent(const struct config *c, struct err *e)
{
    const char *field = c->alerting.alertmanagers.n > 0 || c->alerting.alert_relabel.n > 0 ||
                                c->alerting.notify != NULL || c->alerting.config_file.n > 0
                            ? "alerting"
                        : c->rule_files.n > 0  ? "rule_files"
                        : c->remote_read.n > 0 ? "remote_read"
                                               : NULL;
    return field == NULL ||
           err_set(e, ERR_CONFIG, "field %s is not allowed in agent mode", field);
}

static void
join_all(struct arena *a, str dir, struct config_strs *paths)
{
    for (size_t i = 0; i < paths->n; i++)
        paths->v[i] = config_join_dir(a, dir, paths->v[i]);
}

static void
set_dir(struct config *c, str dir)
{
    struct arena *a = c->arena;
    c->global.query_log_file = config_join_dir(a, dir, c->global.query_log_file);
    c->global.scrape_failure_log_file = config_join_dir(a, dir, c->global.scrape_failure_log_file);
    config_alerting_set_dir(&c->alerting, a, dir);
    config_tls_set_dir(&c->tracing.tls, a, dir);
    join_all(a, dir, &c->rule_files);
    join_all(a, dir, &c->scrape_config_files);
    for (size_t i = 0; i < c->scrape_configs.n; i++) {
        config_scrape_set_dir(c->scrape_configs.v[i], a, dir);
        config_scrape_identify(c->scrape_configs.v[i], a);
    }
    for (size_t i = 0; i < c->remote_write.n; i++) {
        config_http_set_dir(&c->remote_write.v[i]->http, a, dir);
        config_remote_write_identify(c->remote_write.v[i], a);
    }
    for (size_t i = 0; i < c->remote_read.n; i++) {
        config_http_set_dir(&c->remote_read.v[i]->http, a, dir);
        config_remote_read_identify(c->remote_read.v[i], a);
    }
}

/* Files that the main one names. */

static bool
read_text(const char *path, struct buf *out, struct err *e)
{
    struct err why;
    if (io_read_file(path, LIMIT_YAML_BYTES, out, &why))
        return true;
    return config_open_error(path, &why, e);
}

static void
note_file(struct schema_reader *r, const char *path)
{
    const struct config_opts *o = r->opts;
    if (o->place == NULL)
        return;
    size_t n = MIN(strlen(path), sizeof o->place->file - 1);
    memcpy(o->place->file, path, n);
    o->place->file[n] = '\0';
    o->place->line = r->place.line;
    memcpy(o->place->key, r->place.key, sizeof o->place->key);
}

static bool
add_job(struct schema_reader *r, struct config *c, struct config_scrape *s, const char *path)
{
    if (!config_scrape_complete(r, NULL, s, &c->global))
        return false;
    for (size_t i = 0; i < c->jobs_n; i++) {
        if (!str_eq(c->jobs[i]->job_name, s->job_name))
            continue;
        str file = c->jobs[i]->file;
        return schema_fail(r, NULL, "found multiple scrape configs with job name %.*s, first found "
                                    "in %.*s",
                           STR_ARG(config_quoted(c->arena, s->job_name)),
                           STR_ARG(file.n > 0 ? config_quoted(c->arena, file)
                                              : STRL("main config file")));
    }
    s->file = config_absolute(c->arena, str_of(path));
    config_scrape_set_dir(s, c->arena, config_dir_of(str_of(path)));
    config_scrape_identify(s, c->arena);
    arena_grow(c->arena, &c->jobs, &c->jobs_cap, c->jobs_n + 1, sizeof *c->jobs);
    c->jobs[c->jobs_n++] = s;
    return true;
}

static bool
read_job_file(struct schema_reader *r, struct config *c, const char *path, struct err *e)
{
    struct buf text = {0};
    struct yaml_doc *doc = NULL;
    struct config_scrape_file file = {0};
    bool ok = read_text(path, &text, e) && yaml_parse_v2(buf_str(&text), &doc, e) &&
              schema_read_doc(r, yaml_root(doc), &schema_scrape_file, &file);
    for (size_t i = 0; ok && i < file.scrape_configs.n; i++)
        ok = add_job(r, c, file.scrape_configs.v[i], path);
    yaml_free(&doc);
    buf_free(&text);
    if (!ok) {
        note_file(r, path);
        err_prefix(e, "%.*s: ",
                   STR_ARG(config_quoted(c->arena, config_absolute(c->arena, str_of(path)))));
    }
    return ok;
}

static bool
read_job_glob(struct schema_reader *r, struct config *c, str glob, struct err *e)
{
    char *pattern = mem_cstr(glob);
    char **paths = NULL;
    size_t n = 0;
    bool ok = io_glob(pattern, &paths, &n, e);
    if (!ok)
        err_set(e, ERR_CONFIG, "error retrieving scrape config files for %.*s: syntax error in pattern",
                STR_ARG(config_quoted(c->arena, glob)));
    for (size_t i = 0; ok && i < n; i++)
        ok = read_job_file(r, c, paths[i], e);
    io_glob_free(&paths, n);
    mem_free(pattern);
    return ok;
}

static bool
read_jobs(struct schema_reader *r, struct config *c, struct err *e)
{
    arena_grow(c->arena, &c->jobs, &c->jobs_cap, c->scrape_configs.n + 1, sizeof *c->jobs);
    for (size_t i = 0; i < c->scrape_configs.n; i++)
        c->jobs[c->jobs_n++] = c->scrape_configs.v[i];
    const struct config_opts *o = r->opts;
    for (size_t i = 0; !o->main_only && i < c->scrape_config_files.n; i++)
        if (!read_job_glob(r, c, c->scrape_config_files.v[i], e))
            return false;
    return true;
}

static bool
read_named_files(struct schema_reader *r, struct config *c, struct err *e)
{
    const struct config_opts *o = r->opts;
    bool ok = true;
    if (c->alerting.config_file.n > 0 && !o->main_only) {
        char *path = mem_cstr(c->alerting.config_file);
        ok = config_notify_read(r, path, &c->alerting.notify, e);
        if (!ok)
            note_file(r, path);
        mem_free(path);
    } else if (c->alerting.notify != NULL) {
        config_notify_print(c->alerting.notify, c->arena);
    }
    ok = ok && read_jobs(r, c, e);
    if (!ok && o->place != NULL)
        o->place->elsewhere = true;
    return ok;
}

/* Loading. */

static bool
read_main(struct schema_reader *r, struct config *c, str text, struct err *e)
{
    struct yaml_doc *doc;
    if (!yaml_parse_v2(text, &doc, e))
        return false;
    const struct yaml_node *root = yaml_root(doc);
    /* A document of nothing but `null` is the zero configuration, shown as such. */
    bool nothing = yaml_is_null(root) && root->type == YAML_SCALAR;
    if (!nothing)
        init_config(r, c);
    bool ok = schema_read_doc(r, root, &schema_config, c) &&
              config_otlp_complete(r, &c->otlp, c->global.validation == VALIDATION_LEGACY);
    yaml_free(&doc);
    if (!ok)
        return false;
    complete_storage(c, r->opts);
    expand_labels(c);
    return true;
}

static void
print_config(struct config *c)
{
    struct buf b = {0};
    schema_print_doc(&schema_config, c, false, &b);
    c->text = arena_str(c->arena, buf_str(&b));
    buf_free(&b);
}

static bool
load(struct config *c, str text, str dir, const struct config_opts *o, struct err *e)
{
    struct schema_reader r;
    schema_reader_init(&r, c->arena, e);
    r.opts = o;
    r.check_template = o->check_template;
    bool ok = read_main(&r, c, text, e);
    if (!ok) {
        note_file(&r, c->path_cstr);
        if (c->path.n > 0)
            err_prefix(e, "parsing YAML file %.*s: ", STR_ARG(c->path));
    } else if (o->agent) {
        ok = check_agent(c, e);
    }
    if (ok) {
        set_dir(c, dir);
        print_config(c);
        if (c->global.scrape_interval_ms == 0)
            config_global_default(&r, &c->global);
        ok = read_named_files(&r, c, e);
    }
    buf_free(&r.problem_text);
    c->regexes = r.regexes;
    c->regexes_n = r.regexes_n;
    return ok;
}

static struct config *
config_new(const char *path)
{
    struct arena *a = arena_new();
    struct config *c = ARENA_NEW(a, struct config);
    c->magic = CONFIG_MAGIC;
    atomic_store_explicit(&c->refs, 1, memory_order_relaxed);
    c->arena = a;
    c->path = path ? arena_str(a, str_of(path)) : STR_EMPTY;
    c->path_cstr = path ? arena_cstr(a, str_of(path)) : "";
    return c;
}

static const struct config_opts no_opts;

bool
config_parse(str text, const char *dir, const struct config_opts *o, struct config **out,
             struct err *e)
{
    struct config *c = config_new(NULL);
    if (!load(c, text, str_of(dir), o ? o : &no_opts, e)) {
        config_unref(&c);
        return false;
    }
    *out = c;
    return true;
}

bool
config_load(const char *path, const struct config_opts *o, struct config **out, struct err *e)
{
    struct buf text = {0};
    struct config *c = config_new(path);
    bool ok = read_text(path, &text, e) &&
              load(c, buf_str(&text), config_dir_of(c->path), o ? o : &no_opts, e);
    buf_free(&text);
    if (!ok) {
        config_unref(&c);
        return false;
    }
    *out = c;
    return true;
}

struct config *
config_ref(struct config *c)
{
    CHECK_MAGIC(c, CONFIG_MAGIC);
    atomic_fetch_add_explicit(&c->refs, 1, memory_order_relaxed);
    return c;
}

void
config_unref(struct config **cp)
{
    struct config *c = *cp;
    *cp = NULL;
    if (c == NULL)
        return;
    CHECK_MAGIC(c, CONFIG_MAGIC);
    if (atomic_fetch_sub_explicit(&c->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < c->regexes_n; i++)
        regex_free(&c->regexes[i]);
    c->magic = 0;
    struct arena *a = c->arena;
    arena_free(&a);
}
