/* default_config.h - the configuration of a server that was given none.
 *
 * It scrapes itself, and a node exporter if one answers on this machine, and watches its
 * own HTTP API by request rate, errors and duration.
 */
#pragma once
#include "base/err.h"

/* Writes prometheus.yml and red-rules.yml under <data_dir>/default, where they can be
 * read and copied.  listen is the server's own host:port.  Gives the path. */
bool default_config_write(const char *data_dir, const char *listen, char **path, struct err *e) MUST_USE;
