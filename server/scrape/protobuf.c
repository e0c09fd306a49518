#include "server/scrape/protobuf.h"

#include "base/panic.h"
#include "model/sample.h"

/* --- the wire ---------------------------------------------------------------------- */

struct wire {
    const uint8_t *p, *end;
    const char *message; /* for errors */
    uint32_t field;
    unsigned type;
    bool bad;
    struct err *e;
};

static struct wire
wire_of(str s, const char *message, struct err *e)
{
    return (struct wire){.p = (const uint8_t *)s.p, .end = (const uint8_t *)s.p + s.n,
                         .message = message, .e = e};
}

static void
fail_eof(struct wire *w)
{
    if (!w->bad)
        err_set(w->e, ERR_PARSE, "unexpected EOF");
    w->bad = true;
    w->p = w->end;
}

static uint64_t
get_varint(struct wire *w)
{
    uint64_t v = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (w->p == w->end) {
            fail_eof(w);
            return 0;
        }
        uint8_t c = *w->p++;
        v |= (uint64_t)(c & 0x7f) << shift;
        if (c < 0x80)
            return v;
    }
    if (!w->bad)
        err_set(w->e, ERR_PARSE, "proto: integer overflow");
    w->bad = true;
    return 0;
}

static str
get_slice(struct wire *w)
{
    uint64_t n = get_varint(w);

    if (!w->bad && n > INT64_MAX) {
        err_set(w->e, ERR_PARSE, "proto: negative length found during unmarshaling");
        w->bad = true;
    } else if (n > (uint64_t)(w->end - w->p)) {
        fail_eof(w);
    }
    if (w->bad)
        return STR_EMPTY;
    str s = STR(w->p, n);
    w->p += n;
    return s;
}

static bool
want(struct wire *w, unsigned type, const char *field)
{
    if (w->type == type)
        return true;
    if (!w->bad)
        err_set(w->e, ERR_PARSE, "proto: wrong wireType = %u for field %s", w->type, field);
    w->bad = true;
    return false;
}

static str
get_bytes(struct wire *w, const char *field)
{
    return want(w, 2, field) ? get_slice(w) : STR_EMPTY;
}

static uint64_t
get_u64(struct wire *w, const char *field)
{
    return want(w, 0, field) ? get_varint(w) : 0;
}

static int64_t
zigzag(uint64_t v)
{
    return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

static double
get_fixed(struct wire *w)
{
    uint64_t bits = 0;

    if (w->end - w->p < 8) {
        fail_eof(w);
        return 0;
    }
    for (int i = 0; i < 8; i++)
        bits |= (uint64_t)w->p[i] << (8 * i);
    w->p += 8;
    return f64_from_bits(bits);
}

static double
get_f64(struct wire *w, const char *field)
{
    double v = want(w, 1, field) ? get_fixed(w) : 0;
    return v == v ? v : f64_from_bits(NORMAL_NAN_BITS);
}

/* Past a field that means nothing to us; groups nest. */
static void
skip(struct wire *w)
{
    unsigned depth = 0, type = w->type;

    do {
        switch (type) {
        case 0: get_varint(w); break;
        case 1: get_fixed(w); break;
        case 2: get_slice(w); break;
        case 3: depth++; break;
        case 4:
            if (depth == 0) {
                w->bad = true;
                err_set(w->e, ERR_PARSE, "proto: unexpected end of group");
            } else {
                depth--;
            }
            break;
        case 5:
            if (w->end - w->p < 4)
                fail_eof(w);
            else
                w->p += 4;
            break;
        default:
            w->bad = true;
            err_set(w->e, ERR_PARSE, "proto: illegal wireType %u", type);
        }
        if (depth && !w->bad)
            type = (unsigned)get_varint(w) & 7;
    } while (depth && !w->bad);
}

static bool
next_field(struct wire *w)
{
    if (w->bad || w->p == w->end)
        return false;
    uint64_t tag = get_varint(w);
    w->field = (uint32_t)(tag >> 3);
    w->type = tag & 7;
    if (w->bad)
        return false;
    if (w->type == 4)
        w->bad = !err_set(w->e, ERR_PARSE, "proto: %s: wiretype end group for non-group", w->message);
    else if ((int32_t)w->field <= 0)
        w->bad = !err_set(w->e, ERR_PARSE, "proto: %s: illegal tag %d (wire type %llu)", w->message,
                          (int32_t)w->field, (unsigned long long)tag);
    return !w->bad;
}

#define PUSH(a, x, array, value)                                                         \
    do {                                                                                 \
        arena_grow((a), &(x)->array, &(x)->array##_cap, (x)->array##_n + 1,              \
                   sizeof (x)->array[0]);                                                \
        (x)->array[(x)->array##_n++] = (value);                                          \
    } while (0)

/* --- messages ---------------------------------------------------------------------- */

bool
proto_next_family(str *page, struct arena *a, struct proto_family *out, bool *end, struct err *e)
{
    struct wire head = wire_of(*page, "", e);

    *end = page->n == 0;
    *out = (struct proto_family){0};
    if (*end)
        return false;
    uint64_t n = get_varint(&head);
    size_t head_bytes = (size_t)(head.p - (const uint8_t *)page->p);
    if (head.bad || head_bytes > 5)
        return err_set(e, ERR_PARSE, "clientpb: invalid varint encountered");
    if (n > page->n - head_bytes)
        return err_set(e, ERR_PARSE,
                       "clientpb: insufficient length of buffer, expected at least %llu bytes, got %zu bytes",
                       (unsigned long long)n + head_bytes, page->n);
    struct wire w = wire_of(STR(head.p, n), "MetricFamily", e);
    *page = str_from(*page, head_bytes + (size_t)n);
    while (next_field(&w))
        switch (w.field) {
        case 1: out->name = get_bytes(&w, "Name"); break;
        case 2: out->help = get_bytes(&w, "Help"); break;
        case 3: out->type = (int32_t)get_u64(&w, "Type"); break;
        case 4: {
            str metric = get_bytes(&w, "Metric");
            PUSH(a, out, metrics, metric);
            break;
        }
        case 5: out->unit = get_bytes(&w, "Unit"); break;
        default: skip(&w);
        }
    return !w.bad;
}

/* A metric's labels are checked, an exemplar's are not. */
static bool
read_label(str message, bool check, struct label *out, struct err *e)
{
    struct wire w = wire_of(message, "LabelPair", e);

    *out = (struct label){STR_EMPTY, STR_EMPTY};
    while (next_field(&w)) {
        if (w.field == 1) {
            out->name = get_bytes(&w, "Name");
            if (!w.bad && check && (out->name.n == 0 || !utf8_valid(out->name)))
                return err_set(e, ERR_PARSE, "invalid label name: %.*s", STR_ARG(out->name));
        } else if (w.field == 2) {
            out->value = get_bytes(&w, "Value");
            if (!w.bad && check && !utf8_valid(out->value))
                return err_set(e, ERR_PARSE, "invalid label value: %.*s", STR_ARG(out->value));
        } else {
            skip(&w);
        }
    }
    return !w.bad;
}

static int64_t
read_time_ms(struct wire *outer, str message)
{
    struct wire w = wire_of(message, "Timestamp", outer->e);
    int64_t seconds = 0, nanos = 0;

    while (next_field(&w)) {
        if (w.field == 1)
            seconds = (int64_t)get_u64(&w, "Seconds");
        else if (w.field == 2)
            nanos = (int32_t)get_u64(&w, "Nanos");
        else
            skip(&w);
    }
    outer->bad = outer->bad || w.bad;
    return (int64_t)((uint64_t)seconds * 1000u) + nanos / 1000000;
}

static struct proto_exemplar *
read_exemplar(struct wire *outer, str message, struct arena *a)
{
    struct wire w = wire_of(message, "Exemplar", outer->e);
    struct proto_exemplar *x = ARENA_NEW(a, struct proto_exemplar);

    while (next_field(&w)) {
        if (w.field == 1) {
            struct label l;
            str pair = get_bytes(&w, "Label");
            w.bad = w.bad || !read_label(pair, false, &l, w.e);
            if (!w.bad)
                PUSH(a, x, labels, l);
        } else if (w.field == 2) {
            x->v = get_f64(&w, "Value");
        } else if (w.field == 3) {
            x->has_t = true;
            x->t = read_time_ms(&w, get_bytes(&w, "Timestamp"));
        } else {
            skip(&w);
        }
    }
    outer->bad = outer->bad || w.bad;
    return x;
}

static double
read_value(struct wire *outer, str message, const char *name)
{
    struct wire w = wire_of(message, name, outer->e);
    double v = 0;

    while (next_field(&w)) {
        if (w.field == 1)
            v = get_f64(&w, "Value");
        else
            skip(&w);
    }
    outer->bad = outer->bad || w.bad;
    return v;
}

static void
read_counter(struct wire *outer, str message, struct arena *a, struct proto_metric *m)
{
    struct wire w = wire_of(message, "Counter", outer->e);

    while (next_field(&w)) {
        if (w.field == 1)
            m->counter = get_f64(&w, "Value");
        else if (w.field == 2)
            m->exemplar = read_exemplar(&w, get_bytes(&w, "Exemplar"), a);
        else if (w.field == 3)
            m->start = read_time_ms(&w, get_bytes(&w, "StartTimestamp"));
        else
            skip(&w);
    }
    outer->bad = outer->bad || w.bad;
}

static struct proto_quantile
read_quantile(struct wire *outer, str message)
{
    struct wire w = wire_of(message, "Quantile", outer->e);
    struct proto_quantile q = {0};

    while (next_field(&w)) {
        if (w.field == 1)
            q.quantile = get_f64(&w, "Quantile");
        else if (w.field == 2)
            q.v = get_f64(&w, "Value");
        else
            skip(&w);
    }
    outer->bad = outer->bad || w.bad;
    return q;
}

static void
read_summary(struct wire *outer, str message, struct arena *a, struct proto_metric *m)
{
    struct wire w = wire_of(message, "Summary", outer->e);

    while (next_field(&w))
        switch (w.field) {
        case 1: m->summary_count = (double)get_u64(&w, "SampleCount"); break;
        case 2: m->summary_sum = get_f64(&w, "SampleSum"); break;
        case 3: {
            struct proto_quantile q = read_quantile(&w, get_bytes(&w, "Quantile"));
            PUSH(a, m, quantiles, q);
            break;
        }
        case 4: m->start = read_time_ms(&w, get_bytes(&w, "StartTimestamp")); break;
        default: skip(&w);
        }
    outer->bad = outer->bad || w.bad;
}

static struct proto_bucket
read_bucket(struct wire *outer, str message, struct arena *a)
{
    struct wire w = wire_of(message, "Bucket", outer->e);
    struct proto_bucket b = {0};
    uint64_t count = 0;

    while (next_field(&w))
        switch (w.field) {
        case 1: count = get_u64(&w, "CumulativeCount"); break;
        case 2: b.upper = get_f64(&w, "UpperBound"); break;
        case 3: b.exemplar = read_exemplar(&w, get_bytes(&w, "Exemplar"), a); break;
        case 4: b.count = get_f64(&w, "CumulativeCountFloat"); break;
        default: skip(&w);
        }
    if (b.count == 0)
        b.count = (double)count;
    outer->bad = outer->bad || w.bad;
    return b;
}

static struct histogram_span
read_span(struct wire *outer, str message)
{
    struct wire w = wire_of(message, "BucketSpan", outer->e);
    struct histogram_span s = {0};

    while (next_field(&w)) {
        if (w.field == 1)
            s.offset = (int32_t)zigzag(get_u64(&w, "Offset"));
        else if (w.field == 2)
            s.length = (uint32_t)get_u64(&w, "Length");
        else
            skip(&w);
    }
    outer->bad = outer->bad || w.bad;
    return s;
}

/* Repeated numbers, packed or one by one. */
static void
read_deltas(struct wire *w, struct arena *a, int64_t **v, size_t *n, size_t *cap)
{
    struct wire packed = *w;

    if (w->type == 2) {
        str s = get_slice(w);
        packed = wire_of(s, w->message, w->e);
    }
    do {
        if (w->bad || packed.p == packed.end)
            break;
        arena_grow(a, v, cap, *n + 1, sizeof **v);
        (*v)[(*n)++] = zigzag(get_varint(&packed));
        w->bad = w->bad || packed.bad;
    } while (w->type == 2);
    if (w->type != 2)
        w->p = packed.p;
}

static void
read_counts(struct wire *w, struct arena *a, double **v, size_t *n, size_t *cap)
{
    struct wire packed = *w;

    if (w->type == 2) {
        str s = get_slice(w);
        packed = wire_of(s, w->message, w->e);
    }
    do {
        if (w->bad || packed.p == packed.end)
            break;
        arena_grow(a, v, cap, *n + 1, sizeof **v);
        (*v)[(*n)++] = get_fixed(&packed);
        w->bad = w->bad || packed.bad;
    } while (w->type == 2);
    if (w->type != 2)
        w->p = packed.p;
}

static bool
numbers(struct wire *w, unsigned type, const char *field)
{
    return w->type == 2 || want(w, type, field);
}

/* The fields of a histogram's buckets; false if it is another. */
static bool
read_native_field(struct wire *w, struct arena *a, struct proto_metric *m)
{
    struct histogram_span span;

    switch (w->field) {
    case 9:
        span = read_span(w, get_bytes(w, "NegativeSpan"));
        PUSH(a, m, neg_spans, span);
        return true;
    case 10:
        if (numbers(w, 0, "NegativeDelta"))
            read_deltas(w, a, &m->neg_delta, &m->neg_delta_n, &m->neg_delta_cap);
        return true;
    case 11:
        if (numbers(w, 1, "NegativeCount"))
            read_counts(w, a, &m->neg_count, &m->neg_count_n, &m->neg_count_cap);
        return true;
    case 12:
        span = read_span(w, get_bytes(w, "PositiveSpan"));
        PUSH(a, m, pos_spans, span);
        return true;
    case 13:
        if (numbers(w, 0, "PositiveDelta"))
            read_deltas(w, a, &m->pos_delta, &m->pos_delta_n, &m->pos_delta_cap);
        return true;
    case 14:
        if (numbers(w, 1, "PositiveCount"))
            read_counts(w, a, &m->pos_count, &m->pos_count_n, &m->pos_count_cap);
        return true;
    default:
        return false;
    }
}

static void
read_histogram(struct wire *outer, str message, struct arena *a, struct proto_metric *m)
{
    struct wire w = wire_of(message, "Histogram", outer->e);

    while (next_field(&w))
        switch (w.field) {
        case 1: m->count = get_u64(&w, "SampleCount"); break;
        case 2: m->sum = get_f64(&w, "SampleSum"); break;
        case 3: {
            struct proto_bucket b = read_bucket(&w, get_bytes(&w, "Bucket"), a);
            PUSH(a, m, buckets, b);
            break;
        }
        case 4: m->count_float = get_f64(&w, "SampleCountFloat"); break;
        case 5: m->schema = (int32_t)zigzag(get_u64(&w, "Schema")); break;
        case 6: m->zero_threshold = get_f64(&w, "ZeroThreshold"); break;
        case 7: m->zero_count = get_u64(&w, "ZeroCount"); break;
        case 8: m->zero_count_float = get_f64(&w, "ZeroCountFloat"); break;
        case 15: m->start = read_time_ms(&w, get_bytes(&w, "StartTimestamp")); break;
        case 16: {
            struct proto_exemplar *x = read_exemplar(&w, get_bytes(&w, "Exemplars"), a);
            PUSH(a, m, exemplars, *x);
            break;
        }
        default:
            if (!read_native_field(&w, a, m))
                skip(&w);
        }
    outer->bad = outer->bad || w.bad;
}

bool
proto_read_metric(str message, struct arena *a, struct proto_metric *m, struct err *e)
{
    struct wire w = wire_of(message, "Metric", e);

    *m = (struct proto_metric){0};
    while (next_field(&w))
        switch (w.field) {
        case 1: { /* the message, until proto_read_labels */
            struct label pair = {.value = get_bytes(&w, "Label")};
            PUSH(a, m, labels, pair);
            break;
        }
        case 2: m->gauge = read_value(&w, get_bytes(&w, "Gauge"), "Gauge"); break;
        case 3: read_counter(&w, get_bytes(&w, "Counter"), a, m); break;
        case 4: read_summary(&w, get_bytes(&w, "Summary"), a, m); break;
        case 5: m->untyped = read_value(&w, get_bytes(&w, "Untyped"), "Untyped"); break;
        case 6: m->t = (int64_t)get_u64(&w, "TimestampMs"); break;
        case 7: read_histogram(&w, get_bytes(&w, "Histogram"), a, m); break;
        default: skip(&w);
        }
    return !w.bad;
}

bool
proto_read_labels(struct proto_metric *m, struct err *e)
{
    bool ok = true;

    for (size_t i = 0; i < m->labels_n && ok; i++)
        ok = read_label(m->labels[i].value, true, &m->labels[i], e);
    return ok;
}

/* --- native histograms ------------------------------------------------------------- */

bool
proto_is_native(const struct proto_metric *m)
{
    return m->pos_spans_n > 0 || m->neg_spans_n > 0 || m->zero_threshold > 0 || m->zero_count > 0;
}

static bool
check_side(const char *side, const struct histogram_span *spans, size_t n, size_t buckets, struct err *e)
{
    uint64_t total = 0;

    for (size_t i = 0; i < n; i++)
        total += spans[i].length;
    return total == buckets || err_set(e, ERR_PARSE, "%s side: spans require %llu buckets, have %zu", side,
                                       (unsigned long long)total, buckets);
}

static double *
absolute(struct arena *a, const int64_t *delta, size_t n)
{
    double *v = ARENA_ARRAY(a, double, n);
    uint64_t sum = 0;

    for (size_t i = 0; i < n; i++) {
        sum += (uint64_t)delta[i];
        v[i] = (double)(int64_t)sum;
    }
    return v;
}

bool
proto_histogram(const struct proto_metric *m, bool gauge, struct arena *a, struct histogram **out,
                struct err *e)
{
    bool integer = !(m->count_float > 0 || m->zero_count_float > 0);
    struct histogram h = {
        .integer = integer,
        .reset = gauge ? RESET_GAUGE : RESET_UNKNOWN,
        .schema = (int8_t)(m->schema < INT8_MIN ? INT8_MIN : m->schema > INT8_MAX ? INT8_MAX : m->schema),
        .zero_threshold = m->zero_threshold,
        .zero_count = integer ? (double)m->zero_count : m->zero_count_float,
        .count = integer ? (double)m->count : m->count_float,
        .sum = m->sum,
        .pos_spans = m->pos_spans, .pos_spans_n = m->pos_spans_n,
        .neg_spans = m->neg_spans, .neg_spans_n = m->neg_spans_n,
        .pos_n = integer ? m->pos_delta_n : m->pos_count_n,
        .neg_n = integer ? m->neg_delta_n : m->neg_count_n,
    };

    if (!check_side("positive", h.pos_spans, h.pos_spans_n, h.pos_n, e) ||
        !check_side("negative", h.neg_spans, h.neg_spans_n, h.neg_n, e))
        return false;
    h.pos = integer ? absolute(a, m->pos_delta, h.pos_n) : m->pos_count;
    h.neg = integer ? absolute(a, m->neg_delta, h.neg_n) : m->neg_count;
    *out = histogram_compact(a, &h, 0);
    return true;
}
