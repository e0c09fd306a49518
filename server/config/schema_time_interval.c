/* time_intervals: ranges of times, days, months and years, as Alertmanager writes them. */
#include <sys/stat.h>

#include "base/num.h"
#include "base/unicode.h"
#include "server/config/config_notify.h"
#include "server/config/schema_notify.h"

#define OMIT .flags = SCHEMA_OMITEMPTY
#define FLOW .flags = SCHEMA_OMITEMPTY | SCHEMA_FLOW

static const char *const weekdays[] = {"sunday",   "monday", "tuesday", "wednesday",
                                       "thursday", "friday", "saturday"};
static const char *const months[] = {"january", "february", "march",     "april",   "may",      "june",
                                     "july",    "august",   "september", "october", "november", "december"};

static int
find_name(const char *const *names, size_t n, str s)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(s, str_of(names[i])))
            return (int)i;
    return -1;
}

static bool
parse_number(struct schema_reader *r, const struct yaml_node *n, str s, int *out)
{
    int64_t v;
    if (num_parse_i64(s, &v)) {
        /* Far out of any range either way; the callers' checks say so. */
        *out = (int)MAX(MIN(v, INT32_MAX), INT32_MIN);
        return true;
    }
    return schema_fail(r, n, "strconv.Atoi: parsing %.*s: invalid syntax",
                       STR_ARG(config_quoted(r->a, s)));
}

enum range_kind { RANGE_WEEKDAY, RANGE_DAY, RANGE_MONTH, RANGE_YEAR };

static bool
parse_member(struct schema_reader *r, const struct yaml_node *n, enum range_kind kind, str s, int *out)
{
    int64_t v;
    if (kind == RANGE_WEEKDAY) {
        *out = find_name(weekdays, ARRAY_LEN(weekdays), s);
        return *out >= 0 || schema_fail(r, n, "%.*s is not a valid weekday", STR_ARG(s));
    }
    if (kind != RANGE_MONTH)
        return parse_number(r, n, s, out);
    *out = find_name(months, ARRAY_LEN(months), s) + 1;
    if (*out == 0) {
        if (!num_parse_i64(s, &v))
            return schema_fail(r, n, "%.*s is not a valid month", STR_ARG(s));
        *out = (int)MAX(MIN(v, INT32_MAX), INT32_MIN);
    }
    return true;
}

static bool
check_days(struct schema_reader *r, const struct yaml_node *n, int begin, int end)
{
    if (begin == 0 || begin < -31 || begin > 31)
        return schema_fail(r, n, "%d is not a valid day of the month: out of range", begin);
    if (end == 0 || end < -31 || end > 31)
        return schema_fail(r, n, "%d is not a valid day of the month: out of range", end);
    if (begin < 0 && end > 0)
        return schema_fail(r, n, "end day must be negative if start day is negative");
    /* The shortest month decides what is always wrong. */
    if ((begin < 0 ? 28 + begin : begin) > (end < 0 ? 28 + end : end))
        return schema_fail(r, n, "end day %d is always before start day %d", end, begin);
    return true;
}

static const char *
month_name(int month)
{
    return month >= 1 && month <= 12 ? months[month - 1] : "";
}

static bool
check_range(struct schema_reader *r, const struct yaml_node *n, enum range_kind kind,
            const struct config_range *x)
{
    switch (kind) {
    case RANGE_WEEKDAY:
        return x->begin <= x->end || schema_fail(r, n, "start day cannot be before end day");
    case RANGE_DAY:
        return check_days(r, n, x->begin, x->end);
    case RANGE_MONTH:
        return x->begin <= x->end ||
               schema_fail(r, n, "end month %s is before start month %s", month_name(x->end),
                           month_name(x->begin));
    case RANGE_YEAR:
        return x->begin <= x->end || schema_fail(r, n, "end year %d is before start year %d", x->end,
                                                 x->begin);
    }
    return true;
}

/* "a" or "a:b", in any case. */
static bool
parse_range(struct schema_reader *r, const struct yaml_node *n, enum range_kind kind,
            struct config_range *out)
{
    str s;
    if (!schema_read_text(r, n, "string", &s))
        return false;
    struct buf low = {0};
    unicode_put_lower(&low, s);
    s = arena_str(r->a, buf_str(&low));
    buf_free(&low);
    ptrdiff_t colon = str_find_char(s, ':', 0);
    if (colon < 0) {
        if (!parse_member(r, n, kind, s, &out->begin))
            return false;
        out->end = out->begin;
        return check_range(r, n, kind, out);
    }
    str rest = str_from(s, (size_t)colon + 1);
    if (str_find_char(rest, ':', 0) >= 0)
        return schema_fail(r, n, "couldn't parse range %.*s, invalid format", STR_ARG(s));
    return parse_member(r, n, kind, STR(s.p, (size_t)colon), &out->begin) &&
           parse_member(r, n, kind, rest, &out->end) && check_range(r, n, kind, out);
}

static void
print_range(const struct schema_printer *p, enum range_kind kind, const struct config_range *x)
{
    struct buf b = {0};
    bool one = x->begin == x->end;
    if (kind == RANGE_WEEKDAY && one)
        buf_printf(&b, "%s", weekdays[x->begin]);
    else if (kind == RANGE_WEEKDAY)
        buf_printf(&b, "%s:%s", weekdays[x->begin], weekdays[x->end]);
    else if (one)
        buf_printf(&b, "%d", x->begin);
    else
        buf_printf(&b, "%d:%d", x->begin, x->end);
    yaml_out_str(p->out, buf_str(&b));
    buf_free(&b);
}

static enum range_kind
kind_of(const struct schema_field *f)
{
    return f->key[0] == 'w'   ? RANGE_WEEKDAY
           : f->key[0] == 'd' ? RANGE_DAY
           : f->key[0] == 'm' ? RANGE_MONTH
                              : RANGE_YEAR;
}

static bool
read_ranges(struct schema_reader *r, const struct yaml_node *n, const struct schema_field *f, void *out)
{
    struct config_list *to = out;
    if (n->type != YAML_LIST)
        return schema_bad_type(r, n, f->go);
    struct config_range *v = ARENA_ZARRAY(r->a, struct config_range, n->n);
    *to = (struct config_list){.v = v, .set = true};
    for (size_t i = 0; i < n->n && !r->failed; i++) {
        schema_enter(r, STR_EMPTY, i);
        if (yaml_is_null(n->item[i]) || parse_range(r, n->item[i], kind_of(f), &v[to->n]))
            to->n++;
        schema_leave(r);
    }
    return !r->failed;
}

static void
print_ranges(const struct schema_printer *p, const struct schema_field *f, const void *v)
{
    const struct config_list *list = v;
    const struct config_range *x = list->v;
    yaml_out_flow_list(p->out);
    for (size_t i = 0; i < list->n; i++)
        print_range(p, kind_of(f), &x[i]);
    yaml_out_end(p->out);
}

static bool
ranges_empty(const struct schema_field *f UNUSED, const void *v)
{
    return ((const struct config_list *)v)->n == 0;
}

static const struct schema_type schema_ranges = {
    "[]", sizeof(struct config_list), read_ranges, print_ranges, ranges_empty, NULL};

/* Times of day. */

struct written_time {
    str start, end;
};

static bool
parse_clock(struct schema_reader *r, const struct yaml_node *n, str s, int *minutes)
{
    bool form = s.n == 5 && s.p[2] == ':';
    for (size_t i = 0; form && i < 5; i++)
        form = i == 2 || (s.p[i] >= '0' && s.p[i] <= '9');
    int hour = form ? (s.p[0] - '0') * 10 + s.p[1] - '0' : 0;
    int minute = form ? (s.p[3] - '0') * 10 + s.p[4] - '0' : 0;
    if (!form || minute > 59 || hour > 24 || (hour == 24 && minute > 0))
        return schema_fail(r, n, "couldn't parse timestamp %.*s, invalid format", STR_ARG(s));
    *minutes = hour * 60 + minute;
    return true;
}

static const struct schema_field written_time_fields[] = {
    SCHEMA_FIELD(struct written_time, "start_time", start, schema_str),
    SCHEMA_FIELD(struct written_time, "end_time", end, schema_str),
};
static const struct schema schema_written_time = {
    .go = "timeinterval.yamlTimeRange",
    .size = sizeof(struct written_time),
    .fields = written_time_fields,
    .fields_n = ARRAY_LEN(written_time_fields),
};

static bool
read_time(struct schema_reader *r, const struct yaml_node *n, struct config_time_range *out)
{
    struct written_time w = {0};
    size_t problems = r->problems;
    if (!schema_read_block(r, n, &schema_written_time, &w) || r->problems > problems)
        return false;
    if (w.start.n == 0 || w.end.n == 0)
        return schema_fail(r, n, "both start and end times must be provided");
    if (!parse_clock(r, n, w.start, &out->start_minute) || !parse_clock(r, n, w.end, &out->end_minute))
        return false;
    if (out->start_minute >= out->end_minute)
        return schema_fail(r, n, "start time cannot be equal or greater than end time");
    return true;
}

static bool
read_times(struct schema_reader *r, const struct yaml_node *n, const struct schema_field *f, void *out)
{
    struct config_list *to = out;
    if (n->type != YAML_LIST)
        return schema_bad_type(r, n, f->go);
    struct config_time_range *v = ARENA_ZARRAY(r->a, struct config_time_range, n->n);
    *to = (struct config_list){.v = v, .set = true};
    for (size_t i = 0; i < n->n && !r->failed; i++) {
        schema_enter(r, STR_EMPTY, i);
        if (yaml_is_null(n->item[i]) || read_time(r, n->item[i], &v[to->n]))
            to->n++;
        schema_leave(r);
    }
    return !r->failed;
}

static void
print_times(const struct schema_printer *p, const struct schema_field *f UNUSED, const void *v)
{
    const struct config_list *list = v;
    const struct config_time_range *x = list->v;
    yaml_out_list(p->out);
    for (size_t i = 0; i < list->n; i++) {
        struct buf start = {0}, end = {0};
        buf_printf(&start, "%02d:%02d", x[i].start_minute / 60, x[i].start_minute % 60);
        buf_printf(&end, "%02d:%02d", x[i].end_minute / 60, x[i].end_minute % 60);
        struct written_time w = {buf_str(&start), buf_str(&end)};
        schema_print_block(p, &schema_written_time, &w);
        buf_free(&start);
        buf_free(&end);
    }
    yaml_out_end(p->out);
}

static const struct schema_type schema_times = {
    "[]", sizeof(struct config_list), read_times, print_times, ranges_empty, NULL};

/* Locations: the system's time zone database. */

static bool
zone_exists(str name)
{
    static const char *const dirs[] = {"/usr/share/zoneinfo/", "/usr/share/lib/zoneinfo/",
                                       "/usr/lib/locale/TZ/", "/etc/zoneinfo/"};
    struct buf path = {0};
    bool found = false;
    for (size_t i = 0; i < ARRAY_LEN(dirs) && !found; i++) {
        buf_clear(&path);
        buf_put(&path, str_of(dirs[i]));
        buf_put(&path, name);
        struct stat st;
        found = stat(buf_cstr(&path), &st) == 0 && S_ISREG(st.st_mode);
    }
    buf_free(&path);
    return found;
}

static bool
read_location(struct schema_reader *r, const struct yaml_node *n, const struct schema_field *f UNUSED,
              void *out)
{
    str s;
    if (!schema_read_text(r, n, "string", &s))
        return false;
    bool escapes = (s.n > 0 && (s.p[0] == '/' || s.p[0] == '\\')) ||
                   memmem(s.n ? s.p : "", s.n, "..", 2) != NULL || str_find_char(s, '\\', 0) >= 0;
    if (escapes)
        return schema_fail(r, n, "time: invalid location name");
    if (s.n == 0)
        s = STRL("UTC");
    if (!str_eq(s, STRL("UTC")) && !str_eq(s, STRL("Local")) && !zone_exists(s))
        return schema_fail(r, n, "unknown time zone %.*s", STR_ARG(s));
    *(str *)out = s;
    return true;
}

static void
print_location(const struct schema_printer *p, const struct schema_field *f, const void *v)
{
    schema_str.print(p, f, v);
    yaml_out_flow_next(p->out);
}

static bool
location_empty(const struct schema_field *f, const void *v)
{
    return schema_str.is_empty(f, v);
}

static const struct schema_type schema_location = {
    "string", sizeof(str), read_location, print_location, location_empty, NULL};

#define F(name, member, t, ...) SCHEMA_FIELD(struct config_time_spec, name, member, t, __VA_ARGS__)
static const struct schema_field spec_fields[] = {
    F("times", times, schema_times, OMIT, .go = "[]timeinterval.TimeRange"),
    F("weekdays", weekdays, schema_ranges, FLOW, .go = "[]timeinterval.WeekdayRange"),
    F("days_of_month", days_of_month, schema_ranges, FLOW, .go = "[]timeinterval.DayOfMonthRange"),
    F("months", months, schema_ranges, FLOW, .go = "[]timeinterval.MonthRange"),
    F("years", years, schema_ranges, FLOW, .go = "[]timeinterval.YearRange"),
    F("location", location, schema_location, OMIT),
};
#undef F
static const struct schema schema_spec = {
    .go = "timeinterval.TimeInterval",
    .size = sizeof(struct config_time_spec),
    .fields = spec_fields,
    .fields_n = ARRAY_LEN(spec_fields),
};

static bool
check_interval(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    const struct config_time_interval *t = obj;
    return t->name.n > 0 || schema_fail(r, n, "missing name in time interval");
}

static bool
check_mute_interval(struct schema_reader *r, const struct yaml_node *n, void *obj)
{
    const struct config_time_interval *t = obj;
    return t->name.n > 0 || schema_fail(r, n, "missing name in mute time interval");
}

static const struct schema_field interval_fields[] = {
    SCHEMA_FIELD(struct config_time_interval, "name", name, schema_str),
    SCHEMA_BLOCK(struct config_time_interval, "time_intervals", specs, schema_list, schema_spec,
                 .go = "[]timeinterval.TimeInterval"),
};
const struct schema schema_time_interval = {
    .go = "config.plain",
    .size = sizeof(struct config_time_interval),
    .fields = interval_fields,
    .fields_n = ARRAY_LEN(interval_fields),
    .check = check_interval,
};
const struct schema schema_mute_time_interval = {
    .go = "config.plain",
    .size = sizeof(struct config_time_interval),
    .fields = interval_fields,
    .fields_n = ARRAY_LEN(interval_fields),
    .check = check_mute_interval,
};
