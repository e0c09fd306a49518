# libquery_a_SOURCES += … one line a module.
libquery_a_SOURCES += query/function.c query/function.h query/function.def
libquery_a_SOURCES += query/lex.c query/lex.h query/lex_priv.h query/lex_literal.c query/lex_series.c query/token.def
libquery_a_SOURCES += query/parse.c query/parse.h query/parse_priv.h query/parse_binary.c query/parse_call.c \
	query/parse_duration.c query/parse_literal.c query/parse_selector.c query/parse_series.c
libquery_a_SOURCES += query/check.c query/check.h
libquery_a_SOURCES += query/print.c query/print.h query/print_priv.h query/print_json.c query/print_pretty.c
libquery_a_SOURCES += query/walk.c query/walk.h
libquery_a_SOURCES += query/annotation.c query/annotation.h query/simd.h
libquery_a_SOURCES += query/budget.c query/budget.h
libquery_a_SOURCES += query/lookup.c query/lookup.h
libquery_a_SOURCES += query/plan.c query/plan.h query/plan_priv.h query/plan_select.c
libquery_a_SOURCES += query/fetch.c query/fetch.h query/fetch_smooth.c
libquery_a_SOURCES += query/eval.c query/eval.h query/eval_priv.h query/eval_account.c query/eval_account.h query/eval_call.c \
	query/eval_labels.c query/eval_labels.h query/eval_matrix.c query/eval_scope.c
libquery_a_SOURCES += query/pipe.c query/pipe_priv.h query/pipe_build.c query/pipe_run.c query/pipe_series.c
libquery_a_SOURCES += query/binary.c query/binary_match.c query/binary_match.h query/binary_priv.h query/binary_scalar.c
libquery_a_SOURCES += query/aggregate.c query/aggregate_priv.h query/aggregate_float.c query/aggregate_pick.c \
	query/aggregate_value.c
libquery_a_SOURCES += query/engine.c query/engine.h query/gate.c query/gate.h query/journal.c query/journal.h \
	query/query_log.c query/query_log.h
libquery_a_SOURCES += query/fn_common.c query/fn_priv.h query/fn_lanes.h
libquery_a_SOURCES += query/fn_rate.c query/fn_rate_float.c query/fn_rate.h query/fn_rate_extended.c query/fn_rate_histogram.c \
	query/fn_changes.c
libquery_a_SOURCES += query/fn_over_time.c query/fn_over_time.h query/fn_sum.c query/fn_quantile.c query/fn_trend.c
libquery_a_SOURCES += query/fn_math.c query/fn_math.h query/fn_scalar.c query/fn_date.c query/fn_time.c query/fn_time.h
libquery_a_SOURCES += query/fn_label.c query/fn_label.h query/fn_sort.c query/fn_info.c
libquery_a_SOURCES += query/fn_histogram.c query/fn_histogram.h query/fn_classic.c
libquery_a_SOURCES += query/promqltest.c query/promqltest.h query/promqltest_priv.h query/promqltest_compare.c \
	query/promqltest_eval.c query/promqltest_load.c query/promqltest_parse.c
