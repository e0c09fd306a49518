# Each test: UNIT_TESTS += tests/unit/test_X, its _SOURCES and _LDADD.
UNIT_TESTS += tests/unit/test_parse
tests_unit_test_parse_SOURCES = tests/unit/test_parse.c
tests_unit_test_parse_LDADD = $(UNIT_LIBS)
EXTRA_DIST += tests/golden/parse.jsonl tests/golden/series.jsonl
UNIT_TESTS += tests/unit/test_eval
tests_unit_test_eval_SOURCES = tests/unit/test_eval.c
tests_unit_test_eval_LDADD = $(UNIT_LIBS)
UNIT_TESTS += tests/unit/test_fn_range
tests_unit_test_fn_range_SOURCES = tests/unit/test_fn_range.c
tests_unit_test_fn_range_LDADD = $(UNIT_LIBS)
UNIT_TESTS += tests/unit/test_promqltest
tests_unit_test_promqltest_SOURCES = tests/unit/test_promqltest.c
tests_unit_test_promqltest_LDADD = $(UNIT_LIBS)
EXTRA_DIST += tests/promql/at_modifier.test tests/promql/limit.test tests/promql/range_queries.test \
	tests/promql/subquery.test tests/promql/syntax.test tests/promql/trig.test
