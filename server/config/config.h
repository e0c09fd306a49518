/* config.h - one generation of the configuration: prometheus.yml, loaded and complete.
 *
 * config_load reads the main file (strictly: unknown and duplicate keys are errors),
 * fills every default, checks what Prometheus 3.14 checks in the order and the words it
 * does, resolves relative paths against the file's folder, and reads the scrape_config
 * files and the notification file that it names.  What comes out never changes; a reload
 * makes a new generation and each part of the server moves over to it.
 *
 * LIFETIME.  A generation is counted: config_load gives one reference, a holder takes
 * its own with config_ref for as long as it keeps any pointer into the tree.  Everything
 * lives in the generation's arena and goes with the last reference.
 *
 * THREADS.  Immutable; ref and unref are atomic.
 */
#pragma once
#include <stdatomic.h>

#include "base/arena.h"
#include "base/err.h"
#include "server/config/config_alerting.h"
#include "server/config/config_remote.h"
#include "server/config/config_scrape.h"

struct config {
    unsigned magic;
#define CONFIG_MAGIC 0xc0f16e41
    _Atomic unsigned refs; /* main, scrape, discovery, notify, rules, remote, web views */
    struct arena *arena;

    struct config_global global;
    struct config_runtime runtime;
    struct config_alerting alerting;
    struct config_strs rule_files;          /* globs, absolute */
    struct config_strs scrape_config_files; /* globs, absolute */
    CONFIG_LIST(struct config_scrape *) scrape_configs; /* of the main file */
    struct config_storage storage;
    struct config_tracing tracing;
    CONFIG_LIST(struct config_remote_write *) remote_write;
    CONFIG_LIST(struct config_remote_read *) remote_read;
    struct config_otlp otlp;

    struct regex **regexes; /* all that were compiled for it; freed with it */
    size_t regexes_n;

    /* All jobs: those of the main file, then of scrape_config_files. */
    struct config_scrape **jobs;
    size_t jobs_n, jobs_cap;
    str path; /* of the main file, as given; empty if there is none */
    const char *path_cstr;
    str text; /* as status/config shows it: YAML with defaults, secrets masked */
};

struct config_opts {
    bool agent;                   /* refuses alerting, rule_files, remote_read */
    bool main_only;               /* the files that it names are not read */
    bool protobuf_first;          /* features that make protobuf the default */
    bool extra_scrape_metrics;    /* feature: the default of that key */
    int64_t retention_ms;         /* of the flags, shown where the file says nothing */
    int64_t retention_bytes;
    config_check_template *check_template; /* template_check_text; NULL: not looked at */
    struct config_place *place;   /* where the first fault is; NULL: not wanted */
};

/* Where a fault is: for logs and `check config`, beside the error's own words. */
struct config_place {
    char file[512];
    int line;      /* 0: not known */
    bool elsewhere; /* the main file is good; a file that it names is not */
    char key[256]; /* scrape_configs[0].tls_config.ca_file; may be empty */
};

/* False with Prometheus' words (e->text begins with the path where it does there). */
bool config_load(const char *path, const struct config_opts *o, struct config **out,
                 struct err *e) MUST_USE;
/* The same from text; relative paths are resolved against dir. */
bool config_parse(str text, const char *dir, const struct config_opts *o, struct config **out,
                  struct err *e) MUST_USE;
struct config *config_ref(struct config *c);
void config_unref(struct config **c); /* *c may be NULL */

/* Rule files: expands the globs; paths in the arena, sorted within a glob. */
bool config_rule_paths(const struct config *c, struct arena *a, str **out, size_t *n,
                       struct err *e) MUST_USE;
/* Every file whose content the configuration depends on (the main one, scrape config
 * files, rule files, the notification file): what --config.auto-reload watches. */
bool config_watch_paths(const struct config *c, struct arena *a, str **out, size_t *n,
                        struct err *e) MUST_USE;
