/* msteams.c - Microsoft Teams: message cards for the old connectors, adaptive cards for
 * workflows. */
#include "server/notify/sender.h"

static bool
send_card(struct attempt *t, const struct config_receiver_msteams *c, struct buf *body)
{
    str url;

    buf_byte(body, '\n');
    if (!t->failed && attempt_secret(t, c->webhook_url.text, c->webhook_url_file, &url))
        return attempt_post_json(t, url, body);
    buf_free(body);
    return false;
}

static bool
send_msteams(struct attempt *t)
{
    const struct config_receiver_msteams *c = t->d->target->conf->conf;
    struct buf body = {0};
    struct json j = json_to(&body);

    json_open_object(&j);
    sender_put(&j, "@context", STRL("http://schema.org/extensions"));
    sender_put(&j, "type", STRL("MessageCard"));
    str title = attempt_text(t, c->title), text = attempt_text(t, c->text);
    sender_put(&j, "title", title);
    attempt_put(t, &j, "summary", c->summary);
    sender_put(&j, "text", text);
    sender_put(&j, "themeColor", t->firing ? STRL("8C1A1A") : STRL("2DC72D"));
    json_close_object(&j);
    return send_card(t, c, &body);
}

static void
put_block(struct json *j, str text, bool heading, bool firing)
{
    json_open_object(j);
    sender_put(j, "type", STRL("TextBlock"));
    sender_put(j, "text", text);
    if (heading) {
        sender_put(j, "weight", STRL("Bolder"));
        sender_put(j, "size", STRL("Medium"));
    }
    json_key_lit(j, "wrap");
    json_bool(j, true);
    if (heading) {
        sender_put(j, "style", STRL("heading"));
        sender_put(j, "color", firing ? STRL("Attention") : STRL("Good"));
    }
    json_close_object(j);
}

static void
put_adaptive_card(struct attempt *t, struct json *j, const struct config_receiver_msteams *c)
{
    str title = attempt_text(t, c->title), text = attempt_text(t, c->text);

    json_open_object(j);
    sender_put(j, "$schema", STRL("http://adaptivecards.io/schemas/adaptive-card.json"));
    sender_put(j, "type", STRL("AdaptiveCard"));
    sender_put(j, "version", STRL("1.2"));
    json_key_lit(j, "body");
    json_open_array(j);
    put_block(j, title, true, t->firing);
    put_block(j, text, false, t->firing);
    json_close_array(j);
    json_key_lit(j, "msteams");
    json_open_object(j);
    sender_put(j, "width", STRL("full"));
    json_close_object(j);
    json_close_object(j);
}

static bool
send_msteamsv2(struct attempt *t)
{
    const struct config_receiver_msteams *c = t->d->target->conf->conf;
    struct buf body = {0};
    struct json j = json_to(&body);

    json_open_object(&j);
    sender_put(&j, "type", STRL("message"));
    json_key_lit(&j, "attachments");
    json_open_array(&j);
    json_open_object(&j);
    sender_put(&j, "contentType", STRL("application/vnd.microsoft.card.adaptive"));
    json_key_lit(&j, "contentUrl");
    json_null(&j);
    json_key_lit(&j, "content");
    put_adaptive_card(t, &j, c);
    json_close_object(&j);
    json_close_array(&j);
    json_close_object(&j);
    return send_card(t, c, &body);
}

const struct sender sender_msteams = {send_msteams};
const struct sender sender_msteamsv2 = {send_msteamsv2};
