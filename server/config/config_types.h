/* config_types.h - the small types that configuration structs are made of.
 *
 * A configuration generation (config.h) is a tree of plain structs in one arena.  It is
 * filled by the tables of schema_*.c and immutable from the moment config_load returns
 * it, so readers on any thread need no lock, only a reference to the generation.
 *
 *   text          str; never written empty: absent and empty are both n == 0.  Where
 *                 the difference matters (URLs) absent has p == NULL.
 *   secret        str as well; the tables know which, and print <secret>
 *   duration      int64_t milliseconds, name ends in _ms
 *   optional bool enum config_opt
 *   list          CONFIG_LIST(T): v[0..n), and whether the key was given at all
 */
#pragma once
#include "base/base.h"
#include "model/labels.h"
#include "model/relabel.h"

#define CONFIG_LIST(T)                                                                   \
    struct {                                                                             \
        T *v;                                                                            \
        size_t n;                                                                        \
        bool set; /* the key was there and not null; n may be 0 */                       \
    }

/* Whether a text is a template: what the loaders ask where templates are checked at load;
 * name is the alert's, or empty.  server/template, which config does not see, has them. */
typedef bool config_check_template(str name, str text, struct err *e);

/* Layout shared by every CONFIG_LIST; what the decoder works on. */
struct config_list {
    void *v;
    size_t n;
    bool set;
};

struct config_strs {
    str *v;
    size_t n;
    bool set;
};

/* A YAML map of strings, sorted by key. */
struct config_pair {
    str key;
    str value;
};
struct config_map {
    struct config_pair *v;
    size_t n;
    bool set;
};

/* A YAML map from a name to a list of strings, sorted by key: URL parameters, headers. */
struct config_multi {
    str key;
    struct config_strs values;
};
struct config_multimap {
    struct config_multi *v;
    size_t n;
    bool set;
};

/* Relabelling rules, ready for relabel_apply(v, n, …). */
struct config_relabels {
    struct relabel *v;
    size_t n;
    bool set;
};

enum config_opt { CONFIG_UNSET, CONFIG_FALSE, CONFIG_TRUE };

/* An URL: `text` is what to send requests to, as Go's URL.String() writes it. */
struct config_url {
    str text;     /* p == NULL: absent */
    str redacted; /* password replaced by xxxxx: for people */
};

/* A YAML value of any shape (webhook payload, PagerDuty details, OAuth2 claims). */
enum config_any_type { ANY_NULL, ANY_BOOL, ANY_INT, ANY_FLOAT, ANY_STR, ANY_LIST, ANY_MAP };
struct config_any {
    enum config_any_type type;
    bool odd_key; /* a map's item whose key YAML reads as no text: y, 5, null */
    bool b;
    int64_t i;
    double f;
    str s;
    size_t n;
    str *keys; /* map only; sorted */
    struct config_any *items;
};
struct config_any_map {
    struct config_any value; /* ANY_MAP; n may be 0 */
    bool set;
};
