/* api_json.h - "key": value for the kinds of value the API's objects are made of. */
#pragma once
#include "base/json.h"
#include "model/labels.h"

void put_key_str(struct json *j, const char *key, str value);
void put_key_f64(struct json *j, const char *key, double v);
void put_key_u64(struct json *j, const char *key, uint64_t v);
void put_key_i64(struct json *j, const char *key, int64_t v);
void put_key_bool(struct json *j, const char *key, bool v);
void put_key_labels(struct json *j, const char *key, struct labels ls);
/* RFC 3339 in UTC; 0 is Go's zero time, as for a target that was never scraped. */
void put_key_time_ns(struct json *j, const char *key, int64_t ns);
