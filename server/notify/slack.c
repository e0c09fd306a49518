/* slack.c - one legacy attachment to an incoming webhook or chat.postMessage.
 *
 * As in Alertmanager a template that fails does not keep the message back: what was
 * rendered until then is sent, the rest is empty, and the log says why.
 *
 * With update_message a group's first message is edited later on.  Which one it was is the
 * memo of the sent entry: channel, newline, timestamp. */
#include "base/log.h"
#include "server/notify/sender.h"

#define TITLE_RUNES_MAX 1024
#define TEXT_SHOWN_MAX 256
#define UPDATE_URL "https://slack.com/api/chat.update"

static void
put_fields(struct attempt *t, struct json *j, const struct config_receiver_slack *c)
{
    if (c->fields.n == 0)
        return;
    json_key_lit(j, "fields");
    json_open_array(j);
    for (size_t i = 0; i < c->fields.n; i++) {
        const struct config_slack_field *f = c->fields.v[i];
        json_open_object(j);
        attempt_put_given(t, j, "title", f->title);
        attempt_put_given(t, j, "value", f->value);
        json_key_lit(j, "short");
        json_bool(j, f->short_ == CONFIG_UNSET ? c->short_fields : f->short_ == CONFIG_TRUE);
        json_close_object(j);
    }
    json_close_array(j);
}

static void
put_actions(struct attempt *t, struct json *j, const struct config_receiver_slack *c)
{
    if (c->actions.n == 0)
        return;
    json_key_lit(j, "actions");
    json_open_array(j);
    for (size_t i = 0; i < c->actions.n; i++) {
        const struct config_slack_action *a = c->actions.v[i];
        json_open_object(j);
        attempt_put_given(t, j, "type", a->type);
        attempt_put_given(t, j, "text", a->text);
        attempt_put_given(t, j, "url", a->url);
        attempt_put_given(t, j, "style", a->style);
        attempt_put_given(t, j, "name", a->name);
        attempt_put_given(t, j, "value", a->value);
        if (a->confirm) {
            json_key_lit(j, "confirm");
            json_open_object(j);
            attempt_put_given(t, j, "text", a->confirm->text);
            attempt_put_given(t, j, "title", a->confirm->title);
            attempt_put_given(t, j, "ok_text", a->confirm->ok_text);
            attempt_put_given(t, j, "dismiss_text", a->confirm->dismiss_text);
            json_close_object(j);
        }
        json_close_object(j);
    }
    json_close_array(j);
}

static void
put_markdown(struct json *j, const struct config_receiver_slack *c)
{
    static const str usual[] = {{"fallback", 8}, {"pretext", 7}, {"text", 4}};
    bool own = c->mrkdwn_in.n > 0;
    size_t n = own ? c->mrkdwn_in.n : ARRAY_LEN(usual);

    json_key_lit(j, "mrkdwn_in");
    json_open_array(j);
    for (size_t i = 0; i < n; i++)
        json_str(j, own ? c->mrkdwn_in.v[i] : usual[i]);
    json_close_array(j);
}

static void
put_attachment(struct attempt *t, struct json *j, const struct config_receiver_slack *c)
{
    str title = attempt_text_cut(t, c->title, TITLE_RUNES_MAX);

    json_open_object(j);
    if (title.n) {
        json_key_lit(j, "title");
        json_str(j, title);
    }
    attempt_put_given(t, j, "title_link", c->title_link);
    attempt_put_given(t, j, "pretext", c->pretext);
    attempt_put(t, j, "text", c->text);
    attempt_put(t, j, "fallback", c->fallback);
    attempt_put(t, j, "callback_id", c->callback_id);
    put_fields(t, j, c);
    put_actions(t, j, c);
    attempt_put_given(t, j, "image_url", c->image_url);
    attempt_put_given(t, j, "thumb_url", c->thumb_url);
    attempt_put(t, j, "footer", c->footer);
    attempt_put_given(t, j, "color", c->color);
    put_markdown(j, c);
    json_close_object(j);
}

static void
put_request(struct attempt *t, struct buf *out, const struct config_receiver_slack *c, str *channel, str ts)
{
    struct json j = json_to(out), inner;
    struct buf attachment = {0};

    inner = json_to(&attachment);
    put_attachment(t, &inner, c); /* first: the order in which templates fail */
    str own = attempt_text(t, c->channel);
    *channel = ts.n ? *channel : own;
    json_open_object(&j);
    if (channel->n) {
        json_key_lit(&j, "channel");
        json_str(&j, *channel);
    }
    sender_put_given(&j, "ts", ts);
    attempt_put_given(t, &j, "username", c->username);
    attempt_put_given(t, &j, "icon_emoji", c->icon_emoji);
    attempt_put_given(t, &j, "icon_url", c->icon_url);
    if (c->link_names) {
        json_key_lit(&j, "link_names");
        json_bool(&j, true);
    }
    attempt_put_given(t, &j, "text", c->message_text);
    json_key_lit(&j, "attachments");
    json_open_array(&j);
    json_raw(&j);
    buf_put(out, buf_str(&attachment));
    json_close_array(&j);
    json_close_object(&j);
    buf_byte(out, '\n');
    buf_free(&attachment);
}

/* Webhooks answer "ok" as text, the Web API {"ok":true} or {"ok":false,"error":…}. */
static bool
judge_answer(struct attempt *t, const struct http_response *r)
{
    str body = buf_str(&r->body);
    struct json_doc *doc;

    if (!str_starts(buf_str(&r->content_type), STRL("application/json"))) {
        if (str_eq(body, STRL("ok")))
            return true;
        body.n = MIN(body.n, (size_t)TEXT_SHOWN_MAX);
        return attempt_refused(t, "received an error response from Slack: %.*s", STR_ARG(body));
    }
    if (!json_parse(body, &doc, t->e)) {
        t->retry = true;
        return err_prefix(t->e, "could not unmarshal JSON response: ");
    }
    const struct json_node *root = json_root(doc);
    bool ok = json_type(json_get(root, "ok")) == JSON_TRUE;
    str ts = json_text(json_get(root, "ts")), channel = json_text(json_get(root, "channel"));
    if (ok && ts.n && channel.n)
        t->memo = arena_printf(t->arena, "%.*s\n%.*s", STR_ARG(channel), STR_ARG(ts));
    if (!ok)
        attempt_refused(t, "error response from Slack: %.*s", STR_ARG(json_text(json_get(root, "error"))));
    json_doc_free(&doc);
    return ok;
}

static bool
find_message(struct attempt *t, str *channel, str *ts)
{
    ptrdiff_t end = str_find_char(t->d->entry.memo, '\n', 0);

    if (end < 0)
        return false;
    *channel = STR(t->d->entry.memo.p, (size_t)end);
    *ts = str_from(t->d->entry.memo, (size_t)end + 1);
    return true;
}

static bool
send_slack(struct attempt *t)
{
    const struct config_receiver_slack *c = t->d->target->conf->conf;
    struct http_response answer = {0};
    struct buf body = {0};
    str url, channel = STR_EMPTY, ts = STR_EMPTY;

    if (!attempt_secret(t, c->api_url.text, c->api_url_file, &url))
        return false;
    if (c->update_message && find_message(t, &channel, &ts))
        url = STRL(UPDATE_URL);
    put_request(t, &body, c, &channel, ts);
    if (t->failed)
        LOG_WARN("Template of a Slack message failed; it is sent as far as it goes",
                 KV_STR("receiver", t->d->target->receiver->name), KV_ERR(t->e));
    struct attempt_post p = {.url = url, .url_is_secret = true, .body = buf_str(&body), .timeout_ns = c->timeout_ns};
    bool ok = attempt_post(t, &p, &answer) && judge_answer(t, &answer);
    http_response_fini(&answer);
    buf_free(&body);
    return ok || err_prefix(t->e, "channel \"%.*s\": ", STR_ARG(channel));
}

const struct sender sender_slack = {send_slack};
