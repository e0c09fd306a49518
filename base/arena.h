/* arena.h - bump memory with one lifetime: a scrape, a request, a query.
 *
 * Allocation is a pointer bump; nothing is freed one by one.  Advantages: no
 * ownership questions inside a request, no free calls, good locality.
 * Disadvantage: memory of a loop piles up, so loops use arena_mark/arena_reset.
 * Under ASan every allocation is its own malloc, so overruns show.
 *
 * An arena may have a price: arena_used is what it holds, and the owner compares
 * it with its budget at points where it can stop (arena allocation itself never
 * fails).  One thread at a time.
 */
#pragma once
#include "base/base.h"

#include <stdarg.h>

struct arena;
struct arena_mark {
    void *block;
    size_t used;
    size_t total;
};

struct arena *arena_new(void);
void arena_free(struct arena **a); /* *a may be NULL */
/* Forgets everything but keeps one block for reuse. */
void arena_clear(struct arena *a);

/* 16-byte aligned; zero bytes give a valid unique pointer. */
void *arena_alloc(struct arena *a, size_t n) __attribute__((returns_nonnull));
void *arena_zalloc(struct arena *a, size_t n) __attribute__((returns_nonnull));
/* n * size, overflow-checked, not zeroed. */
void *arena_array(struct arena *a, size_t n, size_t size) __attribute__((returns_nonnull));
#define ARENA_NEW(a, T) ((T *)arena_zalloc((a), sizeof(T)))
#define ARENA_ARRAY(a, T, n) ((T *)arena_array((a), (n), sizeof(T)))
#define ARENA_ZARRAY(a, T, n) ((T *)memset(arena_array((a), (n), sizeof(T)), 0, (n) * sizeof(T)))
/* Grows an arena array in place of realloc: old contents are copied. */
void arena_grow(struct arena *a, void *p_ptr, size_t *cap, size_t need, size_t size);

str arena_str(struct arena *a, str s);              /* copies */
str arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);
char *arena_cstr(struct arena *a, str s);           /* copies, NUL-terminated */

struct arena_mark arena_mark(struct arena *a);
/* Frees what was allocated after the mark. */
void arena_reset(struct arena *a, struct arena_mark m);
/* Bytes handed out since new/clear (what a budget is held against). */
size_t arena_used(const struct arena *a);
