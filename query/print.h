/* print.h - trees back to text: one-line String(), pretty format_query, and the JSON
 * AST of parse_query. */
#pragma once
#include "base/json.h"
#include "query/ast.h"

void print_expr(struct buf *out, const struct expr *e);   /* Prometheus' String() */
void print_pretty(struct buf *out, const struct expr *e); /* format_query, promtool promql format */
void print_json(struct json *out, const struct expr *e);  /* parse_query */
