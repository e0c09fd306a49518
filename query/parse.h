/* parse.h - text to a checked tree.
 *
 * Grammar, precedence, and every error text and position are those of Prometheus 3.14
 * (promql/parser).  Errors have kind ERR_PARSE, pos the byte offset, and text
 * "line:col: parse error: …" exactly as users know it; the first error is reported
 * (Prometheus joins several; where it does, so do we).
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "model/labels.h"
#include "model/labels.h"
#include "query/ast.h"

struct parse_opts {
    bool experimental_functions;
    bool extended_range_selectors; /* anchored, smoothed */
    bool binop_fill_modifiers;
};
/* The tree borrows from `text` and the arena. Compiled regexes are freed with
 * parse_free_regexes before the arena goes. */
bool parse_expr(str text, const struct parse_opts *o, struct arena *a, struct expr **out,
                struct err *e) MUST_USE;
void parse_free_regexes(struct expr *e);
/* A series selector for match[]: `{a="b"}`, `up`.  Matchers in the arena. */
bool parse_selector(str text, const struct parse_opts *o, struct arena *a, struct matcher **out,
                    size_t *n, struct err *e) MUST_USE;
/* name{a="b"} of a series, for load lines and unit tests: label set, sorted. */
/* Empty values are dropped; of a name given twice the last value stays. */
bool parse_metric(str text, struct arena *a, struct labels *out, struct err *e) MUST_USE;
/* One series line of a load block: labels and the expanded values. */
struct series_value {
    bool omitted;
    bool reset_given; /* the histogram's counter_reset_hint was written */
    double v;
    struct histogram *h;
};
bool parse_series_line(str text, struct arena *a, struct labels *labels, struct series_value **values,
                       size_t *n, struct err *e) MUST_USE;
/* "line:col" (1-based, col in bytes as Prometheus counts) of a byte offset. */
void parse_position(str text, int64_t pos, int *line, int *col);
