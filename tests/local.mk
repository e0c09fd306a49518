# Unit tests: tests/unit/test_X.c, one program each, run by `make check`.
# A test links the whole house; what it may not include is tidy's business.
UNIT_TESTS =
UNIT_LIBS = $(FLOORS) $(CHECK_LIBS) $(THIRD_LIBS) -lstdc++

include tests/unit/base.mk
include tests/unit/model.mk
include tests/unit/storage.mk
include tests/unit/query.mk
include tests/unit/server.mk
include tests/unit/scrape.mk
include tests/unit/web.mk

if HAVE_CHECK
check_PROGRAMS += $(UNIT_TESTS)
TESTS += $(UNIT_TESTS)
else
check-local:
	@echo "The unit tests need Debian's package check: install it and run configure again." && exit 1
endif

include tests/fuzz/local.mk
include tests/e2e/local.mk
