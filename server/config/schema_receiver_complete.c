/* Receivers take from `global:` what they do not say; what is then still missing is
 * refused.  One function a kind, in the order in which Alertmanager looks at them. */
#include "base/url.h"
#include "server/config/config_notify.h"
#include "server/config/schema_http.h"
#include "server/config/schema_notify.h"
#include "server/config/schema_receiver.h"

struct fill {
    struct schema_reader *r;
    const struct yaml_node *n;
    struct config_notify_global *g;
};

static bool
refuse(const struct fill *f, const char *why)
{
    return schema_fail(f->r, f->n, "%s", why);
}

static void
or_str(str *to, str from)
{
    if (to->n == 0)
        *to = from;
}

static void
or_url(struct config_url *to, const struct config_url *from)
{
    if (to->text.p == NULL)
        *to = *from;
}

static void
or_http(const struct fill *f, struct config_http **to)
{
    if (*to == NULL)
        *to = f->g->http;
}

static struct config_http *
copy_http(const struct fill *f)
{
    struct config_http *h = ARENA_NEW(f->r->a, struct config_http);
    *h = *f->g->http;
    return h;
}

/* Appends the slash that paths are put behind. */
static void
end_with_slash(const struct fill *f, struct config_url *u)
{
    struct url parts;
    struct err e;
    if (!url_parse(u->text, f->r->a, &parts, &e) || str_ends(parts.path, STRL("/")))
        return;
    parts.path = arena_printf(f->r->a, "%.*s/", STR_ARG(parts.path));
    parts.raw_path = STR_EMPTY;
    u->text = u->redacted = url_text(&parts, f->r->a, false);
}

/* A receiver without an URL shares the global one, slash and all. */
static void
or_folder_url(const struct fill *f, struct config_url *to, struct config_url *from)
{
    if (to->text.p == NULL && from->text.p != NULL)
        end_with_slash(f, from);
    or_url(to, from);
    if (to->text.p != NULL)
        end_with_slash(f, to);
}

static bool
fill_webhook(const struct fill *f, struct config_receiver_webhook *c)
{
    or_http(f, &c->http);
    return true;
}

static bool
fill_email(const struct fill *f, struct config_receiver_email *c)
{
    const struct config_notify_global *g = f->g;
    if (c->tls == NULL)
        c->tls = g->smtp_tls;
    if (c->smarthost.host.n == 0 && c->smarthost.port.n == 0)
        c->smarthost = g->smtp_smarthost;
    if (c->smarthost.host.n == 0 && c->smarthost.port.n == 0)
        return refuse(f, "no global SMTP smarthost set");
    or_str(&c->from, g->smtp_from);
    if (c->from.n == 0)
        return refuse(f, "no global SMTP from set");
    or_str(&c->hello, g->smtp_hello);
    or_str(&c->auth_username, g->smtp_auth_username);
    if (c->auth_password.n == 0 && c->auth_password_file.n == 0) {
        c->auth_password = g->smtp_auth_password;
        c->auth_password_file = g->smtp_auth_password_file;
    }
    or_str(&c->auth_secret, g->smtp_auth_secret);
    or_str(&c->auth_secret_file, g->smtp_auth_secret_file);
    or_str(&c->auth_identity, g->smtp_auth_identity);
    if (c->require_tls == CONFIG_UNSET)
        c->require_tls = g->smtp_require_tls ? CONFIG_TRUE : CONFIG_FALSE;
    if (c->force_implicit_tls == CONFIG_UNSET)
        c->force_implicit_tls = g->smtp_force_implicit_tls;
    return true;
}

static bool
use_slack_token(const struct fill *f, struct config_receiver_slack *c)
{
    if (c->http->authorization != NULL)
        return refuse(f, "http authorization can't be set when using Slack App tokens");
    c->http->authorization = ARENA_NEW(f->r->a, struct config_authorization);
    c->http->authorization->type = STRL("Bearer");
    c->http->authorization->credentials = c->app_token;
    c->http->authorization->credentials_file = c->app_token_file;
    c->api_url = c->app_url;
    return true;
}

static bool
fill_slack(const struct fill *f, struct config_receiver_slack *c)
{
    const struct config_notify_global *g = f->g;
    or_url(&c->app_url, &g->slack_app_url);
    if (c->app_url.text.p == NULL)
        return refuse(f, "no global Slack App URL set");
    bool own_auth = c->http != NULL && c->http->authorization != NULL;
    if (c->app_token.n == 0 && c->app_token_file.n == 0 && !own_auth && c->api_url.text.p == NULL) {
        c->app_token = g->slack_app_token;
        c->app_token_file = g->slack_app_token_file;
    }
    if (c->api_url.text.p == NULL && c->api_url_file.n == 0) {
        c->api_url = g->slack_api_url;
        c->api_url_file = g->slack_api_url_file;
    }
    bool token = c->app_token.n > 0 || c->app_token_file.n > 0;
    if (c->api_url.text.p == NULL && c->api_url_file.n == 0 && !token)
        return refuse(f, "no Slack API URL nor App token set either inline or in a file");
    if (c->http == NULL)
        c->http = copy_http(f);
    return !token || use_slack_token(f, c);
}

static bool
fill_pushover(const struct fill *f, struct config_receiver_pushover *c)
{
    or_http(f, &c->http);
    return true;
}

static bool
fill_pagerduty(const struct fill *f, struct config_receiver_pagerduty *c)
{
    or_http(f, &c->http);
    or_url(&c->url, &f->g->pagerduty_url);
    return c->url.text.p != NULL || refuse(f, "no global PagerDuty URL set");
}

static bool
fill_incidentio(const struct fill *f, struct config_receiver_incidentio *c)
{
    or_http(f, &c->http);
    return true;
}

static bool
fill_opsgenie(const struct fill *f, struct config_receiver_opsgenie *c)
{
    or_http(f, &c->http);
    or_folder_url(f, &c->api_url, &f->g->opsgenie_api_url);
    if (c->api_url.text.p == NULL)
        return refuse(f, "no global OpsGenie URL set");
    or_str(&c->api_key, f->g->opsgenie_api_key);
    or_str(&c->api_key_file, f->g->opsgenie_api_key_file);
    return c->api_key.n > 0 || c->api_key_file.n > 0 ||
           refuse(f, "no global OpsGenie API Key set either inline or in a file");
}

static bool
fill_wechat(const struct fill *f, struct config_receiver_wechat *c)
{
    or_http(f, &c->http);
    or_folder_url(f, &c->api_url, &f->g->wechat_api_url);
    if (c->api_url.text.p == NULL)
        return refuse(f, "no global Wechat URL set");
    if (c->api_secret.n == 0 && c->api_secret_file.n == 0) {
        c->api_secret = f->g->wechat_api_secret;
        c->api_secret_file = f->g->wechat_api_secret_file;
        if (c->api_secret.n == 0 && c->api_secret_file.n == 0)
            return refuse(f, "no global Wechat Api Secret set either inline or in a file");
    }
    or_str(&c->corp_id, f->g->wechat_api_corp_id);
    if (c->corp_id.n == 0)
        return refuse(f, "no global Wechat CorpID set");
    return true;
}

static bool
fill_victorops(const struct fill *f, struct config_receiver_victorops *c)
{
    or_http(f, &c->http);
    or_folder_url(f, &c->api_url, &f->g->victorops_api_url);
    if (c->api_url.text.p == NULL)
        return refuse(f, "no global VictorOps URL set");
    or_str(&c->api_key, f->g->victorops_api_key);
    or_str(&c->api_key_file, f->g->victorops_api_key_file);
    return c->api_key.n > 0 || c->api_key_file.n > 0 ||
           refuse(f, "no global VictorOps API Key set");
}

static bool
fill_sns(const struct fill *f, struct config_receiver_sns *c)
{
    or_http(f, &c->http);
    return true;
}

static bool
fill_telegram(const struct fill *f, struct config_receiver_telegram *c)
{
    or_http(f, &c->http);
    or_url(&c->api_url, &f->g->telegram_api_url);
    if (c->bot_token.n == 0 && c->bot_token_file.n == 0) {
        c->bot_token = f->g->telegram_bot_token;
        c->bot_token_file = f->g->telegram_bot_token_file;
        if (c->bot_token.n == 0 && c->bot_token_file.n == 0)
            return refuse(f, "missing bot_token or bot_token_file on telegram_config");
    }
    return true;
}

static bool
fill_discord(const struct fill *f, struct config_receiver_discord *c)
{
    or_http(f, &c->http);
    return c->webhook_url.text.p != NULL || c->webhook_url_file.n > 0 ||
           refuse(f, "no discord webhook URL or URLFile provided");
}

static bool
fill_webex(const struct fill *f, struct config_receiver_webex *c)
{
    or_http(f, &c->http);
    or_url(&c->api_url, &f->g->webex_api_url);
    return c->api_url.text.p != NULL || refuse(f, "no global Webex URL set");
}

static bool
fill_msteams(const struct fill *f, struct config_receiver_msteams *c)
{
    or_http(f, &c->http);
    return c->webhook_url.text.p != NULL || c->webhook_url_file.n > 0 ||
           refuse(f, "no msteams webhook URL or URLFile provided");
}

static bool
fill_msteamsv2(const struct fill *f, struct config_receiver_msteams *c)
{
    /* Alone of all kinds it takes the global proxy into a block of its own. */
    if (c->http == NULL)
        c->http = copy_http(f);
    else if (c->http->proxy.proxy_url.text.p == NULL)
        c->http->proxy.proxy_url = f->g->http->proxy.proxy_url;
    return c->webhook_url.text.p != NULL || c->webhook_url_file.n > 0 ||
           refuse(f, "no msteamsv2 webhook URL or URLFile provided");
}

static bool
fill_jira(const struct fill *f, struct config_receiver_jira *c)
{
    or_http(f, &c->http);
    or_url(&c->api_url, &f->g->jira_api_url);
    return c->api_url.text.p != NULL || refuse(f, "no global Jira Cloud URL set");
}

static bool
fill_rocketchat(const struct fill *f, struct config_receiver_rocketchat *c)
{
    or_http(f, &c->http);
    or_url(&c->api_url, &f->g->rocketchat_api_url);
    or_str(&c->token_id, f->g->rocketchat_token_id);
    or_str(&c->token_id_file, f->g->rocketchat_token_id_file);
    if (c->token_id.n == 0 && c->token_id_file.n == 0)
        return refuse(f, "no global Rocketchat TokenID set either inline or in a file");
    or_str(&c->token, f->g->rocketchat_token);
    or_str(&c->token_file, f->g->rocketchat_token_file);
    return c->token.n > 0 || c->token_file.n > 0 ||
           refuse(f, "no global Rocketchat Token set either inline or in a file");
}

static bool
fill_mattermost(const struct fill *f, struct config_receiver_mattermost *c)
{
    or_http(f, &c->http);
    if (c->webhook_url.text.p != NULL || c->webhook_url_file.n > 0)
        return true;
    c->webhook_url = f->g->mattermost_webhook_url;
    c->webhook_url_file = f->g->mattermost_webhook_url_file;
    return c->webhook_url.text.p != NULL || c->webhook_url_file.n > 0 ||
           refuse(f, "missing webhook_url or webhook_url_file on mattermost_config");
}

/* Alertmanager's order of looking; null entries of the kinds marked empty are taken as
 * blocks that say nothing, of the others refused. */
#define KINDS(X)                                                                         \
    X(webhook, "webhook", false)                                                         \
    X(email, "email", false)                                                             \
    X(slack, "slack", true)                                                              \
    X(pushover, "pushover", false)                                                       \
    X(pagerduty, "pagerduty", false)                                                     \
    X(incidentio, "incidentio", false)                                                   \
    X(opsgenie, "opsgenie", true)                                                        \
    X(wechat, "wechat", true)                                                            \
    X(victorops, "victorops", false)                                                     \
    X(sns, "sns", false)                                                                 \
    X(telegram, "telegram", false)                                                       \
    X(discord, "discord", false)                                                         \
    X(webex, "webex", false)                                                             \
    X(msteams, "msteams", false)                                                         \
    X(msteamsv2, "msteamsv2", false)                                                     \
    X(jira, "jira", false)                                                               \
    X(rocketchat, "rocketchat", true)                                                    \
    X(mattermost, "mattermost", false)

static bool
fill_receiver(const struct fill *f, struct config_receiver *rcv)
{
#define X(kind, name, empty)                                                             \
    for (size_t i = 0; i < rcv->kind.n; i++) {                                           \
        if (rcv->kind.v[i] == NULL && !(empty))                                          \
            return refuse(f, "missing " name " config");                                 \
        if (rcv->kind.v[i] == NULL)                                                      \
            rcv->kind.v[i] = arena_zalloc(f->r->a, sizeof *rcv->kind.v[i]);              \
        if (!fill_##kind(f, rcv->kind.v[i]))                                             \
            return false;                                                                \
    }
    KINDS(X)
#undef X
    return true;
}

static const char *const kind_names[] = {
#define X(upper, lower, type) [RECEIVER_##upper] = #lower,
    CONFIG_RECEIVER_KINDS(X)
#undef X
};

const char *
config_receiver_kind_name(enum config_receiver_kind kind)
{
    return kind_names[kind];
}

/* The order in which Alertmanager builds and numbers integrations. */
#define ORDER(X)                                                                         \
    X(WEBHOOK, webhook) X(EMAIL, email) X(PAGERDUTY, pagerduty) X(OPSGENIE, opsgenie)    \
    X(WECHAT, wechat) X(SLACK, slack) X(VICTOROPS, victorops) X(PUSHOVER, pushover)      \
    X(SNS, sns) X(TELEGRAM, telegram) X(DISCORD, discord) X(WEBEX, webex)                \
    X(MSTEAMS, msteams) X(MSTEAMSV2, msteamsv2) X(JIRA, jira) X(INCIDENTIO, incidentio)  \
    X(ROCKETCHAT, rocketchat) X(MATTERMOST, mattermost)

static void
list_integrations(struct arena *a, struct config_receiver *rcv)
{
    size_t total = 0;
#define X(upper, lower) total += rcv->lower.n;
    ORDER(X)
#undef X
    rcv->v = ARENA_ZARRAY(a, struct config_integration, total);
    rcv->n = 0;
#define X(upper, lower)                                                                  \
    for (size_t i = 0; i < rcv->lower.n; i++)                                            \
        rcv->v[rcv->n++] = (struct config_integration){                                  \
            .kind = RECEIVER_##upper,                                                    \
            .index = (unsigned)i,                                                        \
            .send_resolved = rcv->lower.v[i]->send_resolved,                             \
            .http = rcv->lower.v[i]->http,                                               \
            .conf = rcv->lower.v[i],                                                     \
        };
    ORDER(X)
#undef X
}

bool
config_receivers_complete(struct schema_reader *r, const struct yaml_node *n, struct config_notify *c)
{
    const struct fill f = {r, n, c->global};
    schema_enter(r, STRL("receivers"), 0);
    for (size_t i = 0; i < c->receivers.n; i++) {
        struct config_receiver *rcv = &c->receivers.v[i];
        schema_enter(r, STR_EMPTY, i);
        for (size_t k = 0; k < i; k++)
            if (str_eq(c->receivers.v[k].name, rcv->name))
                return schema_fail(r, n, "notification config name %.*s is not unique",
                                   STR_ARG(config_quoted(r->a, rcv->name)));
        if (!fill_receiver(&f, rcv))
            return false;
        list_integrations(r->a, rcv);
        schema_leave(r);
    }
    schema_leave(r);
    return true;
}
