/* regex_syntax_priv.h - the parser's state, shared by its two files: regex_syntax.c has
 * operators and groups' ends, regex_syntax_atom.c escapes, classes and (?…). */
#pragma once
#include "base/regex_syntax.h"

struct regex_parser {
    struct arena *arena; /* borrowed */
    struct err *e;       /* borrowed */
    str whole;           /* the pattern; messages quote from it */
    str rest;            /* not read yet */
    unsigned flags;
    struct regex_node **stack;
    size_t n, cap;
    str last_repeat; /* from the repeat operator just before, or empty */
    str repeat_here; /* from the repeat operator being read */
    int groups;
    str *names;
    size_t names_cap;
    bool failed;
};

/* Writes Go's sentence unless one is written; false. */
bool regex_syntax_fail(struct regex_parser *p, const char *what, str expr);
str regex_syntax_since(const struct regex_parser *p, str from);
/* Takes a rune off *rest; fails on bad UTF-8. */
bool regex_syntax_rune(struct regex_parser *p, str *rest, uint32_t *rune);
bool regex_syntax_check_utf8(struct regex_parser *p, str s);
struct regex_node *regex_syntax_node(struct regex_parser *p, enum regex_op op);
bool regex_syntax_push(struct regex_parser *p, struct regex_node *n);
bool regex_syntax_literal(struct regex_parser *p, uint32_t rune);
bool regex_syntax_open(struct regex_parser *p, int group, str name);

/* A backslash and one rune's escape, off *rest. */
bool regex_syntax_escape(struct regex_parser *p, str *rest, uint32_t *rune);
/* \d \s \w \p{…} and their negations, if one is there (*done). */
bool regex_syntax_class_escape(struct regex_parser *p, str *rest, struct regex_class *to,
                               bool *done);
bool regex_syntax_bracket(struct regex_parser *p, struct regex_class *to); /* […] at p->rest */
bool regex_syntax_perl_group(struct regex_parser *p);                      /* (?… at p->rest */
