/* schema_types.h - the types of single values.  Columns: Go's name, the C member. */
#pragma once
#include "server/config/schema.h"

extern const struct schema_type schema_str;        /* string             str */
extern const struct schema_type schema_secret;     /* Secret             str, masked */
extern const struct schema_type schema_bool;       /* bool               bool */
extern const struct schema_type schema_opt_bool;   /* *bool              enum config_opt */
extern const struct schema_type schema_int;        /* int                int64_t */
extern const struct schema_type schema_uint;       /* uint               uint64_t */
extern const struct schema_type schema_float;      /* float64            double */
extern const struct schema_type schema_duration;   /* model.Duration     int64_t ms */
extern const struct schema_type schema_opt_duration; /* *model.Duration  int64_t ms, -1 unset */
extern const struct schema_type schema_go_duration; /* time.Duration     int64_t ns */
extern const struct schema_type schema_text_duration; /* pushover's      int64_t ns */
extern const struct schema_type schema_bytes;      /* units.Base2Bytes   int64_t */
extern const struct schema_type schema_url;        /* *config.URL        struct config_url */
extern const struct schema_type schema_am_url;     /* http(s) URL, shown struct config_url */
extern const struct schema_type schema_secret_url; /* http(s), masked    struct config_url */
extern const struct schema_type schema_strs;       /* []string           struct config_strs */
extern const struct schema_type schema_secrets;    /* []Secret           struct config_strs */
extern const struct schema_type schema_map;        /* map[string]string  struct config_map */
extern const struct schema_type schema_multimap;   /* map[string][]string  config_multimap */
extern const struct schema_type schema_secret_multimap; /* the same, values masked */
extern const struct schema_type schema_labels;     /* model.LabelSet     struct labels */
extern const struct schema_type schema_label_names; /* model.LabelNames  struct config_strs */
extern const struct schema_type schema_any;        /* any                struct config_any * */
extern const struct schema_type schema_any_map;    /* map[string]any     struct config_any_map */

/* Blocks; .sub is the block's schema. */
extern const struct schema_type schema_block;      /* embedded struct */
extern const struct schema_type schema_inline;     /* embedded, its keys are the parent's */
extern const struct schema_type schema_inline_ptr; /* struct *, made when one of its keys is met */
extern const struct schema_type schema_ptr;        /* struct *, NULL when absent */
extern const struct schema_type schema_list;       /* CONFIG_LIST(struct) */
extern const struct schema_type schema_ptr_list;   /* CONFIG_LIST(struct *), null gives NULL */

/* Relabelling: struct config_relabels.  A null rule has regex == NULL; the parent's check
 * refuses it in its own words. */
extern const struct schema_type schema_relabels;
bool config_relabels_null(const struct config_relabels *r);
/* relabel_validate over all, with the scheme filled in. */
bool config_relabels_check(struct schema_reader *r, struct config_relabels *rules, bool legacy);

/* An http or https URL with a host, in Alertmanager's words. */
struct url;
bool config_parse_http_url(str text, struct arena *a, struct url *out, struct err *e) MUST_USE;
/* units.ParseBase2Bytes and its words. */
bool config_parse_bytes(str s, int64_t *out, struct err *e);
void config_put_bytes(struct buf *out, int64_t bytes);
/* Go's %q. */
str config_quoted(struct arena *a, str s);
/* A list's text as Go's %v prints a slice: [a b]. */
str config_join(struct arena *a, const struct config_strs *s);
const str *config_map_get(const struct config_map *m, str key); /* or NULL */
/* The folder part of a path ("." if it has none). */
str config_dir_of(str path);
str config_absolute(struct arena *a, str path);
/* "open PATH: no such file or directory", "read PATH: is a directory", from what base/io
 * says. */
bool config_open_error(const char *path, const struct err *why, struct err *e);
/* dir/path unless path is empty or absolute (cleaned as filepath.Join does). */
str config_join_dir(struct arena *a, str dir, str path);
