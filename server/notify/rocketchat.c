/* rocketchat.c - chat.postMessage with one attachment. */
#include "server/notify/sender.h"

#define TITLE_RUNES_MAX 1024

static void
put_fields(struct attempt *t, struct json *j, const struct config_receiver_rocketchat *c)
{
    if (c->fields.n == 0)
        return;
    json_key_lit(j, "fields");
    json_open_array(j);
    for (size_t i = 0; i < c->fields.n; i++) {
        const struct config_rocketchat_field *f = c->fields.v[i];
        json_open_object(j);
        json_key_lit(j, "short");
        json_bool(j, f->short_ == CONFIG_UNSET ? c->short_fields : f->short_ == CONFIG_TRUE);
        attempt_put_given(t, j, "title", f->title);
        attempt_put_given(t, j, "value", f->value);
        json_close_object(j);
    }
    json_close_array(j);
}

static void
put_actions(struct attempt *t, struct json *j, const struct config_receiver_rocketchat *c)
{
    if (c->actions.n == 0)
        return;
    json_key_lit(j, "actions");
    json_open_array(j);
    for (size_t i = 0; i < c->actions.n; i++) {
        const struct config_rocketchat_action *a = c->actions.v[i];
        json_open_object(j);
        sender_put(j, "type", STRL("button")); /* there is no other */
        attempt_put_given(t, j, "text", a->text);
        attempt_put_given(t, j, "url", a->url);
        json_key_lit(j, "is_webview");
        json_bool(j, false);
        attempt_put_given(t, j, "msg", a->msg);
        json_key_lit(j, "msg_in_chat_window");
        json_bool(j, false);
        json_close_object(j);
    }
    json_close_array(j);
}

static void
put_attachment(struct attempt *t, struct json *j, const struct config_receiver_rocketchat *c)
{
    json_open_object(j);
    sender_put_given(j, "title", attempt_text_cut(t, c->title, TITLE_RUNES_MAX));
    attempt_put_given(t, j, "title_link", c->title_link);
    attempt_put_given(t, j, "text", c->text);
    attempt_put_given(t, j, "image_url", c->image_url);
    attempt_put_given(t, j, "thumb_url", c->thumb_url);
    attempt_put_given(t, j, "color", c->color);
    put_fields(t, j, c);
    put_actions(t, j, c);
    json_close_object(j);
}

static void
put_request(struct attempt *t, struct buf *out, const struct config_receiver_rocketchat *c, str channel)
{
    struct json j = json_to(out);

    json_open_object(&j);
    sender_put_given(&j, "channel", channel);
    attempt_put_given(t, &j, "emoji", c->emoji);
    attempt_put_given(t, &j, "avatar", c->icon_url);
    json_key_lit(&j, "attachments");
    json_open_array(&j);
    put_attachment(t, &j, c);
    json_close_array(&j);
    json_close_object(&j);
    buf_byte(out, '\n');
}

static bool
judge_answer(struct attempt *t, const struct http_response *r)
{
    struct json_doc *doc;

    if (!json_parse(buf_str(&r->body), &doc, t->e)) {
        t->retry = true;
        return err_prefix(t->e, "could not unmarshal JSON response: ");
    }
    const struct json_node *root = json_root(doc);
    bool ok = json_type(json_get(root, "success")) == JSON_TRUE;
    if (!ok)
        attempt_refused(t, "error response from Rocketchat: %.*s", STR_ARG(json_text(json_get(root, "error"))));
    json_doc_free(&doc);
    return ok;
}

static bool
send_rocketchat(struct attempt *t)
{
    const struct config_receiver_rocketchat *c = t->d->target->conf->conf;
    struct http_header headers[] = {{STRL("X-Auth-Token"), STR_EMPTY}, {STRL("X-User-Id"), STR_EMPTY}};
    struct attempt_post p = {.url_is_secret = true, .headers = headers, .headers_n = ARRAY_LEN(headers)};
    struct http_response answer = {0};
    struct buf body = {0};
    str channel = attempt_text(t, c->channel);

    put_request(t, &body, c, channel);
    bool ok = !t->failed && attempt_secret(t, c->token, c->token_file, &headers[0].value) &&
              attempt_secret(t, c->token_id, c->token_id_file, &headers[1].value) &&
              attempt_url(t, c->api_url.text, STRL("api/v1/chat.postMessage"), true, STR_EMPTY, &p.url);
    if (ok) {
        p.body = buf_str(&body);
        ok = (attempt_post(t, &p, &answer) && judge_answer(t, &answer)) ||
             err_prefix(t->e, "channel \"%.*s\": ", STR_ARG(channel));
    }
    http_response_fini(&answer);
    buf_free(&body);
    return ok;
}

const struct sender sender_rocketchat = {send_rocketchat};
