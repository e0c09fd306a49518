/* config_receiver_page.h - receivers that page, mail, open tickets or call another server.
 * Conventions: config_receiver.h. */
#pragma once
#include "server/config/config_http.h"

struct config_receiver_webhook {
    bool send_resolved;
    struct config_http *http;
    str url; /* secret; may be a template */
    str url_file;
    uint64_t max_alerts;
    int64_t timeout_ns;
    struct config_any *payload; /* or NULL: the standard body */
};

struct config_hostport {
    str host, port; /* both empty: absent */
};
struct config_email_threading {
    bool enabled;
    str thread_by_date; /* none, daily */
};
struct config_receiver_email {
    bool send_resolved;
    struct config_http *http; /* NULL; keeps the members common */
    str to, from, hello;
    struct config_hostport smarthost;
    str auth_username, auth_password, auth_password_file, auth_secret, auth_secret_file;
    str auth_identity;
    struct config_map headers; /* canonical names */
    str html, text;
    enum config_opt require_tls;
    struct config_tls *tls;
    enum config_opt force_implicit_tls;
    struct config_email_threading threading;
};

struct config_pagerduty_image {
    str src, alt, href;
};

struct config_pagerduty_link {
    str href, text;
};

struct config_receiver_pagerduty {
    bool send_resolved;
    struct config_http *http;
    str service_key, service_key_file, routing_key, routing_key_file;
    struct config_url url;
    str client, client_url, description;
    struct config_any_map details;
    CONFIG_LIST(struct config_pagerduty_image) images;
    CONFIG_LIST(struct config_pagerduty_link) links;
    str source, severity, class_, component, group;
    int64_t timeout_ns;
};

struct config_opsgenie_responder {
    str id, name, username, type;
};

struct config_receiver_opsgenie {
    bool send_resolved;
    struct config_http *http;
    str api_key, api_key_file;
    struct config_url api_url;
    str message, description, source;
    struct config_map details;
    str entity;
    CONFIG_LIST(struct config_opsgenie_responder) responders;
    str actions, tags, note, priority;
    bool update_alerts;
};

struct config_receiver_victorops {
    bool send_resolved;
    struct config_http *http;
    str api_key, api_key_file;
    struct config_url api_url;
    str routing_key, message_type, state_message, entity_display_name, monitoring_tool;
    struct config_map custom_fields;
};

struct config_receiver_pushover {
    bool send_resolved;
    struct config_http *http;
    str user_key, user_key_file, token, token_file;
    str title, message, url, url_title, device, sound, priority;
    int64_t retry_ns, expire_ns, ttl_ns;
    bool html, monospace;
};

struct config_receiver_sns {
    bool send_resolved;
    struct config_http *http;
    str api_url;
    struct config_sigv4 sigv4;
    str topic_arn, phone_number, target_arn, subject, message;
    struct config_map attributes;
    bool use_aws_http_client;
};

struct config_jira_field {
    str template;
    enum config_opt enable_update; /* unset: yes */
};

struct config_receiver_jira {
    bool send_resolved;
    struct config_http *http;
    struct config_url api_url;
    str api_type, project;
    struct config_jira_field summary, description;
    struct config_strs labels;
    str priority, issue_type, reopen_transition, resolve_transition, wont_fix_resolution;
    int64_t reopen_duration_ms;
    struct config_any_map fields;
};

struct config_receiver_incidentio {
    bool send_resolved;
    struct config_http *http;
    struct config_url url;
    str url_file, alert_source_token, alert_source_token_file;
    uint64_t max_alerts;
    int64_t timeout_ns;
};
