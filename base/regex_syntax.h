/* regex_syntax.h - reads Go's RE2 grammar into a tree.
 *
 * What Go's regexp/syntax refuses under the flags of regexp.Compile is refused with its
 * words; what it takes becomes a tree for the fast-path analysis, for the translation to
 * PCRE2 and for our own linear matcher.  The tree is not simplified: alternations keep
 * their order and are not factored.
 *
 * Flags that change inside a pattern are resolved here: "." is ANY or ANY_NOT_NL, "^" one
 * of two ops, literals and classes are folded, repeats lazy, so that no node's meaning
 * depends on where it stands.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "base/regex_class.h"

enum regex_op {
    RE_EMPTY,
    RE_LITERAL, /* text, of at least one rune; folded if fold */
    RE_CLASS,   /* one rune out of class (none if it is empty) */
    RE_ANY,     /* any rune */
    RE_ANY_NOT_NL,
    RE_BEGIN_LINE, /* (?m)^ */
    RE_END_LINE,   /* (?m)$ */
    RE_BEGIN_TEXT, /* ^, \A */
    RE_END_TEXT,   /* $, \z: after the last byte only */
    RE_WORD_BOUNDARY,
    RE_NO_WORD_BOUNDARY,
    RE_CAPTURE, /* sub[0], number group */
    RE_REPEAT,  /* sub[0] min..max times; *, +, ? too; max -1: without end */
    RE_CONCAT,
    RE_ALTERNATE,
    RE_LEFT_PAREN, /* while parsing only, as is the next */
    RE_VERTICAL_BAR,
};

struct regex_node {
    enum regex_op op;
    bool fold;
    bool lazy;
    bool counted; /* REPEAT written {…} */
    int min, max;
    int group;  /* CAPTURE: from 1; LEFT_PAREN: 0 without one */
    str name;   /* of a group; empty without one */
    char *text; /* LITERAL: valid UTF-8 */
    size_t text_n, text_cap;
    struct regex_class class;
    struct regex_node **sub;
    size_t n;
    unsigned flags; /* LEFT_PAREN: those to return to */
    bool closed;    /* LITERAL: a group or alternative of its own, takes no more runes */
    int height;     /* of the tree below, as Go counts it: lists in lists are one */
    int depth;      /* of the tree below, really */
    double size;    /* instructions, as Go counts them */
};

enum regex_syntax_flags {
    REGEX_SYNTAX_FOLD = 1,
    REGEX_SYNTAX_MULTI_LINE = 2,
    REGEX_SYNTAX_DOT_NL = 4,
    REGEX_SYNTAX_LAZY = 8,
};

struct regex_tree {
    struct regex_node *root;
    int groups; /* capturing */
    str *names; /* groups + 1, index is the group's number */
};

/* The tree is the arena's and borrows nothing from pattern. */
bool regex_parse(str pattern, unsigned flags, struct arena *a, struct regex_tree *out,
                 struct err *e) MUST_USE;
