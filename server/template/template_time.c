/* template_time.c - time.Time and time.Duration: their values, and Format's layouts, where
 * the reference time is Mon Jan 2 15:04:05 2006 -0700. */
#include "base/num.h"
#include "base/zone.h"
#include "server/template/template_priv.h"
#include "server/template/template_time.h"

#define NS 1000000000LL

const char *const template_months[12] = {"January", "February", "March",     "April",   "May",      "June",
                                         "July",    "August",   "September", "October", "November", "December"};
const char *const template_days[7] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};

/* --- arithmetic ------------------------------------------------------------------------------- */

struct tvalue
tvalue_time(struct arena *a, struct ttime t)
{
    struct ttime *copy = ARENA_NEW(a, struct ttime);
    *copy = t;
    return (struct tvalue){.type = &ttype_time, .u.time = copy};
}

struct tvalue
tvalue_time_utc(struct arena *a, int64_t s, int32_t ns)
{
    return tvalue_time(a, (struct ttime){.s = s, .ns = ns, .zone = STRL("UTC"), .location = STRL("UTC")});
}

struct ttime
ttime_add(struct ttime t, int64_t ns)
{
    int64_t s = ns / NS, rest = ns % NS + t.ns;

    t.s += s + (rest >= NS) - (rest < 0);
    t.ns = (int32_t)(rest + (rest < 0 ? NS : 0) - (rest >= NS ? NS : 0));
    ttime_in(&t, t.location, NULL);
    return t;
}

int64_t
ttime_sub(const struct ttime *a, const struct ttime *b)
{
    int64_t s, ns;

    if (__builtin_sub_overflow(a->s, b->s, &s) || __builtin_mul_overflow(s, NS, &ns) ||
        __builtin_add_overflow(ns, (int64_t)a->ns - b->ns, &ns))
        return a->s < b->s ? INT64_MIN : INT64_MAX;
    return ns;
}

/* a: where the names are copied to; NULL if they are t's own. */
bool
ttime_in(struct ttime *t, str location, struct arena *a)
{
    int offset_s;
    str zone;

    if (location.n && location.p[0] == '+')
        return true; /* a fixed offset */
    if (!zone_at(location, t->s, &offset_s, &zone))
        return false;
    t->offset_s = offset_s;
    t->zone = zone;
    t->location = location.n == 0 ? STRL("UTC") : a ? arena_str(a, location) : location;
    return true;
}

int
ttime_year_day(const struct civil_time *t)
{
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    bool leap = (t->year % 4 == 0 && t->year % 100 != 0) || t->year % 400 == 0;
    return before[t->month - 1] + t->day + (leap && t->month > 2);
}

int64_t
ttime_days(int64_t year, int64_t month, int64_t day)
{
    int64_t m = month - 1, years = m / 12 - (m % 12 < 0);
    year += years;
    m -= years * 12; /* 0…11 */
    int64_t y = year - (m < 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400, yoe = y - era * 400;
    int64_t mp = (m + 10) % 12, doy = (153 * mp + 2) / 5;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468 + day - 1;
}

/* --- layouts ---------------------------------------------------------------------------------- */

static const struct {
    const char *text;
    enum layout_element element;
} elements[] = {
    /* the longer before its prefix */
    {"January", L_MONTH_LONG}, {"Jan", L_MONTH},      {"Monday", L_DAY_LONG},   {"Mon", L_DAY},
    {"MST", L_ZONE_NAME},      {"002", L_YDAY_ZERO},  {"01", L_MONTH_ZERO},     {"02", L_DAY_ZERO},
    {"03", L_HOUR12_ZERO},     {"04", L_MINUTE_ZERO}, {"05", L_SECOND_ZERO},    {"06", L_YEAR2},
    {"15", L_HOUR},            {"1", L_MONTH_NUM},    {"2006", L_YEAR},         {"2", L_DAY_NUM},
    {"__2", L_YDAY_SPACE},     {"_2", L_DAY_SPACE},   {"3", L_HOUR12},          {"4", L_MINUTE},
    {"5", L_SECOND},           {"PM", L_PM},          {"pm", L_PM_LOWER},       {"-070000", L_NUM_S},
    {"-07:00:00", L_COLON_S},  {"-0700", L_NUM},      {"-07:00", L_COLON},      {"-07", L_SHORT},
    {"Z070000", L_Z_NUM_S},    {"Z07:00:00", L_Z_COLON_S}, {"Z0700", L_Z_NUM},  {"Z07:00", L_Z_COLON},
    {"Z07", L_Z_SHORT},
};

/* ".000" or ",999": the length, 0 if it is none. */
static size_t
fraction_length(str s)
{
    size_t n = 1;

    if (s.n < 2 || (s.p[0] != '.' && s.p[0] != ',') || (s.p[1] != '0' && s.p[1] != '9'))
        return 0;
    while (n < s.n && s.p[n] == s.p[1])
        n++;
    return n < s.n && s.p[n] >= '0' && s.p[n] <= '9' ? 0 : n;
}

size_t
template_layout_element(str layout, enum layout_element *e)
{
    size_t n = fraction_length(layout);

    if (n) {
        *e = layout.p[1] == '0' ? L_FRACTION_ZERO : L_FRACTION;
        return n;
    }
    for (size_t i = 0; i < ARRAY_LEN(elements); i++) {
        str t = str_of(elements[i].text);
        if (!str_starts(layout, t))
            continue;
        *e = elements[i].element;
        if (*e == L_DAY_SPACE && str_starts(layout, STRL("_2006")))
            return 0; /* an underscore and a year */
        char after = layout.n > 3 ? layout.p[3] : '\0';
        if ((*e == L_MONTH || *e == L_DAY) && after >= 'a' && after <= 'z')
            return 0; /* the start of a word */
        return t.n;
    }
    return 0;
}

static void
put_offset(struct buf *out, int offset_s, enum layout_element e)
{
    int s = offset_s < 0 ? -offset_s : offset_s;

    if (e >= L_Z_NUM_S && e <= L_Z_SHORT && offset_s == 0) {
        buf_byte(out, 'Z');
        return;
    }
    bool colon = e == L_COLON || e == L_COLON_S || e == L_Z_COLON || e == L_Z_COLON_S;
    bool seconds = e == L_NUM_S || e == L_COLON_S || e == L_Z_NUM_S || e == L_Z_COLON_S;
    buf_printf(out, "%c%02d", offset_s < 0 && s >= 60 ? '-' : '+', s / 3600);
    if (e != L_SHORT && e != L_Z_SHORT)
        buf_printf(out, colon ? ":%02d" : "%02d", s / 60 % 60);
    if (seconds)
        buf_printf(out, colon ? ":%02d" : "%02d", s % 60);
}

static void
put_date(struct buf *out, enum layout_element e, const struct civil_time *t)
{
    switch (e) {
    case L_MONTH_LONG: buf_put(out, str_of(template_months[t->month - 1])); break;
    case L_MONTH: buf_put(out, STR(template_months[t->month - 1], 3)); break;
    case L_MONTH_NUM: buf_printf(out, "%d", t->month); break;
    case L_MONTH_ZERO: buf_printf(out, "%02d", t->month); break;
    case L_DAY_LONG: buf_put(out, str_of(template_days[t->weekday])); break;
    case L_DAY: buf_put(out, STR(template_days[t->weekday], 3)); break;
    case L_DAY_NUM: buf_printf(out, "%d", t->day); break;
    case L_DAY_SPACE: buf_printf(out, "%2d", t->day); break;
    case L_DAY_ZERO: buf_printf(out, "%02d", t->day); break;
    case L_YDAY_ZERO: buf_printf(out, "%03d", ttime_year_day(t)); break;
    case L_YDAY_SPACE: buf_printf(out, "%3d", ttime_year_day(t)); break;
    case L_YEAR: buf_printf(out, t->year < 0 ? "-%04d" : "%04d", t->year < 0 ? -t->year : t->year); break;
    case L_YEAR2: buf_printf(out, "%02d", t->year < 0 ? 0 : t->year % 100); break;
    default: break;
    }
}

static void
put_clock(struct buf *out, enum layout_element e, const struct civil_time *t)
{
    int hour12 = t->hour % 12 ? t->hour % 12 : 12;

    switch (e) {
    case L_HOUR: buf_printf(out, "%02d", t->hour); break;
    case L_HOUR12: buf_printf(out, "%d", hour12); break;
    case L_HOUR12_ZERO: buf_printf(out, "%02d", hour12); break;
    case L_MINUTE: buf_printf(out, "%d", t->minute); break;
    case L_MINUTE_ZERO: buf_printf(out, "%02d", t->minute); break;
    case L_SECOND: buf_printf(out, "%d", t->second); break;
    case L_SECOND_ZERO: buf_printf(out, "%02d", t->second); break;
    case L_PM: buf_put(out, t->hour >= 12 ? STRL("PM") : STRL("AM")); break;
    case L_PM_LOWER: buf_put(out, t->hour >= 12 ? STRL("pm") : STRL("am")); break;
    default: break;
    }
}

static void
put_fraction(struct buf *out, str element, int32_t ns)
{
    bool trim = element.p[1] == '9';
    size_t count = MIN(element.n - 1, (size_t)9);
    char digits[9];

    for (int i = 8; i >= 0; i--, ns /= 10)
        digits[i] = (char)('0' + ns % 10);
    while (trim && count && digits[count - 1] == '0')
        count--;
    if (count == 0)
        return;
    buf_byte(out, element.p[0]);
    buf_put(out, STR(digits, count));
}

void
template_put_time(struct buf *out, const struct ttime *t, str layout)
{
    struct civil_time c;

    zone_civil_at(t->s, t->offset_s, &c);
    for (size_t at = 0; at < layout.n;) {
        str rest = str_from(layout, at);
        enum layout_element e;
        size_t n = template_layout_element(rest, &e);
        if (n == 0) {
            buf_byte(out, rest.p[0]);
            at++;
            continue;
        }
        if (e == L_FRACTION || e == L_FRACTION_ZERO)
            put_fraction(out, STR(rest.p, n), t->ns);
        else if (e == L_ZONE_NAME && t->zone.n)
            buf_put(out, t->zone);
        else if (e == L_ZONE_NAME)
            put_offset(out, t->offset_s, L_NUM);
        else if (e >= L_NUM_S && e <= L_Z_SHORT)
            put_offset(out, t->offset_s, e);
        else {
            put_date(out, e, &c);
            put_clock(out, e, &c);
        }
        at += n;
    }
}
