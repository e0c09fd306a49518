libbase_a_SOURCES += \
	base/panic.c base/err.c base/mem.c base/arena.c base/buf.c base/codec.c base/hash.c \
	base/num.c base/num_text.cc base/bits.c base/json.c base/yaml.c base/regex.c base/regex_syntax.c \
	base/compress.c base/sync.c base/thread.c base/clock.c base/rng.c base/fault.c base/io.c \
	base/log.c base/metric.c
