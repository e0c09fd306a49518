# Each test: UNIT_TESTS += tests/unit/test_X, its _SOURCES and _LDADD.
GOLDEN_CPPFLAGS = $(AM_CPPFLAGS) -DGOLDEN_DIR='"$(abs_top_srcdir)/tests/golden"'
UNIT_TESTS += tests/unit/test_histogram
tests_unit_test_histogram_SOURCES = tests/unit/test_histogram.c
tests_unit_test_histogram_CPPFLAGS = $(GOLDEN_CPPFLAGS)
tests_unit_test_histogram_LDADD = $(UNIT_LIBS)
EXTRA_DIST += tests/golden/histogram.txt
UNIT_TESTS += tests/unit/test_fmath
tests_unit_test_fmath_SOURCES = tests/unit/test_fmath.c
tests_unit_test_fmath_CPPFLAGS = $(GOLDEN_CPPFLAGS)
tests_unit_test_fmath_LDADD = $(UNIT_LIBS)
EXTRA_DIST += tests/golden/fmath.txt
UNIT_TESTS += tests/unit/test_labels
tests_unit_test_labels_SOURCES = tests/unit/test_labels.c
tests_unit_test_labels_CPPFLAGS = $(GOLDEN_CPPFLAGS)
tests_unit_test_labels_LDADD = $(UNIT_LIBS)
EXTRA_DIST += tests/golden/labels.txt
