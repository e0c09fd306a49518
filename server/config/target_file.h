/* target_file.h - the files of file_sd: lists of target groups, JSON or YAML by the name's
 * end.  For checking them; discovery has its own reader, which watches. */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "server/config/config_discovery.h"

/* Groups and strings in the arena. */
bool config_target_file_load(const char *path, struct arena *a, struct config_static ***out,
                             size_t *n, struct err *e) MUST_USE;
