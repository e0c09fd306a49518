/* config_receiver_chat.h - receivers that write into a chat.
 * Conventions: config_receiver.h. */
#pragma once
#include "server/config/config_http.h"

struct config_slack_field {
    str title, value;
    enum config_opt short_;
};

struct config_slack_confirm {
    str text, title, ok_text, dismiss_text;
};

struct config_slack_action {
    str type, text, url, style, name, value;
    struct config_slack_confirm *confirm;
};

struct config_receiver_slack {
    bool send_resolved;
    struct config_http *http;
    struct config_url api_url; /* secret */
    str api_url_file, app_token, app_token_file;
    struct config_url app_url;
    str channel, username, color, title, title_link, pretext, text, message_text;
    CONFIG_LIST(struct config_slack_field *) fields;
    bool short_fields;
    str footer, fallback, callback_id, icon_emoji, icon_url, image_url, thumb_url;
    bool link_names;
    struct config_strs mrkdwn_in;
    CONFIG_LIST(struct config_slack_action *) actions;
    bool update_message;
    int64_t timeout_ns;
};

struct config_receiver_telegram {
    bool send_resolved;
    struct config_http *http;
    struct config_url api_url;
    str bot_token, bot_token_file;
    int64_t chat_id;
    str chat_id_file;
    int64_t message_thread_id;
    str message;
    bool disable_notifications;
    str parse_mode;
};

struct config_receiver_discord {
    bool send_resolved;
    struct config_http *http;
    struct config_url webhook_url; /* secret */
    str webhook_url_file, content, title, message, username, avatar_url;
};

struct config_receiver_webex {
    bool send_resolved;
    struct config_http *http;
    struct config_url api_url;
    str message, room_id;
};

struct config_receiver_msteams { /* and msteamsv2, which has no summary */
    bool send_resolved;
    struct config_http *http;
    struct config_url webhook_url; /* secret */
    str webhook_url_file, title, summary, text;
};

struct config_receiver_wechat {
    bool send_resolved;
    struct config_http *http;
    str api_secret, api_secret_file, corp_id, message;
    struct config_url api_url;
    str to_user, to_party, to_tag, agent_id, message_type;
};

struct config_rocketchat_field {
    enum config_opt short_;
    str title, value;
};

struct config_rocketchat_action {
    str type, text, url, image_url;
    bool is_webview;
    str webview_height_ratio, msg;
    bool msg_in_chat_window;
    str msg_processing_type;
};

struct config_receiver_rocketchat {
    bool send_resolved;
    struct config_http *http;
    struct config_url api_url;
    str token_id, token_id_file, token, token_file;
    str channel, color, title, title_link, text;
    CONFIG_LIST(struct config_rocketchat_field *) fields;
    bool short_fields;
    str emoji, icon_url, image_url, thumb_url;
    bool link_names;
    CONFIG_LIST(struct config_rocketchat_action *) actions;
};

struct config_mattermost_field {
    str title, value;
    enum config_opt short_;
};

struct config_mattermost_attachment {
    str fallback, color, pretext, text, author_name, author_link, author_icon, title, title_link;
    CONFIG_LIST(struct config_mattermost_field *) fields;
    str thumb_url, footer, footer_icon, image_url;
};

struct config_mattermost_props {
    str card;
};

struct config_mattermost_priority {
    str priority;
    bool requested_ack, persistent_notifications;
};

struct config_receiver_mattermost {
    bool send_resolved;
    struct config_http *http;
    struct config_url webhook_url; /* secret */
    str webhook_url_file, channel, username, text, fallback, color, pretext;
    str author_name, author_link, author_icon, title, title_link;
    CONFIG_LIST(struct config_mattermost_field *) fields;
    str thumb_url, footer, footer_icon, image_url, icon_url, icon_emoji;
    CONFIG_LIST(struct config_mattermost_attachment *) attachments;
    str type;
    struct config_mattermost_props *props;
    struct config_mattermost_priority *priority;
};
