#include "query/eval_priv.h"

#include "base/hash.h"
#include "base/panic.h"
#include "query/lookup.h"

#define META_LAST STRL("__unit__") /* the last of the three in label order */

bool
labels_is_metadata(str name)
{
    return str_eq(name, LABEL_NAME) || str_eq(name, STRL("__type__")) || str_eq(name, META_LAST);
}

static size_t
metadata_count(struct labels ls)
{
    size_t n = 0;
    for (size_t i = 0; i < ls.n && str_cmp(ls.v[i].name, META_LAST) <= 0; i++)
        n += labels_is_metadata(ls.v[i].name);
    return n;
}

struct labels
labels_drop_metadata(struct arena *a, struct labels ls)
{
    size_t n = metadata_count(ls), at = 0;
    if (n == 0)
        return ls;
    while (at < n && labels_is_metadata(ls.v[at].name))
        at++;
    if (at == n) /* they come first, as they nearly always do */
        return (struct labels){.v = ls.v + n, .n = ls.n - n};
    struct label *v = ARENA_ARRAY(a, struct label, ls.n);
    size_t kept = 0;
    for (size_t i = 0; i < ls.n; i++)
        if (!labels_is_metadata(ls.v[i].name))
            v[kept++] = ls.v[i];
    return (struct labels){.v = v, .n = kept};
}

void
row_drop_name(const struct eval *ev, struct arena *a, struct row *r)
{
    if (!ev->o.delayed_names)
        r->labels = labels_drop_metadata(a, r->labels);
    r->drop_name = true;
}

bool
labels_same_metadata(struct labels a, struct labels b)
{
    size_t i = 0, j = 0;
    for (;;) {
        while (i < a.n && str_cmp(a.v[i].name, META_LAST) <= 0 && !labels_is_metadata(a.v[i].name))
            i++;
        while (j < b.n && str_cmp(b.v[j].name, META_LAST) <= 0 && !labels_is_metadata(b.v[j].name))
            j++;
        bool more_a = i < a.n && str_cmp(a.v[i].name, META_LAST) <= 0;
        bool more_b = j < b.n && str_cmp(b.v[j].name, META_LAST) <= 0;
        if (!more_a || !more_b)
            return more_a == more_b;
        if (!str_eq(a.v[i].name, b.v[j].name) || !str_eq(a.v[i].value, b.v[j].value))
            return false;
        i++, j++;
    }
}

/* Adds ls unless it is there; returns where it is. */
static size_t
intern(struct lookup *l, struct labels *v, size_t n, struct labels ls)
{
    uint64_t hash = labels_hash(ls);
    for (struct lookup_walk w = lookup_walk(l, hash); lookup_next(l, &w);)
        if (labels_eq(v[w.index], ls))
            return w.index;
    lookup_add(l, hash, n);
    v[n] = ls;
    return n;
}

enum { LABELS_PER_POLL = 4096 };

bool
labels_collide(const struct eval *ev, const struct labels *v, size_t n, bool without_metadata)
{
    struct err unsaid;
    struct arena *a = arena_new();
    struct lookup l = lookup_new(a);
    struct labels *seen = ARENA_ARRAY(a, struct labels, n + 1);
    bool collide = false;
    for (size_t i = 0; i < n && !collide; i++) {
        if (i % LABELS_PER_POLL == 0 && !eval_poll(ev, &unsaid))
            break;
        struct labels ls = without_metadata ? labels_drop_metadata(a, v[i]) : v[i];
        collide = intern(&l, seen, i, ls) != i;
    }
    arena_free(&a);
    return collide;
}

bool
vec_has_same_labels(const struct eval *ev, const struct vec *v)
{
    struct arena *a = arena_new();
    struct labels *all = ARENA_ARRAY(a, struct labels, v->n + 1);
    for (size_t i = 0; i < v->n; i++)
        all[i] = v->v[i].labels;
    bool same = labels_collide(ev, all, v->n, false);
    arena_free(&a);
    return same;
}

/* Adds the samples of b to a, whose arrays are its own; the first step where both have one,
 * or SIZE_MAX. */
static size_t
row_merge(struct arena *arena, struct row *a, const struct row *b, size_t steps)
{
    size_t both = SIZE_MAX;
    if (b->h != NULL && a->h == NULL)
        a->h = ARENA_ZARRAY(arena, struct histogram *, steps);
    for (size_t i = 0; i < steps; i++) {
        if (!row_has(b, i))
            continue;
        if (row_has(a, i)) {
            both = MIN(both, i);
            continue;
        }
        a->v[i] = b->v[i];
        if (b->h != NULL)
            a->h[i] = b->h[i];
    }
    return both;
}

static void
row_own(struct arena *arena, struct row *r, size_t steps)
{
    double *v = ARENA_ARRAY(arena, double, steps);
    memcpy(v, r->v, steps * sizeof(*v));
    r->v = v;
    if (r->h != NULL) {
        struct histogram **h = ARENA_ARRAY(arena, struct histogram *, steps);
        memcpy(h, r->h, steps * sizeof(struct histogram *));
        r->h = h;
    }
    r->t = r->st = NULL;
}

bool
vec_merge_same(struct arena *arena, struct vec *v, size_t steps, size_t *step_out, struct err *err)
{
    struct arena *a = arena_new();
    struct lookup l = lookup_new(a);
    struct labels *seen = ARENA_ARRAY(a, struct labels, v->n + 1);
    bool *own = ARENA_ZARRAY(a, bool, v->n + 1);
    struct row *rows = ARENA_ARRAY(arena, struct row, v->n);
    size_t n = 0, first = SIZE_MAX;
    for (size_t i = 0; i < v->n; i++) {
        size_t at = intern(&l, seen, n, v->v[i].labels);
        if (at == n) {
            rows[n++] = v->v[i];
            continue;
        }
        if (!own[at])
            row_own(arena, &rows[at], steps);
        own[at] = true;
        size_t both = row_merge(arena, &rows[at], &v->v[i], steps);
        first = MIN(first, both);
    }
    arena_free(&a);
    *v = (struct vec){.v = rows, .n = n, .cap = n};
    *step_out = first;
    return first == SIZE_MAX || err_set(err, ERR_EXEC, SAME_LABELSET_TEXT);
}

bool
vec_clean_names(struct eval *ev, struct vec *v, size_t steps, struct err *err)
{
    struct arena *a = ev->main.arena;
    struct row *rows = ARENA_ARRAY(a, struct row, v->n);
    for (size_t i = 0; i < v->n; i++) {
        rows[i] = v->v[i];
        if (rows[i].drop_name)
            rows[i].labels = labels_drop_metadata(a, rows[i].labels);
    }
    *v = (struct vec){.v = rows, .n = v->n, .cap = v->n};
    size_t step;
    return !vec_has_same_labels(ev, v) || vec_merge_same(a, v, steps, &step, err);
}
