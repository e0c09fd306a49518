/* template_type_time.c - the types of package time as templates see them, with their methods. */
#include <math.h>

#include "base/num.h"
#include "server/template/template_priv.h"
#include "server/template/template_time.h"

#define NS 1000000000LL
#define METHOD(name) static bool name(struct texec *x, const struct tvalue *args, size_t n, struct tvalue *out, struct err *e)
#define IGNORE (void)x, (void)args, (void)n, (void)e
#define CLOCK_LAYOUT STRL("2006-01-02 15:04:05.999999999 -0700 MST")

static struct tvalue
duration_of(int64_t ns)
{
    return (struct tvalue){.type = &ttype_duration, .u.i = ns};
}

static struct tvalue
int64_of(int64_t i)
{
    return (struct tvalue){.type = &ttype_int64, .u.i = i};
}

static struct civil_time
civil(const struct tvalue *v)
{
    struct civil_time c;
    zone_civil_at(v->u.time->s, v->u.time->offset_s, &c);
    return c;
}

/* --- Stringers ---------------------------------------------------------------------------------- */

static void
put_time(struct buf *out, const struct tvalue *v)
{
    template_put_time(out, v->u.time, CLOCK_LAYOUT);
}

static void
put_time_go(struct buf *out, const struct tvalue *v)
{
    struct civil_time c = civil(v);
    buf_printf(out, "time.Date(%d, time.%s, %d, %d, %d, %d, %d, ", c.year, template_months[c.month - 1], c.day,
               c.hour, c.minute, c.second, v->u.time->ns);
    if (str_eq(v->u.time->location, STRL("UTC")))
        buf_lit(out, "time.UTC)");
    else
        buf_printf(out, "time.Location(\"%.*s\"))", STR_ARG(v->u.time->location));
}

static void
put_duration(struct buf *out, const struct tvalue *v)
{
    num_put_go_duration(out, v->u.i);
}

static void
put_named(struct buf *out, int64_t i, const char *const *names, int64_t n, const char *type)
{
    if (i >= 0 && i < n)
        buf_put(out, str_of(names[i]));
    else
        buf_printf(out, "%%!%s(%llu)", type, (unsigned long long)i);
}

static void
put_month(struct buf *out, const struct tvalue *v)
{
    put_named(out, v->u.i - 1, template_months, 12, "Month");
}

static void
put_weekday(struct buf *out, const struct tvalue *v)
{
    put_named(out, v->u.i, template_days, 7, "Weekday");
}

METHOD(string_method)
{
    struct buf b = {0};
    IGNORE;
    args[0].type->string(&b, &args[0]);
    *out = template_text(x, &b);
    return true;
}

/* --- time.Duration -------------------------------------------------------------------------------- */

METHOD(duration_nanoseconds)
{
    IGNORE;
    *out = int64_of(args[0].u.i);
    return true;
}

METHOD(duration_microseconds)
{
    IGNORE;
    *out = int64_of(args[0].u.i / 1000);
    return true;
}

METHOD(duration_milliseconds)
{
    IGNORE;
    *out = int64_of(args[0].u.i / 1000000);
    return true;
}

static struct tvalue
in_units(int64_t ns, int64_t unit_ns)
{
    return tvalue_float((double)(ns / unit_ns) + (double)(ns % unit_ns) / (double)unit_ns);
}

METHOD(duration_seconds)
{
    IGNORE;
    *out = in_units(args[0].u.i, NS);
    return true;
}

METHOD(duration_minutes)
{
    IGNORE;
    *out = in_units(args[0].u.i, 60 * NS);
    return true;
}

METHOD(duration_hours)
{
    IGNORE;
    *out = in_units(args[0].u.i, 3600 * NS);
    return true;
}

METHOD(duration_truncate)
{
    int64_t d = args[0].u.i, m = args[1].u.i;
    IGNORE;
    *out = duration_of(m <= 0 ? d : d - d % m);
    return true;
}

METHOD(duration_round)
{
    int64_t d = args[0].u.i, m = args[1].u.i, sum;
    IGNORE;
    if (m > 0) {
        int64_t r = d % m, low = d - r;
        uint64_t rest = (uint64_t)(r < 0 ? -r : r);
        if (rest + rest < (uint64_t)m)
            d = low;
        else if (d < 0)
            d = __builtin_sub_overflow(low, m, &sum) ? INT64_MIN : sum;
        else
            d = __builtin_add_overflow(low, m, &sum) ? INT64_MAX : sum;
    }
    *out = duration_of(d);
    return true;
}

METHOD(duration_abs)
{
    int64_t d = args[0].u.i;
    IGNORE;
    *out = duration_of(d == INT64_MIN ? INT64_MAX : d < 0 ? -d : d);
    return true;
}

static const struct tfunc duration_methods[] = {
    {.name = "Nanoseconds", .call = duration_nanoseconds},
    {.name = "Microseconds", .call = duration_microseconds},
    {.name = "Milliseconds", .call = duration_milliseconds},
    {.name = "Seconds", .call = duration_seconds},
    {.name = "Minutes", .call = duration_minutes},
    {.name = "Hours", .call = duration_hours},
    {.name = "Truncate", .call = duration_truncate, .in_n = 1, .in = {&ttype_duration}},
    {.name = "Round", .call = duration_round, .in_n = 1, .in = {&ttype_duration}},
    {.name = "Abs", .call = duration_abs},
    {.name = "String", .call = string_method},
    {0},
};

/* --- time.Time --------------------------------------------------------------------------------------- */

#define PART(name, expression)                                                                                         \
    METHOD(name)                                                                                                       \
    {                                                                                                                  \
        struct civil_time c = civil(&args[0]);                                                                         \
        IGNORE;                                                                                                        \
        (void)c;                                                                                                       \
        *out = expression;                                                                                             \
        return true;                                                                                                   \
    }
PART(time_year, tvalue_int(c.year))
PART(time_month, ((struct tvalue){.type = &ttype_month, .u.i = c.month}))
PART(time_day, tvalue_int(c.day))
PART(time_weekday, ((struct tvalue){.type = &ttype_weekday, .u.i = c.weekday}))
PART(time_hour, tvalue_int(c.hour))
PART(time_minute, tvalue_int(c.minute))
PART(time_second, tvalue_int(c.second))
PART(time_nanosecond, tvalue_int(args[0].u.time->ns))
PART(time_year_day, tvalue_int(ttime_year_day(&c)))
PART(time_unix, int64_of(args[0].u.time->s))
PART(time_unix_milli, int64_of((int64_t)((uint64_t)args[0].u.time->s * 1000) + args[0].u.time->ns / 1000000))
PART(time_unix_micro, int64_of((int64_t)((uint64_t)args[0].u.time->s * 1000000) + args[0].u.time->ns / 1000))
PART(time_unix_nano, int64_of((int64_t)((uint64_t)args[0].u.time->s * (uint64_t)NS + (uint64_t)args[0].u.time->ns)))
PART(time_is_zero, tvalue_bool(args[0].u.time->s == TIME_ZERO_S && args[0].u.time->ns == 0))
PART(time_utc, tvalue_time_utc(x->arena, args[0].u.time->s, args[0].u.time->ns))
PART(time_add, tvalue_time(x->arena, ttime_add(*args[0].u.time, args[1].u.i)))
PART(time_sub, duration_of(ttime_sub(args[0].u.time, args[1].u.time)))

static int
compare(const struct tvalue *args)
{
    const struct ttime *a = args[0].u.time, *b = args[1].u.time;
    if (a->s != b->s)
        return a->s < b->s ? -1 : 1;
    return (a->ns > b->ns) - (a->ns < b->ns);
}
PART(time_after, tvalue_bool(compare(args) > 0))
PART(time_before, tvalue_bool(compare(args) < 0))
PART(time_equal, tvalue_bool(compare(args) == 0))
PART(time_compare, tvalue_int(compare(args)))

METHOD(time_local)
{
    struct ttime t = *args[0].u.time;
    IGNORE;
    if (!ttime_in(&t, STRL("Local"), x->arena))
        ttime_in(&t, STRL("UTC"), x->arena);
    *out = tvalue_time(x->arena, t);
    return true;
}

METHOD(time_format)
{
    struct buf b = {0};
    IGNORE;
    template_put_time(&b, args[0].u.time, args[1].u.s);
    *out = template_text(x, &b);
    return true;
}

METHOD(time_add_date)
{
    struct civil_time c = civil(&args[0]);
    struct ttime t = *args[0].u.time;
    const int64_t limit = 100000000;
    IGNORE;

    for (size_t i = 1; i <= 3; i++)
        if (args[i].u.i > limit || args[i].u.i < -limit)
            return err_set(e, ERR_EXEC, "date out of range");
    int64_t days = ttime_days(c.year + args[1].u.i, c.month + args[2].u.i, c.day + args[3].u.i);
    int64_t wall = days * 86400 + c.hour * 3600 + c.minute * 60 + c.second;
    /* The clock on the wall stays: look twice, as the offset may differ then. */
    t.s = wall - t.offset_s;
    ttime_in(&t, t.location, NULL);
    t.s = wall - t.offset_s;
    ttime_in(&t, t.location, NULL);
    *out = tvalue_time(x->arena, t);
    return true;
}

/* Since the zero time, to a multiple of d. */
static struct ttime
rounded(const struct ttime *t, int64_t d, bool nearest)
{
    if (d <= 0)
        return *t;
    __int128 since = ((__int128)t->s - TIME_ZERO_S) * NS + t->ns;
    int64_t rest = (int64_t)(since % d);
    if (rest < 0)
        rest += d;
    bool up = nearest && (uint64_t)rest * 2 >= (uint64_t)d;
    return ttime_add(*t, up ? d - rest : -rest);
}
PART(time_truncate, tvalue_time(x->arena, rounded(args[0].u.time, args[1].u.i, false)))
PART(time_round, tvalue_time(x->arena, rounded(args[0].u.time, args[1].u.i, true)))

METHOD(time_marshal)
{
    struct buf b = {0};
    IGNORE;
    template_put_time(&b, args[0].u.time, STRL("2006-01-02T15:04:05.999999999Z07:00"));
    struct tvalue *v = ARENA_ARRAY(x->arena, struct tvalue, b.n + 1);
    for (size_t i = 0; i < b.n; i++)
        v[i] = (struct tvalue){.type = &ttype_uint8, .u.i = (unsigned char)b.p[i]};
    *out = tvalue_list(&ttype_bytes, v, b.n);
    buf_free(&b);
    return true;
}

METHOD(time_go_string)
{
    struct buf b = {0};
    IGNORE;
    put_time_go(&b, &args[0]);
    *out = template_text(x, &b);
    return true;
}

static const struct tfunc time_methods[] = {
    {.name = "Year", .call = time_year},
    {.name = "Month", .call = time_month},
    {.name = "Day", .call = time_day},
    {.name = "Weekday", .call = time_weekday},
    {.name = "Hour", .call = time_hour},
    {.name = "Minute", .call = time_minute},
    {.name = "Second", .call = time_second},
    {.name = "Nanosecond", .call = time_nanosecond},
    {.name = "YearDay", .call = time_year_day},
    {.name = "Unix", .call = time_unix},
    {.name = "UnixMilli", .call = time_unix_milli},
    {.name = "UnixMicro", .call = time_unix_micro},
    {.name = "UnixNano", .call = time_unix_nano},
    {.name = "IsZero", .call = time_is_zero},
    {.name = "UTC", .call = time_utc},
    {.name = "Local", .call = time_local},
    {.name = "Add", .call = time_add, .in_n = 1, .in = {&ttype_duration}},
    {.name = "Sub", .call = time_sub, .in_n = 1, .in = {&ttype_time}},
    {.name = "AddDate", .call = time_add_date, .in_n = 3, .in = {&ttype_int, &ttype_int, &ttype_int}},
    {.name = "After", .call = time_after, .in_n = 1, .in = {&ttype_time}},
    {.name = "Before", .call = time_before, .in_n = 1, .in = {&ttype_time}},
    {.name = "Equal", .call = time_equal, .in_n = 1, .in = {&ttype_time}},
    {.name = "Compare", .call = time_compare, .in_n = 1, .in = {&ttype_time}},
    {.name = "Format", .call = time_format, .in_n = 1, .in = {&ttype_string}},
    {.name = "Truncate", .call = time_truncate, .in_n = 1, .in = {&ttype_duration}},
    {.name = "Round", .call = time_round, .in_n = 1, .in = {&ttype_duration}},
    {.name = "MarshalText", .call = time_marshal},
    {.name = "String", .call = string_method},
    {.name = "GoString", .call = time_go_string},
    {.name = "Date", .refusal = "function Date has 3 return values; should be 1 or 2"},
    {.name = "Clock", .refusal = "function Clock has 3 return values; should be 1 or 2"},
    {.name = "ISOWeek",
     .refusal = "invalid function signature for ISOWeek: second return value should be error; is int"},
    {.name = "Zone", .refusal = "invalid function signature for Zone: second return value should be error; is int"},
    {.name = "ZoneBounds",
     .refusal = "invalid function signature for ZoneBounds: second return value should be error; is time.Time"},
    {0},
};

static const struct tfunc named_methods[] = {{.name = "String", .call = string_method}, {0}};

const struct ttype ttype_duration = {
    .name = "time.Duration", .kind = T_INT, .method = duration_methods, .string = put_duration};
const struct ttype ttype_duration_ptr = {.name = "*time.Duration", .kind = T_PTR, .elem = &ttype_duration};
const struct ttype ttype_time = {
    .name = "time.Time", .kind = T_STRUCT, .method = time_methods, .string = put_time, .go_string = put_time_go};
const struct ttype ttype_time_ptr = {.name = "*time.Time", .kind = T_PTR, .elem = &ttype_time};
const struct ttype ttype_month = {.name = "time.Month", .kind = T_INT, .method = named_methods, .string = put_month};
const struct ttype ttype_weekday = {
    .name = "time.Weekday", .kind = T_INT, .method = named_methods, .string = put_weekday};
