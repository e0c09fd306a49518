/* fleet.h - the made-up fleet that benchmarks run on.
 *
 * Every target is a host with a service on it: CPU, disk, network and memory series as a
 * node exporter has them, and request counters and latency histograms.  Values come from a
 * seeded generator, so that two runs see the same data: counters grow by fits and starts,
 * gauges wander, and a good part does not change at all, as in life.
 */
#pragma once
#include "base/buf.h"
#include "model/labels.h"

#define FLEET_SERIES_MAX 4096

struct fleet {
    size_t n;                     /* series of one target */
    struct labels labels[FLEET_SERIES_MAX]; /* without job and instance */
    uint8_t kind[FLEET_SERIES_MAX];
    struct arena *arena;
};
void fleet_init(struct fleet *f);
/* Value of series i of target t at step k; the same for the same arguments. */
double fleet_value(const struct fleet *f, size_t target, size_t i, uint64_t k);
/* The page of a target at step k, text format 0.0.4. */
void fleet_page(const struct fleet *f, size_t target, uint64_t k, struct buf *out);
