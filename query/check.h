/* check.h - the rules of PromQL that are not grammar: types, number of arguments,
 * which modifiers go together, selectors that select everything.
 *
 * Runs once over a whole tree without syntax errors and reports the first fault, in the
 * order and with the words of Prometheus' checks.  Two things it settles in the tree:
 * set operators become many-to-many, and matching is cleared where an operand is a
 * scalar.
 */
#pragma once
#include "query/parse_priv.h"

void check_expr(struct parser *p, struct expr *e);
