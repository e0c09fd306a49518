/* exposition.h - pages of metrics, entry by entry: text 0.0.4 and 1.0.0, OpenMetrics.
 *
 * A parser walks a page without copying: series, names and label values are slices of it
 * with their escapes still in.  What is accepted, where a page ends and every error text
 * are those of Prometheus' parsers (reference/prometheus.md 3.2, 11.21, 12.1-12.9), whose
 * tokens we therefore keep: each format is a lexer with states below one grammar.
 *
 *     struct expo x;
 *     expo_init(&x, page, EXPO_TEXT);
 *     while ((entry = expo_next(&x, &e)) != EXPO_END) …
 *
 * FAST PATH.  The scrape cache knows what the next line should begin with.  It looks at
 * expo_rest, and if the line does begin so, reads no more than the value behind it
 * (expo_plain_value) and skips the line.
 */
#pragma once
#include "base/arena.h"
#include "base/err.h"
#include "model/labels.h"

enum expo_format { EXPO_TEXT, EXPO_OPENMETRICS };
enum expo_entry { EXPO_END, EXPO_ERROR, EXPO_SERIES, EXPO_TYPE, EXPO_HELP, EXPO_UNIT, EXPO_COMMENT };

enum metric_kind {
    KIND_UNKNOWN, KIND_COUNTER, KIND_GAUGE, KIND_HISTOGRAM, KIND_GAUGEHISTOGRAM, KIND_SUMMARY,
    KIND_INFO, KIND_STATESET,
};
const char *metric_kind_name(enum metric_kind k); /* "unknown", "counter", … */

/* A name and a value as they stand in the page. */
struct expo_label {
    str name, value;
};
#define EXPO_LABELS_MAX 1024 /* per line; more is an error of the page */

struct expo {
    str page;
    enum expo_format format;
    size_t at;                /* where the next entry starts */
    int state;                /* of the lexer */
    size_t start;             /* where the entry started */
    size_t token;             /* where the last token started; it ends at `at` */

    /* of the current entry */
    str series;               /* as in the page: the key of the scrape cache */
    str name;                 /* p NULL: none seen */
    struct expo_label labels[EXPO_LABELS_MAX];
    size_t labels_n;
    double v;                 /* any NaN is the normal one */
    bool has_t;
    int64_t t;                /* milliseconds */
    str family, text;         /* of TYPE, HELP, UNIT, COMMENT */
    bool has_exemplar, exemplar_has_t;
    struct expo_label exemplar[EXPO_LABELS_MAX];
    size_t exemplar_n;
    double exemplar_v;
    int64_t exemplar_t;
    /* of the page so far */
    enum metric_kind kind;    /* the last TYPE counts, whatever the series' name */
    str unit;                 /* likewise the last UNIT */
};

/* page must outlive x and whatever is taken from it. */
void expo_init(struct expo *x, str page, enum expo_format format);
/* The next entry; EXPO_ERROR sets *e and ends the page. */
enum expo_entry expo_next(struct expo *x, struct err *e);

/* The page from the next entry on. */
static inline str
expo_rest(const struct expo *x)
{
    return str_from(x->page, x->at);
}
/* The value at the start of s if nothing but a newline follows it: the bytes of both, or 0.
 * What both formats read alike; anything odd is 0. */
size_t expo_plain_value(str s, double *v);
/* Skips a whole line (newline included) that the caller has recognised. */
void expo_skip(struct expo *x, size_t line_bytes);

/* The labels of the current series with __name__, unescaped, le and quantile normalised,
 * in the order of the page; array and changed strings in the arena, others borrow. */
struct label *expo_labels(const struct expo *x, struct arena *a, size_t *n);
/* HELP text with its escapes undone. */
str expo_help(const struct expo *x, struct arena *a);
