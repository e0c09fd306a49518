# libbase_a_SOURCES += … one line a module.
libbase_a_SOURCES += base/unicode.c base/unicode.h base/unicode.def
libbase_a_SOURCES += base/sync.c
libbase_a_SOURCES += base/thread.c base/thread_inbox.c base/thread_pool.c
libbase_a_SOURCES += base/clock.c base/rng.c base/fault.c
libbase_a_SOURCES += base/io.c base/io_dir.c base/io_glob.c base/io_map.c
libbase_a_SOURCES += base/log.c
libbase_a_SOURCES += base/metric.c base/metric_expose.c base/metric_process.c base/metric_sketch.c
