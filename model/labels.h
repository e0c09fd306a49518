/* labels.h - label sets.
 *
 * A label set is a sorted array of (name, value) slices without empty values and
 * without a name twice.  `struct labels` borrows: the strings live in an arena, in the
 * head's symbols or in a mapped block, and whoever hands one out says how long.
 *
 * The metric name is the label "__name__".  Order everywhere is byte order of names,
 * then values, the shorter first (labels_cmp = Go's labels.Compare).
 */
#pragma once
#include "base/arena.h"
#include "base/base.h"
#include "base/buf.h"
#include "base/unicode.h"

#define LABEL_NAME STRL("__name__")

struct label {
    str name;
    str value;
};
struct labels {
    const struct label *v;
    size_t n;
};
#define LABELS_EMPTY ((struct labels){NULL, 0})

str labels_get(struct labels ls, str name); /* empty if absent */
bool labels_has(struct labels ls, str name);
int labels_cmp(struct labels a, struct labels b);
bool labels_eq(struct labels a, struct labels b);
/* Equal sets have equal hashes within this process; never stored. */
uint64_t labels_hash(struct labels ls);
/* Prometheus' labels.Hash (xxhash over its string form): stable, part of behaviour
 * (scrape offsets, limit_ratio, remote shards). */
uint64_t labels_hash_stable(struct labels ls);
/* Alertmanager's and client_model's fingerprint (FNV-64a over name \xff value \xff). */
uint64_t labels_fingerprint(struct labels ls);
/* Hash of only these names / all but these names (and __name__); `names` sorted. */
uint64_t labels_hash_for(struct labels ls, const str *names, size_t n);
uint64_t labels_hash_without(struct labels ls, const str *names, size_t n);
/* Copies set and strings. */
struct labels labels_copy(struct arena *a, struct labels ls);
/* Copies set and strings into one heap allocation; labels_release frees it. */
struct labels labels_keep(struct labels ls);
void labels_release(struct labels *ls);
/* {a="b", c="d"} as Go's labels.String; names quoted if not legacy-valid. */
void labels_put(struct buf *out, struct labels ls);
/* metric{a="b"}, as the tools print a series: no name quoted, the braces left out when
 * there is a name and nothing else. */
void labels_put_metric(struct buf *out, struct labels ls);
/* Go's strconv.Quote. */
void labels_put_quoted(struct buf *out, str s);

/* [a-zA-Z_][a-zA-Z0-9_]* ; metric names may also hold ':' . */
bool label_name_legacy_valid(str s);
bool metric_name_legacy_valid(str s);

/* Builder: starts from a base set, applies set/del in any order, sorts once.
 * Memory is the arena's; strings put in are borrowed. */
struct labels_builder {
    struct arena *a;
    struct label *v; /* working set, unique names: untouched base labels, then those set */
    size_t n, cap;
    size_t base_n;   /* how many of v are untouched base labels */
};
void labels_builder_init(struct labels_builder *b, struct arena *a, struct labels base);
str labels_builder_get(const struct labels_builder *b, str name);
void labels_builder_set(struct labels_builder *b, str name, str value); /* empty deletes */
void labels_builder_del(struct labels_builder *b, str name);
/* The sorted set; strings as put in; array in the arena. */
struct labels labels_builder_done(struct labels_builder *b);
