/* config_discovery.h - where targets come from: static_configs and *_sd_configs.
 *
 * narthex discovers by static lists, files, HTTP, DNS, Kubernetes, Consul, Docker and
 * Docker Swarm.  Every other mechanism of Prometheus is known by name and keys, and
 * refused at load with the way round it: an adapter that writes file_sd files or serves
 * http_sd.
 */
#pragma once
#include "server/config/config_http.h"

enum config_sd_kind {
    SD_STATIC,
    SD_FILE,
    SD_HTTP,
    SD_DNS,
    SD_KUBERNETES,
    SD_CONSUL,
    SD_DOCKER,
    SD_DOCKERSWARM,
};

struct config_static {
    struct config_strs targets; /* __address__ of each */
    struct labels labels;
};

struct config_sd_file {
    struct config_strs files; /* absolute globs; .json, .yml, .yaml */
    int64_t refresh_interval_ms;
};

struct config_sd_http {
    struct config_http http;
    int64_t refresh_interval_ms;
    str url;
};

enum config_dns_type { DNS_SRV, DNS_A, DNS_AAAA, DNS_MX, DNS_NS };
struct config_sd_dns {
    struct config_strs names;
    int64_t refresh_interval_ms;
    str type_text; /* upper case, as status/config prints it */
    enum config_dns_type type;
    int64_t port; /* ignored for SRV */
};

enum config_k8s_role {
    K8S_NONE, K8S_NODE, K8S_POD, K8S_SERVICE, K8S_ENDPOINTS, K8S_ENDPOINTSLICE, K8S_INGRESS,
};
struct config_k8s_selector {
    str role; /* pod, service, … */
    str label, field;
};
struct config_k8s_namespaces {
    bool own_namespace;
    struct config_strs names;
};
struct config_k8s_metadata {
    bool node, ns;
    bool deployment, job, cronjob;
};
struct config_sd_kubernetes {
    struct config_url api_server; /* absent: in-cluster */
    str role_text;
    enum config_k8s_role role;
    str kubeconfig_file;
    struct config_http http;
    struct config_k8s_namespaces namespaces;
    CONFIG_LIST(struct config_k8s_selector) selectors;
    struct config_k8s_metadata attach_metadata;
};

struct config_sd_consul {
    str server, path_prefix, token, datacenter, ns, partition, tag_separator, scheme;
    str username, password; /* empty after load: they become http.basic_auth */
    bool allow_stale;
    int64_t refresh_interval_ms;
    struct config_strs services, tags;
    struct config_map node_meta;
    str filter, health_filter;
    struct config_http http;
};

struct config_filter {
    str name;
    struct config_strs values;
};
struct config_sd_docker {
    struct config_http http;
    str host;
    int64_t port;
    CONFIG_LIST(struct config_filter) filters;
    str host_networking_host;
    int64_t refresh_interval_ms;
    bool match_first_network;
};
struct config_sd_dockerswarm {
    struct config_http http;
    str host;
    str role; /* services, tasks, nodes */
    int64_t port;
    CONFIG_LIST(struct config_filter) filters;
    int64_t refresh_interval_ms;
};

/* One entry of a section's discovery, in the order Prometheus starts them: by key, the
 * static ones last (all static groups of a section are one entry). */
struct config_sd {
    enum config_sd_kind kind;
    const char *name; /* "static", "file", … : the label `mechanism` of metrics */
    str identity;     /* equal text: the same discovery, may be shared and kept running */
    union {
        struct {
            struct config_static **v;
            size_t n;
        } statics;
        struct config_sd_file *file;
        struct config_sd_http *http;
        struct config_sd_dns *dns;
        struct config_sd_kubernetes *kubernetes;
        struct config_sd_consul *consul;
        struct config_sd_docker *docker;
        struct config_sd_dockerswarm *dockerswarm;
    };
};

/* What a section wrote, per mechanism, and the flat list that readers use. */
struct config_discovery {
    struct config_sd *v;
    size_t n;
    /* As written, for status/config. */
    CONFIG_LIST(struct config_sd_consul *) consul;
    CONFIG_LIST(struct config_sd_dns *) dns;
    CONFIG_LIST(struct config_sd_docker *) docker;
    CONFIG_LIST(struct config_sd_dockerswarm *) dockerswarm;
    CONFIG_LIST(struct config_sd_file *) file;
    CONFIG_LIST(struct config_sd_http *) http;
    CONFIG_LIST(struct config_sd_kubernetes *) kubernetes;
    CONFIG_LIST(struct config_static *) statics;
    char unoffered; /* where the other mechanisms' keys lead; nothing is kept */
};
