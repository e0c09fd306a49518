#include "storage/chunk.h"

#include "base/panic.h"
#include "storage/chunk_priv.h"

bool
chunk_encoding_known(unsigned encoding)
{
    return encoding >= CHUNK_XOR && encoding <= CHUNK_FLOAT_HISTOGRAM_ST;
}

unsigned
chunk_samples(enum chunk_encoding encoding, str data)
{
    unsigned n = data.n < CHUNK_HEADER_BYTES ? 0 : chunk_count(data);
    return chunk_has_starts(encoding) ? n & HIST_ST_SAMPLES_MAX : n;
}

static void *
grown(struct arena *a, const void *old, size_t n, size_t cap, size_t size)
{
    void *p = arena_array(a, cap, size);
    if (n)
        memcpy(p, old, n * size);
    return p;
}

void
column_reserve(struct column *c, struct arena *a, size_t more)
{
    size_t cap = MAX(c->cap, c->n);
    if (cap - c->n >= more)
        return;
    size_t want = MAX(c->n + more, MIN(cap * 2, cap + (1u << 20)));
    c->t = grown(a, c->t, c->n, want, sizeof *c->t);
    c->v = grown(a, c->v, c->n, want, sizeof *c->v);
    if (c->h != NULL)
        c->h = grown(a, c->h, c->n, want, sizeof *c->h);
    if (c->st != NULL)
        c->st = grown(a, c->st, c->n, want, sizeof *c->st);
    c->cap = want;
}

void
chunk_want_histograms(struct column *c, struct arena *a)
{
    if (c->h != NULL)
        return;
    c->h = arena_array(a, MAX(c->cap, c->n), sizeof *c->h);
    memset(c->h, 0, c->n * sizeof *c->h);
}

void
chunk_want_start_times(struct column *c, struct arena *a)
{
    if (c->st != NULL)
        return;
    c->st = arena_array(a, MAX(c->cap, c->n), sizeof *c->st);
    memset(c->st, 0, c->n * sizeof *c->st);
}

void
chunk_sink_end(const struct chunk_sink *k, const struct chunk_range *r)
{
    struct column *c = r->out;
    size_t more = k->n - c->n;
    if (c->h != NULL)
        memset(c->h + c->n, 0, more * sizeof *c->h);
    if (c->st != NULL)
        memset(c->st + c->n, 0, more * sizeof *c->st);
    c->n = k->n;
}

static bool
decode(enum chunk_encoding encoding, str data, const struct chunk_range *r)
{
    switch (encoding) {
    case CHUNK_XOR:
        return chunk_xor_decode(data, r);
    case CHUNK_XOR2:
        return chunk_xor2_decode(data, r);
    case CHUNK_HISTOGRAM:
    case CHUNK_FLOAT_HISTOGRAM:
    case CHUNK_HISTOGRAM_ST:
    case CHUNK_FLOAT_HISTOGRAM_ST:
        return chunk_histogram_decode(encoding, data, r);
    }
    return false;
}

bool
chunk_decode(enum chunk_encoding encoding, str data, int64_t mint, int64_t maxt, struct arena *a,
             struct column *out, struct err *e)
{
    if (!chunk_encoding_known(encoding))
        return err_set(e, ERR_CORRUPT, "chunk of unknown encoding %u", (unsigned)encoding);
    if (data.n < CHUNK_HEADER_BYTES)
        return err_set(e, ERR_CORRUPT, "chunk of %zu bytes has no header", data.n);
    size_t before = out->n;
    struct chunk_range r = {.mint = mint, .maxt = maxt, .a = a, .out = out};
    if (decode(encoding, data, &r))
        return true;
    out->n = before;
    return err_set(e, ERR_CORRUPT, "chunk of %zu bytes does not hold its %u samples", data.n,
                   chunk_samples(encoding, data));
}
