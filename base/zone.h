/* zone.h - the clock on the wall in a named time zone (tzdata's TZif files, RFC 8536).
 *
 * libc knows one zone a process; notification intervals have one each.  Files are read
 * once and kept.
 */
#pragma once
#include "base/base.h"

struct civil_time {
    int year, month, day;     /* month 1..12 */
    int weekday;              /* 0 = Sunday */
    int hour, minute, second;
    int offset_s;             /* east of UTC */
};
/* name: IANA ("Europe/Berlin"), "UTC" or empty for UTC, "Local" for the machine's.  False
 * if there is no such zone. */
bool zone_civil(str name, int64_t unix_ms, struct civil_time *out);
bool zone_exists(str name);
/* Seconds east of UTC and the zone's abbreviation ("CEST") at that moment; the text lives
 * as long as the process. */
bool zone_at(str name, int64_t unix_s, int *offset_s, str *abbreviation);
/* Date of a moment `offset_s` east of UTC, proleptic Gregorian. */
void zone_civil_at(int64_t unix_s, int offset_s, struct civil_time *out);
int zone_days_in_month(int year, int month); /* month 1..12 */
