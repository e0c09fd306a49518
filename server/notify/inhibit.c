#include "server/notify/inhibit.h"

#include "base/hash.h"
#include "base/mem.h"

#define CAP_MIN 16

struct inhibit_index {
    struct source {
        uint64_t equal_hash, fingerprint;
        size_t next;      /* of its bucket, plus 1 */
    } *v;
    size_t n, cap;
    size_t *bucket;       /* indexes into v, plus 1 */
    size_t bucket_n;
};

static bool
all_match(const struct config_matchers *m, struct labels ls)
{
    for (size_t i = 0; i < m->n; i++)
        if (!matcher_matches(&m->v[i], labels_get(ls, m->v[i].name)))
            return false;
    return true;
}

static bool
agree(const struct config_inhibit *rule, struct labels a, struct labels b)
{
    for (size_t i = 0; i < rule->equal.n; i++)
        if (!str_eq(labels_get(a, rule->equal.v[i]), labels_get(b, rule->equal.v[i])))
            return false;
    return true;
}

static uint64_t
equal_hash(const struct config_inhibit *rule, struct labels ls)
{
    uint64_t h = 0;

    for (size_t i = 0; i < rule->equal.n; i++)
        h = hash_mix(h, hash64(labels_get(ls, rule->equal.v[i])));
    return h;
}

static void
link_source(struct inhibit_index *x, size_t i)
{
    size_t *b = &x->bucket[x->v[i].equal_hash & (x->bucket_n - 1)];

    x->v[i].next = *b;
    *b = i + 1;
}

static void
add_source(struct inhibit_index *x, uint64_t hash, uint64_t fingerprint)
{
    if (x->n >= x->bucket_n) {
        mem_free(x->bucket);
        x->bucket_n = MAX(2 * x->bucket_n, (size_t)CAP_MIN);
        x->bucket = MEM_ARRAY(size_t, x->bucket_n);
        for (size_t i = 0; i < x->n; i++)
            link_source(x, i);
    }
    mem_grow(&x->v, &x->cap, x->n + 1, sizeof *x->v);
    x->v[x->n] = (struct source){.equal_hash = hash, .fingerprint = fingerprint};
    link_source(x, x->n++);
}

void
inhibitor_add(struct inhibitor *h, const struct held_alert *a)
{
    for (size_t i = 0; h->conf && i < h->conf->inhibit_rules.n; i++) {
        const struct config_inhibit *rule = &h->conf->inhibit_rules.v[i];
        if (all_match(&rule->source, a->labels))
            add_source(&h->index[i], equal_hash(rule, a->labels), a->fingerprint);
    }
}

void
inhibitor_fini(struct inhibitor *h)
{
    for (size_t i = 0; h->conf && i < h->conf->inhibit_rules.n; i++) {
        mem_free(h->index[i].v);
        mem_free(h->index[i].bucket);
    }
    mem_free(h->index);
    *h = (struct inhibitor){0};
}

void
inhibitor_reset(struct inhibitor *h, const struct config_notify *conf, const struct alert_store *s)
{
    inhibitor_fini(h);
    if (!conf)
        return;
    h->conf = conf;
    h->index = MEM_ARRAY(struct inhibit_index, conf->inhibit_rules.n + 1);
    for (size_t i = 0; i < s->cap; i++)
        if (s->slot[i])
            inhibitor_add(h, s->slot[i]);
}

static const struct held_alert *
find_source(const struct inhibit_index *x, const struct config_inhibit *rule, const struct alert_store *s,
            const struct held_alert *a, int64_t now_ms)
{
    uint64_t hash = equal_hash(rule, a->labels);
    bool both = all_match(&rule->source, a->labels);

    if (x->n == 0)
        return NULL;
    for (size_t i = x->bucket[hash & (x->bucket_n - 1)]; i; i = x->v[i - 1].next) {
        if (x->v[i - 1].equal_hash != hash)
            continue;
        const struct held_alert *source = alert_store_find(s, x->v[i - 1].fingerprint);
        if (!source || held_resolved(source, now_ms) || !agree(rule, source->labels, a->labels))
            continue;
        if (!both || !all_match(&rule->target, source->labels))
            return source;
    }
    return NULL;
}

const struct held_alert *
inhibitor_find(const struct inhibitor *h, const struct alert_store *s, const struct held_alert *a, int64_t now_ms)
{
    for (size_t i = 0; h->conf && i < h->conf->inhibit_rules.n; i++) {
        const struct config_inhibit *rule = &h->conf->inhibit_rules.v[i];
        if (!all_match(&rule->target, a->labels))
            continue;
        const struct held_alert *source = find_source(&h->index[i], rule, s, a, now_ms);
        if (source)
            return source;
    }
    return NULL;
}
