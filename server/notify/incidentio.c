/* incidentio.c - the webhook's message, version 1, to an alert source.  The source's token
 * is the client's authorization (plan.c). */
#include "base/log.h"
#include "server/notify/sender.h"

#define PAYLOAD_BYTES_MAX (512 * 1024)

/* One that is too large shows the first alert only. */
static void
put_payload(struct attempt *t, struct buf *body)
{
    attempt_put_message(t, body, "1", t->data.n);
    if (body->n <= PAYLOAD_BYTES_MAX)
        return;
    size_t before = body->n;
    buf_clear(body);
    attempt_put_message(t, body, "1", 1);
    LOG_WARN("Message for incident.io is too large; only its first alert is sent",
             KV_STR("receiver", t->d->target->receiver->name), KV_I64("bytes", before), KV_I64("now", body->n),
             KV_I64("bytes_max", PAYLOAD_BYTES_MAX));
}

static bool
send_incidentio(struct attempt *t)
{
    const struct config_receiver_incidentio *c = t->d->target->conf->conf;
    struct attempt_post p = {.url_is_secret = true, .timeout_ns = c->timeout_ns};
    struct buf body = {0};

    if (!attempt_secret(t, c->url.text, c->url_file, &p.url))
        return err_prefix(t->e, "read url_file: ");
    attempt_show(t, c->max_alerts);
    put_payload(t, &body);
    p.body = buf_str(&body);
    bool ok = attempt_post(t, &p, NULL);
    buf_free(&body);
    return ok;
}

const struct sender sender_incidentio = {send_incidentio};
