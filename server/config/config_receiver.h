/* config_receiver.h - the eighteen kinds of notification target.
 *
 * One struct a kind, fields in the order of Alertmanager's.  Texts are templates unless
 * they name a file or a key.  After load `http` is never NULL where a kind has it, and
 * what a kind takes from `global:` is filled in.  A secret given in a `_file` is read on
 * use.  The first two members are common to all kinds.
 */
#pragma once
#include "server/config/config_receiver_chat.h"
#include "server/config/config_receiver_page.h"

/* Columns: enum suffix, key prefix and integration name, struct.  The order is that of
 * Alertmanager's struct: the order in which a receiver's lists are printed. */
#define CONFIG_RECEIVER_KINDS(X)                                                         \
    X(DISCORD, discord, config_receiver_discord)                                         \
    X(EMAIL, email, config_receiver_email)                                               \
    X(INCIDENTIO, incidentio, config_receiver_incidentio)                                \
    X(PAGERDUTY, pagerduty, config_receiver_pagerduty)                                   \
    X(SLACK, slack, config_receiver_slack)                                               \
    X(WEBHOOK, webhook, config_receiver_webhook)                                         \
    X(OPSGENIE, opsgenie, config_receiver_opsgenie)                                      \
    X(WECHAT, wechat, config_receiver_wechat)                                            \
    X(PUSHOVER, pushover, config_receiver_pushover)                                      \
    X(VICTOROPS, victorops, config_receiver_victorops)                                   \
    X(SNS, sns, config_receiver_sns)                                                     \
    X(TELEGRAM, telegram, config_receiver_telegram)                                      \
    X(WEBEX, webex, config_receiver_webex)                                               \
    X(MSTEAMS, msteams, config_receiver_msteams)                                         \
    X(MSTEAMSV2, msteamsv2, config_receiver_msteams)                                     \
    X(JIRA, jira, config_receiver_jira)                                                  \
    X(ROCKETCHAT, rocketchat, config_receiver_rocketchat)                                \
    X(MATTERMOST, mattermost, config_receiver_mattermost)

enum config_receiver_kind {
#define X(upper, lower, type) RECEIVER_##upper,
    CONFIG_RECEIVER_KINDS(X)
#undef X
        RECEIVER_KINDS
};
const char *config_receiver_kind_name(enum config_receiver_kind kind); /* "webhook", … */

/* A receiver's integrations in the order Alertmanager numbers and runs them. */
struct config_integration {
    enum config_receiver_kind kind;
    unsigned index;        /* within its kind: receiver/kind/index is a stable name */
    bool send_resolved;
    const struct config_http *http; /* NULL for email */
    const void *conf;      /* struct config_receiver_<kind> */
};
struct config_receiver {
    str name;
    struct config_map labels; /* with "name" */
#define X(upper, lower, type) CONFIG_LIST(struct type *) lower;
    CONFIG_RECEIVER_KINDS(X)
#undef X
    struct config_integration *v;
    size_t n;
};
