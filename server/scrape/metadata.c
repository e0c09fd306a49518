#include "server/scrape/metadata.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/panic.h"

#define KEEP_PASSES 10

/* --- the pool ---------------------------------------------------------------------- */

void
family_pool_fini(struct family_pool *p)
{
    CHECK(p->n == 0);
    mem_free(p->table);
    *p = (struct family_pool){0};
}

static uint64_t
hash_of(const struct family *f)
{
    uint64_t h = hash_mix(f->name_hash, (uint64_t)f->kind + 1);
    h = hash_mix(h, hash64(f->help));
    return hash_mix(h, hash64(f->unit));
}

static bool
same(const struct family *a, const struct family *b)
{
    return a->hash == b->hash && a->kind == b->kind && str_eq(a->name, b->name) &&
           str_eq(a->help, b->help) && str_eq(a->unit, b->unit);
}

static void
pool_insert(struct family_pool *p, struct family *f)
{
    size_t mask = p->size - 1, at = (size_t)f->hash & mask;

    while (p->table[at])
        at = (at + 1) & mask;
    p->table[at] = f;
}

static void
pool_grow(struct family_pool *p)
{
    struct family **old = p->table;
    size_t size = p->size;

    p->size = size ? size * 2 : 256;
    p->table = MEM_ARRAY(struct family *, p->size);
    for (size_t i = 0; i < size; i++)
        if (old[i])
            pool_insert(p, old[i]);
    mem_free(old);
}

static str
put_behind(char **at, str s)
{
    str copy = STR(*at, s.n);

    if (s.n)
        memcpy(*at, s.p, s.n);
    *at += s.n;
    return copy;
}

/* The pool's record that is like x, with one more reference. */
static struct family *
pool_get(struct family_pool *p, struct family *x)
{
    x->hash = hash_of(x);
    if (p->n * 2 >= p->size)
        pool_grow(p);
    size_t mask = p->size - 1;
    for (size_t at = (size_t)x->hash & mask; p->table[at]; at = (at + 1) & mask)
        if (same(p->table[at], x)) {
            p->table[at]->refs++;
            return p->table[at];
        }
    struct family *f = mem_alloc(sizeof *f + x->name.n + x->help.n + x->unit.n);
    char *behind = (char *)(f + 1);
    *f = *x;
    f->refs = 1;
    f->name = put_behind(&behind, x->name);
    f->help = put_behind(&behind, x->help);
    f->unit = put_behind(&behind, x->unit);
    pool_insert(p, f);
    p->n++;
    return f;
}

static void
pool_put(struct family_pool *p, struct family *f)
{
    if (--f->refs)
        return;
    size_t mask = p->size - 1, at = (size_t)f->hash & mask;
    while (p->table[at] != f)
        at = (at + 1) & mask;
    /* Close the gap, so that searches need no marks of the dead. */
    for (size_t next = (at + 1) & mask; p->table[next]; next = (next + 1) & mask) {
        size_t home = (size_t)p->table[next]->hash & mask;
        if (((next - home) & mask) >= ((next - at) & mask)) {
            p->table[at] = p->table[next];
            at = next;
        }
    }
    p->table[at] = NULL;
    p->n--;
    mem_free(f);
}

/* --- a target's slots -------------------------------------------------------------- */

void
metadata_fini(struct metadata *m, struct family_pool *p)
{
    for (uint32_t i = 0; i < m->n; i++)
        if (m->v[i].f)
            pool_put(p, m->v[i].f);
    mem_free(m->v);
    *m = (struct metadata){0};
}

void
metadata_begin(struct metadata_work *w)
{
    w->size = 0;
}

static void
index_put(struct metadata_work *w, uint64_t name_hash, uint32_t slot)
{
    size_t mask = w->size - 1, at = (size_t)name_hash & mask;

    while (w->index[at])
        at = (at + 1) & mask;
    w->index[at] = slot + 1;
}

static void
index_make(const struct metadata *m, struct metadata_work *w)
{
    size_t size = 64;

    while (size < (size_t)m->used * 4)
        size *= 2;
    if (size > w->cap) {
        mem_free(w->index);
        w->index = MEM_ARRAY(uint32_t, size);
        w->cap = size;
    } else {
        memset(w->index, 0, size * sizeof w->index[0]);
    }
    w->size = size;
    for (uint32_t i = 0; i < m->n; i++)
        if (m->v[i].f)
            index_put(w, m->v[i].f->name_hash, i);
}

/* The slot of a name, or m->n. */
static uint32_t
find_slot(const struct metadata *m, const struct metadata_work *w, str name, uint64_t name_hash)
{
    size_t mask = w->size - 1;

    for (size_t at = (size_t)name_hash & mask; w->index[at]; at = (at + 1) & mask) {
        uint32_t slot = w->index[at] - 1;
        if (m->v[slot].f->name_hash == name_hash && str_eq(m->v[slot].f->name, name))
            return slot;
    }
    return m->n;
}

static uint32_t
free_slot(struct metadata *m)
{
    for (; m->free_from < m->n; m->free_from++)
        if (!m->v[m->free_from].f)
            return m->free_from;
    if (m->n == m->cap) {
        m->cap = m->cap + m->cap / 2 + 8;
        m->v = mem_realloc(m->v, m->cap * sizeof m->v[0]);
    }
    m->v[m->n] = (struct metadata_slot){0};
    return m->n++;
}

static void
apply(struct family *f, const struct metadata_entry *x)
{
    switch (x->what) {
    case METADATA_TYPE: f->kind = x->kind; break;
    case METADATA_HELP: f->help = x->text; break;
    case METADATA_UNIT: f->unit = x->text; break;
    }
}

static bool
same_values(const struct family *a, const struct family *b)
{
    return a->kind == b->kind && str_eq(a->help, b->help) && str_eq(a->unit, b->unit);
}

/* REQUIRES the pool's lock. */
static void
change(struct metadata_slot *s, struct family_pool *p, const struct family *x)
{
    struct family *old = s->f, draft = *x;

    s->f = pool_get(p, &draft);
    if (old)
        pool_put(p, old);
}

uint32_t
metadata_set(struct metadata *m, struct metadata_work *w, struct family_pool *p,
             const struct metadata_entry *x)
{
    struct family draft = {.name = x->family, .name_hash = hash64(x->family)};

    if (w->size == 0)
        index_make(m, w);
    uint32_t slot = find_slot(m, w, x->family, draft.name_hash);
    mutex_lock(p->mu);
    if (slot == m->n) {
        apply(&draft, x);
        slot = free_slot(m);
        change(&m->v[slot], p, &draft);
        m->used++;
        if ((size_t)m->used * 2 > w->size)
            index_make(m, w);
        else
            index_put(w, draft.name_hash, slot);
    } else {
        draft = *m->v[slot].f;
        apply(&draft, x);
        m->conflict_now = m->conflict_now || (m->v[slot].seen && !same_values(&draft, m->v[slot].f));
        change(&m->v[slot], p, &draft);
    }
    mutex_unlock(p->mu);
    m->v[slot].seen = true;
    return slot;
}

void
metadata_end(struct metadata *m, struct family_pool *p, const struct metadata_pass *pass)
{
    mutex_lock(p->mu);
    if (pass->loose) {
        m->conflict = m->conflict_now;
        m->conflict_now = false;
    }
    for (uint32_t i = 0; i < m->n; i++) {
        struct metadata_slot *s = &m->v[i];
        if (!s->f)
            continue;
        if (pass->loose && s->seen) {
            m->gone_n -= s->gone;
            s->gone = false;
        } else if (pass->loose && !s->gone) {
            s->gone = true;
            s->last_pass = pass->number - 1;
            m->gone_n++;
        }
        s->seen = false;
        if (s->gone && pass->flush && pass->number - s->last_pass > KEEP_PASSES) {
            pool_put(p, s->f);
            *s = (struct metadata_slot){0};
            m->gone_n--;
            m->used--;
            m->free_from = MIN(m->free_from, i);
        }
    }
    mutex_unlock(p->mu);
}

size_t
metadata_bytes(const struct metadata *m)
{
    size_t n = 0;

    for (uint32_t i = 0; i < m->n; i++)
        if (m->v[i].f)
            n += m->v[i].f->help.n + m->v[i].f->unit.n + strlen(metric_kind_name(m->v[i].f->kind));
    return n;
}
