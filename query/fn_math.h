/* fn_math.h - functions of one value: arithmetic, trigonometry, clamping, what native
 * histograms know about themselves; and the scalar functions. */
#pragma once
#include "query/function.h"

fn_row fn_abs, fn_acos, fn_acosh, fn_asin, fn_asinh, fn_atan, fn_atanh, fn_ceil, fn_clamp,
    fn_clamp_max, fn_clamp_min, fn_cos, fn_cosh, fn_deg, fn_exp, fn_floor, fn_ln, fn_log10,
    fn_log2, fn_rad, fn_round, fn_sgn, fn_sin, fn_sinh, fn_sqrt, fn_tan, fn_tanh;
fn_row fn_histogram_avg, fn_histogram_count, fn_histogram_stddev, fn_histogram_stdvar,
    fn_histogram_sum;
fn_whole fn_max_of, fn_min_of, fn_pi, fn_scalar, fn_vector;
