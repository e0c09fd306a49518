/* opsgenie.c - alerts with an alias that the group's key gives, so that they can be closed.
 */
#include "base/log.h"
#include "server/notify/sender.h"

#define MESSAGE_RUNES_MAX 130

static str
trim(str s)
{
    while (s.n && strchr(" \t\r\n", s.p[0]))
        s = str_from(s, 1);
    while (s.n && strchr(" \t\r\n", s.p[s.n - 1]))
        s.n--;
    return s;
}

/* The parts between commas that are not empty. */
static size_t
split(struct attempt *t, str s, str **out)
{
    size_t n = 0;

    s = trim(s);
    *out = ARENA_ARRAY(t->arena, str, s.n + 1);
    for (size_t at = 0; at <= s.n;) {
        ptrdiff_t comma = str_find_char(s, ',', at);
        size_t end = comma < 0 ? s.n : (size_t)comma;
        if (end > at)
            (*out)[n++] = STR(s.p + at, end - at);
        at = end + 1;
    }
    return n;
}

static void
put_split(struct attempt *t, struct json *j, const char *key, str text)
{
    str *v;
    size_t n = split(t, attempt_text(t, text), &v);

    if (n == 0)
        return;
    json_key(j, str_of(key));
    json_open_array(j);
    for (size_t i = 0; i < n; i++)
        json_str(j, v[i]);
    json_close_array(j);
}

/* Common labels, and over them the configured details. */
static void
put_details(struct attempt *t, struct json *j, const struct config_map *details)
{
    struct labels_builder b;

    labels_builder_init(&b, t->arena, template_common(t->arena, t->data.alerts, t->data.n, false));
    for (size_t i = 0; i < details->n; i++)
        labels_builder_del(&b, details->v[i].key);
    struct labels common = labels_builder_done(&b);
    json_key_lit(j, "details");
    json_open_object(j);
    size_t k = 0;
    for (size_t i = 0; i < details->n; i++) {
        for (; k < common.n && str_cmp(common.v[k].name, details->v[i].key) < 0; k++) {
            json_key(j, common.v[k].name);
            json_str(j, common.v[k].value);
        }
        json_key(j, details->v[i].key);
        json_str(j, attempt_text(t, details->v[i].value));
    }
    for (; k < common.n; k++) {
        json_key(j, common.v[k].name);
        json_str(j, common.v[k].value);
    }
    json_close_object(j);
}

static void
put_responder(struct json *j, const struct config_opsgenie_responder *r)
{
    json_open_object(j);
    sender_put_given(j, "id", r->id);
    sender_put_given(j, "name", r->name);
    sender_put_given(j, "username", r->username);
    sender_put(j, "type", r->type);
    json_close_object(j);
}

/* "teams" names several at once; a responder that renders to nothing is left out. */
static void
put_responders(struct attempt *t, struct json *j, const struct config_receiver_opsgenie *c)
{
    bool any = false;

    for (size_t i = 0; i < c->responders.n; i++) {
        struct config_opsgenie_responder r = {.id = attempt_text(t, c->responders.v[i].id)};
        r.name = attempt_text(t, c->responders.v[i].name);
        r.username = attempt_text(t, c->responders.v[i].username);
        r.type = attempt_text(t, c->responders.v[i].type);
        bool teams = str_eq(r.type, STRL("teams"));
        str *names;
        size_t n = teams ? split(t, r.name, &names) : r.id.n || r.name.n || r.username.n || r.type.n;
        for (size_t k = 0; k < n; k++) {
            if (!any) {
                json_key_lit(j, "responders");
                json_open_array(j);
                any = true;
            }
            if (teams)
                r = (struct config_opsgenie_responder){.name = attempt_text(t, names[k]), .type = STRL("team")};
            put_responder(j, &r);
        }
    }
    if (any)
        json_close_array(j);
}

struct rendered {
    str alias, message, description, key;
};

static void
put_create(struct attempt *t, struct buf *out, const struct config_receiver_opsgenie *c, struct rendered *r)
{
    struct json j = json_to(out);

    json_open_object(&j);
    sender_put(&j, "alias", r->alias);
    r->message = attempt_text_cut(t, c->message, MESSAGE_RUNES_MAX);
    sender_put(&j, "message", r->message);
    r->description = attempt_text(t, c->description);
    sender_put_given(&j, "description", r->description);
    put_details(t, &j, &c->details);
    attempt_put(t, &j, "source", c->source);
    put_responders(t, &j, c);
    put_split(t, &j, "tags", c->tags);
    attempt_put_given(t, &j, "note", c->note);
    attempt_put_given(t, &j, "priority", c->priority);
    attempt_put_given(t, &j, "entity", c->entity);
    put_split(t, &j, "actions", c->actions);
    json_close_object(&j);
    buf_byte(out, '\n');
}

static bool
call(struct attempt *t, const char *method, str path, bool by_alias, str body, str key)
{
    const struct config_receiver_opsgenie *c = t->d->target->conf->conf;
    struct http_header auth = {STRL("Authorization"), arena_printf(t->arena, "GenieKey %.*s", STR_ARG(key))};
    struct attempt_post p = {.method = method, .headers = &auth, .headers_n = 1, .body = body};

    return attempt_url(t, c->api_url.text, path, false, by_alias ? STRL("identifierType=alias") : STR_EMPTY, &p.url) &&
           attempt_post(t, &p, NULL);
}

static bool
update(struct attempt *t, const struct rendered *r, const char *what, str text)
{
    struct buf body = {0};
    struct json j = json_to(&body);

    json_open_object(&j);
    sender_put_given(&j, what, text);
    json_close_object(&j);
    buf_byte(&body, '\n');
    bool ok = call(t, "PUT", arena_printf(t->arena, "v2/alerts/%.*s/%s", STR_ARG(r->alias), what), true,
                   buf_str(&body), r->key);
    buf_free(&body);
    return ok;
}

static bool
find_key(struct attempt *t, const struct config_receiver_opsgenie *c, str *key)
{
    str text;

    if (!attempt_secret(t, c->api_key, c->api_key_file, &text))
        return err_prefix(t->e, "read key_file error: ");
    *key = trim(attempt_text(t, text));
    return !t->failed || err_prefix(t->e, "templating error: ");
}

static bool
send_open(struct attempt *t, const struct config_receiver_opsgenie *c, struct rendered *r)
{
    struct buf body = {0};

    put_create(t, &body, c, r);
    bool ok = find_key(t, c, &r->key) && call(t, "POST", STRL("v2/alerts"), false, buf_str(&body), r->key);
    buf_free(&body);
    return ok && (!c->update_alerts ||
                  (update(t, r, "message", r->message) && update(t, r, "description", r->description)));
}

static bool
send_close(struct attempt *t, const struct config_receiver_opsgenie *c, struct rendered *r)
{
    struct buf body = {0};
    struct json j = json_to(&body);

    json_open_object(&j);
    attempt_put(t, &j, "source", c->source);
    json_close_object(&j);
    buf_byte(&body, '\n');
    bool ok = find_key(t, c, &r->key) &&
              call(t, "POST", arena_printf(t->arena, "v2/alerts/%.*s/close", STR_ARG(r->alias)), true,
                   buf_str(&body), r->key);
    buf_free(&body);
    return ok;
}

static bool
send_opsgenie(struct attempt *t)
{
    const struct config_receiver_opsgenie *c = t->d->target->conf->conf;
    struct rendered r = {.alias = attempt_key_hash(t)};

    return t->firing ? send_open(t, c, &r) : send_close(t, c, &r);
}

const struct sender sender_opsgenie = {send_opsgenie};
