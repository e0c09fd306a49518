/* sent.c - the table of what was sent last, by group and integration. */
#include "base/hash.h"
#include "base/mem.h"
#include "server/notify/notify_priv.h"

static uint64_t
entry_hash(str group_key, str receiver, str integration, unsigned index)
{
    uint64_t h = hash_mix(hash64(group_key), hash64(receiver));
    return hash_mix(hash_mix(h, hash64(integration)), index);
}

static struct sent_slot *
find_slot(const struct sent_table *t, uint64_t hash)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->v[i].hash == hash)
            return &t->v[i];
    return NULL;
}

const struct sent_entry *
sent_find(const struct sent_table *t, str group_key, str receiver, str integration, unsigned index)
{
    struct sent_slot *s = find_slot(t, entry_hash(group_key, receiver, integration, index));
    return s ? &s->entry : NULL;
}

static str
keep(struct buf *m, str s)
{
    size_t at = m->n;
    buf_put(m, s);
    return STR(m->p + at, s.n);
}

void
sent_put(struct sent_table *t, const struct sent_entry *e)
{
    uint64_t hash = entry_hash(e->group_key, e->receiver, e->integration, e->index);
    struct sent_slot *s = find_slot(t, hash);
    struct buf m = {0};

    /* Numbers first, so that they are aligned; reserved whole, so that nothing moves. */
    buf_reserve(&m, 8 * (e->firing_n + e->resolved_n) + e->group_key.n + e->receiver.n + e->integration.n);
    struct sent_entry copy = *e;
    copy.firing = (const uint64_t *)(const void *)keep(&m, STR(e->firing, 8 * e->firing_n)).p;
    copy.resolved = (const uint64_t *)(const void *)keep(&m, STR(e->resolved, 8 * e->resolved_n)).p;
    copy.group_key = keep(&m, e->group_key);
    copy.receiver = keep(&m, e->receiver);
    copy.integration = keep(&m, e->integration);
    if (!s) {
        mem_grow(&t->v, &t->cap, t->n + 1, sizeof *t->v);
        s = &t->v[t->n++];
        *s = (struct sent_slot){.hash = hash};
    }
    buf_free(&s->memory);
    s->memory = m;
    s->entry = copy;
}

void
sent_sweep(struct sent_table *t, int64_t now_ms)
{
    for (size_t i = 0; i < t->n;) {
        if (t->v[i].entry.expires_ms > now_ms) {
            i++;
            continue;
        }
        buf_free(&t->v[i].memory);
        t->v[i] = t->v[--t->n];
    }
}

void
sent_fini(struct sent_table *t)
{
    for (size_t i = 0; i < t->n; i++)
        buf_free(&t->v[i].memory);
    mem_free(t->v);
    *t = (struct sent_table){0};
}
