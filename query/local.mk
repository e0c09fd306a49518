# libquery_a_SOURCES += … one line a module.
libquery_a_SOURCES += query/walk.c query/walk.h
