#include "storage/head.h"

#include "base/mem.h"
#include "base/panic.h"

/* Prometheus' bounds of a chunk (tsdb/chunkenc, head_append.go). */
#define XOR_BYTES_MAX (1024u - 19u)
#define HISTOGRAM_TARGET_BYTES 1024u
#define HISTOGRAM_MIN_SAMPLES 10u

bool
head_init(struct head *h, const struct head_opts *o, struct err *e)
{
    *h = (struct head){
        .block_ms = o->block_ms, .ooo_ms = o->ooo_ms, .bounded = o->bounded,
        .xor2 = o->xor2, .start_times = o->start_times,
        .mint = INT64_MAX, .maxt = INT64_MIN, .min_valid = INT64_MIN, .ooo_mint = INT64_MAX};
    mutex_init(&h->turn, LOCK_HEAD_TURN);
    rwlock_init(&h->gate, LOCK_HEAD_GATE);
    rwlock_init(&h->index, LOCK_HEAD_INDEX);
    pins_init(&h->pins);
    series_table_init(&h->series);
    h->tombstones = tombstones_new();
    if (head_file_open(&h->file, o->chunk_dir, o->read_only, &h->gate, e))
        return true;
    head_fini(h);
    return false;
}

void
head_fini(struct head *h)
{
    for (uint32_t slot = 0; slot < h->series.slots_n; slot++)
        if (series_hot(&h->series, slot)->id)
            head_drop_samples(h, slot);
    head_file_close(&h->file);
    tombstones_free(&h->tombstones);
    series_table_fini(&h->series);
    pins_fini(&h->pins);
    rwlock_fini(&h->index);
    rwlock_fini(&h->gate);
    mutex_fini(&h->turn);
}

int64_t
head_range_end(int64_t t, int64_t width)
{
    int64_t rest = t % width;
    return t - (rest < 0 ? rest + width : rest) + width;
}

struct series_extra *
head_extra(struct head *h, uint32_t slot)
{
    struct series *s = series_hot(&h->series, slot);
    if (s->extra == NULL)
        s->extra = MEM_NEW(struct series_extra);
    return s->extra;
}

void
head_drop_samples(struct head *h, uint32_t slot)
{
    struct series *s = series_hot(&h->series, slot);
    mem_free(s->x.p);
    s->x.p = NULL;
    if (s->flags & SERIES_STALE)
        h->stale_series--;
    s->encoding = 0;
    s->flags &= SERIES_LOGGED;
    if (s->extra == NULL)
        return;
    ooo_free(&s->extra->ooo);
    chunk_histogram_free(&s->extra->hist);
    if (s->extra->xor2)
        mem_free(s->extra->xor2->x.p);
    mem_free(s->extra->xor2);
    mem_free(s->extra);
    s->extra = NULL;
}

int64_t
head_oldest_allowed(const struct head *h)
{
    if (!h->bounded || h->maxt == INT64_MIN)
        return INT64_MIN;
    return MAX(h->maxt - h->block_ms / 2, h->min_valid);
}

void
head_begin(struct head *h, int64_t t)
{
    h->batch_maxt = h->maxt == INT64_MIN ? t : h->maxt;
    h->batch_oldest = h->bounded ? MAX(h->batch_maxt - h->block_ms / 2, h->min_valid) : INT64_MIN;
}

enum head_verdict
head_judge(const struct head *h, bool has_sample, int64_t newest, int64_t t)
{
    if (LIKELY(t >= h->batch_oldest)) {
        if (LIKELY(!has_sample || t > newest))
            return HEAD_STORED;
        if (t == newest)
            return HEAD_SAME; /* the caller compares the value */
    }
    if (h->ooo_ms > 0)
        return t >= h->batch_maxt - h->ooo_ms ? HEAD_LATE : HEAD_TOO_OLD;
    return t < h->batch_oldest ? HEAD_OUT_OF_BOUNDS : HEAD_OUT_OF_ORDER;
}

/* The open float chunk of either encoding. */
static const struct chunk_xor *
head_open_xor(const struct series *s)
{
    return s->encoding == CHUNK_XOR2 ? &s->extra->xor2->x : &s->x;
}

/* Puts the open chunk into the file; the record has none after that. */
static void
head_seal_into(struct head *h, uint32_t slot, size_t size, str data)
{
    struct series *s = series_hot(&h->series, slot);
    struct series_cold *c = series_cold(&h->series, slot);
    struct head_chunk chunk = {.encoding = (enum chunk_encoding)s->encoding,
                               .series = s->id,
                               .mint = c->open_mint,
                               .maxt = s->x.t,
                               .prev = c->sealed,
                               .data = STR(data.p, size)};
    uint8_t *to = head_file_reserve(h->file, &chunk, &c->sealed);
    if (data.p)
        memcpy(to, data.p, size);
    else if (s->encoding == CHUNK_XOR2)
        chunk_xor2_copy(s->extra->xor2, to);
    else
        chunk_xor_copy(&s->x, to);
    head_file_seal(h->file, c->sealed);
    c->sealed_n++;
}

void
head_seal(struct head *h, uint32_t slot)
{
    struct series *s = series_hot(&h->series, slot);
    switch (s->encoding) {
    case 0:
        return;
    case CHUNK_XOR:
    case CHUNK_XOR2:
        head_seal_into(h, slot, chunk_xor_size(head_open_xor(s)), STR_EMPTY);
        break;
    default: {
        str data = chunk_histogram_data(s->extra->hist);
        head_seal_into(h, slot, data.n, data);
    }
    }
    /* The next chunk starts small again: half of all open chunks are less than half full,
     * so growing anew costs less memory than keeping the size of the last. */
    int64_t t = s->x.t;
    uint64_t value = s->x.value;
    mem_free(s->x.p);
    chunk_xor_init(&s->x, NULL, 0);
    s->x.t = t;
    s->x.value = value;
    if (s->extra && s->extra->xor2) {
        mem_free(s->extra->xor2->x.p);
        chunk_xor2_init(s->extra->xor2, NULL, 0);
    }
    if (s->extra)
        chunk_histogram_free(&s->extra->hist);
    s->encoding = 0;
}

/* An empty open chunk for a sample at t; the one before is sealed. */
static void
head_cut(struct head *h, uint32_t slot, enum chunk_encoding encoding, int64_t t)
{
    head_seal(h, slot);
    struct series *s = series_hot(&h->series, slot);
    struct series_cold *c = series_cold(&h->series, slot);
    s->encoding = (uint8_t)encoding;
    s->next_at = head_range_end(t, h->block_ms);
    c->open_mint = t;
    c->mint = MIN(c->mint, t);
    h->chunks++;
    h->chunks_created++;
    if (encoding == CHUNK_XOR) {
        chunk_xor_init(&s->x, NULL, 0);
    } else if (encoding == CHUNK_XOR2) {
        struct series_extra *x = head_extra(h, slot);
        if (x->xor2 == NULL)
            x->xor2 = MEM_NEW(struct chunk_xor2);
        chunk_xor2_init(x->xor2, NULL, 0);
    } else {
        head_extra(h, slot)->hist = chunk_histogram_new(encoding);
        s->extra->end_computed = false;
    }
}

/* Where a chunk that began at start and reached cur with 1/ratio of its content should
 * end, so that the chunks up to max are alike. */
static int64_t
head_chunk_end(int64_t start, int64_t cur, int64_t max, double ratio)
{
    double n = (double)(max - start) / ((double)(cur - start + 1) * ratio);
    if (n <= 1)
        return max;
    return (int64_t)((double)start + (double)(max - start) / (double)(int64_t)n);
}

/* Bookkeeping that all in-order samples share. */
static void
head_stored(struct head *h, struct series *s, int64_t t, bool stale)
{
    s->flags |= SERIES_HAS_SAMPLE;
    if (UNLIKELY(stale != !!(s->flags & SERIES_STALE))) {
        s->flags ^= SERIES_STALE;
        h->stale_series += stale ? 1 : (uint64_t)-1;
    }
    h->samples++;
    if (UNLIKELY(t > h->maxt))
        h->maxt = t;
    if (UNLIKELY(t < h->mint))
        h->mint = t;
}

static void
head_put_float(struct head *h, uint32_t slot, int64_t st, int64_t t, double v)
{
    struct series *s = series_hot(&h->series, slot);
    enum chunk_encoding encoding = h->xor2 || h->start_times ? CHUNK_XOR2 : CHUNK_XOR;
    if (UNLIKELY(s->encoding != encoding)) {
        head_cut(h, slot, encoding, t);
    } else {
        const struct chunk_xor *x = head_open_xor(s);
        if (UNLIKELY(x->samples == CHUNK_TARGET_SAMPLES / 4))
            s->next_at = head_chunk_end(series_cold(&h->series, slot)->open_mint, s->x.t,
                                        s->next_at, 4);
        if (UNLIKELY(t >= s->next_at || x->samples >= CHUNK_TARGET_SAMPLES * 2 ||
                     x->bits / 8u > XOR_BYTES_MAX))
            head_cut(h, slot, encoding, t);
    }
    if (LIKELY(encoding == CHUNK_XOR)) {
        chunk_xor_put(&s->x, t, v);
    } else {
        chunk_xor2_put(s->extra->xor2, h->start_times ? st : 0, t, v);
        s->x.t = t;
        s->x.value = f64_bits(v);
    }
    head_stored(h, s, t, value_is_stale(v));
}

/* Whether the open histogram chunk has had its share. */
static bool
head_histogram_full(struct head *h, uint32_t slot, int64_t t)
{
    struct series *s = series_hot(&h->series, slot);
    struct series_extra *x = s->extra;
    int64_t open_mint = series_cold(&h->series, slot)->open_mint;
    size_t bytes = chunk_histogram_data(x->hist).n;
    int64_t range_end = x->end_computed ? head_range_end(open_mint, h->block_ms) : s->next_at;
    if (!x->end_computed && bytes >= HISTOGRAM_TARGET_BYTES / 4) {
        double ratio = (double)HISTOGRAM_TARGET_BYTES / (double)bytes;
        s->next_at = head_chunk_end(open_mint, s->x.t, s->next_at, ratio);
        x->end_computed = true;
    }
    return (t >= s->next_at || bytes >= HISTOGRAM_TARGET_BYTES * 2) &&
           (chunk_histogram_samples(x->hist) >= HISTOGRAM_MIN_SAMPLES || t >= range_end);
}

static void
head_put_histogram(struct head *h, uint32_t slot, int64_t st, int64_t t, const struct histogram *hist)
{
    struct series *s = series_hot(&h->series, slot);
    enum chunk_encoding encoding = chunk_histogram_kind(hist->integer, h->start_times);
    bool cut = s->encoding != encoding || head_histogram_full(h, slot, t);
    if (cut || !chunk_histogram_append_st(s->extra->hist, NULL, st, t, hist)) {
        struct chunk_histogram *prev = NULL;
        /* As in Prometheus, a chunk begun by a counter reset has its end computed only if
         * the one before had not; where chunks end shows in the empty buckets of samples. */
        bool computed = !cut && s->extra->end_computed;
        if (s->encoding == encoding) {
            /* Sealing frees the chunk, but the new one derives its reset header from it. */
            str data = chunk_histogram_data(s->extra->hist);
            head_seal_into(h, slot, data.n, data);
            prev = s->extra->hist;
            s->extra->hist = NULL;
            s->encoding = 0;
        }
        head_cut(h, slot, encoding, t);
        s->extra->end_computed = computed;
        bool fits = chunk_histogram_append_st(s->extra->hist, prev, st, t, hist);
        CHECK(fits);
        chunk_histogram_free(&prev);
    }
    s->x.t = t;
    s->x.value = f64_bits(hist->sum);
    h->histogram_samples++;
    head_stored(h, s, t, histogram_is_stale(hist));
}

static enum head_verdict
head_put_late(struct head *h, uint32_t slot, struct ooo_sample sample)
{
    struct series_extra *x = head_extra(h, slot);
    if (x->ooo == NULL)
        x->ooo = ooo_new();
    if (x->ooo->n == OOO_BUFFER) {
        unsigned chunks = ooo_seal(x->ooo, h->file, series_hot(&h->series, slot)->id);
        h->chunks += chunks;
        h->chunks_created += chunks;
    }
    if (!h->start_times)
        sample.st = 0;
    if (!ooo_insert(x->ooo, sample))
        return HEAD_SAME;
    h->ooo_mint = MIN(h->ooo_mint, sample.t);
    h->mint = MIN(h->mint, sample.t);
    h->samples++;
    h->late_samples++;
    return HEAD_LATE;
}

static bool
head_holds_histograms(const struct series *s)
{
    return s->encoding != 0 && chunk_is_histogram((enum chunk_encoding)s->encoding);
}

/* A stale marker takes the type of what it ends, as in Prometheus. */
static struct histogram
head_stale_histogram(const struct series *s)
{
    bool integer = s->encoding == CHUNK_HISTOGRAM || s->encoding == CHUNK_HISTOGRAM_ST;
    return (struct histogram){.integer = integer, .sum = value_stale()};
}

/* The newest in-order sample, when it is a histogram. */
static struct histogram *
head_newest_histogram(struct head *h, uint32_t slot, struct arena *a)
{
    struct series *s = series_hot(&h->series, slot);
    struct column c = {0};
    struct err e;
    bool ok = chunk_decode((enum chunk_encoding)s->encoding, chunk_histogram_data(s->extra->hist),
                           s->x.t, s->x.t, a, &c, &e);
    CHECK(ok && c.n == 1);
    return c.h[0];
}

bool
head_newest_is(struct head *h, uint32_t slot, double v, const struct histogram *hist)
{
    struct series *s = series_hot(&h->series, slot);
    bool is_float = !head_holds_histograms(s);
    if (hist == NULL)
        return is_float && s->x.value == f64_bits(v);
    if (is_float)
        return false;
    struct arena *a = arena_new();
    struct histogram *newest = head_newest_histogram(h, slot, a);
    bool same = newest->integer == hist->integer && histogram_equal(newest, hist);
    arena_free(&a);
    return same;
}

enum head_verdict
head_append_float(struct head *h, uint32_t slot, int64_t st, int64_t t, double v)
{
    struct series *s = series_hot(&h->series, slot);
    if (UNLIKELY(value_is_stale(v)) && head_holds_histograms(s)) {
        struct histogram stale = head_stale_histogram(s);
        return head_append_histogram(h, slot, st, t, &stale);
    }
    enum head_verdict verdict = head_judge(h, s->flags & SERIES_HAS_SAMPLE, s->x.t, t);
    if (LIKELY(verdict == HEAD_STORED))
        head_put_float(h, slot, st, t, v);
    else if (verdict == HEAD_LATE)
        verdict = head_put_late(h, slot, (struct ooo_sample){.t = t, .st = st, .v = v});
    else if (verdict == HEAD_SAME && !head_newest_is(h, slot, v, NULL))
        verdict = HEAD_DUPLICATE;
    return verdict;
}

enum head_verdict
head_append_histogram(struct head *h, uint32_t slot, int64_t st, int64_t t,
                      const struct histogram *hist)
{
    struct series *s = series_hot(&h->series, slot);
    enum head_verdict verdict = head_judge(h, s->flags & SERIES_HAS_SAMPLE, s->x.t, t);
    if (verdict == HEAD_STORED)
        head_put_histogram(h, slot, st, t, hist);
    else if (verdict == HEAD_LATE)
        verdict = head_put_late(
            h, slot, (struct ooo_sample){.t = t, .st = st, .h = (struct histogram *)hist});
    else if (verdict == HEAD_SAME && !head_newest_is(h, slot, 0, hist))
        verdict = HEAD_DUPLICATE;
    return verdict;
}

void
head_replay_float(struct head *h, uint32_t slot, bool late, int64_t st, int64_t t, double v)
{
    struct series *s = series_hot(&h->series, slot);
    if (UNLIKELY(value_is_stale(v)) && head_holds_histograms(s)) {
        struct histogram stale = head_stale_histogram(s);
        head_replay_histogram(h, slot, late, st, t, &stale);
    } else if (late)
        head_put_late(h, slot, (struct ooo_sample){.t = t, .st = st, .v = v});
    else if (!(s->flags & SERIES_HAS_SAMPLE) || t > s->x.t)
        head_put_float(h, slot, st, t, v);
}

void
head_replay_histogram(struct head *h, uint32_t slot, bool late, int64_t st, int64_t t,
                      const struct histogram *hist)
{
    struct series *s = series_hot(&h->series, slot);
    if (late)
        head_put_late(h, slot,
                      (struct ooo_sample){.t = t, .st = st, .h = (struct histogram *)hist});
    else if (!(s->flags & SERIES_HAS_SAMPLE) || t > s->x.t)
        head_put_histogram(h, slot, st, t, hist);
}
