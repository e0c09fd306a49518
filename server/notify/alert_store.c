#include "server/notify/alert_store.h"

#include "base/limits.h"
#include "base/mem.h"
#include "base/panic.h"

#define CAP_MIN 64

/* A held alert with copies of all texts in the same allocation. */
static struct held_alert *
held_new(const struct alert *a)
{
    struct held_alert *h = MEM_NEW(struct held_alert);

    h->refs = 1;
    h->fingerprint = labels_fingerprint(a->labels);
    h->labels = labels_keep(a->labels);
    h->annotations = labels_keep(a->annotations);
    h->url = mem_str(a->generator_url);
    h->starts_ms = a->starts_ms;
    h->ends_ms = a->ends_ms;
    h->starts_offset_s = a->starts_offset_s;
    h->ends_offset_s = a->ends_offset_s;
    h->timeout = a->timeout;
    return h;
}

struct held_alert *
held_ref(struct held_alert *a)
{
    a->refs++;
    return a;
}

void
held_unref(struct held_alert **out)
{
    struct held_alert *a = *out;

    *out = NULL;
    if (!a || --a->refs > 0)
        return;
    labels_release(&a->labels);
    labels_release(&a->annotations);
    mem_free((void *)(uintptr_t)a->url.p);
    mem_free(a);
}

int
labels_size_cmp(struct labels a, struct labels b)
{
    if (a.n != b.n)
        return a.n < b.n ? -1 : 1;
    for (size_t i = 0; i < a.n; i++) {
        int c = str_cmp(a.v[i].name, b.v[i].name);
        if (c) /* whoever lacks the smaller name goes first */
            return -c;
        c = str_cmp(a.v[i].value, b.v[i].value);
        if (c)
            return c;
    }
    return 0;
}

int
notify_order(struct labels a, struct labels b)
{
    static const str first[] = {{"job", 3}, {"instance", 8}};

    for (size_t i = 0; i < ARRAY_LEN(first); i++) {
        bool in_a = labels_has(a, first[i]), in_b = labels_has(b, first[i]);
        int c = in_a && in_b ? str_cmp(labels_get(a, first[i]), labels_get(b, first[i])) : in_b - in_a;
        if (c)
            return c;
    }
    return labels_size_cmp(a, b);
}

static size_t
slot_of(const struct alert_store *s, uint64_t fingerprint)
{
    size_t i = fingerprint & (s->cap - 1);

    while (s->slot[i] && s->slot[i]->fingerprint != fingerprint)
        i = (i + 1) & (s->cap - 1);
    return i;
}

static void
rebuild(struct alert_store *s, size_t cap)
{
    struct alert_store old = *s;

    s->cap = cap;
    s->slot = MEM_ARRAY(struct held_alert *, cap);
    for (size_t i = 0; i < old.cap; i++)
        if (old.slot[i])
            s->slot[slot_of(s, old.slot[i]->fingerprint)] = old.slot[i];
    mem_free(old.slot);
}

struct held_alert *
alert_store_find(const struct alert_store *s, uint64_t fingerprint)
{
    return s->cap ? s->slot[slot_of(s, fingerprint)] : NULL;
}

/* NULL when there are too many. */
static struct held_alert **
place_for(struct alert_store *s, uint64_t fingerprint)
{
    if (s->n * 2 >= s->cap)
        rebuild(s, MAX(s->cap * 2, (size_t)CAP_MIN));
    struct held_alert **slot = &s->slot[slot_of(s, fingerprint)];
    return *slot || s->n < LIMIT_NOTIFY_ALERTS ? slot : NULL;
}

static bool
overlap(const struct held_alert *old, const struct held_alert *fresh)
{
    return (fresh->ends_ms > old->starts_ms && fresh->ends_ms < old->ends_ms) ||
           (fresh->starts_ms > old->starts_ms && fresh->starts_ms < old->ends_ms);
}

static void
merge(const struct held_alert *old, struct held_alert *fresh, int64_t now_ms)
{
    bool over = held_resolved(fresh, now_ms);

    if (old->starts_ms < fresh->starts_ms) {
        fresh->starts_ms = old->starts_ms;
        fresh->starts_offset_s = old->starts_offset_s;
    }
    if (old->ends_ms > fresh->ends_ms && (over ? held_resolved(old, now_ms) : !old->timeout)) {
        fresh->ends_ms = old->ends_ms;
        fresh->ends_offset_s = old->ends_offset_s;
    }
}

struct held_alert *
alert_store_put(struct alert_store *s, const struct alert *a, int64_t now_ms)
{
    struct held_alert *fresh = held_new(a);
    struct held_alert **slot = place_for(s, fresh->fingerprint);

    if (!slot) {
        held_unref(&fresh);
        return NULL;
    }
    if (*slot && overlap(*slot, fresh))
        merge(*slot, fresh, now_ms);
    fresh->updated_ms = now_ms;
    s->n += !*slot;
    held_unref(slot);
    *slot = fresh;
    return fresh;
}

void
alert_store_load(struct alert_store *s, const struct alert *a, int64_t updated_ms)
{
    struct held_alert *fresh = held_new(a);
    struct held_alert **slot = place_for(s, fresh->fingerprint);

    if (!slot) {
        held_unref(&fresh);
        return;
    }
    fresh->updated_ms = updated_ms;
    s->n += !*slot;
    held_unref(slot);
    *slot = fresh;
}

bool
alert_store_sweep(struct alert_store *s, int64_t now_ms)
{
    bool any = false;

    for (size_t i = 0; i < s->cap; i++) {
        struct held_alert *a = s->slot[i];
        if (!a || a->refs > 1 || !held_resolved(a, now_ms))
            continue;
        held_unref(&s->slot[i]);
        s->n--;
        any = true;
    }
    if (any)
        rebuild(s, s->cap); /* holes break the probe chains */
    return any;
}

void
alert_store_fini(struct alert_store *s)
{
    for (size_t i = 0; i < s->cap; i++)
        held_unref(&s->slot[i]);
    mem_free(s->slot);
    *s = (struct alert_store){0};
}
