/* plan_priv.h - shared by query/plan*.c only. */
#pragma once
#include "query/plan.h"

struct planner {
    struct plan *plan;
    struct arena *arena;
    bool starts; /* the selector at hand is asked for start times */
};

/* The places of a node's children; calls are not walked. */
size_t plan_children(struct expr *e, struct expr ***slots);
bool plan_call_is(const struct expr *e, const char *name);

/* Step 3: gives every selector below e, evaluated on g, its selection. */
bool plan_select(struct planner *p, struct expr *e, const struct grid *g, struct err *err) MUST_USE;
/* Step 4. */
void plan_share(struct planner *p);
