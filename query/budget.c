#include "query/budget.h"

#include "base/clock.h"
#include "base/num.h"
#include "base/panic.h"

enum { UNCOUNTED_BYTES = 32 << 10 }; /* what a region may grow by unnoticed */

void
budget_init(struct budget *b, struct purse *p, const struct budget_opts *o)
{
    *b = (struct budget){.text = o->text, .cancel = o->cancel, .deadline_ns = o->deadline_ns,
                         .bytes_max = o->bytes_max, .for_rule = o->for_rule, .purse = p};
}

void
budget_fini(struct budget *b)
{
    uint64_t taken = atomic_exchange(&b->taken, 0);
    uint64_t before = atomic_fetch_sub(&b->purse->used, taken);
    CHECK(before >= taken);
}

void
budget_kill(struct budget *b)
{
    atomic_store_explicit(&b->killed, true, memory_order_relaxed);
}

bool
budget_poll(const struct budget *b, const char *where, struct err *e)
{
    if (atomic_load_explicit(&b->killed, memory_order_relaxed) ||
        (b->cancel != NULL && atomic_load_explicit(b->cancel, memory_order_relaxed)))
        return err_set(e, ERR_CANCELED, "query was canceled in %s", where);
    if (clock_mono_ns() >= b->deadline_ns)
        return err_set(e, ERR_TIMEOUT, "query timed out in %s", where);
    return true;
}

struct region
region_new(void)
{
    return (struct region){.arena = arena_new()};
}

static void
uncount(struct budget *b, struct region *r)
{
    atomic_fetch_sub_explicit(&b->bytes, r->counted, memory_order_relaxed);
    r->counted = 0;
}

void
region_clear(struct budget *b, struct region *r)
{
    if (r->counted != 0)
        uncount(b, r);
    if (arena_used(r->arena) != 0)
        arena_clear(r->arena);
}

void
region_free(struct budget *b, struct region *r)
{
    if (r->arena == NULL)
        return;
    uncount(b, r);
    arena_free(&r->arena);
}

/* "sum(rate(x[5m]))", cut to a length that fits a sentence. */
static str
place_text(const struct budget *b, struct budget_place at)
{
    enum { SHOWN_BYTES = 200 };
    if (at.end <= at.start || at.start >= b->text.n)
        return b->text.n > SHOWN_BYTES ? STR(b->text.p, SHOWN_BYTES) : b->text;
    size_t n = MIN((size_t)at.end, b->text.n) - at.start;
    return STR(b->text.p + at.start, MIN(n, (size_t)SHOWN_BYTES));
}

static bool
refuse(const struct budget *b, uint64_t limit, bool shared, struct budget_place at, struct err *e)
{
    struct buf size = {0};
    num_put_size(&size, limit);
    str where = place_text(b, at);
    err_set(e, ERR_EXEC, "%s would hold more than %.*s of memory in %.*s",
            shared ? "all queries together" : "query", STR_ARG(buf_str(&size)), STR_ARG(where));
    buf_free(&size);
    return false;
}

static uint64_t
purse_limit(const struct budget *b)
{
    const struct purse *p = b->purse;
    if (p->total_bytes == 0)
        return UINT64_MAX;
    return b->for_rule ? p->total_bytes : p->total_bytes - p->rules_bytes;
}

static bool
purse_take(struct budget *b, uint64_t bytes, struct budget_place at, struct err *e)
{
    uint64_t taken = atomic_load_explicit(&b->taken, memory_order_relaxed);
    while (bytes > taken) {
        uint64_t want = bytes - taken + BUDGET_GRAIN_BYTES - 1;
        want -= want % BUDGET_GRAIN_BYTES;
        if (!atomic_compare_exchange_weak(&b->taken, &taken, taken + want))
            continue;
        taken += want;
        uint64_t used = atomic_fetch_add(&b->purse->used, want) + want;
        if (used > purse_limit(b))
            return refuse(b, purse_limit(b), true, at, e);
    }
    return true;
}

static void
raise_peak(struct budget *b, uint64_t bytes)
{
    uint64_t peak = atomic_load_explicit(&b->bytes_peak, memory_order_relaxed);
    while (bytes > peak && !atomic_compare_exchange_weak(&b->bytes_peak, &peak, bytes))
        ;
}

bool
budget_count(struct budget *b, struct region *r, struct budget_place at, struct err *e)
{
    size_t used = arena_used(r->arena);
    if (used >= r->counted && used - r->counted < UNCOUNTED_BYTES)
        return true;
    uint64_t bytes;
    if (used > r->counted)
        bytes = atomic_fetch_add(&b->bytes, used - r->counted) + (used - r->counted);
    else
        bytes = atomic_fetch_sub(&b->bytes, r->counted - used) - (r->counted - used);
    r->counted = used;
    raise_peak(b, bytes);
    if (b->bytes_max != 0 && bytes > b->bytes_max)
        return refuse(b, b->bytes_max, false, at, e);
    return purse_take(b, bytes, at, e);
}

bool
budget_room(const struct budget *b, uint64_t n, uint64_t size, struct budget_place at,
            struct err *e)
{
    uint64_t more;
    if (__builtin_mul_overflow(n, size, &more))
        more = UINT64_MAX / 4;
    uint64_t held = atomic_load_explicit(&b->bytes, memory_order_relaxed);
    uint64_t limit = b->bytes_max != 0 ? b->bytes_max : UINT64_MAX / 2;
    if (more > limit || held + more > limit)
        return refuse(b, limit, false, at, e);
    uint64_t taken = atomic_load_explicit(&b->taken, memory_order_relaxed);
    uint64_t need = held + more > taken ? held + more - taken : 0;
    uint64_t used = atomic_load_explicit(&b->purse->used, memory_order_relaxed);
    if (need > purse_limit(b) || used + need > purse_limit(b))
        return refuse(b, purse_limit(b), true, at, e);
    return true;
}
