/* encode.h - query results as the API's JSON (reference/prometheus.md 1.5).
 *
 * A large matrix is the hot path of every dashboard: it is written piece by piece while
 * it is sent, each step's `[time,"` is formatted once for all series, and values take
 * num_format_api's fast paths.
 */
#pragma once
#include "base/json.h"
#include "query/engine.h"
#include "storage/select.h"

/* {"count":…,"sum":…,"buckets":[…]} */
void encode_histogram(struct buf *out, const struct histogram *h, struct arena *scratch);
/* {"name":"value",…} in label order; names dropped as the row says have been dropped. */
void encode_labels(struct buf *out, struct labels ls);

/* {"labels":{…},"value":"…","timestamp":…} */
void encode_exemplar(struct json *j, const struct exemplar *x);

/* Writes a value piece by piece: call encode_more until it returns false.  The value
 * and the arena must outlive the encoder.  limit cuts series (0: none). */
struct encoder;
struct encoder *encoder_new(const struct value *v, size_t limit, struct arena *a);
/* Appends roughly 64 KiB; false when the value is complete. */
bool encoder_more(struct encoder *en, struct buf *out);
/* True if the limit cut series off. */
bool encoder_truncated(const struct encoder *en);
