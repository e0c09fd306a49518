#include "server/scrape/pool.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"

/* A sync at work: all targets, old and new, by hash. */
struct sync {
    struct scrape_pool *p;
    struct arena *a;         /* of one target */
    struct target **table;
    size_t mask, n;
    struct target **order;   /* the targets there will be */
    size_t order_n, order_cap;
    size_t failures;
};

struct scrape_pool *
scrape_pool_new(struct job *j, struct shard **shards, unsigned shards_n)
{
    struct scrape_pool *p = MEM_NEW(struct scrape_pool);

    p->job = job_ref(j);
    p->name = j->s->job_name;
    p->shards = shards;
    p->shards_n = shards_n;
    METRIC_INC(TARGET_SCRAPE_POOLS_TOTAL);
    metric_set(metric_child(METRIC_TARGET_SCRAPE_POOL_TARGET_LIMIT, &p->name, 1),
               (double)j->s->limit.target);
    return p;
}

void
scrape_pool_free(struct scrape_pool **out)
{
    struct scrape_pool *p = *out;

    *out = NULL;
    if (!p)
        return;
    for (size_t i = 0; i < p->n; i++)
        target_unref(&p->targets[i]);
    target_set_unref(&p->set);
    mem_free(p->targets);
    mem_free(p->dropped);
    job_unref(&p->job);
    mem_free(p);
}

void
scrape_pool_stop(struct scrape_pool *p)
{
    for (size_t i = 0; i < p->n; i++)
        shard_remove(p->shards[p->targets[i]->shard], p->targets[i]);
    metric_drop(METRIC_TARGET_SCRAPE_POOL_SYNC_TOTAL, p->name);
    metric_drop(METRIC_TARGET_SCRAPE_POOL_TARGET_LIMIT, p->name);
    metric_drop(METRIC_TARGET_SCRAPE_POOL_TARGETS, p->name);
    metric_drop(METRIC_TARGET_SYNC_LENGTH_SECONDS, p->name);
    metric_drop(METRIC_TARGET_SYNC_FAILED_TOTAL, p->name);
}

void
scrape_pool_reload(struct scrape_pool *p, struct job *j)
{
    const struct config_scrape *old = p->job->s, *new = j->s;
    bool same = str_eq(old->identity, new->identity);
    bool keep = str_eq(old->cache_identity, new->cache_identity);

    if (!same) {
        METRIC_INC(TARGET_SCRAPE_POOL_RELOADS_TOTAL);
        p->stale = true;
        metric_set(metric_child(METRIC_TARGET_SCRAPE_POOL_TARGET_LIMIT, &j->s->job_name, 1),
                   (double)new->limit.target);
    }
    /* All move to the new generation, so that the old one can be freed. */
    for (size_t i = 0; i < p->n; i++)
        shard_update(p->shards[p->targets[i]->shard], p->targets[i], j, keep);
    job_unref(&p->job);
    p->job = job_ref(j);
    p->name = j->s->job_name;
}

/* --- sync -------------------------------------------------------------------------- */

static struct target **
table_at(struct sync *s, uint64_t hash)
{
    size_t at = (size_t)hash & s->mask;

    while (s->table[at] && s->table[at]->hash != hash)
        at = (at + 1) & s->mask;
    return &s->table[at];
}

static void
table_grow(struct sync *s)
{
    struct target **old = s->table;
    size_t size = s->mask + 1;

    s->mask = size * 2 - 1;
    s->table = MEM_ARRAY(struct target *, size * 2);
    for (size_t i = 0; i < size; i++)
        if (old[i])
            *table_at(s, old[i]->hash) = old[i];
    mem_free(old);
}

static void
table_add(struct sync *s, struct target *t)
{
    if (++s->n * 2 > s->mask)
        table_grow(s);
    *table_at(s, t->hash) = t;
}

static void
drop(struct scrape_pool *p, const struct target_group *g, size_t index)
{
    uint64_t keep = p->job->s->limit.keep_dropped_targets;

    p->dropped_count++;
    if (keep && p->dropped_n >= keep)
        return;
    mem_grow(&p->dropped, &p->dropped_cap, p->dropped_n + 1, sizeof p->dropped[0]);
    p->dropped[p->dropped_n++] = (struct dropped_target){g, index};
}

static void
want(struct sync *s, struct target *t, const struct target_group *g, size_t index)
{
    t->group = g;
    t->index = index;
    if (t->wanted)
        return;
    t->wanted = true;
    mem_grow(&s->order, &s->order_cap, s->order_n + 1, sizeof(struct target *));
    s->order[s->order_n++] = t;
}

static void
sync_target(struct sync *s, const struct target_group *g, size_t index)
{
    struct scrape_pool *p = s->p;
    const struct config_scrape *c = p->job->s;
    struct labels labels;
    struct err e;

    arena_clear(s->a);
    struct labels discovered = target_discovered(c, g->labels, g->targets[index], s->a);
    if (!target_relabel(c, discovered, s->a, &labels, &e)) {
        LOG_ERROR("Creating target failed", KV_STR("scrape_pool", p->name), KV_STR("group", g->source),
                  KV_I64("instance", index), KV_ERR(&e));
        s->failures++;
        return;
    }
    if (labels.n == 0) {
        drop(p, g, index);
        return;
    }
    str url = target_url(c, labels, s->a);
    uint64_t hash = target_hash(labels, url);
    struct target **at = table_at(s, hash);
    if (!*at) {
        struct target *t = target_new(labels, url, hash, p->job);
        t->shard = (unsigned)(t->lasting % p->shards_n);
        table_add(s, t);
        at = table_at(s, hash);
    }
    want(s, *at, g, index);
}

/* Old targets that have gone, by what they leave behind. */
struct gone {
    struct target **v;
    size_t n;
};

static int
by_lasting(const void *x, const void *y)
{
    uint64_t a = (*(struct target *const *)x)->lasting, b = (*(struct target *const *)y)->lasting;

    return (a > b) - (a < b);
}

static void
find_gone(const struct scrape_pool *p, struct gone *out)
{
    *out = (struct gone){.v = MEM_ARRAY(struct target *, p->n + 1)};
    for (size_t i = 0; i < p->n; i++)
        if (!p->targets[i]->wanted)
            out->v[out->n++] = p->targets[i];
    qsort(out->v, out->n, sizeof out->v[0], by_lasting);
}

/* The old target that t carries on, or NULL; each is given out once. */
static struct target *
take_heirloom(struct gone *g, const struct target *t)
{
    size_t lo = 0, hi = g->n;

    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (g->v[mid]->lasting < t->lasting)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (; lo < g->n && g->v[lo]->lasting == t->lasting; lo++)
        if (!g->v[lo]->bequeathed) {
            g->v[lo]->bequeathed = true;
            return g->v[lo];
        }
    return NULL;
}

static void
give_to_shards(struct sync *s)
{
    struct scrape_pool *p = s->p;
    struct gone gone;

    find_gone(p, &gone);
    for (size_t i = 0; i < s->order_n; i++) {
        struct target *t = s->order[i];
        if (t->scraped)
            continue;
        t->scraped = true;
        shard_add(p->shards[t->shard], t, take_heirloom(&gone, t));
    }
    for (size_t i = 0; i < gone.n; i++)
        if (!gone.v[i]->bequeathed)
            shard_remove(p->shards[gone.v[i]->shard], gone.v[i]);
    for (size_t i = 0; i < gone.n; i++)
        target_unref(&gone.v[i]);
    mem_free(gone.v);
}

/* Over target_limit all targets of the job fail. */
static void
apply_limit(struct scrape_pool *p)
{
    uint64_t limit = p->job->s->limit.target;
    struct buf text = {0};

    if (limit && p->n > limit) {
        METRIC_INC(TARGET_SCRAPE_POOL_EXCEEDED_TARGET_LIMIT_TOTAL);
        buf_printf(&text, "target_limit exceeded (number of targets: %zu, limit: %llu)", p->n,
                   (unsigned long long)limit);
    }
    for (size_t i = 0; i < p->n; i++)
        shard_force_error(p->shards[p->targets[i]->shard], p->targets[i], buf_str(&text));
    buf_free(&text);
}

static void
count_sync(const struct scrape_pool *p, const struct sync *s, int64_t start_ns)
{
    metric_set(metric_child(METRIC_TARGET_SCRAPE_POOL_TARGETS, &p->name, 1), (double)p->n);
    metric_inc(metric_child(METRIC_TARGET_SCRAPE_POOL_SYNC_TOTAL, &p->name, 1));
    metric_add(metric_child(METRIC_TARGET_SYNC_FAILED_TOTAL, &p->name, 1), (double)s->failures);
    metric_observe(metric_child(METRIC_TARGET_SYNC_LENGTH_SECONDS, &p->name, 1),
                   (double)(clock_mono_ns() - start_ns) * 1e-9);
}

void
scrape_pool_sync(struct scrape_pool *p, struct target_set *set)
{
    struct sync s = {.p = p, .mask = 255};
    int64_t start_ns = clock_mono_ns();

    if (set == p->set && !p->stale) {
        target_set_unref(&set);
        return;
    }
    s.a = arena_new();
    s.table = MEM_ARRAY(struct target *, s.mask + 1);
    for (size_t i = 0; i < p->n; i++) {
        p->targets[i]->wanted = false;
        table_add(&s, p->targets[i]);
    }
    p->dropped_n = p->dropped_count = 0;
    for (size_t i = 0; i < set->n; i++)
        for (size_t k = 0; k < set->groups[i]->targets_n; k++)
            sync_target(&s, set->groups[i], k);
    give_to_shards(&s);
    mem_free(p->targets);
    p->targets = s.order;
    p->n = s.order_n;
    target_set_unref(&p->set);
    p->set = set;
    p->stale = false;
    apply_limit(p);
    count_sync(p, &s, start_ns);
    mem_free(s.table);
    arena_free(&s.a);
}
