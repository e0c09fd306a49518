/* template_value.h - the values templates compute with.
 *
 * text/template works on Go values by reflection, and its words and rules hang on their
 * types: what a function accepts, which methods there are, what %T says, whether a missing
 * key is "" or nothing.  So a value here is a Go value: a static description of its type
 * (struct ttype) and the bits.
 *
 * A struct tvalue is small and passed by copy; what it points to lives in the run's arena
 * or outlives the run.  Maps have string keys and are sorted by them.
 *
 *   type NULL              Go's invalid reflect.Value: nil, no value
 *   iface                  found in a variable of type interface {}; type is what is inside
 *   nil                    a nil slice, map or pointer
 */
#pragma once
#include "model/histogram.h"
#include "server/template/template.h"

struct texec;
struct tfunc;
struct tvalue;

enum tkind {
    T_NIL, T_BOOL, T_INT, T_UINT, T_FLOAT, T_COMPLEX, T_STR, T_LIST, T_MAP, T_STRUCT, T_PTR,
    T_ANY,     /* as a parameter: interface {} */
    T_REFLECT, /* as a parameter: the value as it is */
};

struct ttype;
struct tfield {
    const char *name;
    const struct ttype *type;
    bool hidden;      /* printed, but not to be had */
    const char *json; /* name in JSON, if another */
};
struct ttype {
    const char *name;            /* as %T has it */
    enum tkind kind;
    const struct ttype *elem;    /* of lists, maps, pointers */
    const struct tfield *field;  /* of structs */
    size_t field_n;
    const struct tfunc *method;  /* ends with a NULL name */
    void (*string)(struct buf *out, const struct tvalue *v); /* fmt.Stringer */
    bool string_of_pointer;      /* only the pointer is one */
    void (*go_string)(struct buf *out, const struct tvalue *v); /* %#v */
    bool incomparable;           /* structs: == is not for them */
};

struct tmap {
    const str *key;
    const struct tvalue *value;
    size_t n;
};
/* A moment; Go's zero time is {TIME_ZERO_S, 0}. */
struct ttime {
    int64_t s; /* since 1970 */
    int32_t ns;
    int offset_s;
    str zone;     /* abbreviation */
    str location; /* "UTC", "Europe/Berlin" */
};
#define TIME_ZERO_S (-62135596800LL)

struct tvalue {
    const struct ttype *type;
    bool iface, nil;
    union {
        bool b;
        int64_t i; /* INT and UINT */
        double f;
        struct {
            double re, im;
        } c;
        str s;
        struct {
            const struct tvalue *v;
            size_t n;
        } list;
        const struct tmap *map;
        const struct tvalue *field; /* STRUCT: type->field_n of them */
        const struct tvalue *ptr;
        const struct ttime *time;
        const struct histogram *histogram;
    } u;
};

static inline enum tkind
tvalue_kind(const struct tvalue *v)
{
    return v->type ? v->type->kind : T_NIL;
}

extern const struct ttype ttype_bool, ttype_int, ttype_int32, ttype_int64, ttype_uint8, ttype_uint32, ttype_float,
    ttype_complex, ttype_string, ttype_any, ttype_reflect, ttype_anys, ttype_strings, ttype_bytes,
    ttype_string_map, ttype_any_map, ttype_floats;
extern const struct ttype ttype_html, ttype_url;
extern const struct ttype ttype_time, ttype_time_ptr, ttype_duration, ttype_duration_ptr, ttype_month, ttype_weekday;
extern const struct ttype ttype_sample, ttype_sample_ptr, ttype_query_result, ttype_histogram_ptr;

#define TVALUE_NIL ((struct tvalue){0})
struct tvalue tvalue_bool(bool b);
struct tvalue tvalue_int(int64_t i);
struct tvalue tvalue_float(double f);
struct tvalue tvalue_str(str s);
struct tvalue tvalue_str_as(const struct ttype *type, str s);
struct tvalue tvalue_list(const struct ttype *type, const struct tvalue *v, size_t n);
/* field: type->field_n values, borrowed. */
struct tvalue tvalue_struct(const struct ttype *type, const struct tvalue *field);
struct tvalue tvalue_pointer(struct arena *a, const struct ttype *type, struct tvalue to);
struct tvalue tvalue_map(struct arena *a, const struct ttype *type, const str *key, const struct tvalue *v, size_t n);
struct tvalue tvalue_string_map(struct arena *a, const struct ttype *type, struct labels ls);
struct tvalue tvalue_time(struct arena *a, struct ttime t);
struct tvalue tvalue_time_utc(struct arena *a, int64_t s, int32_t ns);
struct tvalue tvalue_histogram(struct arena *a, const struct histogram *h); /* a pointer, as in Go */

/* What `query` yields: samples {Labels, Value}; h NULL, or histograms where not NULL. */
void template_value_vector(struct arena *a, const struct labels *ls, const double *v,
                           const struct histogram *const *h, size_t n, struct tvalue *out);
/* The data of an alert's templates. */
struct tvalue template_value_alert(struct arena *a, const struct template_alert *d, str external_url);

/* Alertmanager's template data. */
struct template_notified {
    struct labels labels, annotations;
    bool resolved;
    int64_t starts_ms, ends_ms; /* ends_ms 0: Go's zero time */
    str url;
};
struct template_notification {
    str receiver; /* as it is shown */
    str external_url, reason;
    struct labels group_labels, route_labels;
    bool route_labels_rendered; /* their values are final, not templates */
    const struct template_notified *alerts;
    size_t n;
};
struct tvalue template_value_notification(struct arena *a, const struct template_notification *d);
/* Label pairs that all alerts agree on. */
struct labels template_common(struct arena *a, const struct template_notified *v, size_t n, bool annotations);
