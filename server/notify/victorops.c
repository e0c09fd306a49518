/* victorops.c - Splunk On-Call's REST endpoint. */
#include "server/notify/sender.h"

#define MESSAGE_RUNES_MAX 20480

static str
message_type(struct attempt *t, const struct config_receiver_victorops *c)
{
    str type = attempt_text(t, c->message_type);

    if (!t->firing)
        return STRL("RECOVERY");
    bool known = str_eq(type, STRL("INFO")) || str_eq(type, STRL("WARNING")) || str_eq(type, STRL("CRITICAL"));
    return known ? type : STRL("CRITICAL");
}

/* The fields of the protocol, which custom fields may replace, in the order of names. */
static void
put_payload(struct attempt *t, struct buf *out, const struct config_receiver_victorops *c)
{
    struct json j = json_to(out);
    struct config_pair own[] = {
        {STRL("entity_display_name"), attempt_text(t, c->entity_display_name)},
        {STRL("entity_id"), attempt_key_hash(t)},
        {STRL("message_type"), message_type(t, c)},
        {STRL("monitoring_tool"), attempt_text(t, c->monitoring_tool)},
        {STRL("state_message"), attempt_text_cut(t, c->state_message, MESSAGE_RUNES_MAX)},
    };
    size_t i = 0, k = 0;

    json_open_object(&j);
    while (i < ARRAY_LEN(own) || k < c->custom_fields.n) {
        const struct config_pair *custom = k < c->custom_fields.n ? &c->custom_fields.v[k] : NULL;
        int order = i == ARRAY_LEN(own) ? 1 : !custom ? -1 : str_cmp(own[i].key, custom->key);
        json_key(&j, order < 0 ? own[i].key : custom->key);
        json_str(&j, order < 0 ? own[i].value : attempt_text(t, custom->value));
        i += order <= 0;
        k += order >= 0;
    }
    json_close_object(&j);
    buf_byte(out, '\n');
}

static bool
send_victorops(struct attempt *t)
{
    const struct config_receiver_victorops *c = t->d->target->conf->conf;
    struct buf body = {0};
    str key, url;

    if (!attempt_secret(t, c->api_key, c->api_key_file, &key))
        return err_prefix(t->e, "failed to read API key from file: ");
    str path = arena_printf(t->arena, "%.*s/%.*s", STR_ARG(key), STR_ARG(attempt_text(t, c->routing_key)));
    put_payload(t, &body, c);
    if (t->failed)
        err_prefix(t->e, "templating error: ");
    else if (attempt_url(t, c->api_url.text, path, false, STR_EMPTY, &url))
        return attempt_post_json(t, url, &body);
    buf_free(&body);
    return false;
}

const struct sender sender_victorops = {send_victorops};
