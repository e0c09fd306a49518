/* schema_notify.h - the parts of the notification configuration that files share. */
#pragma once
#include "server/config/config_notify.h"
#include "server/config/schema_types.h"

extern const struct schema schema_time_interval, schema_mute_time_interval;
/* `global:` as it is when nothing is written. */
void config_notify_global_default(struct schema_reader *r, struct config_notify *c);

/* Receivers: fills them from `global`, checks what each still lacks, and lists each
 * receiver's integrations. */
bool config_receivers_complete(struct schema_reader *r, const struct yaml_node *n,
                               struct config_notify *c);
