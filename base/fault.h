/* fault.h - named failure points with a countdown.
 *
 * Product code asks fault_hit(FAULT_X) at the point; it is false unless a test armed
 * the point.  Armed with n, the n-th call (from 0) and, if `sticky`, all later ones
 * fail with the given errno. */
#pragma once
#include "base/base.h"

enum fault {
#define FAULT(name, what) FAULT_##name,
#include "base/fault.def"
#undef FAULT
    FAULT_COUNT
};
/* Returns 0 or the errno to fail with. */
int fault_hit(enum fault f);
void fault_arm(enum fault f, long n, int errnum, bool sticky);
void fault_disarm_all(void);
/* How often the point was passed since it was armed or reset. */
long fault_calls(enum fault f);
