# Fuzz targets: tests/fuzz/fuzz_X.c, each with fuzz.h's main.  `make check` replays mutated
# seeds; configured --with-sanitizer=fuzzer they are libFuzzer programs instead, run by hand.
FUZZ_TARGETS =
if FUZZER
FUZZ_CPPFLAGS = $(AM_CPPFLAGS) -DFUZZ_WITH_ENGINE
FUZZ_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
else
FUZZ_CPPFLAGS = $(AM_CPPFLAGS)
FUZZ_LDFLAGS = $(AM_LDFLAGS)
endif
FUZZ_LIBS = $(FLOORS) $(THIRD_LIBS) -lstdc++

FUZZ_TARGETS += tests/fuzz/fuzz_chunk
tests_fuzz_fuzz_chunk_SOURCES = tests/fuzz/fuzz_chunk.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_chunk_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_chunk_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_chunk_LDADD = $(FUZZ_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_index
tests_fuzz_fuzz_index_SOURCES = tests/fuzz/fuzz_index.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_index_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_index_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_index_LDADD = $(FUZZ_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_tombstone
tests_fuzz_fuzz_tombstone_SOURCES = tests/fuzz/fuzz_tombstone.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_tombstone_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_tombstone_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_tombstone_LDADD = $(FUZZ_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_parse
tests_fuzz_fuzz_parse_SOURCES = tests/fuzz/fuzz_parse.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_parse_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_parse_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_parse_LDADD = $(FUZZ_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_regex
tests_fuzz_fuzz_regex_SOURCES = tests/fuzz/fuzz_regex.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_regex_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_regex_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_regex_LDADD = $(FUZZ_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_yaml
tests_fuzz_fuzz_yaml_SOURCES = tests/fuzz/fuzz_yaml.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_yaml_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_yaml_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_yaml_LDADD = $(FUZZ_LIBS)
FUZZ_TARGETS += tests/fuzz/fuzz_config
tests_fuzz_fuzz_config_SOURCES = tests/fuzz/fuzz_config.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_config_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_config_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_config_LDADD = $(FUZZ_LIBS)

FUZZ_TARGETS += tests/fuzz/fuzz_template
tests_fuzz_fuzz_template_SOURCES = tests/fuzz/fuzz_template.c tests/fuzz/fuzz.h
tests_fuzz_fuzz_template_CPPFLAGS = $(FUZZ_CPPFLAGS)
tests_fuzz_fuzz_template_LDFLAGS = $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_template_LDADD = $(FUZZ_LIBS)

if FUZZER
EXTRA_PROGRAMS += $(FUZZ_TARGETS)
else
check_PROGRAMS += $(FUZZ_TARGETS)
TESTS += $(FUZZ_TARGETS)
endif
