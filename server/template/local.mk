libserver_a_SOURCES += \
	server/template/template.c server/template/template_alertmanager.c server/template/template_builtin.c \
	server/template/template_data.c server/template/template_eval.c server/template/template_exec.c \
	server/template/template_fmt.c server/template/template_fmt_number.c server/template/template_html.c \
	server/template/template_json.c server/template/template_lex.c server/template/template_node.c \
	server/template/template_parse.c server/template/template_prometheus.c server/template/template_sprintf.c \
	server/template/template_time.c server/template/template_time_parse.c server/template/template_title.c \
	server/template/template_type_histogram.c server/template/template_type_time.c \
	server/template/template_unicode.c server/template/template_value.c
