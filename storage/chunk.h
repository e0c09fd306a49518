/* chunk.h - compressed runs of samples, byte for byte Prometheus' chunkenc.
 *
 * A chunk is what a series' samples are stored in, in the head and in blocks:
 * `data` below, without the length, encoding byte and CRC that files put around it.
 * All bits go most significant first; sample times ascend.
 *
 *   XOR (1)      u16 count | varint t0 | v0:64 | uvarint t1-t0 | xor(v1) | (dod | xor(v))*
 *     dod        0 same | 10+14 | 110+17 | 1110+20 | 1111+64 bits; n bits hold -(2^(n-1)-1)…2^(n-1)
 *     xor        0 same | 10 bits in the last window | 11 leading:5 significant:6 (0 = 64) bits
 *   XOR2 (4)     u16 count | start-time byte | as above with a joint prefix for dod and value
 *                (chunk_xor2.c); also holds start times
 *   HISTOGRAM (2), FLOAT_HISTOGRAM (3)   u16 count | reset:2 0:6 | layout | samples
 *                (chunk_histogram.c)
 *   HISTOGRAM_ST (5), FLOAT_HISTOGRAM_ST (6)   reset:2 count:14 | start-time byte | the
 *                same, with start times
 *
 * Three samples 1000→1.0, 2000→1.0, 3010→2.5 as XOR (checked by a test):
 *   0003 d00f 3ff0000000000000 e807 40056137ffa0
 *
 * MEMORY.  struct chunk_xor is 40 bytes, made to sit in a series record.  Its bytes are
 * the caller's: chunk_xor_append says when there is no room and writes nothing, and
 * either chunk_xor_grow moves to the next size class with mem_realloc, or a caller with
 * memory of its own replaces p and cap.  Nothing is allocated per sample.  The count in
 * the first two bytes is written only by chunk_xor_copy, so that an append touches
 * the record and the tail of the bytes and no third cache line.
 *
 * THREADS.  One writer; readers copy under the writer's lock.  Decoding is pure.
 */
#pragma once
#include "base/arena.h"
#include "base/base.h"
#include "base/err.h"
#include "model/histogram.h"
#include "model/sample.h"

enum chunk_encoding {
    CHUNK_XOR = 1, CHUNK_HISTOGRAM = 2, CHUNK_FLOAT_HISTOGRAM = 3, CHUNK_XOR2 = 4,
    CHUNK_HISTOGRAM_ST = 5, CHUNK_FLOAT_HISTOGRAM_ST = 6,
};
static inline bool
chunk_is_histogram(enum chunk_encoding e)
{
    return e != CHUNK_XOR && e != CHUNK_XOR2;
}
/* The encoding for histograms of a kind, with start times or without. */
static inline enum chunk_encoding
chunk_histogram_kind(bool integer, bool start_times)
{
    if (start_times)
        return integer ? CHUNK_HISTOGRAM_ST : CHUNK_FLOAT_HISTOGRAM_ST;
    return integer ? CHUNK_HISTOGRAM : CHUNK_FLOAT_HISTOGRAM;
}

#define CHUNK_TARGET_SAMPLES 120 /* as Prometheus; the writer of a chunk cuts near it */
/* Bounds of the open chunks below, whose bit counts are 16 bits wide. */
#define CHUNK_XOR_SAMPLES_MAX 440
#define CHUNK_XOR2_SAMPLES_MAX 290

struct chunk_xor {
    uint8_t *p;     /* cap bytes, the header's two included; NULL when cap is 0 */
    int64_t t;      /* newest */
    int64_t delta;  /* newest minus the one before */
    uint64_t value; /* bits of the newest */
    uint16_t bits;  /* written, header included */
    uint16_t cap;   /* bytes */
    uint16_t samples;
    uint8_t leading; /* window; 0xff: none yet */
    uint8_t trailing;
};

/* An empty chunk in p (cap bytes, may be NULL and 0).  Bytes need no zeroing. */
void chunk_xor_init(struct chunk_xor *c, uint8_t *p, size_t cap);
/* Appends t > c->t.  False: no room, nothing changed; grow and call again.
 * samples must be below CHUNK_XOR_SAMPLES_MAX. */
bool chunk_xor_append(struct chunk_xor *c, int64_t t, double v) MUST_USE;
/* To the next size class (32, 48, 64, 96, 128, 192 … 8160) by mem_realloc of p. */
void chunk_xor_grow(struct chunk_xor *c);
/* Append that grows by itself. */
static inline void
chunk_xor_put(struct chunk_xor *c, int64_t t, double v)
{
    while (UNLIKELY(!chunk_xor_append(c, t, v)))
        chunk_xor_grow(c);
}
/* Bytes of the finished chunk; 0 when empty. */
static inline size_t
chunk_xor_size(const struct chunk_xor *c)
{
    return c->samples ? ((size_t)c->bits + 7) / 8 : 0;
}
/* Writes chunk_xor_size bytes, count included: a chunk as it goes to disk. */
void chunk_xor_copy(const struct chunk_xor *c, uint8_t *out);
/* Rebuilds the state after data, so that appending goes on where it stopped; p is from
 * mem_alloc.  ERR_CORRUPT on bad bytes or more samples than chunk_xor can hold. */
bool chunk_xor_resume(struct chunk_xor *c, str data, struct err *e) MUST_USE;

/* XOR2: the same contract; st is the start time or 0. */
struct chunk_xor2 {
    struct chunk_xor x; /* x.value: the newest that is not stale */
    int64_t st, st_diff;
    uint16_t st_change; /* index of the first change; 0: none */
    bool st_known;      /* the first sample has one */
};
void chunk_xor2_init(struct chunk_xor2 *c, uint8_t *p, size_t cap);
bool chunk_xor2_append(struct chunk_xor2 *c, int64_t st, int64_t t, double v) MUST_USE;
void chunk_xor2_put(struct chunk_xor2 *c, int64_t st, int64_t t, double v);
void chunk_xor2_copy(const struct chunk_xor2 *c, uint8_t *out); /* chunk_xor_size(&c->x) bytes */
bool chunk_xor2_resume(struct chunk_xor2 *c, str data, struct err *e) MUST_USE;

/* An open histogram chunk, integer or float; a heap object that owns its bytes. */
struct chunk_histogram;
struct chunk_histogram *chunk_histogram_new(enum chunk_encoding encoding);
void chunk_histogram_free(struct chunk_histogram **c);
/* Appends h (of the chunk's kind, valid; t > the newest).  When its buckets are a
 * superset the chunk is recoded in place; when they are a subset h is widened.
 * False: it does not belong here (counter reset, schema, zero threshold, bounds, gauge
 * against counter, stale against not): nothing changed, the caller seals this chunk and
 * puts h into a new one.  The first append of a new chunk takes the sealed one as prev
 * (else NULL) and derives the reset header from it, as Prometheus does.  st is the start
 * time or 0; encodings without start times forget it. */
bool chunk_histogram_append_st(struct chunk_histogram *c, const struct chunk_histogram *prev,
                               int64_t st, int64_t t, const struct histogram *h) MUST_USE;
static inline MUST_USE bool
chunk_histogram_append(struct chunk_histogram *c, const struct chunk_histogram *prev, int64_t t,
                       const struct histogram *h)
{
    return chunk_histogram_append_st(c, prev, 0, t, h);
}
unsigned chunk_histogram_samples(const struct chunk_histogram *c);
enum chunk_encoding chunk_histogram_encoding(const struct chunk_histogram *c);
str chunk_histogram_data(const struct chunk_histogram *c); /* borrowed until the next append */
struct chunk_histogram *chunk_histogram_resume(enum chunk_encoding encoding, str data,
                                               struct err *e);

/* Any encoding.  Samples claimed by the header; 0 if data is too short for one. */
unsigned chunk_samples(enum chunk_encoding encoding, str data);
/* Bytes per chunk are bounded for readers; a longer claim is corruption. */
#define CHUNK_BYTES_MAX (64u << 20)
/* Appends the samples with mint <= t <= maxt to out, whose arrays live in a.  Reads no
 * byte outside data.  A sample not later than its predecessor is left out, so out
 * ascends if it ended before this chunk (else use storage/merge.h).  ERR_CORRUPT: the
 * bytes end early or make no sense; out->n is as before. */
bool chunk_decode(enum chunk_encoding encoding, str data, int64_t mint, int64_t maxt,
                  struct arena *a, struct column *out, struct err *e) MUST_USE;
bool chunk_encoding_known(unsigned encoding);
/* Room for `more` samples in t and v (and h, st where present). */
void column_reserve(struct column *c, struct arena *a, size_t more);
