libserver_a_SOURCES += \
	server/net/http_client.c server/net/http_transfer.c server/net/http_transport.c \
	server/net/http_oauth2.c server/net/http_loop.c
