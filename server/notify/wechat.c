/* wechat.c - WeCom: an access token first, kept for two hours, then the message. */
#include "base/clock.h"
#include "base/mem.h"
#include "server/notify/sender.h"

#define TOKEN_KEEP_MS (2 * 3600 * 1000)
#define TOKEN_EXPIRED 42001

/* --- the token -------------------------------------------------------------------------------- */

static bool
kept_token(struct attempt *t, str *token)
{
    mutex_lock(&t->n->mu);
    bool good = t->d->target->token && clock_mono_ms() < t->d->target->token_until_ms;
    if (good)
        *token = arena_str(t->arena, str_of(t->d->target->token));
    mutex_unlock(&t->n->mu);
    return good;
}

static void
keep_token(struct attempt *t, str token)
{
    mutex_lock(&t->n->mu);
    mem_free(t->d->target->token);
    t->d->target->token = token.n ? mem_cstr(token) : NULL;
    t->d->target->token_until_ms = clock_mono_ms() + TOKEN_KEEP_MS;
    mutex_unlock(&t->n->mu);
}

static bool
take_token(struct attempt *t, const struct http_response *r, str *token)
{
    const struct config_receiver_wechat *c = t->d->target->conf->conf;
    struct json_doc *doc;

    if (!json_parse(buf_str(&r->body), &doc, t->e))
        return false;
    *token = arena_str(t->arena, json_text(json_get(json_root(doc), "access_token")));
    json_doc_free(&doc);
    if (token->n == 0)
        return attempt_refused(t, "invalid APISecret for CorpID: %.*s", STR_ARG(c->corp_id));
    keep_token(t, *token);
    return true;
}

static bool
fetch_token(struct attempt *t, const struct config_receiver_wechat *c, str *token)
{
    struct attempt_post p = {.method = "GET", .url_is_secret = true};
    struct http_response answer = {0};
    struct buf q = {0};
    str secret;

    if (!attempt_secret(t, c->api_secret_file.n ? STR_EMPTY : c->api_secret, c->api_secret_file, &secret))
        return false;
    sender_put_query(&q, "corpid", attempt_text(t, c->corp_id));
    sender_put_query(&q, "corpsecret", attempt_text(t, secret));
    bool ok = !t->failed || err_set(t->e, ERR_EXEC, "templating error in corp_id or api_secret");
    ok = ok && attempt_url(t, c->api_url.text, STRL("gettoken"), false, arena_str(t->arena, buf_str(&q)), &p.url);
    ok = ok && (attempt_post(t, &p, &answer) || answer.status > 0) && take_token(t, &answer, token);
    buf_free(&q);
    http_response_fini(&answer);
    return ok;
}

/* --- the message --------------------------------------------------------------------------------- */

static void
put_message(struct attempt *t, struct buf *out, const struct config_receiver_wechat *c)
{
    struct json j = json_to(out);
    bool markdown = str_eq(c->message_type, STRL("markdown"));
    str user = attempt_text(t, c->to_user), party = attempt_text(t, c->to_party), tag = attempt_text(t, c->to_tag);
    str agent = attempt_text(t, c->agent_id), text = attempt_text(t, c->message);

    json_open_object(&j);
    json_key_lit(&j, "text");
    json_open_object(&j);
    sender_put(&j, "content", markdown ? STR_EMPTY : text);
    json_close_object(&j);
    sender_put_given(&j, "touser", user);
    sender_put_given(&j, "toparty", party);
    sender_put_given(&j, "totag", tag);
    sender_put_given(&j, "agentid", agent);
    sender_put(&j, "safe", STRL("0"));
    sender_put_given(&j, "msgtype", c->message_type);
    json_key_lit(&j, "markdown");
    json_open_object(&j);
    sender_put(&j, "content", markdown ? text : STR_EMPTY);
    json_close_object(&j);
    json_close_object(&j);
    buf_byte(out, '\n');
}

/* {"errcode":0} is success; a token that has run out is fetched anew at the next try. */
static bool
judge_answer(struct attempt *t, const struct http_response *r)
{
    struct json_doc *doc;

    t->retry = true;
    if (r->status != 200)
        return r->status == 0 ? false : err_set(t->e, ERR_NET, "unexpected status code %d", r->status);
    if (!json_parse(buf_str(&r->body), &doc, t->e))
        return false;
    int64_t code = json_int(json_get(json_root(doc), "errcode"));
    if (code)
        err_set(t->e, ERR_NET, "%.*s", STR_ARG(json_text(json_get(json_root(doc), "errmsg"))));
    json_doc_free(&doc);
    if (code == TOKEN_EXPIRED)
        keep_token(t, STR_EMPTY);
    else
        t->retry = false;
    return code == 0;
}

static bool
send_wechat(struct attempt *t)
{
    const struct config_receiver_wechat *c = t->d->target->conf->conf;
    struct http_response answer = {0};
    struct attempt_post p = {.url_is_secret = true};
    struct buf body = {0}, q = {0};
    str token;

    if (!kept_token(t, &token) && !fetch_token(t, c, &token))
        return false;
    put_message(t, &body, c);
    sender_put_query(&q, "access_token", token);
    bool ok = !t->failed || err_prefix(t->e, "templating error: ");
    ok = ok && attempt_url(t, c->api_url.text, STRL("message/send"), false, arena_str(t->arena, buf_str(&q)), &p.url);
    if (ok) {
        p.body = buf_str(&body);
        (void)!attempt_post(t, &p, &answer);
        ok = judge_answer(t, &answer);
    }
    http_response_fini(&answer);
    buf_free(&body);
    buf_free(&q);
    return ok;
}

const struct sender sender_wechat = {send_wechat};
