/* journal.h - queries.active: which queries run, in a file that survives a crash.
 *
 * So that after a kill by the kernel's memory keeper one can see what was asked.  The
 * file is Prometheus' own, made anew at each start:
 *
 *   OFFSET          SIZE  FIELD
 *        0             1  '['
 *   1 + i * 1000    1000  slot i: {"query":"…","timestamp_sec":N}, zeros, and in the last
 *                         byte ','; all zeros when free
 *
 * Without its zeros, and the last comma made ']', that is a JSON array.  Queries that do
 * not fit a slot are cut at a character.
 *
 * THREADS.  Slots are independent; who holds one writes it.  A write that fails is
 * ignored: the journal must never stop a query.
 */
#pragma once
#include "base/err.h"

struct journal;
/* Logs what the file of the last run holds, then empties it.  `dir` is made if needed. */
bool journal_open(struct journal **out, const char *dir, size_t slots, struct err *e) MUST_USE;
void journal_close(struct journal **j); /* *j may be NULL */
void journal_enter(struct journal *j, size_t slot, str query);
void journal_leave(struct journal *j, size_t slot);
