/* log.h - structured log lines to stderr, logfmt or JSON, as Prometheus (slog) writes
 * them: time=… level=INFO source=file.c:12 msg="…" key=value.
 *
 *     LOG_INFO("Server is ready", KV("component", "web"), KV_I64("port", 9090));
 *
 * Lines are cut at LIMIT_LOG_LINE_BYTES and never block for long: when stderr is a full
 * pipe the line is dropped and counted.  Secrets are never passed in.
 */
#pragma once
#include "base/base.h"
#include "base/err.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };
enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };

struct log_kv {
    const char *key;
    enum { LOG_V_STR, LOG_V_I64, LOG_V_F64 } type;
    str s;
    int64_t i;
    double f;
};
#define KV(k, cstr) ((struct log_kv){.key = (k), .type = LOG_V_STR, .s = str_of(cstr)})
#define KV_STR(k, v) ((struct log_kv){.key = (k), .type = LOG_V_STR, .s = (v)})
#define KV_I64(k, v) ((struct log_kv){.key = (k), .type = LOG_V_I64, .i = (int64_t)(v)})
#define KV_F64(k, v) ((struct log_kv){.key = (k), .type = LOG_V_F64, .f = (v)})
#define KV_ERR(e) ((struct log_kv){.key = "err", .type = LOG_V_STR, .s = err_str(e)})

void log_setup(enum log_level min, enum log_format format);
bool log_enabled(enum log_level level);
/* Tests: lines go to this buffer instead of stderr while it is not NULL. */
struct buf;
void log_capture(struct buf *to);
void log_write(enum log_level level, const char *file, int line, const char *msg,
               const struct log_kv *kv, size_t n);

#define LOG_AT(level, msg, ...)                                                          \
    do {                                                                                 \
        if (log_enabled(level)) {                                                        \
            const struct log_kv log_kv_[] = {{0}, ##__VA_ARGS__};                        \
            log_write((level), __FILE__, __LINE__, (msg), log_kv_ + 1, ARRAY_LEN(log_kv_) - 1); \
        }                                                                                \
    } while (0)
#define LOG_DEBUG(msg, ...) LOG_AT(LOG_LEVEL_DEBUG, msg, ##__VA_ARGS__)
#define LOG_INFO(msg, ...) LOG_AT(LOG_LEVEL_INFO, msg, ##__VA_ARGS__)
#define LOG_WARN(msg, ...) LOG_AT(LOG_LEVEL_WARN, msg, ##__VA_ARGS__)
#define LOG_ERROR(msg, ...) LOG_AT(LOG_LEVEL_ERROR, msg, ##__VA_ARGS__)

/* True at most once per interval for this call site's state (rate-limited lines). */
struct log_limit {
    _Atomic int64_t next_ms;
};
bool log_limit_pass(struct log_limit *l, int64_t interval_ms);
