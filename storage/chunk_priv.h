/* chunk_priv.h - between the chunk codecs; included by storage/chunk*.c only. */
#pragma once
#include "storage/chunk.h"
#include "storage/chunk_bits.h"

#define CHUNK_HEADER_BYTES 2   /* the big-endian sample count */
#define CHUNK_XOR_CAP_MAX 8160 /* its bits fit 16 bits, like every size class below */

static inline unsigned
chunk_count(str data)
{
    const uint8_t *p = (const uint8_t *)data.p;
    return (unsigned)p[0] << 8 | p[1];
}
static inline bool
chunk_has_starts(enum chunk_encoding e)
{
    return e == CHUNK_HISTOGRAM_ST || e == CHUNK_FLOAT_HISTOGRAM_ST;
}

/* One decode: what to keep and where. */
struct chunk_range {
    int64_t mint, maxt;
    struct arena *a;
    struct column *out;
};

/* Decoders of one encoding; data has at least the count.  They may leave out->n moved on
 * failure, chunk_decode puts it back.  False: corrupt. */
bool chunk_xor_decode(str data, const struct chunk_range *r);
bool chunk_xor2_decode(str data, const struct chunk_range *r);
bool chunk_histogram_decode(enum chunk_encoding encoding, str data, const struct chunk_range *r);

/* Where a float decoder puts samples: column rows with room for `count` more. */
struct chunk_sink {
    int64_t *t;
    double *v;
    size_t n;
    int64_t next, maxt; /* the least and greatest time wanted now */
};
static inline struct chunk_sink
chunk_sink_of(const struct chunk_range *r, unsigned count)
{
    column_reserve(r->out, r->a, count);
    return (struct chunk_sink){
        .t = r->out->t, .v = r->out->v, .n = r->out->n, .next = r->mint, .maxt = r->maxt};
}
/* False: no later sample is wanted. */
static inline bool
chunk_sink_put(struct chunk_sink *k, int64_t t, uint64_t value_bits)
{
    if (t > k->maxt)
        return false;
    k->t[k->n] = t;
    k->v[k->n] = f64_from_bits(value_bits);
    if (LIKELY(t >= k->next)) {
        k->n++;
        k->next = (int64_t)((uint64_t)t + 1);
        return LIKELY(t != INT64_MAX);
    }
    return true;
}
/* Counts the rows in. */
void chunk_sink_end(const struct chunk_sink *k, const struct chunk_range *r);

/* Make the column have histograms or start times, empty for the rows it holds. */
void chunk_want_histograms(struct column *c, struct arena *a);
void chunk_want_start_times(struct column *c, struct arena *a);

/* One number of a histogram sample as the last one left it: integers keep the difference
 * to the one before, floats their XOR window. */
struct hist_value {
    uint64_t v;
    union {
        int64_t delta;
        struct {
            uint8_t leading, trailing;
        } w;
    };
};
/* What reading or writing a histogram chunk carries from sample to sample.  Integer
 * buckets are held as chunks store them, each as the difference to its neighbour. */
struct hist_state {
    bool integer;
    uint8_t reset; /* the header's flag bits */
    unsigned samples;
    struct histogram l; /* layout: schema, zero threshold, spans, bounds, bucket counts */
    int64_t t, t_delta;
    struct hist_value count, zero, sum;
    struct hist_value *pos, *neg; /* l.pos_n, l.neg_n */
    bool starts;        /* encodings 5 and 6, which hold start times: */
    bool st_known;      /* the first sample has one */
    uint8_t st_change;  /* index of the first that differs; 0: none */
    int64_t st, st_diff;
};
#define HIST_ST_CHANGE_MAX 0x7f
#define HIST_ST_SAMPLES_MAX 0x3fff
#define HIST_HEADER_BYTES (CHUNK_HEADER_BYTES + 1)
#define HIST_UNKNOWN 0x00
#define HIST_NOT_RESET 0x40
#define HIST_RESET 0x80
#define HIST_GAUGE 0xc0

/* The state before the first sample of a chunk with at least the header; the count. */
struct hist_state hist_open(enum chunk_encoding encoding, str data, unsigned *count);
/* Reads from behind the header; arrays live in a.  `first` also reads the layout. */
bool hist_read_first(struct bits *in, struct hist_state *s, struct arena *a);
bool hist_read_next(struct bits *in, struct hist_state *s);
/* The sample just read; spans and bounds are shared with the state. */
struct histogram *hist_get(const struct hist_state *s, struct arena *a);

struct hist_bytes {
    uint8_t *p; /* owned */
    size_t cap, bits;
};
/* Writes h with buckets pos and neg in the state's layout.  The first sample also writes
 * the layout, which hist_write_layout has put in s. */
struct hist_sample {
    int64_t st, t;
    const struct histogram *h;
};
void hist_write(struct hist_bytes *b, struct hist_state *s, struct hist_sample x, const double *pos,
                const double *neg);
