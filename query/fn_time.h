/* fn_time.h - functions of time: the calendar in UTC, time(), timestamps, and the absence
 * of samples. */
#pragma once
#include "query/function.h"

fn_row fn_day_of_month, fn_day_of_week, fn_day_of_year, fn_days_in_month, fn_hour, fn_minute,
    fn_month, fn_year;
fn_whole fn_time, fn_timestamp, fn_start_timestamp, fn_absent;
