/* print_priv.h - pieces of text that the printers share.  For query/print*.c only. */
#pragma once
#include "query/print.h"

const char *print_binop_text(enum binop op);
const char *print_aggregation_text(enum aggregation op);
const char *print_duration_op_text(enum duration_op op);
/* "sum by (a) " without argument, "+ on (a)", "[5m:1m] offset 1m". */
void print_aggregate_head(struct buf *out, const struct expr *e);
void print_operator(struct buf *out, const struct expr *e);
void print_subquery_range(struct buf *out, const struct expr *e);
