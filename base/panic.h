/* panic.h - bugs abort.
 *
 * CHECK stays on in release builds: a broken invariant in a database must stop
 * the process before the next write.  DCHECK is for checks that cost more than
 * O(1) and is on only in debug and sanitizer builds (-DNARTHEX_DEBUG).
 *
 * Heap structs with identity start with `unsigned magic`; CHECK_MAGIC opens each
 * public function and the ender zeroes the field.
 */
#pragma once
#include "base/base.h"

#define CHECK(x) (LIKELY(x) ? (void)0 : panic_check(__FILE__, __LINE__, __func__, #x))
#ifdef NARTHEX_DEBUG
#define DCHECK(x) CHECK(x)
#else
#define DCHECK(x) ((void)sizeof(!(x)))
#endif
#define CHECK_MAGIC(obj, m) CHECK((obj) != NULL && (obj)->magic == (m))
#define PANIC(...) panic_at(__FILE__, __LINE__, __func__, __VA_ARGS__)
#define UNREACHABLE() PANIC("unreachable")

/* Writes one line and a backtrace to stderr, then abort(). */
NORETURN void panic_check(const char *file, int line, const char *func, const char *expr);
NORETURN void panic_at(const char *file, int line, const char *func, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
