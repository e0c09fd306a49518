/* template_time.c - time.Time.Format: Go's layouts, where the reference time is
 * Mon Jan 2 15:04:05 2006 -0700. */
#include "base/zone.h"
#include "server/template/template_value.h"

static const char *const months[] = {"January", "February", "March", "April", "May", "June", "July",
                                     "August", "September", "October", "November", "December"};
static const char *const days[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};

enum element {
    E_NONE, E_MONTH_LONG, E_MONTH, E_MONTH_NUM, E_MONTH_ZERO, E_DAY_LONG, E_DAY, E_DAY_NUM, E_DAY_SPACE, E_DAY_ZERO,
    E_YDAY, E_HOUR, E_HOUR12, E_HOUR12_ZERO, E_MINUTE, E_MINUTE_ZERO, E_SECOND, E_SECOND_ZERO, E_YEAR, E_YEAR2,
    E_PM, E_PM_LOWER, E_ZONE_NAME, E_Z_COLON, E_Z_NUM, E_Z_SHORT, E_NUM_COLON, E_NUM, E_NUM_SHORT,
};
static const struct {
    const char *text;
    enum element element;
} elements[] = {
    /* the longer before its prefix */
    {"January", E_MONTH_LONG}, {"Jan", E_MONTH},       {"Monday", E_DAY_LONG}, {"Mon", E_DAY},
    {"MST", E_ZONE_NAME},      {"2006", E_YEAR},       {"002", E_YDAY},        {"01", E_MONTH_ZERO},
    {"02", E_DAY_ZERO},        {"03", E_HOUR12_ZERO},  {"04", E_MINUTE_ZERO},  {"05", E_SECOND_ZERO},
    {"06", E_YEAR2},           {"15", E_HOUR},         {"1", E_MONTH_NUM},     {"_2006", E_NONE},
    {"_2", E_DAY_SPACE},       {"2", E_DAY_NUM},       {"3", E_HOUR12},        {"4", E_MINUTE},
    {"5", E_SECOND},           {"PM", E_PM},           {"pm", E_PM_LOWER},     {"-07:00", E_NUM_COLON},
    {"-0700", E_NUM},          {"-07", E_NUM_SHORT},   {"Z07:00", E_Z_COLON},  {"Z0700", E_Z_NUM},
    {"Z07", E_Z_SHORT},
};

static void
put_offset(struct buf *out, int offset_s, enum element e)
{
    int minutes = (offset_s < 0 ? -offset_s : offset_s) / 60;

    if ((e == E_Z_COLON || e == E_Z_NUM || e == E_Z_SHORT) && offset_s == 0) {
        buf_byte(out, 'Z');
        return;
    }
    buf_printf(out, "%c%02d", offset_s < 0 ? '-' : '+', minutes / 60);
    if (e == E_NUM_COLON || e == E_Z_COLON)
        buf_printf(out, ":%02d", minutes % 60);
    else if (e == E_NUM || e == E_Z_NUM)
        buf_printf(out, "%02d", minutes % 60);
}

static void
put_date(struct buf *out, enum element e, const struct civil_time *t)
{
    static const int before[] = {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334};
    bool leap = (t->year % 4 == 0 && t->year % 100 != 0) || t->year % 400 == 0;

    switch (e) {
    case E_MONTH_LONG: buf_put(out, str_of(months[t->month - 1])); break;
    case E_MONTH: buf_put(out, STR(months[t->month - 1], 3)); break;
    case E_MONTH_NUM: buf_printf(out, "%d", t->month); break;
    case E_MONTH_ZERO: buf_printf(out, "%02d", t->month); break;
    case E_DAY_LONG: buf_put(out, str_of(days[t->weekday])); break;
    case E_DAY: buf_put(out, STR(days[t->weekday], 3)); break;
    case E_DAY_NUM: buf_printf(out, "%d", t->day); break;
    case E_DAY_SPACE: buf_printf(out, "%2d", t->day); break;
    case E_DAY_ZERO: buf_printf(out, "%02d", t->day); break;
    case E_YDAY: buf_printf(out, "%03d", before[t->month - 1] + t->day + (leap && t->month > 2)); break;
    case E_YEAR: buf_printf(out, "%04d", t->year); break;
    case E_YEAR2: buf_printf(out, "%02d", ((t->year % 100) + 100) % 100); break;
    default: break;
    }
}

static void
put_clock(struct buf *out, enum element e, const struct civil_time *t)
{
    int hour12 = t->hour % 12 ? t->hour % 12 : 12;

    switch (e) {
    case E_HOUR: buf_printf(out, "%02d", t->hour); break;
    case E_HOUR12: buf_printf(out, "%d", hour12); break;
    case E_HOUR12_ZERO: buf_printf(out, "%02d", hour12); break;
    case E_MINUTE: buf_printf(out, "%d", t->minute); break;
    case E_MINUTE_ZERO: buf_printf(out, "%02d", t->minute); break;
    case E_SECOND: buf_printf(out, "%d", t->second); break;
    case E_SECOND_ZERO: buf_printf(out, "%02d", t->second); break;
    case E_PM: buf_put(out, t->hour >= 12 ? STRL("PM") : STRL("AM")); break;
    case E_PM_LOWER: buf_put(out, t->hour >= 12 ? STRL("pm") : STRL("am")); break;
    default: break;
    }
}

/* ".000" or ".999" (also with a comma) after the seconds: returns its length. */
static size_t
put_fraction(struct buf *out, str rest, int64_t ns)
{
    if (rest.n < 2 || (rest.p[0] != '.' && rest.p[0] != ',') || (rest.p[1] != '0' && rest.p[1] != '9'))
        return 0;
    size_t n = 1;
    while (n < rest.n && rest.p[n] == rest.p[1])
        n++;
    if (n > 10 || (n < rest.n && rest.p[n] >= '0' && rest.p[n] <= '9'))
        return 0;
    char digits[10];
    for (int i = 8; i >= 0; i--, ns /= 10)
        digits[i] = (char)('0' + ns % 10);
    size_t count = n - 1;
    if (rest.p[1] == '9')
        while (count > 0 && digits[count - 1] == '0')
            count--;
    if (count) {
        buf_byte(out, rest.p[0]);
        buf_put(out, STR(digits, count));
    }
    return n;
}

static size_t
match_element(str rest, enum element *e)
{
    for (size_t i = 0; i < ARRAY_LEN(elements); i++) {
        str t = str_of(elements[i].text);
        if (!str_starts(rest, t))
            continue;
        *e = elements[i].element;
        return t.n;
    }
    return 0;
}

void
tvalue_put_time(struct buf *out, int64_t unix_ns, int offset_s, str zone, str layout)
{
    struct civil_time t = {.year = 1, .month = 1, .day = 1, .weekday = 1}; /* Go's zero time */
    int64_t ns = 0;

    if (unix_ns != INT64_MIN) {
        int64_t s = unix_ns / 1000000000 - (unix_ns % 1000000000 < 0);
        ns = unix_ns - s * 1000000000;
        zone_civil_at(s, offset_s, &t);
    }
    for (size_t at = 0; at < layout.n;) {
        str rest = str_from(layout, at);
        enum element e = E_NONE;
        size_t n = put_fraction(out, rest, ns);
        if (n == 0 && (n = match_element(rest, &e)) > 0) {
            if (e == E_ZONE_NAME)
                buf_put(out, zone);
            else if (e >= E_Z_COLON)
                put_offset(out, offset_s, e);
            else {
                put_date(out, e, &t);
                put_clock(out, e, &t);
            }
        }
        if (n == 0) {
            buf_byte(out, rest.p[0]);
            n = 1;
        }
        at += n;
    }
}
