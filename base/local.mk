# libbase_a_SOURCES += … one line a module.
libbase_a_SOURCES += base/unicode.c base/unicode.h base/unicode.def
