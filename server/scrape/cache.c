#include "server/scrape/cache.h"

#include "base/mem.h"
#include "base/metric.h"
#include "base/panic.h"

/* A cache that failing scrapes have grown beyond this is cut back. */
#define GROWN(c) ((c)->success_n * 2 + 1000)

void
cache_work_fini(struct cache_work *w)
{
    mem_free(w->order);
    mem_free(w->index);
    mem_free(w->ids);
    mem_free(w->metadata.index);
    *w = (struct cache_work){0};
}

void
cache_fini(struct cache *c, struct family_pool *p)
{
    mem_free(c->lines);
    metadata_fini(&c->metadata, p);
    *c = (struct cache){0};
}

void
cache_begin(struct cache *c, struct cache_work *w)
{
    CHECK(!c->loose);
    c->at = 0;
    c->pass++;
    w->order_n = 0;
    w->index_size = 0;
    metadata_begin(&w->metadata);
}

static void
note_order(struct cache_work *w, uint32_t line)
{
    if (UNLIKELY(w->order_n == w->order_cap))
        mem_grow(&w->order, &w->order_cap, w->order_n + 1, sizeof w->order[0]);
    w->order[w->order_n++] = line;
}

void
cache_loosen(struct cache *c, struct cache_work *w)
{
    if (c->loose)
        return;
    c->loose = true;
    /* What came before came as expected. */
    for (uint32_t i = 0; i < c->at; i++) {
        struct cache_line *l = &c->lines[i];
        l->bits |= CACHE_VISITED | (l->bits & CACHE_BEFORE ? CACHE_TRACKED : 0);
        if (cache_kind(l) == CACHE_META)
            metadata_see(&c->metadata, l->id & CACHE_META_SLOT);
        note_order(w, i);
    }
}

bool
cache_visit_loose(struct cache *c, struct cache_work *w, struct cache_line *l, bool tracked)
{
    cache_loosen(c, w);
    if (l->bits & CACHE_VISITED) {
        if (tracked)
            l->bits |= CACHE_TRACKED;
        return false;
    }
    uint32_t line = (uint32_t)(l - c->lines);
    l->bits |= CACHE_VISITED | (tracked ? CACHE_TRACKED : 0);
    if (cache_kind(l) == CACHE_META)
        metadata_see(&c->metadata, l->id & CACHE_META_SLOT);
    note_order(w, line);
    c->at = line + 1;
    return true;
}

void
cache_track(struct cache *c, struct cache_work *w, struct cache_line *l)
{
    cache_loosen(c, w);
    l->bits |= CACHE_TRACKED;
}

void
cache_untrack(struct cache *c, struct cache_work *w, uint32_t line)
{
    cache_loosen(c, w);
    c->lines[line].bits &= ~CACHE_TRACKED;
}

/* --- lines by hash ----------------------------------------------------------------- */

static void
index_put(struct cache_work *w, uint64_t hash, uint32_t line)
{
    size_t mask = w->index_size - 1, at = (size_t)(hash >> 7) & mask;

    while (w->index[at])
        at = (at + 1) & mask;
    w->index[at] = line + 1;
}

static void
index_make(const struct cache *c, struct cache_work *w)
{
    size_t size = 64;

    while (size < (size_t)c->n * 3)
        size *= 2;
    if (size > w->index_cap) {
        mem_free(w->index);
        w->index = MEM_ARRAY(uint32_t, size);
        w->index_cap = size;
    } else {
        memset(w->index, 0, size * sizeof w->index[0]);
    }
    w->index_size = size;
    for (uint32_t i = 0; i < c->n; i++)
        index_put(w, c->lines[i].hash, i);
}

struct cache_line *
cache_find(struct cache *c, struct cache_work *w, str text)
{
    uint64_t hash = hash64(text);

    cache_loosen(c, w);
    if (w->index_size == 0)
        index_make(c, w);
    size_t mask = w->index_size - 1;
    for (size_t at = (size_t)(hash >> 7) & mask; w->index[at]; at = (at + 1) & mask) {
        struct cache_line *l = &c->lines[w->index[at] - 1];
        if (l->hash == hash && (l->bits & CACHE_LENGTH) == text.n)
            return l;
    }
    return NULL;
}

struct cache_line *
cache_add(struct cache *c, struct cache_work *w, enum cache_kind kind, str text, uint32_t id)
{
    CHECK(text.n <= CACHE_LENGTH && c->loose && w->index_size);
    if (c->n == c->cap) {
        c->cap = c->cap + c->cap / 4 + 16;
        c->lines = mem_realloc(c->lines, c->cap * sizeof c->lines[0]);
    }
    uint32_t line = c->n++;
    struct cache_line *l = &c->lines[line];
    *l = (struct cache_line){hash64(text), id,
                             (uint32_t)text.n | (uint32_t)kind << CACHE_KIND_SHIFT | CACHE_VISITED};
    if (kind == CACHE_META)
        l->bits |= CACHE_TRACKED;
    note_order(w, line);
    if ((size_t)c->n * 2 > w->index_size)
        index_make(c, w);
    else
        index_put(w, l->hash, line);
    return l;
}

/* --- staleness --------------------------------------------------------------------- */

void
id_set_begin(struct id_set *s, struct cache_work *w, size_t n)
{
    size_t size = 64;

    while (size < n * 2)
        size *= 2;
    if (size > w->ids_cap) {
        mem_free(w->ids);
        w->ids = MEM_ARRAY(uint32_t, size);
        w->ids_cap = size;
    } else {
        memset(w->ids, 0, size * sizeof w->ids[0]);
    }
    *s = (struct id_set){w->ids, size - 1};
}

bool
id_set_add(struct id_set *s, uint32_t id)
{
    size_t at = (size_t)(id * 0x9e3779b1u) & s->mask;

    while (s->v[at]) {
        if (s->v[at] == id)
            return false;
        at = (at + 1) & s->mask;
    }
    s->v[at] = id;
    return true;
}

bool
id_set_has(const struct id_set *s, uint32_t id)
{
    size_t at = (size_t)(id * 0x9e3779b1u) & s->mask;

    while (s->v[at] && s->v[at] != id)
        at = (at + 1) & s->mask;
    return s->v[at] == id;
}

static bool
is_stale(const struct cache_line *l)
{
    return (l->bits & (CACHE_BEFORE | CACHE_TRACKED)) == CACHE_BEFORE && cache_kind(l) == CACHE_SERIES;
}

void
cache_each_stale(struct cache *c, struct cache_work *w, void (*stale)(void *arg, uint32_t id), void *arg)
{
    struct id_set s;
    bool any = false;

    if (!c->loose && c->at == c->n)
        return;
    cache_loosen(c, w);
    for (uint32_t i = 0; i < c->n && !any; i++)
        any = is_stale(&c->lines[i]);
    if (!any)
        return;
    id_set_begin(&s, w, c->n);
    for (uint32_t i = 0; i < c->n; i++)
        if ((c->lines[i].bits & CACHE_TRACKED) && cache_kind(&c->lines[i]) == CACHE_SERIES)
            id_set_add(&s, c->lines[i].id);
    for (uint32_t i = 0; i < c->n; i++)
        if (is_stale(&c->lines[i]) && id_set_add(&s, c->lines[i].id))
            stale(arg, c->lines[i].id);
}

void
cache_each_tracked(const struct cache *c, void (*stale)(void *arg, uint32_t id), void *arg)
{
    for (uint32_t i = 0; i < c->n; i++)
        if ((c->lines[i].bits & CACHE_BEFORE) && cache_kind(&c->lines[i]) == CACHE_SERIES)
            stale(arg, c->lines[i].id);
}

/* --- the end of a pass ------------------------------------------------------------- */

static void
rotate(struct cache_line *l)
{
    bool tracked = l->bits & CACHE_TRACKED;

    l->bits &= ~(CACHE_VISITED | CACHE_TRACKED | CACHE_BEFORE);
    l->bits |= tracked ? CACHE_BEFORE : 0;
}

/* The lines seen, in their order, and no others. */
static void
compact(struct cache *c, const struct cache_work *w)
{
    struct cache_line *lines = MEM_ARRAY(struct cache_line, w->order_n + 1);

    for (size_t i = 0; i < w->order_n; i++)
        lines[i] = c->lines[w->order[i]];
    mem_free(c->lines);
    c->lines = lines;
    c->n = (uint32_t)w->order_n;
    c->cap = c->n + 1;
}

void
cache_end(struct cache *c, struct cache_work *w, struct family_pool *p, bool success)
{
    bool flush = success;

    if (success && !c->loose && c->at == c->n) {
        if (c->metadata.gone_n)
            metadata_end(&c->metadata, p, &(struct metadata_pass){.number = c->pass, .flush = true});
        return;
    }
    cache_loosen(c, w);
    if (!success && c->n + c->metadata.used > GROWN(c)) {
        flush = true;
        METRIC_INC(TARGET_SCRAPES_CACHE_FLUSH_FORCED_TOTAL);
    }
    if (flush)
        compact(c, w);
    for (uint32_t i = 0; i < c->n; i++)
        rotate(&c->lines[i]);
    metadata_end(&c->metadata, p, &(struct metadata_pass){.number = c->pass, .loose = true, .flush = flush});
    if (success)
        c->success_n = c->n + c->metadata.used;
    c->loose = false;
}
