/* schema_scrape.h - `global:` and scrape jobs. */
#pragma once
#include "server/config/config_scrape.h"
#include "server/config/schema_types.h"

extern const struct schema schema_global;
extern const struct schema schema_scrape;      /* one job */
extern const struct schema schema_scrape_file; /* a file of scrape_config_files */

/* What a scrape_config_files file holds. */
struct config_scrape_file {
    CONFIG_LIST(struct config_scrape *) scrape_configs;
};

/* Prometheus' DefaultGlobalConfig with the features' changes. */
struct config_opts;
void config_global_default(struct schema_reader *r, struct config_global *g);
/* Fills a job from `global` and checks it; s may be NULL. */
bool config_scrape_complete(struct schema_reader *r, const struct yaml_node *n,
                            struct config_scrape *s, const struct config_global *g);
void config_scrape_set_dir(struct config_scrape *s, struct arena *a, str dir);
void config_scrape_identify(struct config_scrape *s, struct arena *a);
