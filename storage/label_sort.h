/* label_sort.h - series of the head in label order.
 *
 * Comparing label sets one pair of series at a time looks at the same text again and
 * again: 100 000 series of one metric share their names and most of their values.  Here
 * series are arrays of pair ids, so they are sorted column by column: where all have the
 * same pair nothing happens; else the distinct pairs of the column (few) are put in order
 * by text once, the series are dealt out by rank, and each group goes on with the next
 * column.  That is the order of labels_cmp, at a few nanoseconds a label.
 */
#pragma once
#include "storage/symbols.h"

struct label_sort {
    const uint32_t *pairs;
    uint32_t n;   /* labels */
    uint32_t tag; /* the caller's */
};
/* Texts must be pinned (or the index lock held). */
void label_sort(const struct symbols *s, struct label_sort *v, size_t n);
