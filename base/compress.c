#include "base/compress.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/panic.h"

#include <libdeflate.h>
#include <limits.h>
#include <lz4.h>
#include <pthread.h>
#include <snappy-c.h>
#include <zstd.h>

#define DEFLATE_LEVEL_DEFAULT 6
#define DEFLATE_LEVEL_MAX 12
#define DEFLATE_RATIO_MAX 1032 /* no deflate stream expands further */
#define LZ4_RATIO_MAX 255      /* no LZ4 block expands further */
#define BOMB_FLOOR_BYTES (1u << 20)
#define DCTX_KEEP_BYTES (16u << 20) /* a larger window is given back after use */

/* Contexts are costly to make, so each thread keeps its own. */
struct contexts {
    struct libdeflate_decompressor *inflate;
    struct libdeflate_compressor *deflate[DEFLATE_LEVEL_MAX + 1];
    ZSTD_DCtx *zstd_in;
    ZSTD_CCtx *zstd_out;
};
static __thread struct contexts *mine;
static pthread_key_t contexts_key;
static pthread_once_t contexts_once = PTHREAD_ONCE_INIT;

static void
contexts_free(void *arg)
{
    struct contexts *c = arg;
    libdeflate_free_decompressor(c->inflate);
    for (size_t i = 0; i < ARRAY_LEN(c->deflate); i++)
        libdeflate_free_compressor(c->deflate[i]);
    ZSTD_freeDCtx(c->zstd_in);
    ZSTD_freeCCtx(c->zstd_out);
    mem_free(c);
}

static void
contexts_key_make(void)
{
    CHECK(pthread_key_create(&contexts_key, contexts_free) == 0);
}

static struct contexts *
contexts(void)
{
    if (UNLIKELY(mine == NULL)) {
        pthread_once(&contexts_once, contexts_key_make);
        mine = MEM_NEW(struct contexts);
        CHECK(pthread_setspecific(contexts_key, mine) == 0);
    }
    return mine;
}

/* What a decoder may write: the caller's bound, or less if that ratio means a bomb. */
static size_t
output_bound(str in, size_t max)
{
    size_t bomb;
    if (__builtin_mul_overflow(in.n, (size_t)COMPRESS_RATIO_MAX, &bomb))
        bomb = SIZE_MAX;
    return MIN(max, MAX(bomb, (size_t)BOMB_FLOOR_BYTES));
}

static bool
too_large(struct err *e, size_t bound)
{
    return err_set(e, ERR_LIMIT, "decompressed size exceeds limit of %zu bytes", bound);
}

typedef enum libdeflate_result inflate_fn(struct libdeflate_decompressor *, const void *, size_t,
                                          void *, size_t, size_t *, size_t *);

/* One stream or member of unknown size.  libdeflate wants all output at once, so a guess
 * that proves too small is doubled and the work done again: at most twice the work. */
static bool
inflate_one(inflate_fn *fn, str *in, size_t guess, size_t bound, struct buf *out, struct err *e)
{
    struct contexts *c = contexts();
    if (c->inflate == NULL)
        c->inflate = libdeflate_alloc_decompressor();
    CHECK(c->inflate != NULL);
    for (size_t room = MIN(MAX(guess, (size_t)1024), bound);; room = MIN(room * 2, bound)) {
        buf_reserve(out, room);
        size_t used = 0, got = 0;
        enum libdeflate_result r =
            fn(c->inflate, in->p, in->n, out->p + out->n, room, &used, &got);
        if (r == LIBDEFLATE_SUCCESS) {
            out->n += got;
            *in = str_from(*in, used);
            return true;
        }
        if (r != LIBDEFLATE_INSUFFICIENT_SPACE)
            return err_set(e, ERR_CORRUPT, "invalid compressed data");
        if (room >= bound)
            return too_large(e, bound);
    }
}

/* The last four bytes of a gzip file are the size of its last member: a good guess, but
 * an outsider's, so it is held against what deflate can do at best. */
static size_t
gzip_size_hint(str in)
{
    if (in.n < 18)
        return 0;
    uint32_t hint;
    memcpy(&hint, in.p + in.n - 4, 4);
    return MIN((size_t)hint, in.n * DEFLATE_RATIO_MAX);
}

bool
gzip_inflate(str in, size_t max, struct buf *out, struct err *e)
{
    size_t start = out->n, bound = output_bound(in, max);
    size_t guess = gzip_size_hint(in);
    if (in.n == 0)
        return err_set(e, ERR_CORRUPT, "gzip: unexpected end of input");
    /* A file may be several members, one after another. */
    while (in.n > 0) {
        size_t left = bound - (out->n - start);
        if (!inflate_one(libdeflate_gzip_decompress_ex, &in, guess, left, out, e)) {
            out->n = start;
            return e->kind == ERR_LIMIT ? too_large(e, bound) : err_prefix(e, "gzip: ");
        }
    }
    return true;
}

bool
zlib_inflate(str in, size_t max, struct buf *out, struct err *e)
{
    size_t start = out->n, bound = output_bound(in, max);
    if (!inflate_one(libdeflate_zlib_decompress_ex, &in, in.n * 4, bound, out, e))
        return e->kind == ERR_LIMIT ? false : err_prefix(e, "zlib: ");
    if (in.n > 0) {
        out->n = start;
        return err_set(e, ERR_CORRUPT, "zlib: data after the end of the stream");
    }
    return true;
}

static struct libdeflate_compressor *
compressor(int level)
{
    struct contexts *c = contexts();
    int at = level < 0 ? DEFLATE_LEVEL_DEFAULT : MIN(level, DEFLATE_LEVEL_MAX);
    if (c->deflate[at] == NULL)
        c->deflate[at] = libdeflate_alloc_compressor(at);
    CHECK(c->deflate[at] != NULL);
    return c->deflate[at];
}

void
gzip_deflate(str in, int level, struct buf *out)
{
    struct libdeflate_compressor *z = compressor(level);
    size_t bound = libdeflate_gzip_compress_bound(z, in.n);
    buf_reserve(out, bound);
    size_t n = libdeflate_gzip_compress(z, in.p, in.n, out->p + out->n, bound);
    CHECK(n > 0);
    out->n += n;
}

void
zlib_deflate(str in, int level, struct buf *out)
{
    struct libdeflate_compressor *z = compressor(level);
    size_t bound = libdeflate_zlib_compress_bound(z, in.n);
    buf_reserve(out, bound);
    size_t n = libdeflate_zlib_compress(z, in.p, in.n, out->p + out->n, bound);
    CHECK(n > 0);
    out->n += n;
}

bool
snappy_decode(str in, size_t max, struct buf *out, struct err *e)
{
    size_t n = 0;
    if (snappy_uncompressed_length(in.p, in.n, &n) != SNAPPY_OK)
        return err_set(e, ERR_CORRUPT, "snappy: corrupt input");
    /* The size is the sender's word; nothing is allocated on a word alone. */
    if (n > output_bound(in, max))
        return err_set(e, ERR_LIMIT, "snappy: decoded block is too large");
    buf_reserve(out, n + 1);
    size_t got = n;
    if (snappy_uncompress(in.p, in.n, out->p + out->n, &got) != SNAPPY_OK || got != n)
        return err_set(e, ERR_CORRUPT, "snappy: corrupt input");
    out->n += n;
    return true;
}

void
snappy_encode(str in, struct buf *out)
{
    size_t n = snappy_max_compressed_length(in.n);
    buf_reserve(out, n);
    CHECK(snappy_compress(in.p, in.n, out->p + out->n, &n) == SNAPPY_OK);
    out->n += n;
}

static ZSTD_DCtx *
zstd_reader(size_t bound)
{
    struct contexts *c = contexts();
    if (c->zstd_in == NULL)
        c->zstd_in = ZSTD_createDCtx();
    CHECK(c->zstd_in != NULL);
    ZSTD_DCtx_reset(c->zstd_in, ZSTD_reset_session_and_parameters);
    /* A window beyond the output's bound serves nobody but a bomb. */
    int log = 10;
    while (log < 27 && ((size_t)1 << log) < bound)
        log++;
    ZSTD_DCtx_setParameter(c->zstd_in, ZSTD_d_windowLogMax, log);
    return c->zstd_in;
}

static bool
zstd_run(ZSTD_DCtx *z, str in, size_t bound, struct buf *out, struct err *e)
{
    ZSTD_inBuffer from = {.src = in.p, .size = in.n};
    size_t start = out->n, left = 1;
    while (from.pos < from.size || left != 0) {
        size_t have = out->n - start;
        buf_reserve(out, MIN(MAX(have, ZSTD_DStreamOutSize()), bound - have) + 1);
        /* One byte over the bound tells "just full" from "too large". */
        ZSTD_outBuffer to = {.dst = out->p + out->n,
                             .size = MIN(out->cap - out->n, bound - have + 1)};
        size_t before = from.pos;
        left = ZSTD_decompressStream(z, &to, &from);
        if (ZSTD_isError(left))
            return err_set(e, ERR_CORRUPT, "zstd: %s", ZSTD_getErrorName(left));
        out->n += to.pos;
        if (out->n - start > bound)
            return too_large(e, bound);
        if (left != 0 && from.pos == from.size && from.pos == before && to.pos == 0)
            return err_set(e, ERR_CORRUPT, "zstd: unexpected end of input");
    }
    return true;
}

bool
zstd_decode(str in, size_t max, struct buf *out, struct err *e)
{
    size_t start = out->n, bound = output_bound(in, max);
    ZSTD_DCtx *z = zstd_reader(bound);
    bool ok = zstd_run(z, in, bound, out, e);
    if (!ok)
        out->n = start;
    if (ZSTD_sizeof_DCtx(z) > DCTX_KEEP_BYTES) {
        ZSTD_freeDCtx(z);
        contexts()->zstd_in = NULL;
    }
    return ok;
}

void
zstd_encode(str in, int level, struct buf *out)
{
    struct contexts *c = contexts();
    if (c->zstd_out == NULL)
        c->zstd_out = ZSTD_createCCtx();
    CHECK(c->zstd_out != NULL);
    size_t bound = ZSTD_compressBound(in.n);
    buf_reserve(out, bound);
    size_t n = ZSTD_compressCCtx(c->zstd_out, out->p + out->n, bound, in.p, in.n, level);
    CHECK(!ZSTD_isError(n));
    out->n += n;
}

void
lz4_encode(str in, struct buf *out)
{
    CHECK(in.n <= LZ4_MAX_INPUT_SIZE);
    int bound = LZ4_compressBound((int)in.n);
    buf_reserve(out, (size_t)bound);
    int n = LZ4_compress_default(in.p ? in.p : "", out->p + out->n, (int)in.n, bound);
    CHECK(n > 0);
    out->n += (size_t)n;
}

bool
lz4_decode(str in, size_t plain_size, struct buf *out, struct err *e)
{
    if (in.n == 0 || in.n > INT_MAX || plain_size > INT_MAX ||
        plain_size / LZ4_RATIO_MAX > in.n)
        return err_set(e, ERR_CORRUPT, "lz4: corrupt input");
    buf_reserve(out, plain_size + 1);
    int n = LZ4_decompress_safe(in.p, out->p + out->n, (int)in.n, (int)plain_size);
    if (n < 0 || (size_t)n != plain_size)
        return err_set(e, ERR_CORRUPT, "lz4: corrupt input");
    out->n += plain_size;
    return true;
}
