# Each test: UNIT_TESTS += tests/unit/test_X, its _SOURCES and _LDADD.
