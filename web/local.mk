libweb_a_SOURCES += \
	web/http.c web/http_request.c web/auth.c web/route.c web/web.c \
	web/encode.c web/api_json.c web/api_param.c web/api_query.c web/api_series.c \
	web/api_targets.c web/api_rules.c web/api_status.c web/api_admin.c web/api_write.c \
	web/page_home.c web/page_status.c web/page_federate.c \
	web/am.c web/am_alerts.c web/am_silences.c web/am_body.c web/am_scan.c
