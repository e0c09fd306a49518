/* outside_targets.c - which Alertmanagers there are: from targets to endpoints. */
#include "base/log.h"
#include "base/mem.h"
#include "base/metric.h"
#include "base/url.h"
#include "server/notify/outside_priv.h"

#define SCHEME_LABEL STRL("__scheme__")
#define ADDRESS_LABEL STRL("__address__")
#define PATH_LABEL STRL("__alerts_path__")

/* --- sections ------------------------------------------------------------------------------ */

bool
section_new(struct section **out, struct config *c, size_t i, struct err *e)
{
    struct section *s = MEM_NEW(struct section);
    struct buf key = {0};

    buf_printf(&key, "config-%zu", i);
    s->refs = 1;
    s->config = config_ref(c);
    s->conf = c->alerting.alertmanagers.v[i];
    s->key = mem_cstr(buf_str(&key));
    buf_free(&key);
    if (!http_client_new(&s->client, &s->conf->http, e)) {
        section_unref(s);
        return false;
    }
    *out = s;
    return true;
}

struct section *
section_ref(struct section *s)
{
    atomic_fetch_add(&s->refs, 1);
    return s;
}

static void
clear_dropped(struct section *s)
{
    for (size_t i = 0; i < s->dropped_n; i++)
        mem_free(s->dropped[i]);
    s->dropped_n = 0;
}

void
section_unref(struct section *s)
{
    if (atomic_fetch_sub(&s->refs, 1) > 1)
        return;
    clear_dropped(s);
    mem_free(s->dropped);
    target_set_unref(&s->targets);
    http_client_unref(&s->client);
    config_unref(&s->config);
    mem_free(s->key);
    mem_free(s);
}

void
sections_free(struct sections *s)
{
    for (size_t i = 0; i < s->n; i++)
        section_unref(s->v[i]);
    mem_free(s->v);
    *s = (struct sections){0};
}

/* --- URLs ------------------------------------------------------------------------------------ */

/* "/", prefix and the API's path, joined as Go's path.Join does. */
static str
post_path(struct arena *a, const struct config_alertmanager *c)
{
    str whole = arena_printf(a, "/%.*s/api/%.*s/alerts", STR_ARG(c->path_prefix), STR_ARG(c->api_version));
    char *out = arena_alloc(a, whole.n + 1);
    size_t n = 0;

    for (size_t at = 0; at < whole.n;) {
        ptrdiff_t slash = str_find_char(whole, '/', at);
        size_t end = slash < 0 ? whole.n : (size_t)slash;
        str part = STR(whole.p + at, end - at);
        at = end + 1;
        if (part.n == 0 || str_eq(part, STRL(".")))
            continue;
        if (str_eq(part, STRL(".."))) {
            while (n > 0 && out[--n] != '/')
                ;
            continue;
        }
        out[n++] = '/';
        memcpy(out + n, part.p, part.n);
        n += part.n;
    }
    return STR(out, n);
}

static str
labels_url(struct labels ls, struct arena *a)
{
    struct url u = {
        .scheme = labels_get(ls, SCHEME_LABEL),
        .host = labels_get(ls, ADDRESS_LABEL),
        .path = labels_get(ls, PATH_LABEL),
    };
    return url_text(&u, a, false);
}

struct found {
    struct arena *arena;
    str *active, *dropped;
    size_t active_n, active_cap, dropped_n, dropped_cap;
};

static void
append(struct arena *a, str **v, size_t *n, size_t *cap, str s)
{
    arena_grow(a, v, cap, *n + 1, sizeof **v);
    (*v)[(*n)++] = s;
}

/* A group with an address that is none contributes nothing: as a whole, so that half a
 * cluster is never taken for all of it. */
static bool
add_group(struct found *f, const struct config_alertmanager *c, const struct target_group *g, struct err *e)
{
    size_t active_before = f->active_n, dropped_before = f->dropped_n;

    for (size_t i = 0; i < g->targets_n; i++) {
        struct labels_builder b;
        labels_builder_init(&b, f->arena, g->targets[i]);
        labels_builder_set(&b, SCHEME_LABEL, c->scheme);
        labels_builder_set(&b, PATH_LABEL, post_path(f->arena, c));
        for (size_t k = 0; k < g->labels.n; k++)
            if (!labels_has(g->targets[i], g->labels.v[k].name))
                labels_builder_set(&b, g->labels.v[k].name, g->labels.v[k].value);
        struct labels before = labels_builder_done(&b);
        labels_builder_init(&b, f->arena, before);
        if (!relabel_apply(c->relabel.v, c->relabel.n, &b)) {
            append(f->arena, &f->dropped, &f->dropped_n, &f->dropped_cap, labels_url(before, f->arena));
            continue;
        }
        struct labels after = labels_builder_done(&b);
        str address = labels_get(after, ADDRESS_LABEL);
        if (str_find_char(address, '/', 0) >= 0) {
            f->active_n = active_before;
            f->dropped_n = dropped_before;
            return err_set(e, ERR_BAD_DATA, "\"%.*s\" is not a valid hostname", STR_ARG(address));
        }
        append(f->arena, &f->active, &f->active_n, &f->active_cap, labels_url(after, f->arena));
    }
    return true;
}

static void
find_urls(struct found *f, const struct section *s)
{
    for (size_t i = 0; s->targets && i < s->targets->n; i++) {
        struct err e = ERR_INIT;
        if (!add_group(f, s->conf, s->targets->groups[i], &e))
            LOG_ERROR("Creating discovered Alertmanagers failed", KV("component", "notifier"), KV_ERR(&e));
    }
}

/* --- endpoints -------------------------------------------------------------------------------- */

static struct endpoint *
find_endpoint(struct outside *o, const struct section *s, str url)
{
    for (struct endpoint *ep = o->endpoints; ep; ep = ep->next)
        if (ep->section == s && str_eq(str_of(ep->url), url))
            return ep;
    return NULL;
}

static bool
is_among(const str *v, size_t n, str s)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(v[i], s))
            return true;
    return false;
}

static void
set_endpoints(struct outside *o, struct section *s, const struct found *f)
{
    mutex_assert_held(&o->mu);
    for (struct endpoint *ep = o->endpoints; ep; ep = ep->next)
        if (ep->section == s)
            ep->gone = !is_among(f->active, f->active_n, str_of(ep->url));
    for (size_t i = 0; i < f->active_n; i++) {
        if (find_endpoint(o, s, f->active[i]))
            continue;
        struct endpoint *ep = endpoint_new(o, s, f->active[i]);
        ep->next = o->endpoints;
        o->endpoints = ep;
    }
    clear_dropped(s);
    mem_grow(&s->dropped, &s->dropped_cap, f->dropped_n + 1, sizeof *s->dropped);
    for (size_t i = 0; i < f->dropped_n; i++)
        s->dropped[s->dropped_n++] = mem_cstr(f->dropped[i]);
}

static void
sync_section(struct outside *o, struct section *s)
{
    struct target_set *now = discovery_get(o->discovery, str_of(s->key));

    if (!now || now == s->targets) {
        target_set_unref(&now);
        return;
    }
    target_set_unref(&s->targets);
    s->targets = now;
    struct found f = {.arena = arena_new()};
    find_urls(&f, s);
    mutex_lock(&o->mu);
    set_endpoints(o, s, &f);
    mutex_unlock(&o->mu);
    arena_free(&f.arena);
}

/* A section that a reload has left as it was hands on its endpoints and their queues. */
static void
inherit(struct outside *o, struct section *from, struct section *to)
{
    to->has_inherited = true;
    for (struct endpoint *ep = o->endpoints; ep; ep = ep->next) {
        if (ep->section != from)
            continue;
        ep->section = section_ref(to);
        section_unref(from);
    }
}

static void
take_next(struct outside *o)
{
    struct sections old = o->sections;

    mutex_assert_held(&o->mu);
    o->sections = o->next;
    o->next = (struct sections){0};
    o->has_next = false;
    for (size_t i = 0; i < old.n; i++) {
        struct section *heir = NULL;
        for (size_t k = 0; !heir && k < o->sections.n; k++)
            if (!o->sections.v[k]->has_inherited &&
                str_eq(o->sections.v[k]->conf->identity, old.v[i]->conf->identity))
                heir = o->sections.v[k];
        if (heir)
            inherit(o, old.v[i], heir);
        for (struct endpoint *ep = o->endpoints; ep; ep = ep->next)
            ep->gone |= ep->section == old.v[i];
    }
    sections_free(&old);
}

static void
count_discovered(struct outside *o)
{
    size_t n = 0;

    for (struct endpoint *ep = o->endpoints; ep; ep = ep->next)
        n += !ep->gone;
    METRIC_SET(NOTIFICATIONS_ALERTMANAGERS_DISCOVERED, (double)n);
}

void
outside_sync(struct outside *o)
{
    mutex_lock(&o->mu);
    bool took = o->has_next;
    if (took)
        take_next(o);
    mutex_unlock(&o->mu);
    for (size_t i = 0; i < o->sections.n; i++) /* only this thread changes them */
        sync_section(o, o->sections.v[i]);
    mutex_lock(&o->mu);
    count_discovered(o);
    if (took)
        cond_broadcast(&o->taken);
    mutex_unlock(&o->mu);
}
