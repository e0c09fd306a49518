/* Receivers that write into a chat. */
#include "server/config/schema_http.h"
#include "server/config/schema_receiver.h"

#define OMIT .flags = SCHEMA_OMITEMPTY
#define TEXT(lit) {.p = "" lit, .n = sizeof(lit) - 1}
#define FIELDS(list) .fields = list, .fields_n = ARRAY_LEN(list)
/* Every kind's first rows. */
#define COMMON(S)                                                                        \
    SCHEMA_FIELD(S, "send_resolved", send_resolved, schema_bool),                        \
        SCHEMA_BLOCK(S, "http_config", http, schema_ptr, schema_http, OMIT)
#define F(name, member, t, ...) SCHEMA_FIELD(S, name, member, t, __VA_ARGS__)

/* slack */

#define S struct config_slack_confirm
static const struct schema_field confirm_fields[] = {
    F("text", text, schema_str, OMIT),
    F("title", title, schema_str, OMIT),
    F("ok_text", ok_text, schema_str, OMIT),
    F("dismiss_text", dismiss_text, schema_str, OMIT),
};
#undef S

static bool
check_confirm(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    const struct config_slack_confirm *c = obj;
    return c->text.n > 0 || schema_fail(r, n, "missing text in Slack confirmation configuration");
}

static const struct schema schema_confirm = {
    .go = "config.plain", .size = sizeof(struct config_slack_confirm), FIELDS(confirm_fields),
    .check = check_confirm};

#define S struct config_slack_action
static const struct schema_field action_fields[] = {
    F("type", type, schema_str, OMIT),
    F("text", text, schema_str, OMIT),
    F("url", url, schema_str, OMIT),
    F("style", style, schema_str, OMIT),
    F("name", name, schema_str, OMIT),
    F("value", value, schema_str, OMIT),
    SCHEMA_BLOCK(S, "confirm", confirm, schema_ptr, schema_confirm, OMIT),
};
#undef S

static bool
check_action(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    struct config_slack_action *c = obj;
    if (c->type.n == 0)
        return schema_fail(r, n, "missing type in Slack action configuration");
    if (c->text.n == 0)
        return schema_fail(r, n, "missing text in Slack action configuration");
    if (c->url.n > 0) {
        /* A link takes nothing of a button. */
        c->name = c->value = STR_EMPTY;
        c->confirm = NULL;
    } else if (c->name.n == 0) {
        return schema_fail(r, n, "missing name or url in Slack action configuration");
    }
    return true;
}

static const struct schema schema_action = {
    .go = "config.plain", .size = sizeof(struct config_slack_action), FIELDS(action_fields),
    .check = check_action};

#define S struct config_slack_field
static const struct schema_field slack_field_fields[] = {
    F("title", title, schema_str, OMIT),
    F("value", value, schema_str, OMIT),
    F("short", short_, schema_opt_bool, OMIT),
};
#undef S

static bool
check_slack_field(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    const struct config_slack_field *c = obj;
    if (c->title.n == 0)
        return schema_fail(r, n, "missing title in Slack field configuration");
    return c->value.n > 0 || schema_fail(r, n, "missing value in Slack field configuration");
}

static const struct schema schema_slack_field = {
    .go = "config.plain", .size = sizeof(struct config_slack_field), FIELDS(slack_field_fields),
    .check = check_slack_field};

static bool
check_slack(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    const struct config_receiver_slack *c = obj;
    bool url = c->api_url.text.p != NULL, url_file = c->api_url_file.n > 0;
    bool token = c->app_token.n > 0, token_file = c->app_token_file.n > 0;
    if (url && url_file)
        return schema_fail(r, n, "at most one of api_url & api_url_file must be configured");
    if (token && token_file)
        return schema_fail(r, n, "at most one of app_token & app_token_file must be configured");
    if ((url || url_file) && (token || token_file))
        return schema_fail(r, n, "at most one of api_url/api_url_file & app_token/app_token_file "
                                 "must be configured");
    if (c->update_message && !str_eq(c->api_url.text, STRL("https://slack.com/api/chat.postMessage")))
        return schema_fail(r, n, "update_message can only be used with bot tokens. api_url must be "
                                 "set to https://slack.com/api/chat.postMessage");
    return true;
}

#define S struct config_receiver_slack
static const struct schema_field slack_fields[] = {
    COMMON(S),
    F("api_url", api_url, schema_secret_url, OMIT),
    F("api_url_file", api_url_file, schema_str, OMIT),
    F("app_token", app_token, schema_secret, OMIT),
    F("app_token_file", app_token_file, schema_str, OMIT),
    F("app_url", app_url, schema_am_url, OMIT),
    F("channel", channel, schema_str, OMIT),
    F("username", username, schema_str, OMIT),
    F("color", color, schema_str, OMIT),
    F("title", title, schema_str, OMIT),
    F("title_link", title_link, schema_str, OMIT),
    F("pretext", pretext, schema_str, OMIT),
    F("text", text, schema_str, OMIT),
    F("message_text", message_text, schema_str, OMIT),
    SCHEMA_BLOCK(S, "fields", fields, schema_ptr_list, schema_slack_field, OMIT,
                 .go = "[]*config.SlackField"),
    F("short_fields", short_fields, schema_bool),
    F("footer", footer, schema_str, OMIT),
    F("fallback", fallback, schema_str, OMIT),
    F("callback_id", callback_id, schema_str, OMIT),
    F("icon_emoji", icon_emoji, schema_str, OMIT),
    F("icon_url", icon_url, schema_str, OMIT),
    F("image_url", image_url, schema_str, OMIT),
    F("thumb_url", thumb_url, schema_str, OMIT),
    F("link_names", link_names, schema_bool),
    F("mrkdwn_in", mrkdwn_in, schema_strs, OMIT),
    SCHEMA_BLOCK(S, "actions", actions, schema_ptr_list, schema_action, OMIT,
                 .go = "[]*config.SlackAction"),
    F("update_message", update_message, schema_bool),
    F("timeout", timeout_ns, schema_go_duration),
};
static const S slack_default = {
    .color = TEXT("{{ template \"slack.default.color\" . }}"),
    .username = TEXT("{{ template \"slack.default.username\" . }}"),
    .title = TEXT("{{ template \"slack.default.title\" . }}"),
    .title_link = TEXT("{{ template \"slack.default.titlelink\" . }}"),
    .icon_emoji = TEXT("{{ template \"slack.default.iconemoji\" . }}"),
    .icon_url = TEXT("{{ template \"slack.default.iconurl\" . }}"),
    .pretext = TEXT("{{ template \"slack.default.pretext\" . }}"),
    .text = TEXT("{{ template \"slack.default.text\" . }}"),
    .fallback = TEXT("{{ template \"slack.default.fallback\" . }}"),
    .callback_id = TEXT("{{ template \"slack.default.callbackid\" . }}"),
    .footer = TEXT("{{ template \"slack.default.footer\" . }}"),
};
const struct schema schema_receiver_slack = {
    .go = "config.plain", .size = sizeof(S), FIELDS(slack_fields),
    .defaults = &slack_default, .check = check_slack};
#undef S

/* telegram */

static bool
check_telegram(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    const struct config_receiver_telegram *c = obj;
    if (c->bot_token.n > 0 && c->bot_token_file.n > 0)
        return schema_fail(r, n, "at most one of bot_token & bot_token_file must be configured");
    if (c->chat_id == 0 && c->chat_id_file.n == 0)
        return schema_fail(r, n, "missing chat_id or chat_id_file on telegram_config");
    if (c->chat_id != 0 && c->chat_id_file.n > 0)
        return schema_fail(r, n, "at most one of chat_id & chat_id_file must be configured");
    if (c->parse_mode.n > 0 && !str_eq(c->parse_mode, STRL("Markdown")) &&
        !str_eq(c->parse_mode, STRL("MarkdownV2")) && !str_eq(c->parse_mode, STRL("HTML")))
        return schema_fail(r, n, "unknown parse_mode on telegram_config, must be Markdown, "
                                 "MarkdownV2, HTML or empty string");
    return true;
}

#define S struct config_receiver_telegram
static const struct schema_field telegram_fields[] = {
    COMMON(S),
    F("api_url", api_url, schema_am_url),
    F("bot_token", bot_token, schema_secret, OMIT),
    F("bot_token_file", bot_token_file, schema_str, OMIT),
    F("chat_id", chat_id, schema_int, OMIT, .go = "int64"),
    F("chat_id_file", chat_id_file, schema_str, OMIT),
    F("message_thread_id", message_thread_id, schema_int, OMIT),
    F("message", message, schema_str, OMIT),
    F("disable_notifications", disable_notifications, schema_bool, OMIT),
    F("parse_mode", parse_mode, schema_str, OMIT),
};
static const S telegram_default = {
    .send_resolved = true,
    .message = TEXT("{{ template \"telegram.default.message\" . }}"),
    .parse_mode = TEXT("HTML"),
};
const struct schema schema_receiver_telegram = {
    .go = "telegram.plain", .size = sizeof(S), FIELDS(telegram_fields),
    .defaults = &telegram_default, .check = check_telegram};
#undef S

/* discord, msteams, msteamsv2: a webhook URL or the file that holds it */

static bool
check_webhook_url(struct schema_reader *r, const struct yaml_node *n, const struct config_url *url,
                  str file)
{
    if (url->text.p == NULL && file.n == 0)
        return schema_fail(r, n, "one of webhook_url or webhook_url_file must be configured");
    if (url->text.p != NULL && file.n > 0)
        return schema_fail(r, n, "at most one of webhook_url & webhook_url_file must be configured");
    return true;
}

static bool
check_discord(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    const struct config_receiver_discord *c = obj;
    return check_webhook_url(r, n, &c->webhook_url, c->webhook_url_file);
}

#define S struct config_receiver_discord
static const struct schema_field discord_fields[] = {
    COMMON(S),
    F("webhook_url", webhook_url, schema_secret_url, OMIT),
    F("webhook_url_file", webhook_url_file, schema_str, OMIT),
    F("content", content, schema_str, OMIT),
    F("title", title, schema_str, OMIT),
    F("message", message, schema_str, OMIT),
    F("username", username, schema_str, OMIT),
    F("avatar_url", avatar_url, schema_str, OMIT),
};
static const S discord_default = {
    .send_resolved = true,
    .title = TEXT("{{ template \"discord.default.title\" . }}"),
    .message = TEXT("{{ template \"discord.default.message\" . }}"),
};
const struct schema schema_receiver_discord = {
    .go = "discord.plain", .size = sizeof(S), FIELDS(discord_fields),
    .defaults = &discord_default, .check = check_discord};
#undef S

static bool
check_msteams(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    const struct config_receiver_msteams *c = obj;
    return check_webhook_url(r, n, &c->webhook_url, c->webhook_url_file);
}

#define S struct config_receiver_msteams
static const struct schema_field msteams_fields[] = {
    COMMON(S),
    F("webhook_url", webhook_url, schema_secret_url, OMIT),
    F("webhook_url_file", webhook_url_file, schema_str, OMIT),
    F("title", title, schema_str, OMIT),
    F("summary", summary, schema_str, OMIT),
    F("text", text, schema_str, OMIT),
};
static const S msteams_default = {
    .send_resolved = true,
    .title = TEXT("{{ template \"msteams.default.title\" . }}"),
    .summary = TEXT("{{ template \"msteams.default.summary\" . }}"),
    .text = TEXT("{{ template \"msteams.default.text\" . }}"),
};
const struct schema schema_receiver_msteams = {
    .go = "msteams.plain", .size = sizeof(S), FIELDS(msteams_fields),
    .defaults = &msteams_default, .check = check_msteams};

static const struct schema_field msteamsv2_fields[] = {
    COMMON(S),
    F("webhook_url", webhook_url, schema_secret_url, OMIT),
    F("webhook_url_file", webhook_url_file, schema_str, OMIT),
    F("title", title, schema_str, OMIT),
    F("text", text, schema_str, OMIT),
};
static const S msteamsv2_default = {
    .send_resolved = true,
    .title = TEXT("{{ template \"msteamsv2.default.title\" . }}"),
    .text = TEXT("{{ template \"msteamsv2.default.text\" . }}"),
};
const struct schema schema_receiver_msteamsv2 = {
    .go = "msteamsv2.plain", .size = sizeof(S), FIELDS(msteamsv2_fields),
    .defaults = &msteamsv2_default, .check = check_msteams};
#undef S

/* webex */

static bool
check_webex(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    const struct config_receiver_webex *c = obj;
    if (c->room_id.n == 0)
        return schema_fail(r, n, "missing room_id on webex_config");
    if (c->http == NULL || c->http->authorization == NULL)
        return schema_fail(r, n, "missing webex_configs.http_config.authorization");
    return true;
}

#define S struct config_receiver_webex
static const struct schema_field webex_fields[] = {
    COMMON(S),
    F("api_url", api_url, schema_am_url, OMIT),
    F("message", message, schema_str, OMIT),
    F("room_id", room_id, schema_str),
};
static const S webex_default = {
    .send_resolved = true, .message = TEXT("{{ template \"webex.default.message\" . }}")};
const struct schema schema_receiver_webex = {
    .go = "config.plain", .size = sizeof(S), FIELDS(webex_fields),
    .defaults = &webex_default, .check = check_webex};
#undef S

/* wechat */

static bool
check_wechat(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    struct config_receiver_wechat *c = obj;
    if (c->message_type.n == 0)
        c->message_type = STRL("text");
    if (!str_eq(c->message_type, STRL("text")) && !str_eq(c->message_type, STRL("markdown")))
        return schema_fail(r, n, "weChat message type %.*s does not match valid options "
                                 "^(text|markdown)$",
                           STR_ARG(config_quoted(r->a, c->message_type)));
    if (c->api_secret.n > 0 && c->api_secret_file.n > 0)
        return schema_fail(r, n, "at most one of api_secret & api_secret_file must be configured");
    return true;
}

#define S struct config_receiver_wechat
static const struct schema_field wechat_fields[] = {
    COMMON(S),
    F("api_secret", api_secret, schema_secret, OMIT),
    F("api_secret_file", api_secret_file, schema_str, OMIT),
    F("corp_id", corp_id, schema_str, OMIT),
    F("message", message, schema_str, OMIT),
    F("api_url", api_url, schema_am_url, OMIT),
    F("to_user", to_user, schema_str, OMIT),
    F("to_party", to_party, schema_str, OMIT),
    F("to_tag", to_tag, schema_str, OMIT),
    F("agent_id", agent_id, schema_str, OMIT),
    F("message_type", message_type, schema_str, OMIT),
};
static const S wechat_default = {
    .message = TEXT("{{ template \"wechat.default.message\" . }}"),
    .to_user = TEXT("{{ template \"wechat.default.to_user\" . }}"),
    .to_party = TEXT("{{ template \"wechat.default.to_party\" . }}"),
    .to_tag = TEXT("{{ template \"wechat.default.to_tag\" . }}"),
    .agent_id = TEXT("{{ template \"wechat.default.agent_id\" . }}"),
};
const struct schema schema_receiver_wechat = {
    .go = "config.plain", .size = sizeof(S), FIELDS(wechat_fields),
    .defaults = &wechat_default, .check = check_wechat};
#undef S

/* rocketchat.  Its fields' and actions' keys are what Go makes of their names. */

#define S struct config_rocketchat_field
static const struct schema_field rocketchat_field_fields[] = {
    F("short", short_, schema_opt_bool),
    F("title", title, schema_str),
    F("value", value, schema_str),
};
static const struct schema schema_rocketchat_field = {
    .go = "config.RocketchatAttachmentField", .size = sizeof(S), FIELDS(rocketchat_field_fields)};
#undef S

#define S struct config_rocketchat_action
static const struct schema_field rocketchat_action_fields[] = {
    F("type", type, schema_str),
    F("text", text, schema_str),
    F("url", url, schema_str),
    F("imageurl", image_url, schema_str),
    F("iswebview", is_webview, schema_bool),
    F("webviewheightratio", webview_height_ratio, schema_str),
    F("msg", msg, schema_str),
    F("msginchatwindow", msg_in_chat_window, schema_bool),
    F("msgprocessingtype", msg_processing_type, schema_str),
};
static const struct schema schema_rocketchat_action = {
    .go = "config.RocketchatAttachmentAction", .size = sizeof(S), FIELDS(rocketchat_action_fields)};
#undef S

static bool
check_rocketchat(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    const struct config_receiver_rocketchat *c = obj;
    if (c->token.n > 0 && c->token_file.n > 0)
        return schema_fail(r, n, "at most one of token & token_file must be configured");
    if (c->token_id.n > 0 && c->token_id_file.n > 0)
        return schema_fail(r, n, "at most one of token_id & token_id_file must be configured");
    return true;
}

#define S struct config_receiver_rocketchat
static const struct schema_field rocketchat_fields[] = {
    COMMON(S),
    F("api_url", api_url, schema_am_url, OMIT),
    F("token_id", token_id, schema_secret, OMIT),
    F("token_id_file", token_id_file, schema_str, OMIT),
    F("token", token, schema_secret, OMIT),
    F("token_file", token_file, schema_str, OMIT),
    F("channel", channel, schema_str, OMIT),
    F("color", color, schema_str, OMIT),
    F("title", title, schema_str, OMIT),
    F("title_link", title_link, schema_str, OMIT),
    F("text", text, schema_str, OMIT),
    SCHEMA_BLOCK(S, "fields", fields, schema_ptr_list, schema_rocketchat_field, OMIT,
                 .go = "[]*config.RocketchatAttachmentField"),
    F("short_fields", short_fields, schema_bool),
    F("emoji", emoji, schema_str, OMIT),
    F("icon_url", icon_url, schema_str, OMIT),
    F("image_url", image_url, schema_str, OMIT),
    F("thumb_url", thumb_url, schema_str, OMIT),
    F("link_names", link_names, schema_bool),
    SCHEMA_BLOCK(S, "actions", actions, schema_ptr_list, schema_rocketchat_action, OMIT,
                 .go = "[]*config.RocketchatAttachmentAction"),
};
static const S rocketchat_default = {
    .color = TEXT("{{ if eq .Status \"firing\" }}red{{ else }}green{{ end }}"),
    .title = TEXT("{{ template \"rocketchat.default.title\" . }}"),
    .title_link = TEXT("{{ template \"rocketchat.default.titlelink\" . }}"),
    .text = TEXT("{{ template \"rocketchat.default.text\" . }}"),
    .emoji = TEXT("{{ template \"rocketchat.default.emoji\" . }}"),
    .icon_url = TEXT("{{ template \"rocketchat.default.iconurl\" . }}"),
};
const struct schema schema_receiver_rocketchat = {
    .go = "config.plain", .size = sizeof(S), FIELDS(rocketchat_fields),
    .defaults = &rocketchat_default, .check = check_rocketchat};
#undef S

/* mattermost */

static bool
check_mattermost_field(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    const struct config_mattermost_field *c = obj;
    if (c->title.n == 0)
        return schema_fail(r, n, "missing title in Mattermost field configuration");
    return c->value.n > 0 || schema_fail(r, n, "missing value in Mattermost field configuration");
}

#define S struct config_mattermost_field
static const struct schema_field mattermost_field_fields[] = {
    F("title", title, schema_str, OMIT),
    F("value", value, schema_str, OMIT),
    F("short", short_, schema_opt_bool, OMIT),
};
static const struct schema schema_mattermost_field = {
    .go = "mattermost.plain", .size = sizeof(S), FIELDS(mattermost_field_fields),
    .check = check_mattermost_field};
#undef S

#define S struct config_mattermost_attachment
static const struct schema_field attachment_fields[] = {
    F("fallback", fallback, schema_str, OMIT),
    F("color", color, schema_str, OMIT),
    F("pretext", pretext, schema_str, OMIT),
    F("text", text, schema_str, OMIT),
    F("author_name", author_name, schema_str, OMIT),
    F("author_link", author_link, schema_str, OMIT),
    F("author_icon", author_icon, schema_str, OMIT),
    F("title", title, schema_str, OMIT),
    F("title_link", title_link, schema_str, OMIT),
    SCHEMA_BLOCK(S, "fields", fields, schema_ptr_list, schema_mattermost_field, OMIT,
                 .go = "[]*mattermost.MattermostField"),
    F("thumb_url", thumb_url, schema_str, OMIT),
    F("footer", footer, schema_str, OMIT),
    F("footer_icon", footer_icon, schema_str, OMIT),
    F("image_url", image_url, schema_str, OMIT),
};
static const struct schema schema_attachment = {
    .go = "mattermost.MattermostAttachment", .size = sizeof(S), FIELDS(attachment_fields)};
#undef S

static const struct schema_field props_fields[] = {
    SCHEMA_FIELD(struct config_mattermost_props, "card", card, schema_str, OMIT),
};
static const struct schema schema_props = {
    .go = "mattermost.MattermostProps", .size = sizeof(struct config_mattermost_props),
    FIELDS(props_fields)};

#define S struct config_mattermost_priority
static const struct schema_field priority_fields[] = {
    F("priority", priority, schema_str, OMIT),
    F("requested_ack", requested_ack, schema_bool, OMIT),
    F("persistent_notifications", persistent_notifications, schema_bool, OMIT),
};
static const struct schema schema_priority = {
    .go = "mattermost.MattermostPriority", .size = sizeof(S), FIELDS(priority_fields)};
#undef S

static bool
check_mattermost(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    const struct config_receiver_mattermost *c = obj;
    if (c->webhook_url.text.p != NULL && c->webhook_url_file.n > 0)
        return schema_fail(r, n, "at most one of webhook_url & webhook_url_file must be configured");
    return true;
}

#define S struct config_receiver_mattermost
static const struct schema_field mattermost_fields[] = {
    COMMON(S),
    F("webhook_url", webhook_url, schema_secret_url, OMIT),
    F("webhook_url_file", webhook_url_file, schema_str, OMIT),
    F("channel", channel, schema_str, OMIT),
    F("username", username, schema_str, OMIT),
    F("text", text, schema_str, OMIT),
    F("fallback", fallback, schema_str, OMIT),
    F("color", color, schema_str, OMIT),
    F("pretext", pretext, schema_str, OMIT),
    F("author_name", author_name, schema_str, OMIT),
    F("author_link", author_link, schema_str, OMIT),
    F("author_icon", author_icon, schema_str, OMIT),
    F("title", title, schema_str, OMIT),
    F("title_link", title_link, schema_str, OMIT),
    SCHEMA_BLOCK(S, "fields", fields, schema_ptr_list, schema_mattermost_field, OMIT,
                 .go = "[]*mattermost.MattermostField"),
    F("thumb_url", thumb_url, schema_str, OMIT),
    F("footer", footer, schema_str, OMIT),
    F("footer_icon", footer_icon, schema_str, OMIT),
    F("image_url", image_url, schema_str, OMIT),
    F("icon_url", icon_url, schema_str, OMIT),
    F("icon_emoji", icon_emoji, schema_str, OMIT),
    SCHEMA_BLOCK(S, "attachments", attachments, schema_ptr_list, schema_attachment, OMIT,
                 .go = "[]*mattermost.MattermostAttachment"),
    F("type", type, schema_str, OMIT),
    SCHEMA_BLOCK(S, "props", props, schema_ptr, schema_props, OMIT),
    SCHEMA_BLOCK(S, "priority", priority, schema_ptr, schema_priority, OMIT),
};
static const S mattermost_default = {
    .send_resolved = true,
    .username = TEXT("{{ template \"mattermost.default.username\" . }}"),
    .text = TEXT("{{ template \"mattermost.default.text\" . }}"),
    .fallback = TEXT("{{ template \"mattermost.default.fallback\" . }}"),
    .color = TEXT("{{ template \"mattermost.default.color\" . }}"),
    .title = TEXT("{{ template \"mattermost.default.title\" . }}"),
    .title_link = TEXT("{{ template \"mattermost.default.titlelink\" . }}"),
};
const struct schema schema_receiver_mattermost = {
    .go = "mattermost.plain", .size = sizeof(S), FIELDS(mattermost_fields),
    .defaults = &mattermost_default, .check = check_mattermost};
#undef S
