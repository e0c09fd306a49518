#include "base/panic.h"

#include <execinfo.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define FRAMES_MAX 64

/* Nothing here allocates: the heap may be what is broken. */
static NORETURN void
die(const char *line, size_t n)
{
    void *frames[FRAMES_MAX];
    ssize_t done = write(STDERR_FILENO, line, n);
    (void)done;
    int depth = backtrace(frames, FRAMES_MAX);
    backtrace_symbols_fd(frames, depth, STDERR_FILENO);
    abort();
}

void
panic_check(const char *file, int line, const char *func, const char *expr)
{
    panic_at(file, line, func, "check failed: %s", expr);
}

void
panic_at(const char *file, int line, const char *func, const char *fmt, ...)
{
    char text[2048];
    int n = snprintf(text, sizeof(text), "panic: %s:%d %s: ", file, line, func);
    size_t used = MIN((size_t)MAX(n, 0), sizeof(text) - 2);
    va_list ap;
    va_start(ap, fmt);
    n = vsnprintf(text + used, sizeof(text) - 1 - used, fmt, ap);
    va_end(ap);
    used = MIN(used + (size_t)MAX(n, 0), sizeof(text) - 2);
    text[used++] = '\n';
    die(text, used);
}
