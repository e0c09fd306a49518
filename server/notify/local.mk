libserver_a_SOURCES += server/notify/alert_store.c server/notify/notify_log.c server/notify/route.c
libserver_a_SOURCES += server/notify/interval.c server/notify/sent.c server/notify/inhibit.c server/notify/group.c server/notify/decide.c server/notify/timers.c server/notify/silence.c
libserver_a_SOURCES += server/notify/plan.c server/notify/deliver.c server/notify/notify.c server/notify/view.c
libserver_a_SOURCES += server/notify/default_templates.c server/notify/attempt.c server/notify/post.c server/notify/payload.c
libserver_a_SOURCES += server/notify/webhook.c server/notify/slack.c server/notify/pagerduty.c
libserver_a_SOURCES += server/notify/outside.c server/notify/outside_targets.c server/notify/outside_endpoint.c
