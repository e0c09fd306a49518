/* serve.h - the running server: its layers, from the bottom up, and how they reload. */
#pragma once
#include "base/sync.h"
#include "server/config/config.h"
#include "server/config/flags.h"
#include "web/web.h"

struct server {
    unsigned magic;
#define SERVER_MAGIC 0x5e21a4c7
    struct flags *flags;           /* fixed */
    char *config_path;             /* fixed */
    char *external_url, *prefix;   /* fixed */
    struct config_opts config_opts;

    struct mutex reload_mu;        /* LOCK_RELOAD: one reload at a time */
    struct mutex mu;               /* LOCK_CONFIG */
    struct config *config;         /* under mu: the generation in force */
    uint64_t watched;              /* under reload_mu: hash of the watched files */

    struct web *web;
    struct web_layers layers;
    _Atomic bool quit;             /* by /-/quit */
};

/* Loads the file and moves every layer to it.  False: the old configuration stays and e
 * says why; or the new one is in force but a layer could not follow. */
bool server_reload(struct server *s, struct err *e);
/* Reloads if --config.auto-reload is on and a watched file changed. */
void server_auto_reload(struct server *s);
/* The tsdb options that flags and configuration make together. */
void server_tsdb_opts(const struct flags *f, const struct config *c, struct tsdb_opts *o);
struct config *server_config(struct server *s); /* referenced */
