/* parse_series.c - metrics, and the series lines of tests: `foo{a="b"} 1+2x3 _ stale {{…}}x2`. */
#include "query/parse_priv.h"

#include "base/num.h"
#include "model/histogram.h"
#include "model/sample.h"

static const struct parse_place in_values = {"series values", ""};
static const struct parse_place in_histogram = {
    "histogram description", "histogram description key, e.g. buckets:[5 10 7]"};

/* label_set_item: ( IDENTIFIER | STRING ) "=" STRING | STRING (the metric's name) */
static void
parse_label(struct parser *p, struct labels_builder *b)
{
    bool quoted = parse_peek(p) == TOK_STRING;
    if (!quoted && p->tok.type != TOK_IDENTIFIER)
        parse_unexpected(p, "label set", "identifier or \"}\"");
    struct token t = parse_take(p);
    str name = quoted ? parse_unquote(p, &t) : t.text, value;
    if (parse_accept(p, TOK_EQL)) {
        if (parse_peek(p) != TOK_STRING)
            parse_unexpected(p, "label set", "string");
        t = parse_take(p);
        value = parse_unquote(p, &t);
    } else if (quoted) {
        value = name;
        name = LABEL_NAME;
    } else {
        parse_unexpected(p, "label set", "\"=\"");
    }
    if (!p->failed)
        labels_builder_set(b, name, value);
}

/* label_set: [ "{" [ label_set_item { "," label_set_item } [ "," ] ] "}" ] */
static void
parse_label_set(struct parser *p, struct labels_builder *b)
{
    if (!parse_accept(p, TOK_LEFT_BRACE))
        return;
    while (!p->failed && !parse_accept(p, TOK_RIGHT_BRACE)) {
        parse_label(p, b);
        if (!parse_accept(p, TOK_COMMA) && parse_peek(p) != TOK_RIGHT_BRACE)
            parse_unexpected(p, "label set", "\",\" or \"}\"");
    }
}

/* metric: [ metric_identifier ] label_set */
static struct labels
parse_labels(struct parser *p)
{
    struct labels_builder b;
    struct token name = {.type = TOK_FAILED};
    labels_builder_init(&b, p->arena, LABELS_EMPTY);
    if (parse_is_metric_name(parse_peek(p)))
        name = parse_take(p);
    parse_label_set(p, &b);
    if (name.type != TOK_FAILED)
        labels_builder_set(&b, LABEL_NAME, name.text);
    return labels_builder_done(&b);
}

bool
parse_metric(str text, struct arena *a, struct labels *out, struct err *e)
{
    struct parser p;
    parser_init(&p, text, NULL, a, e);
    *out = parse_labels(&p);
    if (parser_done(&p))
        return true;
    *out = LABELS_EMPTY;
    return false;
}

struct values {
    struct series_value *v;
    size_t n, cap;
};

static bool
all_digits(str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
    }
    return true;
}

/* uint: NUMBER */
static uint64_t
parse_uint(struct parser *p)
{
    struct token t = parse_expect(p, TOK_NUMBER);
    uint64_t n = 0;
    if (!p->failed && !num_parse_u64(t.text, &n)) {
        str quoted = parse_quote(p, t.text);
        parse_fail(p, t.start, "invalid repetition in series values: strconv.ParseUint: parsing %.*s: %s",
                   STR_ARG(quoted), all_digits(t.text) ? "value out of range" : "invalid syntax");
    }
    return n;
}

/* A number of repetitions, with room made for that many more (and one). */
static uint64_t
parse_times(struct parser *p, struct values *values)
{
    uint64_t n = parse_uint(p);
    if (n > LIMIT_SERIES_LINE_VALUES || values->n + n > LIMIT_SERIES_LINE_VALUES)
        parse_fail(p, p->tok.start, "more than %d values in one series", LIMIT_SERIES_LINE_VALUES);
    if (p->failed)
        return 0;
    arena_grow(p->arena, &values->v, &values->cap, values->n + n + 1, sizeof values->v[0]);
    return n;
}

static void
add_value(struct parser *p, struct values *values, struct series_value v)
{
    arena_grow(p->arena, &values->v, &values->cap, values->n + 1, sizeof values->v[0]);
    values->v[values->n++] = v;
}

/* number: NUMBER | DURATION */
static double
parse_plain_number(struct parser *p)
{
    if (parse_peek(p) != TOK_NUMBER && p->tok.type != TOK_DURATION)
        parse_unexpected_here(p);
    struct token t = parse_take(p);
    return parse_seconds(p, &t);
}

/* signed_or_unsigned_number: [ "+" | "-" ] number */
static double
parse_signed_number(struct parser *p)
{
    struct token sign = {.type = TOK_ADD};
    parse_accept_sign(p, &sign);
    double v = parse_plain_number(p);
    return sign.type == TOK_SUB ? -v : v;
}

/* int: [ "-" ] uint, as 32 bits hold it */
static int32_t
parse_int(struct parser *p)
{
    bool negative = parse_accept(p, TOK_SUB);
    uint64_t n = parse_uint(p);
    return (int32_t)(uint32_t)(negative ? -n : n);
}

static int8_t
parse_schema(struct parser *p)
{
    int32_t schema = parse_int(p);
    if (schema < INT8_MIN || schema > INT8_MAX)
        parse_fail(p, p->tok.start, "error parsing schema number: %d", schema);
    return (int8_t)schema;
}

/* bucket_set: "[" signed_or_unsigned_number { SPACE signed_or_unsigned_number } [ SPACE ] "]".
 * What does not belong between two numbers is skipped. */
static double *
parse_buckets(struct parser *p, size_t *n)
{
    double *v = NULL;
    size_t cap = 0;
    bool more = true;
    *n = 0;
    parse_expect(p, TOK_LEFT_BRACKET);
    while (more && !p->failed) {
        double x = parse_signed_number(p);
        arena_grow(p->arena, &v, &cap, *n + 1, sizeof *v);
        v[(*n)++] = x;
        do {
            more = false;
            while (!p->failed && parse_peek(p) != TOK_RIGHT_BRACKET && p->tok.type != TOK_SPACE)
                parse_take(p);
            if (parse_accept(p, TOK_SPACE))
                more = parse_peek(p) == TOK_NUMBER || p->tok.type == TOK_SUB;
        } while (!more && !p->failed && parse_peek(p) != TOK_RIGHT_BRACKET);
    }
    parse_expect(p, TOK_RIGHT_BRACKET);
    return v;
}

/* The keys of {{…}} are the token types from BUCKETS_DESC on. */
struct description {
    struct histogram *h;
    bool given[TOK_NONE];
    int32_t offset, n_offset;
};

static enum histogram_reset
parse_hint(struct parser *p)
{
    enum token_type t = parse_peek(p);
    if (t < TOK_HINT_GAUGE || t > TOK_HINT_UNKNOWN)
        parse_unexpected_here(p);
    parse_take(p);
    return t == TOK_HINT_GAUGE       ? RESET_GAUGE
           : t == TOK_HINT_NOT_RESET ? RESET_NO
           : t == TOK_HINT_RESET     ? RESET_YES
                                     : RESET_UNKNOWN;
}

static bool
is_description_key(enum token_type t)
{
    return t >= TOK_BUCKETS_DESC && t <= TOK_Z_BUCKET_W_DESC;
}

/* histogram_desc_item: KEY ":" value */
static void
parse_description_item(struct parser *p, struct description *d)
{
    struct histogram *h = d->h;
    if (!is_description_key(parse_peek(p)))
        parse_unexpected_here(p);
    struct token key = parse_take(p);
    parse_expect(p, TOK_COLON);
    switch (key.type) {
    case TOK_SCHEMA_DESC: h->schema = parse_schema(p); break;
    case TOK_OFFSET_DESC: d->offset = parse_int(p); break;
    case TOK_N_OFFSET_DESC: d->n_offset = parse_int(p); break;
    case TOK_SUM_DESC: h->sum = parse_signed_number(p); break;
    case TOK_COUNT_DESC: h->count = parse_signed_number(p); break;
    case TOK_Z_BUCKET_DESC: h->zero_count = parse_signed_number(p); break;
    case TOK_Z_BUCKET_W_DESC: h->zero_threshold = parse_plain_number(p); break;
    case TOK_BUCKETS_DESC: h->pos = parse_buckets(p, &h->pos_n); break;
    case TOK_N_BUCKETS_DESC: h->neg = parse_buckets(p, &h->neg_n); break;
    case TOK_CUSTOM_VALUES_DESC: h->custom = parse_buckets(p, &h->custom_n); break;
    case TOK_COUNTER_RESET_HINT_DESC: h->reset = (uint8_t)parse_hint(p); break;
    default: break;
    }
    if (d->given[key.type])
        parse_fail(p, 0, "duplicate key \"%.*s\" in histogram", STR_ARG(key.text));
    d->given[key.type] = true;
}

static void
add_span(struct parser *p, struct histogram_span **spans, size_t *spans_n, int32_t offset, size_t n)
{
    if (n == 0)
        return;
    *spans = ARENA_NEW(p->arena, struct histogram_span);
    (*spans)->offset = offset;
    (*spans)->length = (uint32_t)n;
    *spans_n = 1;
}

/* histogram_series_value: "{{" [ histogram_desc_item { SPACE histogram_desc_item } ] [ SPACE ] "}}" */
static struct series_value
parse_histogram(struct parser *p)
{
    struct description d = {.h = ARENA_NEW(p->arena, struct histogram)};
    const struct parse_place *outer = p->place;
    parse_expect(p, TOK_OPEN_HIST);
    if (parse_accept(p, TOK_SPACE)) {
        parse_expect(p, TOK_CLOSE_HIST);
    } else if (!parse_accept(p, TOK_CLOSE_HIST)) {
        parse_description_item(p, &d);
        p->place = &in_histogram;
        while (!p->failed && !parse_accept(p, TOK_CLOSE_HIST)) {
            parse_expect(p, TOK_SPACE);
            if (parse_peek(p) != TOK_CLOSE_HIST)
                parse_description_item(p, &d);
        }
    }
    p->place = outer;
    add_span(p, &d.h->pos_spans, &d.h->pos_spans_n, d.offset, d.h->pos_n);
    add_span(p, &d.h->neg_spans, &d.h->neg_spans_n, d.n_offset, d.h->neg_n);
    return (struct series_value){.h = d.h, .reset_given = d.given[TOK_COUNTER_RESET_HINT_DESC]};
}

/* base, base ± by, base ± 2·by, … */
static void
add_histogram_steps(struct parser *p, struct values *values, struct series_value base,
                    const struct series_value *by, bool subtract)
{
    uint64_t n = parse_times(p, values);
    struct histogram *h = base.h;
    for (uint64_t i = 0; !p->failed; i++) {
        add_value(p, values, (struct series_value){.h = h, .reset_given = by->reset_given});
        if (i == n)
            break;
        if (h->schema > by->h->schema) {
            parse_fail(p, p->tok.start,
                       "error combining histograms: cannot merge from schema %d to %d", by->h->schema,
                       h->schema);
            break;
        }
        struct histogram_sum sum = subtract ? histogram_sub(p->arena, h, by->h)
                                            : histogram_add(p->arena, h, by->h);
        if (sum.fit == HISTOGRAM_INCOMPATIBLE)
            parse_fail(p, p->tok.start,
                       "cannot apply this operation on histograms with a mix of exponential and "
                       "custom bucket schemas");
        h = sum.h;
    }
}

/* histogram_series_value [ TIMES NUMBER | ( "+" | "-" ) histogram_series_value TIMES NUMBER ] */
static void
parse_histogram_item(struct parser *p, struct values *values)
{
    struct token sign;
    struct series_value h = parse_histogram(p);
    if (parse_accept(p, TOK_TIMES)) {
        uint64_t n = parse_times(p, values);
        for (uint64_t i = 0; i <= n && !p->failed; i++)
            add_value(p, values, h);
    } else if (parse_accept_sign(p, &sign)) {
        struct series_value by = parse_histogram(p);
        parse_expect(p, TOK_TIMES);
        add_histogram_steps(p, values, h, &by, sign.type == TOK_SUB);
    } else {
        add_value(p, values, h);
    }
}

/* series_value: IDENTIFIER (stale) | signed_or_unsigned_number */
static double
parse_value(struct parser *p)
{
    if (parse_peek(p) != TOK_IDENTIFIER)
        return parse_signed_number(p);
    if (!str_eq(p->tok.text, STRL("stale")))
        parse_unexpected(p, "series values", "number or \"stale\"");
    parse_take(p);
    return value_stale();
}

/* series_value [ [ signed_number ] TIMES NUMBER ] */
static void
parse_number_item(struct parser *p, struct values *values)
{
    struct series_value v = {.v = parse_value(p)};
    enum token_type next = parse_peek(p);
    double step = next == TOK_ADD || next == TOK_SUB ? parse_signed_number(p) : 0;
    if (next == TOK_ADD || next == TOK_SUB) {
        parse_expect(p, TOK_TIMES);
    } else if (!parse_accept(p, TOK_TIMES)) {
        add_value(p, values, v);
        return;
    }
    uint64_t n = parse_times(p, values);
    for (uint64_t i = 0; i <= n && !p->failed; i++) {
        add_value(p, values, v);
        if (next != TOK_TIMES)
            v.v += step;
    }
}

static void
parse_blank_item(struct parser *p, struct values *values)
{
    parse_take(p);
    uint64_t n = parse_accept(p, TOK_TIMES) ? parse_times(p, values) : 1;
    for (uint64_t i = 0; i < n && !p->failed; i++)
        add_value(p, values, (struct series_value){.omitted = true});
}

/* series_values: { SPACE [ series_item ] } */
static void
parse_values(struct parser *p, struct values *values)
{
    enum token_type t = parse_peek(p);
    if (t != TOK_SPACE && t != TOK_EOF)
        parse_unexpected(p, "series values", "");
    while (parse_accept(p, TOK_SPACE)) {
        const struct parse_place *outer = p->place;
        p->place = &in_values;
        switch (parse_peek(p)) {
        case TOK_BLANK: parse_blank_item(p, values); break;
        case TOK_OPEN_HIST: parse_histogram_item(p, values); break;
        case TOK_IDENTIFIER:
        case TOK_NUMBER:
        case TOK_DURATION:
        case TOK_ADD:
        case TOK_SUB: parse_number_item(p, values); break;
        default: break;
        }
        p->place = outer;
    }
}

/* series_description: metric series_values */
bool
parse_series_line(str text, struct arena *a, struct labels *labels, struct series_value **values,
                  size_t *n, struct err *e)
{
    struct parser p;
    struct values found = {0};
    parser_init(&p, text, NULL, a, e);
    p.lex.series = true;
    *labels = parse_labels(&p);
    parse_values(&p, &found);
    *values = found.v;
    *n = found.n;
    return parser_done(&p);
}
