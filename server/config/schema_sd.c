/* The discovery mechanisms' keys, defaults and checks (Kubernetes: schema_sd_kubernetes.c). */
#include "base/unicode.h"
#include "base/url.h"
#include "server/config/schema_discovery.h"
#include "server/config/schema_http.h"

#define OMIT .flags = SCHEMA_OMITEMPTY
#define HTTP_DEFAULT {.follow_redirects = true, .enable_http2 = true}

/* static_configs */

#define GROUP_GO                                                                         \
    "struct { Targets []string \"yaml:\\\"targets\\\"\"; Labels model.LabelSet "         \
    "\"yaml:\\\"labels\\\"\" }"

#define F(name, member, t, ...) SCHEMA_FIELD(struct config_static, name, member, t, __VA_ARGS__)
static const struct schema_field static_fields[] = {
    F("targets", targets, schema_strs),
    F("labels", labels, schema_labels, OMIT),
};
#undef F
const struct schema schema_static = {
    .go = GROUP_GO,
    .size = sizeof(struct config_static),
    .fields = static_fields,
    .fields_n = ARRAY_LEN(static_fields),
};

/* file_sd_configs */

/* [^*]*(\*[^/]*)?\.(json|yml|yaml|JSON|YML|YAML) */
static bool
file_pattern_ok(str s)
{
    static const char *const ends[] = {".json", ".yml", ".yaml", ".JSON", ".YML", ".YAML"};
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        if (!str_ends(s, str_of(ends[i])))
            continue;
        ptrdiff_t star = str_find_char(s, '*', 0);
        return star < 0 || str_find_char(s, '/', (size_t)star) < 0;
    }
    return false;
}

static bool
check_file(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    const struct config_sd_file *c = obj;
    if (c->files.n == 0)
        return schema_fail(r, n, "file service discovery config must contain at least one path name");
    for (size_t i = 0; i < c->files.n; i++) {
        if (file_pattern_ok(c->files.v[i]))
            continue;
        return schema_fail(r, n, "path name %.*s is not valid for file discovery",
                           STR_ARG(config_quoted(r->a, c->files.v[i])));
    }
    return true;
}

#define F(name, member, t, ...) SCHEMA_FIELD(struct config_sd_file, name, member, t, __VA_ARGS__)
static const struct schema_field file_fields[] = {
    F("files", files, schema_strs),
    F("refresh_interval", refresh_interval_ms, schema_duration, OMIT),
};
#undef F
static const struct config_sd_file file_default = {.refresh_interval_ms = 5 * 60 * 1000};
const struct schema schema_sd_file = {
    .go = "file.plain",
    .size = sizeof(struct config_sd_file),
    .fields = file_fields,
    .fields_n = ARRAY_LEN(file_fields),
    .defaults = &file_default,
    .check = check_file,
};

/* http_sd_configs */

static bool
check_http_sd(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    struct config_sd_http *c = obj;
    struct url u;
    struct err e;
    if (c->url.n == 0)
        return schema_fail(r, n, "URL is missing");
    if (!url_parse(c->url, r->a, &u, &e))
        return schema_fail_err(r, n, &e);
    if (!str_eq(u.scheme, STRL("http")) && !str_eq(u.scheme, STRL("https")))
        return schema_fail(r, n, "URL scheme must be 'http' or 'https'");
    if (u.host.n == 0)
        return schema_fail(r, n, "host is missing in URL");
    return config_http_check(r, n, &c->http);
}

#define F(name, member, t, ...) SCHEMA_FIELD(struct config_sd_http, name, member, t, __VA_ARGS__)
static const struct schema_field http_sd_fields[] = {
    SCHEMA_BLOCK(struct config_sd_http, "", http, schema_inline, schema_http),
    F("refresh_interval", refresh_interval_ms, schema_duration, OMIT),
    F("url", url, schema_str),
};
#undef F
static const struct config_sd_http http_sd_default = {
    .http = HTTP_DEFAULT, .refresh_interval_ms = 60 * 1000};
const struct schema schema_sd_http = {
    .go = "http.plain",
    .size = sizeof(struct config_sd_http),
    .fields = http_sd_fields,
    .fields_n = ARRAY_LEN(http_sd_fields),
    .defaults = &http_sd_default,
    .check = check_http_sd,
};

/* dns_sd_configs */

static bool
check_dns(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    static const char *const names[] = {
        [DNS_SRV] = "SRV", [DNS_A] = "A", [DNS_AAAA] = "AAAA", [DNS_MX] = "MX", [DNS_NS] = "NS"};
    struct config_sd_dns *c = obj;
    if (c->names.n == 0)
        return schema_fail(r, n, "DNS-SD config must contain at least one SRV record name");
    size_t type = ARRAY_LEN(names);
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (c->type_text.n == strlen(names[i]) &&
            strncasecmp(c->type_text.p, names[i], c->type_text.n) == 0)
            type = i;
    if (type == ARRAY_LEN(names))
        return schema_fail(r, n, "invalid DNS-SD records type %.*s", STR_ARG(c->type_text));
    c->type = (enum config_dns_type)type;
    if (c->type != DNS_SRV && c->port == 0)
        return schema_fail(r, n, "a port is required in DNS-SD configs for all record types except "
                                 "SRV");
    return true;
}

#define F(name, member, t, ...) SCHEMA_FIELD(struct config_sd_dns, name, member, t, __VA_ARGS__)
static const struct schema_field dns_fields[] = {
    F("names", names, schema_strs),
    F("refresh_interval", refresh_interval_ms, schema_duration, OMIT),
    F("type", type_text, schema_str),
    F("port", port, schema_int),
};
#undef F
static const struct config_sd_dns dns_default = {
    .refresh_interval_ms = 30 * 1000, .type_text = {.p = "SRV", .n = 3}};
const struct schema schema_sd_dns = {
    .go = "dns.plain",
    .size = sizeof(struct config_sd_dns),
    .fields = dns_fields,
    .fields_n = ARRAY_LEN(dns_fields),
    .defaults = &dns_default,
    .check = check_dns,
};

/* consul_sd_configs */

static bool
is_blank(str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != ' ' && !(s.p[i] >= '\t' && s.p[i] <= '\r'))
            return false;
    return true;
}

static bool
check_consul(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    struct config_sd_consul *c = obj;
    if (is_blank(c->server))
        return schema_fail(r, n, "consul SD configuration requires a server address");
    if (c->username.n > 0 || c->password.n > 0) {
        if (c->http.basic_auth != NULL)
            return schema_fail(r, n, "at most one of consul SD configuration username and password "
                                     "and basic auth can be configured");
        c->http.basic_auth = ARENA_NEW(r->a, struct config_basic_auth);
        c->http.basic_auth->username = c->username;
        c->http.basic_auth->password = c->password;
    }
    if (c->token.n > 0 && (c->http.authorization != NULL || c->http.oauth2 != NULL))
        return schema_fail(r, n, "at most one of consul SD token, authorization, or oauth2 can be "
                                 "configured");
    return config_http_check(r, n, &c->http);
}

#define F(name, member, t, ...) SCHEMA_FIELD(struct config_sd_consul, name, member, t, __VA_ARGS__)
static const struct schema_field consul_fields[] = {
    F("server", server, schema_str, OMIT),
    F("path_prefix", path_prefix, schema_str, OMIT),
    F("token", token, schema_secret, OMIT),
    F("datacenter", datacenter, schema_str, OMIT),
    F("namespace", ns, schema_str, OMIT),
    F("partition", partition, schema_str, OMIT),
    F("tag_separator", tag_separator, schema_str, OMIT),
    F("scheme", scheme, schema_str, OMIT),
    F("username", username, schema_str, OMIT),
    F("password", password, schema_secret, OMIT),
    F("allow_stale", allow_stale, schema_bool),
    F("refresh_interval", refresh_interval_ms, schema_duration, OMIT),
    F("services", services, schema_strs, OMIT),
    F("tags", tags, schema_strs, OMIT),
    F("node_meta", node_meta, schema_map, OMIT),
    F("filter", filter, schema_str, OMIT),
    F("health_filter", health_filter, schema_str, OMIT),
    SCHEMA_BLOCK(struct config_sd_consul, "", http, schema_inline, schema_http),
};
#undef F
static const struct config_sd_consul consul_default = {
    .server = {.p = "localhost:8500", .n = 14},
    .tag_separator = {.p = ",", .n = 1},
    .scheme = {.p = "http", .n = 4},
    .allow_stale = true,
    .refresh_interval_ms = 30 * 1000,
    .http = HTTP_DEFAULT,
};
const struct schema schema_sd_consul = {
    .go = "consul.plain",
    .size = sizeof(struct config_sd_consul),
    .fields = consul_fields,
    .fields_n = ARRAY_LEN(consul_fields),
    .defaults = &consul_default,
    .check = check_consul,
};

/* docker_sd_configs, dockerswarm_sd_configs */

#define F(name, member, t, ...) SCHEMA_FIELD(struct config_filter, name, member, t, __VA_ARGS__)
static const struct schema_field filter_fields[] = {
    F("name", name, schema_str),
    F("values", values, schema_strs),
};
#undef F
static const struct schema schema_filter = {
    .go = "moby.Filter",
    .size = sizeof(struct config_filter),
    .fields = filter_fields,
    .fields_n = ARRAY_LEN(filter_fields),
};

static bool
check_docker_host(struct schema_reader *r, const struct yaml_node *n, str host)
{
    struct url u;
    struct err e;
    if (host.n == 0)
        return schema_fail(r, n, "host missing");
    return url_parse(host, r->a, &u, &e) || schema_fail_err(r, n, &e);
}

static bool
check_docker(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    struct config_sd_docker *c = obj;
    return check_docker_host(r, n, c->host) && config_http_check(r, n, &c->http);
}

#define F(name, member, t, ...) SCHEMA_FIELD(struct config_sd_docker, name, member, t, __VA_ARGS__)
static const struct schema_field docker_fields[] = {
    SCHEMA_BLOCK(struct config_sd_docker, "", http, schema_inline, schema_http),
    F("host", host, schema_str),
    F("port", port, schema_int),
    SCHEMA_BLOCK(struct config_sd_docker, "filters", filters, schema_list, schema_filter,
                 .go = "[]moby.Filter"),
    F("host_networking_host", host_networking_host, schema_str),
    F("refresh_interval", refresh_interval_ms, schema_duration),
    F("match_first_network", match_first_network, schema_bool),
};
#undef F
static const struct config_sd_docker docker_default = {
    .http = HTTP_DEFAULT,
    .port = 80,
    .host_networking_host = {.p = "localhost", .n = 9},
    .refresh_interval_ms = 60 * 1000,
    .match_first_network = true,
};
const struct schema schema_sd_docker = {
    .go = "moby.plain",
    .size = sizeof(struct config_sd_docker),
    .fields = docker_fields,
    .fields_n = ARRAY_LEN(docker_fields),
    .defaults = &docker_default,
    .check = check_docker,
};

static bool
check_dockerswarm(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    struct config_sd_dockerswarm *c = obj;
    if (!check_docker_host(r, n, c->host))
        return false;
    if (c->role.n == 0)
        return schema_fail(r, n, "role missing (one of: tasks, services, nodes)");
    if (!str_eq(c->role, STRL("services")) && !str_eq(c->role, STRL("nodes")) &&
        !str_eq(c->role, STRL("tasks")))
        return schema_fail(r, n, "invalid role %.*s, expected tasks, services, or nodes",
                           STR_ARG(c->role));
    return config_http_check(r, n, &c->http);
}

#define F(name, member, t, ...)                                                          \
    SCHEMA_FIELD(struct config_sd_dockerswarm, name, member, t, __VA_ARGS__)
static const struct schema_field dockerswarm_fields[] = {
    SCHEMA_BLOCK(struct config_sd_dockerswarm, "", http, schema_inline, schema_http),
    F("host", host, schema_str),
    F("role", role, schema_str),
    F("port", port, schema_int),
    SCHEMA_BLOCK(struct config_sd_dockerswarm, "filters", filters, schema_list, schema_filter,
                 .go = "[]moby.Filter"),
    F("refresh_interval", refresh_interval_ms, schema_duration),
};
#undef F
static const struct config_sd_dockerswarm dockerswarm_default = {
    .http = HTTP_DEFAULT, .port = 80, .refresh_interval_ms = 60 * 1000};
const struct schema schema_sd_dockerswarm = {
    .go = "moby.plain",
    .size = sizeof(struct config_sd_dockerswarm),
    .fields = dockerswarm_fields,
    .fields_n = ARRAY_LEN(dockerswarm_fields),
    .defaults = &dockerswarm_default,
    .check = check_dockerswarm,
};
