/* template_time_parse.c - time.ParseInLocation in UTC. */
#include "base/num.h"
#include "base/unicode.h"
#include "server/template/template_time.h"

struct reading {
    str layout, value;      /* whole */
    str rest;               /* of the value */
    int year, month, day, year_day, hour, minute, second;
    int32_t ns;
    bool pm, am, utc, bad;
    int offset_s;
    bool has_offset;
    str zone;
    const char *out_of_range;
};

static void
put_quoted(struct buf *b, str s)
{
    unicode_put_quoted(b, s);
}

static bool
fail_with(const struct reading *r, const char *words, struct err *e)
{
    struct buf b = {0};

    buf_lit(&b, "parsing time ");
    put_quoted(&b, r->value);
    err_set(e, ERR_EXEC, "%.*s%s", STR_ARG(buf_str(&b)), words);
    buf_free(&b);
    return false;
}

static bool
fail_at(const struct reading *r, str element, str value, struct err *e)
{
    struct buf b = {0};

    buf_lit(&b, "parsing time ");
    put_quoted(&b, r->value);
    buf_lit(&b, " as ");
    put_quoted(&b, r->layout);
    buf_lit(&b, ": cannot parse ");
    put_quoted(&b, value);
    buf_lit(&b, " as ");
    put_quoted(&b, element);
    err_set(e, ERR_EXEC, "%.*s", STR_ARG(buf_str(&b)));
    buf_free(&b);
    return false;
}

static bool
is_digit(str s, size_t i)
{
    return i < s.n && s.p[i] >= '0' && s.p[i] <= '9';
}

/* One or two digits, or exactly two. */
static int
take_number(struct reading *r, bool fixed)
{
    str s = r->rest;

    if (!is_digit(s, 0) || (fixed && !is_digit(s, 1))) {
        r->bad = true;
        return 0;
    }
    size_t n = is_digit(s, 1) ? 2 : 1;
    r->rest = str_from(s, n);
    return n == 2 ? (s.p[0] - '0') * 10 + s.p[1] - '0' : s.p[0] - '0';
}

static int
take_digits(struct reading *r, size_t n)
{
    int v = 0;

    for (size_t i = 0; i < n; i++) {
        if (!is_digit(r->rest, i)) {
            r->bad = true;
            return 0;
        }
        v = v * 10 + r->rest.p[i] - '0';
    }
    r->rest = str_from(r->rest, n);
    return v;
}

static int
take_name(struct reading *r, const char *const *names, int count, size_t length)
{
    for (int i = 0; i < count; i++) {
        str name = length ? STR(names[i], length) : str_of(names[i]);
        if (r->rest.n < name.n || strncasecmp(r->rest.p, name.p, name.n) != 0)
            continue;
        r->rest = str_from(r->rest, name.n);
        return i;
    }
    r->bad = true;
    return -1;
}

static void
check_range(struct reading *r, int v, int low, int high, const char *what)
{
    if (v < low || v > high)
        r->out_of_range = what;
}

/* ".123": n bytes of the value. */
static void
take_fraction(struct reading *r, size_t n)
{
    int64_t ns = 0;

    if (r->rest.p[0] != '.' && r->rest.p[0] != ',') {
        r->bad = true;
        return;
    }
    for (size_t i = 1; i < 10; i++) {
        bool digit = i < n;
        if (digit && !is_digit(r->rest, i)) {
            r->bad = true;
            return;
        }
        ns = ns * 10 + (digit ? r->rest.p[i] - '0' : 0);
    }
    r->ns = (int32_t)ns;
    r->rest = str_from(r->rest, n);
}

static size_t
fraction_digits(str s)
{
    size_t n = 1;

    if (s.n < 2 || (s.p[0] != '.' && s.p[0] != ',') || !is_digit(s, 1))
        return 0;
    while (is_digit(s, n))
        n++;
    return n;
}

static void
take_second(struct reading *r, bool fixed, str layout)
{
    enum layout_element next;

    r->second = take_number(r, fixed);
    if (r->bad)
        return;
    check_range(r, r->second, 0, 59, "second");
    /* A fraction may follow though the layout has none. */
    size_t n = r->out_of_range ? 0 : fraction_digits(r->rest);
    if (n && template_layout_element(layout, &next) && (next == L_FRACTION || next == L_FRACTION_ZERO))
        return;
    if (n)
        take_fraction(r, n);
}

static void
take_year(struct reading *r, enum layout_element e)
{
    if (e == L_YEAR) {
        r->year = take_digits(r, 4);
    } else {
        r->year = take_digits(r, 2);
        r->year += r->year >= 69 ? 1900 : 2000;
    }
}

static void
take_year_day(struct reading *r, bool fixed)
{
    size_t n = 0;

    for (int i = 0; i < 2 && !fixed && r->rest.n && r->rest.p[0] == ' '; i++)
        r->rest = str_from(r->rest, 1);
    while (n < 3 && is_digit(r->rest, n))
        n++;
    if (n == 0 || (fixed && n != 3))
        r->bad = true;
    else
        r->year_day = take_digits(r, n);
}

static void
take_half(struct reading *r, bool upper)
{
    str am = upper ? STRL("AM") : STRL("am"), pm = upper ? STRL("PM") : STRL("pm");

    if (str_starts(r->rest, pm))
        r->pm = true;
    else if (str_starts(r->rest, am))
        r->am = true;
    else
        r->bad = true;
    r->rest = str_from(r->rest, 2);
}

/* "+07:00" in one of its forms. */
static void
take_offset(struct reading *r, enum layout_element e)
{
    bool colon = e == L_COLON || e == L_COLON_S || e == L_Z_COLON || e == L_Z_COLON_S;
    int parts = e == L_SHORT || e == L_Z_SHORT ? 1 : e == L_NUM_S || e == L_COLON_S || e == L_Z_NUM_S || e == L_Z_COLON_S ? 3 : 2;
    static const char *const names[] = {"time zone offset hour", "time zone offset minute", "time zone offset second"};
    int v[3] = {0};

    if (e >= L_Z_NUM_S && r->rest.n && r->rest.p[0] == 'Z') {
        r->rest = str_from(r->rest, 1);
        r->utc = true;
        return;
    }
    bool minus = r->rest.n && r->rest.p[0] == '-';
    if (r->rest.n == 0 || (r->rest.p[0] != '+' && !minus)) {
        r->bad = true;
        return;
    }
    r->rest = str_from(r->rest, 1);
    for (int i = 0; i < parts && !r->bad; i++) {
        if (colon && i) {
            r->bad = !str_starts(r->rest, STRL(":"));
            r->rest = str_from(r->rest, 1);
        }
        if (!r->bad)
            v[i] = take_number(r, true);
        check_range(r, v[i], 0, i ? 60 : 24, names[i]);
    }
    r->offset_s = (v[0] * 60 + v[1]) * 60 + v[2];
    if (minus)
        r->offset_s = -r->offset_s;
    r->has_offset = true;
}

/* "+hh" with an hour up to 23; its length. */
static size_t
signed_hours(str s, int *hours)
{
    size_t n = 1;
    int v = 0;

    if (s.n < 2 || (s.p[0] != '+' && s.p[0] != '-'))
        return 0;
    for (; is_digit(s, n) && v < 1000; n++)
        v = v * 10 + s.p[n] - '0';
    if (n == 1 || v > 23)
        return 0;
    *hours = s.p[0] == '-' ? -v : v;
    return n;
}

/* An abbreviation of three to five capitals, "GMT+3", "+03". */
static size_t
zone_length(str s)
{
    size_t n = 0;
    int hours;

    if (s.n < 3)
        return 0;
    if (str_starts(s, STRL("ChST")) || str_starts(s, STRL("MeST")))
        return 4;
    if (str_starts(s, STRL("GMT")))
        return 3 + signed_hours(str_from(s, 3), &hours);
    if (s.p[0] == '+' || s.p[0] == '-')
        return signed_hours(s, &hours);
    while (n < 6 && n < s.n && s.p[n] >= 'A' && s.p[n] <= 'Z')
        n++;
    if (n == 3 || (n == 5 && s.p[4] == 'T') || (n == 4 && (s.p[3] == 'T' || str_starts(s, STRL("WITA")))))
        return n;
    return 0;
}

static void
take_zone_name(struct reading *r)
{
    if (str_starts(r->rest, STRL("UTC"))) {
        r->utc = true;
        r->rest = str_from(r->rest, 3);
        return;
    }
    size_t n = zone_length(r->rest);
    r->bad = n == 0;
    r->zone = STR(r->rest.p, n);
    r->rest = str_from(r->rest, n);
}

static void
take_hour(struct reading *r, enum layout_element e)
{
    r->hour = take_number(r, e == L_HOUR12_ZERO);
    if (!r->bad)
        check_range(r, r->hour, 0, e == L_HOUR ? 23 : 12, "hour");
}

static void
take_month_or_day(struct reading *r, enum layout_element e)
{
    switch (e) {
    case L_MONTH: r->month = take_name(r, template_months, 12, 3) + 1; break;
    case L_MONTH_LONG: r->month = take_name(r, template_months, 12, 0) + 1; break;
    case L_MONTH_NUM:
    case L_MONTH_ZERO:
        r->month = take_number(r, e == L_MONTH_ZERO);
        if (!r->bad)
            check_range(r, r->month, 1, 12, "month");
        break;
    case L_DAY: take_name(r, template_days, 7, 3); break;
    case L_DAY_LONG: take_name(r, template_days, 7, 0); break;
    default:
        if (e == L_DAY_SPACE && r->rest.n && r->rest.p[0] == ' ')
            r->rest = str_from(r->rest, 1);
        r->day = take_number(r, e == L_DAY_ZERO);
        break;
    }
}

/* One element; element is its text in the layout, after what follows it there. */
static void
take_element(struct reading *r, enum layout_element e, str element, str after)
{
    switch (e) {
    case L_YEAR:
    case L_YEAR2: take_year(r, e); break;
    case L_YDAY_SPACE:
    case L_YDAY_ZERO: take_year_day(r, e == L_YDAY_ZERO); break;
    case L_HOUR:
    case L_HOUR12:
    case L_HOUR12_ZERO: take_hour(r, e); break;
    case L_MINUTE:
    case L_MINUTE_ZERO:
        r->minute = take_number(r, e == L_MINUTE_ZERO);
        if (!r->bad)
            check_range(r, r->minute, 0, 59, "minute");
        break;
    case L_SECOND:
    case L_SECOND_ZERO: take_second(r, e == L_SECOND_ZERO, after); break;
    case L_PM:
    case L_PM_LOWER: take_half(r, e == L_PM); break;
    case L_FRACTION_ZERO:
        if (r->rest.n < element.n)
            r->bad = true;
        else
            take_fraction(r, element.n);
        break;
    case L_FRACTION:
        if (fraction_digits(r->rest))
            take_fraction(r, fraction_digits(r->rest));
        break;
    case L_ZONE_NAME: take_zone_name(r); break;
    default:
        if (e >= L_NUM_S)
            take_offset(r, e);
        else
            take_month_or_day(r, e);
        break;
    }
}

/* Literal text of the layout: blanks match any number of them. */
static bool
skip_literal(struct reading *r, str literal)
{
    while (literal.n) {
        if (literal.p[0] == ' ') {
            if (r->rest.n && r->rest.p[0] != ' ')
                return false;
            while (literal.n && literal.p[0] == ' ')
                literal = str_from(literal, 1);
            while (r->rest.n && r->rest.p[0] == ' ')
                r->rest = str_from(r->rest, 1);
            continue;
        }
        if (r->rest.n == 0 || r->rest.p[0] != literal.p[0])
            return false;
        literal = str_from(literal, 1);
        r->rest = str_from(r->rest, 1);
    }
    return true;
}

static bool
read_all(struct reading *r, struct err *e)
{
    size_t at = 0, literal = 0;
    enum layout_element element;

    while (at < r->layout.n) {
        str rest = str_from(r->layout, at);
        size_t n = template_layout_element(rest, &element);
        if (n == 0) {
            at++;
            continue;
        }
        str before = STR(r->layout.p + literal, at - literal);
        if (!skip_literal(r, before))
            return fail_at(r, before, r->rest, e);
        str hold = r->rest;
        take_element(r, element, STR(rest.p, n), str_from(rest, n));
        if (r->out_of_range) {
            struct buf b = {0};
            buf_printf(&b, ": %s out of range", r->out_of_range);
            fail_with(r, buf_cstr(&b), e);
            buf_free(&b);
            return false;
        }
        if (r->bad)
            return fail_at(r, STR(rest.p, n), hold, e);
        at += n;
        literal = at;
    }
    str before = str_from(r->layout, literal);
    if (!skip_literal(r, before))
        return fail_at(r, before, r->rest, e);
    if (r->rest.n == 0)
        return true;
    struct buf b = {0};
    buf_lit(&b, ": extra text: ");
    put_quoted(&b, r->rest);
    fail_with(r, buf_cstr(&b), e);
    buf_free(&b);
    return false;
}

/* --- the moment ---------------------------------------------------------------------------------------- */

static bool
is_leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int
days_in(int month, int year)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year));
}

/* The day of the year as month and day, which must agree with those read. */
static bool
resolve_year_day(struct reading *r, struct err *e)
{
    int month = 1, day = r->year_day;

    if (day < 1 || day > 365 + is_leap(r->year))
        return fail_with(r, ": day-of-year out of range", e);
    for (; day > days_in(month, r->year); month++)
        day -= days_in(month, r->year);
    if (r->month > 0 && r->month != month)
        return fail_with(r, ": day-of-year does not match month", e);
    if (r->day >= 0 && r->day != day)
        return fail_with(r, ": day-of-year does not match day", e);
    r->month = month;
    r->day = day;
    return true;
}

bool
template_parse_time(str layout, str text, struct arena *a, struct ttime *out, struct err *e)
{
    struct reading r = {.layout = layout, .value = text, .rest = text, .month = -1, .day = -1, .year_day = -1};

    if (!read_all(&r, e))
        return false;
    if (r.pm && r.hour < 12)
        r.hour += 12;
    else if (r.am && r.hour == 12)
        r.hour = 0;
    if (r.year_day >= 0 && !resolve_year_day(&r, e))
        return false;
    r.month = r.month < 0 ? 1 : r.month;
    r.day = r.day < 0 ? 1 : r.day;
    if (r.day < 1 || r.day > days_in(r.month, r.year))
        return fail_with(&r, ": day out of range", e);
    int64_t s = ttime_days(r.year, r.month, r.day) * 86400 + r.hour * 3600 + r.minute * 60 + r.second;
    *out = (struct ttime){.s = s, .ns = r.ns, .zone = STRL("UTC"), .location = STRL("UTC")};
    if (r.utc)
        return true;
    int hours = 0;
    if (!r.has_offset && r.zone.n && str_starts(r.zone, STRL("GMT")))
        signed_hours(str_from(r.zone, 3), &hours);
    if (r.has_offset)
        out->s -= r.offset_s;
    if ((r.has_offset && (r.offset_s || r.zone.n)) || r.zone.n) {
        out->offset_s = r.has_offset ? r.offset_s : hours * 3600;
        out->zone = arena_str(a, r.zone);
        out->location = STRL("+"); /* a place of its own */
    }
    return true;
}
