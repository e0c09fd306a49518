/* am_body.c - JSON bodies into values, with go-openapi's words for what does not fit. */
#include "base/unicode.h"
#include "base/zone.h"
#include "web/am.h"
#include "web/am_scan.h"

/* --- the body as a whole ------------------------------------------------------------------------ */

static bool
fail_parse(struct am_body *b, const char *why)
{
    if (!b->failed)
        am_fail(b->m, 400, "parsing %s body from \"\" failed, because %s", b->what, why);
    b->failed = true;
    return false;
}

static str
media_type(const struct am *m)
{
    str type = req_header(m->req, "Content-Type");
    ptrdiff_t end = str_find_char(type, ';', 0);
    struct buf lower = {0};

    type = end < 0 ? type : STR(type.p, (size_t)end);
    while (type.n && type.p[type.n - 1] == ' ')
        type.n--;
    unicode_put_lower(&lower, type);
    str out = arena_str(m->arena, buf_str(&lower));
    buf_free(&lower);
    return out.n ? out : STRL("application/octet-stream");
}

static bool
check_media_type(struct am *m)
{
    str type = media_type(m);

    if (str_eq(type, STRL("application/json")))
        return true;
    if (str_find_char(type, '/', 0) < 0)
        am_fail(m, 400, "parsing Content-Type header from \"%.*s\" failed, because mediatype: malformed: \"%.*s\" has no subtype",
                STR_ARG(type), STR_ARG(type));
    else if (str_eq(type, STRL("application/*")) || str_eq(type, STRL("*/*")))
        am_fail(m, 500, "no consumer registered for %.*s", STR_ARG(type));
    else
        am_fail(m, 415, "unsupported media type \"%.*s\", only [application/json] are allowed", STR_ARG(type));
    return false;
}

bool
am_body_open(struct am_body *b, struct am *m, const char *what)
{
    struct buf text = {0};
    struct err e = ERR_INIT;

    *b = (struct am_body){.m = m, .what = what};
    if (m->req->body.n && !check_media_type(m)) {
        b->failed = true;
    } else if (!am_scan(m->req->body, &text, &e)) {
        if (e.kind == ERR_NOT_FOUND && (m->req->body.n || check_media_type(m)))
            am_fail(m, AM_REQUIRED, "%s in body is required", what);
        else if (e.kind != ERR_NOT_FOUND)
            fail_parse(b, e.text);
        b->failed = true;
    } else if (!json_parse(buf_str(&text), &b->doc, &e)) {
        fail_parse(b, e.text);
    } else {
        b->root = json_root(b->doc);
        if (json_type(b->root) == JSON_NULL)
            b->root = NULL;
    }
    buf_free(&text);
    return !b->failed;
}

void
am_body_close(struct am_body *b)
{
    json_doc_free(&b->doc);
}

/* --- values --------------------------------------------------------------------------------------- */

static const char *
type_word(const struct json_node *n)
{
    switch (json_type(n)) {
    case JSON_NULL: return "null";
    case JSON_FALSE:
    case JSON_TRUE: return "bool";
    case JSON_INT:
    case JSON_REAL: return "number";
    case JSON_STR: return "string";
    case JSON_ARR: return "array";
    case JSON_OBJ: return "object";
    }
    return "value";
}

static bool
wrong_type(struct am_body *b, const struct json_node *n, const char *into)
{
    str text = arena_printf(b->m->arena, "json: cannot unmarshal %s into Go %s", type_word(n), into);
    return fail_parse(b, arena_cstr(b->m->arena, text));
}

static bool
wrong_field(struct am_body *b, const struct json_node *n, const char *where, const char *type)
{
    str into = arena_printf(b->m->arena, "struct field %s of type %s", where, type);
    return wrong_type(b, n, arena_cstr(b->m->arena, into));
}

bool
am_body_expect(struct am_body *b, const struct json_node *n, enum json_type type, const char *into)
{
    return json_type(n) == type || json_type(n) == JSON_NULL || wrong_type(b, n, into);
}

const struct json_node *
am_body_list(struct am_body *b, const struct json_node *n, const char *where, const char *type)
{
    if (json_type(n) == JSON_ARR)
        return n;
    if (json_type(n) != JSON_NULL && where)
        wrong_field(b, n, where, type);
    else if (json_type(n) != JSON_NULL)
        wrong_type(b, n, arena_cstr(b->m->arena, arena_printf(b->m->arena, "value of type %s", type)));
    return NULL;
}

bool
am_body_string(struct am_body *b, const struct json_node *n, const char *where, str *out)
{
    if (json_type(n) == JSON_NULL)
        return false;
    if (json_type(n) != JSON_STR)
        return wrong_field(b, n, where, "string");
    *out = arena_str(b->m->arena, json_text(n));
    return true;
}

bool
am_body_bool(struct am_body *b, const struct json_node *n, const char *where, bool *out)
{
    if (json_type(n) == JSON_NULL)
        return false;
    if (json_type(n) != JSON_TRUE && json_type(n) != JSON_FALSE)
        return wrong_field(b, n, where, "bool");
    *out = json_type(n) == JSON_TRUE;
    return true;
}

struct labels
am_body_labels(struct am_body *b, const struct json_node *n, const char *where, bool *given)
{
    struct label *v = ARENA_ARRAY(b->m->arena, struct label, json_size(n) + 1);
    size_t count = 0;

    *given = json_type(n) == JSON_OBJ;
    if (!*given && json_type(n) != JSON_NULL)
        wrong_field(b, n, where, "models.LabelSet");
    for (size_t i = 0; *given && i < json_size(n); i++) {
        const struct json_node *value;
        str name, text = STR_EMPTY;
        if (!json_entry(n, i, &name, &value))
            continue;
        am_body_string(b, value, where, &text);
        size_t at = count;
        for (; at > 0 && str_cmp(v[at - 1].name, name) > 0; at--)
            v[at] = v[at - 1];
        v[at] = (struct label){arena_str(b->m->arena, name), text};
        count++;
    }
    return (struct labels){v, count};
}

/* --- moments ---------------------------------------------------------------------------------------- */

struct digits {
    str s;
    size_t at;
    bool bad;
};

static int
take_digits(struct digits *d, int n)
{
    int v = 0;

    for (int i = 0; i < n; i++, d->at++) {
        if (d->at >= d->s.n || d->s.p[d->at] < '0' || d->s.p[d->at] > '9') {
            d->bad = true;
            return 0;
        }
        v = v * 10 + (d->s.p[d->at] - '0');
    }
    return v;
}

static bool
take_char(struct digits *d, char c)
{
    bool is = d->at < d->s.n && d->s.p[d->at] == c;
    d->at += is;
    return is;
}

static void
need_char(struct digits *d, char c)
{
    d->bad |= !take_char(d, c);
}

/* Days since 1970 of a proleptic Gregorian date. */
static int64_t
days_of(int64_t y, int m, int day)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400, yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static int
take_fraction_ms(struct digits *d)
{
    int ms = 0;

    if (!take_char(d, '.'))
        return 0;
    for (int scale = 100; d->at < d->s.n && d->s.p[d->at] >= '0' && d->s.p[d->at] <= '9'; d->at++, scale /= 10)
        ms += scale * (d->s.p[d->at] - '0');
    return ms;
}

static int
take_offset_s(struct digits *d)
{
    int sign = take_char(d, '+') ? 1 : take_char(d, '-') ? -1 : 0;

    if (sign == 0) {
        take_char(d, 'Z');
        return 0;
    }
    int hours = take_digits(d, 2);
    take_char(d, ':');
    return sign * (hours * 3600 + take_digits(d, 2) * 60);
}

/* The forms go-openapi takes: date, date and time to the minute or finer, with T or a
 * space, with a zone or without. */
static bool
parse_time(str s, struct am_time *out)
{
    struct digits d = {.s = s};
    int year = take_digits(&d, 4), hour = 0, minute = 0, second = 0, ms = 0;

    need_char(&d, '-');
    int month = take_digits(&d, 2);
    need_char(&d, '-');
    int day = take_digits(&d, 2);
    if (d.at < s.n && (take_char(&d, 'T') || take_char(&d, ' '))) {
        hour = take_digits(&d, 2);
        need_char(&d, ':');
        minute = take_digits(&d, 2);
        if (take_char(&d, ':')) {
            second = take_digits(&d, 2);
            ms = take_fraction_ms(&d);
        }
        out->offset_s = take_offset_s(&d);
    }
    if (d.bad || d.at < s.n || month < 1 || month > 12 || day < 1 || day > zone_days_in_month(year, month) ||
        hour > 23 || minute > 59 || second > 59)
        return false;
    int64_t seconds = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second - out->offset_s;
    out->ms = seconds * 1000 + ms;
    return true;
}

#define ZERO_MS (-62135596800000LL) /* Go's zero time, 1 January of the year 1 */

struct am_time
am_body_time(struct am_body *b, const struct json_node *n, const char *where)
{
    struct am_time t = {0};
    struct buf quoted = {0};

    if (json_type(n) == JSON_NULL) {
        t.ms = ZERO_MS;
        return t;
    }
    t.present = true;
    if (json_type(n) != JSON_STR) {
        wrong_field(b, n, where, "string");
    } else if (json_text(n).n == 0) {
        t.given = true; /* an empty text is 1970 */
    } else if (!parse_time(json_text(n), &t)) {
        unicode_put_quoted(&quoted, json_text(n));
        str why = arena_printf(b->m->arena, "parsing time %.*s as \"2006-01-02\": cannot parse %.*s as \"2006\"",
                               STR_ARG(buf_str(&quoted)), STR_ARG(buf_str(&quoted)));
        fail_parse(b, arena_cstr(b->m->arena, why));
    } else {
        t.given = t.ms != ZERO_MS;
    }
    buf_free(&quoted);
    return t;
}
