/* http_oauth2.c - client-credentials tokens (RFC 6749, 4.4), kept until shortly before
 * they expire. */
#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/url.h"
#include "server/net/http_priv.h"

#define TOKEN_MARGIN_MS 10000 /* as golang.org/x/oauth2: renewed this long before the end */

bool
oauth2_wants_token(struct http_client *c)
{
    mutex_lock(&c->mu);
    bool wants = c->token.n == 0 || clock_mono_ms() >= c->token_until_ms;
    mutex_unlock(&c->mu);
    return wants;
}

static void
put_form(struct buf *out, str name, str value)
{
    if (out->n)
        buf_byte(out, '&');
    buf_put(out, name);
    buf_byte(out, '=');
    url_put_query_escaped(out, value);
}

bool
oauth2_form(const struct config_oauth2 *o, struct buf *out, struct err *e)
{
    struct buf secret = {0}, scopes = {0};

    if (o->grant_type.n && !str_eq(o->grant_type, STRL("client_credentials")))
        return err_set(e, ERR_CONFIG, "oauth2 grant_type \"%.*s\" is not offered; use client_credentials",
                       STR_ARG(o->grant_type));
    if (!secret_read(o->client_secret, o->client_secret_file, &secret, e)) {
        buf_free(&secret);
        return false;
    }
    put_form(out, STRL("grant_type"), STRL("client_credentials"));
    put_form(out, STRL("client_id"), o->client_id);
    put_form(out, STRL("client_secret"), buf_str(&secret));
    for (size_t i = 0; i < o->scopes.n; i++) {
        if (i)
            buf_byte(&scopes, ' ');
        buf_put(&scopes, o->scopes.v[i]);
    }
    if (scopes.n)
        put_form(out, STRL("scope"), buf_str(&scopes));
    for (size_t i = 0; i < o->endpoint_params.n; i++)
        put_form(out, o->endpoint_params.v[i].key, o->endpoint_params.v[i].value);
    buf_free(&secret);
    buf_free(&scopes);
    return true;
}

bool
oauth2_take_answer(struct http_client *c, const struct http_response *r, struct err *e)
{
    struct json_doc *doc = NULL;

    if (r->status < 200 || r->status > 299)
        return err_set(e, ERR_NET, "oauth2: cannot fetch token: status %d", r->status);
    if (!json_parse(buf_str(&r->body), &doc, e))
        return err_prefix(e, "oauth2: cannot parse json: ");
    const struct json_node *root = json_root(doc);
    str token = json_text(json_get(root, "access_token"));
    int64_t expires_s = json_int(json_get(root, "expires_in"));
    bool ok = token.n > 0;
    if (ok) {
        mutex_lock(&c->mu);
        buf_clear(&c->token);
        buf_put(&c->token, token);
        c->token_until_ms = expires_s > 0 ? clock_mono_ms() + expires_s * 1000 - TOKEN_MARGIN_MS : INT64_MAX;
        mutex_unlock(&c->mu);
    } else {
        err_set(e, ERR_NET, "oauth2: server response missing access_token");
    }
    json_doc_free(&doc);
    return ok;
}
