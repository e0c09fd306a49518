/* ooo.h - late samples of one series.
 *
 * A sample older than the series' newest, but inside the out-of-order window, goes into
 * a small sorted array.  When OOO_BUFFER samples are in it, it is sealed into chunks like
 * any other (head_file.h), on a list of their own; these chunks may overlap each other and
 * the in-order ones, so readers decode and merge them.  The compactor turns them into
 * blocks of their own and lets go of what was sealed by then.
 *
 * A time that the array already has is dropped silently, as Prometheus does; against
 * sealed chunks nothing is compared (the merge keeps one).
 */
#pragma once
#include "storage/head_file.h"

#define OOO_BUFFER 32u /* Prometheus' out-of-order capacity */

struct ooo_sample {
    int64_t t, st;
    double v;
    struct histogram *h; /* NULL: a float; lives in ooo.hists */
};
struct ooo {
    struct ooo_sample *v; /* ascending t */
    uint32_t n, cap;
    uint32_t sealed_n;
    uint64_t sealed;      /* newest sealed chunk, 0 none */
    int64_t mint, maxt;   /* of all samples, sealed ones included */
    struct arena *hists;  /* NULL while there are no histograms */
};
struct ooo *ooo_new(void);
void ooo_free(struct ooo **o);
/* False if the time is there already. The histogram is copied. The buffer must not be full
 * (ooo_seal). */
bool ooo_insert(struct ooo *o, struct ooo_sample s);
/* Moves the buffer into sealed chunks; returns how many. */
unsigned ooo_seal(struct ooo *o, struct head_file *f, uint32_t series);
/* The buffer's samples in [mint, maxt], copied into the arena, appended to out. */
void ooo_read(const struct ooo *o, int64_t mint, int64_t maxt, struct arena *a,
              struct column *out);
