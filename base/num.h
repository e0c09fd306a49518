/* num.h - numbers to text and back, exactly as Go and Prometheus do.
 *
 * Shortest round-trip decimal in three spellings (reference section 11, 6):
 *   num_format_api    API sample values: plain unless 0 < |v| < 1e-6 or |v| >= 1e21,
 *                     then exponent form "1e-07", "1e+21"
 *   num_format_plain  strconv 'f', -1: always plain decimal (count_values, PromQL text)
 *   num_format_g      strconv 'g', -1: exponent form below 1e-4 and from 1e6 (Go %v)
 *   num_format_om     le and quantile labels: 'g' with ".0" added to whole numbers
 * NaN, +Inf, -Inf are spelled so; negative zero is "-0" (num_format_om: "0.0").
 * All write at most NUM_TEXT_MAX bytes, return the length and do not terminate.
 */
#pragma once
#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"

#define NUM_TEXT_MAX 400 /* 'f' form of -4.9e-324 takes 327 */

#ifdef __cplusplus
extern "C" {
#endif
size_t num_format_api(double v, char *out);
size_t num_format_plain(double v, char *out);
size_t num_format_g(double v, char *out);
size_t num_format_om(double v, char *out);
/* strconv.FormatFloat(v, verb, precision, 64); verb one of e E f F g G, precision below 0
 * for the shortest form.  out holds NUM_TEXT_MAX bytes and a byte for each of precision,
 * which the caller bounds. */
size_t num_format(double v, char verb, int precision, char *out);

/* strconv.ParseFloat(s, 64): decimal, exponent, hex with p, underscores between digits,
 * inf/infinity with or without sign and nan without, in any case.  Out of range gives
 * ±Inf and false.  *out untouched on other failures.  NaN is Go's 0x7ff8000000000001. */
bool num_parse_go(str s, double *out);
/* Sample values of the text formats: as Go's, but no hex, no p, no underscore. */
bool num_parse_sample(str s, double *out);
#ifdef __cplusplus
}
#endif

/* Digits only, with optional sign for i64; the whole of s; false on overflow. */
bool num_parse_u64(str s, uint64_t *out);
bool num_parse_i64(str s, int64_t *out);

/* Prometheus durations, milliseconds: "1h30m", "5m", "0"; units y w d h m s ms in
 * descending order, each at most once.  e gets Prometheus' words. */
bool num_parse_duration_ms(str s, int64_t *out, struct err *e);
/* model.Duration.String: "1h30m", "0s". */
void num_put_duration_ms(struct buf *b, int64_t ms);
/* Go time.Duration.String of nanoseconds: "1h30m0s", "1.5s", "100ms". */
void num_put_go_duration(struct buf *b, int64_t ns);
/* time.ParseDuration: "1h15m30.9s", "-2us", "0"; e gets Go's words. */
bool num_parse_go_duration(str s, int64_t *ns, struct err *e);
/* Sizes: "512MB", "1GiB", "1.5KB" (base 2 as in Prometheus' units; a unit is a must, all
 * units of a sum with or all without the i); bytes.  e gets Prometheus' words. */
bool num_parse_size(str s, uint64_t *out, struct err *e);
void num_put_size(struct buf *b, uint64_t bytes);

/* API timestamps: ms as seconds, "1.500", "-1", three digits only if not whole. */
void num_put_timestamp(struct buf *b, int64_t ms);
/* RFC 3339 with optional fraction, as Go's time.Parse; what is below a millisecond is
 * cut off towards the past. */
bool num_parse_rfc3339(str s, int64_t *out_ms);
/* "2006-01-02T15:04:05.999999999Z" in UTC with trailing zeros of the fraction cut. */
void num_put_rfc3339(struct buf *b, int64_t sec, int32_t nsec);
