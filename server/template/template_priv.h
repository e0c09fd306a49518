/* template_priv.h - trees, and what executor and functions share. */
#pragma once
#include "server/template/template_value.h"

enum tnode_type {
    N_LIST, N_TEXT, N_ACTION, N_IF, N_WITH, N_RANGE, N_TEMPLATE, N_BREAK, N_CONTINUE,
    N_PIPE, N_COMMAND,
    N_DOT, N_NIL, N_BOOL, N_NUMBER, N_STRING, N_FIELD, N_VARIABLE, N_IDENT, N_CHAIN,
};

struct tnode {
    enum tnode_type type;
    size_t pos, end;         /* in the template's text */
    struct tnode **child;    /* LIST, PIPE (commands), COMMAND (operands) */
    size_t n, cap;
    str text;                /* TEXT, STRING's value, IDENT's name, TEMPLATE's name */
    str *names;              /* FIELD, VARIABLE ($x first), CHAIN: field names; PIPE: variables */
    size_t names_n, names_cap;
    bool assign;             /* PIPE: = rather than := */
    struct tnode *pipe;      /* ACTION, IF, WITH, RANGE, TEMPLATE (or NULL), CHAIN's operand */
    struct tnode *body, *otherwise;
    bool is_int, is_float, b;
    int64_t i;
    double f;
    const struct tfunc *fn;  /* IDENT */
};

struct tsource {             /* one parsed text: for positions in errors */
    str name;                /* of the file or text */
    str text;
};
struct ttree {
    str name;                /* of the template */
    struct tnode *root;
    const struct tsource *source;
};

struct template_set {
    unsigned magic;
#define TEMPLATE_SET_MAGIC 0x41c5e9d2
    struct arena *arena;
    str name;                /* the one template_run starts with */
    bool html;
    struct ttree **tree;
    size_t n, cap;
};
struct ttree *template_find(const struct template_set *s, str name);

struct texec {
    const struct template_set *set;
    const struct template_env *env;
    struct arena *arena;
    struct buf *out;
    const struct ttree *tree;     /* being executed */
    const struct tnode *at;       /* for errors */
    struct {
        str name;
        struct tvalue value;
    } *vars;
    size_t vars_n, vars_cap;
    unsigned depth;
};

/* A function gets its evaluated arguments.  min..max arguments (max < 0: any number). */
struct tfunc {
    const char *name;
    int min, max;
    bool (*call)(struct texec *x, const struct tvalue *args, size_t n, struct tvalue *out, struct err *e);
    unsigned where; /* 1 Prometheus, 2 Alertmanager */
};
const struct tfunc *template_function(str name, unsigned where);
extern const struct tfunc template_builtins[], template_prometheus[], template_alertmanager[];

/* Parses a text and adds its templates to the set. */
bool template_parse(struct template_set *s, str name, str text, unsigned where, struct err *e);
bool template_execute(struct texec *x, str name, const struct tvalue *data, struct err *e);

/* fmt.Sprintf. */
void template_sprintf(struct buf *out, str format, const struct tvalue *args, size_t n);
/* "wrong type for value; expected string; got float64" style. */
bool template_want_string(const struct tvalue *v, str *out, struct err *e);
/* Prometheus' convertToFloat: numbers, and strings that hold one. */
bool template_want_float(const struct tvalue *v, double *out, struct err *e);
struct tvalue template_text(struct texec *x, struct buf *b); /* copies b into the arena and frees it */
