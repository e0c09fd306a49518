#include "base/log.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/limits.h"
#include "base/metric.h"
#include "base/num.h"
#include "base/panic.h"
#include "base/sync.h"
#include "base/unicode.h"

static _Atomic int least_level = LOG_LEVEL_INFO;
static _Atomic int line_format = LOG_FORMAT_LOGFMT;
/* Makes lines whole: one writer at a time. */
static struct mutex out_mu;
static pthread_once_t out_once = PTHREAD_ONCE_INIT;
static struct buf *capture; /* under out_mu */

static const char *const level_names[] = {"DEBUG", "INFO", "WARN", "ERROR"};

static void
out_init(void)
{
    mutex_init(&out_mu, LOCK_LOG);
}

static void
out_lock(void)
{
    CHECK(pthread_once(&out_once, out_init) == 0);
    mutex_lock(&out_mu);
}

void
log_setup(enum log_level min, enum log_format format)
{
    atomic_store(&least_level, (int)min);
    atomic_store(&line_format, (int)format);
}

bool
log_enabled(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&least_level, memory_order_relaxed);
}

void
log_capture(struct buf *to)
{
    out_lock();
    capture = to;
    mutex_unlock(&out_mu);
}

/* unicode.IsSpace beyond ASCII; all but these two fail unicode.IsPrint anyway. */
static bool
odd_space(uint32_t r)
{
    return r == 0x1680 || r == 0x3000;
}

/* As slog's TextHandler decides: what a logfmt reader would split or misread. */
static bool
needs_quotes(str s)
{
    if (s.n == 0)
        return true;
    while (s.n > 0) {
        size_t size;
        uint32_t r = utf8_decode(s, &size);
        if (r <= ' ' || r == '=' || r == '"')
            return true;
        if (r >= 0x80 && (r == RUNE_ERROR || odd_space(r) || !unicode_is_print(r)))
            return true;
        s = str_from(s, size);
    }
    return false;
}

/* What of s still fits the line, never half a character.  Every field keeps a few bytes,
 * so that a huge message does not hide the error behind it. */
static str
clip(const struct buf *out, str s)
{
    size_t room = out->n < LIMIT_LOG_LINE_BYTES ? LIMIT_LOG_LINE_BYTES - out->n : 0;
    size_t max = MAX(room / 2, (size_t)64);
    if (s.n <= max)
        return s;
    while (max > 0 && ((unsigned char)s.p[max] & 0xC0) == 0x80)
        max--;
    return STR(s.p, max);
}

static void
put_text(struct buf *out, str s)
{
    s = clip(out, s);
    if (needs_quotes(s))
        unicode_put_quoted(out, s);
    else
        buf_put(out, s);
}

/* slog leaves < > & alone, but writes U+2028 and U+2029 as escapes. */
static void
put_json_rune(struct buf *out, uint32_t r)
{
    static const char controls[] = "\n\r\t", letters[] = "nrt";
    const char *known = r > 0 && r < ' ' ? strchr(controls, (int)r) : NULL;
    if (known != NULL)
        buf_printf(out, "\\%c", letters[known - controls]);
    else if (r < ' ' || r == 0x2028 || r == 0x2029 || r == RUNE_ERROR)
        buf_printf(out, "\\u%04x", (unsigned)r);
    else if (r == '"' || r == '\\')
        buf_printf(out, "\\%c", (char)r);
    else
        utf8_put(out, r);
}

static void
put_json_text(struct buf *out, str s)
{
    s = clip(out, s);
    buf_byte(out, '"');
    while (s.n > 0) {
        size_t size;
        uint32_t r = utf8_decode(s, &size);
        if (r == RUNE_ERROR && size > 1)
            utf8_put(out, r); /* one that was meant */
        else
            put_json_rune(out, r);
        s = str_from(s, size);
    }
    buf_byte(out, '"');
}

static void
put_time(struct buf *out, int64_t ms)
{
    time_t sec = (time_t)(ms / 1000 - (ms % 1000 < 0));
    struct tm tm;
    CHECK(gmtime_r(&sec, &tm) != NULL);
    buf_printf(out, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900, tm.tm_mon + 1,
               tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (int)(ms - (int64_t)sec * 1000));
}

static void
put_f64(struct buf *out, double v, bool as_json)
{
    char text[NUM_TEXT_MAX];
    str s = STR(text, num_format(v, 'g', -1, text));
    bool finite = v - v == 0;
    struct json j = json_to(out);
    if (as_json && finite)
        json_f64(&j, v);
    else if (as_json)
        put_json_text(out, s);
    else
        buf_put(out, s);
}

static const char *
file_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

struct line {
    enum log_level level;
    const char *file;
    int number;
    const char *msg;
};

static void
put_logfmt(struct buf *out, const struct line *l, const struct log_kv *kv, size_t n)
{
    buf_lit(out, "time=");
    put_time(out, clock_now_ms());
    buf_printf(out, " level=%s source=%s:%d msg=", level_names[l->level], file_name(l->file),
               l->number);
    put_text(out, str_of(l->msg));
    for (size_t i = 0; i < n; i++) {
        buf_byte(out, ' ');
        put_text(out, str_of(kv[i].key));
        buf_byte(out, '=');
        if (kv[i].type == LOG_V_STR)
            put_text(out, kv[i].s);
        else if (kv[i].type == LOG_V_I64)
            buf_i64(out, kv[i].i);
        else
            put_f64(out, kv[i].f, false);
    }
}

static void
put_json(struct buf *out, const struct line *l, const struct log_kv *kv, size_t n)
{
    buf_lit(out, "{\"time\":\"");
    put_time(out, clock_now_ms());
    buf_printf(out, "\",\"level\":\"%s\",\"source\":\"%s:%d\",\"msg\":", level_names[l->level],
               file_name(l->file), l->number);
    put_json_text(out, str_of(l->msg));
    for (size_t i = 0; i < n; i++) {
        buf_byte(out, ',');
        put_json_text(out, str_of(kv[i].key));
        buf_byte(out, ':');
        if (kv[i].type == LOG_V_STR)
            put_json_text(out, kv[i].s);
        else if (kv[i].type == LOG_V_I64)
            buf_i64(out, kv[i].i);
        else
            put_f64(out, kv[i].f, true);
    }
    buf_byte(out, '}');
}

/* A reader that stopped reading must not stop the server: a pipe that poll calls
 * writable has room for 4096 bytes, so a chunk never blocks.  A slow reader gets a
 * moment, one that has not read since the last lost line gets none. */
static bool
write_stderr(str s)
{
    static bool stalled; /* under out_mu */
    while (s.n > 0) {
        struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
        stalled = poll(&p, 1, stalled ? 0 : 20) <= 0 || !(p.revents & POLLOUT);
        if (stalled)
            return false;
        ssize_t w = write(STDERR_FILENO, s.p, MIN(s.n, (size_t)4096));
        if (w <= 0)
            return false;
        s = str_from(s, (size_t)w);
    }
    return true;
}

/* Not through the metric registry's lookup by name at each line: a lost line is rare,
 * and the registry's lock ranks below ours. */
static _Atomic uint64_t lost;

static void
count_lost(void)
{
    uint64_t n = atomic_exchange(&lost, 0);
    if (n > 0)
        METRIC_ADD(LOG_LINES_DROPPED_TOTAL, (double)n);
}

void
log_write(enum log_level level, const char *file, int number, const char *msg,
          const struct log_kv *kv, size_t n)
{
    struct line l = {.level = level, .file = file, .number = number, .msg = msg};
    struct buf text = {0};
    if (atomic_load(&line_format) == LOG_FORMAT_JSON)
        put_json(&text, &l, kv, n);
    else
        put_logfmt(&text, &l, kv, n);
    buf_byte(&text, '\n');
    out_lock();
    if (capture != NULL)
        buf_put(capture, buf_str(&text));
    else if (!write_stderr(buf_str(&text)))
        atomic_fetch_add(&lost, 1);
    mutex_unlock(&out_mu);
    buf_free(&text);
    count_lost();
}

bool
log_limit_pass(struct log_limit *l, int64_t interval_ms)
{
    int64_t now = clock_mono_ms();
    int64_t next = atomic_load(&l->next_ms);
    return now >= next && atomic_compare_exchange_strong(&l->next_ms, &next, now + interval_ms);
}
