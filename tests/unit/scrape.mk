UNIT_TESTS += tests/unit/test_exposition
tests_unit_test_exposition_SOURCES = tests/unit/test_exposition.c
tests_unit_test_exposition_LDADD = $(UNIT_LIBS)
EXTRA_DIST += tests/golden/exposition.txt
UNIT_TESTS += tests/unit/test_page
tests_unit_test_page_SOURCES = tests/unit/test_page.c
tests_unit_test_page_LDADD = $(UNIT_LIBS)
