# libquery_a_SOURCES += … one line a module.
libquery_a_SOURCES += query/function.c query/function.h query/function.def
libquery_a_SOURCES += query/lex.c query/lex.h query/lex_priv.h query/lex_literal.c query/lex_series.c query/token.def
libquery_a_SOURCES += query/parse.c query/parse.h query/parse_priv.h query/parse_binary.c query/parse_call.c \
	query/parse_duration.c query/parse_literal.c query/parse_selector.c query/parse_series.c
libquery_a_SOURCES += query/check.c query/check.h
libquery_a_SOURCES += query/print.c query/print.h query/print_priv.h query/print_json.c query/print_pretty.c
libquery_a_SOURCES += query/walk.c query/walk.h
