#include "server/notify/route.h"

#include "server/config/am_matcher.h"

static struct config_map
merge_labels(const struct config_map *base, const struct config_map *over, struct arena *a)
{
    struct config_pair *v = ARENA_ARRAY(a, struct config_pair, base->n + over->n + 1);
    size_t n = 0, i = 0, k = 0;

    while (i < base->n || k < over->n) { /* both are sorted by key */
        int c = i == base->n ? 1 : k == over->n ? -1 : str_cmp(base->v[i].key, over->v[k].key);
        v[n++] = c < 0 ? base->v[i] : over->v[k];
        i += c <= 0;
        k += c >= 0;
    }
    return (struct config_map){.v = v, .n = n};
}

static struct route *
compile(const struct config_notify *c, const struct config_route *conf, const struct route *parent, unsigned *count,
        struct arena *a)
{
    struct route *r = ARENA_NEW(a, struct route);
    struct buf key = {0};
    struct config_map none = {0};

    r->conf = conf;
    r->receiver = conf->receiver.n ? config_notify_receiver(c, conf->receiver) : parent->receiver;
    bool own_group = conf->group_by.set || conf->group_by_all;
    r->group_by = own_group || !parent ? conf->group_by : parent->group_by;
    r->group_by_all = own_group || !parent ? conf->group_by_all : parent->group_by_all;
    r->group_wait_ms = conf->group_wait_ms >= 0 ? conf->group_wait_ms
                       : parent                 ? parent->group_wait_ms
                                                : CONFIG_GROUP_WAIT_MS;
    r->group_interval_ms = conf->group_interval_ms >= 0 ? conf->group_interval_ms
                           : parent                     ? parent->group_interval_ms
                                                        : CONFIG_GROUP_INTERVAL_MS;
    r->repeat_interval_ms = conf->repeat_interval_ms >= 0 ? conf->repeat_interval_ms
                            : parent                      ? parent->repeat_interval_ms
                                                          : CONFIG_REPEAT_INTERVAL_MS;
    r->labels = merge_labels(parent ? &parent->labels : &none, &conf->labels, a);
    if (parent) {
        buf_put(&key, parent->key);
        buf_byte(&key, '/');
    }
    am_matchers_put(&key, conf->matchers.v, conf->matchers.n);
    r->key = arena_str(a, buf_str(&key));
    buf_free(&key);
    r->n = conf->routes.n;
    r->child = ARENA_ARRAY(a, struct route *, r->n + 1);
    for (size_t i = 0; i < r->n; i++)
        r->child[i] = compile(c, conf->routes.v[i], r, count, a);
    r->number = (*count)++;
    return r;
}

struct route *
route_compile(const struct config_notify *c, struct arena *a)
{
    unsigned count = 0;

    return compile(c, c->route, NULL, &count, a);
}

static bool
matches(const struct route *r, struct labels ls)
{
    for (size_t i = 0; i < r->conf->matchers.n; i++)
        if (!matcher_matches(&r->conf->matchers.v[i], labels_get(ls, r->conf->matchers.v[i].name)))
            return false;
    return true;
}

size_t
route_match(const struct route *r, struct labels ls, const struct route **out, size_t max)
{
    size_t n = 0;

    if (!matches(r, ls))
        return 0;
    for (size_t i = 0; i < r->n; i++) {
        size_t found = route_match(r->child[i], ls, out + MIN(n, max), n < max ? max - n : 0);
        n += found;
        if (found && !r->child[i]->conf->continue_)
            break;
    }
    if (n == 0) {
        if (max > 0)
            out[0] = r;
        n = 1;
    }
    return n;
}

struct labels
route_group_labels(const struct route *r, struct labels ls, struct arena *a)
{
    struct label *v = ARENA_ARRAY(a, struct label, ls.n + 1);
    size_t n = 0;

    for (size_t i = 0; i < ls.n; i++) {
        bool wanted = r->group_by_all;
        for (size_t k = 0; !wanted && k < r->group_by.n; k++)
            wanted = str_eq(r->group_by.v[k], ls.v[i].name);
        if (wanted)
            v[n++] = ls.v[i];
    }
    return (struct labels){v, n};
}
