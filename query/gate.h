/* gate.h - who runs, who waits: the list of queries and the slots they run in.
 *
 * User queries and rules have slots of their own, so that neither starves the other.
 * Whoever came first of a kind gets the next free slot of that kind.
 *
 * THREADS.  Any.
 */
#pragma once
#include "query/budget.h"
#include "query/engine.h"

struct gate;
struct gate_entry {
    /* fixed after gate_enter; borrowed until gate_leave */
    const struct query_request *request;
    struct budget *budget;
    uint64_t id;
    int64_t started_ms, started_ns;
    /* under the gate's lock */
    struct gate_entry *next;
    size_t slot; /* SIZE_MAX while it waits */
};

/* slots of either kind; user slots are numbered from 0, those of rules follow. */
struct gate *gate_new(size_t slots);
void gate_free(struct gate **g); /* must be empty */

/* Lists the query and waits for a slot.  False if its time runs out, or it is cancelled,
 * before it gets one; it is listed then too, until gate_leave. */
bool gate_enter(struct gate *g, struct gate_entry *q, struct err *e) MUST_USE;
void gate_leave(struct gate *g, struct gate_entry *q);

size_t gate_list(struct gate *g, struct arena *a, struct engine_query **out);
bool gate_cancel(struct gate *g, uint64_t id);
