#include "storage/merge.h"

#include "base/panic.h"
#include "storage/chunk.h"

static void
column_widen(struct column *out, const struct column *like, struct arena *a)
{
    size_t cap = MAX(out->cap, out->n);
    if (like->h != NULL && out->h == NULL) {
        out->h = ARENA_ARRAY(a, struct histogram *, cap);
        memset(out->h, 0, out->n * sizeof *out->h);
    }
    if (like->st != NULL && out->st == NULL) {
        out->st = ARENA_ARRAY(a, int64_t, cap);
        memset(out->st, 0, out->n * sizeof *out->st);
    }
}

void
column_append(struct arena *a, struct column *out, const struct column *c, size_t from, size_t to)
{
    size_t n = to - from;
    CHECK(from <= to && to <= c->n);
    if (n == 0)
        return;
    column_reserve(out, a, n);
    column_widen(out, c, a);
    memcpy(out->t + out->n, c->t + from, n * sizeof *c->t);
    memcpy(out->v + out->n, c->v + from, n * sizeof *c->v);
    if (c->h != NULL)
        memcpy(out->h + out->n, c->h + from, n * sizeof *c->h);
    else if (out->h != NULL)
        memset(out->h + out->n, 0, n * sizeof *out->h);
    if (c->st != NULL)
        memcpy(out->st + out->n, c->st + from, n * sizeof *c->st);
    else if (out->st != NULL)
        memset(out->st + out->n, 0, n * sizeof *out->st);
    out->n += n;
}

/* First row of c at or after `from` whose time is not below t. */
static size_t
skip_to(const struct column *c, size_t from, int64_t t)
{
    size_t step = 1, lo = from, hi = from;
    while (hi < c->n && c->t[hi] < t) {
        lo = hi + 1;
        hi += step;
        step *= 2;
    }
    hi = MIN(hi, c->n);
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (c->t[mid] < t)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

void
column_merge(struct arena *a, const struct column *const *in, size_t n, struct column *out)
{
    size_t *at = ARENA_ZARRAY(a, size_t, n);
    for (;;) {
        /* The column that is next, the least time of the others, and whose that is. */
        size_t best = n;
        for (size_t i = 0; i < n; i++)
            if (at[i] < in[i]->n && (best == n || in[i]->t[at[i]] < in[best]->t[at[best]]))
                best = i;
        if (best == n)
            return;
        int64_t now = in[best]->t[at[best]], limit = INT64_MAX;
        bool others = false;
        for (size_t i = 0; i < n; i++) {
            if (i == best)
                continue;
            while (at[i] < in[i]->n && in[i]->t[at[i]] <= now)
                at[i]++; /* an equal time of a later column */
            if (at[i] < in[i]->n) {
                limit = MIN(limit, in[i]->t[at[i]]);
                others = true;
            }
        }
        /* All rows up to the next of another column go at once. */
        size_t to = others ? skip_to(in[best], at[best] + 1, limit) : in[best]->n;
        column_append(a, out, in[best], at[best], to);
        at[best] = to;
    }
}

void
merge_labels_init(struct merge_labels *m, struct arena *a, size_t inputs)
{
    *m = (struct merge_labels){.heap = ARENA_ARRAY(a, struct merge_labels_item, inputs),
                               .cap = inputs};
}

static bool
before(const struct merge_labels_item *x, const struct merge_labels_item *y)
{
    int c = labels_cmp(x->labels, y->labels);
    return c ? c < 0 : x->input < y->input;
}

static void
swap(struct merge_labels_item *x, struct merge_labels_item *y)
{
    struct merge_labels_item t = *x;
    *x = *y;
    *y = t;
}

void
merge_labels_push(struct merge_labels *m, uint32_t input, struct labels labels)
{
    CHECK(m->n < m->cap);
    size_t i = m->n++;
    m->heap[i] = (struct merge_labels_item){.labels = labels, .input = input};
    for (; i > 0 && before(&m->heap[i], &m->heap[(i - 1) / 2]); i = (i - 1) / 2)
        swap(&m->heap[i], &m->heap[(i - 1) / 2]);
}

static struct merge_labels_item
pop_one(struct merge_labels *m)
{
    struct merge_labels_item top = m->heap[0];
    m->heap[0] = m->heap[--m->n];
    for (size_t i = 0;;) {
        size_t least = i, l = 2 * i + 1, r = l + 1;
        if (l < m->n && before(&m->heap[l], &m->heap[least]))
            least = l;
        if (r < m->n && before(&m->heap[r], &m->heap[least]))
            least = r;
        if (least == i)
            return top;
        swap(&m->heap[i], &m->heap[least]);
        i = least;
    }
}

size_t
merge_labels_pop(struct merge_labels *m, struct labels *labels, uint32_t *inputs)
{
    if (m->n == 0)
        return 0;
    size_t k = 0;
    struct merge_labels_item first = pop_one(m);
    inputs[k++] = first.input;
    *labels = first.labels;
    while (m->n > 0 && labels_eq(m->heap[0].labels, first.labels))
        inputs[k++] = pop_one(m).input;
    return k;
}
