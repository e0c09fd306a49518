# libquery_a_SOURCES += … one line a module.
