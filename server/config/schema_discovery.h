/* schema_discovery.h - *_sd_configs and static_configs of a section. */
#pragma once
#include "server/config/config_discovery.h"
#include "server/config/schema_types.h"

extern const struct schema schema_sd_file, schema_sd_http, schema_sd_dns, schema_sd_consul;
extern const struct schema schema_sd_docker, schema_sd_dockerswarm, schema_sd_kubernetes;
extern const struct schema schema_static;

/* Inline block: all mechanisms' keys. */
extern const struct schema schema_discovery;

/* To be called first in the check of a section that has the block: refuses null entries,
 * and fills the flat list. */
bool config_discovery_finish(struct schema_reader *r, const struct yaml_node *n,
                             struct config_discovery *d);
/* Refuses URLs in static targets; only for sections without relabelling. */
bool config_discovery_check_static(struct schema_reader *r, const struct yaml_node *n,
                                   const struct config_discovery *d);
void config_discovery_set_dir(struct config_discovery *d, struct arena *a, str dir);
/* Fills the entries' identities; after set_dir. */
void config_discovery_identify(struct config_discovery *d, struct arena *a);

/* A label selector as Kubernetes' API takes it: "a=b,c in (d,e),!f". */
bool config_k8s_check_selector(struct arena *a, str text, struct err *e) MUST_USE;
bool config_k8s_check_field_selector(str s, struct err *e) MUST_USE;
