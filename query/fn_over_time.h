/* fn_over_time.h - functions that sum up a window: …_over_time, deriv, predict_linear,
 * double_exponential_smoothing.
 *
 * Prometheus computes each window on its own with compensated sums, and results must be
 * equal to the last digit.  Where a window's value follows exactly from what was computed
 * before (counts, extremes, sums of numbers that add up without rounding) each sample is
 * looked at once; compensated sums of other numbers depend on the order of additions, so
 * those are done window by window, several windows abreast.
 */
#pragma once
#include "query/function.h"

fn_range fn_avg_over_time, fn_sum_over_time, fn_count_over_time, fn_min_over_time,
    fn_max_over_time, fn_stddev_over_time, fn_stdvar_over_time, fn_last_over_time,
    fn_first_over_time, fn_present_over_time, fn_absent_over_time, fn_quantile_over_time,
    fn_mad_over_time, fn_ts_of_first_over_time, fn_ts_of_last_over_time,
    fn_ts_of_max_over_time, fn_ts_of_min_over_time, fn_deriv, fn_predict_linear,
    fn_double_exponential_smoothing;
