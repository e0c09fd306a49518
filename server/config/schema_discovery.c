#include "server/config/schema_discovery.h"

#include "server/config/schema_http.h"

#define OMIT .flags = SCHEMA_OMITEMPTY

/* Mechanisms that narthex does not have: keys are checked, then the section is refused. */

static const struct {
    const char *name;
    bool http;
    const char *keys;
} unoffered[] = {
#define SD_UNOFFERED(name, http, keys) {#name, http, keys},
#include "server/config/sd_unoffered.def"
#undef SD_UNOFFERED
};

static bool
has_word(const char *words, str word)
{
    for (const char *at = words; *at != '\0';) {
        size_t n = strcspn(at, " ");
        if (word.n == n && memcmp(word.p, at, n) == 0)
            return true;
        at += n + (at[n] == ' ');
    }
    return false;
}

static bool
is_http_key(str key, const struct schema *s)
{
    for (size_t i = 0; i < s->fields_n; i++) {
        if (s->fields[i].key[0] == '\0' ? is_http_key(key, s->fields[i].sub)
                                        : str_eq(key, str_of(s->fields[i].key)))
            return true;
    }
    return false;
}

static void
check_keys(struct schema_reader *r, const struct yaml_node *n, size_t which)
{
    for (size_t i = 0; n->type == YAML_MAP && i < n->n; i++) {
        str key = n->key[i]->text;
        if (!has_word(unoffered[which].keys, key) &&
            !(unoffered[which].http && is_http_key(key, &schema_http)))
            schema_unknown_key(r, n->key[i], key, "plain");
    }
}

static bool
read_unoffered(struct schema_reader *r, const struct yaml_node *n, const struct schema_field *f,
               void *out UNUSED)
{
    size_t problems = r->problems, which = 0;
    while (which < ARRAY_LEN(unoffered) &&
           !(str_starts(str_of(f->key), str_of(unoffered[which].name)) &&
             strcmp(f->key + strlen(unoffered[which].name), "_sd_configs") == 0))
        which++;
    if (n->type != YAML_LIST)
        return schema_bad_type(r, n, "[]*SDConfig");
    for (size_t i = 0; i < n->n; i++) {
        schema_enter(r, STR_EMPTY, i);
        check_keys(r, n->item[i], which);
        schema_leave(r);
    }
    if (r->problems > problems || n->n == 0)
        return r->problems == problems;
    return schema_fail(r, n,
                       "%s: narthex has no service discovery for %s: have an adapter write "
                       "the targets to a file for file_sd_configs, or serve them for "
                       "http_sd_configs",
                       f->key, unoffered[which].name);
}

static void
print_nothing(const struct schema_printer *p UNUSED, const struct schema_field *f UNUSED,
              const void *v UNUSED)
{
}

static bool
always_empty(const struct schema_field *f UNUSED, const void *v UNUSED)
{
    return true;
}

static const struct schema_type schema_unoffered = {
    "[]*SDConfig", sizeof(char), read_unoffered, print_nothing, always_empty, NULL};

#define B(name, member, block, go_type)                                                  \
    SCHEMA_BLOCK(struct config_discovery, name, member, schema_ptr_list, block, OMIT, .go = go_type)
static const struct schema_field discovery_fields[] = {
    B("consul_sd_configs", consul, schema_sd_consul, "[]*consul.SDConfig"),
    B("dns_sd_configs", dns, schema_sd_dns, "[]*dns.SDConfig"),
    B("docker_sd_configs", docker, schema_sd_docker, "[]*moby.DockerSDConfig"),
    B("dockerswarm_sd_configs", dockerswarm, schema_sd_dockerswarm, "[]*moby.DockerSwarmSDConfig"),
    B("file_sd_configs", file, schema_sd_file, "[]*file.SDConfig"),
    B("http_sd_configs", http, schema_sd_http, "[]*http.SDConfig"),
    B("kubernetes_sd_configs", kubernetes, schema_sd_kubernetes, "[]*kubernetes.SDConfig"),
    B("static_configs", statics, schema_static, "[]*targetgroup.Group"),
#define SD_UNOFFERED(name, http, keys)                                                   \
    {.key = #name "_sd_configs",                                                         \
     .type = &schema_unoffered,                                                          \
     .offset = offsetof(struct config_discovery, unoffered),                             \
     .flags = SCHEMA_HIDDEN},
#include "server/config/sd_unoffered.def"
#undef SD_UNOFFERED
};
#undef B

const struct schema schema_discovery = {
    .size = sizeof(struct config_discovery),
    .fields = discovery_fields,
    .fields_n = ARRAY_LEN(discovery_fields),
};

/* Prometheus' order: by key, the static groups as one at the end. */
static const struct {
    enum config_sd_kind kind;
    const char *name;
    size_t offset;
    const struct schema *schema;
} kinds[] = {
#define K(upper, lower) {SD_##upper, #lower, offsetof(struct config_discovery, lower), &schema_sd_##lower}
    K(CONSUL, consul), K(DNS, dns),   K(DOCKER, docker),         K(DOCKERSWARM, dockerswarm),
    K(FILE, file),     K(HTTP, http), K(KUBERNETES, kubernetes),
#undef K
};

static bool
add_kind(struct schema_reader *r, const struct yaml_node *n, struct config_discovery *d, size_t k)
{
    const struct config_list *list = (const void *)((const char *)d + kinds[k].offset);
    for (size_t i = 0; i < list->n; i++) {
        void *conf = ((void **)list->v)[i];
        if (conf == NULL)
            return schema_fail(r, n, "empty or null section in %s_sd_configs", kinds[k].name);
        /* All members of the union are pointers to the block of the kind. */
        d->v[d->n++] = (struct config_sd){
            .kind = kinds[k].kind, .name = kinds[k].name, .file = conf};
    }
    return true;
}

bool
config_discovery_finish(struct schema_reader *r, const struct yaml_node *n,
                        struct config_discovery *d)
{
    size_t total = 1;
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
        total += ((const struct config_list *)((const char *)d + kinds[k].offset))->n;
    d->v = ARENA_ZARRAY(r->a, struct config_sd, total);
    d->n = 0;
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
        if (!add_kind(r, n, d, k))
            return false;
    for (size_t i = 0; i < d->statics.n; i++)
        if (d->statics.v[i] == NULL)
            return schema_fail(r, n, "empty or null section in static_configs");
    if (d->statics.n > 0)
        d->v[d->n++] = (struct config_sd){.kind = SD_STATIC,
                                          .name = "static",
                                          .statics = {d->statics.v, d->statics.n}};
    return true;
}

bool
config_discovery_check_static(struct schema_reader *r, const struct yaml_node *n,
                              const struct config_discovery *d)
{
    for (size_t i = 0; i < d->statics.n; i++) {
        for (size_t k = 0; k < d->statics.v[i]->targets.n; k++) {
            str target = d->statics.v[i]->targets.v[k];
            if (str_find_char(target, '/', 0) < 0)
                continue;
            return schema_fail(r, n, "%.*s is not a valid hostname",
                               STR_ARG(config_quoted(r->a, target)));
        }
    }
    return true;
}

static void
set_dir(struct config_sd *sd, struct arena *a, str dir)
{
    switch (sd->kind) {
    case SD_STATIC:
    case SD_DNS:
        break;
    case SD_FILE:
        for (size_t i = 0; i < sd->file->files.n; i++)
            sd->file->files.v[i] = config_join_dir(a, dir, sd->file->files.v[i]);
        break;
    case SD_HTTP:
        config_http_set_dir(&sd->http->http, a, dir);
        break;
    case SD_KUBERNETES:
        config_http_set_dir(&sd->kubernetes->http, a, dir);
        sd->kubernetes->kubeconfig_file = config_join_dir(a, dir, sd->kubernetes->kubeconfig_file);
        break;
    case SD_CONSUL:
        config_http_set_dir(&sd->consul->http, a, dir);
        break;
    case SD_DOCKER:
        config_http_set_dir(&sd->docker->http, a, dir);
        break;
    case SD_DOCKERSWARM:
        config_http_set_dir(&sd->dockerswarm->http, a, dir);
        break;
    }
}

void
config_discovery_set_dir(struct config_discovery *d, struct arena *a, str dir)
{
    for (size_t i = 0; i < d->n; i++)
        set_dir(&d->v[i], a, dir);
}

void
config_discovery_identify(struct config_discovery *d, struct arena *a)
{
    for (size_t i = 0; i < d->n; i++) {
        struct config_sd *sd = &d->v[i];
        struct buf b = {0};
        buf_printf(&b, "%s\n", sd->name);
        for (size_t k = 0; sd->kind == SD_STATIC && k < sd->statics.n; k++)
            schema_print_doc(&schema_static, sd->statics.v[k], true, &b);
        for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
            if (kinds[k].kind == sd->kind)
                schema_print_doc(kinds[k].schema, sd->file, true, &b);
        sd->identity = arena_str(a, buf_str(&b));
        buf_free(&b);
    }
}
