/* strings.h - Go's literals: quoted strings and integers as strconv reads them. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

/* The inside of a quoted literal, quote being what enclosed it: escapes undone, into the
 * arena.  False where strconv.Unquote says "invalid syntax". */
bool strings_unquote(str inside, char quote, struct arena *a, str *out, struct err *e) MUST_USE;
/* strconv.ParseInt(s, 0, 64): base by prefix 0x 0o 0b 0, underscores between digits. */
bool strings_parse_go_int(str s, int64_t *out);
