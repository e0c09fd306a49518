#include "model/histogram_priv.h"

#include "base/panic.h"

void
histogram_side_init(struct histogram_side *s, struct arena *a, bool compensated)
{
    *s = (struct histogram_side){.a = a};
    if (compensated)
        s->c = ARENA_ARRAY(a, double, 0);
}

void
histogram_side_reserve(struct histogram_side *s, size_t n)
{
    if (n <= s->cap)
        return;
    size_t cap = MAX(n, s->cap + s->cap / 2), i_cap = s->cap, v_cap = s->cap;
    arena_grow(s->a, &s->i, &i_cap, cap, sizeof(s->i[0]));
    arena_grow(s->a, &s->v, &v_cap, cap, sizeof(s->v[0]));
    if (s->c) {
        size_t c_cap = s->cap;
        arena_grow(s->a, &s->c, &c_cap, cap, sizeof(s->c[0]));
        v_cap = MIN(v_cap, c_cap);
    }
    s->cap = MIN(i_cap, v_cap);
    CHECK(s->cap >= n);
}

static void
side_push(struct histogram_side *s, int32_t i, double v)
{
    s->i[s->n] = i;
    s->v[s->n] = v;
    if (s->c)
        s->c[s->n] = 0;
    s->n++;
}

void
histogram_side_load(struct histogram_side *s, const struct histogram *h, bool positive, int shift)
{
    struct histogram_iter it;

    s->n = 0;
    histogram_side_reserve(s, positive ? h->pos_n : h->neg_n);
    histogram_iter_init(&it, h, positive);
    while (histogram_iter_next(&it)) {
        int32_t i = shift ? histogram_index_shift(it.i, shift) : it.i;
        if (s->n > 0 && i < s->i[s->n - 1])
            return; /* offsets beyond all bounds: what is left makes no sense */
        if (s->n == 0 || s->i[s->n - 1] != i)
            side_push(s, i, it.count);
        else if (s->c)
            kahan_inc(it.count, &s->v[s->n - 1], &s->c[s->n - 1]);
        else
            s->v[s->n - 1] += it.count;
    }
}

static bool
entry_used(const struct histogram_side *s, size_t k, bool keep_empty)
{
    return keep_empty || s->v[k] != 0;
}

void
histogram_side_store(const struct histogram_side *s, struct arena *a, struct histogram *h,
                     bool positive, struct histogram_side_put how)
{
    size_t spans = 0, counts = 0;
    int64_t end = 0; /* index behind the last entry stored */

    for (size_t k = 0; k < s->n; k++) {
        if (!entry_used(s, k, how.keep_empty))
            continue;
        bool joins = spans > 0 && s->i[k] - end <= how.max_empty;
        counts += joins ? (size_t)(s->i[k] - end) + 1 : 1;
        spans += !joins;
        end = (int64_t)s->i[k] + 1;
    }
    struct histogram_span *sp = spans ? ARENA_ARRAY(a, struct histogram_span, spans) : NULL;
    double *v = counts ? ARENA_ARRAY(a, double, counts) : NULL;
    *(positive ? &h->pos_spans : &h->neg_spans) = sp;
    *(positive ? &h->pos_spans_n : &h->neg_spans_n) = spans;
    *(positive ? &h->pos : &h->neg) = v;
    *(positive ? &h->pos_n : &h->neg_n) = counts;

    spans = 0;
    end = 0;
    for (size_t k = 0; k < s->n; k++) {
        if (!entry_used(s, k, how.keep_empty))
            continue;
        int64_t gap = s->i[k] - end;
        if (spans == 0 || gap > how.max_empty) {
            sp[spans++] = (struct histogram_span){(int32_t)gap, 1};
        } else {
            for (int64_t g = 0; g < gap; g++)
                *v++ = 0;
            sp[spans - 1].length += (uint32_t)gap + 1;
        }
        *v++ = s->v[k];
        end = (int64_t)s->i[k] + 1;
    }
}

/* Both halves of h through a side, the rest copied. */
static struct histogram *
remake(struct arena *a, const struct histogram *h, int shift, struct histogram_side_put how)
{
    struct histogram *out = ARENA_NEW(a, struct histogram);
    struct histogram_side s;

    *out = *h;
    out->custom = histogram_custom_copy(a, h);
    histogram_side_init(&s, a, false);
    histogram_side_load(&s, h, true, shift);
    histogram_side_store(&s, a, out, true, how);
    histogram_side_load(&s, h, false, shift);
    histogram_side_store(&s, a, out, false, how);
    return out;
}

struct histogram *
histogram_reduce(struct arena *a, const struct histogram *h, int schema)
{
    if (schema == h->schema)
        return histogram_copy(a, h);
    CHECK(!histogram_is_custom(h) && schema != HISTOGRAM_CUSTOM && schema < h->schema);
    struct histogram *out = remake(a, h, h->schema - schema, (struct histogram_side_put){0, true});
    out->schema = (int8_t)schema;
    return out;
}

/* Nothing to drop and nothing to fill: all counts differ from 0, and so do all lengths, and
 * gaps are wide enough to stay. */
static bool
half_compact(const struct histogram_span *spans, size_t spans_n, const double *v, size_t n,
             int max_empty)
{
    bool empty = false;
    for (size_t i = 0; i < n; i++)
        empty |= v[i] == 0;
    for (size_t i = 0; i < spans_n; i++)
        empty |= spans[i].length == 0 || (i > 0 && spans[i].offset <= max_empty);
    return !empty;
}

struct histogram *
histogram_compact(struct arena *a, const struct histogram *h, int max_empty)
{
    if (half_compact(h->pos_spans, h->pos_spans_n, h->pos, h->pos_n, max_empty) &&
        half_compact(h->neg_spans, h->neg_spans_n, h->neg, h->neg_n, max_empty))
        return histogram_copy(a, h);
    return remake(a, h, 0, (struct histogram_side_put){max_empty, false});
}
