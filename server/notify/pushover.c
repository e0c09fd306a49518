/* pushover.c - everything is a query parameter. */
#include "base/num.h"
#include "server/notify/sender.h"

#define URL "https://api.pushover.net/1/messages.json"
#define TITLE_RUNES_MAX 250
#define MESSAGE_RUNES_MAX 1024
#define URL_RUNES_MAX 512
#define SECOND_NS 1000000000LL

static str
render_message(struct attempt *t, const struct config_receiver_pushover *c)
{
    str s = attempt_cut(t, c->html ? attempt_html(t, c->message) : attempt_text(t, c->message), MESSAGE_RUNES_MAX);

    while (s.n && strchr(" \t\r\n", s.p[0]))
        s = str_from(s, 1);
    while (s.n && strchr(" \t\r\n", s.p[s.n - 1]))
        s.n--;
    return s.n ? s : STRL("(no details)"); /* an empty one is refused */
}

static str
seconds(struct attempt *t, int64_t ns)
{
    return arena_printf(t->arena, "%lld", (long long)(ns / SECOND_NS));
}

/* In the order of names. */
static void
put_parameters(struct attempt *t, struct buf *q, const struct config_receiver_pushover *c, str token, str user)
{
    sender_put_query(q, "device", attempt_text(t, c->device));
    sender_put_query(q, "expire", seconds(t, c->expire_ns));
    if (c->html)
        sender_put_query(q, "html", STRL("1"));
    sender_put_query(q, "message", render_message(t, c));
    if (c->monospace)
        sender_put_query(q, "monospace", STRL("1"));
    sender_put_query(q, "priority", attempt_text(t, c->priority));
    sender_put_query(q, "retry", seconds(t, c->retry_ns));
    sender_put_query(q, "sound", attempt_text(t, c->sound));
    sender_put_query(q, "title", attempt_text_cut(t, c->title, TITLE_RUNES_MAX));
    sender_put_query(q, "token", attempt_text(t, token));
    if (c->ttl_ns >= SECOND_NS)
        sender_put_query(q, "ttl", seconds(t, c->ttl_ns));
    sender_put_query(q, "url", attempt_text_cut(t, c->url, URL_RUNES_MAX));
    sender_put_query(q, "url_title", attempt_text(t, c->url_title));
    sender_put_query(q, "user", attempt_text(t, user));
}

static bool
send_pushover(struct attempt *t)
{
    const struct config_receiver_pushover *c = t->d->target->conf->conf;
    struct attempt_post p = {.url_is_secret = true, .content_type = STRL("text/plain")};
    struct buf q = {0};
    str token, user;

    if (!attempt_secret(t, c->token, c->token_file, &token))
        return err_prefix(t->e, "read token_file: ");
    if (!attempt_secret(t, c->user_key, c->user_key_file, &user))
        return err_prefix(t->e, "read user_key_file: ");
    put_parameters(t, &q, c, token, user);
    p.url = arena_printf(t->arena, "%s?%.*s", URL, STR_ARG(buf_str(&q)));
    buf_free(&q);
    return !t->failed && attempt_post(t, &p, NULL);
}

const struct sender sender_pushover = {send_pushover};
