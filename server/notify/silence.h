/* silence.h - silences: alerts that match all matchers notify nobody for a time.
 *
 * The rules are Alertmanager's.  A silence that is active keeps its start, one that is
 * pending may be moved into the future; any other change, of matchers above all, expires
 * it and makes a new one, so that its history stays true.  Expired silences are kept for
 * LIMIT_SILENCE_KEEP_MS so that they can be seen and recreated.
 *
 * THREADS.  The table is under the notifier's mutex.  A silence itself never changes:
 * another one takes its place, and readers keep theirs by a reference.
 */
#pragma once
#include <stdatomic.h>

#include "base/arena.h"
#include "model/labels.h"
#include "model/matcher.h"

#define SILENCE_ID_BYTES 36 /* 8-4-4-4-12 */

struct silence {
    _Atomic unsigned refs;    /* the table, views, notifications of a write */
    struct arena *arena;      /* everything below */
    char id[SILENCE_ID_BYTES + 1];
    struct matcher *v;        /* as given, in order */
    size_t n;
    int64_t starts_ms, ends_ms, updated_ms;
    str created_by, comment;
    struct labels annotations;
};
enum silence_state { SILENCE_ACTIVE, SILENCE_PENDING, SILENCE_EXPIRED };
static inline enum silence_state
silence_state(const struct silence *s, int64_t now_ms)
{
    return now_ms < s->starts_ms ? SILENCE_PENDING : now_ms < s->ends_ms ? SILENCE_ACTIVE : SILENCE_EXPIRED;
}
const char *silence_state_name(enum silence_state state);

/* A silence from its parts, copied; regexes are compiled.  The parts' matchers need only
 * type, name and value.  id may be empty.  False with Alertmanager's words. */
bool silence_new(struct silence **out, const struct silence *parts, str id, struct err *e) MUST_USE;
struct silence *silence_ref(struct silence *s);
void silence_unref(struct silence **s);
bool silence_matches(const struct silence *s, struct labels ls);

struct silences {
    struct silence **v;       /* unordered */
    size_t n, cap;
};
struct silence *silences_find(const struct silences *t, str id);
/* Puts one in as it is, in place of the one with its id (a log's record); takes the
 * reference. */
void silences_load(struct silences *t, struct silence *s);
/* What a POST means: creates (s has no id), updates, or replaces; s gets its id and times,
 * and the table takes a reference of its own.  *expired (may come out NULL) is the one
 * that was ended for it, borrowed.  False (NOT_FOUND, LIMIT, …) with Alertmanager's words. */
bool silences_set(struct silences *t, struct silence *s, int64_t now_ms, struct silence **expired,
                  struct err *e) MUST_USE;
/* Ends one now; *out is what took its place, borrowed; NULL if it had ended before.  False:
 * there is none. */
bool silences_expire(struct silences *t, str id, int64_t now_ms, struct silence **out) MUST_USE;
/* The active silences of a label set, in the table's order: at most max; how many. */
size_t silences_muting(const struct silences *t, struct labels ls, int64_t now_ms, const struct silence **out,
                       size_t max);
/* Forgets what expired long ago. */
void silences_sweep(struct silences *t, int64_t now_ms);
void silences_fini(struct silences *t);
