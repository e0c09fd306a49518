/* query_log.h - one JSON line per finished query, as Prometheus writes it:
 *
 * {"time":"…","level":"INFO","msg":"promql query logged","params":{"end":"…","query":"…",
 * "start":"…","step":15},"error":"…","stats":{"timings":{…},"samples":{…}},"httpRequest":{…}}
 *
 * THREADS.  Any; lines are written whole, one at a time.
 */
#pragma once
#include "query/engine.h"

struct query_log;
struct query_log *query_log_new(void);
void query_log_free(struct query_log **l);
/* NULL switches off.  On failure the old file stays. */
bool query_log_set(struct query_log *l, const char *path, struct err *e) MUST_USE;
/* error is empty if there was none. */
void query_log_write(struct query_log *l, const struct query_request *r,
                     const struct query_stats *s, str error);
