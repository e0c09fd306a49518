#include "base/metric_priv.h"

#include <math.h>

#include "base/mem.h"

#define GROWTH 1.02
#define SMALLEST 1e-9

static int
index_of(double v)
{
    return (int)floor(log(v) / log(GROWTH));
}

/* Makes room for index i; spans of latencies are short, so the array stays small. */
static void
cover(struct sketch *s, int i)
{
    if (s->n == 0) {
        s->first = i;
        s->n = 1;
        s->count = MEM_ARRAY(uint32_t, 1);
        return;
    }
    int last = s->first + (int)s->n - 1;
    if (i >= s->first && i <= last)
        return;
    int lo = MIN(i < s->first ? i - 8 : i, s->first);
    int hi = MAX(i > last ? i + 8 : i, last);
    uint32_t *grown = MEM_ARRAY(uint32_t, (size_t)(hi - lo + 1));
    memcpy(grown + (s->first - lo), s->count, s->n * sizeof(uint32_t));
    mem_free(s->count);
    s->count = grown;
    s->first = lo;
    s->n = (size_t)(hi - lo + 1);
}

void
sketch_add(struct metric_child *c, double v, int64_t now_ms)
{
    int64_t epoch = now_ms / SKETCH_SPAN_MS;
    struct sketch *s = &c->span[epoch % SKETCH_SPANS];
    if (s->epoch != epoch) {
        s->epoch = epoch;
        s->zeros = 0;
        if (s->n > 0)
            memset(s->count, 0, s->n * sizeof(uint32_t));
    }
    if (!(v > SMALLEST)) {
        s->zeros++;
        return;
    }
    int i = index_of(MIN(v, 1e18));
    cover(s, i);
    s->count[i - s->first]++;
}

static bool
live(const struct sketch *s, int64_t epoch)
{
    return s->epoch > epoch - SKETCH_SPANS && s->epoch <= epoch;
}

double
sketch_quantile(const struct metric_child *c, double q, int64_t now_ms)
{
    int64_t epoch = now_ms / SKETCH_SPAN_MS;
    uint64_t total = 0, seen = 0;
    int lo = 1 << 20, hi = -(1 << 20);
    for (int k = 0; k < SKETCH_SPANS; k++) {
        const struct sketch *s = &c->span[k];
        if (!live(s, epoch))
            continue;
        total += s->zeros;
        seen += s->zeros;
        for (size_t i = 0; i < s->n; i++)
            total += s->count[i];
        if (s->n > 0) {
            lo = MIN(lo, s->first);
            hi = MAX(hi, s->first + (int)s->n - 1);
        }
    }
    if (total == 0)
        return NAN;
    double rank = q * (double)total;
    for (int i = lo; i <= hi && (double)seen < rank; i++) {
        for (int k = 0; k < SKETCH_SPANS; k++) {
            const struct sketch *s = &c->span[k];
            if (live(s, epoch) && i >= s->first && i - s->first < (int)s->n)
                seen += s->count[i - s->first];
        }
        if ((double)seen >= rank)
            return pow(GROWTH, i + 0.5);
    }
    return 0;
}

void
sketch_free(struct metric_child *c)
{
    for (int k = 0; k < SKETCH_SPANS; k++)
        mem_free(c->span[k].count);
}
