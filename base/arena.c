#include "config.h"

#include "base/arena.h"

#include "base/mem.h"
#include "base/panic.h"

#include <stdio.h>

#define ALIGN 16
#define BLOCK_FIRST_BYTES 4096
#define BLOCK_MAX_BYTES (1u << 20)
#define BLOCK_HUGE_BYTES (16u << 20)

/* Blocks form a stack, the newest on top; only the top one has room that is used. */
struct block {
    struct block *below;
    size_t cap; /* bytes of data */
    size_t used;
    size_t pad; /* keeps data 16-byte aligned */
    char data[];
};
_Static_assert(sizeof(struct block) % ALIGN == 0, "data must be aligned");

struct arena {
    unsigned magic;
#define ARENA_MAGIC 0xa7e4a001u
    struct block *top;
    struct block *spare; /* one emptied block, so that mark/reset loops do not thrash */
    size_t next_bytes;   /* size of the next block */
    size_t total;        /* handed out */
};

struct arena *
arena_new(void)
{
    struct arena *a = MEM_NEW(struct arena);
    a->magic = ARENA_MAGIC;
    a->next_bytes = BLOCK_FIRST_BYTES;
    return a;
}

/* Takes the top block off; the larger of it and the spare stays for reuse. */
static void
block_pop(struct arena *a)
{
    struct block *b = a->top;
    a->top = b->below;
#ifndef NARTHEX_SANITIZED
    if (b->cap <= BLOCK_MAX_BYTES && (a->spare == NULL || b->cap > a->spare->cap)) {
        mem_free(a->spare);
        a->spare = b;
        return;
    }
#endif
    mem_free(b);
}

void
arena_free(struct arena **ap)
{
    struct arena *a = *ap;
    if (a == NULL)
        return;
    CHECK_MAGIC(a, ARENA_MAGIC);
    while (a->top != NULL)
        block_pop(a);
    mem_free(a->spare);
    a->magic = 0;
    mem_free(a);
    *ap = NULL;
}

void
arena_clear(struct arena *a)
{
    CHECK_MAGIC(a, ARENA_MAGIC);
    while (a->top != NULL)
        block_pop(a);
    a->total = 0;
}

static struct block *
block_push(struct arena *a, size_t cap)
{
    struct block *b = a->spare;
    if (b != NULL && b->cap >= cap) {
        a->spare = NULL;
    } else {
        CHECK(cap <= SIZE_MAX / 2);
        b = mem_alloc(sizeof(*b) + cap);
        mem_huge(b, sizeof(*b) + cap);
        b->cap = cap;
    }
    b->used = 0;
    b->below = a->top;
    a->top = b;
    return b;
}

#ifdef NARTHEX_SANITIZED
/* Every allocation its own block of the exact size, so that overruns show. */
static struct block *
block_for(struct arena *a, size_t n)
{
    return block_push(a, n);
}
#else
static struct block *
block_for(struct arena *a, size_t n)
{
    size_t cap = MAX(n, a->next_bytes);
    /* Beyond some MiB blocks grow to a quarter of what there is, so that huge pages fit. */
    size_t most = MAX((size_t)BLOCK_MAX_BYTES, MIN(a->total / 4, (size_t)BLOCK_HUGE_BYTES));
    a->next_bytes = MIN(a->next_bytes * 2, most);
    return block_push(a, cap);
}
#endif

void *
arena_alloc(struct arena *a, size_t n)
{
    CHECK_MAGIC(a, ARENA_MAGIC);
    CHECK(n <= SIZE_MAX / 2);
    size_t need = (MAX(n, (size_t)1) + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    a->total += need;
#ifdef NARTHEX_SANITIZED
    struct block *b = block_for(a, MAX(n, (size_t)1));
    b->used = b->cap;
    return b->data;
#else
    struct block *b = a->top;
    if (UNLIKELY(b == NULL || b->cap - b->used < need))
        b = block_for(a, need);
    void *p = b->data + b->used;
    b->used += need;
    return p;
#endif
}

void *
arena_zalloc(struct arena *a, size_t n)
{
    return memset(arena_alloc(a, n), 0, n);
}

void *
arena_array(struct arena *a, size_t n, size_t size)
{
    size_t bytes;
    CHECK(!__builtin_mul_overflow(n, size, &bytes));
    return arena_alloc(a, bytes);
}

/* The last allocation can be made longer where it stands. */
static bool
extend_in_place(struct arena *a, const void *p, size_t old_bytes, size_t new_bytes)
{
#ifdef NARTHEX_SANITIZED
    (void)a, (void)p, (void)old_bytes, (void)new_bytes;
    return false;
#else
    struct block *b = a->top;
    size_t old = (MAX(old_bytes, (size_t)1) + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    size_t new = (MAX(new_bytes, (size_t)1) + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (p == NULL || b == NULL || b->used < old || (const char *)p != b->data + b->used - old)
        return false;
    if (b->cap - b->used < new - old)
        return false;
    b->used += new - old;
    a->total += new - old;
    return true;
#endif
}

void
arena_grow(struct arena *a, void *p_ptr, size_t *cap, size_t need, size_t size)
{
    CHECK_MAGIC(a, ARENA_MAGIC);
    if (LIKELY(need <= *cap))
        return;
    CHECK(size > 0 && need <= SIZE_MAX / 4 / size);
    size_t to = MAX(MAX(need, *cap * 2), (size_t)8);
    void **p = p_ptr;
    if (!extend_in_place(a, *p, *cap * size, to * size)) {
        void *q = arena_alloc(a, to * size);
        if (*cap != 0)
            memcpy(q, *p, *cap * size);
        *p = q;
    }
    *cap = to;
}

char *
arena_cstr(struct arena *a, str s)
{
    char *p = arena_alloc(a, s.n + 1);
    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return p;
}

str
arena_str(struct arena *a, str s)
{
    return STR(arena_cstr(a, s), s.n);
}

str
arena_printf(struct arena *a, const char *fmt, ...)
{
    char small[256];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(small, sizeof(small), fmt, ap);
    va_end(ap);
    CHECK(n >= 0);
    char *p = arena_alloc(a, (size_t)n + 1);
    if ((size_t)n < sizeof(small)) {
        memcpy(p, small, (size_t)n + 1);
    } else {
        va_start(ap, fmt);
        vsnprintf(p, (size_t)n + 1, fmt, ap);
        va_end(ap);
    }
    return STR(p, n);
}

struct arena_mark
arena_mark(struct arena *a)
{
    CHECK_MAGIC(a, ARENA_MAGIC);
    return (struct arena_mark){
        .block = a->top,
        .used = a->top ? a->top->used : 0,
        .total = a->total,
    };
}

void
arena_reset(struct arena *a, struct arena_mark m)
{
    CHECK_MAGIC(a, ARENA_MAGIC);
    while (a->top != m.block) {
        CHECK(a->top != NULL);
        block_pop(a);
    }
    if (a->top != NULL) {
        CHECK(m.used <= a->top->used);
        a->top->used = m.used;
    }
    a->total = m.total;
}

size_t
arena_used(const struct arena *a)
{
    return a->total;
}
