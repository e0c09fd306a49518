/* retain.h - which blocks are beyond retention, by Prometheus' rules.
 *
 * Time: a block whose end lies at least the retention before the end of the newest goes,
 * and all before it: the newest block counts, not the clock, so that an idle server keeps
 * what it has.  Size: from the newest back, blocks are kept while they, the log and the
 * head's chunk files fit; a percentage of the file system takes the place of the size.
 */
#pragma once
#include "storage/db.h"

/* Sets drop[i] for blocks to remove; those already marked do not count.  v ascends by
 * mint. */
void retain_choose(struct tsdb *db, struct block **v, size_t n, bool *drop);
