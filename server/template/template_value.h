/* template_value.h - the values templates compute with.
 *
 * A struct tvalue is small and passed by copy; what it points to lives in the run's arena
 * or outlives the run.  `type` is the Go type's name where it is not that of the kind (for
 * %T and error texts).  Maps are sorted by key; a string map yields "" for a missing key,
 * other maps "<no value>" (missingkey=zero).
 */
#pragma once
#include "server/template/template.h"

struct tvalue;
struct texec;

/* Methods of a map, struct or list; false if there is none of that name. */
typedef bool tmethod(struct texec *x, const struct tvalue *self, str name, const struct tvalue *args, size_t n,
                     struct tvalue *out, bool *failed, struct err *e);

struct tfields {
    const str *key;
    const struct tvalue *value;
    size_t n;
    bool strings; /* map[string]string */
};
struct tvalue {
    enum tkind kind;
    const char *type;
    tmethod *method;
    union {
        bool b;
        int64_t i; /* INT; DURATION and TIME in nanoseconds (TIME since 1970) */
        double f;
        str s;
        struct {
            const struct tvalue *v;
            size_t n;
        } list;
        const struct tfields *fields; /* MAP, STRUCT */
    } u;
};

#define TVALUE_NIL ((struct tvalue){.kind = T_NIL})
static inline struct tvalue
tvalue_str(str s)
{
    return (struct tvalue){.kind = T_STR, .u.s = s};
}
static inline struct tvalue
tvalue_int(int64_t i)
{
    return (struct tvalue){.kind = T_INT, .u.i = i};
}
static inline struct tvalue
tvalue_float(double f)
{
    return (struct tvalue){.kind = T_FLOAT, .u.f = f};
}
static inline struct tvalue
tvalue_bool(bool b)
{
    return (struct tvalue){.kind = T_BOOL, .u.b = b};
}
static inline struct tvalue
tvalue_time(int64_t unix_ns)
{
    return (struct tvalue){.kind = T_TIME, .u.i = unix_ns};
}
struct tvalue tvalue_list(const struct tvalue *v, size_t n);
/* A struct with these fields; arrays are borrowed. */
struct tvalue tvalue_struct(struct arena *a, const char *type, const str *key, const struct tvalue *value, size_t n);
/* map[string]string of a label set. */
struct tvalue tvalue_string_map(struct arena *a, struct labels ls);
/* Alertmanager's KV: a string map with SortedPairs, Remove, Names, Values. */
struct tvalue tvalue_kv(struct arena *a, struct labels ls);
/* The value of a map or struct, NULL if there is no such key. */
const struct tvalue *tvalue_field(const struct tvalue *v, str key);

/* What `query` yields: samples {Labels, Value}. */
void template_value_vector(struct arena *a, const struct labels *ls, const double *v, size_t n, struct tvalue *out);

/* Alertmanager's template data. */
struct template_notified {
    struct labels labels, annotations;
    bool resolved;
    int64_t starts_ms, ends_ms; /* ends_ms 0: Go's zero time */
    str url;
};
struct template_notification {
    str receiver, external_url, reason;
    struct labels group_labels, route_labels;
    const struct template_notified *alerts;
    size_t n;
};
struct tvalue template_value_notification(struct arena *a, const struct template_notification *d);
/* Label pairs that all alerts agree on. */
struct labels template_common(struct arena *a, const struct template_notified *v, size_t n, bool annotations);

/* fmt.Print's form; %v. */
void tvalue_print(struct buf *out, const struct tvalue *v);
/* Go's truth: not zero, not empty. */
bool tvalue_truth(const struct tvalue *v);
const char *tvalue_type(const struct tvalue *v);
/* time.Time.Format with a Go layout, UTC or the offset given. */
void tvalue_put_time(struct buf *out, int64_t unix_ns, int offset_s, str zone, str layout);
