/* parse_duration.c - ranges, subquery steps and offsets: literals and expressions. */
#include "query/parse_priv.h"

static const struct {
    enum token_type token;
    enum duration_op op;
    int precedence;
} operators[] = {
    {TOK_ADD, DUR_ADD, 1}, {TOK_SUB, DUR_SUB, 1}, {TOK_MUL, DUR_MUL, 2},
    {TOK_DIV, DUR_DIV, 2}, {TOK_MOD, DUR_MOD, 2}, {TOK_POW, DUR_POW, 3},
};
enum { PRECEDENCE_UNARY = 2 };

static struct expr *parse_duration(struct parser *p, int min_precedence);

static bool
is_literal(const struct expr *e)
{
    return e->u.duration.op == DUR_LITERAL;
}

static struct expr *
duration_node(struct parser *p, enum duration_op op, struct expr *l, struct expr *r, uint32_t start)
{
    struct expr *e = parse_node(p, EXPR_DURATION, VALUE_SCALAR, start);
    e->u.duration.op = op;
    e->u.duration.l = l;
    e->u.duration.r = r;
    e->end = r ? r->end : e->start;
    parse_child(p, e, l);
    parse_child(p, e, r);
    return e;
}

/* A literal must fit Go's time.Duration, 2^63 ns. */
static void
check_literal(struct parser *p, const struct expr *e, uint32_t pos)
{
    const double max = 0x1p63 / 1e9;
    if (e->u.duration.seconds > max || e->u.duration.seconds < -max)
        parse_fail(p, pos, "duration out of range");
}

/* number_duration_literal: NUMBER | DURATION */
static struct expr *
parse_literal(struct parser *p, const struct token *sign)
{
    struct token t = parse_take(p);
    struct expr *e = duration_node(p, DUR_LITERAL, NULL, NULL, sign ? sign->start : t.start);
    double seconds = parse_seconds(p, &t);
    e->end = token_end(&t);
    e->u.duration.seconds = sign && sign->type == TOK_SUB ? -seconds : seconds;
    e->u.duration.is_duration = t.type == TOK_DURATION;
    check_literal(p, e, e->start);
    return e;
}

static struct expr *
apply_sign(struct parser *p, const struct token *sign, struct expr *e)
{
    if (p->failed)
        return e;
    if (is_literal(e)) {
        if (sign->type == TOK_SUB)
            e->u.duration.seconds = -e->u.duration.seconds;
        check_literal(p, e, sign->start);
        e->start = sign->start;
        return e;
    }
    return sign->type == TOK_SUB ? duration_node(p, DUR_NEG, NULL, e, sign->start) : e;
}

/* ( STEP | RANGE ) "(" ")" | ( MAX_OF | MIN_OF ) "(" duration_expr "," duration_expr ")" */
static struct expr *
parse_duration_call(struct parser *p)
{
    struct token name = parse_take(p);
    struct expr *l = NULL, *r = NULL;
    enum duration_op op = name.type == TOK_STEP ? DUR_STEP : DUR_RANGE;
    parse_expect(p, TOK_LEFT_PAREN);
    if (name.type == TOK_MAX_OF || name.type == TOK_MIN_OF) {
        op = name.type == TOK_MAX_OF ? DUR_MAX : DUR_MIN;
        l = parse_duration(p, 1);
        parse_expect(p, TOK_COMMA);
        r = parse_duration(p, 1);
    }
    struct token close = parse_expect(p, TOK_RIGHT_PAREN);
    struct expr *e = duration_node(p, op, l, r, name.start);
    e->end = token_end(&close);
    return e;
}

/* paren_duration_expr: "(" duration_expr ")"; twice it leaves no trace, and around a
 * literal it makes an expression of it, evaluated as the query runs. */
static struct expr *
parse_duration_paren(struct parser *p)
{
    parse_take(p);
    struct expr *e = parse_duration(p, 1);
    parse_expect(p, TOK_RIGHT_PAREN);
    if (p->failed || (!is_literal(e) && e->u.duration.op == DUR_PAREN))
        return e;
    if (is_literal(e))
        e = duration_node(p, DUR_POS, NULL, e, e->start);
    return duration_node(p, DUR_PAREN, NULL, e, e->start);
}

static struct expr *
parse_duration_primary(struct parser *p)
{
    struct token sign;
    if (parse_accept_sign(p, &sign)) {
        struct expr *operand = parse_duration(p, PRECEDENCE_UNARY + 1);
        return apply_sign(p, &sign, operand);
    }
    switch (parse_peek(p)) {
    case TOK_NUMBER:
    case TOK_DURATION: return parse_literal(p, NULL);
    case TOK_STEP:
    case TOK_RANGE:
    case TOK_MAX_OF:
    case TOK_MIN_OF: return parse_duration_call(p);
    case TOK_LEFT_PAREN: return parse_duration_paren(p);
    default: parse_unexpected_here(p); return NULL;
    }
}

/* duration_expr operator duration_expr, the left one read already. */
static struct expr *
parse_duration_rest(struct parser *p, struct expr *e, int min_precedence)
{
    for (;;) {
        size_t i = 0;
        enum token_type t = parse_peek(p);
        while (i < ARRAY_LEN(operators) && operators[i].token != t)
            i++;
        if (i == ARRAY_LEN(operators) || operators[i].precedence < min_precedence)
            return e;
        struct token op = parse_take(p);
        struct expr *r = parse_duration(p, operators[i].precedence + (t != TOK_POW));
        if (p->failed)
            return e;
        bool zero = is_literal(r) && r->u.duration.seconds == 0;
        if (zero && t == TOK_DIV)
            parse_fail(p, op.start, "division by zero");
        if (zero && t == TOK_MOD)
            parse_fail(p, op.start, "modulo by zero");
        e = duration_node(p, operators[i].op, e, r, e->start);
    }
}

/* duration_expr of operators that bind at least as tightly as min_precedence. */
static struct expr *
parse_duration(struct parser *p, int min_precedence)
{
    struct expr *e = NULL;
    if (parse_enter(p))
        e = parse_duration_rest(p, parse_duration_primary(p), min_precedence);
    parse_leave(p);
    return e;
}

/* After a sign: one operand and no operator behind it, so that `a offset -2^2` is
 * (a offset -2)^2; but another sign starts a whole duration_expr. */
static struct expr *
parse_signed_offset(struct parser *p, const struct token *sign)
{
    struct expr *e;
    switch (parse_peek(p)) {
    case TOK_NUMBER:
    case TOK_DURATION: return parse_literal(p, sign);
    case TOK_LEFT_PAREN: return apply_sign(p, sign, parse_duration_paren(p));
    case TOK_STEP:
    case TOK_RANGE:
    case TOK_MAX_OF:
    case TOK_MIN_OF:
        e = parse_duration_call(p);
        return duration_node(p, sign->type == TOK_SUB ? DUR_NEG : DUR_POS, NULL, e, sign->start);
    default:
        e = apply_sign(p, sign, parse_duration(p, PRECEDENCE_UNARY + 1));
        return parse_duration_rest(p, e, 1);
    }
}

/* offset_duration_expr */
struct expr *
parse_offset_duration(struct parser *p)
{
    struct token sign;
    if (parse_accept_sign(p, &sign))
        return parse_signed_offset(p, &sign);
    switch (parse_peek(p)) {
    case TOK_NUMBER:
    case TOK_DURATION: return parse_literal(p, NULL);
    case TOK_STEP:
    case TOK_RANGE:
    case TOK_MAX_OF:
    case TOK_MIN_OF: return parse_duration_call(p);
    default: return parse_duration(p, 1);
    }
}

/* positive_duration_expr: sets *ms, or *e for what is known only when it is run. */
static void
parse_positive(struct parser *p, int64_t *ms, struct expr **e)
{
    struct expr *d = parse_duration(p, 1);
    if (p->failed)
        return;
    if (!is_literal(d)) {
        *e = d;
        return;
    }
    if (d->u.duration.seconds <= 0)
        parse_fail(p, d->start, "duration must be greater than 0");
    *ms = parse_ns(d->u.duration.seconds) / 1000000;
}

/* matrix_selector: expr "[" positive_duration_expr "]" */
static struct expr *
finish_matrix(struct parser *p, struct expr *selector, const struct token *open)
{
    if (selector->type != EXPR_SELECTOR)
        parse_fail(p, open->start, "ranges only allowed for vector selectors");
    else if (selector->u.selector.offset_ns != 0 || selector->u.selector.offset_expr)
        parse_fail(p, open->start, "no offset modifiers allowed before range");
    else if (selector->u.selector.at != AT_NONE)
        parse_fail(p, open->start, "no @ modifiers allowed before range");
    struct expr *e = parse_node(p, EXPR_MATRIX, VALUE_MATRIX, selector->start);
    e->u.matrix.selector = selector;
    e->end = p->closing;
    parse_child(p, e, selector);
    return e;
}

/* subquery_expr: expr "[" positive_duration_expr ":" [ positive_duration_expr ] "]",
 * read up to the colon */
static struct expr *
parse_subquery(struct parser *p, struct expr *inner)
{
    static const struct parse_place place = {
        "subquery selector", "number, duration, step(), range(), or \"]\""};
    struct expr *e = parse_node(p, EXPR_SUBQUERY, VALUE_MATRIX, inner->start);
    p->place = &place;
    parse_take(p);
    e->u.subquery.e = inner;
    if (parse_peek(p) != TOK_RIGHT_BRACKET) {
        e->u.subquery.has_step = true;
        parse_positive(p, &e->u.subquery.step_ms, &e->u.subquery.step_expr);
        if (parse_peek(p) != TOK_RIGHT_BRACKET)
            parse_unexpected(p, "subquery selector", "\"]\"");
    }
    struct token close = parse_take(p);
    e->end = token_end(&close);
    parse_child(p, e, inner);
    return e;
}

struct expr *
parse_range(struct parser *p, struct expr *inner)
{
    static const struct parse_place place = {
        "subquery or range selector", "number, duration, step(), or range()"};
    const struct parse_place *outer = p->place;
    struct expr *range_expr = NULL, *e = inner;
    int64_t range_ms = 0;
    p->place = &place;
    struct token open = parse_take(p);
    parse_positive(p, &range_ms, &range_expr);
    if (parse_accept(p, TOK_RIGHT_BRACKET)) {
        e = finish_matrix(p, inner, &open);
        e->u.matrix.range_ms = range_ms;
        e->u.matrix.range_expr = range_expr;
    } else if (parse_peek(p) == TOK_COLON) {
        e = parse_subquery(p, inner);
        e->u.subquery.range_ms = range_ms;
        e->u.subquery.range_expr = range_expr;
    } else {
        parse_unexpected(p, "subquery or range", "\":\" or \"]\"");
    }
    p->place = outer;
    return e;
}
