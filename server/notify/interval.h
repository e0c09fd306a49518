/* interval.h - time intervals: business hours, week-ends, the last day of the month.
 *
 * A moment is inside an interval if one of its specs holds; a spec holds if all of its
 * fields do; a field holds if one of its ranges does.  Fields are read in the spec's own
 * location (IANA name), so daylight saving is what the clock on the wall says.
 */
#pragma once
#include "server/config/config_notify.h"

bool interval_contains(const struct config_time_interval *i, int64_t now_ms);
/* Those of the named intervals that hold now, into out (as long as names); how many. */
size_t intervals_now(const struct config_notify *c, const struct config_strs *names, int64_t now_ms, str *out);
