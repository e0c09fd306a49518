#include "web/api_json.h"

#include "base/num.h"
#include "web/encode.h"

void
put_key_str(struct json *j, const char *key, str value)
{
    json_key(j, str_of(key));
    json_str(j, value);
}

void
put_key_f64(struct json *j, const char *key, double v)
{
    json_key(j, str_of(key));
    json_f64(j, v);
}

void
put_key_u64(struct json *j, const char *key, uint64_t v)
{
    json_key(j, str_of(key));
    json_u64(j, v);
}

void
put_key_i64(struct json *j, const char *key, int64_t v)
{
    json_key(j, str_of(key));
    json_i64(j, v);
}

void
put_key_bool(struct json *j, const char *key, bool v)
{
    json_key(j, str_of(key));
    json_bool(j, v);
}

void
put_key_labels(struct json *j, const char *key, struct labels ls)
{
    json_key(j, str_of(key));
    json_raw(j);
    encode_labels(j->out, ls);
}

void
put_key_time_ns(struct json *j, const char *key, int64_t ns)
{
    json_key(j, str_of(key));
    if (ns == 0) {
        json_str(j, STRL("0001-01-01T00:00:00Z"));
        return;
    }
    json_raw(j);
    buf_byte(j->out, '"');
    num_put_rfc3339(j->out, ns / 1000000000, (int32_t)(ns % 1000000000));
    buf_byte(j->out, '"');
}
