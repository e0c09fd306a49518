libserver_a_SOURCES += \
	server/net/http_client.c server/net/http_transfer.c server/net/http_transport.c \
	server/net/http_oauth2.c server/net/http_loop.c
libserver_a_SOURCES += server/remote/write.c server/remote/write_histogram.c
libserver_a_SOURCES += server/config/flags.c
include server/discovery/local.mk
include server/scrape/local.mk
libserver_a_SOURCES += server/config/schema.c server/config/schema_types.c server/config/schema_lists.c
libserver_a_SOURCES += server/config/schema_any.c server/config/schema_http.c server/config/schema_relabel.c
libserver_a_SOURCES += server/config/schema_sd.c server/config/schema_sd_kubernetes.c
libserver_a_SOURCES += server/config/schema_discovery.c server/config/schema_scrape.c
libserver_a_SOURCES += server/config/schema_remote.c server/config/schema_server.c
libserver_a_SOURCES += server/config/schema_alerting.c server/config/schema_notify.c
libserver_a_SOURCES += server/config/schema_notify_check.c server/config/schema_time_interval.c
libserver_a_SOURCES += server/config/schema_receiver_page.c server/config/schema_receiver_chat.c
libserver_a_SOURCES += server/config/schema_receiver_complete.c server/config/am_matcher.c
libserver_a_SOURCES += server/config/config.c server/config/config_paths.c server/config/config_util.c
libserver_a_SOURCES += server/remote/write_v2.c
