/* jira.c - one issue a group, found again by a label that holds the group's hash. */
#include <stdlib.h>

#include "base/log.h"
#include "base/unicode.h"
#include "base/url.h"
#include "server/notify/sender.h"

#define SUMMARY_RUNES_MAX 255
#define DESCRIPTION_RUNES_MAX 32767
#define MINUTE_MS 60000

struct found {
    str key;     /* "OPS-1"; empty: there is no issue */
    str status;  /* its status' category: "done", … */
    bool has_status;
};

/* --- requests ----------------------------------------------------------------------------------- */

/* Calls the API; answer is a document to be freed, NULL if it is not JSON. */
static bool
call(struct attempt *t, const char *method, str url, str body, struct json_doc **answer)
{
    struct http_header language = {STRL("Accept-Language"), STRL("en")};
    struct attempt_post p = {
        .method = method,
        .url = url,
        .content_type = STRL("application/json"),
        .headers = &language,
        .headers_n = 1,
        .body = body,
    };
    struct http_response r = {0};
    struct err ignored;

    bool ok = attempt_post(t, &p, &r);
    if (ok && answer && !json_parse(buf_str(&r.body), answer, &ignored))
        *answer = NULL;
    http_response_fini(&r);
    return ok;
}

static bool
call_api(struct attempt *t, const char *method, str path, str body, struct json_doc **answer)
{
    const struct config_receiver_jira *c = t->d->target->conf->conf;
    str url;

    return attempt_url(t, c->api_url.text, path, true, STR_EMPTY, &url) && call(t, method, url, body, answer);
}

/* --- looking for the issue ---------------------------------------------------------------------------- */

static str
quoted(struct attempt *t, str s)
{
    struct buf b = {0};

    unicode_put_quoted(&b, s);
    str out = arena_str(t->arena, buf_str(&b));
    buf_free(&b);
    return out;
}

static str
group_label(struct attempt *t)
{
    return arena_printf(t->arena, "ALERT{%.*s}", STR_ARG(attempt_key_hash(t)));
}

static void
put_query(struct attempt *t, struct buf *q, const struct config_receiver_jira *c)
{
    int64_t minutes = c->reopen_duration_ms / MINUTE_MS;

    if (c->wont_fix_resolution.n)
        buf_printf(q, "(resolution is EMPTY or resolution != %.*s) and ", STR_ARG(quoted(t, c->wont_fix_resolution)));
    if (t->firing && c->reopen_transition.n && minutes > 0)
        buf_printf(q, "(resolutiondate is EMPTY OR resolutiondate >= -%lldm) and ", (long long)minutes);
    else
        buf_lit(q, "statusCategory != Done and ");
    buf_printf(q, "project=%.*s and labels=%.*s order by status ASC,resolutiondate DESC",
               STR_ARG(quoted(t, attempt_text(t, c->project))), STR_ARG(quoted(t, group_label(t))));
}

/* Jira in the cloud searches elsewhere, and only in version 3. */
static bool
search_url(struct attempt *t, const struct config_receiver_jira *c, str *out)
{
    struct url u;
    struct err ignored;
    bool cloud = str_eq(c->api_type, STRL("cloud"));

    if (!cloud && str_eq(c->api_type, STRL("auto")) && url_parse(c->api_url.text, t->arena, &u, &ignored))
        cloud = str_ends(u.host, STRL("atlassian.net"));
    if (!attempt_url(t, c->api_url.text, cloud ? STRL("search/jql") : STRL("search"), true, STR_EMPTY, out))
        return false;
    const char *old = memmem(out->p, out->n, "/rest/api/2/", 12);
    if (cloud && old) {
        size_t before = (size_t)(old - out->p);
        *out = arena_printf(t->arena, "%.*s/rest/api/3/%.*s", (int)before, out->p, STR_ARG(str_from(*out, before + 12)));
    }
    return true;
}

static void
read_issue(struct attempt *t, const struct json_node *issues, struct found *f)
{
    const struct json_node *issue = json_at(issues, 0), *status = json_get(json_get(issue, "fields"), "status");

    if (json_size(issues) == 0)
        return;
    if (json_size(issues) > 1)
        LOG_WARN("More than one Jira issue matched; the most recently resolved is taken",
                 KV_STR("receiver", t->d->target->receiver->name));
    f->key = arena_str(t->arena, json_text(json_get(issue, "key")));
    f->has_status = json_type(status) == JSON_OBJ;
    f->status = arena_str(t->arena, json_text(json_get(json_get(status, "statusCategory"), "key")));
}

static bool
find_issue(struct attempt *t, const struct config_receiver_jira *c, struct found *f)
{
    struct buf jql = {0}, body = {0};
    struct json j = json_to(&body);
    struct json_doc *doc = NULL;
    str url;

    *f = (struct found){0};
    put_query(t, &jql, c);
    json_open_object(&j);
    json_key_lit(&j, "fields");
    json_open_array(&j);
    json_str(&j, STRL("status"));
    json_close_array(&j);
    sender_put(&j, "jql", buf_str(&jql));
    json_key_lit(&j, "maxResults");
    json_i64(&j, 2);
    json_close_object(&j);
    buf_byte(&body, '\n');
    bool ok = !t->failed && search_url(t, c, &url) && call(t, "POST", url, buf_str(&body), &doc);
    if (ok && !doc)
        ok = err_set(t->e, ERR_NET, "the answer is no JSON");
    if (ok)
        read_issue(t, json_get(json_root(doc), "issues"), f);
    json_doc_free(&doc);
    buf_free(&jql);
    buf_free(&body);
    return ok || err_prefix(t->e, "failed to look up existing issues: ");
}

/* --- writing the issue ----------------------------------------------------------------------------------- */

struct field {
    str key, json;
};
struct fields {
    struct field *v;
    size_t n, cap;
};

/* Custom fields come last and replace. */
static void
set_field(struct attempt *t, struct fields *f, str key, struct buf *json)
{
    struct field x = {key, arena_str(t->arena, buf_str(json))};

    buf_clear(json);
    for (size_t i = 0; i < f->n; i++)
        if (str_eq(f->v[i].key, key)) {
            f->v[i] = x;
            return;
        }
    arena_grow(t->arena, &f->v, &f->cap, f->n + 1, sizeof *f->v);
    f->v[f->n++] = x;
}

static int
compare_fields(const void *x, const void *y)
{
    return str_cmp(((const struct field *)x)->key, ((const struct field *)y)->key);
}

static int
compare_strs(const void *x, const void *y)
{
    return str_cmp(*(const str *)x, *(const str *)y);
}

static void
set_named(struct attempt *t, struct fields *f, str key, const char *member, str name)
{
    struct buf b = {0};
    struct json j = json_to(&b);

    json_open_object(&j);
    sender_put(&j, member, name);
    json_close_object(&j);
    set_field(t, f, key, &b);
    buf_free(&b);
}

static void
set_labels(struct attempt *t, struct fields *f, const struct config_receiver_jira *c)
{
    struct buf b = {0};
    struct json j = json_to(&b);
    str *v = ARENA_ARRAY(t->arena, str, c->labels.n + 1);

    for (size_t i = 0; i < c->labels.n; i++)
        v[i] = attempt_text(t, c->labels.v[i]);
    v[c->labels.n] = group_label(t);
    qsort(v, c->labels.n + 1, sizeof *v, compare_strs);
    json_open_array(&j);
    for (size_t i = 0; i <= c->labels.n; i++)
        json_str(&j, v[i]);
    json_close_array(&j);
    set_field(t, f, STRL("labels"), &b);
    buf_free(&b);
}

static bool
is_v3(str api_url)
{
    while (api_url.n && api_url.p[api_url.n - 1] == '/')
        api_url.n--;
    return str_ends(api_url, STRL("/3"));
}

/* A text, or with version 3 of the API a document that the template renders. */
static bool
set_description(struct attempt *t, struct fields *f, const struct config_receiver_jira *c)
{
    str text = attempt_text_cut(t, c->description.template, DESCRIPTION_RUNES_MAX);
    struct json_doc *doc = NULL;
    struct buf b = {0};
    struct err ignored;

    if (is_v3(c->api_url.text)) {
        while (text.n && strchr(" \t\r\n", text.p[0]))
            text = str_from(text, 1);
        while (text.n && strchr(" \t\r\n", text.p[text.n - 1]))
            text.n--;
        if (text.n && !json_parse(text, &doc, &ignored))
            return err_set(t->e, ERR_EXEC, "description template: invalid JSON for API v3");
        json_doc_free(&doc);
        buf_put(&b, text);
    } else if (text.n) {
        json_escape(&b, text, true);
    }
    if (b.n)
        set_field(t, f, STRL("description"), &b);
    buf_free(&b);
    return true;
}

static bool
set_custom(struct attempt *t, struct fields *f, const struct config_any *custom)
{
    struct buf b = {0};
    bool ok = true;

    for (size_t i = 0; ok && i < custom->n; i++) {
        struct config_any v;
        struct json j = json_to(&b);
        ok = attempt_any(t, &custom->items[i], &v) && attempt_put_any(t, &j, &v);
        if (ok)
            set_field(t, f, custom->keys[i], &b);
    }
    buf_free(&b);
    return ok || err_prefix(t->e, "fields template: ");
}

static bool
render_fields(struct attempt *t, struct fields *f, const struct config_receiver_jira *c, bool update)
{
    struct buf b = {0};

    if (!update || c->summary.enable_update != CONFIG_FALSE) {
        json_escape(&b, attempt_text_cut(t, c->summary.template, SUMMARY_RUNES_MAX), true);
        set_field(t, f, STRL("summary"), &b);
        buf_free(&b);
    }
    set_named(t, f, STRL("project"), "key", attempt_text(t, c->project));
    set_named(t, f, STRL("issuetype"), "name", attempt_text(t, c->issue_type));
    if ((!update || c->description.enable_update != CONFIG_FALSE) && !set_description(t, f, c))
        return false;
    set_labels(t, f, c);
    str priority = attempt_text(t, c->priority);
    if (priority.n)
        set_named(t, f, STRL("priority"), "name", priority);
    return !t->failed && set_custom(t, f, &c->fields.value);
}

static bool
write_issue(struct attempt *t, const struct config_receiver_jira *c, const struct found *old)
{
    struct fields f = {0};
    struct buf body = {0};
    struct json j = json_to(&body);

    if (!render_fields(t, &f, c, old->key.n > 0))
        return false;
    qsort(f.v, f.n, sizeof *f.v, compare_fields);
    json_open_object(&j);
    json_key_lit(&j, "fields");
    json_open_object(&j);
    for (size_t i = 0; i < f.n; i++) {
        json_key(&j, f.v[i].key);
        json_raw(&j);
        buf_put(&body, f.v[i].json);
    }
    json_close_object(&j);
    json_close_object(&j);
    buf_byte(&body, '\n');
    const char *method = old->key.n ? "PUT" : "POST";
    str path = old->key.n ? arena_printf(t->arena, "issue/%.*s", STR_ARG(old->key)) : STRL("issue");
    bool ok = call_api(t, method, path, buf_str(&body), NULL) ||
              err_prefix(t->e, "failed to %s request to \"%.*s\": ", method, STR_ARG(path));
    buf_free(&body);
    return ok;
}

/* --- transitions --------------------------------------------------------------------------------------------- */

static bool
find_transition(struct attempt *t, str path, str name, str *id)
{
    struct json_doc *doc = NULL;

    if (!call_api(t, "GET", path, STR_EMPTY, &doc))
        return false;
    const struct json_node *list = doc ? json_get(json_root(doc), "transitions") : NULL;
    for (size_t i = 0; i < json_size(list); i++)
        if (str_eq(json_text(json_get(json_at(list, i), "name")), name))
            *id = arena_str(t->arena, json_text(json_get(json_at(list, i), "id")));
    json_doc_free(&doc);
    return id->n || err_set(t->e, ERR_NOT_FOUND, "can't find transition %.*s for %.*s", STR_ARG(name), STR_ARG(path));
}

/* Closes what is resolved, opens again what fires. */
static bool
transition(struct attempt *t, const struct config_receiver_jira *c, const struct found *f)
{
    bool done = str_eq(f->status, STRL("done"));
    str name = t->firing ? c->reopen_transition : c->resolve_transition, id = STR_EMPTY;
    struct buf body = {0};
    struct json j = json_to(&body);

    if (f->key.n == 0 || !f->has_status || done != t->firing || name.n == 0)
        return true;
    str path = arena_printf(t->arena, "issue/%.*s/transitions", STR_ARG(f->key));
    if (!find_transition(t, path, name, &id))
        return false;
    json_open_object(&j);
    json_key_lit(&j, "transition");
    json_open_object(&j);
    sender_put(&j, "id", id);
    json_close_object(&j);
    json_close_object(&j);
    buf_byte(&body, '\n');
    bool ok = call_api(t, "POST", path, buf_str(&body), NULL);
    buf_free(&body);
    return ok;
}

static bool
send_jira(struct attempt *t)
{
    const struct config_receiver_jira *c = t->d->target->conf->conf;
    struct found f;

    if (!find_issue(t, c, &f))
        return false;
    if (f.key.n == 0 && !t->firing)
        return true; /* nothing was ever opened */
    return write_issue(t, c, &f) && transition(t, c, &f);
}

const struct sender sender_jira = {send_jira};
