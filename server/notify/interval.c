#include "server/notify/interval.h"

#include <time.h>

#include "base/zone.h"

static bool
in_ranges(const struct config_range *v, size_t n, int value)
{
    for (size_t i = 0; i < n; i++)
        if (value >= v[i].begin && value <= v[i].end)
            return true;
    return n == 0;
}

/* Negative days count from the end; both ends are clamped to the month. */
static bool
day_holds(const struct config_time_spec *s, const struct civil_time *t)
{
    int last = zone_days_in_month(t->year, t->month);

    for (size_t i = 0; i < s->days_of_month.n; i++) {
        int begin = s->days_of_month.v[i].begin, end = s->days_of_month.v[i].end;
        begin = begin < 0 ? last + begin + 1 : begin;
        end = end < 0 ? last + end + 1 : end;
        if (begin > last)
            continue;
        begin = MAX(begin, 1);
        end = MIN(end, last);
        if (t->day >= begin && t->day <= end)
            return true;
    }
    return s->days_of_month.n == 0;
}

static bool
clock_holds(const struct config_time_spec *s, const struct civil_time *t)
{
    int minute = t->hour * 60 + t->minute;

    for (size_t i = 0; i < s->times.n; i++)
        if (minute >= s->times.v[i].start_minute && minute < s->times.v[i].end_minute)
            return true;
    return s->times.n == 0;
}

bool
interval_contains(const struct config_time_interval *iv, int64_t now_ms)
{
    for (size_t i = 0; i < iv->specs.n; i++) {
        const struct config_time_spec *s = &iv->specs.v[i];
        struct civil_time t;
        if (!zone_civil(s->location, now_ms, &t))
            continue;
        if (clock_holds(s, &t) && day_holds(s, &t) && in_ranges(s->months.v, s->months.n, t.month) &&
            in_ranges(s->weekdays.v, s->weekdays.n, t.weekday) && in_ranges(s->years.v, s->years.n, t.year))
            return true;
    }
    return false;
}

size_t
intervals_now(const struct config_notify *c, const struct config_strs *names, int64_t now_ms, str *out)
{
    size_t n = 0;

    for (size_t i = 0; i < names->n; i++) {
        const struct config_time_interval *iv = config_notify_interval(c, names->v[i]);
        if (iv && interval_contains(iv, now_ms))
            out[n++] = names->v[i];
    }
    return n;
}
