/* regex_priv.h - the parts of a compiled regex, shared by regex*.c.
 *
 * regex.c            the public functions and the order of attempts
 * regex_syntax*.c    pattern → tree, or Go's refusal
 * regex_shape.c      tree → globs and sets, which need no engine
 * regex_factor.c     tree → tree with common prefixes of alternatives taken out
 * regex_translate.c  tree → PCRE2 pattern
 * regex_engine.c     PCRE2: compiling, matching within a limit
 * regex_vm.c         tree → program; linear simulation, where PCRE2 gives up
 */
#pragma once
#include "base/regex.h"
#include "base/regex_syntax.h"

/* A sequence of literals and gaps; the whole input must match.  A gap is any runes, at
 * least min of them. */
struct regex_piece {
    bool gap;
    unsigned min;
    str text;
};
struct regex_glob {
    struct regex_piece *piece;
    size_t n;
};
bool regex_glob_match(const struct regex_glob *g, str s);

/* What the analysis found; all memory is of the arena given, and nothing of the tree's. */
struct regex_found {
    struct regex_glob *glob; /* if globs > 0: the input must match one of these */
    size_t globs;
    bool folded;        /* compare folded: globs are single folded literals then */
    str prefix, suffix; /* otherwise: what a match must begin and end with */
};
/* search: the pattern may match anywhere in the input. */
void regex_analyse(const struct regex_node *root, bool search, struct arena *a,
                   struct regex_found *out);
/* Each rune as the smallest of those that are the same letter. */
void regex_fold_text(str s, struct buf *out);

/* Changes the tree in place; what is new is a's. */
struct regex_node *regex_factor(struct regex_node *n, struct arena *a);

void regex_translate(const struct regex_node *root, struct buf *out);
/* Whether PCRE2's captures might differ from Go's: a repeat of what may match nothing. */
bool regex_repeats_nothing(const struct regex_node *n);
bool regex_nullable(const struct regex_node *n);

/* The pattern read again into a. */
bool regex_tree_of(const struct regex *r, struct arena *a, struct regex_tree *out, struct err *e);
enum regex_flags regex_flags_of(const struct regex *r);

enum regex_verdict { REGEX_NO, REGEX_YES, REGEX_GAVE_UP };

struct regex_engine;
/* NULL where PCRE2 cannot take the pattern (too large); anchored: the whole input. */
struct regex_engine *regex_engine_new(const struct regex_node *root, bool anchored);
void regex_engine_free(struct regex_engine **en);
/* s must be valid UTF-8.  at: pairs of byte offsets, SIZE_MAX for unset; NULL if unwanted. */
enum regex_verdict regex_engine_run(const struct regex_engine *en, str s, size_t from, size_t *at,
                                    size_t groups);

struct regex_vm;
struct regex_vm *regex_vm_new(const struct regex_tree *tree, bool anchored);
void regex_vm_free(struct regex_vm **vm);
/* Any bytes.  at as above. */
bool regex_vm_run(const struct regex_vm *vm, str s, size_t from, size_t *at, size_t groups);
