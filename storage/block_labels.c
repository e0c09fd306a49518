/* block_labels.c - label names and values of a block. */
#include <stdlib.h>

#include "base/panic.h"
#include "storage/block_priv.h"

struct labels_call {
    struct block_call c;
    str name; /* of values; unused for names */
    const struct matcher *m;
    size_t n;
    size_t limit; /* 0: none */
    struct arena *a;
    str *out;
    size_t out_n, cap;
};

static void
push(struct labels_call *x, str s)
{
    arena_grow(x->a, &x->out, &x->cap, x->out_n + 1, sizeof *x->out);
    x->out[x->out_n++] = s;
}

static int
compare_str(const void *x, const void *y)
{
    return str_cmp(*(const str *)x, *(const str *)y);
}

static void
sort_unique(struct labels_call *x)
{
    if (x->out_n == 0)
        return;
    qsort(x->out, x->out_n, sizeof *x->out, compare_str);
    size_t n = 1;
    for (size_t i = 1; i < x->out_n; i++)
        if (!str_eq(x->out[i], x->out[n - 1]))
            x->out[n++] = x->out[i];
    x->out_n = n;
}

/* Names: a bit per symbol says that some series uses it as a name. */

static bool
mark_names(const struct block_index *x, uint32_t ref, uint64_t *used, struct err *e)
{
    struct index_entry entry;
    if (!index_entry(x, ref, &entry, e))
        return false;
    for (size_t i = 0; i < entry.labels_n; i++) {
        uint64_t name = dec_uvarint(&entry.labels);
        dec_uvarint(&entry.labels);
        if (name >= x->symbols_n)
            return err_set(e, ERR_CORRUPT, "index: series %u names a symbol that is not there",
                           ref);
        used[name / 64] |= 1ull << name % 64;
    }
    return true;
}

static bool
names_of_matching(struct labels_call *x)
{
    const struct block_index *ix = &x->c.b->index;
    uint32_t *refs;
    size_t n;
    if (!block_match(x->c.b, x->m, x->n, x->a, &refs, &n, x->c.e))
        return false;
    size_t words = ix->symbols_n / 64 + 1;
    uint64_t *used = ARENA_ZARRAY(x->a, uint64_t, words);
    for (size_t i = 0; i < n; i++)
        if (!mark_names(ix, refs[i], used, x->c.e))
            return false;
    /* Symbols are sorted, so the names come out sorted. */
    for (size_t w = 0; w < words; w++)
        for (uint64_t left = used[w]; left; left &= left - 1) {
            str s;
            if (index_symbol(ix, (uint32_t)(w * 64) + (uint32_t)__builtin_ctzll(left), &s))
                push(x, s);
        }
    return true;
}

static void
call_names(void *arg)
{
    struct labels_call *x = arg;
    const struct block_index *ix = &x->c.b->index;
    if (x->n > 0) {
        x->c.good = names_of_matching(x);
        return;
    }
    for (size_t i = 0; i < ix->names_n; i++)
        if (ix->names[i].name.n > 0)
            push(x, ix->names[i].name);
    x->c.good = true;
}

bool
block_label_names(struct block *b, const struct matcher *m, size_t n, struct arena *a, str **out,
                  size_t *out_n, struct err *e)
{
    CHECK_MAGIC(b, BLOCK_MAGIC);
    struct labels_call x = {.c = {.b = b, .e = e}, .m = m, .n = n, .a = a};
    if (!block_guarded(&x.c, call_names))
        return false;
    *out = x.out;
    *out_n = x.out_n;
    return true;
}

/* Values. */

static bool
full(const struct labels_call *x)
{
    return x->limit != 0 && x->out_n >= x->limit;
}

/* True if a sorted array and a list share a reference; the shorter is walked. */
static bool
share(const uint32_t *refs, size_t n, const struct index_list *l)
{
    bool walk_list = l->n < n;
    size_t short_n = walk_list ? l->n : n, long_n = walk_list ? n : l->n;
    size_t lo = 0;
    for (size_t i = 0; i < short_n; i++) {
        uint32_t want = walk_list ? index_ref(l, i) : refs[i];
        size_t hi = long_n;
        while (lo < hi) {
            size_t mid = lo + (hi - lo) / 2;
            uint32_t at = walk_list ? refs[mid] : index_ref(l, mid);
            if (at < want)
                lo = mid + 1;
            else
                hi = mid;
        }
        if (lo == long_n)
            return false;
        if ((walk_list ? refs[lo] : index_ref(l, lo)) == want)
            return true;
    }
    return false;
}

static bool
values_by_lists(struct labels_call *x, const struct index_name *name, const uint32_t *refs,
                size_t n)
{
    const struct block_index *ix = &x->c.b->index;
    struct index_values v = index_values(ix, name, STR_EMPTY);
    str value;
    uint64_t offset;
    while (!full(x) && index_values_next(&v, &value, &offset)) {
        struct index_list l;
        if (!index_list(ix, offset, &l, x->c.e))
            return false;
        if (share(refs, n, &l))
            push(x, value);
    }
    return true;
}

static bool
values_by_reading(struct labels_call *x, const uint32_t *refs, size_t n)
{
    const struct block_index *ix = &x->c.b->index;
    for (size_t i = 0; i < n; i++) {
        struct index_entry entry;
        if (!index_entry(ix, refs[i], &entry, x->c.e))
            return false;
        for (size_t k = 0; k < entry.labels_n; k++) {
            struct label l;
            if (!index_entry_label(ix, &entry.labels, &l, x->c.e))
                return false;
            if (str_eq(l.name, x->name))
                push(x, l.value);
        }
    }
    sort_unique(x);
    if (x->limit != 0)
        x->out_n = MIN(x->out_n, x->limit);
    return true;
}

static bool
values_of_matching(struct labels_call *x, const struct index_name *name)
{
    uint32_t *refs;
    size_t n;
    if (!block_match(x->c.b, x->m, x->n, x->a, &refs, &n, x->c.e))
        return false;
    if (n < name->values)
        return values_by_reading(x, refs, n);
    return values_by_lists(x, name, refs, n);
}

static void
call_values(void *arg)
{
    struct labels_call *x = arg;
    const struct block_index *ix = &x->c.b->index;
    const struct index_name *name = x->name.n ? index_name(ix, x->name) : NULL;
    x->c.good = true;
    if (name == NULL)
        return;
    if (x->n > 0) {
        x->c.good = values_of_matching(x, name);
        return;
    }
    struct index_values v = index_values(ix, name, STR_EMPTY);
    str value;
    uint64_t offset;
    while (!full(x) && index_values_next(&v, &value, &offset))
        push(x, value);
}

bool
block_label_values(struct block *b, str name, const struct matcher *m, size_t n, size_t limit,
                   struct arena *a, str **out, size_t *out_n, struct err *e)
{
    CHECK_MAGIC(b, BLOCK_MAGIC);
    struct labels_call x = {
        .c = {.b = b, .e = e}, .name = name, .m = m, .n = n, .limit = limit, .a = a};
    if (!block_guarded(&x.c, call_values))
        return false;
    *out = x.out;
    *out_n = x.out_n;
    return true;
}
