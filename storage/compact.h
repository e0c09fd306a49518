/* compact.h - making one block of several.
 *
 * Series are merged in label order as a stream: memory holds one series at a time
 * besides what block_write.h needs.  Chunks are copied as they are; samples are decoded
 * and encoded again only where chunks of a series overlap (equal times kept once, the
 * block listed first wins) or tombstones cut into a chunk.  Series left without samples
 * vanish.
 *
 * No block_delete may run on the inputs meanwhile: it would be lost.
 *
 * The result names its inputs as parents, unites their sources, and has the highest
 * level plus one.  Inputs are never touched: once the result is durable the database
 * drops those it supersedes (compact_superseded).
 */
#pragma once
#include "base/err.h"
#include "storage/block.h"
#include "storage/compact_plan.h"

#include <stdatomic.h>

struct compact_job {
    const char *dir;             /* where the result goes */
    struct block *const *blocks; /* borrowed; at least one */
    size_t n;
    bool clean;                /* one block, only to apply its tombstones: as Prometheus'
                                * clean_tombstones, level 1 and a source of its own */
    bool xor2;                 /* encode anew as XOR2 */
    const atomic_bool *cancel; /* may be NULL; when true the job ends with ERR_CANCELED */
};
struct compact_result {
    char ulid[ULID_TEXT + 1]; /* "" when no sample was left: mark the inputs deletable */
    bool vertical;            /* inputs overlapped */
    uint64_t chunks_copied, chunks_encoded;
};
bool compact_run(const struct compact_job *job, struct compact_result *out, struct err *e) MUST_USE;
