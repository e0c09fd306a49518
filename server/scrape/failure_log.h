/* failure_log.h - scrape_failure_log_file: one JSON line for each scrape whose page could
 * not be fetched.  The file is opened anew at each reload, so that it can be rotated.
 *
 * THREADS.  Any; lines do not mix. */
#pragma once
#include "base/err.h"

struct failure_log;
bool failure_log_open(struct failure_log **out, const char *path, struct err *e) MUST_USE;
struct failure_log *failure_log_ref(struct failure_log *l);
void failure_log_unref(struct failure_log **l); /* *l may be NULL */
/* l may be NULL. */
void failure_log_write(struct failure_log *l, str job, const char *url, const struct err *why);
