#include "storage/label_sort.h"

#include <stdlib.h>

#include "base/mem.h"

#define FEW 12 /* series for which comparing is cheaper than dealing out */

static int
pair_cmp(const struct symbols *s, uint32_t x, uint32_t y)
{
    const struct label_pair *a = symbols_pair(s, x), *b = symbols_pair(s, y);
    if (a->name != b->name)
        return str_cmp(symbols_name(s, a->name)->text, symbols_name(s, b->name)->text);
    return str_cmp(STR(a->value, a->value_n), STR(b->value, b->value_n));
}

static int
item_cmp(const struct symbols *s, const struct label_sort *a, const struct label_sort *b, uint32_t at)
{
    for (; at < a->n && at < b->n; at++)
        if (a->pairs[at] != b->pairs[at])
            return pair_cmp(s, a->pairs[at], b->pairs[at]);
    return (a->n > b->n) - (a->n < b->n);
}

static void
sort_few(const struct symbols *s, struct label_sort *v, size_t n, uint32_t at)
{
    for (size_t i = 1; i < n; i++) {
        struct label_sort item = v[i];
        size_t j = i;
        for (; j > 0 && item_cmp(s, &v[j - 1], &item, at) > 0; j--)
            v[j] = v[j - 1];
        v[j] = item;
    }
}

struct distinct { /* one pair of a column; pair 0 stands for "no more labels" */
    uint32_t pair;
    uint32_t count;
    uint32_t rank;
    uint64_t key; /* first bytes of the text, to compare without following pointers */
};
struct sorter {
    const struct symbols *s;
    struct label_sort *tmp;
    uint32_t *which;  /* per series: index into seen */
    uint32_t *table;  /* open addressing: index into seen + 1 */
    struct distinct *seen;
    uint32_t *order;
    size_t mask;
};

static uint32_t
pair_at(const struct label_sort *v, uint32_t at)
{
    return at < v->n ? v->pairs[at] : 0;
}

/* Numbers the distinct pairs of a column; returns how many. */
static size_t
find_distinct(struct sorter *w, const struct label_sort *v, size_t n, uint32_t at)
{
    size_t mask = 15, count = 0;
    while (mask < n * 2 && mask < w->mask)
        mask = mask * 2 + 1;
    memset(w->table, 0, (mask + 1) * sizeof(*w->table));
    for (size_t i = 0; i < n; i++) {
        uint32_t pair = pair_at(&v[i], at);
        size_t h = (pair * 0x9e3779b1u) & mask;
        while (w->table[h] && w->seen[w->table[h] - 1].pair != pair)
            h = (h + 1) & mask;
        if (w->table[h] == 0) {
            w->seen[count] = (struct distinct){.pair = pair};
            w->table[h] = (uint32_t)++count;
        }
        w->which[i] = w->table[h] - 1;
        w->seen[w->which[i]].count++;
    }
    return count;
}

static uint64_t
text_key(str s)
{
    uint64_t key = 0;
    memcpy(&key, s.p, MIN(s.n, (size_t)8));
    return __builtin_bswap64(key);
}

struct order_context {
    const struct symbols *s;
    const struct distinct *seen;
};

static int
distinct_cmp(const void *x, const void *y, void *arg)
{
    const struct order_context *c = arg;
    const struct distinct *a = &c->seen[*(const uint32_t *)x], *b = &c->seen[*(const uint32_t *)y];
    if (a->pair == 0 || b->pair == 0)
        return a->pair == 0 ? -1 : 1; /* a set that ends comes first */
    const struct label_pair *p = symbols_pair(c->s, a->pair), *q = symbols_pair(c->s, b->pair);
    if (p->name == q->name && a->key != b->key)
        return a->key < b->key ? -1 : 1;
    return pair_cmp(c->s, a->pair, b->pair);
}

static void
rank_distinct(struct sorter *w, size_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct label_pair *p = w->seen[i].pair ? symbols_pair(w->s, w->seen[i].pair) : NULL;
        w->seen[i].key = p ? text_key(STR(p->value, p->value_n)) : 0;
        w->order[i] = i;
    }
    struct order_context c = {.s = w->s, .seen = w->seen};
    qsort_r(w->order, count, sizeof(*w->order), distinct_cmp, &c);
    for (uint32_t i = 0; i < count; i++)
        w->seen[w->order[i]].rank = i;
}

static void sort_columns(struct sorter *w, struct label_sort *v, size_t n, uint32_t at);

/* Deals the series out by rank and sorts each group by the columns that follow. */
static void
deal(struct sorter *w, struct label_sort *v, size_t n, uint32_t at, size_t count)
{
    uint32_t *starts = mem_alloc((count + 1) * sizeof(*starts));
    starts[0] = 0;
    for (size_t i = 0; i < count; i++)
        starts[i + 1] = starts[i] + w->seen[w->order[i]].count;
    for (size_t i = 0; i < count; i++)
        w->order[i] = starts[i]; /* by rank: where the next goes */
    for (size_t i = 0; i < n; i++)
        w->tmp[w->order[w->seen[w->which[i]].rank]++] = v[i];
    memcpy(v, w->tmp, n * sizeof(*v));
    for (size_t i = 0; i < count; i++)
        sort_columns(w, v + starts[i], starts[i + 1] - starts[i], at + 1);
    mem_free(starts);
}

static void
sort_columns(struct sorter *w, struct label_sort *v, size_t n, uint32_t at)
{
    for (; n > FEW; at++) {
        uint32_t first = pair_at(&v[0], at);
        size_t same = 1;
        while (same < n && pair_at(&v[same], at) == first)
            same++;
        if (same == n && first == 0)
            return; /* equal to the end */
        if (same == n)
            continue;
        size_t count = find_distinct(w, v, n, at);
        rank_distinct(w, count);
        deal(w, v, n, at, count);
        return;
    }
    sort_few(w->s, v, n, at);
}

void
label_sort(const struct symbols *s, struct label_sort *v, size_t n)
{
    if (n <= FEW) {
        sort_few(s, v, n, 0);
        return;
    }
    struct sorter w = {.s = s, .mask = 15};
    while (w.mask < n * 2)
        w.mask = w.mask * 2 + 1;
    w.tmp = mem_alloc(n * sizeof(*w.tmp));
    w.which = mem_alloc(n * sizeof(*w.which));
    w.seen = mem_alloc(n * sizeof(*w.seen));
    w.order = mem_alloc(n * sizeof(*w.order));
    w.table = mem_alloc((w.mask + 1) * sizeof(*w.table));
    sort_columns(&w, v, n, 0);
    mem_free(w.tmp);
    mem_free(w.which);
    mem_free(w.seen);
    mem_free(w.order);
    mem_free(w.table);
}
