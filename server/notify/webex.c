/* webex.c - a markdown message into a room. */
#include "server/notify/sender.h"

#define MESSAGE_BYTES_MAX 7439
#define ELLIPSIS "\xe2\x80\xa6"

/* At most that many bytes, of which the last are an ellipsis; no rune is cut. */
static str
cut_bytes(struct attempt *t, str s)
{
    size_t at = 0, len;

    if (s.n <= MESSAGE_BYTES_MAX)
        return s;
    while (at < s.n) {
        utf8_decode(str_from(s, at), &len);
        if (at + len > MESSAGE_BYTES_MAX - strlen(ELLIPSIS))
            break;
        at += len;
    }
    return arena_printf(t->arena, "%.*s" ELLIPSIS, (int)at, s.p);
}

static bool
send_webex(struct attempt *t)
{
    const struct config_receiver_webex *c = t->d->target->conf->conf;
    struct buf body = {0};
    struct json j = json_to(&body);

    json_open_object(&j);
    sender_put(&j, "markdown", cut_bytes(t, attempt_text(t, c->message)));
    attempt_put_given(t, &j, "roomId", c->room_id);
    json_close_object(&j);
    buf_byte(&body, '\n');
    if (!t->failed)
        return attempt_post_json(t, c->api_url.text, &body);
    buf_free(&body);
    return false;
}

const struct sender sender_webex = {send_webex};
