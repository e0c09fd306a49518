/* groups.c - target groups, and the JSON and YAML lists that files and servers give. */
#include <strings.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/panic.h"
#include "base/yaml.h"
#include "server/discovery/discovery_priv.h"

#define ADDRESS STRL("__address__")

struct sd_result *
sd_result_new(void)
{
    struct sd_result *r = MEM_NEW(struct sd_result);

    r->magic = SD_RESULT_MAGIC;
    atomic_init(&r->refs, 1);
    r->arena = arena_new();
    return r;
}

struct sd_result *
sd_result_ref(struct sd_result *r)
{
    CHECK_MAGIC(r, SD_RESULT_MAGIC);
    atomic_fetch_add(&r->refs, 1);
    return r;
}

void
sd_result_unref(struct sd_result **out)
{
    struct sd_result *r = *out;

    *out = NULL;
    if (!r)
        return;
    CHECK_MAGIC(r, SD_RESULT_MAGIC);
    if (atomic_fetch_sub(&r->refs, 1) != 1)
        return;
    arena_free(&r->arena);
    r->magic = 0;
    mem_free(r);
}

struct target_group *
sd_result_group(struct sd_result *r, str where, size_t index)
{
    arena_grow(r->arena, &r->groups, &r->cap, r->n + 1, sizeof r->groups[0]);
    struct target_group *g = &r->groups[r->n++];
    *g = (struct target_group){.labels = LABELS_EMPTY};
    g->source = where.n ? arena_printf(r->arena, "%.*s:%zu", STR_ARG(where), index)
                        : arena_printf(r->arena, "%zu", index);
    return g;
}

void
sd_result_copy_file(struct sd_result *r, const struct sd_result *from, str where)
{
    size_t index = 0;

    for (size_t i = 0; i < from->n; i++) {
        const struct target_group *f = &from->groups[i];
        if (f->source.n <= where.n + 1 || !str_starts(f->source, where) ||
            f->source.p[where.n] != ':' || str_find_char(f->source, ':', where.n + 1) >= 0)
            continue;
        struct target_group *g = sd_result_group(r, where, index++);
        struct labels *targets = ARENA_ARRAY(r->arena, struct labels, f->targets_n);
        for (size_t k = 0; k < f->targets_n; k++)
            targets[k] = labels_copy(r->arena, f->targets[k]);
        g->labels = labels_copy(r->arena, f->labels);
        g->targets = targets;
        g->targets_n = f->targets_n;
    }
}

/* A group while it is read. */
struct draft {
    struct arena *a;
    struct labels_builder labels;
    struct labels *targets;
    size_t n, cap;
};

static void
draft_begin(struct draft *g, struct arena *a)
{
    *g = (struct draft){.a = a};
    labels_builder_init(&g->labels, a, LABELS_EMPTY);
}

static void
draft_target(struct draft *g, str address)
{
    struct label *v = ARENA_NEW(g->a, struct label);

    *v = (struct label){ADDRESS, arena_str(g->a, address)};
    arena_grow(g->a, &g->targets, &g->cap, g->n + 1, sizeof g->targets[0]);
    g->targets[g->n++] = (struct labels){v, 1};
}

static bool
draft_label(struct draft *g, str name, str value, struct err *e)
{
    if (name.n == 0 || !utf8_valid(name)) {
        struct buf b = {0};
        unicode_put_quoted(&b, name);
        err_set(e, ERR_BAD_DATA, "%.*s is not a valid label name", STR_ARG(buf_str(&b)));
        buf_free(&b);
        return false;
    }
    labels_builder_set(&g->labels, arena_str(g->a, name), arena_str(g->a, value));
    return true;
}

static void
draft_end(struct draft *g, struct sd_result *r, str where, size_t index, str meta)
{
    struct target_group *out = sd_result_group(r, where, index);

    labels_builder_set(&g->labels, meta, arena_str(g->a, where));
    out->labels = labels_builder_done(&g->labels);
    out->targets = g->targets;
    out->targets_n = g->n;
}

/* --- JSON -------------------------------------------------------------------------- */

static bool
wrong_type(const char *field, struct err *e)
{
    return err_set(e, ERR_BAD_DATA, "json: cannot unmarshal a value of the wrong type into \"%s\"", field);
}

static bool
json_targets(struct draft *g, const struct json_node *v, struct err *e)
{
    if (json_type(v) == JSON_NULL)
        return true;
    if (json_type(v) != JSON_ARR)
        return wrong_type("targets", e);
    for (size_t i = 0; i < json_size(v); i++) {
        const struct json_node *x = json_at(v, i);
        if (json_type(x) != JSON_STR && json_type(x) != JSON_NULL)
            return wrong_type("targets", e);
        draft_target(g, json_text(x));
    }
    return true;
}

static bool
json_labels(struct draft *g, const struct json_node *v, struct err *e)
{
    str key;
    const struct json_node *x;

    if (json_type(v) == JSON_NULL)
        return true;
    if (json_type(v) != JSON_OBJ)
        return wrong_type("labels", e);
    for (size_t i = 0; json_entry(v, i, &key, &x); i++) {
        if (json_type(x) != JSON_STR && json_type(x) != JSON_NULL)
            return wrong_type("labels", e);
        if (!draft_label(g, key, json_text(x), e))
            return false;
    }
    return true;
}

/* Go matches the names of fields in any case. */
static bool
key_is(str key, const char *name)
{
    return key.n == strlen(name) && strncasecmp(key.p, name, key.n) == 0;
}

static bool
json_group(struct draft *g, const struct json_node *n, struct err *e)
{
    str key;
    const struct json_node *v;

    if (json_type(n) == JSON_NULL)
        return err_set(e, ERR_BAD_DATA, "nil target group item found");
    if (json_type(n) != JSON_OBJ)
        return wrong_type("target group", e);
    for (size_t i = 0; json_entry(n, i, &key, &v); i++) {
        bool ok;
        if (key_is(key, "targets"))
            ok = json_targets(g, v, e);
        else if (key_is(key, "labels"))
            ok = json_labels(g, v, e);
        else
            ok = err_set(e, ERR_BAD_DATA, "json: unknown field \"%.*s\"", STR_ARG(key));
        if (!ok)
            return false;
    }
    return true;
}

bool
sd_result_json(struct sd_result *r, str text, str where, str meta, struct err *e)
{
    struct json_doc *doc;
    size_t before = r->n;

    if (!json_parse(text, &doc, e))
        return false;
    const struct json_node *root = json_root(doc);
    bool ok = json_type(root) == JSON_ARR || json_type(root) == JSON_NULL || wrong_type("list of target groups", e);
    for (size_t i = 0; ok && i < json_size(root); i++) {
        struct draft g;
        draft_begin(&g, r->arena);
        ok = json_group(&g, json_at(root, i), e);
        if (ok)
            draft_end(&g, r, where, i, meta);
    }
    json_doc_free(&doc);
    if (!ok)
        r->n = before;
    return ok;
}

/* --- YAML -------------------------------------------------------------------------- */

static bool
yaml_scalar(const struct yaml_node *n, str *out, struct err *e)
{
    if (n->type != YAML_SCALAR && n->type != YAML_NULL_NODE)
        return err_set(e, ERR_BAD_DATA, "yaml: line %d: cannot unmarshal a list or map into string", n->line);
    *out = yaml_is_null(n) ? STR_EMPTY : n->text;
    return true;
}

static bool
yaml_targets(struct draft *g, const struct yaml_node *v, struct err *e)
{
    str s;

    if (yaml_is_null(v))
        return true;
    if (v->type != YAML_LIST)
        return err_set(e, ERR_BAD_DATA, "yaml: line %d: targets is not a list", v->line);
    for (size_t i = 0; i < v->n; i++) {
        if (!yaml_scalar(v->item[i], &s, e))
            return false;
        draft_target(g, s);
    }
    return true;
}

static bool
yaml_labels(struct draft *g, const struct yaml_node *v, struct err *e)
{
    str s;

    if (yaml_is_null(v))
        return true;
    if (v->type != YAML_MAP)
        return err_set(e, ERR_BAD_DATA, "yaml: line %d: labels is not a map", v->line);
    for (size_t i = 0; i < v->n; i++)
        if (!yaml_scalar(v->item[i], &s, e) || !draft_label(g, v->key[i]->text, s, e))
            return false;
    return true;
}

static bool
yaml_group(struct draft *g, const struct yaml_node *n, struct err *e)
{
    if (yaml_is_null(n))
        return err_set(e, ERR_BAD_DATA, "nil target group item found");
    if (n->type != YAML_MAP)
        return err_set(e, ERR_BAD_DATA, "yaml: line %d: a target group is not a map", n->line);
    for (size_t i = 0; i < n->n; i++) {
        str key = n->key[i]->text;
        bool ok;
        if (str_eq(key, STRL("targets")))
            ok = yaml_targets(g, n->item[i], e);
        else if (str_eq(key, STRL("labels")))
            ok = yaml_labels(g, n->item[i], e);
        else
            ok = err_set(e, ERR_BAD_DATA, "yaml: line %d: field %.*s not found in a target group",
                         n->key[i]->line, STR_ARG(key));
        if (!ok)
            return false;
    }
    return true;
}

bool
sd_result_yaml(struct sd_result *r, str text, str where, str meta, struct err *e)
{
    struct yaml_doc *doc;
    size_t before = r->n;

    if (!yaml_parse(text, &doc, e))
        return false;
    const struct yaml_node *root = yaml_root(doc);
    bool ok = true;
    if (!yaml_is_null(root) && root->type != YAML_LIST)
        ok = err_set(e, ERR_BAD_DATA, "yaml: line %d: not a list of target groups", root->line);
    for (size_t i = 0; ok && root->type == YAML_LIST && i < root->n; i++) {
        struct draft g;
        draft_begin(&g, r->arena);
        ok = yaml_group(&g, root->item[i], e);
        if (ok)
            draft_end(&g, r, where, i, meta);
    }
    yaml_free(&doc);
    if (!ok)
        r->n = before;
    return ok;
}
