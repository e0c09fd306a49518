/* webhook.c - Alertmanager's own JSON, version 4, or a body of the user's making. */
#include "base/num.h"
#include "server/notify/sender.h"

static void
put_map(struct json *j, str key, struct labels ls)
{
    json_key(j, key);
    json_open_object(j);
    for (size_t i = 0; i < ls.n; i++) {
        json_key(j, ls.v[i].name);
        json_str(j, ls.v[i].value);
    }
    json_close_object(j);
}

static void
put_time(struct json *j, str key, int64_t ms)
{
    json_key(j, key);
    json_raw(j);
    buf_byte(j->out, '"');
    if (ms)
        num_put_rfc3339(j->out, ms >= 0 ? ms / 1000 : (ms - 999) / 1000, (int32_t)(((ms % 1000) + 1000) % 1000) * 1000000);
    else
        buf_lit(j->out, "0001-01-01T00:00:00Z"); /* what Go calls no time */
    buf_byte(j->out, '"');
}

static void
put_alert(struct json *j, const struct template_notified *a)
{
    char hex[17];

    json_open_object(j);
    json_key_lit(j, "status");
    json_str(j, a->resolved ? STRL("resolved") : STRL("firing"));
    put_map(j, STRL("labels"), a->labels);
    put_map(j, STRL("annotations"), a->annotations);
    put_time(j, STRL("startsAt"), a->starts_ms);
    put_time(j, STRL("endsAt"), a->ends_ms);
    json_key_lit(j, "generatorURL");
    json_str(j, a->url);
    json_key_lit(j, "fingerprint");
    uint64_t f = labels_fingerprint(a->labels);
    for (int i = 15; i >= 0; i--, f >>= 4)
        hex[i] = "0123456789abcdef"[f & 15];
    json_str(j, STR(hex, 16));
    json_close_object(j);
}

void
attempt_put_message(struct attempt *t, struct buf *out, const char *version, size_t shown)
{
    struct json j = json_to(out);
    const struct template_notification *d = &t->data;

    json_open_object(&j);
    json_key_lit(&j, "receiver");
    json_str(&j, d->receiver);
    json_key_lit(&j, "status");
    json_str(&j, t->firing ? STRL("firing") : STRL("resolved"));
    json_key_lit(&j, "alerts");
    json_open_array(&j);
    for (size_t i = 0; i < MIN(shown, d->n); i++)
        put_alert(&j, &d->alerts[i]);
    json_close_array(&j);
    json_key_lit(&j, "notification_reason");
    json_str(&j, d->reason);
    put_map(&j, STRL("groupLabels"), d->group_labels);
    put_map(&j, STRL("commonLabels"), template_common(t->arena, d->alerts, d->n, false));
    put_map(&j, STRL("commonAnnotations"), template_common(t->arena, d->alerts, d->n, true));
    put_map(&j, STRL("routeLabels"), d->route_labels);
    json_key_lit(&j, "externalURL");
    json_str(&j, d->external_url);
    json_key_lit(&j, "version");
    json_str(&j, str_of(version));
    json_key_lit(&j, "groupKey");
    json_str(&j, t->d->group_key);
    json_key_lit(&j, "truncatedAlerts");
    json_u64(&j, t->cut);
    json_close_object(&j);
    buf_byte(out, '\n');
}

static bool
put_payload(struct attempt *t, const struct config_any *payload, struct buf *out)
{
    struct config_any rendered;
    struct json j = json_to(out);

    if (!attempt_any(t, payload, &rendered) || !attempt_put_any(t, &j, &rendered))
        return err_prefix(t->e, "failed to render custom payload: ");
    buf_byte(out, '\n');
    return true;
}

static bool
find_url(struct attempt *t, const struct config_receiver_webhook *c, str *url)
{
    str text;

    if (!attempt_secret(t, c->url, c->url_file, &text))
        return err_prefix(t->e, "read url_file: ");
    *url = attempt_text(t, text);
    if (t->failed) /* the text that failed is the secret: its error may quote it */
        return err_set(t->e, ERR_EXEC, "failed to template webhook URL");
    if (url->n == 0)
        return err_set(t->e, ERR_EXEC, "webhook URL is empty after templating");
    return true;
}

static bool
send_webhook(struct attempt *t)
{
    const struct config_receiver_webhook *c = t->d->target->conf->conf;
    struct buf body = {0};
    str url;

    attempt_show(t, c->max_alerts);
    if (!c->payload)
        attempt_put_message(t, &body, "4", t->data.n);
    bool ok = (!c->payload || put_payload(t, c->payload, &body)) && find_url(t, c, &url);
    if (ok) {
        struct attempt_post p = {.url = url, .url_is_secret = true, .body = buf_str(&body), .timeout_ns = c->timeout_ns};
        ok = attempt_post(t, &p, NULL);
    }
    buf_free(&body);
    return ok;
}

const struct sender sender_webhook = {send_webhook};
