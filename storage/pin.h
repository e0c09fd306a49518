/* pin.h - when may memory that others still look at be freed?
 *
 * Views borrow label text and batches hold series ids after they let go of every lock.
 * Each pins the moment it began; whoever takes something out of the head stamps it with
 * pins_advance() and frees it once pins_oldest() has passed the stamp:
 *
 *     time    1    2    3    4
 *     view    |=========|             pinned at 1
 *     GC           x                  series taken out, stamp 2
 *     GC                     free     oldest pin is now > 2
 *
 * One mutex and one list: a pin is taken once per query or batch, so 20 ns do not
 * matter, and the list stays sorted because pins join at its end.
 */
#pragma once
#include "base/sync.h"

struct pin {
    struct pin *prev, *next; /* under pins.mu */
    uint64_t at;             /* 0: not pinned */
};
struct pins {
    struct mutex mu;
    struct pin *first, *last; /* under mu; ascending */
    uint64_t now;             /* under mu */
};

void pins_init(struct pins *ps);
void pins_fini(struct pins *ps); /* all pins must have left */
void pin_enter(struct pins *ps, struct pin *p);
void pin_leave(struct pins *ps, struct pin *p); /* fine if not pinned */
/* Ends the present moment and returns it: pins taken from now on are later. */
uint64_t pins_advance(struct pins *ps);
/* True if no pin was taken at or before `stamp`. */
bool pins_passed(struct pins *ps, uint64_t stamp);
