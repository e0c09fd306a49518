/* attempt.c - one try of one delivery: data, templates, secrets. */
#include <stdlib.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/io.h"
#include "base/log.h"
#include "server/notify/sender.h"

#define SECRET_BYTES_MAX (64u << 10)

/* --- data --------------------------------------------------------------------------------- */

/* Job first, then instance, then all labels: what belongs together stands together.  An
 * alert without the label goes behind those with it. */
static int
compare_shown(const void *x, const void *y)
{
    static const str first[] = {{"job", 3}, {"instance", 8}};
    const struct template_notified *a = x, *b = y;

    for (size_t i = 0; i < ARRAY_LEN(first); i++) {
        bool in_a = labels_has(a->labels, first[i]), in_b = labels_has(b->labels, first[i]);
        int c = in_a && in_b ? str_cmp(labels_get(a->labels, first[i]), labels_get(b->labels, first[i])) : in_b - in_a;
        if (c)
            return c;
    }
    return labels_cmp(a->labels, b->labels);
}

static struct template_notified *
shown_alerts(struct attempt *t, struct held_alert **alerts, size_t n)
{
    struct template_notified *v = ARENA_ARRAY(t->arena, struct template_notified, n + 1);

    for (size_t i = 0; i < n; i++) {
        bool resolved = held_resolved(alerts[i], t->d->now_ms);
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

/* The route's labels, rendered with all alerts of the group; one that fails is left out. */
static struct labels
route_labels(struct attempt *t)
{
    const struct config_map *conf = &t->d->route->labels;
    struct label *v = ARENA_ARRAY(t->arena, struct label, conf->n + 1);
    size_t n = 0;

    if (conf->n == 0)
        return LABELS_EMPTY;
    for (size_t i = 0; i < conf->n; i++)
        v[i] = (struct label){conf->v[i].key, conf->v[i].value};
    struct template_notification data = t->data;
    data.route_labels = (struct labels){v, conf->n};
    data.reason = STRL("unknown");
    data.alerts = shown_alerts(t, t->d->all, t->d->all_n);
    data.n = t->d->all_n;
    struct tvalue value = template_value_notification(t->arena, &data);
    struct label *out = ARENA_ARRAY(t->arena, struct label, conf->n + 1);
    for (size_t i = 0; i < conf->n; i++) {
        struct buf b = {0};
        struct err e = ERR_INIT;
        if (template_run_text(t->d->plan->templates, conf->v[i].value, &t->env, &value, t->arena, &b, &e))
            out[n++] = (struct label){conf->v[i].key, arena_str(t->arena, buf_str(&b))};
        else
            LOG_ERROR("Rendering a route's label failed", KV_STR("label", conf->v[i].key), KV_ERR(&e));
        buf_free(&b);
    }
    return (struct labels){out, n};
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
        .alerts = shown_alerts(t, d->alerts, d->alerts_n),
        .n = d->alerts_n,
    };
    t->data.route_labels = route_labels(t);
    t->data.route_labels_rendered = true;
    attempt_show(t, 0);
    bool ok = d->target->sender->send(t);
    arena_free(&t->arena);
    return ok;
}

/* --- texts --------------------------------------------------------------------------------- */

str
attempt_text(struct attempt *t, str text)
{
    struct buf b = {0};

    if (t->failed || text.n == 0)
        return STR_EMPTY;
    t->failed = !template_run_text(t->d->plan->templates, text, &t->env, &t->value, t->arena, &b, t->e);
    str out = arena_str(t->arena, buf_str(&b)); /* as far as it came */
    buf_free(&b);
    return out;
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
    switch (kind) {
    case RECEIVER_WEBHOOK: return &sender_webhook;
    case RECEIVER_SLACK: return &sender_slack;
    case RECEIVER_PAGERDUTY: return &sender_pagerduty;
    default: return NULL;
    }
}
