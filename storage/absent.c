/* absent.c - lets the head link before the block code is in the tree; goes with it. */
#include "base/panic.h"
#include "storage/block.h"
#include "storage/merge.h"

#define WEAK __attribute__((weak))

WEAK struct tombstones *tombstones_new(void) { return NULL; }
WEAK void tombstones_free(struct tombstones **t) { CHECK(*t == NULL); }
WEAK struct intervals tombstones_get(const struct tombstones *t UNUSED, uint64_t ref UNUSED) { UNREACHABLE(); }
WEAK void intervals_apply(struct intervals iv UNUSED, struct column *c UNUSED, size_t from UNUSED) { UNREACHABLE(); }
WEAK void column_merge(struct arena *a UNUSED, const struct column *const *in UNUSED, size_t n UNUSED, struct column *out UNUSED) { UNREACHABLE(); }
WEAK void column_append(struct arena *a UNUSED, struct column *out UNUSED, const struct column *c UNUSED, size_t from UNUSED, size_t to UNUSED) { UNREACHABLE(); }
WEAK void merge_labels_init(struct merge_labels *m UNUSED, struct arena *a UNUSED, size_t inputs UNUSED) { UNREACHABLE(); }
WEAK void merge_labels_push(struct merge_labels *m UNUSED, uint32_t input UNUSED, struct labels labels UNUSED) { UNREACHABLE(); }
WEAK size_t merge_labels_pop(struct merge_labels *m UNUSED, struct labels *labels UNUSED, uint32_t *inputs UNUSED) { UNREACHABLE(); }
WEAK void block_unref(struct block **b UNUSED) { UNREACHABLE(); }
WEAK struct block *block_ref(struct block *b UNUSED) { UNREACHABLE(); }
WEAK const struct block_meta *block_meta(const struct block *b UNUSED) { UNREACHABLE(); }
WEAK bool block_postings(struct block *b UNUSED, const struct matcher *m UNUSED, size_t n UNUSED, struct arena *a UNUSED, uint32_t **out UNUSED, size_t *out_n UNUSED, struct err *e UNUSED) { UNREACHABLE(); }
WEAK bool block_series_get(struct block *b UNUSED, uint32_t ref UNUSED, int64_t mint UNUSED, int64_t maxt UNUSED, struct arena *a UNUSED, struct block_series *out UNUSED, struct err *e UNUSED) { UNREACHABLE(); }
WEAK bool block_read(struct block *b UNUSED, const struct block_series *s UNUSED, int64_t mint UNUSED, int64_t maxt UNUSED, struct arena *a UNUSED, struct column *out UNUSED, struct err *e UNUSED) { UNREACHABLE(); }
WEAK uint64_t block_estimate(struct block *b UNUSED, const struct block_series *s UNUSED, int64_t mint UNUSED, int64_t maxt UNUSED) { UNREACHABLE(); }
WEAK bool block_label_names(struct block *b UNUSED, const struct matcher *m UNUSED, size_t n UNUSED, struct arena *a UNUSED, str **out UNUSED, size_t *out_n UNUSED, struct err *e UNUSED) { UNREACHABLE(); }
WEAK bool block_label_values(struct block *b UNUSED, str name UNUSED, const struct matcher *m UNUSED, size_t n UNUSED, size_t limit UNUSED, struct arena *a UNUSED, str **out UNUSED, size_t *out_n UNUSED, struct err *e UNUSED) { UNREACHABLE(); }
