libserver_a_SOURCES += \
	server/net/http_client.c server/net/http_transfer.c server/net/http_transport.c \
	server/net/http_oauth2.c server/net/http_loop.c server/net/http_error.c
libserver_a_SOURCES += server/remote/write.c server/remote/write_histogram.c
include server/config/local.mk
include server/discovery/local.mk
include server/scrape/local.mk
libserver_a_SOURCES += server/remote/write_v2.c
include server/notify/local.mk
include server/template/local.mk
libserver_a_SOURCES += server/rules/rules.c server/rules/rules_load.c server/rules/group.c
libserver_a_SOURCES += server/rules/rule_record.c server/rules/rule_alert.c
