/* block_postings.c - from matchers to sorted series references.
 *
 * A matcher that refuses "" selects: the union of the lists of the values it accepts.
 * One that accepts "" subtracts: the union of the lists of the values it refuses, since
 * series without the label stay.  Selecting matchers go first, those that cost least
 * before others, so that later ones meet a small base; when the base is so small that
 * reading its series is cheaper than trying all values of a label, that is done.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "base/panic.h"
#include "storage/block_priv.h"

struct refs {
    uint32_t *v;
    size_t n;
};

/* Lists to be united. */
struct lists {
    struct index_list *v;
    size_t n, cap;
    size_t total;
};

/* How often a value must be tried before reading one series costs less. */
#define SERIES_COST_VALUES 16

static bool
add_list(const struct block_index *x, uint64_t offset, struct lists *l, struct arena *a,
         struct err *e)
{
    arena_grow(a, &l->v, &l->cap, l->n + 1, sizeof *l->v);
    if (!index_list(x, offset, &l->v[l->n], e))
        return false;
    l->total += l->v[l->n].n;
    l->n++;
    return true;
}

/* True if the matcher takes part by the values it accepts. */
static bool
selects(const struct matcher *m)
{
    return !matcher_matches_empty(m);
}

/* Does this value's list belong to the matcher's union? */
static bool
wanted(const struct matcher *m, bool selecting, str value)
{
    return value.n > 0 && matcher_matches(m, value) == selecting;
}

static bool
is_negative(const struct matcher *m)
{
    return m->type == MATCH_NE || m->type == MATCH_NRE;
}

/* The values whose lists make the union, when they can be named: n values in *v. */
static bool
named_values(const struct matcher *m, bool selecting, const str **v, size_t *n)
{
    /* a="x" selects x, a!="x" subtracts x; so with sets of a regular expression. */
    if (selecting == is_negative(m))
        return false;
    if (m->type == MATCH_EQ || m->type == MATCH_NE) {
        *v = &m->value;
        *n = 1;
        return true;
    }
    const struct regex_shape *s = regex_shape(m->re);
    *v = s->set;
    *n = s->set_n;
    return s->set_n > 0;
}

static int
compare_str(const void *x, const void *y)
{
    return str_cmp(*(const str *)x, *(const str *)y);
}

static bool
lists_of_named(const struct block_index *x, const struct matcher *m, const str *v, size_t n,
               struct lists *l, struct arena *a, struct err *e)
{
    str *sorted = ARENA_ARRAY(a, str, n);
    memcpy(sorted, v, n * sizeof *v);
    qsort(sorted, n, sizeof *sorted, compare_str);
    for (size_t i = 0; i < n; i++) {
        uint64_t offset;
        bool again = i > 0 && str_eq(sorted[i], sorted[i - 1]);
        if (again || sorted[i].n == 0 || !index_value(x, m->name, sorted[i], &offset))
            continue;
        if (!add_list(x, offset, l, a, e))
            return false;
    }
    return true;
}

/* The prefix that all values of the union have. */
static str
common_prefix(const struct matcher *m, bool selecting)
{
    bool by_regex = m->type == MATCH_RE || m->type == MATCH_NRE;
    return by_regex && selecting != is_negative(m) ? regex_shape(m->re)->prefix : STR_EMPTY;
}

static bool
lists_by_trying(const struct block_index *x, const struct matcher *m, bool selecting,
                struct lists *l, struct arena *a, struct err *e)
{
    const struct index_name *name = index_name(x, m->name);
    if (name == NULL)
        return true;
    str prefix = common_prefix(m, selecting);
    struct index_values v = index_values(x, name, prefix);
    str value;
    uint64_t offset;
    while (index_values_next(&v, &value, &offset)) {
        if (!str_starts(value, prefix))
            break;
        if (wanted(m, selecting, value) && !add_list(x, offset, l, a, e))
            return false;
    }
    return true;
}

static bool
lists_of(const struct block_index *x, const struct matcher *m, bool selecting, struct lists *l,
         struct arena *a, struct err *e)
{
    const str *v;
    size_t n;
    if (named_values(m, selecting, &v, &n))
        return lists_of_named(x, m, v, n, l, a, e);
    return lists_by_trying(x, m, selecting, l, a, e);
}

static bool
copy_list(const struct index_list *l, uint32_t *out, struct err *e)
{
    uint32_t before = 0;
    for (size_t i = 0; i < l->n; i++) {
        out[i] = index_ref(l, i);
        if (i > 0 && out[i] <= before)
            return err_set(e, ERR_CORRUPT, "index: postings are out of order");
        before = out[i];
    }
    return true;
}

/* Unites by a bitmap over the range of references: linear in lists and range. */
static struct refs
unite_bitmap(const struct lists *l, struct arena *a)
{
    uint32_t lo = UINT32_MAX, hi = 0;
    for (size_t i = 0; i < l->n; i++) {
        if (l->v[i].n == 0)
            continue;
        lo = MIN(lo, index_ref(&l->v[i], 0));
        hi = MAX(hi, index_ref(&l->v[i], l->v[i].n - 1));
    }
    if (lo > hi)
        return (struct refs){.n = 0};
    size_t words = (hi - lo) / 64 + 1;
    uint64_t *bits = MEM_ARRAY(uint64_t, words);
    for (size_t i = 0; i < l->n; i++)
        for (size_t k = 0; k < l->v[i].n; k++) {
            uint32_t at = index_ref(&l->v[i], k) - lo;
            if (at / 64 < words)
                bits[at / 64] |= 1ull << at % 64;
        }
    struct refs out = {.v = ARENA_ARRAY(a, uint32_t, l->total)};
    for (size_t w = 0; w < words; w++)
        for (uint64_t left = bits[w]; left; left &= left - 1)
            out.v[out.n++] = lo + (uint32_t)(w * 64) + (uint32_t)__builtin_ctzll(left);
    mem_free(bits);
    return out;
}

static bool
unite(const struct lists *l, struct arena *a, struct refs *out, struct err *e)
{
    *out = (struct refs){.n = 0};
    if (l->n == 1) {
        out->v = ARENA_ARRAY(a, uint32_t, l->v[0].n);
        out->n = l->v[0].n;
        return copy_list(&l->v[0], out->v, e);
    }
    if (l->n > 1)
        *out = unite_bitmap(l, a);
    return true;
}

/* First position from `from` on whose reference is not below ref: doubling, then halving. */
static size_t
gallop(const struct index_list *l, size_t from, uint32_t ref)
{
    size_t step = 1, lo = from, hi = from;
    while (hi < l->n && index_ref(l, hi) < ref) {
        lo = hi + 1;
        hi += step;
        step *= 2;
    }
    hi = MIN(hi, l->n);
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (index_ref(l, mid) < ref)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Keeps of base what is in the list (or is not). */
static void
filter_by_list(struct refs *base, const struct index_list *l, bool keep)
{
    size_t at = 0, n = 0;
    for (size_t i = 0; i < base->n; i++) {
        at = gallop(l, at, base->v[i]);
        bool hit = at < l->n && index_ref(l, at) == base->v[i];
        if (hit == keep)
            base->v[n++] = base->v[i];
    }
    base->n = n;
}

static void
filter_by_refs(struct refs *base, const struct refs *with, bool keep)
{
    size_t n = 0, k = 0;
    for (size_t i = 0; i < base->n; i++) {
        while (k < with->n && with->v[k] < base->v[i])
            k++;
        bool hit = k < with->n && with->v[k] == base->v[i];
        if (hit == keep)
            base->v[n++] = base->v[i];
    }
    base->n = n;
}

static bool
label_of(const struct block_index *x, uint32_t ref, str name, str *value, struct err *e)
{
    struct index_entry entry;
    *value = STR_EMPTY;
    if (!index_entry(x, ref, &entry, e))
        return false;
    for (size_t i = 0; i < entry.labels_n; i++) {
        struct label l;
        if (!index_entry_label(x, &entry.labels, &l, e))
            return false;
        if (str_eq(l.name, name)) {
            *value = l.value;
            return true;
        }
    }
    return true;
}

static bool
filter_by_reading(const struct block_index *x, const struct matcher *m, struct refs *base,
                  struct err *e)
{
    size_t n = 0;
    for (size_t i = 0; i < base->n; i++) {
        str value;
        if (!label_of(x, base->v[i], m->name, &value, e))
            return false;
        if (matcher_matches(m, value))
            base->v[n++] = base->v[i];
    }
    base->n = n;
    return true;
}

/* Is trying all values of the label dearer than reading the base's series? */
static bool
reading_is_cheaper(const struct block_index *x, const struct matcher *m, bool selecting,
                   size_t base_n)
{
    const str *v;
    size_t n;
    const struct index_name *name = index_name(x, m->name);
    return name != NULL && !named_values(m, selecting, &v, &n) &&
           base_n * SERIES_COST_VALUES < name->values;
}

static bool
apply(const struct block_index *x, const struct matcher *m, struct refs *base, struct arena *a,
      struct err *e)
{
    bool selecting = selects(m);
    if (base->n == 0)
        return true;
    if (reading_is_cheaper(x, m, selecting, base->n))
        return filter_by_reading(x, m, base, e);
    struct lists l = {.n = 0};
    if (!lists_of(x, m, selecting, &l, a, e))
        return false;
    if (l.n == 1) {
        filter_by_list(base, &l.v[0], selecting);
        return true;
    }
    struct refs with;
    if (!unite(&l, a, &with, e))
        return false;
    filter_by_refs(base, &with, selecting);
    return true;
}

static bool
all_series(const struct block_index *x, struct refs *out, struct arena *a, struct err *e)
{
    uint64_t offset;
    struct lists l = {.n = 0};
    if (!index_value(x, STR_EMPTY, STR_EMPTY, &offset))
        return true;
    return add_list(x, offset, &l, a, e) && unite(&l, a, out, e);
}

/* What evaluating a matcher first would cost, roughly: named values are best, by the
 * length of their list. */
static size_t
cost(const struct block_index *x, const struct matcher *m)
{
    bool selecting = selects(m);
    const str *v;
    size_t n, total = 0;
    if (!selecting)
        return SIZE_MAX;
    if (!named_values(m, true, &v, &n)) {
        const struct index_name *name = index_name(x, m->name);
        return SIZE_MAX / 2 + (name ? name->values : 0);
    }
    for (size_t i = 0; i < MIN(n, 64); i++) {
        uint64_t offset;
        if (index_value(x, m->name, v[i], &offset))
            total += index_list_count(x, offset);
    }
    return total + n / 64;
}

struct ranked {
    const struct matcher *m;
    size_t cost;
};

static int
compare_ranked(const void *x, const void *y)
{
    size_t a = ((const struct ranked *)x)->cost, b = ((const struct ranked *)y)->cost;
    return (a > b) - (a < b);
}

static bool
accepts_all(const struct matcher *m)
{
    return m->type == MATCH_RE && regex_shape(m->re)->any;
}

bool
block_match(struct block *b, const struct matcher *m, size_t n, struct arena *a, uint32_t **out,
            size_t *out_n, struct err *e)
{
    const struct block_index *x = &b->index;
    struct ranked *order = ARENA_ARRAY(a, struct ranked, n);
    size_t k = 0;
    for (size_t i = 0; i < n; i++)
        if (!accepts_all(&m[i]))
            order[k++] = (struct ranked){&m[i], cost(x, &m[i])};
    qsort(order, k, sizeof *order, compare_ranked);

    struct refs base = {.n = 0};
    size_t first = 0;
    if (k > 0 && order[0].cost != SIZE_MAX) {
        struct lists l = {.n = 0};
        if (!lists_of(x, order[0].m, true, &l, a, e) || !unite(&l, a, &base, e))
            return false;
        first = 1;
    } else if (!all_series(x, &base, a, e)) {
        return false;
    }
    for (size_t i = first; i < k; i++)
        if (!apply(x, order[i].m, &base, a, e))
            return false;
    *out = base.v;
    *out_n = base.n;
    return true;
}
