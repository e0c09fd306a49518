#include "storage/compact_plan.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/panic.h"

#define COMPACT_FACTOR 3
#define TOMBSTONE_SHARE 0.05

size_t
compact_ranges(int64_t min_ms, int64_t max_ms, int64_t out[COMPACT_RANGES_MAX])
{
    CHECK(min_ms > 0);
    size_t n = 0;
    int64_t r = min_ms;
    do {
        out[n++] = r;
        r *= COMPACT_FACTOR;
    } while (n < COMPACT_RANGES_MAX && r <= max_ms);
    return n;
}

/* A block of a plan: its place in the caller's list and its meta. */
struct item {
    size_t at;
    const struct block_meta *m;
};

static int
compare_items(const void *x, const void *y)
{
    const struct item *a = x, *b = y;
    if (a->m->mint != b->m->mint)
        return a->m->mint < b->m->mint ? -1 : 1;
    return (a->at > b->at) - (a->at < b->at);
}

static size_t
pick(const struct item *v, size_t n, size_t *picked)
{
    for (size_t i = 0; i < n; i++)
        picked[i] = v[i].at;
    return n;
}

/* The first group of blocks that overlap in time. */
static size_t
pick_overlapping(const struct item *v, size_t n, size_t *picked)
{
    if (n < 2)
        return 0;
    size_t first = 0, count = 0;
    int64_t end = v[0].m->maxt;
    for (size_t i = 1; i < n; i++) {
        if (v[i].m->mint < end) {
            if (count == 0) {
                first = i - 1;
                count = 1;
            }
            count++;
        } else if (count > 0) {
            break;
        }
        end = MAX(end, v[i].m->maxt);
    }
    return pick(v + first, count, picked);
}

static int64_t
align_down(int64_t t, int64_t range)
{
    int64_t q = t / range;
    return range * (t % range < 0 ? q - 1 : q);
}

static bool
worth_merging(const struct item *v, size_t n, int64_t range, int64_t newest)
{
    if (n < 2)
        return false;
    for (size_t i = 0; i < n; i++)
        if (v[i].m->failed)
            return false;
    int64_t mint = v[0].m->mint, maxt = v[n - 1].m->maxt;
    return maxt - mint == range || maxt <= newest;
}

/* The first group within an aligned window of the range that is worth it. */
static size_t
pick_in_range(const struct item *v, size_t n, int64_t range, size_t *picked)
{
    int64_t newest = v[n - 1].m->mint;
    for (size_t i = 0; i < n;) {
        int64_t end = align_down(v[i].m->mint, range) + range;
        size_t from = i;
        if (v[i].m->maxt > end) {
            i++; /* not aligned, or of this range or larger already */
            continue;
        }
        while (i < n && v[i].m->maxt <= end)
            i++;
        if (worth_merging(v + from, i - from, range, newest))
            return pick(v + from, i - from, picked);
    }
    return 0;
}

static size_t
pick_tombstoned(const struct item *v, size_t n, int64_t middle, size_t *picked)
{
    for (size_t i = n; i-- > 0;) {
        const struct block_meta *m = v[i].m;
        if (m->maxt - m->mint < middle) {
            bool all = m->tombstones > 0 && m->tombstones >= m->series;
            return all ? pick(v + i, 1, picked) : 0;
        }
        if ((double)m->tombstones / (double)(m->series + 1) > TOMBSTONE_SHARE)
            return pick(v + i, 1, picked);
    }
    return 0;
}

static size_t
plan_class(const struct item *v, size_t n, const int64_t *ranges, size_t ranges_n, size_t *picked)
{
    size_t k = pick_overlapping(v, n, picked);
    if (k > 0 || n < 2)
        return k;
    n--; /* the newest stays: users may still add data beside it */
    for (size_t i = 1; i < ranges_n; i++) {
        k = pick_in_range(v, n, ranges[i], picked);
        if (k > 0)
            return k;
    }
    return pick_tombstoned(v, n, ranges[ranges_n / 2], picked);
}

enum class { WHOLE, STALE, SELECTED, CLASSES };

static enum class class_of(const struct block_meta *m) {
    return m->stale_series ? STALE
           : m->selected   ? SELECTED
                           : WHOLE;
}

size_t
compact_plan(const struct block_meta *const *metas, size_t n, const int64_t *ranges,
             size_t ranges_n, size_t *picked)
{
    CHECK(ranges_n > 0);
    struct item *v = MEM_ARRAY(struct item, MAX(n, 1));
    size_t k = 0;
    for (enum class c = WHOLE; c < CLASSES && k == 0; c++) {
        size_t members = 0;
        for (size_t i = 0; i < n; i++)
            if (class_of(metas[i]) == c)
                v[members++] = (struct item){i, metas[i]};
        qsort(v, members, sizeof *v, compare_items);
        if (members > 0)
            k = plan_class(v, members, ranges, ranges_n, picked);
    }
    mem_free(v);
    return k;
}

size_t
compact_superseded(const struct block_meta *const *metas, size_t n, size_t *out)
{
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        bool gone = metas[i]->deletable;
        for (size_t j = 0; j < n && !gone; j++)
            for (size_t p = 0; p < metas[j]->parents_n && !gone; p++)
                gone = memcmp(metas[j]->parents[p].ulid, metas[i]->ulid, ULID_TEXT) == 0;
        if (gone)
            out[k++] = i;
    }
    return k;
}
