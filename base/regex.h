/* regex.h - RE2-syntax regular expressions (PCRE2 behind this door).
 *
 * Patterns are checked by our own reader of Go's RE2 grammar first: what Go's
 * regexp/syntax refuses is refused with Go's words ("error parsing regexp: missing
 * closing ): `(`"), so that back-references, look-around and repeats over 1000 never
 * reach PCRE2.  The tree also yields the fast paths: literal, prefix, suffix,
 * contains, alternation sets (also case-insensitive), any, any-non-empty.
 *
 * INPUT is any bytes; a bad byte of UTF-8 is one U+FFFD, as in Go.
 *
 * TIME.  JIT with a small match limit; on hitting it (or where PCRE2 refuses a pattern
 * for its size) a simulation of our own that is linear in the input, so no pattern can
 * hang a query.  (pcre2_dfa_match is not linear in the number of states and has no
 * captures.)
 *
 * THREADS.  A compiled regex is immutable and may be used by many threads at once.
 */
#pragma once
#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"

struct regex;

enum regex_flags {
    REGEX_ANCHORED = 1, /* ^(?s:…)$ : whole input, dot matches newline (matchers, relabel) */
    REGEX_SEARCH = 2,   /* Go's MatchString: anywhere, dot stops at newline */
    REGEX_RELABEL = 4,  /* as ANCHORED, but the text ^(?s:…)$ is what is parsed and what
                         * messages quote: relabel configs, label_replace */
};

bool regex_compile(str pattern, enum regex_flags flags, struct regex **out, struct err *e) MUST_USE;
struct regex *regex_ref(struct regex *r);
void regex_free(struct regex **r); /* drops one reference */
str regex_pattern(const struct regex *r);
bool regex_match(const struct regex *r, str s);

/* Captures: groups[0] the whole match; unmatched groups have p == NULL.  Leftmost-first.
 * Returns the number of groups (pattern's groups + 1), 0 for no match; fills at most
 * `max`.  `from` is where the search starts (for replace-all loops). */
size_t regex_capture(const struct regex *r, str s, size_t from, str *groups, size_t max);
size_t regex_group_count(const struct regex *r);
/* Index of a named group, or -1. */
int regex_group_index(const struct regex *r, str name);
/* The name of group i (0 … count), empty without one; borrowed from r. */
str regex_group_name(const struct regex *r, size_t i);
/* Go's Regexp.Expand: $1, ${1}, $name, ${name}, $$. */
void regex_expand(const struct regex *r, str template, const str *groups, size_t n, struct buf *out);
/* Go's ReplaceAllString (template expanded per match). */
void regex_replace_all(const struct regex *r, str s, str template, struct buf *out);

/* What the fast-path analysis found; used by postings to avoid scanning values. */
struct regex_shape {
    bool any;               /* matches everything: .* */
    bool any_non_empty;     /* .+ */
    str prefix;             /* required literal prefix (case-sensitive), maybe empty */
    const str *set;         /* if set_n > 0: matches exactly these strings, nothing else */
    size_t set_n;
};
const struct regex_shape *regex_shape(const struct regex *r);
