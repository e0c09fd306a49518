/* matcher.h - label matchers: =, !=, =~, !~.
 *
 * A label that is absent has the empty value, so {l=""} matches series without l.
 * Matchers are immutable after init and may be shared by threads.
 */
#pragma once
#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/regex.h"

enum matcher_type { MATCH_EQ, MATCH_NE, MATCH_RE, MATCH_NRE };

struct matcher {
    enum matcher_type type;
    str name;          /* borrowed from the caller for the matcher's life */
    str value;         /* likewise */
    struct regex *re;  /* owned; only for =~ and !~ */
};
/* Compiles the regex; false with Go's words on a bad pattern. */
bool matcher_init(struct matcher *m, enum matcher_type type, str name, str value,
                  struct err *e) MUST_USE;
void matcher_fini(struct matcher *m);
bool matcher_matches(const struct matcher *m, str value);
bool matcher_matches_empty(const struct matcher *m);
/* name="value" with Go quoting; the name is quoted if not legacy-valid. */
void matcher_put(struct buf *out, const struct matcher *m);
const char *matcher_type_text(enum matcher_type type);
