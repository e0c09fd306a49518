#include "base/log.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/metric.h"
#include "base/thread.h"
#include "tests/unit/unit.h"

/* tests/golden/log.txt was written by Go's slog without time and level:
 *   T|J <string> <n> <line>    as message and value k, with f = n * 1e5/3 and i = n
 * Fields are separated by tabs; \\ \n \t \xNN stand for bytes. */

static str
unescape(char *field)
{
    char *w = field;
    for (const char *p = field; *p != '\0';) {
        if (*p != '\\') {
            *w++ = *p++;
        } else if (p[1] == 'x') {
            *w++ = (char)strtol((char[]){p[2], p[3], '\0'}, NULL, 16);
            p += 4;
        } else {
            *w++ = p[1] == 'n' ? '\n' : p[1] == 't' ? '\t' : '\\';
            p += 2;
        }
    }
    *w = '\0';
    return STR(field, (size_t)(w - field));
}

/* The line without the fields the golden one lacks. */
static void
strip(str line, bool json, struct buf *out)
{
    const char *msg = memmem(line.p, line.n, json ? "\"msg\":" : "msg=", json ? 6 : 4);
    ck_assert_ptr_nonnull(msg);
    buf_put(out, str_of(json ? "{" : ""));
    buf_put(out, STR(msg, (size_t)(line.p + line.n - msg)));
}

static void
check_line(bool json, str text, int n, str want)
{
    struct buf line = {0}, got = {0};
    if (memchr(text.p, '\0', text.n) != NULL)
        return; /* messages are C strings */
    log_setup(LOG_LEVEL_INFO, json ? LOG_FORMAT_JSON : LOG_FORMAT_LOGFMT);
    log_capture(&line);
    LOG_INFO(text.p, KV_STR("k", text), KV_F64("f", n * 1e5 / 3), KV_I64("i", n));
    log_capture(NULL);
    strip(buf_str(&line), json, &got);
    ck_str(buf_str(&got), want);
    buf_free(&line);
    buf_free(&got);
}

START_TEST(test_as_slog)
{
    FILE *f = unit_golden("log.txt");
    char *line = NULL;
    size_t cap = 0;
    while (getline(&line, &cap, f) > 0) {
        char *rest = line;
        line[strcspn(line, "\n")] = '\0';
        bool json = strsep(&rest, "\t")[0] == 'J';
        str text = unescape(strsep(&rest, "\t"));
        int n = (int)strtol(strsep(&rest, "\t"), NULL, 10);
        check_line(json, text, n, unescape(rest));
    }
    free(line);
    fclose(f);
}
END_TEST

START_TEST(test_line)
{
    struct buf line = {0};
    log_capture(&line);
    clock_fake_set_ms(1767323045123);
    log_write(LOG_LEVEL_WARN, "server/scrape/scrape.c", 12, "Scrape failed",
              (const struct log_kv[]){KV("target", "http://a b"), KV_I64("n", -3)}, 2);
    ck_lit(buf_str(&line), "time=2026-01-02T03:04:05.123Z level=WARN source=scrape.c:12 "
                           "msg=\"Scrape failed\" target=\"http://a b\" n=-3\n");
    buf_clear(&line);
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_JSON);
    log_write(LOG_LEVEL_ERROR, "x.c", 1, "m", NULL, 0);
    ck_lit(buf_str(&line), "{\"time\":\"2026-01-02T03:04:05.123Z\",\"level\":\"ERROR\","
                           "\"source\":\"x.c:1\",\"msg\":\"m\"}\n");
    clock_fake_off();
    log_capture(NULL);
    buf_free(&line);
}
END_TEST

START_TEST(test_levels)
{
    struct buf line = {0};
    log_capture(&line);
    LOG_DEBUG("hidden");
    ck_assert_uint_eq(line.n, 0);
    log_setup(LOG_LEVEL_DEBUG, LOG_FORMAT_LOGFMT);
    LOG_DEBUG("seen");
    ck_assert_uint_gt(line.n, 0);
    log_setup(LOG_LEVEL_ERROR, LOG_FORMAT_LOGFMT);
    ck_assert(!log_enabled(LOG_LEVEL_WARN));
    ck_assert(log_enabled(LOG_LEVEL_ERROR));
    log_capture(NULL);
    buf_free(&line);
}
END_TEST

/* A huge message does not hide what comes after it, and no character is halved. */
START_TEST(test_bounded)
{
    struct buf line = {0}, big = {0};
    for (int i = 0; i < 20000; i++)
        buf_lit(&big, "é");
    for (int format = 0; format < 2; format++) {
        buf_clear(&line);
        log_setup(LOG_LEVEL_INFO, format ? LOG_FORMAT_JSON : LOG_FORMAT_LOGFMT);
        log_capture(&line);
        LOG_INFO(buf_cstr(&big), KV_STR("body", buf_str(&big)), KV("err", "disk full"));
        log_capture(NULL);
        ck_assert_uint_lt(line.n, LIMIT_LOG_LINE_BYTES + 200);
        ck_assert_ptr_nonnull(memmem(line.p, line.n, "disk full", 9));
        ck_assert_ptr_null(memmem(line.p, line.n, "\\x", 2));
        ck_assert_ptr_null(memmem(line.p, line.n, "\\ufffd", 6));
    }
    buf_free(&line);
    buf_free(&big);
}
END_TEST

/* Nobody reads: lines are dropped and counted, the writer goes on. */
START_TEST(test_full_pipe)
{
    int ends[2];
    int saved = dup(STDERR_FILENO);
    ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
    ck_assert_int_ge(fcntl(ends[1], F_SETPIPE_SZ, 8192), 0);
    log_setup(LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT);
    dup2(ends[1], STDERR_FILENO);
    int64_t start = clock_mono_ms();
    for (int i = 0; i < 150; i++)
        LOG_INFO("a line of about a hundred bytes, so that the pipe is full soon enough");
    int64_t took = clock_mono_ms() - start;
    dup2(saved, STDERR_FILENO);
    ck_assert_int_lt(took, 2000);
    ck_assert(metric_value(metric_one(METRIC_LOG_LINES_DROPPED_TOTAL)) > 20);
    close(saved);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

static void
log_some(void *arg, size_t i)
{
    (void)arg;
    LOG_INFO("from a thread", KV_I64("i", i));
}

START_TEST(test_whole_lines)
{
    struct pool *p = NULL;
    struct err e;
    struct buf text = {0};
    size_t lines = 0;
    ck_assert(pool_new(&p, "log", 3, &e));
    log_capture(&text);
    pool_for(p, 500, log_some, NULL);
    log_capture(NULL);
    pool_free(&p);
    for (str left = buf_str(&text); left.n > 0; lines++) {
        ck_assert(str_starts(left, STRL("time=")));
        left = str_from(left, (size_t)str_find_char(left, '\n', 0) + 1);
    }
    ck_assert_uint_eq(lines, 500);
    buf_free(&text);
}
END_TEST

START_TEST(test_limit)
{
    struct log_limit l = {0};
    clock_fake_set_ms(1000);
    ck_assert(log_limit_pass(&l, 60000));
    ck_assert(!log_limit_pass(&l, 60000));
    clock_fake_advance_ms(59999);
    ck_assert(!log_limit_pass(&l, 60000));
    clock_fake_advance_ms(1);
    ck_assert(log_limit_pass(&l, 60000));
    clock_fake_off();
}
END_TEST

UNIT_MAIN("log", test_as_slog, test_line, test_levels, test_bounded, test_full_pipe,
          test_whole_lines, test_limit)
