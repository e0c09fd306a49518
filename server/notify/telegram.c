/* telegram.c - sendMessage of the Bot API; all parameters are texts. */
#include "base/num.h"
#include "server/notify/sender.h"

#define MESSAGE_RUNES_MAX 4096
/* HTML cannot be cut anywhere; the words are Alertmanager's. */
#define TOO_LONG                                                                                    \
    "Alertmanager notification could not be sent: message length exceeds Telegram limits.\n"        \
    "\t\t\tPlease check the template used for producing the message content."

static str
render_message(struct attempt *t, const struct config_receiver_telegram *c)
{
    if (!str_eq(c->parse_mode, STRL("HTML")))
        return attempt_text_cut(t, c->message, MESSAGE_RUNES_MAX);
    str text = attempt_html(t, c->message);
    return attempt_cut(t, text, MESSAGE_RUNES_MAX).p == text.p ? text : STRL(TOO_LONG);
}

static bool
find_chat(struct attempt *t, const struct config_receiver_telegram *c, int64_t *chat)
{
    str text;

    *chat = c->chat_id;
    if (c->chat_id_file.n == 0)
        return true;
    if (!attempt_secret(t, STR_EMPTY, c->chat_id_file, &text))
        return false;
    return num_parse_i64(text, chat) ||
           err_set(t->e, ERR_CONFIG, "could not parse chat_id from %.*s", STR_ARG(c->chat_id_file));
}

static void
put_request(struct buf *out, const struct config_receiver_telegram *c, int64_t chat, str message, struct arena *a)
{
    struct json j = json_to(out);

    json_open_object(&j);
    sender_put(&j, "chat_id", arena_printf(a, "%lld", (long long)chat));
    if (c->disable_notifications)
        sender_put(&j, "disable_notification", STRL("true"));
    sender_put(&j, "disable_web_page_preview", STRL("true"));
    if (c->message_thread_id)
        sender_put(&j, "message_thread_id", arena_printf(a, "%lld", (long long)c->message_thread_id));
    sender_put_given(&j, "parse_mode", c->parse_mode);
    sender_put(&j, "text", message);
    json_close_object(&j);
    buf_byte(out, '\n');
}

/* {"ok":true} or {"ok":false,"description":…,"parameters":{"retry_after":5}}, whatever the
 * status; every failure is worth another try. */
static bool
judge_answer(struct attempt *t, const struct http_response *r)
{
    struct json_doc *doc;
    struct err ignored;

    if (r->status == 0)
        return false;
    t->retry = true;
    if (!json_parse(buf_str(&r->body), &doc, &ignored))
        return err_set(t->e, ERR_NET, "telegram: answer with status %d is no JSON", r->status);
    const struct json_node *root = json_root(doc);
    bool ok = json_type(json_get(root, "ok")) == JSON_TRUE;
    int64_t wait_s = json_int(json_get(json_get(root, "parameters"), "retry_after"));
    if (!ok)
        err_set(t->e, ERR_NET, "telegram: %.*s (%d)", STR_ARG(json_text(json_get(root, "description"))), r->status);
    if (!ok && wait_s > 0 && wait_s < 86400)
        t->wait_ms = wait_s * 1000;
    json_doc_free(&doc);
    return ok;
}

static bool
send_telegram(struct attempt *t)
{
    const struct config_receiver_telegram *c = t->d->target->conf->conf;
    struct http_response answer = {0};
    struct buf body = {0};
    str message = render_message(t, c), token, url;
    int64_t chat;

    if (t->failed)
        return false;
    t->retry = true; /* files may appear */
    if (!attempt_secret(t, c->bot_token, c->bot_token_file, &token) || !find_chat(t, c, &chat))
        return false;
    if (!attempt_url(t, c->api_url.text, arena_printf(t->arena, "/bot%.*s/sendMessage", STR_ARG(token)), false,
                     STR_EMPTY, &url))
        return false;
    put_request(&body, c, chat, message, t->arena);
    struct attempt_post p = {.url = url, .url_is_secret = true, .body = buf_str(&body)};
    (void)!attempt_post(t, &p, &answer);
    bool ok = judge_answer(t, &answer);
    http_response_fini(&answer);
    buf_free(&body);
    return ok;
}

const struct sender sender_telegram = {send_telegram};
