#include "base/thread.h"

#include <time.h>

#include "base/mem.h"
#include "base/panic.h"

struct inbox {
    unsigned magic;
#define INBOX_MAGIC 0x1b0c5a37
    size_t max; /* fixed after new */
    struct mutex mu;
    struct cond filled;
    /* under mu */
    void **ring;
    size_t cap;
    size_t head;
    size_t count;
    bool closed;
};

struct inbox *
inbox_new(size_t max)
{
    CHECK(max > 0);
    struct inbox *b = MEM_NEW(struct inbox);
    b->magic = INBOX_MAGIC;
    b->max = max;
    mutex_init(&b->mu, LOCK_INBOX);
    cond_init(&b->filled);
    return b;
}

void
inbox_free(struct inbox **b_ptr)
{
    struct inbox *b = *b_ptr;
    if (b == NULL)
        return;
    CHECK_MAGIC(b, INBOX_MAGIC);
    CHECK(b->count == 0);
    b->magic = 0;
    cond_fini(&b->filled);
    mutex_fini(&b->mu);
    mem_free(b->ring);
    mem_free(b);
    *b_ptr = NULL;
}

/* The ring grows with use: an inbox allowed a million items rarely holds ten. */
static void
ring_grow(struct inbox *b)
{
    size_t cap = b->cap ? b->cap * 2 : 16;
    void **ring = MEM_ARRAY(void *, cap);
    for (size_t i = 0; i < b->count; i++)
        ring[i] = b->ring[(b->head + i) % b->cap];
    mem_free(b->ring);
    b->ring = ring;
    b->cap = cap;
    b->head = 0;
}

static void
push(struct inbox *b, void *item)
{
    if (b->count == b->cap)
        ring_grow(b);
    b->ring[(b->head + b->count) % b->cap] = item;
    b->count++;
    cond_signal(&b->filled);
}

static void *
pop(struct inbox *b)
{
    CHECK(b->count > 0);
    void *item = b->ring[b->head];
    b->head = (b->head + 1) % b->cap;
    b->count--;
    return item;
}

bool
inbox_post(struct inbox *b, void *item)
{
    CHECK_MAGIC(b, INBOX_MAGIC);
    CHECK(item != NULL);
    mutex_lock(&b->mu);
    bool room = !b->closed && b->count < b->max;
    if (room)
        push(b, item);
    mutex_unlock(&b->mu);
    return room;
}

void *
inbox_post_drop_oldest(struct inbox *b, void *item)
{
    CHECK_MAGIC(b, INBOX_MAGIC);
    CHECK(item != NULL);
    void *dropped = NULL;
    mutex_lock(&b->mu);
    if (b->closed) {
        dropped = item;
    } else {
        if (b->count == b->max)
            dropped = pop(b);
        push(b, item);
    }
    mutex_unlock(&b->mu);
    return dropped;
}

static int64_t
real_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void *
inbox_take(struct inbox *b, int64_t timeout_ms)
{
    CHECK_MAGIC(b, INBOX_MAGIC);
    int64_t deadline = timeout_ms < 0 ? 0 : real_ms() + timeout_ms;
    void *item = NULL;
    mutex_lock(&b->mu);
    while (b->count == 0 && !b->closed) {
        if (timeout_ms < 0) {
            cond_wait(&b->filled, &b->mu);
            continue;
        }
        int64_t left = deadline - real_ms();
        if (left <= 0)
            break;
        (void)cond_wait_ms(&b->filled, &b->mu, left);
    }
    if (b->count > 0)
        item = pop(b);
    mutex_unlock(&b->mu);
    return item;
}

void
inbox_close(struct inbox *b)
{
    CHECK_MAGIC(b, INBOX_MAGIC);
    mutex_lock(&b->mu);
    b->closed = true;
    cond_broadcast(&b->filled);
    mutex_unlock(&b->mu);
}

size_t
inbox_count(struct inbox *b)
{
    CHECK_MAGIC(b, INBOX_MAGIC);
    mutex_lock(&b->mu);
    size_t n = b->count;
    mutex_unlock(&b->mu);
    return n;
}
