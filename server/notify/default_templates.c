#include "server/notify/default_templates.h"

#define DEFINE(name, body) "{{define \"" name "\"}}" body "{{end}}"
#define CALL(name) "{{template \"" name "\" .}}"

/* Receivers differ in where the blank lines are. */
#define ANNOTATION_VALUES "{{join \" \" .CommonAnnotations.SortedPairs.Values}}\n"
#define SECTION(state, open, list)                                                       \
    "{{with .Alerts." state "}}" open "Alerts " state ":\n{{template \"" list "\" .}}"
#define TIGHT                                                                            \
    ANNOTATION_VALUES SECTION("Firing", "", "__text_alert_list") "{{end}}\n"             \
    SECTION("Resolved", "", "__text_alert_list") "{{end}}"
#define LOOSE(open, list)                                                                \
    SECTION("Firing", open, list) "\n{{end}}\n" SECTION("Resolved", open, list) "\n{{end}}\n"
#define TEXT_SECTIONS LOOSE("\n", "__text_alert_list")
#define MARKDOWN_SECTIONS "\n" LOOSE("\n# ", "__text_alert_list_markdown")

static const char common[] =
    DEFINE("__alertmanager", "Alertmanager")
    DEFINE("__alertmanagerURL", "{{.ExternalURL}}/#/alerts?receiver={{urlquery .Receiver}}")
    DEFINE("__subject",
           "[{{toUpper .Status}}{{if eq .Status \"firing\"}}:{{len .Alerts.Firing}}{{end}}] "
           "{{join \" \" .GroupLabels.SortedPairs.Values}} "
           "{{if gt (len .CommonLabels) (len .GroupLabels)}}"
           "({{with .CommonLabels.Remove .GroupLabels.Names}}{{join \" \" .Values}}{{end}})"
           "{{end}}")
    DEFINE("__description", "")
    DEFINE("__pair_lines", "{{range .pairs}}{{$.mark}}{{.Name}} = {{.Value}}\n{{end}}")
    DEFINE("__text_alert_list",
           "{{range $alert := .}}"
           "Labels:\n{{template \"__pair_lines\" dict \"mark\" \" - \" \"pairs\" $alert.Labels.SortedPairs}}"
           "Annotations:\n{{template \"__pair_lines\" dict \"mark\" \" - \" \"pairs\" $alert.Annotations.SortedPairs}}"
           "Source: {{$alert.GeneratorURL}}\n"
           "{{end}}")
    DEFINE("__text_alert_list_markdown",
           "{{range $alert := .}}"
           "\nLabels:\n{{template \"__pair_lines\" dict \"mark\" \"  - \" \"pairs\" $alert.Labels.SortedPairs}}"
           "\nAnnotations:\n{{template \"__pair_lines\" dict \"mark\" \"  - \" \"pairs\" $alert.Annotations.SortedPairs}}"
           "\nSource: {{$alert.GeneratorURL}}\n"
           "{{end}}\n")
    DEFINE("__color", "{{if eq .Status \"firing\"}}danger{{else}}good{{end}}");

static const char page[] =
    DEFINE("pagerduty.default.description", CALL("__subject"))
    DEFINE("pagerduty.default.client", CALL("__alertmanager"))
    DEFINE("pagerduty.default.clientURL", CALL("__alertmanagerURL"))
    DEFINE("pagerduty.default.instances", CALL("__text_alert_list"))
    DEFINE("opsgenie.default.message", CALL("__subject"))
    DEFINE("opsgenie.default.description", TIGHT)
    DEFINE("opsgenie.default.source", CALL("__alertmanagerURL"))
    DEFINE("victorops.default.state_message", TIGHT)
    DEFINE("victorops.default.entity_display_name", CALL("__subject"))
    DEFINE("victorops.default.monitoring_tool", CALL("__alertmanager"))
    DEFINE("pushover.default.title", CALL("__subject"))
    DEFINE("pushover.default.message", ANNOTATION_VALUES TEXT_SECTIONS)
    DEFINE("pushover.default.url", CALL("__alertmanagerURL"))
    DEFINE("sns.default.subject", CALL("__subject"))
    DEFINE("sns.default.message", ANNOTATION_VALUES TEXT_SECTIONS)
    DEFINE("jira.default.summary", CALL("__subject"))
    DEFINE("jira.default.description", MARKDOWN_SECTIONS)
    DEFINE("__jira_priority",
           "{{$found := \"\"}}"
           "{{range .}}"
           "{{$severity := index .Labels \"severity\"}}"
           "{{if eq $severity \"critical\"}}{{$found = \"High\"}}"
           "{{else if and (eq $severity \"warning\") (ne $found \"High\")}}{{$found = \"Medium\"}}"
           "{{else if and (eq $severity \"info\") (eq $found \"\")}}{{$found = \"Low\"}}"
           "{{end}}"
           "{{end}}"
           "{{$found}}")
    /* Of what fires, or if that has no priority, of what is resolved. */
    DEFINE("jira.default.priority",
           "{{$has := false}}"
           "{{range .Alerts.Firing}}{{if match \"^(critical|warning|info)$\" (index .Labels \"severity\")}}"
           "{{$has = true}}{{end}}{{end}}"
           "{{if $has}}{{template \"__jira_priority\" .Alerts.Firing}}"
           "{{else}}{{template \"__jira_priority\" .Alerts.Resolved}}{{end}}");

static const char chat[] =
    DEFINE("slack.default.title", CALL("__subject"))
    DEFINE("slack.default.username", CALL("__alertmanager"))
    DEFINE("slack.default.titlelink", CALL("__alertmanagerURL"))
    DEFINE("slack.default.fallback", CALL("slack.default.title") " | " CALL("slack.default.titlelink"))
    DEFINE("slack.default.callbackid", "") DEFINE("slack.default.pretext", "")
    DEFINE("slack.default.iconemoji", "") DEFINE("slack.default.iconurl", "")
    DEFINE("slack.default.text", "") DEFINE("slack.default.footer", "")
    DEFINE("slack.default.color", CALL("__color"))
    DEFINE("wechat.default.message", CALL("__subject") "\n" TIGHT "\nAlertmanagerUrl:\n" CALL("__alertmanagerURL"))
    DEFINE("wechat.default.to_user", "") DEFINE("wechat.default.to_party", "")
    DEFINE("wechat.default.to_tag", "") DEFINE("wechat.default.agent_id", "")
    DEFINE("telegram.default.message", "\n" TEXT_SECTIONS)
    DEFINE("discord.default.content", "")
    DEFINE("discord.default.title", CALL("__subject"))
    DEFINE("discord.default.message", "\n" TEXT_SECTIONS)
    DEFINE("webex.default.message", ANNOTATION_VALUES TEXT_SECTIONS)
    DEFINE("msteams.default.summary", CALL("__subject"))
    DEFINE("msteams.default.title", CALL("__subject"))
    DEFINE("msteams.default.text", MARKDOWN_SECTIONS)
    DEFINE("msteamsv2.default.title", CALL("__subject"))
    DEFINE("msteamsv2.default.text", MARKDOWN_SECTIONS)
    DEFINE("rocketchat.default.title", CALL("__subject"))
    DEFINE("rocketchat.default.alias", CALL("__alertmanager"))
    DEFINE("rocketchat.default.titlelink", CALL("__alertmanagerURL"))
    DEFINE("rocketchat.default.emoji", "") DEFINE("rocketchat.default.iconurl", "")
    DEFINE("rocketchat.default.text", "")
    DEFINE("mattermost.default.color", CALL("__color"))
    DEFINE("mattermost.default.username", CALL("__alertmanager"))
    DEFINE("mattermost.default.title", CALL("__subject"))
    DEFINE("mattermost.default.titlelink", CALL("__alertmanagerURL"))
    DEFINE("mattermost.default.fallback",
           CALL("mattermost.default.title") " | " CALL("mattermost.default.titlelink"))
    DEFINE("mattermost.default.text", MARKDOWN_SECTIONS);

const str default_templates[] = {
    {common, sizeof common - 1},
    {page, sizeof page - 1},
    {chat, sizeof chat - 1},
};
const size_t default_templates_n = ARRAY_LEN(default_templates);
