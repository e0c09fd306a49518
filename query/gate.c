#include "query/gate.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/panic.h"
#include "base/sync.h"

enum { LOOK_MS = 20 }; /* between two looks at a waiting query's cancel flag */

struct gate {
    unsigned magic;
#define GATE_MAGIC 0x6a7e0b11
    size_t slots; /* per kind; fixed */
    struct mutex mu;
    struct cond freed;
    /* under mu */
    struct gate_entry *first, **last;
    bool *taken; /* 2 * slots */
    uint64_t next_id;
};

struct gate *
gate_new(size_t slots)
{
    struct gate *g = MEM_NEW(struct gate);
    g->magic = GATE_MAGIC;
    g->slots = MAX(slots, (size_t)1);
    g->taken = MEM_ARRAY(bool, g->slots * 2);
    g->last = &g->first;
    g->next_id = 1;
    mutex_init(&g->mu, LOCK_ENGINE);
    cond_init(&g->freed);
    return g;
}

void
gate_free(struct gate **g_ptr)
{
    struct gate *g = *g_ptr;
    if (g == NULL)
        return;
    CHECK_MAGIC(g, GATE_MAGIC);
    CHECK(g->first == NULL);
    cond_fini(&g->freed);
    mutex_fini(&g->mu);
    mem_free(g->taken);
    g->magic = 0;
    mem_free(g);
    *g_ptr = NULL;
}

/* A free slot, if nobody of q's kind has waited longer. */
static size_t
slot_for(const struct gate *g, const struct gate_entry *q)
{
    bool rule = q->request->for_rule;
    for (const struct gate_entry *o = g->first; o != q; o = o->next)
        if (o->slot == SIZE_MAX && o->request->for_rule == rule)
            return SIZE_MAX;
    size_t from = rule ? g->slots : 0;
    for (size_t i = from; i < from + g->slots; i++)
        if (!g->taken[i])
            return i;
    return SIZE_MAX;
}

bool
gate_enter(struct gate *g, struct gate_entry *q, struct err *e)
{
    bool ok;
    q->next = NULL;
    q->slot = SIZE_MAX;
    mutex_lock(&g->mu);
    q->id = g->next_id++;
    *g->last = q;
    g->last = &q->next;
    while ((ok = budget_poll(q->budget, "query queue", e))) {
        q->slot = slot_for(g, q);
        if (q->slot != SIZE_MAX) {
            g->taken[q->slot] = true;
            break;
        }
        cond_wait_ms(&g->freed, &g->mu, LOOK_MS);
    }
    mutex_unlock(&g->mu);
    return ok;
}

void
gate_leave(struct gate *g, struct gate_entry *q)
{
    mutex_lock(&g->mu);
    struct gate_entry **at = &g->first;
    while (*at != q)
        at = &(*at)->next;
    *at = q->next;
    if (g->last == &q->next)
        g->last = at;
    if (q->slot != SIZE_MAX)
        g->taken[q->slot] = false;
    cond_broadcast(&g->freed);
    mutex_unlock(&g->mu);
}

static struct engine_query
describe(const struct gate_entry *q, struct arena *a)
{
    const struct query_request *r = q->request;
    return (struct engine_query){
        .id = q->id,
        .text = arena_str(a, r->text),
        .origin_json = arena_str(a, r->origin_json),
        .range = r->range,
        .for_rule = r->for_rule,
        .waiting = q->slot == SIZE_MAX,
        .start = r->start,
        .end = r->range ? r->end : r->start,
        .step = r->step,
        .started_ms = q->started_ms,
        .elapsed_s = (double)(clock_mono_ns() - q->started_ns) / 1e9,
        .samples = atomic_load_explicit(&q->budget->samples, memory_order_relaxed),
        .bytes = atomic_load_explicit(&q->budget->bytes, memory_order_relaxed),
    };
}

size_t
gate_list(struct gate *g, struct arena *a, struct engine_query **out)
{
    struct engine_query *v = NULL;
    size_t n = 0, cap = 0;
    mutex_lock(&g->mu);
    for (const struct gate_entry *q = g->first; q != NULL; q = q->next) {
        arena_grow(a, &v, &cap, n + 1, sizeof(*v));
        v[n++] = describe(q, a);
    }
    mutex_unlock(&g->mu);
    *out = v;
    return n;
}

bool
gate_cancel(struct gate *g, uint64_t id)
{
    bool found = false;
    mutex_lock(&g->mu);
    for (const struct gate_entry *q = g->first; q != NULL; q = q->next)
        if (q->id == id) {
            budget_kill(q->budget);
            found = true;
        }
    mutex_unlock(&g->mu);
    return found;
}
