#include "base/zone.h"

#include "base/buf.h"
#include "base/codec.h"
#include "base/io.h"
#include "base/mem.h"
#include "base/sync.h"

#define ZONE_DIR "/usr/share/zoneinfo/"
#define ZONE_BYTES_MAX (1u << 20)
#define ZONES_MAX 1024
#define HEADER_BYTES 44

struct zone {
    char *name;
    struct buf image;
    str times;  /* n × int64 big endian */
    str types;  /* n × index */
    str infos;  /* 6 bytes each: offset, dst, where in chars the abbreviation starts */
    str chars;
    size_t n;
};

static struct {
    struct mutex mu;
    struct zone *v[ZONES_MAX];
    size_t n;
} zones;

struct header {
    uint32_t isut, isstd, leap, times, types, chars;
};

static bool
read_header(struct dec *d, struct header *h)
{
    str magic = dec_bytes(d, 4);

    dec_skip(d, 16); /* version and reserve */
    *h = (struct header){.isut = dec_u32_be(d)};
    h->isstd = dec_u32_be(d);
    h->leap = dec_u32_be(d);
    h->times = dec_u32_be(d);
    h->types = dec_u32_be(d);
    h->chars = dec_u32_be(d);
    return !d->bad && str_eq(magic, STRL("TZif"));
}

/* The second, 64-bit part of a version 2 file; the first is skipped. */
static bool
parse(struct zone *z)
{
    struct dec d = dec_of(buf_str(&z->image));
    struct header h;

    if (!read_header(&d, &h))
        return false;
    dec_skip(&d, (size_t)h.times * 5 + (size_t)h.types * 6 + h.chars + (size_t)h.leap * 8 + h.isstd + h.isut);
    if (!read_header(&d, &h) || h.types == 0)
        return false;
    z->times = dec_bytes(&d, (size_t)h.times * 8);
    z->types = dec_bytes(&d, h.times);
    z->infos = dec_bytes(&d, (size_t)h.types * 6);
    z->chars = dec_bytes(&d, h.chars);
    z->n = h.times;
    for (size_t i = 0; i < z->types.n; i++)
        if ((uint8_t)z->types.p[i] >= h.types)
            return false;
    return !d.bad;
}

/* A name is a path below the zone directory and may not leave it. */
static bool
name_is_safe(str name)
{
    return name.n > 0 && name.n < 256 && name.p[0] != '/' && !memmem(name.p, name.n, "..", 2) &&
           !memchr(name.p, '\0', name.n);
}

static struct zone *
load(str name)
{
    struct zone *z = MEM_NEW(struct zone);
    struct buf path = {0};
    struct err e = ERR_INIT;

    if (str_eq(name, STRL("Local")))
        buf_lit(&path, "/etc/localtime");
    else
        buf_printf(&path, ZONE_DIR "%.*s", STR_ARG(name));
    bool ok = name_is_safe(name) && io_read_file(buf_cstr(&path), ZONE_BYTES_MAX, &z->image, &e) && parse(z);
    buf_free(&path);
    if (ok) {
        z->name = mem_cstr(name);
        return z;
    }
    buf_free(&z->image);
    mem_free(z);
    return NULL;
}

static void
init_zones(void)
{
    mutex_init(&zones.mu, LOCK_LEAF);
}

static const struct zone *
find(str name)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    struct zone *z = NULL;

    pthread_once(&once, init_zones);
    mutex_lock(&zones.mu);
    for (size_t i = 0; i < zones.n && !z; i++)
        if (str_eq(str_of(zones.v[i]->name), name))
            z = zones.v[i];
    if (!z && zones.n < ZONES_MAX && (z = load(name)) != NULL)
        zones.v[zones.n++] = z;
    mutex_unlock(&zones.mu);
    return z;
}

/* Seconds east of UTC and abbreviation at the moment: the type of the last transition
 * before it, or the first type. */
static int
offset_at(const struct zone *z, int64_t unix_s, str *abbreviation)
{
    size_t low = 0, high = z->n;

    while (low < high) {
        size_t mid = low + (high - low) / 2;
        struct dec d = dec_of(str_from(z->times, mid * 8));
        if ((int64_t)dec_u64_be(&d) <= unix_s)
            low = mid + 1;
        else
            high = mid;
    }
    size_t type = low ? (uint8_t)z->types.p[low - 1] : 0;
    struct dec d = dec_of(str_from(z->infos, type * 6));
    int offset_s = (int32_t)dec_u32_be(&d);
    dec_skip(&d, 1);
    str name = str_from(z->chars, dec_u8(&d));
    *abbreviation = STR(name.p, strnlen(name.p, name.n));
    return offset_s;
}

void
zone_civil_at(int64_t unix_s, int offset_s, struct civil_time *out)
{
    int64_t s = unix_s + offset_s;
    int64_t day = s / 86400 - (s % 86400 < 0);
    int rest = (int)(s - day * 86400);
    /* Days since 0000-03-01 in eras of 400 years. */
    int64_t z = day + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;

    out->day = (int)(doy - (153 * mp + 2) / 5 + 1);
    out->month = (int)(mp < 10 ? mp + 3 : mp - 9);
    out->year = (int)(yoe + era * 400 + (out->month <= 2));
    out->weekday = (int)(((day % 7) + 11) % 7);
    out->hour = rest / 3600;
    out->minute = rest / 60 % 60;
    out->second = rest % 60;
    out->offset_s = offset_s;
}

bool
zone_at(str name, int64_t unix_s, int *offset_s, str *abbreviation)
{
    *offset_s = 0;
    *abbreviation = STRL("UTC");
    if (name.n == 0 || str_eq(name, STRL("UTC")))
        return true;
    const struct zone *z = find(name);
    if (z)
        *offset_s = offset_at(z, unix_s, abbreviation);
    return z != NULL;
}

bool
zone_civil(str name, int64_t unix_ms, struct civil_time *out)
{
    int64_t s = unix_ms / 1000 - (unix_ms % 1000 < 0);
    int offset_s;
    str abbreviation;

    if (!zone_at(name, s, &offset_s, &abbreviation))
        return false;
    zone_civil_at(s, offset_s, out);
    return true;
}

bool
zone_exists(str name)
{
    return name.n == 0 || str_eq(name, STRL("UTC")) || find(name) != NULL;
}

int
zone_days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap);
}
