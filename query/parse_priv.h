/* parse_priv.h - what the files of the parser share.  For query/parse*.c and check.c only.
 *
 * The parser is one function per grammar rule with one token of look-ahead.  It stops at
 * the first error; after that every token is TOK_FAILED, which matches no rule, so that
 * the functions need no test of their own: they fall through and their results are
 * never looked at.
 *
 * ERROR WORDS.  Prometheus' parser is an LALR one with error productions.  On a token
 * that fits nowhere it climbs to the innermost rule that has such a production, whose
 * words then name the place: `in aggregation`, `in offset, expected …`.  Here rules that
 * have one set p->place while they read what is below them.  Whether the look-ahead was
 * already read when a rule finds fault with a value decides which of two errors comes
 * first; therefore parse_peek is called exactly where that parser needs to look.
 */
#pragma once
#include "base/limits.h"
#include "query/lex.h"
#include "query/parse.h"

/* The words of an error production. */
struct parse_place {
    const char *where, *expected; /* may be empty */
};

struct parser {
    struct lexer lex;
    struct token tok; /* the last one read */
    bool ahead;       /* … and not taken yet */
    uint32_t closing; /* end of the last closing bracket, number or duration read */
    struct parse_opts opts;
    struct arena *arena;
    const struct parse_place *place;
    unsigned nesting;
    struct regex **regexes; /* compiled so far; freed if the parse fails */
    size_t regexes_n, regexes_cap;
    struct err *e;
    bool failed;
};

/* o may be NULL: nothing experimental. */
void parser_init(struct parser *p, str text, const struct parse_opts *o, struct arena *a,
                 struct err *e);
/* Ends a parse: nothing may follow.  On failure no compiled regex is left. */
bool parser_done(struct parser *p);

enum token_type parse_peek(struct parser *p);
struct token parse_take(struct parser *p);
/* Takes the next token if it is of the type. */
bool parse_accept(struct parser *p, enum token_type t);
/* Takes it, or fails at p->place. */
struct token parse_expect(struct parser *p, enum token_type t);
/* "unexpected <next token> in where, expected …" */
void parse_unexpected(struct parser *p, const char *where, const char *expected);
void parse_unexpected_here(struct parser *p); /* … with the words of p->place */
void parse_fail(struct parser *p, uint32_t pos, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Counts a level of recursion; false (and failed) beyond the limit. */
bool parse_enter(struct parser *p);
static inline void
parse_leave(struct parser *p)
{
    p->nesting--;
}
static inline uint32_t
token_end(const struct token *t)
{
    return t->start + (uint32_t)t->text.n;
}

/* A node; its depth is one more than that of its deepest child (NULL: none). */
struct expr *parse_node(struct parser *p, enum expr_type type, enum value_type value, uint32_t start);
void parse_child(struct parser *p, struct expr *e, const struct expr *child);
/* Quoted as Go's %q, in the arena. */
str parse_quote(struct parser *p, str s);

/* parse.c */
struct expr *parse_binary_expr(struct parser *p, int min_precedence);
/* Whether an expression may begin with the token. */
bool parse_starts_expr(enum token_type t);

/* parse_literal.c */
double parse_number(struct parser *p, const struct token *t);
/* NUMBER or DURATION, in seconds, out of range or not. */
double parse_seconds(struct parser *p, const struct token *t);
str parse_unquote(struct parser *p, const struct token *t);
bool parse_accept_sign(struct parser *p, struct token *sign);
int64_t parse_ns(double seconds); /* rounded as Go converts on amd64 */
int64_t parse_float_to_i64(double v);

/* parse_binary.c */
int parse_precedence(enum token_type t); /* 0: not a binary operator */
struct expr *parse_binary_right(struct parser *p, struct expr *left);

/* parse_call.c */
struct expr *parse_aggregate(struct parser *p, const struct token *op);
struct expr *parse_call(struct parser *p, const struct token *name);
/* ( a, "b" ): names, sorted as written. */
void parse_grouping(struct parser *p, str **names, size_t *n);

/* parse_selector.c */
bool parse_is_metric_name(enum token_type t);
/* What follows a metric name (type FAILED if there is none): matchers in braces. */
struct expr *parse_vector_selector(struct parser *p, const struct token *name);
struct expr *parse_offset(struct parser *p, struct expr *e);
struct expr *parse_at(struct parser *p, struct expr *e);
struct expr *parse_extended(struct parser *p, struct expr *e); /* anchored, smoothed */

/* parse_duration.c */
struct expr *parse_range(struct parser *p, struct expr *e); /* […] and [… : …] */
struct expr *parse_offset_duration(struct parser *p);

