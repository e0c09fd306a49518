/* flags.h - the command line of the server: one table, server/config/flags.def.
 *
 * Values come from the table's defaults, then the environment (NARTHEX_…), then the
 * command line; a later source wins, a repeated LIST flag adds.  Forms: --name=value,
 * --name value, --name and --no-name for booleans, as Prometheus' own parser takes them.
 *
 * LIFETIME.  A struct flags owns its values.  It is filled once and then immutable.
 */
#pragma once
#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum flag {
#define FLAG(id, name, type, def, mode, note, help) FLAG_##id,
#include "server/config/flags.def"
#undef FLAG
    FLAG_COUNT
};

struct flags;

/* Parses argv[1..argc).  Errors have the words of Prometheus' parser and, for an unknown
 * flag, the nearest known name; the caller prints "Error parsing command line
 * arguments: …" and exits with 2 (3 when a flag belongs to the other mode). */
bool flags_parse(struct flags **out, int argc, char **argv, struct err *e) MUST_USE;
void flags_free(struct flags **f);
bool flags_wants_help(const struct flags *f);
bool flags_wants_version(const struct flags *f);

/* Values; the type must be that of the table. */
const char *flags_str(const struct flags *f, enum flag id);
bool flags_bool(const struct flags *f, enum flag id);
int64_t flags_duration_ms(const struct flags *f, enum flag id); /* 0 when not set */
int64_t flags_int(const struct flags *f, enum flag id);
double flags_float(const struct flags *f, enum flag id);
uint64_t flags_bytes(const struct flags *f, enum flag id);      /* 0 when not set */
size_t flags_list(const struct flags *f, enum flag id, const char *const **out);
bool flags_given(const struct flags *f, enum flag id);          /* by anything but the default */
/* Is the feature in --enable-feature? */
bool flags_feature(const struct flags *f, const char *name);

/* One log line for each given flag that means something else here, and for each feature
 * name that nobody knows. */
void flags_log_notes(const struct flags *f);

/* Name and value of every flag, for status/flags: sorted by name, in the arena. */
struct flag_view {
    str name, value;
};
size_t flags_view(const struct flags *f, struct arena *a, struct flag_view **out);

void flags_put_help(struct buf *out);     /* --help */
void flags_put_markdown(struct buf *out); /* docs/flags.md */
