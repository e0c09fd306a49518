libserver_a_SOURCES += \
	server/discovery/discovery.c server/discovery/groups.c server/discovery/file.c \
	server/discovery/http.c
