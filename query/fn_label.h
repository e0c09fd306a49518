/* fn_label.h - functions that change labels or the order of series. */
#pragma once
#include "query/function.h"

fn_whole fn_label_join, fn_label_replace, fn_info;
fn_whole fn_sort, fn_sort_desc, fn_sort_by_label, fn_sort_by_label_desc;
