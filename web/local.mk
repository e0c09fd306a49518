libweb_a_SOURCES += web/http.c web/http_request.c web/encode.c web/api_param.c web/api_query.c
