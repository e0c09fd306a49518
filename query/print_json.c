/* print_json.c - the tree as parse_query shows it; keys in alphabetical order. */
#include "query/print_priv.h"

#include "base/num.h"
#include "query/function.h"

static void
put_text(struct json *j, str key, const char *text)
{
    json_key(j, key);
    json_str(j, str_of(text));
}

static void
put_flag(struct json *j, str key, bool v)
{
    json_key(j, key);
    json_bool(j, v);
}

/* 'f' form in quotes */
static void
put_number_text(struct json *j, str key, double v)
{
    char text[NUM_TEXT_MAX];
    json_key(j, key);
    json_str(j, STR(text, num_format_plain(v, text)));
}

static void
put_names(struct json *j, str key, const str *names, size_t n)
{
    json_key(j, key);
    json_open_array(j);
    for (size_t i = 0; i < n; i++)
        json_str(j, names[i]);
    json_close_array(j);
}

static void
put_child(struct json *j, str key, const struct expr *e)
{
    json_key(j, key);
    if (e)
        print_json(j, e);
    else
        json_null(j);
}

static void
put_duration(struct json *j, const struct expr *e)
{
    bool wrapped = e && e->u.duration.op == DUR_PAREN;
    if (wrapped)
        e = e->u.duration.r;
    if (!e) {
        json_null(j);
        return;
    }
    json_open_object(j);
    if (e->u.duration.op == DUR_LITERAL) {
        put_flag(j, STRL("duration"), e->u.duration.is_duration);
        put_text(j, STRL("type"), "numberLiteral");
        put_number_text(j, STRL("val"), e->u.duration.seconds);
    } else {
        json_key_lit(j, "lhs");
        put_duration(j, e->u.duration.l);
        put_text(j, STRL("op"), print_duration_op_text(e->u.duration.op));
        json_key_lit(j, "rhs");
        put_duration(j, e->u.duration.r);
        put_text(j, STRL("type"), "durationExpr");
        put_flag(j, STRL("wrapped"), wrapped);
    }
    json_close_object(j);
}

static void
put_duration_key(struct json *j, str key, const struct expr *e)
{
    json_key(j, key);
    put_duration(j, e);
}

static void
put_matchers(struct json *j, const struct expr *e)
{
    json_key_lit(j, "matchers");
    json_open_array(j);
    for (size_t i = 0; i < e->u.selector.n; i++) {
        const struct matcher *m = &e->u.selector.m[i];
        json_open_object(j);
        json_key_lit(j, "name");
        json_str(j, m->name);
        put_text(j, STRL("type"), matcher_type_text(m->type));
        json_key_lit(j, "value");
        json_str(j, m->value);
        json_close_object(j);
    }
    json_close_array(j);
}

static void
put_ms(struct json *j, str key, int64_t ms)
{
    json_key(j, key);
    json_i64(j, ms);
}

static void
put_start_or_end(struct json *j, enum at_kind at)
{
    json_key_lit(j, "startOrEnd");
    if (at == AT_START || at == AT_END)
        json_str(j, at == AT_START ? STRL("start") : STRL("end"));
    else
        json_null(j);
}

static void
put_timestamp(struct json *j, enum at_kind at, int64_t at_ms)
{
    json_key_lit(j, "timestamp");
    if (at == AT_TIME)
        json_i64(j, at_ms);
    else
        json_null(j);
}

/* A selector, or the matrix around it. */
static void
put_selector(struct json *j, const struct expr *e, const struct expr *matrix)
{
    put_flag(j, STRL("anchored"), e->u.selector.anchored);
    put_matchers(j, e);
    json_key_lit(j, "name");
    json_str(j, e->u.selector.name);
    put_ms(j, STRL("offset"), e->u.selector.offset_ns / 1000000);
    put_duration_key(j, STRL("offsetExpr"), e->u.selector.offset_expr);
    if (matrix) {
        put_ms(j, STRL("range"), matrix->u.matrix.range_ms);
        put_duration_key(j, STRL("rangeExpr"), matrix->u.matrix.range_expr);
    }
    put_flag(j, STRL("smoothed"), e->u.selector.smoothed);
    put_start_or_end(j, e->u.selector.at);
    put_timestamp(j, e->u.selector.at, e->u.selector.at_ms);
    put_text(j, STRL("type"), matrix ? "matrixSelector" : "vectorSelector");
}

static void
put_subquery(struct json *j, const struct expr *e)
{
    put_child(j, STRL("expr"), e->u.subquery.e);
    put_ms(j, STRL("offset"), e->u.subquery.offset_ns / 1000000);
    put_duration_key(j, STRL("offsetExpr"), e->u.subquery.offset_expr);
    put_ms(j, STRL("range"), e->u.subquery.range_ms);
    put_duration_key(j, STRL("rangeExpr"), e->u.subquery.range_expr);
    put_start_or_end(j, e->u.subquery.at);
    put_ms(j, STRL("step"), e->u.subquery.step_ms);
    put_duration_key(j, STRL("stepExpr"), e->u.subquery.step_expr);
    put_timestamp(j, e->u.subquery.at, e->u.subquery.at_ms);
    put_text(j, STRL("type"), "subquery");
}

static void
put_fill(struct json *j, str key, bool set, double v)
{
    json_key(j, key);
    if (set)
        json_f64(j, v);
    else
        json_null(j);
}

static void
put_matching(struct json *j, const struct expr *e)
{
    static const char *const cards[] = {
        [CARD_ONE_TO_ONE] = "one-to-one", [CARD_MANY_TO_ONE] = "many-to-one",
        [CARD_ONE_TO_MANY] = "one-to-many", [CARD_MANY_TO_MANY] = "many-to-many",
    };
    json_key_lit(j, "matching");
    if (e->u.binary.l->value != VALUE_VECTOR || e->u.binary.r->value != VALUE_VECTOR) {
        json_null(j);
        return;
    }
    json_open_object(j);
    put_text(j, STRL("card"), cards[e->u.binary.card]);
    json_key_lit(j, "fillValues");
    json_open_object(j);
    put_fill(j, STRL("lhs"), e->u.binary.fill_left_set, e->u.binary.fill_left);
    put_fill(j, STRL("rhs"), e->u.binary.fill_right_set, e->u.binary.fill_right);
    json_close_object(j);
    put_names(j, STRL("include"), e->u.binary.include, e->u.binary.include_n);
    put_names(j, STRL("labels"), e->u.binary.labels, e->u.binary.labels_n);
    put_flag(j, STRL("on"), e->u.binary.on);
    json_close_object(j);
}

static void
put_binary(struct json *j, const struct expr *e)
{
    put_flag(j, STRL("bool"), e->u.binary.return_bool);
    put_child(j, STRL("lhs"), e->u.binary.l);
    put_matching(j, e);
    put_text(j, STRL("op"), print_binop_text(e->u.binary.op));
    put_child(j, STRL("rhs"), e->u.binary.r);
    put_text(j, STRL("type"), "binaryExpr");
}

static void
put_aggregate(struct json *j, const struct expr *e)
{
    put_child(j, STRL("expr"), e->u.aggregate.e);
    put_names(j, STRL("grouping"), e->u.aggregate.grouping, e->u.aggregate.grouping_n);
    put_text(j, STRL("op"), print_aggregation_text(e->u.aggregate.op));
    put_child(j, STRL("param"), e->u.aggregate.param);
    put_text(j, STRL("type"), "aggregation");
    put_flag(j, STRL("without"), e->u.aggregate.without);
}

static void
put_call(struct json *j, const struct expr *e)
{
    const struct function *fn = e->u.call.fn;
    json_key_lit(j, "args");
    json_open_array(j);
    for (size_t i = 0; i < e->u.call.n; i++)
        print_json(j, e->u.call.args[i]);
    json_close_array(j);
    json_key_lit(j, "func");
    json_open_object(j);
    json_key_lit(j, "argTypes");
    json_open_array(j);
    for (size_t i = 0; i < fn->args_n; i++)
        json_str(j, str_of(value_type_name(fn->args[i])));
    json_close_array(j);
    put_text(j, STRL("name"), fn->name);
    put_text(j, STRL("returnType"), value_type_name(fn->returns));
    json_key_lit(j, "variadic");
    json_i64(j, fn->variadic);
    json_close_object(j);
    put_text(j, STRL("type"), "call");
}

static void
put_members(struct json *j, const struct expr *e)
{
    switch (e->type) {
    case EXPR_NUMBER:
        put_text(j, STRL("type"), "numberLiteral");
        put_number_text(j, STRL("val"), e->u.number.v);
        break;
    case EXPR_STRING:
        put_text(j, STRL("type"), "stringLiteral");
        json_key_lit(j, "val");
        json_str(j, e->u.string);
        break;
    case EXPR_SELECTOR: put_selector(j, e, NULL); break;
    case EXPR_MATRIX: put_selector(j, e->u.matrix.selector, e); break;
    case EXPR_SUBQUERY: put_subquery(j, e); break;
    case EXPR_UNARY:
        put_child(j, STRL("expr"), e->u.unary.e);
        put_text(j, STRL("op"), e->u.unary.negate ? "-" : "+");
        put_text(j, STRL("type"), "unaryExpr");
        break;
    case EXPR_BINARY: put_binary(j, e); break;
    case EXPR_AGGREGATE: put_aggregate(j, e); break;
    case EXPR_CALL: put_call(j, e); break;
    case EXPR_PAREN:
        put_child(j, STRL("expr"), e->u.inner);
        put_text(j, STRL("type"), "parenExpr");
        break;
    case EXPR_STEP_INVARIANT:
    case EXPR_DURATION: break;
    }
}

void
print_json(struct json *j, const struct expr *e)
{
    if (e->type == EXPR_STEP_INVARIANT) {
        print_json(j, e->u.inner);
        return;
    }
    if (e->type == EXPR_DURATION) {
        put_duration(j, e);
        return;
    }
    json_open_object(j);
    put_members(j, e);
    json_close_object(j);
}
