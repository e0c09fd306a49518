libserver_a_SOURCES += \
	server/scrape/exposition.c server/scrape/exposition_lex.c
