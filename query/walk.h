/* walk.h - visiting every node of an expression. */
#pragma once
#include "query/ast.h"

/* Calls fn for e and everything below it, parents before children, left to right.
 * Duration expressions are not visited. */
void expr_walk(const struct expr *e, void (*fn)(void *arg, const struct expr *e), void *arg);

/* The vector selectors of e in order of appearance: at most max are stored, the number
 * there are is returned. */
size_t expr_selectors(const struct expr *e, const struct expr **out, size_t max);
