/* merge.h - merging sorted runs.
 *
 * column_merge joins sample columns; merge_labels walks several label-sorted lists
 * of series at once.  Both are used by queries (head and blocks) and by compaction.
 */
#pragma once
#include "base/arena.h"
#include "model/labels.h"
#include "model/sample.h"

/* Appends the samples of n ascending columns to out in ascending time, equal times once:
 * the column with the lower index wins.  Arrays live in a; inputs are not changed, but
 * histograms are shared with them.  out must end before all of them. */
void column_merge(struct arena *a, const struct column *const *in, size_t n, struct column *out);
/* Copies c[from, to) to the end of out. */
void column_append(struct arena *a, struct column *out, const struct column *c, size_t from,
                   size_t to);

/* Orders n cursors: a heap over the inputs' current label sets.
 *     struct merge_labels m;
 *     merge_labels_init(&m, arena, n);
 *     for each input with a series: merge_labels_push(&m, input, labels);
 *     while ((k = merge_labels_pop(&m, group)) > 0) { …; push each input's next }
 */
struct merge_labels {
    struct merge_labels_item {
        struct labels labels;
        uint32_t input;
    } * heap;
    size_t n, cap;
};
void merge_labels_init(struct merge_labels *m, struct arena *a, size_t inputs);
void merge_labels_push(struct merge_labels *m, uint32_t input, struct labels labels);
/* Takes all inputs that stand on the smallest label set; their numbers go to `inputs`
 * (room for all), ascending.  Returns how many, 0 at the end. */
size_t merge_labels_pop(struct merge_labels *m, struct labels *labels, uint32_t *inputs);
