/* mem.h - heap memory that never comes back NULL.
 *
 * Backed by jemalloc (the system allocator under sanitizers).  Running out of
 * memory is handled in one place: a line to stderr and abort.  Whatever an
 * outsider can inflate is bounded before it gets here, and the memory budget
 * (mem_resident_bytes against --storage.memory-limit) refuses work long before.
 */
#pragma once
#include "base/base.h"

void *mem_alloc(size_t n) __attribute__((malloc, returns_nonnull, alloc_size(1)));
void *mem_zalloc(size_t n) __attribute__((malloc, returns_nonnull, alloc_size(1)));
/* n * size with an overflow check; zeroed. */
void *mem_array(size_t n, size_t size) __attribute__((malloc, returns_nonnull));
void *mem_realloc(void *p, size_t n) __attribute__((returns_nonnull));
/* Grows *p (elements of `size` bytes, *cap of them) to hold at least `need`; doubles. */
void mem_grow(void *p_ptr, size_t *cap, size_t need, size_t size);
void mem_free(void *p); /* p may be NULL */
char *mem_cstr(str s);  /* a NUL-terminated copy; gives */
str mem_str(str s);     /* a copy; gives (mem_free((void *)s.p)) */

#define MEM_NEW(T) ((T *)mem_zalloc(sizeof(T)))
#define MEM_ARRAY(T, n) ((T *)mem_array((n), sizeof(T)))

/* Bytes the allocator holds from the system, and bytes handed out.  Cheap enough
 * to call once a second. */
size_t mem_resident_bytes(void);
size_t mem_allocated_bytes(void);
/* Asks for huge pages under a large table that is hit at random: a miss of the address
 * cache costs more than one of the data.  Only advice; does nothing below 4 MiB. */
void mem_huge(void *p, size_t n);
/* Returns dirty pages to the system; after a large release. */
void mem_release_unused(void);
/* The memory this process may use: the smallest cgroup limit (v2, v1) above us or
 * physical memory. */
uint64_t mem_system_limit_bytes(void);
