/* am_matcher.h - matchers as Alertmanager writes them: foo="bar", {a=b,c=~"d"}.
 *
 * GRAMMAR (UTF-8):  matchers := [ "{" ] [ matcher { "," matcher } [ "," ] ] [ "}" ]
 *                   matcher  := text ( "=" | "!=" | "=~" | "!~" ) text
 *                   text     := a Go string in double quotes, or runes other than
 *                               blanks and { } ! = ~ , \ " ' `
 * The braces come in pairs.  The older, classic grammar takes a legacy label name and any
 * value, also an empty one, with OpenMetrics escapes.  What the UTF-8 grammar refuses is
 * tried with the classic one, and where both take it and differ the classic one wins:
 * so Alertmanager does during its transition, and its words for bad input are the
 * classic reader's.
 *
 * Regexes are anchored; unlike PromQL's their dot does not match a newline.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "model/matcher.h"

/* All matchers of one text; array and strings in the arena, regexes owned by the matchers
 * (matcher_fini).  On failure nothing needs freeing. */
bool am_matchers_parse(str text, struct arena *a, struct matcher **out, size_t *n,
                       struct err *e) MUST_USE;
/* One matcher: braces are refused. */
bool am_matcher_parse(str text, struct arena *a, struct matcher *out, struct err *e) MUST_USE;
/* A matcher from its parts, with Alertmanager's reading of regexes. */
bool am_matcher_init(struct matcher *m, enum matcher_type type, str name, str value, struct arena *a,
                     struct err *e) MUST_USE;

/* Compiles an anchored regex.  Go compiles `open` + text + ")$" and its messages quote
 * parts of that whole, so those of a bad pattern do too. */
bool am_regex_compile(str text, const char *open, struct arena *a, struct regex **out,
                      struct err *e) MUST_USE;

/* foo="bar", the name in quotes if it needs them; Alertmanager's own spelling. */
void am_matcher_put(struct buf *out, const struct matcher *m);
/* {a="b",c=~"d"} */
void am_matchers_put(struct buf *out, const struct matcher *v, size_t n);
/* By name, value, type: the order of lists of matchers. */
void am_matchers_sort(struct matcher *v, size_t n);
