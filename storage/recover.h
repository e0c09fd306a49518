/* recover.h - from what is on disk to a head, after a stop or a crash.
 *
 *   1. The newest checkpoint that loads; one that does not is moved to quarantine and the
 *      one before is taken, or none.
 *   2. The log's segments in order, from the checkpoint's record number on.  A record is
 *      applied whole or not at all.  Records that a failing disk made be written twice
 *      are taken once, by their number.
 *   3. Damage in a segment is skipped to the next valid record.  If the numbers show that
 *      records are missing (and not just written again further on), the bad bytes are
 *      copied to quarantine, the numbers logged and counted; everything after is kept.
 *
 * It never refuses for damage and writes nothing but quarantined copies, so it can be
 * interrupted and run again.  What the disk does not give (EIO) is not damage: then it fails
 * and names the file, because going on would let go of data that may be back the next time.  The last segment is not continued: the log starts a new one.
 *
 * The log may name a series that the head knows under an older id (it was collected and
 * came back); such ids are kept aside as aliases while replaying.
 */
#pragma once
#include "storage/checkpoint.h"

struct recover_segment {
    uint32_t number;
    uint64_t last_seq;
    uint64_t bytes;
};
struct recovered {
    uint64_t next_seq;
    uint32_t next_segment;
    struct recover_segment *segments; /* owned; ascending */
    size_t segments_n;
    uint64_t replayed_records, lost_records, damaged_ranges;
    uint64_t replayed_bytes;
};
/* db->head is fresh.  ERR_IO or ERR_NO_SPACE only. */
bool recover_run(struct tsdb *db, struct recovered *out, struct err *e) MUST_USE;
void recovered_fini(struct recovered *r);
