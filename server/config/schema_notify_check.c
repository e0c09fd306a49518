/* What Alertmanager checks once the whole configuration is read. */
#include "base/url.h"
#include "server/config/schema_alerting.h"
#include "server/config/schema_http.h"
#include "server/config/schema_notify.h"

static bool
either(struct schema_reader *r, const struct yaml_node *n, bool inline_, str file, const char *key)
{
    if (!inline_ || file.n == 0)
        return true;
    return schema_fail(r, n, "at most one of %s & %s_file must be configured", key, key);
}

static bool
check_global(struct schema_reader *r, const struct yaml_node *n, const struct config_notify_global *g)
{
    if (!either(r, n, g->slack_app_token.n > 0, g->slack_app_token_file, "slack_app_token") ||
        !either(r, n, g->slack_api_url.text.p != NULL, g->slack_api_url_file, "slack_api_url"))
        return false;
    bool token = g->slack_app_token.n > 0 || g->slack_app_token_file.n > 0;
    bool url = g->slack_api_url.text.p != NULL || g->slack_api_url_file.n > 0;
    /* The same URL in both was the way to use a bot token before there was a key for it. */
    if (token && url && !str_eq(g->slack_api_url.text, g->slack_app_url.text))
        return schema_fail(r, n, "at most one of slack_app_token/slack_app_token_file & "
                                 "slack_api_url/slack_api_url_file must be configured");
    return either(r, n, g->opsgenie_api_key.n > 0, g->opsgenie_api_key_file, "opsgenie_api_key") &&
           either(r, n, g->victorops_api_key.n > 0, g->victorops_api_key_file, "victorops_api_key") &&
           either(r, n, g->telegram_bot_token.n > 0, g->telegram_bot_token_file,
                  "telegram_bot_token") &&
           either(r, n, g->smtp_auth_password.n > 0, g->smtp_auth_password_file,
                  "smtp_auth_password") &&
           either(r, n, g->rocketchat_token.n > 0, g->rocketchat_token_file, "rocketchat_token") &&
           either(r, n, g->rocketchat_token_id.n > 0, g->rocketchat_token_id_file,
                  "rocketchat_token_id") &&
           either(r, n, g->smtp_auth_secret.n > 0, g->smtp_auth_secret_file, "smtp_auth_secret") &&
           either(r, n, g->wechat_api_secret.n > 0, g->wechat_api_secret_file, "wechat_api_secret") &&
           either(r, n, g->mattermost_webhook_url.text.p != NULL, g->mattermost_webhook_url_file,
                  "mattermost_webhook_url");
}

static bool
check_root(struct schema_reader *r, const struct yaml_node *n, const struct config_route *route)
{
    if (route == NULL)
        return schema_fail(r, n, "no routes provided");
    if (route->receiver.n == 0)
        return schema_fail(r, n, "root route must specify a default receiver");
    if (route->match.n > 0 || route->match_re.n > 0 || route->written.n > 0)
        return schema_fail(r, n, "root route must not have any matchers");
    if (route->mute_time_intervals.n > 0)
        return schema_fail(r, n, "root route must not have any mute time intervals");
    if (route->active_time_intervals.n > 0)
        return schema_fail(r, n, "root route must not have any active time intervals");
    return true;
}

static bool
check_route_receivers(struct schema_reader *r, const struct yaml_node *n,
                      const struct config_notify *c, const struct config_route *route)
{
    for (size_t i = 0; i < route->routes.n; i++)
        if (!check_route_receivers(r, n, c, route->routes.v[i]))
            return false;
    if (route->receiver.n == 0 || config_notify_receiver(c, route->receiver) != NULL)
        return true;
    return schema_fail(r, n, "undefined receiver %.*s used in route",
                       STR_ARG(config_quoted(r->a, route->receiver)));
}

static bool
check_names_used(struct schema_reader *r, const struct yaml_node *n, const struct config_notify *c,
                 const struct config_strs *names)
{
    for (size_t i = 0; i < names->n; i++)
        if (config_notify_interval(c, names->v[i]) == NULL)
            return schema_fail(r, n, "undefined time interval %.*s used in route",
                               STR_ARG(config_quoted(r->a, names->v[i])));
    return true;
}

static bool
check_route_intervals(struct schema_reader *r, const struct yaml_node *n,
                      const struct config_notify *c, const struct config_route *route)
{
    for (size_t i = 0; i < route->routes.n; i++)
        if (!check_route_intervals(r, n, c, route->routes.v[i]))
            return false;
    return check_names_used(r, n, c, &route->active_time_intervals) &&
           check_names_used(r, n, c, &route->mute_time_intervals);
}

static bool
check_interval_names(struct schema_reader *r, const struct yaml_node *n, const struct config_notify *c)
{
    size_t mute = c->mute_time_intervals.n, total = mute + c->time_intervals.n;
    for (size_t i = 0; i < total; i++) {
        str name = i < mute ? c->mute_time_intervals.v[i].name : c->time_intervals.v[i - mute].name;
        for (size_t k = 0; k < i; k++) {
            str other = k < mute ? c->mute_time_intervals.v[k].name
                                 : c->time_intervals.v[k - mute].name;
            if (str_eq(name, other))
                return schema_fail(r, n, "%stime interval %.*s is not unique",
                                   i < mute ? "mute " : "", STR_ARG(config_quoted(r->a, name)));
        }
    }
    return true;
}

bool
config_notify_complete(struct schema_reader *r, const struct yaml_node *n, struct config_notify *c)
{
    if (c->global == NULL)
        config_notify_global_default(r, c);
    if (c->global->http == NULL) {
        c->global->http = ARENA_NEW(r->a, struct config_http);
        *c->global->http = config_http_default;
    }
    return check_global(r, n, c->global) && config_receivers_complete(r, n, c) &&
           check_root(r, n, c->route) && check_route_receivers(r, n, c, c->route) &&
           check_interval_names(r, n, c) && check_route_intervals(r, n, c, c->route);
}

void
config_notify_set_dir(struct config_notify *c, struct arena *a, str dir)
{
    for (size_t i = 0; i < c->templates.n; i++)
        c->templates.v[i] = config_join_dir(a, dir, c->templates.v[i]);
    config_http_set_dir(c->global->http, a, dir);
    for (size_t i = 0; i < c->receivers.n; i++)
        for (size_t k = 0; k < c->receivers.v[i].n; k++) {
            const struct config_http *http = c->receivers.v[i].v[k].http;
            /* Joining an absolute path again changes nothing, so shared blocks are fine. */
            if (http != NULL)
                config_http_set_dir((struct config_http *)http, a, dir);
        }
}
