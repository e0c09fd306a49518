/* discovery.h - where targets are: static lists, files, HTTP endpoints, DNS names.
 *
 * A consumer (the scraper, the notifier) hands over the sections of its configuration,
 * each with a key: a job name, an Alertmanager section's number.  One thread keeps the
 * providers running and makes, section by section, the list of target groups there is
 * now.  A provider that several sections name alike (config_sd.identity) runs once, and
 * it goes on undisturbed over a reload that leaves it as it is.
 *
 * UPDATES are published at most every 5 s, the first at once.  A section whose providers
 * a reload has replaced keeps its old targets until the new providers have answered, but
 * no longer than 5 s: a reload is no reason to forget targets.  A provider whose refresh
 * fails keeps what it last found.
 *
 * THREADS.  discovery_apply by one thread at a time; discovery_get by any.  `changed` is
 * called on the discovery thread, or inside discovery_apply's wait, with no lock held.
 */
#pragma once
#include "base/err.h"
#include "model/labels.h"

#include <stdatomic.h>

struct config;
struct config_discovery;
struct discovery;

/* Targets that share labels. */
struct target_group {
    str source;                   /* "FILE:0", "URL:0", "0": for messages */
    struct labels labels;         /* of all of them; a target's own go before */
    const struct labels *targets; /* each has __address__ */
    size_t targets_n;
};

/* The targets of one section at one moment; immutable and counted. */
struct target_set {
    unsigned magic;
#define TARGET_SET_MAGIC 0x61d8a3f5
    _Atomic unsigned refs;        /* the section, and whoever called discovery_get */
    const struct target_group **groups;
    size_t n;
    struct sd_result **parts;     /* what the groups live in */
    size_t parts_n;
};
void target_set_unref(struct target_set **s); /* *s may be NULL */

struct discovery_opts {
    const char *name;             /* of the consumer: label `name` of prometheus_sd_… */
    void (*changed)(void *arg);   /* some section has a new set */
    void *arg;
    int64_t update_interval_ms;   /* 0: 5000 */
};
bool discovery_new(struct discovery **out, const struct discovery_opts *o, struct err *e) MUST_USE;
void discovery_free(struct discovery **d); /* *d may be NULL */

struct discovery_section {
    str key;
    const struct config_discovery *what;
};
/* Moves to the sections of a new configuration, whose reference is taken as long as any
 * provider needs it.  On return static lists and files have been read. */
void discovery_apply(struct discovery *d, struct config *c, const struct discovery_section *v,
                     size_t n);
/* The newest set of a section, with a reference for the caller; NULL if there is no such
 * section.  The same pointer as last time: nothing has changed. */
struct target_set *discovery_get(struct discovery *d, str key);
