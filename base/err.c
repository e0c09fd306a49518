#include "base/err.h"

#include "base/panic.h"

#include <errno.h>
#include <stdio.h>

bool
err_vset(struct err *e, enum err_kind kind, const char *fmt, va_list ap)
{
    CHECK(e != NULL);
    e->kind = kind;
    e->pos = -1;
    vsnprintf(e->text, sizeof(e->text), fmt, ap);
    return false;
}

bool
err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    err_vset(e, kind, fmt, ap);
    va_end(ap);
    return false;
}

bool
err_set_at(struct err *e, enum err_kind kind, int64_t pos, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    err_vset(e, kind, fmt, ap);
    va_end(ap);
    e->pos = pos;
    return false;
}

bool
err_errno(struct err *e, int errnum, const char *fmt, ...)
{
    bool full = errnum == ENOSPC || errnum == EDQUOT;
    va_list ap;
    va_start(ap, fmt);
    err_vset(e, full ? ERR_NO_SPACE : ERR_IO, fmt, ap);
    va_end(ap);
    size_t n = strlen(e->text);
    char reason[128];
    /* The GNU strerror_r: it may answer with a constant instead of filling reason. */
    snprintf(e->text + n, sizeof(e->text) - n, ": %s",
             strerror_r(errnum, reason, sizeof(reason)));
    return false;
}

bool
err_prefix(struct err *e, const char *fmt, ...)
{
    CHECK(e != NULL);
    char front[ERR_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    int want = vsnprintf(front, sizeof(front), fmt, ap);
    va_end(ap);
    size_t n = MIN((size_t)MAX(want, 0), sizeof(front) - 1);
    size_t old = MIN(strlen(e->text), sizeof(e->text) - 1 - n);
    memmove(e->text + n, e->text, old);
    memcpy(e->text, front, n);
    e->text[n + old] = '\0';
    return false;
}

void
err_clear(struct err *e)
{
    e->kind = ERR_NONE;
    e->pos = -1;
    e->text[0] = '\0';
}

const char *
err_kind_name(enum err_kind kind)
{
    static const char *const names[] = {
#define ERR_KIND(name, text) [ERR_##name] = text,
#include "base/err.def"
#undef ERR_KIND
    };
    CHECK((size_t)kind < ARRAY_LEN(names));
    return names[kind];
}
