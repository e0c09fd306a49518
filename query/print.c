#include "query/print_priv.h"

#include "base/mem.h"
#include "base/num.h"
#include "base/panic.h"
#include "base/unicode.h"
#include "model/labels.h"
#include "query/function.h"

#include <stdlib.h>

const char *
print_binop_text(enum binop op)
{
    static const char *const texts[] = {
        [BIN_ADD] = "+", [BIN_SUB] = "-", [BIN_MUL] = "*", [BIN_DIV] = "/", [BIN_MOD] = "%",
        [BIN_POW] = "^", [BIN_ATAN2] = "atan2", [BIN_EQ] = "==", [BIN_NE] = "!=", [BIN_LT] = "<",
        [BIN_GT] = ">", [BIN_LE] = "<=", [BIN_GE] = ">=", [BIN_TRIM_UPPER] = "</",
        [BIN_TRIM_LOWER] = ">/", [BIN_AND] = "and", [BIN_OR] = "or", [BIN_UNLESS] = "unless",
    };
    return texts[op];
}

const char *
print_aggregation_text(enum aggregation op)
{
    static const char *const texts[] = {
        [AGG_SUM] = "sum", [AGG_AVG] = "avg", [AGG_COUNT] = "count", [AGG_MIN] = "min",
        [AGG_MAX] = "max", [AGG_GROUP] = "group", [AGG_STDDEV] = "stddev", [AGG_STDVAR] = "stdvar",
        [AGG_TOPK] = "topk", [AGG_BOTTOMK] = "bottomk", [AGG_COUNT_VALUES] = "count_values",
        [AGG_QUANTILE] = "quantile", [AGG_LIMITK] = "limitk", [AGG_LIMIT_RATIO] = "limit_ratio",
    };
    return texts[op];
}

const char *
print_duration_op_text(enum duration_op op)
{
    static const char *const texts[] = {
        [DUR_LITERAL] = "", [DUR_ADD] = "+", [DUR_SUB] = "-", [DUR_MUL] = "*", [DUR_DIV] = "/",
        [DUR_MOD] = "%", [DUR_POW] = "^", [DUR_NEG] = "-", [DUR_POS] = "+", [DUR_STEP] = "step",
        [DUR_RANGE] = "range", [DUR_MIN] = "min_of", [DUR_MAX] = "max_of", [DUR_PAREN] = "",
    };
    return texts[op];
}

static void
put_float(struct buf *out, double v)
{
    char text[NUM_TEXT_MAX];
    buf_put(out, STR(text, num_format_plain(v, text)));
}

/* A number as it was written: 300 or 5m. */
static void
put_number(struct buf *out, double v, bool is_duration)
{
    if (!is_duration) {
        put_float(out, v);
        return;
    }
    if (v < 0)
        buf_byte(out, '-');
    num_put_duration_ms(out, (int64_t)((v < 0 ? -v : v) * 1e9) / 1000000);
}

static void
put_label_names(struct buf *out, const str *names, size_t n)
{
    buf_byte(out, '(');
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_lit(out, ", ");
        if (label_name_legacy_valid(names[i]))
            buf_put(out, names[i]);
        else
            unicode_put_quoted(out, names[i]);
    }
    buf_byte(out, ')');
}

void
print_aggregate_head(struct buf *out, const struct expr *e)
{
    buf_put(out, str_of(print_aggregation_text(e->u.aggregate.op)));
    if (!e->u.aggregate.without && e->u.aggregate.grouping_n == 0)
        return;
    buf_put(out, e->u.aggregate.without ? STRL(" without ") : STRL(" by "));
    put_label_names(out, e->u.aggregate.grouping, e->u.aggregate.grouping_n);
    buf_byte(out, ' ');
}

static void
put_fill(struct buf *out, const char *name, double v)
{
    char text[NUM_TEXT_MAX];
    size_t n = num_format_g(v, text);
    buf_printf(out, " %s (%.*s)", name, (int)n, text);
}

static void
put_fills(struct buf *out, const struct expr *e)
{
    bool left = e->u.binary.fill_left_set, right = e->u.binary.fill_right_set;
    if (left && right && e->u.binary.fill_left == e->u.binary.fill_right) {
        put_fill(out, "fill", e->u.binary.fill_left);
        return;
    }
    if (left)
        put_fill(out, "fill_left", e->u.binary.fill_left);
    if (right)
        put_fill(out, "fill_right", e->u.binary.fill_right);
}

void
print_operator(struct buf *out, const struct expr *e)
{
    enum match_card card = e->u.binary.card;
    bool group = card == CARD_MANY_TO_ONE || card == CARD_ONE_TO_MANY;
    buf_put(out, str_of(print_binop_text(e->u.binary.op)));
    if (e->u.binary.return_bool)
        buf_lit(out, " bool");
    if (e->u.binary.labels_n > 0 || e->u.binary.on || group) {
        buf_put(out, e->u.binary.on ? STRL(" on ") : STRL(" ignoring "));
        put_label_names(out, e->u.binary.labels, e->u.binary.labels_n);
    }
    if (group) {
        buf_put(out, card == CARD_MANY_TO_ONE ? STRL(" group_left ") : STRL(" group_right "));
        put_label_names(out, e->u.binary.include, e->u.binary.include_n);
    }
    put_fills(out, e);
}

static void
put_duration(struct buf *out, const struct expr *e)
{
    const struct expr *l = e->u.duration.l, *r = e->u.duration.r;
    const char *op = print_duration_op_text(e->u.duration.op);
    switch (e->u.duration.op) {
    case DUR_LITERAL: put_number(out, e->u.duration.seconds, e->u.duration.is_duration); return;
    case DUR_STEP:
    case DUR_RANGE: buf_printf(out, "%s()", op); return;
    case DUR_NEG:
        buf_byte(out, '-');
        put_duration(out, r);
        return;
    case DUR_POS: put_duration(out, r); return;
    case DUR_PAREN:
        buf_byte(out, '(');
        put_duration(out, r);
        buf_byte(out, ')');
        return;
    case DUR_MIN:
    case DUR_MAX:
        buf_printf(out, "%s(", op);
        put_duration(out, l);
        buf_lit(out, ", ");
        put_duration(out, r);
        buf_byte(out, ')');
        return;
    default:
        put_duration(out, l);
        buf_printf(out, " %s ", op);
        put_duration(out, r);
    }
}

static void
put_offset(struct buf *out, const struct expr *expression, int64_t ns)
{
    if (expression) {
        buf_lit(out, " offset ");
        put_duration(out, expression);
    } else if (ns != 0) {
        buf_put(out, ns < 0 ? STRL(" offset -") : STRL(" offset "));
        num_put_duration_ms(out, (ns < 0 ? -ns : ns) / 1000000);
    }
}

static void
put_at(struct buf *out, enum at_kind at, int64_t at_ms)
{
    char text[NUM_TEXT_MAX];
    size_t n;
    switch (at) {
    case AT_NONE: break;
    case AT_START: buf_lit(out, " @ start()"); break;
    case AT_END: buf_lit(out, " @ end()"); break;
    case AT_TIME:
        n = num_format((double)at_ms / 1000.0, 'f', 3, text);
        buf_printf(out, " @ %.*s", (int)n, text);
    }
}

static void
put_range(struct buf *out, const struct expr *expression, int64_t ms)
{
    if (expression)
        put_duration(out, expression);
    else
        num_put_duration_ms(out, ms);
}

static int
compare_texts(const void *a, const void *b)
{
    return str_cmp(*(const str *)a, *(const str *)b);
}

/* The matcher that the name before the braces stands for. */
static bool
is_name_matcher(const struct expr *e, const struct matcher *m)
{
    return m->type == MATCH_EQ && m->value.n > 0 && str_eq(m->name, LABEL_NAME) &&
           str_eq(m->value, e->u.selector.name);
}

/* Matchers in the order of their text, which is also shown. */
static void
put_matchers(struct buf *out, const struct expr *e)
{
    size_t n = 0, total = e->u.selector.n;
    struct buf *texts = MEM_ARRAY(struct buf, total ? total : 1);
    str *sorted = MEM_ARRAY(str, total ? total : 1);
    for (size_t i = 0; i < total; i++) {
        if (is_name_matcher(e, &e->u.selector.m[i]))
            continue;
        matcher_put(&texts[n], &e->u.selector.m[i]);
        sorted[n] = buf_str(&texts[n]);
        n++;
    }
    qsort(sorted, n, sizeof *sorted, compare_texts);
    for (size_t i = 0; i < n; i++) {
        buf_byte(out, i ? ',' : '{');
        buf_put(out, sorted[i]);
    }
    if (n)
        buf_byte(out, '}');
    for (size_t i = 0; i < n; i++)
        buf_free(&texts[i]);
    mem_free(sorted);
    mem_free(texts);
}

static void
put_extended(struct buf *out, const struct expr *e)
{
    if (e->u.selector.anchored)
        buf_lit(out, " anchored");
    else if (e->u.selector.smoothed)
        buf_lit(out, " smoothed");
}

static void
put_selector(struct buf *out, const struct expr *e)
{
    buf_put(out, e->u.selector.name);
    put_matchers(out, e);
    put_at(out, e->u.selector.at, e->u.selector.at_ms);
    put_extended(out, e);
    put_offset(out, e->u.selector.offset_expr, e->u.selector.offset_ns);
}

/* As a selector, but the modifiers come after the range and @ after anchored. */
static void
put_matrix(struct buf *out, const struct expr *e)
{
    const struct expr *selector = e->u.matrix.selector;
    buf_put(out, selector->u.selector.name);
    put_matchers(out, selector);
    buf_byte(out, '[');
    put_range(out, e->u.matrix.range_expr, e->u.matrix.range_ms);
    buf_byte(out, ']');
    put_extended(out, selector);
    put_at(out, selector->u.selector.at, selector->u.selector.at_ms);
    put_offset(out, selector->u.selector.offset_expr, selector->u.selector.offset_ns);
}

void
print_subquery_range(struct buf *out, const struct expr *e)
{
    buf_byte(out, '[');
    put_range(out, e->u.subquery.range_expr, e->u.subquery.range_ms);
    buf_byte(out, ':');
    if (e->u.subquery.has_step)
        put_range(out, e->u.subquery.step_expr, e->u.subquery.step_ms);
    buf_byte(out, ']');
    put_at(out, e->u.subquery.at, e->u.subquery.at_ms);
    put_offset(out, e->u.subquery.offset_expr, e->u.subquery.offset_ns);
}

static void
put_call(struct buf *out, const struct expr *e)
{
    buf_put(out, str_of(e->u.call.fn->name));
    buf_byte(out, '(');
    for (size_t i = 0; i < e->u.call.n; i++) {
        if (i)
            buf_lit(out, ", ");
        print_expr(out, e->u.call.args[i]);
    }
    buf_byte(out, ')');
}

static void
put_aggregate(struct buf *out, const struct expr *e)
{
    print_aggregate_head(out, e);
    buf_byte(out, '(');
    if (e->u.aggregate.param) {
        print_expr(out, e->u.aggregate.param);
        buf_lit(out, ", ");
    }
    print_expr(out, e->u.aggregate.e);
    buf_byte(out, ')');
}

static void
put_binary(struct buf *out, const struct expr *e)
{
    print_expr(out, e->u.binary.l);
    buf_byte(out, ' ');
    print_operator(out, e);
    buf_byte(out, ' ');
    print_expr(out, e->u.binary.r);
}

void
print_expr(struct buf *out, const struct expr *e)
{
    switch (e->type) {
    case EXPR_NUMBER: put_number(out, e->u.number.v, e->u.number.is_duration); break;
    case EXPR_STRING: unicode_put_quoted(out, e->u.string); break;
    case EXPR_SELECTOR: put_selector(out, e); break;
    case EXPR_MATRIX: put_matrix(out, e); break;
    case EXPR_SUBQUERY:
        print_expr(out, e->u.subquery.e);
        print_subquery_range(out, e);
        break;
    case EXPR_UNARY:
        buf_byte(out, e->u.unary.negate ? '-' : '+');
        print_expr(out, e->u.unary.e);
        break;
    case EXPR_BINARY: put_binary(out, e); break;
    case EXPR_AGGREGATE: put_aggregate(out, e); break;
    case EXPR_CALL: put_call(out, e); break;
    case EXPR_PAREN:
        buf_byte(out, '(');
        print_expr(out, e->u.inner);
        buf_byte(out, ')');
        break;
    case EXPR_STEP_INVARIANT: print_expr(out, e->u.inner); break;
    case EXPR_DURATION: put_duration(out, e); break;
    }
}
