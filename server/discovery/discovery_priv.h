/* discovery_priv.h - providers, as the files of server/discovery see them.
 *
 * A provider is one entry of a configuration (config_sd) at work.  All of it belongs to
 * the discovery thread; what it finds is an immutable, counted sd_result, which the
 * published sets of sections point into.
 */
#pragma once
#include "base/arena.h"
#include "server/config/config.h"
#include "server/discovery/discovery.h"
#include "server/net/http_client.h"

struct sd_result {
    unsigned magic;
#define SD_RESULT_MAGIC 0x3be90c47
    _Atomic unsigned refs; /* the provider, and sets that hold its groups */
    struct arena *arena;   /* everything below */
    struct target_group *groups;
    size_t n, cap;
};
struct sd_result *sd_result_new(void);
struct sd_result *sd_result_ref(struct sd_result *r);
void sd_result_unref(struct sd_result **r);
/* Appends a group, whose source is "WHERE:INDEX" or, where empty, "INDEX". */
struct target_group *sd_result_group(struct sd_result *r, str where, size_t index);
/* Appends the groups of a JSON or YAML list; each gets the label `meta` with value
 * `where`.  False with r as it was (its arena aside). */
bool sd_result_json(struct sd_result *r, str text, str where, str meta, struct err *e) MUST_USE;
bool sd_result_yaml(struct sd_result *r, str text, str where, str meta, struct err *e) MUST_USE;
/* Copies the groups of one source, or all, from another result. */
void sd_result_copy_file(struct sd_result *r, const struct sd_result *from, str where);

struct provider {
    struct discovery *d;
    const struct config_sd *sd;  /* part of c */
    struct config *c;            /* a reference */
    struct sd_result *result;    /* NULL until something was found */
    bool answered;               /* once, be it with an error */
    bool wanted;                 /* by the configuration being applied */
    int64_t next_ms;             /* monotonic time of the next refresh; INT64_MAX: none */
    void *state;                 /* of the mechanism */
    str *sections;               /* keys that name it; in the thread's plan */
    size_t sections_n;
};

/* A mechanism.  start makes the state (false: the configuration cannot be used, said in
 * the log); refresh is due at next_ms and sets it anew; stop ends and frees the state. */
struct sd_mechanism {
    bool (*start)(struct provider *p, struct err *e);
    void (*refresh)(struct provider *p);
    void (*stop)(struct provider *p);
};
extern const struct sd_mechanism sd_static, sd_file, sd_http, sd_dns;

/* What a mechanism found (taken), or that it failed (NULL): counts it, and has the
 * sections published. */
void provider_answer(struct provider *p, struct sd_result *found);
/* Counts the duration and outcome of one refresh for each section. */
void provider_count_refresh(const struct provider *p, double seconds, bool ok);

/* What mechanisms need of the thread they run on. */
struct http_loop *discovery_loop(struct discovery *d);
/* A watch of the folder that `path` lies in; any change there refreshes p soon. */
void discovery_watch(struct discovery *d, struct provider *p, const char *path);
void discovery_unwatch(struct discovery *d, struct provider *p);
