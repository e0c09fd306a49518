/* am_silences.c - silences: shown, made, changed and ended. */
#include <stdlib.h>

#include "base/clock.h"
#include "web/am.h"
#include "web/api_json.h"

/* --- GET --------------------------------------------------------------------------------------------- */

static void
put_matcher(struct json *j, const struct matcher *x)
{
    json_open_object(j);
    put_key_bool(j, "isEqual", x->type == MATCH_EQ || x->type == MATCH_RE);
    put_key_bool(j, "isRegex", x->type == MATCH_RE || x->type == MATCH_NRE);
    put_key_str(j, "name", x->name);
    put_key_str(j, "value", x->value);
    json_close_object(j);
}

static void
put_silence(struct json *j, const struct silence *s, int64_t now_ms)
{
    json_open_object(j);
    put_key_str(j, "id", str_of(s->id));
    json_key_lit(j, "status");
    json_open_object(j);
    put_key_str(j, "state", str_of(silence_state_name(silence_state(s, now_ms))));
    json_close_object(j);
    am_put_time(j, "updatedAt", s->updated_ms, 0);
    if (s->annotations.n)
        am_put_labels(j, "annotations", s->annotations);
    put_key_str(j, "comment", s->comment);
    put_key_str(j, "createdBy", s->created_by);
    am_put_time(j, "endsAt", s->ends_ms, 0);
    json_key_lit(j, "matchers");
    json_open_array(j);
    for (size_t i = 0; i < s->n; i++)
        put_matcher(j, &s->v[i]);
    json_close_array(j);
    am_put_time(j, "startsAt", s->starts_ms, 0);
    json_close_object(j);
}

/* Each of the filter's matchers is one of the silence's own. */
static bool
has_matchers(const struct silence *s, const struct matcher *v, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        bool found = false;
        for (size_t k = 0; !found && k < s->n; k++)
            found = s->v[k].type == v[i].type && str_eq(s->v[k].name, v[i].name) &&
                    str_eq(s->v[k].value, v[i].value);
        if (!found)
            return false;
    }
    return true;
}

struct listed {
    const struct silence *s;
    enum silence_state state;
};

/* Active by end, pending by start, expired with the latest first. */
static int
by_state(const void *x, const void *y)
{
    const struct listed *a = x, *b = y;
    int64_t at_a, at_b;

    if (a->state != b->state)
        return a->state < b->state ? -1 : 1;
    at_a = a->state == SILENCE_PENDING ? a->s->starts_ms : a->s->ends_ms;
    at_b = b->state == SILENCE_PENDING ? b->s->starts_ms : b->s->ends_ms;
    int c = (at_a > at_b) - (at_a < at_b);
    return a->state == SILENCE_EXPIRED ? -c : c;
}

static void
list_silences(struct am *m, const struct matcher *v, size_t n)
{
    bool wanted[] = {[SILENCE_ACTIVE] = am_flag(m, "active"),
                     [SILENCE_PENDING] = am_flag(m, "pending"),
                     [SILENCE_EXPIRED] = am_flag(m, "expired")};
    bool any = wanted[0] || wanted[1] || wanted[2]; /* none asked for: no filter at all */
    int64_t now = clock_now_ms();
    struct silence **all;
    size_t count = notifier_silences(m->n, m->arena, &all), kept = 0;
    struct listed *shown = ARENA_ARRAY(m->arena, struct listed, count + 1);

    for (size_t i = 0; i < count; i++) {
        enum silence_state state = silence_state(all[i], now);
        if ((!any || wanted[state]) && has_matchers(all[i], v, n))
            shown[kept++] = (struct listed){all[i], state};
    }
    qsort(shown, kept, sizeof *shown, by_state);
    json_open_array(&m->json);
    for (size_t i = 0; i < kept; i++)
        put_silence(&m->json, shown[i].s, now);
    json_close_array(&m->json);
    for (size_t i = 0; i < count; i++)
        silence_unref(&all[i]);
}

void
am_get_silences(struct am *m)
{
    struct err e = ERR_INIT;
    struct matcher *v;
    size_t n;

    if (!am_matchers(m, "filter", &v, &n, &e)) {
        am_refuse(m, 400, err_str(&e));
        return;
    }
    list_silences(m, v, n);
    am_matchers_free(v, n);
}

/* --- one silence ---------------------------------------------------------------------------------------- */

static bool
is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool
is_uuid(str s)
{
    if (s.n != SILENCE_ID_BYTES)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (i == 8 || i == 13 || i == 18 || i == 23 ? s.p[i] != '-' : !is_hex(s.p[i]))
            return false;
    return true;
}

static bool
check_id(struct am *m)
{
    if (is_uuid(m->capture))
        return true;
    am_fail(m, AM_INVALID_TYPE, "silenceID in path must be of type uuid: \"%.*s\"", STR_ARG(m->capture));
    return false;
}

static void
answer_unknown(struct am *m)
{
    m->resp->status = 404;
    m->resp->content_type = NULL;
}

void
am_get_silence(struct am *m)
{
    if (!check_id(m))
        return;
    struct silence *s = notifier_silence(m->n, m->capture);
    if (s)
        put_silence(&m->json, s, clock_now_ms());
    else
        answer_unknown(m);
    silence_unref(&s);
}

void
am_delete_silence(struct am *m)
{
    struct err e = ERR_INIT;

    if (!check_id(m))
        return;
    if (notifier_silence_expire(m->n, m->capture, &e))
        m->resp->content_type = NULL;
    else if (e.kind == ERR_NOT_FOUND)
        answer_unknown(m);
    else
        am_refuse(m, 500, err_str(&e));
}

/* --- POST ------------------------------------------------------------------------------------------------ */

struct posted_silence {
    str id;
    bool has_comment, has_created_by, has_matchers;
    struct am_time starts, ends;
    const struct json_node *matchers;
    struct matcher_given {
        bool name, value, is_regex;
    } *given;
    struct silence parts;
};

static void
read_matcher(struct am_body *b, const struct json_node *n, struct matcher *out, struct matcher_given *given)
{
    bool regex = false, equal = true;

    *out = (struct matcher){0};
    if (n && !am_body_expect(b, n, JSON_OBJ, "struct field Silence.matchers of type models.Matcher"))
        return;
    am_body_bool(b, json_get(n, "isEqual"), "Matcher.matchers.isEqual", &equal);
    given->is_regex = am_body_bool(b, json_get(n, "isRegex"), "Matcher.matchers.isRegex", &regex);
    given->name = am_body_string(b, json_get(n, "name"), "Matcher.matchers.name", &out->name);
    given->value = am_body_string(b, json_get(n, "value"), "Matcher.matchers.value", &out->value);
    out->type = regex ? (equal ? MATCH_RE : MATCH_NRE) : (equal ? MATCH_EQ : MATCH_NE);
}

static void
read_silence(struct am_body *b, struct posted_silence *p)
{
    struct arena *a = b->m->arena;
    const struct json_node *n = b->root;
    bool given;

    *p = (struct posted_silence){0};
    if (n && !am_body_expect(b, n, JSON_OBJ, "value of type struct { ID string \"json:\\\"id,omitempty\\\"\" }"))
        return;
    am_body_string(b, json_get(n, "id"), ".id", &p->id);
    p->parts.annotations = am_body_labels(b, json_get(n, "annotations"), "Silence.annotations", &given);
    p->has_comment = am_body_string(b, json_get(n, "comment"), "Silence.comment", &p->parts.comment);
    p->has_created_by = am_body_string(b, json_get(n, "createdBy"), "Silence.createdBy", &p->parts.created_by);
    p->ends = am_body_time(b, json_get(n, "endsAt"), "Silence.endsAt");
    p->starts = am_body_time(b, json_get(n, "startsAt"), "Silence.startsAt");
    p->matchers = am_body_list(b, json_get(n, "matchers"), "Silence.matchers", "models.Matchers");
    p->parts.n = json_size(p->matchers);
    p->parts.v = ARENA_ARRAY(a, struct matcher, p->parts.n + 1);
    p->given = ARENA_ZARRAY(a, struct matcher_given, p->parts.n + 1);
    for (size_t i = 0; i < p->parts.n && !b->failed; i++)
        read_matcher(b, json_at(p->matchers, i), &p->parts.v[i], &p->given[i]);
}

static bool
require(struct am *m, bool given, const char *what)
{
    if (!given)
        am_fail(m, AM_REQUIRED, "%s in body is required", what);
    return given;
}

/* In go-openapi's order: by the fields' names. */
static bool
check_form(struct am *m, const struct posted_silence *p)
{
    static const char *const names[] = {"isRegex", "name", "value"};

    if (!require(m, p->has_comment, "comment") || !require(m, p->has_created_by, "createdBy") ||
        !require(m, p->ends.present, "endsAt") || !require(m, p->matchers != NULL, "matchers"))
        return false;
    if (p->parts.n == 0) {
        am_fail(m, AM_TOO_FEW_ITEMS, "matchers in body should have at least 1 items");
        return false;
    }
    for (size_t i = 0; i < p->parts.n; i++) {
        bool given[] = {p->given[i].is_regex, p->given[i].name, p->given[i].value};
        for (size_t k = 0; k < ARRAY_LEN(names); k++)
            if (!require(m, given[k], arena_cstr(m->arena, arena_printf(m->arena, "matchers.%zu.%s", i, names[k]))))
                return false;
    }
    return require(m, p->starts.present, "startsAt");
}

static bool
check_times(struct am *m, const struct posted_silence *p)
{
    if (p->starts.ms >= p->ends.ms) {
        am_refuse(m, 400, STRL("Failed to create silence: start time must be before end time"));
        return false;
    }
    if (p->ends.ms < clock_now_ms()) {
        am_refuse(m, 400, STRL("Failed to create silence: end time can't be in the past"));
        return false;
    }
    return true;
}

static void
set_silence(struct am *m, struct posted_silence *p)
{
    struct silence *s;
    struct err e = ERR_INIT;

    p->parts.starts_ms = p->starts.given ? p->starts.ms : clock_now_ms();
    p->parts.ends_ms = p->ends.ms;
    if (!silence_new(&s, &p->parts, p->id.n == SILENCE_ID_BYTES ? p->id : STR_EMPTY, &e)) {
        am_refuse(m, 400, err_str(&e));
        return;
    }
    if (p->id.n && !s->id[0])
        am_refuse(m, 404, STRL("silence not found"));
    else if (!notifier_silence_set(m->n, s, &e))
        am_refuse(m, e.kind == ERR_NOT_FOUND ? 404 : e.kind == ERR_LIMIT ? 400 : 500, err_str(&e));
    else {
        json_open_object(&m->json);
        put_key_str(&m->json, "silenceID", str_of(s->id));
        json_close_object(&m->json);
    }
    silence_unref(&s);
}

void
am_post_silences(struct am *m)
{
    struct am_body b;
    struct posted_silence p;

    if (am_body_open(&b, m, "silence")) {
        read_silence(&b, &p);
        if (!b.failed && check_form(m, &p) && check_times(m, &p))
            set_silence(m, &p);
    }
    am_body_close(&b);
}
