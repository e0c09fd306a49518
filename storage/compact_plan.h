/* compact_plan.h - which blocks to merge next: Prometheus' LeveledCompactor.
 *
 * A pure function from metas to a choice.  In this order:
 *   1. blocks that overlap in time, the first group of them;
 *   2. without the newest block: for each range from the second up, the first aligned
 *      group of at least two blocks that fills the range or lies before the newest;
 *      a group with a failed block is passed over;
 *   3. one block of at least the middle range of which more than 5 % of the series have
 *      tombstones, or a smaller one that is all tombstones.
 * Blocks made from part of the head (hints from-stale-series, from-selected-series) are
 * planned apart from the others, and after them.
 */
#pragma once
#include "storage/block.h"

#define COMPACT_RANGES_MAX 10

/* min, min*3, min*9 … as long as they are <= max; at least one, at most
 * COMPACT_RANGES_MAX.  Returns how many. */
size_t compact_ranges(int64_t min_ms, int64_t max_ms, int64_t out[COMPACT_RANGES_MAX]);
/* Fills picked (room for n) with indices into metas, ascending by mint; returns how many,
 * 0 when there is nothing to do.  metas may be in any order. */
size_t compact_plan(const struct block_meta *const *metas, size_t n, const int64_t *ranges,
                    size_t ranges_n, size_t *picked);
/* Indices of the blocks that may be removed: marked deletable, or named as a parent by
 * another block. */
size_t compact_superseded(const struct block_meta *const *metas, size_t n, size_t *out);
