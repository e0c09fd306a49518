/* discord.c - one embed, coloured by status. */
#include "base/log.h"
#include "base/url.h"
#include "server/notify/sender.h"

#define TITLE_RUNES_MAX 256
#define DESCRIPTION_RUNES_MAX 4096
#define CONTENT_RUNES_MAX 2000
#define RED 0x992d22
#define GREEN 0x2ecc71

static void
put_avatar(struct attempt *t, struct json *j, str text)
{
    struct url u;
    struct err ignored;

    if (text.n && url_parse(text, t->arena, &u, &ignored))
        sender_put(j, "avatar_url", text);
    else if (text.n)
        LOG_WARN("Bad avatar url", KV_STR("receiver", t->d->target->receiver->name));
}

static void
put_request(struct attempt *t, struct buf *out, const struct config_receiver_discord *c)
{
    struct json j = json_to(out);
    str title = attempt_text_cut(t, c->title, TITLE_RUNES_MAX);
    str description = attempt_text_cut(t, c->message, DESCRIPTION_RUNES_MAX);

    json_open_object(&j);
    sender_put(&j, "content", attempt_text_cut(t, c->content, CONTENT_RUNES_MAX));
    json_key_lit(&j, "embeds");
    json_open_array(&j);
    json_open_object(&j);
    sender_put(&j, "title", title);
    sender_put(&j, "description", description);
    json_key_lit(&j, "color");
    json_i64(&j, t->firing ? RED : GREEN);
    json_close_object(&j);
    json_close_array(&j);
    sender_put_given(&j, "username", c->username);
    put_avatar(t, &j, c->avatar_url);
    json_close_object(&j);
    buf_byte(out, '\n');
}

static bool
send_discord(struct attempt *t)
{
    const struct config_receiver_discord *c = t->d->target->conf->conf;
    struct buf body = {0};
    str url;

    put_request(t, &body, c);
    if (!t->failed && attempt_secret(t, c->webhook_url.text, c->webhook_url_file, &url))
        return attempt_post_json(t, url, &body);
    buf_free(&body);
    return false;
}

const struct sender sender_discord = {send_discord};
