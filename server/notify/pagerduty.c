/* pagerduty.c - events v2 (routing_key), and v1 (service_key) for old integrations.
 *
 * The incident's key is the hash of the group key, so a resolve finds the incident that
 * Alertmanager opened before. */
#include "base/log.h"
#include "server/notify/sender.h"

#define SUMMARY_RUNES_MAX 1024
#define EVENT_BYTES_MAX 512000 /* more is refused with 413 */
#define TOO_LARGE "Custom details have been removed because the original event exceeds the maximum size of 512KB"
#define URL_V1 "https://events.pagerduty.com/generic/2010-04-15/create_event.json"

/* The fields of an event that are rendered, so that it can be written twice. */
struct event {
    const struct config_receiver_pagerduty *c;
    bool v1;
    str key, summary, client, client_url, source, severity, class_, component, group;
    struct config_pagerduty_image *images;
    struct config_pagerduty_link *links;
    size_t images_n, links_n;
    struct config_any details;
};

static bool
put_details(struct attempt *t, struct json *j, const char *key, const struct event *ev)
{
    if (ev->details.n == 0)
        return true;
    json_key(j, str_of(key));
    return attempt_put_any(t, j, &ev->details);
}

static bool
put_payload(struct attempt *t, struct json *j, const struct event *ev)
{
    json_key_lit(j, "payload");
    json_open_object(j);
    sender_put(j, "summary", ev->summary);
    sender_put(j, "source", ev->source);
    sender_put(j, "severity", ev->severity);
    sender_put_given(j, "class", ev->class_);
    sender_put_given(j, "component", ev->component);
    sender_put_given(j, "group", ev->group);
    bool ok = put_details(t, j, "custom_details", ev);
    json_close_object(j);
    return ok;
}

static void
put_images(struct json *j, const struct event *ev)
{
    if (ev->images_n == 0)
        return;
    json_key_lit(j, "images");
    json_open_array(j);
    for (size_t i = 0; i < ev->images_n; i++) {
        json_open_object(j);
        sender_put(j, "src", ev->images[i].src);
        sender_put(j, "alt", ev->images[i].alt);
        sender_put(j, "href", ev->images[i].href);
        json_close_object(j);
    }
    json_close_array(j);
}

static void
put_links(struct json *j, const struct event *ev)
{
    if (ev->links_n == 0)
        return;
    json_key_lit(j, "links");
    json_open_array(j);
    for (size_t i = 0; i < ev->links_n; i++) {
        json_open_object(j);
        sender_put(j, "href", ev->links[i].href);
        sender_put(j, "text", ev->links[i].text);
        json_close_object(j);
    }
    json_close_array(j);
}

static bool
put_event(struct attempt *t, struct buf *out, const struct event *ev)
{
    struct json j = json_to(out);
    str action = t->firing ? STRL("trigger") : STRL("resolve");
    bool ok = true;

    json_open_object(&j);
    sender_put(&j, ev->v1 ? "service_key" : "routing_key", ev->key);
    sender_put(&j, ev->v1 ? "incident_key" : "dedup_key", attempt_key_hash(t));
    if (ev->v1) {
        sender_put(&j, "event_type", action);
        sender_put_given(&j, "description", ev->summary);
    }
    sender_put(&j, "event_action", ev->v1 ? STR_EMPTY : action);
    if (ev->v1) {
        json_key_lit(&j, "payload");
        json_null(&j);
    } else {
        ok = put_payload(t, &j, ev);
    }
    sender_put_given(&j, "client", ev->client);
    sender_put_given(&j, "client_url", ev->client_url);
    if (ev->v1)
        ok = put_details(t, &j, "details", ev);
    put_images(&j, ev);
    put_links(&j, ev);
    json_close_object(&j);
    buf_byte(out, '\n');
    return ok || err_prefix(t->e, "failed to encode PagerDuty message: ");
}

static void
drop_details(struct attempt *t, struct event *ev)
{
    ev->details = (struct config_any){.type = ANY_MAP, .n = 1};
    ev->details.keys = ARENA_ARRAY(t->arena, str, 1);
    ev->details.items = ARENA_ZARRAY(t->arena, struct config_any, 1);
    ev->details.keys[0] = STRL("error");
    ev->details.items[0] = (struct config_any){.type = ANY_STR, .s = STRL(TOO_LARGE)};
}

/* An event that is too large goes without its details. */
static bool
write_event(struct attempt *t, struct buf *out, struct event *ev)
{
    if (!put_event(t, out, ev))
        return false;
    if (out->n <= EVENT_BYTES_MAX)
        return true;
    LOG_WARN("Details of a PagerDuty event are left out because it is too large",
             KV_STR("receiver", t->d->target->receiver->name), KV_I64("bytes", out->n),
             KV_I64("bytes_max", EVENT_BYTES_MAX));
    buf_clear(out);
    drop_details(t, ev);
    return put_event(t, out, ev);
}

static bool
render_details(struct attempt *t, struct event *ev)
{
    ev->details = (struct config_any){.type = ANY_MAP};
    if (ev->c->details.value.n == 0)
        return true;
    return attempt_any(t, &ev->c->details.value, &ev->details) || err_prefix(t->e, "failed to render details: ");
}

static void
render_links(struct attempt *t, struct event *ev)
{
    const struct config_receiver_pagerduty *c = ev->c;

    ev->images = ARENA_ARRAY(t->arena, struct config_pagerduty_image, c->images.n + 1);
    for (size_t i = 0; i < c->images.n; i++) {
        struct config_pagerduty_image m = {.src = attempt_text(t, c->images.v[i].src)};
        m.alt = attempt_text(t, c->images.v[i].alt);
        m.href = attempt_text(t, c->images.v[i].href);
        if (m.src.n)
            ev->images[ev->images_n++] = m;
    }
    ev->links = ARENA_ARRAY(t->arena, struct config_pagerduty_link, c->links.n + 1);
    for (size_t i = 0; i < c->links.n; i++) {
        struct config_pagerduty_link m = {.href = attempt_text(t, c->links.v[i].href)};
        m.text = attempt_text(t, c->links.v[i].text);
        if (m.href.n)
            ev->links[ev->links_n++] = m;
    }
}

static bool
render_event(struct attempt *t, struct event *ev, str key)
{
    const struct config_receiver_pagerduty *c = ev->c;

    ev->summary = attempt_text_cut(t, c->description, SUMMARY_RUNES_MAX);
    ev->key = attempt_text(t, key);
    if (!ev->v1 || t->firing) {
        ev->client = attempt_text(t, c->client);
        ev->client_url = attempt_text(t, c->client_url);
    }
    if (!ev->v1) {
        ev->source = attempt_text(t, c->source);
        ev->severity = attempt_text(t, c->severity.n ? c->severity : STRL("error"));
        ev->class_ = attempt_text(t, c->class_);
        ev->component = attempt_text(t, c->component);
        ev->group = attempt_text(t, c->group);
        render_links(t, ev);
    }
    if (t->failed)
        return err_prefix(t->e, "failed to template PagerDuty v%d message: ", ev->v1 ? 1 : 2);
    if (ev->key.n == 0)
        return err_set(t->e, ERR_CONFIG, "%s key cannot be empty", ev->v1 ? "service" : "routing");
    return true;
}

static bool
find_key(struct attempt *t, const struct event *ev, str *key)
{
    const struct config_receiver_pagerduty *c = ev->c;

    if (ev->v1)
        return attempt_secret(t, c->service_key, c->service_key_file, key) ||
               err_prefix(t->e, "failed to read service key from file: ");
    return attempt_secret(t, c->routing_key, c->routing_key_file, key) ||
           err_prefix(t->e, "failed to read routing key from file: ");
}

/* A 400 says in its JSON what is wrong; other answers are not for people. */
static bool
explain(struct attempt *t, const struct http_response *r)
{
    struct json_doc *doc;
    struct err ignored;
    struct buf b = {0};

    if (r->status == 0)
        return err_prefix(t->e, "failed to post message to PagerDuty: ");
    if (r->status == 400 && json_parse(buf_str(&r->body), &doc, &ignored)) {
        const struct json_node *root = json_root(doc), *errors = json_get(root, "errors");
        buf_printf(&b, ": %.*s: ", STR_ARG(json_text(json_get(root, "message"))));
        for (size_t i = 0; i < json_size(errors); i++) {
            if (i)
                buf_byte(&b, ',');
            buf_put(&b, json_text(json_at(errors, i)));
        }
        json_doc_free(&doc);
    }
    err_set(t->e, ERR_NET, "unexpected status code %d%.*s", r->status, STR_ARG(buf_str(&b)));
    buf_free(&b);
    return false;
}

static bool
send_pagerduty(struct attempt *t)
{
    struct event ev = {.c = t->d->target->conf->conf};
    struct http_response answer = {0};
    struct buf body = {0};
    str key;

    ev.v1 = ev.c->service_key.n || ev.c->service_key_file.n;
    if (!render_details(t, &ev) || !find_key(t, &ev, &key) || !render_event(t, &ev, key))
        return false;
    bool ok = write_event(t, &body, &ev);
    if (ok) {
        struct attempt_post p = {
            .url = ev.v1 ? STRL(URL_V1) : ev.c->url.text,
            .body = buf_str(&body),
            .timeout_ns = ev.c->timeout_ns,
            .also_retried = ev.v1 ? 403 : 0, /* v1 says "too many" so */
        };
        ok = attempt_post(t, &p, &answer) || explain(t, &answer);
        if (!ok && ev.v1)
            t->reason = "other";
    }
    http_response_fini(&answer);
    buf_free(&body);
    return ok;
}

const struct sender sender_pagerduty = {send_pagerduty};
