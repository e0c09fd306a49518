libserver_a_SOURCES += \
	server/scrape/exposition.c server/scrape/exposition_lex.c
libserver_a_SOURCES += \
	server/scrape/target.c server/scrape/cache.c server/scrape/metadata.c
libserver_a_SOURCES += \
	server/scrape/page.c server/scrape/page_format.c server/scrape/page_labels.c \
	server/scrape/page_text.c server/scrape/page_nhcb.c \
	server/scrape/page_protobuf.c server/scrape/protobuf.c
libserver_a_SOURCES += \
	server/scrape/schedule.c server/scrape/fetch.c server/scrape/gzip_fault.c server/scrape/failure_log.c \
	server/scrape/pool.c server/scrape/scraper.c server/scrape/views.c
