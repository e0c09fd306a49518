/* annotation.h - collecting what a query wants to say beside its result.
 *
 * query/value.h has the adding side.  An annotation is told apart by its text without the
 * position; added again, it takes the new position, so that with equal parts of an
 * expression the later one is named, as Prometheus does.  Two kinds carry numbers that
 * are summed up over their repetitions and appear only in the final text.
 *
 * At most LIMIT_ANNOTATIONS_KEPT different ones are kept, however strange the data.
 */
#pragma once
#include "query/value.h"

/* query: the text that positions refer to; borrowed. */
struct annotations *annotations_new(str query);
void annotations_free(struct annotations **n); /* *n may be NULL */

/* The texts of one level with prefix and position, in byte order, at most `max` (0: all)
 * and then one line that counts the rest; array and strings in the arena. */
size_t annotations_texts(struct annotations *n, enum annotation_level level, size_t max,
                         struct arena *a, str **out);

/* Go's %q of s, for messages; in the arena. */
str annotation_quoted(struct arena *a, str s);
/* "vector contains a mix of histograms with exponential and custom buckets …" */
void annotate_mixed_schemas(struct annotations *n, int64_t pos, str metric);

/* A position in the log of additions; annotations added since can be said again for an
 * equal expression `shift` bytes further on. */
size_t annotations_mark(struct annotations *n);
void annotations_repeat(struct annotations *n, size_t from, size_t to, int64_t shift);
