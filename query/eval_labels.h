/* eval_labels.h - names that go, and rows that are then equal; included through
 * eval_priv.h. */
#pragma once
#include "query/eval.h"

bool labels_is_metadata(str name);
/* Without __name__, __type__, __unit__. */
struct labels labels_drop_metadata(struct arena *a, struct labels ls);
/* Drops names now, or marks the row when removal is delayed. */
void row_drop_name(const struct eval *ev, struct arena *a, struct row *r);
/* True if two of the label sets are equal (without metadata, if so asked).  Gives up, with
 * false, when the query is to end. */
bool labels_collide(const struct eval *ev, const struct labels *v, size_t n,
                    bool without_metadata);
bool vec_has_same_labels(const struct eval *ev, const struct vec *v);
/* Both have the same name, type and unit labels. */
bool labels_same_metadata(struct labels a, struct labels b);
/* Merges rows with equal labels; fails where two have a sample in one step, *step_out
 * being the first such step. */
bool vec_merge_same(struct arena *a, struct vec *v, size_t steps, size_t *step_out,
                    struct err *err) MUST_USE;
/* Names dropped late: cleans the labels of marked rows and merges. */
bool vec_clean_names(struct eval *ev, struct vec *v, size_t steps, struct err *err) MUST_USE;
#define SAME_LABELSET_TEXT "vector cannot contain metrics with the same labelset"
