/* head_read.h - selecting and reading series of the head.
 *
 * head_select turns matchers into ids.  What it costs follows what matches:
 *   1. Matchers that refuse the empty value include: = and set-shaped regexes are probes,
 *      the smallest of these is the base.  Without one, a regular expression sees each
 *      distinct value of its name once and the union of the lists is the base; without
 *      that, the base is all series.
 *   2. Every other matcher filters the base.  If it has few ids, each series' own value is
 *      looked at (and each distinct value matched once); if many, lists are intersected
 *      or subtracted.
 *
 * A view then copies, under the gate, what may change: the open chunk's bytes and the
 * late samples.  Sealed chunks are read later from the head_map that was current.
 */
#pragma once
#include "model/matcher.h"
#include "storage/head.h"

/* REQUIRES the index lock, shared. */
struct ids head_select(struct head *h, const struct matcher *m, size_t n, struct arena *a);
/* The value of the name in a series; empty if absent.  Locks as above. */
str head_label_value(const struct head *h, uint32_t slot, uint32_t name);

/* One series at one instant; all memory is the arena's or kept by the pin.  With `lenient` a
 * damaged chunk ends its list (what lies before it cannot be found) and is counted; else
 * reading fails. */
struct head_series {
    uint32_t id;
    uint16_t labels_n;
    uint8_t encoding;          /* of `open`; 0 none */
    bool lenient;
    const uint32_t *pairs;
    uint64_t sealed, late_sealed;
    uint64_t late_floor;       /* late chunks before this reference are in blocks */
    uint64_t late_end;         /* those from this one on are not asked for; 0: all are */
    int64_t floor;             /* in-order samples before this are in blocks */
    int64_t mint, maxt;        /* of the in-order samples */
    int64_t open_mint;
    str open;                  /* the open chunk, finished */
    bool newest_only;          /* nothing was taken but the newest sample: maxt and newest */
    double newest;
    struct column *late;       /* the late samples not yet sealed; NULL none */
    struct intervals deleted;
};
struct head_want {
    int64_t mint, maxt;
    bool newest; /* as in struct selection_spec */
};
/* False if the series has no samples that could lie in [mint, maxt].  REQUIRES the gate,
 * shared. */
bool head_snapshot(struct head *h, uint32_t id, const struct head_want *want, struct arena *a,
                   struct head_series *out);
/* A snapshot waits for memory three times; told ahead, the waits overlap: first the record,
 * some series later the open chunk it leads to.  REQUIRES the gate. */
static inline void
head_prefetch(const struct head *h, uint32_t id)
{
    uint32_t slot = series_slot(&h->series, id);
    __builtin_prefetch(series_hot(&h->series, slot));
    __builtin_prefetch(series_cold(&h->series, slot));
}
static inline void
head_prefetch_chunk(const struct head *h, uint32_t id)
{
    uint32_t slot = series_slot(&h->series, id);
    __builtin_prefetch(series_hot(&h->series, slot)->x.p);
    __builtin_prefetch(series_cold(&h->series, slot)->pairs);
}
/* Appends the samples in [mint, maxt], ascending, to out, which ends before mint. */
bool head_series_read(const struct head_series *s, const struct head_map *map, int64_t mint,
                      int64_t maxt, struct arena *a, struct column *out, struct err *e) MUST_USE;
/* Only the late samples, of chunks before the reference `end`; for late_blocks_write. */
bool head_snapshot_late(struct head *h, uint32_t id, int64_t mint, int64_t maxt, uint64_t end,
                        struct arena *a, struct head_series *out);
/* The in-order chunks overlapping [mint, maxt], ascending, the open one last. */
struct head_chunks {
    struct head_chunk *v;
    size_t n;
    size_t sealed_n; /* all but the open one */
};
bool head_series_chunks(const struct head_series *s, const struct head_map *map, int64_t mint,
                        int64_t maxt, struct arena *a, struct head_chunks *out,
                        struct err *e) MUST_USE;
uint64_t head_series_estimate(const struct head_series *s, const struct head_map *map, int64_t mint,
                              int64_t maxt);
