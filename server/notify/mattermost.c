/* mattermost.c - an incoming webhook with attachments. */
#include "base/log.h"
#include "base/unicode.h"
#include "server/notify/sender.h"

#define TEXT_RUNES_MAX 16383

static void
put_field_list(struct attempt *t, struct json *j, struct config_mattermost_field *const *v, size_t n)
{
    if (n == 0)
        return;
    json_key_lit(j, "fields");
    json_open_array(j);
    for (size_t i = 0; i < n; i++) {
        json_open_object(j);
        attempt_put_given(t, j, "title", v[i]->title);
        attempt_put_given(t, j, "value", v[i]->value);
        if (v[i]->short_ != CONFIG_UNSET) {
            json_key_lit(j, "short");
            json_bool(j, v[i]->short_ == CONFIG_TRUE);
        }
        json_close_object(j);
    }
    json_close_array(j);
}

/* The receiver's own fields are an attachment of the same shape. */
static struct config_mattermost_attachment
own_attachment(const struct config_receiver_mattermost *c)
{
    struct config_mattermost_attachment a = {
        .fallback = c->fallback, .color = c->color, .pretext = c->pretext, .text = c->text,
        .author_name = c->author_name, .author_link = c->author_link, .author_icon = c->author_icon,
        .title = c->title, .title_link = c->title_link, .thumb_url = c->thumb_url,
        .footer = c->footer, .footer_icon = c->footer_icon, .image_url = c->image_url,
    };
    a.fields.v = c->fields.v;
    a.fields.n = c->fields.n;
    return a;
}

static void
put_attachment(struct attempt *t, struct json *j, const struct config_mattermost_attachment *a)
{
    json_open_object(j);
    attempt_put_given(t, j, "fallback", a->fallback);
    attempt_put_given(t, j, "color", a->color);
    attempt_put_given(t, j, "pretext", a->pretext);
    attempt_put_given(t, j, "text", a->text);
    attempt_put_given(t, j, "author_name", a->author_name);
    attempt_put_given(t, j, "author_link", a->author_link);
    attempt_put_given(t, j, "author_icon", a->author_icon);
    attempt_put_given(t, j, "title", a->title);
    attempt_put_given(t, j, "title_link", a->title_link);
    put_field_list(t, j, a->fields.v, a->fields.n);
    attempt_put_given(t, j, "thumb_url", a->thumb_url);
    attempt_put_given(t, j, "footer", a->footer);
    attempt_put_given(t, j, "footer_icon", a->footer_icon);
    attempt_put_given(t, j, "image_url", a->image_url);
    json_close_object(j);
}

static void
put_attachments(struct attempt *t, struct json *j, const struct config_receiver_mattermost *c)
{
    struct config_mattermost_attachment own = own_attachment(c);

    json_key_lit(j, "attachments");
    json_open_array(j);
    if (c->attachments.n == 0)
        put_attachment(t, j, &own);
    for (size_t i = 0; i < c->attachments.n; i++)
        put_attachment(t, j, c->attachments.v[i]);
    json_close_array(j);
}

/* Only urgent messages may be persistent, and standard ones need no acknowledgement. */
static void
put_priority(struct attempt *t, struct json *j, const struct config_mattermost_priority *p)
{
    struct buf lower = {0};

    if (!p || p->priority.n == 0)
        return;
    unicode_put_lower(&lower, attempt_text(t, p->priority));
    str name = arena_str(t->arena, buf_str(&lower));
    buf_free(&lower);
    bool urgent = str_eq(name, STRL("urgent"));
    if (!urgent && !str_eq(name, STRL("important")))
        name = STRL("standard");
    bool standard = str_eq(name, STRL("standard"));
    json_key_lit(j, "priority");
    json_open_object(j);
    sender_put(j, "priority", name);
    if (p->requested_ack && !standard) {
        json_key_lit(j, "requested_ack");
        json_bool(j, true);
    }
    if (p->persistent_notifications && urgent) {
        json_key_lit(j, "persistent_notifications");
        json_bool(j, true);
    }
    json_close_object(j);
}

static void
put_request(struct attempt *t, struct buf *out, const struct config_receiver_mattermost *c, str channel)
{
    struct json j = json_to(out);

    json_open_object(&j);
    if (c->attachments.n)
        sender_put_given(&j, "text", attempt_text_cut(t, c->text, TEXT_RUNES_MAX));
    sender_put_given(&j, "channel", channel);
    attempt_put_given(t, &j, "username", c->username);
    attempt_put_given(t, &j, "icon_url", c->icon_url);
    attempt_put_given(t, &j, "icon_emoji", c->icon_emoji);
    put_attachments(t, &j, c);
    attempt_put_given(t, &j, "type", c->type);
    if (c->props && c->props->card.n) {
        json_key_lit(&j, "props");
        json_open_object(&j);
        attempt_put_given(t, &j, "card", c->props->card);
        json_close_object(&j);
    }
    put_priority(t, &j, c->priority);
    json_close_object(&j);
    buf_byte(out, '\n');
}

static bool
send_mattermost(struct attempt *t)
{
    const struct config_receiver_mattermost *c = t->d->target->conf->conf;
    struct buf body = {0};
    str url, channel = attempt_text(t, c->channel);

    if (!attempt_secret(t, c->webhook_url.text, c->webhook_url_file, &url))
        return false;
    if (url.n == 0)
        return err_set(t->e, ERR_CONFIG, "webhook url missing");
    put_request(t, &body, c, channel);
    if (!t->failed)
        return attempt_post_json(t, url, &body) || err_prefix(t->e, "channel \"%.*s\": ", STR_ARG(channel));
    buf_free(&body);
    return false;
}

const struct sender sender_mattermost = {send_mattermost};
