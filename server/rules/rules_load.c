/* rules_load.c - rule files to groups. */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/panic.h"
#include "query/parse.h"
#include "query/print.h"
#include "server/rules/rules_priv.h"
#include "server/template/template.h"

static void
source_unref(struct rule_source **out)
{
    struct rule_source *s = *out;

    *out = NULL;
    if (!s || atomic_fetch_sub(&s->refs, 1) != 1)
        return;
    rule_file_free(&s->file);
    arena_free(&s->arena);
    mem_free(s);
}

static void
rule_fini(struct rule *r)
{
    active_clear(r);
    buf_free(&r->last_error);
    arena_free(&r->written.arena);
}

void
rule_group_free(struct rule_group **out)
{
    struct rule_group *g = *out;

    if (!g)
        return;
    CHECK_MAGIC(g, RULE_GROUP_MAGIC);
    CHECK(!g->running);
    for (size_t i = 0; i < g->n; i++)
        rule_fini(&g->v[i]);
    append_free(&g->batch);
    source_unref(&g->source);
    config_unref(&g->config);
    arena_free(&g->arena);
    g->magic = 0;
    mem_free(g);
    *out = NULL;
}

/* The expression as the API and links show it. */
static str
canonical(struct rules *r, str text, struct arena *a)
{
    struct engine_opts o = engine_options(r->opts.engine);
    struct arena *scratch = arena_new();
    struct expr *x;
    struct err e = ERR_INIT;
    struct buf b = {0};
    str out = text;

    if (parse_expr(text, &o.parse, scratch, &x, &e)) {
        print_expr(&b, x);
        out = arena_str(a, buf_str(&b));
        parse_free_regexes(x);
    }
    buf_free(&b);
    arena_free(&scratch);
    return out;
}

static int
compare_names(const void *a, const void *b)
{
    return str_cmp(((const struct label *)a)->name, ((const struct label *)b)->name);
}

static void
put_label(struct label *v, size_t *n, str name, str value)
{
    size_t i = 0;

    while (i < *n && !str_eq(v[i].name, name))
        i++;
    v[i] = (struct label){name, value};
    *n += i == *n;
}

/* The group's labels below the rule's.  Empty values stay: they remove a label of results,
 * and are shown. */
static struct labels
merged_labels(struct arena *a, const struct config_map *group, const struct config_map *rule)
{
    struct label *v = ARENA_ARRAY(a, struct label, group->n + rule->n + 1);
    size_t n = 0;

    for (size_t i = 0; i < group->n; i++)
        put_label(v, &n, group->v[i].key, group->v[i].value);
    for (size_t i = 0; i < rule->n; i++)
        put_label(v, &n, rule->v[i].key, rule->v[i].value);
    if (n)
        qsort(v, n, sizeof *v, compare_names);
    return (struct labels){v, n};
}

static struct labels
annotations_of(struct arena *a, const struct config_map *m)
{
    struct label *v = ARENA_ARRAY(a, struct label, m->n);

    for (size_t i = 0; i < m->n; i++)
        v[i] = (struct label){m->v[i].key, m->v[i].value};
    return (struct labels){v, m->n};
}

/* Everything that makes two groups the same, as one text. */
static str
identity_of(const struct rule_group *g, struct arena *a)
{
    struct buf b = {0};

    buf_printf(&b, "%lld %lld %d %lld", (long long)g->interval_ms, (long long)g->def->limit, g->def->has_query_offset,
               (long long)g->offset_ms);
    for (size_t i = 0; i < g->n; i++) {
        const struct rule *r = &g->v[i];
        buf_printf(&b, "\n%d %.*s\n%.*s %lld %lld ", r->def->alerting, STR_ARG(r->def->name), STR_ARG(r->query),
                   (long long)r->def->for_ms, (long long)r->def->keep_firing_for_ms);
        labels_put(&b, r->labels);
        labels_put(&b, r->annotations);
    }
    str s = arena_str(a, buf_str(&b));
    buf_free(&b);
    return s;
}

static struct rule_group *
make_group(struct rules *r, struct config *c, struct rule_source *source, const struct rule_group_def *def)
{
    struct rule_group *g = MEM_NEW(struct rule_group);
    struct arena *a = arena_new();

    g->magic = RULE_GROUP_MAGIC;
    g->rules = r;
    g->arena = a;
    g->config = config_ref(c);
    g->source = source;
    atomic_fetch_add(&source->refs, 1);
    g->def = def;
    g->file = source->file->path;
    g->name = def->name;
    g->key = arena_printf(a, "%.*s;%.*s", STR_ARG(g->file), STR_ARG(g->name));
    g->interval_ms = def->interval_ms ? def->interval_ms : c->global.evaluation_interval_ms;
    g->offset_ms = def->has_query_offset ? def->query_offset_ms : c->global.rule_query_offset_ms;
    g->n = def->rules_n;
    g->v = ARENA_ZARRAY(a, struct rule, g->n + 1);
    for (size_t i = 0; i < g->n; i++) {
        g->v[i].def = &def->rules[i];
        g->v[i].query = canonical(r, def->rules[i].expr, a);
        g->v[i].labels = merged_labels(a, &def->labels, &def->rules[i].labels);
        g->v[i].annotations = annotations_of(a, &def->rules[i].annotations);
        g->v[i].restored = r->loaded; /* only a start restores */
    }
    g->restore = !r->loaded;
    g->batch = append_new(r->opts.db);
    g->identity = identity_of(g, a);
    return g;
}

static bool
load_source(struct rules *r, const char *path, const struct config *c, struct rule_source **out, struct err *e)
{
    struct engine_opts eo = engine_options(r->opts.engine);
    struct rule_file_opts o = {.parse = &eo.parse, .legacy_names = c->global.validation == VALIDATION_LEGACY,
                               .check_template = template_check_alert};
    struct rule_source *s = MEM_NEW(struct rule_source);
    struct rule_errors errors = {0};

    s->arena = arena_new();
    atomic_init(&s->refs, 1);
    if (rule_file_load(path, &o, s->arena, &s->file, &errors)) {
        *out = s;
        return true;
    }
    for (size_t i = 0; i < errors.n; i++)
        LOG_ERROR("loading groups failed", KV_STR("err", errors.v[i]));
    err_set(e, ERR_CONFIG, "error loading rules, previous rule set restored: %.*s",
            STR_ARG(errors.n ? errors.v[0] : STR_EMPTY));
    source_unref(&s);
    return false;
}

bool
rules_load(struct rules *r, struct config *c, struct rule_group ***out, size_t *n, struct err *e)
{
    struct arena *a = arena_new();
    struct rule_group **v = NULL;
    size_t count = 0, cap = 0, paths_n = 0;
    str *paths;

    bool ok = config_rule_paths(c, a, &paths, &paths_n, e);
    for (size_t i = 0; ok && i < paths_n; i++) {
        struct rule_source *s = NULL;
        ok = load_source(r, arena_cstr(a, paths[i]), c, &s, e);
        for (size_t k = 0; ok && k < s->file->groups_n; k++) {
            mem_grow(&v, &cap, count + 1, sizeof *v);
            v[count++] = make_group(r, c, s, &s->file->groups[k]);
        }
        source_unref(&s);
    }
    arena_free(&a);
    if (!ok) {
        for (size_t i = 0; i < count; i++)
            rule_group_free(&v[i]);
        mem_free(v);
        return false;
    }
    *out = v;
    *n = count;
    return true;
}
