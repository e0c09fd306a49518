/* schema_http.h - the tables of the HTTP client block, and what its users must call. */
#pragma once
#include "server/config/config_http.h"
#include "server/config/schema_types.h"

extern const struct schema_type schema_headers; /* struct config_headers * */
extern const struct schema schema_http; /* with its check: http_config, *_sd_configs */
extern const struct schema schema_basic_auth, schema_authorization, schema_oauth2, schema_tls;
extern const struct schema schema_sigv4;

/* The client block's check, for sections that have it inline: its own check function does
 * not run there. */
bool config_http_check(struct schema_reader *r, const struct yaml_node *n, struct config_http *h);
/* Resolves relative paths against the configuration's folder. */
void config_http_set_dir(struct config_http *h, struct arena *a, str dir);
void config_tls_set_dir(struct config_tls *t, struct arena *a, str dir);
str config_canonical_header(struct arena *a, str name);
