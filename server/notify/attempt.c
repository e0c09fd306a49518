/* attempt.c - one try of one delivery: data, templates, secrets. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/log.h"
#include "server/notify/sender.h"

#define SECRET_BYTES_MAX (64u << 10)

/* --- data --------------------------------------------------------------------------------- */

static int
compare_shown(const void *x, const void *y)
{
    const struct template_notified *a = x, *b = y;
    return notify_order(a->labels, b->labels);
}

static struct template_notified *
shown_alerts(struct held_alert **alerts, size_t n, int64_t now_ms, struct arena *a)
{
    struct template_notified *v = ARENA_ARRAY(a, struct template_notified, n + 1);

    for (size_t i = 0; i < n; i++) {
        bool resolved = held_resolved(alerts[i], now_ms);
        v[i] = (struct template_notified){
            .labels = alerts[i]->labels,
            .annotations = alerts[i]->annotations,
            .resolved = resolved,
            .starts_ms = alerts[i]->starts_ms,
            .ends_ms = resolved ? alerts[i]->ends_ms : 0,
            .url = alerts[i]->url,
        };
    }
    qsort(v, n, sizeof *v, compare_shown);
    return v;
}

/* Receivers' names become part of links that filter by regular expression. */
static str
quote_meta(struct arena *a, str s)
{
    struct buf b = {0};

    for (size_t i = 0; i < s.n; i++) {
        if (strchr("\\.+*?()|[]{}^$", s.p[i]) && s.p[i])
            buf_byte(&b, '\\');
        buf_byte(&b, s.p[i]);
    }
    str out = arena_str(a, buf_str(&b));
    buf_free(&b);
    return out;
}

struct labels
route_labels_render(struct notifier *n, const struct plan *p, const struct route *route, struct labels group_labels,
                    struct held_alert **alerts, size_t alerts_n, struct arena *a)
{
    const struct config_map *conf = &route->labels;
    struct label *raw = ARENA_ARRAY(a, struct label, conf->n + 1), *out = ARENA_ARRAY(a, struct label, conf->n + 1);
    struct template_env env = {.external_url = n->opts.external_url};
    size_t count = 0;

    if (conf->n == 0)
        return LABELS_EMPTY;
    env.now_ms = clock_now_ms();
    for (size_t i = 0; i < conf->n; i++)
        raw[i] = (struct label){conf->v[i].key, conf->v[i].value};
    struct template_notification data = {
        .receiver = quote_meta(a, route->receiver->name),
        .external_url = n->opts.external_url,
        .reason = STRL("unknown"),
        .group_labels = group_labels,
        .route_labels = (struct labels){raw, conf->n},
        .alerts = shown_alerts(alerts, alerts_n, env.now_ms, a),
        .n = alerts_n,
    };
    struct tvalue value = template_value_notification(a, &data);
    for (size_t i = 0; i < conf->n; i++) {
        struct buf b = {0};
        struct err e = ERR_INIT;
        if (template_run_text(p->templates, conf->v[i].value, &env, &value, a, &b, &e))
            out[count++] = (struct label){conf->v[i].key, arena_str(a, buf_str(&b))};
        else
            LOG_ERROR("Rendering a route's label failed", KV_STR("label", conf->v[i].key), KV_ERR(&e));
        buf_free(&b);
    }
    return (struct labels){out, count};
}

void
attempt_show(struct attempt *t, uint64_t max)
{
    if (max && t->data.n > max) {
        t->cut = t->data.n - max;
        t->data.n = max;
    }
    t->firing = false;
    for (size_t i = 0; i < t->data.n; i++)
        t->firing |= !t->data.alerts[i].resolved;
    t->value = template_value_notification(t->arena, &t->data);
}

bool
attempt_run(struct attempt *t, struct notifier *n, const struct delivery *d, struct err *e)
{
    *t = (struct attempt){.n = n, .d = d, .arena = arena_new(), .e = e, .reason = "other"};
    t->env = (struct template_env){
        .external_url = n->opts.external_url,
        .now_ms = clock_now_ms(),
    };
    t->data = (struct template_notification){
        .receiver = quote_meta(t->arena, d->target->receiver->name),
        .external_url = n->opts.external_url,
        .reason = str_of(d->reason),
        .group_labels = d->group_labels,
        .alerts = shown_alerts(d->alerts, d->alerts_n, d->now_ms, t->arena),
        .n = d->alerts_n,
    };
    t->data.route_labels =
        route_labels_render(n, d->plan, d->route, d->group_labels, d->all, d->all_n, t->arena);
    t->data.route_labels_rendered = true;
    attempt_show(t, 0);
    bool ok = d->target->sender->send(t);
    t->memo = arena_str(d->arena, t->memo);
    arena_free(&t->arena);
    return ok;
}

/* --- texts --------------------------------------------------------------------------------- */

typedef bool run_template(const struct template_set *s, str text, const struct template_env *env,
                          const struct tvalue *data, struct arena *a, struct buf *out, struct err *e);

static str
run_text(struct attempt *t, str text, run_template *run)
{
    struct buf b = {0};

    if (t->failed || text.n == 0)
        return STR_EMPTY;
    t->failed = !run(t->d->plan->templates, text, &t->env, &t->value, t->arena, &b, t->e);
    str out = arena_str(t->arena, buf_str(&b)); /* as far as it came */
    buf_free(&b);
    return out;
}

str
attempt_text(struct attempt *t, str text)
{
    return run_text(t, text, template_run_text);
}

str
attempt_html(struct attempt *t, str text)
{
    return run_text(t, text, template_run_html);
}

str
attempt_cut(struct attempt *t, str text, size_t max)
{
    size_t at = 0, before = 0, runes = 0;

    while (at < text.n && runes < max) {
        size_t len;
        before = at;
        utf8_decode(str_from(text, at), &len);
        at += len;
        runes++;
    }
    if (at >= text.n)
        return text;
    return arena_printf(t->arena, "%.*s\xe2\x80\xa6", (int)before, text.p);
}

str
attempt_text_cut(struct attempt *t, str text, size_t max)
{
    return attempt_cut(t, attempt_text(t, text), max);
}

static str
trim_space(str s)
{
    while (s.n && strchr(" \t\r\n\v\f", s.p[0]))
        s = str_from(s, 1);
    while (s.n && strchr(" \t\r\n\v\f", s.p[s.n - 1]))
        s.n--;
    return s;
}

bool
attempt_secret(struct attempt *t, str text, str file, str *out)
{
    struct buf b = {0};

    *out = text;
    if (text.n || file.n == 0)
        return true;
    bool ok = io_read_file(arena_cstr(t->arena, file), SECRET_BYTES_MAX, &b, t->e);
    if (ok)
        *out = arena_str(t->arena, trim_space(buf_str(&b)));
    buf_free(&b);
    return ok;
}

str
attempt_key_hash(struct attempt *t)
{
    uint8_t sum[32];
    char hex[2 * sizeof sum + 1];

    hash_sha256(t->d->group_key, sum);
    hash_hex(sum, sizeof sum, hex);
    return arena_str(t->arena, STR(hex, 2 * sizeof sum));
}

const struct sender *
sender_of(enum config_receiver_kind kind)
{
    static const struct sender *const all[] = {
        [RECEIVER_DISCORD] = &sender_discord, [RECEIVER_EMAIL] = &sender_email,
        [RECEIVER_INCIDENTIO] = &sender_incidentio, [RECEIVER_JIRA] = &sender_jira,
        [RECEIVER_MATTERMOST] = &sender_mattermost, [RECEIVER_MSTEAMS] = &sender_msteams,
        [RECEIVER_MSTEAMSV2] = &sender_msteamsv2, [RECEIVER_OPSGENIE] = &sender_opsgenie,
        [RECEIVER_PAGERDUTY] = &sender_pagerduty, [RECEIVER_PUSHOVER] = &sender_pushover,
        [RECEIVER_ROCKETCHAT] = &sender_rocketchat, [RECEIVER_SLACK] = &sender_slack,
        [RECEIVER_TELEGRAM] = &sender_telegram, [RECEIVER_VICTOROPS] = &sender_victorops,
        [RECEIVER_WEBEX] = &sender_webex, [RECEIVER_WEBHOOK] = &sender_webhook,
        [RECEIVER_WECHAT] = &sender_wechat,
    };
    return (size_t)kind < ARRAY_LEN(all) ? all[kind] : NULL;
}
