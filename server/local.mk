libserver_a_SOURCES += \
	server/net/http_client.c server/net/http_transfer.c server/net/http_transport.c \
	server/net/http_oauth2.c server/net/http_loop.c server/net/http_error.c
libserver_a_SOURCES += server/remote/write.c server/remote/write_histogram.c
include server/config/local.mk
include server/discovery/local.mk
include server/scrape/local.mk
libserver_a_SOURCES += server/remote/write_v2.c
libserver_a_SOURCES += server/template/template_text.c
include server/notify/local.mk
