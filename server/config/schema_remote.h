/* schema_remote.h - remote_write, remote_read, and the sections of config_remote.h. */
#pragma once
#include "server/config/config_remote.h"
#include "server/config/schema_types.h"

extern const struct schema schema_remote_write, schema_remote_read;
extern const struct schema schema_notify_tracing; /* of an alertmanager.yml */
extern const struct schema schema_storage, schema_tracing, schema_otlp, schema_runtime;
extern const struct config_otlp config_otlp_default;

/* Header names that only the program may set. */
bool config_header_reserved(str name);
/* Fills identity and label; after paths are resolved. */
void config_remote_write_identify(struct config_remote_write *c, struct arena *a);
void config_remote_read_identify(struct config_remote_read *c, struct arena *a);
/* The translation strategy by its name; checked at the end of loading. */
bool config_otlp_complete(struct schema_reader *r, struct config_otlp *o, bool legacy_names);
