/* schema_alerting.h - `alerting:` and the notification configuration. */
#pragma once
#include "server/config/config_alerting.h"
#include "server/config/schema_types.h"

extern const struct schema schema_alerting;
extern const struct schema schema_notify; /* a whole alertmanager.yml */

/* The relabelling rules' check, once the naming scheme is known. */
bool config_alerting_complete(struct schema_reader *r, struct config_alerting *a, bool legacy_names);
void config_alerting_set_dir(struct config_alerting *c, struct arena *a, str dir);

/* Alertmanager's checks over the whole, filling receivers from `global`. */
bool config_notify_complete(struct schema_reader *r, const struct yaml_node *n,
                            struct config_notify *c);
void config_notify_set_dir(struct config_notify *c, struct arena *a, str dir);
/* Reads the file with r (which keeps the regexes); e names the file. */
bool config_notify_read(struct schema_reader *r, const char *path, struct config_notify **out,
                        struct err *e);
/* Prints it as Alertmanager's status does. */
void config_notify_print(struct config_notify *c, struct arena *a);
