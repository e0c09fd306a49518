#include "server/config/target_file.h"

#include "base/io.h"
#include "base/json.h"
#include "base/limits.h"
#include "server/config/schema_discovery.h"

typedef CONFIG_LIST(struct config_static *) group_list;

static bool
read_yaml(str text, struct arena *a, group_list *out, struct err *e)
{
    const struct schema_field list = {
        .key = "", .type = &schema_ptr_list, .sub = &schema_static, .go = "[]*targetgroup.Group"};
    struct schema_reader r;
    struct yaml_doc *doc;
    if (!yaml_parse_v2(text, &doc, e))
        return false;
    schema_reader_init(&r, a, e);
    (void)schema_read_value(&r, yaml_root(doc), &list, out);
    if (!r.failed && r.problems > 0)
        err_set(e, ERR_CONFIG, "yaml: unmarshal errors:%.*s", STR_ARG(buf_str(&r.problem_text)));
    bool ok = !r.failed && r.problems == 0;
    buf_free(&r.problem_text);
    yaml_free(&doc);
    return ok;
}

static bool
read_json_targets(const struct json_node *v, struct arena *a, struct config_static *g, struct err *e)
{
    if (json_type(v) == JSON_NULL)
        return true;
    if (json_type(v) != JSON_ARR)
        return err_set(e, ERR_CONFIG, "json: targets must be a list of strings");
    g->targets.v = ARENA_ZARRAY(a, str, json_size(v));
    for (size_t i = 0; i < json_size(v); i++) {
        if (json_type(json_at(v, i)) != JSON_STR)
            return err_set(e, ERR_CONFIG, "json: targets must be a list of strings");
        g->targets.v[g->targets.n++] = arena_str(a, json_text(json_at(v, i)));
    }
    return true;
}

static bool
read_json_labels(const struct json_node *v, struct arena *a, struct config_static *g, struct err *e)
{
    if (json_type(v) == JSON_NULL)
        return true;
    if (json_type(v) != JSON_OBJ)
        return err_set(e, ERR_CONFIG, "json: labels must be an object of strings");
    struct labels_builder b;
    labels_builder_init(&b, a, LABELS_EMPTY);
    for (size_t i = 0; i < json_size(v); i++) {
        str name;
        const struct json_node *value;
        if (!json_entry(v, i, &name, &value) || json_type(value) != JSON_STR)
            return err_set(e, ERR_CONFIG, "json: labels must be an object of strings");
        if (name.n == 0)
            return err_set(e, ERR_CONFIG, "\"\" is not a valid label name");
        labels_builder_set(&b, arena_str(a, name), arena_str(a, json_text(value)));
    }
    g->labels = labels_builder_done(&b);
    return true;
}

static bool
read_json_group(const struct json_node *v, struct arena *a, struct config_static *g, struct err *e)
{
    for (size_t i = 0; i < json_size(v); i++) {
        str key;
        const struct json_node *value;
        if (!json_entry(v, i, &key, &value))
            break;
        if (str_eq(key, STRL("targets"))) {
            if (!read_json_targets(value, a, g, e))
                return false;
        } else if (str_eq(key, STRL("labels"))) {
            if (!read_json_labels(value, a, g, e))
                return false;
        } else {
            return err_set(e, ERR_CONFIG, "json: unknown field %.*s", STR_ARG(config_quoted(a, key)));
        }
    }
    return true;
}

static bool
read_json(str text, struct arena *a, group_list *out, struct err *e)
{
    struct json_doc *doc;
    if (!json_parse(text, &doc, e))
        return false;
    const struct json_node *root = json_root(doc);
    bool ok = json_type(root) == JSON_ARR || json_type(root) == JSON_NULL ||
              err_set(e, ERR_CONFIG, "json: a list of target groups is wanted");
    out->v = ARENA_ZARRAY(a, struct config_static *, json_size(root));
    for (size_t i = 0; ok && i < json_size(root); i++) {
        const struct json_node *item = json_at(root, i);
        out->v[out->n] = NULL;
        if (json_type(item) == JSON_OBJ) {
            out->v[out->n] = ARENA_NEW(a, struct config_static);
            ok = read_json_group(item, a, out->v[out->n], e);
        } else if (json_type(item) != JSON_NULL) {
            ok = err_set(e, ERR_CONFIG, "json: a target group must be an object");
        }
        out->n++;
    }
    json_doc_free(&doc);
    return ok;
}

static bool
ends_fold(str s, const char *end)
{
    size_t n = strlen(end);
    return s.n >= n && strncasecmp(s.p + s.n - n, end, n) == 0;
}

bool
config_target_file_load(const char *path, struct arena *a, struct config_static ***out, size_t *n,
                        struct err *e)
{
    struct buf text = {0};
    struct err why;
    group_list groups = {0};
    str name = str_of(path);
    if (!io_read_file(path, LIMIT_SD_BODY_BYTES, &text, &why)) {
        buf_free(&text);
        return config_open_error(path, &why, e);
    }
    bool ok;
    if (ends_fold(name, ".json"))
        ok = read_json(buf_str(&text), a, &groups, e);
    else if (ends_fold(name, ".yml") || ends_fold(name, ".yaml"))
        ok = read_yaml(buf_str(&text), a, &groups, e);
    else
        ok = err_set(e, ERR_CONFIG, "invalid file extension: a .json, .yml or .yaml file is wanted");
    buf_free(&text);
    for (size_t i = 0; ok && i < groups.n; i++)
        if (groups.v[i] == NULL)
            ok = err_set(e, ERR_CONFIG, "nil target group item found (index %zu)", i);
    *out = groups.v;
    *n = groups.n;
    return ok;
}
