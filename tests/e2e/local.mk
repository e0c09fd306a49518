# Whole programs against each other: narthex, its peers from Debian, stand-ins for what it
# notifies.  Each takes less than a minute and skips, saying why, what is not installed.
E2E_TESTS = tests/e2e/e2e_process.py tests/e2e/e2e_crash.py tests/e2e/e2e_promtool.py tests/e2e/e2e_story.py \
	tests/e2e/docs.sh tests/e2e/differential.sh
TESTS += $(E2E_TESTS)
EXTRA_DIST += $(E2E_TESTS) tests/e2e/server.py tests/e2e/receivers.py tests/e2e/shop.py tests/e2e/remote_write.py tests/e2e/queries.py

TEST_EXTENSIONS = .py .sh
PY_LOG_COMPILER = $(PYTHON3)
SH_LOG_COMPILER = $(SHELL)
AM_TESTS_ENVIRONMENT = NARTHEX='$(abs_top_builddir)/narthex'; export NARTHEX; \
	NARTHEX_SOURCE='$(abs_top_srcdir)'; export NARTHEX_SOURCE; \
	NARTHEX_TEST_PATIENCE='$(TEST_PATIENCE)'; export NARTHEX_TEST_PATIENCE; \
	PYTHON3='$(PYTHON3)'; export PYTHON3; \
	PYTHONDONTWRITEBYTECODE=1; export PYTHONDONTWRITEBYTECODE;

# What the program says of itself, in the tree for those who read it there.
.PHONY: docs
docs: narthex$(EXEEXT)
	$(AM_V_GEN)./narthex docs flags >$(srcdir)/docs/flags.md.tmp && mv $(srcdir)/docs/flags.md.tmp $(srcdir)/docs/flags.md
