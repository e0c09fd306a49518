/* default_templates.h - the templates that receivers' fields name by default.
 *
 * They render what Alertmanager's do, under the same names, so that users' own templates
 * can call them ("__subject", "__text_alert_list", "slack.default.title", …). */
#pragma once
#include "base/base.h"

extern const str default_templates[];
extern const size_t default_templates_n;
extern const char default_email_template[]; /* default_email.c */
extern const size_t default_email_template_n;
