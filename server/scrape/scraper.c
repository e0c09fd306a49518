/* scraper.c - pools, shards and discovery put together. */
#include "server/scrape/scraper_priv.h"

#include <netdb.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/panic.h"
#include "base/thread.h"

/* --- sync -------------------------------------------------------------------------- */

static void
sync_pools(struct scraper *s)
{
    mutex_lock(&s->mu);
    for (size_t i = 0; i < s->pools_n; i++) {
        struct target_set *set = s->sets[i];
        s->sets[i] = NULL;
        if (set)
            scrape_pool_sync(s->pools[i], set);
    }
    mutex_unlock(&s->mu);
}

/* The sets are fetched without mu: discovery's lock comes before it. */
static void
fetch_sets(struct scraper *s)
{
    for (size_t i = 0; i < s->pools_n; i++)
        s->sets[i] = discovery_get(s->discovery, s->pools[i]->name);
}

/* REQUIRES sync_mu, which keeps the list of pools as it is. */
static void
sync_all(struct scraper *s)
{
    fetch_sets(s);
    sync_pools(s);
}

static void
on_changed(void *arg)
{
    struct scraper *s = arg;

    mutex_lock(&s->sync_mu);
    sync_all(s);
    mutex_unlock(&s->sync_mu);
}

/* --- reload ------------------------------------------------------------------------ */

/* The name this machine goes by, as Go programs find it. */
static void
put_own_name(struct buf *out)
{
    char host[256] = "", name[NI_MAXHOST];
    struct addrinfo *list = NULL;

    gethostname(host, sizeof host - 1);
    if (getaddrinfo(host, NULL, NULL, &list) == 0)
        for (const struct addrinfo *x = list; x; x = x->ai_next)
            if (getnameinfo(x->ai_addr, x->ai_addrlen, name, sizeof name, NULL, 0, NI_NAMEREQD) == 0) {
                buf_put(out, str_of(name));
                freeaddrinfo(list);
                return;
            }
    if (list)
        freeaddrinfo(list);
    buf_put(out, str_of(host));
}

static void
set_seed(struct scraper *s, const struct config *c)
{
    struct buf b = {0};

    if (s->own_name.n == 0)
        put_own_name(&s->own_name);
    buf_put(&b, buf_str(&s->own_name));
    labels_put(&b, c->global.external_labels);
    uint64_t seed = hash_fnv64a(buf_str(&b));
    buf_free(&b);
    for (unsigned i = 0; i < s->shards_n; i++)
        shard_set_seed(s->shards[i], seed);
}

/* The failure logs of a configuration, one for each file. */
struct failure_logs {
    str *path;
    struct failure_log **log;
    size_t n, path_cap, log_cap;
};

static bool
failure_log_of(struct failure_logs *l, str path, struct failure_log **out, struct err *e)
{
    *out = NULL;
    if (path.n == 0)
        return true;
    for (size_t i = 0; i < l->n; i++)
        if (str_eq(l->path[i], path)) {
            *out = l->log[i];
            return true;
        }
    char *name = mem_cstr(path);
    bool ok = failure_log_open(out, name, e);
    mem_free(name);
    if (!ok)
        return false;
    mem_grow(&l->path, &l->path_cap, l->n + 1, sizeof(str));
    mem_grow(&l->log, &l->log_cap, l->n + 1, sizeof(struct failure_log *));
    l->path[l->n] = path;
    l->log[l->n++] = *out;
    return true;
}

static void
failure_logs_fini(struct failure_logs *l)
{
    for (size_t i = 0; i < l->n; i++)
        failure_log_unref(&l->log[i]);
    mem_free(l->path);
    mem_free(l->log);
}

/* Jobs of a configuration that all can be made, or none. */
static bool
make_jobs(struct config *c, struct job **jobs, struct err *e)
{
    struct failure_logs logs = {0};
    struct failure_log *log;
    bool ok = true;

    for (size_t i = 0; ok && i < c->jobs_n; i++)
        ok = failure_log_of(&logs, c->jobs[i]->scrape_failure_log_file, &log, e) &&
             job_new(&jobs[i], c, c->jobs[i], log, e);
    failure_logs_fini(&logs);
    for (size_t i = 0; !ok && i < c->jobs_n; i++)
        job_unref(&jobs[i]);
    return ok;
}

static struct scrape_pool *
find_pool(struct scraper *s, str name)
{
    for (size_t i = 0; i < s->pools_n; i++)
        if (str_eq(s->pools[i]->name, name))
            return s->pools[i];
    return NULL;
}

static int
by_name(const void *x, const void *y)
{
    return str_cmp((*(struct scrape_pool *const *)x)->name, (*(struct scrape_pool *const *)y)->name);
}

/* REQUIRES mu. */
static void
replace_pools(struct scraper *s, struct job **jobs, size_t n)
{
    struct scrape_pool **pools = MEM_ARRAY(struct scrape_pool *, n + 1);

    for (size_t i = 0; i < s->pools_n; i++)
        s->pools[i]->wanted = false;
    for (size_t i = 0; i < n; i++) {
        pools[i] = find_pool(s, jobs[i]->s->job_name);
        if (pools[i])
            scrape_pool_reload(pools[i], jobs[i]);
        else
            pools[i] = scrape_pool_new(jobs[i], s->shards, s->shards_n);
        pools[i]->wanted = true;
    }
    for (size_t i = 0; i < s->pools_n; i++) {
        if (s->pools[i]->wanted)
            continue;
        scrape_pool_stop(s->pools[i]);
        scrape_pool_free(&s->pools[i]);
    }
    qsort(pools, n, sizeof pools[0], by_name);
    mem_free(s->pools);
    mem_free(s->sets);
    s->pools = pools;
    s->sets = MEM_ARRAY(struct target_set *, n + 1);
    s->pools_n = n;
}

static void
apply_discovery(struct scraper *s, struct config *c)
{
    struct discovery_section *v = MEM_ARRAY(struct discovery_section, c->jobs_n + 1);

    for (size_t i = 0; i < c->jobs_n; i++)
        v[i] = (struct discovery_section){c->jobs[i]->job_name, &c->jobs[i]->discovery};
    discovery_apply(s->discovery, c, v, c->jobs_n);
    mem_free(v);
}

bool
scraper_apply(struct scraper *s, struct config *c, struct err *e)
{
    CHECK_MAGIC(s, SCRAPER_MAGIC);
    struct job **jobs = MEM_ARRAY(struct job *, c->jobs_n + 1);

    if (!make_jobs(c, jobs, e)) {
        METRIC_INC(TARGET_SCRAPE_POOLS_FAILED_TOTAL);
        mem_free(jobs);
        return false;
    }
    set_seed(s, c);
    /* The discovery thread may be waiting to sync: it must not hold us up while we wait
     * for it. */
    apply_discovery(s, c);
    mutex_lock(&s->sync_mu);
    mutex_lock(&s->mu);
    replace_pools(s, jobs, c->jobs_n);
    mutex_unlock(&s->mu);
    sync_all(s);
    mutex_unlock(&s->sync_mu);
    for (size_t i = 0; i < c->jobs_n; i++)
        job_unref(&jobs[i]);
    mem_free(jobs);
    return true;
}

/* --- birth and death --------------------------------------------------------------- */

static void
collect_metadata(void *arg)
{
    struct scraper *s = arg;

    mutex_lock(&s->mu);
    for (size_t i = 0; i < s->pools_n; i++) {
        const struct scrape_pool *p = s->pools[i];
        size_t entries = 0, bytes = 0;
        for (size_t k = 0; k < p->n; k++) {
            const struct target *t = p->targets[k];
            shard_lock(s->shards[t->shard]);
            entries += t->cache.metadata.used;
            bytes += metadata_bytes(&t->cache.metadata);
            shard_unlock(s->shards[t->shard]);
        }
        metric_set(metric_child(METRIC_TARGET_METADATA_CACHE_ENTRIES, &p->name, 1), (double)entries);
        metric_set(metric_child(METRIC_TARGET_METADATA_CACHE_BYTES, &p->name, 1), (double)bytes);
    }
    mutex_unlock(&s->mu);
}

bool
scraper_new(struct scraper **out, const struct scraper_opts *o, struct err *e)
{
    struct scraper *s = MEM_NEW(struct scraper);
    unsigned threads = o->threads ? o->threads : thread_cpu_count();

    s->magic = SCRAPER_MAGIC;
    mutex_init(&s->mu, LOCK_SCRAPE);
    mutex_init(&s->sync_mu, LOCK_SCRAPE_SYNC);
    s->external_url = mem_cstr(str_of(o->external_url ? o->external_url : ""));
    s->listen_address = mem_cstr(str_of(o->listen_address ? o->listen_address : ""));
    s->shards = MEM_ARRAY(struct shard *, threads);
    bool ok = discovery_new(&s->discovery,
                            &(struct discovery_opts){.name = "scrape", .changed = on_changed, .arg = s}, e);
    for (; ok && s->shards_n < threads; s->shards_n++) {
        const struct shard_opts so = {.db = o->db, .number = s->shards_n, .exemplars = o->exemplars};
        ok = shard_new(&s->shards[s->shards_n], &so, e);
        if (!ok)
            break;
    }
    metric_collector(collect_metadata, s);
    *out = s;
    if (!ok)
        scraper_free(out);
    return ok;
}

void
scraper_free(struct scraper **out)
{
    struct scraper *s = *out;

    *out = NULL;
    if (!s)
        return;
    CHECK_MAGIC(s, SCRAPER_MAGIC);
    metric_collector_drop(collect_metadata, s);
    discovery_free(&s->discovery);
    for (unsigned i = 0; i < s->shards_n; i++)
        shard_free(&s->shards[i]);
    for (size_t i = 0; i < s->pools_n; i++)
        scrape_pool_free(&s->pools[i]);
    mem_free(s->pools);
    mem_free(s->sets);
    mem_free(s->shards);
    mem_free(s->external_url);
    mem_free(s->listen_address);
    buf_free(&s->own_name);
    mutex_fini(&s->sync_mu);
    mutex_fini(&s->mu);
    s->magic = 0;
    mem_free(s);
}
