/* fn_rate.h - functions of counters and of differences: rate, increase, delta, irate,
 * idelta, resets, changes.
 *
 * Extrapolation as in reference/prometheus.md 11.1.  Counter resets are found once per
 * sample; a window then only adds up the few that lie in it, in the order Prometheus does,
 * so that results are equal to the last digit.
 */
#pragma once
#include "query/function.h"

fn_range fn_changes, fn_delta, fn_idelta, fn_increase, fn_irate, fn_rate, fn_resets;
