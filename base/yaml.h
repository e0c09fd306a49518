/* yaml.h - YAML to a tree with positions (libyaml behind this door).
 *
 * Every node knows its line, so that configuration errors can name it.  Scalars keep
 * their source text and whether they were quoted; what they mean is the reader's
 * business (yaml.v3's core-schema rules are helpers here: null, bool, int, float).
 * Aliases are expanded by reference with a bound on the total; merge keys (<<) are
 * applied.  Duplicate keys are an error with both lines, as in yaml.v3.  Only the
 * first document is read (a broken second one is not seen).
 * Depth, nodes and bytes are bounded by base/limits.h.
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
    str text;               /* scalar's value; borrowed from the doc */
    str tag;                /* explicit tag, else empty */
    size_t n;               /* children: list items, or map pairs */
    struct yaml_node **key; /* map only; document order */
    struct yaml_node **item;
};

struct yaml_doc;
/* An empty document has a YAML_NULL_NODE root.  Errors read "yaml: line N: …". */
bool yaml_parse(str text, struct yaml_doc **out, struct err *e) MUST_USE;
void yaml_free(struct yaml_doc **d);
const struct yaml_node *yaml_root(const struct yaml_doc *d);

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key); /* or NULL */
bool yaml_is_null(const struct yaml_node *n); /* absent, empty plain, ~, null */
/* yaml.v3's reading of plain scalars; false if the scalar is not of that kind. */
bool yaml_bool(const struct yaml_node *n, bool *out);
bool yaml_int(const struct yaml_node *n, int64_t *out);
bool yaml_float(const struct yaml_node *n, double *out);

/* OUT: block style as yaml.v3 prints it (2-space indent for maps, lists not indented
 * further by default), used for status/config.  Quotes scalars when yaml.v3 would. */
void yaml_put_scalar(struct buf *out, str s);
