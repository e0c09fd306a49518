/* schema.h - configuration blocks as tables: one row a key.
 *
 * A block of YAML is described once, by a table of its keys in the order of Prometheus'
 * struct, and from the table come
 *   reading   strict, into a plain C struct, with the faults and words of Go's yaml.v2
 *             (unknown key, repeated key, wrong type; each with its line)
 *   printing  the loaded block with its defaults, secrets masked: status/config
 *
 * A row names the key, the type (how one value is read, printed and when it is empty),
 * the member, and flags.  Defaults are a constant struct copied before reading; what
 * cannot be said key by key is the block's check function, which runs after a clean
 * read, at the moment Prometheus would run it.
 *
 * FAULTS.  A value of the wrong type is a problem: it is noted and reading goes on, and
 * in the end all problems are reported together, as yaml.v2 does.  Whatever a type or a
 * check refuses is a failure: it ends the reading at once and is the only thing reported.
 * Either way `place` says where the first one is.
 *
 * LIFETIME.  Everything read is copied into the arena; regexes are collected in r->regexes
 * for the owner to free.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/regex.h"
#include "base/yaml.h"
#include "server/config/config_types.h"

struct schema;
struct schema_field;
struct schema_reader;
struct schema_printer;

struct schema_type {
    const char *go; /* Go's name of the type, for "cannot unmarshal … into" */
    size_t size;    /* bytes to zero when the value is null; 0: the sub-block's size */
    /* Reads a value that is not null.  False after noting a problem or a failure. */
    bool (*read)(struct schema_reader *r, const struct yaml_node *n, const struct schema_field *f,
                 void *out);
    void (*print)(const struct schema_printer *p, const struct schema_field *f, const void *v);
    bool (*is_empty)(const struct schema_field *f, const void *v);
    void (*set_null)(void *out); /* NULL: zero it */
};

enum schema_flags {
    SCHEMA_OMITEMPTY = 1, /* not printed when empty */
    SCHEMA_FLOW = 2,      /* lists: printed as [a, b] */
    SCHEMA_HIDDEN = 4,    /* read but never printed */
    SCHEMA_SKIP_NULL = 8, /* lists of blocks: null items vanish, as in yaml.v3 */
};

struct schema_field {
    const char *key; /* "" for an inline block */
    const struct schema_type *type;
    size_t offset;
    unsigned flags;
    const struct schema *sub; /* of blocks and lists of blocks */
    const char *go;           /* overrides type->go */
};
#define SCHEMA_FIELD(S, name, member, t, ...)                                            \
    {.key = (name), .type = &(t), .offset = offsetof(S, member), __VA_ARGS__}
/* For pointers and lists of blocks. */
#define SCHEMA_BLOCK(S, name, member, t, block, ...)                                     \
    {.key = (name), .type = &(t), .offset = offsetof(S, member), .sub = &(block), __VA_ARGS__}

struct schema {
    const char *go; /* "config.plain" */
    size_t size;
    const struct schema_field *fields;
    size_t fields_n;
    const void *defaults; /* copied before reading; NULL: zeroes stay */
    void (*init)(struct schema_reader *r, void *obj); /* defaults that need code */
    /* After a read without problems; may change obj.  Fails with schema_fail. */
    bool (*check)(struct schema_reader *r, const struct yaml_node *n, void *obj);
};

/* Where a fault is: key is a path such as scrape_configs[0].tls_config.ca_file. */
struct schema_place {
    int line;
    char key[256];
};

#define SCHEMA_DEPTH_MAX 64
struct schema_reader {
    struct arena *a;      /* what is read lives here */
    struct err *e;        /* the failure */
    bool lenient;         /* unknown keys are ignored */
    bool failed;
    size_t problems;
    struct buf problem_text;
    struct schema_place place; /* of the first fault; line 0: none */
    size_t depth;
    struct {
        str key;    /* or empty: an index */
        size_t index;
    } path[SCHEMA_DEPTH_MAX];
    struct regex **regexes; /* owned by whoever owns the arena; array in the arena */
    size_t regexes_n, regexes_cap;
    const void *opts;       /* the loader's, for checks */
    config_check_template *check_template; /* or NULL */
};

void schema_reader_init(struct schema_reader *r, struct arena *a, struct err *e);
/* Frees the regexes read so far; for a reading that failed. */
void schema_reader_discard(struct schema_reader *r);
/* Reads a whole document into obj.  False with e set: the failure, or the problems as
 * "yaml: unmarshal errors:\n  line N: …". */
bool schema_read_doc(struct schema_reader *r, const struct yaml_node *root,
                     const struct schema *s, void *obj) MUST_USE;

/* For types and checks.  Each returns false, so that `return schema_fail(…)` reads well. */
bool schema_fail(struct schema_reader *r, const struct yaml_node *n, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
bool schema_fail_err(struct schema_reader *r, const struct yaml_node *n, const struct err *e);
bool schema_bad_type(struct schema_reader *r, const struct yaml_node *n, const char *go);
/* False, noted, if a map of yaml.v3 has a key twice. */
bool schema_sole_keys(struct schema_reader *r, const struct yaml_node *map);
/* Notes a key that the type does not have. */
void schema_unknown_key(struct schema_reader *r, const struct yaml_node *n, str key, const char *go);
/* Notes a map's repeated key; key is printed as Go's %#v does. */
bool schema_repeated(struct schema_reader *r, const struct yaml_node *n, str key);
/* Reads a block or one value where it stands in the path. */
bool schema_read_block(struct schema_reader *r, const struct yaml_node *n, const struct schema *s,
                       void *obj);
bool schema_read_value(struct schema_reader *r, const struct yaml_node *n,
                       const struct schema_field *f, void *out);
/* A scalar's text, as Go reads anything into a string; null gives "". */
bool schema_read_text(struct schema_reader *r, const struct yaml_node *n, const char *go, str *out);
void schema_enter(struct schema_reader *r, str key, size_t index);
void schema_leave(struct schema_reader *r);
void schema_own_regex(struct schema_reader *r, struct regex *re);

struct schema_printer {
    struct yaml_out *out;
    bool secrets; /* shown as they are: for identities, never for people */
};
/* The block as a map; appended to *out as a document. */
void schema_print_doc(const struct schema *s, const void *obj, bool secrets, struct buf *out);
void schema_print_block(const struct schema_printer *p, const struct schema *s, const void *obj);
bool schema_block_empty(const struct schema *s, const void *obj);
