# Each test: UNIT_TESTS += tests/unit/test_X, its _SOURCES and _LDADD.
UNIT_TESTS += tests/unit/test_chunk
tests_unit_test_chunk_SOURCES = tests/unit/test_chunk.c
tests_unit_test_chunk_LDADD = $(UNIT_LIBS)
EXTRA_DIST += tests/golden/chunks.txt
UNIT_TESTS += tests/unit/test_head
tests_unit_test_head_SOURCES = tests/unit/test_head.c
tests_unit_test_head_LDADD = $(UNIT_LIBS)
