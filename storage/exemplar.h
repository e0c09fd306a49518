/* exemplar.h - the ring of exemplars.
 *
 * A fixed number of exemplars, the oldest making room for the newest; those of one series
 * are linked from oldest to newest.  Not in blocks; the WAL and the checkpoint keep them
 * over a restart.
 *
 * An exemplar equal to the newest of its series is dropped silently; one that is older
 * (by time, then value, then labels) is refused and counted.
 *
 * THREADS.  A lock of its own (EXEMPLAR), taken after the gate has been let go.
 */
#pragma once
#include "model/matcher.h"
#include "storage/select.h"

struct exemplar_ring;

struct exemplar_ring *exemplar_ring_new(size_t max); /* 0: holds nothing */
void exemplar_ring_free(struct exemplar_ring **r);
/* Keeps the newest that fit. */
void exemplar_ring_resize(struct exemplar_ring *r, size_t max);

enum exemplar_verdict { EXEMPLAR_STORED, EXEMPLAR_DUPLICATE, EXEMPLAR_OUT_OF_ORDER, EXEMPLAR_OFF };
/* Copies. */
enum exemplar_verdict exemplar_ring_add(struct exemplar_ring *r, struct labels series,
                                        const struct exemplar *e);
/* Of series that match any of the matcher sets, by series labels, then time; copied. */
size_t exemplar_ring_select(struct exemplar_ring *r, const struct selection_spec *specs, size_t n,
                            int64_t mint, int64_t maxt, struct arena *a,
                            struct exemplar_series **out);
/* All, oldest first, for the checkpoint. */
void exemplar_ring_each(struct exemplar_ring *r,
                        void (*fn)(void *arg, struct labels series, const struct exemplar *e),
                        void *arg);
size_t exemplar_ring_count(struct exemplar_ring *r);
