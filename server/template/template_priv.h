/* template_priv.h - trees, and what parser, executor and functions share. */
#pragma once
#include "server/template/template_value.h"

/* --- trees ------------------------------------------------------------------------------ */

enum tnode_type {
    N_LIST, N_TEXT, N_ACTION, N_IF, N_WITH, N_RANGE, N_TEMPLATE, N_BREAK, N_CONTINUE,
    N_PIPE, N_COMMAND,
    N_DOT, N_NIL, N_BOOL, N_NUMBER, N_STRING, N_FIELD, N_VARIABLE, N_IDENT, N_CHAIN,
    N_END, N_ELSE, /* while parsing */
};

struct tnode {
    enum tnode_type type;
    uint32_t pos;            /* in the text, where errors point to */
    const struct tsource *source;
    struct tnode **child;    /* LIST; PIPE: commands; COMMAND: operands */
    uint32_t n;
    uint32_t names_n;
    size_t cap, names_cap;
    str text;                /* TEXT; NUMBER and STRING as written; IDENT's and TEMPLATE's name */
    str value;               /* STRING unquoted */
    str *names;              /* FIELD, CHAIN: fields; VARIABLE: $x, then fields; PIPE: variables */
    struct tnode *pipe;      /* ACTION, IF, WITH, RANGE, TEMPLATE (or NULL); CHAIN's operand */
    struct tnode *body, *otherwise;
    bool assign;             /* PIPE: = rather than := */
    bool b;                  /* BOOL */
    bool is_int, is_uint, is_float, is_complex, is_char; /* NUMBER: what it can be */
    int64_t i;
    uint64_t u;
    double f, im;
    const struct tfunc *fn;  /* IDENT */
};
/* The node as text/template writes it, for error texts. */
void template_put_node(struct buf *out, const struct tnode *n);

struct tsource {             /* one parsed text: for positions in errors */
    str name;                /* of the file or text */
    str text;
};
struct ttree {
    str name;                /* of the template */
    struct tnode *root;
};

struct template_set {
    unsigned magic;
#define TEMPLATE_SET_MAGIC 0x41c5e9d2
    struct arena *arena;
    str name;                /* the one template_run starts with */
    bool html;
    unsigned where;
    struct ttree **tree;
    size_t n, cap;
};
struct ttree *template_find(const struct template_set *s, str name);
/* Parses a text and adds its templates to the set. */
bool template_parse(struct template_set *s, str name, str text, struct err *e) MUST_USE;

/* --- execution ---------------------------------------------------------------------------- */

struct tvar {
    str name;
    struct tvalue value;
};
struct texec {
    const struct template_set *set;
    const struct template_env *env;
    struct arena *arena;
    struct buf *out;
    const struct ttree *tree;     /* being executed */
    const struct tnode *at;       /* for errors */
    const struct tnode *callee;   /* the first argument of what is being called, for its words */
    struct tvar *vars;
    size_t vars_n, vars_cap, vars_base; /* a called template sees those from the base up */
    uint64_t steps;
    struct tframe *frames;
    size_t frames_n, frames_cap;
    unsigned depth;               /* of template calls */
    struct tvalue data;           /* what the whole run is about */
    struct html_place *html;      /* where in the HTML the output is; NULL for plain text */
    struct troute *routes;        /* labels being rendered by routeLabels */
    size_t memory_before;         /* the arena's use at the start */
};
/* Runs the template; its output goes to x->out. */
bool template_execute(struct texec *x, const struct ttree *t, struct tvalue data, struct err *e) MUST_USE;
bool template_eval_pipeline(struct texec *x, const struct tvalue *dot, const struct tnode *pipe,
                            struct tvalue *out, struct err *e);
/* Runs a text over x->data with the set's templates. */
bool template_run_nested(struct texec *x, str text, struct buf *out, struct err *e) MUST_USE;
/* "template: NAME:LINE:COL: executing …: words"; false. */
bool template_fail(const struct texec *x, struct err *e, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Memory, output and steps within their bounds. */
bool template_within_limits(const struct texec *x, struct err *e) MUST_USE;
struct tvar *template_variable(struct texec *x, str name);
/* Declares or sets the variables of a pipeline. */
bool template_bind(struct texec *x, const struct tnode *pipe, struct tvalue v, struct err *e);

/* --- functions ----------------------------------------------------------------------------- */

/* Arguments are converted to the parameters' types; for interface {} they are what is inside,
 * for reflect.Value as they came.  A method's first is the receiver. */
typedef bool tfunc_call(struct texec *x, const struct tvalue *args, size_t n, struct tvalue *out, struct err *e);
struct tfunc {
    const char *name;
    tfunc_call *call;
    unsigned in_n;                 /* parameters, without the receiver */
    const struct ttype *in[4];
    bool variadic;                 /* the last parameter may be repeated or left out */
    bool returns_any;              /* interface {} */
    bool builtin;
    const char *refusal;           /* a method that text/template will not call, and its words */
};
const struct tfunc *template_function(str name, unsigned where);
extern const struct tfunc template_builtins[], template_prometheus[], template_alertmanager[];

/* What an evaluated value becomes as an argument; false with x's error. */
bool tvalue_assignable(const struct ttype *from, const struct ttype *to);
struct tvalue tvalue_zero(const struct ttype *t);
/* The value pointers lead to; nil pointers stay. */
struct tvalue tvalue_indirect(struct tvalue v);
/* Element i of a list, value at key of a map (false if there is none), field i. */
struct tvalue tvalue_at(const struct tvalue *list, size_t i);
bool tvalue_get(const struct tvalue *map, str key, struct tvalue *out);
struct tvalue tvalue_member(const struct tvalue *s, size_t i);
/* Go's truth: not zero, not empty. */
bool tvalue_truth(const struct tvalue *v);
bool tvalue_equal(const struct tvalue *a, const struct tvalue *b);
const char *tvalue_type_name(const struct tvalue *v);

/* --- text ------------------------------------------------------------------------------------ */

/* fmt.Sprintf, Sprint and Sprintln. */
void template_sprintf(struct buf *out, str format, const struct tvalue *args, size_t n);
void template_sprint(struct buf *out, const struct tvalue *args, size_t n);
void template_sprintln(struct buf *out, const struct tvalue *args, size_t n);
/* As an action prints it: "<no value>" for none, pointers followed. */
struct tvalue template_printable(struct tvalue v);
struct tvalue template_text(struct texec *x, struct buf *b); /* copies b into the arena and frees it */
/* Prometheus' convertToFloat: numbers, and strings that hold one. */
bool template_want_float(const struct tvalue *v, double *out, struct err *e);
/* In backquotes if that can be, else quoted. */
void template_put_backquoted(struct buf *out, str s);
void template_put_html(struct buf *out, str s);
void template_put_js(struct buf *out, str s);
tfunc_call template_match, template_replace_all, template_humanize_duration;
tfunc_call template_joined; /* what html, js and urlquery escape */
/* cases.Title; lower the rest of each word, too. */
void template_put_title(struct buf *out, str s, bool lower);

/* --- time ------------------------------------------------------------------------------------ */

/* time.Time.Format and ParseInLocation(UTC). */
void template_put_time(struct buf *out, const struct ttime *t, str layout);
bool template_parse_time(str layout, str text, struct arena *a, struct ttime *out, struct err *e);
struct ttime ttime_add(struct ttime t, int64_t ns);
int64_t ttime_sub(const struct ttime *a, const struct ttime *b);
/* The same moment on another clock; false if there is no such place. */
bool ttime_in(struct ttime *t, str location, struct arena *a);
