/* err.h - the world's failures as values.
 *
 * Functions that can fail for reasons outside the program return bool (true =
 * done) and take `struct err *e` last.  The error is written once, where its
 * cause is known; callers may put words in front (err_prefix), never replace.
 * A function returns its error or logs it, not both.
 *
 * struct err is meant for the stack: err_set writes only what it needs, and an
 * uninitialised struct err is fine to pass.  e must not be NULL.
 */
#pragma once
#include "base/base.h"

#include <stdarg.h>

enum err_kind {
#define ERR_KIND(name, text) ERR_##name,
#include "base/err.def"
#undef ERR_KIND
};

#define ERR_TEXT_MAX 2048

struct err {
    enum err_kind kind;
    int64_t pos;             /* byte offset in the parsed text, or -1 */
    char text[ERR_TEXT_MAX]; /* one sentence, NUL-terminated, cut if longer */
};

#define ERR_INIT {.kind = ERR_NONE, .pos = -1}

/* Sets all of *e and returns false, so that `return err_set(e, …)` reads well. */
bool err_set(struct err *e, enum err_kind kind, const char *fmt, ...) PRINTF_LIKE(3, 4);
bool err_vset(struct err *e, enum err_kind kind, const char *fmt, va_list ap);
/* As err_set with a position. */
bool err_set_at(struct err *e, enum err_kind kind, int64_t pos, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* "path: strerror(errnum)"; ENOSPC and EDQUOT become ERR_NO_SPACE, others ERR_IO. */
bool err_errno(struct err *e, int errnum, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Puts the words before the sentence as they are (with their own ": "); returns false. */
bool err_prefix(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);
void err_clear(struct err *e);
const char *err_kind_name(enum err_kind kind);
static inline str
err_str(const struct err *e)
{
    return str_of(e->text);
}
