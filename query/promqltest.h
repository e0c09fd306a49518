/* promqltest.h - runs scripts in the promqltest language: data in, expectations held
 * against answers.
 *
 * A script is a sequence of blocks, each ended by an empty line; a line that starts with
 * # counts as empty.
 *
 *   load <step>                       samples at 0, step, 2·step, …; indented in the usual
 *     foo{a="b"}@st -1m _x3           hand.  An @st line gives the start times of the next
 *     foo{a="b"} 1+2x3                line's samples, relative to each sample's own time.
 *   load_with_nhcb <step>             also adds classic histograms as native ones
 *   clear                             forgets all data (every script starts empty)
 *   eval instant at <time> <expr>     at may be left out: 0
 *   eval range from <time> to <time> step <duration> <expr>
 *     expect fail|warn|info|no_warn|no_info|ordered [msg:<text> | regex:<pattern>]
 *     expect range vector from <time> to <time> step <duration>
 *     expect string "…"
 *     foo{a="b"} 1 _ {{count:2}}      one line a series (parse.h), or a number for a scalar
 *   eval_fail, eval_warn, eval_info, eval_ordered, expected_fail_message and
 *   expected_fail_regexp are the older spelling
 *
 * RULES.  All series must be as expected, none more.  Floats are equal if they differ by
 * less than 1e-6 of the sum of their sizes; NaN equals NaN; a stale marker only another.
 * A counter_reset_hint is compared where it is written.  The lines with `expect warn` or
 * `info` must each match an annotation (whose position may be left out) and together cover
 * all; without such lines annotations are not looked at.  Every instant evaluation is repeated at other times with the selectors
 * pinned by @ to the first, and each of these as the middle step of a range query.
 *
 * SETTINGS.  All experimental parts of the language on, delayed name removal, start
 * times stored and used, 5 min lookback, 1 min for subqueries without a step, 10,000
 * samples a query.
 */
#pragma once
#include "base/buf.h"
#include "base/err.h"

struct promqltest_count {
    size_t passed, failed; /* evaluations, and loads that failed */
};
/* Runs one script; name stands before the line in messages.  Each failure appends one
 * line to out.  A malformed script fails at that line and ends. */
void promqltest_run(str script, const char *name, struct buf *out, struct promqltest_count *count);
