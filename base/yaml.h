/* yaml.h - YAML to a tree with positions, and back (libyaml behind this door).
 *
 * Every node knows its line, so that configuration errors can name it.  Scalars keep
 * their source text and whether they were quoted; what they mean is the reader's
 * business, with Go's resolution (yaml.v2 and v3 agree but for the words of booleans)
 * as helpers here.
 *
 * Aliases are expanded by reference, so that a node may be reached by several ways, with
 * a bound on the expanded total.  Merge keys (<<) are applied: own pairs first, then
 * those merged, which never override.  Only the first document is read (a broken second
 * one is not seen).  Depth, nodes and bytes are bounded by base/limits.h.
 *
 * DUPLICATE KEYS.  yaml.v3, which reads rule files, refuses them by itself; yaml.v2, which
 * reads prometheus.yml, leaves them to the decoding into a type, whose name is in the
 * message.  So yaml_parse refuses, and yaml_parse_v2 keeps them for the caller to find
 * with yaml_repeats.  yaml_parse_loose keeps them as well: strictly, yaml.v3 refuses
 * them only in what is decoded, and a reader can do so with yaml_duplicates.
 *
 * A tree is immutable after parsing and may be read by many threads.
 */
#pragma once
#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"

enum yaml_type { YAML_NULL_NODE, YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml_node {
    enum yaml_type type;
    int line, column;       /* 1-based */
    bool quoted;            /* scalar written in quotes or as a block */
    bool v2;                /* read by yaml_parse_v2 */
    str text;               /* scalar's value; borrowed from the doc */
    str tag;                /* explicit tag, "!!" form where YAML's own, else empty */
    size_t n;               /* children: list items, or map pairs */
    struct yaml_node **key; /* map only; document order */
    struct yaml_node **item;
};

struct yaml_doc;
/* An empty document has a YAML_NULL_NODE root.  Errors read "yaml: line N: …", and for
 * duplicates "yaml: unmarshal errors:\n  line N: mapping key …", one line each. */
bool yaml_parse(str text, struct yaml_doc **out, struct err *e) MUST_USE;
bool yaml_parse_loose(str text, struct yaml_doc **out, struct err *e) MUST_USE;
bool yaml_parse_v2(str text, struct yaml_doc **out, struct err *e) MUST_USE;
/* libyaml exports a yaml_free of its own, which ours would be taken for. */
#define yaml_free yaml_doc_free
void yaml_free(struct yaml_doc **d);
const struct yaml_node *yaml_root(const struct yaml_doc *d);

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key); /* or NULL */
/* Whether pair i's key stands at an earlier pair of the same map too. */
bool yaml_repeats(const struct yaml_node *map, size_t i);
/* Appends "\n  line N: mapping key …" for each pair of equal keys, of the map or of all
 * maps below n too; how many. */
size_t yaml_duplicates(const struct yaml_node *n, bool deep, struct buf *out);
bool yaml_is_null(const struct yaml_node *n); /* absent, empty plain, ~, null */
/* The tag Go resolves the node to, as its messages write it: "!!str" "!!int" "!!float"
 * "!!bool" "!!null" "!!timestamp" "!!merge" "!!seq" "!!map", or the explicit one. */
str yaml_resolved_tag(const struct yaml_node *n);
/* Go's reading into a typed field; false where Go reports "cannot unmarshal".  Floats are
 * cut to integers, as there. */
bool yaml_bool(const struct yaml_node *n, bool *out);
bool yaml_int(const struct yaml_node *n, int64_t *out);
bool yaml_uint(const struct yaml_node *n, uint64_t *out);
bool yaml_float(const struct yaml_node *n, double *out);

/* OUT: block style as yaml.v2 prints it (2-space maps, lists at their key's column, lines
 * folded at 80 columns), used for status/config.  Nesting is by calls; inside a map each
 * value follows its key. */
struct yaml_out;
struct yaml_out *yaml_out_new(struct buf *to); /* borrows */
void yaml_out_map(struct yaml_out *o);         /* begins; an empty one prints {} */
void yaml_out_list(struct yaml_out *o);        /* begins; an empty one prints [] */
void yaml_out_flow_list(struct yaml_out *o);   /* begins one written [a, b] */
/* The next map or list is written in one line, unless a key comes first: what Go leaves
 * behind after a scalar where a list in one line could have been. */
void yaml_out_flow_next(struct yaml_out *o);
void yaml_out_end(struct yaml_out *o);         /* ends the innermost map or list */
void yaml_out_str(struct yaml_out *o, str s);  /* quoted when it would read as another type */
void yaml_out_plain(struct yaml_out *o, str s); /* a number, true, null: as it is */
void yaml_out_key(struct yaml_out *o, const char *key);
void yaml_out_free(struct yaml_out **o);       /* finishes the text */
/* One scalar in a line of its own making: quotes where yaml.v2 would. */
void yaml_put_scalar(struct buf *out, str s);
