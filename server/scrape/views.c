/* views.c - what the API and the UI see of the scraper. */
#include <stdlib.h>

#include "base/mem.h"
#include "base/panic.h"
#include "base/url.h"
#include "server/scrape/scraper_priv.h"

/* --- where a target can be reached from outside ------------------------------------- */

static bool
is_local(str host)
{
    return str_eq(host, STRL("127.0.0.1")) || str_eq(host, STRL("localhost")) || str_eq(host, STRL("::1"));
}

static str
join_host_port(struct arena *a, str host, str port)
{
    const char *form = str_find_char(host, ':', 0) >= 0 ? "[%.*s]:%.*s" : "%.*s:%.*s";

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    return arena_printf(a, form, STR_ARG(host), STR_ARG(port));
#pragma GCC diagnostic pop
}

/* A target on this machine is shown under the server's external name; the server itself
 * under its external URL. */
static str
global_url(const struct scraper *s, str url, struct arena *a)
{
    struct url u, external, own;
    struct err e;

    if (!url_parse(url, a, &u, &e) || !is_local(url_hostname(&u)) ||
        !url_parse(str_of(s->external_url), a, &external, &e))
        return url;
    str listen = arena_printf(a, "http://%s", s->listen_address);
    str port = url_port(&u);
    if (url_parse(listen, a, &own, &e) && port.n && str_eq(port, url_port(&own))) {
        u.scheme = external.scheme;
        u.host = external.host;
    } else {
        u.host = url_hostname(&external);
        if (port.n)
            u.host = join_host_port(a, u.host, port);
    }
    return url_text(&u, a, false);
}

/* --- targets ----------------------------------------------------------------------- */

static struct labels
discovered_labels(const struct scrape_pool *p, const struct target_group *g, size_t index, struct arena *a)
{
    return labels_copy(a, target_discovered(p->job->s, g->labels, g->targets[index], a));
}

static void
view_target(struct scraper *s, const struct scrape_pool *p, const struct target *t, struct arena *a,
            struct target_view *out)
{
    struct shard *shard = s->shards[t->shard];

    out->pool = arena_str(a, p->name);
    out->discovered = discovered_labels(p, t->group, t->index, a);
    out->labels = labels_copy(a, t->public);
    out->url = arena_str(a, str_of(t->url));
    out->global_url = global_url(s, out->url, a);
    out->interval = arena_str(a, labels_get(t->labels, STRL("__scrape_interval__")));
    out->timeout = arena_str(a, labels_get(t->labels, STRL("__scrape_timeout__")));
    shard_lock(shard);
    out->health = t->health;
    out->last_error = t->last_error ? arena_str(a, str_of(t->last_error)) : STR_EMPTY;
    out->last_scrape_ns = t->last_scrape_ns;
    out->last_seconds = t->last_seconds;
    shard_unlock(shard);
}

static bool
wanted(const struct scrape_pool *p, str name)
{
    return name.n == 0 || str_eq(p->name, name);
}

size_t
scraper_active(struct scraper *s, str pool_or_empty, struct arena *a, struct target_view **out)
{
    size_t n = 0, cap = 0;

    CHECK_MAGIC(s, SCRAPER_MAGIC);
    *out = NULL;
    mutex_lock(&s->mu);
    for (size_t i = 0; i < s->pools_n; i++) {
        const struct scrape_pool *p = s->pools[i];
        if (!wanted(p, pool_or_empty))
            continue;
        arena_grow(a, out, &cap, n + p->n, sizeof **out);
        for (size_t k = 0; k < p->n; k++) {
            (*out)[n] = (struct target_view){.discovered = LABELS_EMPTY};
            view_target(s, p, p->targets[k], a, &(*out)[n++]);
        }
    }
    mutex_unlock(&s->mu);
    return n;
}

size_t
scraper_dropped(struct scraper *s, str pool_or_empty, struct arena *a, struct target_view **out,
                struct dropped_count **counts, size_t *counts_n)
{
    size_t n = 0, cap = 0;

    CHECK_MAGIC(s, SCRAPER_MAGIC);
    *out = NULL;
    *counts_n = 0;
    mutex_lock(&s->mu);
    *counts = ARENA_ARRAY(a, struct dropped_count, s->pools_n);
    for (size_t i = 0; i < s->pools_n; i++) {
        const struct scrape_pool *p = s->pools[i];
        if (!wanted(p, pool_or_empty))
            continue;
        str name = arena_str(a, p->name);
        (*counts)[(*counts_n)++] = (struct dropped_count){name, p->dropped_count};
        arena_grow(a, out, &cap, n + p->dropped_n, sizeof **out);
        for (size_t k = 0; k < p->dropped_n; k++)
            (*out)[n++] = (struct target_view){
                .pool = name,
                .discovered = discovered_labels(p, p->dropped[k].group, p->dropped[k].index, a)};
    }
    mutex_unlock(&s->mu);
    return n;
}

size_t
scraper_pools(struct scraper *s, struct arena *a, str **out)
{
    CHECK_MAGIC(s, SCRAPER_MAGIC);
    mutex_lock(&s->mu);
    size_t n = s->pools_n;
    *out = ARENA_ARRAY(a, str, n);
    for (size_t i = 0; i < n; i++)
        (*out)[i] = arena_str(a, s->pools[i]->name);
    mutex_unlock(&s->mu);
    return n;
}

bool
scraper_pool_config(struct scraper *s, str pool, struct arena *a, str *out)
{
    bool found = false;

    CHECK_MAGIC(s, SCRAPER_MAGIC);
    mutex_lock(&s->mu);
    for (size_t i = 0; i < s->pools_n && !found; i++) {
        found = str_eq(s->pools[i]->name, pool);
        if (found)
            *out = config_scrape_text(s->pools[i]->job->s, a);
    }
    mutex_unlock(&s->mu);
    return found;
}

/* --- metadata ---------------------------------------------------------------------- */

struct metadata_list {
    struct arena *a;
    struct metadata_view *v;
    size_t n, cap;
};

/* REQUIRES the shard's lock. */
static void
view_metadata(const struct target *t, str metric, struct metadata_list *out)
{
    struct labels labels = LABELS_EMPTY;
    const struct metadata *m = &t->cache.metadata;

    for (uint32_t i = 0; i < m->n; i++) {
        const struct family *f = m->v[i].f;
        if (!f || (metric.n && !str_eq(f->name, metric)))
            continue;
        if (!labels.v)
            labels = labels_copy(out->a, t->public);
        arena_grow(out->a, &out->v, &out->cap, out->n + 1, sizeof out->v[0]);
        out->v[out->n++] = (struct metadata_view){.target = labels,
                                                  .metric = arena_str(out->a, f->name),
                                                  .help = arena_str(out->a, f->help),
                                                  .unit = arena_str(out->a, f->unit),
                                                  .kind = f->kind};
    }
}

size_t
scraper_metadata(struct scraper *s, str metric, struct arena *a, struct metadata_view **out)
{
    struct metadata_list list = {.a = a};

    CHECK_MAGIC(s, SCRAPER_MAGIC);
    mutex_lock(&s->mu);
    for (size_t i = 0; i < s->pools_n; i++)
        for (size_t k = 0; k < s->pools[i]->n; k++) {
            const struct target *t = s->pools[i]->targets[k];
            shard_lock(s->shards[t->shard]);
            view_metadata(t, metric, &list);
            shard_unlock(s->shards[t->shard]);
        }
    mutex_unlock(&s->mu);
    *out = list.v;
    return list.n;
}
