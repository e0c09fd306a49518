#include "server/notify/sent.h"

#include "base/hash.h"
#include "base/mem.h"

#define CAP_MIN 64
#define KEEP_MS (120LL * 3600 * 1000) /* Alertmanager's data.retention */

static uint64_t
entry_hash(const struct sent_entry *e)
{
    uint64_t h = hash_mix(hash64(e->group_key), hash64(e->receiver));
    return hash_mix(hash_mix(h, hash64(e->integration)), e->index);
}

int64_t
sent_expiry_ms(int64_t now_ms, int64_t repeat_interval_ms)
{
    return now_ms + MAX(2 * repeat_interval_ms, KEEP_MS);
}

bool
sent_same(const struct sent_entry *a, const struct sent_entry *b)
{
    return a->index == b->index && str_eq(a->group_key, b->group_key) && str_eq(a->receiver, b->receiver) &&
           str_eq(a->integration, b->integration);
}

static size_t
slot_of(const struct sent_table *t, uint64_t hash, const struct sent_entry *e)
{
    size_t i = hash & (t->cap - 1);

    while (t->slot[i] && !(t->slot[i]->hash == hash && sent_same(&t->slot[i]->entry, e)))
        i = (i + 1) & (t->cap - 1);
    return i;
}

const struct sent_entry *
sent_find(const struct sent_table *t, const struct sent_entry *like)
{
    if (t->cap == 0)
        return NULL;
    const struct sent_slot *s = t->slot[slot_of(t, entry_hash(like), like)];
    return s ? &s->entry : NULL;
}

static void
rebuild(struct sent_table *t, size_t cap)
{
    struct sent_table old = *t;

    t->cap = cap;
    t->slot = MEM_ARRAY(struct sent_slot *, cap);
    for (size_t i = 0; i < old.cap; i++)
        if (old.slot[i])
            t->slot[slot_of(t, old.slot[i]->hash, &old.slot[i]->entry)] = old.slot[i];
    mem_free(old.slot);
}

static str
keep(struct buf *m, str s)
{
    size_t at = m->n;
    buf_put(m, s);
    return STR(m->p + at, s.n);
}

static struct sent_slot *
slot_new(uint64_t hash, const struct sent_entry *e)
{
    struct sent_slot *s = MEM_NEW(struct sent_slot);
    struct buf *m = &s->memory;

    /* Numbers first, so that they are aligned; reserved whole, so that nothing moves. */
    buf_reserve(m, 8 * (e->firing_n + e->resolved_n) + e->group_key.n + e->receiver.n + e->integration.n + e->memo.n + 1);
    s->hash = hash;
    s->entry = *e;
    s->entry.firing = (const uint64_t *)(const void *)keep(m, STR(e->firing, 8 * e->firing_n)).p;
    s->entry.resolved = (const uint64_t *)(const void *)keep(m, STR(e->resolved, 8 * e->resolved_n)).p;
    s->entry.group_key = keep(m, e->group_key);
    s->entry.receiver = keep(m, e->receiver);
    s->entry.integration = keep(m, e->integration);
    s->entry.memo = keep(m, e->memo);
    return s;
}

static void
slot_free(struct sent_slot *s)
{
    if (!s)
        return;
    buf_free(&s->memory);
    mem_free(s);
}

void
sent_put(struct sent_table *t, const struct sent_entry *e)
{
    uint64_t hash = entry_hash(e);

    if (t->n * 2 >= t->cap)
        rebuild(t, MAX(t->cap * 2, (size_t)CAP_MIN));
    size_t i = slot_of(t, hash, e);
    struct sent_slot *old = t->slot[i];
    t->slot[i] = slot_new(hash, e);
    t->n += !old;
    slot_free(old);
}

void
sent_sweep(struct sent_table *t, int64_t now_ms)
{
    bool any = false;

    for (size_t i = 0; i < t->cap; i++) {
        if (!t->slot[i] || t->slot[i]->entry.expires_ms > now_ms)
            continue;
        slot_free(t->slot[i]);
        t->slot[i] = NULL;
        t->n--;
        any = true;
    }
    if (any)
        rebuild(t, t->cap); /* holes break the probe chains */
}

void
sent_fini(struct sent_table *t)
{
    for (size_t i = 0; i < t->cap; i++)
        slot_free(t->slot[i]);
    mem_free(t->slot);
    *t = (struct sent_table){0};
}
