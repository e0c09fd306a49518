/* plan.c - a configuration at work: routes, targets, templates. */
#include "base/io.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/mem.h"
#include "server/notify/default_templates.h"
#include "server/notify/sender.h"

/* --- templates ----------------------------------------------------------------------------- */

/* Templates of a file are known by its name without folders, too. */
static bool
add_template_file(struct plan *p, const char *path, struct err *e)
{
    const char *slash = strrchr(path, '/');
    struct buf text = {0};
    bool ok = io_read_file(path, LIMIT_YAML_BYTES, &text, e) &&
              template_set_add(p->templates, str_of(slash ? slash + 1 : path), buf_str(&text), e);

    buf_free(&text);
    return ok;
}

static bool
add_template_glob(struct plan *p, str pattern, struct err *e)
{
    char **paths = NULL;
    size_t n = 0;
    bool ok = io_glob(arena_cstr(p->arena, pattern), &paths, &n, e);

    for (size_t i = 0; ok && i < n; i++)
        ok = add_template_file(p, paths[i], e);
    io_glob_free(&paths, n);
    return ok;
}

static bool
load_templates(struct plan *p, struct err *e)
{
    bool ok = template_set_new(&p->templates, STR_EMPTY, STR_EMPTY, false, e);

    for (size_t i = 0; ok && i < default_templates_n; i++)
        ok = template_set_add(p->templates, STR_EMPTY, default_templates[i], e);
    ok = ok && template_set_add(p->templates, STR_EMPTY, STR(default_email_template, default_email_template_n), e);
    for (size_t i = 0; ok && i < p->conf->templates.n; i++)
        ok = add_template_glob(p, p->conf->templates.v[i], e);
    return ok || err_prefix(e, "failed to parse templates: ");
}

/* --- targets -------------------------------------------------------------------------------- */

/* The client block of an integration.  An incident.io source's token replaces whatever
 * authorization the block has. */
static const struct config_http *
client_config(struct plan *p, const struct config_integration *conf)
{
    const struct config_receiver_incidentio *c = conf->conf;

    if (conf->kind != RECEIVER_INCIDENTIO || (c->alert_source_token.n == 0 && c->alert_source_token_file.n == 0))
        return conf->http;
    struct config_http *own = ARENA_NEW(p->arena, struct config_http);
    *own = *conf->http;
    own->basic_auth = NULL;
    own->oauth2 = NULL;
    own->authorization = ARENA_NEW(p->arena, struct config_authorization);
    *own->authorization = (struct config_authorization){
        .type = STRL("Bearer"),
        .credentials = c->alert_source_token,
        .credentials_file = c->alert_source_token.n ? STR_EMPTY : c->alert_source_token_file,
    };
    return own;
}

static bool
add_target(struct plan *p, const struct config_receiver *r, const struct config_integration *conf, struct err *e)
{
    struct target *t = ARENA_NEW(p->arena, struct target);

    t->receiver = r;
    t->conf = conf;
    t->kind = str_of(config_receiver_kind_name(conf->kind));
    t->sender = sender_of(conf->kind);
    if (!t->sender)
        return true;
    if (conf->http && !http_client_new(&t->http, client_config(p, conf), e))
        return err_prefix(e, "receiver \"%.*s\": ", STR_ARG(r->name));
    p->targets[p->targets_n++] = t;
    return true;
}

/* One line for all, so that a user sees what will not be sent. */
static void
warn_of_missing(const struct plan *p)
{
    struct buf b = {0};

    for (size_t i = 0; i < p->conf->receivers.n; i++) {
        const struct config_receiver *r = &p->conf->receivers.v[i];
        for (size_t k = 0; k < r->n; k++) {
            if (sender_of(r->v[k].kind))
                continue;
            buf_printf(&b, "%s%.*s/%s[%u]", b.n ? ", " : "", STR_ARG(r->name), config_receiver_kind_name(r->v[k].kind),
                       r->v[k].index);
        }
    }
    if (b.n)
        LOG_WARN("These integrations are of kinds that cannot be notified yet", KV_STR("integrations", buf_str(&b)));
    buf_free(&b);
}

static bool
make_targets(struct plan *p, struct err *e)
{
    size_t max = 0;

    for (size_t i = 0; i < p->conf->receivers.n; i++)
        max += p->conf->receivers.v[i].n;
    p->targets = ARENA_ARRAY(p->arena, struct target *, max + 1);
    for (size_t i = 0; i < p->conf->receivers.n; i++) {
        const struct config_receiver *r = &p->conf->receivers.v[i];
        for (size_t k = 0; k < r->n; k++)
            if (!add_target(p, r, &r->v[k], e))
                return false;
    }
    return true;
}

/* --- life ------------------------------------------------------------------------------------ */

bool
plan_new(struct plan **out, struct config *c, struct err *e)
{
    struct plan *p = MEM_NEW(struct plan);

    p->refs = 1;
    p->arena = arena_new();
    p->config = config_ref(c);
    p->conf = c->alerting.notify;
    p->root = route_compile(p->conf, p->arena);
    if (!load_templates(p, e) || !make_targets(p, e)) {
        plan_unref(&p);
        return false;
    }
    warn_of_missing(p);
    *out = p;
    return true;
}

struct plan *
plan_ref(struct plan *p)
{
    atomic_fetch_add(&p->refs, 1);
    return p;
}

void
plan_unref(struct plan **out)
{
    struct plan *p = *out;

    *out = NULL;
    if (!p || atomic_fetch_sub(&p->refs, 1) > 1)
        return;
    for (size_t i = 0; i < p->targets_n; i++) {
        http_client_unref(&p->targets[i]->http);
        timers_fini(&p->targets[i]->waiting);
        mem_free(p->targets[i]->token);
    }
    template_set_free(&p->templates);
    config_unref(&p->config);
    arena_free(&p->arena);
    mem_free(p);
}
