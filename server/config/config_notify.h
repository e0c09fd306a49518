/* config_notify.h - an Alertmanager configuration: routing, grouping, inhibition.
 *
 * Takes everything Alertmanager 0.34 takes in alertmanager.yml, with its defaults and the
 * words of its errors.  After load the routing tree names only receivers and intervals
 * that exist, every receiver has what it needs (its own keys or those of `global:`), and
 * matchers are compiled.  What a receiver says is in config_receiver.h.
 */
#pragma once
#include "model/matcher.h"
#include "server/config/config_receiver.h"
#include "server/config/config_remote.h"

/* A conjunction of matchers; strings in the generation's arena. */
struct config_matchers {
    struct matcher *v;
    size_t n;
    bool set;
};

/* Values are inclusive ranges, as written and sorted nowhere. */
struct config_range {
    int begin, end;
};
struct config_time_range {
    int start_minute; /* of the day, inclusive */
    int end_minute;   /* exclusive, up to 1440 */
};
/* All fields that are present must hold; a field holds if one of its ranges does. */
struct config_time_spec {
    CONFIG_LIST(struct config_time_range) times;
    CONFIG_LIST(struct config_range) weekdays;      /* 0 = Sunday */
    CONFIG_LIST(struct config_range) days_of_month; /* 1..31, or -31..-1 from the end */
    CONFIG_LIST(struct config_range) months;        /* 1..12 */
    CONFIG_LIST(struct config_range) years;
    str location; /* empty: UTC; an IANA name, or Local */
};
struct config_time_interval {
    str name;
    CONFIG_LIST(struct config_time_spec) specs; /* one of them must hold */
};

struct config_route {
    str receiver; /* empty: the parent's */
    struct config_strs group_by_text;
    struct config_strs group_by; /* set: given here; without "..." */
    bool group_by_all;
    struct config_map match, match_re; /* deprecated forms, in `matchers` too */
    struct config_matchers written;    /* `matchers:` alone, for printing */
    struct config_strs mute_time_intervals, active_time_intervals;
    bool continue_;
    CONFIG_LIST(struct config_route *) routes;
    int64_t group_wait_ms, group_interval_ms, repeat_interval_ms; /* -1: the parent's */
    struct config_map labels; /* values may be templates */

    /* match, then match_re, then matchers, in Alertmanager's order: the group key's. */
    struct config_matchers matchers;
};
#define CONFIG_GROUP_WAIT_MS (30 * 1000)
#define CONFIG_GROUP_INTERVAL_MS (5 * 60 * 1000)
#define CONFIG_REPEAT_INTERVAL_MS (4 * 3600 * 1000)

struct config_inhibit {
    str name;
    struct config_map source_match, source_match_re, target_match, target_match_re;
    struct config_matchers source_written, target_written;
    struct config_strs equal;

    struct config_matchers source, target; /* all of them together */
};

struct config_notify_global {
    int64_t resolve_timeout_ms; /* 5m */
    struct config_http *http;
    struct config_url jira_api_url;
    str smtp_from, smtp_hello;
    struct config_hostport smtp_smarthost;
    str smtp_auth_username, smtp_auth_password, smtp_auth_password_file;
    str smtp_auth_secret, smtp_auth_secret_file, smtp_auth_identity;
    bool smtp_require_tls;
    struct config_tls *smtp_tls;
    enum config_opt smtp_force_implicit_tls;
    struct config_url slack_api_url;
    str slack_api_url_file, slack_app_token, slack_app_token_file;
    struct config_url slack_app_url, pagerduty_url, opsgenie_api_url;
    str opsgenie_api_key, opsgenie_api_key_file;
    struct config_url wechat_api_url;
    str wechat_api_secret, wechat_api_secret_file, wechat_api_corp_id;
    struct config_url victorops_api_url;
    str victorops_api_key, victorops_api_key_file;
    struct config_url telegram_api_url;
    str telegram_bot_token, telegram_bot_token_file;
    struct config_url webex_api_url, rocketchat_api_url;
    str rocketchat_token, rocketchat_token_file, rocketchat_token_id, rocketchat_token_id_file;
    struct config_url mattermost_webhook_url;
    str mattermost_webhook_url_file;
};

struct config_notify_tracing {
    str client_type; /* grpc, http */
    str endpoint;    /* empty: no tracing */
    double sampling_fraction;
    bool insecure;
    struct config_tls *tls;         /* or NULL */
    struct config_headers *headers; /* or NULL */
    str compression;
    int64_t timeout_ms;
};

struct config_notify {
    struct config_notify_global *global; /* never NULL after load */
    struct config_route *route;          /* the root; never NULL after load */
    CONFIG_LIST(struct config_inhibit) inhibit_rules;
    CONFIG_LIST(struct config_receiver) receivers;
    struct config_strs templates; /* absolute globs */
    CONFIG_LIST(struct config_time_interval) mute_time_intervals; /* the old key */
    CONFIG_LIST(struct config_time_interval) time_intervals;
    struct config_notify_tracing tracing;      /* accepted; not used */
    struct config_any *event_recorder;  /* accepted; not used */
    str path; /* of the alertmanager.yml; empty when inline */
    str text; /* as Alertmanager's api/v2/status shows it */
};

/* A file by itself, for the tools: everything in a generation-like owner. */
struct config_notify_file {
    struct arena *arena;
    struct config_notify *notify;
    struct regex **regexes;
    size_t regexes_n;
};
struct config_opts;
/* Of the options (NULL: none) check_template and place count. */
bool config_notify_load(const char *path, const struct config_opts *o,
                        struct config_notify_file *out, struct err *e) MUST_USE;
void config_notify_close(struct config_notify_file *f);
/* The interval of that name, or NULL. */
const struct config_time_interval *config_notify_interval(const struct config_notify *n, str name);
const struct config_receiver *config_notify_receiver(const struct config_notify *n, str name);
