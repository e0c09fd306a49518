/* kubernetes_sd_configs: keys and checks. */
#include "server/config/schema_discovery.h"
#include "server/config/schema_http.h"

#define OMIT .flags = SCHEMA_OMITEMPTY

static const char *const role_names[] = {
    [K8S_NONE] = "",           [K8S_NODE] = "node",
    [K8S_POD] = "pod",         [K8S_SERVICE] = "service",
    [K8S_ENDPOINTS] = "endpoints", [K8S_ENDPOINTSLICE] = "endpointslice",
    [K8S_INGRESS] = "ingress",
};

static enum config_k8s_role
find_role(str s)
{
    for (size_t i = 1; i < ARRAY_LEN(role_names); i++)
        if (str_eq(s, str_of(role_names[i])))
            return (enum config_k8s_role)i;
    return K8S_NONE;
}

static bool
read_role(struct schema_reader *r, const struct yaml_node *n, const struct schema_field *f, void *out)
{
    str *role = out;
    if (!schema_str.read(r, n, f, out))
        return false;
    if (find_role(*role) != K8S_NONE)
        return true;
    return schema_fail(r, n, "unknown Kubernetes SD role %.*s", STR_ARG(config_quoted(r->a, *role)));
}

static void
print_role(const struct schema_printer *p, const struct schema_field *f, const void *v)
{
    schema_str.print(p, f, v);
}

static bool
role_empty(const struct schema_field *f, const void *v)
{
    return schema_str.is_empty(f, v);
}

static const struct schema_type schema_role = {
    "string", sizeof(str), read_role, print_role, role_empty, NULL};

#define F(name, member, t, ...)                                                          \
    SCHEMA_FIELD(struct config_k8s_selector, name, member, t, __VA_ARGS__)
static const struct schema_field selector_fields[] = {
    F("role", role, schema_role, OMIT),
    F("label", label, schema_str, OMIT),
    F("field", field, schema_str, OMIT),
};
#undef F
static const struct schema schema_selector = {
    .go = "kubernetes.SelectorConfig",
    .size = sizeof(struct config_k8s_selector),
    .fields = selector_fields,
    .fields_n = ARRAY_LEN(selector_fields),
};

#define F(name, member, t, ...)                                                          \
    SCHEMA_FIELD(struct config_k8s_namespaces, name, member, t, __VA_ARGS__)
static const struct schema_field namespace_fields[] = {
    F("own_namespace", own_namespace, schema_bool),
    F("names", names, schema_strs),
};
#undef F
static const struct schema schema_namespaces = {
    .go = "kubernetes.plain",
    .size = sizeof(struct config_k8s_namespaces),
    .fields = namespace_fields,
    .fields_n = ARRAY_LEN(namespace_fields),
};

#define F(name, member, t, ...)                                                          \
    SCHEMA_FIELD(struct config_k8s_metadata, name, member, t, __VA_ARGS__)
static const struct schema_field metadata_fields[] = {
    F("node", node, schema_bool),
    F("namespace", ns, schema_bool),
    F("deployment", deployment, schema_bool),
    F("job", job, schema_bool),
    F("cronjob", cronjob, schema_bool),
};
#undef F
static const struct schema schema_metadata = {
    .go = "kubernetes.AttachMetadataConfig",
    .size = sizeof(struct config_k8s_metadata),
    .fields = metadata_fields,
    .fields_n = ARRAY_LEN(metadata_fields),
};

/* Which objects' selectors a role takes, in the order they are listed to people. */
static const struct {
    enum config_k8s_role role;
    enum config_k8s_role takes[3];
} allowed[] = {
    {K8S_POD, {K8S_POD, K8S_NODE}},
    {K8S_SERVICE, {K8S_SERVICE}},
    {K8S_ENDPOINTSLICE, {K8S_POD, K8S_SERVICE, K8S_ENDPOINTSLICE}},
    {K8S_ENDPOINTS, {K8S_POD, K8S_SERVICE, K8S_ENDPOINTS}},
    {K8S_NODE, {K8S_NODE}},
    {K8S_INGRESS, {K8S_INGRESS}},
};

static bool
check_selector_role(struct schema_reader *r, const struct yaml_node *n, enum config_k8s_role role,
                    str of)
{
    for (size_t i = 0; i < ARRAY_LEN(allowed); i++) {
        if (allowed[i].role != role)
            continue;
        struct buf list = {0};
        bool found = false;
        for (size_t k = 0; k < 3 && allowed[i].takes[k] != K8S_NONE; k++) {
            const char *name = role_names[allowed[i].takes[k]];
            found |= str_eq(of, str_of(name));
            buf_printf(&list, "%s%s", k ? ", " : "", name);
        }
        if (!found)
            schema_fail(r, n, "%s role supports only %s selectors", role_names[role],
                        buf_cstr(&list));
        buf_free(&list);
        return found;
    }
    return true;
}

static bool
check_selectors(struct schema_reader *r, const struct yaml_node *n,
                const struct config_sd_kubernetes *c)
{
    for (size_t i = 0; i < c->selectors.n; i++) {
        const struct config_k8s_selector *s = &c->selectors.v[i];
        struct err e;
        for (size_t k = 0; k < i; k++)
            if (str_eq(c->selectors.v[k].role, s->role))
                return schema_fail(r, n, "duplicated selector role: %.*s", STR_ARG(s->role));
        if (!check_selector_role(r, n, c->role, s->role))
            return false;
        if (!config_k8s_check_field_selector(s->field, &e) ||
            !config_k8s_check_selector(r->a, s->label, &e))
            return schema_fail_err(r, n, &e);
    }
    return true;
}

static bool
http_is_default(const struct config_http *h)
{
    struct config_http x = *h;
    return x.basic_auth == NULL && x.authorization == NULL && x.oauth2 == NULL &&
           x.headers == NULL && x.follow_redirects && x.enable_http2 &&
           x.proxy.proxy_url.text.p == NULL && x.proxy.no_proxy.n == 0 &&
           !x.proxy.proxy_from_environment && !x.proxy.connect_header.set &&
           schema_block_empty(&schema_tls, &x.tls);
}

static bool
check_kubernetes(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    struct config_sd_kubernetes *c = obj;
    bool server = c->api_server.text.p != NULL, kubeconfig = c->kubeconfig_file.n > 0;
    if (c->role_text.n == 0)
        return schema_fail(r, n, "role missing (one of: pod, service, endpoints, endpointslice, "
                                 "node, ingress)");
    c->role = find_role(c->role_text);
    if (!config_http_check(r, n, &c->http))
        return false;
    if (server && kubeconfig)
        return schema_fail(r, n, "cannot use 'kubeconfig_file' and 'api_server' simultaneously");
    if (kubeconfig && !http_is_default(&c->http))
        return schema_fail(r, n, "cannot use a custom HTTP client configuration together with "
                                 "'kubeconfig_file'");
    if (!server && !http_is_default(&c->http))
        return schema_fail(r, n, "to use custom HTTP client configuration please provide the "
                                 "'api_server' URL explicitly");
    if (server && c->namespaces.own_namespace)
        return schema_fail(r, n, "cannot use 'api_server' and 'namespaces.own_namespace' "
                                 "simultaneously");
    if (kubeconfig && c->namespaces.own_namespace)
        return schema_fail(r, n, "cannot use 'kubeconfig_file' and 'namespaces.own_namespace' "
                                 "simultaneously");
    return check_selectors(r, n, c);
}

#define F(name, member, t, ...)                                                          \
    SCHEMA_FIELD(struct config_sd_kubernetes, name, member, t, __VA_ARGS__)
#define B(name, member, t, block, ...)                                                   \
    SCHEMA_BLOCK(struct config_sd_kubernetes, name, member, t, block, __VA_ARGS__)
static const struct schema_field kubernetes_fields[] = {
    F("api_server", api_server, schema_url, OMIT),
    F("role", role_text, schema_role),
    F("kubeconfig_file", kubeconfig_file, schema_str),
    B("", http, schema_inline, schema_http),
    B("namespaces", namespaces, schema_block, schema_namespaces, OMIT),
    B("selectors", selectors, schema_list, schema_selector, OMIT, .go = "[]kubernetes.SelectorConfig"),
    B("attach_metadata", attach_metadata, schema_block, schema_metadata, OMIT),
};
#undef F
#undef B
static const struct config_sd_kubernetes kubernetes_default = {
    .http = {.follow_redirects = true, .enable_http2 = true}};
const struct schema schema_sd_kubernetes = {
    .go = "kubernetes.plain",
    .size = sizeof(struct config_sd_kubernetes),
    .fields = kubernetes_fields,
    .fields_n = ARRAY_LEN(kubernetes_fields),
    .defaults = &kubernetes_default,
    .check = check_kubernetes,
};
