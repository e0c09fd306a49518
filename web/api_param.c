/* api_param.c - the grammars of API parameters (reference/prometheus.md 1.2). */
#include <math.h>

#include "base/num.h"
#include "model/labels.h"
#include "query/parse.h"
#include "web/api_priv.h"

/* Go's time.Time range as Prometheus' MinTime and MaxTime print it. */
#define MIN_TIME_TEXT "-292273086-05-16T16:47:06Z"
#define MAX_TIME_TEXT "292277025-08-18T07:12:54.999999999Z"

str
api_form(struct api *a, const char *name)
{
    str v = STR_EMPTY;
    (void)req_param(a->req, name, &v);
    return v;
}

bool
api_invalid_param(struct err *e, const char *name)
{
    e->kind = ERR_BAD_DATA;
    return err_prefix(e, "invalid parameter \"%s\": ", name);
}

void
api_warn(struct api *a, const char *text)
{
    str *grown = ARENA_ARRAY(a->arena, str, a->warnings_n + 1);
    if (a->warnings_n)
        memcpy(grown, a->warnings, a->warnings_n * sizeof *grown);
    grown[a->warnings_n++] = str_of(text);
    a->warnings = grown;
}

/* Go's float64 to int64 conversion on amd64: out of range and NaN give MinInt64. */
static int64_t
go_int64(double v)
{
    return v >= -9223372036854775808.0 && v < 9223372036854775808.0 ? (int64_t)v : INT64_MIN;
}

static int64_t
wrap_add(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

/* time.Unix: nanoseconds carried into the seconds. */
static struct instant
instant_unix(int64_t sec, int64_t nsec)
{
    sec = wrap_add(sec, nsec / 1000000000);
    nsec %= 1000000000;
    if (nsec < 0) {
        nsec += 1000000000;
        sec = wrap_add(sec, -1);
    }
    return (struct instant){sec, nsec};
}

int64_t
instant_ms(struct instant t)
{
    return wrap_add((int64_t)((uint64_t)t.sec * 1000u), t.nsec / 1000000);
}

struct instant
instant_of_ms(int64_t ms)
{
    int64_t rest = ms % 1000;
    return instant_unix(ms / 1000, rest * 1000000);
}

bool
instant_before(struct instant a, struct instant b)
{
    /* Go counts from year 1; the sum wraps for absurd times, as Go's does. */
    int64_t since_year_1 = 62135596800;
    int64_t x = wrap_add(a.sec, since_year_1), y = wrap_add(b.sec, since_year_1);
    return x < y || (x == y && a.nsec < b.nsec);
}

bool
api_parse_time(str s, struct instant *out, struct err *e)
{
    double t;
    int64_t ms;

    if (num_parse_go(s, &t)) {
        double whole;
        double frac = round(modf(t, &whole) * 1000) / 1000;
        *out = instant_unix(go_int64(whole), go_int64(frac * 1e9));
        return true;
    }
    if (num_parse_rfc3339(s, &ms)) {
        *out = instant_of_ms(ms);
        return true;
    }
    if (str_eq(s, STRL(MIN_TIME_TEXT))) {
        *out = INSTANT_MIN;
        return true;
    }
    if (str_eq(s, STRL(MAX_TIME_TEXT))) {
        *out = INSTANT_MAX;
        return true;
    }
    struct buf quoted = {0};
    labels_put_quoted(&quoted, s);
    err_set(e, ERR_BAD_DATA, "cannot parse %.*s to a valid timestamp", STR_ARG(buf_str(&quoted)));
    buf_free(&quoted);
    return false;
}

bool
api_time(struct api *a, const char *name, struct instant absent, struct instant *out, struct err *e)
{
    str v = api_form(a, name);

    if (v.n == 0) {
        *out = absent;
        return true;
    }
    if (api_parse_time(v, out, e))
        return true;
    err_prefix(e, "invalid time value for '%s': ", name);
    return api_invalid_param(e, name);
}

bool
api_parse_duration_ns(str s, int64_t *out, struct err *e)
{
    double d;
    int64_t ms;
    struct buf quoted = {0};
    struct err ignored;

    if (num_parse_go(s, &d)) {
        double ns = d * 1e9;
        if (ns <= 9223372036854775807.0 && ns >= -9223372036854775808.0) {
            *out = ns >= 9223372036854775807.0 ? INT64_MAX : (int64_t)ns;
            return true;
        }
        if (isnan(ns)) {
            *out = INT64_MIN; /* Go's conversion of NaN on amd64 */
            return true;
        }
        labels_put_quoted(&quoted, s);
        err_set(e, ERR_BAD_DATA, "cannot parse %.*s to a valid duration. It overflows int64",
                STR_ARG(buf_str(&quoted)));
    } else if (num_parse_duration_ms(s, &ms, &ignored)) {
        *out = ms * 1000000;
        return true;
    } else {
        labels_put_quoted(&quoted, s);
        err_set(e, ERR_BAD_DATA, "cannot parse %.*s to a valid duration", STR_ARG(buf_str(&quoted)));
    }
    buf_free(&quoted);
    return false;
}

bool
api_limit(struct api *a, size_t *out, struct err *e)
{
    str v = api_form(a, "limit");
    int64_t n = 0;

    *out = 0;
    if (v.n == 0)
        return true;
    if (!num_parse_i64(v, &n)) {
        struct buf quoted = {0};
        bool digits = true;
        size_t sign = v.p[0] == '-' || v.p[0] == '+';
        for (size_t i = sign; i < v.n; i++)
            digits = digits && v.p[i] >= '0' && v.p[i] <= '9';
        labels_put_quoted(&quoted, v);
        err_set(e, ERR_BAD_DATA, "strconv.Atoi: parsing %.*s: %s", STR_ARG(buf_str(&quoted)),
                digits && v.n > sign ? "value out of range" : "invalid syntax");
        buf_free(&quoted);
        return api_invalid_param(e, "limit");
    }
    if (n < 0) {
        err_set(e, ERR_BAD_DATA, "limit must be non-negative");
        return api_invalid_param(e, "limit");
    }
    *out = (size_t)n;
    return true;
}

static bool
selects_everything(const struct matcher *m, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!matcher_matches_empty(&m[i]))
            return false;
    return true;
}

bool
api_match(struct api *a, struct matcher_set **out, size_t *n, struct err *e)
{
    struct engine_opts eo = engine_options(a->w->layers.engine);
    size_t max = a->req->params_n, count = 0;
    struct matcher_set *sets = ARENA_ZARRAY(a->arena, struct matcher_set, max + 1);

    for (size_t i = 0; i < max; i++) {
        const struct param *p = &a->req->params[i];
        if (!str_eq(p->name, STRL("match[]")))
            continue;
        struct matcher_set *s = &sets[count];
        if (!parse_selector(p->value, &eo.parse, a->arena, &s->m, &s->n, e)) {
            e->kind = ERR_BAD_DATA;
            api_match_free(sets, count);
            return false;
        }
        count++;
    }
    for (size_t i = 0; i < count; i++) {
        if (selects_everything(sets[i].m, sets[i].n)) {
            api_match_free(sets, count);
            return err_set(e, ERR_BAD_DATA, "match[] must contain at least one non-empty matcher");
        }
    }
    *out = sets;
    *n = count;
    return true;
}

void
api_match_free(struct matcher_set *sets, size_t n)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < sets[i].n; j++)
            matcher_fini(&sets[i].m[j]);
}

bool
api_parse_bool(str s, bool *out)
{
    static const char *const yes[] = {"1", "t", "T", "true", "TRUE", "True"};
    static const char *const no[] = {"0", "f", "F", "false", "FALSE", "False"};

    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        if (str_eq(s, str_of(yes[i])) || str_eq(s, str_of(no[i]))) {
            *out = str_eq(s, str_of(yes[i]));
            return true;
        }
    }
    return false;
}
