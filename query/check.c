#include "query/check.h"

#include "query/function.h"

const char *
value_type_name(enum value_type t)
{
    static const char *const names[] = {"none", "scalar", "vector", "matrix", "string"};
    return names[t];
}

const char *
value_type_text(enum value_type t)
{
    static const char *const texts[] = {"none", "scalar", "instant vector", "range vector", "string"};
    return texts[t];
}

static const char *
set_operator(enum binop op)
{
    return op == BIN_AND ? "and" : op == BIN_OR ? "or" : op == BIN_UNLESS ? "unless" : NULL;
}

static bool
is_comparison(enum binop op)
{
    return op >= BIN_EQ && op <= BIN_GE;
}

static void
expect_type(struct parser *p, struct expr *e, enum value_type want, const char *where)
{
    check_expr(p, e);
    if (e->value != want)
        parse_fail(p, e->start, "expected type %s in %s, got %s", value_type_text(want), where,
                   value_type_text(e->value));
}

static void
check_aggregate(struct parser *p, struct expr *e)
{
    expect_type(p, e->u.aggregate.e, VALUE_VECTOR, "aggregation expression");
    if (!e->u.aggregate.param)
        return;
    bool text = e->u.aggregate.op == AGG_COUNT_VALUES;
    expect_type(p, e->u.aggregate.param, text ? VALUE_STRING : VALUE_SCALAR, "aggregation parameter");
}

/* Where faults of the operator itself are shown: after the left operand and spaces. */
static uint32_t
operator_pos(struct parser *p, const struct expr *e)
{
    uint32_t at = e->u.binary.l->end;
    while (at < p->lex.in.n && strchr(" \t\r\n", p->lex.in.p[at]) && p->lex.in.p[at])
        at++;
    return at;
}

/* group_left(a) together with on(a) says nothing. */
static void
check_include(struct parser *p, const struct expr *e)
{
    if (!e->u.binary.on)
        return;
    for (size_t i = 0; i < e->u.binary.labels_n; i++) {
        for (size_t k = 0; k < e->u.binary.include_n; k++) {
            if (!str_eq(e->u.binary.labels[i], e->u.binary.include[k]))
                continue;
            str q = parse_quote(p, e->u.binary.labels[i]);
            parse_fail(p, operator_pos(p, e),
                       "label %.*s must not occur in ON and GROUP clause at once", STR_ARG(q));
        }
    }
}

/* One operand is not a vector: there is nothing to match. */
static void
check_no_matching(struct parser *p, struct expr *e)
{
    if (e->u.binary.labels_n > 0)
        parse_fail(p, e->start, "vector matching only allowed between instant vectors");
    if (e->u.binary.fill_left_set || e->u.binary.fill_right_set)
        parse_fail(p, e->start, "filling in missing series only allowed between instant vectors");
    e->u.binary.card = CARD_ONE_TO_ONE;
    e->u.binary.on = e->u.binary.has_matching = false;
    e->u.binary.labels_n = e->u.binary.include_n = 0;
}

static void
check_set_operator(struct parser *p, const struct expr *e)
{
    const char *op = set_operator(e->u.binary.op);
    if (e->u.binary.card != CARD_MANY_TO_MANY)
        parse_fail(p, e->start, "no grouping allowed for \"%s\" operation", op);
    if (e->u.binary.fill_left_set || e->u.binary.fill_right_set)
        parse_fail(p, e->start, "filling in missing series not allowed for set operators");
}

static void
check_operand(struct parser *p, const struct expr *e)
{
    if (e->value != VALUE_SCALAR && e->value != VALUE_VECTOR)
        parse_fail(p, e->start,
                   "binary expression must contain only scalar and instant vector types");
}

static void
check_binary(struct parser *p, struct expr *e)
{
    struct expr *l = e->u.binary.l, *r = e->u.binary.r;
    enum binop op = e->u.binary.op;
    check_expr(p, l);
    check_expr(p, r);
    if (e->u.binary.return_bool && !is_comparison(op))
        parse_fail(p, operator_pos(p, e), "bool modifier can only be used on comparison operators");
    if (is_comparison(op) && !e->u.binary.return_bool && e->value == VALUE_SCALAR)
        parse_fail(p, operator_pos(p, e), "comparisons between scalars must use BOOL modifier");
    if (set_operator(op) && e->u.binary.card == CARD_ONE_TO_ONE)
        e->u.binary.card = CARD_MANY_TO_MANY;
    check_include(p, e);
    check_operand(p, l);
    check_operand(p, r);
    if (l->value != VALUE_VECTOR || r->value != VALUE_VECTOR)
        check_no_matching(p, e);
    else if (set_operator(op))
        check_set_operator(p, e);
    if ((l->value == VALUE_SCALAR || r->value == VALUE_SCALAR) && set_operator(op))
        parse_fail(p, e->start, "set operator \"%s\" not allowed in binary scalar expression",
                   set_operator(op));
}

static void
check_argument_count(struct parser *p, const struct expr *e)
{
    const struct function *fn = e->u.call.fn;
    size_t n = e->u.call.n, least = fn->variadic ? fn->args_n - 1 : fn->args_n;
    size_t most = least + (size_t)MAX(fn->variadic, 0);
    if (fn->variadic == 0 && n != least)
        parse_fail(p, e->start, "expected %zu argument(s) in call to \"%s\", got %zu", least, fn->name, n);
    else if (n < least)
        parse_fail(p, e->start, "expected at least %zu argument(s) in call to \"%s\", got %zu", least,
                   fn->name, n);
    else if (fn->variadic > 0 && n > most)
        parse_fail(p, e->start, "expected at most %zu argument(s) in call to \"%s\", got %zu", most,
                   fn->name, n);
}

/* The second argument of info() is a selector without a name, for its matchers only. */
static void
check_info(struct parser *p, const struct expr *e)
{
    const struct expr *arg = e->u.call.args[1];
    if (arg->value != VALUE_VECTOR)
        parse_fail(p, e->start, "expected type instant vector in call to function \"info\", got %s",
                   value_type_text(arg->value));
    if (arg->type != EXPR_SELECTOR)
        parse_fail(p, arg->start, "expected label selectors only");
    else if (arg->u.selector.name.n > 0)
        parse_fail(p, arg->start, "expected label selectors only, got vector selector instead");
}

static void
check_call(struct parser *p, struct expr *e)
{
    const struct function *fn = e->u.call.fn;
    check_argument_count(p, e);
    bool info = str_eq(str_of(fn->name), STRL("info"));
    if (info && e->u.call.n > 1)
        check_info(p, e);
    for (size_t i = 0; i < e->u.call.n && !p->failed; i++) {
        struct expr *arg = e->u.call.args[i];
        enum value_type want = fn->args[MIN(i, fn->args_n - 1)];
        if (!(info && i == 1))
            check_expr(p, arg);
        if (arg->value != want)
            parse_fail(p, arg->start, "expected type %s in call to function \"%s\", got %s",
                       value_type_text(want), fn->name, value_type_text(arg->value));
    }
}

static void
check_selector(struct parser *p, const struct expr *e)
{
    const struct matcher *m = e->u.selector.m;
    size_t n = e->u.selector.n;
    if (e->u.selector.name.n > 0) {
        for (size_t i = 0; i + 1 < n; i++) {
            if (!str_eq(m[i].name, LABEL_NAME))
                continue;
            str name = parse_quote(p, e->u.selector.name), value = parse_quote(p, m[i].value);
            parse_fail(p, e->start, "metric name must not be set twice: %.*s or %.*s", STR_ARG(name),
                       STR_ARG(value));
        }
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (!matcher_matches_empty(&m[i]))
            return;
    }
    parse_fail(p, e->start, "vector selector must contain at least one non-empty matcher");
}

void
check_expr(struct parser *p, struct expr *e)
{
    if (p->failed)
        return;
    switch (e->type) {
    case EXPR_SELECTOR: check_selector(p, e); break;
    case EXPR_MATRIX: check_selector(p, e->u.matrix.selector); break;
    case EXPR_SUBQUERY:
        check_expr(p, e->u.subquery.e);
        if (e->u.subquery.e->value != VALUE_VECTOR)
            parse_fail(p, e->start, "subquery is only allowed on instant vector, got %s instead",
                       value_type_name(e->u.subquery.e->value));
        break;
    case EXPR_UNARY:
        check_expr(p, e->u.unary.e);
        if (e->value != VALUE_SCALAR && e->value != VALUE_VECTOR)
            parse_fail(p, e->start,
                       "unary expression only allowed on expressions of type scalar or instant "
                       "vector, got \"%s\"", value_type_text(e->value));
        break;
    case EXPR_BINARY: check_binary(p, e); break;
    case EXPR_AGGREGATE: check_aggregate(p, e); break;
    case EXPR_CALL: check_call(p, e); break;
    case EXPR_PAREN:
    case EXPR_STEP_INVARIANT: check_expr(p, e->u.inner); break;
    case EXPR_NUMBER:
    case EXPR_STRING:
    case EXPR_DURATION: break;
    }
}
