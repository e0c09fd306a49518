/* template_time.h - layouts and names of package time, for the files of the module. */
#pragma once
#include "base/zone.h"
#include "server/template/template_priv.h"

enum layout_element {
    L_MONTH_LONG, L_MONTH, L_MONTH_NUM, L_MONTH_ZERO, L_DAY_LONG, L_DAY, L_DAY_NUM, L_DAY_SPACE, L_DAY_ZERO,
    L_YDAY_ZERO, L_YDAY_SPACE, L_HOUR, L_HOUR12, L_HOUR12_ZERO, L_MINUTE, L_MINUTE_ZERO, L_SECOND,
    L_SECOND_ZERO, L_YEAR, L_YEAR2, L_PM, L_PM_LOWER, L_FRACTION, L_FRACTION_ZERO, L_ZONE_NAME,
    L_NUM_S, L_COLON_S, L_NUM, L_COLON, L_SHORT, L_Z_NUM_S, L_Z_COLON_S, L_Z_NUM, L_Z_COLON, L_Z_SHORT,
};
extern const char *const template_months[12], *const template_days[7];

/* The element a layout starts with and its length, 0 for a character that stands for itself. */
size_t template_layout_element(str layout, enum layout_element *e);
int ttime_year_day(const struct civil_time *t);
/* Days from 1970 to a date whose month and day may be out of their ranges. */
int64_t ttime_days(int64_t year, int64_t month, int64_t day);
