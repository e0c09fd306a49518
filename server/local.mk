libserver_a_SOURCES += \
	server/net/http_client.c server/net/http_transfer.c server/net/http_transport.c \
	server/net/http_oauth2.c server/net/http_loop.c
libserver_a_SOURCES += server/scrape/exposition.c server/scrape/exposition_lex.c server/remote/write.c server/remote/write_histogram.c
libserver_a_SOURCES += server/config/flags.c
