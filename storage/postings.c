#include "storage/postings.h"

#include "base/mem.h"
#include "base/panic.h"

void
posting_list_add(struct posting_list *l, uint32_t id)
{
    if (l->n == 0 && l->cap == 0) {
        l->one = id;
        l->n = 1;
        return;
    }
    if (l->cap == 0) {
        uint32_t first = l->one;
        l->cap = 4;
        l->v = mem_alloc(l->cap * sizeof(uint32_t));
        l->v[0] = first;
    } else if (l->n == l->cap) {
        /* A quarter at a time: half of doubling's waste, still amortized. */
        l->cap += l->cap < 16 ? 4 : l->cap / 4;
        l->v = mem_realloc(l->v, l->cap * sizeof(uint32_t));
    }
    uint32_t at = l->n++;
    for (; at > 0 && UNLIKELY(l->v[at - 1] > id); at--)
        l->v[at] = l->v[at - 1];
    l->v[at] = id;
}

void
posting_list_free(struct posting_list *l)
{
    if (l->cap)
        mem_free(l->v);
    *l = (struct posting_list){0};
}

void
posting_list_prune(struct posting_list *l, bool (*dead)(const void *arg, uint32_t id),
                   const void *arg)
{
    uint32_t *v = l->cap ? l->v : &l->one;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < l->n; i++)
        if (!dead(arg, v[i]))
            v[kept++] = v[i];
    l->n = kept;
    if (l->cap == 0)
        return;
    if (kept <= 1) {
        uint32_t last = kept ? v[0] : 0;
        mem_free(l->v);
        l->cap = 0;
        l->one = last;
    } else if (kept < l->cap / 2) {
        l->cap = kept;
        l->v = mem_realloc(l->v, l->cap * sizeof(uint32_t));
    }
}

size_t
posting_list_bytes(const struct posting_list *l)
{
    return l->cap * sizeof(uint32_t);
}

struct ids
ids_copy(struct arena *a, struct ids of)
{
    struct ids s = {.v = ARENA_ARRAY(a, uint32_t, of.n), .n = of.n};
    if (of.n)
        memcpy(s.v, of.v, of.n * sizeof(uint32_t));
    return s;
}

/* First index >= from with v[index] >= id: doubling steps, then halving. */
static size_t
ids_seek(struct ids s, size_t from, uint32_t id)
{
    if (from >= s.n || s.v[from] >= id)
        return from;
    size_t step = 1, lo = from; /* s.v[lo] < id */
    while (lo + step < s.n && s.v[lo + step] < id) {
        lo += step;
        step *= 2;
    }
    size_t hi = MIN(lo + step, s.n);
    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;
        if (s.v[mid] < id)
            lo = mid;
        else
            hi = mid;
    }
    return hi;
}

void
ids_intersect(struct ids *with, struct ids other)
{
    size_t kept = 0, j = 0;
    for (size_t i = 0; i < with->n;) {
        j = ids_seek(other, j, with->v[i]);
        if (j == other.n)
            break;
        if (other.v[j] == with->v[i]) {
            with->v[kept++] = with->v[i++];
            j++;
        } else {
            i = ids_seek(*with, i, other.v[j]);
        }
    }
    with->n = kept;
}

void
ids_subtract(struct ids *from, struct ids other)
{
    size_t kept = 0, j = 0;
    for (size_t i = 0; i < from->n; i++) {
        j = ids_seek(other, j, from->v[i]);
        if (j == other.n) {
            memmove(from->v + kept, from->v + i, (from->n - i) * sizeof(uint32_t));
            from->n = kept + from->n - i;
            return;
        }
        if (other.v[j] != from->v[i])
            from->v[kept++] = from->v[i];
    }
    from->n = kept;
}

static struct ids
ids_union_bits(struct arena *a, const struct ids *sets, size_t n, uint32_t lo, uint32_t hi)
{
    size_t words = ((size_t)hi - lo) / 64 + 1, count = 0, out = 0;
    uint64_t *bits = mem_zalloc(words * 8);
    for (size_t k = 0; k < n; k++)
        for (size_t i = 0; i < sets[k].n; i++) {
            uint32_t at = sets[k].v[i] - lo;
            bits[at / 64] |= 1ull << (at % 64);
        }
    for (size_t w = 0; w < words; w++)
        count += (size_t)__builtin_popcountll(bits[w]);
    struct ids s = {.v = ARENA_ARRAY(a, uint32_t, count), .n = count};
    for (size_t w = 0; w < words; w++)
        for (uint64_t b = bits[w]; b; b &= b - 1)
            s.v[out++] = lo + (uint32_t)(w * 64 + (size_t)__builtin_ctzll(b));
    mem_free(bits);
    return s;
}

struct ids
ids_union(struct arena *a, const struct ids *sets, size_t n)
{
    size_t total = 0, filled = 0;
    uint32_t lo = UINT32_MAX, hi = 0;
    for (size_t k = 0; k < n; k++) {
        if (sets[k].n == 0)
            continue;
        total += sets[k].n;
        filled++;
        lo = MIN(lo, sets[k].v[0]);
        hi = MAX(hi, sets[k].v[sets[k].n - 1]);
    }
    if (total == 0)
        return (struct ids){0};
    /* A word of bits costs about as much as four ids of a radix sort. */
    if (filled > 1 && ((size_t)hi - lo) / 64 <= total * 4)
        return ids_union_bits(a, sets, n, lo, hi);
    struct ids s = {.v = ARENA_ARRAY(a, uint32_t, total)};
    for (size_t k = 0; k < n; k++) {
        if (sets[k].n)
            memcpy(s.v + s.n, sets[k].v, sets[k].n * sizeof(uint32_t));
        s.n += sets[k].n;
    }
    if (filled > 1)
        ids_sort(a, &s);
    return s;
}

static void
ids_sort_small(struct ids *s)
{
    for (size_t i = 1; i < s->n; i++) {
        uint32_t id = s->v[i];
        size_t j = i;
        for (; j > 0 && s->v[j - 1] > id; j--)
            s->v[j] = s->v[j - 1];
        s->v[j] = id;
    }
}

static void
ids_sort_radix(struct arena *a, struct ids *s)
{
    uint32_t *from = s->v, *to = ARENA_ARRAY(a, uint32_t, s->n);
    for (unsigned shift = 0; shift < 32; shift += 8) {
        size_t at[257] = {0};
        for (size_t i = 0; i < s->n; i++)
            at[(from[i] >> shift & 0xff) + 1]++;
        if (at[(from[0] >> shift & 0xff) + 1] == s->n)
            continue; /* all alike in this byte */
        for (size_t b = 1; b < 256; b++)
            at[b] += at[b - 1];
        for (size_t i = 0; i < s->n; i++)
            to[at[from[i] >> shift & 0xff]++] = from[i];
        uint32_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != s->v)
        memcpy(s->v, from, s->n * sizeof(uint32_t));
}

void
ids_sort(struct arena *a, struct ids *s)
{
    if (s->n < 2)
        return;
    if (s->n <= 32)
        ids_sort_small(s);
    else
        ids_sort_radix(a, s);
    size_t kept = 1;
    for (size_t i = 1; i < s->n; i++)
        if (s->v[i] != s->v[kept - 1])
            s->v[kept++] = s->v[i];
    s->n = kept;
}
