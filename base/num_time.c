/* Points in time. */
#include "base/num.h"

#include "base/digits.h"

#define SECONDS_PER_DAY 86400

void
num_put_timestamp(struct buf *b, int64_t ms)
{
    uint64_t u = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
    if (ms < 0)
        buf_byte(b, '-');
    buf_u64(b, u / 1000);
    unsigned part = (unsigned)(u % 1000);
    if (part == 0)
        return;
    buf_byte(b, '.');
    digits_put(buf_extend(b, 3), part, 3);
}

/* Days since 1970-01-01 of a date in the proleptic Gregorian calendar.  Years are
 * counted from March, so that the leap day is the last of its year. */
static int64_t
days_from_date(int64_t year, int month, int day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static void
date_from_days(int64_t days, int64_t *year, int *month, int *day)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *day = (int)(doy - (153 * mp + 2) / 5 + 1);
    *month = (int)(mp < 10 ? mp + 3 : mp - 9);
    *year = yoe + era * 400 + (*month <= 2);
}

static int
days_in_month(int64_t year, int month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

/* n digits, or fewer down to `least`; -1 if they are not there. */
static int
take_digits(str *s, size_t least, size_t most)
{
    int v = 0;
    size_t n = 0;
    for (; n < most && n < s->n && s->p[n] >= '0' && s->p[n] <= '9'; n++)
        v = v * 10 + (s->p[n] - '0');
    if (n < least)
        return -1;
    *s = str_from(*s, n);
    return v;
}

static bool
take_char(str *s, char c)
{
    if (s->n == 0 || s->p[0] != c)
        return false;
    *s = str_from(*s, 1);
    return true;
}

static bool
take_date(str *s, int64_t *days)
{
    int year = take_digits(s, 4, 4);
    if (year < 0 || !take_char(s, '-'))
        return false;
    int month = take_digits(s, 2, 2);
    if (month < 1 || month > 12 || !take_char(s, '-'))
        return false;
    int day = take_digits(s, 2, 2);
    if (day < 1 || day > days_in_month(year, month))
        return false;
    *days = days_from_date(year, month, day);
    return true;
}

/* Go takes an hour of one digit, and a comma for the point. */
static bool
take_clock(str *s, int64_t *ms)
{
    int hour = take_digits(s, 1, 2);
    if (hour < 0 || hour > 23 || !take_char(s, ':'))
        return false;
    int minute = take_digits(s, 2, 2);
    if (minute < 0 || minute > 59 || !take_char(s, ':'))
        return false;
    int second = take_digits(s, 2, 2);
    if (second < 0 || second > 59)
        return false;
    *ms = ((int64_t)hour * 3600 + minute * 60 + second) * 1000;
    bool point = s->n >= 2 && (s->p[0] == '.' || s->p[0] == ',');
    if (!point || s->p[1] < '0' || s->p[1] > '9')
        return true;
    *s = str_from(*s, 1);
    for (int unit = 100; s->n > 0 && s->p[0] >= '0' && s->p[0] <= '9'; unit /= 10) {
        *ms += (s->p[0] - '0') * unit;
        *s = str_from(*s, 1);
    }
    return true;
}

static bool
take_zone(str *s, int64_t *ms)
{
    *ms = 0;
    if (take_char(s, 'Z'))
        return true;
    bool west = s->n > 0 && s->p[0] == '-';
    if (!west && (s->n == 0 || s->p[0] != '+'))
        return false;
    *s = str_from(*s, 1);
    int hours = take_digits(s, 2, 2);
    if (hours < 0 || hours > 24 || !take_char(s, ':'))
        return false;
    int minutes = take_digits(s, 2, 2);
    if (minutes < 0 || minutes > 60)
        return false;
    *ms = ((int64_t)hours * 60 + minutes) * 60000;
    if (west)
        *ms = -*ms;
    return true;
}

bool
num_parse_rfc3339(str s, int64_t *out_ms)
{
    int64_t days, clock, zone;
    if (!take_date(&s, &days) || !take_char(&s, 'T') || !take_clock(&s, &clock) ||
        !take_zone(&s, &zone) || s.n != 0)
        return false;
    *out_ms = days * SECONDS_PER_DAY * 1000 + clock - zone;
    return true;
}

void
num_put_rfc3339(struct buf *b, int64_t sec, int32_t nsec)
{
    int64_t days = sec / SECONDS_PER_DAY, rest = sec % SECONDS_PER_DAY;
    if (rest < 0) {
        days--;
        rest += SECONDS_PER_DAY;
    }
    int64_t year;
    int month, day;
    date_from_days(days, &year, &month, &day);
    if (year < 0)
        buf_byte(b, '-');
    buf_printf(b, "%04lld-%02d-%02dT%02d:%02d:%02d", (long long)(year < 0 ? -year : year), month,
               day, (int)(rest / 3600), (int)(rest / 60 % 60), (int)(rest % 60));
    if (nsec != 0) {
        buf_printf(b, ".%09d", (int)nsec);
        while (b->p[b->n - 1] == '0')
            b->n--;
    }
    buf_byte(b, 'Z');
}
