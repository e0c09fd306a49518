/* json.h - JSON out (ours, the hot path) and in (jansson behind this door).
 *
 * OUT appends to a struct buf; the caller writes structure characters through
 * struct json, which places commas.  Strings come in two flavours: json_str escapes
 * as Go's encoding/json does by default (< > & and U+2028/9 as \u00XX, invalid UTF-8
 * as \ufffd; \b and \f as \u0008 and \u000c), json_str_plain leaves < > & and
 * U+2028/9 alone (metric labels, reference 1.5).
 *
 * IN reads a whole document into a tree owned by the struct json_doc; nodes borrow
 * from it.  Depth and size are bounded by base/limits.h.
 */
#pragma once
#include "base/base.h"
#include "base/buf.h"
#include "base/err.h"

struct json {
    struct buf *out;    /* borrowed */
    bool comma;         /* a value has been written at this level */
};
static inline struct json
json_to(struct buf *out)
{
    return (struct json){.out = out};
}
void json_open_object(struct json *j);
void json_close_object(struct json *j);
void json_open_array(struct json *j);
void json_close_array(struct json *j);
void json_key(struct json *j, str key); /* escaped like json_str */
void json_str(struct json *j, str s);
void json_str_plain(struct json *j, str s);
void json_i64(struct json *j, int64_t v);
void json_u64(struct json *j, uint64_t v);
void json_bool(struct json *j, bool v);
/* jansson exports the same name, which must not be taken from under it. */
void json_null(struct json *j) __asm__("narthex_json_null");
/* As the API writes numbers: num_format_api, "1e-07".  JSON has no NaN and no infinity:
 * null. */
void json_f64(struct json *j, double v);
/* Places the comma, after which the caller writes one raw value into out. */
void json_raw(struct json *j);
#define json_key_lit(j, lit) json_key((j), STRL(lit))
/* Just the escaped text with quotes, no commas. */
void json_escape(struct buf *out, str s, bool html);

enum json_type { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_INT, JSON_REAL, JSON_STR, JSON_ARR, JSON_OBJ };
struct json_doc;
struct json_node; /* borrowed from the doc */

/* Error texts name line and column.  Of equal keys the last wins. */
bool json_parse(str text, struct json_doc **out, struct err *e) MUST_USE;
void json_doc_free(struct json_doc **d);
const struct json_node *json_root(const struct json_doc *d);
enum json_type json_type(const struct json_node *n); /* NULL counts as JSON_NULL */
size_t json_size(const struct json_node *n);         /* of array or object, else 0 */
const struct json_node *json_at(const struct json_node *n, size_t i);
const struct json_node *json_get(const struct json_node *n, const char *key); /* or NULL */
/* Object iteration in document order: i = 0 … json_size-1. */
bool json_entry(const struct json_node *n, size_t i, str *key, const struct json_node **value);
str json_text(const struct json_node *n); /* of a string, NUL-terminated; else empty */
double json_number(const struct json_node *n); /* 0 if it is none */
int64_t json_int(const struct json_node *n);   /* fraction cut; 0 if it is none or too large */
