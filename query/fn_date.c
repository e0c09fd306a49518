/* The calendar, in UTC. */
#include "query/fn_time.h"

#include "base/fmath.h"
#include "query/fn_priv.h"

#define DAY_S 86400
/* Seconds from the first instant that Go's calendar knows to 1970; whole days.  Beyond
 * what fits, times wrap round as they do there. */
#define EPOCH_S 9223372028741760000ull

struct date {
    int64_t year, month, day, day_of_year; /* all but the year from 1 */
    int64_t days;                          /* since 1970 */
    int64_t second;                        /* of the day */
};

static bool
is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int64_t
month_days(int64_t year, int64_t month)
{
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year));
}

/* Counts in years that begin in March, so that the leap day comes last. */
static struct date
date_of(double seconds)
{
    uint64_t abs = (uint64_t)fmath_to_i64(seconds) + EPOCH_S;
    struct date d = {.days = (int64_t)(abs / DAY_S) - (int64_t)(EPOCH_S / DAY_S),
                     .second = (int64_t)(abs % DAY_S)};
    int64_t z = d.days + 719468; /* since 0000-03-01 */
    int64_t era = (z >= 0 ? z : z - 146096) / 146097, doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;

    d.day = doy - (153 * mp + 2) / 5 + 1;
    d.month = mp < 10 ? mp + 3 : mp - 9;
    d.year = yoe + era * 400 + (d.month <= 2);
    d.day_of_year = d.month > 2 ? doy + 60 + is_leap(d.year) : doy - 305;
    return d;
}

static int64_t
get_day(const struct date *d)
{
    return d->day;
}

static int64_t
get_weekday(const struct date *d)
{
    return ((d->days + 4) % 7 + 7) % 7; /* 1970 began on a Thursday */
}

static int64_t
get_day_of_year(const struct date *d)
{
    return d->day_of_year;
}

static int64_t
get_days_in_month(const struct date *d)
{
    return month_days(d->year, d->month);
}

static int64_t
get_hour(const struct date *d)
{
    return d->second / 3600;
}

static int64_t
get_minute(const struct date *d)
{
    return d->second / 60 % 60;
}

static int64_t
get_month(const struct date *d)
{
    return d->month;
}

static int64_t
get_year(const struct date *d)
{
    return d->year;
}

#define OF_DATE(name, get)                                                                         \
    bool fn_##name(const struct fn_call *fc, const struct row *in, struct row *out, struct err *e) \
    {                                                                                              \
        (void)e;                                                                                   \
        *out = fn_row_new(fc, in->labels);                                                         \
        for (size_t i = 0; i < fc->grid->steps; i++) {                                             \
            if (value_absent(in->v[i]))                                                            \
                continue;                                                                          \
            struct date d = date_of(in->v[i]);                                                     \
            out->v[i] = (double)get(&d);                                                           \
        }                                                                                          \
        return true;                                                                               \
    }
OF_DATE(day_of_month, get_day)
OF_DATE(day_of_week, get_weekday)
OF_DATE(day_of_year, get_day_of_year)
OF_DATE(days_in_month, get_days_in_month)
OF_DATE(hour, get_hour)
OF_DATE(minute, get_minute)
OF_DATE(month, get_month)
OF_DATE(year, get_year)
