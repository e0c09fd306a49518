#include "storage/exemplar.h"

#include <stdlib.h>

#include "base/codec.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/panic.h"
#include "base/sync.h"
#include "storage/id_table.h"

#define NONE UINT32_MAX

/* Labels copied into one block of memory. */
struct own_labels {
    struct label *v; /* followed by the text */
    size_t n;
};
struct entry {
    uint32_t series; /* index into series[]; NONE: free */
    uint32_t next;   /* the series' next newer */
    struct own_labels labels;
    double value;
    int64_t t;
};
struct series_entry {
    struct own_labels labels;
    uint32_t hash;
    uint32_t oldest, newest; /* ring positions; oldest NONE: free */
};
struct exemplar_ring {
    struct mutex mu;
    struct entry *ring;
    size_t max, at, count;
    struct series_entry *series;
    size_t series_n, series_cap;
    uint32_t *free;
    size_t free_n, free_cap;
    struct id_table by_labels; /* index + 1 */
};

static struct own_labels
own_labels(struct labels ls)
{
    size_t bytes = ls.n * sizeof(struct label);
    for (size_t i = 0; i < ls.n; i++)
        bytes += ls.v[i].name.n + ls.v[i].value.n;
    struct own_labels o = {.v = mem_alloc(MAX(bytes, (size_t)1)), .n = ls.n};
    char *text = (char *)(o.v + ls.n);
    for (size_t i = 0; i < ls.n; i++) {
        str part[2] = {ls.v[i].name, ls.v[i].value};
        for (int k = 0; k < 2; k++) {
            if (part[k].n)
                memcpy(text, part[k].p, part[k].n);
            part[k].p = text;
            text += part[k].n;
        }
        o.v[i] = (struct label){.name = part[0], .value = part[1]};
    }
    return o;
}

static struct labels
own_view(const struct own_labels *o)
{
    return (struct labels){.v = o->v, .n = o->n};
}

struct exemplar_ring *
exemplar_ring_new(size_t max)
{
    struct exemplar_ring *r = MEM_NEW(struct exemplar_ring);
    mutex_init(&r->mu, LOCK_EXEMPLAR);
    id_table_init(&r->by_labels);
    exemplar_ring_resize(r, max);
    return r;
}

static void
drop_entry(struct exemplar_ring *r, size_t at)
{
    struct entry *x = &r->ring[at];
    if (x->series == NONE)
        return;
    struct series_entry *s = &r->series[x->series];
    CHECK(s->oldest == at);
    s->oldest = x->next;
    if (s->oldest == NONE) {
        id_table_del(&r->by_labels, s->hash, x->series + 1);
        mem_free(s->labels.v);
        s->labels.v = NULL;
        mem_grow(&r->free, &r->free_cap, r->free_n + 1, sizeof(*r->free));
        r->free[r->free_n++] = x->series;
    }
    mem_free(x->labels.v);
    x->series = NONE;
    r->count--;
}

void
exemplar_ring_free(struct exemplar_ring **rp)
{
    struct exemplar_ring *r = *rp;
    *rp = NULL;
    if (r == NULL)
        return;
    for (size_t i = 0; i < r->max; i++)
        drop_entry(r, (r->at + i) % r->max);
    id_table_fini(&r->by_labels);
    mutex_fini(&r->mu);
    mem_free(r->ring);
    mem_free(r->series);
    mem_free(r->free);
    mem_free(r);
}

static uint32_t
find_series(const struct exemplar_ring *r, struct labels ls, uint32_t hash)
{
    uint32_t id;
    struct id_probe p = id_table_probe(&r->by_labels, hash);
    while ((id = id_table_next(&p)) != 0)
        if (labels_eq(own_view(&r->series[id - 1].labels), ls))
            return id - 1;
    return NONE;
}

static uint32_t
add_series(struct exemplar_ring *r, struct labels ls, uint32_t hash)
{
    uint32_t i;
    if (r->free_n) {
        i = r->free[--r->free_n];
    } else {
        mem_grow(&r->series, &r->series_cap, r->series_n + 1, sizeof(*r->series));
        i = (uint32_t)r->series_n++;
    }
    r->series[i] = (struct series_entry){
        .labels = own_labels(ls), .hash = hash, .oldest = NONE, .newest = NONE};
    id_table_put(&r->by_labels, hash, i + 1);
    return i;
}

static enum exemplar_verdict
judge(const struct entry *newest, const struct exemplar *e)
{
    struct labels labels = own_view(&newest->labels);
    if (e->t == newest->t && f64_bits(e->value) == f64_bits(newest->value) && labels_eq(e->labels, labels))
        return EXEMPLAR_DUPLICATE;
    bool older = e->t != newest->t           ? e->t < newest->t
                 : e->value != newest->value ? e->value < newest->value
                                             : labels_hash_stable(e->labels) < labels_hash_stable(labels);
    return older ? EXEMPLAR_OUT_OF_ORDER : EXEMPLAR_STORED;
}

/* REQUIRES mu. */
static enum exemplar_verdict
ring_add(struct exemplar_ring *r, struct labels series, const struct exemplar *e)
{
    if (r->max == 0)
        return EXEMPLAR_OFF;
    uint32_t hash = (uint32_t)labels_hash(series);
    uint32_t s = find_series(r, series, hash);
    if (s != NONE) {
        enum exemplar_verdict v = judge(&r->ring[r->series[s].newest], e);
        if (v != EXEMPLAR_STORED)
            return v;
    }
    drop_entry(r, r->at); /* may have been the last one of this series */
    s = find_series(r, series, hash);
    if (s == NONE)
        s = add_series(r, series, hash);
    struct series_entry *of = &r->series[s];
    uint32_t at = (uint32_t)r->at;
    r->ring[at] = (struct entry){.series = s, .next = NONE, .labels = own_labels(e->labels),
                                 .value = e->value, .t = e->t};
    if (of->oldest == NONE)
        of->oldest = at;
    else
        r->ring[of->newest].next = at;
    of->newest = at;
    r->count++;
    r->at = (r->at + 1) % r->max;
    return EXEMPLAR_STORED;
}

enum exemplar_verdict
exemplar_ring_add(struct exemplar_ring *r, struct labels series, const struct exemplar *e)
{
    mutex_lock(&r->mu);
    enum exemplar_verdict v = ring_add(r, series, e);
    size_t count = r->count;
    mutex_unlock(&r->mu);
    if (v == EXEMPLAR_STORED) {
        METRIC_INC(TSDB_EXEMPLAR_EXEMPLARS_APPENDED_TOTAL);
        METRIC_SET(TSDB_EXEMPLAR_EXEMPLARS_IN_STORAGE, (double)count);
    } else if (v == EXEMPLAR_OUT_OF_ORDER) {
        METRIC_INC(TSDB_EXEMPLAR_OUT_OF_ORDER_EXEMPLARS_TOTAL);
    }
    return v;
}

void
exemplar_ring_resize(struct exemplar_ring *r, size_t max)
{
    mutex_lock(&r->mu);
    struct entry *old = r->ring;
    size_t old_max = r->max, at = r->at;
    if (max != old_max || old == NULL) {
        size_t drop = r->count > max ? r->count - max : 0;
        for (size_t i = 0; i < old_max && drop; i++) {
            if (old[(at + i) % old_max].series == NONE)
                continue;
            drop_entry(r, (at + i) % old_max);
            drop--;
        }
        /* Take the rest over, oldest first, by adding it anew. */
        struct exemplar_ring fresh = {.ring = MEM_ARRAY(struct entry, max), .max = max};
        id_table_init(&fresh.by_labels);
        for (size_t i = 0; i < max; i++)
            fresh.ring[i].series = NONE;
        for (size_t i = 0; i < old_max; i++) {
            struct entry *x = &old[(at + i) % old_max];
            if (x->series == NONE)
                continue;
            struct exemplar e = {.labels = own_view(&x->labels), .value = x->value, .t = x->t};
            ring_add(&fresh, own_view(&r->series[x->series].labels), &e);
            drop_entry(r, (at + i) % old_max);
        }
        id_table_fini(&r->by_labels);
        mem_free(old);
        mem_free(r->series);
        mem_free(r->free);
        r->ring = fresh.ring;
        r->max = max;
        r->at = fresh.at;
        r->count = fresh.count;
        r->series = fresh.series;
        r->series_n = fresh.series_n;
        r->series_cap = fresh.series_cap;
        r->free = fresh.free;
        r->free_n = fresh.free_n;
        r->free_cap = fresh.free_cap;
        r->by_labels = fresh.by_labels;
    }
    mutex_unlock(&r->mu);
    METRIC_SET(TSDB_EXEMPLAR_MAX_EXEMPLARS, (double)max);
}

size_t
exemplar_ring_count(struct exemplar_ring *r)
{
    mutex_lock(&r->mu);
    size_t n = r->count;
    mutex_unlock(&r->mu);
    return n;
}

static bool
matches_any(struct labels ls, const struct selection_spec *specs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        size_t k = 0;
        while (k < specs[i].n && matcher_matches(&specs[i].m[k], labels_get(ls, specs[i].m[k].name)))
            k++;
        if (k == specs[i].n)
            return true;
    }
    return false;
}

static int
series_cmp(const void *x, const void *y)
{
    return labels_cmp(((const struct exemplar_series *)x)->series,
                      ((const struct exemplar_series *)y)->series);
}

/* The exemplars of one series in the range. */
static struct exemplar_series
read_series(const struct exemplar_ring *r, const struct series_entry *s, int64_t mint, int64_t maxt,
            struct arena *a)
{
    struct exemplar_series out = {0};
    size_t n = 0;
    for (uint32_t at = s->oldest; at != NONE; at = r->ring[at].next)
        n += r->ring[at].t >= mint && r->ring[at].t <= maxt;
    if (n == 0)
        return out;
    out.series = labels_copy(a, own_view(&s->labels));
    out.v = ARENA_ARRAY(a, struct exemplar, n);
    for (uint32_t at = s->oldest; at != NONE; at = r->ring[at].next) {
        const struct entry *x = &r->ring[at];
        if (x->t >= mint && x->t <= maxt)
            out.v[out.n++] = (struct exemplar){
                .labels = labels_copy(a, own_view(&x->labels)), .value = x->value, .t = x->t};
    }
    return out;
}

size_t
exemplar_ring_select(struct exemplar_ring *r, const struct selection_spec *specs, size_t n,
                     int64_t mint, int64_t maxt, struct arena *a, struct exemplar_series **out)
{
    size_t found = 0, cap = 0;
    *out = NULL;
    mutex_lock(&r->mu);
    for (size_t i = 0; i < r->series_n; i++) {
        const struct series_entry *s = &r->series[i];
        if (s->oldest == NONE || !matches_any(own_view(&s->labels), specs, n))
            continue;
        struct exemplar_series got = read_series(r, s, mint, maxt, a);
        if (got.n == 0)
            continue;
        arena_grow(a, out, &cap, found + 1, sizeof(**out));
        (*out)[found++] = got;
    }
    mutex_unlock(&r->mu);
    if (found)
        qsort(*out, found, sizeof(**out), series_cmp);
    return found;
}

void
exemplar_ring_each(struct exemplar_ring *r,
                   void (*fn)(void *arg, struct labels series, const struct exemplar *e), void *arg)
{
    mutex_lock(&r->mu);
    for (size_t i = 0; i < r->max; i++) {
        const struct entry *x = &r->ring[(r->at + i) % r->max];
        if (x->series == NONE)
            continue;
        struct exemplar e = {.labels = own_view(&x->labels), .value = x->value, .t = x->t};
        fn(arg, own_view(&r->series[x->series].labels), &e);
    }
    mutex_unlock(&r->mu);
}
